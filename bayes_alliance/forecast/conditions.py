r"""Stated values and shocks of a scenario: placed in the months ahead, and conditioned on.

With :math:`\varepsilon` the innovations of a pair of series, standard normal, the states of the
stated months are linear in them, :math:`x = m + M\varepsilon`, draw by draw. Given :math:`x = v`
they are

.. math:: \varepsilon + M'(MM')^{-1}(v - m - M\varepsilon),

which is a draw from their exact distribution given the values, made from the unconditioned draw:
scenarios share their random numbers, and what a value does is the difference.

Invariant: parameters are not weighted again by what is stated. A value says what is supposed of
the future, not what was learnt; all that contradicts itself is refused before anything is drawn.

References
----------
Doucet 2010, A note on efficient conditional simulation of Gaussian distributions; the update is
Matheron's (Journel and Huijbregts 1978).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.exceptions import Fault
from bayes_alliance.spec import ModelSpec
from bayes_alliance.spec.forecasting import BOTH, ScenarioSpec, ShockSpec, ValueSpec

__all__ = ["Conditions", "add_shocks", "condition", "place_conditions"]

# Stream of the seed: what is drawn for a value that is known with an sd only.
_VALUES = 47


@dataclass(frozen=True)
class Conditions:
    """What is stated of single months.

    Attributes
    ----------
    values : dict of (int, int) to (float, float)
        Position of a series and of a future month (0 for the first) to value and sd.
    shocks : dict of (int, int) to float
        The same to what is added to the series' innovation, in its sds.
    """

    values: dict[tuple[int, int], tuple[float, float]]
    shocks: dict[tuple[int, int], float]


def place_conditions(scenario: ScenarioSpec, model: ModelSpec, last: pd.Period, months: int,
                     file: str = "scenario", where: str = "") -> tuple[Conditions, list[Fault]]:
    """Find the month of everything a scenario states.

    Parameters
    ----------
    scenario : ScenarioSpec
        Names the model does not have are passed over; the model's own check tells of them.
    model : ModelSpec
        Gives the series.
    last : pandas.Period
        The panel's last month.
    months : int
        Length of the forecast.
    file, where : str
        For the faults.

    Returns
    -------
    conditions : Conditions
    faults : list of Fault
        Months outside the forecast, values that contradict each other, values of months that
        have a shock, and values of series whose distribution given a value is not Gaussian. The
        last are no faults of a model file: its other scenarios go with any dynamics.
    """
    faults = _not_gaussian(scenario, model, file, where)
    values: dict[tuple[int, int], tuple[float, float]] = {}
    shocks: dict[tuple[int, int], float] = {}
    for latent, number, one in scenario.values:
        place = f"{where}.{latent}[{number}]".lstrip(".")
        at = _month(one, last, months, file, place, faults)
        members = model.model.members if one.member == BOTH else (one.member,)
        for series in (f"{latent}_{member}" for member in members):
            if at is None or series not in model.series:
                continue
            key, stated = (model.series.index(series), at), (one.value, one.sd)
            if values.setdefault(key, stated) != stated:
                faults.append(Fault(
                    file, place, f"{series} of {last + 1 + at} is {_shown(stated)}, but it was "
                    f"{_shown(values[key])} before", "one value of a series and month"))
    for number, shock in enumerate(scenario.shocks):
        place = f"{where}.shocks[{number}]".lstrip(".")
        at = _month(shock, last, months, file, place, faults)
        if at is None or shock.series not in model.series:
            continue
        key = (model.series.index(shock.series), at)
        shocks[key] = shocks.get(key, 0.0) + shock.size
        if key in values:
            faults.append(Fault(
                file, place, f"{shock.series} of {last + 1 + at} has a value, which a shock in "
                "the same month cannot change", "a value or a shock"))
    return Conditions(values, shocks), faults


def _not_gaussian(scenario: ScenarioSpec, model: ModelSpec, file: str,
                  where: str) -> list[Fault]:
    """Return a fault for all that keeps values from being conditioned on."""
    faults = []
    for latent in dict.fromkeys(latent for latent, _, _ in scenario.values):
        place, dynamics = f"{where}.{latent}".lstrip("."), getattr(model.model.dynamics, latent)
        if dynamics == "local_trend":
            faults.append(Fault(file, place, f"{latent} has values, but its dynamics are "
                                f"{dynamics}", "ar1 or random_walk"))
        if model.model.innovations != "normal":
            faults.append(Fault(file, place, f"{latent} has values, but innovations are "
                                f"{model.model.innovations}", "normal"))
    return faults


def _month(one: ValueSpec | ShockSpec, last: pd.Period, months: int, file: str, place: str,
           faults: list[Fault]) -> int | None:
    """Return the position of a month of the forecast, or tell that it is none."""
    ahead = one.ahead or pd.Period(one.month, "M").ordinal - last.ordinal
    if 1 <= ahead <= months:
        return int(ahead) - 1
    given = f"ahead = {one.ahead}" if one.ahead else f"month {one.month}"
    faults.append(Fault(file, place, f"{given} is outside a forecast of {months} months",
                        f"{last + 1} to {last + months}, 1 to {months} ahead"))
    return None


def _shown(stated: tuple[float, float]) -> str:
    value, sd = stated
    return f"{value:g} with sd {sd:g}" if sd else f"{value:g}"


def add_shocks(conditions: Conditions, shocks: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Return innovations with the stated shocks.

    Parameters
    ----------
    conditions : Conditions
    shocks : numpy.ndarray, shape (sample, series, month)
        Standard normal innovations; each latent's second is the second member's own part.
    correlation : numpy.ndarray, shape (sample, pair)
        Between the members' innovations.

    Returns
    -------
    numpy.ndarray, shape (sample, series, month)
        So that the named series' innovation grows by the stated size, the other member's by
        nothing.
    """
    if not conditions.shocks:
        return shocks
    result = np.array(shocks)
    for (series, at), size in conditions.shocks.items():
        pair, second = divmod(series, 2)
        if pair >= len(c.PATHS):
            result[:, series, at] += size
            continue
        rho = correlation[:, pair]
        across = np.sqrt(1.0 - rho**2)
        if second:
            result[:, series, at] += size / across
        else:
            result[:, series, at] += size
            result[:, series + 1, at] -= size * rho / across
    return result


