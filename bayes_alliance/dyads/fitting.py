"""Fit a model over dyads: first its drivers, then cohesion given them.

Invariant: a fit keeps what it was made from (specification, hashes, versions, seed); one of which
a stage fails the gate is marked as such wherever it goes.
"""

import datetime as dt
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import DyadDesign, build_dyad_design, stage_mask
from bayes_alliance.dyads.model import build_dyad_model
from bayes_alliance.dyads.sampling import draw_stage
from bayes_alliance.dyads.spec import DyadModelSpec, read_dyad_model
from bayes_alliance.dyads.tables import ABOUT, ENDS, DyadPanel, build_dyad_panel, dyads_of
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.inference import package_versions
from bayes_alliance.inference.compiled import Compiled, obtain
from bayes_alliance.inference.gate import FULL_GATE, Gate, diagnose
from bayes_alliance.inference.sampling import Progress
from bayes_alliance.inference.sealed import (
    is_sealed,
    read_groups,
    require_arrays,
    require_labels,
    write_groups,
)
from bayes_alliance.inference.store import in_single_precision
from bayes_alliance.model.predict import softabs
from bayes_alliance.spec import find_dyad_dataset

__all__ = ["DyadFit", "StageFit", "fit_dyad_panel", "fit_dyads", "fit_stage", "load_dyad_fit",
           "load_dyad_model", "paths_of"]

_GROUPS: Final = ("posterior", "drivers")
_VERSION: Final = 1
# Both stages of one model at a time.
_KEPT: Final = 2
_LARGEST: Final = 1e6
_compiled: OrderedDict[tuple[object, ...], Compiled] = OrderedDict()


@dataclass(frozen=True)
class DyadFit:
    """Draws of a model over dyads under one hypothesis.

    Attributes
    ----------
    spec : DyadModelSpec
    dyads : dict of str to dict
        ``member_a``, ``member_b``, ``class``, ``region`` of every dyad, and ``first`` and
        ``last``, its years; fits of an earlier version do not have these two.
    hypothesis : str
    posterior : xarray.Dataset
        Of cohesion, with dims ``chain``, ``draw``, and ``dyad``, ``time`` (years) and others.
    drivers : xarray.Dataset
        Of threat and credibility by ``member`` and ``time``, from their own indicators alone.
    diagnostics : dict of str to dict
        By stage: the scalar figures of the gate, ``passed`` and ``failures``.
    provenance : dict
        Seed, hashes, versions, day.
    """

    spec: DyadModelSpec
    dyads: dict[str, dict[str, str]]
    hypothesis: str
    posterior: xr.Dataset
    drivers: xr.Dataset
    diagnostics: dict[str, dict[str, Any]]
    provenance: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the fit may be reported."""
        return all(bool(one["passed"]) for one in self.diagnostics.values())

    @property
    def sentence(self) -> str:
        """One sentence on what was fitted and whether it may be reported."""
        told = []
        for stage, one in self.diagnostics.items():
            told.append(f"{stage} in {one['seconds']:.0f} s (R-hat at most {one['rhat_max']:.3f}, "
                        f"at least {one['ess_bulk_min']:.0f} effective draws, "
                        f"{one['divergences']} divergences)")
        return (f"{self.spec.model.title}: {self.hypothesis}, {len(self.dyads)} dyads; "
                f"{'; '.join(told)}; the fit {'passes' if self.passed else 'fails'} the gate.")

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Save the fit; the file is whole or not there.

        Raises
        ------
        FileExistsError
            If the file is there and ``overwrite`` is not given.
        """
        path = Path(path)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} is there already (allowed: another name, or "
                                  "overwrite=True)")
        header = {"kind": "dyads", "version": _VERSION, "sealed": True, "dyads": self.dyads,
                  "spec": self.spec.model_dump(mode="json"), "hypothesis": self.hypothesis,
                  "diagnostics": self.diagnostics, "provenance": self.provenance,
                  "labels": {group: _labels(getattr(self, group)) for group in _GROUPS}}
        write_groups(path, {group: in_single_precision(getattr(self, group)) for group in _GROUPS},
                     header, overwrite=overwrite)


def load_dyad_fit(path: str | Path) -> DyadFit:
    """Load a saved fit.

    Raises
    ------
    SchemaError
        If the file is none, or is not whole.
    """
    what = "saved fit of a model over dyads"
    if not Path(path).is_file():
        raise SchemaError(f"{path} is no {what}: there is no such file")
    found = read_groups(path, _GROUPS, what)
    try:
        header = json.loads(found["posterior"].attrs.pop("header"))
        if header["kind"] != "dyads":
            raise KeyError("kind")
        version = header.get("version", 1)  # the first files had none
        if version != _VERSION:
            made = header["provenance"].get("versions", {}).get("bayes_alliance", "unknown")
            raise ValueError(f"it has format version {version} (made by bayes_alliance {made}); "
                             f"this version reads {_VERSION}")
        fit = DyadFit(DyadModelSpec.model_validate(header["spec"]), header["dyads"],
                      header["hypothesis"], found["posterior"], found["drivers"],
                      header["diagnostics"], header["provenance"])
        if header.get("sealed") and not is_sealed(path):
            raise SchemaError(f"{path} has lost its seal: the file was written anew by another "
                              "program after the fit")
        _require_whole(fit, str(path))
        for group, labels in header.get("labels", {}).items():
            require_labels(found[group], labels, f"{path}, {group}")
        fit.sentence, fit.passed  # noqa: B018 (both read what the file says of the gate)
    except SchemaError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise SchemaError(f"{path} is no {what}: {type(error).__name__}, {error}") from None
    return fit


