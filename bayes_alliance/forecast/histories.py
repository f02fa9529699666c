"""One indicator's history as the simple rules see it, and the distribution that they return.

Invariant: a history that reaches a rule has rows that increase in time and are finite; rows at
irregular months are put on a monthly grid by rounding alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from bayes_alliance.exceptions import Fault

__all__ = ["LEAST_ROWS", "History", "Predictive", "faults_of", "filled", "nearest", "on_grid",
           "sequence", "steps_ahead", "with_missing"]

LEAST_ROWS: Final = 4
# Months between rows of a frequency that has a grid; of polls at irregular months there is none.
_SPACING: Final = {"monthly": 1, "quarterly": 3, "yearly": 12}
_FREQUENCIES: Final = (*_SPACING, "irregular")


@dataclass(frozen=True)
class History:
    """One indicator's rows up to the present.

    Attributes
    ----------
    month : numpy.ndarray, shape (row,)
        Middle of each row's months, since any origin, increasing; may be fractional.
    y : numpy.ndarray, shape (row,)
        Values on the link scale.
    error : numpy.ndarray, shape (row,)
        Sampling standard deviation on the link scale, 0 where it is not known.
    frequency : str
        ``monthly``, ``quarterly``, ``yearly`` or ``irregular``.
    """

    month: np.ndarray
    y: np.ndarray
    error: np.ndarray
    frequency: str


@dataclass(frozen=True)
class Predictive:
    """A location-scale Student t for each target, on the link scale.

    Attributes
    ----------
    mean, sd : numpy.ndarray, shape (target,)
        Location and scale.
    df : float
        Degrees of freedom; infinite is normal.
    """

    mean: np.ndarray
    sd: np.ndarray
    df: float

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Return quantiles at levels between 0 and 1, shape (target, level)."""
        standard = stats.t.ppf(np.asarray(levels, dtype=float), self.df)
        return self.mean[:, None] + self.sd[:, None] * standard

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """Return the log density at one value of each target, shape (target,)."""
        return np.asarray(stats.t.logpdf(y, self.df, self.mean, self.sd))


def nearest(x: np.ndarray) -> np.ndarray:
    """Round halves up, so that rows at half months stay evenly apart."""
    return np.floor(x + 0.5).astype(int)


def steps_ahead(history: History, target: np.ndarray) -> np.ndarray:
    """Return whole months from the last row to each target, at least one."""
    return np.maximum(1, nearest(target - history.month[-1]))


def on_grid(history: History) -> tuple[np.ndarray, np.ndarray]:
    """Return months counted from the first and their values; rows of one month are averaged."""
    back = nearest(history.month - history.month[-1])
    position, which = np.unique(back - back[0], return_inverse=True)
    return position, np.bincount(which, history.y) / np.bincount(which)


def with_missing(position: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return values at every step, missing where there is none."""
    whole = np.full(position[-1] + 1, np.nan)
    whole[position] = y
    return whole


def sequence(history: History) -> tuple[float, np.ndarray]:
    """Return the months of a step and each row's step, by the frequency where rows keep to it."""
    spacing = _SPACING.get(history.frequency)
    if spacing is not None:
        position = nearest((history.month - history.month[0]) / spacing)
        if (np.diff(position) > 0).all():
            return float(spacing), position
    return float(np.median(np.diff(history.month))), np.arange(len(history.month))


def filled(position: np.ndarray, y: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values at every step, and the steps whose row follows a row."""
    whole = with_missing(position, y)
    for after in np.flatnonzero(np.diff(position) > 1):
        first, last = position[after], position[after + 1]
        for at in range(first + 1, last + 1):
            whole[at] = whole[at - season] if season and at >= season else whole[first]
        ramp = np.arange(1, last - first + 1) / (last - first)
        whole[first + 1:last + 1] += ramp * (y[after + 1] - whole[last])
    return whole, position[np.r_[True, np.diff(position) == 1]]


def faults_of(history: History, target: np.ndarray) -> list[Fault]:
    """Return all that is wrong with a history and the months to forecast."""
    columns = {"month": history.month, "y": history.y, "error": history.error}
    shapes = {name: column.shape for name, column in columns.items()}
    rules = [
        (history.month.ndim == 1 and len(set(shapes.values())) == 1, "", f"shapes are {shapes}",
         "one value of each for every row"),
        (history.y.size >= LEAST_ROWS, "y", f"has {history.y.size} rows", f"{LEAST_ROWS} or more"),
        *((np.isfinite(column).all(), name, "is not finite", "finite numbers")
          for name, column in {**columns, "target_month": target}.items()),
        (not (np.diff(history.month.ravel()) <= 0.0).any(), "month", "does not increase",
         "each row later than the one before"),
        (not (history.error < 0.0).any(), "error", "is negative", "0 where unknown, or more"),
        (history.frequency in _FREQUENCIES, "frequency", f"is {history.frequency!r}",
         ", ".join(_FREQUENCIES)),
        (target.ndim == 1 and target.size > 0, "target_month", f"has shape {target.shape}",
         "one or more months in a row"),
        (not (target <= history.month.max(initial=-np.inf)).any(), "target_month",
         "is not after the last row", "later months"),
    ]
    return [Fault("history", where, problem, allowed)
            for fine, where, problem, allowed in rules if not fine]
