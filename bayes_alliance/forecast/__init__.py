"""Forecasts of cohesion, its drivers and every indicator, under scenarios, scored in backtests."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bayes_alliance.forecast.mixture import combine_forecasts
    from bayes_alliance.forecast.project import forecast, forecast_months
    from bayes_alliance.forecast.result import Difference, Forecast, WaveForecast
    from bayes_alliance.forecast.scenarios import (
        AS_NOW,
        Scenario,
        ScenarioLike,
        resolve_scenario,
    )
    from bayes_alliance.forecast.summary import Backtest, backtest
    from bayes_alliance.spec import ScenarioSpec

__all__ = ["AS_NOW", "Backtest", "Difference", "Forecast", "Scenario", "ScenarioLike",
           "ScenarioSpec", "WaveForecast", "backtest", "combine_forecasts", "forecast",
           "forecast_months", "resolve_scenario"]
_HOME: Final = {"Backtest": "summary", "Difference": "result", "Forecast": "result",
                "WaveForecast": "result", "backtest": "summary",
                "combine_forecasts": "mixture", "forecast": "project",
                "forecast_months": "project"}


def __getattr__(name: str) -> Any:
    """Import on first use: the tables of a backtest are read without a sampler."""
    if name not in __all__:
        raise AttributeError(f"module 'bayes_alliance.forecast' has no attribute {name!r}")
    return getattr(import_module(f"bayes_alliance.forecast.{_HOME.get(name, 'scenarios')}"), name)
