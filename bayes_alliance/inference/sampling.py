"""Draw from the posterior of one design, with progress, and keep draws on interruption.

Invariant: a Ctrl-C returns what was drawn; only a run without a single draw of every chain
raises ``KeyboardInterrupt``.
"""

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from nutpie import _lib
from nutpie.sample import CompiledModel

from bayes_alliance.inference.compiled import Compiled, reported_names
from bayes_alliance.inference.laplace import Coordinates, approximate
from bayes_alliance.inference.native import memory_table

__all__ = ["Progress", "RawDraws", "draw", "forward_draws"]


# Standard deviation of the chains' starts, in coordinates of about unit scale.
_JITTER: Final = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: finished and total iterations over all chains, divergences."""

    finished: int
    total: int
    divergences: int


@dataclass(frozen=True)
class RawDraws:
    """Draws of one run.

    Attributes
    ----------
    posterior, sample_stats : xarray.Dataset
        With dims ``chain`` and ``draw``.
    seconds : float
        Wall time of the sampling.
    interrupted : bool
        Whether the run was stopped before its end.
    """

    posterior: xr.Dataset
    sample_stats: xr.Dataset
    seconds: float
    interrupted: bool


def draw(compiled: Compiled, *, draws: int, tune: int, chains: int, seed: int, target_accept: float,
         max_depth: int, cores: int | None = None,
         report: Callable[[Progress], None] | None = None) -> RawDraws:
    """Run the No-U-Turn sampler in whitened coordinates.

    Parameters
    ----------
    compiled : Compiled
        With its data set.
    draws, tune, chains, seed : int
        Usual meaning; draws and tune are per chain.
    target_accept : float
        Acceptance the step size is adapted to.
    max_depth : int
        Largest tree depth.
    cores : int, optional
        How many chains run at a time; all cores by default.
    report : callable, optional
        Called about twice a second with a :class:`Progress`.

    Raises
    ------
    KeyboardInterrupt
        If the run is stopped before every chain has a draw.
    """
    import nutpie

    def callback(chains_progress: Any) -> None:
        if report is not None:
            report(Progress(sum(one.finished_draws for one in chains_progress),
                            sum(one.total_draws for one in chains_progress),
                            sum(one.divergences for one in chains_progress)))

    started = time.perf_counter()
    sampler = nutpie.sample(
        _Sampled(*approximate(compiled)), draws=draws, tune=tune, chains=chains, seed=seed,
        cores=cores, target_accept=target_accept, maxdepth=max_depth, save_warmup=False,
        progress_bar=False, blocking=False, progress_callback=callback, progress_rate=500)
    interrupted = False
    with warnings.catch_warnings():
        # nutpie pads unequal chains after an abort with NaN and says so.
        warnings.simplefilter("ignore")
        try:
            tree = sampler.wait()
        except KeyboardInterrupt:
            interrupted = True
            tree = sampler.abort()
    seconds = time.perf_counter() - started
    if "posterior" not in tree.children or tree["posterior"].to_dataset().sizes.get("draw", 0) == 0:
        raise KeyboardInterrupt("stopped before the first draw")
    posterior = tree["posterior"].to_dataset()
    stats = tree["sample_stats"].to_dataset()
    if interrupted:
        posterior, stats = _common_length(posterior, stats)
    return RawDraws(posterior, stats, seconds, interrupted)


def forward_draws(model: Any, *, draws: int, seed: int) -> xr.Dataset:
    """Draw independently from the prior of a model, no observation entering.

    Parameters
    ----------
    model : pymc.Model
    draws : int
        A multiple of four.
    seed : int

    Returns
    -------
    xarray.Dataset
        The variables of a fit; the draws are counted as four chains.
    """
    import pymc as pm

    names = reported_names(model)
    logger = logging.getLogger("pymc.sampling.forward")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with model, warnings.catch_warnings():
            # Our series draw themselves in NumPy, which Numba calls back into and says so.
            warnings.filterwarnings("ignore", message="Numba will use object mode")
            warnings.filterwarnings("ignore", message="Loop fusion failed")
            tree = pm.sample_prior_predictive(draws=draws, var_names=names, random_seed=seed)
    finally:
        logger.setLevel(level)
    found = tree["prior"].to_dataset().isel(chain=0, drop=True)
    parts = [found.isel(draw=slice(k * draws // 4, (k + 1) * draws // 4)) for k in range(4)]
    return xr.concat([part.assign_coords(draw=np.arange(draws // 4)) for part in parts], "chain")


class _Sampled(CompiledModel):
    """A compiled model in given coordinates, as nutpie wants it."""

    def __init__(self, compiled: Compiled, coordinates: Coordinates) -> None:
        super().__init__(dims=None)
        # nutpie reads these by address: they must live as long as it samples.
        self._held = (*compiled.packed(), *coordinates.arrays)
        self._memory = memory_table(*self._held)
        self._compiled = compiled

    @property
    def n_dim(self) -> int:
        return self._compiled.size

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self._compiled.variables

    @property
    def coords(self) -> dict[str, Any]:
        return {name: list(labels) for name, labels in self._compiled.coords.items()}

    def _make_sampler(self, settings: Any, init_mean: Any, cores: Any, progress_type: Any,
                      callback: Any, callback_rate: Any, store: Any) -> Any:
        # Exact for standard normals, which most coordinates nearly are: the integrator's error is
        # that of the rest. nutpie has the choice, but no keyword for it.
        chosen = settings.as_dict()["settings"] | {"trajectory_kind": "ExactNormal"}
        settings.update_settings(chosen)
        return _lib.PySampler.from_pymc(settings, cores, self._make_model(), progress_type,
                                        callback, callback_rate, store)

    def _make_model(self) -> Any:
        compiled, address = self._compiled, self._memory.ctypes.data
        size = sum(int(np.prod(shape)) for shape in compiled.variables.values())
        names, sizes = list(compiled.variables), {k: len(v) for k, v in compiled.coords.items()}
        variables = _lib.PyVariable.new_variables(
            names, ["float64"] * len(names), list(compiled.variables.values()), sizes,
            {name: compiled.dims[name] for name in names if name in compiled.dims})

        def start(seed: int) -> np.ndarray:
            return _JITTER * np.random.default_rng(seed).standard_normal(compiled.size)

        return _lib.PyMcModel(
            _lib.LogpFunc(compiled.density_entry.address, address, self),
            _lib.ExpandFunc(compiled.size, size, compiled.expand_entry.address, address, self),
            variables, compiled.size, sizes, self.coords, start, None)


def _common_length(posterior: xr.Dataset, stats: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Cut all chains to the length that every chain reached."""
    finished = stats["energy"].notnull().sum("draw")
    length = int(finished.min())
    if length < 4:
        raise KeyboardInterrupt("stopped before every chain had four draws")
    return posterior.isel(draw=slice(length)), stats.isel(draw=slice(length))
