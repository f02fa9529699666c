"""The tables of a dataset of dyads, checked as one and laid out by dyad, member and year.

Invariant: every fault of the tables is named, with file and row, before anything is laid out; a
value that is not there is an absent row.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.dyads.names import FAMILIES
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.exceptions import DataError, Fault
from bayes_alliance.spec import TRANSFORMS
from bayes_alliance.tables.cells import NUMBER, read_rows

__all__ = ["ABOUT", "COLUMNS", "ENDS", "DyadPanel", "build_dyad_panel", "dyads_of", "read_tables"]

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "members": ("member", "cow", "name"),
    "dyads": ("dyad", "member_a", "member_b", "class", "region", "first", "last", "years"),
    "indicators": ("indicator", "latent", "level", "family", "transform", "shift", "scale",
                   "orientation", "year_effect", "reference", "own_error", "meaning", "source"),
    "observations": ("indicator", "unit", "year", "value", "n"),
    "sources": ("source", "citation", "address", "licence", "redistribution", "retrieved",
                "sha256", "note"),
}
# What a fit keeps of a dyad: what it is, and its years.
ABOUT: Final = ("member_a", "member_b", "class", "region")
ENDS: Final = ("first", "last")
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "latent": c.LATENTS, "level": ("member", "dyad"), "family": tuple(FAMILIES),
    "transform": ("identity", "log1p", "log")}
_MOST_TOLD: Final = 20
# Of a table of names, and of observations.
_MOST_ROWS: Final = (20_000, 1_000_000)
_LARGEST: Final = 1e15
_LARGEST_TRANSFORMED: Final = 1e6


@dataclass(frozen=True)
class DyadPanel:
    """What a model over dyads sees of its tables.

    Attributes
    ----------
    members : list of str
    dyads : pandas.DataFrame
        Indexed by dyad: ``member_a``, ``member_b``, ``class``, ``region``, ``first``, ``last``.
    years : list of int
    indicators : pandas.DataFrame
        Indexed by indicator, as in the table.
    rows : pandas.DataFrame
        One row an observation: ``indicator``, ``unit``, ``year``, ``y`` (transformed), ``n``.
    data_hash : str
        SHA-256 of the tables that enter.
    """

    members: list[str]
    dyads: pd.DataFrame
    years: list[int]
    indicators: pd.DataFrame
    rows: pd.DataFrame
    data_hash: str


def dyads_of(panel: DyadPanel) -> dict[str, dict[str, str]]:
    """Return what a fit says of every dyad: its members, class, region and years."""
    about = panel.dyads[[*ABOUT]].assign(
        **{end: panel.dyads[end].astype(int).astype(str) for end in ENDS})
    return {str(name): row for name, row in about.to_dict("index").items()}


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Read and check the tables of a dataset of dyads.

    Raises
    ------
    DataError
        If a table is missing or wrong; lists the faults.
    """
    faults: list[Fault] = []
    tables: dict[str, pd.DataFrame] = {}
    for name, columns in COLUMNS.items():
        file = f"{name}.csv"
        rows, found = read_rows(folder / file, file, columns,
                                maximum=_MOST_ROWS[name == "observations"])
        faults += found
        if rows is not None and not found:
            # Values of a table and faults name the same row only where no line is left out.
            table = pd.DataFrame([cells for _, cells in rows.cells], columns=rows.header,
                                 index=[line for line, _ in rows.cells], dtype=str)
            tables[name] = table[list(columns)].apply(lambda column: column.str.strip())
    if not faults:
        faults = _check(tables)
    if faults:
        raise DataError(faults[:_MOST_TOLD])
    return {name: table.reset_index(drop=True) for name, table in tables.items()}


def _number(table: pd.DataFrame, file: str, column: str, faults: list[Fault],
            empty: bool = False) -> pd.Series:
    """Return a column as numbers; note every cell that is none."""
    text = table[column]
    numbers = pd.to_numeric(text.where(text.str.fullmatch(NUMBER)), errors="coerce").astype(float)
    wrong = ~(np.abs(numbers) <= _LARGEST) & ~((text == "") & empty)
    faults += [Fault(file, f"row {table.index[i]}, {column}", f"is {text.iloc[i]!r}",
                     f"a number of at most {_LARGEST:g} in size"
                     + (" or nothing" if empty else ""))
               for i in np.flatnonzero(wrong)]
    return numbers


