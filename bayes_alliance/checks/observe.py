"""Rows of a panel from given parameters and states: the simulator's measurement, in NumPy.

Invariant: as in :mod:`bayes_alliance.checks.simulate`, nothing of :mod:`bayes_alliance.model` or
of anything built on it is imported here. A wave has an error of its own if two or more of its
rows could carry one; in a wave of one row it would be the noise a second time.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["OF_INDICATOR", "observe"]

# What a truth holds by indicator.
OF_INDICATOR: Final = ("intercept", "loading", "noise", "own_error_half_life")


def observe(spec: ModelSpec, panel: Panel, truth: dict[str, Any],
            rng: np.random.Generator) -> tuple[Panel, dict[str, Any]]:
    """Simulate a panel's rows from given parameters and states.

    Parameters
    ----------
    spec : ModelSpec
        Structural options.
    panel : Panel
        Its rows are simulated anew, each in its own wave and in the order of its indicator.
    truth : dict of str to array or dict
        As in :class:`bayes_alliance.checks.Simulated`; what belongs to single rows and waves is
        not read.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    panel : Panel
        With the drawn ``y`` in its rows.
    truth : dict of str to array or dict
        With the drawn ``wave_error`` and ``observation_logit`` in place of any given.
    """
    about = panel.indicators
    noisy = panel.rows["family"] != "binomial"
    counts = panel.rows.loc[noisy, "wave"].value_counts()
    waves: dict[str, float] = {}
    last: dict[str, tuple[float, float]] = {}
    values = np.zeros(len(panel.rows))
    logits = np.full(len(panel.rows), np.nan)
    for i, row in enumerate(panel.rows.itertuples()):
        name = row.indicator
        own = {key: truth[key].get(name, np.nan) for key in OF_INDICATOR}
        mu = own["intercept"] + about.at[name, "orientation"] * own["loading"] * _state(
            truth, panel, row)
        if name in truth["season"]:
            mu += truth["season"][name][row.calendar_month - 1]
        for covariate in about.at[name, "covariates"]:
            months = panel.covariates[covariate].iloc[row.start_month:row.end_month + 1]
            mu += truth["covariate_effect"][name, covariate] * float(months.mean())
        if row.mode:
            mu += truth["mode_offset"][name, about.at[name, "mode_changes"][row.mode - 1][1]]
        if row.family == "binomial":
            mu += own["noise"] * rng.standard_normal()
            logits[i] = mu
        elif row.wave and counts[row.wave] > 1:
            if row.wave not in waves:
                waves[row.wave] = truth["wave_sd"] * rng.standard_normal()
            mu += waves[row.wave]
        values[i] = _observe(spec, rng, row, mu, own, about.at[name, "own_error"], last)
    return (replace(panel, rows=panel.rows.assign(y=values)),
            truth | {"wave_error": waves, "observation_logit": logits})


def _state(truth: dict[str, Any], panel: Panel, row: Any) -> float:
    months = slice(row.start_month, row.end_month + 1)
    if row.latent == "cohesion":
        return float(truth["cohesion"][months].mean())
    return float(truth[row.latent][panel.members.index(row.member), months].mean())


def _observe(spec: ModelSpec, rng: np.random.Generator, row: Any, mu: float,
             own: dict[str, float], owned: bool, last: dict[str, tuple[float, float]]) -> float:
    if row.family in ("normal", "student_t"):
        df = spec.priors.student_t_noise_df
        z = rng.standard_normal() if row.family == "normal" else rng.standard_t(df)
        middle = (row.start_month + row.end_month) / 2
        residual = own["noise"] * z
        if owned and row.indicator in last:
            before, when = last[row.indicator]
            keep = 0.5 ** ((middle - when) / own["own_error_half_life"])
            residual = keep * before + own["noise"] * np.sqrt(1 - keep**2) * z
        last[row.indicator] = (residual, middle)
        return mu + residual
    if row.family == "negative_binomial":
        shape = own["noise"] ** -2
        return float(rng.poisson(rng.gamma(shape, np.exp(mu) / shape)))
    share = 1 / (1 + np.exp(-mu))
    if row.family == "beta_binomial":
        total = 4 / own["noise"] ** 2
        share = rng.beta(max(total * share, 1e-12), max(total * (1 - share), 1e-12))
    return float(rng.binomial(row.n, share))
