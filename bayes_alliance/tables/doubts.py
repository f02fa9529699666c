"""What is allowed in a dataset but looks like a slip: units, decimal signs, periods, days.

Invariant: a doubt never stops anything; it names file, row and key as a fault does. The shipped
datasets give rise to none.
"""

import datetime as dt
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance.exceptions import Fault
from bayes_alliance.spec import FAMILIES
from bayes_alliance.tables.notation import parse_masks
from bayes_alliance.tables.read import Dataset

__all__ = ["find_doubts"]

_FILE: Final = "observations.csv"
# A value that leaves its neighbours and comes back: by at least so much, and by so many times the
# series' own typical step.
_FACTOR: Final = 20.0
_STEPS: Final = 6.0
_NEIGHBOURS: Final = 2
# A lasting change by a hundred or a thousand, within a factor of 1.5, is one of unit.
_UNITS: Final = (100.0, 1000.0)
_NEAR: Final = 1.5
_FEWEST: Final = 4
# A poll's percent between 0 and this is rare; where all others are well above, it is a share.
_SHARE: Final = 1.0
_PERCENT: Final = 5.0
_PERIOD: Final = {"monthly": "M", "quarterly": "Q", "yearly": "Y"}


def find_doubts(dataset: Dataset) -> list[Fault]:
    """Return what looks like a slip in a sound dataset.

    Looked for are percent given as shares, values 20 times off their neighbours, lasting changes
    by a hundred or a thousand, periods that are not those of the frequency, and periods that end
    after the day on which their source was retrieved. A slip by a factor of ten is not seen.

    Parameters
    ----------
    dataset : Dataset
        Checked tables.

    Returns
    -------
    list of Fault
        By indicator and row; empty for most datasets.
    """
    doubts: list[Fault] = []
    observed = dataset.observations.assign(line=_lines(dataset.observations))
    for about in dataset.indicators.itertuples():
        rows = observed[observed["indicator"] == about.indicator]
        rows = rows[~_masked(rows, str(about.masks))].sort_values("start", kind="stable")
        family = FAMILIES[str(about.family)]
        if family.needs_n:
            doubts += _shares(rows)
        doubts += _leaps(rows, counts=family.integer)
        if about.frequency in _PERIOD:
            doubts += _periods(rows, str(about.frequency))
    return doubts + _from_the_future(dataset, observed)


def _lines(table: pd.DataFrame) -> np.ndarray:
    """Return the rows as a reader counts them, the header being the first."""
    return np.arange(len(table)) + 2


def _masked(rows: pd.DataFrame, masks: str) -> np.ndarray:
    parsed = parse_masks(masks)
    return np.array([any(pd.Period(row.start, "M") <= mask.end
                         and pd.Period(row.end, "M") >= mask.start for mask in parsed)
                     for row in rows.itertuples()], dtype=bool)


def _doubt(row: Any, key: str, problem: str, usual: str) -> Fault:
    return Fault(_FILE, f"row {row.line}, {key}", f"{problem} ({row.indicator})", usual)


def _shares(rows: pd.DataFrame) -> list[Fault]:
    """Return doubts on percent between 0 and 1."""
    values = rows["value"].to_numpy(dtype=float)
    small = (values > 0) & (values <= _SHARE)
    if len(rows) > 1 and small.all():
        return [_doubt(next(rows.itertuples()), "value", f"all {len(rows)} values are at most "
                       f"{_SHARE:g}; are they shares?", "percent, such as 45 for 45 of 100")]
    if not small.any() or small.mean() > 0.5 or np.median(values[~small]) < _PERCENT:
        return []
    return [_doubt(row, "value", f"{row.value:g} stands among values about "
                   f"{np.median(values[~small]):g}; is it a share?",
                   "percent, such as 45 for 45 of 100")
            for row, is_small in zip(rows.itertuples(), small, strict=True) if is_small]


def _leaps(rows: pd.DataFrame, *, counts: bool) -> list[Fault]:
    """Return doubts on values far off both neighbours, and on lasting changes of unit."""
    values = rows["value"].to_numpy(dtype=float)
    if len(values) < _FEWEST or (values < 0).any() or not (counts or (values > 0).all()):
        return []
    logs = np.log1p(values) if counts else np.log(values)
    limit = max(np.log(_FACTOR), _STEPS * float(np.median(np.abs(np.diff(logs)))))
    doubts, last = [], -_NEIGHBOURS
    for at, row in enumerate(rows.itertuples()):
        before = logs[max(at - _NEIGHBOURS, 0):at]
        after = logs[at + 1:at + 1 + _NEIGHBOURS]
        around = np.concatenate([before, after])
        off = logs[at] - np.median(around)
        if abs(off) > limit and np.ptp(around) < limit / 2:
            doubts.append(_doubt(row, "value", f"{row.value:g} is about {np.exp(abs(off)):.0f} "
                                 f"times {'larger' if off > 0 else 'smaller'} than its neighbours",
                                 "values in one unit, with a decimal point and no sign for "
                                 "thousands"))
            last = at
        elif at - last >= _NEIGHBOURS and len(before) == len(after) == _NEIGHBOURS:
            step = float(np.median(logs[at:at + _NEIGHBOURS]) - np.median(before))
            for unit in _UNITS:
                if abs(abs(step) - np.log(unit)) < np.log(_NEAR) and _level(before, logs[at:]):
                    doubts.append(_doubt(row, "value", f"from here on values are about {unit:g} "
                                         f"times {'larger' if step > 0 else 'smaller'} than before",
                                         "one unit in all rows"))
                    last = at
    return doubts


def _level(before: np.ndarray, after: np.ndarray) -> bool:
    """Say whether the values on both sides of a step keep their level."""
    return bool(np.ptp(before) < np.log(_NEAR * 2)
                and np.ptp(after[:_NEIGHBOURS]) < np.log(_NEAR * 2))


def _periods(rows: pd.DataFrame, frequency: str) -> list[Fault]:
    """Return doubts on rows that are not one whole period of their frequency."""
    doubts = []
    for row in rows.itertuples():
        period = pd.Period(row.start, _PERIOD[frequency])
        # A quarter's or a year's figure may be of a day in it, such as a head count.
        inside = pd.Period(row.end, _PERIOD[frequency]) == period
        whole = frequency != "monthly" or (row.start == period.start_time.date()
                                           and row.end == period.end_time.date())
        if not (inside and whole):
            doubts.append(_doubt(row, "start", f"{row.start} to {row.end} is no "
                                 f"{frequency} period", "one calendar month, or days in one "
                                 "quarter or year, as the frequency says"))
    return doubts


def _from_the_future(dataset: Dataset, observed: pd.DataFrame) -> list[Fault]:
    """Return doubts on periods that ended after their source was retrieved."""
    retrieved = {}
    for source in dataset.sources.itertuples():
        try:
            retrieved[source.source] = dt.date.fromisoformat(str(source.retrieved))
        except ValueError:  # empty, or in words
            continue
    return [_doubt(row, "end", f"the period ends on {row.end}, after {row.source} was retrieved "
                   f"on {retrieved[row.source]}", "periods that were over by then")
            for row in observed.itertuples()
            if row.source in retrieved and row.end > retrieved[row.source]]
