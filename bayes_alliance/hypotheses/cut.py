r"""What the coefficients are when cohesion has no say in what threat and credibility were.

In the model cohesion's own indicators inform threat and credibility through the paths. A *cut*
forbids that: the drivers keep the posterior that they have under HX, where no path acts, and
cohesion with its coefficients is refitted to each draw of them. With x the drivers, s the states
and parameters of cohesion apart from the coefficients, both from HX, and

.. math:: w(x, s) = p(s \mid x, H_{12}) / p(s \mid H_X)

the coefficients integrated out (:attr:`bayes_alliance.hypotheses.regression.Conditional.log_gain`),
the refit to a draw x weighs the draws of s by w. H12 itself weighs pairs of x and s by the same w,
but over both. Under HX drivers and cohesion share nothing but errors of polls that ask about
both, so that draws of x and s may be paired at will; what these shared errors say is lost.

Invariant: nothing is sampled; each number is a weighted mean over the same draws of HX.

References
----------
Plummer 2015, Statistics and Computing 25, 37-43, for cuts and their multiple imputation.
"""

from dataclasses import dataclass
from typing import Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr, softmax

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.paths import regressors
from bayes_alliance.hypotheses.regression import (
    condition,
    inputs_of,
    require_both,
    response_of,
)
from bayes_alliance.hypotheses.savage_dickey import full_conditional
from bayes_alliance.inference import Fit

__all__ = ["SHIFT", "Cut", "cut_drivers"]

# In posterior sds, above which a coefficient's shift is flagged.
SHIFT: Final = 0.5
# Draws of the drivers, and of cohesion for each of them.
_DRIVERS: Final = 100
_DRAWS: Final = 3600
_FEWEST: Final = 50.0
COLUMNS: Final = ("coefficient", "mean", "sd", "positive", "cut_mean", "cut_sd", "cut_positive",
                  "shift", "shift_error", "flag")


@dataclass(frozen=True)
class Cut:
    """The coefficients with and without feedback from cohesion to the drivers.

    Attributes
    ----------
    table : pandas.DataFrame
        ``coefficient``; ``mean``, ``sd`` and probability above zero (``positive``) under H12; the
        same with the drivers cut; ``shift`` (the difference of the means in sds of H12) and its
        Monte Carlo error, of the draws of cohesion by chain, of the drivers drawn and of H12's own
        draws; ``flag``.
    effective : float
        Median over draws of the drivers of the effective draws of cohesion.
    sentence : str
    """

    table: pd.DataFrame
    effective: float
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The table's numbers; dim ``path_coefficient``."""
        return self.table.rename(columns={"coefficient": c.DIM_COEFFICIENT}).set_index(
            c.DIM_COEFFICIENT).drop(columns="flag").astype(float).to_xarray()


def cut_drivers(full: Fit, reference: Fit) -> Cut:
    """Compare the coefficients under H12 with those of the cut.

    Parameters
    ----------
    full, reference : Fit
        Fits under H12 and under HX, of the same rows.

    Raises
    ------
    NotFittedError
        If the fits are of other hypotheses.
    """
    require_both(full, reference, "the cut")
    given = full_conditional(full)
    own = _moments(given.mean.reshape(-1, 4), given.covariance.reshape(-1, 4, 4),
                   np.full(given.mean[..., 0].size, 1.0 / given.mean[..., 0].size))
    seen, prior = response_of(reference), reference.spec.priors.coefficient
    design = regressors(reference)
    design = design.reshape(-1, *design.shape[2:])
    outcome, variance = (part.reshape(len(design), -1) for part in (seen.outcome, seen.variance))
    drawn, paired = (np.unique(np.linspace(0, len(design) - 1, min(most, len(design))).astype(int))
                     for most in (_DRIVERS, _DRAWS))
    phi, chains = seen.persistence.ravel()[paired], seen.persistence.shape[0]
    means, covariances, gains = [], [], []
    for driver in drawn:
        pairs = np.broadcast_to(design[driver], (len(paired), *design.shape[1:]))
        found = condition(inputs_of(pairs, phi, reference.spec.model.response), outcome[paired],
                          variance[paired], np.full(4, prior.mu), np.full(4, prior.sd))
        means.append(found.mean)
        covariances.append(found.covariance)
        gains.append(found.log_gain)
    weight = softmax(np.array(gains), axis=1)
    mean, covariance = np.array(means), np.array(covariances)
    apart = _moments(mean.reshape(-1, 4), covariance.reshape(-1, 4, 4),
                     weight.ravel() / len(drawn))
    of_chain = paired * chains // len(design)
    by_chain = [np.mean(np.einsum("ds,dsk->dk", softmax(np.array(gains)[:, part], axis=1),
                                  mean[:, part]), axis=0)
                for part in (of_chain == k for k in range(chains))]
    by_driver = np.einsum("ds,dsk->dk", weight, mean)
    error = np.sqrt(np.var(by_chain, axis=0, ddof=1) / chains
                    + np.var(by_driver, axis=0, ddof=1) / len(drawn)
                    + _error_of_mean(full) ** 2) / own[1]
    typical = float(np.median(1.0 / np.sum(weight**2, axis=1)))
    shift = (apart[0] - own[0]) / own[1]
    thin = f"under {_FEWEST:g} effective draws of cohesion"
    flags = ["; ".join(["shifted"] * int(abs(one) > SHIFT) + [thin] * int(typical < _FEWEST))
             for one in shift]
    table = pd.DataFrame(dict(zip(COLUMNS, (c.COEFFICIENTS, *own, *apart, shift, error, flags),
                                  strict=True)))
    return Cut(table, typical, _sentence(table))


def _error_of_mean(fit: Fit) -> np.ndarray:
    """Return the Monte Carlo error of the coefficients' posterior means, shape (coefficient,)."""
    draws = fit.posterior[[c.VAR_COEFFICIENT]]
    return np.asarray(az.mcse(draws, method="mean")[c.VAR_COEFFICIENT].to_numpy(), dtype=float)


def _moments(mean: np.ndarray, covariance: np.ndarray,
             share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, sd and probability above zero of a mixture of normals, shape (coefficient,)."""
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    centre = share @ mean
    spread = np.sqrt(share @ (variance + (mean - centre) ** 2))
    return centre, spread, share @ ndtr(mean / np.sqrt(variance))


def _sentence(table: pd.DataFrame) -> str:
    moved = table[table["flag"].str.contains("shifted")]
    largest = table.loc[table["shift"].abs().idxmax()]
    told = ("no coefficient moves by more than" if moved.empty else
            f"{', '.join(moved['coefficient'])} moves by more than")
    return (f"With the drivers' posterior kept free of what cohesion's indicators say, {told} "
            f"{SHIFT:g} posterior sds (the largest shift: {largest['coefficient']}, "
            f"{largest['shift']:+.2f} ± {largest['shift_error']:.2f}).")
