r"""Predictors and log densities of all rows, whatever their family.

Row :math:`i` has the predictor :math:`\mu_i = h_i + a_i \bar x_i`, with :math:`\bar x_i` the mean
of its state over its months. A row of a series with an autoregressive error of its own is
normal or Student-t around :math:`\mu_i + d_i (y_j - \mu_j)` with scale
:math:`\sigma_i\sqrt{1-d_i^2}`, :math:`j` the row before.

Invariant: the density's slopes are computed beside it, in the same sweep, so that the reverse
pass only scatters them. The same densities stand in plain NumPy in
:mod:`bayes_alliance.model.likelihoods`; a test holds the two equal.
"""

from math import lgamma
from typing import Any, Final

import numba
import numpy as np
import pytensor.tensor as pt

from bayes_alliance.model.kernels.op import Kernel

__all__ = ["row_density", "row_predictor"]

_HALF_LOG_2PI: Final = 0.5 * np.log(2 * np.pi)


@numba.njit(cache=True, error_model="numpy")
def _mean_state(state: np.ndarray, first: int, stop: int) -> float:  # pragma: no cover - compiled
    total = 0.0
    for t in range(first, stop):
        total += state[t]
    return total / (stop - first)


@numba.njit(cache=True, error_model="numpy")
def _predict(states: np.ndarray, slope: np.ndarray, shift: np.ndarray, series: np.ndarray,
             first: np.ndarray, stop: np.ndarray) -> Any:  # pragma: no cover - compiled
    result = np.empty_like(slope)
    for i in range(slope.size):
        result[i] = shift[i] + slope[i] * _mean_state(states[series[i]], first[i], stop[i])
    return result


