r"""The benchmark's posterior in PyMC, written as PyMC's documentation teaches.

One likelihood statement an indicator, each with a named distribution; ``pm.AR`` for the monthly
series; pooled effects as a mean plus a spread times a standard normal; the sampler and the
settings that ``pm.sample`` takes by default.

Cohesion follows a moving target, which ``pm.AR`` cannot, so it is a ``pm.CustomDist`` whose
density is written down. ``pm.AR`` for its error with ``pytensor.scan`` for its expectation runs
as well, at twice the time for a gradient and three times that for compilation.

Invariant: the joint density is that of :func:`bayes_alliance.model.build_model` up to a change of
variables; nothing of :mod:`bayes_alliance.model` is used but the arrays of its design. Where an
item is put in the same words to both publics, its common value is a parameter here, as the model
file declares it; the package has integrated it out.

References
----------
Abril-Pla et al. 2023, PyMC: a modern and comprehensive probabilistic programming framework in
Python, PeerJ Computer Science 9:e1516.
"""

import os
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.model import build_design
from benchmarks.peers.common import PeerRun

__all__ = ["Index", "PymcIdiomatic", "build_model", "check_options", "indicator_index"]

_BOTH = (c.DIM_MEMBER, c.DIM_TIME)
# Parameters that a fit of the package does not report.
_HELPERS = (
    "administration_deviation_raw", "correlation_z", "credibility_series", "government_effect_raw",
    "intercept_deviation", "item_intercept", "loading_deviation", "loading_raw", "noise_raw",
    "series_noise", "threat_series", "wave_error_raw")


class PymcIdiomatic:
    """PyMC with the defaults of ``pm.sample``, which chooses nutpie where it is installed.

    Only the chains are four in place of one a core, for R-hat.
    """

    name = "pymc_idiomatic"

    def __init__(self) -> None:
        self.settings: dict[str, object] = {
            "chains": 4, "tune": 1000, "draws": 1000, "target_accept": 0.8, "max_depth": 10,
            "sampler": "NUTS of nutpie", "backend": "numba", "adaptation": "diag"}

    def build(self, spec: Any, panel: Any) -> float:
        """Build and compile the model as ``pm.sample`` does; return the seconds."""
        import nutpie

        started = time.perf_counter()
        self.model = build_model(spec, panel, build_design(spec, panel))
        self.compiled = nutpie.compile_pymc_model(self.model)
        return time.perf_counter() - started

    def gradient_seconds(self) -> float:
        """Return the median seconds of one log density with its gradient."""
        # The machine code that the sampler calls, without the checks of a call from Python.
        density = self.compiled.logp_func.vm.jit_fn
        shared = [value.get_value() for value in self.compiled.logp_func.get_shared()]
        rng = np.random.default_rng(1)
        found = []
        for _ in range(200):
            position = rng.normal(0.0, 0.1, self.compiled.n_dim)
            started = time.perf_counter()
            density(position, *shared)
            found.append(time.perf_counter() - started)
        return median(found)

    def sample(self, seed: int) -> PeerRun:
        """Sample with the call that ``pm.sample`` makes of nutpie.

        ``pm.sample`` itself would compile the same model again for every seed, which takes longer
        than a short run and which its clock leaves out.
        """
        import nutpie

        started = time.perf_counter()
        tree = nutpie.sample(
            self.compiled, draws=self.settings["draws"], tune=self.settings["tune"],
            chains=self.settings["chains"], cores=min(4, os.cpu_count() or 1), seed=seed,
            save_warmup=False, progress_bar=False)
        seconds = time.perf_counter() - started
        stats = tree["sample_stats"].to_dataset()[["n_steps", "diverging", "energy"]]
        return PeerRun(tree["posterior"].to_dataset().drop_vars(_HELPERS), stats, seconds)


@dataclass(frozen=True)
class Index:
    """Items and groups of indicators; indicators asked of both publics; those with own errors."""

    item: np.ndarray
    group: np.ndarray
    group_of_item: np.ndarray
    paired: np.ndarray
    pair: np.ndarray
    public: np.ndarray
    own: np.ndarray
    pooled: np.ndarray


