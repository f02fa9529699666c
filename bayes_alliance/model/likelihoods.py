"""Densities and random draws of the measurement families, under the registry's names.

Invariant: a family's density is written twice, once compiled (what is sampled,
:mod:`bayes_alliance.model.kernels.rows`) and once here in NumPy (what is checked, scored and
predicted); a test holds them equal.

Noise is one standard deviation on the link scale for every family, so that one hierarchy pools
them all: a beta-binomial with noise s has concentration 4 / s**2, which gives a logit-scale
standard deviation of about s near one half; a negative binomial has alpha = 1 / s**2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import special, stats

__all__ = ["LIKELIHOODS", "Likelihood"]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Density, draws and mean of one family.

    Parameters
    ----------
    log_density : callable
        ``(y, mu, noise, n, df)`` arrays to pointwise log densities.
    random : callable
        ``(generator, mu, noise, n, df)`` to draws on the scale of ``y``.
    mean : callable
        ``(mu, n)`` to the expected ``y``.
    """

    log_density: Callable[..., np.ndarray]
    random: Callable[..., np.ndarray]
    mean: Callable[..., np.ndarray]


# Below this noise a counting family is its limit without any, to a thousandth of a nat.
_LEAST_NOISE: Final = 1e-5


def _normal_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(stats.norm.logpdf(y, mu, noise))


def _normal_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(mu + noise * rng.standard_normal(np.broadcast(mu, noise).shape))


def _student_t_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(stats.t.logpdf(y, df, mu, noise))


def _student_t_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any,
                      df: Any) -> np.ndarray:
    return np.asarray(mu + noise * rng.standard_t(df, np.broadcast(mu, noise).shape))


def _beta_binomial_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    # SciPy subtracts log-gammas of the concentration: where it is huge their difference is lost.
    concentration = 4.0 / np.square(np.maximum(noise, _LEAST_NOISE))
    found = stats.betabinom.logpmf(
        y, n, concentration * special.expit(mu), concentration * special.expit(-mu))
    return np.where(np.less(noise, _LEAST_NOISE), stats.binom.logpmf(y, n, special.expit(mu)),
                    found)


def _beta_binomial_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any,
                          df: Any) -> np.ndarray:
    concentration = 4.0 / np.square(noise)
    # A beta draw of exactly 0 or 1 is a rounding artefact; the binomial takes it as it is.
    share = rng.beta(np.maximum(concentration * special.expit(mu), 1e-12),
                     np.maximum(concentration * special.expit(-np.asarray(mu)), 1e-12))
    return np.asarray(rng.binomial(np.asarray(n, dtype=np.int64), share), dtype=float)


def _binomial_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(stats.binom.logpmf(y, n, special.expit(mu)))


def _binomial_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any,
                     df: Any) -> np.ndarray:
    return np.asarray(rng.binomial(np.asarray(n, dtype=np.int64), special.expit(mu)), dtype=float)


def _negative_binomial_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    alpha = np.square(np.maximum(noise, _LEAST_NOISE)) ** -1.0
    found = stats.nbinom.logpmf(y, alpha, alpha / (alpha + np.exp(mu)))
    return np.where(np.less(noise, _LEAST_NOISE), stats.poisson.logpmf(y, np.exp(mu)), found)


def _negative_binomial_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any,
                              df: Any) -> np.ndarray:
    alpha = np.square(noise) ** -1.0
    rate = rng.gamma(alpha, np.exp(mu) / alpha)
    return np.asarray(rng.poisson(np.minimum(rate, 1e9)), dtype=float)


def _identity_mean(mu: Any, n: Any) -> np.ndarray:
    return np.asarray(mu)


def _logit_mean(mu: Any, n: Any) -> np.ndarray:
    return np.asarray(n * special.expit(mu))


def _log_mean(mu: Any, n: Any) -> np.ndarray:
    return np.exp(mu)


LIKELIHOODS: Final[dict[str, Likelihood]] = {
    "normal": Likelihood(_normal_density, _normal_random, _identity_mean),
    "student_t": Likelihood(_student_t_density, _student_t_random, _identity_mean),
    "beta_binomial": Likelihood(_beta_binomial_density, _beta_binomial_random, _logit_mean),
    "binomial": Likelihood(_binomial_density, _binomial_random, _logit_mean),
    "negative_binomial": Likelihood(_negative_binomial_density, _negative_binomial_random,
                                    _log_mean),
}
