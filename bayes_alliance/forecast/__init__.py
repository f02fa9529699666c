"""Forecasts of cohesion, its drivers and every indicator, as now and under scenarios."""

from bayes_alliance.forecast.project import Forecast, forecast, forecast_months
from bayes_alliance.forecast.scenarios import AS_NOW, Scenario, ScenarioLike, resolve_scenario
from bayes_alliance.spec.schema import ScenarioSpec

__all__ = ["AS_NOW", "Forecast", "Scenario", "ScenarioLike", "ScenarioSpec", "forecast",
           "forecast_months", "resolve_scenario"]
