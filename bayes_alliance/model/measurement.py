r"""How latent states show in indicators.

For row :math:`i` of indicator :math:`k`, with :math:`\bar z_i` the mean of its latent over the
months of its period,

.. math:: \mu_i = a_k + o_k \lambda_k \bar z_i + \text{season} + \text{covariates}
   + \text{mode} + \text{wave}

Loadings and noise are pooled within latent and member; items put in the same words to both
publics share intercept and loading up to a small deviation.

Invariant: all rows, of whatever family, are one likelihood node, so that the graph does not grow
with the number of indicators. Loadings, noise and intercepts are *sampled* where the data fix
them (see :mod:`bayes_alliance.model.pooled` and :func:`_intercept`), each by an exact change of
variables, so that the model is the one above.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.model.design import Design
from bayes_alliance.model.kernels import (
    row_density,
    row_information,
    row_predictor,
    row_terms,
)
from bayes_alliance.model.layout import WITHOUT_NOISE
from bayes_alliance.model.pooled import bent_between, between
from bayes_alliance.model.prior_numbers import PriorNumbers
from bayes_alliance.model.states import Scaffold
from bayes_alliance.model.structure import Structure

__all__ = ["Rows", "add_likelihood", "add_loadings", "add_rows", "information"]


@dataclass(frozen=True)
class Loadings:
    """Positive loadings: ``item`` (item,) and ``indicator`` (indicator,)."""

    item: Any
    indicator: Any


@dataclass(frozen=True)
class Rows:
    """What the rows are without the states.

    Attributes
    ----------
    slope, shift : tensor of float, shape (row,)
        Oriented loading, and the predictor at a state of zero.
    noise, decay : tensor of float, shape (row,)
        Noise on the link scale; correlation with the own error of the row before.
    precision, value : tensor of float, shape (row,)
        The row as a normal observation: precision of its innovation, and what is left of it
        without the state.
    """

    slope: Any
    shift: Any
    noise: Any
    decay: Any
    precision: Any
    value: Any


def add_loadings(data: dict[str, Any], prior: PriorNumbers, structure: Structure) -> Loadings:
    """Add the pooled loadings to the current model.

    A pair's two publics deviate from their common item by independent normals; written as the
    pair's mean and half its difference, which are independent too, each pair costs two numbers
    in place of three.
    """
    mean = prior.log_normal_variable("loading_mean", dims=c.DIM_GROUP)
    spread = prior.log_normal_variable("loading_spread", dims=c.DIM_GROUP)
    deviation = prior["member_deviation.sd"]
    variance = (spread**2)[structure.group_of_item] + structure.paired_item * deviation**2 / 2.0
    value = bent_between("loading_between", pt.log(mean)[structure.group_of_item],
                         pt.sqrt(variance), data["item_centring"], c.DIM_ITEM)
    log_indicator = value[structure.item]
    if structure.shared.size:
        half = pm.Normal("member_loading", 0.0, deviation / np.sqrt(2.0), dims=c.DIM_SHARED)
        log_indicator = pt.inc_subtensor(log_indicator[structure.shared],
                                         structure.pair_sign * half[structure.pair])
    indicator = pm.Deterministic(c.VAR_LOADING, pt.exp(log_indicator), dims=c.DIM_INDICATOR)
    return Loadings(pt.exp(value), indicator)


def add_rows(data: dict[str, Any], design: Design, structure: Structure, prior: PriorNumbers,
             loadings: Loadings, scaffold: Scaffold) -> Rows:
    """Add intercepts, noise and nuisances to the current model.

    Parameters
    ----------
    data : dict of str to tensor
        The design's arrays as mutable data.
    design : Design
        Gives the labels.
    structure : Structure
        Index arrays.
    prior : PriorNumbers
        Numbers of the priors.
    loadings : Loadings
        From :func:`add_loadings`.
    scaffold : Scaffold
        From :func:`bayes_alliance.model.states.add_scaffold`.
    """
    own_half_life = _own_half_lives(design, prior)
    noise = _noise(data, prior, structure, own_half_life)
    intercept = _intercept(data, prior, structure, loadings, scaffold)
    rate = pt.zeros_like(noise)
    if own_half_life is not None:
        rate = pt.set_subtensor(rate[structure.series], np.log(2.0) / own_half_life)
    cells, effect = _nuisances(design, prior)
    return Rows(*row_terms(loadings.indicator, intercept, noise, rate, cells, effect, data))


def information(data: dict[str, Any], rows: Rows, states_like: Any) -> tuple[Any, Any, Any]:
    """Return what the rows say of the states in a Gaussian approximation.

    A row of several months counts for its middle month, and the row before in a chain counts as
    one of the month before. Neither needs to be exact: the result only sets the coordinates of
    the sampler. But where a hyperparameter makes an error small, the information must grow by
    the same factor as the density, or the point of no shocks would look like a mode.
    """
    found = row_information(rows.slope, rows.precision, rows.decay, rows.value,
                            data["row_series"], data["middle_month"], data["previous_row"],
                            states_like)
    return found[0], found[1], found[2]


def add_likelihood(data: dict[str, Any], design: Design, prior: PriorNumbers, rows: Rows,
                   states: Any) -> None:
    """Add the likelihood of every row to the current model."""
    predictor = row_predictor(states, rows.slope, rows.shift, data["row_series"], data["first"],
                              data["stop"])
    for family, block in design.blocks.items():
        if family in WITHOUT_NOISE:
            # Counts of thousands fix the logit itself, so it is sampled as it is, not as an error.
            logit = pm.Normal(c.VAR_OBSERVATION_LOGIT, predictor[block], rows.noise[block],
                              dims=c.DIM_OBSERVATION)
            predictor = pt.set_subtensor(predictor[block], logit)

    def logp(value: Any, mu: Any, noise: Any, decay: Any, weight: Any, n: Any, ways: Any,
             previous: Any, family: Any, df: Any) -> Any:
        return weight * row_density(mu, noise, decay, value, n, ways, previous, family, df)

    pm.CustomDist(
        c.VAR_OBSERVED, predictor, rows.noise, rows.decay, data["weight"], data["n"],
        data["log_ways"], data["previous_row"], data["family_code"],
        prior["student_t_noise_df"], logp=logp, observed=data["y"])


def _intercept(data: dict[str, Any], prior: PriorNumbers, structure: Structure,
               loadings: Loadings, scaffold: Scaffold) -> Any:
    """Return each indicator's intercept, shape (indicator,).

    An item's is taken where its data are, at the mean over its rows of what moves the state apart
    from the monthly series: a shift with unit Jacobian. In units of their prior's sd, all are
    independent normals of unit variance, so that any rotation of them is; what is sampled is
    turned so that the data tell of one direction without the others.
    """
    paths = pt.stack([scaffold.first_path[0], scaffold.second_path[0], scaffold.first_path[1],
                      scaffold.second_path[1], scaffold.rivals])
    deviation = prior["member_deviation.sd"]
    sd = pt.sqrt(prior["intercept.sd"] ** 2 + structure.paired_item * deviation**2 / 2.0)
    at_path = (paths[structure.item_series] * data["item_months"]).sum(axis=1)
    shift = structure.item_orientation * loadings.item * at_path
    basis = data["intercept_basis"]
    turned = pm.Normal("intercept_at_mean", basis.T @ ((prior["intercept.mu"] + shift) / sd), 1.0,
                       dims=c.DIM_ITEM)
    value = sd * (basis @ turned) - shift
    intercept = value[structure.item]
    if structure.shared.size:
        half = pm.Normal("member_intercept", 0.0, deviation / np.sqrt(2.0), dims=c.DIM_SHARED)
        intercept = pt.inc_subtensor(intercept[structure.shared],
                                     structure.pair_sign * half[structure.pair])
    return pm.Deterministic(c.VAR_INTERCEPT, intercept, dims=c.DIM_INDICATOR)


def _noise(data: dict[str, Any], prior: PriorNumbers, structure: Structure,
           own_half_life: Any) -> Any:
    """Return each indicator's noise on the link scale, shape (indicator,)."""
    mean = prior.log_normal_variable("noise_mean", dims=c.DIM_GROUP)
    spread = prior.log_normal_variable("noise_spread", dims=c.DIM_GROUP)
    group = structure.group_of_indicator
    noise = pt.exp(between("noise_between", pt.log(mean)[group], spread[group],
                           data["indicator_centring"], c.DIM_INDICATOR))
    if structure.series.size:
        # The own error of a monthly series is another thing than the scatter of polls. The data
        # fix its monthly innovation, so that is what is sampled: a shift with unit Jacobian.
        shift = 0.5 * pt.log(-pt.expm1(-2.0 * np.log(2.0) / own_half_life))
        innovation = pm.Normal("series_noise_log",
                               pt.log(prior["series_noise.median"]) + shift,
                               prior["series_noise.sd"], dims=c.DIM_OWN_ERROR)
        noise = pt.set_subtensor(noise[structure.series], pt.exp(innovation - shift))
    return pm.Deterministic(c.VAR_NOISE, noise, dims=c.DIM_INDICATOR)


