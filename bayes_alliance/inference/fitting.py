"""Fit a model: read, lay out, compile, draw, hold against the gate.

Invariant: a fit that fails the gate is never lost; it travels in the error and, where a file was
named, is already saved.
"""

import datetime as dt
import importlib.metadata
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from bayes_alliance import constants as c
from bayes_alliance.exceptions import ConvergenceError, SpecError
from bayes_alliance.inference.compiled import compiled_model
from bayes_alliance.inference.gate import (
    FULL_GATE,
    LEAVE_OUT_GATE,
    Diagnostics,
    Gate,
    diagnose,
)
from bayes_alliance.inference.result import Fit
from bayes_alliance.inference.sampling import Progress, draw
from bayes_alliance.model import Design, build_design
from bayes_alliance.spec import ModelSpec, find_dataset, find_model, read_model, spec_hash
from bayes_alliance.tables import Panel, build_panel, read_dataset

__all__ = ["fit", "fit_panel", "held_out_rows", "load_model", "package_versions", "require_passed"]

# A fit that fails the gate is drawn again, twice at most, where that can help: in shorter steps
# against divergent transitions, with more draws if there were too few. All attempts stand in its
# provenance.
_MOST_ATTEMPTS: Final = 3
_SHORTER_STEPS: Final = "in shorter steps"
_MORE_DRAWS: Final = "with twice the draws"
_CORE = ("pymc", "pytensor", "nutpie", "arviz", "numba", "numpy", "pandas", "xarray")


def load_model(model: str | Path) -> tuple[ModelSpec, Panel]:
    """Read a model and its dataset.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.

    Returns
    -------
    spec : ModelSpec
    panel : Panel

    Raises
    ------
    SpecError, DataError
        If the model file or its tables are wrong; lists every fault.
    """
    spec = read_model(model)
    folder = find_dataset(spec.model.dataset, find_model(model))
    return spec, build_panel(read_dataset(folder), spec)


def fit(model: str | Path, *, hypothesis: str = "H12", leave_out: str = "", seed: int = 1,
        draws: int | None = None, tune: int | None = None, chains: int | None = None,
        report: Callable[[Progress], None] | None = None,
        announce: Callable[[str], None] | None = None,
        save: str | Path | None = None) -> Fit:
    """Fit a model to its dataset.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model such as ``"rok_japan"``, or path of a model file.
    hypothesis : {"H0", "HX", "H1", "H2", "H12"}
        Which parts of the model act.
    leave_out : str
        Episode whose cohesion rows are held out; empty for none.
    seed : int
        Seed of the sampler; same seed and machine, same draws.
    draws, tune, chains : int, optional
        Instead of the model file's sampler settings.
    report : callable, optional
        Called with the sampler's progress.
    announce : callable, optional
        Called with one line before each long step.
    save : str or pathlib.Path, optional
        File to save the fit to, also when it fails the gate.

    Returns
    -------
    Fit
        A fit that passed the gate.

    Raises
    ------
    SpecError, DataError
        If the model file or its tables are wrong; lists every fault.
    ConvergenceError
        If the gate fails; its ``fit`` holds the draws.
    """
    spec, panel = load_model(model)
    result = fit_panel(spec, panel, hypothesis=hypothesis, leave_out=leave_out, seed=seed,
                       draws=draws, tune=tune, chains=chains, report=report, announce=announce)
    if save is not None:
        result.save(save)
    return require_passed(result)


def require_passed(result: Fit) -> Fit:
    """Return a fit that passed the gate, or raise with the one that did not."""
    if result.diagnostics.passed:
        return result
    reasons = "; ".join(result.diagnostics.failures)
    raise ConvergenceError(f"{result.hypothesis} failed the diagnostics gate: {reasons}", result)


