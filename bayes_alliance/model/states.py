r"""The latent states: threat perception, credibility and cohesion, month by month.

With :math:`r_{s,t}` a unit-variance autoregression,

.. math::
    \theta_{A,t} &= r_{1,t} + \Gamma_A x_t \\
    \theta_{B,t} &= \ell_\theta + s_\theta (\rho_\theta r_{1,t}
        + \sqrt{1-\rho_\theta^2}\, r_{2,t}) + \Gamma_B x_t \\
    \kappa_{m,t} &= \ell_{\kappa,m} + \alpha_{u(t)} + d_{m,u(t)} + \sigma_\kappa s_{\kappa,m}
        r^\kappa_{m,t}

and cohesion adjusts to its long-run level :math:`P_t` or follows it with an autoregressive error.

Invariant: nothing here is centred or scaled with moments of the window; the first member's
threat has mean zero and unit stationary variance apart from the events that move it.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.model.dynamics import autoregression
from bayes_alliance.model.prior_numbers import PriorNumbers

__all__ = ["add_states", "persistence", "shock_scale"]


def persistence(half_life: Any) -> Any:
    """Return the monthly AR(1) coefficient of a half-life in months."""
    return pt.exp(-np.log(2.0) / half_life)


def shock_scale(half_life: Any) -> Any:
    """Return the innovation sd that gives unit stationary variance, ``sqrt(1 - phi**2)``."""
    return pt.sqrt(-pt.expm1(-2.0 * np.log(2.0) / half_life))


def add_states(data: dict[str, Any], prior: PriorNumbers, *, response: str,
               innovations: str, reference_loading: Any) -> Any:
    """Add the priors and the recursion of the five series to the current PyMC model.

    Parameters
    ----------
    data : dict of str to tensor
        The design's arrays as mutable data.
    prior : PriorNumbers
        Numbers of the priors.
    response : {"adjustment", "level"}
        How cohesion answers to its drivers.
    innovations : {"normal", "student_t"}
        Distribution of the shocks of all five series, scaled to unit variance.
    reference_loading : tensor of float, shape ()
        Loading of the best observed credibility item, in whose units the administrations'
        effects are sampled.

    Returns
    -------
    tensor of float, shape (series, time)
        Threat of both members, credibility of both members, cohesion.
    """
    half_life = pm.Deterministic(
        c.VAR_HALF_LIFE,
        pt.stack([prior.log_normal_variable(f"half_life_{latent}") for latent in c.LATENTS]),
        dims=c.DIM_CONSTRUCT)
    phi = persistence(half_life)
    scale = shock_scale(half_life)
    shocks = _innovations(prior, innovations)

    pair = pt.stack([phi[0], phi[0], phi[1], phi[1]])
    pair_scale = pt.stack([scale[0], scale[0], scale[1], scale[1]])
    entering = pt.concatenate([shocks[:4, :1], shocks[:4, 1:] * pair_scale[:, None]], axis=1)
    unit = autoregression(pair, entering)

    correlation_z = pm.Normal("correlation_z", prior["correlation.mu"], prior["correlation.sd"],
                              dims=c.DIM_PAIR)
    correlation = pm.Deterministic(c.VAR_CORRELATION, pt.tanh(correlation_z), dims=c.DIM_PAIR)
    level = pm.Normal(c.VAR_LEVEL_SECOND, prior["second_member_level.mu"],
                      prior["second_member_level.sd"], dims=c.DIM_PAIR)
    second_scale = prior.log_normal_variable(c.VAR_SCALE_SECOND, dims=c.DIM_PAIR)
    across = pt.sqrt(1.0 - correlation**2)

    threat = _threat(data, prior, unit[:2], correlation[0], across[0], level[0], second_scale[0])
    credibility = _credibility(data, prior, unit[2:], correlation[1], across[1], level[1],
                               second_scale[1], reference_loading)
    long_run = _long_run_cohesion(data, prior, threat, credibility)
    cohesion = _cohesion(long_run, shocks[4], phi[2], scale[2], response)
    pm.Deterministic(c.THREAT, threat, dims=(c.DIM_MEMBER, c.DIM_TIME))
    pm.Deterministic(c.CREDIBILITY, credibility, dims=(c.DIM_MEMBER, c.DIM_TIME))
    pm.Deterministic(c.COHESION, cohesion, dims=c.DIM_TIME)
    return pt.concatenate([threat, credibility, cohesion[None, :]], axis=0)


def _innovations(prior: PriorNumbers, innovations: str) -> Any:
    dims = (c.DIM_SERIES, c.DIM_TIME)
    if innovations == "normal":
        return pm.Normal(c.VAR_INNOVATION, 0.0, 1.0, dims=dims)
    df = prior["student_t_innovation_df"]
    return pm.StudentT(c.VAR_INNOVATION, nu=df, mu=0.0, sigma=pt.sqrt((df - 2.0) / df), dims=dims)


def _threat(data: dict[str, Any], prior: PriorNumbers, unit: Any, correlation: Any, across: Any,
            level: Any, scale: Any) -> Any:
    loading = pm.Normal(c.VAR_DRIVER_LOADING, prior["driver_loading.mu"],
                        prior["driver_loading.sd"], dims=(c.DIM_MEMBER, c.DIM_DRIVER))
    own = pt.stack([unit[0], level + scale * (correlation * unit[0] + across * unit[1])])
    return own + loading @ data["driver_stock"]


def _credibility(data: dict[str, Any], prior: PriorNumbers, unit: Any, correlation: Any,
                 across: Any, level: Any, scale: Any, reference_loading: Any) -> Any:
    effect = _administration_effects(data, prior, reference_loading)
    spread = prior.log_normal_variable(c.VAR_ADMINISTRATION_DEVIATION_SD)
    raw = pm.Normal("administration_deviation_raw", dims=(c.DIM_MEMBER, c.DIM_ADMINISTRATION))
    deviation = pm.Deterministic(c.VAR_ADMINISTRATION_DEVIATION, spread * raw,
                                 dims=(c.DIM_MEMBER, c.DIM_ADMINISTRATION))
    size = prior.log_normal_variable(c.VAR_CREDIBILITY_SD)
    by_month = (effect[None, :] + deviation)[:, data["administration_cell"]]
    own = pt.stack([size * unit[0],
                    level + size * scale * (correlation * unit[0] + across * unit[1])])
    return by_month + own


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


def _softabs(value: Any) -> Any:
    return pt.sqrt(value**2 + c.SOFTABS_WIDTH**2) - c.SOFTABS_WIDTH


def _long_run_cohesion(data: dict[str, Any], prior: PriorNumbers, threat: Any,
                       credibility: Any) -> Any:
    """Return the level that cohesion tends to, shape (time,)."""
    coefficient = pm.Normal(c.VAR_COEFFICIENT, prior["coefficient.mu"], prior["coefficient.sd"],
                            dims=c.DIM_COEFFICIENT)
    level = pt.zeros_like(threat[0])
    for position, states in enumerate((threat, credibility)):
        mean = (states[0] + states[1]) / 2
        gap = _softabs(states[0] - states[1]) / 2
        path = coefficient[2 * position] * mean - coefficient[2 * position + 1] * gap
        level = level + data["path_switch"][position] * path

    rival = pm.Normal(c.VAR_RIVAL_EFFECT, prior["rival_effect.mu"], prior["rival_effect.sd"],
                      dims=c.DIM_RIVAL)
    spread = pm.HalfNormal(c.VAR_GOVERNMENT_SD, prior["government_sd.sd"])
    raw = pm.Normal("government_effect_raw", dims=c.DIM_GOVERNMENT)
    government = pm.Deterministic(c.VAR_GOVERNMENT_EFFECT, spread * raw, dims=c.DIM_GOVERNMENT)
    sides = data["government_cell"]
    rivals = rival @ data["rival_stock"] + government[sides[0]] + government[sides[1]]
    return level + data["rival_switch"] * rivals


def _cohesion(long_run: Any, shock: Any, phi: Any, scale: Any, response: str) -> Any:
    if response == "adjustment":
        later = (1.0 - phi) * long_run[1:] + scale * shock[1:]
        entering = pt.concatenate([long_run[:1] + shock[:1], later])
        return autoregression(phi[None], entering[None, :])[0]
    error = pt.concatenate([shock[:1], scale * shock[1:]])
    return long_run + autoregression(phi[None], error[None, :])[0]
