"""Probabilities of the outcomes that a model file asks for.

Invariant: a threshold that is a window's mean is taken draw by draw, so that what is not known of
the past is part of the probability.
"""

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit
from bayes_alliance.model.predict import Samples, series_states
from bayes_alliance.spec.forecasting import OutcomeSpec

__all__ = ["COLUMNS", "outcome_table"]

COLUMNS = ("scenario", "outcome", "title", "probability", "mcse")


def outcome_table(fit: Fit, samples: Samples, scenario: str, targets: dict[str, np.ndarray],
                  waves: pd.DataFrame) -> pd.DataFrame:
    """Return the probability of every outcome of the model file.

    Parameters
    ----------
    fit : Fit
        A full fit.
    samples : Samples
        Its draws, thinned.
    scenario : str
        Its name.
    targets : dict of str to numpy.ndarray, shape (sample, month)
        Draws of every target of the forecast.
    waves : pandas.DataFrame
        The expected waves; see :func:`bayes_alliance.forecast.waves.expected_waves`.

    Returns
    -------
    pandas.DataFrame
        ``scenario``, ``outcome``, ``title``, ``probability``, and ``mcse``, the Monte Carlo
        standard error of the probability from the effective number of draws. Both are missing
        where an outcome cannot be told: the forecast is shorter than its months, no wave of its
        poll is expected in them, or nothing of its window lies in the panel.
    """
    rows = []
    for name, outcome in fit.spec.forecast.outcomes.items():
        hit = _hits(fit, samples, outcome, targets[outcome.target], waves)
        found = (np.nan, np.nan) if hit is None else _probability(hit, fit)
        rows.append((scenario, name, outcome.title, *found))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"probability": float, "mcse": float})


def _hits(fit: Fit, samples: Samples, outcome: OutcomeSpec, draws: np.ndarray,
          waves: pd.DataFrame) -> np.ndarray | None:
    """Say in which draws an outcome comes true, shape (sample,); None where nobody can tell."""
    limit: np.ndarray | float | None
    if isinstance(outcome.threshold, tuple):
        limit = _window_mean(fit, samples, outcome.target, outcome.threshold)
    else:
        limit = outcome.threshold
    at = _months(fit, outcome, waves)
    if limit is None or draws.shape[1] < outcome.within or not len(at):
        return None
    off = draws[:, at] - np.reshape(limit, (-1, 1))
    return np.asarray((off < 0 if outcome.below is not None else off > 0).any(axis=1))


def _months(fit: Fit, outcome: OutcomeSpec, waves: pd.DataFrame) -> np.ndarray:
    """Return the positions of the future months that count."""
    rows = fit.panel.rows
    if not (rows.loc[rows["indicator"] == outcome.target, "wave"] != "").any():
        return np.arange(outcome.within)
    times = waves.loc[waves["indicator"] == outcome.target, "time"]
    at = np.array([pd.Period(time, "M").ordinal for time in times], dtype=int)
    at -= fit.panel.time[-1].ordinal + 1
    return at[at < outcome.within]


def _window_mean(fit: Fit, samples: Samples, target: str,
                 window: tuple[str, str]) -> np.ndarray | float | None:
    """Return a target's mean over a window; of an indicator, of the values observed in it."""
    panel = fit.panel
    start, end = (pd.Period(month, "M").ordinal - panel.time[0].ordinal for month in window)
    if start < 0 or end >= len(panel.time):
        return None
    if target in fit.spec.series:
        which = fit.spec.series.index(target)
        return np.asarray(series_states(samples)[:, which, start:end + 1].mean(axis=1))
    rows = panel.rows
    inside = rows.loc[(rows["indicator"] == target) & (rows["start_month"] >= start)
                      & (rows["end_month"] <= end), "value"]
    return float(inside.mean()) if len(inside) else None


def _probability(hit: np.ndarray, fit: Fit) -> tuple[float, float]:
    """Return the share of hits and its standard error, which is never zero."""
    count, chains = len(hit), fit.posterior.sizes["chain"]
    effective = float(count)
    if 0 < hit.sum() < count:
        # Thinning is even: the draws of each chain follow each other.
        shape = (chains, -1) if count % chains == 0 else (1, -1)
        series = xr.DataArray(hit.reshape(shape).astype(float), dims=("chain", "draw"))
        found = float(az.ess(series.to_dataset(name=c.COHESION), method="mean")[c.COHESION])
        effective = min(count, found) if np.isfinite(found) else count
    # Of a share of none or all of the draws, what one draw more could have said.
    smoothed = (hit.sum() + 1.0) / (count + 2.0)
    return float(hit.mean()), float(np.sqrt(smoothed * (1.0 - smoothed) / effective))
