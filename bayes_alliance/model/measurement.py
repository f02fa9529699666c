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
from bayes_alliance.model.layout import WITHOUT_NOISE
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.model.prior_numbers import PriorNumbers

__all__ = ["add_measurement"]


@dataclass(frozen=True)
class Structure:
    """Which indicator belongs to which item, group, pair and own error (index arrays).

    Attributes
    ----------
    item, group_of_indicator, own_error : numpy.ndarray, shape (indicator,)
    group_of_item, paired_item : numpy.ndarray, shape (item,)
    shared, pair, pair_sign : numpy.ndarray, shape (shared indicator,)
        Indicators of items put in the same words to both publics, their pair, and +1 or -1.
    series : numpy.ndarray
        Indicators with an own error.
    reference_item : int
        The best observed credibility item.
    """

    item: np.ndarray
    group_of_item: np.ndarray
    group_of_indicator: np.ndarray
    shared: np.ndarray
    pair: np.ndarray
    pair_sign: np.ndarray
    paired_item: np.ndarray
    own_error: np.ndarray
    series: np.ndarray
    reference_item: int


@dataclass(frozen=True)
class Loadings:
    """Positive loadings: ``item`` (item,) and ``indicator`` (indicator,)."""

    item: Any
    indicator: Any


def add_loadings(prior: PriorNumbers, structure: Structure) -> Loadings:
    """Add the pooled loadings to the current model.

    A pair's two publics deviate from their common item by independent normals; written as the
    pair's mean and half its difference, which are independent too, each pair costs two numbers
    in place of three.
    """
    mean = prior.log_normal_variable("loading_mean", dims=c.DIM_GROUP)
    spread = prior.log_normal_variable("loading_spread", dims=c.DIM_GROUP)
    deviation = prior["member_deviation.sd"]
    variance = (spread**2)[structure.group_of_item] + structure.paired_item * deviation**2 / 2.0
    value = pm.Normal("loading_log", pt.log(mean)[structure.group_of_item], pt.sqrt(variance),
                      dims=c.DIM_ITEM)
    item = pt.exp(value)
    log_indicator = value[structure.item]
    if structure.shared.size:
        half = pm.Normal("member_loading", 0.0, deviation / np.sqrt(2.0), dims=c.DIM_SHARED)
        log_indicator = pt.inc_subtensor(log_indicator[structure.shared],
                                         structure.pair_sign * half[structure.pair])
    indicator = pm.Deterministic(c.VAR_LOADING, pt.exp(log_indicator), dims=c.DIM_INDICATOR)
    return Loadings(item, indicator)


def add_measurement(data: dict[str, Any], design: Design, structure: Structure,
                    prior: PriorNumbers, loadings: Loadings, states: Any) -> None:
    """Add intercepts, noise, nuisances and one likelihood node a family to the current model.

    Parameters
    ----------
    data : dict of str to tensor
        The design's arrays as mutable data.
    design : Design
        Gives the row blocks of the families.
    structure : Structure
        Index arrays of :func:`bayes_alliance.model.build.measurement_structure`.
    prior : PriorNumbers
        Numbers of the priors.
    loadings : Loadings
        From :func:`add_loadings`.
    states : tensor of float, shape (series, time)
        The monthly series.
    """
    row_state = _period_means(data, states)
    offsets = _mode_offsets(data, design, prior)
    own_half_life = _own_half_lives(design, prior)
    noise = _noise(prior, structure, own_half_life)
    intercept = _intercept(data, prior, structure, loadings, row_state, offsets)

    position = data["row_indicator"]
    predictor = (intercept[position] + data["oriented"] * loadings.indicator[position] * row_state
                 + offsets + _nuisance(data, design, prior))
    decay = _own_error_decay(data, structure, own_half_life)
    _add_likelihoods(data, design, prior, predictor, noise[position], decay)


def _intercept(data: dict[str, Any], prior: PriorNumbers, structure: Structure,
               loadings: Loadings, row_state: Any, offsets: Any) -> Any:
    """Return each indicator's intercept; an item's is sampled at the mean of its rows."""
    running = pt.concatenate([pt.zeros((1,)), pt.cumsum(
        data["oriented"] * row_state * loadings.item[structure.item][data["row_indicator"]]
        + offsets)])
    sums = running[data["indicator_stop"]] - running[data["indicator_first"]]
    centre = data["item_average"] @ sums
    deviation = prior["member_deviation.sd"]
    sd = pt.sqrt(prior["intercept.sd"] ** 2 + structure.paired_item * deviation**2 / 2.0)
    at_mean = pm.Normal("intercept_at_mean", prior["intercept.mu"] + centre, sd,
                        dims=c.DIM_ITEM)
    intercept = (at_mean - centre)[structure.item]
    if structure.shared.size:
        half = pm.Normal("member_intercept", 0.0, deviation / np.sqrt(2.0), dims=c.DIM_SHARED)
        intercept = pt.inc_subtensor(intercept[structure.shared],
                                     structure.pair_sign * half[structure.pair])
    return pm.Deterministic(c.VAR_INTERCEPT, intercept, dims=c.DIM_INDICATOR)


