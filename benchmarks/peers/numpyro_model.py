r"""The benchmark's posterior in NumPyro on JAX.

Everything pooled and every monthly series is non-centred; the recursions are ``jax.lax.scan``;
all rows of a family are one likelihood statement, which is what vectorises. NUTS has its defaults.

Invariant: the joint density is that of :func:`bayes_alliance.model.build_model` up to a change of
variables, in 64-bit numbers; nothing of :mod:`bayes_alliance.model` is used but the arrays of its
design. Importing this module sets JAX to 64 bit and to one CPU device a chain, which has an effect
only before JAX is first used.

References
----------
Phan, Pradhan and Jankowiak 2019, Composable effects for flexible and accelerated probabilistic
programming in NumPyro, arXiv:1912.11554.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr
from numpyro.infer import MCMC, NUTS, init_to_median
from numpyro.infer.util import initialize_model

from bayes_alliance import constants as c
from bayes_alliance.model import build_design
from benchmarks.peers.common import PeerRun
from benchmarks.peers.pymc_idiomatic import Index, check_options, indicator_index

__all__ = ["CHAINS", "NumpyroModel", "make_model"]

CHAINS = 4
numpyro.enable_x64()
numpyro.set_host_device_count(CHAINS)

_FIELDS = ("num_steps", "diverging", "energy")
_BOTH = (c.DIM_MEMBER, c.DIM_TIME)
# What a fit of the package reports, with its dims.
_REPORTED: dict[str, tuple[str, ...]] = {
    "half_life_threat": (), "half_life_credibility": (), "half_life_cohesion": (),
    c.VAR_HALF_LIFE: (c.DIM_CONSTRUCT,), c.VAR_CORRELATION: (c.DIM_PAIR,),
    c.VAR_LEVEL_SECOND: (c.DIM_PAIR,), c.VAR_SCALE_SECOND: (c.DIM_PAIR,),
    c.VAR_DRIVER_LOADING: (c.DIM_MEMBER, c.DIM_DRIVER),
    c.VAR_ADMINISTRATION_EFFECT: (c.DIM_ADMINISTRATION,),
    c.VAR_ADMINISTRATION_DEVIATION_SD: (),
    c.VAR_ADMINISTRATION_DEVIATION: (c.DIM_MEMBER, c.DIM_ADMINISTRATION),
    c.VAR_CREDIBILITY_SD: (), c.VAR_COEFFICIENT: (c.DIM_COEFFICIENT,),
    c.VAR_RIVAL_EFFECT: (c.DIM_RIVAL,), c.VAR_GOVERNMENT_SD: (),
    c.VAR_GOVERNMENT_EFFECT: (c.DIM_GOVERNMENT,), c.THREAT: _BOTH, c.CREDIBILITY: _BOTH,
    c.COHESION: (c.DIM_TIME,), "loading_mean": (c.DIM_GROUP,), "loading_spread": (c.DIM_GROUP,),
    c.VAR_LOADING: (c.DIM_INDICATOR,), "member_loading": (c.DIM_SHARED,),
    c.VAR_INTERCEPT: (c.DIM_INDICATOR,), "member_intercept": (c.DIM_SHARED,),
    "noise_mean": (c.DIM_GROUP,), "noise_spread": (c.DIM_GROUP,), c.VAR_NOISE: (c.DIM_INDICATOR,),
    c.VAR_OWN_HALF_LIFE: (c.DIM_OWN_ERROR,), c.VAR_MODE_OFFSET: (c.DIM_OFFSET,),
    c.VAR_SEASON: (c.DIM_SEASONAL, c.DIM_MONTH), c.VAR_WAVE_SD: (),
    c.VAR_WAVE_ERROR: (c.DIM_WAVE,), c.VAR_COVARIATE_EFFECT: (c.DIM_COVARIATE,),
    c.VAR_OBSERVATION_LOGIT: (c.DIM_OBSERVATION,)}


class NumpyroModel:
    """NUTS of NumPyro, a CPU device a chain, with its defaults but for the start.

    By default a chain starts uniformly between -2 and 2, of logarithms where a parameter is
    positive, which allows spreads of e^2 in log loadings; of sixteen chains one stayed where it
    started, at an infinite energy. So the chains start at the median of a few prior draws.

    Attributes
    ----------
    name : str
    settings : dict of str to object
        NumPyro has no default number of chains or draws: four chains of 1,000 and 1,000.
    """

    name = "numpyro"

    def __init__(self) -> None:
        self.settings: dict[str, object] = {
            "chains": CHAINS, "tune": 1000, "draws": 1000, "target_accept": 0.8, "max_depth": 10,
            "chain_method": "parallel", "host_devices": CHAINS, "dense_mass": False,
            "start": "init_to_median"}

    def build(self, spec: Any, panel: Any) -> float:
        """Trace and compile the sampler of all chains; return the seconds."""
        started = time.perf_counter()
        design = build_design(spec, panel)
        self.coords, self.model = design.coords, make_model(spec, panel, design)
        settings = self.settings

        def chain(key: Any) -> Any:
            kernel = NUTS(self.model, init_strategy=init_to_median)
            mcmc = MCMC(kernel, num_warmup=settings["tune"], num_samples=settings["draws"],
                        progress_bar=False)
            mcmc.run(key, extra_fields=_FIELDS)
            kept = {name: value for name, value in mcmc.get_samples().items() if name in _REPORTED}
            return kept, mcmc.get_extra_fields()

        self.program = jax.pmap(chain).lower(self._keys(0)).compile()
        return time.perf_counter() - started

    def gradient_seconds(self) -> float:
        """Return the median seconds of one log density with its gradient."""
        start = initialize_model(jax.random.key(1), self.model, init_strategy=init_to_median)
        density = jax.jit(jax.value_and_grad(start.potential_fn))
        place, found = start.param_info.z, []
        jax.block_until_ready(density(place))
        for _ in range(200):
            started = time.perf_counter()
            jax.block_until_ready(density(place))
            found.append(time.perf_counter() - started)
        return median(found)

    def sample(self, seed: int) -> PeerRun:
        """Sample all chains side by side."""
        started = time.perf_counter()
        draws, fields = jax.block_until_ready(self.program(self._keys(seed)))
        seconds = time.perf_counter() - started
        labels = {dim: self.coords[dim] for dims in _REPORTED.values() for dim in dims}
        posterior = xr.Dataset({name: (("chain", "draw", *_REPORTED[name]), np.asarray(value))
                                for name, value in draws.items()}, coords=labels)
        stats = {name: (("chain", "draw"), np.asarray(fields[name])) for name in _FIELDS}
        return PeerRun(posterior, xr.Dataset(stats).rename(num_steps="n_steps"), seconds)

    def _keys(self, seed: int) -> Any:
        return jax.random.split(jax.random.key(seed), int(self.settings["chains"]))


def make_model(spec: Any, panel: Any, design: Any) -> Callable[[], None]:
    """Return the NumPyro model under all paths and rivals.

    Raises
    ------
    ValueError
        If the specification has structural options that are not the benchmark's.
    """
    check_options(spec)
    index, priors = indicator_index(panel, design), spec.priors
    sizes = {dim: len(labels) for dim, labels in design.coords.items()}

    def model() -> None:
        states = _states(design.data, priors, sizes)
        loading, intercept = _loadings(priors, index, sizes), _intercepts(priors, index, sizes)
        noise = _noise(priors, index, sizes)
        mu = _predictor(design, priors, sizes, states, loading, intercept)
        _likelihood(design, priors, index, sizes, mu, noise)

    return model


def _sample(name: str, prior: Any, *shape: int) -> Any:
    """Add independent values of one prior."""
    return numpyro.sample(name, prior.expand(shape).to_event(len(shape)))


def _normal(name: str, prior: Any, *shape: int) -> Any:
    return _sample(name, dist.Normal(prior.mu, prior.sd), *shape)


def _log_normal(name: str, prior: Any, *shape: int) -> Any:
    return _sample(name, dist.LogNormal(np.log(prior.median), prior.sd), *shape)


def _standard(name: str, *shape: int) -> Any:
    return _sample(name, dist.Normal(0.0, 1.0), *shape)


def _recursion(phi: Any, entering: Any) -> Any:
    """Return x with x[t] = phi x[t-1] + entering[t], along the first axis."""

    def step(before: Any, now: Any) -> Any:
        value = phi * before + now
        return value, value

    return jax.lax.scan(step, jnp.zeros_like(entering[0]), entering)[1]


def _states(data: Any, priors: Any, sizes: dict[str, int]) -> Any:
    """Return threat of both members, credibility of both members, cohesion; (series, time)."""
    members, months = sizes[c.DIM_MEMBER], sizes[c.DIM_TIME]
    half_life = numpyro.deterministic(c.VAR_HALF_LIFE, jnp.stack([
        _log_normal(f"half_life_{latent}", getattr(priors, f"half_life_{latent}"))
        for latent in c.LATENTS]))
    phi = 0.5 ** (1.0 / half_life)
    sigma = jnp.sqrt(1.0 - phi**2)
    z = _normal("correlation_z", priors.correlation, sizes[c.DIM_PAIR])
    rho = numpyro.deterministic(c.VAR_CORRELATION, jnp.tanh(z))
    level = _normal(c.VAR_LEVEL_SECOND, priors.second_member_level, sizes[c.DIM_PAIR])
    scale = _log_normal(c.VAR_SCALE_SECOND, priors.second_member_scale, sizes[c.DIM_PAIR])
    shock = jnp.stack([_standard(f"{name}_innovation", members, months) for name in c.PATHS])
    entering = jnp.concatenate([shock[..., :1], sigma[:2, None, None] * shock[..., 1:]], axis=-1)
    unit = jnp.moveaxis(_recursion(phi[:2, None], jnp.moveaxis(entering, -1, 0)), 0, -1)
    driver = _normal(c.VAR_DRIVER_LOADING, priors.driver_loading, members, sizes[c.DIM_DRIVER])
    office = _offices(data, priors, sizes)
    size = _log_normal(c.VAR_CREDIBILITY_SD, priors.credibility_series_sd)

    def pair(name: str, k: int, size: Any, pushed: Any) -> Any:
        second = rho[k] * unit[k, 0] + jnp.sqrt(1.0 - rho[k] ** 2) * unit[k, 1]
        return numpyro.deterministic(name, jnp.stack([
            pushed[0] + size * unit[k, 0], level[k] + pushed[1] + size * scale[k] * second]))

    threat = pair(c.THREAT, 0, 1.0, driver @ data["driver_stock"])
    credibility = pair(c.CREDIBILITY, 1, size, office)
    wanted = _long_run(data, priors, sizes, threat, credibility)
    shock = _standard("cohesion_innovation", months)
    entering = jnp.concatenate([wanted[:1] + shock[:1],
                                (1.0 - phi[2]) * wanted[1:] + sigma[2] * shock[1:]])
    cohesion = numpyro.deterministic(c.COHESION, _recursion(phi[2], entering))
    return jnp.concatenate([threat, credibility, cohesion[None]])


def _offices(data: Any, priors: Any, sizes: dict[str, int]) -> Any:
    """Return the administrations' part of credibility, shape (member, time)."""
    count = sizes[c.DIM_ADMINISTRATION]
    effect = _normal(c.VAR_ADMINISTRATION_EFFECT, priors.administration_effect, count)
    spread = _log_normal(c.VAR_ADMINISTRATION_DEVIATION_SD, priors.administration_deviation_sd)
    raw = _standard("administration_deviation_raw", sizes[c.DIM_MEMBER], count)
    deviation = numpyro.deterministic(c.VAR_ADMINISTRATION_DEVIATION, spread * raw)
    return (effect + deviation) @ data["administration_months"]


