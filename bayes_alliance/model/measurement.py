r"""How latent states show in indicators.

For row :math:`i` of indicator :math:`k`, with :math:`\bar z_i` the mean of its latent over the
months of its period,

.. math:: \mu_i = a_k + o_k \lambda_k \bar z_i + \text{season} + \text{covariates}
   + \text{mode} + \text{wave}

Loadings and noise are pooled within latent and member; items put in the same words to both
publics share intercept and loading up to a small deviation.

Invariant: all rows of one family are one likelihood node, whatever the number of indicators.
The intercept is *sampled* at the item's mean latent state, where data inform it; that is a shift
with unit Jacobian, so the model is the one above.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.model.design import Design
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.model.prior_numbers import PriorNumbers

__all__ = ["add_measurement"]


@dataclass(frozen=True)
class _Structure:
    """Which indicator belongs to which item, group, shared item and own error."""

    item: np.ndarray
    group_of_item: np.ndarray
    group_of_indicator: np.ndarray
    shared: np.ndarray
    own_error: np.ndarray
    series: np.ndarray


def add_measurement(data: dict[str, Any], design: Design, structure: dict[str, np.ndarray],
                    prior: PriorNumbers, states: Any) -> None:
    """Add the measurement priors and one likelihood node a family to the current model.

    Parameters
    ----------
    data : dict of str to tensor
        The design's arrays as mutable data.
    design : Design
        Gives the row blocks of the families.
    structure : dict of str to numpy.ndarray
        Index arrays of :func:`bayes_alliance.model.build.measurement_structure`.
    prior : PriorNumbers
        Numbers of the priors.
    states : tensor of float, shape (series, time)
        The monthly series.
    """
    index = _Structure(**structure)
    row_state = _period_means(data, states)
    loading_item = _pooled(prior, "loading", c.DIM_ITEM, index.group_of_item)
    noise = _pooled(prior, "noise", c.DIM_INDICATOR, index.group_of_indicator)
    if index.series.size:
        # The own error of a monthly series is another thing than the scatter of polls.
        own = prior.log_normal_variable("series_noise", dims=c.DIM_OWN_ERROR)
        noise = pt.set_subtensor(noise[index.series], own)
    noise = pm.Deterministic(c.VAR_NOISE, noise, dims=c.DIM_INDICATOR)

    running = pt.concatenate([pt.zeros((1,)), pt.cumsum(data["oriented"] * row_state)])
    sums = running[data["indicator_stop"]] - running[data["indicator_first"]]
    centre = loading_item * (data["item_average"] @ sums)
    at_mean = pm.Normal("intercept_at_mean", prior["intercept.mu"] + centre,
                        prior["intercept.sd"], dims=c.DIM_ITEM)
    intercept = (at_mean - centre)[index.item]
    loading = loading_item[index.item]
    if index.shared.size:
        shape = {"mu": prior["member_deviation.mu"], "sigma": prior["member_deviation.sd"],
                 "dims": c.DIM_SHARED}
        intercept = pt.inc_subtensor(intercept[index.shared],
                                     pm.Normal("member_intercept", **shape))
        loading = pt.set_subtensor(loading[index.shared], loading[index.shared]
                                   * pt.exp(pm.Normal("member_log_loading", **shape)))
    intercept = pm.Deterministic(c.VAR_INTERCEPT, intercept, dims=c.DIM_INDICATOR)
    loading = pm.Deterministic(c.VAR_LOADING, loading, dims=c.DIM_INDICATOR)

    position = data["row_indicator"]
    predictor = intercept[position] + data["oriented"] * loading[position] * row_state
    predictor = predictor + _nuisance(data, design, prior)
    decay = _own_error_decay(data, design, prior, index)
    _add_likelihoods(data, design, prior, predictor, noise[position], decay)


def _period_means(data: dict[str, Any], states: Any) -> Any:
    """Return the mean state over each row's months, shape (row,)."""
    total = pt.concatenate([pt.zeros((states.shape[0], 1)), pt.cumsum(states, axis=1)], axis=1)
    upto = total[data["row_series"], data["stop"]]
    before = total[data["row_series"], data["first"]]
    return (upto - before) * data["inverse_length"]


