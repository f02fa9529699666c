"""The commands that sample, run for real on few draws in this process."""

import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console
from typer.testing import CliRunner

from bayes_alliance import api, inference
from bayes_alliance.checks import prior_fit
from bayes_alliance.cli import console
from bayes_alliance.cli.app import app
from bayes_alliance.exceptions import ConvergenceError
from bayes_alliance.inference import Gate, fit_panel, load_fit
from bayes_alliance.report import FILES
from tests.helpers.backtest_tables import make_scores
from tests.helpers.made_up_fit import made_up_fit

FEW = ["--draws", "60", "--tune", "150", "--chains", "2"]
LOOSE = Gate(rhat=10.0, rhat_states=10.0, ess=1.0, bfmi=0.0, divergences=10_000)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def loose(monkeypatch):
    """Fits of few draws pass the gate."""
    def fit(spec, panel, **options):
        return fit_panel(spec, panel, **options | {"gate": LOOSE})

    for place in (inference, api):
        monkeypatch.setattr(place, "fit_panel", fit)


@pytest.fixture
def drawn(monkeypatch, full, reference, without):
    """Every fit of the main job is one that this session has drawn; few draws of the prior."""
    known = {("H12", ""): full, ("HX", ""): reference,
             **{("H12", name): fit for name, fit in without.items()}}
    asked = []

    def fit(spec, panel, *, hypothesis="H12", leave_out="", seed=1, announce=None, **_):
        asked.append((hypothesis, leave_out, seed))
        if announce is not None:
            announce(f"sampling {hypothesis}")
        return known[hypothesis, leave_out]

    def until(spec, panel, episode, end, *, seed=1, **_):
        asked.append(("H12", f"{end} of {episode}", seed))
        return replace(full, left_out=f"after the {end} of {episode}")

    def few(spec, panel, **options):
        return prior_fit(spec, panel, **options | {"draws": 120})

    monkeypatch.setattr("bayes_alliance.report.job.fit_panel", fit)
    monkeypatch.setattr("bayes_alliance.report.job.fit_until", until)
    monkeypatch.setattr("bayes_alliance.report.job.prior_fit", few)
    return asked


def test_fit_saves_what_it_draws(tmp_path, loose):
    done = run("fit", "rok_japan", "--out", tmp_path / "f.nc", "--hypothesis", "HX", "--seed", 5,
               *FEW)
    assert done.exit_code == 0, done.stderr
    fit = load_fit(tmp_path / "f.nc")
    assert fit.hypothesis == "HX"
    assert dict(fit.posterior.sizes) | {"chain": 2, "draw": 60} == dict(fit.posterior.sizes)
    assert fit.provenance["seed"] == 5
    assert "2 chains of 60 draws" in done.stdout


def test_a_fit_that_fails_the_gate_is_saved_and_said_with_status_one(tmp_path):
    done = run("fit", "rok_japan", "--out", tmp_path / "f.nc", *FEW)
    assert done.exit_code == 1
    assert "H12 failed the diagnostics gate" in done.stderr
    assert "effective draws" in done.stderr
    assert "Traceback" not in done.stderr
    fit = load_fit(tmp_path / "f.nc")
    assert not fit.diagnostics.passed
    assert fit.posterior.sizes["draw"] == 60


@pytest.mark.parametrize("scenario", ["as_now", "us_doubt"])
def test_forecast_writes_its_table(tmp_path, loose, scenario):
    done = run("forecast", "rok_japan", "--out", tmp_path / "new", "--horizon", 6, "--scenario",
               scenario, *FEW)
    assert done.exit_code == 0, done.stderr
    table = pd.read_csv(tmp_path / "new" / f"forecast_{scenario}.csv")
    assert tuple(table.columns) == FILES["forecast.csv"]
    assert set(table["scenario"]) == {scenario}
    assert table["time"].nunique() == 6
    assert re.match(r"2025-06, .*cohesion is lower", done.stdout.strip().splitlines()[-1])


@pytest.fixture
def made_up(monkeypatch):
    monkeypatch.setattr(api, "fit_panel", lambda spec, panel, **_: made_up_fit(spec, panel))


