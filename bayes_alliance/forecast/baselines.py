"""Simple rules that a forecast must beat: each knows the history of one indicator only.

All work on the scale of the indicator's link and return a location-scale Student t. A scale that
is estimated from few rows comes with the degrees of freedom that this leaves.

Invariant: a rule sees rows and their sampling errors, nothing of other indicators; whatever the
history, its predictive is finite and at least as wide as the sampling error of the last rows.

References
----------
Hyndman and Athanasopoulos 2021, Forecasting: Principles and Practice, chapters 5 and 8; Hyndman,
Koehler, Ord and Snyder 2008, Forecasting with Exponential Smoothing, chapter 6, for the variance
of an additive forecast; Durbin and Koopman 2012, Time Series Analysis by State Space Methods, for
the local level and for missing months.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy import special
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.statespace.structural import UnobservedComponents

from bayes_alliance.exceptions import DataError, SpecError, did_you_mean
from bayes_alliance.forecast.histories import (
    LEAST_ROWS,
    History,
    Predictive,
    faults_of,
    filled,
    nearest,
    on_grid,
    sequence,
    steps_ahead,
    with_missing,
)

__all__ = ["BASELINES", "LEAST_ROWS", "History", "Predictive", "predict"]

# Exponential smoothing: rows from which it has a trend, and those from which it has a season.
_TREND_ROWS: Final = 10
_SEASONS: Final = {"monthly": (12, 36), "quarterly": (4, 16)}
# Rows that follow the row a step before, beside a season's, from which rows keep to their grid.
_LEAST_FOLLOWING: Final = 8
# How far from a whole number of years two rows may be, in months.
_SAME_MONTH: Final = 0.6
# Differences of a year from which a scale is taken; as many changes as the shortest history has.
_LEAST_PAIRS: Final = LEAST_ROWS - 1
_LEAST_VARIANCE: Final = 1e-8
_ITERATIONS: Final = 50
# Largest correlation of rows a usual spacing apart: a mean must exist.
_MOST_CORRELATION: Final = 0.999


def predict(name: str, history: History, target_month: np.ndarray) -> Predictive:
    """Forecast an indicator by a simple rule.

    Parameters
    ----------
    name : str
        A rule of :data:`BASELINES`.
    history : History
        At least ``LEAST_ROWS`` rows.
    target_month : numpy.ndarray, shape (target,)
        Months after the last row, from the same origin; may be fractional.

    Returns
    -------
    Predictive
        Its squared scale is at least the mean sampling variance of the last four rows, and at
        least 1e-8: a short flat history is no certainty.

    Raises
    ------
    SpecError
        If there is no such rule.
    DataError
        If history or targets break the rules above; lists every fault.
    """
    if name not in BASELINES:
        raise SpecError(f"unknown baseline {name!r}{did_you_mean(name, BASELINES)} (allowed: "
                        f"{', '.join(BASELINES)})")
    target = np.asarray(target_month, dtype=float)
    given = replace(history, month=np.asarray(history.month, dtype=float),
                    y=np.asarray(history.y, dtype=float),
                    error=np.asarray(history.error, dtype=float))
    faults = faults_of(given, target)
    if faults:
        raise DataError(faults)
    return BASELINES[name](given, target)


def last_value(history: History, target: np.ndarray) -> Predictive:
    """Forecast the last value, however far ahead.

    The scale is the root mean square of the changes from row to row and does not grow with the
    lead; degrees of freedom are the number of changes.
    """
    change = np.diff(history.y)
    scale2 = np.full(target.shape, np.mean(change**2))
    return _told(history, np.full(target.shape, history.y[-1]), scale2, len(change))


def random_walk_drift(history: History, target: np.ndarray) -> Predictive:
    """Forecast a random walk with drift in continuous time.

    A change over ``d`` months is Normal(drift * d, s2 * d). The drift is the whole change by the
    whole span, s2 the mean of the squared rests by ``d`` with one degree of freedom lost. ``h``
    months ahead the variance is ``s2 * (h + h**2 / span)``; the second part is the drift's own.
    """
    gap, change = np.diff(history.month), np.diff(history.y)
    span = history.month[-1] - history.month[0]
    drift = (history.y[-1] - history.y[0]) / span
    df = len(change) - 1
    s2 = np.sum((change - drift * gap) ** 2 / gap) / df
    lead = target - history.month[-1]
    return _told(history, history.y[-1] + drift * lead, s2 * (lead + lead**2 / span), df)


def ar1(history: History, target: np.ndarray) -> Predictive:
    """Forecast a stationary AR(1) about a constant mean on the monthly grid.

    Months without a row are missing values of the Kalman filter; the likelihood is exact. The
    monthly coefficient is at least 0 and the correlation of rows the median spacing apart at most
    0.999: of rows twelve months apart the sign of a monthly coefficient is not known. The
    innovation variance loses two degrees of freedom, and the forecast variance has a part for the
    mean that had to be estimated.

    Falls back on :func:`last_value` if all values are the same, if fewer than three months have a
    row, or if the optimiser ends in a value that is not finite.
    """
    position, y = on_grid(history)
    if len(y) <= 2 or np.ptp(y) == 0.0:
        return last_value(history, target)
    unit, centre, gap = float(y.std()), float(y.mean()), np.diff(position)
    model = _SlowAutoregression(with_missing(position, (y - centre) / unit), np.median(gap))
    found = _fit(model, start_params=model.at(0.5), cov_type="none", low_memory=True)
    if found is None or not np.isfinite([*found.params, found.scale]).all():
        return last_value(history, target)
    mean, phi = centre + unit * found.params[0], found.params[1]
    df = len(y) - 2
    stationary = unit**2 * found.scale * len(y) / df / (1.0 - phi**2)
    kept, past = phi ** steps_ahead(history, target), phi**gap
    of_mean = 1.0 / (1.0 + np.sum((1.0 - past) / (1.0 + past)))
    scale2 = stationary * (1.0 - kept**2 + (1.0 - kept) ** 2 * of_mean)
    return _told(history, mean + kept * (y[-1] - mean), scale2, df)


def seasonal_naive(history: History, target: np.ndarray) -> Predictive:
    """Forecast the latest value of the same calendar month.

    That is the row within 0.6 months of ``12 * k`` months before the target, with the smallest
    whole ``k`` for which there is one. Its scale is the root mean square of differences between
    rows a year apart, times the root of ``k``; where there are fewer than three such differences,
    that of :func:`last_value`, times the same. A target without such a row is forecast by
    :func:`last_value`. Degrees of freedom are the fewest differences behind any target's scale.
    """
    plain = last_value(history, target)
    change2, df = float(np.mean(np.diff(history.y) ** 2)), len(history.y) - 1
    apart = np.abs(history.month[None, :] - history.month[:, None] - 12.0) <= _SAME_MONTH
    yearly = (history.y[None, :] - history.y[:, None])[apart]
    enough = len(yearly) >= _LEAST_PAIRS
    back = (target[:, None] - history.month) / 12.0
    years = np.rint(back)
    off = 12.0 * np.abs(back - years)
    # Years first, then closeness: the latest row of the calendar month, and the nearest of two.
    order = np.where((years >= 1) & (off <= _SAME_MONTH), years + off / 12.0, np.inf)
    row, found = order.argmin(axis=1), np.isfinite(order).any(axis=1)
    grown = years[np.arange(len(target)), row] * (np.mean(yearly**2) if enough else change2)
    if enough and found.any():
        df = len(yearly) if found.all() else min(len(yearly), df)
    return _told(history, np.where(found, history.y[row], plain.mean),
                 np.where(found, grown, change2), df)


def ets(history: History, target: np.ndarray) -> Predictive:
    """Forecast by exponential smoothing with additive errors.

    From 10 rows with or without a damped trend, whichever has the smaller corrected information
    criterion: where a short history has none, a trend makes forecasts worse and too sure. With a
    season of 12 from 36 monthly rows and of 4 from 16 quarterly ones. The steps are those of the
    frequency; rows missing between two are put on the line between what the earlier row (with a
    season: the earlier season) suggests and the later row, so that the season stays in step, and
    count for nothing in the error variance. Irregular rows are a step apart whatever the gap, and
    so are rows of which fewer than eight (and a season's number) follow the one a step before;
    the lead is then counted in median spacings. The error variance loses a degree of freedom for
    each parameter and initial state; the forecast variance is the analytic one.

    Falls back as :func:`ar1` does.
    """
    period, least = _SEASONS.get(history.frequency, (0, np.inf))
    season = period if len(history.y) >= least else 0
    spacing, position = sequence(history)
    if (np.diff(position) == 1).sum() < _LEAST_FOLLOWING + season:
        # So many are missing that the error variance would rest on next to nothing.
        season, spacing = 0, float(np.median(np.diff(history.month)))
        position = np.arange(len(history.y))
    if np.ptp(history.y) == 0.0:
        return last_value(history, target)
    unit, centre = float(history.y.std()), float(history.y.mean())
    values, real = filled(position, (history.y - centre) / unit, season)
    trends = (False, True) if len(history.y) >= _TREND_ROWS else (False,)
    fits = [_fit(ETSModel(values, trend="add" if trend else None, damped_trend=trend,
                          seasonal="add" if season else None, seasonal_periods=season or None))
            for trend in trends]
    fits = [found for found in fits if found is not None and np.isfinite(found.llf)]
    if not fits:
        return last_value(history, target)
    found = min(fits, key=lambda one: one.aicc) if len(fits) > 1 else fits[0]
    trend = found.model.has_trend
    step = np.maximum(1, nearest((target - history.month[-1]) / spacing))
    ahead = np.asarray(found.forecast(int(step.max())))[step - 1]
    rest = np.asarray(found.resid)[real]
    df = max(len(rest) - (2 + 3 * trend + season), 1)
    spread = _relative_variance(found, trend, season, int(step.max()))[step - 1]
    scale2 = unit**2 * np.sum(rest**2) / df * spread
    if not (np.isfinite(ahead).all() and np.isfinite(scale2).all()):
        return last_value(history, target)
    return _told(history, centre + unit * ahead, scale2, df)


def local_level(history: History, target: np.ndarray) -> Predictive:
    """Forecast a random-walk level seen with noise, on the monthly grid.

    Months without a row are missing values of the Kalman filter. ``h`` months ahead the variance
    is that of the filtered level, ``h`` level variances and the noise; both lose a degree of
    freedom for their ratio, beside that for the level at the start.

    Falls back as :func:`ar1` does.
    """
    position, y = on_grid(history)
    if len(y) <= 2 or np.ptp(y) == 0.0:
        return last_value(history, target)
    unit, centre = float(y.std()), float(y.mean())
    scaled = (y - centre) / unit
    model = UnobservedComponents(with_missing(position, scaled), "local level")
    change = np.mean(np.diff(scaled) ** 2)
    start = np.array([change / 4.0, change / 2.0 / np.diff(position).mean()])
    found = _fit(model, start_params=start, cov_type="none")
    if found is None:
        return last_value(history, target)
    noise, move = found.params
    level, of_level = found.filtered_state[0, -1], found.filtered_state_cov[0, 0, -1]
    if not np.isfinite([noise, move, level, of_level]).all():
        return last_value(history, target)
    df = len(y) - 2
    scale2 = unit**2 * (of_level + move * steps_ahead(history, target) + noise) * (df + 1) / df
    return _told(history, np.full(target.shape, centre + unit * level), scale2, df)


BASELINES: Final[dict[str, Callable[[History, np.ndarray], Predictive]]] = {
    "last_value": last_value,
    "random_walk_drift": random_walk_drift,
    "ar1": ar1,
    "seasonal_naive": seasonal_naive,
    "ets": ets,
    "local_level": local_level,
}


class _SlowAutoregression(SARIMAX):
    """An AR(1) about a mean whose monthly coefficient is a root of the rows' correlation."""

    def __init__(self, y: np.ndarray, spacing: np.floating) -> None:
        self._spacing = spacing
        super().__init__(y, exog=np.ones(len(y)), order=(1, 0, 0), concentrate_scale=True)

    def at(self, correlation: float) -> np.ndarray:
        """Return parameters with mean 0 and a correlation of rows the spacing apart."""
        return np.array([0.0, correlation ** (1.0 / self._spacing)])

    def transform_params(self, unconstrained: np.ndarray) -> np.ndarray:
        correlation = _MOST_CORRELATION * special.expit(unconstrained[1])
        return np.array([unconstrained[0], correlation ** (1.0 / self._spacing)])

    def untransform_params(self, constrained: np.ndarray) -> np.ndarray:
        correlation = constrained[1] ** self._spacing
        return np.array([constrained[0], special.logit(correlation / _MOST_CORRELATION)])


def _fit(model: Any, **settings: Any) -> Any:
    """Fit without a word on an optimiser that stops early; ``None`` if the filter breaks down."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return model.fit(disp=0, maxiter=_ITERATIONS, **settings)
        except np.linalg.LinAlgError:
            return None


def _told(history: History, mean: np.ndarray, scale2: np.ndarray, df: int) -> Predictive:
    sampling = float(np.mean(history.error[-4:] ** 2))
    return Predictive(mean, np.sqrt(np.maximum(scale2, max(sampling, _LEAST_VARIANCE))),
                      float(df))


def _relative_variance(found: Any, trend: bool, season: int, steps: int) -> np.ndarray:
    """Return the forecast variance at 1 to ``steps`` steps, in units of the error variance."""
    since = np.arange(1, steps)
    effect = np.full(steps - 1, float(found.smoothing_level))
    if trend:
        effect += found.smoothing_trend * np.cumsum(float(found.damping_trend) ** since)
    if season:
        effect += found.smoothing_seasonal * (since % season == 0)
    return 1.0 + np.concatenate([[0.0], np.cumsum(effect**2)])
