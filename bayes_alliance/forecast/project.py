r"""Forecast the states and every indicator, "as now" or under a scenario.

Parameters, states and innovations are all drawn: each posterior sample is carried forward with
new innovations from the model's own recursion (:mod:`bayes_alliance.forecast.states`), and every
indicator is drawn from it (:mod:`bayes_alliance.forecast.indicators`).

Invariant: nothing dated after the last month of the panel enters.
"""

import hashlib
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.forecast.indicators import project_indicators
from bayes_alliance.forecast.outcomes import outcome_table
from bayes_alliance.forecast.result import Forecast, band_table, target_table
from bayes_alliance.forecast.scenarios import AS_NOW, Scenario, ScenarioLike, resolve_scenario
from bayes_alliance.forecast.states import project_states
from bayes_alliance.forecast.waves import expected_waves, wave_table
from bayes_alliance.inference import Fit
from bayes_alliance.model.predict import Samples, flatten, series_states
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel, observed_values

__all__ = ["forecast", "forecast_months"]

_LONGEST: Final = 60


def forecast(fit: Fit, horizon: int | None = None, *, scenario: ScenarioLike = AS_NOW,
             seed: int = 1, most: int = 2000) -> Forecast:
    """Forecast cohesion, its drivers and every indicator.

    Parameters
    ----------
    fit : Fit
        A full fit.
    horizon : int, optional
        Months ahead, 1 to 60; the model file's by default.
    scenario : str, pathlib.Path or ScenarioSpec
        ``"as_now"``: offices change hands by the calendars of ``forecast.offices``, those
        without one never; events of every driver and trigger go on at their mean monthly rate of
        the last ``forecast.rate_months`` months; covariates stay at their last value. Or the name
        of a scenario of the model file, the path of a ``.toml`` file with one table
        ``[scenarios.NAME]``, or a :class:`bayes_alliance.spec.ScenarioSpec`: what it names is
        changed, all else is as now. In each, polls are forecast for every month, as if fielded
        then, with the sample size of their last row.
    seed : int
        Seed of the innovations and of changes of office. Scenarios with the same seed share them
        draw by draw, so that the difference of two forecasts' states is what the scenario does.
    most : int
        Number of posterior samples carried forward.

    Raises
    ------
    NotFittedError
        If the fit held rows out.
    ValueError
        If the horizon is out of range.
    SpecError
        If the scenario is unknown, names what the model does not have, speaks of months outside
        the forecast or contradicts itself; lists every fault.
    """
    months = forecast_months(fit.spec, horizon)
    chosen = resolve_scenario(scenario, fit.spec, fit.panel, months)
    if fit.left_out:
        raise NotFittedError(f"this fit held out the rows of {fit.left_out}; forecast from a "
                             "full fit")
    samples = flatten(fit.posterior, most)
    states = project_states(fit, samples, chosen.spec, months, seed)
    future = pd.period_range(fit.panel.time[-1] + 1, periods=months, freq="M")
    series = list(fit.spec.series)
    targets = {c.COHESION: states[:, series.index(c.COHESION)]}
    targets.update({name: states[:, position] for position, name in enumerate(series)
                    if name != c.COHESION})
    targets.update(project_indicators(fit, samples, states, future, seed))
    labels = [str(month) for month in future]
    data = xr.Dataset({name: (("sample", c.DIM_TIME_FUTURE), draws)
                       for name, draws in targets.items()},
                      coords={c.DIM_TIME_FUTURE: labels, "scenario": chosen.name},
                      attrs={"seed": seed, "fit": _digest(samples)})
    table = target_table(data)
    expected = expected_waves(fit.panel, months)
    return Forecast(
        table=table, data=data,
        sentence=_sentence(chosen, fit, targets[c.COHESION], labels[-1],
                           samples.values[c.COHESION][:, -1]),
        outcomes=outcome_table(fit, samples, chosen.name, targets, expected),
        waves=wave_table(table, expected), past=_past(fit.panel, fit.spec, samples))


def forecast_months(spec: ModelSpec, horizon: int | None) -> int:
    """Return how many months to forecast; the model file's where none are asked for.

    Raises
    ------
    ValueError
        If the horizon is not 1 to 60 months.
    """
    months = spec.forecast.horizon if horizon is None else horizon
    if not 1 <= months <= _LONGEST:
        raise ValueError(f"horizon is {months}; allowed are 1 to {_LONGEST} months")
    return months


def _digest(samples: Samples) -> str:
    """Return what tells the draws that are carried forward from any others."""
    parts = [np.ascontiguousarray(samples.values[name]) for name in (c.COHESION, c.VAR_HALF_LIFE)]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def _past(panel: Panel, spec: ModelSpec, samples: Samples) -> pd.DataFrame:
    """Return bands of the states and observed values, months of the panel."""
    states, labels = series_states(samples), [str(month) for month in panel.time]
    frames = []
    for position, name in enumerate(spec.series):
        frame = band_table(states[:, position], target=name, time=labels).drop(
            columns=["q01", "q99"])
        frames.append(frame.assign(value=frame["q50"], observed=False))
    frames.append(observed_values(panel).assign(observed=True))
    return pd.concat(frames, ignore_index=True)


def _sentence(scenario: Scenario, fit: Fit, cohesion: np.ndarray, last: str,
              now: np.ndarray) -> str:
    lower = float((cohesion[:, -1] < now).mean())
    return (f"{last}, {scenario.spec.title}: cohesion is lower than in {fit.panel.time[-1]} with "
            f"probability {lower:.2f}; median {np.median(cohesion[:, -1]):+.2f} after "
            f"{np.median(now):+.2f}.")
