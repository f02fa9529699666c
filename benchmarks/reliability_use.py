"""Long use: many fits in one process, many structures, reports side by side.

Invariant: what is measured is measured after garbage was collected and freed memory given back,
so that growth is of what is held.
"""

import ctypes
import gc
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytensor

from bayes_alliance.forecast.cutting import cut_panel
from bayes_alliance.inference import Gate, compiled, fit_panel, load_model
from benchmarks.reliability_child import Child
from benchmarks.reliability_faults import ground, reference, signatures
from benchmarks.reliability_jobs import Job

__all__ = ["MOST_GROWTH", "many_fits", "many_structures", "side_by_side"]

# Of resident memory, from the tenth fit to the last.
MOST_GROWTH = 0.10
WARM = 10
_OPEN = Gate(rhat=1e9, rhat_states=1e9, ess=0.0, bfmi=0.0, divergences=10**9)


def held() -> dict[str, int]:
    """Return what this process holds: memory, compilations, files, descriptors, threads."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "rss_mb": pages * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "compiled": len(compiled._compiled),
        "pytensor_files": _count(Path(pytensor.config.compiledir)),
        "temporary_files": _count(Path(tempfile.gettempdir())),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task"))}


def _count(folder: Path) -> int:
    """Return how many files of this process's making there can be: all below the folder."""
    return sum(len(files) for _, _, files in os.walk(folder))


def many_fits(model: str | Path, fits: int) -> dict[str, Any]:
    """Fit again and again, each time other data, another seed and hypothesis, and save.

    Parameters
    ----------
    model : str or pathlib.Path
    fits : int
        More than ten.

    Returns
    -------
    dict
        ``rows``, what was held after each fit; ``growth`` of memory from the tenth on;
        ``passed``.
    """
    spec, panel = load_model(model)
    hypotheses = list(spec.hypotheses)
    rows = []
    with tempfile.TemporaryDirectory() as made, _own_temporary(made):
        for k in range(fits):
            moved = replace(panel, rows=panel.rows.assign(y=panel.rows["y"] * (1.0 + 1e-4 * k)))
            fit = fit_panel(spec, moved, hypothesis=hypotheses[k % len(hypotheses)], seed=k,
                            draws=100, tune=100, chains=2, gate=_OPEN)
            fit.save(Path(made) / "fit.nc", overwrite=True)
            del fit
            rows.append({"fit": k + 1, **held()})
            print(rows[-1], flush=True)
    start = rows[min(WARM, fits) - 1]
    after = rows[min(WARM, fits) - 1:]
    growth = max(row["rss_mb"] for row in after) / start["rss_mb"] - 1.0
    steady = all(row[name] <= start[name] for row in after
                 for name in ("compiled", "pytensor_files", "temporary_files", "descriptors",
                              "threads"))
    return {"model": str(model), "fits": fits, "growth": round(growth, 4), "steady": steady,
            "passed": growth <= MOST_GROWTH and steady and fits >= 50, "rows": rows}


class _own_temporary:  # noqa: N801
    """Let this process put its temporary files into a folder of its own."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder) / "temporary"

    def __enter__(self) -> None:
        self._folder.mkdir()
        self._before, tempfile.tempdir = tempfile.tempdir, str(self._folder)

    def __exit__(self, *_: object) -> None:
        tempfile.tempdir = self._before


def many_structures(model: str | Path, structures: int) -> dict[str, Any]:
    """Compile panels of ever fewer months, and say how many compilations are kept.

    Each panel has a structure of its own; a bound must hold however many there are.
    """
    spec, panel = load_model(model)
    rows = []
    for k in range(structures):
        shorter = cut_panel(panel, len(panel.time) - 1 - k)
        fit_panel(spec, shorter, seed=k, draws=20, tune=20, chains=2, gate=_OPEN)
        rows.append({"structures": k + 1, **held()})
        print(rows[-1], flush=True)
    most = max(row["compiled"] for row in rows)
    return {"structures": structures, "kept": most, "bound": compiled._KEPT,
            "passed": most <= compiled._KEPT, "rows": rows}


def side_by_side(job: Job, count: int) -> dict[str, Any]:
    """Run a job so many times at once, each in a folder of its own.

    Returns
    -------
    dict
        ``whole``: how many left exactly what a single run leaves.
    """
    usual = reference(job)
    with ground() as place:
        folders = [place.folder / f"{k}" for k in range(count)]
        for folder in folders:
            folder.mkdir()
        children = [Child(job, folder) for folder in folders]
        for child in children:
            child.finish(1800.0)
        whole = sum(child.status == 0 and signatures(folder) == usual.files
                    for child, folder in zip(children, folders, strict=True))
    return {"job": job.name, "at_a_time": count, "whole": whole, "files": len(usual.files),
            "passed": whole == count}
