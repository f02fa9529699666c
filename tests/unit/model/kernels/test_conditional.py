import numpy as np
import pytensor
import pytest
from pytensor.gradient import verify_grad

from bayes_alliance.model.kernels import conditional_series, whitened_series
from tests.unit.model.kernels.oracles import difference, symbols, with_gradients

ALL = (0, 1, 2, 3, 4, 5, 6, 7)


def stationary(phi):
    """Return the variance of shocks that keep a variance of one."""
    phi = np.array(phi)
    return (1.0 - phi) * (1.0 + phi)


def precisions(phi, shock, scale, precision, coupling):
    """Return P and W of one series as dense matrices."""
    months = len(precision)
    steps = np.eye(months, dtype=np.result_type(phi, shock, float))
    for t in range(1, months):
        steps[t, t - 1], steps[t, t] = -phi, 1.0
        steps[t] = steps[t] / np.sqrt(shock)
    measured = np.diag(precision) + np.diag(coupling[:-1], 1) + np.diag(coupling[:-1], -1)
    return steps.T @ steps + scale**2 * measured, measured


def mean_of(phi, shock, path, scale, precision, coupling, linear):
    total, measured = precisions(phi, shock, scale, precision, coupling)
    return np.linalg.solve(total, scale * (linear - measured @ path))


def factor(matrix):
    """Return L and D of ``L D L^T`` of a dense matrix, for complex numbers too."""
    size = len(matrix)
    lower, diagonal = np.eye(size, dtype=matrix.dtype), np.zeros(size, dtype=matrix.dtype)
    for j in range(size):
        diagonal[j] = matrix[j, j] - (lower[j, :j] ** 2 * diagonal[:j]).sum()
        for i in range(j + 1, size):
            left = (lower[i, :j] * lower[j, :j] * diagonal[:j]).sum()
            lower[i, j] = (matrix[i, j] - left) / diagonal[j]
    return lower, diagonal


def by_hand(white, phi, shock, path, scale, precision, coupling, linear):
    series, log_jacobian = [], []
    for s in range(len(phi)):
        total, _ = precisions(phi[s], shock[s], scale[s], precision[s], coupling[s])
        lower, diagonal = factor(total)
        mean = mean_of(phi[s], shock[s], path[s], scale[s], precision[s], coupling[s], linear[s])
        series.append(mean + np.linalg.solve(lower.T, white[s] / np.sqrt(diagonal)))
        log_jacobian.append(-0.5 * np.log(diagonal).sum())
    return [np.array(series), np.array(log_jacobian)]


def inputs_of(rng, phi, months, scale=(0.7, 1.3), size=1.0, shock=None):
    """Two series; without a variance of the shocks, those of a stationary series."""
    count = len(phi)
    shock = stationary(phi) if shock is None else np.array(shock)
    precision = size * rng.uniform(0.1, 3.0, size=(count, months))
    following = np.roll(precision, -1, axis=1)
    coupling = rng.uniform(-0.45, 0.45, size=(count, months)) * np.sqrt(precision * following)
    return [rng.normal(size=(count, months)), np.array(phi), shock,
            rng.normal(size=(count, months)), np.array(scale), precision, coupling,
            size * rng.normal(size=(count, months))]


@pytest.fixture(scope="module")
def compiled():
    return with_gradients(conditional_series, inputs_of(np.random.default_rng(1), [0.1, 0.2], 3),
                          ALL)


@pytest.fixture(scope="module")
def inverse():
    given = symbols(inputs_of(np.random.default_rng(1), [0.1, 0.2], 3))
    return pytensor.function(given, whitened_series(*given), mode="NUMBA")


def mapped(compiled, inputs):
    white = inputs[0]
    return compiled(*inputs, np.ones_like(white), np.ones(len(white)))[:2]


@pytest.mark.parametrize("months", [1, 2, 3, 25])
@pytest.mark.parametrize("phi", [[0.0, 0.5], [1e-9, -1e-9], [-0.6, 0.97]])
def test_series_jacobian_and_gradients(compiled, check, rng, months, phi):
    check(compiled, by_hand, inputs_of(rng, phi, months), ALL)


