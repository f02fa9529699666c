"""What machine code that nutpie calls by address is given, and how it answers.

nutpie hands a function the coordinates and the address of a table; the table says where the
model's packed data and the map of the sampler's coordinates lie. The functions themselves are in
:mod:`bayes_alliance.inference.entries`.

Invariant: between two draws no chain enters the interpreter. Called through Python, two chains
side by side cost 460 microseconds a gradient of 185, most of it spent waiting for each other.
"""

from typing import Any, Final

import numba
import numpy as np
from nutpie.compile_pymc import address_as_void_pointer

__all__ = ["DENSITY", "EXPAND", "FINE", "NOT_FINITE", "RAISED", "TABLE", "as_data", "as_map",
           "memory_table", "pull", "push"]

_DOUBLES = numba.types.CPointer(numba.types.double)
# The functions' types.
DENSITY: Final = numba.types.int64(numba.types.uint64, _DOUBLES, _DOUBLES, _DOUBLES,
                                   numba.types.voidptr)
EXPAND: Final = numba.types.int64(numba.types.uint64, numba.types.uint64, _DOUBLES, _DOUBLES,
                                  numba.types.voidptr)
# What they answer nutpie with.
FINE: Final = 0
RAISED: Final = 1
NOT_FINITE: Final = 3
# Address and size of reals and integers; size of the map; addresses of its positions, centre, row
# starts and columns; how many values its matrix has, and their address.
TABLE: Final = 11


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _product(starts: np.ndarray, columns: np.ndarray, values: np.ndarray,
             vector: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Multiply a sparse matrix on one thread; the chains have the others."""
    result = np.empty(vector.size)
    for i in range(vector.size):
        total = 0.0
        for k in range(starts[i], starts[i + 1]):
            total += values[k] * vector[columns[k]]
        result[i] = total
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def push(position: np.ndarray, moved: np.ndarray, centre: np.ndarray, starts: np.ndarray,
         columns: np.ndarray, values: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Return the model's coordinates of the sampler's."""
    part = np.empty(moved.size)
    for i in range(moved.size):
        part[i] = position[moved[i]]
    product = _product(starts, columns, values, part)
    result = position.copy()
    for i in range(moved.size):
        result[moved[i]] = centre[i] + product[i]
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def pull(gradient: np.ndarray, moved: np.ndarray, starts: np.ndarray, columns: np.ndarray,
         values: np.ndarray) -> None:  # pragma: no cover - compiled
    """Turn a gradient in the model's coordinates into one in the sampler's, in place."""
    part = np.empty(moved.size)
    for i in range(moved.size):
        part[i] = gradient[moved[i]]
    # The root is symmetric.
    product = _product(starts, columns, values, part)
    for i in range(moved.size):
        gradient[moved[i]] = product[i]


@numba.njit(error_model="numpy")
def as_map(memory: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Return the arrays of the map to which a table points."""
    count, filled = memory[4], memory[9]
    return (numba.carray(address_as_void_pointer(memory[5]), (count,), np.int64),
            numba.carray(address_as_void_pointer(memory[6]), (count,), np.float64),
            numba.carray(address_as_void_pointer(memory[7]), (count + 1,), np.int64),
            numba.carray(address_as_void_pointer(memory[8]), (filled,), np.int64),
            numba.carray(address_as_void_pointer(memory[10]), (filled,), np.float64))


@numba.njit(error_model="numpy")
def as_data(memory: np.ndarray) -> Any:  # pragma: no cover - compiled
    """Return the packed data to which a table points."""
    return (numba.carray(address_as_void_pointer(memory[0]), (memory[1],), np.float64),
            numba.carray(address_as_void_pointer(memory[2]), (memory[3],), np.int32))


def memory_table(reals: np.ndarray, integers: np.ndarray, moved: np.ndarray, centre: np.ndarray,
                 starts: np.ndarray, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the table of where everything lies; whoever holds it must hold the arrays too.

    Parameters
    ----------
    reals : numpy.ndarray of float64, shape (number,)
    integers : numpy.ndarray of int32, shape (number,)
        The model's packed data.
    moved : numpy.ndarray of int64, shape (hyperparameter,)
    centre : numpy.ndarray of float64, shape (hyperparameter,)
        Positions that are mapped, and where to.
    starts, columns : numpy.ndarray of int64, shape (hyperparameter + 1,) and (filled,)
    values : numpy.ndarray of float64, shape (filled,)
        The map's symmetric matrix by compressed rows.

    Raises
    ------
    ValueError
        If an array has another type or is not contiguous, or the map's do not fit together:
        machine code would read it wrongly.
    """
    for array, kind in ((reals, np.float64), (integers, np.int32), (moved, np.int64),
                        (centre, np.float64), (starts, np.int64), (columns, np.int64),
                        (values, np.float64)):
        if array.dtype != kind or not array.flags.c_contiguous:
            raise ValueError(f"expected a contiguous array of {np.dtype(kind)}, got {array.dtype}")
    fits = (centre.size == moved.size and starts.size == moved.size + 1
            and columns.size == values.size == starts[-1]
            and (not columns.size or 0 <= columns.min() <= columns.max() < moved.size))
    if not fits:
        raise ValueError(f"a map of {moved.size} positions has {centre.size} centres, "
                         f"{starts.size} starts, {columns.size} columns and {values.size} values")
    return np.array([reals.ctypes.data, reals.size, integers.ctypes.data, integers.size,
                     moved.size, moved.ctypes.data, centre.ctypes.data, starts.ctypes.data,
                     columns.ctypes.data, columns.size, values.ctypes.data],
                    dtype=np.int64)
