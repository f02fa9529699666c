r"""Unit autoregressions drawn around what the indicators say of them.

A series :math:`r` has the prior of a stationary AR(1) with unit variance, precision
:math:`Q(\varphi)`. A state :math:`x = d + c\,r` is measured, approximately, by a Gaussian
likelihood with tridiagonal precision :math:`W` (diagonal ``precision``, next to it ``coupling``)
and linear term :math:`b`. With

.. math:: P = Q(\varphi) + c^2 W = L L^\top, \qquad
   r = L^{-\top}\bigl(L^{-1} c\,(b - W d) + w\bigr)

a standard normal :math:`w` gives the posterior of :math:`r` in the Gaussian approximation,
whatever the hyperparameters; :math:`\log|\partial r/\partial w| = -\sum_t \log L_{tt}`. It is an
exact change of variables whether or not the approximation is good.

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


@numba.njit(cache=True)
def _factor(phi: float, path: np.ndarray, scale: float, precision: np.ndarray,
            coupling: np.ndarray, linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Return the factor's diagonal and subdiagonal, the pull of the data and ``L^-1`` of it."""
    months = path.size
    diagonal = np.empty(months)
    below = np.zeros(months)
    pull = np.empty(months)
    solved = np.empty(months)
    odds = 1.0 / ((1.0 - phi) * (1.0 + phi))
    for t in range(months):
        prior = odds if months > 1 else 1.0
        if 0 < t < months - 1:
            prior = (1.0 + phi * phi) * odds
        value = linear[t] - precision[t] * path[t]
        if t + 1 < months:
            value -= coupling[t] * path[t + 1]
        if t > 0:
            value -= coupling[t - 1] * path[t - 1]
        pull[t] = value
        total = prior + scale * scale * precision[t]
        right = scale * value
        if t > 0:
            below[t - 1] = (-phi * odds + scale * scale * coupling[t - 1]) / diagonal[t - 1]
            total -= below[t - 1] ** 2
            right -= below[t - 1] * solved[t - 1]
        diagonal[t] = np.sqrt(total)
        solved[t] = right / diagonal[t]
    return diagonal, below, pull, solved


@numba.njit(cache=True)
def _forward(white: np.ndarray, phi: np.ndarray, path: np.ndarray, scale: np.ndarray,
             precision: np.ndarray, coupling: np.ndarray,
             linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = white.shape
    series = np.empty((count, months))
    log_jacobian = np.zeros(count)
    for s in range(count):
        diagonal, below, _, solved = _factor(phi[s], path[s], scale[s], precision[s],
                                             coupling[s], linear[s])
        after = 0.0
        for t in range(months - 1, -1, -1):
            after = (solved[t] + white[s, t] - below[t] * after) / diagonal[t]
            series[s, t] = after
            log_jacobian[s] -= np.log(diagonal[t])
    return series, log_jacobian


@numba.njit(cache=True)
def _reverse(white: np.ndarray, phi: np.ndarray, path: np.ndarray, scale: np.ndarray,
             precision: np.ndarray, coupling: np.ndarray, linear: np.ndarray,
             series: np.ndarray, log_jacobian: np.ndarray, series_bar: np.ndarray,
             log_jacobian_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = white.shape
    white_bar = np.empty((count, months))
    phi_bar = np.zeros(count)
    path_bar = np.zeros((count, months))
    scale_bar = np.zeros(count)
    precision_bar = np.zeros((count, months))
    coupling_bar = np.zeros((count, months))
    linear_bar = np.zeros((count, months))
    for s in range(count):
        f, c = phi[s], scale[s]
        diagonal, below, pull, solved = _factor(f, path[s], c, precision[s], coupling[s],
                                                linear[s])
        diagonal_bar = np.empty(months)
        below_bar = np.zeros(months)
        carried = 0.0
        for t in range(months):
            step = (series_bar[s, t] + carried) / diagonal[t]
            white_bar[s, t] = step
            diagonal_bar[t] = -step * series[s, t] - log_jacobian_bar[s] / diagonal[t]
            if t + 1 < months:
                below_bar[t] = -step * series[s, t + 1]
                carried = -step * below[t]
        odds = 1.0 / ((1.0 - f) * (1.0 + f))
        carried = 0.0
        for t in range(months - 1, -1, -1):
            right_bar = (white_bar[s, t] + carried) / diagonal[t]
            diagonal_bar[t] -= right_bar * solved[t]
            total_bar = diagonal_bar[t] / (2.0 * diagonal[t])
            # What the right-hand side and the diagonal were made from.
            scale_bar[s] += right_bar * pull[t] + 2.0 * c * precision[s, t] * total_bar
            value_bar = c * right_bar
            linear_bar[s, t] += value_bar
            precision_bar[s, t] += c * c * total_bar - value_bar * path[s, t]
            path_bar[s, t] -= value_bar * precision[s, t]
            if t + 1 < months:
                coupling_bar[s, t] -= value_bar * path[s, t + 1]
                path_bar[s, t + 1] -= value_bar * coupling[s, t]
            if months > 1:
                phi_bar[s] += total_bar * (4.0 if 0 < t < months - 1 else 2.0) * f * odds**2
            if t > 0:
                coupling_bar[s, t - 1] -= value_bar * path[s, t - 1]
                path_bar[s, t - 1] -= value_bar * coupling[s, t - 1]
                carried = -right_bar * below[t - 1]
                below_bar[t - 1] -= right_bar * solved[t - 1] + 2.0 * below[t - 1] * total_bar
                beside_bar = below_bar[t - 1] / diagonal[t - 1]
                diagonal_bar[t - 1] -= beside_bar * below[t - 1]
                coupling_bar[s, t - 1] += c * c * beside_bar
                scale_bar[s] += 2.0 * c * coupling[s, t - 1] * beside_bar
                phi_bar[s] -= beside_bar * (1.0 + f * f) * odds**2
    return (white_bar, phi_bar, path_bar, scale_bar, precision_bar, coupling_bar, linear_bar)


_op = Kernel("conditional_series", _forward, (0, 1), _reverse, (0, 1, 2, 3, 4, 5, 6),
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
    return _op(white, phi, path, scale, precision, coupling, linear)


@numba.njit(cache=True)
def _whiten(series: np.ndarray, phi: np.ndarray, path: np.ndarray, scale: np.ndarray,
            precision: np.ndarray, coupling: np.ndarray,
            linear: np.ndarray) -> Any:  # pragma: no cover - compiled
    count, months = series.shape
    white = np.empty((count, months))
    for s in range(count):
        diagonal, below, _, solved = _factor(phi[s], path[s], scale[s], precision[s],
                                             coupling[s], linear[s])
        for t in range(months):
            after = series[s, t + 1] if t + 1 < months else 0.0
            white[s, t] = diagonal[t] * series[s, t] + below[t] * after - solved[t]
    return white


_inverse = Kernel("conditional_series_inverse", _whiten, (0,))


def whitened_series(series: Any, phi: Any, path: Any, scale: Any, precision: Any, coupling: Any,
                    linear: Any) -> Any:
    """Return the coordinates of given series, the inverse of :func:`conditional_series`."""
    return _inverse(series, phi, path, scale, precision, coupling, linear)
