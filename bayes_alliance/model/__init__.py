"""The statistical model: likelihoods, measurement, dynamics, paths, switches."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_alliance.model.design import Design, build_design
from bayes_alliance.model.likelihoods import LIKELIHOODS

if TYPE_CHECKING:
    from bayes_alliance.model.build import build_model

__all__ = ["LIKELIHOODS", "Design", "build_design", "build_model"]


def __getattr__(name: str) -> Any:
    """Import the graph's builder on first use: where machine code is kept, PyMC is not needed."""
    if name != "build_model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("bayes_alliance.model.build").build_model
