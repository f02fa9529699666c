"""The observed values of a panel as points in time, for figures and for what came after.

Invariant: a value stands at the middle of its period: a yearly figure not in January.
"""

import numpy as np
import pandas as pd

from bayes_alliance.tables.panel import Panel

__all__ = ["middle_months", "observed_values"]


def middle_months(time: pd.PeriodIndex, first: np.ndarray, last: np.ndarray) -> list[str]:
    """Return the months ``YYYY-MM`` in the middle of periods, by positions in ``time``."""
    return [str(time[at]) for at in (np.asarray(first) + np.asarray(last)) // 2]


def observed_values(panel: Panel) -> pd.DataFrame:
    """Return ``target`` (the indicator), ``time`` and ``value`` of every row of a panel."""
    rows = panel.rows
    return pd.DataFrame({
        "target": rows["indicator"], "value": rows["value"],
        "time": middle_months(panel.time, rows["start_month"], rows["end_month"])})
