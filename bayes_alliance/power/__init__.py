"""What a design can see: verdicts on simulated panels whose truth is known."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_alliance.power.designs import DESIGNS, NONE, OBSERVED, WORDS
from bayes_alliance.power.shares import Power, power_sentence, shares_of

if TYPE_CHECKING:
    from bayes_alliance.power.study import COLUMNS, power

__all__ = ["COLUMNS", "DESIGNS", "NONE", "OBSERVED", "WORDS", "Power", "power", "power_sentence",
           "shares_of"]


def __getattr__(name: str) -> Any:
    """Import the study on first use: to show its results needs no sampler."""
    if name not in ("COLUMNS", "power"):
        raise AttributeError(f"module 'bayes_alliance.power' has no attribute {name!r}")
    return getattr(import_module("bayes_alliance.power.study"), name)
