"""Everything that must hold between the cells of a dataset.

Invariant: :func:`check_tables` finds all faults in one pass and changes nothing.
"""

import itertools
import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd

from bayes_alliance.constants import COHESION
from bayes_alliance.exceptions import Fault, did_you_mean
from bayes_alliance.spec import FAMILIES, TRANSFORMS, Family
from bayes_alliance.tables.cells import MOST_FAULTS, too_many_faults
from bayes_alliance.tables.check_records import (
    check_actors,
    check_covariate_names,
    check_duplicates,
    check_governments,
    check_overlaps,
    check_periods,
    check_sources,
    row_fault,
)
from bayes_alliance.tables.notation import parse_masks, parse_mode_changes
from bayes_alliance.tables.schema import CONTROLS, GOVERNMENTS

__all__ = ["check_tables"]

_OBSERVATIONS = "observations.csv"
_INDICATORS = "indicators.csv"
# As pairs of countries are listed, and nothing of the field has more.
_MOST_COUNTRIES = 200
# Priors are of the order of one: transformed values beyond this have a wrong unit or scale.
_LARGEST_TRANSFORMED = 1e6
# What may stand once only in a table.
_UNIQUE = {
    _OBSERVATIONS: ["indicator", "start", "end"],
    _INDICATORS: ["indicator"],
    "covariates.csv": ["covariate", "start", "end"],
    CONTROLS: ["control", "start", "end"],
    "events.csv": ["date", "kind", "actor", "event"],
    "event_coverage.csv": ["kind", "year"],
    "sources.csv": ["source"],
}


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
    countries = _countries(tables[GOVERNMENTS]) if GOVERNMENTS in tables else []
    for name, keys in _UNIQUE.items():
        if name in tables:
            faults += check_duplicates(tables[name], name, keys)
    if _INDICATORS in tables:
        faults += _check_indicators(tables[_INDICATORS])
        if GOVERNMENTS in tables and len(countries) <= _MOST_COUNTRIES:
            faults += _check_members(tables[_INDICATORS], countries)
        if "covariates.csv" in tables:
            faults += check_covariate_names(tables)
    for name, item in ((_OBSERVATIONS, "indicator"), ("covariates.csv", "covariate"),
                       (CONTROLS, "control")):
        if name in tables:
            faults += check_periods(tables[name], name)
            faults += check_overlaps(tables[name], name, item)
    if _OBSERVATIONS in tables and _INDICATORS in tables:
        faults += _check_values(tables[_OBSERVATIONS], tables[_INDICATORS])
    if "sources.csv" in tables:
        faults += check_sources(tables)
    if GOVERNMENTS in tables:
        faults += check_governments(tables[GOVERNMENTS])
        if len(countries) > _MOST_COUNTRIES:
            faults.append(Fault(GOVERNMENTS, "country", f"{len(countries)} countries",
                                f"at most {_MOST_COUNTRIES}"))
        elif "events.csv" in tables:
            faults += check_actors(tables["events.csv"], countries)
    return faults


def _countries(governments: pd.DataFrame) -> list[str]:
    return sorted({str(country) for country in governments["country"] if country})


def _check_indicators(table: pd.DataFrame) -> list[Fault]:
    faults = []
    for row in table.itertuples():
        family = FAMILIES.get(row.family)
        if family and row.link and row.link != family.link:
            faults.append(row_fault(_INDICATORS, row, "link", f"{row.family} does not go with the "
                                    f"link {row.link!r}", family.link))
        if family and row.transform and row.transform not in _transforms(family):
            allowed = ", ".join(_transforms(family))
            faults.append(row_fault(_INDICATORS, row, "transform", f"{row.family} does not go with "
                                    f"the transform {row.transform!r}", allowed))
        if family and family.integer and row.transform == "identity" and (
                row.transform_shift, row.transform_scale) != (0, 1):
            faults.append(row_fault(_INDICATORS, row, "transform_scale", f"{row.family} takes "
                                    "counts as they are", "shift 0 and scale 1"))
        if not _missing(row.transform_scale) and not row.transform_scale > 0:
            faults.append(row_fault(_INDICATORS, row, "transform_scale",
                                    f"{row.transform_scale:g} is not positive", "above 0"))
        if row.own_error == "ar1" and row.family and row.family not in ("normal", "student_t"):
            faults.append(row_fault(_INDICATORS, row, "own_error", f"{row.family} has no own error",
                                    "none; ar1 only for normal and student_t"))
        for key, parse in (("masks", parse_masks), ("mode_changes", parse_mode_changes)):
            faults += _check_notation(row, key, parse)
    return faults + _check_shared_items(table)


def _transforms(family: Family) -> tuple[str, ...]:
    """Return the transforms a family goes with; a count stays a count."""
    if family.needs_n:
        return ("percent",)
    return ("identity",) if family.integer else ("identity", "log", "log1p")


