from dataclasses import replace

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.forecast import ScenarioSpec, forecast, states
from bayes_alliance.model.predict import flatten
from bayes_alliance.spec import ForecastSpec
from tests.helpers.made_up_fit import made_up_fit


@pytest.fixture(scope="module")
def made_up(spec, panel):
    return made_up_fit(spec, panel)


@pytest.fixture(scope="module")
def ahead(full):
    return forecast(full, 24, seed=5)


def test_every_target_has_ordered_quantiles_for_every_month(ahead, spec):
    table = ahead.table
    assert set(table["target"]) == {*spec.series, *spec.indicators}
    assert (table.groupby("target").size() == 24).all()
    assert table["time"].min() == "2025-01"
    values = table[["q01", "q05", "q25", "q50", "q75", "q95", "q99"]].to_numpy()
    assert (np.diff(values, axis=1) >= 0).all()


def test_indicators_are_on_their_own_scale(ahead, panel):
    table = ahead.table.set_index("target")
    polls = panel.indicators.index[panel.indicators["unit"] == "percent"]
    assert table.loc[polls, ["q05", "q95"]].to_numpy().min() >= 0
    assert table.loc[polls, ["q05", "q95"]].to_numpy().max() <= 100
    troops = table.loc["us_troops_rok", "q50"]
    assert 10_000 < troops.min() < troops.max() < 50_000


def test_uncertainty_grows_with_the_horizon(ahead):
    cohesion = ahead.table[ahead.table["target"] == c.COHESION]
    width = (cohesion["q95"] - cohesion["q05"]).to_numpy()
    assert width[-1] > width[0]


def test_the_first_month_continues_the_last(full, ahead):
    last = float(full.posterior[c.COHESION].isel({c.DIM_TIME: -1}).median())
    first = ahead.table[ahead.table["target"] == c.COHESION]["q50"].iloc[0]
    assert abs(first - last) < 0.5


def test_without_innovations_the_states_follow_the_recursion(made_up, monkeypatch):
    monkeypatch.setattr(states, "_shocks", lambda fit, shape, rng: np.zeros(shape))
    found = forecast(made_up, 3, seed=1)
    values = flatten(made_up.posterior).values
    phi = np.exp(-np.log(2) / values[c.VAR_HALF_LIFE][:, 0])
    stocks = states.future_stocks(made_up, ScenarioSpec(title="as now"), 3)
    drivers = made_up.panel.drivers
    pushed = values[c.VAR_DRIVER_LOADING][:, 0] @ np.stack(
        [stocks[name] for name in drivers.columns])
    now = (values[c.THREAT][:, 0, -1]
           - values[c.VAR_DRIVER_LOADING][:, 0] @ drivers.to_numpy()[-1])
    expected = now[:, None] * phi[:, None] ** np.arange(1, 4) + pushed
    assert found.data["threat_rok"].to_numpy() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("response", ["adjustment", "level"])
def test_carrying_on_with_the_last_months_inputs_and_no_shocks_goes_back_to_the_long_run(
        made_up, monkeypatch, response):
    head = made_up.spec.model.model_copy(update={"response": response})
    fit = replace(made_up, spec=made_up.spec.model_copy(update={"model": head}))
    quick = replace(fit, posterior=fit.posterior.assign({
        c.VAR_HALF_LIFE: fit.posterior[c.VAR_HALF_LIFE] * 0 + 0.01}))
    monkeypatch.setattr(states, "_shocks", lambda fit, shape, rng: np.zeros(shape))
    quick = replace(quick, spec=quick.spec.model_copy(update={"forecast": ForecastSpec()}))
    found = forecast(quick, 2, seed=1).data["cohesion"].to_numpy()
    assert np.ptp(found, axis=1).max() < 0.2
    assert (found.std(axis=0) > 0.05).all()


def test_the_same_seed_gives_the_same_forecast_and_another_another(made_up):
    first, again, other = (forecast(made_up, 2, seed=seed) for seed in (1, 1, 2))
    assert first.table.equals(again.table)
    assert not first.table.equals(other.table)


def test_wrong_requests_are_refused(made_up):
    for horizon in (0, 61):
        with pytest.raises(ValueError, match="1 to 60"):
            forecast(made_up, horizon)
    with pytest.raises(ValueError, match="as_now"):
        forecast(made_up, 3, scenario="war")
    with pytest.raises(NotFittedError, match="held out"):
        forecast(replace(made_up, left_out="friction"), 3)
