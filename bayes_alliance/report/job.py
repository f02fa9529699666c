"""The main job: from a model file to a folder with a page and its tables.

Invariant: where a folder is named, each fit is saved as soon as it is drawn, so an interrupted
job goes on where it stopped; results are computed from fits that passed the gate, or the job says
which did not.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.checks import prior_fit
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.forecast import forecast_months, resolve_scenario
from bayes_alliance.hypotheses import fit_until, require_episodes
from bayes_alliance.inference import (
    Fit,
    Progress,
    fit_panel,
    load_fit,
    package_versions,
    require_passed,
)
from bayes_alliance.inference.result import require_finished
from bayes_alliance.report.beside import Beside, read_beside
from bayes_alliance.report.collect import collect
from bayes_alliance.report.inputs import ReportInputs
from bayes_alliance.report.machine import write_machine_files
from bayes_alliance.report.page import write_report
from bayes_alliance.spec import (
    ModelSpec,
    find_dataset,
    find_model,
    posterior_hash,
    read_model,
    spec_hash,
)
from bayes_alliance.tables import Panel, build_panel, read_dataset

__all__ = ["FitShelf", "make_report", "run_main_job"]

Announce = Callable[[str], None]
Report = Callable[[Progress], None]


def make_report(model: str | Path, out: str | Path, *, seed: int = 1,
                announce: Announce | None = None, report: Report | None = None,
                work: str | Path | None = None) -> Path:
    """Fit a model, compare the hypotheses and write the report.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    out : str or pathlib.Path
        Folder for ``index.html`` and the machine-readable files. A robustness grid, a backtest,
        verdicts on simulated panels and absolute values that lie there already, of this model
        file and these data, are taken up.
    seed : int
        Seed of every draw.
    announce : callable, optional
        Called with one line before each step.
    report : callable, optional
        Called with the sampler's progress.
    work : str or pathlib.Path, optional
        Folder in which fits are kept and taken up again; by default none are kept.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    SpecError, DataError
        If the inputs are wrong, a scenario among them, or there is no episode; nothing is
        sampled then.
    ConvergenceError
        If a fit fails the gate.
    """
    spec = read_model(model)
    tables = read_dataset(find_dataset(spec.model.dataset, find_model(model)))
    panel = build_panel(tables, spec)
    require_episodes(spec)
    months = forecast_months(spec, None)
    for scenario in spec.scenarios:
        resolve_scenario(scenario, spec, panel, months)
    target = Path(out)
    target.mkdir(parents=True, exist_ok=True)
    inputs = run_main_job(spec, panel, work, seed, announce, report, tables.sources,
                          read_beside(target, spec, panel))
    if announce is not None:
        announce("drawing and writing the report")
    write_machine_files(inputs, target)
    return write_report(inputs, target)


def run_main_job(spec: ModelSpec, panel: Panel, work: str | Path | None, seed: int,
                 announce: Announce | None = None, report: Report | None = None,
                 sources: pd.DataFrame | None = None, beside: Beside | None = None) -> ReportInputs:
    """Run every fit and every comparison of the report; see :func:`make_report`."""
    fits = FitShelf(spec, panel, seed, work, announce=announce, report=report)
    full = fits.obtain("H12")
    reference = fits.obtain("HX")
    without = {name: fits.obtain("H12", name) for name in spec.episodes}
    ends = {name: (fits.until(name, "start"), fits.until(name, "end")) for name in spec.episodes}
    beside = beside or Beside()
    # The full fit and the reference are at hand; a shelf without a folder would draw them anew.
    at_hand = {"H12": full, "HX": reference}
    forecasters = {name: at_hand.get(name) or fits.obtain(name) for name in beside.weights}
    if announce is not None:
        announce("drawing from the prior")
    prior = prior_fit(spec, panel, seed=seed)
    return collect(full, reference, without, ends, prior, seed=seed, sources=sources,
                   beside=beside, forecasters=forecasters)


class FitShelf:
    """The fits of one model and seed: drawn once, kept in a folder, taken up again.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        What is fitted.
    seed : int
        Of every fit.
    work : str or pathlib.Path, optional
        Folder, made if it does not exist; without one nothing is kept.
    announce, report : callable, optional
        As for :func:`make_report`.
    """

    def __init__(self, spec: ModelSpec, panel: Panel, seed: int, work: str | Path | None = None,
                 *, announce: Announce | None = None, report: Report | None = None) -> None:
        self._spec, self._panel, self._seed = spec, panel, seed
        self._folder = None if work is None else Path(work)
        self._announce, self._report = announce, report

    def obtain(self, hypothesis: str, leave_out: str = "") -> Fit:
        """Return a fit that passed the gate.

        Raises
        ------
        ConvergenceError
            If it does not pass; the fit is kept all the same.
        """
        name = f"{hypothesis}-{leave_out}" if leave_out else hypothesis
        return self._obtain(name, lambda: fit_panel(
            self._spec, self._panel, hypothesis=hypothesis, leave_out=leave_out, seed=self._seed,
            announce=self._announce, report=self._report))

    def until(self, episode: str, end: str) -> Fit:
        """Return a fit of H12 up to an end of an episode's window that passed the gate.

        Raises
        ------
        ConvergenceError
            If it does not pass; the fit is kept all the same.
        """
        return self._obtain(f"H12-to-{end}-of-{episode}", lambda: fit_until(
            self._spec, self._panel, episode, end, seed=self._seed, announce=self._announce,
            report=self._report))

    def _obtain(self, name: str, make: Callable[[], Fit]) -> Fit:
        path = None
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._spec.model.name}-{name}-{self._seed}.nc"
            kept = _kept(path, self._spec, self._panel)
            if kept is not None:
                if self._announce is not None:
                    self._announce(f"taking up {path.name}")
                return kept
        made = require_finished(make())
        if path is None:
            return require_passed(made)
        made.save(path, overwrite=True)
        require_passed(made)
        # As a later run will find it, so that both report the same digits.
        return load_fit(path)


def _kept(path: Path, spec: ModelSpec, panel: Panel) -> Fit | None:
    """Return a kept fit that is whole, passed, and is of these data, versions and specification.

    Scenarios and settings of forecasts may have changed since: no draw depends on them.
    """
    if not path.is_file():
        return None
    try:
        fit = load_fit(path)
    except SchemaError:
        return None
    same = (posterior_hash(fit.spec) == posterior_hash(spec)
            and fit.provenance["data_hash"] == panel.data_hash
            and fit.provenance["versions"] == package_versions())
    whole = c.COHESION in fit.posterior and not fit.provenance.get("interrupted")
    if not (same and whole and fit.diagnostics.passed):
        return None
    return replace(fit, spec=spec, provenance=fit.provenance | {"spec_hash": spec_hash(spec)})
