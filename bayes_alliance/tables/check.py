"""Everything that must hold between the cells of a dataset.

Invariant: :func:`check_tables` finds all faults in one pass and changes nothing.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from bayes_alliance.constants import COHESION
from bayes_alliance.exceptions import Fault, did_you_mean
from bayes_alliance.spec import FAMILIES, TRANSFORMS
from bayes_alliance.tables.cells import LINE
from bayes_alliance.tables.notation import parse_list, parse_masks, parse_mode_changes
from bayes_alliance.tables.schema import GOVERNMENTS

__all__ = ["check_tables"]

_OBSERVATIONS = "observations.csv"
_INDICATORS = "indicators.csv"


def check_tables(tables: dict[str, pd.DataFrame]) -> list[Fault]:
    """Return every fault between the cells of tables that were read without fault.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Tables by file name; one that could not be read is absent and what depends on it is
        not checked.

    Returns
    -------
    list of Fault
        Empty if the dataset is sound.
    """
    faults: list[Fault] = []
    for name, table in tables.items():
        if not len(table) and name in (_OBSERVATIONS, _INDICATORS):
            faults.append(Fault(name, "", "the table has no rows", "at least one row"))
    if _INDICATORS in tables:
        faults += _check_indicators(tables[_INDICATORS])
    if _OBSERVATIONS in tables:
        faults += _check_periods(tables[_OBSERVATIONS], _OBSERVATIONS)
        faults += _check_duplicates(tables[_OBSERVATIONS], _OBSERVATIONS,
                                    ["indicator", "start", "end"])
        if _INDICATORS in tables:
            faults += _check_values(tables[_OBSERVATIONS], tables[_INDICATORS])
    if "covariates.csv" in tables:
        faults += _check_periods(tables["covariates.csv"], "covariates.csv")
        faults += _check_duplicates(tables["covariates.csv"], "covariates.csv",
                                    ["covariate", "start", "end"])
        if _INDICATORS in tables:
            faults += _check_covariate_names(tables)
    if "sources.csv" in tables:
        faults += _check_duplicates(tables["sources.csv"], "sources.csv", ["source"])
        faults += _check_sources(tables)
    if "events.csv" in tables:
        faults += _check_duplicates(tables["events.csv"], "events.csv",
                                    ["date", "kind", "actor", "event"])
    if GOVERNMENTS in tables:
        faults += _check_governments(tables[GOVERNMENTS])
    return faults


def _fault(name: str, row: Any, key: str, problem: str, allowed: str = "") -> Fault:
    return Fault(name, f"row {getattr(row, LINE)}, {key}", problem, allowed)


def _check_indicators(table: pd.DataFrame) -> list[Fault]:
    faults = _check_duplicates(table, _INDICATORS, ["indicator"])
    members = {row.member for row in table.itertuples() if row.latent != COHESION and row.member}
    dyads = {row.member for row in table.itertuples() if row.latent == COHESION and row.member}
    if len(members) > 2:
        faults.append(Fault(_INDICATORS, "member", f"{len(members)} members: "
                            f"{', '.join(sorted(members))}", "two members of one dyad"))
    if len(dyads) > 1:
        faults.append(Fault(_INDICATORS, "member", f"{len(dyads)} dyads: "
                            f"{', '.join(sorted(dyads))}", "one dyad"))
    for row in table.itertuples():
        family = FAMILIES.get(row.family)
        if family and row.link and row.link != family.link:
            faults.append(_fault(_INDICATORS, row, "link", f"{row.family} does not go with the "
                                 f"link {row.link!r}", family.link))
        if family and row.transform and (row.transform == "percent") != family.needs_n:
            allowed = "percent" if family.needs_n else "identity, log, log1p"
            faults.append(_fault(_INDICATORS, row, "transform", f"{row.family} does not go with "
                                 f"the transform {row.transform!r}", allowed))
        if row.transform_scale is not None and not row.transform_scale > 0:
            faults.append(_fault(_INDICATORS, row, "transform_scale",
                                 f"{row.transform_scale:g} is not positive", "above 0"))
        if row.own_error == "ar1" and row.family not in ("normal", "student_t"):
            faults.append(_fault(_INDICATORS, row, "own_error", f"{row.family} has no own error",
                                 "none; ar1 only for normal and student_t"))
        for key, parse in (("masks", parse_masks), ("mode_changes", parse_mode_changes)):
            faults += _check_notation(row, key, parse)
    return faults + _check_shared_items(table)


def _check_notation(row: Any, key: str, parse: Callable[[str], object]) -> list[Fault]:
    try:
        parse(getattr(row, key))
    except ValueError as error:
        form = "YYYY-MM..YYYY-MM=reason" if key == "masks" else "YYYY-MM-DD=mode"
        return [_fault(_INDICATORS, row, key, str(error), f"{form}, joined with ;")]
    return []


def _check_shared_items(table: pd.DataFrame) -> list[Fault]:
    faults = []
    for item, rows in table[table["shared_item"] != ""].groupby("shared_item", sort=True):
        first = next(rows.itertuples())
        if len(rows) == 1:
            faults.append(_fault(_INDICATORS, first, "shared_item",
                                 f"{item!r} stands at one indicator only",
                                 "an item shared by both publics, or an empty cell"))
        for key in ("latent", "family", "transform", "transform_shift", "transform_scale",
                    "orientation"):
            if rows[key].nunique() > 1:
                faults.append(_fault(_INDICATORS, first, "shared_item", f"the indicators of "
                                     f"{item!r} differ in {key}", f"one {key} for one item"))
    return faults


def _check_periods(table: pd.DataFrame, name: str) -> list[Fault]:
    return [_fault(name, row, "end", f"the period ends on {row.end}, before it starts on "
                   f"{row.start}", "end not before start")
            for row in table.itertuples()
            if row.start is not None and row.end is not None and row.end < row.start]


def _check_duplicates(table: pd.DataFrame, name: str, keys: list[str]) -> list[Fault]:
    complete = table.dropna(subset=keys)
    first: dict[Any, int] = {}
    faults = []
    for row in complete.itertuples():
        key = tuple(getattr(row, part) for part in keys)
        if key in first:
            shown = ", ".join(f"{part} {value}" for part, value in zip(keys, key, strict=True))
            faults.append(_fault(name, row, keys[0], f"repeats row {first[key]} ({shown})",
                                 f"one row for each {' and '.join(keys)}"))
        else:
            first[key] = getattr(row, LINE)
    return faults


def _check_values(observations: pd.DataFrame, indicators: pd.DataFrame) -> list[Fault]:
    known = {row.indicator: row for row in indicators.itertuples()}
    faults = []
    for row in observations.itertuples():
        about = known.get(row.indicator)
        if about is None:
            hint = did_you_mean(str(row.indicator), known)
            faults.append(_fault(_OBSERVATIONS, row, "indicator",
                                 f"unknown indicator {row.indicator!r}{hint}",
                                 f"an indicator of {_INDICATORS}"))
            continue
        family, transform = FAMILIES.get(about.family), TRANSFORMS.get(about.transform)
        if family is None or transform is None:
            continue
        if family.needs_n and (_missing(row.n) or row.n < 1):
            faults.append(_fault(_OBSERVATIONS, row, "n", f"{about.family} needs a sample size, "
                                 f"got {'nothing' if _missing(row.n) else row.n}",
                                 "a whole number of at least 1"))
        if _missing(row.value):
            continue
        low = (transform.strict and row.value <= transform.lower) or row.value < transform.lower
        outside = not family.lower <= row.value <= family.upper
        fraction = family.integer and row.value != int(row.value)
        if outside or fraction:
            faults.append(_fault(_OBSERVATIONS, row, "value", f"{row.value:g} is outside the "
                                 f"support of {about.family} ({row.indicator})", family.support))
        elif low:
            above = "above" if transform.strict else "at least"
            faults.append(_fault(_OBSERVATIONS, row, "value", f"{row.value:g} cannot be "
                                 f"transformed by {about.transform} ({row.indicator})",
                                 f"{above} {transform.lower:g}"))
    return faults


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _check_covariate_names(tables: dict[str, pd.DataFrame]) -> list[Fault]:
    known = set(tables["covariates.csv"]["covariate"])
    return [_fault(_INDICATORS, row, "covariates", f"unknown covariate {name!r}",
                   ", ".join(sorted(known)) or "none: covariates.csv has no rows")
            for row in tables[_INDICATORS].itertuples()
            for name in parse_list(row.covariates) if name not in known]


def _check_sources(tables: dict[str, pd.DataFrame]) -> list[Fault]:
    known = set(tables["sources.csv"]["source"])
    faults = []
    for name in (_OBSERVATIONS, _INDICATORS, "covariates.csv", "events.csv"):
        for row in _rows(tables, name):
            address = str(row.source).startswith(("http://", "https://"))
            if row.source and row.source not in known and not address:
                faults.append(_fault(name, row, "source", f"unknown source {row.source!r}",
                                     "a source of sources.csv, or a web address"))
    return faults


def _rows(tables: dict[str, pd.DataFrame], name: str) -> Iterable[Any]:
    return tables[name].itertuples() if name in tables else ()


def _check_governments(table: pd.DataFrame) -> list[Fault]:
    faults = []
    for country, rows in table.dropna(subset=["start"]).groupby("country", sort=True):
        ordered = list(rows.sort_values("start").itertuples())
        for row in ordered:
            if row.end is not None and row.end < row.start:
                faults.append(_fault(GOVERNMENTS, row, "end", f"the term of {row.head} ends on "
                                     f"{row.end}, before it starts on {row.start}",
                                     "end not before start"))
        for before, after in zip(ordered, ordered[1:], strict=False):
            if before.end is None or (after.start - before.end).days < 0:
                faults.append(_fault(GOVERNMENTS, after, "start", f"{after.head} starts on "
                                     f"{after.start} while {before.head} is in office "
                                     f"({country})", "terms that do not overlap"))
            elif (after.start - before.end).days > 1:
                faults.append(_fault(GOVERNMENTS, after, "start", f"nobody is in office in "
                                     f"{country} between {before.end} and {after.start}",
                                     "terms without a gap"))
    return faults
