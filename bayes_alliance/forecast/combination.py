"""Combinations of the hypotheses' forecasts, with weights from their past performance.

Invariant: the weights at an origin rest on forecasts whose outcome was known there, and on
nothing later.

References
----------
Yao, Vehtari, Simpson and Gelman 2018, Bayesian Analysis 13(3), for stacking of predictive
distributions.
"""

from typing import Final

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.special import logsumexp

from bayes_alliance.forecast.scores import score
from bayes_alliance.forecast.skill import STACKED

__all__ = ["COMBINATIONS", "combine", "stacking_weights"]

EQUAL: Final = "equal_weights"
COMBINATIONS: Final = (EQUAL, STACKED)
# Rows whose outcome must be known before their scores decide weights.
_LEAST_KNOWN: Final = 100
_KEY: Final = ["indicator", "first", "last"]
_PIT: Final = 61


def stacking_weights(log_score: np.ndarray) -> np.ndarray:
    """Return the weights that maximise the log score of the mixture.

    Parameters
    ----------
    log_score : numpy.ndarray, shape (row, method)

    Returns
    -------
    numpy.ndarray, shape (method,)
        At least 0; sum to 1.
    """
    methods = log_score.shape[1]
    relative = np.exp(log_score - log_score.max(axis=1, keepdims=True))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixed = relative @ weights
        return float(-np.log(mixed).mean()), -(relative / mixed[:, None]).mean(axis=0)

    found = optimize.minimize(
        loss, np.full(methods, 1.0 / methods), jac=True, method="SLSQP",
        bounds=[(1e-9, 1.0)] * methods,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0,
                     "jac": lambda w: np.ones(methods)}, options={"ftol": 1e-10, "maxiter": 500})
    weights = np.clip(found.x, 0.0, None)
    return np.asarray(weights / weights.sum())


def combine(scores: pd.DataFrame, methods: list[str], points: list[str],
            months: list[str], lag: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the combinations of some methods at every origin.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`bayes_alliance.forecast.origins.backtest_scores`.
    methods : list of str
        What is combined.
    points : list of str
        Columns of the equally likely points of a predictive distribution.
    months : list of str
        All months of the panel, in order.
    lag : int
        Months from the end of a row to its publication.
    seed : int

    Returns
    -------
    scores : pandas.DataFrame
        Rows of the combinations, columns as in ``scores`` without the points.
    weights : pandas.DataFrame
        ``origin``, ``method``, ``weight`` of the stacked combination; equal until the outcomes
        of at least a hundred earlier forecasts are known.
    """
    position = {month: at for at, month in enumerate(months)}
    used = scores[scores["method"].isin(methods)]
    # Two waves of one month are told apart by their order, which is the panel's.
    copy = used.groupby(["method", "origin", *_KEY]).cumcount()
    each = {str(name): part.set_index(["origin", *_KEY, "copy"]) for name, part in
            used.assign(copy=copy).groupby("method", sort=False)}
    index = each[methods[0]].index
    each = {name: each[name].loc[index] for name in methods}
    log_score = np.stack([each[name]["log_score"].to_numpy() for name in methods], axis=1)
    at = np.array([position[origin] for origin in index.get_level_values("origin")])
    known_at = index.get_level_values("last").to_numpy() + lag
    heads = each[methods[0]].reset_index()
    found, weights = [], []
    for origin in dict.fromkeys(heads["origin"]):
        now, here = position[origin], np.flatnonzero(heads["origin"] == origin)
        past = (known_at <= now) & (at < now)
        equal = np.full(len(methods), 1.0 / len(methods))
        stacked = (stacking_weights(log_score[past]) if past.sum() >= _LEAST_KNOWN else equal)
        weights += [{"origin": origin, "method": name, "weight": float(weight)}
                    for name, weight in zip(methods, stacked, strict=True)]
        spread = np.concatenate([each[name].iloc[here][points].to_numpy().T for name in methods])
        head = heads.iloc[here]
        for which, (label, share) in enumerate(((EQUAL, equal), (STACKED, stacked))):
            rng = np.random.default_rng([seed, _PIT, which, now])
            told = score(spread, head["value"].to_numpy(),
                         logsumexp(log_score[here], b=share[None, :], axis=1), rng,
                         np.repeat(share / len(points), len(points)))
            kept = head[["origin", *_KEY, "lead", "horizon", "value"]].reset_index(drop=True)
            found.append(pd.concat([kept, told], axis=1).assign(method=label, converged=True))
    return pd.concat(found, ignore_index=True), pd.DataFrame(weights)
