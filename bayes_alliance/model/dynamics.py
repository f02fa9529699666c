r"""First-order autoregression of many series in one operation.

.. math:: x_{s,0} = u_{s,0}, \qquad x_{s,t} = \varphi_s x_{s,t-1} + u_{s,t}

The reverse pass is the same recursion run backwards: with :math:`g = \partial f/\partial x`,

.. math:: a_{s,T-1} = g_{s,T-1}, \quad a_{s,t} = g_{s,t} + \varphi_s a_{s,t+1}, \quad
   \frac{\partial f}{\partial u} = a, \quad
   \frac{\partial f}{\partial \varphi_s} = \sum_{t \ge 1} a_{s,t} x_{s,t-1}

Invariant: both passes cost one sweep over the months, whatever the number of parameters, and
compile with Numba alone.
"""

from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)

__all__ = ["autoregression"]


@numba.njit(cache=False)
def _forward(phi: np.ndarray, shock: np.ndarray) -> np.ndarray:  # pragma: no cover - compiled
    state = np.empty_like(shock)
    for s in range(shock.shape[0]):
        state[s, 0] = shock[s, 0]
        for t in range(1, shock.shape[1]):
            state[s, t] = phi[s] * state[s, t - 1] + shock[s, t]
    return state


@numba.njit(cache=False)
def _reverse(
    phi: np.ndarray, state: np.ndarray, gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # pragma: no cover - compiled
    months = state.shape[1]
    shock_gradient = np.empty_like(state)
    phi_gradient = np.zeros_like(phi)
    for s in range(state.shape[0]):
        shock_gradient[s, months - 1] = gradient[s, months - 1]
        for t in range(months - 2, -1, -1):
            shock_gradient[s, t] = gradient[s, t] + phi[s] * shock_gradient[s, t + 1]
        for t in range(1, months):
            phi_gradient[s] += shock_gradient[s, t] * state[s, t - 1]
    return phi_gradient, shock_gradient


class _ReverseAutoregression(Op):
    """Reverse pass: (phi, state, gradient) to (gradient of phi, gradient of shock)."""

    __props__ = ()

    def make_node(self, phi: Any, state: Any, gradient: Any) -> Apply:
        inputs = [pt.as_tensor_variable(value) for value in (phi, state, gradient)]
        return Apply(self, inputs, [inputs[0].type(), inputs[1].type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0], output_storage[1][0] = _reverse(*inputs)

    def infer_shape(self, fgraph: Any, node: Apply, shapes: Any) -> Any:
        return [shapes[0], shapes[1]]


class _Autoregression(Op):
    """Forward pass: (phi, shock) to state."""

    __props__ = ()

    def make_node(self, phi: Any, shock: Any) -> Apply:
        phi = pt.as_tensor_variable(phi)
        shock = pt.as_tensor_variable(shock)
        if phi.ndim != 1 or shock.ndim != 2:
            raise ValueError("phi must be a vector and shock a (series, time) matrix, got "
                             f"{phi.ndim} and {shock.ndim} dimensions")
        return Apply(self, [phi, shock], [shock.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0] = _forward(*inputs)

    def infer_shape(self, fgraph: Any, node: Apply, shapes: Any) -> Any:
        return [shapes[1]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        return list(_reverse_op(inputs[0], outputs[0], cotangents[0]))


_forward_op = _Autoregression()
_reverse_op = _ReverseAutoregression()


@register_funcify_default_op_cache_key(_Autoregression)
def _compile_forward(op: Op, **kwargs: Any) -> Any:
    @numba_njit
    def autoregression(phi, shock):  # type: ignore[no-untyped-def]
        return _forward(phi, shock)

    return autoregression


@register_funcify_default_op_cache_key(_ReverseAutoregression)
def _compile_reverse(op: Op, **kwargs: Any) -> Any:
    @numba_njit
    def reverse_autoregression(phi, state, gradient):  # type: ignore[no-untyped-def]
        return _reverse(phi, state, gradient)

    return reverse_autoregression


def autoregression(phi: Any, shock: Any) -> Any:
    """Return the states of first-order autoregressions.

    Parameters
    ----------
    phi : tensor of float, shape (series,)
        Persistence of each series.
    shock : tensor of float, shape (series, time)
        The first column is the first state, the others are shocks.

    Returns
    -------
    tensor of float, shape (series, time)
        The states.
    """
    return _forward_op(phi, shock)
