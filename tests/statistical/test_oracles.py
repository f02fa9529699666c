r"""Published answers, through our kernels.

**Nile.** The yearly flow at Aswan, 1871 to 1970, as a local level: a random walk with shocks of
variance :math:`\sigma_\eta^2` in noise of variance :math:`\sigma_\varepsilon^2`. Our series start
with unit variance, so the level is :math:`d + c r` with :math:`q = \sigma_\eta^2 / c^2`, and its
initial variance :math:`\kappa = c^2` is made large. With :math:`\hat r` the conditional mean and
:math:`P` the conditional precision of the series,

.. math:: \log p_\kappa(y) = \log p(\hat r) + \log p(y \mid \hat r) + \tfrac n2 \log 2\pi
   - \tfrac12 \log|P|

exactly, since :math:`p(r \mid y)` is Gaussian (the Laplace identity); the last term is the
log-Jacobian of the coordinates. The diffuse likelihood is the limit

.. math:: \log L_d = \lim_{\kappa \to \infty}
   \bigl(\log p_\kappa(y) + \tfrac12 \log \kappa\bigr):

the first year's density under a level of variance :math:`\kappa` falls as
:math:`\kappa^{-1/2}`, which is all that does not converge.

Durbin and Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed., sections 2.2.5,
2.3 and 7.2.2. The data ship with statsmodels.
"""

import numpy as np
import pytensor
import pytest
import statsmodels.api as sm
from scipy import stats

from bayes_alliance.model.kernels import conditional_series, series_density, whitened_series
from tests.unit.model.kernels.oracles import symbols

# Variances of noise and of the level's shocks: the optimum is flat, and two are in print.
OPTIMUM, DURBIN_KOOPMAN = (15067.6, 1484.8), (15099.0, 1469.1)
# Any constant gives the same limit; one near the first level reaches it sooner.
CENTRE = 1100.0
KAPPA = 1e10


@pytest.fixture(scope="module")
def flow():
    table = sm.datasets.nile.load_pandas().data
    assert table["year"].iloc[[0, -1]].tolist() == [1871, 1970]
    return table["volume"].to_numpy(dtype=float)


@pytest.fixture(scope="module")
def kernels():
    """Map, its inverse and the density of one series, compiled."""
    given = symbols([np.zeros((1, 2)), np.zeros(1), np.zeros(1), np.zeros((1, 2)), np.zeros(1),
                     *[np.zeros((1, 2))] * 3])
    forward = pytensor.function(given, conditional_series(*given), mode="NUMBA")
    inverse = pytensor.function(given, whitened_series(*given), mode="NUMBA")
    density = pytensor.function(given[:3], series_density(*given[:3], 0.0), mode="NUMBA")
    return forward, inverse, density


class LocalLevel:
    """The flow as a local level, in the terms of our kernels."""

    def __init__(self, flow, kernels, variances, kappa=KAPPA):
        noise, shock = variances
        self.flow, self.kappa, self.noise = flow, kappa, noise
        self.forward, self.inverse, self.density = kernels
        self.law = np.ones(1), np.array([shock / kappa])
        self.scale = np.sqrt(kappa)
        path = np.full((1, flow.size), CENTRE)
        precision = np.full((1, flow.size), 1.0 / noise)
        self.about = (path, np.array([self.scale]), precision, np.zeros((1, flow.size)),
                      flow[None, :] / noise)

    def at(self, white):
        """Return the series and the log-Jacobian at coordinates."""
        series, log_jacobian = self.forward(white[None, :], *self.law, *self.about)
        return series[0], log_jacobian[0]

    def level(self, series):
        return CENTRE + self.scale * series

    def log_likelihood(self):
        """Return the log-likelihood with the initial variance kappa, by the Laplace identity."""
        series, log_jacobian = self.at(np.zeros(self.flow.size))
        rows = stats.norm(self.level(series), np.sqrt(self.noise)).logpdf(self.flow).sum()
        return (self.density(series[None, :], *self.law)[0] + rows
                + 0.5 * self.flow.size * np.log(2 * np.pi) + log_jacobian)

    def variance(self):
        """Return the variance of the level in each year."""
        centre, _ = self.at(np.zeros(self.flow.size))
        columns = [self.at(unit)[0] - centre for unit in np.eye(self.flow.size)]
        return self.kappa * (np.array(columns) ** 2).sum(axis=0)


@pytest.fixture(scope="module")
def nile(flow, kernels):
    return {variances: LocalLevel(flow, kernels, variances)
            for variances in (OPTIMUM, DURBIN_KOOPMAN)}


def peer(flow, variances):
    model = sm.tsa.UnobservedComponents(flow, "llevel", use_exact_diffuse=True)
    return model.smooth(variances)


def test_the_smoothed_level_of_the_nile_is_the_published_one(nile):
    one = nile[DURBIN_KOOPMAN]
    level = one.level(one.at(np.zeros(100))[0])
    assert level[[0, 1899 - 1871, -1]] == pytest.approx([1111.67, 950.93, 798.37], abs=0.005)


def test_the_diffuse_likelihood_of_the_nile_is_the_published_one(nile):
    found = nile[OPTIMUM].log_likelihood() + 0.5 * np.log(KAPPA)
    assert found == pytest.approx(-633.46464, abs=5e-6)


@pytest.mark.parametrize("variances", [OPTIMUM, DURBIN_KOOPMAN])
def test_level_variance_and_likelihood_are_those_of_the_exact_diffuse_smoother(nile, flow,
                                                                               variances):
    one, theirs = nile[variances], peer(flow, variances)
    level = one.level(one.at(np.zeros(100))[0])
    first, spread = theirs.smoothed_state[0, 0] - CENTRE, theirs.smoothed_state_cov[0, 0, 0]
    # What is left of the initial distribution, of relative size spread / kappa = 4e-7.
    assert level == pytest.approx(theirs.smoothed_state[0], abs=1e-5)
    assert one.variance() == pytest.approx(theirs.smoothed_state_cov[0, 0], rel=1e-6)
    found = one.log_likelihood() + 0.5 * np.log(KAPPA)
    left = (first**2 + spread) / (2 * KAPPA)
    assert left < 5e-7
    assert found + left == pytest.approx(theirs.llf, abs=1e-7)


def test_the_limit_is_reached_at_the_rate_of_one_over_kappa(flow, kernels):
    # Which says that half log kappa is the whole of what diverges.
    exact = peer(flow, OPTIMUM).llf
    errors = []
    for kappa in (1e6, 1e7, 1e8):
        one = LocalLevel(flow, kernels, OPTIMUM, kappa)
        errors.append(one.log_likelihood() + 0.5 * np.log(kappa) - exact)
    assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.02)
    assert errors[1] / errors[2] == pytest.approx(10.0, rel=0.02)


def test_the_identity_holds_at_any_point_not_at_the_mean_alone(nile):
    # p(y) = p(r) p(y | r) / p(r | y), with the standard normal coordinates of r.
    one, rng = nile[OPTIMUM], np.random.default_rng(1)
    expected = one.log_likelihood()
    for _ in range(3):
        white = rng.normal(size=100)
        series, log_jacobian = one.at(white)
        rows = stats.norm(one.level(series), np.sqrt(one.noise)).logpdf(one.flow).sum()
        found = (one.density(series[None, :], *one.law)[0] + rows + log_jacobian
                 - stats.norm.logpdf(white).sum())
        assert found == pytest.approx(expected, abs=1e-5)
        assert one.inverse(series[None, :], *one.law, *one.about)[0] == pytest.approx(white,
                                                                                      abs=1e-6)
