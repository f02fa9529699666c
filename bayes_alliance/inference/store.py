"""Save and load fits: one NetCDF file with draws, specification, data and provenance.

Invariant: loading executes nothing and trusts nothing: no pickle, the hashes of specification
and data are computed again, labels are held against both, and a file that is truncated, foreign or
was changed after it was written is refused by name.
"""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.inference.gate import FULL_GATE, LEAVE_OUT_GATE, diagnose
from bayes_alliance.inference.result import Fit
from bayes_alliance.inference.sealed import (
    is_sealed,
    read_groups,
    require_arrays,
    require_labels,
    write_groups,
)
from bayes_alliance.model import build_design
from bayes_alliance.spec import ModelSpec, spec_hash
from bayes_alliance.tables import Panel

__all__ = ["in_single_precision", "load_fit", "save_fit"]

_FORMAT = "bayes_alliance fit"
_VERSION = 1
_FRAMES = ("indicators", "rows", "covariates", "drivers", "rivals", "raw_stocks",
           "event_counts", "governments", "excluded", "events")
_GROUPS = ("posterior", "sample_stats")
_STATS = ("diverging", "energy", "n_steps")
_STATES = {c.THREAT: (c.DIM_MEMBER, c.DIM_TIME), c.CREDIBILITY: (c.DIM_MEMBER, c.DIM_TIME),
           c.COHESION: (c.DIM_TIME,)}
_MONTHLY = ("covariates", "drivers", "rivals", "raw_stocks", "event_counts", "governments")


def save_fit(fit: Fit, path: str | Path, *, overwrite: bool = False) -> None:
    """Save a fit to one file.

    Parameters
    ----------
    fit : Fit
        Any fit, also one that failed the gate.
    path : str or pathlib.Path
        Target; whole or not there, whatever happens.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is false.
    OSError
        If it cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; pass overwrite=True to replace it")
    panel = _panel_to_json(fit.panel)
    header = {
        "format": _FORMAT, "version": _VERSION, "sealed": True, "hypothesis": fit.hypothesis,
        "left_out": fit.left_out, "provenance": fit.provenance,
        "seconds": fit.diagnostics.seconds, "spec": fit.spec.model_dump(mode="json"),
        "panel": panel, "panel_hash": _digest(panel),
        "variables": {str(name): [str(dim) for dim in array.dims if dim not in ("chain", "draw")]
                      for name, array in fit.posterior.data_vars.items()}}
    stats = fit.sample_stats[list(_STATS)]
    stats = stats.assign(diverging=stats["diverging"].astype(np.int8))
    write_groups(target, dict(zip(_GROUPS, (in_single_precision(fit.posterior), stats),
                                  strict=True)), header, overwrite=overwrite)


def in_single_precision(draws: xr.Dataset) -> xr.Dataset:
    """Return draws as 32-bit floats; a variable that would overflow keeps its 64 bits."""
    largest = float(np.finfo(np.float32).max)

    def stored(array: xr.DataArray) -> xr.DataArray:
        values = np.abs(array.to_numpy().astype(float))
        beyond = (np.isfinite(values) & (values > largest)).any()
        return array.astype(np.float64 if beyond else np.float32)

    return draws.map(stored)


def load_fit(path: str | Path) -> Fit:
    """Load a fit.

    Parameters
    ----------
    path : str or pathlib.Path
        A file written by :func:`save_fit`.

    Returns
    -------
    Fit
        With its diagnostics computed again from the draws.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If the file is truncated, foreign, of another version, or its hashes do not match.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"there is no fit at {source}")
    found = read_groups(source, _GROUPS, "saved fit")
    posterior, stats = found["posterior"], found["sample_stats"]
    header = _header(posterior, source)
    try:
        return _fit(header, posterior, stats, source)
    except SchemaError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise SchemaError(f"{source} is no whole fit: {type(error).__name__}, {error}") from None


