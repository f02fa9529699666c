r"""Cohesion given the drivers and the persistence, draw by draw: a regression on the paths.

Given the states, the rivals' effects and the persistence, cohesion is linear in the path
coefficients with normal errors (with Student-t innovations given their mixture weights), so that
the coefficients have a normal full conditional and a closed marginal likelihood.

Invariant: nothing here is drawn but the mixture weights, from their own conditional.
"""

from dataclasses import dataclass

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses.paths import (
    cohesion_trend,
    long_run_parts,
    persistence,
    regressors,
)
from bayes_alliance.inference import Fit

__all__ = ["Conditional", "Response", "condition", "inputs_of", "require_both", "response_of"]


@dataclass(frozen=True)
class Response:
    """What the coefficients are to explain in each draw, and how freely it moves.

    Attributes
    ----------
    outcome : numpy.ndarray, shape (chain, draw, time)
        The first month's cohesion, then what each month adds, both without the rivals' part.
    variance : numpy.ndarray, shape (chain, draw, time)
        Of the outcome given the paths.
    persistence : numpy.ndarray, shape (chain, draw)
    """

    outcome: np.ndarray
    variance: np.ndarray
    persistence: np.ndarray


@dataclass(frozen=True)
class Conditional:
    """A normal full conditional of coefficients, and how well they explain the outcome.

    Attributes
    ----------
    mean : numpy.ndarray, shape (..., coefficient)
    covariance : numpy.ndarray, shape (..., coefficient, coefficient)
    log_gain : numpy.ndarray, shape (...)
        Log marginal likelihood of the outcome with the coefficients integrated out over their
        prior, less that with all of them at zero.
    """

    mean: np.ndarray
    covariance: np.ndarray
    log_gain: np.ndarray


def response_of(fit: Fit) -> Response:
    """Return outcome and variance of a fit under any hypothesis."""
    phi, shock_sd = persistence(fit)
    cohesion = fit.posterior[c.COHESION].transpose("chain", "draw", c.DIM_TIME).to_numpy()
    parts = long_run_parts(fit)
    rest = parts[c.COMPONENT_DISPUTES] + parts[c.COMPONENT_GOVERNMENTS]
    target = cohesion.astype(float)
    before = phi[..., None]
    if fit.spec.model.response == "adjustment":
        later = target[..., 1:] - before * target[..., :-1] - (1.0 - before) * rest[..., 1:]
    else:
        errors = target - rest - cohesion_trend(fit)
        later = errors[..., 1:] - before * errors[..., :-1]
    first = target[..., :1] - rest[..., :1]
    outcome = np.concatenate([first, later], axis=-1)
    variance = np.concatenate([np.ones_like(first), np.broadcast_to(
        shock_sd[..., None] ** 2, later.shape)], axis=-1)
    if fit.spec.model.innovations == "student_t":
        chosen = fit.spec.hypotheses[fit.hypothesis].paths
        acts = np.repeat([float(path in chosen) for path in c.PATHS], 2)
        coefficient = acts * fit.posterior[c.VAR_COEFFICIENT].to_numpy().astype(float)
        inputs = inputs_of(regressors(fit), phi, fit.spec.model.response)
        fitted = np.einsum("xyk,xykt->xyt", coefficient, inputs)
        variance = variance * _mixture_weights(fit, (outcome - fitted) / np.sqrt(variance))
    return Response(outcome, variance, phi)


def inputs_of(design: np.ndarray, phi: np.ndarray, response: str) -> np.ndarray:
    """Return what the coefficients multiply in the outcome.

    Parameters
    ----------
    design : numpy.ndarray, shape (..., coefficient, time)
        What they multiply in the level that cohesion tends to.
    phi : numpy.ndarray, shape (...)
        Persistence.
    response : {"adjustment", "level"}
        Structural option of the model.
    """
    before = phi[..., None, None]
    later = ((1.0 - before) * design[..., 1:] if response == "adjustment"
             else design[..., 1:] - before * design[..., :-1])
    first = np.broadcast_to(design[..., :1], (*later.shape[:-1], 1))
    return np.concatenate([first, later], axis=-1)


def condition(inputs: np.ndarray, outcome: np.ndarray, variance: np.ndarray,
              prior_mean: np.ndarray, prior_sd: np.ndarray) -> Conditional:
    """Return the coefficients' full conditional.

    Parameters
    ----------
    inputs : numpy.ndarray, shape (..., coefficient, time)
    outcome, variance : numpy.ndarray, shape (..., time)
    prior_mean, prior_sd : numpy.ndarray, shape (coefficient,)
        Of independent normal priors.
    """
    weighted = inputs / variance[..., None, :]
    precision = weighted @ np.swapaxes(inputs, -1, -2) + np.diag(prior_sd**-2.0)
    linear = np.einsum("...at,...t->...a", weighted, outcome) + prior_mean / prior_sd**2
    covariance = np.linalg.inv(precision)
    mean = np.einsum("...ab,...b->...a", covariance, linear)
    gain = 0.5 * (np.einsum("...a,...a->...", mean, linear) - np.linalg.slogdet(precision)[1]
                  - np.sum((prior_mean / prior_sd) ** 2) - 2.0 * np.sum(np.log(prior_sd)))
    return Conditional(mean, covariance, gain)


def require_both(full: Fit, reference: Fit, what: str) -> None:
    """Refuse fits that are not of H12 and HX.

    Raises
    ------
    NotFittedError
        If they are of other hypotheses.
    """
    if (full.hypothesis, reference.hypothesis) != ("H12", "HX"):
        raise NotFittedError(f"{what} needs fits under H12 and HX, got {full.hypothesis} and "
                             f"{reference.hypothesis}")


def _mixture_weights(fit: Fit, shock: np.ndarray) -> np.ndarray:
    """Draw each innovation's variance factor from its conditional, shape of ``shock``."""
    df = fit.spec.priors.student_t_innovation_df
    rng = np.random.default_rng([int(fit.provenance["seed"]), 71])
    # shock = sqrt(w) normal with w ~ inverse-gamma(df/2, (df-2)/2), which has mean one.
    rate = (df - 2.0) / 2.0 + shock**2 / 2.0
    return np.asarray(rate / rng.gamma((df + 1.0) / 2.0, 1.0, size=shock.shape))
