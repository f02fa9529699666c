"""Whitened coordinates change coordinates only: the density is that of the declared model."""

from dataclasses import replace

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.forecast import ScenarioSpec
from bayes_alliance.forecast.states import project_states
from bayes_alliance.hypotheses import components
from bayes_alliance.inference.compiled import HELPER_SUFFIXES
from bayes_alliance.inference.sampling import draw
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten
from tests.helpers.made_up_fit import made_up_fit
from tests.statistical.density_oracle import Oracle

BLOCKS = (("first_series", c.THREAT, 0, 0), ("first_series", c.CREDIBILITY, 1, 0),
          ("second_series", c.THREAT, 0, 1), ("second_series", c.CREDIBILITY, 1, 1),
          ("cohesion_residual", c.COHESION, 0, 0))
# Each costs a compilation; the default run has the shipped model's own.
OPTIONS = (("adjustment", "normal"),
           pytest.param("adjustment", "student_t", marks=pytest.mark.repeat),
           pytest.param("level", "normal", marks=pytest.mark.repeat))
# Of threat, credibility and cohesion.
TRENDS = ("local_trend", "random_walk", "local_trend")
DYNAMICS = (pytest.param(TRENDS, marks=pytest.mark.repeat),
            pytest.param(("random_walk", "local_trend", "random_walk"), marks=pytest.mark.slow))


def point(compiled, seed):
    return compiled.start + np.random.default_rng(seed).normal(0.0, 0.7, size=compiled.size)


def log_jacobian(compiled, position, scales):
    """Return log |d series / d coordinates|; a series is affine in its own coordinates."""
    expand, total = compiled.expand(), 0.0
    for name, state, row, member in BLOCKS:
        months = [i for i, label in enumerate(compiled.labels)
                  if label.startswith((f"{name}[{row},", f"{name}_white__[{row},"))]

        def series(moved, state=state, member=member):
            found = expand(moved)[state]
            return found.copy() if state == c.COHESION else found[member].copy()

        start, columns = series(position), []
        for i in months:
            moved = position.copy()
            moved[i] += 1.0
            columns.append(series(moved) - start)
        total += np.linalg.slogdet(np.array(columns))[1]
        total -= len(months) * np.log(scales[state][member])
    return total


def agrees(spec, panel, design, compiled, unpacked, seed):
    position = point(compiled, seed)
    found = compiled.expand()(position)
    sampled = unpacked(compiled, position)
    states = [found[name].copy() for name in c.MONTHLY_STATES]
    oracle = Oracle(spec, panel, design, sampled, states)
    centred = design.options.coordinates == "centred"
    series = {name if centred else f"{name}_white__" for name, *_ in BLOCKS}
    assert set(sampled) == oracle.used | series
    for name in (c.VAR_LOADING, c.VAR_INTERCEPT, c.VAR_NOISE, c.VAR_HALF_LIFE, c.VAR_CORRELATION,
                 c.VAR_GOVERNMENT_SD, c.VAR_GOVERNMENT_EFFECT):
        attribute = name if name != c.VAR_HALF_LIFE else "half_life"
        assert found[name] == pytest.approx(getattr(oracle, attribute), rel=1e-10), name
    assert found[c.VAR_ADMINISTRATION_EFFECT] == pytest.approx(oracle.effect, rel=1e-10)
    if "local_trend" in spec.series_dynamics:
        assert found[c.VAR_TREND_SD] == pytest.approx(oracle.trend_sd, rel=1e-10)
        assert found[c.VAR_SLOPE] == pytest.approx(oracle.slope, rel=1e-10, abs=1e-15)
    else:
        assert not {c.VAR_TREND_SD, c.VAR_SLOPE} & set(found)
    if c.VAR_SEASON in found:
        assert found[c.VAR_SEASON] == pytest.approx(oracle.season, rel=1e-10, abs=1e-12)
    value = compiled.density()(position)[0]
    expected = oracle.total + log_jacobian(compiled, position, oracle.scales)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("response", "innovations"), OPTIONS)
def test_the_density_of_a_small_panel(structured, small, unpacked, response, innovations):
    spec, design, compiled = structured(response, innovations)
    for seed in range(3):
        agrees(spec, small, design, compiled, unpacked, seed)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_the_density_with_other_dynamics(structured, small, unpacked, dynamics):
    spec, design, compiled = structured("level", dynamics=dynamics)
    trended = [name for name, kind in zip(spec.series, spec.series_dynamics, strict=True)
               if kind == "local_trend"]
    assert compiled.coords[c.DIM_TREND] == trended
    assert compiled.dims[c.VAR_SLOPE] == (c.DIM_TREND, c.DIM_TIME)
    monthly = {label.partition("[")[0] for label, own in zip(compiled.labels, compiled.monthly,
                                                             strict=True) if own}
    assert monthly == {"slope_shock_raw", *(f"{name}_white__" for name, *_ in BLOCKS)}
    assert sum(compiled.monthly) == (5 + len(trended)) * len(small.time)
    for seed in range(3):
        agrees(spec, small, design, compiled, unpacked, seed)


