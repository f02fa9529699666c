"""The benchmark's posterior in Stan, twice: in our coordinates, and from textbook practice.

Invariant: both programs read one set of data, which are the arrays of a design counted from one;
nothing is precomputed that the program could not compute once in ``transformed data``.

References
----------
Carpenter et al. 2017, Stan: a probabilistic programming language, Journal of Statistical
Software 76(1).
"""

import contextlib
import hashlib
import io
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.inference.compiled import compiled_model
from bayes_alliance.inference.laplace import approximate
from bayes_alliance.inference.sampling import _JITTER
from bayes_alliance.model import build_design
from bayes_alliance.model.structure import measurement_structure
from benchmarks.peers.common import PeerRun

__all__ = ["StanSame", "StanTextbook", "queued", "stan_data"]

_HERE = Path(__file__).resolve().parent
# Prior numbers that Stan gets as they are; every other prior is a pair of numbers.
_SINGLE = {"government_sd": "sd", "season": "sd", "member_deviation": "sd"}
# What httpstan compiles Stan programs with.
_MACROS = ("BOOST_DISABLE_ASSERTS", "BOOST_PHOENIX_NO_VARIADIC_EXPRESSION", "STAN_THREADS",
           "_REENTRANT", "_GLIBCXX_USE_CXX11_ABI=0")
# What the package chooses of the directions.
_CHOSEN = ("intercept_basis", "government_basis", "government_information")
_ELAPSED = re.compile(rb"([0-9.eE+-]+) seconds \((Warm-up|Sampling)\)")


class StanPeer:
    """A Stan program with Stan's default settings.

    Attributes
    ----------
    name : str
    settings : dict of str to object
        Stan's defaults.
    """

    name = ""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {
            "chains": 4, "tune": 1000, "draws": 1000, "target_accept": 0.8, "max_depth": 10}
        self.program = (_HERE / f"{self.name}.stan").read_text(encoding="utf-8")

    def build(self, spec: Any, panel: Any) -> float:
        """Compile the program, or find it in Stan's cache; return the seconds."""
        design = self._design(spec, panel)
        self.coords = design.coords
        self.data = stan_data(spec, panel, design)
        _repair()
        started = time.perf_counter()
        self.model = self._model(None)
        return time.perf_counter() - started

    def gradient_seconds(self) -> float:
        """Return the median seconds of a leapfrog step, each of which is one gradient.

        PyStan builds the model anew for every single gradient, so the steps of a chain of its own
        are timed, by the slope between deep and shallow trees, which leaves the writing out.
        """
        found = []
        for seed in range(1, 6):
            deep, shallow = (self._steps(seed, depth) for depth in (7, 1))
            found.append((deep[0] - shallow[0]) / (deep[1] - shallow[1]))
        return median(found)

    def sample(self, seed: int) -> PeerRun:
        """Sample; the seconds are the chains' own, without PyStan's passing on of draws."""
        from httpstan.services_stub import executor

        fit = self._fit(seed, self.settings)
        # PyStan has as many chains at a time as there are cores; the others wait their turn.
        seconds = queued(_elapsed(fit), executor._max_workers)
        return PeerRun(self._posterior(fit), _sample_stats(fit), seconds)

    def _design(self, spec: Any, panel: Any) -> Any:
        """Return the arrays that the program gets."""
        return build_design(spec, panel)

    def _steps(self, seed: int, depth: int) -> tuple[float, float]:
        """Return the seconds and leapfrog steps of draws without warmup."""
        fit = self._fit(seed, {"chains": 1, "tune": 0, "draws": 40, "max_depth": depth})
        return _elapsed(fit)[0], float(fit["n_leapfrog__"].sum())

    def _model(self, seed: int | None) -> Any:
        import stan

        with contextlib.redirect_stdout(io.StringIO()), _patient():
            return stan.build(self.program, data=self.data, random_seed=seed)

    def _fit(self, seed: int, settings: dict[str, Any]) -> Any:
        import httpstan.cache

        model = self._model(seed)
        # PyStan keeps every fit and would answer the same seed from its files.
        kept = httpstan.cache.model_directory(model.model_name) / "fits"
        shutil.rmtree(kept, ignore_errors=True)
        options = {"num_warmup": settings["tune"], "num_samples": settings["draws"],
                   "max_depth": settings["max_depth"],
                   "init": self._starts(model, seed, settings["chains"])}
        if "target_accept" in settings:
            options["delta"] = settings["target_accept"]
        with _quiet():
            fit = model.sample(num_chains=settings["chains"], **options)
        shutil.rmtree(kept, ignore_errors=True)
        return fit

    def _starts(self, model: Any, seed: int, chains: int) -> list[dict[str, Any]]:
        """Return where each chain starts; what is not named Stan draws within two of zero."""
        return [{} for _ in range(chains)]

    def _posterior(self, fit: Any) -> xr.Dataset:
        """Return what a fit of the package reports, as far as the program has it."""
        found = {}
        for name, dims in _REPORTED.items():
            if name in fit.param_names:
                found[name] = (("chain", "draw", *dims), _draws(fit, name))
        coords = {dim: self.coords[dim] for dims in _REPORTED.values() for dim in dims}
        return xr.Dataset(found, coords=coords)