def indicator_index(panel: Any, design: Any) -> Index:
    """Return the index arrays of a panel, from its codebook and the design's labels."""
    names, pairs = design.coords[c.DIM_INDICATOR], design.coords[c.DIM_SHARED]
    items, groups = design.coords[c.DIM_ITEM], design.coords[c.DIM_GROUP]
    about = panel.indicators.loc[names]
    shared = [word if word in pairs else "" for word in about["shared_item"]]
    item = [word or name for word, name in zip(shared, names, strict=True)]
    group = [f"{latent}/{'shared' if word else member}" for latent, word, member
             in zip(about["latent"], shared, about["member"], strict=True)]
    group_of = dict(zip(item, group, strict=True))
    paired = [k for k, word in enumerate(shared) if word]
    # Where the latent is the dyad's, the name tells which public was asked.
    first = panel.members[0]
    public = [int(about["member"].iloc[k] != first and not names[k].endswith(first))
              for k in paired]
    own = [names.index(name) for name in design.coords[c.DIM_OWN_ERROR]]
    pooled = [k for k in range(len(names)) if k not in own]
    return Index(*(np.array(values, dtype=np.int64) for values in (
        [items.index(word) for word in item], [groups.index(word) for word in group],
        [groups.index(group_of[word]) for word in items], paired,
        [pairs.index(shared[k]) for k in paired], public, own, pooled)))


def check_options(spec: Any) -> None:
    """Raise ``ValueError`` if a specification has structural options that no peer has."""
    head = spec.model
    found = (head.response, head.innovations, *head.dynamics.of_latents)
    allowed = ("adjustment", "normal", "ar1", "ar1", "ar1")
    if found != allowed:
        raise ValueError(f"response, innovations and dynamics of {head.name} are "
                         f"{', '.join(found)}; the peers have {', '.join(allowed)} only")


def build_model(spec: Any, panel: Any, design: Any) -> pm.Model:
    """Build the model under all paths and rivals.

    Raises
    ------
    ValueError
        If the specification has structural options that are not the benchmark's.
    """
    check_options(spec)
    index = indicator_index(panel, design)
    with pm.Model(coords=design.coords) as model:
        model.add_coord("pooled_indicator", [design.coords[c.DIM_INDICATOR][k]
                                             for k in index.pooled])
        states = _states(design, spec.priors)
        loading, intercept = _loadings(spec.priors, index), _intercepts(spec.priors, index)
        noise = _noise(spec.priors, index)
        predictors = _predictors(design, spec.priors, states, loading, intercept)
        _likelihood(design, spec.priors, predictors, noise)
    return model


def _normal(name: str, prior: Any, dims: Any = None) -> Any:
    return pm.Normal(name, mu=prior.mu, sigma=prior.sd, dims=dims)


def _log_normal(name: str, prior: Any, dims: Any = None) -> Any:
    return pm.LogNormal(name, mu=np.log(prior.median), sigma=prior.sd, dims=dims)


def _non_centred(name: str, spread: Any, dims: Any) -> Any:
    raw = pm.Normal(f"{name}_raw", 0.0, 1.0, dims=dims)
    return pm.Deterministic(name, spread * raw, dims=dims)


def _states(design: Any, priors: Any) -> list[Any]:
    """Return threat of both members, credibility of both members, cohesion; each (time,)."""
    data = design.data
    half_life = pm.Deterministic(c.VAR_HALF_LIFE, pt.stack([
        _log_normal(f"half_life_{latent}", getattr(priors, f"half_life_{latent}"))
        for latent in c.LATENTS]), dims=c.DIM_CONSTRUCT)
    phi = 0.5 ** (1.0 / half_life)
    sigma = pt.sqrt(1.0 - phi**2)
    z = _normal("correlation_z", priors.correlation, c.DIM_PAIR)
    rho = pm.Deterministic(c.VAR_CORRELATION, pt.tanh(z), dims=c.DIM_PAIR)
    level = _normal(c.VAR_LEVEL_SECOND, priors.second_member_level, c.DIM_PAIR)
    scale = _log_normal(c.VAR_SCALE_SECOND, priors.second_member_scale, c.DIM_PAIR)

    def pair(name: str, k: int, size: Any, pushed: Any) -> Any:
        unit = pm.AR(f"{name}_series", rho=phi[k][None], sigma=sigma[k],
                     init_dist=pm.Normal.dist(0.0, 1.0), dims=_BOTH)
        second = rho[k] * unit[0] + pt.sqrt(1.0 - rho[k] ** 2) * unit[1]
        return pm.Deterministic(name, pt.stack([
            pushed[0] + size * unit[0], level[k] + pushed[1] + size * scale[k] * second]),
            dims=_BOTH)

    driver = _normal(c.VAR_DRIVER_LOADING, priors.driver_loading, (c.DIM_MEMBER, c.DIM_DRIVER))
    threat = pair(c.THREAT, 0, 1.0, driver @ data["driver_stock"])
    effect = _normal(c.VAR_ADMINISTRATION_EFFECT, priors.administration_effect,
                     c.DIM_ADMINISTRATION)
    spread = _log_normal(c.VAR_ADMINISTRATION_DEVIATION_SD, priors.administration_deviation_sd)
    deviation = _non_centred(c.VAR_ADMINISTRATION_DEVIATION, spread,
                             (c.DIM_MEMBER, c.DIM_ADMINISTRATION))
    size = _log_normal(c.VAR_CREDIBILITY_SD, priors.credibility_series_sd)
    credibility = pair(c.CREDIBILITY, 1, size,
                       (effect + deviation) @ data["administration_months"])
    wanted = _long_run(data, priors, threat, credibility)
    cohesion = pm.CustomDist(c.COHESION, wanted, phi[2], sigma[2], logp=_adjustment,
                             signature="(t),(),()->(t)", dims=c.DIM_TIME)
    return [threat[0], threat[1], credibility[0], credibility[1], cohesion]


