r"""Normals around a pooled centre, sampled between centred and non-centred.

Invariant: the prior is the normal and nothing else; how it is sampled is an exact change of
variables, chosen by how much the data tell of each member.

References
----------
Gorinova, Moore and Hoffman 2020, Automatic reparameterisation of probabilistic programs.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

__all__ = ["bent_between", "between"]


def between(name: str, centre: Any, spread: Any, centring: Any, dims: str) -> Any:
    r"""Add normals to the current model.

    With :math:`u \sim N(c\mu, \sigma^{c})`, :math:`\mu + \sigma^{1-c}(u - c\mu)` is
    :math:`N(\mu, \sigma)` for every c in [0, 1]; much data calls for c near 1.

    Parameters
    ----------
    name : str
        Of what is sampled.
    centre, spread : tensor of float, shape (dims,)
        Mean and sd.
    centring : tensor of float, shape (dims,)
        c.
    dims : str

    Returns
    -------
    tensor of float, shape (dims,)
    """
    raw = pm.Normal(name, centring * centre, spread**centring, dims=dims)
    return centre + spread ** (1.0 - centring) * (raw - centring * centre)


def bent_between(name: str, centre: Any, spread: Any, centring: Any, dims: str) -> Any:
    r"""Add normals whose exponential multiplies a state, sampled so that its tail is tame.

    With :math:`d = \sigma^{1-c}(u - c\mu)` as in :func:`between`, the normal is
    :math:`\mu + 2\,\mathrm{arsinh}(d/2)`: about :math:`\mu + d` near the centre, and its
    exponential grows with the square of u far above it. Where few data tell of a loading,
    trajectories in :math:`\mu + d` itself diverge, in about one of a thousand.

    Parameters
    ----------
    name, centre, spread, centring, dims
        As in :func:`between`.

    Returns
    -------
    tensor of float, shape (dims,)
    """

    def logp(value: Any, centre: Any, spread: Any, centring: Any) -> Any:
        return pm.logp(pm.Normal.dist(centre, spread), value)

    def random(centre: Any, spread: Any, centring: Any, *, rng: np.random.Generator,
               size: Any = None) -> np.ndarray:
        return rng.normal(centre, spread, size=size)

    return pm.CustomDist(name, centre, spread, centring, logp=logp, random=random,
                         transform=_Bent(), dims=dims)


class _Bent(Transform):
    """Normals to what is sampled for them, and back."""

    name = "bent"

    def backward(self, value: Any, *inputs: Any) -> Any:
        return inputs[-3] + 2.0 * pt.arcsinh(_straight(value, inputs) / 2.0)

    def forward(self, value: Any, *inputs: Any) -> Any:
        centre, spread, centring = inputs[-3:]
        straight = 2.0 * pt.sinh((value - centre) / 2.0)
        return centring * centre + straight * spread ** (centring - 1.0)

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        _, spread, centring = inputs[-3:]
        bend = 0.5 * pt.log1p(_straight(value, inputs) ** 2 / 4.0)
        return (1.0 - centring) * pt.log(spread) - bend


def _straight(value: Any, inputs: Any) -> Any:
    centre, spread, centring = inputs[-3:]
    return spread ** (1.0 - centring) * (value - centring * centre)
