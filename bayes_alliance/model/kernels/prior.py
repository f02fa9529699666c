r"""Log density of autoregressions.

.. math:: r_0 = u_0, \qquad r_t = \varphi r_{t-1} + \sqrt{q}\,u_t

with independent shocks :math:`u` of unit variance: standard normal, or Student-t with :math:`\nu`
degrees of freedom times :math:`\sqrt{1 - 2/\nu}`.

Invariant: with :math:`q = 1-\varphi^2` and normal shocks the series is stationary with unit
variance.
"""

from math import lgamma
from typing import Any, Final

import numba
import numpy as np
import pytensor.tensor as pt

from bayes_alliance.model.kernels.op import Kernel

__all__ = ["series_density"]

_SUMS: Final = {"reassoc", "contract"}
_HALF_LOG_2PI: Final = 0.5 * np.log(2 * np.pi)


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _shocks(series: np.ndarray, phi: float, root: float) -> Any:  # pragma: no cover - compiled
    shock = np.empty(series.size)
    shock[0] = series[0]
    for t in range(series.size - 1):
        shock[t + 1] = (series[t + 1] - phi * series[t]) / root
    return shock


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _forward(series: np.ndarray, phi: np.ndarray, variance: np.ndarray,
             degrees: np.ndarray) -> Any:  # pragma: no cover - compiled
    result = np.empty(phi.size)
    months, df = series.shape[1], degrees[0]
    for s in range(phi.size):
        shock = _shocks(series[s], phi[s], np.sqrt(variance[s]))
        total = 0.0
        if df > 0.0:
            for t in range(months):
                total += np.log1p(shock[t] * shock[t] / (df - 2.0))
            total = (months * (lgamma((df + 1.0) / 2.0) - lgamma(df / 2.0)
                               - 0.5 * np.log((df - 2.0) * np.pi)) - 0.5 * (df + 1.0) * total)
        else:
            for t in range(months):
                total -= 0.5 * shock[t] * shock[t]
            total -= months * _HALF_LOG_2PI
        result[s] = total - 0.5 * (months - 1) * np.log(variance[s])
    return result


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _reverse_one(series: np.ndarray, phi: float, variance: float, df: float, bar: float,
                 series_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Fill the cotangent of one series; return those of persistence and variance."""
    root, last = np.sqrt(variance), series.size - 1
    shock = _shocks(series, phi, root)
    push = np.empty(series.size)
    if df > 0.0:
        for t in range(series.size):
            push[t] = -bar * (df + 1.0) * shock[t] / (df - 2.0 + shock[t] * shock[t])
    else:
        for t in range(series.size):
            push[t] = -bar * shock[t]
    by_phi, by_variance = 0.0, -bar * last
    series_bar[0] = push[0]
    for t in range(last):
        series_bar[t + 1] = push[t + 1] / root
        by_phi -= push[t + 1] * series[t]
        by_variance -= push[t + 1] * shock[t + 1]
    for t in range(last):
        series_bar[t] -= phi * push[t + 1] / root
    return by_phi / root, 0.5 * by_variance / variance


@numba.njit(cache=True, error_model="numpy")
def _reverse(series: np.ndarray, phi: np.ndarray, variance: np.ndarray, degrees: np.ndarray,
             density: np.ndarray, density_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    series_bar = np.empty_like(series)
    phi_bar, variance_bar = np.empty_like(phi), np.empty_like(phi)
    for s in range(phi.size):
        phi_bar[s], variance_bar[s] = _reverse_one(series[s], phi[s], variance[s], degrees[0],
                                                   density_bar[s], series_bar[s])
    return series_bar, phi_bar, variance_bar


_op = Kernel("series_density", _forward, (1,), _reverse, (0, 1, 2))


def series_density(series: Any, phi: Any, variance: Any, df: Any) -> Any:
    """Return the log density of autoregressions that start with unit variance.

    Parameters
    ----------
    series : tensor of float, shape (series, time)
    phi, variance : tensor of float, shape (series,)
        Persistence, and variance of the shocks.
    df : tensor of float, shape ()
        Degrees of freedom of Student-t shocks, above 2; 0 for normal ones.

    Returns
    -------
    tensor of float, shape (series,)
    """
    return _op(series, phi, variance, pt.atleast_1d(df))
