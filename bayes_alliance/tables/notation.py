"""The small notations inside cells: lists, masks and changes of survey mode.

Invariant: a cell either parses completely or is a fault; no part of it is dropped.
"""

import datetime as dt
import re
from dataclasses import dataclass

import pandas as pd

__all__ = ["Mask", "parse_list", "parse_masks", "parse_mode_changes"]

_MONTH = r"((?:1[89]|2[01])[0-9]{2}-(?:0[1-9]|1[0-2]))"
_MASK = re.compile(rf"{_MONTH}\.\.{_MONTH}=(\S.*)")
_CHANGE = re.compile(r"((?:1[89]|2[01])[0-9]{2}-[0-9]{2}-[0-9]{2})=(\S.*)")


@dataclass(frozen=True, slots=True)
class Mask:
    """Months in which an indicator is not used, and why."""

    start: pd.Period
    end: pd.Period
    reason: str


def parse_list(text: str) -> tuple[str, ...]:
    """Return the parts of a ``;``-separated list, none for an empty cell."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def parse_masks(text: str) -> tuple[Mask, ...]:
    """Parse ``YYYY-MM..YYYY-MM=reason`` masks.

    Raises
    ------
    ValueError
        If a part has another form or ends before it starts.
    """
    masks = []
    for part in parse_list(text):
        match = _MASK.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no mask")
        mask = Mask(pd.Period(match[1], "M"), pd.Period(match[2], "M"), match[3])
        if mask.start > mask.end:
            raise ValueError(f"{part!r} ends before it starts")
        masks.append(mask)
    return tuple(masks)


def parse_mode_changes(text: str) -> tuple[tuple[dt.date, str], ...]:
    """Parse ``YYYY-MM-DD=mode`` changes, in time order.

    Raises
    ------
    ValueError
        If a part has another form, is no date, or the parts are out of order.
    """
    changes = []
    for part in parse_list(text):
        match = _CHANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no change of mode")
        changes.append((dt.date.fromisoformat(match[1]), match[2]))
    if changes != sorted(changes):
        raise ValueError("the changes are not in time order")
    return tuple(changes)