def _check(tables: dict[str, pd.DataFrame]) -> list[Fault]:
    """Return what is wrong, within tables and between them; turn numbers into numbers."""
    faults: list[Fault] = []
    for name, column in (("members", "member"), ("dyads", "dyad"), ("indicators", "indicator"),
                         ("sources", "source")):
        keys = tables[name][column]
        faults += [Fault(f"{name}.csv", f"row {keys.index[i]}, {column}",
                         f"{keys.iloc[i]!r} is there twice" if keys.iloc[i] else "is empty",
                         "one row each")
                   for i in np.flatnonzero(keys.duplicated() | (keys == ""))]
    members, sources = (set(tables[name][column]) for name, column in (
        ("members", "member"), ("sources", "source")))
    dyads, indicators = tables["dyads"], tables["indicators"]
    for row in dyads.itertuples():
        unknown = [one for one in (row.member_a, row.member_b) if one not in members]
        if unknown or row.member_a == row.member_b:
            faults.append(Fault("dyads.csv", f"row {row.Index}", f"pairs {row.member_a} and "
                                f"{row.member_b}", "two different members of members.csv"))
    for column in ("first", "last", "years"):
        dyads[column] = _number(dyads, "dyads.csv", column, faults)
    faults += [Fault("dyads.csv", f"row {row.Index}", f"begins in {row.first:g} and ends in "
                     f"{row.last:g}", "first at most last")
               for row in dyads.itertuples() if row.first > row.last]
    faults += [Fault("dyads.csv", f"row {row.Index}, years", f"is {row.years:g}, of "
                     f"{row.first:g}-{row.last:g}", f"{row.last - row.first + 1:g}; a pair that is "
                     "none in some years between is a row for each of its spans")
               for row in dyads.itertuples()
               if row.first <= row.last and row.years != row.last - row.first + 1]
    for column, words in _WORDS.items():
        faults += [Fault("indicators.csv", f"row {indicators.index[i]}, {column}",
                         f"is {indicators[column].iloc[i]!r}", ", ".join(words))
                   for i in np.flatnonzero(~indicators[column].isin(words))]
    for column in ("shift", "scale", "orientation", "year_effect", "reference",
                   "own_error"):
        indicators[column] = _number(indicators, "indicators.csv", column, faults)
    for column, numbers in (("orientation", (1.0, -1.0)), ("year_effect", (0.0, 1.0)),
                            ("reference", (0.0, 1.0)), ("own_error", (0.0, 1.0))):
        known = indicators[column].isin(numbers) | indicators[column].isna()
        faults += [Fault("indicators.csv", f"row {indicators.index[i]}, {column}",
                         f"is not {' or '.join(f'{one:g}' for one in numbers)}",
                         ", ".join(f"{one:g}" for one in numbers))
                   for i in np.flatnonzero(~known)]
    faults += [Fault("indicators.csv", f"row {row.Index}, source", f"unknown source {row.source!r}",
                     "a source of sources.csv")
               for row in indicators.itertuples() if row.source not in sources]
    plain = ((indicators["transform"] == "identity") & (indicators["shift"] == 0)
             & (indicators["scale"] == 1))
    for column, where, problem, allowed in (
            ("scale", ~(indicators["scale"] > 0), "is not positive", "above 0"),
            ("transform", (indicators["family"] != "normal") & ~plain, "changes counts",
             "identity with shift 0 and scale 1, but for normal")):
        faults += [Fault("indicators.csv", f"row {indicators.index[i]}, {column}", problem, allowed)
                   for i in np.flatnonzero(where)]
    return faults + _check_observations(tables, faults)


def _check_observations(tables: dict[str, pd.DataFrame], before: list[Fault]) -> list[Fault]:
    """Return what is wrong with observations."""
    faults: list[Fault] = []
    rows, indicators = tables["observations"], tables["indicators"].set_index("indicator")
    for column, empty in (("year", False), ("value", False), ("n", True)):
        rows[column] = _number(rows, "observations.csv", column, faults, empty)
    if before or faults or indicators.index.has_duplicates:
        return faults
    known = rows["indicator"].isin(indicators.index)
    faults += [Fault("observations.csv", f"row {rows.index[i]}, indicator",
                     f"{rows['indicator'].iloc[i]!r} is not in indicators.csv", "one that is")
               for i in np.flatnonzero(~known)]
    about = indicators.reindex(rows["indicator"])
    units = {"member": set(tables["members"]["member"]), "dyad": set(tables["dyads"]["dyad"])}
    level, family = about["level"].to_numpy(), about["family"].to_numpy()
    value, n = rows["value"].to_numpy(), rows["n"].to_numpy()
    whole = (value == np.round(value)) & (value >= 0)
    wrong = {
        "unit is no member or dyad of the tables": known.to_numpy() & ~np.array(
            [unit in units.get(kind, ()) for unit, kind in zip(rows["unit"], level, strict=True)],
            dtype=bool),
        "year is no whole number": rows["year"].to_numpy() % 1 != 0,
        "value is not 0 or 1": (family == "bernoulli") & ~np.isin(value, (0.0, 1.0)),
        "value becomes absurd by transform, shift and scale of its indicator": ~(
            np.abs(_transformed(value, about)) <= _LARGEST_TRANSFORMED),
        "value is no count": np.isin(family, ("beta_binomial", "negative_binomial")) & ~whole,
        "n is not a count of at least the value": (family == "beta_binomial") & ~(
            (n >= 1) & (n >= value) & (n % 1 == 0)),
        "a second row of indicator, unit and year": rows.duplicated(
            ["indicator", "unit", "year"]).to_numpy(),
    }
    for problem, where in wrong.items():
        faults += [Fault("observations.csv", f"row {rows.index[i]}",
                         f"{problem} ({rows['indicator'].iloc[i]}, {rows['unit'].iloc[i]}, "
                         f"{rows['year'].iloc[i]:g})") for i in np.flatnonzero(where)]
    return faults