def test_forecast_writes_outcomes_waves_and_draws_where_they_are_asked_for(tmp_path, made_up):
    done = run("forecast", "rok_japan", "--out", tmp_path, "--scenario", "calm_2018")
    assert done.exit_code == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "forecast_calm_2018.csv", "outcomes_calm_2018.csv", "waves_calm_2018.csv"}
    outcomes = pd.read_csv(tmp_path / "outcomes_calm_2018.csv")
    assert list(outcomes.columns) == ["scenario", "outcome", "title", "probability", "mcse"]
    assert set(outcomes["scenario"]) == {"calm_2018"}
    for row in outcomes.itertuples():
        assert f"{row.title},{row.probability:.4g}," in done.stdout
    waves = pd.read_csv(tmp_path / "waves_calm_2018.csv")
    assert list(waves.columns) == ["scenario", "indicator", "pollster", "time", "q01", "q05",
                                   "q25", "q50", "q75", "q95", "q99"]
    done = run("forecast", "rok_japan", "--out", tmp_path, "--keep-draws")
    assert done.exit_code == 0, done.stderr
    with xr.open_dataset(tmp_path / "forecast_as_now.nc", engine="h5netcdf") as draws:
        assert draws["cohesion"].shape == (40, 24)


def test_outcomes_fit_a_terminal_of_80_columns(tmp_path, made_up, monkeypatch):
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    monkeypatch.setattr(console, "OUT", Console(width=80, file=(shown := io.StringIO())))
    done = run("forecast", "rok_japan", "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    lines = shown.getvalue().splitlines()
    assert lines[0].startswith("outcomes, as_now")
    assert "probability" in lines[2]
    assert max(len(line) for line in lines) <= 80
    assert "cohesion falls below its 2019 mean within 24" in shown.getvalue()


def test_a_month_outside_the_forecast_is_refused_before_the_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(api, "fit_panel", None)
    done = run("forecast", "rok_japan", "--out", tmp_path / "new", "--horizon", 6, "--scenario",
               "calm_2018")
    assert done.exit_code == 2
    assert "ahead = 12 is outside a forecast of 6 months" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_forecast_whose_fit_fails_the_gate_keeps_the_draws(tmp_path):
    done = run("forecast", "rok_japan", "--out", tmp_path, *FEW)
    assert done.exit_code == 1
    assert "failed the diagnostics gate" in done.stderr
    assert "its draws are kept in" in done.stderr
    assert load_fit(tmp_path / "failed-H12-1.nc").posterior.sizes["chain"] == 2
    assert not list(tmp_path.glob("*.csv"))


def test_compare_prints_verdicts_and_differences(drawn, spec):
    done = run("compare", "rok_japan", "--seed", 3)
    assert done.exit_code == 0, done.stderr
    assert "episode,hypothesis,verdict,reason" in done.stdout
    # Of each episode left out, of each predicted from before it, and of the whole period.
    assert done.stdout.count("absolute values not computed") == 2 * len(spec.episodes) + 1
    for episode in spec.episodes:
        assert re.search(rf"^{episode},H1,(supported|contradicted|inconclusive),", done.stdout,
                         re.M)
    assert drawn == [("H12", "", 3), ("HX", "", 3), ("H12", "friction", 3),
                     ("H12", "cohesion", 3), *(("H12", f"{end} of {name}", 3)
                                               for name in spec.episodes
                                               for end in ("start", "end"))]


def test_a_folder_for_what_is_not_asked_for_is_refused(tmp_path, drawn):
    done = run("compare", "rok_japan", "--out", tmp_path / "report")
    assert done.exit_code == 2
    assert "allowed: with --absolute" in " ".join(done.stderr.replace("│", " ").split())
    assert drawn == []


def test_weights_are_refused_before_anything_is_drawn(monkeypatch):
    monkeypatch.setattr(api, "fit_panel", None)
    for weights in ({"H1": 0.5}, {"H1": 1.5, "H2": -0.5}, {"H1": float("nan")}):
        with pytest.raises(ValueError, match="positive numbers that sum to 1"):
            api.make_forecast("rok_japan", weights=weights)


def test_a_fit_looks_at_its_file_before_it_draws_and_saves_also_what_failed(tmp_path, full,
                                                                            monkeypatch):
    asked = []
    bad = replace(full, diagnostics=replace(full.diagnostics, passed=False, failures=("R-hat",)))
    monkeypatch.setattr(api, "fit_panel", lambda spec, panel, **options: asked.append(1) or bad)
    there = tmp_path / "there.nc"
    there.write_text("mine")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        api.fit("rok_japan", save=there)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        api.fit("rok_japan", save=tmp_path / "none" / "x.nc")
    assert asked == []
    assert there.read_text() == "mine"
    with pytest.raises(ConvergenceError):
        api.fit("rok_japan", save=there, overwrite=True)
    assert asked == [1]
    # Files keep fewer digits.
    for name, values in load_fit(there).posterior.items():
        np.testing.assert_allclose(values, full.posterior[name], rtol=1e-5, atol=1e-6)


def test_a_comparison_takes_a_grid_up_and_refuses_a_folder_without_one(drawn, root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no robustness\.csv of this model file"):
        api.compare("rok_japan", seed=3, grid=tmp_path)
    assert drawn == []
    found = api.compare("rok_japan", seed=3, grid=root / "reports" / "rok_japan").table
    assert found["specification_share"].notna().all()


def test_report_writes_a_page_and_its_tables(tmp_path, drawn):
    done = run("report", "rok_japan", "--out", tmp_path / "r", "--seed", 3, "--work",
               tmp_path / "work")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip().endswith("index.html")
    written = {path.name for path in (tmp_path / "r").iterdir()}
    assert written == {"index.html", "diagnostics.json", *FILES}
    table = pd.read_csv(tmp_path / "r" / "hypotheses.csv")
    assert list(table["hypothesis"].iloc[:5]) == ["H0", "HX", "H1", "H2", "H12"]
    assert np.isfinite(table.loc[table["hypothesis"] == "H1", "difference"]).all()
    assert {path.name for path in (tmp_path / "work").iterdir()} == {
        f"rok_japan-{name}-3.nc" for name in (
            "H12", "HX", "H12-friction", "H12-cohesion", "H12-to-start-of-friction",
            "H12-to-end-of-friction", "H12-to-start-of-cohesion", "H12-to-end-of-cohesion")}


def test_a_report_whose_fit_fails_the_gate_keeps_the_draws(tmp_path, monkeypatch, full):
    bad = replace(full, diagnostics=replace(full.diagnostics, passed=False,
                                            failures=("R-hat of x is 2",)))
    monkeypatch.setattr("bayes_alliance.report.job.fit_panel", lambda spec, panel, **_: bad)
    done = run("report", "rok_japan", "--out", tmp_path)
    assert done.exit_code == 1
    assert "R-hat of x is 2" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["failed-H12-3.nc"]


@pytest.mark.parametrize("arguments", [
    ["fit", "rok_japan", "--out", "f.nc", "--draws", "0"],
    ["fit", "rok_japan", "--out", "f.nc", "--chains", "1"],
    ["forecast", "rok_japan", "--out", "d", "--tune", "-5"]])
def test_impossible_sampler_settings_are_refused(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2
    assert "Invalid value" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_backtest_writes_its_tables_where_a_report_takes_them_up(tmp_path, monkeypatch, panel,
                                                                 spec):
    from bayes_alliance.report import read_backtest

    scores = pd.concat([make_scores(panel, seed) for seed in (1, 2)], ignore_index=True)
    asked = {}

    def made(model, **options):
        asked.update(options)
        return scores

    monkeypatch.setattr("bayes_alliance.forecast.summary.backtest_scores", made)
    done = run("backtest", "rok_japan", "--out", tmp_path, "--step", 6, "--lag", 1, "--work",
               tmp_path / "kept")
    assert done.exit_code == 0, done.stderr
    assert (asked["step"], asked["lag"], asked["folder"]) == (
        6, 1, tmp_path / "kept" / "rok_japan-backtest")
    assert "CRPS skill of H12 over the best simple rule" in " ".join(done.stdout.split())
    skill, indicators, pit, weights, paths = read_backtest(tmp_path, spec, panel)
    assert set(skill["method"]) == {*scores["method"], "stacked", "equal_weights"}
    assert {"H12", "HX"} <= set(indicators["method"])
    assert pit["rows"].sum() == len(scores) + 2 * (scores["method"] == "H12").sum()
    assert weights.groupby("origin")["weight"].sum().to_numpy() == pytest.approx(1.0, abs=1e-4)
    assert set(paths["indicator"]) <= set(panel.indicators.index)


@pytest.mark.parametrize(("option", "words"), [
    (("--first", "1999-01"), "no month of the panel"), (("--step", "0"), "step"),
    (("--lag", "-1"), "lag")])
def test_a_backtest_of_no_months_is_refused_before_anything_is_drawn(tmp_path, monkeypatch,
                                                                     option, words):
    def never(*arguments, **options):
        raise AssertionError("a fit was started")

    monkeypatch.setattr("bayes_alliance.forecast.origins.study", never)
    done = run("backtest", "rok_japan", "--out", tmp_path, *option)
    assert done.exit_code == 2
    assert words in done.stderr
