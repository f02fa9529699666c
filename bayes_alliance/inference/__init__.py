"""Compile once, fit, hold against the gate, save and load."""

from bayes_alliance.inference.fitting import (
    fit,
    fit_panel,
    held_out_rows,
    load_model,
    package_versions,
    require_passed,
)
from bayes_alliance.inference.gate import FULL_GATE, LEAVE_OUT_GATE, Diagnostics, Gate, diagnose
from bayes_alliance.inference.result import Fit
from bayes_alliance.inference.sampling import Progress, forward_draws
from bayes_alliance.inference.store import load_fit, save_fit

__all__ = [
    "FULL_GATE",
    "LEAVE_OUT_GATE",
    "Diagnostics",
    "Fit",
    "Gate",
    "Progress",
    "diagnose",
    "fit",
    "fit_panel",
    "forward_draws",
    "held_out_rows",
    "load_fit",
    "load_model",
    "package_versions",
    "require_passed",
    "save_fit",
]
