"""The page's parts on forecasts: what they show is what the tables say."""

import re
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

from bayes_alliance.exceptions import SchemaError
from bayes_alliance.hypotheses.specifications import specifications
from bayes_alliance.hypotheses.stepping import stones
from bayes_alliance.power import WORDS, power_sentence, shares_of
from bayes_alliance.report import leanings
from bayes_alliance.report.backtests import _coverage, backtest_section
from bayes_alliance.report.beside import (
    BACKTEST_FILES,
    read_backtest,
    read_grid,
    read_stones,
    write_backtest,
    write_grid,
    write_stones,
)
from bayes_alliance.report.forecasts import offices, outcomes, scenarios, still, waves
from bayes_alliance.report.leanings import farthest
from bayes_alliance.report.machine import write_machine_files
from bayes_alliance.report.page import render
from tests.helpers.backtest_tables import with_backtest, with_grid, with_scenarios
from tests.helpers.power_tables import made_up
from tests.helpers.report_inputs import make_inputs


@pytest.fixture(scope="module")
def inputs():
    return with_grid(with_backtest(with_scenarios(make_inputs())))


@pytest.fixture(scope="module")
def page(inputs):
    return render(inputs)


def test_without_a_backtest_the_page_says_so():
    bare = make_inputs()
    assert backtest_section(bare) == {}
    assert outcomes(bare) == {}
    assert waves(bare) == []


def test_the_page_shows_every_method_and_says_what_favours_the_rules(inputs, page):
    section = backtest_section(inputs)
    assert [row["method"] for row in section["skill"]][:2] == ["Last Value", "Random Walk Drift"]
    assert {row["kind"] for row in section["skill"]} == {"rule", "hypothesis", "combination"}
    assert section["horizons"] == ["1", "2–3", "4–6", "7–12", "13–24"]
    assert "chosen with hindsight, which favours the rules" in page
    assert "The backtest has not been run" not in page
    for words in ("CRPS skill over the best simple rule at each horizon", "dashed: what they",
                  "flat, at the dashed line, if calibrated",
                  "forecast from the last origin of every other year",
                  "What each scenario does to cohesion"):
        assert words in page


def test_skill_in_the_table_is_the_skill_of_the_figures_table(inputs):
    own = inputs.backtest.skill
    row = own[(own["method"] == "H12") & (own["horizon"] == 6)].iloc[0]
    cell = next(one for one in backtest_section(inputs)["skill"]
                if one["method"] == "H12")["cells"][2]
    assert int(re.sub(r"[^\d]", "", cell["skill"])) == round(100 * row["skill"])
    assert 10 < 100 * row["skill"] < 30


def test_cells_of_indicators_say_how_many_values_they_rest_on(inputs, page):
    whole = backtest_section(inputs)["better"]
    assert f"holds in {whole['better']} of {whole['cells']} cells" in page
    tables = inputs.backtest.indicators.copy()
    tables.loc[(tables["method"] == "H12") & (tables["horizon"] == 1), "crps"] *= 3.0
    found = backtest_section(replace(inputs, backtest=inputs.backtest._replace(indicators=tables)))
    own = tables[tables["method"] == "H12"].set_index(["indicator", "horizon"])["rows"]
    first = found["indicators"][0]
    assert first["cells"][0].endswith(f"({int(own[first['indicator'], 1])})")
    crps = tables.pivot(index=["indicator", "horizon"], columns="method", values="crps")
    rules = ["last_value", "random_walk_drift", "ar1", "seasonal_naive", "ets", "local_level"]
    better = found["better"]
    assert better["cells"] == len(crps)
    assert 0 < better["better"] == (crps["H12"] < crps[rules].min(axis=1)).sum() < len(crps)


def test_coverage_is_told_indicator_by_indicator(inputs):
    table = pd.DataFrame([
        ("narrow", 1, 0.5, 30), ("narrow", 3, 0.6, 10), ("wide", 1, 1.0, 25),
        ("thin", 1, 0.0, 19)],
        columns=["indicator", "horizon", "inside90", "rows"])
    assert _coverage(table) == (
        "By indicator, all horizons together, the share inside 90% intervals runs from 52% "
        "(narrow, 40 values) to 100% (wide, 25 values), over the 2 indicators with at least 20 "
        "values.")
    assert _coverage(table[table["rows"] < 20]) == ""


