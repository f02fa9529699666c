r"""Autoregressions drawn around what the indicators say of them.

A series has :math:`r_0 \sim N(0, 1)` and :math:`r_t = \varphi r_{t-1} + N(0, q)`, precision
:math:`Q(\varphi, q)`: stationary with unit variance if :math:`q = 1-\varphi^2`, a random walk if
:math:`\varphi = 1`. A state :math:`x = d + c\,r` is measured, approximately, by a Gaussian
likelihood with tridiagonal precision :math:`W` (diagonal ``precision``, next to it ``coupling``)
and linear term :math:`b`. With

.. math:: P = Q(\varphi, q) + c^2 W = U D U^\top, \qquad
   r = U^{-\top}\bigl(D^{-1} U^{-1} c\,(b - W d) + D^{-1/2} w\bigr)

a standard normal :math:`w` gives the posterior of :math:`r` in the Gaussian approximation,
whatever the hyperparameters; :math:`\log|\partial r/\partial w| = -\tfrac12 \sum_t \log D_{tt}`.
It is an exact change of variables whether or not the approximation is good.

Invariant: both passes cost a few sweeps over the months; nothing is factorised densely. A sweep
that hands a number from month to month does that alone; all else is done month by month without
order, several months at a time.

References
----------
Rue 2001, JRSS B 63(2), for sampling from sparse precisions; Papaspiliopoulos, Roberts and
Sköld 2007, Statistical Science 22(1), for parametrisations between centred and non-centred.
"""

from typing import Any, Final

import numba
import numpy as np

from bayes_alliance.model.kernels.op import Kernel

__all__ = ["conditional_series", "whitened_series"]

