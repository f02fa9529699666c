"""Stated values and shocks: by the formulas of a conditioned Gaussian, draw by draw."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.forecast import forecast, resolve_scenario, states
from bayes_alliance.forecast.conditions import place_conditions
from bayes_alliance.model.predict import flatten, steps
from bayes_alliance.spec import ForecastSpec, ScenarioSpec
from bayes_alliance.spec.schema import DynamicsSpec
from tests.helpers.made_up_fit import made_up_fit

AHEAD = 6
SERIES = ["threat_rok", "threat_japan", "credibility_rok", "credibility_japan", "cohesion"]


def stating(**parts):
    return ScenarioSpec(title="stated", **parts)


def given(member, ahead, value, sd=0.0):
    return {"member": member, "ahead": ahead, "value": value, "sd": sd}


@pytest.fixture(scope="module")
def made_up(spec, panel):
    return made_up_fit(spec.model_copy(update={"forecast": ForecastSpec()}), panel)


def with_dynamics(fit, kind):
    dynamics = DynamicsSpec(threat=kind, credibility=kind)
    head = fit.spec.model.model_copy(update={"dynamics": dynamics})
    return replace(fit, spec=fit.spec.model_copy(update={"model": head}))


def project(fit, scenario=None, months=AHEAD, seed=1):
    return states.project_states(fit, flatten(fit.posterior), scenario or stating(), months, seed)


def linear_map(monkeypatch, fit, scenario):
    """Return what the states are without innovations, and what each innovation adds to them."""
    def of(shocks):
        monkeypatch.setattr(states, "_shocks",
                            lambda fit, shape, rng: np.broadcast_to(shocks, shape))
        return project(fit, scenario)[:, :4].reshape(40, -1)

    still = of(np.zeros((5, AHEAD)))
    parts = []
    for series in range(4):
        for month in range(AHEAD):
            one = np.zeros((5, AHEAD))
            one[series, month] = 1.0
            parts.append(of(one) - still)
    return still, np.stack(parts, axis=2)


def covariance(fit, latent):
    """Return the covariance of both members' states over the months, by formula."""
    values, which = flatten(fit.posterior).values, c.LATENTS.index(latent)
    phi, step = steps(values[c.VAR_HALF_LIFE][:, which],
                      fit.spec.model.dynamics.of_latents[which])
    months = np.arange(1, AHEAD + 1)
    found = np.empty((40, 2, AHEAD, 2, AHEAD))
    for x in range(40):
        own = np.array([[step[x]**2 * sum(phi[x]**(s - k) * phi[x]**(t - k)
                                          for k in range(1, min(s, t) + 1))
                         for t in months] for s in months])
        rho = values[c.VAR_CORRELATION][x, which]
        scale = np.array([1.0, values[c.VAR_SCALE_SECOND][x, which]])
        if latent == c.CREDIBILITY:
            scale = scale * values[c.VAR_CREDIBILITY_SD][x]
        members = np.array([[1, rho], [rho, 1]]) * scale[:, None] * scale
        found[x] = members[:, None, :, None] * own[None, :, None, :]
    return found.reshape(40, 2 * AHEAD, 2 * AHEAD)


# Positions of stated values among both members' months, and the values.
STATED = [([3], [0.7]), ([AHEAD + 4], [-1.2]), ([1, AHEAD + 1, 4], [0.5, -0.5, 2.0])]


