"""Prior and posterior predictive checks."""

from bayes_alliance.checks.predictive import (
    CheckResult,
    main_parameters,
    posterior_predictive,
    prior_fit,
    prior_predictive,
)

__all__ = ["CheckResult", "main_parameters", "posterior_predictive", "prior_fit",
           "prior_predictive"]