def _transformed(value: np.ndarray, about: pd.DataFrame) -> np.ndarray:
    """Return values on the model's scale; infinite or missing where they have none."""
    moved = np.zeros(len(value))
    with np.errstate(all="ignore"):
        for kind in TRANSFORMS:
            here = (about["transform"] == kind).to_numpy()
            moved[here] = TRANSFORMS[kind].apply(value[here], about["shift"].to_numpy(float)[here],
                                                 about["scale"].to_numpy(float)[here])
    return moved


def build_dyad_panel(spec: DyadModelSpec, folder: Path) -> DyadPanel:
    """Read a dataset and keep what a model uses.

    ``first`` and ``last`` of a dyad are those within the model's years; a dyad that is none in any
    of them is left out.

    Parameters
    ----------
    spec : DyadModelSpec
    folder : pathlib.Path
        Of the tables.

    Raises
    ------
    DataError
        If the tables are wrong, or lack what the model names.
    """
    tables = read_tables(folder)
    indicators = tables["indicators"].set_index("indicator")
    named = {name: latent for latent, part in spec.latents.items() for name in part}
    dyads = tables["dyads"].set_index("dyad")
    faults = [Fault("indicators.csv", "", f"has no indicator {name!r} of {latent}",
                    ", ".join(indicators.index[indicators["latent"] == latent]))
              for name, latent in named.items()
              if name not in indicators.index or indicators.at[name, "latent"] != latent]
    start, end = spec.model.start, spec.model.end
    within = dyads[(dyads["last"] >= start) & (dyads["first"] <= end)]
    faults += [Fault("dyads.csv", "class", f"has no dyad of class {kind!r} in {start}-{end}",
                     ", ".join(sorted(set(within["class"]))))
               for kind in spec.model.classes if kind not in set(within["class"])]
    if faults:
        raise DataError(faults)
    dyads = within[within["class"].isin(spec.model.classes)].assign(
        first=lambda table: table["first"].clip(lower=start),
        last=lambda table: table["last"].clip(upper=end))
    used = {*dyads["member_a"], *dyads["member_b"]}
    members = [name for name in tables["members"]["member"] if name in used]
    indicators = indicators.loc[list(named)]
    faults = [Fault("indicators.csv", "reference", f"{int(count)} indicators of {latent} are its "
                    "reference", "one") for latent, count in
              indicators.groupby("latent")["reference"].sum().items() if count != 1]
    rows = tables["observations"]
    years = list(range(start, end + 1))
    rows = rows[rows["indicator"].isin(indicators.index) & rows["year"].isin(years)
                & rows["unit"].isin({*members, *dyads.index})].reset_index(drop=True)
    if faults or rows.empty:
        raise DataError(faults or [Fault("observations.csv", "", "has no row that the model uses",
                                         "at least one")])
    y = np.empty(len(rows))
    for name, about in indicators.iterrows():
        here = (rows["indicator"] == name).to_numpy()
        y[here] = TRANSFORMS[about["transform"]].apply(
            rows["value"].to_numpy()[here], float(about["shift"]), float(about["scale"]))
    rows = rows.assign(y=y, n=rows["n"].fillna(0.0), year=rows["year"].astype(int))
    digest = hashlib.sha256()
    for name in ("members", "dyads", "indicators", "observations"):
        digest.update((folder / f"{name}.csv").read_bytes())
    return DyadPanel(members, dyads, years, indicators, rows.drop(columns="value"),
                     digest.hexdigest())
