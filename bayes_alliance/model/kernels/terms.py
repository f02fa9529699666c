r"""From parameters of indicators to terms of rows.

For row :math:`i` of indicator :math:`k`

.. math:: a_i &= o_i \lambda_k, \qquad h_i = \alpha_k + \sum_{c \in C_i} \nu_c + z_i^\top \gamma,
   \qquad d_i = e^{-\rho_k g_i} \\
   p_i &= \frac{w_i}{(v_i + u_i \sigma_k^2)(1 - d_i^2)}, \qquad e_i = \ell_i - h_i

with :math:`C_i` the row's cells of nuisances (survey mode, season, wave), :math:`z_i` its
covariates, :math:`g_i` the months since the row before, and :math:`\ell_i` the observation on the
link scale with Gaussian variance :math:`v_i + u_i\sigma_k^2`.

Invariant: gathering and scattering happen here, once for all terms.
"""

from typing import Any

import numba
import numpy as np

from bayes_alliance.model.kernels.op import Kernel

__all__ = ["row_terms"]


@numba.njit(cache=True, error_model="numpy")
def _forward(loading: np.ndarray, intercept: np.ndarray, noise: np.ndarray, rate: np.ndarray,
             cells: np.ndarray, effect: np.ndarray, oriented: np.ndarray, indicator: np.ndarray,
             cell: np.ndarray, design: np.ndarray, chained: np.ndarray, gap: np.ndarray,
             weight: np.ndarray, base: np.ndarray, multiple: np.ndarray,
             value: np.ndarray) -> Any:  # pragma: no cover - compiled
    slope = np.empty_like(value)
    shift = np.empty_like(value)
    own_noise = np.empty_like(value)
    decay = np.zeros_like(value)
    precision = np.empty_like(value)
    left = np.empty_like(value)
    for i in range(value.size):
        k = indicator[i]
        slope[i] = oriented[i] * loading[k]
        total = intercept[k]
        for c in range(cell.shape[1]):
            total += cells[cell[i, c]]
        for j in range(effect.size):
            total += design[i, j] * effect[j]
        shift[i] = total
        own_noise[i] = noise[k]
        if chained[i] > 0:
            decay[i] = np.exp(-rate[k] * gap[i])
        variance = base[i] + multiple[i] * noise[k] * noise[k]
        precision[i] = weight[i] / (variance * (1.0 - decay[i] * decay[i]))
        left[i] = value[i] - total
    return slope, shift, own_noise, decay, precision, left


@numba.njit(cache=True, error_model="numpy")
def _reverse(loading: np.ndarray, intercept: np.ndarray, noise: np.ndarray, rate: np.ndarray,
             cells: np.ndarray, effect: np.ndarray, oriented: np.ndarray, indicator: np.ndarray,
             cell: np.ndarray, design: np.ndarray, chained: np.ndarray, gap: np.ndarray,
             weight: np.ndarray, base: np.ndarray, multiple: np.ndarray, value: np.ndarray,
             slope: np.ndarray, shift: np.ndarray, own_noise: np.ndarray, decay: np.ndarray,
             precision: np.ndarray, left: np.ndarray, slope_bar: np.ndarray,
             shift_bar: np.ndarray, noise_row_bar: np.ndarray, decay_bar: np.ndarray,
             precision_bar: np.ndarray,
             left_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    loading_bar = np.zeros_like(loading)
    intercept_bar = np.zeros_like(intercept)
    noise_bar = np.zeros_like(noise)
    rate_bar = np.zeros_like(rate)
    cells_bar = np.zeros_like(cells)
    effect_bar = np.zeros_like(effect)
    for i in range(value.size):
        k = indicator[i]
        loading_bar[k] += oriented[i] * slope_bar[i]
        total = shift_bar[i] - left_bar[i]
        intercept_bar[k] += total
        for c in range(cell.shape[1]):
            cells_bar[cell[i, c]] += total
        for j in range(effect.size):
            effect_bar[j] += design[i, j] * total
        pull = precision_bar[i] * precision[i]
        variance = base[i] + multiple[i] * noise[k] * noise[k]
        noise_bar[k] += noise_row_bar[i] - pull * 2.0 * multiple[i] * noise[k] / variance
        if chained[i] > 0:
            d = decay[i]
            rate_bar[k] -= gap[i] * d * (decay_bar[i] + pull * 2.0 * d / (1.0 - d * d))
    return loading_bar, intercept_bar, noise_bar, rate_bar, cells_bar, effect_bar


_op = Kernel("row_terms", _forward, (15, 15, 15, 15, 15, 15), _reverse, (0, 1, 2, 3, 4, 5),
             differentiable_outputs=6)


def row_terms(loading: Any, intercept: Any, noise: Any, rate: Any, cells: Any, effect: Any,
              data: dict[str, Any]) -> list[Any]:
    """Return the terms of every row.

    Parameters
    ----------
    loading, intercept, noise, rate : tensor of float, shape (indicator,)
        Per indicator; ``rate`` is the decay of its own error a month.
    cells : tensor of float, shape (cell,)
        Nuisance effects; the first is 0 and stands for none.
    effect : tensor of float, shape (covariate term,)
        Effects of covariates.
    data : dict of str to tensor
        The design's arrays ``oriented``, ``row_indicator``, ``nuisance_cell``,
        ``covariate_design``, ``has_previous``, ``gap``, ``weight``, ``variance_base``,
        ``variance_slope`` and ``link_value``.

    Returns
    -------
    list of six tensors of float, shape (row,)
        Slope, shift, noise and decay; precision and value of the Gaussian approximation.
    """
    return list(_op(loading, intercept, noise, rate, cells, effect, *(data[name] for name in (
        "oriented", "row_indicator", "nuisance_cell", "covariate_design", "has_previous", "gap",
        "weight", "variance_base", "variance_slope", "link_value"))))
