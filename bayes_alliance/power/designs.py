"""Other designs than the observed one: the years once more, or polls every quarter.

Invariant: a design changes when and how often things are observed, never what they measure: every
added row is like an observed one of its indicator, and shares a wave's error with another.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.model.layout import waves
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["DESIGNS", "NONE", "OBSERVED", "WORDS", "designs_of", "redesign"]

OBSERVED: Final = "as observed"
# The path that acts where none does.
NONE: Final = "none"
_LONGER: Final = "the years once more"
# States that are polled every quarter, beside what is observed.
_POLLED: Final[dict[str, tuple[str, ...]]] = {
    "cohesion polled every quarter": (c.COHESION,),
    "threat and credibility polled every quarter": (c.THREAT, c.CREDIBILITY)}
DESIGNS: Final = (OBSERVED, _LONGER, *_POLLED)
# What each of the others is, for a reader.
WORDS: Final = {
    _LONGER: "all months come once more after the last, with their drivers, states and gaps, but "
             "under other governments (the states jump where the first month follows the last)",
    **dict.fromkeys(_POLLED, "the most frequent polls of these states also in the middle month "
                             "of every quarter, two questions a wave where there are two")}
# States of a truth that run over months.
_MONTHLY: Final = (c.THREAT, c.CREDIBILITY, c.COHESION)
_SERIES: Final = ("covariates", "drivers", "rivals", "raw_stocks", "event_counts")
_QUARTER: Final = 3
_POLLS: Final = "opinion"
_AGAIN: Final = " again"


def designs_of(panel: Panel) -> tuple[str, ...]:
    """Return the designs that are another one for a panel: those whose polls it has.

    Parameters
    ----------
    panel : Panel
        As observed.

    Returns
    -------
    tuple of str
        Of :data:`DESIGNS`, in their order. More polls need waves that several items share as
        observed: without one nothing is known of the error that new items would share.
    """
    families = panel.rows["indicator"].map(panel.indicators["family"])
    shared = bool(waves(panel.rows.assign(family=families)))
    return tuple(name for name in DESIGNS if name not in _POLLED
                 or (shared and all(_items(panel, _POLLED[name]).values())))


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
        As in :class:`bayes_alliance.checks.Simulated`.

    Returns
    -------
    spec : ModelSpec
    panel : Panel
    truth : dict of str to array or dict

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
    """Let all months come once more after the last, under other governments."""
    months = len(panel.time)
    time = pd.period_range(panel.time[0], periods=2 * months, freq="M")
    first, last = (panel.rows[key] + months for key in ("start_month", "end_month"))
    later = panel.rows.assign(
        start=[_moved(day, months) for day in panel.rows["start"]],
        end=[_moved(day, months) for day in panel.rows["end"]], start_month=first, end_month=last,
        wave=[wave + _AGAIN if wave else "" for wave in panel.rows["wave"]],
        calendar_month=[int(time[at].month) for at in (first + last) // 2],
        # A survey that changed its mode stays changed.
        mode=panel.rows.groupby("indicator")["mode"].transform("max"))
    twice = {name: pd.concat([getattr(panel, name)] * 2).set_axis(time) for name in _SERIES}
    governments = pd.concat([panel.governments, panel.governments + _AGAIN]).set_axis(time)
    states = {name: np.concatenate([truth[name], truth[name]], axis=-1)
              for name in _MONTHLY if name in truth}
    head = spec.model.model_copy(update={"end": str(time[-1])})
    return (spec.model_copy(update={"model": head}),
            replace(panel, time=time, rows=_in_order(panel, [panel.rows, later]),
                    governments=governments, **twice), truth | states)


def _items(panel: Panel, latents: Sequence[str]) -> dict[str, list[str]]:
    """Return which questions a quarter's wave asks, by who is asked; empty if one is lacking.

    Of each state its most frequent poll; where there is one state, its two most frequent.
    """
    counts = panel.rows["indicator"].value_counts()
    table = panel.indicators[panel.indicators["kind"] == _POLLS]
    asked = (panel.dyad,) if tuple(latents) == (c.COHESION,) else panel.members
    found: dict[str, list[str]] = {}
    for who in asked:
        mine = table[table["member"] == who]
        ranked = [sorted(mine.index[mine["latent"] == latent], key=lambda name: -counts[name])
                  for latent in latents]
        each = 2 if len(latents) == 1 else 1
        found[who] = ([name for names in ranked for name in names[:each]] if all(ranked) else [])
    return found


def _polled(panel: Panel, latents: Sequence[str]) -> Panel:
    parts = [_quarterly(panel, name, who) for who, names in _items(panel, latents).items()
             for name in names]
    return replace(panel, rows=_in_order(panel, [panel.rows, *parts]))


def _quarterly(panel: Panel, name: str, who: str) -> pd.DataFrame:
    """Return a row in each quarter whose middle no row of an indicator touches, like its nearest.

    It is of that month alone, in the mode of that time as far as the indicator has been seen in it.
    """
    own = panel.rows[panel.rows["indicator"] == name]
    seen = {month for row in own.itertuples()
            for month in range(row.start_month, row.end_month + 1)}
    months = np.array([at for at in range(_QUARTER // 2, len(panel.time), _QUARTER)
                       if at not in seen], dtype=int)
    middle = (own["start_month"] + own["end_month"]).to_numpy() / 2
    nearest = [int(np.abs(middle - month).argmin()) for month in months]
    periods = panel.time[months]
    start = [one.start_time.date() for one in periods]
    changes = [date for date, _ in panel.indicators.at[name, "mode_changes"]]
    return own.iloc[nearest].assign(
        start=start, end=[one.end_time.date() for one in periods], start_month=months,
        end_month=months, wave=[f"quarterly {who} {one}" for one in periods],
        mode=[min(sum(date <= day for date in changes), int(own["mode"].max())) for day in start],
        calendar_month=[int(one.month) for one in periods])


def _in_order(panel: Panel, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return rows in the order of the indicators, each indicator's in the order of time."""
    rows = pd.concat(parts, ignore_index=True)
    place = rows["indicator"].map({name: at for at, name in enumerate(panel.indicators.index)})
    order = np.lexsort((rows["end_month"], rows["start_month"], place))
    return rows.iloc[order].reset_index(drop=True)


def _moved(day: Any, months: int) -> Any:
    return (pd.Timestamp(day) + pd.DateOffset(months=months)).date()