def _fit(header: dict[str, Any], posterior: xr.Dataset, stats: xr.Dataset, source: Path) -> Fit:
    """Return the fit of a file's parts, each held against the others."""
    spec = ModelSpec.model_validate(header["spec"])
    provenance = header["provenance"]
    if spec_hash(spec) != provenance["spec_hash"]:
        raise SchemaError(f"{source}: the specification in the file does not match its hash; the "
                          "file was changed after the fit")
    stored = header["panel"]
    if (_digest(stored) != header["panel_hash"]
            or stored["data_hash"] != provenance["data_hash"]):
        raise SchemaError(f"{source}: the data in the file do not match their hash")
    if header.get("sealed") and not is_sealed(source):
        raise SchemaError(f"{source} has lost its seal: the file was written anew by another "
                          "program after the fit")
    if header["hypothesis"] not in spec.hypotheses or not isinstance(header["left_out"], str):
        raise SchemaError(f"{source}: unknown hypothesis {header['hypothesis']!r} (allowed: "
                          f"{', '.join(spec.hypotheses)})")
    int(provenance["seed"])
    panel = _panel_from_json(stored)
    held = {name: dims for name, dims in _STATES.items() if name in posterior}
    require_arrays(posterior, {**dict(header.get("variables", {})), **held}, f"{source}, posterior")
    require_labels(posterior, build_design(spec, panel, header["hypothesis"]).coords,
                   f"{source}, posterior")
    require_arrays(stats, dict.fromkeys(_STATS, ()), f"{source}, sample_stats")
    if dict(stats.sizes) != {dim: posterior.sizes[dim] for dim in ("chain", "draw")}:
        raise SchemaError(f"{source}: the draws and their statistics differ in number")
    posterior.attrs.clear()
    stats["diverging"] = stats["diverging"].astype(bool)
    gate = LEAVE_OUT_GATE if header["left_out"] else FULL_GATE
    # Draws that are missing or constant fail the gate, which says so.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        diagnostics = diagnose(posterior, stats, gate, seconds=float(header["seconds"]))
    return Fit(spec=spec, panel=panel, hypothesis=header["hypothesis"],
               left_out=header["left_out"], posterior=posterior, sample_stats=stats,
               diagnostics=diagnostics, provenance=provenance)


def _header(posterior: xr.Dataset, source: Path) -> dict[str, Any]:
    try:
        header = json.loads(posterior.attrs["header"])
        name, version = header["format"], header["version"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise SchemaError(f"{source} holds draws, but they are not a fit of this package") from None
    if name != _FORMAT:
        raise SchemaError(f"{source} is a {name!r}, not a {_FORMAT!r}")
    if version != _VERSION:
        try:
            made = header["provenance"]["versions"]["bayes_alliance"]
        except (KeyError, TypeError):
            made = "unknown"
        raise SchemaError(f"{source} has format version {version} (made by bayes_alliance {made}); "
                          f"this version reads {_VERSION}: load it with that one, or fit again")
    return dict(header)


def _digest(panel: dict[str, Any]) -> str:
    """Return the hash of a stored panel."""
    return hashlib.sha256(json.dumps(panel, sort_keys=True).encode()).hexdigest()


def _panel_to_json(panel: Panel) -> dict[str, Any]:
    frames = {}
    for name in _FRAMES:
        frame = getattr(panel, name)
        if name in _MONTHLY:
            frame = frame.reset_index(drop=True)
        if name == "indicators":
            frame = frame.reset_index()
        # Python's own writer keeps every digit of a float; the one of pandas stops at fifteen.
        frames[name] = json.loads(json.dumps(frame.to_dict(orient="split", index=False),
                                             default=_plain))
    return {"frames": frames, "start": str(panel.time[0]), "end": str(panel.time[-1]),
            "members": list(panel.members), "dyad": panel.dyad, "patron": panel.patron,
            "dataset": panel.dataset, "data_hash": panel.data_hash}


def _plain(cell: Any) -> Any:
    """Return a cell that JSON has no notion of as one it has."""
    return cell.item() if isinstance(cell, np.generic) else str(cell)


def _panel_from_json(stored: dict[str, Any]) -> Panel:
    time = pd.period_range(stored["start"], stored["end"], freq="M")
    frames: dict[str, pd.DataFrame] = {}
    for name in _FRAMES:
        frame = pd.DataFrame(stored["frames"][name]["data"],
                             columns=stored["frames"][name]["columns"])
        if name in _MONTHLY:
            frame.index = time
        for column in ("start", "end", "date"):
            if column in frame.columns and len(frame):
                frame[column] = pd.to_datetime(frame[column]).dt.date
        frames[name] = frame
    table = frames["indicators"].set_index("indicator")
    table["covariates"] = [tuple(cell) for cell in table["covariates"]]
    table["mode_changes"] = [tuple((pd.Timestamp(day).date(), mode) for day, mode in cell)
                             for cell in table["mode_changes"]]
    frames["indicators"] = table
    first, second = stored["members"]
    return Panel(time=time, members=(first, second), dyad=stored["dyad"],
                 patron=stored["patron"], dataset=stored["dataset"],
                 data_hash=stored["data_hash"], **frames)
