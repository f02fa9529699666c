r"""Unit autoregressions drawn around what the indicators say of them.

A series :math:`r` has the prior of a stationary AR(1) with unit variance, precision
:math:`Q(\varphi)`. A state :math:`x = d + c\,r` is measured, approximately, by a Gaussian
likelihood with tridiagonal precision :math:`W` (diagonal ``precision``, next to it ``coupling``)
and linear term :math:`b`. With

.. math:: P = Q(\varphi) + c^2 W = U D U^\top, \qquad
   r = U^{-\top}\bigl(D^{-1} U^{-1} c\,(b - W d) + D^{-1/2} w\bigr)

a standard normal :math:`w` gives the posterior of :math:`r` in the Gaussian approximation,
whatever the hyperparameters; :math:`\log|\partial r/\partial w| = -\tfrac12 \sum_t \log D_{tt}`.
It is an exact change of variables whether or not the approximation is good.

Invariant: both passes cost a few sweeps over the months; nothing is factorised densely.

References
----------
Rue 2001, JRSS B 63(2), for sampling from sparse precisions; Papaspiliopoulos, Roberts and
Sköld 2007, Statistical Science 22(1), for parametrisations between centred and non-centred.
"""

from typing import Any

import numba
import numpy as np

from bayes_alliance.model.kernels.op import Kernel

__all__ = ["conditional_series", "whitened_series"]


@numba.njit(cache=True, error_model="numpy")
def _pull(path: np.ndarray, precision: np.ndarray, coupling: np.ndarray, linear: np.ndarray,
          t: int) -> float:  # pragma: no cover - compiled
    """Return what the data pull the state of month t by, beyond the path."""
    value = linear[t] - precision[t] * path[t]
    if t + 1 < path.size:
        value -= coupling[t] * path[t + 1]
    if t > 0:
        value -= coupling[t - 1] * path[t - 1]
    return value


@numba.njit(cache=True, error_model="numpy")
def _factor(phi: float, path: np.ndarray, scale: float, precision: np.ndarray,
            coupling: np.ndarray, linear: np.ndarray, variance: np.ndarray, ratio: np.ndarray,
            solved: np.ndarray) -> None:  # pragma: no cover - compiled
    """Fill ``P = U D U^T``: ``1 / D``, the entries beside U's unit diagonal, ``U^-1 c pull``."""
    months = path.size
    odds = 1.0 / ((1.0 - phi) * (1.0 + phi))
    for t in range(months):
        prior = odds if months > 1 else 1.0
        if 0 < t < months - 1:
            prior = (1.0 + phi * phi) * odds
        total = prior + scale * scale * precision[t]
        right = scale * _pull(path, precision, coupling, linear, t)
        if t > 0:
            beside = -phi * odds + scale * scale * coupling[t - 1]
            ratio[t - 1] = beside * variance[t - 1]
            total -= beside * ratio[t - 1]
            right -= ratio[t - 1] * solved[t - 1]
        variance[t] = 1.0 / total
        solved[t] = right
    ratio[months - 1] = 0.0


