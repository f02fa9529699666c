"""Probabilities of outcomes, expected waves, and what a forecast's result gives."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.forecast import ScenarioSpec, forecast
from bayes_alliance.forecast.outcomes import COLUMNS, outcome_table
from bayes_alliance.forecast.waves import expected_waves
from bayes_alliance.model.predict import flatten
from bayes_alliance.spec import ForecastSpec, OutcomeSpec
from tests.helpers.made_up_fit import made_up_fit
from tests.unit.forecast.test_dynamics import cut

AFFINITY = "cabinet_office_affinity_japan"
TRAVEL = "jnto_travel_rok"
BANDS = ["q01", "q05", "q25", "q50", "q75", "q95", "q99"]


@pytest.fixture(scope="module")
def made_up(spec, panel):
    return made_up_fit(spec, panel)


@pytest.fixture(scope="module")
def ahead(made_up):
    return forecast(made_up, 24, seed=5)


def asking(fit, **outcomes):
    settings = ForecastSpec(outcomes={name: OutcomeSpec(title=name, **about)
                                      for name, about in outcomes.items()})
    return replace(fit, spec=fit.spec.model_copy(update={"forecast": settings}))


def probabilities(fit, targets, waves=None):
    waves = expected_waves(fit.panel, 24) if waves is None else waves
    table = outcome_table(fit, flatten(fit.posterior), "as_now", targets, waves)
    assert tuple(table.columns) == COLUMNS
    return table.set_index("outcome")


def test_a_window_is_its_mean_draw_by_draw(made_up, panel):
    window = ["2019-01", "2019-12"]
    fit = asking(made_up, low={"target": "cohesion", "below": window, "within": 3},
                 high={"target": "threat_japan", "above": window, "within": 3})
    values = flatten(fit.posterior).values
    cohesion = values[c.COHESION][:, panel.window(("2019-01", "2019-12"))].mean(axis=1)
    threat = values[c.THREAT][:, 1, panel.window(("2019-01", "2019-12"))].mean(axis=1)
    # Half of the draws fall below their own mean, in the third month alone; few above theirs.
    low = cohesion[:, None] + np.ones((40, 24))
    low[:20, 2] -= 1.01
    low[20:, 3] -= 1.01
    high = threat[:, None] - np.ones((40, 24))
    high[:4, 0] += 1.01
    found = probabilities(fit, {"cohesion": low, "threat_japan": high})
    assert found.at["low", "probability"] == 0.5
    assert found.at["high", "probability"] == 0.1


def test_an_indicators_window_is_the_mean_of_what_was_observed_in_it(made_up, panel):
    window = ["2019-01", "2020-12"]
    rows = panel.rows[panel.rows["indicator"] == AFFINITY]
    mean = rows.loc[[str(day)[:4] in ("2019", "2020") for day in rows["start"]], "value"].mean()
    assert mean == pytest.approx((26.7 + 34.9) / 2)
    fit = asking(made_up, one={"target": AFFINITY, "above": window, "within": 12})
    for offset, wanted in ((0.01, 1.0), (-0.01, 0.0)):
        found = probabilities(fit, {AFFINITY: np.full((40, 24), mean + offset)})
        assert found.at["one", "probability"] == wanted


def test_a_poll_is_asked_in_its_expected_waves_and_a_series_every_month(made_up):
    fit = asking(made_up, poll={"target": AFFINITY, "above": 40, "within": 12},
                 later={"target": AFFINITY, "above": 40, "within": 22},
                 series={"target": TRAVEL, "above": 40, "within": 12})
    draws = np.zeros((40, 24))
    draws[:10, 9] = draws[10:14, 8] = draws[14:16, 21] = 50.0
    found = probabilities(fit, {AFFINITY: draws, TRAVEL: draws})["probability"]
    assert found.to_dict() == {"poll": 0.25, "later": 0.3, "series": 0.35}


def test_what_cannot_be_told_is_missing(made_up, panel):
    fit = asking(made_up, late={"target": "cohesion", "below": 0.0, "within": 24},
                 silent={"target": "pew_reliable_partner_rok", "below": 50.0, "within": 4},
                 never={"target": AFFINITY, "below": ["2004-01", "2004-02"], "within": 12},
                 told={"target": "cohesion", "below": 0.0, "within": 12})
    found = forecast(fit, 12).outcomes.set_index("outcome")
    assert found["probability"].isna().to_dict() == {"late": True, "silent": True, "never": True,
                                                     "told": False}
    assert found["mcse"].isna().equals(found["probability"].isna())
    past = panel.position("2015-12") + 1
    short = replace(fit, panel=cut(panel, past),
                    posterior=fit.posterior.isel({c.DIM_TIME: slice(0, past)}))
    after = asking(short, gone={"target": "cohesion", "below": ["2019-01", "2019-12"],
                                "within": 12})
    assert np.isnan(probabilities(after, {"cohesion": np.zeros((40, 24))}).at[
        "gone", "probability"])


def test_the_standard_error_is_of_the_effective_draws(spec, panel):
    """By simulation: independent draws give the binomial's, sticky ones a larger one."""
    fit = asking(made_up_fit(spec, panel, draws=1000), one={"target": "cohesion", "below": 0.0,
                                                           "within": 1})
    rng = np.random.default_rng(3)
    free = rng.standard_normal((2000, 24))
    found = probabilities(fit, {"cohesion": free}).loc["one"]
    assert found["mcse"] == pytest.approx(np.sqrt(0.25 / 2000), rel=0.15)
    sticky = np.repeat(rng.standard_normal(100), 20)[:, None] * np.ones(24)
    assert probabilities(fit, {"cohesion": sticky}).at["one", "mcse"] > 2 * found["mcse"]
    # All draws agree: what one more could have said, not nothing.
    sure = probabilities(fit, {"cohesion": np.full((2000, 24), -1.0)}).loc["one"]
    assert sure["probability"] == 1.0
    assert 0 < sure["mcse"] < 1e-3


