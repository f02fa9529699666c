"""An independent simulator: the model written a second time, in NumPy, month by month.

Invariant: nothing of :mod:`bayes_alliance.model` or of anything built on it is imported here, so
that a fault in the model cannot hide by standing in both places. Parameters are drawn from the
priors of the specification; rows, periods, sample sizes and gaps are the panel's own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayes_alliance.checks.observe import OF_INDICATOR, observe
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
        Every parameter under the name it has in a fit: arrays such as ``coefficient`` (4),
        ``threat`` and ``credibility`` (2, T), ``cohesion`` (T), ``half_life`` (3); dicts such as
        ``loading`` by indicator, ``government_effect`` by (member, government), ``season`` (12)
        by indicator, ``covariate_effect`` by (indicator, covariate), ``mode_offset`` by
        (indicator, mode), ``wave_error`` by wave; ``observation_logit`` by row of the panel, NaN
        where the family has a noise of its own.
    """

    panel: Panel
    truth: dict[str, Any]


class _Prior:
    """Draws from the priors of a specification."""

    def __init__(self, spec: ModelSpec, rng: np.random.Generator) -> None:
        self._priors = spec.priors
        self._rng = rng

    def standard_normal(self) -> float:
        return float(self._rng.standard_normal())

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
    truth.update(_measurement(spec, panel, rng, prior))
    return Simulated(*observe(spec, panel, truth, rng))


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
    shocks = _shocks(spec, rng, months)
    trend_sd = prior.draw("trend_sd")
    kinds = spec.series_dynamics
    unit = np.stack([_series(prior, half_life[(0, 0, 1, 1, 2)[s]], kinds[s], trend_sd, shocks[s])
                     for s in range(5)])
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
        "administration_deviation": deviation, "administration_deviation_sd": spread,
        "credibility_series_sd": own, "threat": threat, "credibility": credibility}
    truth["coefficient"] = (prior.draw("coefficient", 4) if coefficient is None
                            else np.asarray(coefficient, dtype=float))
    truth["trend_sd"] = trend_sd
    truth["cohesion"] = _cohesion(spec, panel, rng, prior, hypothesis, truth, half_life[2],
                                  shocks[4], unit[4])
    return truth


def _series(prior: _Prior, half_life: float, kind: str, trend_sd: float,
            shock: np.ndarray) -> np.ndarray:
    """Walk one series through the months."""
    fade = 0.5 ** (1.0 / half_life)
    size = np.sqrt(1 - fade**2)
    keep = fade if kind == "ar1" else 1.0
    slope = prior.draw("trend_start") if kind == "local_trend" else 0.0
    series = np.zeros(len(shock))
    series[0] = shock[0]
    for t in range(1, len(shock)):
        series[t] = keep * series[t - 1] + slope + size * shock[t]
        if kind == "local_trend":
            slope += trend_sd * prior.standard_normal()
    return series


def _cohesion(spec: ModelSpec, panel: Panel, rng: np.random.Generator, prior: _Prior,
              hypothesis: str, truth: dict[str, Any], half_life: float,
              shock: np.ndarray, error: np.ndarray) -> np.ndarray:
    chosen = spec.hypotheses[hypothesis]
    b = truth["coefficient"]
    rival = prior.draw("rival_effect", panel.rivals.shape[1])
    sd = prior.draw("government_sd")
    effects: dict[tuple[str, str], float] = {}
    for member in panel.members:
        for label in dict.fromkeys(panel.governments[member]):
            effects[member, label] = sd * rng.standard_normal()
    truth["rival_effect"], truth["government_sd"] = rival, sd
    truth["government_effect"] = effects
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
    phi = 0.5 ** (1.0 / half_life)
    noise = np.sqrt(1 - phi**2)
    if spec.model.response == "adjustment":
        cohesion[0] = wanted[0] + shock[0]
        for t in range(1, months):
            cohesion[t] = phi * cohesion[t - 1] + (1 - phi) * wanted[t] + noise * shock[t]
    else:
        cohesion = wanted + error
    return cohesion


def _measurement(spec: ModelSpec, panel: Panel, rng: np.random.Generator,
                 prior: _Prior) -> dict[str, Any]:
    about = panel.indicators
    parameters = _indicator_parameters(panel, rng, prior)
    modes = {(row.indicator, about.at[row.indicator, "mode_changes"][row.mode - 1][1])
             for row in panel.rows.itertuples() if row.mode}
    found: dict[str, Any] = {
        key: {name: one[key] for name, one in parameters.items() if key in one}
        for key in OF_INDICATOR}
    found["wave_sd"] = prior.draw("wave_sd")
    found["season"] = {name: _season(spec, rng) for name in about.index
                       if about.at[name, "season"]}
    found["covariate_effect"] = {
        (name, covariate): prior.draw("covariate_effect") for name in about.index
        for covariate in about.at[name, "covariates"]}
    found["mode_offset"] = {key: prior.draw("mode_offset") for key in sorted(modes)}
    return found


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
        result[name] = one
    return result
