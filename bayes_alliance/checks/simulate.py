"""An independent simulator: the model written a second time, in NumPy, month by month.

Invariant: nothing of :mod:`bayes_alliance.model` or of anything built on it is imported here, so
that a fault in the model cannot hide by standing in both places. Parameters are drawn from the
priors of the specification; rows, periods, sample sizes and gaps are the panel's own.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["Simulated", "simulate"]


@dataclass(frozen=True)
class Simulated:
    """A panel with simulated values, and the truth behind it.

    Attributes
    ----------
    panel : Panel
        The given panel with new ``y`` (and ``value``, where it is the same) in its rows.
    truth : dict of str to array or dict
        ``coefficient`` (4), ``threat`` and ``credibility`` (2, T), ``cohesion`` (T),
        ``half_life`` (3), ``loading``, ``noise`` and ``intercept`` by indicator, ...
    """

    panel: Panel
    truth: dict[str, Any]


class _Prior:
    """Draws from the priors of a specification."""

    def __init__(self, spec: ModelSpec, rng: np.random.Generator) -> None:
        self._priors = spec.priors
        self._rng = rng

    def draw(self, name: str, size: int | tuple[int, ...] | None = None) -> Any:
        prior = getattr(self._priors, name)
        kind = type(prior).__name__
        z = self._rng.standard_normal(size)
        if kind == "Normal":
            return prior.mu + prior.sd * z
        if kind == "HalfNormal":
            return np.abs(prior.sd * z)
        return prior.median * np.exp(prior.sd * z)


def simulate(spec: ModelSpec, panel: Panel, rng: np.random.Generator, *,
             hypothesis: str = "H12", coefficient: np.ndarray | None = None) -> Simulated:
    """Simulate a panel.

    Parameters
    ----------
    spec : ModelSpec
        Priors and structural options.
    panel : Panel
        Its rows, drivers, governments and covariates are kept; its values are replaced.
    rng : numpy.random.Generator
        Source of every draw.
    hypothesis : str
        Which parts act.
    coefficient : numpy.ndarray, shape (4,), optional
        Planted path coefficients; drawn from their prior by default.
    """
    prior = _Prior(spec, rng)
    truth = _states(spec, panel, rng, prior, hypothesis, coefficient)
    rows, measured = _measure(spec, panel, rng, prior, truth)
    truth.update(measured)
    return Simulated(replace(panel, rows=rows), truth)


def _shocks(spec: ModelSpec, rng: np.random.Generator, months: int) -> np.ndarray:
    if spec.model.innovations == "normal":
        return rng.standard_normal((5, months))
    df = spec.priors.student_t_innovation_df
    return rng.standard_t(df, (5, months)) * np.sqrt((df - 2) / df)


def _states(spec: ModelSpec, panel: Panel, rng: np.random.Generator, prior: _Prior,
            hypothesis: str, coefficient: np.ndarray | None) -> dict[str, Any]:
    months = len(panel.time)
    half_life = np.array([prior.draw("half_life_threat"), prior.draw("half_life_credibility"),
                          prior.draw("half_life_cohesion")])
    phi = 0.5 ** (1.0 / half_life)
    shocks = _shocks(spec, rng, months)
    persistence = [phi[0], phi[0], phi[1], phi[1]]
    unit = np.zeros((4, months))
    for s in range(4):
        unit[s, 0] = shocks[s, 0]
        for t in range(1, months):
            unit[s, t] = (persistence[s] * unit[s, t - 1]
                          + np.sqrt(1 - persistence[s] ** 2) * shocks[s, t])
    rho = np.tanh(prior.draw("correlation", 2))
    level = prior.draw("second_member_level", 2)
    scale = prior.draw("second_member_scale", 2)
    push = prior.draw("driver_loading", (2, panel.drivers.shape[1]))
    stock = panel.drivers.to_numpy(dtype=float)
    threat = np.zeros((2, months))
    credibility = np.zeros((2, months))
    administrations = list(dict.fromkeys(panel.governments[panel.patron]))
    effect = prior.draw("administration_effect", len(administrations))
    spread = prior.draw("administration_deviation_sd")
    deviation = spread * rng.standard_normal((2, len(administrations)))
    own = prior.draw("credibility_series_sd")
    for t in range(months):
        threat[0, t] = unit[0, t] + push[0] @ stock[t]
        mixed = rho[0] * unit[0, t] + np.sqrt(1 - rho[0] ** 2) * unit[1, t]
        threat[1, t] = level[0] + scale[0] * mixed + push[1] @ stock[t]
        u = administrations.index(panel.governments[panel.patron].iloc[t])
        mixed = rho[1] * unit[2, t] + np.sqrt(1 - rho[1] ** 2) * unit[3, t]
        credibility[0, t] = effect[u] + deviation[0, u] + own * unit[2, t]
        credibility[1, t] = level[1] + effect[u] + deviation[1, u] + own * scale[1] * mixed
    truth: dict[str, Any] = {
        "half_life": half_life, "correlation": rho, "second_member_level": level,
        "second_member_scale": scale, "driver_loading": push, "administration_effect": effect,
        "credibility_series_sd": own, "threat": threat, "credibility": credibility}
    truth["coefficient"] = (prior.draw("coefficient", 4) if coefficient is None
                            else np.asarray(coefficient, dtype=float))
    truth["cohesion"] = _cohesion(spec, panel, rng, prior, hypothesis, truth, phi[2], shocks[4])
    return truth


def _cohesion(spec: ModelSpec, panel: Panel, rng: np.random.Generator, prior: _Prior,
              hypothesis: str, truth: dict[str, Any], phi: float,
              shock: np.ndarray) -> np.ndarray:
    chosen = spec.hypotheses[hypothesis]
    b = truth["coefficient"]
    rival = prior.draw("rival_effect", panel.rivals.shape[1])
    sd = prior.draw("government_sd")
    effects: dict[tuple[str, str], float] = {}
    for member in panel.members:
        for label in dict.fromkeys(panel.governments[member]):
            effects[member, label] = sd * rng.standard_normal()
    truth["rival_effect"], truth["government_sd"] = rival, sd
    months = len(panel.time)
    wanted = np.zeros(months)
    for t in range(months):
        if "threat" in chosen.paths:
            first, second = truth["threat"][:, t]
            gap = np.sqrt((first - second) ** 2 + 0.01) - 0.1
            wanted[t] += b[0] * (first + second) / 2 - b[1] * gap / 2
        if "credibility" in chosen.paths:
            first, second = truth["credibility"][:, t]
            gap = np.sqrt((first - second) ** 2 + 0.01) - 0.1
            wanted[t] += b[2] * (first + second) / 2 - b[3] * gap / 2
        if chosen.rivals:
            wanted[t] += rival @ panel.rivals.iloc[t].to_numpy(dtype=float)
            wanted[t] += sum(effects[member, panel.governments[member].iloc[t]]
                             for member in panel.members)
    cohesion = np.zeros(months)
    noise = np.sqrt(1 - phi**2)
    if spec.model.response == "adjustment":
        cohesion[0] = wanted[0] + shock[0]
        for t in range(1, months):
            cohesion[t] = phi * cohesion[t - 1] + (1 - phi) * wanted[t] + noise * shock[t]
    else:
        error = shock[0]
        cohesion[0] = wanted[0] + error
        for t in range(1, months):
            error = phi * error + noise * shock[t]
            cohesion[t] = wanted[t] + error
    return cohesion


def _measure(spec: ModelSpec, panel: Panel, rng: np.random.Generator, prior: _Prior,
             truth: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    about = panel.indicators
    parameters = _indicator_parameters(panel, rng, prior)
    wave_sd = prior.draw("wave_sd")
    waves: dict[str, float] = {}
    counts = panel.rows["wave"].value_counts()
    offsets: dict[tuple[str, int], float] = {}
    season = {name: _season(spec, rng) for name in about.index if about.at[name, "season"]}
    slope = {(name, covariate): prior.draw("covariate_effect") for name in about.index
             for covariate in about.at[name, "covariates"]}
    last: dict[str, tuple[float, float]] = {}
    values = np.zeros(len(panel.rows))
    for i, row in enumerate(panel.rows.itertuples()):
        name, own = row.indicator, parameters[row.indicator]
        state = _state(truth, panel, row)
        mu = own["intercept"] + about.at[name, "orientation"] * own["loading"] * state
        if name in season:
            mu += season[name][row.calendar_month - 1]
        for covariate in about.at[name, "covariates"]:
            months = panel.covariates[covariate].iloc[row.start_month:row.end_month + 1]
            mu += slope[name, covariate] * float(months.mean())
        if row.mode:
            key = (name, row.mode)
            if key not in offsets:
                offsets[key] = prior.draw("mode_offset")
            mu += offsets[key]
        if row.family == "binomial":
            mu += own["noise"] * rng.standard_normal()
        elif row.wave and counts[row.wave] > 1:
            if row.wave not in waves:
                waves[row.wave] = wave_sd * rng.standard_normal()
            mu += waves[row.wave]
        values[i] = _observe(spec, rng, row, mu, own, about.at[name, "own_error"], last)
    rows = panel.rows.assign(y=values)
    return rows, {key: {name: one[key] for name, one in parameters.items()}
                  for key in ("intercept", "loading", "noise", "own_error_half_life")}


def _season(spec: ModelSpec, rng: np.random.Generator) -> np.ndarray:
    raw = spec.priors.season.sd * rng.standard_normal(12)
    return raw - raw.mean()


def _indicator_parameters(panel: Panel, rng: np.random.Generator,
                          prior: _Prior) -> dict[str, dict[str, float]]:
    about = panel.indicators
    shared = about["shared_item"].value_counts()
    groups: dict[str, dict[str, float]] = {}
    items: dict[str, dict[str, float]] = {}
    result: dict[str, dict[str, float]] = {}
    for name in about.index:
        item = about.at[name, "shared_item"]
        paired = bool(item) and shared[item] > 1
        group = f"{about.at[name, 'latent']}/{'shared' if paired else about.at[name, 'member']}"
        if group not in groups:
            groups[group] = {key: prior.draw(key) for key in (
                "loading_mean", "loading_spread", "noise_mean", "noise_spread")}
        pool = groups[group]
        key = item if paired else name
        if key not in items:
            items[key] = {
                "intercept": prior.draw("intercept"),
                "loading": pool["loading_mean"] * np.exp(pool["loading_spread"]
                                                         * rng.standard_normal())}
        one = dict(items[key])
        if paired:
            one["intercept"] += prior.draw("member_deviation")
            one["loading"] *= np.exp(prior.draw("member_deviation"))
        if about.at[name, "own_error"]:
            one["noise"] = prior.draw("series_noise")
            one["own_error_half_life"] = prior.draw("own_error_half_life")
        else:
            one["noise"] = pool["noise_mean"] * np.exp(pool["noise_spread"]
                                                       * rng.standard_normal())
            one["own_error_half_life"] = np.nan
        result[name] = one
    return result


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
