"""Draw a panel of dyads from the prior, in plain NumPy, sharing no code with the compiled model.

Invariant: the layout (which rows there are, sample sizes, members, classes) is that of a given
panel; only the values are drawn.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.spec.priors import LogNormal, Normal

__all__ = ["made_up_panel", "simulate_dyads"]


def simulate_dyads(spec: DyadModelSpec, panel: DyadPanel, rng: np.random.Generator, *,
                   hypothesis: str = "H12", fixed: dict[str, Any] | None = None
                   ) -> tuple[DyadPanel, dict[str, np.ndarray]]:
    """Draw parameters from the prior and observations from them.

    Parameters
    ----------
    spec : DyadModelSpec
    panel : DyadPanel
        Gives the layout.
    rng : numpy.random.Generator
    hypothesis : str
        Which paths act.
    fixed : dict of str to number or array, optional
        Parameters that are not drawn, by variable name.

    Returns
    -------
    panel : DyadPanel
        With ``y`` drawn anew, on the scale of the model.
    truth : dict of str to numpy.ndarray
        Every parameter and state, under the names of the posterior.
    """
    truth: dict[str, np.ndarray] = {}

    def draw(name: str, prior: Normal | LogNormal, *shape: int) -> np.ndarray:
        if fixed and name in fixed:
            truth[name] = np.broadcast_to(np.asarray(fixed[name], dtype=float), shape).copy()
        elif isinstance(prior, LogNormal):
            truth[name] = prior.median * np.exp(prior.sd * rng.standard_normal(shape))
        else:
            truth[name] = prior.mu + prior.sd * rng.standard_normal(shape)
        return truth[name]

    priors, paths = spec.priors, spec.hypotheses[hypothesis]
    members, dyads, years = len(panel.members), len(panel.dyads), len(panel.years)
    half_life = np.array([float(draw(f"half_life_{latent}", getattr(priors, f"half_life_{latent}")))
                          for latent in c.LATENTS])
    truth[c.VAR_HALF_LIFE] = half_life
    level = draw(n.VAR_MEMBER_LEVEL, priors.member_level, 2, members)
    for k, latent in enumerate(c.PATHS):
        truth[latent] = level[k][:, None] + _series(rng, half_life[k], members, years)
    population = draw(c.VAR_COEFFICIENT, priors.coefficient, 4)
    by_class = draw("class_deviation", priors.coefficient_class, len(spec.model.classes), 4)
    truth[n.VAR_CLASS_COEFFICIENT] = population + by_class
    spread = draw(n.VAR_SPREAD, priors.coefficient_spread, 4)
    of = [spec.model.classes.index(kind) for kind in panel.dyads["class"]]
    coefficient = truth[n.VAR_CLASS_COEFFICIENT][of] + spread * rng.standard_normal((dyads, 4))
    truth[n.VAR_DYAD_COEFFICIENT] = coefficient
    truth[n.VAR_DYAD_LEVEL] = draw(n.VAR_DYAD_LEVEL_SD, priors.dyad_level_sd
                                   ) * rng.standard_normal(dyads)
    truth[n.VAR_COMMON_YEAR] = draw("common_year_sd", priors.common_year_sd
                                    ) * rng.standard_normal(years)
    long_run = np.repeat(truth[n.VAR_DYAD_LEVEL][:, None], years, axis=1)
    between = draw(n.VAR_BETWEEN, priors.coefficient, 4)
    in_span = [[first <= year <= last for year in panel.years]
               for first, last in zip(panel.dyads["first"], panel.dyads["last"], strict=True)]
    pair = [[panel.members.index(one) for one in panel.dyads[column]]
            for column in ("member_a", "member_b")]
    for k, latent in enumerate(c.PATHS):
        first, second = truth[latent][pair[0]], truth[latent][pair[1]]
        apart = np.hypot(first - second, c.SOFTABS_WIDTH) - c.SOFTABS_WIDTH
        for j, path in ((2 * k, (first + second) / 2), (2 * k + 1, -apart / 2)):
            mean = np.array([path[d, own].mean() for d, own in enumerate(in_span)])[:, None]
            long_run = long_run + (latent in paths) * (
                coefficient[:, j, None] * (path - mean) + between[j] * mean)
    expected = long_run.copy()
    if spec.model.response == "adjustment":
        phi = 0.5 ** (1.0 / half_life[2])
        for t in range(1, years):
            expected[:, t] = phi * expected[:, t - 1] + (1.0 - phi) * long_run[:, t]
    expected = expected + (hypothesis != "H0") * truth[n.VAR_COMMON_YEAR]
    truth[c.COHESION] = expected + _series(rng, half_life[2], dyads, years)
    both = (truth[c.THREAT][pair[0]] + truth[c.THREAT][pair[1]]) / 2
    return replace(panel, rows=_observed(spec, panel, rng, truth, both, draw)), truth


def _series(rng: np.random.Generator, half_life: float, count: int, years: int) -> np.ndarray:
    """Draw stationary autoregressions of unit variance."""
    phi = 0.5 ** (1.0 / half_life)
    series = rng.standard_normal((count, years))
    for t in range(1, years):
        series[:, t] = phi * series[:, t - 1] + np.sqrt(1.0 - phi**2) * series[:, t]
    return series


def _observed(spec: DyadModelSpec, panel: DyadPanel, rng: np.random.Generator,
              truth: dict[str, np.ndarray], both: np.ndarray, draw: Any) -> pd.DataFrame:
    """Draw what is observed of the states."""
    count, priors = len(panel.indicators), spec.priors
    loading, noise = (draw(name, getattr(priors, name), count) for name in ("loading", "noise"))
    intercept = draw(c.VAR_INTERCEPT, priors.intercept, count)
    own_sd = draw(n.VAR_OWN_ERROR_SD, priors.own_error_sd, count)
    own_half_life = draw(n.VAR_OWN_ERROR_HALF_LIFE, priors.own_error_half_life, count)
    unit_sd = draw(n.VAR_UNIT_DEVIATION_SD, priors.unit_deviation_sd, count)
    year_sd = draw(n.VAR_YEAR_EFFECT_SD, priors.year_effect_sd, count)
    rows = panel.rows.copy()
    states = {(c.THREAT, "member"): truth[c.THREAT], (c.THREAT, "dyad"): both,
              (c.CREDIBILITY, "member"): truth[c.CREDIBILITY],
              (c.COHESION, "dyad"): truth[c.COHESION]}
    labels = {"member": panel.members, "dyad": list(panel.dyads.index)}
    for k, (name, about) in enumerate(panel.indicators.iterrows()):
        here = (rows["indicator"] == name).to_numpy()
        unit = np.array([labels[about["level"]].index(one) for one in rows.loc[here, "unit"]],
                        dtype=int)
        year = rows.loc[here, "year"].to_numpy() - panel.years[0]
        by_unit = unit_sd[k] * rng.standard_normal(len(labels[about["level"]]))
        by_year = year_sd[k] * rng.standard_normal(len(panel.years))
        mu = (intercept[k] + about["orientation"] * loading[k]
              * states[about["latent"], about["level"]][unit, year])
        lasting = _series(rng, own_half_life[k], len(labels[about["level"]]), len(panel.years))
        mu = mu + (about["own_error"] == 1) * own_sd[k] * lasting[unit, year]
        mu = mu + (about["reference"] == 0) * by_unit[unit]
        mu = mu + (about["year_effect"] == 1) * by_year[year]
        size = rows.loc[here, "n"].to_numpy(dtype=int)
        spread = n.LASTING_NOISE if about["own_error"] == 1 else float(noise[k])
        rows.loc[here, "y"] = _value(rng, str(about["family"]), mu, spread, size)
    return rows


def _value(rng: np.random.Generator, family: str, mu: np.ndarray, noise: float,
           size: np.ndarray) -> np.ndarray:
    """Draw values of one family around predictors."""
    if family == "normal":
        return mu + noise * rng.standard_normal(mu.shape)
    if family == "bernoulli":
        return (rng.random(mu.shape) < special.expit(mu)).astype(float)
    if family == "beta_binomial":
        total = 4.0 / noise**2
        share = rng.beta(np.maximum(total * special.expit(mu), 1e-12),
                         np.maximum(total * special.expit(-mu), 1e-12))
        return rng.binomial(size, share).astype(float)
    rate = rng.gamma(noise**-2.0, np.exp(np.minimum(mu, 20.0)) * noise**2)
    return rng.poisson(np.minimum(rate, 1e9)).astype(float)


def made_up_panel(spec: DyadModelSpec, indicators: pd.DataFrame, *, members: int, dyads: int,
                  years: int, rng: np.random.Generator, size: int = 80) -> DyadPanel:
    """Lay out a balanced panel of made-up states, every value still 0.

    Parameters
    ----------
    spec : DyadModelSpec
        Gives the classes, dealt out in turn, and the first year.
    indicators : pandas.DataFrame
        Indexed by indicator, as in :class:`bayes_alliance.dyads.tables.DyadPanel`.
    members, dyads, years : int
    rng : numpy.random.Generator
        Draws which members form a dyad.
    size : int
        Sample size of counts.

    Raises
    ------
    ValueError
        If there are not that many pairs of members.
    """
    names = [f"state_{m}" for m in range(members)]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1:]]
    if dyads > len(pairs):
        raise ValueError(f"{dyads} dyads of {members} members (allowed: up to {len(pairs)})")
    chosen = [pairs[i] for i in sorted(rng.choice(len(pairs), dyads, replace=False))]
    first = spec.model.start
    span = list(range(first, first + years))
    table = pd.DataFrame({
        "member_a": [a for a, _ in chosen], "member_b": [b for _, b in chosen],
        "class": [spec.model.classes[k % len(spec.model.classes)] for k in range(dyads)],
        "region": "nowhere", "first": first, "last": span[-1], "years": years,
    }, index=pd.Index([f"{a}-{b}" for a, b in chosen], name="dyad"))
    parts = []
    for name, about in indicators.iterrows():
        units = names if about["level"] == "member" else list(table.index)
        parts.append(pd.DataFrame({
            "indicator": name, "unit": np.repeat(units, years), "year": np.tile(span, len(units)),
            "n": float(size) if about["family"] == "beta_binomial" else 0.0, "y": 0.0}))
    used = {*table["member_a"], *table["member_b"]}
    kept = [name for name in names if name in used]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["unit"].isin({*kept, *table.index})].reset_index(drop=True)
    return DyadPanel(kept, table, span, indicators, rows, "made up")
