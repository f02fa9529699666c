r"""The Rao-Blackwellised Savage-Dickey ratio for the path coefficients.

:math:`p(b = 0 \mid \cdot)` is the posterior mean of the normal full conditional of the
coefficients given cohesion, the drivers and the persistence: no sampling of b itself enters, so
that a hundred draws give the ratio to a few hundredths of a nat.

References
----------
Dickey 1971, Annals of Mathematical Statistics 42(1); Verdinelli and Wasserman 1995, JASA 90(430);
Gelfand and Smith 1990, JASA 85(410) for the averaging of full conditionals.
"""

from collections.abc import Sequence

import arviz as az
import numpy as np
from scipy import stats
from scipy.special import logsumexp

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses.paths import (
    cohesion_trend,
    long_run_parts,
    persistence,
    regressors,
)
from bayes_alliance.inference import Fit
from bayes_alliance.spec import ModelSpec

__all__ = ["ZERO", "full_conditional", "log_density_at_zero", "log_prior_at_zero"]

# Coefficients that each hypothesis sets to zero within H12.
ZERO = {"HX": (0, 1, 2, 3), "H1": (2, 3), "H2": (0, 1), "H12": ()}


def full_conditional(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Return the normal full conditional of the four coefficients.

    Returns
    -------
    mean : numpy.ndarray, shape (chain, draw, 4)
    precision : numpy.ndarray, shape (chain, draw, 4, 4)

    Notes
    -----
    With Student-t innovations the conditional is normal given the mixture weights, which are
    drawn from their own conditional given the innovations of the draw.
    """
    phi, shock_sd = (part[..., None] for part in persistence(fit))
    cohesion = fit.posterior[c.COHESION].transpose("chain", "draw", c.DIM_TIME).to_numpy()
    parts = long_run_parts(fit)
    rest = parts[c.COMPONENT_DISPUTES] + parts[c.COMPONENT_GOVERNMENTS]
    design = regressors(fit)
    target = cohesion.astype(float)
    coefficient = fit.posterior[c.VAR_COEFFICIENT].to_numpy().astype(float)
    rate = 1.0 - phi if fit.spec.model.response == "adjustment" else None
    first = target[..., :1] - rest[..., :1]
    if rate is not None:
        later = target[..., 1:] - phi * target[..., :-1] - rate * rest[..., 1:]
        inputs = rate[..., None, :] * design[..., 1:]
    else:
        errors = target - rest - cohesion_trend(fit)
        later = errors[..., 1:] - phi * errors[..., :-1]
        inputs = design[..., 1:] - phi[..., None, :] * design[..., :-1]
    outcome = np.concatenate([first, later], axis=-1)
    matrix = np.concatenate([design[..., :1], inputs], axis=-1)
    variance = np.concatenate([np.ones_like(first),
                               np.broadcast_to(shock_sd**2, later.shape)], axis=-1)
    if fit.spec.model.innovations == "student_t":
        fitted = np.einsum("xyk,xykt->xyt", coefficient, matrix)
        variance = variance * _mixture_weights(fit, (outcome - fitted) / np.sqrt(variance))
    prior = fit.spec.priors.coefficient
    weighted = matrix / variance[..., None, :]
    precision = np.einsum("xyat,xybt->xyab", weighted, matrix) + np.eye(4) / prior.sd**2
    linear = np.einsum("xyat,xyt->xya", weighted, outcome) + prior.mu / prior.sd**2
    mean = np.linalg.solve(precision, linear[..., None])[..., 0]
    return mean, precision


def _mixture_weights(fit: Fit, shock: np.ndarray) -> np.ndarray:
    """Draw each innovation's variance factor from its conditional, shape of ``shock``."""
    df = fit.spec.priors.student_t_innovation_df
    rng = np.random.default_rng([int(fit.provenance["seed"]), 71])
    # shock = sqrt(w) normal with w ~ inverse-gamma(df/2, (df-2)/2), which has mean one.
    rate = (df - 2.0) / 2.0 + shock**2 / 2.0
    return np.asarray(rate / rng.gamma((df + 1.0) / 2.0, 1.0, size=shock.shape))


def log_density_at_zero(fit: Fit, which: Sequence[int]) -> tuple[float, float]:
    """Return the log posterior density of some coefficients at zero, and its Monte Carlo error.

    Parameters
    ----------
    fit : Fit
        A fit under H12.
    which : sequence of int
        Positions in the ``path_coefficient`` dimension.

    Returns
    -------
    value, error : float
        In nats. The error is that of the logarithm, from the effective draws of the density.

    Raises
    ------
    NotFittedError
        If the fit is not one of H12, in which the coefficients act.
    """
    if fit.hypothesis != "H12":
        raise NotFittedError(f"the ratio needs a fit under H12, got {fit.hypothesis}")
    if not len(which):
        return 0.0, 0.0
    mean, precision = full_conditional(fit)
    covariance = np.linalg.inv(precision)
    index = np.asarray(which)
    part = covariance[..., index[:, None], index]
    at = mean[..., index]
    distance = np.einsum("xya,xya->xy", at, np.linalg.solve(part, at[..., None])[..., 0])
    log_determinant = np.linalg.slogdet(2.0 * np.pi * part)[1]
    log_density = -0.5 * (distance + log_determinant)
    value = float(logsumexp(log_density) - np.log(log_density.size))
    relative = np.exp(log_density - value)
    error = float(np.asarray(az.mcse(relative, method="mean")))
    return value, error


def log_prior_at_zero(spec: ModelSpec, which: Sequence[int]) -> float:
    """Return the log prior density of some coefficients at zero."""
    prior = spec.priors.coefficient
    return float(len(which) * stats.norm.logpdf(0.0, prior.mu, prior.sd))