# Sums over several threads round differently, and a sampler makes other draws of that.
@threadpool_limits.wrap(limits=1)
def fit_panel(spec: ModelSpec, panel: Panel, *, hypothesis: str = "H12", leave_out: str = "",
              seed: int = 1, draws: int | None = None, tune: int | None = None,
              chains: int | None = None, design: Design | None = None, gate: Gate | None = None,
              cores: int | None = None, report: Callable[[Progress], None] | None = None,
              announce: Callable[[str], None] | None = None) -> Fit:
    """Fit a specification to a panel, whether or not the gate passes; see :func:`fit`.

    ``design`` replaces the panel's own layout (other priors, weights or values of the same
    shape), ``gate`` the thresholds, ``cores`` the number of chains that run at a time (all cores
    by default). A fit that fails on divergent transitions alone is drawn again with a higher
    acceptance target; one that fails on R-hat or effective draws alone with twice the draws,
    unless ``draws`` is given; three attempts at most. ``provenance["attempts"]`` keeps the
    outcome of each.
    """
    settings = spec.sampler
    base = design if design is not None else build_design(spec, panel, hypothesis)
    base = base.with_hypothesis(spec, hypothesis)
    if leave_out:
        base = base.with_rows(~held_out_rows(spec, panel, base, leave_out))
    compiled = compiled_model(spec, panel, base, announce)
    if announce is not None:
        announce(f"sampling {hypothesis}" + (f" without {leave_out}" if leave_out else ""))
    chosen = gate or (LEAVE_OUT_GATE if leave_out else FULL_GATE)
    length = draws or (settings.leave_out_draws if leave_out else settings.draws)
    target, attempts = settings.target_accept, []
    while True:
        raw = draw(compiled, draws=length, tune=tune or settings.tune,
                   chains=chains or settings.chains, seed=seed, report=report,
                   target_accept=target, max_depth=settings.max_depth, cores=cores)
        diagnostics = diagnose(raw.posterior, raw.sample_stats, chosen, seconds=raw.seconds)
        attempts.append({"target_accept": target, "draws": length, "seconds": raw.seconds,
                         "failures": list(diagnostics.failures)})
        remedy = _remedy(diagnostics, chosen)
        if remedy == _MORE_DRAWS and draws is not None:
            remedy = None  # that many were asked for
        if raw.interrupted or remedy is None or len(attempts) == _MOST_ATTEMPTS:
            break
        if remedy == _SHORTER_STEPS:
            target = 1.0 - (1.0 - target) / 4.0
        else:
            length *= 2
        if announce is not None:
            announce(f"the gate failed ({'; '.join(diagnostics.failures)}); sampling again "
                     f"{remedy}")
    posterior = raw.posterior
    provenance = {
        "seed": seed, "spec_hash": spec_hash(spec), "data_hash": panel.data_hash,
        "versions": package_versions(), "interrupted": raw.interrupted, "attempts": attempts,
        "created": dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()}
    return Fit(spec=spec, panel=panel, hypothesis=hypothesis, left_out=leave_out,
               posterior=posterior, sample_stats=raw.sample_stats, diagnostics=diagnostics,
               provenance=provenance)


def _remedy(found: Diagnostics, gate: Gate) -> str | None:
    """Return how to draw again, None if there is no need to or no hope."""
    short = found.ess_bulk_min < gate.ess or found.ess_tail_min < gate.ess
    apart = found.rhat_max >= gate.rhat or found.rhat_max_states >= gate.rhat_states
    if found.divergences > gate.divergences:
        return None if apart or short else _SHORTER_STEPS
    if found.bfmi_min < gate.bfmi:
        return None
    return _MORE_DRAWS if apart or short else None


def held_out_rows(spec: ModelSpec, panel: Panel, design: Design, episode: str) -> np.ndarray:
    """Return which design rows a leave-episode-out fit holds out, shape (row,).

    Every cohesion row whose period overlaps the episode's window is held out whole.

    Raises
    ------
    SpecError
        If the episode is unknown.
    """
    if episode not in spec.episodes:
        raise SpecError(f"unknown episode {episode!r} (allowed: {', '.join(spec.episodes)})")
    window = panel.window(spec.episodes[episode].window)
    rows = design.rows
    overlaps = (rows["start_month"] < window.stop) & (rows["end_month"] >= window.start)
    return ((rows["latent"] == c.COHESION) & overlaps).to_numpy()


def package_versions() -> dict[str, Any]:
    """Return the versions of Python, this package and the libraries a result rests on."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("bayes_alliance", *_CORE):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
