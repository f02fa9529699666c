import numpy as np
import pytest
from pytensor.gradient import verify_grad

from bayes_alliance.model.kernels import row_terms
from tests.unit.model.kernels.oracles import difference, with_gradients

DIFFERENTIABLE = (0, 1, 2, 3, 4, 5)
NAMES = ("oriented", "row_indicator", "nuisance_cell", "covariate_design", "has_previous", "gap",
         "weight", "variance_base", "variance_slope", "link_value")


def terms(loading, intercept, noise, rate, cells, effect, *data):
    return row_terms(loading, intercept, noise, rate, cells, effect,
                     dict(zip(NAMES, data, strict=True)))


def by_hand(loading, intercept, noise, rate, cells, effect, oriented, indicator, cell, design,
            chained, gap, weight, base, multiple, value):
    slope = oriented * loading[indicator]
    shift = intercept[indicator] + cells[cell].sum(axis=1) + design @ effect
    own_noise = noise[indicator]
    decay = np.where(chained > 0, np.exp(-rate[indicator] * gap), 0.0)
    precision = weight / ((base + multiple * own_noise**2) * (1 - decay**2))
    return [slope, shift, own_noise, decay, precision, value - shift]


def inputs_of(rng, rows=9, effects=2, chained=None):
    chained = np.arange(rows) % 2.0 if chained is None else chained
    cell = rng.integers(0, 4, size=(rows, 3))
    return [rng.uniform(0.2, 2.0, size=4), rng.normal(size=4), rng.uniform(0.1, 1.0, size=4),
            np.array([0.2, 0.0, 1.1, 0.4]) + 0.05, np.append(0.0, rng.normal(size=3)),
            rng.normal(size=effects), rng.choice([-1.0, 1.0], size=rows),
            rng.integers(0, 3, size=rows), cell, rng.normal(size=(rows, effects)), chained,
            rng.uniform(1.0, 12.0, size=rows), (np.arange(rows) % 4 > 0).astype(float),
            rng.uniform(0.01, 0.3, size=rows), rng.uniform(0.5, 3.0, size=rows),
            rng.normal(size=rows)]


@pytest.fixture(scope="module")
def compiled():
    return with_gradients(terms, inputs_of(np.random.default_rng(1)), DIFFERENTIABLE)


@pytest.mark.parametrize("rows", [0, 1, 9])
@pytest.mark.parametrize("effects", [0, 1, 3])
def test_terms_and_gradients(compiled, check, rng, rows, effects):
    check(compiled, by_hand, inputs_of(rng, rows, effects), DIFFERENTIABLE)


def test_no_chain_and_chains_that_have_died_out(compiled, check, rng):
    check(compiled, by_hand, inputs_of(rng, chained=np.zeros(9)), DIFFERENTIABLE)
    inputs = inputs_of(rng, chained=np.ones(9))
    inputs[3][:] = 1e4
    check(compiled, by_hand, inputs, DIFFERENTIABLE)


def test_chains_with_a_correlation_near_one(compiled, check, rng):
    inputs = inputs_of(rng, chained=np.ones(9))
    inputs[3] *= 1e-6
    # 1 - d**2 of a d that is rounded to 16 digits has ten of them.
    check(compiled, by_hand, inputs, DIFFERENTIABLE, rel=1e-8)


@pytest.mark.parametrize("noise", [1e-6, 1e3])
def test_tiny_and_huge_noise(compiled, check, rng, noise):
    inputs = inputs_of(rng)
    inputs[2][:] = noise
    check(compiled, by_hand, inputs, DIFFERENTIABLE)
    inputs[13][:] = 0.0
    check(compiled, by_hand, inputs, DIFFERENTIABLE)


def test_an_indicator_without_rows_has_no_slope(compiled, rng):
    inputs = inputs_of(rng)
    found = compiled(*inputs, *[np.ones(9)] * 6)
    for gradient in found[6:10]:
        assert gradient[3] == 0.0


def test_gradients_by_finite_differences(compiled, rng):
    inputs = inputs_of(rng)
    weights = [rng.normal(size=9) for _ in range(6)]
    for position, gradient in zip(DIFFERENTIABLE, compiled(*inputs, *weights)[6:], strict=True):
        expected = difference(by_hand, inputs, weights, position)
        assert gradient == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("output", range(6))
def test_gradients_by_pytensor_through_each_output(rng, output):
    inputs = inputs_of(rng, rows=3)
    verify_grad(lambda *given: terms(*given, *inputs[6:])[output], inputs[:6], rng=rng,
                mode="FAST_COMPILE")