def test_the_specification_that_is_clearly_farthest_is_named(inputs, page):
    grid = inputs.grid.assign(log_bayes_factor=0.01, log_bayes_factor_se=0.05, converged=True)
    grid.loc[grid.index[0], ["log_bayes_factor", "log_bayes_factor_se"]] = [-0.4, 0.2]
    grid.loc[grid.index[1], ["log_bayes_factor", "log_bayes_factor_se"]] = [0.2, 0.05]
    row = grid.iloc[1]
    found = farthest(replace(inputs, grid=grid))
    assert found.startswith("No log Bayes factor is farther than 0.40 from 0, and a verdict asks "
                            "for 1.10.")
    assert found.endswith(f"{row['specification']} ({row['episode']}, {row['hypothesis']}: +0.20 ± "
                          "0.05 nats).")
    assert "None is 3 times its Monte Carlo error." in farthest(
        replace(inputs, grid=grid.drop(index=grid.index[1])))
    # What did not converge is no figure.
    apart = grid.assign(converged=grid.index != grid.index[1])
    assert farthest(replace(inputs, grid=apart)) == (
        "Of specifications whose fits converged, no log Bayes factor is farther than 0.40 from 0, "
        "and a verdict asks for 1.10. None is 3 times its Monte Carlo error.")
    assert farthest(replace(inputs, grid=grid.assign(converged=False))) == ""
    assert farthest(inputs) in page


def test_the_grid_is_drawn_and_counts_what_did_not_converge(page):
    assert "the diamond is the committed one, fitted with the grid&rsquo;s fewer draws" in page
    assert "In how many of 30 specifications each verdict comes out; 1 of them" in page


def test_what_the_design_can_see_is_told_drawn_and_tabled(inputs, page):
    assert "What the design can see" not in page
    shares = shares_of(made_up(5), inputs.spec.verdict)
    text = unescape(re.sub(r"<[^>]+>", " ", render(replace(inputs, power=shares))))
    found = re.sub(r"\s+", " ", text)
    assert power_sentence(shares, inputs.spec.verdict) in found
    row = next(row for row in leanings.power(replace(inputs, power=shares))
               if (row["path"], row["size"], row["hypothesis"]) == ("threat", "1.5", "H1"))
    assert row["found"] == "100% [29, 100]"
    cells = f"{row['design']} {row['path']}, 1.5 {row['episode']} H1 5 3 100% [29, 100] 50% [1, 99]"
    assert cells in found
    for name, words in WORDS.items():
        assert f"{name.capitalize()} : {words}." in found


def test_an_outcome_that_nobody_can_tell_is_a_dash(inputs):
    found = outcomes(inputs)
    assert found["scenarios"][0] == "as now"
    at = found["scenarios"].index("us doubt")
    assert all(row["cells"][at] == "–" and row["cells"][0] == "0.25" for row in found["rows"])


def test_outcomes_of_one_title_are_two_rows(inputs):
    table = inputs.outcomes.assign(title="the same")
    found = outcomes(replace(inputs, outcomes=table))
    assert [row["title"] for row in found["rows"]] == ["the same"] * table["outcome"].nunique()
    assert len(found["rows"]) > 1
    assert [row["cells"] for row in found["rows"]] == [
        row["cells"] for row in outcomes(inputs)["rows"]]


def test_scenarios_and_waves_stand_with_their_months(inputs, page):
    rows = scenarios(inputs)
    assert [row["title"] for row in rows] == [one.title for one in
                                              inputs.spec.scenarios.values()]
    assert {row["month"] for row in waves(inputs)} == {"2025-10"}
    for row in rows:
        assert row["title"] in page
    assert len(offices(inputs)) == len(inputs.spec.forecast.offices)


