"""Figures: each takes a computed result and returns a matplotlib figure."""

from bayes_alliance.plotting.results import (
    plot_contributions,
    plot_coverage,
    plot_fan,
    plot_fans,
    plot_predictive,
    plot_prior_posterior,
)
from bayes_alliance.plotting.states import plot_drivers, plot_states

__all__ = [
    "plot_contributions",
    "plot_coverage",
    "plot_drivers",
    "plot_fan",
    "plot_fans",
    "plot_predictive",
    "plot_prior_posterior",
    "plot_states",
]