# Sums may be taken in any order; what is not finite stays so.
_SUMS: Final = {"reassoc", "contract"}


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _pull(path: np.ndarray, precision: np.ndarray, coupling: np.ndarray,
          linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Return what the data pull each state by, beyond the path."""
    pull = np.empty(path.size)
    for t in range(path.size):
        pull[t] = linear[t] - precision[t] * path[t]
    for t in range(path.size - 1):
        pull[t] -= coupling[t] * path[t + 1]
    for t in range(path.size - 1):
        pull[t + 1] -= coupling[t] * path[t]
    return pull


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _factor(phi: float, shock: float, scale: float, precision: np.ndarray, coupling: np.ndarray,
            pull: np.ndarray, variance: np.ndarray, ratio: np.ndarray,
            solved: np.ndarray) -> None:  # pragma: no cover - compiled
    """Fill ``P = U D U^T``: ``1 / D``, the entries beside U's unit diagonal, ``U^-1 c pull``."""
    months = pull.size
    size, last = scale * scale, months - 1
    diagonal, squared = np.empty(months), np.empty(months)
    middle, beside = (1.0 + phi * phi) / shock, -phi / shock
    for t in range(months):
        diagonal[t] = middle + size * precision[t]
        ratio[t] = beside + size * coupling[t]
        squared[t] = ratio[t] * ratio[t]
    diagonal[last] = 1.0 / shock + size * precision[last]
    diagonal[0] = 1.0 + phi * phi / shock + size * precision[0]
    if months == 1:
        diagonal[0] = 1.0 + size * precision[0]
    variance[0] = 1.0 / diagonal[0]
    for t in range(last):
        variance[t + 1] = 1.0 / (diagonal[t + 1] - squared[t] * variance[t])
    for t in range(last):
        ratio[t] *= variance[t]
    ratio[last] = 0.0
    solved[0] = scale * pull[0]
    for t in range(last):
        solved[t + 1] = scale * pull[t + 1] - ratio[t] * solved[t]


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _log_jacobian(variance: np.ndarray) -> float:  # pragma: no cover - compiled
    """Return half the sum of logs; of a product of many, one logarithm is enough."""
    total, product = 0.0, 1.0
    for t in range(variance.size):
        product *= variance[t]
        if not 1e-150 < product < 1e150:
            total += np.log(product)
            product = 1.0
    return 0.5 * (total + np.log(product))


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _draw(white: np.ndarray, variance: np.ndarray, ratio: np.ndarray, solved: np.ndarray,
          series: np.ndarray) -> None:  # pragma: no cover - compiled
    for t in range(white.size):
        series[t] = solved[t] * variance[t] + white[t] * np.sqrt(variance[t])
    for t in range(white.size - 2, -1, -1):
        series[t] -= ratio[t] * series[t + 1]


@numba.njit(cache=True, error_model="numpy")
def _forward(white: np.ndarray, phi: np.ndarray, shock: np.ndarray, path: np.ndarray,
             scale: np.ndarray, precision: np.ndarray, coupling: np.ndarray,
             linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    count = white.shape[0]
    series, variance = np.empty(white.shape), np.empty(white.shape)
    ratio, solved = np.empty(white.shape), np.empty(white.shape)
    log_jacobian = np.empty(count)
    for s in range(count):
        pull = _pull(path[s], precision[s], coupling[s], linear[s])
        _factor(phi[s], shock[s], scale[s], precision[s], coupling[s], pull, variance[s],
                ratio[s], solved[s])
        log_jacobian[s] = _log_jacobian(variance[s])
        _draw(white[s], variance[s], ratio[s], solved[s], series[s])
    return series, log_jacobian, variance, ratio, solved


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _reverse_factor(white: np.ndarray, beside: np.ndarray, series: np.ndarray,
                    variance: np.ndarray, ratio: np.ndarray, solved: np.ndarray,
                    series_bar: np.ndarray, log_jacobian_bar: float, white_bar: np.ndarray,
                    solved_bar: np.ndarray, total_bar: np.ndarray,
                    beside_bar: np.ndarray) -> None:  # pragma: no cover - compiled
    """Fill the cotangents of ``w``, of ``c pull`` and of P's entries, on and off the diagonal."""
    last = white.size - 1
    bar, toward = np.empty(white.size), np.empty(white.size)
    bar[0] = series_bar[0]
    for t in range(last):
        bar[t + 1] = series_bar[t + 1] - ratio[t] * bar[t]
    for t in range(white.size):
        root = np.sqrt(variance[t])
        white_bar[t] = bar[t] * root
        solved_bar[t] = bar[t] * variance[t]
        total_bar[t] = -variance[t] * (bar[t] * (solved[t] * variance[t] + 0.5 * white[t] * root)
                                       + 0.5 * log_jacobian_bar)
    for t in range(last - 1, -1, -1):
        solved_bar[t] -= ratio[t] * solved_bar[t + 1]
    for t in range(last):
        toward[t] = variance[t] * (-bar[t] * series[t + 1] - solved_bar[t + 1] * solved[t])
        total_bar[t] -= variance[t] * beside[t] * toward[t]
    for t in range(last - 1, -1, -1):
        total_bar[t] += ratio[t] * ratio[t] * total_bar[t + 1]
    for t in range(last):
        beside_bar[t] = toward[t] - 2.0 * ratio[t] * total_bar[t + 1]
    beside_bar[last] = 0.0


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _reverse_inputs(scale: float, path: np.ndarray, precision: np.ndarray, coupling: np.ndarray,
                    pull: np.ndarray, solved_bar: np.ndarray, total_bar: np.ndarray,
                    beside_bar: np.ndarray, path_bar: np.ndarray, precision_bar: np.ndarray,
                    coupling_bar: np.ndarray,
                    linear_bar: np.ndarray) -> float:  # pragma: no cover - compiled
    """Fill the cotangents of path and information; return that of the scale."""
    size, last, total = scale * scale, path.size - 1, 0.0
    for t in range(path.size):
        linear_bar[t] = scale * solved_bar[t]
        precision_bar[t] = size * total_bar[t] - linear_bar[t] * path[t]
        path_bar[t] = -linear_bar[t] * precision[t]
        total += solved_bar[t] * pull[t] + 2.0 * scale * precision[t] * total_bar[t]
    for t in range(last):
        coupling_bar[t] = (size * beside_bar[t] - linear_bar[t] * path[t + 1]
                           - linear_bar[t + 1] * path[t])
        total += 2.0 * scale * coupling[t] * beside_bar[t]
    coupling_bar[last] = 0.0
    for t in range(last):
        path_bar[t] -= linear_bar[t + 1] * coupling[t]
    for t in range(last):
        path_bar[t + 1] -= linear_bar[t] * coupling[t]
    return total


@numba.njit(cache=True, error_model="numpy", fastmath=_SUMS)
def _reverse_prior(phi: float, shock: float, total_bar: np.ndarray,
                   beside_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Return the cotangents of persistence and of the shocks' variance."""
    last, middle, beside = total_bar.size - 1, 0.0, 0.0
    if last == 0:
        return 0.0, 0.0
    for t in range(1, last):
        middle += total_bar[t]
    for t in range(last):
        beside += beside_bar[t]
    first = total_bar[0]
    by_phi = (2.0 * phi * (first + middle) - beside) / shock
    by_shock = -(phi * phi * (first + middle) + middle + total_bar[last] - phi * beside) / shock
    return by_phi, by_shock / shock


@numba.njit(cache=True, error_model="numpy")
def _reverse(white: np.ndarray, phi: np.ndarray, shock: np.ndarray, path: np.ndarray,
             scale: np.ndarray, precision: np.ndarray, coupling: np.ndarray,
             linear: np.ndarray, series: np.ndarray, log_jacobian: np.ndarray,
             variance: np.ndarray, ratio: np.ndarray, solved: np.ndarray,
             series_bar: np.ndarray,
             log_jacobian_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = white.shape
    phi_bar, shock_bar, scale_bar = np.empty(count), np.empty(count), np.empty(count)
    white_bar, path_bar = np.empty(white.shape), np.empty(white.shape)
    precision_bar, coupling_bar = np.empty(white.shape), np.empty(white.shape)
    linear_bar = np.empty(white.shape)
    solved_bar, total_bar, beside_bar = np.empty(months), np.empty(months), np.empty(months)
    for s in range(count):
        pull = _pull(path[s], precision[s], coupling[s], linear[s])
        beside = scale[s] * scale[s] * coupling[s] - phi[s] / shock[s]
        _reverse_factor(white[s], beside, series[s], variance[s], ratio[s], solved[s],
                        series_bar[s], log_jacobian_bar[s], white_bar[s], solved_bar, total_bar,
                        beside_bar)
        scale_bar[s] = _reverse_inputs(
            scale[s], path[s], precision[s], coupling[s], pull, solved_bar, total_bar, beside_bar,
            path_bar[s], precision_bar[s], coupling_bar[s], linear_bar[s])
        phi_bar[s], shock_bar[s] = _reverse_prior(phi[s], shock[s], total_bar, beside_bar)
    return (white_bar, phi_bar, shock_bar, path_bar, scale_bar, precision_bar, coupling_bar,
            linear_bar)


_op = Kernel("conditional_series", _forward, (0, 1, 0, 0, 0), _reverse,
             (0, 1, 2, 3, 4, 5, 6, 7), differentiable_outputs=2)


def conditional_series(white: Any, phi: Any, shock: Any, path: Any, scale: Any, precision: Any,
                       coupling: Any, linear: Any) -> Any:
    """Return autoregressions from standard normal coordinates.

    Parameters
    ----------
    white : tensor of float, shape (series, time)
        Coordinates.
    phi, shock : tensor of float, shape (series,)
        Persistence, and variance of the shocks.
    path : tensor of float, shape (series, time)
        What the state is apart from the series.
    scale : tensor of float, shape (series,)
        What the series is multiplied with in the state.
    precision, coupling, linear : tensor of float, shape (series, time)
        Gaussian information on the state: diagonal, entry beside it (month t with t + 1; the
        last is not read) and linear term.

    Returns
    -------
    series : tensor of float, shape (series, time)
    log_jacobian : tensor of float, shape (series,)
        Log determinant of the map from ``white`` to ``series``.
    """
    found = _op(white, phi, shock, path, scale, precision, coupling, linear)
    return found[0], found[1]


@numba.njit(cache=True, error_model="numpy")
def _whiten(series: np.ndarray, phi: np.ndarray, shock: np.ndarray, path: np.ndarray,
            scale: np.ndarray, precision: np.ndarray, coupling: np.ndarray,
            linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = series.shape
    white = np.empty((count, months))
    variance, ratio, solved = np.empty(months), np.empty(months), np.empty(months)
    for s in range(count):
        pull = _pull(path[s], precision[s], coupling[s], linear[s])
        _factor(phi[s], shock[s], scale[s], precision[s], coupling[s], pull, variance, ratio,
                solved)
        for t in range(months):
            after = series[s, t + 1] if t + 1 < months else 0.0
            white[s, t] = ((series[s, t] + ratio[t] * after) / np.sqrt(variance[t])
                           - solved[t] * np.sqrt(variance[t]))
    return white


_inverse = Kernel("conditional_series_inverse", _whiten, (0,))


def whitened_series(series: Any, phi: Any, shock: Any, path: Any, scale: Any, precision: Any,
                    coupling: Any, linear: Any) -> Any:
    """Return the coordinates of given series, the inverse of :func:`conditional_series`."""
    return _inverse(series, phi, shock, path, scale, precision, coupling, linear)
