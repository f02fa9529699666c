"""Compile once, fit many times.

Invariant: two fits whose designs share a structure share one compilation within a process; all
that differs between them goes in as data. Machine code is kept on disk by PyTensor and Numba, so
that a later process only builds the graph.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.inference.native import density_entry, expand_entry
from bayes_alliance.model import Design, build_model
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

Density = Callable[[np.ndarray], tuple[float, np.ndarray]]

__all__ = ["HELPER_SUFFIXES", "Compiled", "Density", "clear_compiled", "compile_model",
           "compiled_model", "reported_names"]

# A few structures at most are in use at a time (response, innovations); a bound keeps a long
# process from growing.
_KEPT: Final = 4
_compiled: OrderedDict[tuple[object, ...], "Compiled"] = OrderedDict()

# Variables that only parametrise others; they are not kept in a fit.
HELPER_SUFFIXES: Final = ("_raw", "_z", "_at_mean", "_scaled", "_log", "_between", "_series",
                          "_residual", "__")


@dataclass(frozen=True)
class Compiled:
    """The compiled log density of a model, its gradient, and the map to reported variables.

    Attributes
    ----------
    size : int
        Number of sampled coordinates.
    start : numpy.ndarray, shape (size,)
        Coordinates of the model's initial point.
    labels : list of str
        One label a coordinate.
    monthly : numpy.ndarray of bool, shape (size,)
        Which coordinates belong to a monthly series; the others are hyperparameters.
    variables : dict of str to tuple of int
        Reported variables and their shapes.
    dims : dict of str to tuple of str
    coords : dict of str to list of str
    data : dict of str to numpy.ndarray
        The model's data by name.
    density_entry, expand_entry : numba C functions
        See :mod:`bayes_alliance.inference.native`.
    """

    size: int
    start: np.ndarray
    labels: list[str]
    monthly: np.ndarray
    variables: dict[str, tuple[int, ...]]
    dims: dict[str, tuple[str, ...]]
    coords: dict[str, list[str]]
    data: dict[str, np.ndarray]
    density_entry: Any
    expand_entry: Any
    _density: Any
    _expand: Any

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

        It runs without the interpreter's lock.
        """
        packed, compiled = self.packed(), self._density

        def density(position: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = compiled(position, *packed)
            return float(value), gradient

        return density

    def expand(self) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return the function from coordinates to the reported variables."""
        packed, compiled, variables = self.packed(), self._expand, self.variables

        def expand(position: np.ndarray) -> dict[str, np.ndarray]:
            (flat,) = compiled(position, *packed)
            result, start = {}, 0
            for name, shape in variables.items():
                stop = start + int(np.prod(shape))
                result[name] = flat[start:stop].reshape(shape)
                start = stop
            return result

        return expand


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
    key = design.structure
    if key not in _compiled:
        if announce is not None:
            announce("compiling the model")
        _compiled[key] = compile_model(build_model(spec, panel, design))
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


def compile_model(model: Any) -> Compiled:
    """Compile a PyMC model with Numba.

    Parameters
    ----------
    model : pymc.Model
        All its data are mutable.

    Returns
    -------
    Compiled
        Reporting every free variable and deterministic that is no helper.
    """
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
    return Compiled(
        size=len(labels), start=np.concatenate([np.ravel(point[value.name]) for value in values]),
        labels=labels, monthly=monthly, variables=shape_of, dims=dims, coords=coords, data=data,
        density_entry=density_entry(density), expand_entry=expand_entry(expand),
        _density=density, _expand=expand)


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
    compiled = function.vm.jit_fn
    # Only the thin entry from Python is made with this option; what is behind it is the same.
    compiled.targetoptions["nogil"] = True
    return compiled
