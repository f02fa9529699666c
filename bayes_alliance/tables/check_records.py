"""What must hold between the rows of one table, and between a row and the tables it names.

Invariant: every fault names file, row and key; nothing is changed.
"""

import itertools
from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from bayes_alliance.exceptions import Fault, did_you_mean
from bayes_alliance.tables.cells import LINE
from bayes_alliance.tables.notation import parse_list
from bayes_alliance.tables.schema import ADVERSARIES, CONTROLS, GOVERNMENTS

__all__ = [
    "check_actors",
    "check_covariate_names",
    "check_duplicates",
    "check_governments",
    "check_overlaps",
    "check_periods",
    "check_sources",
    "row_fault",
]


def row_fault(name: str, row: Any, key: str, problem: str, allowed: str = "") -> Fault:
    """Return a fault of one cell.

    Parameters
    ----------
    name : str
        The file.
    row : namedtuple
        A row of a table that was read, which knows its line.
    key : str
        The column.
    problem, allowed : str
        What was wrong, and what is allowed instead.
    """
    return Fault(name, f"row {getattr(row, LINE)}, {key}", problem, allowed)


def check_periods(table: pd.DataFrame, name: str) -> list[Fault]:
    """Check that no period ends before it starts."""
    return [row_fault(name, row, "end", f"the period ends on {row.end}, before it starts on "
                      f"{row.start}", "end not before start")
            for row in table.itertuples()
            if row.start is not None and row.end is not None and row.end < row.start]


def check_overlaps(table: pd.DataFrame, name: str, item: str) -> list[Fault]:
    """Check that no two periods of one item overlap; equal ones are duplicates."""
    faults = []
    complete = table.dropna(subset=["start", "end"])
    sound = complete[(complete[item] != "") & (complete["start"] <= complete["end"])]
    for _, rows in sound.groupby(item, sort=True):
        longest: Any = None
        for row in rows.sort_values(["start", "end"], kind="stable").itertuples():
            if longest is not None and row.start <= longest.end and (
                    row.start, row.end) != (longest.start, longest.end):
                faults.append(row_fault(
                    name, row, "start", f"the period {row.start} to {row.end} overlaps that of "
                    f"row {getattr(longest, LINE)}, {longest.start} to {longest.end}",
                    f"periods of one {item} that do not overlap"))
            if longest is None or row.end > longest.end:
                longest = row
    return faults


def check_duplicates(table: pd.DataFrame, name: str, keys: list[str]) -> list[Fault]:
    """Check that the keys together stand once only."""
    complete = table.dropna(subset=keys)
    first: dict[Any, int] = {}
    faults = []
    for row in complete.itertuples():
        key = tuple(getattr(row, part) for part in keys)
        if key in first:
            shown = ", ".join(f"{part} {value}" for part, value in zip(keys, key, strict=True))
            faults.append(row_fault(name, row, keys[0], f"repeats row {first[key]} ({shown})",
                                    f"one row for each {' and '.join(keys)}"))
        else:
            first[key] = getattr(row, LINE)
    return faults


def check_covariate_names(tables: dict[str, pd.DataFrame]) -> list[Fault]:
    """Check that the covariates of the indicators have rows."""
    known = set(tables["covariates.csv"]["covariate"])
    return [row_fault("indicators.csv", row, "covariates", f"unknown covariate {name!r}",
                      ", ".join(sorted(known)) or "none: covariates.csv has no rows")
            for row in tables["indicators.csv"].itertuples()
            for name in parse_list(row.covariates) if name not in known]


def check_sources(tables: dict[str, pd.DataFrame]) -> list[Fault]:
    """Check that sources are known, and that an indicator has the licence of its source."""
    known = set(tables["sources.csv"]["source"])
    faults = []
    for name in ("observations.csv", "indicators.csv", "covariates.csv", "events.csv",
                 CONTROLS):
        for row in _rows(tables, name):
            address = str(row.source).startswith(("http://", "https://"))
            if row.source and row.source not in known and not address:
                faults.append(row_fault(name, row, "source", f"unknown source {row.source!r}",
                                        "a source of sources.csv, or a web address"))
    terms = dict(zip(tables["sources.csv"]["source"], tables["sources.csv"]["redistribution"],
                     strict=True))
    for row in _rows(tables, "indicators.csv"):
        allowed = terms.get(row.source, "")
        if allowed and row.licence and row.licence != allowed:
            faults.append(row_fault("indicators.csv", row, "licence", f"{row.licence!r} is not "
                                    f"the redistribution of the source {row.source!r}", allowed))
    return faults


def _rows(tables: dict[str, pd.DataFrame], name: str) -> Iterable[Any]:
    return tables[name].itertuples() if name in tables else ()


def check_actors(events: pd.DataFrame, countries: Collection[str]) -> list[Fault]:
    """Check who acts on whom: a country, which an adversary is too, or two joined by ``_``."""
    pairs = ["_".join(two) for two in itertools.permutations(countries, 2)]
    single = [*countries, *(name for name in ADVERSARIES if name in set(events["actor"]))]
    known = [*single, *pairs]
    return [row_fault("events.csv", row, key, f"unknown {key} {value!r}"
                      f"{did_you_mean(str(value), known)}",
                      f"{', '.join(single)}, or two countries of {GOVERNMENTS} joined by _; a "
                      "state that acts has a row there, an adversary too")
            for row in events.itertuples() for key in ("actor", "target")
            if (value := getattr(row, key)) and value not in known]


def check_governments(table: pd.DataFrame) -> list[Fault]:
    """Check that the terms of a country neither overlap nor leave a gap."""
    faults = []
    for country, rows in table.dropna(subset=["start"]).groupby("country", sort=True):
        ordered = list(rows.sort_values("start").itertuples())
        for row in ordered:
            if row.end is not None and row.end < row.start:
                faults.append(row_fault(GOVERNMENTS, row, "end", f"the term of {row.head} ends on "
                                        f"{row.end}, before it starts on {row.start}",
                                        "end not before start"))
        for before, after in zip(ordered, ordered[1:], strict=False):
            if before.end is None or (after.start - before.end).days < 0:
                faults.append(row_fault(GOVERNMENTS, after, "start", f"{after.head} starts on "
                                        f"{after.start} while {before.head} is in office "
                                        f"({country})", "terms that do not overlap"))
            elif (after.start - before.end).days > 1:
                faults.append(row_fault(GOVERNMENTS, after, "start", f"nobody is in office in "
                                        f"{country} between {before.end} and {after.start}",
                                        "terms without a gap"))
    return faults
