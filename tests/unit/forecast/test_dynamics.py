"""The months after the last: the simulator's own, given its shocks; and by formula."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.forecast import ScenarioSpec, states
from bayes_alliance.model.predict import flatten
from bayes_alliance.spec.priors import HalfNormal, LogNormal, Normal
from bayes_alliance.spec.schema import DynamicsSpec, ForecastSpec
from tests.helpers.made_up_fit import made_up_fit
from tests.statistical.conftest import linear_panel

# The package has a function of the same name.
simulator = import_module("bayes_alliance.checks.simulate")

# Within these months nobody comes into office; the models here have no calendar of offices.
PAST, AHEAD = 18, 12
AS_NOW = ScenarioSpec(title="as now")
KINDS = ("ar1", "random_walk", "local_trend")
CASES = [("adjustment", ("ar1", "ar1", "ar1")),
         ("adjustment", ("random_walk", "local_trend", "ar1")),
         ("level", ("ar1", "ar1", "ar1")), ("level", ("local_trend", "random_walk", "random_walk")),
         ("level", ("random_walk", "local_trend", "local_trend"))]


def cut(panel, months):
    """Return the panel's first months."""
    kept = slice(0, months)
    rows = panel.rows[panel.rows["end_month"] < months]
    return replace(panel, time=panel.time[kept], rows=rows, drivers=panel.drivers.iloc[kept],
                   rivals=panel.rivals.iloc[kept], governments=panel.governments.iloc[kept],
                   covariates=panel.covariates.iloc[kept])


@pytest.fixture(scope="module")
def whole(panel):
    return cut(linear_panel(panel), PAST + AHEAD)


@pytest.fixture(scope="module")
def nobody_deviates(spec):
    """Priors under which effects that the simulator does not report are zero."""
    return spec.priors.model_copy(update={
        "administration_deviation_sd": LogNormal(median=1e-14, sd=0.1),
        "government_sd": HalfNormal(sd=1e-14), "driver_loading": Normal(sd=0.5),
        "trend_sd": LogNormal(median=1e-14, sd=0.1), "trend_start": Normal(mu=0.1, sd=0.05)})


def specified(spec, priors, response, dynamics):
    of_latents = DynamicsSpec(**dict(zip(c.LATENTS, dynamics, strict=True)))
    head = spec.model.model_copy(update={"response": response, "dynamics": of_latents})
    return spec.model_copy(update={"model": head, "priors": priors, "forecast": ForecastSpec()})


def fit_of(spec, panel, values):
    """Return a fit all of whose draws have the given values."""
    made_up = made_up_fit(spec, panel, draws=20)
    trended = [name for name, kind in zip(spec.series, spec.series_dynamics, strict=True)
               if kind == "local_trend"]
    posterior = made_up.posterior
    if trended:
        posterior = posterior.assign_coords({c.DIM_TREND: trended})
        posterior[c.VAR_SLOPE] = (("chain", "draw", c.DIM_TREND, c.DIM_TIME),
                                  np.zeros((2, 20, len(trended), len(panel.time))))
        posterior[c.VAR_TREND_SD] = (("chain", "draw"), np.zeros((2, 20)))
    for name, value in values.items():
        array = posterior[name]
        posterior = posterior.assign({name: (array.dims, np.broadcast_to(value, array.shape))})
    return replace(made_up, posterior=posterior)


class Recorded:
    """The simulator's series with their shocks and slopes."""

    def __init__(self, monkeypatch):
        self.shocks, self.slopes, original = [], [], simulator._series

        def series(prior, half_life, kind, trend_sd, shock):
            found = original(prior, half_life, kind, trend_sd, shock)
            fade = 0.5 ** (1 / half_life)
            keep = fade if kind == "ar1" else 1.0
            slope = found[1:] - keep * found[:-1] - np.sqrt(1 - fade**2) * shock[1:]
            self.shocks.append(shock)
            if kind == "local_trend":
                self.slopes.append(slope)
            else:
                assert slope == pytest.approx(0.0, abs=1e-12)
            return found

        monkeypatch.setattr(simulator, "_series", series)


