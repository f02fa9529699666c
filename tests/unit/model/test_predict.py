import numpy as np
import pytest
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.model.predict import flatten, long_run_paths, softabs, steps, trend


def test_only_an_autoregression_fades_and_all_have_the_same_shocks():
    half_life = np.array([[1.0, 12.0, 60.0]])
    phi, spread = steps(half_life, "ar1")
    assert phi**half_life == pytest.approx(np.full((1, 3), 0.5))
    assert phi**2 + spread**2 == pytest.approx(np.ones((1, 3)))
    for kind in ("random_walk", "local_trend"):
        keeps, same = steps(half_life, kind)
        assert keeps.shape == (1, 3)
        assert (keeps == 1).all()
        assert np.array_equal(same, spread)


def test_a_slope_acts_from_the_month_after():
    slope = np.array([[1.0, 2.0, 4.0], [0.5, 0.0, 9.0]])
    assert trend(slope).tolist() == [[0.0, 1.0, 3.0], [0.0, 0.5, 0.5]]
    assert trend(slope[..., :1]).tolist() == [[0.0], [0.0]]


def test_the_smooth_absolute_value():
    x = np.array([-3.0, -c.SOFTABS_WIDTH, 0.0, 0.2, 50.0])
    found = softabs(x)
    assert found[2] == 0.0
    assert found == pytest.approx(softabs(-x), abs=0)
    assert found[1] == pytest.approx((np.sqrt(2) - 1) * c.SOFTABS_WIDTH)
    assert (found <= np.abs(x)).all()
    assert np.abs(x) - found == pytest.approx(np.minimum(np.abs(x), c.SOFTABS_WIDTH), abs=0.06)


def test_the_mean_binds_and_the_gap_divides():
    mean, gap = long_run_paths(np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    assert mean.tolist() == [2.0, 2.0]
    assert gap == pytest.approx([-(np.hypot(2.0, c.SOFTABS_WIDTH) - c.SOFTABS_WIDTH) / 2, 0.0])


def test_chains_are_joined_and_thinned_evenly():
    values = np.arange(24.0).reshape(2, 6, 2)
    posterior = xr.Dataset({"x": (("chain", "draw", "k"), values)}, coords={"k": ["a", "b"]})
    whole = flatten(posterior)
    assert whole.size == 12
    assert np.array_equal(whole.values["x"], values.reshape(12, 2))
    assert whole.labels == {"k": ["a", "b"]}
    few = flatten(posterior, most=3)
    assert few.size == 3
    assert few.values["x"][:, 0].tolist() == [0.0, 12.0, 22.0]
    assert flatten(posterior, most=12).size == 12
