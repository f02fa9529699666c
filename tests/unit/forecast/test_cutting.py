"""A forecast from an earlier month knows nothing later: planted rows and series change nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.forecast.baselines import BASELINES, LEAST_ROWS
from bayes_alliance.forecast.cutting import cut_fit, cut_panel, known_rows
from bayes_alliance.forecast.indicators import Outlook
from bayes_alliance.forecast.links import Link, history, model_scale
from bayes_alliance.forecast.origins import (
    Origin,
    forecast_from,
    horizon_of,
    origins,
    targets,
)
from bayes_alliance.model.predict import flatten, own_unit
from tests.helpers.made_up_fit import made_up_fit

ORIGIN = "2016-06"


def with_absurd_future(panel, origin):
    """Return the panel with values after a month that no state could bring about."""
    rows, later = panel.rows.copy(), (panel.rows["end_month"] > origin).to_numpy()
    polls = later & (rows["n"] > 0).to_numpy()
    rows.loc[polls, ["value", "y"]] = 0.0
    rows.loc[later & ~polls, "y"] = 1e6
    rows.loc[later & ~polls, "value"] = 1e-9
    after = np.arange(len(panel.time)) > origin

    def planted(frame):
        return frame.mask(np.broadcast_to(after[:, None], frame.shape), 1e3)

    return replace(panel, rows=rows, covariates=planted(panel.covariates),
                   event_counts=planted(panel.event_counts),
                   raw_stocks=planted(panel.raw_stocks), drivers=planted(panel.drivers),
                   rivals=planted(panel.rivals))


def test_a_cut_panel_holds_nothing_later(panel):
    origin = panel.position(ORIGIN)
    cut, again = cut_panel(panel, origin), cut_panel(with_absurd_future(panel, origin), origin)
    assert str(cut.time[-1]) == ORIGIN
    assert cut.rows["end_month"].max() <= origin
    for name in ("rows", "covariates", "drivers", "rivals", "raw_stocks", "event_counts",
                 "governments", "events"):
        pd.testing.assert_frame_equal(getattr(cut, name), getattr(again, name))


def test_a_lag_hides_the_rows_that_were_not_yet_published(panel):
    origin = panel.position(ORIGIN)
    ends = panel.rows["end_month"].to_numpy()
    assert (ends[known_rows(panel, origin, 2)] <= origin - 2).all()
    assert known_rows(panel, origin).sum() > known_rows(panel, origin, 2).sum()


def test_targets_are_the_later_rows_of_indicators_with_some_history(panel):
    origin = panel.position(ORIGIN)
    found = targets(panel, origin)
    assert found["lead"].between(1, 24).all()
    assert (found["end_month"] - origin == found["lead"]).all()
    past = panel.rows[known_rows(panel, origin)]["indicator"].value_counts()
    assert (past[found["indicator"].unique()] >= LEAST_ROWS).all()
    without = set(panel.rows["indicator"]) - set(found["indicator"])
    assert without


def test_leads_go_under_the_next_horizon():
    assert list(horizon_of(np.array([1, 2, 3, 4, 6, 7, 12, 13, 24]))) == [
        1, 3, 3, 6, 6, 12, 12, 24, 24]


def test_origins_start_where_asked_and_leave_something_to_forecast(panel):
    found = origins(panel, "2012-01", 6)
    assert found[:2] == ["2012-01", "2012-07"]
    assert found[-1] < str(panel.time[-1])
    # Eight years in, or a third into a panel too short for that.
    assert origins(panel, step=6) == found
    short = cut_panel(panel, panel.position("2012-12"))
    assert origins(short)[0] == str(short.time[len(short.time) // 3])
    with pytest.raises(SpecError, match=r"1999-01.*2004-01 to 2024-12"):
        origins(panel, "1999-01")
    with pytest.raises(SpecError, match="step is 0"):
        origins(panel, step=0)
    with pytest.raises(SpecError, match="no row to forecast"):
        origins(panel, str(panel.time[-1]))


def test_nothing_planted_after_the_origin_moves_a_forecast_of_the_rules(panel, spec):
    origin = panel.position(ORIGIN)
    item = Origin("rok_japan", ORIGIN, "rules")
    points = [f"point{k:02d}" for k in range(40)]
    one = forecast_from(spec, panel, item)
    two = forecast_from(spec, with_absurd_future(panel, origin), item)
    pd.testing.assert_frame_equal(one[["method", "indicator", "first", *points]],
                                  two[["method", "indicator", "first", *points]])
    assert set(one["method"]) == set(BASELINES)
    assert not one["crps"].equals(two["crps"])


def test_nothing_planted_after_the_origin_moves_a_forecast_of_the_model(panel, spec):
    """Rows and covariates; the draws are the same number for number."""
    origin = panel.position(ORIGIN)
    item = Origin("rok_japan", ORIGIN, "H12", draws=20, tune=20, chains=2)
    absurd = with_absurd_future(panel, origin)
    planted = replace(panel, rows=absurd.rows, covariates=absurd.covariates)
    one, two = (forecast_from(spec, each, item) for each in (panel, planted))
    points = [f"point{k:02d}" for k in range(40)]
    pd.testing.assert_frame_equal(one[points], two[points])
    assert not one["crps"].equals(two["crps"])


def test_later_drivers_and_triggers_do_not_reach_a_cut_fit(panel, spec):
    origin = panel.position(ORIGIN)
    absurd = with_absurd_future(panel, origin)
    fit = made_up_fit(spec, panel)
    one, two = cut_fit(fit, origin), cut_fit(replace(fit, panel=absurd), origin)
    from bayes_alliance.forecast import forecast

    assert forecast(one, 6, seed=2).table.equals(forecast(two, 6, seed=2).table)
    assert one.posterior.sizes[c.DIM_TIME] == origin + 1


@pytest.mark.parametrize("name", ["cabinet_office_affinity_japan", "jnto_travel_rok",
                                  "us_troops_rok", "gprnk_threat_rok"])
def test_the_link_goes_there_and_back_and_its_slope_is_the_derivative(panel, name):
    about = panel.indicators.loc[name]
    rows = panel.rows[panel.rows["indicator"] == name]
    link = Link(about, float(rows["n"].iloc[-1]))
    value = rows["value"].to_numpy()
    assert link.back(link.forward(value)) == pytest.approx(value, rel=1e-9)
    step = 1e-5 * value
    slope = (link.forward(value + step) - link.forward(value - step)) / (2 * step)
    assert link.log_slope(value) == pytest.approx(np.log(slope), abs=1e-5)
    past = history(rows, about)
    assert (np.diff(past.month) > 0).all()
    assert ((past.error > 0) == (rows["n"].to_numpy() > 0)).all()


def test_the_log_density_is_the_density_of_the_draws(panel, spec):
    """The share of draws in a bin is its probability; error of 6 sd, false alarm 2e-9 a bin."""
    fit = made_up_fit(spec, panel, draws=2000)
    samples = flatten(fit.posterior)
    states = np.zeros((samples.size, 5, 12))
    outlook = Outlook(fit, samples, states, 1)
    last = len(panel.time) + np.array([5])
    for name in ("gprnk_threat_rok", "us_troops_rok", "cabinet_office_affinity_japan"):
        prediction = outlook.predict(name, last, last)
        draws = np.concatenate([prediction.draw(np.random.default_rng(k))[:, 0]
                                for k in range(5)])
        low, high = np.quantile(draws, [0.3, 0.6])
        grid = np.linspace(low, high, 400)
        one = replace(prediction, mu=np.repeat(prediction.mu, 400, axis=1),
                      noise=np.repeat(prediction.noise, 400, axis=1))
        mass = np.trapezoid(np.exp(one.log_density(grid)), grid)
        assert mass == pytest.approx(0.3, abs=6 * np.sqrt(0.3 * 0.7 / len(draws)) + 0.01), name


def test_a_wave_of_one_item_has_no_error_of_its_own(panel, spec):
    """As in the fit, where it would be the noise a second time; a shared wave's moves all items."""
    made = made_up_fit(spec, panel, draws=200)
    at = np.array([len(panel.time) + 5])
    rows = panel.rows[panel.rows["wave"] != ""]
    family = rows["indicator"].map(panel.indicators["family"])
    counts = rows.loc[family != "binomial", "wave"].value_counts()
    share = (rows["wave"].map(counts).fillna(0) > 1).groupby(rows["indicator"]).mean()
    moved = {}
    for wave_sd in (0.0, 50.0):
        values = made.posterior[c.VAR_WAVE_SD] * 0.0 + wave_sd
        fit = replace(made, posterior=made.posterior.assign({c.VAR_WAVE_SD: values}))
        samples = flatten(fit.posterior)
        outlook = Outlook(fit, samples, np.zeros((samples.size, 5, 12)), 1)
        moved[wave_sd] = {name: outlook.predict(name, at, at).mu.std() for name in share.index}
    found = {name: moved[50.0][name] > moved[0.0][name] + 10.0 for name in share.index}
    assert found == {name: one >= 0.5 for name, one in share.items()}
    assert set(found.values()) == {True, False}


