import numpy as np
import pytest
from pytensor.gradient import verify_grad
from scipy import special, stats

from bayes_alliance.constants import FAMILY_CODES
from bayes_alliance.model.kernels import row_density, row_predictor
from bayes_alliance.model.kernels.rows import _beta_binomial, _log_gamma, _negative_binomial
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.spec import FAMILIES
from tests.unit.model.kernels.oracles import difference, with_gradients

DF = 4.0
COUNTED = ("beta_binomial", "binomial")


def test_log_gamma_and_digamma_are_scipys():
    x = np.concatenate([np.geomspace(1e-6, 1e7, 4001), [0.5, 1.0, 2.0, 8.999999, 9.0, 9.000001]])
    found = np.array([_log_gamma(one) for one in x])
    # Both have zeros (at 1 and 2, and at 1.46), where only the absolute error means something.
    assert found[:, 0] == pytest.approx(special.gammaln(x), rel=1e-12, abs=1e-13)
    assert found[:, 1] == pytest.approx(special.digamma(x), rel=1e-12, abs=1e-13)


# The predictor.

def predicted(states, slope, shift, series, first, stop):
    means = [states[s, a:b].mean() for s, a, b in zip(series, first, stop, strict=True)]
    return [shift + slope * np.array(means).reshape(slope.shape)]