@pytest.mark.parametrize("months", [1, 2, 25])
def test_persistence_near_one(compiled, check, rng, months):
    # P's entries are of the size 1 / (1 - phi), so that many digits are lost in any factoring.
    check(compiled, by_hand, inputs_of(rng, [1 - 1e-5, -1 + 1e-5], months), ALL, rel=1e-7,
          floor=1e-7)


@pytest.mark.parametrize("months", [1, 2, 25])
@pytest.mark.parametrize("phi", [[1.0, -1.0], [0.0, 1.0], [1 - 1e-12, 1.4]])
def test_persistence_of_one_and_shocks_of_any_size(compiled, check, rng, months, phi):
    check(compiled, by_hand, inputs_of(rng, phi, months, shock=[0.3, 0.02]), ALL, rel=1e-8)


@pytest.mark.parametrize("months", [1, 2, 25])
@pytest.mark.parametrize("shock", [1e-5, 1e6])
def test_tiny_and_huge_shocks(compiled, check, rng, months, shock):
    # P's entries are of the size 1 / shock: of tiny ones many digits are lost in any factoring.
    near = 1e-7 if shock < 1 else 1e-9
    inputs = inputs_of(rng, [1.0, 0.7], months, shock=[shock, shock])
    check(compiled, by_hand, inputs, ALL, rel=near, floor=near)


@pytest.mark.parametrize("size", [0.0, 1e6])
def test_a_random_walk_with_no_and_with_overwhelming_information(compiled, check, rng, size):
    inputs = inputs_of(rng, [1.0, 1.0], 12, size=size, shock=[0.1, 2.0])
    check(compiled, by_hand, inputs, ALL, rel=1e-8)


def test_one_month_has_neither_persistence_nor_shocks(compiled, rng):
    inputs = inputs_of(rng, [0.4, 1.0], 1, shock=[0.3, 1e-9])
    changed = [array.copy() for array in inputs]
    changed[1][:], changed[2][:] = 0.9, 7.0
    weights = rng.normal(size=(2, 1)), rng.normal(size=2)
    first, second = compiled(*inputs, *weights), compiled(*changed, *weights)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
    assert (first[2 + 1] == 0).all()
    assert (first[2 + 2] == 0).all()


@pytest.mark.parametrize("shock", [[0.3, 0.02], [1e-5, 1e6]])
def test_where_nothing_is_asked_every_slope_is_zero(compiled, rng, shock):
    inputs = inputs_of(rng, [1.0, 0.7], 9, shock=shock)
    for gradient in compiled(*inputs, np.zeros((2, 9)), np.zeros(2))[2:]:
        assert (gradient == 0).all()


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e6])
def test_no_little_and_overwhelming_information(compiled, check, rng, size):
    check(compiled, by_hand, inputs_of(rng, [0.4, 0.9], 12, size=size), ALL, rel=1e-8)


def test_a_scale_of_zero_and_a_negative_one(compiled, check, rng):
    check(compiled, by_hand, inputs_of(rng, [0.4, 0.9], 12, scale=(0.0, -0.8)), ALL)


def test_without_information_it_is_the_prior(compiled, rng):
    inputs = inputs_of(rng, [0.8, 0.3], 6, size=0.0)
    log_jacobian = mapped(compiled, inputs)[1]
    assert log_jacobian == pytest.approx(2.5 * np.log(1 - inputs[1] ** 2), rel=1e-12)


def test_without_information_a_random_walk_has_a_variance_that_grows_month_by_month(compiled, rng):
    shock = np.array([0.3, 1e-4])
    inputs = inputs_of(rng, [1.0, 1.0], 9, size=0.0, shock=shock)
    at_zero, log_jacobian = mapped(compiled, [np.zeros((2, 9)), *inputs[1:]])
    assert at_zero == pytest.approx(np.zeros((2, 9)), abs=0)
    assert log_jacobian == pytest.approx(4 * np.log(shock), rel=1e-10)
    roots = np.stack([mapped(compiled, [np.tile(unit, (2, 1)), *inputs[1:]])[0]
                      for unit in np.eye(9)], axis=2)
    months = np.arange(9)
    for root, size in zip(roots, shock, strict=True):
        expected = 1.0 + size * np.minimum(months[:, None], months)
        assert root @ root.T == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("phi", "shock"), [([0.0, 0.5], None), ([-0.6, 0.99], None),
                                            ([1.0, 0.9], [0.1, 1e-3])])
