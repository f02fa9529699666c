"""Compile once, fit many times.

Invariant: two fits whose designs share a structure share one compilation; all that differs
between them goes in as data. A later process loads the machine code that an earlier one kept
(:mod:`.kept`), the same bit for bit: with one seed both draw the same numbers.
"""

import ctypes
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.inference.kept import (
    Layout,
    emptied,
    entries,
    folder_of,
    keep,
    kept,
    sole,
)
from bayes_alliance.inference.native import RAISED, memory_table
from bayes_alliance.model import Design
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

Density = Callable[[np.ndarray], tuple[float, np.ndarray]]

__all__ = ["HELPER_SUFFIXES", "Compiled", "Density", "clear_compiled", "compile_model",
           "compiled_model", "obtain", "reported_names"]

# A few structures at most are in use at a time (response, innovations); a bound keeps a long
# process from growing.
_KEPT: Final = 4
_POINTER: Final = ctypes.POINTER(ctypes.c_double)
_compiled: OrderedDict[tuple[object, ...], "Compiled"] = OrderedDict()

# Variables that only parametrise others; they are not kept in a fit.
HELPER_SUFFIXES: Final = ("_raw", "_z", "_at_mean", "_scaled", "_log", "_between", "_series",
                          "_residual", "__")


@dataclass(frozen=True)
class Compiled(Layout):
    """The compiled log density of a model, its gradient, and the map to reported variables.

    Attributes
    ----------
    density_entry, expand_entry : numba C functions
        See :mod:`bayes_alliance.inference.entries`.
    """

    density_entry: Any
    expand_entry: Any

    def with_data(self, **arrays: np.ndarray) -> "Compiled":
        """Return the same compilation with other data.

        Raises
        ------
        KeyError
            If there are no data of a name.
        ValueError
            If an array has another size.
        """
        changed = dict(self.data)
        for name, array in arrays.items():
            old = self.data[name]
            changed[name] = np.ascontiguousarray(array, dtype=old.dtype).reshape(old.shape)
        return replace(self, data=changed)

    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all data as one vector of float64 and one of int32."""
        reals, integers = _by_kind(self.data)
        return _joined(self.data, reals, np.float64), _joined(self.data, integers, np.int32)

    def density(self) -> Density:
        """Return the function from coordinates to log density and gradient.

        It runs without the interpreter's lock. Where the density is not finite, value or gradient
        are not; it raises ``ArithmeticError`` where the model's code raises.
        """
        memory, call, size = self.unmoved(), self.density_entry.ctypes, self.size

        def density(position: np.ndarray) -> tuple[float, np.ndarray]:
            position = np.ascontiguousarray(position, dtype=np.float64)
            gradient, value = np.empty(size), np.empty(1)
            answer = call(size, _doubles(position), _doubles(gradient), _doubles(value),
                          memory[0].ctypes.data)
            if answer == RAISED:
                raise ArithmeticError("the log density raised an error at this position")
            return float(value[0]), gradient

        return density

    def expand(self) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return the function from coordinates to the reported variables."""
        memory, call, variables = self.unmoved(), self.expand_entry.ctypes, self.variables
        size, count = self.size, sum(int(np.prod(shape)) for shape in variables.values())

        def expand(position: np.ndarray) -> dict[str, np.ndarray]:
            position = np.ascontiguousarray(position, dtype=np.float64)
            flat = np.empty(count)
            answer = call(size, count, _doubles(position), _doubles(flat), memory[0].ctypes.data)
            if answer == RAISED:
                raise ArithmeticError("the reported variables raised an error at this position")
            result, start = {}, 0
            for name, shape in variables.items():
                stop = start + int(np.prod(shape))
                result[name] = flat[start:stop].reshape(shape)
                start = stop
            return result

        return expand

    def unmoved(self) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return the table of the model's data under a map that moves nothing, and its arrays.

        Whoever holds the table must hold the arrays.
        """
        nothing, none = np.zeros(0, dtype=np.int64), np.zeros(0)
        held = (*self.packed(), nothing, none, np.zeros(1, dtype=np.int64), nothing, none)
        return memory_table(*held), held


def _doubles(array: np.ndarray) -> Any:
    return array.ctypes.data_as(_POINTER)


def _by_kind(data: dict[str, np.ndarray]) -> tuple[list[str], list[str]]:
    """Return the names of the data that are float64, and of those that are int32."""
    kinds = [[name for name, array in data.items() if array.dtype == kind]
             for kind in (np.float64, np.int32)]
    other = set(data) - set(kinds[0]) - set(kinds[1])
    if other:
        raise ValueError(f"data of a kind that is not packed: {', '.join(sorted(other))}")
    return kinds[0], kinds[1]


def _joined(data: dict[str, np.ndarray], names: list[str], kind: type) -> np.ndarray:
    parts = [data[name].ravel() for name in names]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def compiled_model(spec: ModelSpec, panel: Panel, design: Design,
                   announce: Callable[[str], None] | None = None) -> Compiled:
    """Return the compiled model of a design, holding the design's data.

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
    """
    def build() -> Any:
        from bayes_alliance.model import build_model

        return build_model(spec, panel, design)

    key = design.structure
    if key not in _compiled:
        _compiled[key] = obtain(("monthly", key), build, "the model", announce)
        while len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)
    return _compiled[key].with_data(**design.data)


def clear_compiled() -> None:
    """Forget every compilation of this process."""
    _compiled.clear()


def reported_names(model: Any) -> list[str]:
    """Return the free variables and deterministics of a PyMC model that a fit keeps."""
    return [variable.name for variable in [*model.free_RVs, *model.deterministics]
            if not variable.name.endswith(HELPER_SUFFIXES)]


def obtain(structure: object, build: Callable[[], Any], name: str,
           announce: Callable[[str], None] | None = None) -> Compiled:
    """Return a compiled model, loaded if its machine code is kept, else compiled and kept.

    Parameters
    ----------
    structure : object
        Its ``repr`` tells it from every other.
    build : callable
        Returns the PyMC model.
    name : str
        Of the model, for a reader.
    announce : callable, optional
        Called with one line when something has to be compiled.
    """
    folder = folder_of(structure)
    found = kept(folder)
    if found is None:
        if announce is not None:
            announce(f"compiling {name}")
        with sole(folder) as held:
            # Another process may have compiled it in the meantime.
            found = None if held is None else kept(folder)
            if found is None:
                if held is not None:
                    emptied(folder)
                return compile_model(build(), held)
    layout, density, expand = found
    return Compiled(**_fields(layout), density_entry=density, expand_entry=expand)


def compile_model(model: Any, folder: Path | None = None) -> Compiled:
    """Compile a PyMC model with Numba.

    Parameters
    ----------
    model : pymc.Model
        All its data are mutable.
    folder : pathlib.Path, optional
        Where to keep the machine code; nowhere by default.

    Returns
    -------
    Compiled
        Reporting every free variable and deterministic that is no helper.
    """
    import pytensor

    # Arithmetic as it is written, whatever the user's flags.
    with pytensor.config.change_flags(numba__fastmath=False):
        return _compiled_as_set(model, folder)


def _compiled_as_set(model: Any, folder: Path | None) -> Compiled:
    import pytensor.tensor as pt
    from pymc.pytensorf import rewrite_pregrad

    point = model.initial_point()
    values = [model.rvs_to_values[variable] for variable in model.free_RVs]
    shapes = [np.shape(point[value.name]) for value in values]
    position, pieces = _vector("position", "float64", values, shapes)
    data = {variable.name: np.asarray(variable.get_value()) for variable in model.data_vars}
    variables = {variable.name: variable for variable in model.data_vars}
    reals, integers = _by_kind(data)
    inputs = [position]
    for kind, names in (("float64", reals), ("int32", integers)):
        vector, found = _vector(f"packed_{kind}", kind, [variables[name] for name in names],
                                [data[name].shape for name in names])
        inputs.append(vector)
        pieces.update(found)
    logp = rewrite_pregrad(model.logp())
    gradient = pt.concatenate([part.ravel() for part in pt.grad(logp, values)])
    density = _jitted([logp, gradient], inputs, pieces)
    reported = [model[name] for name in reported_names(model)]
    by_value = model.replace_rvs_by_values(reported)
    expand = _jitted([pt.concatenate([part.ravel() for part in by_value])], inputs, pieces)
    dims = {name: tuple(dim for dim in found) for name, found in model.named_vars_to_dims.items()}
    coords = {name: [str(label) for label in labels] for name, labels in model.coords.items()
              if labels is not None}
    shape_of = {variable.name: tuple(len(coords[dim]) for dim in dims.get(variable.name, ()))
                for variable in reported}
    labels = [f"{value.name}[{','.join(map(str, index))}]" if shape else value.name
              for value, shape in zip(values, shapes, strict=True)
              for index in np.ndindex(*shape)]
    monthly = np.concatenate([
        np.full(int(np.prod(shape)), c.DIM_TIME in dims.get(variable.name, ()))
        for variable, shape in zip(model.free_RVs, shapes, strict=True)])
    layout = Layout(
        size=len(labels), start=np.concatenate([np.ravel(point[value.name]) for value in values]),
        labels=labels, monthly=monthly, variables=shape_of, dims=dims, coords=coords, data=data)
    try:
        made = entries(density, expand, folder)
    except OSError:  # a full disk, for example
        made, folder = entries(density, expand), None
    if folder is not None:
        keep(folder, layout)
    return Compiled(**_fields(layout), density_entry=made[0], expand_entry=made[1])


def _fields(layout: Layout) -> dict[str, Any]:
    return {field.name: getattr(layout, field.name) for field in fields(Layout)}


def _vector(name: str, kind: str, variables: list[Any],
            shapes: list[tuple[int, ...]]) -> tuple[Any, dict[Any, Any]]:
    """Return one vector for many variables, and each variable as a piece of it."""
    import pytensor.tensor as pt

    sizes = [int(np.prod(shape)) for shape in shapes]
    stops = np.cumsum(sizes, dtype=int)
    vector = pt.tensor(name, dtype=kind, shape=(sum(sizes),))
    return vector, {
        variable: vector[stop - size:stop].reshape(shape)
        for variable, shape, size, stop in zip(variables, shapes, sizes, stops, strict=True)}


def _jitted(outputs: list[Any], inputs: list[Any], pieces: dict[Any, Any]) -> Any:
    """Compile outputs as a Numba function of packed inputs."""
    import pytensor
    from pytensor.compile.mode import get_mode
    from pytensor.graph.replace import clone_replace

    # As with a model that does not check bounds: every scale is an exponential or a prior's number.
    mode = get_mode("NUMBA").including("local_remove_check_parameter")

    with warnings.catch_warnings():
        # Says only that two loops stay two.
        warnings.filterwarnings("ignore", message="Loop fusion failed")
        function = pytensor.function(inputs, clone_replace(outputs, pieces), mode=mode,
                                     on_unused_input="ignore", trust_input=True)
    return function.vm.jit_fn
