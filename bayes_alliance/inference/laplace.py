r"""A Gaussian approximation of the hyperparameters, to set the sampler's coordinates.

The monthly series are sampled in coordinates :math:`w` that are close to standard normal given
the hyperparameters :math:`h`. The density at :math:`w = 0` is then close to the marginal density
of :math:`h`, up to a constant, and its curvature about the mode to the marginal precision. The
sampler moves in :math:`h = \hat h + S u` with :math:`S = H^{-1/2}`: nearly independent
directions of unit scale, without a pilot run.

Invariant: any centre and scale give the same posterior; only the speed depends on them. Scales of
noise and of pooling stay at their prior medians while the mode is sought: a joint mode over scales
and what they scale lies where the scale is 0, far from where the posterior is.

References
----------
Rue, Martino and Chopin 2009, JRSS B 71(2), for the Laplace approximation of a marginal; Margossian
et al. 2020, NeurIPS, for its use within Hamiltonian Monte Carlo.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from bayes_alliance.inference.compiled import Compiled, Density
from bayes_alliance.inference.native import pull, push

__all__ = ["Coordinates", "approximate"]

# Scales that are kept at their prior median while the mode is sought.
_HELD: Final = re.compile(r"^(noise_(mean|spread)_raw|noise_between|loading_spread_raw|\w+_sd_raw)"
                          r"(\[|$)")
_STEP: Final = 1e-5
# Curvature below this share of a unit prior's is noise of the approximation.
_LEAST_CURVATURE: Final = 0.3


@dataclass(frozen=True)
class Coordinates:
    """The linear map from the sampler's coordinates to the model's.

    Attributes
    ----------
    moved : numpy.ndarray of int, shape (hyperparameter,)
        Positions that are mapped; the others stay as they are.
    centre : numpy.ndarray, shape (hyperparameter,)
    root : numpy.ndarray of float32, shape (hyperparameter, hyperparameter)
        Symmetric. Any numbers give the same posterior; short ones are read faster.
    """

    moved: np.ndarray
    centre: np.ndarray
    root: np.ndarray

    def apply(self, position: np.ndarray) -> np.ndarray:
        """Return the model's coordinates of the sampler's."""
        return np.asarray(push(position, self.moved, self.centre, self.root))

    def density(self, density: Density) -> Density:
        """Return a density of the model's coordinates as one of the sampler's."""

        def mapped(position: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = density(self.apply(position))
            pull(gradient, self.moved, self.root)
            return value, gradient

        return mapped


def approximate(compiled: Compiled) -> Coordinates:
    """Return coordinates from the mode and curvature of the hyperparameters.

    Parameters
    ----------
    compiled : Compiled
        With its data set.

    Notes
    -----
    Costs a few hundred gradients for the mode and two for each hyperparameter. If the curvature
    is not finite, the prior's scale is kept. Curvature averaged over draws of the approximation
    was tried in its place: no divergence in three fits, but a third of the effective draws.
    """
    density = compiled.density()
    moved = np.flatnonzero(~compiled.monthly)
    held = np.array([bool(_HELD.match(compiled.labels[i])) for i in moved])
    centre = _mode(density, compiled.start, moved, np.flatnonzero(~held))
    position = np.zeros(compiled.size)
    position[moved] = centre
    curvature = _curvature(density, position, moved)
    if not np.isfinite(curvature).all():
        return Coordinates(moved, compiled.start[moved], np.eye(moved.size, dtype=np.float32))
    return Coordinates(moved, centre, _inverse_root(curvature).astype(np.float32))


def _inverse_root(curvature: np.ndarray) -> np.ndarray:
    """Return the symmetric inverse root, curvature of no direction below the least one."""
    values, vectors = np.linalg.eigh(curvature)
    root = (vectors / np.sqrt(np.maximum(values, _LEAST_CURVATURE))) @ vectors.T
    return np.asarray((root + root.T) / 2)


def _mode(density: Density, start: np.ndarray,
          moved: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the hyperparameters at the mode over the free ones, shape (hyperparameter,)."""
    centre = start[moved].copy()
    position = np.zeros_like(start)

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        position[moved] = centre
        position[moved[free]] = values
        value, gradient = density(position)
        if not np.isfinite(value) or not np.isfinite(gradient).all():
            return 1e12, np.zeros_like(values)
        return -value, -gradient[moved[free]]

    found = minimize(objective, centre[free], jac=True, method="L-BFGS-B",
                     options={"maxiter": 200, "maxfun": 400, "maxcor": 30})
    if np.isfinite(found.x).all():
        centre[free] = found.x
    return centre


def _curvature(density: Density, position: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return minus the Hessian over some coordinates by central differences of the gradient."""
    result = np.empty((moved.size, moved.size))
    position = position.copy()
    for row, i in enumerate(moved):
        here = position[i]
        position[i] = here + _STEP
        above = density(position)[1][moved]
        position[i] = here - _STEP
        below = density(position)[1][moved]
        position[i] = here
        result[row] = (below - above) / (2 * _STEP)
    return (result + result.T) / 2
