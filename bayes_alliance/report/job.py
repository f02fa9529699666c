"""The main job: from a model file to a folder with a page and its tables.

Invariant: each fit is saved as soon as it is drawn, so an interrupted job goes on where it
stopped; results are computed from fits that passed the gate, or the job says which did not.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from bayes_alliance import constants as c
from bayes_alliance.checks import (
    main_parameters,
    posterior_predictive,
    prior_fit,
    prior_predictive,
)
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.forecast import forecast
from bayes_alliance.hypotheses import compare_episodes, judge, leave_episode_out, readings
from bayes_alliance.inference import (
    Fit,
    Progress,
    fit_panel,
    load_fit,
    load_model,
    package_versions,
    require_passed,
)
from bayes_alliance.report.inputs import ReportInputs
from bayes_alliance.report.machine import write_machine_files
from bayes_alliance.report.page import write_page
from bayes_alliance.spec import ModelSpec, spec_hash
from bayes_alliance.tables import Panel

__all__ = ["make_report", "run_main_job"]

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
        Folder for ``index.html`` and the machine-readable files.
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
        If the inputs are wrong; nothing is sampled then.
    ConvergenceError
        If a fit fails the gate.
    """
    spec, panel = load_model(model)
    target = Path(out)
    target.mkdir(parents=True, exist_ok=True)
    if work is None:
        with tempfile.TemporaryDirectory() as folder:
            inputs = run_main_job(spec, panel, Path(folder), seed, announce, report)
    else:
        Path(work).mkdir(parents=True, exist_ok=True)
        inputs = run_main_job(spec, panel, Path(work), seed, announce, report)
    if announce is not None:
        announce("drawing and writing the report")
    write_machine_files(inputs, target)
    return write_page(inputs, target)


def run_main_job(spec: ModelSpec, panel: Panel, work: Path, seed: int,
                 announce: Announce | None = None,
                 report: Report | None = None) -> ReportInputs:
    """Run every fit and every comparison of the report; see :func:`make_report`."""

    def obtain(hypothesis: str, leave_out: str = "") -> Fit:
        name = f"{hypothesis}{'-' + leave_out if leave_out else ''}-{seed}.nc"
        kept = _kept(work / name, spec, panel)
        if kept is not None:
            if announce is not None:
                announce(f"taking up {name}")
            return kept
        made = fit_panel(spec, panel, hypothesis=hypothesis, leave_out=leave_out, seed=seed,
                         announce=announce, report=report)
        made.save(work / name, overwrite=True)
        return require_passed(made)

    full = obtain("H12")
    reference = obtain("HX")
    without = {name: obtain("H12", name) for name in spec.episodes}
    if announce is not None:
        announce("drawing from the prior")
    prior = prior_fit(spec, panel, seed=seed)
    episodes = compare_episodes(reference, full)
    evidence = leave_episode_out(full, without)
    verdicts = judge(spec, episodes.table, evidence.table)
    return ReportInputs(
        spec=spec, panel=panel, full=full, reference=reference, prior=prior, leave_out=without,
        episodes=episodes.table, evidence=evidence.table, verdicts=verdicts.table,
        readings=readings(full), forecast=forecast(full, seed=seed),
        posterior_check=posterior_predictive(full, seed=seed),
        prior_check=prior_predictive(prior, seed=seed),
        parameters=main_parameters(prior, full))


def _kept(path: Path, spec: ModelSpec, panel: Panel) -> Fit | None:
    """Return a kept fit if it passed and belongs to this specification, data and versions."""
    if not path.is_file():
        return None
    try:
        fit = load_fit(path)
    except SchemaError:
        return None
    same = (fit.provenance["spec_hash"] == spec_hash(spec)
            and fit.provenance["data_hash"] == panel.data_hash
            and fit.provenance["versions"] == package_versions())
    return fit if same and fit.diagnostics.passed and c.COHESION in fit.posterior else None