def test_only_where_some_draws_stand_still_the_page_says_so(inputs):
    differences = {name: table.assign(p_lower=0.6, p_higher=0.4)
                   for name, table in inputs.differences.items()}
    moved = replace(inputs, differences=differences)
    assert not still(moved)
    assert "do not add up to one" not in render(moved)
    name = next(iter(differences))
    halved = replace(inputs, differences=differences | {
        name: differences[name].assign(p_higher=0.2)})
    assert still(halved)
    assert "do not add up to one" in render(halved)


def test_machine_files_hold_every_scenario(inputs, tmp_path):
    other = inputs.forecast.assign(scenario="us_doubt")
    write_machine_files(replace(inputs, scenarios=other), tmp_path)
    assert set(pd.read_csv(tmp_path / "forecast.csv")["scenario"]) == {"as_now", "us_doubt"}


def test_absolute_values_are_put_together_from_their_steps(inputs, tmp_path):
    steps = [{"step": k, "weight": k / 3, "value": -10.0 - k, "error": 0.1, "effective": 200.0,
              "passed": True}
             for k in range(3)]
    write_stones({("H12", "friction"): stones(steps)}, inputs.spec, inputs.panel, tmp_path)
    found = read_stones(tmp_path, inputs.spec, inputs.panel)
    assert found["H12", "friction"].value == pytest.approx(-33.0)
    assert found["H12", "friction"].error == pytest.approx(0.1 * 3**0.5)
    assert found["H12", "friction"].enough
    text = (tmp_path / "absolute.csv").read_text().splitlines()
    (tmp_path / "absolute.csv").write_text("\n".join([text[0], *text[2:]]) + "\n")
    with pytest.raises(ValueError, match="not each of 0 to 1 once"):
        read_stones(tmp_path, inputs.spec, inputs.panel)


class Found:
    """What a backtest or a grid offers to be written."""

    def __init__(self, tables):
        self.table, self.by_indicator, self.pit, self.weights, self._paths = tables

    def paths(self, time):
        return self._paths


def test_a_backtest_is_read_as_it_was_written_and_only_with_its_own_model(inputs, tmp_path):
    write_backtest(Found(inputs.backtest), inputs.spec, inputs.panel, tmp_path)
    found = read_backtest(tmp_path, inputs.spec, inputs.panel)
    for before, after in zip(inputs.backtest, found, strict=True):
        pd.testing.assert_frame_equal(before.reset_index(drop=True), after, check_dtype=False,
                                      rtol=1e-5)
    other = replace(inputs.panel, data_hash="2c" * 32)
    assert read_backtest(tmp_path, inputs.spec, other) is None
    forecast = inputs.spec.forecast.model_copy(update={"rate_months": 7})
    spec = inputs.spec.model_copy(update={"forecast": forecast})
    assert read_backtest(tmp_path, spec, inputs.panel) is None
    (tmp_path / BACKTEST_FILES[3]).unlink()
    assert read_backtest(tmp_path, inputs.spec, inputs.panel) is None


def test_a_grid_outlives_a_change_of_the_forecast_only(inputs, tmp_path):
    class Grid:
        table = pd.DataFrame([
            {"specification": one.name, "group": one.group, "episode": "friction",
             "hypothesis": "H1", "verdict": "inconclusive", "log_bayes_factor": 0.1,
             "log_bayes_factor_se": 0.02, "converged": True}
            for one in specifications(inputs.spec, inputs.panel)])

    write_grid(Grid, inputs.spec, inputs.panel, tmp_path)
    forecast = inputs.spec.forecast.model_copy(update={"rate_months": 7})
    assert read_grid(tmp_path, inputs.spec.model_copy(update={"forecast": forecast}),
                     inputs.panel) is not None
    priors = inputs.spec.priors.model_copy(update={"student_t_noise_df": 7.0})
    assert read_grid(tmp_path, inputs.spec.model_copy(update={"priors": priors}),
                     inputs.panel) is None
    (tmp_path / "robustness.csv").write_text("specification\nx\n")
    with pytest.raises(SchemaError, match="lacks group"):
        read_grid(tmp_path, inputs.spec, inputs.panel)
