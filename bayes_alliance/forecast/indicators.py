"""Predictive draws of every indicator in the future months, each in its own unit.

Invariant: every indicator has a random stream of its own, so that what one of them does under a
scenario never changes another's draws.
"""

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit
from bayes_alliance.model.design import build_design
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.model.predict import Samples, own_unit, row_predictor
from bayes_alliance.spec import FAMILIES

__all__ = ["project_indicators"]

_STREAM = 37


def project_indicators(fit: Fit, samples: Samples, states: np.ndarray, future: pd.PeriodIndex,
                       seed: int) -> dict[str, np.ndarray]:
    """Draw every indicator for every future month.

    Parameters
    ----------
    fit : Fit
        A full fit.
    samples : Samples
        Its draws, thinned.
    states : numpy.ndarray, shape (sample, series, month)
        The states of the future months.
    future : pandas.PeriodIndex
        Those months.
    seed : int
        Of errors and counts.

    Returns
    -------
    dict of str to numpy.ndarray, shape (sample, month)
        Polls are drawn as if fielded in each month, with the sample size of their last row.
    """
    values, panel = samples.values, fit.panel
    series = {name: position for position, name in enumerate(fit.spec.series)}
    residuals = _last_residuals(fit, samples)
    result = {}
    for position, name in enumerate(samples.labels[c.DIM_INDICATOR]):
        rng = np.random.default_rng([seed, _STREAM, position])
        about = panel.indicators.loc[name]
        latent = about["latent"]
        key = c.COHESION if latent == c.COHESION else f"{latent}_{about['member']}"
        mu = (values[c.VAR_INTERCEPT][:, position, None] + about["orientation"]
              * values[c.VAR_LOADING][:, position, None] * states[:, series[key]])
        mu = mu + _nuisance(fit, samples, name, future, rng)
        noise = np.repeat(values[c.VAR_NOISE][:, position, None], len(future), axis=1)
        if name in residuals:
            last, half_life, gap = residuals[name]
            ahead = gap + np.arange(1, len(future) + 1)
            kept = np.exp(-np.log(2.0) * ahead / half_life[:, None])
            mu = mu + kept * last[:, None]
            noise = noise * np.sqrt(1.0 - kept**2)
        rows = panel.rows[panel.rows["indicator"] == name]
        n = np.full(mu.shape, float(rows["n"].iloc[-1]))
        y = LIKELIHOODS[about["family"]].random(rng, mu, noise, n,
                                                fit.spec.priors.student_t_noise_df)
        result[name] = own_unit(y, about, n if FAMILIES[about["family"]].needs_n else 1.0)
    return result


def _last_residuals(fit: Fit, samples: Samples) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Return the last own error of every monthly series, its half-life and its age in months."""
    if c.VAR_OWN_HALF_LIFE not in samples.values:
        return {}
    design = build_design(fit.spec, fit.panel, fit.hypothesis)
    residual = design.data["y"] - row_predictor(samples, design)
    found = {}
    for position, name in enumerate(samples.labels[c.DIM_OWN_ERROR]):
        at = int(np.flatnonzero(design.rows["indicator"].to_numpy() == name)[-1])
        row = design.rows.iloc[at]
        age = len(fit.panel.time) - 1 - (row["start_month"] + row["end_month"]) / 2
        found[name] = (residual[:, at], samples.values[c.VAR_OWN_HALF_LIFE][:, position],
                       float(age))
    return found


def _nuisance(fit: Fit, samples: Samples, name: str, future: pd.PeriodIndex,
              rng: np.random.Generator) -> np.ndarray:
    """Return season, covariates at their last value, last survey mode and new wave errors."""
    values, labels = samples.values, samples.labels
    about = fit.panel.indicators.loc[name]
    total = np.zeros((samples.size, len(future)))
    if about["season"]:
        which = labels[c.DIM_SEASONAL].index(name)
        total += values[c.VAR_SEASON][:, which][:, [month.month - 1 for month in future]]
    for covariate in about["covariates"]:
        which = labels[c.DIM_COVARIATE].index(f"{name}:{covariate}")
        last = float(fit.panel.covariates[covariate].dropna().iloc[-1])
        total += values[c.VAR_COVARIATE_EFFECT][:, which, None] * last
    if about["mode_changes"]:
        label = f"{name}:{about['mode_changes'][-1][1]}"
        if label in labels.get(c.DIM_OFFSET, []):
            total += values[c.VAR_MODE_OFFSET][:, labels[c.DIM_OFFSET].index(label), None]
    rows = fit.panel.rows[fit.panel.rows["indicator"] == name]
    if not FAMILIES[about["family"]].has_noise:
        which = labels[c.DIM_INDICATOR].index(name)
        total += values[c.VAR_NOISE][:, which, None] * rng.standard_normal(total.shape)
    elif c.VAR_WAVE_SD in values and (rows["wave"] != "").any():
        total += values[c.VAR_WAVE_SD][:, None] * rng.standard_normal(total.shape)
    return total
