r"""Gaussian information on the monthly states from all rows at once.

Row :math:`i` measures the state of its middle month with slope :math:`a_i`, error precision
:math:`p_i` and value :math:`e_i` (what is left of it without the state). A row chained to row
:math:`j`, taken to be of the month before, has an autoregressive error with correlation
:math:`d_i`:

.. math:: -\tfrac12 p_i \bigl(e_i - a_i x_t - d_i (e_j - a_j x_{t-1})\bigr)^2

Invariant: the sum over rows is tridiagonal in the months of each series.
"""

from typing import Any

import numba
import numpy as np

from bayes_alliance.model.kernels.op import Kernel

__all__ = ["row_information"]


@numba.njit(cache=True, error_model="numpy")
def _forward(slope: np.ndarray, precision: np.ndarray, decay: np.ndarray, value: np.ndarray,
             series: np.ndarray, month: np.ndarray, previous: np.ndarray,
             shape: np.ndarray) -> Any:  # pragma: no cover - compiled
    diagonal = np.zeros(shape.shape)
    beside = np.zeros(shape.shape)
    linear = np.zeros(shape.shape)
    for i in range(slope.size):
        s, t, a, p, d = series[i], month[i], slope[i], precision[i], decay[i]
        left = value[i]
        if d != 0.0 and t > 0:
            j = previous[i]
            left -= d * value[j]
            diagonal[s, t - 1] += (d * slope[j]) ** 2 * p
            beside[s, t - 1] -= d * a * slope[j] * p
            linear[s, t - 1] -= d * slope[j] * p * left
        diagonal[s, t] += a * a * p
        linear[s, t] += a * p * left
    return diagonal, beside, linear


@numba.njit(cache=True, error_model="numpy")
def _reverse(slope: np.ndarray, precision: np.ndarray, decay: np.ndarray, value: np.ndarray,
             series: np.ndarray, month: np.ndarray, previous: np.ndarray, shape: np.ndarray,
             diagonal: np.ndarray, beside: np.ndarray, linear: np.ndarray,
             diagonal_bar: np.ndarray, beside_bar: np.ndarray,
             linear_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    slope_bar = np.zeros_like(slope)
    precision_bar = np.zeros_like(slope)
    decay_bar = np.zeros_like(slope)
    value_bar = np.zeros_like(slope)
    for i in range(slope.size):
        s, t, a, p, d = series[i], month[i], slope[i], precision[i], decay[i]
        here, pull = diagonal_bar[s, t], linear_bar[s, t]
        left = value[i]
        left_bar = a * p * pull
        slope_bar[i] += 2.0 * a * p * here + p * left * pull
        precision_bar[i] += a * a * here
        if d != 0.0 and t > 0:
            j = previous[i]
            b = slope[j]
            left -= d * value[j]
            slope_bar[i] -= p * d * value[j] * pull
            before, between = diagonal_bar[s, t - 1], beside_bar[s, t - 1]
            back = linear_bar[s, t - 1]
            left_bar -= d * b * p * back
            slope_bar[i] -= d * b * p * between
            slope_bar[j] += 2.0 * d * d * b * p * before - d * a * p * between - d * p * left * back
            precision_bar[i] += d * d * b * b * before - d * a * b * between - d * b * left * back
            decay_bar[i] += (2.0 * d * b * b * p * before - a * b * p * between
                             - b * p * left * back - left_bar * value[j])
            value_bar[j] -= d * left_bar
        precision_bar[i] += a * left * pull
        value_bar[i] += left_bar
    return slope_bar, precision_bar, decay_bar, value_bar


_op = Kernel("row_information", _forward, (7, 7, 7), _reverse, (0, 1, 2, 3),
             differentiable_outputs=3)


def row_information(slope: Any, precision: Any, decay: Any, value: Any, series: Any, month: Any,
                    previous: Any, shape: Any) -> Any:
    """Return the information on every state.

    Parameters
    ----------
    slope, precision, decay, value : tensor of float, shape (row,)
        As in the module's equation; a decay of 0 starts a chain anew.
    series, month, previous : tensor of int, shape (row,)
        Which state, its month, and the row before in the chain (of the month before).
    shape : tensor of float, shape (series, time)
        Gives the shape of the result; its values are not read.

    Returns
    -------
    precision, coupling, linear : tensor of float, shape (series, time)
        For :func:`bayes_alliance.model.kernels.conditional_series`.
    """
    return _op(slope, precision, decay, value, series, month, previous, shape)
