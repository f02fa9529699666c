"""Small jobs of the package that something may befall, and what they should leave behind.

Invariant: what a job does and every file it writes are the package's own. Here the model is only
made small, the gate opened (so that few draws pass it), and what costs time and touches no file
is done once: draws from the prior, and the figures of a page.
"""

import hashlib
import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
from PIL import Image

from bayes_alliance.checks import calibration as simulations
from bayes_alliance.checks import prior_fit
from bayes_alliance.cli import main
from bayes_alliance.files import write_whole
from bayes_alliance.forecast.origins import Origin
from bayes_alliance.hypotheses import windows
from bayes_alliance.inference import Gate, fitting, load_fit, load_model, store
from bayes_alliance.inference.compiled import compiled_model
from bayes_alliance.inference.many import Tally, many
from bayes_alliance.model import build_design
from bayes_alliance.report import job, page
from bayes_alliance.starter.write import write_starter
from benchmarks import calibration
from benchmarks.provenance import ROOT

__all__ = ["FULL", "LIGHT", "Job", "full_jobs", "is_result", "light_jobs", "open_gate",
           "signature", "small_model"]

# What is quick comes more often. Eleven, so that with seven faults all pairs come.
FULL = ("fit", "backtest", "calibration", "fit", "backtest", "report", "fit", "backtest",
        "calibration", "fit", "backtest")
LIGHT = ("save", "tasks")
FIXTURE = ROOT / "tests" / "fixtures" / "fit_format_1.nc"
# Nothing is asked of the draws but that they are there.
OPEN = Gate(rhat=1e9, rhat_states=1e9, ess=0.0, bfmi=0.0, divergences=10**9)
_SETTINGS = {"chains = 4": "chains = 2", "tune = 400": "tune = 100", "draws = 1000": "draws = 100",
             "leave_out_draws = 1000": "leave_out_draws = 100", "max_depth = 10": "max_depth = 5",
             "horizon = 24": "horizon = 6", "within = 24": "within = 6"}
_ORIGIN = "2022-09"
_SIMULATIONS = 2
_TASKS = 8
_SAVES = 3
# Of a result that is drawn again, these differ.
_TIMES = ("seconds", "created")


@dataclass(frozen=True)
class Job:
    """Something that writes files into a folder.

    Attributes
    ----------
    name : str
    act : callable
        Takes the folder, which exists; may be called again after it was stopped.
    """

    name: str
    act: Callable[[Path], None]


def small_model(folder: Path) -> Path:
    """Write a model of 48 months, 11 indicators and one episode, and return its file.

    Parameters
    ----------
    folder : pathlib.Path
        New; the folder above it exists.
    """
    path = write_starter(folder, "state_a,state_b", "patron", "2019-01", "2022-12")[-1]
    lines, left_out = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            left_out = line == "[episodes.cohesion]"
        new = next((new for old, new in _SETTINGS.items()
                    if line == old or line.startswith(f"{old} ")), line)
        if not left_out:
            lines.append(new)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def open_gate() -> None:
    """Let every fit of this process pass."""
    for module in (fitting, store):
        module.FULL_GATE = module.LEAVE_OUT_GATE = OPEN
    windows.LEAVE_OUT_GATE = simulations.CALIBRATION_GATE = OPEN


def full_jobs(model: Path) -> dict[str, Job]:
    """Return the jobs of a small model, with all compiled that they need.

    Nothing is sampled here, so that this process has no threads and may fork.
    """
    open_gate()
    spec, panel = load_model(model)
    compiled_model(spec, panel, build_design(spec, panel))
    prior = prior_fit(spec, panel, draws=200)
    job.prior_fit = lambda *_, **__: prior
    page.pictures = _drawn_once(page.pictures, model.parent / "figures")
    Origin.__new__.__defaults__ = (0, 1, 50, 50, 2)
    calibration.MODEL, calibration.SETTINGS = str(model), {"draws": 60, "tune": 50, "chains": 2}
    simulations.FEWEST_DRAWS = calibration.FEWEST_DRAWS = 1
    commands = {
        "fit": lambda out: (main, "fit", model, "--out", out / "fit.nc"),
        "backtest": lambda out: (main, "backtest", model, "--out", out / "out", "--work",
                                 out / "work", "--first", _ORIGIN, "--workers", 1),
        "calibration": lambda out: (calibration.main, "--kind", "prior", "--simulations",
                                    _SIMULATIONS, "--workers", 1, "--out", out / "out",
                                    "--runs", out / "work"),
        "report": lambda out: (main, "report", model, "--out", out / "out", "--work",
                               out / "work")}
    return {name: Job(name, _called(command)) for name, command in commands.items()}


