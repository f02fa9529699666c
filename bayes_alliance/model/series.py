r"""Unit-variance autoregressions as random variables, sampled in whitened coordinates.

.. math:: r_0 \sim N(0, 1), \qquad r_t = \varphi r_{t-1} + \sqrt{1-\varphi^2}\, u_t

with standard normal or unit-variance Student-t innovations :math:`u`.

Invariant: the prior is exactly this autoregression. What the indicators say enters the
*coordinates* only, through a transform with its exact Jacobian, so that hyperparameters and
series are close to independent in what the sampler sees.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

from bayes_alliance.model.kernels import conditional_series, whitened_series

__all__ = ["unit_series"]

_SIGNATURE = "(),(),(),(t),(),(t),(t),(t)->(t)"


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
    """Return persistence, path, scale and information among a random variable's inputs."""
    phi, path, scale, precision, coupling, linear = inputs[-6:]
    return phi, path, scale, precision, coupling, linear


def unit_series(name: str, half_life: Any, path: Any, scale: Any,
                information: tuple[Any, Any, Any], *, innovations: str, df: Any,
                dims: tuple[str, ...]) -> Any:
    """Add unit-variance autoregressions to the current model.

    Parameters
    ----------
    name : str
        Name of the random variable.
    half_life : tensor of float, shape (series,)
        In months.
    path : tensor of float, shape (series, time)
        What the state is apart from the series; conditions the coordinates only.
    scale : tensor of float, shape (series,)
        What the series is multiplied with in the state; likewise.
    information : tuple of three tensors of float, shape (series, time)
        Of :func:`bayes_alliance.model.kernels.row_information`; likewise.
    innovations : {"normal", "student_t"}
        Distribution of the shocks.
    df : tensor of float, shape ()
        Degrees of freedom of Student-t shocks.
    dims : tuple of str
        Of the random variable.

    Returns
    -------
    tensor of float, shape (series, time)
    """
    phi = pt.exp(-np.log(2.0) / half_life)
    variance = -pt.expm1(-2.0 * np.log(2.0) / half_life)
    degrees = pt.broadcast_to(df, phi.shape)

    def logp(value: Any, degrees: Any, variance: Any, phi: Any, *_: Any) -> Any:
        step = (value[..., 1:] - phi[..., None] * value[..., :-1]) / pt.sqrt(variance)[..., None]
        shock = pt.concatenate([value[..., :1], step], axis=-1)
        months = pt.cast(value.shape[-1], "float64")
        jacobian = -0.5 * (months - 1.0) * pt.log(variance)
        if innovations == "normal":
            return -0.5 * (shock**2).sum(-1) - 0.5 * months * np.log(2 * np.pi) + jacobian
        constant = (pt.gammaln((degrees + 1) / 2) - pt.gammaln(degrees / 2)
                    - 0.5 * pt.log((degrees - 2) * np.pi))
        kernel = -(degrees + 1) / 2 * pt.log1p(shock**2 / (degrees - 2)[..., None]).sum(-1)
        return kernel + months * constant + jacobian

    def random(degrees: Any, variance: Any, phi: Any, path: Any, *_: Any,
               rng: np.random.Generator, size: Any = None) -> np.ndarray:
        shape = np.broadcast_shapes(path.shape, (*phi.shape, 1))
        if innovations == "normal":
            shock = rng.standard_normal(shape)
        else:
            shock = rng.standard_t(degrees[..., None], shape) * np.sqrt(1 - 2 / degrees[..., None])
        series = np.empty(shape)
        series[..., 0] = shock[..., 0]
        for t in range(1, shape[-1]):
            series[..., t] = phi * series[..., t - 1] + np.sqrt(variance) * shock[..., t]
        return series

    return pm.CustomDist(
        name, degrees, variance, phi, path, scale, *information, logp=logp, random=random,
        support_point=_centre, signature=_SIGNATURE, transform=_Whitening(), dims=dims)


def _centre(rv: Any, size: Any, *inputs: Any) -> Any:
    """Start where the Gaussian approximation has its mean."""
    conditioning = _conditioning(inputs)
    return conditional_series(pt.zeros_like(conditioning[1]), *conditioning)[0]
