r"""Do the paths act alike under every US administration? Effects that differ by period.

H12 gives every month the same four coefficients. Here each administration a of the patron has its
own, :math:`b_a = b + s\,z_a` with standard normal :math:`z_a` and a log-normal spread s common to
all: partially pooled. With the states drawn under H12 and both b and z integrated out,

.. math:: \log\frac{p(y \mid \text{by administration})}{p(y \mid H_{12})} = \log E\left[
   \frac{p(\eta \mid x, \text{by administration})}{p(\eta \mid x, H_{12})}\right]

over the posterior of H12, exactly, as the states' and the rows' laws are the same in both. The
integral over s is a Gauss-Hermite sum.

Invariant: nothing is sampled; the weights' effective draws say how far the posterior of H12 serves
for the other model.
"""

from dataclasses import dataclass
from typing import Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp, ndtr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses.evidence import labelled
from bayes_alliance.hypotheses.paths import regressors
from bayes_alliance.hypotheses.regression import condition, inputs_of, response_of
from bayes_alliance.inference import Fit

__all__ = ["SPREAD", "Periods", "effects_by_administration"]

# Median of s, as a share of the coefficients' prior sd, and sd of its logarithm.
SPREAD: Final = (0.5, 0.5)
_NODES: Final = 7
_DRAWS: Final = 1200
_FEWEST: Final = 100.0
COLUMNS: Final = ("administration", "months", "coefficient", "mean", "sd", "positive",
                  "difference", "difference_sd", "higher")


@dataclass(frozen=True)
class Periods:
    """Coefficients by administration, and the evidence that they differ.

    Attributes
    ----------
    table : pandas.DataFrame
        ``administration``, ``months`` in office, ``coefficient``; ``mean``, ``sd`` and probability
        above zero (``positive``) of its own coefficient; mean and sd of its ``difference`` from
        the common one and the probability that it is ``higher``.
    log_bayes_factor, error : float
        Of effects by administration against H12, in nats, with its Monte Carlo error.
    effective : float
        Effective draws of the weights.
    sentence : str
    """

    table: pd.DataFrame
    log_bayes_factor: float
    error: float
    effective: float
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The table's numbers; dims ``administration``, ``coefficient``."""
        dims = ("administration", "coefficient")
        return labelled(self.table, [name for name in COLUMNS if name not in dims], dims)


def effects_by_administration(fit: Fit) -> Periods:
    """Compare effects that differ by administration of the patron with those of H12.

    Parameters
    ----------
    fit : Fit
        A fit under H12.

    Raises
    ------
    NotFittedError
        If it is under another hypothesis.
    """
    if fit.hypothesis != "H12":
        raise NotFittedError(f"effects by administration need a fit under H12, got "
                             f"{fit.hypothesis}")
    every = max(1, -(-fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"] // _DRAWS))
    thin = fit.posterior.isel(draw=slice(None, None, every))
    fit = Fit(**{**fit.__dict__, "posterior": thin})
    office = np.asarray(list(fit.panel.governments[fit.panel.patron]), dtype=object)
    names = list(dict.fromkeys(office))
    months = np.array([office == name for name in names])
    seen, prior = response_of(fit), fit.spec.priors.coefficient
    design, response = regressors(fit), fit.spec.model.response
    common = inputs_of(design, seen.persistence, response)
    own = [inputs_of(design * month, seen.persistence, response) for month in months]
    inputs = np.concatenate([common, *own], axis=2)
    mean, sd = np.full(4, prior.mu), np.full(4, prior.sd)
    alike = condition(common, seen.outcome, seen.variance, mean, sd)
    place, share = np.polynomial.hermite_e.hermegauss(_NODES)
    parts, gains = [], []
    for node in place:
        spread = prior.sd * SPREAD[0] * np.exp(SPREAD[1] * node)
        found = condition(inputs, seen.outcome, seen.variance,
                          np.concatenate([mean, np.zeros(4 * len(names))]),
                          np.concatenate([sd, np.full(4 * len(names), spread)]))
        parts.append(found)
        gains.append(found.log_gain - alike.log_gain)
    log_share = np.log(share / share.sum())[:, None, None]
    by_draw = logsumexp(np.array(gains) + log_share, axis=0)
    value = float(logsumexp(by_draw) - np.log(by_draw.size))
    relative = np.exp(by_draw - value)
    error = float(np.asarray(az.mcse(relative, method="mean")))
    effective = float(relative.sum() ** 2 / np.sum(relative**2))
    weight = np.exp(np.array(gains) + log_share - value) / by_draw.size
    rows = [row for k, name in enumerate(names) for row in _rows(
        name, int(months[k].sum()), k, [part.mean for part in parts],
        [part.covariance for part in parts], weight)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Periods(table, value, error, effective, _sentence(table, value, error, effective))


def _rows(name: str, months: int, position: int, means: list[np.ndarray],
          covariances: list[np.ndarray], weight: np.ndarray) -> list[tuple[object, ...]]:
    """Return an administration's coefficients: mixtures of normals over draws and spreads."""
    rows: list[tuple[object, ...]] = []
    for k, coefficient in enumerate(c.COEFFICIENTS):
        j = 4 * (position + 1) + k
        deviation = _mixture([mean[..., j] for mean in means],
                             [cov[..., j, j] for cov in covariances], weight)
        own = _mixture([mean[..., k] + mean[..., j] for mean in means],
                       [cov[..., k, k] + cov[..., j, j] + 2.0 * cov[..., k, j]
                        for cov in covariances], weight)
        rows.append((name, months, coefficient, *own, *deviation))
    return rows


def _mixture(means: list[np.ndarray], variances: list[np.ndarray],
             weight: np.ndarray) -> tuple[float, float, float]:
    """Return mean, sd and probability above zero."""
    mean, variance = np.array(means), np.array(variances)
    centre = float(np.sum(weight * mean))
    spread = float(np.sqrt(np.sum(weight * (variance + (mean - centre) ** 2))))
    return centre, spread, float(np.sum(weight * ndtr(mean / np.sqrt(variance))))


def _sentence(table: pd.DataFrame, value: float, error: float, effective: float) -> str:
    apart = np.maximum(table["higher"], 1.0 - table["higher"])
    most = table.loc[apart.idxmax()]
    side = "above" if most["higher"] >= 0.5 else "below"
    told = (f"Path coefficients of their own for each of {table['administration'].nunique()} "
            "administrations of the common ally")
    doubt = ("" if effective >= _FEWEST else
             f" The draws of H12 serve poorly for them ({effective:.0f} effective).")
    return (f"{told}: log Bayes factor {value:+.2f} ± {error:.2f} nats against coefficients common "
            f"to all; the largest difference is that of {most['coefficient']} under "
            f"{most['administration']}, {side} the common one with probability "
            f"{apart.max():.2f}.{doubt}")
