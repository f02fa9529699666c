"""Densities and random draws of the measurement families, under the registry's names.

Invariant: a family's density is written twice, once for PyTensor (what is sampled) and once for
NumPy (what is checked, scored and predicted), side by side, so that a test can hold them equal.
Noise is one standard deviation on the link scale for every family, so that one hierarchy pools
them all: a beta-binomial with noise s has concentration 4 / s**2, which gives a logit-scale
standard deviation of about s near one half; a negative binomial has alpha = 1 / s**2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytensor.tensor as pt
from scipy import special, stats

__all__ = ["LIKELIHOODS", "Likelihood"]

_HALF_LOG_2PI: Final = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Density, draws and mean of one family.

    Parameters
    ----------
    logp : callable
        ``(y, mu, noise, n, df, ways)`` tensors to pointwise log densities; ``ways`` is the
        constant of the counting families, which depends on the data alone.
    log_density : callable
        ``(y, mu, noise, n, df)`` arrays to the same.
    random : callable
        ``(generator, mu, noise, n, df)`` to draws on the scale of ``y``.
    mean : callable
        ``(mu, n)`` to the expected ``y``.
    """

    logp: Callable[..., Any]
    log_density: Callable[..., np.ndarray]
    random: Callable[..., np.ndarray]
    mean: Callable[..., np.ndarray]


def _normal_logp(y: Any, mu: Any, noise: Any, n: Any, df: Any, ways: Any) -> Any:
    return -0.5 * ((y - mu) / noise) ** 2 - pt.log(noise) - _HALF_LOG_2PI


def _normal_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(stats.norm.logpdf(y, mu, noise))


def _normal_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(mu + noise * rng.standard_normal(np.broadcast(mu, noise).shape))


def _student_t_logp(y: Any, mu: Any, noise: Any, n: Any, df: Any, ways: Any) -> Any:
    constant = (pt.gammaln((df + 1) / 2) - pt.gammaln(df / 2) - 0.5 * pt.log(df * np.pi))
    return constant - pt.log(noise) - (df + 1) / 2 * pt.log1p(((y - mu) / noise) ** 2 / df)


def _student_t_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(stats.t.logpdf(y, df, mu, noise))


def _student_t_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any,
                      df: Any) -> np.ndarray:
    return np.asarray(mu + noise * rng.standard_t(df, np.broadcast(mu, noise).shape))


def _beta_binomial_logp(y: Any, mu: Any, noise: Any, n: Any, df: Any, ways: Any) -> Any:
    concentration = 4.0 / noise**2
    alpha = concentration * pt.sigmoid(mu)
    beta = concentration * pt.sigmoid(-mu)
    return (ways + pt.gammaln(y + alpha) + pt.gammaln(n - y + beta)
            - pt.gammaln(n + concentration)
            + pt.gammaln(concentration) - pt.gammaln(alpha) - pt.gammaln(beta))


def _beta_binomial_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    concentration = 4.0 / np.square(noise)
    return np.asarray(stats.betabinom.logpmf(
        y, n, concentration * special.expit(mu), concentration * special.expit(-mu)))


def _beta_binomial_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any,
                          df: Any) -> np.ndarray:
    concentration = 4.0 / np.square(noise)
    # A beta draw of exactly 0 or 1 is a rounding artefact; the binomial takes it as it is.
    share = rng.beta(np.maximum(concentration * special.expit(mu), 1e-12),
                     np.maximum(concentration * special.expit(-np.asarray(mu)), 1e-12))
    return np.asarray(rng.binomial(np.asarray(n, dtype=np.int64), share), dtype=float)


def _binomial_logp(y: Any, mu: Any, noise: Any, n: Any, df: Any, ways: Any) -> Any:
    return ways + y * mu - n * pt.softplus(mu)


def _binomial_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    return np.asarray(stats.binom.logpmf(y, n, special.expit(mu)))


def _binomial_random(rng: np.random.Generator, mu: Any, noise: Any, n: Any,
                     df: Any) -> np.ndarray:
    return np.asarray(rng.binomial(np.asarray(n, dtype=np.int64), special.expit(mu)), dtype=float)


def _negative_binomial_logp(y: Any, mu: Any, noise: Any, n: Any, df: Any, ways: Any) -> Any:
    alpha = noise**-2
    ways = ways + pt.gammaln(y + alpha) - pt.gammaln(alpha)
    log_total = pt.logaddexp(mu, pt.log(alpha))
    return ways + alpha * (pt.log(alpha) - log_total) + y * (mu - log_total)


def _negative_binomial_density(y: Any, mu: Any, noise: Any, n: Any, df: Any) -> np.ndarray:
    alpha = np.square(noise) ** -1.0
    return np.asarray(stats.nbinom.logpmf(y, alpha, alpha / (alpha + np.exp(mu))))


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
    "normal": Likelihood(_normal_logp, _normal_density, _normal_random, _identity_mean),
    "student_t": Likelihood(_student_t_logp, _student_t_density, _student_t_random,
                            _identity_mean),
    "beta_binomial": Likelihood(_beta_binomial_logp, _beta_binomial_density,
                                _beta_binomial_random, _logit_mean),
    "binomial": Likelihood(_binomial_logp, _binomial_density, _binomial_random, _logit_mean),
    "negative_binomial": Likelihood(_negative_binomial_logp, _negative_binomial_density,
                                    _negative_binomial_random, _log_mean),
}
