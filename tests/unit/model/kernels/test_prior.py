import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import DisconnectedInputError, verify_grad
from scipy import special, stats

from bayes_alliance.model.kernels import series_density
from tests.unit.model.kernels.oracles import difference, with_gradients

DIFFERENTIABLE = (0, 1, 2)
NORMAL = 0.0
DEGREES = [NORMAL, 2.1, 5.0, 300.0]


def by_hand(series, phi, variance, df):
    result = []
    for s in range(len(phi)):
        shock = np.concatenate([series[s, :1], (series[s, 1:] - phi[s] * series[s, :-1])
                                / np.sqrt(variance[s])])
        if df:
            constant = special.gammaln((df + 1) / 2) - special.gammaln(df / 2)
            each = (constant - 0.5 * np.log((df - 2) * np.pi)
                    - (df + 1) / 2 * np.log(1 + shock**2 / (df - 2)))
        else:
            each = -0.5 * shock**2 - 0.5 * np.log(2 * np.pi)
        result.append(each.sum() - 0.5 * (len(shock) - 1) * np.log(variance[s]))
    return [np.array(result)]


def inputs_of(rng, months, phi=(0.5, -0.9), variance=(0.75, 0.19), df=NORMAL, size=1.0):
    return [size * rng.normal(size=(2, months)), np.array(phi), np.array(variance), np.array(df)]


@pytest.fixture(scope="module")
def compiled():
    return with_gradients(series_density, inputs_of(np.random.default_rng(1), 3), DIFFERENTIABLE)


@pytest.mark.parametrize("months", [1, 2, 30])
@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("phi", [(0.0, 0.5), (1.0, -1.0), (1 - 1e-12, 1e-12), (-0.6, 1.4)])
def test_density_and_gradients(compiled, check, rng, months, df, phi):
    check(compiled, by_hand, inputs_of(rng, months, phi, df=df), DIFFERENTIABLE)


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("variance", [(1e-12, 1e-6), (1e6, 1e12)])
def test_tiny_and_huge_shocks(compiled, check, rng, variance, df):
    check(compiled, by_hand, inputs_of(rng, 20, (1.0, 0.3), variance, df), DIFFERENTIABLE)


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("size", [0.0, 1e-9, 1e9])
def test_series_at_zero_and_far_out(compiled, check, rng, df, size):
    check(compiled, by_hand, inputs_of(rng, 12, (1.0, 0.3), df=df, size=size), DIFFERENTIABLE)


@pytest.mark.parametrize("df", DEGREES)
def test_the_density_is_scipys(compiled, rng, df):
    series, phi, variance, _ = inputs = inputs_of(rng, 15, (0.8, 1.0), (0.36, 0.1), df)
    law = stats.t(df, scale=np.sqrt((df - 2) / df)) if df else stats.norm
    spread = np.sqrt(variance)[:, None]
    steps = (series[:, 1:] - phi[:, None] * series[:, :-1]) / spread
    expected = (law.logpdf(series[:, 0]) + law.logpdf(steps).sum(axis=1)
                - 14 * np.log(spread[:, 0]))
    assert compiled(*inputs, np.ones(2))[0] == pytest.approx(expected, rel=1e-11)


def test_normal_shocks_make_one_normal_vector(compiled, rng):
    # Stationary with unit variance, and a random walk.
    inputs = inputs_of(rng, 8, (0.8, 1.0), (0.36, 0.1))
    months = np.arange(8)
    covariances = (0.8 ** np.abs(np.subtract.outer(months, months)),
                   1.0 + 0.1 * np.minimum.outer(months, months))
    expected = [stats.multivariate_normal(np.zeros(8), covariance).logpdf(series)
                for covariance, series in zip(covariances, inputs[0], strict=True)]
    assert compiled(*inputs, np.ones(2))[0] == pytest.approx(expected, rel=1e-10)


def test_many_degrees_of_freedom_are_normal_shocks(compiled, rng):
    inputs = inputs_of(rng, 10, (0.8, 1.0))
    normal = compiled(*inputs, np.ones(2))
    student = compiled(*inputs[:3], np.array(1e7), np.ones(2))
    for one, other in zip(normal, student, strict=True):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("df", [NORMAL, 5.0])
def test_one_month_has_neither_persistence_nor_shocks(compiled, rng, df):
    inputs = inputs_of(rng, 1, df=df)
    changed = [inputs[0], np.array([1.0, 0.0]), np.array([1e-9, 7.0]), inputs[3]]
    first, second = compiled(*inputs, np.ones(2)), compiled(*changed, np.ones(2))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
    assert not first[2].any()
    assert not first[3].any()


@pytest.mark.parametrize("df", [NORMAL, 5.0])
def test_where_nothing_is_asked_every_slope_is_zero(compiled, rng, df):
    inputs = inputs_of(rng, 9, (1.0, 0.2), (1e-9, 1e9), df)
    for gradient in compiled(*inputs, np.zeros(2))[1:]:
        assert (gradient == 0).all()


@pytest.mark.parametrize("df", [NORMAL, 5.0])
def test_what_is_no_number_gives_no_number(compiled, rng, df):
    inputs = inputs_of(rng, 6, df=df)
    inputs[0][0, 3] = np.nan
    density = compiled(*inputs, np.ones(2))[0]
    assert np.isnan(density[0])
    assert np.isfinite(density[1])
    inputs = inputs_of(rng, 6, variance=(0.0, 0.4), df=df)
    assert not np.isfinite(compiled(*inputs, np.ones(2))[0][0])


def test_no_series_at_all(compiled):
    found = compiled(np.zeros((0, 5)), np.zeros(0), np.zeros(0), np.array(0.0), np.zeros(0))
    assert [part.shape for part in found] == [(0,), (0, 5), (0,), (0,)]


@pytest.mark.parametrize("df", [NORMAL, 5.0])
def test_gradients_by_finite_differences(compiled, rng, df):
    inputs, weight = inputs_of(rng, 6, (1.0, -0.9), df=df), rng.normal(size=2)

    def function(series, phi, variance):
        return by_hand(series, phi, variance, df)

    for position, gradient in enumerate(compiled(*inputs, weight)[1:]):
        expected = difference(function, inputs[:3], [weight], position)
        assert gradient == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("df", [NORMAL, 5.0])
def test_gradients_by_pytensor(rng, df):
    verify_grad(lambda *given: series_density(*given, df), inputs_of(rng, 4, (1.0, -0.9))[:3],
                rng=rng, mode="FAST_COMPILE")


def test_the_degrees_of_freedom_have_no_gradient():
    df = pt.scalar("df")
    density = series_density(np.zeros((1, 3)), np.ones(1), np.ones(1), df).sum()
    with pytest.raises((DisconnectedInputError, NotImplementedError)):
        pytensor.grad(density, df)
