import inspect

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import DisconnectedInputError

from bayes_alliance.model import kernels
from bayes_alliance.model.kernels import (
    autoregression,
    row_density,
    row_information,
    row_predictor,
    whitened_series,
)

ROWS = [pt.vector(f"row_{i}") for i in range(6)]
PLACES = [pt.lvector(f"place_{i}") for i in range(3)]
STATES = pt.matrix("states")
DEGREES = pt.scalar("degrees")
DENSITY = row_density(*ROWS, PLACES[0], PLACES[1], DEGREES).sum()


@pytest.mark.parametrize("unmoved", [*ROWS[3:], DEGREES], ids=["y", "n", "ways", "df"])
def test_what_is_not_differentiated_has_no_gradient(unmoved):
    with pytest.raises((DisconnectedInputError, NotImplementedError)):
        pytensor.grad(DENSITY, unmoved)


def test_the_shape_and_the_inverse_have_no_gradient():
    bands = row_information(*ROWS[:4], *PLACES, STATES)
    with pytest.raises((DisconnectedInputError, NotImplementedError)):
        pytensor.grad(sum(band.sum() for band in bands), STATES)
    inverse = whitened_series(STATES, ROWS[0], ROWS[1], STATES, ROWS[2], STATES, STATES, STATES)
    with pytest.raises((DisconnectedInputError, NotImplementedError)):
        pytensor.grad(inverse.sum(), ROWS[0])


def test_there_is_no_second_derivative():
    phi = pt.vector("phi")
    slope = pytensor.grad((autoregression(phi, STATES) ** 2).sum(), phi)
    with pytest.raises((DisconnectedInputError, NotImplementedError)):
        pytensor.grad(slope.sum(), phi)


def test_an_output_that_is_not_used_costs_no_gradient():
    # The cotangents of the other outputs are zeros of their shape, not missing arguments.
    bands = row_information(*ROWS[:4], *PLACES, STATES)
    inputs = [*ROWS[:4], *PLACES, STATES]
    function = pytensor.function(inputs, pytensor.grad(bands[2].sum(), ROWS[3]),
                                 mode="FAST_COMPILE", on_unused_input="ignore")
    zeros = np.zeros(2, dtype=np.int64)
    found = function(np.ones(2), np.full(2, 3.0), np.zeros(2), np.ones(2), zeros, zeros, zeros,
                     np.zeros((1, 1)))
    assert found == pytest.approx([3.0, 3.0])


def test_shapes_are_known_without_running_the_kernel():
    predictor = row_predictor(STATES, ROWS[0], ROWS[1], *PLACES)
    shape = pytensor.function([STATES, ROWS[0], ROWS[1], *PLACES], predictor.shape,
                              mode="FAST_RUN", on_unused_input="ignore")
    names = [node.op.__class__.__name__ for node in shape.maker.fgraph.toposort()]
    assert "Kernel" not in names


def test_python_and_numba_run_the_same_kernel():
    phi, shock = pt.vector("phi"), pt.matrix("shock")
    state = autoregression(phi, shock)
    given = np.array([0.5, -0.2]), np.random.default_rng(3).normal(size=(2, 9))
    by_mode = [pytensor.function([phi, shock], state, mode=mode)(*given)
               for mode in ("FAST_COMPILE", "NUMBA")]
    assert np.array_equal(*by_mode)


def test_every_public_kernel_says_what_it_takes_and_gives():
    for name in kernels.__all__:
        kernel = getattr(kernels, name)
        if inspect.isfunction(kernel):
            assert "Parameters" in kernel.__doc__ or "inverse" in kernel.__doc__
