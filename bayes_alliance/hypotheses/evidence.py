r"""How much the cohesion rows of a period speak for each hypothesis.

H1, H2 and HX are H12 with some coefficients at zero, with independent priors. With :math:`y_W`
the cohesion rows of a window, :math:`y_B` what is conditioned on and :math:`b` the coefficients
that a hypothesis sets to zero,

.. math:: \log p(y_W \mid y_B, H_{12}) - \log p(y_W \mid y_B, H)
   = \log p(b = 0 \mid y_B, H_{12}) - \log p(b = 0 \mid y_B, y_W, H_{12}),

each term from :mod:`bayes_alliance.hypotheses.savage_dickey`. What is conditioned on:

- ``leave_episode_out``: all threat and credibility observations, the drivers and the governments
  of the whole period, and every cohesion row outside the window, later ones too;
- ``leave_future_out``: threat and credibility observations, drivers and governments up to the
  window's end, and the cohesion rows before the window;
- ``whole_period``: everything but cohesion. It depends on the prior's scale most of all.

H0 lacks the rivals as well and is no H12 with coefficients at zero: it is compared by absolute
values, from :mod:`bayes_alliance.hypotheses.stepping`, where they were computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance.hypotheses.savage_dickey import (
    ZERO,
    log_density_at_zero,
    log_prior_at_zero,
)
from bayes_alliance.hypotheses.stepping import FEWEST_EFFECTIVE, Stones
from bayes_alliance.inference import Fit

__all__ = ["NO_ABSOLUTE_VALUES", "WHOLE", "Evidence", "labelled", "leave_episode_out",
           "leave_future_out", "together", "whole_period"]

COLUMNS = ("hypothesis", "episode", "unit", "elpd", "se", "difference", "difference_se",
           "decibans", "flag")
# Monte Carlo error, in nats, above which a difference is flagged.
_LARGEST_ERROR = 0.05
_DECIBANS = 10.0 / np.log(10.0)
NO_ABSOLUTE_VALUES: Final = "absolute values not computed"
# The label that stands in place of an episode for all of the period.
WHOLE: Final = "whole period"
_WORDS: Final = {
    "leave_episode_out": "Held-out cohesion rows",
    "leave_future_out": "Cohesion rows of the window, predicted from before it",
    "whole_period": "All cohesion rows"}


@dataclass(frozen=True)
class Evidence:
    """Differences between the hypotheses, against HX.

    Attributes
    ----------
    table : pandas.DataFrame
        ``hypothesis``, ``episode``, ``unit``, ``elpd`` (nats), ``se``, ``difference`` (nats,
        against HX; positive favours the hypothesis), ``difference_se`` (both errors Monte
        Carlo), ``decibans`` (the difference in tenths of a power of ten), ``flag``. Absolute
        values are missing where they were not computed; the difference of H0 rests on them.
    sentence : str
        The differences in words.
    """

    table: pd.DataFrame
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The table's numbers in nats; dims ``unit``, ``hypothesis``, ``episode``."""
        numbers = ["elpd", "se", "difference", "difference_se", "decibans"]
        return labelled(self.table, numbers, ("unit", "hypothesis", "episode"))

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


def together(*parts: Evidence) -> Evidence:
    """Return several units of evidence as one table."""
    return Evidence(pd.concat([part.table for part in parts], ignore_index=True),
                    " ".join(part.sentence for part in parts))


def leave_episode_out(full: Fit, without: Mapping[str, Fit],
                      absolute: Mapping[tuple[str, str], Stones] | None = None) -> Evidence:
    """Compare the hypotheses by how well they predict each episode's cohesion rows.

    Parameters
    ----------
    full : Fit
        H12 on all rows.
    without : mapping of str to Fit
        H12 without each episode's cohesion rows.
    absolute : mapping of (hypothesis, episode) to Stones, optional
        For ``H12`` and ``H0``; the others follow from the differences.

    Returns
    -------
    Evidence
        A row for each episode and hypothesis.

    Raises
    ------
    NotFittedError
        If a fit is not one of H12.
    """
    rows: list[dict[str, Any]] = []
    for episode, fit in without.items():
        found = _differences(_at_zero(fit), _at_zero(full), _failed(fit, full))
        rows += _rows(episode, "leave_episode_out", found, absolute or {})
    return _evidence(rows)


def leave_future_out(ends: Mapping[str, tuple[Fit, Fit]]) -> Evidence:
    """Compare the hypotheses by how well they predict each window's cohesion rows from before.

    Parameters
    ----------
    ends : mapping of str to (Fit, Fit)
        By episode: H12 up to the window's start and up to its end, threat and credibility up to
        its end in both; see :func:`bayes_alliance.hypotheses.windows.rows_until`.
    """
    rows: list[dict[str, Any]] = []
    for episode, (start, end) in ends.items():
        found = _differences(_at_zero(start), _at_zero(end), _failed(start, end))
        rows += _rows(episode, "leave_future_out", found, {})
    return _evidence(rows)