@pytest.mark.parametrize(("response", "dynamics"), CASES)
@pytest.mark.parametrize("hypothesis", ["H12", "HX", "H0"])
def test_given_the_simulators_shocks_the_forecast_is_the_simulators_future(
        spec, whole, nobody_deviates, monkeypatch, response, dynamics, hypothesis):
    chosen = specified(spec, nobody_deviates, response, dynamics)
    recorded = Recorded(monkeypatch)
    rng = np.random.default_rng(5)
    truth = simulator.simulate(chosen, whole, rng, hypothesis=hypothesis).truth
    past = cut(whole, PAST)
    values = {
        c.THREAT: truth["threat"][:, :PAST], c.CREDIBILITY: truth["credibility"][:, :PAST],
        c.COHESION: truth["cohesion"][:PAST], c.VAR_HALF_LIFE: truth["half_life"],
        c.VAR_CORRELATION: truth["correlation"], c.VAR_LEVEL_SECOND: truth["second_member_level"],
        c.VAR_SCALE_SECOND: truth["second_member_scale"],
        c.VAR_DRIVER_LOADING: truth["driver_loading"],
        c.VAR_ADMINISTRATION_EFFECT: truth["administration_effect"],
        c.VAR_ADMINISTRATION_DEVIATION: 0.0, c.VAR_GOVERNMENT_EFFECT: 0.0,
        c.VAR_CREDIBILITY_SD: truth["credibility_series_sd"],
        c.VAR_COEFFICIENT: truth["coefficient"], c.VAR_RIVAL_EFFECT: truth["rival_effect"]}
    if "local_trend" in dynamics:
        # The last slope is the one that acts in the first month ahead.
        values[c.VAR_SLOPE] = np.array(recorded.slopes)[:, :PAST]
        values[c.VAR_TREND_SD] = truth["trend_sd"]
    fit = replace(fit_of(chosen, past, values), hypothesis=hypothesis)
    stocks = {name: table[name].to_numpy()[PAST:] for table in (whole.drivers, whole.rivals)
              for name in table.columns}
    monkeypatch.setattr(states, "future_stocks", lambda *given: stocks)
    shocks = np.array(recorded.shocks)[:, PAST:]
    monkeypatch.setattr(states, "_shocks", lambda fit, shape, rng: np.broadcast_to(shocks, shape))
    found = states.project_states(fit, flatten(fit.posterior), AS_NOW, AHEAD, seed=1)
    expected = np.concatenate([truth["threat"], truth["credibility"], truth["cohesion"][None, :]])
    assert expected[:, PAST:].std(axis=1).min() > 0.05
    for one in found:
        assert one == pytest.approx(expected[:, PAST:], abs=1e-9)


# By formula, for draws of all kinds of values.

def project(monkeypatch, fit, shocks, seed=1):
    months = np.shape(shocks)[-1]
    monkeypatch.setattr(states, "_shocks", lambda fit, shape, rng: np.broadcast_to(shocks, shape))
    return states.project_states(fit, flatten(fit.posterior), AS_NOW, months, seed)


