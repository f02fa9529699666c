"""From a model over dyads to a folder with a page, a page for each dyad and tables.

Invariant: a fit that lies in the named folder and is of the same specification, data, seed and
versions is taken up, one that is made is saved there before anything is computed from it; a fit
that did not pass the gate is drawn all the same, under a banner, and the outcome says so.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bayes_alliance.dyads import (
    DyadFit,
    DyadModelSpec,
    DyadPanel,
    fit_dyad_panel,
    load_dyad_fit,
    load_dyad_model,
)
from bayes_alliance.dyads.tables import dyads_of
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.inference import Progress, package_versions
from bayes_alliance.report.borrowing import borrow_from_files
from bayes_alliance.report.dyads_inputs import collect_dyads
from bayes_alliance.report.dyads_page import write_dyad_report
from bayes_alliance.spec import find_dataset, shipped_folder

__all__ = ["DyadReport", "fit_file", "make_dyad_report"]

_HYPOTHESIS = "H12"


@dataclass(frozen=True)
class DyadReport:
    """What was written.

    Attributes
    ----------
    page : pathlib.Path
    passed : bool
        Whether the fit passed the gate.
    sentence : str
        What was fitted and whether it passed.
    """

    page: Path
    passed: bool
    sentence: str


def make_dyad_report(model: str | Path, out: str | Path, *, seed: int = 1,
                     announce: Callable[[str], None] | None = None,
                     report: Callable[[Progress], None] | None = None,
                     work: str | Path | None = None,
                     borrow: tuple[str | Path, str | Path] | None = None) -> DyadReport:
    """Fit a model over dyads, or take up its fit, and write the report.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model over dyads, or path of a model file.
    out : str or pathlib.Path
        Folder for ``index.html``, ``pages`` and the files for machines.
    seed : int
    announce, report : callable, optional
        Called with one line before each step, and with the sampler's progress.
    work : str or pathlib.Path, optional
        Folder in which the fit is kept and taken up again; by default it is not kept.
    borrow : (path, path), optional
        A saved monthly fit and a saved fit over dyads that has not seen its pair, see
        :func:`bayes_alliance.report.borrowing.borrow_from_files`: the page then tells what the
        other pairs add.

    Raises
    ------
    SpecError, DataError
        If the inputs are wrong; nothing is sampled then.
    SchemaError, ConvergenceError, NotFittedError
        If the files to borrow from are no such fits; nothing is sampled then.
    """
    say = announce or (lambda _: None)
    spec, panel = load_dyad_model(model)
    borrowed = None if borrow is None else borrow_from_files(*borrow)
    folder = find_dataset(spec.model.dataset, _model_file(model))
    names = pd.read_csv(folder / "members.csv", dtype=str, keep_default_na=False)
    sources = pd.read_csv(folder / "sources.csv", dtype=str, keep_default_na=False)
    target = Path(out)
    target.mkdir(parents=True, exist_ok=True)
    fit = _kept(work, spec, panel, seed, say)
    if fit is None:
        fit = fit_dyad_panel(spec, panel, hypothesis=_HYPOTHESIS, seed=seed, report=report,
                             announce=announce)
        if work is not None:
            Path(work).mkdir(parents=True, exist_ok=True)
            fit.save(fit_file(work, spec, panel, seed), overwrite=True)
    say("drawing and writing the report")
    inputs = collect_dyads(fit, panel, sources=sources, borrowed=borrowed,
                           names=dict(zip(names["member"], names["name"], strict=True)))
    return DyadReport(write_dyad_report(inputs, target), fit.passed, fit.sentence)


def _model_file(model: str | Path) -> Path:
    """Return the file of a model that has been read."""
    path = Path(model)
    if path.suffix == ".toml":
        return path
    return shipped_folder("models") / "panels" / f"{path}.toml"


def fit_file(work: str | Path, spec: DyadModelSpec, panel: DyadPanel, seed: int) -> Path:
    """Return the file of a fit in a folder: its name holds a hash of all that the fit depends on.

    Parameters
    ----------
    work : str or pathlib.Path
    spec : DyadModelSpec
    panel : DyadPanel
    seed : int
    """
    made_from = [spec.model_dump_json(), panel.data_hash, seed, package_versions()]
    digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    return Path(work) / f"dyads-{_HYPOTHESIS}-{digest[:12]}.nc"


def _kept(work: str | Path | None, spec: DyadModelSpec, panel: DyadPanel, seed: int,
          say: Callable[[str], None]) -> DyadFit | None:
    """Return the kept fit of this model, whatever hash its name has; the expected name first."""
    if work is None:
        return None
    expected = fit_file(work, spec, panel, seed)
    others = sorted(set(Path(work).glob(f"dyads-{_HYPOTHESIS}-*.nc")) - {expected})
    for path in [expected, *others]:
        if not path.is_file():
            continue
        try:
            fit = load_dyad_fit(path)
        except SchemaError:
            continue
        made_from = (fit.spec, fit.hypothesis, *(fit.provenance.get(key) for key in (
            "data_hash", "seed", "versions")))
        # A fit of an earlier version may not tell the dyads' years, or hold more dyads.
        if (made_from == (spec, _HYPOTHESIS, panel.data_hash, seed, package_versions())
                and set(fit.dyads) == set(panel.dyads.index)):
            say(f"taking up {path.name}")
            return replace(fit, dyads=dyads_of(panel))
    return None