def _long_run(data: Any, priors: Any, threat: Any, credibility: Any) -> Any:
    """Return the level that cohesion adjusts to, shape (time,)."""
    coefficient = _normal(c.VAR_COEFFICIENT, priors.coefficient, c.DIM_COEFFICIENT)
    rival = _normal(c.VAR_RIVAL_EFFECT, priors.rival_effect, c.DIM_RIVAL)
    spread = pm.HalfNormal(c.VAR_GOVERNMENT_SD, priors.government_sd.sd)
    government = _non_centred(c.VAR_GOVERNMENT_EFFECT, spread, c.DIM_GOVERNMENT)
    wanted = rival @ data["rival_stock"] + government @ data["government_months"]
    for k, pair in enumerate((threat, credibility)):
        gap = pt.sqrt((pair[0] - pair[1]) ** 2 + c.SOFTABS_WIDTH**2) - c.SOFTABS_WIDTH
        wanted += coefficient[2 * k] * pair.mean(axis=0) - coefficient[2 * k + 1] * gap / 2
    return wanted


def _adjustment(value: Any, wanted: Any, phi: Any, sigma: Any) -> Any:
    """Return the log density of a series that closes a share of its gap to a target a month."""
    start = pm.Normal.dist(wanted[0], 1.0)
    later = pm.Normal.dist(phi * value[:-1] + (1.0 - phi) * wanted[1:], sigma)
    return pm.logp(start, value[0]) + pm.logp(later, value[1:]).sum()


def _with_members(name: str, item: Any, priors: Any, index: Index) -> Any:
    """Return items' values by indicator, each public of a pair with a deviation of its own."""
    own = pm.Normal(f"{name}_deviation", 0.0, priors.member_deviation.sd,
                    dims=(c.DIM_SHARED, c.DIM_MEMBER))
    pm.Deterministic(f"member_{name}", (own[:, 0] - own[:, 1]) / 2, dims=c.DIM_SHARED)
    return item[index.item][index.paired].inc(own[index.pair, index.public])


def _loadings(priors: Any, index: Index) -> Any:
    mean = _log_normal("loading_mean", priors.loading_mean, c.DIM_GROUP)
    spread = _log_normal("loading_spread", priors.loading_spread, c.DIM_GROUP)
    raw = pm.Normal("loading_raw", 0.0, 1.0, dims=c.DIM_ITEM)
    item = pt.log(mean)[index.group_of_item] + spread[index.group_of_item] * raw
    return pm.Deterministic(c.VAR_LOADING, pt.exp(_with_members("loading", item, priors, index)),
                            dims=c.DIM_INDICATOR)


def _intercepts(priors: Any, index: Index) -> Any:
    item = _normal("item_intercept", priors.intercept, c.DIM_ITEM)
    return pm.Deterministic(c.VAR_INTERCEPT, _with_members("intercept", item, priors, index),
                            dims=c.DIM_INDICATOR)


def _noise(priors: Any, index: Index) -> Any:
    mean = _log_normal("noise_mean", priors.noise_mean, c.DIM_GROUP)
    spread = _log_normal("noise_spread", priors.noise_spread, c.DIM_GROUP)
    raw = pm.Normal("noise_raw", 0.0, 1.0, dims="pooled_indicator")
    series = _log_normal("series_noise", priors.series_noise, c.DIM_OWN_ERROR)
    group = index.group[index.pooled]
    noise = pt.zeros(index.item.size)[index.pooled].set(mean[group] * pt.exp(spread[group] * raw))
    return pm.Deterministic(c.VAR_NOISE, noise[index.own].set(series), dims=c.DIM_INDICATOR)


