"""What any sampler of this kind could reach: independent standard normals at our gradient's cost.

Invariant: dimension, cost of a gradient, cost of a draw's report, sampler and settings are those
of ``ours``, but for the integrator; only the posterior is as easy as one can be. The package's
density is computed at every step, and its report at every draw, and both are thrown away.
"""

from dataclasses import replace
from typing import Any
from unittest import mock

import numba
import numpy as np
from nutpie import _lib

from bayes_alliance.inference import sampling
from bayes_alliance.inference.compiled import Compiled
from bayes_alliance.inference.kept import entries
from bayes_alliance.inference.laplace import approximate
from benchmarks.peers.common import PeerRun
from benchmarks.peers.ours import Ours, gradient_seconds

__all__ = ["Limit"]


class Limit:
    """Standard normals.

    Attributes
    ----------
    name : str
    settings : dict
        Those of ``ours``, once built.
    """

    name = "limit"

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def build(self, spec: Any, panel: Any) -> float:
        """Compile the package's model, whose cost is imitated."""
        ours = Ours()
        ours.settings = self.settings
        seconds = ours.build(spec, panel)
        self.settings = ours.settings
        self.compiled = standard_normals(ours.compiled)
        return seconds

    def gradient_seconds(self) -> float:
        """Return the median seconds of one log density with its gradient."""
        compiled, coordinates = approximate(self.compiled)
        mapped = coordinates.density(compiled.density())
        return gradient_seconds(mapped, np.zeros(self.compiled.size))

    def sample(self, seed: int) -> PeerRun:
        """Sample as the package does, but with the leapfrog integrator."""
        with mock.patch.object(sampling, "_Sampled", _Leapfrog):
            raw = sampling.draw(self.compiled, seed=seed, **self.settings)
        return PeerRun(raw.posterior, raw.sample_stats, raw.seconds)


class _Leapfrog(sampling._Sampled):
    """The integrator of the package is exact for standard normals.

    Nothing then keeps the step size from growing, and chains go back and forth between a point and
    its mirror image: means without an error, and squares that hardly move.
    """

    def _make_sampler(self, settings: Any, init_mean: Any, cores: Any, progress_type: Any,
                      callback: Any, callback_rate: Any, store: Any) -> Any:
        return _lib.PySampler.from_pymc(settings, cores, self._make_model(), progress_type,
                                        callback, callback_rate, store)


def standard_normals(ours: Compiled) -> Compiled:
    """Return standard normals that cost what a compiled model costs."""
    real, real_report = ours.density_entry.ctypes, ours.expand_entry.ctypes
    table, held = ours.unmoved()
    size, count = ours.size, sum(int(np.prod(shape)) for shape in ours.variables.values())
    # At a fixed point, so that no draw meets a slow or an undefined corner of the real density.
    fixed = ours.start.copy()

    @numba.njit(nogil=True)
    def density(position: np.ndarray, reals: np.ndarray, integers: np.ndarray) -> Any:
        gradient, value, result, total = np.empty(size), np.empty(1), np.empty(1), 0.0
        real(size, fixed.ctypes, gradient.ctypes, value.ctypes, table.ctypes)
        for i in range(position.size):
            total += position[i] * position[i]
            gradient[i] = -position[i]
        result[0] = -0.5 * total
        return result, gradient

    @numba.njit(nogil=True)
    def report(position: np.ndarray, reals: np.ndarray, integers: np.ndarray) -> Any:
        found = np.empty(count)
        real_report(size, count, fixed.ctypes, found.ctypes, table.ctypes)
        return (position.copy(),)

    made = entries(density, report)
    for entry in made:
        # Machine code reads these by address.
        entry.held = (ours, table, held)
    return replace(ours, variables={"coordinate": (ours.size,)},
                   dims={"coordinate": ("position",)}, coords={"position": ours.labels},
                   density_entry=made[0], expand_entry=made[1])