def _check_members(table: pd.DataFrame, countries: Collection[str]) -> list[Fault]:
    """Check that members are countries, and that dyads are two of them joined by ``_``."""
    faults = []
    used: dict[bool, set[str]] = {True: set(), False: set()}
    named = [row for row in table.itertuples() if row.member and row.latent]
    members = sorted({row.member for row in named
                      if row.latent != COHESION and row.member in countries})
    pair = members if len(members) == 2 else countries
    dyads = ["_".join(two) for two in itertools.permutations(pair, 2)]
    for row in named:
        known, what = (dyads, "dyad") if row.latent == COHESION else (countries, "member")
        if row.member in known:
            used[row.latent == COHESION].add(row.member)
            continue
        hint = did_you_mean(str(row.member), known)
        faults.append(row_fault(_INDICATORS, row, "member", f"unknown {what} {row.member!r}{hint}",
                                f"{', '.join(known)}: the countries of {GOVERNMENTS}"
                                f"{', two joined by _' if what == 'dyad' else ''}"))
    if len(used[False]) > 2:
        faults.append(Fault(_INDICATORS, "member", f"{len(used[False])} members: "
                            f"{', '.join(sorted(used[False]))}", "two members of one dyad"))
    if len(used[True]) > 1:
        faults.append(Fault(_INDICATORS, "member", f"{len(used[True])} dyads: "
                            f"{', '.join(sorted(used[True]))}", "one dyad"))
    return faults


def _check_notation(row: Any, key: str, parse: Callable[[str], object]) -> list[Fault]:
    try:
        parse(getattr(row, key))
    except ValueError as error:
        form = "YYYY-MM..YYYY-MM=reason" if key == "masks" else "YYYY-MM-DD=mode"
        return [row_fault(_INDICATORS, row, key, str(error), f"{form}, joined with ;")]
    return []


def _check_shared_items(table: pd.DataFrame) -> list[Fault]:
    faults = []
    for item, rows in table[table["shared_item"] != ""].groupby("shared_item", sort=True):
        first = next(rows.itertuples())
        if len(rows) == 1:
            faults.append(row_fault(_INDICATORS, first, "shared_item",
                                    f"{item!r} stands at one indicator only",
                                    "an item shared by both publics, or an empty cell"))
        for key in ("latent", "family", "transform", "transform_shift", "transform_scale",
                    "orientation"):
            given = [row for row in rows.itertuples() if key not in row.refused]
            if len({getattr(row, key) for row in given}) > 1:
                faults.append(row_fault(_INDICATORS, first, "shared_item", f"the indicators of "
                                        f"{item!r} differ in {key}", f"one {key} for one item"))
    return faults


def _check_values(observations: pd.DataFrame, indicators: pd.DataFrame) -> list[Fault]:
    known = {row.indicator: row for row in indicators.itertuples()}
    faults: list[Fault] = []
    for row in observations.itertuples():
        if len(faults) >= MOST_FAULTS:
            return [*faults, too_many_faults(_OBSERVATIONS)]
        if not row.indicator:  # an empty cell has its fault already
            continue
        about = known.get(row.indicator)
        if about is None:
            hint = did_you_mean(str(row.indicator), known)
            faults.append(row_fault(_OBSERVATIONS, row, "indicator",
                                    f"unknown indicator {row.indicator!r}{hint}",
                                    f"an indicator of {_INDICATORS}"))
            continue
        family, transform = FAMILIES.get(about.family), TRANSFORMS.get(about.transform)
        if family is None or transform is None:
            continue
        if family.needs_n and "n" not in row.refused and (_missing(row.n) or row.n < 1):
            faults.append(row_fault(_OBSERVATIONS, row, "n", f"{about.family} needs a sample size, "
                                    f"got {'nothing' if _missing(row.n) else row.n}",
                                    "a whole number of at least 1"))
        if _missing(row.value):
            continue
        low = (transform.strict and row.value <= transform.lower) or row.value < transform.lower
        outside = not family.lower <= row.value <= family.upper
        fraction = family.integer and row.value != int(row.value)
        if outside or fraction:
            faults.append(row_fault(_OBSERVATIONS, row, "value", f"{row.value:g} is outside the "
                                    f"support of {about.family} ({row.indicator})", family.support))
        elif low:
            above = "above" if transform.strict else "at least"
            faults.append(row_fault(_OBSERVATIONS, row, "value", f"{row.value:g} cannot be "
                                    f"transformed by {about.transform} ({row.indicator})",
                                    f"{above} {transform.lower:g}"))
        elif not family.needs_n:
            faults += _check_transformed(row, about)
    return faults


def _check_transformed(row: Any, about: Any) -> list[Fault]:
    """Check that a value is of the order of one once it is shifted and scaled."""
    if _missing(about.transform_shift) or _missing(about.transform_scale) or (
            about.transform_scale <= 0):
        return []
    with np.errstate(all="ignore"):
        moved = float(TRANSFORMS[about.transform].apply(
            np.array(row.value), about.transform_shift, about.transform_scale))
    if abs(moved) <= _LARGEST_TRANSFORMED:
        return []
    return [row_fault(_OBSERVATIONS, row, "value", f"{row.value:g} becomes {moved:g} by the shift "
                      f"and scale of {row.indicator}", f"at most {_LARGEST_TRANSFORMED:g} in size")]


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
