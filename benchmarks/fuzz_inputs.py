"""Small sound inputs to damage: a starter's pair, a cut of the dyads, and fits without sampling.

Invariant: undamaged, every one of them is read without a fault.
"""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_alliance.inference import load_model
from bayes_alliance.spec import ModelSpec, shipped_folder
from bayes_alliance.starter import write_starter
from bayes_alliance.tables import Panel
from bayes_alliance.tables.schema import TABLES

__all__ = ["Inputs", "make_inputs", "write_small_dyads"]

# Of these a table without rows is sound.
MAY_BE_EMPTY = ("covariates.csv", "event_coverage.csv")
_SCENARIO = {"scenarios": {"harder": {
    "title": "A harder time", "months": 12, "shocks": [{"series": "cohesion", "ahead": 3,
                                                        "size": -1.0}]}}}


@dataclass(frozen=True)
class Inputs:
    """Folders and contents of the sound inputs.

    Attributes
    ----------
    dataset : pathlib.Path
        Of a pair, with its model file.
    dyads : pathlib.Path
        A model over dyads with its dataset under ``data``.
    model, dyad_model, scenario : dict
        What the model files and a scenario's file say.
    loaded : tuple
        Specification and panel of the pair.
    """

    dataset: Path
    dyads: Path
    model: dict[str, Any]
    dyad_model: dict[str, Any]
    scenario: dict[str, Any]
    loaded: tuple[ModelSpec, Panel]
    tables: tuple[str, ...] = tuple(TABLES)
    may_be_empty: tuple[str, ...] = MAY_BE_EMPTY


def make_inputs(base: Path) -> Inputs:
    """Write the sound inputs into a folder."""
    pair = base / "pair"
    write_starter(pair, "state_a,state_b", "patron", "2010-01", "2014-12")
    dyads = write_small_dyads(base / "dyads")
    loaded = load_model(pair / "model.toml")
    scenario = {"scenarios": {"harder": _SCENARIO["scenarios"]["harder"] | {
        "driver_rates": {name: 2.0 for name in loaded[0].drivers}}}}
    return Inputs(dataset=pair, dyads=dyads, model=_toml(pair / "model.toml"),
                  dyad_model=_toml(dyads / "model.toml"), scenario=scenario, loaded=loaded)


def write_small_dyads(folder: Path, *, first: int = 1990, last: int = 1999) -> Path:
    """Write a model over six dyads of ten years with its dataset; return the folder."""
    shipped = shipped_folder("data") / "quasi_alliances"
    tables = folder / "data" / "quasi_alliances"
    tables.mkdir(parents=True)
    for name in ("sources.csv", "indicators.csv"):
        shutil.copy(shipped / name, tables)

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(shipped / name, dtype=str, keep_default_na=False)

    dyads = read("dyads.csv")
    dyads = pd.concat([rows.iloc[:3] for _, rows in dyads[
        (dyads["first"].astype(int) <= first) & (dyads["last"].astype(int) >= last)
    ].groupby("class")])
    used = {*dyads["member_a"], *dyads["member_b"]}
    members, rows = read("members.csv"), read("observations.csv")
    rows = rows[rows["unit"].isin({*used, *dyads["dyad"]}) & rows["year"].astype(int).between(
        first, last)]
    for name, table in (("dyads", dyads), ("members", members[members["member"].isin(used)]),
                        ("observations", rows)):
        table.to_csv(tables / f"{name}.csv", index=False, lineterminator="\n")
    model = (shipped_folder("models") / "panels" / "quasi_alliances.toml").read_text("utf-8")
    model = model.replace("start = 1950", f"start = {first}").replace("end = 2020",
                                                                     f"end = {last}")
    (folder / "model.toml").write_text(model, encoding="utf-8")
    return folder


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
