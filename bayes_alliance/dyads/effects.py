r"""Deviations of units and effects of years, in coordinates by what the rows say of them.

A unit's deviation :math:`v \sim N(0, s_v^2)` and a year's effect :math:`w_t \sim N(0, s^2)` add to
the intercept a, so that the rows do not tell a from the mean of v and from the mean of w: three
that only their priors tell apart. The intercept is sampled where the data are, at
:math:`a + \bar w`, and of the effects of an indicator's T years what is apart from their mean:

.. math:: w_t = d_t + m, \qquad \textstyle\sum_t p_t d_t = 0, \qquad
   m \mid d \sim N(-\bar d, s^2/T)

with the rows' precisions p; the direction that the constraint leaves over is given a standard
normal of its own. The Jacobian is exact, the prior is that of independent effects.

What a year adds to all states, :math:`\nu_t \sim N(0, \sigma^2)`, shows in the indicator that has
most rows, the anchor j, as no more than the sum
:math:`T_t = o_j\lambda_j\nu_t + w_{j,t} \sim N(0, \lambda_j^2\sigma^2 + s_j^2)`. The sum is what is
sampled, and then

.. math::
    \nu_t \mid T_t \sim N\Bigl(\frac{o_j\lambda_j\sigma^2}{\lambda_j^2\sigma^2 + s_j^2}\,T_t,\;
    \frac{\sigma^2 s_j^2}{\lambda_j^2\sigma^2 + s_j^2}\Bigr):

the same prior, in which neither sd is bound to seventy effects that its other half must follow.

Invariant: what the rows say enters coordinates only.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import DyadDesign
from bayes_alliance.model.kernels import row_information
from bayes_alliance.model.prior_numbers import PriorNumbers
from bayes_alliance.model.series import Law, unit_series

__all__ = ["STATE_VARIANCE", "Effects", "add_effects", "variance_of"]

# Of a unit's mean state, roughly; enters coordinates only.
STATE_VARIANCE: Final = 0.5
# A half-life after which nothing is left a year later, and a precision of nothing.
_AT_ONCE: Final = 0.01
_NOTHING: Final = 1e-9


@dataclass(frozen=True)
class Effects:
    """What units and years add to the rows' predictors.

    Attributes
    ----------
    unit, year : tensor of float, shape (cell,)
        In the order of the design's cells.
    mean : tensor of float, shape (indicator,)
        By how much the intercept is sampled apart from where it is; 0 for the anchor and for
        indicators without effects of years.
    common : tensor of float, shape (year,)
        What a year adds to all states, where the hypothesis lets it.
    """

    unit: Any
    year: Any
    mean: Any
    common: Any


@dataclass(frozen=True)
class _Rows:
    """The rows without any of these effects: what is common to the functions below."""

    data: dict[str, Any]
    design: DyadDesign
    terms: list[Any]
    states: Any
    """Variance of what the indicators' states and lasting errors add to single rows."""

    def told(self, variance: Any, value: Any, column: int) -> tuple[Any, Any]:
        """Return precision and linear term of what rows say of every cell, shape (1 + cell,)."""
        data, cells = self.data, len(self.design.unit_indicator) + len(self.design.year_indicator)
        nothing = data["previous_row"] * 0
        found = row_information(
            pt.ones_like(variance), 1.0 / variance, pt.zeros_like(variance), value,
            data["nuisance_cell"][:, column], nothing, nothing, pt.zeros((1 + cells, 1)))
        return found[0][:, 0], found[2][:, 0]

    def told_of_years(self, which: np.ndarray, value: Any, shared: Any, added: Any
                      ) -> tuple[Any, Any]:
        """Return the same of years' cells, of rows less what all states share in a year."""
        data = self.data
        found = self.told(variance_of(self.terms) + added,
                          value - self.terms[0] * shared[data["first"]], 1)
        at = 1 + len(self.design.unit_indicator) + which
        return found[0][at], found[1][at]


def variance_of(terms: list[Any]) -> Any:
    """Return the variances of rows; of a row that does not count a large one.

    An infinite one would have no derivative.
    """
    return 1.0 / pt.maximum(terms[4], _NOTHING)


def add_effects(data: dict[str, Any], prior: PriorNumbers, design: DyadDesign, plain: list[Any],
                loading: Any, own_sd: Any, yearly: Any, common_year: tuple[Any, Any] | None
                ) -> Effects:
    """Add units' deviations and years' effects to the current model.

    Parameters
    ----------
    data : dict of str to tensor
    prior : PriorNumbers
    design : DyadDesign
    plain : list of tensor
        Terms of the rows without any effect, at the mean state.
    loading, own_sd : tensor of float, shape (indicator,)
    yearly, common_year
        See :func:`bayes_alliance.dyads.measurement.add_measurement`.
    """
    rows = _Rows(data, design, plain, STATE_VARIANCE * loading**2 + own_sd**2)
    unit, value = _unit_deviations(rows, prior)
    of, spread = design.year_indicator, prior.log_normal_variable(
        n.VAR_YEAR_EFFECT_SD, dims=c.DIM_INDICATOR)
    anchored, others = (np.flatnonzero(found) for found in (
        of == design.anchor, of != design.anchor))
    mean, common, parts = pt.zeros_like(loading), pt.zeros_like(yearly), []
    if common_year is not None:
        common = common_year[0] * pm.Normal("common_year_raw", dims="year")
        if len(anchored):
            effect, common = _anchor_years(rows, anchored, value, yearly, loading[design.anchor],
                                           spread[design.anchor], common_year, common)
            parts.append(effect)
    if len(others):
        told = rows.told_of_years(others, value, yearly + data["year_switch"] * common,
                                  rows.states[data["row_indicator"]])
        kinds, cell = np.unique(of[others], return_inverse=True)
        effect, level = _contrasts(told, spread[kinds], cell, len(kinds))
        mean = pt.set_subtensor(mean[kinds], level)
        parts.append(effect)
    order = np.argsort(np.concatenate([anchored, others]))
    found = pt.concatenate([*parts, pt.zeros((0,))])[order]
    year = pm.Deterministic(n.VAR_YEAR_EFFECT, found, dims=n.DIM_YEAR_CELL)
    return Effects(unit, year, mean, common)


