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

from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses.paths import regressors
from bayes_alliance.hypotheses.regression import Conditional, condition, inputs_of, response_of
from bayes_alliance.inference import Fit
from bayes_alliance.spec import ModelSpec

__all__ = ["ZERO", "full_conditional", "log_density_at_zero", "log_prior_at_zero"]

# Coefficients that each hypothesis sets to zero within H12.
ZERO = {"HX": (0, 1, 2, 3), "H1": (2, 3), "H2": (0, 1), "H12": ()}


def full_conditional(fit: Fit) -> Conditional:
    """Return the normal full conditional of the four coefficients, in each draw.

    With Student-t innovations the conditional is normal given the mixture weights, which are
    drawn from their own conditional given the innovations of the draw.
    """
    seen, prior = response_of(fit), fit.spec.priors.coefficient
    inputs = inputs_of(regressors(fit), seen.persistence, fit.spec.model.response)
    return condition(inputs, seen.outcome, seen.variance, np.full(4, prior.mu),
                     np.full(4, prior.sd))


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
    given = full_conditional(fit)
    index = np.asarray(which)
    part = given.covariance[..., index[:, None], index]
    at = given.mean[..., index]
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
