r"""Forecast the states and every indicator, "as now" or under a scenario.

Parameters, states and innovations are all drawn: each posterior sample is carried forward with
new innovations from the model's own recursion (:mod:`bayes_alliance.forecast.states`), and every
indicator is drawn from it (:mod:`bayes_alliance.forecast.indicators`).

Invariant: nothing dated after the last month of the panel enters.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.forecast.indicators import project_indicators
from bayes_alliance.forecast.scenarios import AS_NOW, Scenario, ScenarioLike, resolve_scenario
from bayes_alliance.forecast.states import project_states
from bayes_alliance.inference import Fit
from bayes_alliance.model.predict import flatten
from bayes_alliance.spec import ModelSpec

__all__ = ["Forecast", "forecast", "forecast_months"]

_LEVELS: Final = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
_LONGEST: Final = 60


@dataclass(frozen=True)
class Forecast:
    """Predictive draws and their quantiles.

    Attributes
    ----------
    table : pandas.DataFrame
        ``scenario``, ``target``, ``time``, ``q05``, ``q25``, ``q50``, ``q75``, ``q95``; a target
        is ``cohesion``, ``<latent>_<member>`` or an indicator, the latter in its own unit.
    data : xarray.Dataset
        Draws of every target, dims ``sample``, ``time_future``; the scalar coordinate
        ``scenario`` names the scenario.
    sentence : str
        What is expected of cohesion.
    """

    table: pd.DataFrame
    data: xr.Dataset
    sentence: str

    @property
    def scenario(self) -> str:
        """Name of the scenario."""
        return str(self.data["scenario"].item())

    def plot(self, target: str = c.COHESION) -> Any:
        """Draw one target's fan; see :func:`bayes_alliance.plotting.plot_fan`."""
        title = "" if self.scenario == AS_NOW else f"scenario {self.scenario}"
        return import_module("bayes_alliance.plotting").plot_fan(self.table, target, title=title)


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
        ``"as_now"``: governments and the patron's administration stay in office; events of every
        driver and trigger go on at their mean monthly rate of the last ``forecast.rate_months``
        months; covariates stay at their last value. Or the name of a scenario of the model file,
        the path of a ``.toml`` file with one table ``[scenarios.NAME]``, or a
        :class:`bayes_alliance.spec.schema.ScenarioSpec`: what it names is changed, all else is as
        now. In each, polls are forecast for every month, as if fielded then, with the sample
        size of their last row.
    seed : int
        Seed of the innovations. Scenarios with the same seed share their innovations draw by
        draw, so that the difference of two forecasts' states is what the scenario does.
    most : int
        Number of posterior samples carried forward.

    Raises
    ------
    NotFittedError
        If the fit held rows out.
    ValueError
        If the horizon is out of range.
    SpecError
        If the scenario is unknown or names what the model does not have; lists every fault.
    """
    months = forecast_months(fit.spec, horizon)
    chosen = resolve_scenario(scenario, fit.spec, fit.panel)
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
                      coords={c.DIM_TIME_FUTURE: labels, "scenario": chosen.name})
    return Forecast(_table(chosen.name, targets, labels), data,
                    _sentence(chosen, fit, targets[c.COHESION], labels[-1],
                              samples.values[c.COHESION][:, -1]))


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


def _table(scenario: str, targets: dict[str, np.ndarray], labels: list[str]) -> pd.DataFrame:
    rows = []
    for name, draws in targets.items():
        bands = np.quantile(draws, list(_LEVELS.values()), axis=0)
        rows.append(pd.DataFrame({"scenario": scenario, "target": name, "time": labels,
                                  **dict(zip(_LEVELS, bands, strict=True))}))
    return pd.concat(rows, ignore_index=True)


def _sentence(scenario: Scenario, fit: Fit, cohesion: np.ndarray, last: str,
              now: np.ndarray) -> str:
    lower = float((cohesion[:, -1] < now).mean())
    return (f"{last}, {scenario.spec.title}: cohesion is lower than in {fit.panel.time[-1]} with "
            f"probability {lower:.2f}; median {np.median(cohesion[:, -1]):+.2f} after "
            f"{np.median(now):+.2f}.")
