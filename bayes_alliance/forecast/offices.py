"""Who holds the offices in the months ahead: the patron's administration, members' governments.

A scenario that names somebody keeps them. Otherwise an office changes hands by the calendar of
the model file: at the end of fixed terms with a given probability, or in any month. Nothing is
known of a successor, whose effect is drawn from the population of those before: an administration
with the prior's spread, its members' deviations and a government with the fitted spreads.

Invariant: who comes and when depends on the seed, the calendar and the months up to the panel's
last alone, never on the scenario; a scenario only keeps a change from happening.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit
from bayes_alliance.model.predict import Samples
from bayes_alliance.spec.forecasting import UNKNOWN_GOVERNMENT, OfficeSpec, ScenarioSpec

__all__ = ["Offices", "administration_now", "draw_offices", "governments_now", "term_ends"]

# Streams of the seed: a government that a scenario leaves unknown; changes of office.
_UNKNOWN, _CHANGES = 31, 43


@dataclass(frozen=True)
class Offices:
    """Effects of those in office in the future months.

    Attributes
    ----------
    administration : numpy.ndarray, shape (sample, member, month)
        On the members' credibility.
    governments : numpy.ndarray, shape (sample, month)
        On the long-run level of cohesion, both members' together.
    """

    administration: np.ndarray
    governments: np.ndarray


def draw_offices(fit: Fit, samples: Samples, scenario: ScenarioSpec, months: int,
                 seed: int) -> Offices:
    """Draw who is in office in every future month.

    Parameters
    ----------
    fit : Fit
        A full fit; its panel says who is in office now.
    samples : Samples
        Its draws, thinned.
    scenario : ScenarioSpec
        What is taken for granted of the future.
    months : int
        How many.
    seed : int
        Of changes and of successors.
    """
    governments = np.zeros((samples.size, months))
    for side, member in enumerate(fit.panel.members):
        governments += _government(fit, samples, scenario, side, member, months, seed)
    return Offices(_administration(fit, samples, scenario, months, seed), governments)


def administration_now(fit: Fit, samples: Samples) -> np.ndarray:
    """Return the effects of the administration of the panel's last month, (sample, member)."""
    return _administration_effect(samples, _last_label(fit, fit.panel.patron))


def governments_now(fit: Fit, samples: Samples) -> np.ndarray:
    """Return the summed effects of both governments of the panel's last month, (sample,)."""
    return np.sum([_government_effect(samples, member, _last_label(fit, member))
                   for member in fit.panel.members], axis=0)


def term_ends(calendar: OfficeSpec, holders: pd.Series, months: int) -> np.ndarray:
    """Say in which future months a fixed term ends and the next begins, shape (month,).

    Parameters
    ----------
    calendar : OfficeSpec
        With fixed terms.
    holders : pandas.Series
        Label in office, index months; the last is the month before the first future one. A
        change of office within it begins a term, also one off the calendar.
    months : int
        How many.
    """
    time = pd.PeriodIndex(holders.index)
    changed = np.flatnonzero(holders.to_numpy()[1:] != holders.to_numpy()[:-1])
    begun = pd.Period(calendar.first, "M").ordinal
    if len(changed):
        begun = time[int(changed[-1]) + 1].ordinal
    since = time[-1].ordinal + 1 + np.arange(months) - begun
    return (since % int(calendar.months or 1) == 0) & (since >= 0)


def _administration(fit: Fit, samples: Samples, scenario: ScenarioSpec, months: int,
                    seed: int) -> np.ndarray:
    patron = fit.panel.patron
    now = _administration_effect(samples, scenario.administration or _last_label(fit, patron))
    rng = np.random.default_rng([seed, _CHANGES, len(fit.panel.members)])
    change = _changes(fit, patron, (samples.size, months), rng)
    if scenario.administration is not None or change is None:
        return np.repeat(now[:, :, None], months, axis=2)
    prior = fit.spec.priors.administration_effect
    common = prior.mu + prior.sd * rng.standard_normal((samples.size, 1, months))
    own = (samples.values[c.VAR_ADMINISTRATION_DEVIATION_SD][:, None, None]
           * rng.standard_normal((samples.size, 2, months)))
    return np.stack([_in_office(now[:, member], change, (common + own)[:, member])
                     for member in (0, 1)], axis=1)


def _government(fit: Fit, samples: Samples, scenario: ScenarioSpec, side: int, member: str,
                months: int, seed: int) -> np.ndarray:
    """Return the effect of one member's governments, shape (sample, month)."""
    spread = samples.values[c.VAR_GOVERNMENT_SD]
    label = scenario.governments.get(member)
    if label == UNKNOWN_GOVERNMENT:
        drawn = np.random.default_rng([seed, _UNKNOWN, side]).standard_normal(samples.size)
        return np.repeat((spread * drawn)[:, None], months, axis=1)
    now = _government_effect(samples, member, label or _last_label(fit, member))
    rng = np.random.default_rng([seed, _CHANGES, side])
    change = _changes(fit, member, (samples.size, months), rng)
    if label is not None or change is None:
        return np.repeat(now[:, None], months, axis=1)
    return _in_office(now, change, spread[:, None] * rng.standard_normal((samples.size, months)))


def _changes(fit: Fit, country: str, shape: tuple[int, int],
             rng: np.random.Generator) -> np.ndarray | None:
    """Say where somebody new comes into office, shape (sample, month); None without a calendar."""
    calendar = fit.spec.forecast.offices.get(country)
    if calendar is None:
        return None
    drawn = rng.uniform(size=shape)
    if calendar.mean_months is not None:
        return np.asarray(drawn < 1.0 / calendar.mean_months)
    due = term_ends(calendar, fit.panel.governments[country], shape[1])
    return due & (drawn < calendar.change)


def _in_office(now: np.ndarray, change: np.ndarray, successors: np.ndarray) -> np.ndarray:
    """Return the effect of the one who came last, (sample, month); ``now`` before any change.

    ``successors`` holds, in each month, the effect of the one who would come in it.
    """
    months = np.arange(change.shape[1])
    came = np.maximum.accumulate(np.where(change, months, -1), axis=1)
    found = np.take_along_axis(successors, np.maximum(came, 0), axis=1)
    return np.where(came < 0, now[:, None], found)


def _last_label(fit: Fit, country: str) -> str:
    """Return the one in office in the panel's last month."""
    return str(fit.panel.governments[country].iloc[-1])


def _administration_effect(samples: Samples, label: str) -> np.ndarray:
    """Return effect and deviations of an administration, shape (sample, member)."""
    position = samples.labels[c.DIM_ADMINISTRATION].index(label)
    effect = samples.values[c.VAR_ADMINISTRATION_EFFECT][:, position]
    return np.asarray(effect[:, None]
                      + samples.values[c.VAR_ADMINISTRATION_DEVIATION][:, :, position])


def _government_effect(samples: Samples, member: str, label: str) -> np.ndarray:
    """Return a government's effect, shape (sample,)."""
    position = samples.labels[c.DIM_GOVERNMENT].index(f"{member}:{label}")
    return np.asarray(samples.values[c.VAR_GOVERNMENT_EFFECT][:, position])