def _predictors(design: Any, priors: Any, states: list[Any], loading: Any,
                intercept: Any) -> dict[str, tuple[np.ndarray, Any]]:
    """Return each observed indicator's rows and their predictor, shape (its rows,)."""
    data = design.data
    offset = _normal(c.VAR_MODE_OFFSET, priors.mode_offset, c.DIM_OFFSET)
    season = pm.ZeroSumNormal(c.VAR_SEASON, sigma=priors.season.sd,
                              dims=(c.DIM_SEASONAL, c.DIM_MONTH))
    wave = _non_centred(c.VAR_WAVE_ERROR, _log_normal(c.VAR_WAVE_SD, priors.wave_sd), c.DIM_WAVE)
    covariate = _normal(c.VAR_COVARIATE_EFFECT, priors.covariate_effect, c.DIM_COVARIATE)
    nuisances = {"offset_cell": offset, "season_cell": season.flatten(), "wave_cell": wave}
    found = {}
    for k, name in enumerate(design.coords[c.DIM_INDICATOR]):
        rows = np.flatnonzero(data["row_indicator"] == k)
        if not rows.size:
            continue
        state = _mean_state(states[data["row_series"][rows[0]]], data["first"][rows],
                            data["stop"][rows])
        mu = intercept[k] + data["oriented"][rows[0]] * loading[k] * state
        for cell, effect in nuisances.items():
            place = data[cell][rows]
            has = np.flatnonzero(place)
            if has.size:
                mu = mu[has].inc(effect[place[has] - 1])
        terms = data["covariate_design"][rows]
        if terms.any():
            mu += terms @ covariate
        found[name] = rows, mu
    return found


def _mean_state(state: Any, first: np.ndarray, stop: np.ndarray) -> Any:
    """Return the mean of a monthly state over half-open periods."""
    if (stop == first + 1).all():
        return state[first]
    month = np.arange(stop.max())
    within = (month >= first[:, None]) & (month < stop[:, None])
    return (within / within.sum(axis=1, keepdims=True)) @ state[:month.size]


def _likelihood(design: Any, priors: Any, predictors: dict[str, tuple[np.ndarray, Any]],
                noise: Any) -> None:
    names, owned = design.coords[c.DIM_INDICATOR], design.coords[c.DIM_OWN_ERROR]
    family = design.rows["family"].to_numpy()
    half_life = _log_normal(c.VAR_OWN_HALF_LIFE, priors.own_error_half_life, c.DIM_OWN_ERROR)
    counted = [name for name in predictors if family[predictors[name][0][0]] == "binomial"]
    sizes = [predictors[name][0].size for name in counted]
    which = np.repeat([names.index(name) for name in counted], sizes)
    every = pm.Normal(c.VAR_OBSERVATION_LOGIT, pt.concatenate(
        [predictors[name][1] for name in counted]), noise[which], dims=c.DIM_OBSERVATION)
    logit = iter([every[stop - size:stop]
                  for size, stop in zip(sizes, np.cumsum(sizes), strict=True)])
    for name, (rows, mu) in predictors.items():
        label, y = f"observed_{name}", design.data["y"][rows]
        n, sigma = design.data["n"][rows].astype(int), noise[names.index(name)]
        if name in owned:
            gap = design.data["gap"][rows]
            mu, sigma = _given_before(y, mu, sigma, half_life[owned.index(name)], gap)
        match family[rows[0]]:
            case "normal":
                pm.Normal(label, mu, sigma, observed=y)
            case "student_t":
                pm.StudentT(label, nu=priors.student_t_noise_df, mu=mu, sigma=sigma, observed=y)
            case "beta_binomial":
                share, total = pm.math.sigmoid(mu), 4.0 / sigma**2
                pm.BetaBinomial(label, alpha=total * share, beta=total * (1.0 - share), n=n,
                                observed=y.astype(int))
            case "binomial":
                pm.Binomial(label, n=n, logit_p=next(logit), observed=y.astype(int))
            case other:
                raise ValueError(f"{name} is of family {other!r}, which is not in the benchmark")


def _given_before(y: np.ndarray, mu: Any, sigma: Any, half_life: Any, gap: np.ndarray) -> Any:
    """Return mean and scale of every observation given the one before it."""
    kept = 0.5 ** (gap[1:] / half_life)
    mean = pt.concatenate([mu[:1], mu[1:] + kept * (y[:-1] - mu[:-1])])
    return mean, pt.concatenate([sigma[None], sigma * pt.sqrt(1.0 - kept**2)])
