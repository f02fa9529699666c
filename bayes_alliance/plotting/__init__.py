"""Figures: each function takes a computed result and returns a matplotlib figure."""

from bayes_alliance.plotting.backtest import (
    plot_hindsight,
    plot_past_coverage,
    plot_pit,
    plot_skill,
)
from bayes_alliance.plotting.calibration import plot_calibration
from bayes_alliance.plotting.checks import plot_predictive, plot_prior_posterior
from bayes_alliance.plotting.coverage import plot_coverage
from bayes_alliance.plotting.diagnostics import plot_diagnostics, plot_ranks
from bayes_alliance.plotting.episodes import plot_contributions
from bayes_alliance.plotting.forecast import plot_differences, plot_fan, plot_fans
from bayes_alliance.plotting.power import plot_power
from bayes_alliance.plotting.specifications import plot_specifications
from bayes_alliance.plotting.states import plot_drivers, plot_states
from bayes_alliance.plotting.style import NARROW, WIDE
from bayes_alliance.plotting.verdicts import plot_evidence, plot_verdicts

__all__ = [
    "NARROW",
    "WIDE",
    "plot_calibration",
    "plot_contributions",
    "plot_coverage",
    "plot_diagnostics",
    "plot_differences",
    "plot_drivers",
    "plot_evidence",
    "plot_fan",
    "plot_fans",
    "plot_hindsight",
    "plot_past_coverage",
    "plot_pit",
    "plot_power",
    "plot_predictive",
    "plot_prior_posterior",
    "plot_ranks",
    "plot_skill",
    "plot_specifications",
    "plot_states",
    "plot_verdicts",
]