@pytest.mark.parametrize("latent", ["threat", "credibility"])
@pytest.mark.parametrize("kind", ["ar1", "random_walk"])
@pytest.mark.parametrize(("at", "value"), STATED)
def test_states_have_mean_and_covariance_of_a_gaussian_given_its_values(
        made_up, monkeypatch, latent, kind, at, value):
    fit = with_dynamics(made_up, kind)
    scenario = stating(**{latent: tuple(
        given(["rok", "japan"][where // AHEAD], where % AHEAD + 1, one)
        for where, one in zip(at, value, strict=True))})
    pair = slice(0, 2 * AHEAD) if latent == "threat" else slice(2 * AHEAD, 4 * AHEAD)
    before, _ = linear_map(monkeypatch, fit, stating())
    mean, moved = linear_map(monkeypatch, fit, scenario)
    prior = covariance(fit, latent)
    for x in range(40):
        gain = prior[x][:, at] @ np.linalg.inv(prior[x][np.ix_(at, at)])
        wanted = before[x, pair] + gain @ (np.array(value) - before[x, pair][at])
        assert mean[x, pair] == pytest.approx(wanted, abs=1e-8)
        found = moved[x, pair] @ moved[x, pair].T
        assert found == pytest.approx(prior[x] - gain @ prior[x][at], abs=1e-8)
        assert mean[x, pair][at] == pytest.approx(value, abs=1e-9)
        assert np.diag(found)[at] == pytest.approx(0.0, abs=1e-12)
    other = slice(2 * AHEAD, 4 * AHEAD) if latent == "threat" else slice(0, 2 * AHEAD)
    assert np.array_equal(mean[:, other], before[:, other])


def test_a_value_is_hit_in_every_draw_and_members_nearly_one_are_no_trouble(made_up):
    near = replace(made_up, posterior=made_up.posterior.assign({
        c.VAR_CORRELATION: made_up.posterior[c.VAR_CORRELATION] * 0 + 0.999999}))
    found = project(near, stating(threat=(given("both", 3, 1.5), given("both", 4, -1.5)),
                                  credibility=(given("japan", 6, 0.25),)))
    for member in (0, 1):
        assert found[:, member, 2] == pytest.approx(np.full(40, 1.5), abs=1e-9)
        assert found[:, member, 3] == pytest.approx(np.full(40, -1.5), abs=1e-9)
    assert found[:, 3, 5] == pytest.approx(np.full(40, 0.25), abs=1e-9)


def test_all_months_of_five_years_may_be_stated(made_up):
    values = tuple(given("both", month, np.sin(month)) for month in range(1, 61))
    found = project(made_up, stating(threat=values), months=60)
    wanted = np.broadcast_to(np.sin(np.arange(1, 61)), (40, 2, 60))
    assert found[:, :2] == pytest.approx(wanted, abs=1e-8)


def test_a_value_with_an_sd_is_drawn_about_it(spec, panel):
    """Mean and sd within 5 standard errors: false alarm below 1 in 500 000."""
    fit = made_up_fit(spec, panel, draws=1000)
    found = project(fit, stating(threat=(given("japan", 4, 2.0, 0.5),)))[:, 1, 3]
    assert abs(found.mean() - 2.0) < 5 * 0.5 / np.sqrt(2000)
    assert abs(found.std() / 0.5 - 1) < 5 / np.sqrt(4000)
    stated = 2.0 + 0.5 * np.random.default_rng([1, 47, 1, 3]).standard_normal(2000)
    assert found == pytest.approx(stated, abs=1e-8)


def test_two_values_differ_by_the_gain_in_every_draw(made_up):
    low, high = (project(made_up, stating(threat=(given("rok", 4, value),)))
                 for value in (0.0, 1.0))
    prior = covariance(made_up, "threat")
    gain = (prior[:, :, 3] / prior[:, 3, 3, None]).reshape(40, 2, AHEAD)
    assert (high - low)[:, :2] == pytest.approx(gain, abs=1e-9)
    assert np.array_equal(low[:, 2:4], high[:, 2:4])
    # A value that is what comes anyway changes nothing.
    free = project(made_up)
    same = project(replace(made_up, posterior=made_up.posterior), stating(
        threat=(given("rok", 4, float(free[7, 0, 3])),)))
    assert same[7] == pytest.approx(free[7], abs=1e-9)


def test_the_effect_of_the_administration_is_a_constant_to_a_value(spec, panel):
    fit = made_up_fit(spec, panel)
    for label in (None, "obama"):
        scenario = stating(credibility=(given("rok", 5, -0.3),), administration=label)
        assert project(fit, scenario)[:, 2, 4] == pytest.approx(np.full(40, -0.3), abs=1e-9)


@pytest.mark.parametrize("name", SERIES)
def test_a_shock_moves_its_own_series_by_its_size_and_fades(made_up, name):
    series, values = SERIES.index(name), flatten(made_up.posterior).values
    still, moved = (project(made_up, one) for one in (stating(), stating(
        shocks=({"series": name, "ahead": 3, "size": -2.0},))))
    phi, step = (part[:, None] for part in steps(values[c.VAR_HALF_LIFE][:, series // 2], "ar1"))
    own = np.ones(40)
    if series in (1, 3):
        own = own * values[c.VAR_SCALE_SECOND][:, series // 2]
    if series in (2, 3):
        own = own * values[c.VAR_CREDIBILITY_SD]
    expected = np.zeros((40, AHEAD))
    expected[:, 2:] = -2.0 * own[:, None] * step * phi ** np.arange(AHEAD - 2)
    difference = moved - still
    assert difference[:, series] == pytest.approx(expected, abs=1e-9)
    for other in range(4):
        if other != series:
            assert difference[:, other] == pytest.approx(0.0, abs=1e-12)


def test_shocks_of_a_month_add_up_and_values_hold_after_them(made_up):
    shock = {"series": "threat_rok", "month": "2025-02", "size": 1.0}
    twice = project(made_up, stating(shocks=(shock, shock)))
    once = project(made_up, stating(shocks=({**shock, "size": 2.0},)))
    assert np.array_equal(twice, once)
    both = project(made_up, stating(shocks=(shock,), threat=(given("rok", 6, 0.1),)))
    assert both[:, 0, 5] == pytest.approx(np.full(40, 0.1), abs=1e-9)


def test_months_are_those_after_the_panels_last(spec, panel):
    scenario = stating(threat=({"member": "both", "month": "2025-12", "value": 1.0},),
                       shocks=({"series": "cohesion", "month": "2026-12", "size": 1.0},))
    placed, faults = place_conditions(scenario, spec, panel.time[-1], 24)
    assert placed.values == {(0, 11): (1.0, 0.0), (1, 11): (1.0, 0.0)}
    assert placed.shocks == {(4, 23): 1.0}
    assert faults == []
    _, faults = place_conditions(scenario, spec, pd.Period("2015-12", "M"), 24)
    assert [fault.allowed for fault in faults] == ["2016-01 to 2017-12, 1 to 24 ahead"] * 2


def test_all_that_cannot_be_stated_is_said_at_once(spec, panel):
    wrong = ScenarioSpec(
        title="x", administration="trump", driver_rates={"launch_day": 1.0},
        threat=(given("rok", 3, 1.0), given("both", 3, 2.0), given("china", 3, 1.0),
                {"member": "japan", "month": "2024-12", "value": 1.0}, given("rok", 3, 1.0),
                given("rok", 3, 1.0, 0.2)),
        shocks=({"series": "threat_rok", "month": "2025-03", "size": 1.0},
                {"series": "cohesoin", "ahead": 1, "size": 1.0},
                {"series": "cohesion", "ahead": 25, "size": 1.0}))
    with pytest.raises(SpecError) as caught:
        resolve_scenario(wrong, spec, panel)
    words = str(caught.value)
    assert len(caught.value.faults) == 9
    for part in ("'launch_day', which the model does not have; did you mean 'launch_days'",
                 "threat[2].member is 'china'", "allowed: rok, japan, both",
                 "shocks[1].series is 'cohesoin', which the model does not have; did you mean",
                 "scenarios.x.threat[1]: threat_rok of 2025-03 is 2, but it was 1 before",
                 "scenarios.x.threat[5]: threat_rok of 2025-03 is 1 with sd 0.2, but it was 1",
                 "scenarios.x.threat[3]: month 2024-12 is outside a forecast of 24 months",
                 "2025-01 to 2026-12, 1 to 24 ahead", "scenarios.x.shocks[2]: ahead = 25",
                 "threat_rok of 2025-03 has a value, which a shock", "did you mean 'trump_1'"):
        assert part in words, part


def test_a_month_beyond_a_shorter_forecast_is_refused_before_anything_is_drawn(
        made_up, monkeypatch):
    monkeypatch.setattr("bayes_alliance.forecast.project.project_states", None)
    with pytest.raises(SpecError, match="outside a forecast of 6 months"):
        forecast(made_up, 6, scenario=stating(threat=(given("rok", 7, 1.0),)))
    with pytest.raises(SpecError, match="outside a forecast of 6 months"):
        project(made_up, stating(threat=(given("rok", 7, 1.0),)))


def test_what_has_no_known_distribution_given_a_value_is_refused(made_up, panel):
    scenario = stating(threat=(given("rok", 3, 1.0),))
    trended = with_dynamics(made_up, "local_trend")
    with pytest.raises(SpecError, match="threat has values, but its dynamics are local_trend"):
        resolve_scenario(scenario, trended.spec, panel)
    head = made_up.spec.model.model_copy(update={"innovations": "student_t"})
    with pytest.raises(SpecError, match="innovations are student_t"):
        resolve_scenario(scenario, made_up.spec.model_copy(update={"model": head}), panel)
    with pytest.raises(SpecError, match="dynamics are local_trend"):
        project(trended, scenario)
    # The shipped scenario with values keeps nobody from these dynamics.
    assert trended.spec.model_validate(trended.spec.model_dump()).scenarios["calm_2018"].threat
    # Shocks are sums and need no distribution.
    shock = stating(shocks=({"series": "threat_rok", "ahead": 3, "size": 1.0},))
    assert resolve_scenario(shock, trended.spec, panel).name == "stated"