def test_own_units_come_back_from_the_models_scale(panel):
    from bayes_alliance.forecast.links import model_scale

    for name in ("gprnk_threat_rok", "cabinet_office_affinity_japan"):
        about = panel.indicators.loc[name]
        rows = panel.rows[panel.rows["indicator"] == name]
        n = float(rows["n"].iloc[-1])
        back = own_unit(model_scale(rows["value"].to_numpy(), about, n), about, n or 1.0)
        assert back == pytest.approx(rows["value"].to_numpy(), abs=0.51 * 100 / n if n else 1e-9)


def test_an_own_error_goes_on_from_month_to_month(spec, panel):
    """Each month is as far off as given the last row, and neighbours are off together."""
    fit = made_up_fit(spec, panel, draws=2000)
    samples = flatten(fit.posterior, 4000)
    ahead = 12
    states = np.zeros((samples.size, len(spec.series), ahead))
    outlook = Outlook(fit, samples, states, 5)
    months = len(panel.time) + np.arange(ahead)
    name = "gprnk_threat_rok"
    one = outlook.predict(name, months, months)
    about = panel.indicators.loc[name]

    def standardised(values):
        return (model_scale(values, about, 0.0) - one.mu) / one.noise

    error = standardised(outlook.draw_path(name, months))
    # Four errors of 4,000 draws and 12 months: a false alarm in a thousand.
    assert np.abs(error.mean(axis=0)).max() < 4 / np.sqrt(samples.size)
    assert np.abs(error.std(axis=0) - 1).max() < 4 / np.sqrt(2 * samples.size)
    half_life = samples.values[c.VAR_OWN_HALF_LIFE][:, samples.labels[
        c.DIM_OWN_ERROR].index(name)]
    # What is left of a month's error in the next, in units of what each is off by.
    expected = (0.5 ** (1 / half_life)[:, None] * one.noise[:, :-1] / one.noise[:, 1:]).mean(axis=0)
    found = (error[:, 1:] * error[:, :-1]).mean(axis=0)
    assert expected.min() > 0.1
    assert np.abs(found - expected).max() < 5 / np.sqrt(samples.size)
    # Drawn month by month they would not be.
    apart = standardised(outlook.draw(name, one))
    assert np.abs((apart[:, 1:] * apart[:, :-1]).mean(axis=0)).max() < 5 / np.sqrt(samples.size)
