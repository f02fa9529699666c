"""Other designs than the observed one: more years, or a poll every quarter.

Invariant: a design changes when and how often things are observed, never what they measure: every
added row is like an observed one of its indicator.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["DESIGNS", "OBSERVED", "redesign"]

OBSERVED: Final = "as observed"
_LONGER: Final = "twice as many years"
# States that are polled every quarter, beside what is observed.
_POLLED: Final[dict[str, tuple[str, ...]]] = {
    "cohesion polled every quarter": (c.COHESION,),
    "threat and credibility polled every quarter": (c.THREAT, c.CREDIBILITY)}
DESIGNS: Final = (OBSERVED, _LONGER, *_POLLED)
# States of a truth that run over months.
_MONTHLY: Final = (c.THREAT, c.CREDIBILITY, c.COHESION)
_SERIES: Final = ("covariates", "drivers", "rivals", "raw_stocks", "event_counts", "governments")
_YEAR, _QUARTER = 12, 3
_POLLS: Final = "opinion"


def redesign(name: str, spec: ModelSpec, panel: Panel,
             truth: dict[str, Any]) -> tuple[ModelSpec, Panel, dict[str, Any]]:
    """Return model file, panel and truth of a design.

    Parameters
    ----------
    name : str
        One of :data:`DESIGNS`.
    spec, panel : ModelSpec, Panel
        As observed.
    truth : dict of str to array or dict
        As in :class:`bayes_alliance.checks.Simulated`; its monthly states go on as they were.

    Raises
    ------
    ValueError
        If there is no such design.
    """
    if name not in DESIGNS:
        raise ValueError(f"there is no design {name!r} (allowed: {', '.join(DESIGNS)})")
    if name == _LONGER:
        return _longer(spec, panel, truth)
    if name in _POLLED:
        return spec, _polled(panel, _POLLED[name]), truth
    return spec, panel, truth


def _longer(spec: ModelSpec, panel: Panel,
            truth: dict[str, Any]) -> tuple[ModelSpec, Panel, dict[str, Any]]:
    """Let all years come once more after the last: drivers, governments, gaps and all."""
    months = len(panel.time)
    time = pd.period_range(panel.time[0], periods=2 * months, freq="M")
    later = panel.rows.assign(
        start=[_moved(day, months) for day in panel.rows["start"]],
        end=[_moved(day, months) for day in panel.rows["end"]],
        start_month=panel.rows["start_month"] + months,
        end_month=panel.rows["end_month"] + months,
        wave=[f"{wave} again" if wave else "" for wave in panel.rows["wave"]],
        calendar_month=(panel.rows["calendar_month"] - 1 + months) % _YEAR + 1)
    # A survey that changed its mode stays changed.
    last = panel.rows.groupby("indicator")["mode"].transform("max")
    twice = {name: _twice(getattr(panel, name), time) for name in _SERIES}
    states = {name: np.concatenate([truth[name], truth[name]], axis=-1)
              for name in _MONTHLY if name in truth}
    head = spec.model.model_copy(update={"end": str(time[-1])})
    return (spec.model_copy(update={"model": head}),
            replace(panel, time=time, rows=_in_order(panel, [panel.rows, later.assign(mode=last)]),
                    **twice), truth | states)


def _polled(panel: Panel, latents: Sequence[str]) -> Panel:
    """Ask the commonest poll of each state and member in the middle of every quarter."""
    parts = [panel.rows]
    table = panel.indicators[(panel.indicators["kind"] == _POLLS)
                             & panel.indicators["latent"].isin(latents)]
    counts = panel.rows["indicator"].value_counts()
    for _, group in table.groupby(["latent", "member"], sort=False):
        parts.append(_quarterly(panel, max(group.index, key=lambda name: counts[name])))
    return replace(panel, rows=_in_order(panel, parts))


def _quarterly(panel: Panel, name: str) -> pd.DataFrame:
    """Return a row in each quarter whose middle no row of an indicator touches, like its nearest.

    Such a poll is of that month alone.
    """
    own = panel.rows[panel.rows["indicator"] == name]
    seen = {month for row in own.itertuples()
            for month in range(row.start_month, row.end_month + 1)}
    months = np.array([at for at in range(_QUARTER // 2, len(panel.time), _QUARTER)
                       if at not in seen], dtype=int)
    middle = (own["start_month"] + own["end_month"]).to_numpy() / 2
    nearest = [int(np.abs(middle - month).argmin()) for month in months]
    periods = panel.time[months]
    return own.iloc[nearest].assign(
        start=[one.start_time.date() for one in periods],
        end=[one.end_time.date() for one in periods], start_month=months, end_month=months,
        wave="", calendar_month=[one.month for one in periods])


def _in_order(panel: Panel, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return rows in the order of the indicators, each indicator's in the order of time."""
    rows = pd.concat(parts, ignore_index=True)
    place = rows["indicator"].map({name: at for at, name in enumerate(panel.indicators.index)})
    order = np.lexsort((rows["end_month"], rows["start_month"], place))
    return rows.iloc[order].reset_index(drop=True)


def _twice(table: pd.DataFrame, time: pd.PeriodIndex) -> pd.DataFrame:
    return pd.concat([table, table]).set_axis(time)


def _moved(day: Any, months: int) -> Any:
    return (pd.Timestamp(day) + pd.DateOffset(months=months)).date()