class StanSame(StanPeer):
    """The free parameters of the package's own model, in directions chosen by the package.

    Chains start as the package's do, about its approximation of the mode, so that the two differ
    by their samplers alone. The beta-binomial is written out in a form that keeps its digits where
    overdispersion vanishes: with Stan's own a single step of the warmup put one chain of four at a
    noise of 1e-11, where rounding error makes a density 2,600 nats above the truth, and it stayed.
    """

    name = "stan_same"

    def _design(self, spec: Any, panel: Any) -> Any:
        design = build_design(spec, panel)
        turned, self.coordinates = approximate(compiled_model(spec, panel, design))
        self.size = turned.size
        return design.with_data(**{name: turned.data[name] for name in _CHOSEN})

    def _starts(self, model: Any, seed: int, chains: int) -> list[dict[str, Any]]:
        rng = np.random.default_rng(seed)
        return [split(model, self.coordinates.apply(_JITTER * rng.standard_normal(self.size)))
                for _ in range(chains)]


class StanTextbook(StanPeer):
    """The same model in textbook parameters."""

    name = "stan_textbook"


_REPORTED: dict[str, tuple[str, ...]] = {
    "loading_mean": (c.DIM_GROUP,), "loading_spread": (c.DIM_GROUP,),
    c.VAR_LOADING: (c.DIM_INDICATOR,), "member_loading": (c.DIM_SHARED,),
    "half_life_threat": (), "half_life_credibility": (), "half_life_cohesion": (),
    c.VAR_HALF_LIFE: (c.DIM_CONSTRUCT,), c.VAR_CORRELATION: (c.DIM_PAIR,),
    c.VAR_LEVEL_SECOND: (c.DIM_PAIR,), c.VAR_SCALE_SECOND: (c.DIM_PAIR,),
    c.VAR_DRIVER_LOADING: (c.DIM_MEMBER, c.DIM_DRIVER),
    c.VAR_ADMINISTRATION_EFFECT: (c.DIM_ADMINISTRATION,),
    c.VAR_ADMINISTRATION_DEVIATION_SD: (),
    c.VAR_ADMINISTRATION_DEVIATION: (c.DIM_MEMBER, c.DIM_ADMINISTRATION),
    c.VAR_CREDIBILITY_SD: (), c.VAR_RIVAL_EFFECT: (c.DIM_RIVAL,), c.VAR_GOVERNMENT_SD: (),
    c.VAR_GOVERNMENT_EFFECT: (c.DIM_GOVERNMENT,), c.VAR_OWN_HALF_LIFE: (c.DIM_OWN_ERROR,),
    "noise_mean": (c.DIM_GROUP,), "noise_spread": (c.DIM_GROUP,),
    c.VAR_NOISE: (c.DIM_INDICATOR,), "member_intercept": (c.DIM_SHARED,),
    c.VAR_INTERCEPT: (c.DIM_INDICATOR,), c.VAR_MODE_OFFSET: (c.DIM_OFFSET,),
    c.VAR_SEASON: (c.DIM_SEASONAL, c.DIM_MONTH), c.VAR_WAVE_SD: (),
    c.VAR_WAVE_ERROR: (c.DIM_WAVE,), c.VAR_COVARIATE_EFFECT: (c.DIM_COVARIATE,),
    c.VAR_COEFFICIENT: (c.DIM_COEFFICIENT,), c.THREAT: (c.DIM_MEMBER, c.DIM_TIME),
    c.CREDIBILITY: (c.DIM_MEMBER, c.DIM_TIME), c.COHESION: (c.DIM_TIME,),
    c.VAR_OBSERVATION_LOGIT: (c.DIM_OBSERVATION,),
}