def own_scales(values):
    """Return what a shock to each state's own series is multiplied with, (sample, series)."""
    size, scale = values[c.VAR_CREDIBILITY_SD], values[c.VAR_SCALE_SECOND]
    across = scale * np.sqrt(1 - values[c.VAR_CORRELATION] ** 2)
    return np.stack([np.ones_like(size), across[:, 0], size, size * across[:, 1],
                     np.ones_like(size)], axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_variance_of_a_random_walk_grows_by_the_same_each_month(spec, panel, monkeypatch,
                                                                    kind):
    chosen = specified(spec, spec.priors, "level", (kind,) * 3)
    fit = replace(fit_of(chosen, panel, {}), hypothesis="H0")
    values = flatten(fit.posterior).values
    still, months = project(monkeypatch, fit, np.zeros((5, AHEAD))), np.arange(1, AHEAD + 1)
    rate = np.log(2) / values[c.VAR_HALF_LIFE][:, [0, 0, 1, 1, 2], None]
    own = own_scales(values)[:, :, None] ** 2
    for series in range(5):
        variance = 0.0
        for month in range(AHEAD):
            shocks = np.zeros((5, AHEAD))
            shocks[series, month] = 1.0
            variance += (project(monkeypatch, fit, shocks) - still)[:, series] ** 2
        share = 1 - np.exp(-2 * rate[:, series])
        # An autoregression's instead tends to that of its stationary distribution.
        expected = (share * months if kind != "ar1"
                    else 1 - np.exp(-2 * rate[:, series] * months))
        assert variance == pytest.approx(own[:, series] * expected, rel=1e-9)


def test_a_local_trend_goes_on_at_its_last_slope_and_turns_with_its_changes(spec, panel,
                                                                             monkeypatch):
    chosen = specified(spec, spec.priors, "level", ("local_trend", "ar1", "local_trend"))
    fit = replace(fit_of(chosen, panel, {}), hypothesis="H0")
    rng = np.random.default_rng(3)
    names = list(fit.posterior[c.DIM_TREND].to_numpy())
    assert names == ["threat_rok", "threat_japan", "cohesion"]
    slope, size = rng.normal(size=(2, 20, 3, len(panel.time))), rng.uniform(0.1, 0.5, (2, 20))
    posterior = fit.posterior.assign({
        c.VAR_SLOPE: (fit.posterior[c.VAR_SLOPE].dims, slope),
        c.VAR_TREND_SD: (("chain", "draw"), size)})
    fit = replace(fit, posterior=posterior)
    nothing = replace(fit, posterior=posterior.assign({
        c.VAR_SLOPE: (posterior[c.VAR_SLOPE].dims, 0 * slope), c.VAR_TREND_SD: 0 * posterior[
            c.VAR_TREND_SD]}))
    constant = replace(fit, posterior=posterior.assign({
        c.VAR_TREND_SD: 0 * posterior[c.VAR_TREND_SD]}))
    still, straight, turning = (project(monkeypatch, one, np.zeros((5, AHEAD)), seed=9)
                                for one in (nothing, constant, fit))
    values = flatten(fit.posterior).values
    last, months = values[c.VAR_SLOPE][:, :, -1], np.arange(1, AHEAD + 1)
    rho, scale = values[c.VAR_CORRELATION][:, 0], values[c.VAR_SCALE_SECOND][:, 0]
    mix = np.zeros((40, 5, 3))
    mix[:, 0, 0] = mix[:, 4, 2] = 1.0
    mix[:, 1, 0], mix[:, 1, 1] = scale * rho, scale * np.sqrt(1 - rho**2)
    assert straight - still == pytest.approx(
        np.einsum("xsk,xk,t->xst", mix, last, months), abs=1e-9)
    # The same numbers for a seed; the first month ahead still has the last month's slope.
    drawn = np.stack([np.random.default_rng([9, 41, series]).standard_normal((40, AHEAD - 1))
                      for series in (0, 1, 4)], axis=1)
    changes = np.concatenate([np.zeros((40, 3, 1)), drawn.cumsum(axis=2)], axis=2)
    added = values[c.VAR_TREND_SD][:, None, None] * changes.cumsum(axis=2)
    assert turning - straight == pytest.approx(np.einsum("xsk,xkt->xst", mix, added), abs=1e-9)
    assert (np.abs(turning - straight)[:, [0, 1, 4], 1:] > 0).all()


def test_one_month_ahead_a_slope_has_not_changed_yet(spec, panel, monkeypatch):
    chosen = specified(spec, spec.priors, "level", ("local_trend",) * 3)
    fit = replace(fit_of(chosen, panel, {c.VAR_SLOPE: 0.25, c.VAR_TREND_SD: 5.0}), hypothesis="H0")
    without = replace(fit, posterior=fit.posterior.assign(
        {c.VAR_SLOPE: 0 * fit.posterior[c.VAR_SLOPE]}))
    one, other = (project(monkeypatch, each, np.zeros((5, 1))) for each in (fit, without))
    moved = (one - other)[:, [0, 2, 4], 0]
    size = flatten(fit.posterior).values[c.VAR_CREDIBILITY_SD]
    assert moved == pytest.approx(0.25 * np.stack([np.ones(40), size, np.ones(40)], axis=1))


def test_scenarios_share_the_changes_of_slopes(spec, panel):
    chosen = specified(spec, spec.priors, "level", ("local_trend",) * 3)
    fit = fit_of(chosen, panel, {c.VAR_SLOPE: 0.1, c.VAR_TREND_SD: 0.2})
    samples = flatten(fit.posterior)
    now, same, other = (states.project_states(fit, samples, scenario, 4, seed)
                        for scenario, seed in ((AS_NOW, 1), (chosen.scenarios["us_doubt"], 1),
                                               (AS_NOW, 2)))
    assert np.array_equal(now[:, :2], same[:, :2])
    assert not np.array_equal(now[:, :2], other[:, :2])
