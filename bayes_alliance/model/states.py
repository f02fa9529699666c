r"""The latent states: threat perception, credibility and cohesion, month by month.

With :math:`r_{s,t}` the monthly series of :mod:`bayes_alliance.model.series`,

.. math::
    \theta_{A,t} &= r_{1,t} + \Gamma_A x_t \\
    \theta_{B,t} &= \ell_\theta + s_\theta (\rho_\theta r_{1,t}
        + \sqrt{1-\rho_\theta^2}\, r_{2,t}) + \Gamma_B x_t \\
    \kappa_{m,t} &= \ell_{\kappa,m} + \alpha_{u(t)} + d_{m,u(t)} + \sigma_\kappa s_{\kappa,m}
        r^\kappa_{m,t}

and cohesion adjusts to its long-run level :math:`P_t` or follows it with an autoregressive error.

Invariant: nothing here is centred or scaled with moments of the window; the first member's
threat starts with mean zero and unit variance, and keeps them if stationary, apart from the
events that move it.
"""

from dataclasses import dataclass
from typing import Any

import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.model.design import Options
from bayes_alliance.model.kernels import autoregression
from bayes_alliance.model.prior_numbers import PriorNumbers
from bayes_alliance.model.series import Law, add_slopes, persistence, unit_series

__all__ = ["Scaffold", "add_scaffold", "add_states"]


@dataclass(frozen=True)
class Scaffold:
    """Everything about the states that is not a monthly series.

    Attributes
    ----------
    half_life : tensor of float, shape (construct,)
        Of threat, credibility and cohesion, in months.
    first_path, second_path : tensor of float, shape (pair, time)
        What moves threat and credibility of the first and the second member apart from the
        series: events, level, administrations.
    rivals : tensor of float, shape (time,)
        What disputes and governments add to the long-run level of cohesion.
    correlation, level, second_scale, size : tensor of float, shape (pair,)
        Correlation between the members' series; level and scale of the second member's; scale
        of both.
    """

    half_life: Any
    first_path: Any
    second_path: Any
    rivals: Any
    correlation: Any
    second_scale: Any
    size: Any


def add_scaffold(data: dict[str, Any], prior: PriorNumbers, reference_loading: Any) -> Scaffold:
    """Add the parameters of the states to the current PyMC model.

    Parameters
    ----------
    data : dict of str to tensor
        The design's arrays as mutable data.
    prior : PriorNumbers
        Numbers of the priors.
    reference_loading : tensor of float, shape ()
        Loading of the best observed credibility item, in whose units the administrations'
        effects are sampled.
    """
    half_life = pm.Deterministic(
        c.VAR_HALF_LIFE,
        pt.stack([prior.log_normal_variable(f"half_life_{latent}") for latent in c.LATENTS]),
        dims=c.DIM_CONSTRUCT)
    correlation_z = pm.Normal("correlation_z", prior["correlation.mu"], prior["correlation.sd"],
                              dims=c.DIM_PAIR)
    correlation = pm.Deterministic(c.VAR_CORRELATION, pt.tanh(correlation_z), dims=c.DIM_PAIR)
    level = pm.Normal(c.VAR_LEVEL_SECOND, prior["second_member_level.mu"],
                      prior["second_member_level.sd"], dims=c.DIM_PAIR)
    second_scale = prior.log_normal_variable(c.VAR_SCALE_SECOND, dims=c.DIM_PAIR)
    loading = pm.Normal(c.VAR_DRIVER_LOADING, prior["driver_loading.mu"],
                        prior["driver_loading.sd"], dims=(c.DIM_MEMBER, c.DIM_DRIVER))
    pushed = loading @ data["driver_stock"]
    effect = _administration_effects(data, prior, reference_loading)
    spread = prior.log_normal_variable(c.VAR_ADMINISTRATION_DEVIATION_SD)
    raw = pm.Normal("administration_deviation_raw", dims=(c.DIM_MEMBER, c.DIM_ADMINISTRATION))
    deviation = pm.Deterministic(c.VAR_ADMINISTRATION_DEVIATION, spread * raw,
                                 dims=(c.DIM_MEMBER, c.DIM_ADMINISTRATION))
    by_month = (effect[None, :] + deviation) @ data["administration_months"]
    own_size = prior.log_normal_variable(c.VAR_CREDIBILITY_SD)
    return Scaffold(
        half_life=half_life,
        first_path=pt.stack([pushed[0], by_month[0]]),
        second_path=level[:, None] + pt.stack([pushed[1], by_month[1]]),
        rivals=_rivals(data, prior), correlation=correlation, second_scale=second_scale,
        size=pt.stack([pt.ones_like(own_size), own_size]))