def test_the_shipped_outcomes_have_probabilities(ahead, spec):
    assert list(ahead.outcomes["outcome"]) == list(spec.forecast.outcomes)
    assert ahead.outcomes["probability"].between(0, 1).all()
    assert set(ahead.outcomes["scenario"]) == {"as_now"}


def test_waves_are_expected_in_the_usual_month_of_those_who_still_ask(made_up, panel):
    found = expected_waves(panel, 24)
    assert found[found["indicator"] == AFFINITY].to_numpy().tolist() == [
        [AFFINITY, "cabinet_office_japan", "2025-10"],
        [AFFINITY, "cabinet_office_japan", "2026-10"]]
    # Monthly series have no waves, annual figures are none, and some no longer ask.
    assert not set(found["indicator"]) & {TRAVEL, "icews_conflict_share_rok_to_japan",
                                          "ipus_nuclear_threat_rok", "us_troops_rok"}
    rows = panel.rows
    for name, months in found.groupby("indicator")["time"]:
        last = int(rows.loc[rows["indicator"] == name, "end_month"].max())
        assert len(panel.time) - 1 - last <= 36, name
        assert len(months) == 2
    assert expected_waves(panel, 9)["time"].max() <= "2025-09"


@pytest.mark.parametrize(("months", "usual"), [
    ([10, 10, 10, 11, 9], 10), ([11, 10, 10, 11, 9], 11), ([1, 2, 3, 4, 5], 5),
    ([7, 7, 7, 10, 10, 10, 9, 8], 10)])
def test_the_usual_month_is_the_most_frequent_of_the_last_five(panel, months, usual):
    time = panel.time
    rows = pd.DataFrame({
        "indicator": AFFINITY, "calendar_month": months,
        "end_month": [time.get_loc(pd.Period(f"{2025 - len(months) + at}-{month:02}", "M"))
                      for at, month in enumerate(months)]})
    rows = rows.assign(start_month=rows["end_month"], wave=[f"made_up_{2000 + at}-05"
                                                            for at in range(len(rows))])
    found = expected_waves(replace(panel, rows=rows), 12)
    assert found.to_numpy().tolist() == [[AFFINITY, "made_up", f"2025-{usual:02}"]]
    annual = rows.assign(start_month=rows["end_month"] - 11)
    assert expected_waves(replace(panel, rows=annual), 12).empty
    older = rows.assign(end_month=rows["end_month"] - 48, start_month=rows["start_month"] - 48)
    assert expected_waves(replace(panel, rows=older), 12).empty


def test_a_panel_that_ends_earlier_expects_what_could_be_expected_then(panel):
    past = cut(panel, panel.position("2015-12") + 1)
    found = expected_waves(past, 24)
    assert found.loc[found["indicator"] == AFFINITY, "time"].tolist()[0][:4] == "2016"
    assert "asan_us_would_intervene_rok" not in set(found["indicator"])


