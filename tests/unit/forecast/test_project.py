from dataclasses import replace

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.forecast import forecast


@pytest.fixture(scope="module")
def ahead(full):
    return forecast(full, 24, seed=5)


def test_every_target_has_ordered_quantiles_for_every_month(ahead, spec):
    table = ahead.table
    assert set(table["target"]) == {*spec.series, *spec.indicators}
    assert (table.groupby("target").size() == 24).all()
    assert table["time"].min() == "2025-01"
    values = table[["q05", "q25", "q50", "q75", "q95"]].to_numpy()
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


def test_without_innovations_the_states_follow_the_recursion(full, monkeypatch):
    from bayes_alliance.forecast import project

    monkeypatch.setattr(project, "_shocks", lambda fit, shape, rng: np.zeros(shape))
    found = forecast(full, 3, seed=1)
    samples = project.flatten(full.posterior, 2000)
    phi = np.exp(-np.log(2) / samples.values[c.VAR_HALF_LIFE][:, 0])
    stocks = project._future_stocks(full, 3)
    pushed = samples.values[c.VAR_DRIVER_LOADING][:, 0] @ np.stack(
        [stocks[name] for name in full.panel.drivers.columns])
    now = (samples.values[c.THREAT][:, 0, -1] - samples.values[c.VAR_DRIVER_LOADING][:, 0]
           @ full.panel.drivers.to_numpy()[-1])
    expected = now[:, None] * phi[:, None] ** np.arange(1, 4) + pushed
    assert found.data["threat_rok"].to_numpy() == pytest.approx(expected, abs=1e-9)


def test_wrong_requests_are_refused(full):
    for horizon in (0, 61):
        with pytest.raises(ValueError, match="1 to 60"):
            forecast(full, horizon)
    with pytest.raises(ValueError, match="as_now"):
        forecast(full, 3, scenario="war")
    with pytest.raises(NotFittedError, match="held out"):
        forecast(replace(full, left_out="friction"), 3)