def predictor_inputs(rng, months=6):
    # Series 1 has no row; periods are one month, several, and all of them.
    series, first = np.array([0, 0, 2, 2]), np.array([0, months - 1, 0, months // 2])
    stop = np.array([1, months, months, months])
    return [rng.normal(size=(3, months)), rng.normal(size=4), rng.normal(size=4), series, first,
            stop]


@pytest.fixture(scope="module")
def predictor():
    return with_gradients(row_predictor, predictor_inputs(np.random.default_rng(1)), (0, 1, 2))


@pytest.mark.parametrize("months", [1, 2, 30])
def test_predictors_and_gradients(predictor, check, rng, months):
    check(predictor, predicted, predictor_inputs(rng, months), (0, 1, 2))


def test_a_series_without_rows_and_no_rows_at_all(predictor, rng):
    inputs = predictor_inputs(rng)
    assert (predictor(*inputs, np.ones(4))[1][1] == 0).all()
    nothing = [np.zeros(0)] * 2 + [np.zeros(0, dtype=np.int64)] * 3
    found = predictor(inputs[0], *nothing, np.zeros(0))
    assert [part.shape for part in found] == [(0,), (3, 6), (0,), (0,)]
    assert not found[1].any()


def test_the_predictors_gradients_by_other_means(predictor, rng):
    inputs = predictor_inputs(rng)
    weight = rng.normal(size=4)
    for position, gradient in enumerate(predictor(*inputs, weight)[1:]):
        expected = difference(predicted, inputs, [weight], position)
        assert gradient == pytest.approx(expected, rel=1e-6, abs=1e-8)
    verify_grad(lambda *given: row_predictor(*given, *inputs[3:]), inputs[:3], rng=rng,
                mode="FAST_COMPILE")


# The density.

def rising(x, count):
    """Return log gamma(x + count) - log gamma(x), without their cancellation."""
    return sum((np.log(x + k) for k in range(int(count))), np.zeros_like(x))


def one_row(family, y, n, ways, mu, noise):
    if family == "normal":
        return -0.5 * ((y - mu) / noise) ** 2 - np.log(noise) - 0.5 * np.log(2 * np.pi)
    if family == "student_t":
        constant = special.gammaln((DF + 1) / 2) - special.gammaln(DF / 2)
        kernel = (DF + 1) / 2 * np.log(1 + ((y - mu) / noise) ** 2 / DF)
        return constant - 0.5 * np.log(DF * np.pi) - np.log(noise) - kernel
    if family == "binomial":
        return ways - y * np.log(1 + np.exp(-mu)) - (n - y) * np.log(1 + np.exp(mu))
    if family == "beta_binomial":
        total = 4 / noise**2
        a, b = total / (1 + np.exp(-mu)), total / (1 + np.exp(mu))
        return ways + rising(a, y) + rising(b, n - y) - rising(total, n)
    shape = 1 / noise**2
    return (ways + rising(shape, y) - shape * np.log(1 + np.exp(mu) / shape)
            - y * np.log(1 + shape * np.exp(-mu)))


@pytest.mark.parametrize("noise", [1e-5, 1e-6, 1e-9, 1e-14, 1e-30])
def test_a_noise_near_nothing_gives_the_family_without_noise(noise):
    """The terms are then far larger than the density: their difference must not be lost."""
    rng = np.random.default_rng(8)
    for _ in range(50):
        n = float(rng.integers(1, 3000))
        y, mu = float(rng.integers(0, n + 1)), rng.normal()
        near = 5 * n**2 * noise**2 + 1e-8
        value, by_mu, by_noise = _beta_binomial(y, n, mu, noise)
        ways = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
        share = special.expit(mu)
        assert value + ways == pytest.approx(stats.binom.logpmf(y, n, share), rel=0, abs=near)
        assert by_mu == pytest.approx(y - n * share, abs=n * near)
        assert abs(by_noise * noise) <= 2 * near * (1 + n)
        count, mean = float(rng.poisson(20.0)), rng.normal(3.0, 0.3)
        value, by_mu, by_noise = _negative_binomial(count, mean, noise)
        law = stats.poisson.logpmf(count, np.exp(mean))
        near = 1e4 * noise**2 + 1e-8
        assert value - special.gammaln(count + 1) == pytest.approx(law, rel=0, abs=near)
        assert by_mu == pytest.approx(count - np.exp(mean), abs=100 * near)
        assert abs(by_noise * noise) <= 100 * near


def by_hand(mu, noise, decay, y, n, ways, previous, family, df):
    names = list(FAMILY_CODES)
    result = []
    for i in range(len(mu)):
        chained = decay[i].real != 0
        carried = decay[i] * (y[previous[i]] - mu[previous[i]]) if chained else 0.0
        narrow = np.sqrt(1 - decay[i] ** 2) if chained else 1.0
        result.append(one_row(names[family[i]], y[i], n[i], ways[i], mu[i] + carried,
                              noise[i] * narrow))
    return [np.array(result).reshape(mu.shape)]


def log_ways(family, y, n):
    if family in COUNTED:
        return special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
    return -special.gammaln(y + 1) if family == "negative_binomial" else np.zeros_like(y)


def rows_of(family, mu, noise, y, n=None, decay=0.0):
    """Rows in one chain, each after the row before it."""
    mu, noise, y = (np.array(np.broadcast_to(part, np.shape(y)), dtype=float)
                    for part in (mu, noise, y))
    n = np.zeros_like(y) if n is None else np.array(np.broadcast_to(n, y.shape), dtype=float)
    decay = np.array(np.broadcast_to(decay, y.shape), dtype=float)
    decay[:1] = 0.0
    previous = np.maximum(np.arange(y.size) - 1, 0)
    return [mu, noise, decay, y, n, log_ways(family, y, n), previous,
            np.full(y.size, FAMILY_CODES[family]), np.array(DF)]


CASES = {
    "normal": [(0.2, 0.4, [-1.2, 0.1, 3.0]), (0.2, 1e-4, [0.2, 0.2001, 0.1999]),
               (0.0, 1e6, [-5.0, 2e6, 0.0])],
    "student_t": [(0.2, 0.4, [-1.2, 0.1, 9.0]), (0.2, 1e-4, [0.2, 0.3, -4.0]),
                  (0.0, 1e6, [-5.0, 2e6, 0.0])],
    "beta_binomial": [(0.3, 0.4, [0.0, 3.0, 10.0], 10.0), (-0.3, 0.1, [0.0, 1.0], 1.0),
                      (6.0, 0.5, [0.0, 50.0, 100.0], 100.0), (-6.0, 3.0, [0.0, 50.0, 100.0], 100.0),
                      (0.1, 20.0, [0.0, 4.0, 9.0], 9.0), (0.1, 0.02, [0.0, 500.0, 1000.0], 1000.0)],
    "binomial": [(0.3, 1.0, [0.0, 3.0, 10.0], 10.0), (-0.3, 1.0, [0.0, 1.0], 1.0),
                 (30.0, 1.0, [0.0, 70.0], 70.0), (-30.0, 1.0, [0.0, 70.0], 70.0)],
    "negative_binomial": [(1.0, 0.4, [0.0, 3.0, 12.0]), (-4.0, 5.0, [0.0, 1.0]),
                          (3.0, 0.02, [0.0, 20.0, 60.0]), (6.0, 1.0, [0.0, 400.0])],
}


@pytest.fixture(scope="module")
def density():
    return with_gradients(row_density, rows_of("normal", 0.0, 1.0, [0.0, 1.0]), (0, 1, 2))


def test_every_family_of_the_registry_has_a_code():
    assert set(FAMILY_CODES) == set(FAMILIES)


@pytest.mark.parametrize(("family", "case"), [(family, case) for family, cases in CASES.items()
                                              for case in cases])
def test_the_density_is_the_one_in_plain_numpy(density, family, case):
    inputs = rows_of(family, *case)
    mu, noise, _, y, n = inputs[:5]
    expected = LIKELIHOODS[family].log_density(y, mu, noise, n, DF)
    # Far out on the logit scale scipy is given a share that is rounded next to 1.
    rel = 1e-4 if (np.abs(mu) > 20).any() else 1e-8
    assert density(*inputs, np.ones_like(y))[0] == pytest.approx(expected, rel=rel, abs=1e-8)


@pytest.mark.parametrize(("family", "case"), [(family, case) for family, cases in CASES.items()
                                              for case in cases])
def test_densities_and_gradients(density, check, family, case):
    # With 4 / noise**2 near 1e4, log gammas near 1e5 cancel; the rest have little to lose.
    check(density, by_hand, rows_of(family, *case), (0, 1, 2), rel=1e-8, floor=1e-8)


@pytest.mark.parametrize("family", ["normal", "student_t"])
@pytest.mark.parametrize("decay", [0.0, 1e-9, 0.5, 1 - 1e-6, -0.4])
def test_rows_with_an_error_of_their_own(density, check, rng, family, decay):
    inputs = rows_of(family, rng.normal(size=6), rng.uniform(0.2, 1.0, size=6),
                     rng.normal(size=6), decay=decay)
    check(density, by_hand, inputs, (0, 1, 2), rel=1e-7, floor=1e-8)


def test_a_chain_is_one_normal_vector(density, rng):
    # An error with correlation exp(-rate * gap) between any two rows, gaps of 1 to 7 months.
    months = np.cumsum([0, 1, 3, 7, 1])
    rate, sd = 0.3, 0.6
    decay = np.exp(-rate * np.diff(months, prepend=0))
    inputs = rows_of("normal", rng.normal(size=5), sd, rng.normal(size=5), decay=decay)
    covariance = sd**2 * np.exp(-rate * np.abs(np.subtract.outer(months, months)))
    expected = stats.multivariate_normal(inputs[0], covariance).logpdf(inputs[3])
    assert density(*inputs, np.ones(5))[0].sum() == pytest.approx(expected, rel=1e-10)


def test_all_families_side_by_side_and_a_count_ignores_the_chain(density, check):
    parts = [rows_of(family, *CASES[family][0], decay=0.5) for family in CASES]
    inputs = [np.concatenate([part[k] for part in parts]) for k in range(8)] + [np.array(DF)]
    inputs[2][inputs[7] > 1] = 0.0
    check(density, by_hand, inputs, (0, 1, 2), rel=1e-8, floor=1e-8)
    before = density(*inputs, np.ones(15))
    inputs[2][inputs[7] > 1] = 0.7
    after = density(*inputs, np.ones(15))
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one, other)


def test_no_rows(density):
    found = density(*rows_of("normal", 0.0, 1.0, []), np.zeros(0))
    assert [part.shape for part in found] == [(0,)] * 4


@pytest.mark.parametrize("family", list(CASES))
def test_gradients_by_other_means(density, rng, family):
    inputs = rows_of(family, *CASES[family][0])
    size = inputs[0].size
    if family in ("normal", "student_t"):
        inputs[2][:] = 0.5
        inputs[6] = np.roll(np.arange(size), 1)
    weight = rng.normal(size=size)
    for position, gradient in zip((0, 1), density(*inputs, weight)[1:], strict=False):
        expected = difference(by_hand, inputs, [weight], position)
        assert gradient == pytest.approx(expected, rel=1e-5, abs=1e-6)
    chained = [2] if family in ("normal", "student_t") else []

    def function(*given):
        moved = [*given] if chained else [*given, inputs[2]]
        return row_density(*moved, *inputs[3:])

    verify_grad(function, [inputs[i] for i in (0, 1, *chained)], rng=rng, mode="FAST_COMPILE")
