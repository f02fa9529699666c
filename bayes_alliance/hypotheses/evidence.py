r"""Leave-episode-out evidence by the Rao-Blackwellised Savage-Dickey ratio.

H1, H2 and HX are H12 with some coefficients at zero, with independent priors. With :math:`y_W`
the cohesion rows of an episode and :math:`b` the coefficients that a hypothesis sets to zero,

.. math:: \log p(y_W \mid y_{-W}, H_{12}) - \log p(y_W \mid y_{-W}, H)
   = \log p(b = 0 \mid y_{-W}, H_{12}) - \log p(b = 0 \mid y, H_{12}),

and :math:`p(b = 0 \mid \cdot)` is the posterior mean of the normal full conditional of the
coefficients given cohesion, the drivers and the persistence.

What is conditioned on: all threat and credibility observations, the drivers and the governments
of the whole period, and every cohesion row outside the window, later ones too.

References
----------
Dickey 1971, Annals of Mathematical Statistics 42(1); Verdinelli and Wasserman 1995, JASA 90(430);
Gelfand and Smith 1990, JASA 85(410) for the averaging of full conditionals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
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

__all__ = ["NO_ABSOLUTE_VALUES", "Evidence", "leave_episode_out", "log_density_at_zero"]

COLUMNS = ("hypothesis", "episode", "unit", "elpd", "se", "difference", "difference_se", "flag")
# Coefficients that each hypothesis sets to zero within H12.
_ZERO = {"HX": (0, 1, 2, 3), "H1": (2, 3), "H2": (0, 1), "H12": ()}
# Monte Carlo error, in nats, above which a difference is flagged.
_LARGEST_ERROR = 0.05
NO_ABSOLUTE_VALUES: Final = "absolute values not computed"


@dataclass(frozen=True)
class Evidence:
    """Leave-episode-out differences against HX.

    Attributes
    ----------
    table : pandas.DataFrame
        ``hypothesis``, ``episode``, ``unit``, ``elpd``, ``se``, ``difference`` (nats, against
        HX; positive favours the hypothesis), ``difference_se`` (Monte Carlo), ``flag``. The
        ratio gives differences only: ``elpd`` and ``se`` are missing, and so is all of the row
        of ``H0``, which is no H12 with coefficients at zero (it lacks the rivals as well); its
        flag says "absolute values not computed".
    sentence : str
        The differences in words.
    """

    table: pd.DataFrame
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The table's numbers in nats; dims ``hypothesis``, ``episode``."""
        numbers = ["elpd", "se", "difference", "difference_se"]
        return labelled(self.table, numbers, ("hypothesis", "episode"))

    def plot(self) -> Any:
        """Draw the differences; see :func:`bayes_alliance.plotting.plot_evidence`."""
        return import_module("bayes_alliance.plotting").plot_evidence(self.table)


def labelled(table: pd.DataFrame, columns: Sequence[str], dims: Sequence[str]) -> xr.Dataset:
    """Return columns of a table as arrays over the labels of other columns.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each combination of labels.
    columns : sequence of str
        What becomes an array; a number or text.
    dims : sequence of str
        Columns whose labels, in their order of appearance, become the dims.
    """
    coords = {dim: [str(label) for label in dict.fromkeys(table[dim])] for dim in dims}
    index = pd.MultiIndex.from_product(list(coords.values()), names=list(dims))
    cells = table.set_index(list(dims)).reindex(index)
    shape = tuple(len(labels) for labels in coords.values())
    arrays = {}
    for column in columns:
        number = pd.api.types.is_numeric_dtype(cells[column])
        values = cells[column].to_numpy(dtype=float if number else object)
        arrays[column] = (tuple(dims), values.reshape(shape))
    return xr.Dataset(arrays, coords=coords)


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


def leave_episode_out(full: Fit, without: dict[str, Fit]) -> Evidence:
    """Compare the hypotheses by how well they predict each episode's cohesion rows.

    Parameters
    ----------
    full : Fit
        H12 on all rows.
    without : dict of str to Fit
        H12 without each episode's cohesion rows.

    Returns
    -------
    Evidence
        A row for each episode and hypothesis, H0 with an empty difference.

    Raises
    ------
    NotFittedError
        If a fit is not one of H12.
    """
    at_all = {name: log_density_at_zero(full, which) for name, which in _ZERO.items()}
    rows = []
    for episode, fit in without.items():
        held = {name: log_density_at_zero(fit, which) for name, which in _ZERO.items()}
        # Advantage of H12 over each hypothesis; H is then HX's disadvantage minus its own.
        over = {name: held[name][0] - at_all[name][0] for name in _ZERO}
        error = {name: np.hypot(held[name][1], at_all[name][1]) for name in _ZERO}
        rows.append(("H0", episode, "leave_episode_out", *[np.nan] * 4, NO_ABSOLUTE_VALUES))
        for name in ("HX", "H1", "H2", "H12"):
            spread = 0.0 if name == "HX" else float(np.hypot(error["HX"], error[name]))
            flags = []
            if spread > _LARGEST_ERROR:
                flags.append(f"Monte Carlo error above {_LARGEST_ERROR} nats")
            if not fit.diagnostics.passed or not full.diagnostics.passed:
                flags.append("a fit failed the gate")
            rows.append((name, episode, "leave_episode_out", np.nan, np.nan,
                         over["HX"] - over[name], spread, "; ".join(flags)))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Evidence(table, _sentence(table))


def _sentence(table: pd.DataFrame) -> str:
    pieces = []
    for episode, rows in table[table["hypothesis"].isin(["H1", "H2"])].groupby("episode",
                                                                             sort=False):
        shown = ", ".join(f"{row.hypothesis} {row.difference:+.2f} ± {row.difference_se:.2f}"
                          for row in rows.itertuples())
        pieces.append(f"{episode}: {shown}")
    return ("Held-out cohesion rows, log Bayes factor against HX in nats (10 decibans are 2.3 "
            "nats): " + "; ".join(pieces) + ".")
