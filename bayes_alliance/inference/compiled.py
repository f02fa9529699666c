"""Compile once, fit many times.

Invariant: two fits whose designs share a structure share one compilation within a process; all
that differs between them goes in as data.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from bayes_alliance.model import Design, build_model
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["HELPER_SUFFIXES", "clear_compiled", "compiled_model"]

# A few structures at most are in use at a time (response, innovations); a bound keeps a long
# process from growing.
_KEPT: Final = 4
_compiled: OrderedDict[tuple[object, ...], Any] = OrderedDict()

# Variables that only parametrise others; leaving them out halves the memory of a fit.
HELPER_SUFFIXES: Final = ("_raw", "_z", "_at_mean", "_scaled", "_log")


def compiled_model(spec: ModelSpec, panel: Panel, design: Design,
                   announce: Callable[[str], None] | None = None) -> Any:
    """Return the compiled sampler of a design, holding the design's data.

    Parameters
    ----------
    spec : ModelSpec
        The model file.
    panel : Panel
        The data whose layout the design has.
    design : Design
        Data arrays and structure.
    announce : callable, optional
        Called with one line when something has to be compiled.

    Returns
    -------
    nutpie.compiled_pyro.CompiledModel
        Compiled with the Numba backend.
    """
    import nutpie

    key = design.structure
    if key not in _compiled:
        if announce is not None:
            announce("compiling the model")
        model = build_model(spec, panel, design)
        kept = [variable.name for variable in [*model.free_RVs, *model.deterministics]
                if not variable.name.endswith(HELPER_SUFFIXES)]
        _compiled[key] = nutpie.compile_pymc_model(model, backend="numba", var_names=kept)
        while len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)
    return _compiled[key].with_data(**design.data)


def clear_compiled() -> None:
    """Forget every compilation of this process."""
    _compiled.clear()
