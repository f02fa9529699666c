r"""The whole period's Bayes factors for other widths of the coefficients' prior.

With :math:`g_{H,s}` the log marginal likelihood of cohesion's states given everything else under
hypothesis H and prior sd s, less that under HX
(:attr:`bayes_alliance.hypotheses.regression.Conditional.log_gain`), and :math:`s_0` the sd of the
model file,

.. math:: \log\frac{p(y \mid H, s)}{p(y \mid H_X)} =
   \log E_{12}\bigl[e^{g_{H,s} - g_{12,s_0}}\bigr] - \log E_{12}\bigl[e^{-g_{12,s_0}}\bigr]
   = \log E_X\bigl[e^{g_{H,s}}\bigr]

over the posteriors of H12 and of HX: two estimates that share no draw, each the check of the
other. At :math:`s_0` the first is the Savage-Dickey ratio once more.

Invariant: nothing is sampled.

References
----------
Gelman and Meng 1998, Statistical Science 13(2), for ratios of normalising constants as means.
"""

from dataclasses import dataclass
from typing import Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from bayes_alliance.hypotheses.evidence import labelled
from bayes_alliance.hypotheses.paths import regressors
from bayes_alliance.hypotheses.regression import (
    condition,
    inputs_of,
    require_both,
    response_of,
)
from bayes_alliance.hypotheses.savage_dickey import ZERO
from bayes_alliance.inference import Fit

__all__ = ["SCALES", "PriorScales", "over_prior_scales"]

# Multiples of the model file's sd.
SCALES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
_FEWEST: Final = 100.0
COLUMNS: Final = ("hypothesis", "sd", "difference", "difference_se", "check", "check_se", "flag")


@dataclass(frozen=True)
class PriorScales:
    """Log Bayes factors against HX by the sd of the coefficients' prior.

    Attributes
    ----------
    table : pandas.DataFrame
        ``hypothesis``, ``sd``, ``difference`` (nats, from the draws of H12) and ``check`` (from
        those of HX), each with its Monte Carlo error; ``flag`` where the two disagree by more
        than three errors, or an estimate rests on few effective draws.
    sentence : str
    """

    table: pd.DataFrame
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The table's numbers; dims ``hypothesis``, ``sd``."""
        return labelled(self.table, COLUMNS[2:], COLUMNS[:2])


def over_prior_scales(full: Fit, reference: Fit) -> PriorScales:
    """Compute the whole period's log Bayes factors for a grid of prior sds.

    Parameters
    ----------
    full, reference : Fit
        Fits under H12 and HX, of the same rows.

    Raises
    ------
    NotFittedError
        If the fits are of other hypotheses.
    """
    require_both(full, reference, "the grid of prior sds")
    prior = full.spec.priors.coefficient
    mine, theirs = _gains(full), _gains(reference)
    base = mine["H12", prior.sd]
    zero, zero_error, zero_effective = _log_mean(-base)
    rows = []
    for (name, sd), gain in mine.items():
        value, error, effective = _log_mean(gain - base)
        check, check_error, check_effective = _log_mean(theirs[name, sd])
        # Both means are over the same draws; their errors are taken as independent.
        spread = float(np.hypot(error, zero_error))
        apart = abs(value - zero - check) > 3.0 * np.hypot(spread, check_error)
        thin = min(effective, zero_effective, check_effective) < _FEWEST
        rows.append((name, sd, value - zero, spread, check, check_error, "; ".join(
            ["the two estimates disagree"] * int(apart)
            + [f"under {_FEWEST:g} effective draws"] * int(thin))))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return PriorScales(table, _sentence(table))


def _gains(fit: Fit) -> dict[tuple[str, float], np.ndarray]:
    """Return each hypothesis's gain over HX by prior sd, shape (chain, draw)."""
    prior, seen = fit.spec.priors.coefficient, response_of(fit)
    inputs = inputs_of(regressors(fit), seen.persistence, fit.spec.model.response)
    found = {}
    for name, zero in ZERO.items():
        acting = [k for k in range(inputs.shape[2]) if k not in zero]
        for scale in SCALES if acting else ():
            sd = prior.sd * scale
            found[name, sd] = condition(
                inputs[:, :, acting], seen.outcome, seen.variance,
                np.full(len(acting), prior.mu), np.full(len(acting), sd)).log_gain
    return found


def _log_mean(logs: np.ndarray) -> tuple[float, float, float]:
    """Return the log of a mean over draws, its Monte Carlo error and the effective draws."""
    value = float(logsumexp(logs) - np.log(logs.size))
    relative = np.exp(logs - value)
    error = float(np.asarray(az.mcse(relative, method="mean")))
    return value, error, float(relative.sum() ** 2 / np.sum(relative**2))


def _sentence(table: pd.DataFrame) -> str:
    told = []
    for name in ("H1", "H2"):
        mine = table[table["hypothesis"] == name]
        told.append(f"{name} {mine['difference'].iloc[0]:+.2f} to "
                    f"{mine['difference'].iloc[-1]:+.2f}")
    sds = table["sd"]
    doubt = table["flag"].ne("").sum()
    return (f"From a prior sd of {sds.min():g} to one of {sds.max():g} the log Bayes factors of "
            f"the whole period against HX go from {', '.join(told)} nats"
            + (f"; {doubt} of {len(table)} figures are flagged." if doubt else "."))
