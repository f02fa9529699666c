import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad

from bayes_alliance.model.kernels import row_information
from tests.unit.model.kernels.oracles import difference, with_gradients

DIFFERENTIABLE = (0, 1, 2, 3)


def by_hand(slope, precision, decay, value, series, month, previous, shape):
    """Add every row to one dense precision of all states, then read its bands."""
    count, months = shape.shape
    kind = np.result_type(slope, precision, decay, value)
    dense = np.zeros((count * months,) * 2, dtype=kind)
    pull = np.zeros(count * months, dtype=kind)
    for i in range(len(slope)):
        at = series[i] * months + month[i]
        row, left = np.zeros(count * months, dtype=kind), value[i]
        row[at] = slope[i]
        if decay[i].real != 0:  # a decay of 0 means no chain
            row[at - 1] = -decay[i] * slope[previous[i]]
            left = left - decay[i] * value[previous[i]]
        dense += precision[i] * np.outer(row, row)
        pull += precision[i] * row * left
    beside = np.append(np.diag(dense, 1), 0.0).reshape(count, months)
    assert not np.triu(dense, 2).any()
    return [np.diag(dense).reshape(count, months), beside, pull.reshape(count, months)]


def rows_of(rng, chained=(0.6, 0.2, 0.9)):
    """Ten rows of three series in seven months; series 1 and months 5 and 6 have none."""
    series = np.array([0, 0, 0, 0, 0, 0, 2, 2, 2, 2])
    month = np.array([0, 1, 2, 3, 3, 0, 4, 2, 0, 1])
    previous = np.array([0, 0, 1, 2, 0, 0, 0, 0, 0, 8])
    decay = np.zeros(10)
    decay[[1, 2, 9]] = chained
    return [rng.normal(size=10), rng.uniform(0.1, 4.0, size=10), decay, rng.normal(size=10),
            series, month, previous, np.zeros((3, 7))]


@pytest.fixture(scope="module")
def compiled():
    return with_gradients(row_information, rows_of(np.random.default_rng(1)), DIFFERENTIABLE)


@pytest.mark.parametrize("chained", [(0.6, 0.2, 0.9), (1e-12, 1e-3, 1 - 1e-9), (0.0, 0.5, 0.0),
                                     (0.0, 0.0, 0.0)])
def test_bands_and_gradients(compiled, check, rng, chained):
    check(compiled, by_hand, rows_of(rng, chained), DIFFERENTIABLE)


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e12])
def test_rows_without_weight_and_of_tiny_and_huge_noise(compiled, check, rng, size):
    inputs = rows_of(rng)
    inputs[1] *= size
    check(compiled, by_hand, inputs, DIFFERENTIABLE)


def test_states_that_no_row_measures_get_nothing(compiled, rng):
    weights = [np.ones((3, 7))] * 3
    diagonal, beside, linear = compiled(*rows_of(rng), *weights)[:3]
    for band in (diagonal, beside, linear):
        assert (band[1] == 0).all()
        assert (band[:, 5:] == 0).all()


def test_no_rows_and_one_month(compiled, check, rng):
    nothing = [np.zeros(0)] * 4 + [np.zeros(0, dtype=np.int64)] * 3
    found = compiled(*nothing, np.zeros((2, 4)), *[np.ones((2, 4))] * 3)
    assert [part.shape for part in found] == [(2, 4)] * 3 + [(0,)] * 4
    assert not any(part.any() for part in found)
    one = [rng.normal(size=2), np.ones(2), np.zeros(2), rng.normal(size=2),
           *[np.zeros(2, dtype=np.int64)] * 3, np.zeros((1, 1))]
    check(compiled, by_hand, one, DIFFERENTIABLE)


def test_gradients_by_finite_differences(compiled, rng):
    inputs = rows_of(rng)
    chained = np.flatnonzero(inputs[2])

    def with_chains(slope, precision, later, value):
        decay = np.zeros(10)
        decay[chained] = later
        return by_hand(slope, precision, decay, value, *inputs[4:])

    weights = [rng.normal(size=(3, 7)) for _ in range(3)]
    found = list(compiled(*inputs, *weights)[3:])
    found[2] = found[2][chained]
    given = [inputs[0], inputs[1], inputs[2][chained], inputs[3]]
    for position, gradient in enumerate(found):
        expected = difference(with_chains, given, weights, position)
        assert gradient == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("output", [0, 1, 2])
def test_gradients_by_pytensor_through_each_output(rng, output):
    # All rows but the first in one chain: a decay of 0 is no point to take differences at.
    months = np.arange(4)
    previous = np.array([0, 0, 1, 2])
    where = [np.zeros(4, dtype=np.int64), months, previous, np.zeros((1, 4))]

    def function(slope, precision, later, value):
        decay = pt.concatenate([np.zeros(1), later])
        return row_information(slope, precision, decay, value, *where)[output]

    verify_grad(function, [rng.normal(size=4), rng.uniform(0.5, 2.0, size=4),
                           rng.uniform(0.2, 0.8, size=3), rng.normal(size=4)], rng=rng,
                mode="FAST_COMPILE")