def test_a_wave_is_asked_for_by_month(ahead):
    wave = ahead.wave(AFFINITY, "2025-10")
    row = ahead.table[(ahead.table["target"] == AFFINITY) & (ahead.table["time"] == "2025-10")]
    assert wave.table[BANDS].to_numpy()[0] == pytest.approx(row[BANDS].to_numpy()[0])
    listed = ahead.waves[(ahead.waves["indicator"] == AFFINITY)
                         & (ahead.waves["time"] == "2025-10")]
    assert list(ahead.waves.columns) == ["scenario", "indicator", "pollster", "time", *BANDS]
    assert listed[BANDS].to_numpy()[0] == pytest.approx(row[BANDS].to_numpy()[0])
    assert wave.data.sizes == {"sample": 40}
    assert "no wave is usual" not in wave.sentence
    assert "no wave is usual then" in ahead.wave(AFFINITY, "2025-11").sentence
    with pytest.raises(ValueError, match=r"2027-01 is not in the forecast .*2025-01 to 2026-12"):
        ahead.wave(AFFINITY, "2027-01")
    with pytest.raises(ValueError, match="no indicator 'affinity'"):
        ahead.wave("affinity", "2025-10")


def test_the_difference_of_two_scenarios_is_draw_by_draw(made_up, ahead):
    doubt = forecast(made_up, 24, scenario="us_doubt", seed=5)
    found = doubt.minus(ahead)
    draws = (doubt.data["cohesion"] - ahead.data["cohesion"]).to_numpy()
    table = found.table[found.table["target"] == "cohesion"]
    assert list(table.columns) == ["target", "time", "mean", "q05", "q25", "q50", "q75", "q95",
                                   "p_lower", "p_higher"]
    assert table["mean"].to_numpy() == pytest.approx(draws.mean(axis=0))
    assert table["q95"].to_numpy() == pytest.approx(np.quantile(draws, 0.95, axis=0))
    assert table["p_lower"].to_numpy() == pytest.approx((draws < 0).mean(axis=0))
    assert table["p_higher"].to_numpy() == pytest.approx((draws > 0).mean(axis=0))
    threat = found.table[found.table["target"] == "threat_rok"]
    assert (threat[["mean", "q05", "q95", "p_lower", "p_higher"]] == 0).all(axis=None)
    assert set(found.table["target"]) == set(ahead.table["target"])
    assert found.sentence.startswith("2026-12, us_doubt less as_now: cohesion is lower with prob")
    back = ahead.minus(doubt)
    assert np.array_equal(back.data["cohesion"], -draws)


def test_forecasts_that_share_no_draws_are_not_subtracted(made_up, ahead, spec, panel):
    with pytest.raises(ValueError, match="their seeds differ"):
        forecast(made_up, 24, seed=6).minus(ahead)
    with pytest.raises(ValueError, match="their sizes differ"):
        forecast(made_up, 12, seed=5).minus(ahead)
    other = forecast(made_up_fit(spec, panel, seed=1), 24, seed=5)
    with pytest.raises(ValueError, match="their fits differ"):
        other.minus(ahead)


def test_draws_are_written_whole_or_not_at_all(ahead, tmp_path, monkeypatch):
    path = tmp_path / "forecast.nc"
    ahead.save_draws(path)
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        kept = opened.load()
    assert set(kept.data_vars) == set(ahead.table["target"])
    assert kept["cohesion"].dims == ("sample", "time_future")
    assert kept["cohesion"].to_numpy() == pytest.approx(ahead.data["cohesion"].to_numpy(),
                                                        rel=1e-6)
    assert list(kept["time_future"].to_numpy()) == list(ahead.data["time_future"].to_numpy())
    before = path.read_bytes()

    def fail(*given):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        ahead.save_draws(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["forecast.nc"]


def test_the_past_has_bands_of_states_and_observed_values(ahead, made_up, panel):
    cohesion = ahead.past[ahead.past["target"] == "cohesion"]
    draws = flatten(made_up.posterior).values[c.COHESION]
    assert cohesion["value"].to_numpy() == pytest.approx(np.median(draws, axis=0))
    assert cohesion["q95"].to_numpy() == pytest.approx(np.quantile(draws, 0.95, axis=0))
    assert not cohesion["observed"].any()
    rows = panel.rows[panel.rows["indicator"] == AFFINITY]
    seen = ahead.past[ahead.past["target"] == AFFINITY]
    assert seen["value"].tolist() == rows["value"].tolist()
    assert seen["observed"].all()
    assert seen["time"].iloc[-1] == "2024-10"
    axes = ahead.plot(AFFINITY).axes[0]
    assert len(axes.lines[0].get_xdata()) == len(rows)


def test_scenarios_share_who_comes_into_office(made_up, ahead):
    rates = forecast(made_up, 24, seed=5, scenario=ScenarioSpec(
        title="x", driver_rates={"launch_days": 40.0}))
    for name in ("credibility_rok", "credibility_japan"):
        assert (rates.data[name] == ahead.data[name]).all()
    assert (rates.data["threat_rok"] != ahead.data["threat_rok"]).any()