def _labels(found: xr.Dataset) -> dict[str, list[str]]:
    return {str(dim): [str(one) for one in found[dim].to_numpy()] for dim in found.dims
            if dim not in ("chain", "draw")}


def _require_whole(fit: DyadFit, path: str) -> None:
    """Refuse a fit whose draws are not those of its specification and its dyads."""
    stored = fit.provenance.get("spec_hash")
    if stored is not None and stored != _spec_hash(fit.spec):
        raise SchemaError(f"{path}: the specification in the file does not match its hash; the "
                          "file was changed after the fit")
    if fit.hypothesis not in fit.spec.hypotheses:
        raise SchemaError(f"{path}: unknown hypothesis {fit.hypothesis!r}")
    require_arrays(fit.posterior, {
        c.VAR_COEFFICIENT: (c.DIM_COEFFICIENT,),
        n.VAR_CLASS_COEFFICIENT: (n.DIM_CLASS, c.DIM_COEFFICIENT),
        n.VAR_SPREAD: (c.DIM_COEFFICIENT,),
        n.VAR_DYAD_COEFFICIENT: (n.DIM_DYAD, c.DIM_COEFFICIENT),
        c.COHESION: (n.DIM_DYAD, c.DIM_TIME),
        **{name: (c.DIM_COEFFICIENT,) for name in (n.VAR_BETWEEN,) if name in fit.posterior}},
        f"{path}, posterior")
    require_arrays(fit.drivers, dict.fromkeys(c.PATHS, (c.DIM_MEMBER, c.DIM_TIME)),
                   f"{path}, drivers")
    years = [str(one) for one in fit.drivers[c.DIM_TIME].to_numpy()]
    for one in fit.dyads.values():
        if set(one) - set(ENDS) != set(ABOUT) or len(one) not in (4, 6):
            raise SchemaError(f"{path} does not say of every dyad what it is")
        if len(one) == 6 and not (one["first"] in years and one["last"] in years
                                  and int(one["first"]) <= int(one["last"])):
            raise SchemaError(f"{path} has a dyad from {one['first']} to {one['last']}, years that "
                              "its drivers do not have, or not in this order")
    used = {one[side] for one in fit.dyads.values() for side in ("member_a", "member_b")}
    members = [str(one) for one in fit.drivers[c.DIM_MEMBER].to_numpy()]
    labels = {c.DIM_COEFFICIENT: list(c.COEFFICIENTS), n.DIM_DYAD: list(fit.dyads),
              n.DIM_CLASS: list(fit.spec.model.classes),
              c.DIM_TIME: years}
    known = fit.posterior[[name for name in fit.posterior.data_vars
                           if set(fit.posterior[name].dims) <= {"chain", "draw", *labels}]]
    require_labels(known, labels, f"{path}, posterior")
    if not used <= set(members) or len(set(members)) < len(members):
        raise SchemaError(f"{path}, drivers has no draws, or has them twice, of a member of a dyad")
    for group, part in (("posterior", fit.posterior), ("drivers", fit.drivers)):
        bad = [str(name) for name, array in part.data_vars.items()
               if not (np.abs(array.to_numpy()) <= _LARGEST).all()]
        if bad:
            raise SchemaError(f"{path}, {group} holds draws of {', '.join(bad)} that are missing "
                              "or infinite, or beyond any size")
    if years != [str(int(years[0]) + at) for at in range(len(years))]:
        raise SchemaError(f"{path} has years that are not in order")


def _spec_hash(spec: DyadModelSpec) -> str:
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def load_dyad_model(model: str | Path) -> tuple[DyadModelSpec, DyadPanel]:
    """Read a model over dyads and its dataset.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped one, or path of a model file; the dataset is a folder beside the file or
        beside its folder, under ``data/``, or a shipped one.

    Raises
    ------
    SpecError, DataError
        If file or tables are wrong.
    """
    spec, path = read_dyad_model(model), Path(model)
    folder = find_dyad_dataset(spec.model.dataset, path if path.suffix == ".toml" else None)
    return spec, build_dyad_panel(spec, folder)