@pytest.mark.repeat
def test_draws_with_slopes_are_carried_on_and_split_like_others(structured, small):
    # A few draws: what must hold in each of them, never inference.
    spec, _, compiled = structured("level", dynamics=TRENDS)
    raw = draw(compiled, draws=20, tune=60, chains=2, seed=1, target_accept=0.8, max_depth=6)
    slope = raw.posterior[c.VAR_SLOPE]
    assert slope.dims == ("chain", "draw", c.DIM_TREND, c.DIM_TIME)
    assert list(slope[c.DIM_TREND].to_numpy()) == ["threat_rok", "threat_japan", "cohesion"]
    assert not [name for name in raw.posterior.data_vars if name.endswith(HELPER_SUFFIXES)]
    fit = replace(made_up_fit(spec, small), posterior=raw.posterior)
    split = components(fit).sum(c.DIM_COMPONENT)
    assert np.abs(split - fit.posterior[c.COHESION]).max() < 1e-9
    samples, scenario = flatten(raw.posterior), ScenarioSpec(title="as now")
    ahead = project_states(fit, samples, scenario, 3, seed=1)
    assert ahead.shape == (40, 5, 3)
    assert np.isfinite(ahead).all()
    # The first month ahead has the last slope and one shock, the same in all draws of a seed.
    steeper = raw.posterior.assign({c.VAR_SLOPE: slope + 1.0})
    moved = project_states(replace(fit, posterior=steeper), flatten(steeper), scenario, 3, seed=1)
    assert (moved - ahead)[:, 0] == pytest.approx(np.tile([1.0, 2.0, 3.0], (40, 1)))
    assert (moved - ahead)[:, 2] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("innovations", ["normal", "student_t"])
@pytest.mark.parametrize("coordinates", ["non_centred", "centred"])
def test_the_density_in_other_coordinates(structured, small, unpacked, coordinates, innovations):
    # The default run has this for the series alone, in tests/unit/model/test_series.py.
    spec, design, compiled = structured("level", innovations, dynamics=TRENDS,
                                        coordinates=coordinates)
    for seed in range(3):
        agrees(spec, small, design, compiled, unpacked, seed)
    directions_agree(compiled)


@pytest.mark.parametrize("hypothesis", ["H0", "H1"])
def test_the_density_under_other_hypotheses(structured, small, unpacked, hypothesis):
    spec, design, compiled = structured(hypothesis=hypothesis)
    agrees(spec, small, design, compiled, unpacked, 4)


def test_the_density_of_the_flagship(spec, panel, unpacked):
    from bayes_alliance.inference.compiled import compiled_model

    design = build_design(spec, panel)
    compiled = compiled_model(spec, panel, design)
    for seed in range(2):
        agrees(spec, panel, design, compiled, unpacked, seed)
    # Rows left out, among them some in the middle of a chain.
    used = np.random.default_rng(6).random(len(design.rows)) < 0.7
    fewer = design.with_rows(used)
    agrees(spec, panel, fewer, compiled.with_data(**fewer.data), unpacked, 7)


@pytest.mark.parametrize("options", [
    {}, pytest.param({"response": "level", "dynamics": TRENDS}, marks=pytest.mark.repeat)])
def test_without_rows_the_coordinates_are_standard_normal(structured, options):
    _, design, compiled = structured(**options)
    empty = compiled.with_data(weight=np.zeros_like(design.data["weight"]))
    position = point(compiled, 5)
    gradient = empty.density()(position)[1]
    white = compiled.monthly
    assert gradient[white] == pytest.approx(-position[white], abs=1e-9)


@pytest.mark.parametrize(("response", "innovations"), OPTIONS)
def test_the_gradient_along_random_directions(structured, response, innovations):
    _, _, compiled = structured(response, innovations)
    directions_agree(compiled)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_the_gradient_with_other_dynamics_along_random_directions(structured, dynamics):
    _, _, compiled = structured("level", dynamics=dynamics)
    directions_agree(compiled)


def test_the_gradient_of_the_flagship_along_random_directions(spec, panel):
    from bayes_alliance.inference.compiled import compiled_model

    directions_agree(compiled_model(spec, panel, build_design(spec, panel)))


def directions_agree(compiled, step=1e-5):
    density, rng = compiled.density(), np.random.default_rng(9)
    for seed in range(4):
        position = point(compiled, seed)
        direction = rng.normal(size=compiled.size)
        direction /= np.linalg.norm(direction)
        gradient = density(position)[1].copy()
        # Richardson's combination of two step sizes has an error of the fourth order.
        slopes = [(density(position + h * direction)[0] - density(position - h * direction)[0])
                  / (2 * h) for h in (step, 2 * step)]
        expected = (4 * slopes[0] - slopes[1]) / 3
        scale = np.abs(gradient).max()
        assert gradient @ direction == pytest.approx(expected, rel=1e-5, abs=1e-6 * scale)