def split(model: Any, position: np.ndarray) -> dict[str, Any]:
    """Return a flat position by the names of a program's parameters, all unconstrained."""
    found, at = {}, 0
    for name, dims in zip(model.param_names, model.dims, strict=True):
        if at == position.size:  # what follows is computed from these
            break
        size = int(np.prod(dims))
        found[name] = position[at:at + size].reshape(dims).tolist()
        at += size
    if at != position.size:
        raise ValueError(f"the program has {at} numbers, the position {position.size}")
    return found


def stan_data(spec: Any, panel: Any, design: Any) -> dict[str, Any]:
    """Return the data of both programs; names and shapes stand in their data blocks.

    Raises
    ------
    ValueError
        If the specification is of another structure than the programs.
    """
    head = spec.model
    found = (head.response, head.innovations, *head.dynamics.of_latents)
    known = ("adjustment", "normal", "ar1", "ar1", "ar1")
    if found != known:
        raise ValueError(f"response, innovations and dynamics of {head.name} are {found}; the "
                         f"Stan programs are written for {known}")
    data, structure = design.data, measurement_structure(panel, design)
    sizes = {key: len(design.coords[dim]) for key, dim in {
        "T": c.DIM_TIME, "K": c.DIM_INDICATOR, "I": c.DIM_ITEM, "G": c.DIM_GROUP,
        "P": c.DIM_SHARED, "D": c.DIM_DRIVER, "R": c.DIM_RIVAL, "L": c.DIM_GOVERNMENT,
        "A": c.DIM_ADMINISTRATION, "E": c.DIM_OWN_ERROR, "M": c.DIM_SEASONAL,
        "C": c.DIM_COVARIATE, "O": c.DIM_OFFSET, "W": c.DIM_WAVE}.items()}
    rows = {f"N_{key}": len(range(len(data["y"]))[design.blocks[family]]) for key, family in {
        "normal": "normal", "student": "student_t", "beta": "beta_binomial",
        "binomial": "binomial"}.items()}
    if sum(rows.values()) != len(data["y"]):
        raise ValueError(f"the Stan programs know no rows of {set(design.blocks)}; they know "
                         "normal, student_t, beta_binomial and binomial")
    counted = data["n"] > 0
    names = design.coords[c.DIM_INDICATOR]
    months = sizes["T"]
    at = months * data["row_series"]
    return {
        **sizes, "N": len(data["y"]), **rows, **_chains(design, structure, months),
        "y": data["y"], "y_count": np.where(counted, data["y"], 0).astype(int),
        "n": np.where(counted, data["n"], 0).astype(int),
        "row_state": at + data["first"] + 1, "row_months": data["stop"] - data["first"],
        "row_indicator": data["row_indicator"] + 1, "nuisance_cell": data["nuisance_cell"] + 1,
        **{name: data[name] for name in (
            "oriented", "covariate_design", "link_value", "variance_base", "variance_slope",
            "item_centring", "indicator_centring", "item_months", "administration_basis",
            *_CHOSEN)},
        "item": structure.item + 1, "group_of_indicator": structure.group_of_indicator + 1,
        "group_of_item": structure.group_of_item + 1, "item_series": structure.item_series + 1,
        "pair": _pairs(structure, sizes["P"]), "paired_item": structure.paired_item,
        "item_orientation": structure.item_orientation, "own_error": structure.series + 1,
        "pooled_noise": [k + 1 for k in range(len(names)) if k not in structure.series],
        "reference_item": structure.reference_item + 1,
        **{name: data[name].T for name in ("driver_stock", "rival_stock", "government_months",
                                           "administration_months")},
        **_priors(spec), "softabs_width": c.SOFTABS_WIDTH}


def _chains(design: Any, structure: Any, months: int) -> dict[str, Any]:
    """Return the rows that go on from a row before, and the sparse sums over rows into states."""
    data = design.data
    chained = np.flatnonzero(data["has_previous"])
    at = months * data["row_series"] + data["middle_month"]
    before = at[chained] - 1
    told_column, told_start = _sums(np.concatenate([at, before]), 5 * months)
    beside_column, beside_start = _sums(before, 5 * months)
    return {
        "N_chained": len(chained), "chained": chained + 1,
        "previous": data["previous_row"][chained] + 1, "gap": data["gap"][chained],
        "chained_own": structure.own_error[data["row_indicator"][chained]] + 1,
        "N_told": len(told_column), "told_column": told_column, "told_start": told_start,
        "N_beside": len(beside_column), "beside_column": beside_column,
        "beside_start": beside_start}


