"""Prior and posterior predictive checks, simulation, calibration, recovery of known truths."""

from bayes_alliance.checks.calibration import calibration, coverage, coverage_limits
from bayes_alliance.checks.predictive import (
    CheckResult,
    main_parameters,
    posterior_predictive,
    prior_fit,
    prior_predictive,
)
from bayes_alliance.checks.simulate import Simulated, simulate

__all__ = [
    "CheckResult",
    "Simulated",
    "calibration",
    "coverage",
    "coverage_limits",
    "main_parameters",
    "posterior_predictive",
    "prior_fit",
    "prior_predictive",
    "simulate",
]
