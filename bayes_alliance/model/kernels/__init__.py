"""Compiled pieces of the log density with hand-written reverse passes, in Numba."""

from bayes_alliance.model.kernels.autoregression import autoregression
from bayes_alliance.model.kernels.conditional import conditional_series, whitened_series
from bayes_alliance.model.kernels.information import row_information
from bayes_alliance.model.kernels.prior import series_density
from bayes_alliance.model.kernels.rows import row_density, row_predictor
from bayes_alliance.model.kernels.terms import row_terms

__all__ = [
    "autoregression",
    "conditional_series",
    "row_density",
    "row_information",
    "row_predictor",
    "row_terms",
    "series_density",
    "whitened_series",
]
