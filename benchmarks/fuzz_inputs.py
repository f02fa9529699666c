"""Small sound inputs to damage: a starter's pair, a cut of the dyads, and fits without sampling.

Invariant: undamaged, every one of them is read without a fault.
"""

import shutil
import tomllib
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.dyads import DyadFit, load_dyad_model
from bayes_alliance.dyads import names as n
from bayes_alliance.inference import load_model
from bayes_alliance.spec import ModelSpec, shipped_folder, spec_hash
from bayes_alliance.starter import write_starter
from bayes_alliance.tables import Panel
from bayes_alliance.tables.schema import CONTROLS, TABLES
from tests.helpers.made_up_fit import made_up_fit

__all__ = ["Inputs", "make_inputs", "write_small_dyads"]

# Of these a table without rows is sound.
MAY_BE_EMPTY = ("covariates.csv", "event_coverage.csv", CONTROLS)
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
    fit, dyad_fit : pathlib.Path
        Saved fits of made-up draws.
    """

    dataset: Path
    dyads: Path
    model: dict[str, Any]
    dyad_model: dict[str, Any]
    scenario: dict[str, Any]
    loaded: tuple[ModelSpec, Panel]
    fit: Path
    dyad_fit: Path
    tables: tuple[str, ...] = (*TABLES, CONTROLS)
    may_be_empty: tuple[str, ...] = MAY_BE_EMPTY
    dyad_names: tuple[str, ...] = ()


def make_inputs(base: Path) -> Inputs:
    """Write the sound inputs into a folder, and import what reads them."""
    for module in ("api", "cli.app", "dyads", "forecast", "forecast.combination", "plotting"):
        import_module(f"bayes_alliance.{module}")
    pair = base / "pair"
    write_starter(pair, "state_a,state_b", "patron", "2010-01", "2014-12")
    _add_variant(pair)
    dyads = write_small_dyads(base / "dyads")
    loaded = load_model(pair / "model.toml")
    scenario = {"scenarios": {"harder": _SCENARIO["scenarios"]["harder"] | {
        "driver_rates": {name: 2.0 for name in loaded[0].drivers}}}}
    made = made_up_fit(*loaded, draws=8)
    replace(made, provenance={**made.provenance, "spec_hash": spec_hash(loaded[0])}).save(
        base / "fit.nc")
    _made_up_dyad_fit(dyads / "model.toml").save(base / "dyad_fit.nc")
    names = tuple(load_dyad_model(dyads / "model.toml")[1].dyads.index)
    return Inputs(
        dataset=pair, dyads=dyads, model=_toml(pair / "model.toml"),
        dyad_model=_toml(dyads / "model.toml"), scenario=scenario, loaded=loaded,
        fit=base / "fit.nc", dyad_fit=base / "dyad_fit.nc", dyad_names=names)


def _add_variant(pair: Path) -> None:
    """Give a pair a table of controls, and its model a variant with it and with a mask."""
    months = pd.period_range("2010-01", "2014-12", freq="M")
    rows = [f"tension,{month}-01,{month}-28,{1 + k % 7},https://example.org/tension,"
            for k, month in enumerate(months)]
    (pair / CONTROLS).write_text("\n".join(["control,start,end,value,source,note", *rows, ""]),
                                 encoding="utf-8")
    path = pair / "model.toml"
    first = _toml(path)["latents"]["cohesion"]["indicators"][0]
    path.write_text(path.read_text(encoding="utf-8") + f"""
[variants.tense]
title = "the world's tension, and a year masked"
masks = {{ {first} = [["2012-01", "2012-12"]] }}
controls = {{ tension = {{ transform = "log", shift = 1.0, scale = 0.5 }} }}
""", encoding="utf-8")


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


def _made_up_dyad_fit(model: Path) -> DyadFit:
    """Return a fit of made-up draws under the names and labels of a model over dyads."""
    spec, panel = load_dyad_model(model)
    rng = np.random.default_rng(0)
    labels = {c.DIM_COEFFICIENT: list(c.COEFFICIENTS), n.DIM_CLASS: list(spec.model.classes),
              n.DIM_DYAD: list(panel.dyads.index), c.DIM_MEMBER: panel.members,
              c.DIM_TIME: [str(year) for year in panel.years]}

    def draws(*dims: str) -> tuple[list[str], np.ndarray]:
        return (["chain", "draw", *dims],
                rng.standard_normal((2, 50, *(len(labels[dim]) for dim in dims))))

    posterior = xr.Dataset({
        c.VAR_COEFFICIENT: draws(c.DIM_COEFFICIENT),
        n.VAR_CLASS_COEFFICIENT: draws(n.DIM_CLASS, c.DIM_COEFFICIENT),
        n.VAR_DYAD_COEFFICIENT: draws(n.DIM_DYAD, c.DIM_COEFFICIENT),
        n.VAR_SPREAD: draws(c.DIM_COEFFICIENT), c.COHESION: draws(n.DIM_DYAD, c.DIM_TIME)},
        coords={dim: labels[dim] for dim in labels if dim != c.DIM_MEMBER})
    drivers = xr.Dataset({latent: draws(c.DIM_MEMBER, c.DIM_TIME) for latent in c.PATHS},
                         coords={dim: labels[dim] for dim in (c.DIM_MEMBER, c.DIM_TIME)})
    stage = {"passed": True, "failures": [], "seconds": 1.0, "rhat_max": 1.0, "ess_bulk_min": 400.0,
             "divergences": 0}
    about = panel.dyads[["member_a", "member_b", "class", "region"]].to_dict("index")
    return DyadFit(spec, about, "H12", posterior, drivers,
                   {n.DRIVER_STAGE: stage, n.COHESION_STAGE: dict(stage)},
                   {"seed": 1, "data_hash": panel.data_hash})


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
