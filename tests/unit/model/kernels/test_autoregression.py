import numpy as np
import pytest
from pytensor.gradient import verify_grad

from bayes_alliance.model.kernels import autoregression
from tests.unit.model.kernels.oracles import difference, with_gradients


def by_hand(phi, shock):
    state = np.zeros(shock.shape, dtype=np.result_type(phi, shock))
    for s in range(len(phi)):
        for t in range(shock.shape[1]):
            state[s, t] = shock[s, t] + (phi[s] * state[s, t - 1] if t else 0)
    return [state]


@pytest.fixture(scope="module")
def compiled():
    return with_gradients(autoregression, [np.zeros(2), np.zeros((2, 3))], (0, 1))


@pytest.mark.parametrize("months", [1, 2, 40])
@pytest.mark.parametrize("phi", [[0.0, 0.5], [1e-8, 1 - 1e-8], [-0.4, 0.99], [1.0, -1.0],
                                 [-1 + 1e-8, -1e-8]])
def test_states_and_gradients(compiled, check, rng, months, phi):
    check(compiled, by_hand, [np.array(phi), rng.normal(size=(2, months))], (0, 1))


def test_no_series_at_all(compiled):
    found = compiled(np.zeros(0), np.zeros((0, 5)), np.zeros((0, 5)))
    assert [part.shape for part in found] == [(0, 5), (0,), (0, 5)]


def test_gradients_by_finite_differences(compiled, rng):
    inputs = [np.array([0.3, -0.9]), rng.normal(size=(2, 6))]
    weight = rng.normal(size=(2, 6))
    found = compiled(*inputs, weight)[1:]
    for position, gradient in enumerate(found):
        expected = difference(by_hand, inputs, [weight], position)
        assert gradient == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_gradients_by_pytensor(rng):
    verify_grad(autoregression, [np.array([0.3, -0.9]), rng.normal(size=(2, 4))], rng=rng,
                mode="FAST_COMPILE")