def _unit_deviations(rows: _Rows, prior: PriorNumbers) -> tuple[Any, Any]:
    """Return units' deviations, and what is left of the rows' values without them.

    To a unit's deviation its state's level and its lasting error are one error common to its rows.
    """
    name, of = n.VAR_UNIT_DEVIATION, rows.design.unit_indicator
    spread = prior.log_normal_variable(n.VAR_UNIT_DEVIATION_SD, dims=c.DIM_INDICATOR)
    precision, linear = (part[1:1 + len(of), None] for part in rows.told(
        variance_of(rows.terms), rows.terms[5], 0))
    shrink = 1.0 + precision * rows.states[of][:, None]
    raw = _unit_normals(f"{name}_raw", (n.DIM_UNIT_CELL, n.DIM_ONCE), spread[of], 1.0,
                        (precision / shrink, pt.zeros_like(precision), linear / shrink))
    found = pm.Deterministic(name, spread[of] * raw[:, 0], dims=n.DIM_UNIT_CELL)
    whole = pt.concatenate([pt.zeros((1,)), found])
    return found, rows.terms[5] - whole[rows.data["nuisance_cell"][:, 0]]


def _unit_normals(name: str, dims: tuple[str, str], scale: Any, half_life: float,
                  information: tuple[Any, Any, Any]) -> Any:
    """Add series of unit variance, each with a scale, whitened by what the rows say of them."""
    count = len(pm.modelcontext(None).coords[dims[0]])
    law = Law(pt.as_tensor_variable(0.0), "chosen", None, 0.0, 1.0)
    return unit_series(name, pt.full((count,), half_life), ["ar1"] * count,
                       pt.zeros_like(information[0]), scale, information, law, None, dims)


def _anchor_years(rows: _Rows, anchored: np.ndarray, value: Any, yearly: Any, loading: Any,
                  spread: Any, common_year: tuple[Any, Any], shock: Any) -> tuple[Any, Any]:
    """Return the anchor's effects of years and what a year adds to all states.

    To a year's sum the states of all units are one error that fades as they do, and the rows'
    noise one that is gone the year after. ``shock`` is what the year would add if no sum told.
    """
    design, (sd, persists) = rows.design, common_year
    years = design.anchor_years
    alone, both = (rows.told_of_years(anchored, value, yearly, added)
                   for added in (0.0, loading**2))
    noise, total = (1.0 / pt.maximum(told[0], _NOTHING) for told in (alone, both))
    decay = persists * np.concatenate([[False], np.diff(years) == 1])
    variance = (1.0 - decay**2) * (total - noise) + (1.0 + decay**2) * noise
    before = np.maximum(np.arange(len(years), dtype=np.int32) - 1, 0)
    information = row_information(
        pt.ones_like(noise), 1.0 / variance, decay, total * both[1], 0 * years, years, before,
        yearly[None, :])
    slope = rows.data["year_switch"] * design.orientation[design.anchor] * loading
    own, shown = spread**2, (slope * sd) ** 2
    scale = pt.sqrt(own + shown)
    summed = scale * _unit_normals("year_total_raw", (n.DIM_ONCE, "year"), scale[None], _AT_ONCE,
                                   (information[0], information[1], information[2]))[0]
    common = (slope * sd**2 * summed + shock * spread * scale) / (own + shown)
    return (summed - slope * common)[years], common


def _contrasts(told: tuple[Any, Any], spread: Any, cell: np.ndarray, kinds: int
               ) -> tuple[Any, Any]:
    """Add effects of years as contrasts and a mean, shape (cell,), and return both.

    ``spread`` is the sd of every kind, ``cell`` the kind of every cell.
    """
    among = np.equal.outer(np.arange(kinds), cell).astype(float)
    count = among.sum(axis=1)

    def by_kind(values: Any) -> Any:
        return pt.dot(among, values)

    raw = pm.Normal("year_contrast_raw", dims=n.DIM_OTHER_CELL)
    level_raw = pm.Normal("year_mean_raw", shape=kinds)
    precision = told[0] + 1.0 / spread[cell] ** 2
    root, norm = pt.sqrt(precision), pt.sqrt(by_kind(precision))
    along = by_kind(root * raw) / norm
    centre = told[1] / precision - (by_kind(told[1]) / norm**2)[cell]
    apart = raw / root - (along / norm)[cell] + centre
    level = spread / np.sqrt(count) * level_raw - by_kind(apart) / count
    effect = apart + level[cell]
    jacobian = pt.sum(pt.log(norm * spread / np.sqrt(count))) - pt.sum(pt.log(root))
    pm.Potential("year_effects_of_their_prior", jacobian - pt.sum(pt.log(spread[cell])) + 0.5 * (
        pt.sum(raw**2) + pt.sum(level_raw**2) - pt.sum(along**2)
        - pt.sum((effect / spread[cell]) ** 2)))
    return effect, level