def _noise(prior: PriorNumbers, structure: Structure, own_half_life: Any) -> Any:
    """Return each indicator's noise on the link scale, shape (indicator,)."""
    mean = prior.log_normal_variable("noise_mean", dims=c.DIM_GROUP)
    spread = prior.log_normal_variable("noise_spread", dims=c.DIM_GROUP)
    raw = pm.Normal("noise_raw", 0.0, 1.0, dims=c.DIM_INDICATOR)
    group = structure.group_of_indicator
    noise = mean[group] * pt.exp(spread[group] * raw)
    if structure.series.size:
        # The own error of a monthly series is another thing than the scatter of polls. The data
        # fix its monthly innovation, so that is what is sampled: a shift with unit Jacobian.
        shift = 0.5 * pt.log(-pt.expm1(-2.0 * np.log(2.0) / own_half_life))
        innovation = pm.Normal("series_noise_log",
                               pt.log(prior["series_noise.median"]) + shift,
                               prior["series_noise.sd"], dims=c.DIM_OWN_ERROR)
        noise = pt.set_subtensor(noise[structure.series], pt.exp(innovation - shift))
    return pm.Deterministic(c.VAR_NOISE, noise, dims=c.DIM_INDICATOR)


def _period_means(data: dict[str, Any], states: Any) -> Any:
    """Return the mean state over each row's months, shape (row,)."""
    total = pt.concatenate([pt.zeros((states.shape[0], 1)), pt.cumsum(states, axis=1)], axis=1)
    upto = total[data["row_series"], data["stop"]]
    before = total[data["row_series"], data["first"]]
    return (upto - before) * data["inverse_length"]


def _mode_offsets(data: dict[str, Any], design: Design, prior: PriorNumbers) -> Any:
    """Return the shift of each row's survey mode, shape (row,)."""
    if not design.coords[c.DIM_OFFSET]:
        return pt.zeros_like(data["y"])
    offset = pm.Normal(c.VAR_MODE_OFFSET, prior["mode_offset.mu"], prior["mode_offset.sd"],
                       dims=c.DIM_OFFSET)
    return _padded(offset)[data["offset_cell"]]


def _nuisance(data: dict[str, Any], design: Design, prior: PriorNumbers) -> Any:
    """Return season, covariates and wave error of each row, shape (row,)."""
    total = pt.zeros_like(data["y"])
    coords = design.coords
    if coords[c.DIM_SEASONAL]:
        # Twelve independent normals less their mean, which is what a zero-sum normal is.
        season = pm.ZeroSumNormal(c.VAR_SEASON, sigma=prior["season.sd"],
                                  dims=(c.DIM_SEASONAL, c.DIM_MONTH))
        total = total + _padded(season.flatten())[data["season_cell"]]
    if coords[c.DIM_COVARIATE]:
        effect = pm.Normal(c.VAR_COVARIATE_EFFECT, prior["covariate_effect.mu"],
                           prior["covariate_effect.sd"], dims=c.DIM_COVARIATE)
        total = total + data["covariate_design"] @ effect
    if coords[c.DIM_WAVE]:
        spread = prior.log_normal_variable(c.VAR_WAVE_SD)
        raw = pm.Normal("wave_error_raw", 0.0, 1.0, dims=c.DIM_WAVE)
        error = pm.Deterministic(c.VAR_WAVE_ERROR, spread * raw, dims=c.DIM_WAVE)
        total = total + _padded(error)[data["wave_cell"]]
    return total


def _padded(values: Any) -> Any:
    """Put a zero in front, so that index 0 means none."""
    return pt.concatenate([pt.zeros((1,)), values])


def _own_half_lives(design: Design, prior: PriorNumbers) -> Any:
    """Return the half-life of each own error in months, None where there is no such series."""
    if not design.coords[c.DIM_OWN_ERROR]:
        return None
    return prior.log_normal_variable(c.VAR_OWN_HALF_LIFE, dims=c.DIM_OWN_ERROR)


def _own_error_decay(data: dict[str, Any], structure: Structure, own_half_life: Any) -> Any:
    """Return the correlation of each row's own error with the row before it, shape (row,)."""
    if own_half_life is None:
        return pt.zeros_like(data["gap"])
    of_row = own_half_life[pt.as_tensor(structure.own_error)[data["row_indicator"]]]
    return data["has_previous"] * pt.exp(-np.log(2.0) * data["gap"] / of_row)


def _add_likelihoods(data: dict[str, Any], design: Design, prior: PriorNumbers, predictor: Any,
                     noise: Any, decay: Any) -> None:
    residual = data["y"] - predictor
    for family, block in design.blocks.items():
        mu, sd = predictor[block], noise[block]
        if family in WITHOUT_NOISE:
            # Counts of thousands fix the logit itself, so it is sampled as it is, not as an error.
            mu = pm.Normal(c.VAR_OBSERVATION_LOGIT, mu, sd, dims=c.DIM_OBSERVATION)
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
