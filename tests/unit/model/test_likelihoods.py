import numpy as np
import pytest
from scipy import special

from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.spec import FAMILIES

MU = np.array([-1.0, 0.2, 1.5, -0.3])
NOISE = np.array([0.1, 0.4, 0.9, 0.3])
N = np.array([10.0, 1000.0, 50.0, 7.0])


def test_every_family_of_the_registry_has_a_likelihood():
    assert set(LIKELIHOODS) == set(FAMILIES)


@pytest.mark.parametrize("family", list(LIKELIHOODS))
def test_random_draws_have_the_stated_mean(family):
    # 40,000 draws; a bound of five standard errors fails once in about 400,000 runs a value.
    rng = np.random.default_rng(11)
    shape = (40_000, 4)
    draws = LIKELIHOODS[family].random(rng, np.broadcast_to(MU, shape),
                                       np.broadcast_to(NOISE, shape), np.broadcast_to(N, shape),
                                       4.0)
    error = draws.std(axis=0) / np.sqrt(shape[0])
    mean = LIKELIHOODS[family].mean(MU, N)
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * error).all()


def test_noise_is_a_standard_deviation_on_the_logit_scale_near_one_half():
    rng = np.random.default_rng(12)
    size = (200_000, 1)
    draws = LIKELIHOODS["beta_binomial"].random(rng, np.zeros(size), np.full(size, 0.2),
                                                np.full(size, 1e6), 4.0)
    assert special.logit(draws / 1e6).std() == pytest.approx(0.2, rel=0.03)