def _sums(places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and row starts, from one, of the 0/1 matrix that adds up by place."""
    counts = np.bincount(places, minlength=size)
    return np.argsort(places, kind="stable") + 1, np.concatenate([[0], np.cumsum(counts)]) + 1


def _pairs(structure: Any, count: int) -> np.ndarray:
    """Return the first and the second member's indicator of every shared item, shape (pair, 2)."""
    found = np.zeros((count, 2), dtype=int)
    for indicator, pair, sign in zip(structure.shared, structure.pair, structure.pair_sign,
                                     strict=True):
        found[pair, 0 if sign > 0 else 1] = indicator + 1
    return found


def _priors(spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"student_t_noise_df": spec.priors.student_t_noise_df}
    for name, value in spec.priors.model_dump().items():
        if name in _SINGLE:
            found[f"{name}_prior"] = value[_SINGLE[name]]
        elif isinstance(value, dict):
            found[f"{name}_prior"] = list(value.values())
    return found


def _draws(fit: Any, name: str) -> np.ndarray:
    """Return the draws of a variable, shape (chain, draw, ...)."""
    values = fit[name]
    shape = fit.dims[fit.param_names.index(name)]
    split = values.reshape(*shape, fit.num_samples, fit.num_chains)
    return np.moveaxis(split, (-1, -2), (0, 1))


def _sample_stats(fit: Any) -> xr.Dataset:
    def one(name: str) -> np.ndarray:
        return fit[name].reshape(fit.num_samples, fit.num_chains).T

    dims = ("chain", "draw")
    return xr.Dataset({"n_steps": (dims, one("n_leapfrog__").astype(int)),
                       "diverging": (dims, one("divergent__").astype(bool)),
                       "energy": (dims, one("energy__"))})


def queued(seconds: list[float], workers: int) -> float:
    """Return the time that tasks take, each given to the worker that is free first."""
    free = [0.0] * workers
    for one in seconds:
        first = free.index(min(free))
        free[first] += one
    return max(free)


def _elapsed(fit: Any) -> list[float]:
    """Return each chain's own seconds of warmup and sampling.

    Stan says them to every one of its writers; the logger's are read.
    """
    found = []
    for output in fit.stan_outputs:
        said = b"\n".join(line for line in output.splitlines() if b'"topic":"logger"' in line)
        parts = {part: float(seconds) for seconds, part in _ELAPSED.findall(said)}
        found.append(parts[b"Warm-up"] + parts[b"Sampling"])
    return found


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep PyStan's progress lines off the terminal."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _patient() -> Any:
    """Let both compilers finish: PyStan ends Stan's after one second, ours need two.

    g++ is ended with the request that waits for it, after five minutes: a slow machine needs more.
    """
    import aiohttp.client
    import httpstan.compile

    def run(*arguments: Any, **options: Any) -> Any:
        return subprocess.run(*arguments, **{**options, "timeout": 600})

    with (mock.patch.object(httpstan.compile, "subprocess", SimpleNamespace(run=run)),
          mock.patch.object(aiohttp.client, "DEFAULT_TIMEOUT", aiohttp.ClientTimeout(total=None))):
        yield


def _repair() -> None:
    """Compile PyStan's own part anew where its wheel holds one for another Python.

    The wheel of httpstan 4.17.0 for CPython 3.13 on Linux ships the object file of 3.10
    (https://github.com/stan-dev/httpstan/issues/668), beside the source that it is made from.
    Same source and flags give the right one, in Stan's cache, in a folder of this installation, to
    whose headers it points; the installed package stays as it is.
    """
    import httpstan.cache
    import httpstan.models

    package = Path(httpstan.__file__).resolve().parent
    wanted = f"include/python{sys.version_info.major}.{sys.version_info.minor}"
    shipped = (package / "stan_services.o").read_bytes()
    if sys.platform != "linux" or wanted.encode() in shipped:
        return
    place = hashlib.sha256(str(package).encode()).hexdigest()[:8]
    folder = httpstan.cache.cache_directory() / f"services-{place}"
    built = folder / "stan_services.o"
    if not built.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("include", "lib"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(package / name)
        part = built.with_suffix(".part")
        subprocess.run(
            ["g++", "-c", "-fPIC", "-O3", "-std=c++17", "-fvisibility=hidden", "-fwrapv", "-w",
             *(f"-D{name}" for name in _MACROS), f"-I{package}", f"-I{package / 'include'}",
             f"-I{sysconfig.get_paths()['include']}", str(package / "stan_services.cpp"),
             "-o", str(part)], check=True)
        part.replace(built)
    httpstan.models.PACKAGE_DIR = folder