@numba.njit(cache=True, error_model="numpy")
def _predict_reverse(states: np.ndarray, slope: np.ndarray, shift: np.ndarray,
                     series: np.ndarray, first: np.ndarray, stop: np.ndarray, result: np.ndarray,
                     result_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    states_bar = np.zeros_like(states)
    slope_bar = np.empty_like(slope)
    for i in range(slope.size):
        s, g = series[i], result_bar[i]
        slope_bar[i] = g * _mean_state(states[s], first[i], stop[i])
        share = g * slope[i] / (stop[i] - first[i])
        for t in range(first[i], stop[i]):
            states_bar[s, t] += share
    return states_bar, slope_bar, result_bar.copy()


@numba.njit(cache=True, error_model="numpy")
def _log_gamma(x: float) -> Any:  # pragma: no cover - compiled
    """Return log gamma and digamma of a positive number, by Stirling's series after a shift."""
    shift = 1.0
    inverse = 0.0
    while x < 9.0:
        shift *= x
        inverse += 1.0 / x
        x += 1.0
    log_x = np.log(x)
    r = 1.0 / x
    r2 = r * r
    value = ((x - 0.5) * log_x - x + 0.9189385332046727418 + r * (
        1 / 12 - r2 * (1 / 360 - r2 * (1 / 1260 - r2 * (1 / 1680 - r2 * (
            1 / 1188 - r2 * 691 / 360360))))))
    slope = log_x - 0.5 * r - r2 * (1 / 12 - r2 * (1 / 120 - r2 * (1 / 252 - r2 * (
        1 / 240 - r2 * (1 / 132 - r2 * 691 / 32760)))))
    if shift != 1.0:
        value -= np.log(shift)
    return value, slope - inverse


@numba.njit(cache=True, error_model="numpy")
def _rising(x: float, steps: float) -> Any:  # pragma: no cover - compiled
    """Return log gamma(x + steps) - log gamma(x), and the same of digamma.

    For a large x the two are far larger than their difference, which would be lost: a noise near
    nothing would be given a density of any size. There the difference of Stirling's series is
    taken term by term.
    """
    if x < 9.0:
        upper, upper_slope = _log_gamma(x + steps)
        lower, lower_slope = _log_gamma(x)
        return upper - lower, upper_slope - lower_slope
    r, s = 1.0 / x, 1.0 / (x + steps)
    r2, s2 = r * r, s * s
    ratio = np.log1p(steps * r)
    value = steps * np.log(x) + (x + steps - 0.5) * ratio - steps + (
        s * (1 / 12 - s2 * (1 / 360 - s2 * (1 / 1260 - s2 * (1 / 1680 - s2 * (
            1 / 1188 - s2 * 691 / 360360)))))
        - r * (1 / 12 - r2 * (1 / 360 - r2 * (1 / 1260 - r2 * (1 / 1680 - r2 * (
            1 / 1188 - r2 * 691 / 360360))))))
    slope = ratio + 0.5 * steps * r * s + (
        r2 * (1 / 12 - r2 * (1 / 120 - r2 * (1 / 252 - r2 * (
            1 / 240 - r2 * (1 / 132 - r2 * 691 / 32760)))))
        - s2 * (1 / 12 - s2 * (1 / 120 - s2 * (1 / 252 - s2 * (
            1 / 240 - s2 * (1 / 132 - s2 * 691 / 32760))))))
    return value, slope


@numba.njit(cache=True, error_model="numpy")
def _beta_binomial(y: float, n: float, mu: float, noise: float) -> Any:  # pragma: no cover
    total = 4.0 / (noise * noise)
    share = 1.0 / (1.0 + np.exp(-mu))
    a, b = total * share, total / (1.0 + np.exp(mu))
    ra, da = _rising(a, y)
    rb, db = _rising(b, n - y)
    rt, dt = _rising(total, n)
    by_total = share * da + (1.0 - share) * db - dt
    return (ra + rb - rt, a * (1.0 - share) * (da - db), -2.0 * total / noise * by_total)


@numba.njit(cache=True, error_model="numpy")
def _negative_binomial(y: float, mu: float, noise: float) -> Any:  # pragma: no cover - compiled
    shape = 1.0 / (noise * noise)
    mean = np.exp(mu)
    log_ratio = np.log1p(mean / shape)
    rise, by_rise = _rising(shape, y)
    value = rise + y * (mu - np.log(shape) - log_ratio) - shape * log_ratio
    by_mu = y - (y + shape) * mean / (shape + mean)
    by_shape = by_rise - log_ratio + (mean - y) / (shape + mean)
    return value, by_mu, -2.0 * shape / noise * by_shape


@numba.njit(cache=True, error_model="numpy")
def _density(mu: np.ndarray, noise: np.ndarray, decay: np.ndarray, y: np.ndarray, n: np.ndarray,
             ways: np.ndarray, previous: np.ndarray, family: np.ndarray,
             degrees: np.ndarray) -> Any:  # pragma: no cover - compiled
    value = np.empty_like(mu)
    by_mu = np.empty_like(mu)
    by_noise = np.zeros_like(mu)
    by_decay = np.zeros_like(mu)
    df = degrees[0]
    constant = lgamma((df + 1) / 2) - lgamma(df / 2) - 0.5 * np.log(df * np.pi)
    for i in range(mu.size):
        code = family[i]
        if code <= 1:
            d = decay[i]
            carried = y[previous[i]] - mu[previous[i]] if d != 0.0 else 0.0
            narrow = np.sqrt(1.0 - d * d)
            scale = noise[i] * narrow
            z = (y[i] - mu[i] - d * carried) / scale
            if code == 0:
                value[i] = -0.5 * z * z - np.log(scale) - _HALF_LOG_2PI
                by_mu[i] = z / scale
                by_scale = (z * z - 1.0) / scale
            else:
                value[i] = constant - np.log(scale) - (df + 1) / 2 * np.log1p(z * z / df)
                by_mu[i] = (df + 1) * z / (df + z * z) / scale
                by_scale = z * by_mu[i] - 1.0 / scale
            by_noise[i] = by_scale * narrow
            by_decay[i] = by_mu[i] * carried - by_scale * noise[i] * d / narrow
        elif code == 2:
            value[i], by_mu[i], by_noise[i] = _beta_binomial(y[i], n[i], mu[i], noise[i])
            value[i] += ways[i]
        elif code == 3:
            soft = max(mu[i], 0.0) + np.log1p(np.exp(-abs(mu[i])))
            value[i] = ways[i] + y[i] * mu[i] - n[i] * soft
            by_mu[i] = y[i] - n[i] / (1.0 + np.exp(-mu[i]))
        else:
            value[i], by_mu[i], by_noise[i] = _negative_binomial(y[i], mu[i], noise[i])
            value[i] += ways[i]
    return value, by_mu, by_noise, by_decay


@numba.njit(cache=True, error_model="numpy")
def _density_reverse(mu: np.ndarray, noise: np.ndarray, decay: np.ndarray, y: np.ndarray,
                     n: np.ndarray, ways: np.ndarray, previous: np.ndarray, family: np.ndarray,
                     degrees: np.ndarray, value: np.ndarray, by_mu: np.ndarray,
                     by_noise: np.ndarray, by_decay: np.ndarray,
                     value_bar: np.ndarray) -> Any:  # pragma: no cover - compiled
    mu_bar = np.zeros_like(mu)
    for i in range(mu.size):
        slope = value_bar[i] * by_mu[i]
        mu_bar[i] += slope
        if family[i] <= 1 and decay[i] != 0.0:
            mu_bar[previous[i]] -= slope * decay[i]
    return mu_bar, value_bar * by_noise, value_bar * by_decay


_predictor = Kernel("row_predictor", _predict, (1,), _predict_reverse, (0, 1, 2))
_row_density = Kernel("row_density", _density, (0, 0, 0, 0), _density_reverse, (0, 1, 2))


def row_predictor(states: Any, slope: Any, shift: Any, series: Any, first: Any,
                  stop: Any) -> Any:
    """Return the predictor of every row.

    Parameters
    ----------
    states : tensor of float, shape (series, time)
        The monthly states.
    slope, shift : tensor of float, shape (row,)
        Oriented loading, and all of the predictor that is not the state.
    series, first, stop : tensor of int, shape (row,)
        Which state, and the half-open range of its months.

    Returns
    -------
    tensor of float, shape (row,)
    """
    return _predictor(states, slope, shift, series, first, stop)


def row_density(mu: Any, noise: Any, decay: Any, y: Any, n: Any, ways: Any, previous: Any,
                family: Any, df: Any) -> Any:
    """Return the log density of every row.

    Parameters
    ----------
    mu, noise : tensor of float, shape (row,)
        Predictor, and noise on the link scale.
    decay : tensor of float, shape (row,)
        Correlation with the error of the row before; 0 where there is none.
    y, n, ways : tensor of float, shape (row,)
        Observation, sample size, and the constant of the counting families.
    previous, family : tensor of int, shape (row,)
        The row before, and the code in :data:`bayes_alliance.constants.FAMILY_CODES`.
    df : tensor of float, shape ()
        Degrees of freedom of the Student-t family.

    Returns
    -------
    tensor of float, shape (row,)
    """
    degrees = pt.atleast_1d(df)
    return _row_density(mu, noise, decay, y, n, ways, previous, family, degrees)[0]
