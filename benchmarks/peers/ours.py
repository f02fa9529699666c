"""``bayes_alliance`` itself, with the sampler settings of the model file.

Invariant: what is timed is what a user waits for: the approximation that sets the coordinates,
warmup and sampling, and a second attempt where the gate asked for one.
"""

import time
from statistics import median
from typing import Any

import numpy as np

from bayes_alliance.inference import fit_panel
from bayes_alliance.inference.compiled import clear_compiled, compiled_model
from bayes_alliance.inference.laplace import approximate
from bayes_alliance.model import build_design
from benchmarks.peers.common import PeerRun

__all__ = ["Ours", "gradient_seconds"]

_BATCH, _BATCHES = 200, 15


class Ours:
    """The package.

    Attributes
    ----------
    name : str
    settings : dict
        Empty until :meth:`build` reads them from the model file.
    """

    name = "ours"

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def build(self, spec: Any, panel: Any) -> float:
        """Build and compile the model; machine code on disk is used where there is some."""
        if self.settings:
            # A test or a trial asks for a shorter run; every other number stays the model file's.
            spec = spec.model_copy(update={
                "sampler": spec.sampler.model_copy(update=dict(self.settings))})
        sampler = spec.sampler
        self.settings = {name: getattr(sampler, name) for name in (
            "chains", "tune", "draws", "target_accept", "max_depth")}
        self.spec, self.panel = spec, panel
        clear_compiled()
        started = time.perf_counter()
        self.compiled = compiled_model(spec, panel, build_design(spec, panel))
        self.compiled.density()(self.compiled.start)
        self.compiled.expand()(self.compiled.start)
        return time.perf_counter() - started

    def gradient_seconds(self) -> float:
        """Return the median seconds of one log density with its gradient, as the sampler calls it.

        That is in the coordinates set by the approximation, two products with a matrix included.
        """
        compiled, coordinates = approximate(self.compiled)
        mapped = coordinates.density(compiled.density())
        return gradient_seconds(mapped, np.zeros(self.compiled.size))

    def sample(self, seed: int) -> PeerRun:
        """Fit; the seconds are of all attempts."""
        started: list[float] = []
        fit = fit_panel(self.spec, self.panel, seed=seed,
                        announce=lambda _: started.append(time.perf_counter()))
        # Every attempt is announced; the last one's sampling is measured by the fit itself.
        seconds = started[-1] - started[0] + fit.diagnostics.seconds
        return PeerRun(fit.posterior, fit.sample_stats, seconds)


def gradient_seconds(density: Any, position: np.ndarray, batch: int = _BATCH) -> float:
    """Return the median over batches of so many calls of the seconds of one."""
    found = []
    for _ in range(_BATCHES):
        started = time.perf_counter()
        for _ in range(batch):
            density(position)
        found.append((time.perf_counter() - started) / batch)
    return median(found)
