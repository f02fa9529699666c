"""Predictive checks, simulation, calibration, recovery of known truths, power-scaling."""

from bayes_alliance.checks.against import Against, moves_against
from bayes_alliance.checks.calibration import calibration, coverage, coverage_limits
from bayes_alliance.checks.predictive import (
    CheckResult,
    main_parameters,
    posterior_predictive,
    prior_fit,
    prior_predictive,
)
from bayes_alliance.checks.sensitivity import Sensitivity, power_scaling
from bayes_alliance.checks.simulate import Simulated, simulate

__all__ = [
    "Against",
    "CheckResult",
    "Sensitivity",
    "Simulated",
    "calibration",
    "coverage",
    "coverage_limits",
    "main_parameters",
    "moves_against",
    "posterior_predictive",
    "power_scaling",
    "prior_fit",
    "prior_predictive",
    "simulate",
]
