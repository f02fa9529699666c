"""Scores of predictive distributions against what happened, each in the indicator's own unit.

Invariant: every method is scored by the same function from draws of its own; a smaller CRPS and
interval score and a larger log score are better.

References
----------
Gneiting and Raftery 2007, JASA 102(477); Czado, Gneiting and Held 2009, Biometrics 65(4), for the
randomised PIT of counts.
"""

from typing import Final

import numpy as np
import pandas as pd
import scoringrules as sr

__all__ = ["LEVELS", "QUANTILES", "SCORES", "score"]

# Central intervals that are scored.
LEVELS: Final = (0.5, 0.9)
# Points that a predictive distribution is kept as, in equal steps of probability.
QUANTILES: Final = 40
SCORES: Final = ("crps", "log_score", "interval50", "interval90", "inside50", "inside90", "pit")


def score(points: np.ndarray, value: np.ndarray, log_score: np.ndarray,
          rng: np.random.Generator, weights: np.ndarray | None = None) -> pd.DataFrame:
    """Score predictive draws against observed values.

    Parameters
    ----------
    points : numpy.ndarray, shape (sample, row)
        Draws, or points of a mixture with weights.
    value : numpy.ndarray, shape (row,)
        What was observed, in the unit of the points.
    log_score : numpy.ndarray, shape (row,)
        Log predictive density of each value, which draws alone do not give.
    rng : numpy.random.Generator
        Of the randomised PIT.
    weights : numpy.ndarray, shape (sample,), optional
        At least 0; sum to 1. All alike by default.

    Returns
    -------
    pandas.DataFrame
        ``crps``, ``log_score``, ``interval50``, ``interval90`` (interval scores), ``inside50``,
        ``inside90`` (0 or 1), ``pit``; a row for each value.
    """
    value = np.asarray(value, dtype=float)
    ensemble = None if weights is None else np.broadcast_to(weights, points.T.shape)
    found = {"crps": sr.crps_ensemble(value, points.T, ens_w=ensemble),
             "log_score": np.asarray(log_score, dtype=float)}
    ends = {level: _quantiles(points, weights, (0.5 - level / 2, 0.5 + level / 2))
            for level in LEVELS}
    for level, (low, high) in ends.items():
        found[f"interval{100 * level:.0f}"] = sr.interval_score(value, low, high, 1.0 - level)
    for level, (low, high) in ends.items():
        found[f"inside{100 * level:.0f}"] = ((low <= value) & (value <= high)).astype(float)
    share = np.full(len(points), 1.0 / len(points)) if weights is None else weights
    below, equal = share @ (points < value), share @ (points == value)
    found["pit"] = below + rng.uniform(size=len(value)) * equal
    return pd.DataFrame(found)[list(SCORES)]


def _quantiles(points: np.ndarray, weights: np.ndarray | None,
               levels: tuple[float, ...]) -> np.ndarray:
    if weights is None:
        return np.quantile(points, levels, axis=0)
    return np.quantile(points, levels, axis=0, method="inverted_cdf",
                       weights=np.broadcast_to(weights[:, None], points.shape))