def _long_run(data: Any, priors: Any, sizes: dict[str, int], threat: Any,
              credibility: Any) -> Any:
    """Return the level that cohesion adjusts to, shape (time,)."""
    coefficient = _normal(c.VAR_COEFFICIENT, priors.coefficient, sizes[c.DIM_COEFFICIENT])
    rival = _normal(c.VAR_RIVAL_EFFECT, priors.rival_effect, sizes[c.DIM_RIVAL])
    spread = numpyro.sample(c.VAR_GOVERNMENT_SD, dist.HalfNormal(priors.government_sd.sd))
    raw = _standard("government_effect_raw", sizes[c.DIM_GOVERNMENT])
    government = numpyro.deterministic(c.VAR_GOVERNMENT_EFFECT, spread * raw)
    wanted = rival @ data["rival_stock"] + government @ data["government_months"]
    for k, pair in enumerate((threat, credibility)):
        gap = jnp.sqrt((pair[0] - pair[1]) ** 2 + c.SOFTABS_WIDTH**2) - c.SOFTABS_WIDTH
        wanted += coefficient[2 * k] * pair.mean(axis=0) - coefficient[2 * k + 1] * gap / 2
    return wanted


def _with_members(name: str, item: Any, priors: Any, index: Index, sizes: dict[str, int]) -> Any:
    """Return items' values by indicator, each public of a pair with a deviation of its own."""
    own = _sample(f"{name}_deviation", dist.Normal(0.0, priors.member_deviation.sd),
                  sizes[c.DIM_SHARED], sizes[c.DIM_MEMBER])
    numpyro.deterministic(f"member_{name}", (own[:, 0] - own[:, 1]) / 2)
    return item[index.item].at[index.paired].add(own[index.pair, index.public])


