r"""The parts of cohesion, draw by draw, from a fit's states and coefficients.

Cohesion is linear in its inputs given the persistence, so it splits exactly into what threat,
credibility, disputes and governments contributed, the initial residual carried over, and the
innovations.

Invariant: the components sum to the fitted cohesion up to rounding, in every draw and month.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit
from bayes_alliance.model.predict import long_run_paths, softabs, steps, trend

__all__ = ["Drivers", "cohesion_trend", "components", "drivers", "filter_response",
           "long_run_parts", "path_parts", "persistence", "regressors"]


def persistence(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Return cohesion's monthly persistence and the sd of its shocks, each (chain, draw)."""
    half_life = fit.posterior[c.VAR_HALF_LIFE].sel({c.DIM_CONSTRUCT: c.COHESION}).to_numpy()
    return steps(half_life, fit.spec.model.dynamics.cohesion)


def cohesion_trend(fit: Fit) -> np.ndarray | float:
    """Return the local trend of cohesion's error, shape (chain, draw, time); 0 without one."""
    if fit.spec.model.dynamics.cohesion != "local_trend":
        return 0.0
    slope = fit.posterior[c.VAR_SLOPE].sel({c.DIM_TREND: c.COHESION})
    return trend(slope.transpose("chain", "draw", c.DIM_TIME).to_numpy().astype(float))


@dataclass(frozen=True)
class Drivers:
    """Mean, gap and members' series of one construct.

    Attributes
    ----------
    mean, gap : numpy.ndarray, shape (chain, draw, time)
        Mean of the two members; smooth absolute difference.
    members : dict of str to numpy.ndarray
        Each member's series, same shape.
    """

    mean: np.ndarray
    gap: np.ndarray
    members: dict[str, np.ndarray]


def drivers(fit: Fit, construct: str) -> Drivers:
    """Return the drivers of a path, ``"threat"`` or ``"credibility"``."""
    array = fit.posterior[construct].transpose("chain", "draw", c.DIM_MEMBER, c.DIM_TIME)
    values = array.to_numpy().astype(float)
    first, second = values[:, :, 0], values[:, :, 1]
    names = [str(name) for name in array[c.DIM_MEMBER].to_numpy()]
    return Drivers((first + second) / 2, softabs(first - second),
                   dict(zip(names, (first, second), strict=True)))


def regressors(fit: Fit) -> np.ndarray:
    """Return what the four coefficients multiply, shape (chain, draw, coefficient, time)."""
    parts: list[np.ndarray] = []
    for construct in c.PATHS:
        array = fit.posterior[construct].transpose("chain", "draw", c.DIM_MEMBER, c.DIM_TIME)
        parts += long_run_paths(array.to_numpy()[:, :, 0].astype(float),
                                array.to_numpy()[:, :, 1].astype(float))
    return np.stack(parts, axis=2)


def path_parts(fit: Fit, coefficient: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each path adds to the long-run level, shape (chain, draw, time).

    Parameters
    ----------
    fit : Fit
        Its states are what the coefficients multiply; a path of its hypothesis alone acts.
    coefficient : numpy.ndarray, shape (chain, draw, coefficient)
        Those of the fit, or others in their place.
    """
    chosen, design = fit.spec.hypotheses[fit.hypothesis], regressors(fit)
    parts = {}
    for position, construct in enumerate(c.PATHS):
        pair = slice(2 * position, 2 * position + 2)
        path = np.einsum("xyk,xykt->xyt", coefficient[:, :, pair], design[:, :, pair])
        parts[construct] = path * float(construct in chosen.paths)
    return parts


def long_run_parts(fit: Fit) -> dict[str, np.ndarray]:
    """Return each component of the level that cohesion tends to, shape (chain, draw, time)."""
    parts = path_parts(fit, fit.posterior[c.VAR_COEFFICIENT].to_numpy().astype(float))
    chosen = fit.spec.hypotheses[fit.hypothesis]
    stocks = fit.panel.rivals.to_numpy(dtype=float)
    rival = fit.posterior[c.VAR_RIVAL_EFFECT].to_numpy().astype(float)
    acts = float(chosen.rivals)
    parts[c.COMPONENT_DISPUTES] = acts * rival @ stocks.T
    effect = fit.posterior[c.VAR_GOVERNMENT_EFFECT]
    labels = [str(label) for label in effect[c.DIM_GOVERNMENT].to_numpy()]
    values = effect.to_numpy().astype(float)
    total = np.zeros_like(parts[c.COMPONENT_DISPUTES])
    for member in fit.panel.members:
        index = [labels.index(f"{member}:{label}") for label in fit.panel.governments[member]]
        total = total + values[:, :, index]
    parts[c.COMPONENT_GOVERNMENTS] = acts * total
    return parts


def filter_response(phi: np.ndarray, long_run: np.ndarray, response: str) -> np.ndarray:
    """Return what a component of the long-run level does to cohesion, same shape.

    Parameters
    ----------
    phi : numpy.ndarray, shape (chain, draw)
        Persistence.
    long_run : numpy.ndarray, shape (chain, draw, time)
        The component; cohesion starts at it.
    response : {"adjustment", "level"}
        Structural option of the model.
    """
    if response == "level":
        return long_run.copy()
    result = np.empty_like(long_run)
    result[..., 0] = long_run[..., 0]
    for t in range(1, long_run.shape[-1]):
        result[..., t] = phi * result[..., t - 1] + (1.0 - phi) * long_run[..., t]
    return result


def components(fit: Fit) -> xr.DataArray:
    """Split the fitted cohesion into its components.

    Returns
    -------
    xarray.DataArray
        Dims ``component``, ``chain``, ``draw``, ``time``. ``initial_state`` is the first month's
        residual carried forward, ``innovations`` all that no driver explains after it (the
        slopes of a local trend among it).
    """
    phi, _ = persistence(fit)
    response = fit.spec.model.response
    parts = {name: filter_response(phi, part, response)
             for name, part in long_run_parts(fit).items()}
    cohesion = fit.posterior[c.COHESION].transpose("chain", "draw", c.DIM_TIME)
    values = cohesion.to_numpy().astype(float)
    residual = values - np.sum(list(parts.values()), axis=0)
    months = np.arange(values.shape[-1])
    initial = residual[..., :1] * phi[..., None] ** months
    parts[c.COMPONENT_INITIAL] = initial
    parts[c.COMPONENT_INNOVATIONS] = residual - initial
    stacked = np.stack([parts[name] for name in c.COMPONENTS])
    return xr.DataArray(
        stacked, dims=(c.DIM_COMPONENT, "chain", "draw", c.DIM_TIME),
        coords={c.DIM_COMPONENT: list(c.COMPONENTS), c.DIM_TIME: cohesion[c.DIM_TIME]})