def test_the_map_has_the_covariance_and_mean_of_the_posterior(compiled, rng, phi, shock):
    months = 18
    inputs = inputs_of(rng, phi, months, shock=shock)
    at_zero, log_jacobian = mapped(compiled, [np.zeros((2, months)), *inputs[1:]])
    columns = [mapped(compiled, [np.tile(unit, (2, 1)), *inputs[1:]])[0] - at_zero
               for unit in np.eye(months)]
    for s in range(2):
        about = [array[s] for array in inputs[1:]]
        total, _ = precisions(*about[:2], *about[3:6])
        root = np.stack([column[s] for column in columns], axis=1)
        assert root @ root.T == pytest.approx(np.linalg.inv(total), rel=1e-9, abs=1e-12)
        assert log_jacobian[s] == pytest.approx(-0.5 * np.linalg.slogdet(total)[1], abs=1e-9)
        assert log_jacobian[s] == pytest.approx(np.linalg.slogdet(root)[1], abs=1e-9)
        assert at_zero[s] == pytest.approx(mean_of(*about), rel=1e-9, abs=1e-12)


def test_the_jacobian_of_many_months_neither_overflows_nor_underflows(compiled, rng):
    for size in (1e-8, 1e8):
        inputs = inputs_of(rng, [0.5, 1.0], 900, size=size, shock=[0.75, 0.002])
        log_jacobian = mapped(compiled, inputs)[1]
        for s in range(2):
            total, _ = precisions(*(array[s] for array in (*inputs[1:3], *inputs[4:7])))
            assert log_jacobian[s] == pytest.approx(-0.5 * np.linalg.slogdet(total)[1], rel=1e-9)


def test_what_lies_beside_the_last_month_is_not_read(compiled, rng):
    inputs = inputs_of(rng, [0.5, 0.9], 7)
    changed = [array.copy() for array in inputs]
    changed[6][:, -1] = np.nan
    weights = rng.normal(size=(2, 7)), rng.normal(size=2)
    first, second = compiled(*inputs, *weights), compiled(*changed, *weights)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
    assert (first[2 + 6][:, -1] == 0).all()


@pytest.mark.parametrize("months", [1, 2, 30])
@pytest.mark.parametrize(("phi", "shock"), [([0.0, 0.5], None), ([-0.6, 0.999], None),
                                            ([1.0, 1.0], [0.1, 1e-3])])
def test_whitening_is_the_inverse(compiled, inverse, rng, months, phi, shock):
    inputs = inputs_of(rng, phi, months, shock=shock)
    series = mapped(compiled, inputs)[0]
    assert inverse(series, *inputs[1:]) == pytest.approx(inputs[0], rel=1e-9, abs=1e-9)
    other = rng.normal(size=(2, months))
    white = inverse(other, *inputs[1:])
    assert mapped(compiled, [white, *inputs[1:]])[0] == pytest.approx(other, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("phi", "shock"), [([0.3, -0.9], None), ([1.0, 0.6], [0.2, 3.0])])
def test_gradients_by_finite_differences(compiled, rng, phi, shock):
    inputs = inputs_of(rng, phi, 5, shock=shock)
    weights = [rng.normal(size=(2, 5)), rng.normal(size=2)]
    for position, gradient in zip(ALL, compiled(*inputs, *weights)[2:], strict=True):
        expected = difference(by_hand, inputs, weights, position)
        assert gradient == pytest.approx(expected, rel=1e-5, abs=1e-7), position


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize(("phi", "shock"), [([0.3, -0.9], None), ([1.0, 0.6], [0.2, 3.0])])
def test_gradients_by_pytensor_through_either_output(rng, output, phi, shock):
    verify_grad(lambda *inputs: conditional_series(*inputs)[output],
                inputs_of(rng, phi, 3, shock=shock), rng=rng, mode="FAST_COMPILE")