def condition(conditions: Conditions, shocks: np.ndarray, states: np.ndarray,
              weights: np.ndarray, laws: list[tuple[np.ndarray, np.ndarray]],
              seed: int) -> np.ndarray:
    """Return innovations given the stated values.

    Parameters
    ----------
    conditions : Conditions
    shocks : numpy.ndarray, shape (sample, series, month)
        Innovations without the values.
    states : numpy.ndarray, shape (sample, 4, month)
        What threat and credibility are with them.
    weights : numpy.ndarray, shape (sample, 4, 2)
        What each state has of the two unit series of its pair.
    laws : list of (numpy.ndarray, numpy.ndarray)
        Persistence and step of each latent's unit series, shapes (sample,).
    seed : int
        Of values with an sd.

    Returns
    -------
    numpy.ndarray, shape (sample, series, month)
    """
    result = np.array(shocks)
    months = np.arange(shocks.shape[2])
    for pair in range(len(c.PATHS)):
        keys = [key for key in sorted(conditions.values) if key[0] // 2 == pair]
        if not keys:
            continue
        phi, step = (part[:, None, None] for part in laws[pair])
        series, at = np.array(keys).T
        age = at[:, None] - months
        moved = np.where(age >= 0, step * phi ** np.maximum(age, 0), 0.0)
        # Rows are stated values, columns the innovations of both unit series.
        linear = (weights[:, series, :, None] * moved[:, :, None, :]).reshape(
            len(shocks), len(keys), -1)
        missing = np.stack([_stated(conditions, key, len(shocks), seed) for key in keys], axis=1)
        missing = missing - states[:, series, at]
        # By an orthogonal basis of the rows: squaring the matrix would cost half the digits.
        basis, triangle = np.linalg.qr(np.swapaxes(linear, 1, 2))
        needed = np.linalg.solve(np.swapaxes(triangle, 1, 2), missing[:, :, None])
        result[:, 2 * pair:2 * pair + 2] += (basis @ needed).reshape(len(shocks), 2, -1)
    return result


def _stated(conditions: Conditions, key: tuple[int, int], size: int, seed: int) -> np.ndarray:
    """Return the values of one state and month, shape (sample,)."""
    value, sd = conditions.values[key]
    if not sd:
        return np.full(size, value)
    return value + sd * np.random.default_rng([seed, _VALUES, *key]).standard_normal(size)
