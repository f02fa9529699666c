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

from bayes_alliance.model import Design, build_model
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

Density = Callable[[np.ndarray], tuple[float, np.ndarray]]

__all__ = ["HELPER_SUFFIXES", "Compiled", "Density", "clear_compiled", "compile_model",
           "compiled_model"]

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
    variables : dict of str to tuple of int
        Reported variables and their shapes.
    dims : dict of str to tuple of str
    coords : dict of str to list of str
    data : dict of str to numpy.ndarray
        The model's data by name.
    """

    size: int
    start: np.ndarray
    labels: list[str]
    variables: dict[str, tuple[int, ...]]
    dims: dict[str, tuple[str, ...]]
    coords: dict[str, list[str]]
    data: dict[str, np.ndarray]
    _density: Any
    _density_data: tuple[str, ...]
    _expand: Any
    _expand_data: tuple[str, ...]

    def with_data(self, **arrays: np.ndarray) -> "Compiled":
        """Return the same compilation with other data.

        Raises
        ------
        KeyError
            If there are no data of a name.
        """
        changed = dict(self.data)
        for name, array in arrays.items():
            changed[name] = np.ascontiguousarray(array, dtype=self.data[name].dtype)
        return replace(self, data=changed)

    def density(self) -> Density:
        """Return the function from coordinates to log density and gradient.

        It runs without the interpreter's lock, so that chains run side by side.
        """
        arrays = tuple(self.data[name] for name in self._density_data)
        compiled = self._density

        def density(position: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = compiled(position, *arrays)
            return float(value), gradient

        return density

    def expand(self) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return the function from coordinates to the reported variables."""
        arrays = tuple(self.data[name] for name in self._expand_data)
        compiled, variables = self._expand, self.variables

        def expand(position: np.ndarray) -> dict[str, np.ndarray]:
            (flat,) = compiled(position, *arrays)
            result, start = {}, 0
            for name, shape in variables.items():
                stop = start + int(np.prod(shape))
                result[name] = flat[start:stop].reshape(shape)
                start = stop
            return result

        return expand


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
    import pytensor
    import pytensor.tensor as pt
    from pymc.pytensorf import rewrite_pregrad
    from pytensor.graph.replace import clone_replace

    point = model.initial_point()
    values = [model.rvs_to_values[variable] for variable in model.free_RVs]
    shapes = [np.shape(point[value.name]) for value in values]
    sizes = [int(np.prod(shape)) for shape in shapes]
    flat = pt.tensor("position", dtype="float64", shape=(sum(sizes),))
    stops = np.cumsum(sizes)
    pieces = {value: flat[stop - size:stop].reshape(shape)
              for value, shape, size, stop in zip(values, shapes, sizes, stops, strict=True)}

    def compiled(outputs: list[Any]) -> tuple[Any, tuple[str, ...]]:
        with warnings.catch_warnings():
            # Says only that two loops stay two.
            warnings.filterwarnings("ignore", message="Loop fusion failed")
            function = pytensor.function([flat], clone_replace(outputs, pieces), mode="NUMBA",
                                         on_unused_input="ignore", trust_input=True)
        compiled = function.vm.jit_fn
        # Only the thin entry from Python is made with this option; what is behind it is the same.
        compiled.targetoptions["nogil"] = True
        return compiled, tuple(shared.name for shared in function.get_shared())

    logp = rewrite_pregrad(model.logp())
    gradient = pt.concatenate([part.ravel() for part in pt.grad(logp, values)])
    density, density_data = compiled([logp, gradient])
    reported = [variable for variable in [*model.free_RVs, *model.deterministics]
                if not variable.name.endswith(HELPER_SUFFIXES)]
    by_value = model.replace_rvs_by_values(reported)
    expand, expand_data = compiled([pt.concatenate([part.ravel() for part in by_value])])
    dims = {name: tuple(dim for dim in found) for name, found in model.named_vars_to_dims.items()}
    coords = {name: [str(label) for label in labels] for name, labels in model.coords.items()
              if labels is not None}
    shape_of = {variable.name: tuple(len(coords[dim]) for dim in dims.get(variable.name, ()))
                for variable in reported}
    labels = [f"{value.name}[{','.join(map(str, index))}]" if shape else value.name
              for value, shape in zip(values, shapes, strict=True)
              for index in np.ndindex(*shape)]
    data = {variable.name: np.asarray(variable.get_value()) for variable in model.data_vars}
    return Compiled(
        size=sum(sizes), start=np.concatenate([np.ravel(point[value.name]) for value in values]),
        labels=labels, variables=shape_of, dims=dims, coords=coords, data=data,
        _density=density, _density_data=density_data, _expand=expand, _expand_data=expand_data)
