"""Prior and posterior predictive checks, simulation, recovery of known truths."""

from bayes_alliance.checks.predictive import (
    CheckResult,
    main_parameters,
    posterior_predictive,
    prior_fit,
    prior_predictive,
)
from bayes_alliance.checks.recovery import coverage_limits, recover
from bayes_alliance.checks.simulate import Simulated, simulate

__all__ = [
    "CheckResult",
    "Simulated",
    "coverage_limits",
    "main_parameters",
    "posterior_predictive",
    "prior_fit",
    "prior_predictive",
    "recover",
    "simulate",
]
