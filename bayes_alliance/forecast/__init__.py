"""Forecasts of cohesion, its drivers and every indicator."""

from bayes_alliance.forecast.project import AS_NOW, Forecast, forecast

__all__ = ["AS_NOW", "Forecast", "forecast"]