@numba.njit(cache=True, error_model="numpy")
def _forward(white: np.ndarray, phi: np.ndarray, path: np.ndarray, scale: np.ndarray,
             precision: np.ndarray, coupling: np.ndarray,
             linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = white.shape
    series = np.empty((count, months))
    log_jacobian = np.zeros(count)
    variance = np.empty((count, months))
    ratio = np.empty((count, months))
    solved = np.empty((count, months))
    for s in range(count):
        _factor(phi[s], path[s], scale[s], precision[s], coupling[s], linear[s], variance[s],
                ratio[s], solved[s])
        after, product = 0.0, 1.0
        for t in range(months - 1, -1, -1):
            after = (solved[s, t] * variance[s, t] + white[s, t] * np.sqrt(variance[s, t])
                     - ratio[s, t] * after)
            series[s, t] = after
            product *= variance[s, t]
            if not 1e-150 < product < 1e150:
                log_jacobian[s] += 0.5 * np.log(product)
                product = 1.0
        log_jacobian[s] += 0.5 * np.log(product)
    return series, log_jacobian, variance, ratio, solved


@numba.njit(cache=True, error_model="numpy")
def _reverse_one(white: np.ndarray, phi: float, path: np.ndarray, scale: float,
                 precision: np.ndarray, coupling: np.ndarray, linear: np.ndarray,
                 series: np.ndarray, variance: np.ndarray, ratio: np.ndarray,
                 solved: np.ndarray, series_bar: np.ndarray, log_jacobian_bar: float,
                 white_bar: np.ndarray, path_bar: np.ndarray, precision_bar: np.ndarray,
                 coupling_bar: np.ndarray,
                 linear_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    months = white.size
    solved_bar = np.empty(months)
    variance_bar = np.empty(months)
    ratio_bar = np.zeros(months)
    carried = 0.0
    for t in range(months):
        bar = series_bar[t] + carried
        root = np.sqrt(variance[t])
        white_bar[t] = bar * root
        solved_bar[t] = bar * variance[t]
        variance_bar[t] = (bar * (solved[t] * variance[t] + 0.5 * white[t] * root)
                           + 0.5 * log_jacobian_bar) / variance[t]
        if t + 1 < months:
            ratio_bar[t] = -bar * series[t + 1]
        carried = -bar * ratio[t]
    odds = 1.0 / ((1.0 - phi) * (1.0 + phi))
    size = scale * scale
    by_end = 2.0 * phi * odds * odds
    by_beside = (1.0 + phi * phi) * odds * odds
    phi_bar, scale_bar = 0.0, 0.0
    for t in range(months - 1, -1, -1):
        right_bar = solved_bar[t]
        total_bar = -variance_bar[t] * variance[t] * variance[t]
        pull_bar = scale * right_bar
        scale_bar += (right_bar * _pull(path, precision, coupling, linear, t)
                      + 2.0 * scale * precision[t] * total_bar)
        linear_bar[t] = pull_bar
        precision_bar[t] = size * total_bar - pull_bar * path[t]
        path_bar[t] -= pull_bar * precision[t]
        if months > 1:
            phi_bar += total_bar * by_end * (2.0 if 0 < t < months - 1 else 1.0)
        if t + 1 < months:
            coupling_bar[t] -= pull_bar * path[t + 1]
            path_bar[t + 1] -= pull_bar * coupling[t]
        if t > 0:
            coupling_bar[t - 1] -= pull_bar * path[t - 1]
            path_bar[t - 1] -= pull_bar * coupling[t - 1]
            before = ratio[t - 1]
            solved_bar[t - 1] -= right_bar * before
            toward = ratio_bar[t - 1] - right_bar * solved[t - 1]
            beside = -phi * odds + size * coupling[t - 1]
            beside_bar = toward * variance[t - 1] - 2.0 * before * total_bar
            variance_bar[t - 1] += (toward - beside * total_bar) * beside
            coupling_bar[t - 1] += size * beside_bar
            scale_bar += 2.0 * scale * coupling[t - 1] * beside_bar
            phi_bar -= beside_bar * by_beside
    return phi_bar, scale_bar


@numba.njit(cache=True, error_model="numpy")
def _reverse(white: np.ndarray, phi: np.ndarray, path: np.ndarray, scale: np.ndarray,
             precision: np.ndarray, coupling: np.ndarray, linear: np.ndarray,
             series: np.ndarray, log_jacobian: np.ndarray, variance: np.ndarray,
             ratio: np.ndarray, solved: np.ndarray, series_bar: np.ndarray,
             log_jacobian_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = white.shape
    white_bar = np.empty((count, months))
    phi_bar = np.zeros(count)
    path_bar = np.zeros((count, months))
    scale_bar = np.zeros(count)
    precision_bar = np.empty((count, months))
    coupling_bar = np.zeros((count, months))
    linear_bar = np.empty((count, months))
    for s in range(count):
        phi_bar[s], scale_bar[s] = _reverse_one(
            white[s], phi[s], path[s], scale[s], precision[s], coupling[s], linear[s], series[s],
            variance[s], ratio[s], solved[s], series_bar[s], log_jacobian_bar[s], white_bar[s],
            path_bar[s], precision_bar[s], coupling_bar[s], linear_bar[s])
    return (white_bar, phi_bar, path_bar, scale_bar, precision_bar, coupling_bar, linear_bar)


_op = Kernel("conditional_series", _forward, (0, 1, 0, 0, 0), _reverse, (0, 1, 2, 3, 4, 5, 6),
             differentiable_outputs=2)


def conditional_series(white: Any, phi: Any, path: Any, scale: Any, precision: Any,
                       coupling: Any, linear: Any) -> Any:
    """Return unit autoregressions from standard normal coordinates.

    Parameters
    ----------
    white : tensor of float, shape (series, time)
        Coordinates.
    phi : tensor of float, shape (series,)
        Persistence, inside (-1, 1).
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
    found = _op(white, phi, path, scale, precision, coupling, linear)
    return found[0], found[1]


@numba.njit(cache=True, error_model="numpy")
def _whiten(series: np.ndarray, phi: np.ndarray, path: np.ndarray, scale: np.ndarray,
            precision: np.ndarray, coupling: np.ndarray,
            linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = series.shape
    white = np.empty((count, months))
    variance, ratio, solved = np.empty(months), np.empty(months), np.empty(months)
    for s in range(count):
        _factor(phi[s], path[s], scale[s], precision[s], coupling[s], linear[s], variance,
                ratio, solved)
        for t in range(months):
            after = series[s, t + 1] if t + 1 < months else 0.0
            white[s, t] = ((series[s, t] + ratio[t] * after) / np.sqrt(variance[t])
                           - solved[t] * np.sqrt(variance[t]))
    return white


_inverse = Kernel("conditional_series_inverse", _whiten, (0,))


def whitened_series(series: Any, phi: Any, path: Any, scale: Any, precision: Any, coupling: Any,
                    linear: Any) -> Any:
    """Return the coordinates of given series, the inverse of :func:`conditional_series`."""
    return _inverse(series, phi, path, scale, precision, coupling, linear)
