"""Forecasts of cohesion, its drivers and every indicator, as now and under scenarios."""

from bayes_alliance.forecast.project import forecast, forecast_months
from bayes_alliance.forecast.result import Difference, Forecast, WaveForecast
from bayes_alliance.forecast.scenarios import AS_NOW, Scenario, ScenarioLike, resolve_scenario
from bayes_alliance.spec import ScenarioSpec

__all__ = ["AS_NOW", "Difference", "Forecast", "Scenario", "ScenarioLike", "ScenarioSpec",
           "WaveForecast", "forecast", "forecast_months", "resolve_scenario"]