def fit_dyads(model: str | Path, *, hypothesis: str = "H12", seed: int = 1,
              report: Callable[[Progress], None] | None = None,
              announce: Callable[[str], None] | None = None) -> DyadFit:
    """Fit a model over dyads to its dataset.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped one such as ``"quasi_alliances"``, or path of a model file.
    hypothesis : {"H0", "HX", "H1", "H2", "H12"}
    seed : int
    report, announce : callable, optional
        Called with the sampler's progress, and with one line before each long step.

    Returns
    -------
    DyadFit
        Whether or not it passed the gate; ``passed`` says.
    """
    spec, panel = load_dyad_model(model)
    return fit_dyad_panel(spec, panel, hypothesis=hypothesis, seed=seed, report=report,
                          announce=announce)


@threadpool_limits.wrap(limits=1)
def fit_dyad_panel(spec: DyadModelSpec, panel: DyadPanel, *, hypothesis: str = "H12",
                   seed: int = 1, draws: int | None = None, tune: int | None = None,
                   chains: int | None = None, used: np.ndarray | None = None,
                   drivers: "StageFit | None" = None, gate: Gate = FULL_GATE,
                   cores: int | None = None,
                   report: Callable[[Progress], None] | None = None,
                   announce: Callable[[str], None] | None = None) -> DyadFit:
    """Fit a specification to a panel; see :func:`fit_dyads`.

    ``used`` is a mask of shape (row,): rows of the panel that count, all of them if not given.
    ``drivers`` are those of another fit, from :func:`fit_stage`: they do not depend on the
    hypothesis.
    """
    settings: dict[str, Any] = {"seed": seed, "draws": draws, "tune": tune, "chains": chains,
                                "gate": gate, "cores": cores, "report": report,
                                "announce": announce}
    masks = {stage: stage_mask(panel.indicators.loc[panel.rows["indicator"], "latent"], stage)
             for stage in n.STAGES}
    designs = {stage: build_dyad_design(spec, panel, stage, hypothesis) for stage in n.STAGES}
    if used is not None:
        designs = {stage: design.with_rows(used[masks[stage]])
                   for stage, design in designs.items()}
    first = drivers or fit_stage(spec, designs[n.DRIVER_STAGE], **settings)
    paths = paths_of(first.posterior, panel)
    second = fit_stage(spec, designs[n.COHESION_STAGE].with_paths(paths), **settings)
    provenance = {
        "seed": seed, "spec_hash": _spec_hash(spec),
        "data_hash": panel.data_hash, "versions": package_versions(),
        "created": dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()}
    return DyadFit(spec, dyads_of(panel), hypothesis, second.posterior, first.posterior,
                   {n.DRIVER_STAGE: first.diagnostics, n.COHESION_STAGE: second.diagnostics},
                   provenance)


@dataclass(frozen=True)
class StageFit:
    """Draws of one stage, and what the gate saw."""

    posterior: xr.Dataset
    diagnostics: dict[str, Any]


def fit_stage(spec: DyadModelSpec, design: DyadDesign, *, seed: int, draws: int | None = None,
              tune: int | None = None, chains: int | None = None, gate: Gate = FULL_GATE,
              cores: int | None = None, report: Callable[[Progress], None] | None = None,
              announce: Callable[[str], None] | None = None) -> StageFit:
    """Fit one stage of a model over dyads."""
    key = design.structure
    if key not in _compiled:
        _compiled[key] = obtain(("dyads", key), lambda: build_dyad_model(spec, design),
                                f"the model of {design.stage}", announce)
        while len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)
    compiled = _compiled[key].with_data(**design.data)
    if announce is not None:
        announce(f"sampling {design.stage}")
    settings = spec.sampler
    raw = draw_stage(compiled, draws=draws or settings.draws, tune=tune or settings.tune,
                     chains=chains or settings.chains, seed=seed, report=report, cores=cores,
                     target_accept=settings.target_accept, max_depth=settings.max_depth)
    found = diagnose(raw.posterior, raw.sample_stats, gate, seconds=raw.seconds)
    least = found.table.nsmallest(5, "ess_bulk")
    return StageFit(raw.posterior, {
        **found.summary(), "passed": found.passed, "failures": list(found.failures),
        "steps": float(raw.sample_stats["n_steps"].mean()),
        "least_effective": dict(zip(least["quantity"], least["ess_bulk"].round(1).tolist(),
                                    strict=True))})


def paths_of(drivers: xr.Dataset, panel: DyadPanel) -> np.ndarray:
    """Return the posterior means of what the coefficients multiply.

    Returns
    -------
    numpy.ndarray, shape (path coefficient, dyad, year)
        Mean of threat, half its gap, mean of credibility, half its gap.
    """
    position = {name: i for i, name in enumerate(panel.members)}
    first, second = ([position[name] for name in panel.dyads[column]]
                     for column in ("member_a", "member_b"))
    found = []
    for latent in c.PATHS:
        draws = drivers[latent].stack(sample=("chain", "draw")).transpose(
            "sample", c.DIM_MEMBER, c.DIM_TIME).to_numpy()
        mean, gap = np.zeros((2, len(panel.dyads), draws.shape[2]))
        for state in draws:
            mean += (state[first] + state[second]) / 2.0
            gap += softabs(state[first] - state[second]) / 2.0
        found += [mean / len(draws), gap / len(draws)]
    return np.array(found)
