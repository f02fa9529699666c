import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def check(rng):
    """Hold a compiled kernel to its oracle: every output, and every slope by complex steps."""
    from tests.unit.model.kernels.oracles import slope

    def check(compiled, oracle, inputs, positions, rel=1e-9, floor=1e-11):
        outputs = [np.asarray(value) for value in oracle(*inputs)]
        weights = [rng.normal(size=output.shape) for output in outputs]
        found = compiled(*inputs, *weights)
        for output, expected in zip(found, outputs, strict=False):
            assert output == pytest.approx(expected, rel=rel, abs=floor)
        for position, gradient in zip(positions, found[len(outputs):], strict=True):
            expected = slope(oracle, inputs, weights, position)
            near = floor + rel * np.abs(expected).max(initial=0.0)
            assert gradient == pytest.approx(expected, rel=rel, abs=near), position
            assert np.isfinite(gradient).all()

    return check