def _administration_effects(data: dict[str, Any], prior: PriorNumbers,
                            reference_loading: Any) -> Any:
    """Return independent normal effects, sampled as their common level and their contrasts.

    The data fix differences between administrations, in units of the loading, much better than
    their common level. An orthonormal rotation of independent normals is the same prior.
    """
    count = data["administration_basis"].shape[0]
    level = pm.Normal("administration_level_raw", 0.0, 1.0)
    pieces = [data["administration_basis"][:, 0] * level]
    if data["administration_basis"].type.shape[1] != 1:
        contrast = pm.Normal("administration_contrast_scaled", 0.0, reference_loading,
                             shape=(count - 1,))
        pieces.append(data["administration_basis"][:, 1:] @ contrast / reference_loading)
    total = pieces[0] if len(pieces) == 1 else pieces[0] + pieces[1]
    return pm.Deterministic(
        c.VAR_ADMINISTRATION_EFFECT,
        prior["administration_effect.mu"] + prior["administration_effect.sd"] * total,
        dims=c.DIM_ADMINISTRATION)


def _rivals(data: dict[str, Any], prior: PriorNumbers) -> Any:
    """Return what disputes and governments add to the long-run level, shape (time,)."""
    rival = pm.Normal(c.VAR_RIVAL_EFFECT, prior["rival_effect.mu"], prior["rival_effect.sd"],
                      dims=c.DIM_RIVAL)
    # The half-normal spread is the size of a normal number. Its sign goes with the effects',
    # which are symmetric, so that the sampler meets no boundary at zero. It starts away from zero,
    # where the effects have no scale and the data say nothing of them.
    signed = pm.Normal("government_sd_z", 0.0, 1.0, initval=1.0)
    spread = prior["government_sd.sd"] * signed
    pm.Deterministic(c.VAR_GOVERNMENT_SD, pt.abs(spread))
    # Where the data tell much of a direction, its effects are sampled narrower the larger the
    # spread: an exact change of scale, after a rotation of independent normals.
    width = pt.sqrt(1.0 + signed**2 * data["government_information"])
    raw = pm.Normal("government_effect_raw", 0.0, width, dims=c.DIM_GOVERNMENT) / width
    government = pm.Deterministic(c.VAR_GOVERNMENT_EFFECT,
                                  spread * (data["government_basis"] @ raw),
                                  dims=c.DIM_GOVERNMENT)
    total = rival @ data["rival_stock"] + government @ data["government_months"]
    return data["rival_switch"] * total


