"""The statistical model: likelihoods, measurement, dynamics, paths, switches."""

from bayes_alliance.model.build import build_model
from bayes_alliance.model.design import Design, build_design
from bayes_alliance.model.likelihoods import LIKELIHOODS

__all__ = ["LIKELIHOODS", "Design", "build_design", "build_model"]
