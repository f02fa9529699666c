r"""Decaying stocks of events.

.. math:: s_t = f\Bigl(\sum_{e:\, m(e) \le t} w_e\, 2^{-(t - m(e))/h}\Bigr) / c

with :math:`m(e)` the month of an event, :math:`h` the half-life in months and :math:`f` the
identity or ``log1p``.

Invariant: a stock at month t depends on no event after t.
"""

import numpy as np
import pandas as pd

from bayes_alliance.spec.schema import DriverSpec, RivalSpec

__all__ = ["decay", "event_counts", "finish_stock", "select_events"]


def select_events(events: pd.DataFrame, spec: DriverSpec) -> pd.DataFrame:
    """Return the driver events of one stock with their ``weight`` and ``month``."""
    chosen = events[(events["role"] == "driver") & events["kind"].isin(spec.kinds)]
    if spec.actor is not None:
        chosen = chosen[chosen["actor"] == spec.actor]
    chosen = chosen.assign(month=pd.PeriodIndex(pd.to_datetime(chosen["date"]), freq="M"))
    if isinstance(spec, RivalSpec) and spec.signed:
        return chosen.assign(weight=-chosen["sign"].astype(float))
    return chosen.assign(weight=1.0)


def event_counts(events: pd.DataFrame, months: pd.PeriodIndex) -> np.ndarray:
    """Return the summed weight of the selected events of each month, shape (month,)."""
    counts = np.zeros(len(months))
    if len(events):
        position = months.get_indexer(pd.PeriodIndex(events["month"]))
        inside = position >= 0
        np.add.at(counts, position[inside], events["weight"].to_numpy(dtype=float)[inside])
    return counts


def decay(counts: np.ndarray, half_life: float, start: float = 0.0) -> np.ndarray:
    """Return the raw stock of a series of monthly counts, shape (month,).

    Parameters
    ----------
    counts : numpy.ndarray, shape (month,)
        Summed event weights.
    half_life : float
        Months until an event's weight has halved.
    start : float
        Raw stock in the month before the first.
    """
    keep = 0.5 ** (1.0 / half_life)
    stock = np.empty(len(counts))
    level = start
    for month, count in enumerate(counts):
        level = keep * level + count
        stock[month] = level
    return stock


def finish_stock(raw: np.ndarray, spec: DriverSpec) -> np.ndarray:
    """Apply a stock's transformation and scale. A negative stock keeps its sign under log1p."""
    shaped = np.sign(raw) * np.log1p(np.abs(raw)) if spec.transform == "log1p" else raw
    return np.asarray(shaped / spec.scale)