def _loadings(priors: Any, index: Index, sizes: dict[str, int]) -> Any:
    mean = _log_normal("loading_mean", priors.loading_mean, sizes[c.DIM_GROUP])
    spread = _log_normal("loading_spread", priors.loading_spread, sizes[c.DIM_GROUP])
    raw = _standard("loading_raw", sizes[c.DIM_ITEM])
    item = jnp.log(mean)[index.group_of_item] + spread[index.group_of_item] * raw
    value = jnp.exp(_with_members("loading", item, priors, index, sizes))
    return numpyro.deterministic(c.VAR_LOADING, value)


def _intercepts(priors: Any, index: Index, sizes: dict[str, int]) -> Any:
    item = _normal("item_intercept", priors.intercept, sizes[c.DIM_ITEM])
    value = _with_members("intercept", item, priors, index, sizes)
    return numpyro.deterministic(c.VAR_INTERCEPT, value)


def _noise(priors: Any, index: Index, sizes: dict[str, int]) -> Any:
    mean = _log_normal("noise_mean", priors.noise_mean, sizes[c.DIM_GROUP])
    spread = _log_normal("noise_spread", priors.noise_spread, sizes[c.DIM_GROUP])
    raw = _standard("noise_raw", index.pooled.size)
    series = _log_normal("series_noise", priors.series_noise, sizes[c.DIM_OWN_ERROR])
    group = index.group[index.pooled]
    noise = jnp.zeros(index.item.size).at[index.pooled].set(
        mean[group] * jnp.exp(spread[group] * raw))
    return numpyro.deterministic(c.VAR_NOISE, noise.at[index.own].set(series))


