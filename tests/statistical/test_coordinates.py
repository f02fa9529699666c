"""Whitened coordinates change coordinates only: the density is that of the declared model."""

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.model import build_design
from tests.statistical.density_oracle import Oracle

BLOCKS = (("first_series_white__", c.THREAT, 0, 0), ("first_series_white__", c.CREDIBILITY, 1, 0),
          ("second_series_white__", c.THREAT, 0, 1), ("second_series_white__", c.CREDIBILITY, 1, 1),
          ("cohesion_residual_white__", c.COHESION, 0, 0))
OPTIONS = (("adjustment", "normal"), ("adjustment", "student_t"), ("level", "normal"))


def point(compiled, seed):
    return compiled.start + np.random.default_rng(seed).normal(0.0, 0.7, size=compiled.size)


def log_jacobian(compiled, position, scales):
    """Return log |d series / d coordinates|; a series is affine in its own coordinates."""
    expand, total = compiled.expand(), 0.0
    for name, state, row, member in BLOCKS:
        months = [i for i, label in enumerate(compiled.labels)
                  if label.startswith(f"{name}[{row},")]

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
    whites = {name for name, *_ in BLOCKS}
    assert set(sampled) == oracle.used | whites
    for name in (c.VAR_LOADING, c.VAR_INTERCEPT, c.VAR_NOISE, c.VAR_HALF_LIFE, c.VAR_CORRELATION,
                 c.VAR_GOVERNMENT_SD, c.VAR_GOVERNMENT_EFFECT):
        attribute = name if name != c.VAR_HALF_LIFE else "half_life"
        assert found[name] == pytest.approx(getattr(oracle, attribute), rel=1e-10), name
    assert found[c.VAR_ADMINISTRATION_EFFECT] == pytest.approx(oracle.effect, rel=1e-10)
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


def test_without_rows_the_coordinates_are_standard_normal(structured):
    _, design, compiled = structured()
    empty = compiled.with_data(weight=np.zeros_like(design.data["weight"]))
    position = point(compiled, 5)
    gradient = empty.density()(position)[1]
    white = [i for i, label in enumerate(compiled.labels) if "_white__" in label]
    assert gradient[white] == pytest.approx(-position[white], abs=1e-9)


@pytest.mark.parametrize(("response", "innovations"), OPTIONS)
def test_the_gradient_along_random_directions(structured, response, innovations):
    _, _, compiled = structured(response, innovations)
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
