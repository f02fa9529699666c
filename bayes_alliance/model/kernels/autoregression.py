r"""First-order autoregression of many series.

.. math:: x_{s,0} = u_{s,0}, \qquad x_{s,t} = \varphi_s x_{s,t-1} + u_{s,t}

The reverse pass is the same recursion run backwards: with :math:`g = \partial f/\partial x`,

.. math:: a_{s,T-1} = g_{s,T-1}, \quad a_{s,t} = g_{s,t} + \varphi_s a_{s,t+1}, \quad
   \frac{\partial f}{\partial u} = a, \quad
   \frac{\partial f}{\partial \varphi_s} = \sum_{t \ge 1} a_{s,t} x_{s,t-1}

Invariant: both passes cost one sweep over the months, whatever the number of parameters.
"""

from typing import Any

import numba
import numpy as np

from bayes_alliance.model.kernels.op import Kernel

__all__ = ["autoregression"]


@numba.njit(cache=True, error_model="numpy")
def _forward(phi: np.ndarray, shock: np.ndarray) -> Any:  # pragma: no cover - compiled
    state = np.empty_like(shock)
    for s in range(shock.shape[0]):
        state[s, 0] = shock[s, 0]
        for t in range(1, shock.shape[1]):
            state[s, t] = phi[s] * state[s, t - 1] + shock[s, t]
    return state


@numba.njit(cache=True, error_model="numpy")
def _reverse(phi: np.ndarray, shock: np.ndarray, state: np.ndarray,
             gradient: np.ndarray) -> Any:  # pragma: no cover - compiled
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


_op = Kernel("autoregression", _forward, (1,), _reverse, (0, 1))


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
    return _op(phi, shock)