def _drawn_once(draw: Callable[[Any], Any], kept: Path) -> Callable[[Any], Any]:
    """Return what draws figures the first time, and takes them from a file then."""
    def drawn(inputs: Any) -> Any:
        if not kept.is_file():
            write_whole(kept, pickle.dumps(draw(inputs)))
        return pickle.loads(kept.read_bytes())

    return drawn


def _called(command: Callable[[Path], tuple[Any, ...]]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        function, *arguments = command(folder)
        sys.argv = ["job", *map(str, arguments)]
        function()

    return act


def light_jobs() -> dict[str, Job]:
    """Return jobs that sample nothing: a kept fit saved anew, and many trivial tasks."""
    with mock.patch.object(store, "diagnose", return_value=mock.Mock(seconds=1.0)):
        fit = load_fit(FIXTURE)

    def save(folder: Path) -> None:
        for k in range(_SAVES):
            fit.save(folder / f"fit-{k}.nc", overwrite=True)
        print(f"{_SAVES} to do", flush=True)

    def tasks(folder: Path) -> None:
        def tell(tally: Tally) -> None:
            if not told:
                print(f"taking up {tally.finished}" if tally.finished
                      else f"{tally.total} to do", flush=True)
            told.append(tally)

        told: list[Tally] = []
        many(_trivial, {f"k-{k}": k for k in range(_TASKS)}, folder=folder, stamp={"task": 1},
             workers=1, report=tell)

    return {"save": Job("save", save), "tasks": Job("tasks", tasks)}


def _trivial(key: str, item: int) -> pd.DataFrame:
    return pd.DataFrame({"value": [item + k / 7.0 for k in range(2000)]})


def is_result(path: Path) -> bool:
    """Say whether a file is a result: no lock, no temporary file, no traceback."""
    return path.is_file() and path.name != "lock" and path.suffix not in (".part", ".txt")


def signature(path: Path) -> str:
    """Return what a whole result holds, without how long it took.

    Raises
    ------
    Exception
        Of any kind, if the file is not whole.
    """
    if path.suffix == ".nc":
        with mock.patch.object(store, "diagnose", return_value=None):  # nobody asks for it
            fit = load_fit(path)
        if fit.provenance["interrupted"]:
            return f"interrupted after {fit.posterior.sizes['draw']} draws"
        drawn = b"".join(fit.posterior[name].to_numpy().tobytes()
                         for name in sorted(map(str, fit.posterior.data_vars)))
        return hashlib.sha256(drawn).hexdigest()
    if path.suffix == ".png":
        with Image.open(path) as image:
            image.load()
            return f"{image.size}"
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        raise ValueError(f"{path.name} ends in the middle of a line")
    if path.suffix == ".json":
        return hashlib.sha256(json.dumps(_timeless(json.loads(text)),
                                         sort_keys=True).encode()).hexdigest()
    if path.suffix == ".csv":
        table = pd.read_csv(path)
        kept = table.drop(columns=[name for name in _TIMES if name in table])
        return hashlib.sha256(kept.to_csv(index=False).encode()).hexdigest()
    if path.suffix == ".html" and not (text.lower().startswith("<!doctype html>")
                                       and text.rstrip().endswith("</html>")):
        raise ValueError(f"{path.name} is not a whole page")
    return path.suffix


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if key not in _TIMES}
    return [_timeless(part) for part in value] if isinstance(value, list) else value
