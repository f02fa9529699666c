r"""How the states of members and dyads show in yearly indicators.

Row i of indicator k, unit u and year t has the predictor

.. math:: \mu_i = a_k + o_k\lambda_k\bigl(x_{u,t} + \tfrac{\sigma_k}{\lambda_k} e_{k,u,t}\bigr)
   + v_{k,u} + w_{k,t}

with the state x, a lasting error e (a unit autoregression with a half-life of the indicator's own,
for indicators that have one: a dense yearly series would be taken for the state itself; it takes
the place of the indicator's noise, of which next to nothing is left), a deviation v of the unit
(none in the reference indicator of a latent, which places the units' levels) and an effect w of
the year.

Invariant: all rows of a stage are one likelihood node.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import DyadDesign
from bayes_alliance.dyads.effects import STATE_VARIANCE, add_effects, variance_of
from bayes_alliance.model.kernels import (
    row_density,
    row_information,
    row_predictor,
    row_terms,
)
from bayes_alliance.model.prior_numbers import PriorNumbers
from bayes_alliance.model.series import Law, persistence, unit_series

__all__ = ["Measurement", "add_measurement"]



@dataclass(frozen=True)
class Measurement:
    """The rows of a stage without its states.

    Attributes
    ----------
    information : tuple of three tensors of float, shape (series, year)
        What the rows say of the states; sets the coordinates of the sampler only.
    common : tensor of float, shape (year,)
        What a year adds to all states, where the hypothesis lets it; 0 in a stage without it.
    """

    data: dict[str, Any]
    design: DyadDesign
    prior: PriorNumbers
    terms: list[Any]
    loading: Any
    own_sd: Any
    own_half_life: list[Any]
    information: tuple[Any, Any, Any]
    common: Any

    def series(self, name: str, half_life: Any, path: Any, rows: slice, dims: tuple[str, str],
               scale: Any = 1.0, information: tuple[Any, Any, Any] | None = None) -> Any:
        """Add unit autoregressions to the current model, one for each of some states."""
        count = rows.stop - rows.start
        law = Law(pt.as_tensor_variable(0.0), "chosen", None, 0.0, 1.0)
        ones = pt.ones((count,))
        return unit_series(name, half_life * ones, ["ar1"] * count, path, scale * ones,
                           tuple(part[rows] for part in information or self.information), law,
                           None, dims)

    def observe(self, states: Any, more: Any = None) -> None:
        """Add lasting errors and the likelihood to the current model.

        Parameters
        ----------
        states : tensor of float, shape (state, year)
        more : tensor of float, shape (dyad, year), optional
            States of dyads that come last.
        """
        data, parts = self.data, [states]
        slope, shift, noise, decay, precision, value = self.terms
        if self.design.own:
            # Given the states, the rows with a lasting error tell of it alone.
            years = len(self.design.coords[c.DIM_TIME])
            like = pt.zeros((self.design.own[-1].rows.stop + (
                0 if more is None else len(self.design.coords[n.DIM_DYAD])), years))
            told = row_information(slope, precision, decay, value, data["row_series"],
                                   data["first"], data["previous_row"], like)
            for one, half_life in zip(self.design.own, self.own_half_life, strict=True):
                path = states[data["parent"][one.rows]]
                scale = self.own_sd[one.indicator] / self.loading[one.indicator]
                label = self.design.coords[c.DIM_INDICATOR][one.indicator]
                width = one.rows.stop - one.rows.start
                dim = n.DIM_DYAD if width == len(
                    self.design.coords[n.DIM_DYAD]) else c.DIM_MEMBER
                series = self.series(f"{label}_series", half_life, path, one.rows,
                                     (dim, c.DIM_TIME), scale, (told[0], told[1], told[2]))
                pm.Deterministic(n.error_of(label), self.own_sd[one.indicator] * series,
                                 dims=(dim, c.DIM_TIME))
                parts.append(path + scale * series)
        if more is not None:
            parts.append(more)
        predictor = row_predictor(pt.concatenate(parts), slope, shift, data["row_series"],
                                  data["first"], data["stop"])

        def logp(observed: Any, mu: Any, noise: Any, decay: Any, weight: Any, size: Any, ways: Any,
                 previous: Any, family: Any) -> Any:
            return weight * row_density(mu, noise, decay, observed, size, ways, previous, family,
                                        pt.as_tensor_variable(4.0))

        pm.CustomDist(c.VAR_OBSERVED, predictor, noise, decay, data["weight"], data["n"],
                      data["log_ways"], data["previous_row"], data["family_code"], logp=logp,
                      observed=data["y"])


def add_measurement(data: dict[str, Any], prior: PriorNumbers, design: DyadDesign,
                    level: Any, yearly: Any,
                    common_year: tuple[Any, Any] | None = None) -> Measurement:
    """Add the parameters of the indicators to the current model.

    Parameters
    ----------
    data : dict of str to tensor
        The design's arrays as mutable data.
    prior : PriorNumbers
    design : DyadDesign
    level : tensor of float, shape (path,)
        Mean over units and years of what each latent of the stage is apart from its series. An
        intercept is sampled there, where the data are: a shift with unit Jacobian.
    yearly : tensor of float, shape (year,)
        Mean over units of the same, less the level: what all units share in a year. The effect of
        the year on an indicator is sampled given it; enters coordinates only.
    common_year : two tensors of float, shape (), optional
        Sd of what a year adds to all states of the stage, where it adds something, and the
        persistence of the states.
    """
    dims = c.DIM_INDICATOR
    loading = prior.log_normal_variable(c.VAR_LOADING, dims=dims, prior="loading")
    free = prior.log_normal_variable(c.VAR_NOISE, dims=n.DIM_NOISY, prior="noise")
    labels = design.coords[dims]
    which = np.array([labels.index(name) for name in design.coords[n.DIM_NOISY]], dtype=int)
    noise = pt.set_subtensor(pt.full((len(labels),), n.LASTING_NOISE)[which], free)
    shift = design.orientation * loading * level[design.path_of]
    # Where the data are: at the mean state and the mean effect of a year.
    at_mean = pm.Normal(f"{c.VAR_INTERCEPT}_at_mean", prior["intercept.mu"] + shift,
                        prior["intercept.sd"], dims=dims)
    own_sd, fade, half_life = pt.zeros_like(noise), pt.zeros_like(noise), []
    if design.own:
        which = np.array([one.indicator for one in design.own])
        lasts = prior.log_normal_variable(n.VAR_OWN_ERROR_HALF_LIFE, dims=n.DIM_LASTING)
        size = _lasting_sd(prior, lasts)
        own_sd = pt.set_subtensor(own_sd[which], size)
        fade = pt.set_subtensor(fade[which], persistence(lasts))
        half_life = [lasts[k] for k in range(len(design.own))]
    # A shift of all states against the intercept moves no coordinate.
    plain = row_terms(loading, at_mean, noise, pt.zeros_like(noise), pt.zeros((1 + sum(
        len(design.coords[dim]) for dim in (n.DIM_UNIT_CELL, n.DIM_YEAR_CELL)),)),
        pt.zeros((0,)), data)
    effects = add_effects(data, prior, design, plain, loading, own_sd, yearly, common_year)
    away = (at_mean - effects.mean - prior["intercept.mu"] - shift) / prior["intercept.sd"]
    still = (at_mean - prior["intercept.mu"] - shift) / prior["intercept.sd"]
    pm.Potential("intercept_of_its_prior", 0.5 * pt.sum(still**2 - away**2))
    intercept = pm.Deterministic(c.VAR_INTERCEPT, at_mean - effects.mean - shift, dims=dims)
    cells = [pt.zeros((1,)), effects.unit, effects.year]
    terms = row_terms(loading, intercept, noise, pt.zeros_like(noise), pt.concatenate(cells),
                      pt.zeros((0,)), data)
    # To the state, a row's lasting error and its noise are one autoregressive error, whose shocks
    # are the error's own and the noise that two years differ by.
    decay = data["chained"] * fade[data["row_indicator"]]
    lasting = data["lasting"] * own_sd[data["row_indicator"]] ** 2
    variance = (1.0 - decay**2) * lasting + (1.0 + decay**2) * variance_of(terms)
    shape = (design.series + sum(one.rows.stop - one.rows.start for one in design.own),
             len(design.coords[c.DIM_TIME]))
    found = _told(terms[0], variance, decay, terms[5], data, pt.zeros(shape),
                  design.stage == n.DRIVER_STAGE)
    return Measurement(data, design, prior, terms, loading, own_sd, half_life, found,
                       effects.common)


def _lasting_sd(prior: PriorNumbers, half_life: Any) -> Any:
    """Add the sds of lasting errors, sampled where the sds of their yearly shocks are.

    Of an error that lasts for decades the shocks are seen, its sd and its half-life hardly apart:
    given the half-life, the coordinate is shifted with unit Jacobian.
    """
    name, sd = n.VAR_OWN_ERROR_SD, prior[f"{n.VAR_OWN_ERROR_SD}.sd"]
    shock, usual = (0.5 * pt.log(-pt.expm1(-2.0 * np.log(2.0) / one)) for one in (
        half_life, prior[f"{n.VAR_OWN_ERROR_HALF_LIFE}.median"]))
    shift = (shock - usual) / sd
    at_shock = pm.Normal(f"{name}_raw", shift, 1.0, dims=n.DIM_LASTING)
    value = pt.exp(pt.log(prior[f"{name}.median"]) + sd * (at_shock - shift))
    return pm.Deterministic(name, value, dims=n.DIM_LASTING)


def _told(slope: Any, variance: Any, decay: Any, value: Any, data: dict[str, Any], like: Any,
          pairs: bool) -> tuple[Any, Any, Any]:
    """Return what the rows say of every state.

    What two members have in common is half of each; the other's half is taken to be like it, with
    an error of its own.
    """
    part = 1.0 - 0.5 * data["paired"]
    others = data["paired"] * (0.5 * slope) ** 2 * STATE_VARIANCE
    found = row_information(part * slope, 1.0 / (variance + others), decay, part * value,
                            data["latent_series"], data["first"], data["before"], like)
    if not pairs:
        return found[0], found[1], found[2]
    half = 0.5 * data["paired"]
    again = row_information(half * slope, 1.0 / (variance + others), pt.zeros_like(decay),
                            half * value, data["second_series"], data["first"], data["before"],
                            like)
    return found[0] + again[0], found[1], found[2] + again[2]