def _pooled(prior: PriorNumbers, name: str, dim: str, group: np.ndarray) -> Any:
    """Return positive values pooled within groups: exp(group mean + spread * normal)."""
    mean = prior.log_normal_variable(f"{name}_mean", dims=c.DIM_GROUP)
    spread = prior.log_normal_variable(f"{name}_spread", dims=c.DIM_GROUP)
    raw = pm.Normal(f"{name}_raw", 0.0, 1.0, dims=dim)
    return mean[group] * pt.exp(spread[group] * raw)


def _nuisance(data: dict[str, Any], design: Design, prior: PriorNumbers) -> Any:
    """Return season, covariates, survey mode and wave error of each row, shape (row,)."""
    total = pt.zeros_like(data["y"])
    coords = design.coords
    if coords[c.DIM_SEASONAL]:
        raw = pm.Normal("season_raw", prior["season.mu"], prior["season.sd"],
                        dims=(c.DIM_SEASONAL, c.DIM_MONTH))
        season = pm.Deterministic(c.VAR_SEASON, raw - raw.mean(axis=1, keepdims=True),
                                  dims=(c.DIM_SEASONAL, c.DIM_MONTH))
        total = total + _padded(season.flatten())[data["season_cell"]]
    if coords[c.DIM_COVARIATE]:
        effect = pm.Normal(c.VAR_COVARIATE_EFFECT, prior["covariate_effect.mu"],
                           prior["covariate_effect.sd"], dims=c.DIM_COVARIATE)
        total = total + data["covariate_design"] @ effect
    if coords[c.DIM_OFFSET]:
        offset = pm.Normal(c.VAR_MODE_OFFSET, prior["mode_offset.mu"], prior["mode_offset.sd"],
                           dims=c.DIM_OFFSET)
        total = total + _padded(offset)[data["offset_cell"]]
    if coords[c.DIM_WAVE]:
        spread = prior.log_normal_variable(c.VAR_WAVE_SD)
        raw = pm.Normal("wave_error_raw", 0.0, 1.0, dims=c.DIM_WAVE)
        error = pm.Deterministic(c.VAR_WAVE_ERROR, spread * raw, dims=c.DIM_WAVE)
        total = total + _padded(error)[data["wave_cell"]]
    return total


def _padded(values: Any) -> Any:
    """Put a zero in front, so that index 0 means none."""
    return pt.concatenate([pt.zeros((1,)), values])


def _own_error_decay(data: dict[str, Any], design: Design, prior: PriorNumbers,
                     index: _Structure) -> Any:
    """Return the correlation of each row's own error with the row before it, shape (row,)."""
    if not design.coords[c.DIM_OWN_ERROR]:
        return pt.zeros_like(data["gap"])
    half_life = prior.log_normal_variable(c.VAR_OWN_HALF_LIFE, dims=c.DIM_OWN_ERROR)
    of_row = half_life[pt.as_tensor(index.own_error)[data["row_indicator"]]]
    return data["has_previous"] * pt.exp(-np.log(2.0) * data["gap"] / of_row)


def _add_likelihoods(data: dict[str, Any], design: Design, prior: PriorNumbers, predictor: Any,
                     noise: Any, decay: Any) -> None:
    residual = data["y"] - predictor
    for family, block in design.blocks.items():
        mu, sd = predictor[block], noise[block]
        if family in ("normal", "student_t"):
            mu = mu + decay[block] * residual[data["previous_row"][block]]
            sd = sd * pt.sqrt(1.0 - decay[block] ** 2)
        pm.CustomDist(
            f"observed_{family}", mu, sd, data["n"][block], data["weight"][block],
            prior["student_t_noise_df"], data["log_ways"][block], logp=_weighted(family),
            observed=data["y"][block])


def _weighted(family: str) -> Any:
    density = LIKELIHOODS[family].logp

    def logp(value: Any, mu: Any, noise: Any, n: Any, weight: Any, df: Any, ways: Any) -> Any:
        return weight * density(value, mu, noise, n, df, ways)

    return logp
