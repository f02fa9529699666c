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
from scipy import sparse
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
# Elements of the map below this size are left out: the sampler multiplies with it twice a step.
_SMALL: Final = 1e-2


@dataclass(frozen=True)
class Coordinates:
    """The linear map from the sampler's coordinates to the model's.

    Attributes
    ----------
    moved : numpy.ndarray of int, shape (hyperparameter,)
        Positions that are mapped; the others stay as they are.
    centre : numpy.ndarray, shape (hyperparameter,)
    starts, columns : numpy.ndarray of int, shape (hyperparameter + 1,) and (filled,)
    values : numpy.ndarray, shape (filled,)
        A symmetric matrix by compressed rows.
    """

    moved: np.ndarray
    centre: np.ndarray
    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def of_matrix(cls, moved: np.ndarray, centre: np.ndarray, matrix: np.ndarray) -> "Coordinates":
        """Return the map with a symmetric matrix, whose zeros are left out."""
        rows = sparse.csr_matrix(matrix)
        return cls(moved, centre, rows.indptr.astype(np.int64), rows.indices.astype(np.int64),
                   rows.data.astype(np.float64))

    @property
    def matrix(self) -> np.ndarray:
        """The matrix in full, shape (hyperparameter, hyperparameter)."""
        rows = sparse.csr_matrix((self.values, self.columns, self.starts),
                                 shape=(self.moved.size, self.moved.size))
        return np.asarray(rows.toarray())

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All of the map, in the order in which machine code takes it."""
        return self.moved, self.centre, self.starts, self.columns, self.values

    def apply(self, position: np.ndarray) -> np.ndarray:
        """Return the model's coordinates of the sampler's."""
        return np.asarray(push(position, *self.arrays))

    def density(self, density: Density) -> Density:
        """Return a density of the model's coordinates as one of the sampler's."""

        def mapped(position: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = density(self.apply(position))
            pull(gradient, self.moved, self.starts, self.columns, self.values)
            return value, gradient

        return mapped


def approximate(compiled: Compiled) -> tuple[Compiled, Coordinates]:
    """Choose coordinates from the mode and curvature of the hyperparameters.

    Parameters
    ----------
    compiled : Compiled
        With its data set.

    Returns
    -------
    compiled : Compiled
        The same posterior in coordinates turned to where the data tell of each alone.
    coordinates : Coordinates
        The linear map on top.

    Notes
    -----
    Costs a few hundred gradients for the mode and two for each hyperparameter. If the curvature
    is not finite, the prior's scale is kept. Curvature averaged over draws of the approximation
    was tried in its place: no divergence in three fits, but a third of the effective draws;
    averaged over draws of a pilot run: two thirds of the steps, two thirds of the draws.
    """
    moved = np.flatnonzero(~compiled.monthly)
    held = np.array([bool(_HELD.match(compiled.labels[i])) for i in moved])
    free = np.flatnonzero(~held)
    centre = _mode(compiled.density(), compiled.start, moved, free)
    position = np.zeros(compiled.size)
    position[moved] = centre
    compiled = _turned(compiled, position)
    density = compiled.density()
    position[moved] = centre = _mode(density, position, moved, free)
    curvature = _curvature(density, position, moved)
    if not np.isfinite(curvature).all():
        return compiled, Coordinates.of_matrix(moved, compiled.start[moved], np.eye(moved.size))
    return compiled, Coordinates.of_matrix(moved, centre, _without_small(_inverse_root(curvature)))


def _turned(compiled: Compiled, position: np.ndarray) -> Compiled:
    """Return the compilation with intercepts and effects of governments in own directions.

    The position's intercepts are turned in place.
    """
    intercepts, effects, spread = (_positions(compiled, name) for name in (
        "intercept_at_mean", "government_effect_raw", "government_sd_z"))
    density, data = compiled.density(), {}
    if effects.size:
        # At a spread of the prior's scale, wherever the mode is: it may be near 0.
        there = position.copy()
        there[spread], there[effects] = 1.0, 0.0
        told = _curvature(density, there, effects) - np.eye(effects.size)
        if np.isfinite(told).all():
            values, data["government_basis"] = np.linalg.eigh(told)
            data["government_information"] = np.maximum(values, 0.0)
    curvature = _curvature(density, position, intercepts)
    if intercepts.size and np.isfinite(curvature).all():
        _, data["intercept_basis"] = np.linalg.eigh(curvature)
        position[intercepts] = data["intercept_basis"].T @ position[intercepts]
    return compiled.with_data(**data)


def _positions(compiled: Compiled, name: str) -> np.ndarray:
    """Return where a variable's coordinates are."""
    return np.array([i for i, label in enumerate(compiled.labels)
                     if label.split("[")[0] == name], dtype=int)


def _without_small(root: np.ndarray) -> np.ndarray:
    """Return a root without its smallest elements, whole if it would no longer be definite."""
    thin = np.where(np.abs(root) < _SMALL, 0.0, root)
    return thin if np.linalg.eigvalsh(thin)[0] > 0.0 else root


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
