"""The poll waves that are to be expected, from the months in which earlier ones were fielded.

Invariant: only rows of the panel are looked at, so that a panel that ends earlier expects what
could be expected then.
"""

import re
from typing import Final

import pandas as pd

from bayes_alliance.tables import Panel

__all__ = ["expected_waves", "pollster", "wave_table"]

# How many waves say what the usual month is; months after which no further one is expected;
# months that a fieldwork takes at most (longer periods are annual figures, not waves).
_USUAL: Final = 5
_SILENT: Final = 36
_FIELDWORK: Final = 3
_DATE = re.compile(r"_\d{4}(-\d{2})?$")


def pollster(wave: str) -> str:
    """Return who fields a wave, from its label: what stands there without the date."""
    return _DATE.sub("", wave)


def expected_waves(panel: Panel, months: int) -> pd.DataFrame:
    """Return the waves to be expected after the panel.

    A wave is expected every year, in the calendar month in which most of the last five waves of
    an indicator were fielded (of several, the one of the latest wave), if the last is not more
    than three years old.

    Parameters
    ----------
    panel : Panel
    months : int
        How many months ahead.

    Returns
    -------
    pandas.DataFrame
        ``indicator``, ``pollster`` (the label of its waves without the date), ``time``
        (YYYY-MM), in the order of the indicators.
    """
    rows = panel.rows
    fielded = rows[(rows["wave"] != "")
                   & (rows["end_month"] - rows["start_month"] < _FIELDWORK)]
    future = pd.period_range(panel.time[-1] + 1, periods=months, freq="M")
    found = []
    for name in panel.indicators.index:
        own = fielded[fielded["indicator"] == name].sort_values("end_month", kind="stable")
        if own.empty or len(panel.time) - 1 - int(own["end_month"].iloc[-1]) > _SILENT:
            continue
        last = own.iloc[-_USUAL:]
        counts = last["calendar_month"].value_counts()
        usual = next(month for month in reversed(last["calendar_month"].tolist())
                     if counts[month] == counts.max())
        who = pollster(str(last["wave"].iloc[-1]))
        found += [(str(name), who, str(month)) for month in future if month.month == usual]
    return pd.DataFrame(found, columns=["indicator", "pollster", "time"])


def wave_table(table: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """Return the bands of the expected waves.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one forecast: ``scenario``, ``target``, ``time``, ``q01`` to ``q99``.
    expected : pandas.DataFrame
        ``indicator``, ``pollster``, ``time``.
    """
    bands = table.rename(columns={"target": "indicator"})
    found = expected.merge(bands, on=["indicator", "time"], how="left")
    order = ["scenario", "indicator", "pollster", "time"]
    return found[[*order, *(name for name in table.columns if name.startswith("q"))]]