def add_states(data: dict[str, Any], prior: PriorNumbers, scaffold: Scaffold,
               information: tuple[Any, Any, Any], options: Options) -> Any:
    """Add the five monthly series to the current model.

    Parameters
    ----------
    data, prior
        As in :func:`add_scaffold`.
    scaffold : Scaffold
        From :func:`add_scaffold`.
    information : tuple of three tensors of float, shape (series, time)
        What the rows say of the states; conditions the coordinates only.
    options : Options
        Response of cohesion, dynamics and innovations of the series, coordinates.

    Returns
    -------
    tensor of float, shape (series, time)
        Threat of both members, credibility of both members, cohesion.
    """
    law = _law(prior, options)
    kinds = [options.dynamics[min(row // 2, 2)] for row in range(5)]
    trended = [row for row, kind in enumerate(kinds) if kind == "local_trend"]
    trend = pt.zeros_like(information[0])
    if trended:
        trend = pt.set_subtensor(trend[trended], add_slopes(law))

    def series(name: str, half_life: Any, path: Any, scale: Any, rows: list[int],
               dims: tuple[str, ...]) -> Any:
        # What lies beside a slice of the information is not read by the other series.
        part = tuple(array[rows] for array in information)
        added = trend[rows] if set(rows) & set(trended) else None
        return unit_series(name, half_life, [kinds[row] for row in rows], path, scale, part, law,
                           added, dims)

    pair = scaffold.half_life[:2]
    rho, size = scaffold.correlation, scaffold.size
    both = (c.DIM_PAIR, c.DIM_TIME)
    first = series("first_series", pair, scaffold.first_path, size, [0, 2], both)
    spread = size * scaffold.second_scale
    second_path = scaffold.second_path + (spread * rho)[:, None] * first
    across = spread * pt.sqrt(1.0 - rho**2)
    second = series("second_series", pair, second_path, across, [1, 3], both)
    first_state = scaffold.first_path + size[:, None] * first
    second_state = second_path + across[:, None] * second
    threat = pm.Deterministic(c.THREAT, pt.stack([first_state[0], second_state[0]]),
                              dims=(c.DIM_MEMBER, c.DIM_TIME))
    credibility = pm.Deterministic(c.CREDIBILITY, pt.stack([first_state[1], second_state[1]]),
                                   dims=(c.DIM_MEMBER, c.DIM_TIME))

    long_run = _paths(data, prior, threat, credibility) + scaffold.rivals
    expected = _expected_cohesion(long_run, persistence(scaffold.half_life[2]), options.response)
    residual = series("cohesion_residual", scaffold.half_life[2:], expected[None, :],
                      pt.ones((1,)), [4], (c.DIM_COHESION, c.DIM_TIME))
    cohesion = pm.Deterministic(c.COHESION, expected + residual[0], dims=c.DIM_TIME)
    return pt.concatenate([threat, credibility, cohesion[None, :]], axis=0)


def _law(prior: PriorNumbers, options: Options) -> Law:
    """Return the law of all series, with the slopes' scale if one of them has a slope."""
    trend_sd = None
    if "local_trend" in options.dynamics:
        trend_sd = prior.log_normal_variable(c.VAR_TREND_SD)
    df = prior["student_t_innovation_df"] if options.innovations == "student_t" else 0.0
    return Law(pt.as_tensor_variable(df), options.coordinates, trend_sd,
               prior["trend_start.mu"], prior["trend_start.sd"])


def _softabs(value: Any) -> Any:
    return pt.sqrt(value**2 + c.SOFTABS_WIDTH**2) - c.SOFTABS_WIDTH


def _paths(data: dict[str, Any], prior: PriorNumbers, threat: Any, credibility: Any) -> Any:
    """Return what both paths add to the long-run level of cohesion, shape (time,)."""
    coefficient = pm.Normal(c.VAR_COEFFICIENT, prior["coefficient.mu"], prior["coefficient.sd"],
                            dims=c.DIM_COEFFICIENT)
    level = pt.zeros_like(threat[0])
    for position, states in enumerate((threat, credibility)):
        mean = (states[0] + states[1]) / 2
        gap = _softabs(states[0] - states[1]) / 2
        path = coefficient[2 * position] * mean - coefficient[2 * position + 1] * gap
        level = level + data["path_switch"][position] * path
    return level


def _expected_cohesion(long_run: Any, phi: Any, response: str) -> Any:
    """Return cohesion without its residual, shape (time,)."""
    if response == "level":
        return long_run
    entering = pt.concatenate([long_run[:1], (1.0 - phi) * long_run[1:]])
    return autoregression(phi[None], entering[None, :])[0]