def whole_period(full: Fit) -> Evidence:
    """Compare the hypotheses by all cohesion rows: log Bayes factors against HX.

    Parameters
    ----------
    full : Fit
        H12 on all rows; its specification has the prior.
    """
    prior = {name: (log_prior_at_zero(full.spec, which), 0.0) for name, which in ZERO.items()}
    found = _differences(prior, _at_zero(full), _failed(full))
    return _evidence(_rows(WHOLE, "whole_period", found, {}))


def _at_zero(fit: Fit) -> dict[str, tuple[float, float]]:
    return {name: log_density_at_zero(fit, which) for name, which in ZERO.items()}


def _failed(*fits: Fit) -> bool:
    return not all(fit.diagnostics.passed for fit in fits)


def _differences(before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]],
                 failed: bool) -> dict[str, tuple[float, float, list[str]]]:
    """Return each hypothesis's difference to HX in nats, its error and flags."""
    # Advantage of H12 over each hypothesis; H is then HX's disadvantage minus its own.
    over = {name: before[name][0] - after[name][0] for name in ZERO}
    error = {name: float(np.hypot(before[name][1], after[name][1])) for name in ZERO}
    found = {}
    for name in ZERO:
        spread = 0.0 if name == "HX" else float(np.hypot(error["HX"], error[name]))
        flags = _uncertain(spread)
        if failed:
            flags.append("a fit failed the gate")
        found[name] = (over["HX"] - over[name], spread, flags)
    return found


def _uncertain(error: float) -> list[str]:
    """Return a flag where a Monte Carlo error is large, or is not known."""
    return [] if error <= _LARGEST_ERROR else [f"Monte Carlo error above {_LARGEST_ERROR} nats"]


def _rows(episode: str, unit: str, found: dict[str, tuple[float, float, list[str]]],
          absolute: Mapping[tuple[str, str], Stones]) -> list[dict[str, Any]]:
    """Return the table's rows of one episode, H0 first."""
    top, least = absolute.get(("H12", episode)), absolute.get(("H0", episode))
    rows = []
    if top is not None and least is not None:
        # HX's own value is H12's, less H12's difference to it.
        known = top.value - found["H12"][0]
        error = float(np.hypot(least.error, np.hypot(top.error, found["H12"][1])))
        rows.append(_row("H0", episode, unit, (least.value, least.error),
                         (least.value - known, error), _uncertain(error) + _thin(least, top)))
    else:
        rows.append(_row("H0", episode, unit, None, (np.nan, np.nan), [NO_ABSOLUTE_VALUES]))
    for name, (difference, spread, flags) in found.items():
        value = None if top is None else (
            top.value - found["H12"][0] + difference,
            top.error if name == "H12" else float(np.hypot(top.error, found["H12"][1])))
        more = _thin(top) if top is not None else []
        rows.append(_row(name, episode, unit, value, (difference, spread), flags + more))
    return rows


def _thin(*paths: Stones) -> list[str]:
    flags = []
    if not all(path.enough for path in paths):
        flags.append(f"a stepping stone has under {FEWEST_EFFECTIVE} effective draws")
    if not all(path.passed for path in paths):
        flags.append("the fit of a stepping stone failed its gate")
    return flags


def _row(hypothesis: str, episode: str, unit: str, value: tuple[float, float] | None,
         difference: tuple[float, float], flags: list[str]) -> dict[str, Any]:
    elpd, se = value if value is not None else (np.nan, np.nan)
    return dict(zip(COLUMNS, (hypothesis, episode, unit, elpd, se, *difference,
                              _DECIBANS * difference[0], "; ".join(flags)), strict=True))


def _evidence(rows: list[dict[str, Any]]) -> Evidence:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Evidence(table, _sentence(table))


def _sentence(table: pd.DataFrame) -> str:
    unit = str(table["unit"].iloc[0])
    pieces = []
    for episode, rows in table[table["hypothesis"].isin(["H1", "H2"])].groupby("episode",
                                                                             sort=False):
        shown = ", ".join(f"{row.hypothesis} {row.difference:+.2f} ± {row.difference_se:.2f}"
                          for row in rows.itertuples())
        pieces.append(f"{episode}: {shown}")
    return (f"{_WORDS[unit]}, log Bayes factor against HX in nats (10 decibans are 2.3 "
            "nats): " + "; ".join(pieces) + ".")
