r"""Monthly series as random variables, sampled in whitened coordinates.

.. math:: r_0 \sim N(0, 1), \qquad r_t = \varphi r_{t-1} + \sqrt{q}\,u_t

with standard normal or unit-variance Student-t innovations :math:`u`. With a half-life of
:math:`h` months, :math:`q = 1 - 2^{-2/h}`, and

- ``ar1`` has :math:`\varphi = 2^{-1/h}`: stationary with unit variance;
- ``random_walk`` has :math:`\varphi = 1`: shocks of the same size that never fade, so that
  its prior for a few months is that of ``ar1``;
- ``local_trend`` adds a slope to the random walk, :math:`r_t = r_{t-1} + v_{t-1} + \sqrt{q}u_t`
  with :math:`v_0 \sim N(m, \tau_0)` and :math:`v_t \sim N(v_{t-1}, \tau)`.

Invariant: the prior is exactly this. What the indicators say enters the *coordinates* only,
through a transform with its exact Jacobian, so that hyperparameters and series are close to
independent in what the sampler sees.

References
----------
Durbin and Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed., chapter 3, for the
local linear trend.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

from bayes_alliance import constants as c
from bayes_alliance.model.kernels import conditional_series, series_density, whitened_series

__all__ = ["Law", "add_slopes", "persistence", "unit_series"]

_SIGNATURE = "(),(),(),(t),(),(t),(t),(t)->(t)"


@dataclass(frozen=True)
class Law:
    """How the shocks of a model's series come, and where the sampler stands to them.

    Attributes
    ----------
    df : tensor of float, shape ()
        Degrees of freedom of Student-t shocks, 0 for normal ones.
    coordinates : {"chosen", "non_centred", "centred"}
        Coordinates of the sampler: by what the rows say of each month; the prior's own standard
        normals (shocks of the recursion run backwards in time); the series themselves.
    trend_sd, trend_start_mu, trend_start_sd : tensor of float, shape ()
        Of the slopes of a local trend: sd of a month's change; mean and sd of the first.
    """

    df: Any
    coordinates: str
    trend_sd: Any
    trend_start_mu: Any
    trend_start_sd: Any


def persistence(half_life: Any) -> Any:
    """Return the monthly AR(1) coefficient of a half-life in months."""
    return pt.exp(-np.log(2.0) / half_life)


class _Whitening(Transform):
    """Series to the coordinates of their Gaussian approximation, and back."""

    name = "white"

    def backward(self, value: Any, *inputs: Any) -> Any:
        return conditional_series(value, *_conditioning(inputs))[0]

    def forward(self, value: Any, *inputs: Any) -> Any:
        return whitened_series(value, *_conditioning(inputs))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        return conditional_series(value, *_conditioning(inputs))[1]


def _conditioning(inputs: Any) -> Any:
    """Return what the transform needs among a random variable's inputs."""
    phi, variance, path, scale, precision, coupling, linear = inputs[-7:]
    return phi, variance, path, scale, precision, coupling, linear


def unit_series(name: str, half_life: Any, dynamics: list[str], path: Any, scale: Any,
                information: tuple[Any, Any, Any], law: Law, trend: Any,
                dims: tuple[str, ...]) -> Any:
    """Add monthly series to the current model.

    Parameters
    ----------
    name : str
        Name of the random variable.
    half_life : tensor of float, shape (series,)
        In months.
    dynamics : list of {"ar1", "random_walk", "local_trend"}
        Of each series.
    path : tensor of float, shape (series, time)
        What the state is apart from the series; conditions the coordinates only.
    scale : tensor of float, shape (series,)
        What the series is multiplied with in the state; likewise.
    information : tuple of three tensors of float, shape (series, time)
        Of :func:`bayes_alliance.model.kernels.row_information`; likewise.
    law : Law
        Common to all series.
    trend : tensor of float, shape (series, time), or None
        What the slopes of local trends have added up to, from :func:`add_slopes`; 0 for others.
    dims : tuple of str
        Of the random variable.

    Returns
    -------
    tensor of float, shape (series, time)
    """
    fades = np.array([one == "ar1" for one in dynamics])
    phi = persistence(half_life) if fades.all() else pt.where(fades, persistence(half_life), 1.0)
    variance = -pt.expm1(-2.0 * np.log(2.0) / half_life)
    if trend is None:
        return _walk(name, phi, variance, path, scale, information, law, dims)
    path = path + scale[:, None] * trend
    return trend + _walk(name, phi, variance, path, scale, information, law, dims)


def add_slopes(law: Law) -> Any:
    """Add the slopes of all local trends to the current model.

    Returns
    -------
    tensor of float, shape (trended series, time)
        What the slopes have added up to before each month.
    """
    dims = (c.DIM_TREND, c.DIM_TIME)
    months = len(pm.modelcontext(None).coords[c.DIM_TIME])
    shock = pm.Normal("slope_shock_raw", dims=dims)
    size = pt.concatenate([pt.atleast_1d(law.trend_start_sd),
                           pt.repeat(pt.atleast_1d(law.trend_sd), months - 1)])
    slope = pm.Deterministic(
        c.VAR_SLOPE, law.trend_start_mu + pt.cumsum(size[None, :] * shock, axis=1), dims=dims)
    return pt.cumsum(slope, axis=1) - slope


def _walk(name: str, phi: Any, variance: Any, path: Any, scale: Any,
          information: tuple[Any, Any, Any], law: Law, dims: tuple[str, ...]) -> Any:
    """Add first-order autoregressions with unit variance at their start."""
    degrees = pt.broadcast_to(law.df, phi.shape)
    if law.coordinates == "non_centred":
        information = (pt.zeros_like(path),) * 3

    def logp(value: Any, degrees: Any, phi: Any, variance: Any, *_: Any) -> Any:
        return series_density(value, phi, variance, degrees[0])

    def random(degrees: Any, phi: Any, variance: Any, path: Any, *_: Any,
               rng: np.random.Generator, size: Any = None) -> np.ndarray:
        shape = np.broadcast_shapes(path.shape, (*phi.shape, 1))
        shock = rng.standard_normal(shape)
        if degrees.ravel()[0] > 0:
            df = degrees[..., None]
            shock = rng.standard_t(df, shape) * np.sqrt(1 - 2 / df)
        series = np.empty(shape)
        series[..., 0] = shock[..., 0]
        for t in range(1, shape[-1]):
            series[..., t] = phi * series[..., t - 1] + np.sqrt(variance) * shock[..., t]
        return series

    centred = law.coordinates == "centred"
    return pm.CustomDist(
        name, degrees, phi, variance, path, scale, *information, logp=logp, random=random,
        support_point=_centre, signature=_SIGNATURE, dims=dims,
        **({} if centred else {"transform": _Whitening()}))


def _centre(rv: Any, size: Any, *inputs: Any) -> Any:
    """Start where the Gaussian approximation has its mean."""
    conditioning = _conditioning(inputs)
    return conditional_series(pt.zeros_like(conditioning[2]), *conditioning)[0]
