"""Slopes of plain NumPy functions, and the same of a kernel through PyTensor.

A function that is analytic and written without absolute values or conjugates has, from one
evaluation at ``x + ih``, its slope to rounding: no step size to choose, so edges can be tested.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt

TINY = 1e-30


def slope(function, inputs, weights, position):
    """Return the gradient of the weighted sum of all outputs in one input, by complex steps."""
    given = list(inputs)
    given[position] = np.array(inputs[position], dtype=complex)
    gradient = np.zeros(np.shape(inputs[position]))
    for index in np.ndindex(gradient.shape):
        given[position][index] += 1j * TINY
        gradient[index] = weighted(function(*given), weights).imag / TINY
        given[position][index] -= 1j * TINY
    return gradient


def difference(function, inputs, weights, position, step=1e-6):
    """Return the same gradient by central differences; steps are in units of the input."""
    gradient = np.zeros(np.shape(inputs[position]))
    for index in np.ndindex(gradient.shape):
        values = []
        for sign in (1, -1):
            moved = [np.array(value) for value in inputs]
            moved[position][index] += sign * step * max(1.0, abs(moved[position][index]))
            values.append((moved[position][index], weighted(function(*moved), weights)))
        (high, above), (low, below) = values
        gradient[index] = (above - below) / (high - low)
    return gradient


def weighted(outputs, weights):
    return sum((weight * output).sum() for weight, output in zip(weights, outputs, strict=True))


def symbols(inputs):
    return [pt.tensor(dtype=np.asarray(value).dtype, shape=(None,) * np.ndim(value))
            for value in inputs]


def listed(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def with_gradients(function, inputs, positions):
    """Compile a kernel: inputs and weights of the outputs to outputs and gradients."""
    given = symbols(inputs)
    outputs = listed(function(*given))
    weights = [output.type() for output in outputs]
    gradients = pytensor.grad(weighted(outputs, weights), [given[i] for i in positions])
    return pytensor.function([*given, *weights], [*outputs, *gradients], mode="NUMBA",
                             on_unused_input="ignore")