def _nuisances(design: Design, prior: PriorNumbers) -> tuple[Any, Any]:
    """Add survey modes, seasons, wave errors and covariates to the current model.

    Returns
    -------
    cells : tensor of float, shape (cell,)
        A zero, then offsets, seasons and wave errors, as ``nuisance_cell`` counts them.
    effect : tensor of float, shape (covariate term,)
    """
    coords = design.coords
    cells = [pt.zeros((1,))]
    if coords[c.DIM_OFFSET]:
        cells.append(pm.Normal(c.VAR_MODE_OFFSET, prior["mode_offset.mu"],
                               prior["mode_offset.sd"], dims=c.DIM_OFFSET))
    if coords[c.DIM_SEASONAL]:
        # Twelve independent normals less their mean, which is what a zero-sum normal is.
        cells.append(pm.ZeroSumNormal(c.VAR_SEASON, sigma=prior["season.sd"],
                                      dims=(c.DIM_SEASONAL, c.DIM_MONTH)).flatten())
    if coords[c.DIM_WAVE]:
        spread = prior.log_normal_variable(c.VAR_WAVE_SD)
        # Half-centred errors were tried: the spread then mixed three times worse.
        raw = pm.Normal("wave_error_raw", 0.0, 1.0, dims=c.DIM_WAVE)
        cells.append(pm.Deterministic(c.VAR_WAVE_ERROR, spread * raw, dims=c.DIM_WAVE))
    effect = pt.zeros((0,))
    if coords[c.DIM_COVARIATE]:
        effect = pm.Normal(c.VAR_COVARIATE_EFFECT, prior["covariate_effect.mu"],
                           prior["covariate_effect.sd"], dims=c.DIM_COVARIATE)
    return pt.concatenate(cells), effect


def _own_half_lives(design: Design, prior: PriorNumbers) -> Any:
    """Return the half-life of each own error in months, None where there is no such series."""
    if not design.coords[c.DIM_OWN_ERROR]:
        return None
    return prior.log_normal_variable(c.VAR_OWN_HALF_LIFE, dims=c.DIM_OWN_ERROR)
