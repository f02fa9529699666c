"""Bayesian inference for alliance cohesion.

A hierarchical model treats cohesion between two states as a latent state driven by shared threat
perception and by the credibility of their common ally, measured by polls, travel, press and
events::

    import bayes_alliance as ba

    fit = ba.fit("rok_japan", seed=1)
    fit.episodes().table
    fit.forecast(24).plot()
    fit.save("rok_japan.nc")
    ba.load("rok_japan.nc")
"""

import os
import tempfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Compilation goes through Numba; without this PyTensor looks for a C compiler and warns where
# there is none. The source that it makes goes into one folder, a file for each function: PyTensor
# would leave a hundred files in the temporary folder each time, for good.
_sources = os.path.join(tempfile.gettempdir(), "bayes_alliance-" + str(
    os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")))
os.environ.setdefault("PYTENSOR_FLAGS", "cxx=,numba__fastmath=False" + (
    "" if set(_sources) & set(",=") else f",generated_src_dir={_sources}"))

if TYPE_CHECKING:
    from bayes_alliance.api import (
        Fit,
        backtest,
        borrow,
        check_data,
        compare,
        fit,
        load,
        make_forecast,
        make_report,
        read_model,
        robustness,
    )
    from bayes_alliance.exceptions import (
        AllianceError,
        ConvergenceError,
        DataError,
        NotFittedError,
        SchemaError,
        SpecError,
    )

__all__ = [
    "AllianceError",
    "ConvergenceError",
    "DataError",
    "Fit",
    "NotFittedError",
    "SchemaError",
    "SpecError",
    "backtest",
    "borrow",
    "check_data",
    "compare",
    "fit",
    "load",
    "make_forecast",
    "make_report",
    "read_model",
    "robustness",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import public names on first use: PyMC takes seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module 'bayes_alliance' has no attribute {name!r}")
    module = "exceptions" if name.endswith("Error") else "api"
    return getattr(import_module(f"bayes_alliance.{module}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
