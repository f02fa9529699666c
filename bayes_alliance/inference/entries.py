"""The two functions of a compiled model that nutpie calls by address.

:mod:`bayes_alliance.inference.kept` runs this file once a model, each time as a module of its own,
and puts the model's functions in. Numba keeps the machine code beside the file that it ran.
"""

from typing import Any

import numba
import numpy as np

from bayes_alliance.inference.native import (
    FINE,
    NOT_FINITE,
    RAISED,
    TABLE,
    as_data,
    as_map,
    pull,
    push,
)

__all__ = ["density", "expand"]

# Compiled functions of (position, reals, integers); where machine code was kept they are not asked
# for.
density_function: Any = None
expand_function: Any = None


def density(size, position_, gradient_, value_, memory_):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write log density and gradient at the sampler's coordinates."""
    memory = numba.carray(memory_, (TABLE,), np.int64)
    position = numba.carray(position_, (size,))
    gradient = numba.carray(gradient_, (size,))
    result = numba.carray(value_, (1,))
    reals, integers = as_data(memory)
    moved, centre, starts, columns, values = as_map(memory)
    try:
        value, found = density_function(push(position, moved, centre, starts, columns, values),
                                        reals, integers)
        pull(found, moved, starts, columns, values)
    except Exception:
        return RAISED
    total = 0.0
    for i in range(gradient.size):
        gradient[i] = found[i]
        total += found[i]
    result[0] = value.item()
    if not np.isfinite(total + result[0]):
        return NOT_FINITE
    return FINE


def expand(size, count, position_, result_, memory_):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write the reported variables, all in one vector, at the sampler's coordinates."""
    memory = numba.carray(memory_, (TABLE,), np.int64)
    position = numba.carray(position_, (size,))
    result = numba.carray(result_, (count,))
    reals, integers = as_data(memory)
    moved, centre, starts, columns, values = as_map(memory)
    try:
        (found,) = expand_function(push(position, moved, centre, starts, columns, values), reals,
                                   integers)
        for i in range(result.size):
            result[i] = found[i]
    except Exception:
        return RAISED
    return FINE