def _predictor(design: Any, priors: Any, sizes: dict[str, int], states: Any, loading: Any,
               intercept: Any) -> Any:
    """Return the predictor of every row, shape (row,)."""
    data, indicator = design.data, design.data["row_indicator"]
    offset = _normal(c.VAR_MODE_OFFSET, priors.mode_offset, sizes[c.DIM_OFFSET])
    season = numpyro.sample(c.VAR_SEASON, dist.ZeroSumNormal(
        priors.season.sd, event_shape=(sizes[c.DIM_MONTH],)).expand(
            (sizes[c.DIM_SEASONAL],)).to_event(1))
    spread = _log_normal(c.VAR_WAVE_SD, priors.wave_sd)
    raw = _standard("wave_error_raw", sizes[c.DIM_WAVE])
    wave = numpyro.deterministic(c.VAR_WAVE_ERROR, spread * raw)
    covariate = _normal(c.VAR_COVARIATE_EFFECT, priors.covariate_effect, sizes[c.DIM_COVARIATE])
    # A row's months, one after the other, and the row that each belongs to.
    length = data["stop"] - data["first"]
    row = np.repeat(np.arange(length.size), length)
    month = np.concatenate([np.arange(*ends) for ends in zip(data["first"], data["stop"],
                                                             strict=True)])
    total = jax.ops.segment_sum(states[data["row_series"][row], month], row, length.size,
                                indices_are_sorted=True)
    mu = intercept[indicator] + data["oriented"] * loading[indicator] * total / length
    for cell, effect in (("offset_cell", offset), ("season_cell", season.ravel()),
                         ("wave_cell", wave)):
        mu += jnp.concatenate([jnp.zeros(1), effect])[data[cell]]
    return mu + data["covariate_design"] @ covariate


def _likelihood(design: Any, priors: Any, index: Index, sizes: dict[str, int], mu: Any,
                noise: Any) -> None:
    data = design.data
    half_life = _log_normal(c.VAR_OWN_HALF_LIFE, priors.own_error_half_life,
                            sizes[c.DIM_OWN_ERROR])
    sigma = noise[data["row_indicator"]]
    # Where a row has one before it in its indicator's own error, it is given that one.
    every = jnp.ones(index.item.size).at[index.own].set(half_life)
    kept = data["has_previous"] * 0.5 ** (data["gap"] / every[data["row_indicator"]])
    before = data["previous_row"]
    mean = mu + kept * (data["y"][before] - mu[before])
    scale = sigma * jnp.sqrt(1.0 - kept**2)
    for family, rows in design.blocks.items():
        label, y, n = f"observed_{family}", data["y"][rows], data["n"][rows]
        match family:
            case "normal":
                numpyro.sample(label, dist.Normal(mean[rows], scale[rows]), obs=y)
            case "student_t":
                numpyro.sample(label, dist.StudentT(priors.student_t_noise_df, mean[rows],
                                                    scale[rows]), obs=y)
            case "beta_binomial":
                share, total = jax.nn.sigmoid(mu[rows]), 4.0 / sigma[rows] ** 2
                numpyro.sample(label, dist.BetaBinomial(
                    total * share, total * (1.0 - share), total_count=n.astype(int)), obs=y)
            case "binomial":
                logit = numpyro.sample(c.VAR_OBSERVATION_LOGIT,
                                       dist.Normal(mu[rows], sigma[rows]).to_event(1))
                numpyro.sample(label, dist.Binomial(n.astype(int), logits=logit), obs=y)
            case other:
                raise ValueError(f"rows of family {other!r}, which is not in the benchmark")
