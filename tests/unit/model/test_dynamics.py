import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayes_alliance.model.dynamics import autoregression


def by_hand(phi, shock):
    state = np.zeros_like(shock)
    for s in range(len(phi)):
        for t in range(shock.shape[1]):
            state[s, t] = shock[s, t] + (phi[s] * state[s, t - 1] if t else 0)
    return state


@pytest.fixture(scope="module")
def compiled():
    phi, shock, weight = pt.vector("phi"), pt.matrix("shock"), pt.matrix("weight")
    state = autoregression(phi, shock)
    value = (weight * state**2).sum()
    gradients = pytensor.grad(value, [phi, shock])
    return pytensor.function([phi, shock, weight], [state, value, *gradients],
                             on_unused_input="ignore")


@pytest.mark.parametrize("months", [1, 2, 40])
@pytest.mark.parametrize("phi", [[0.0, 0.5], [1e-8, 1 - 1e-8], [-0.4, 0.99]])
def test_states_and_gradients_match_a_loop_and_finite_differences(compiled, months, phi):
    rng = np.random.default_rng(4)
    phi = np.array(phi)
    shock, weight = rng.normal(size=(2, months)), rng.normal(size=(2, months))
    state, _, phi_gradient, shock_gradient = compiled(phi, shock, weight)
    assert state == pytest.approx(by_hand(phi, shock), rel=1e-12)

    def value(phi, shock):
        return (weight * by_hand(phi, shock) ** 2).sum()

    step = 1e-6
    for s in range(2):
        up, down = phi.copy(), phi.copy()
        up[s] += step
        down[s] -= step
        slope = (value(up, shock) - value(down, shock)) / (2 * step)
        assert phi_gradient[s] == pytest.approx(slope, rel=1e-4, abs=1e-5)
        for t in {0, months // 2, months - 1}:
            more, less = shock.copy(), shock.copy()
            more[s, t] += step
            less[s, t] -= step
            slope = (value(phi, more) - value(phi, less)) / (2 * step)
            assert shock_gradient[s, t] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="phi must be a vector"):
        autoregression(pt.matrix("phi"), pt.matrix("shock"))
