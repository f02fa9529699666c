"""Coordinates from mode and curvature, on densities whose mode and curvature are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from bayes_alliance.inference.compiled import compiled_model
from bayes_alliance.inference.laplace import Coordinates, approximate
from bayes_alliance.model import build_design

SERIES = ["first_series_white__[0,0]", "first_series_white__[0,1]"]


def toy(labels, density, start=None):
    start = np.zeros(len(labels)) if start is None else start
    monthly = np.array([label in SERIES for label in labels])
    return SimpleNamespace(labels=labels, start=start, size=len(labels), monthly=monthly,
                           density=lambda: density)


def gaussian(precision, mean):
    def density(position):
        apart = position - mean
        return -0.5 * apart @ precision @ apart, -precision @ apart

    return density


@pytest.fixture
def precision():
    root = np.random.default_rng(2).normal(size=(6, 6))
    return root @ root.T + np.eye(6)


def test_of_a_gaussian_the_centre_and_the_root_are_exact(precision):
    labels = ["a", "b[0]", SERIES[0], "b[1]", SERIES[1], "c"]
    mean = np.array([1.0, -2.0, 0.0, 3.0, 0.0, 40.0])
    found = approximate(toy(labels, gaussian(precision, mean)))
    assert found.moved.tolist() == [0, 1, 3, 5]
    assert found.centre == pytest.approx(mean[found.moved], abs=1e-3)
    # Given the series at their centre, the curvature is the precision's own block.
    block = precision[np.ix_(found.moved, found.moved)]
    assert found.root == pytest.approx(found.root.T, abs=0)
    assert found.root @ block @ found.root == pytest.approx(np.eye(4), abs=1e-4)


def test_in_its_coordinates_a_gaussian_is_standard_normal(precision):
    mean = np.arange(6.0)
    density = gaussian(precision, mean)
    found = approximate(toy([f"h[{i}]" for i in range(6)], density))
    mapped, rng = found.density(density), np.random.default_rng(5)
    for position in rng.normal(size=(5, 6)):
        value, gradient = mapped(position)
        assert value == pytest.approx(-0.5 * position @ position, abs=1e-2)
        assert gradient == pytest.approx(-position, abs=1e-2)


def test_a_direction_without_curvature_gets_no_boundless_scale():
    precision = np.diag([4.0, 1e-9])
    found = approximate(toy(["a", "b"], gaussian(precision, np.zeros(2))))
    assert found.root == pytest.approx(np.diag([0.5, 1 / np.sqrt(0.3)]), rel=1e-3)


def funnel(position):
    """Eight effects with one scale: the joint mode lies where the scale is almost nothing."""
    log_sd, effects = position[0], position[1:]
    shrunk = effects / np.exp(2 * log_sd)
    value = -0.5 * log_sd**2 - 8 * log_sd - 0.5 * effects @ shrunk
    return value, np.append(-log_sd - 8 + effects @ shrunk, -shrunk)


@pytest.mark.parametrize("name", ["noise_mean_raw[0]", "noise_spread_raw[2]", "noise_between[3]",
                                  "loading_spread_raw[1]", "wave_sd_raw"])
def test_a_scale_does_not_collapse_while_the_mode_is_sought(name):
    effects = [f"effect[{i}]" for i in range(8)]
    start = np.append(0.0, np.full(8, 0.3))
    found = approximate(toy([name, *effects], funnel, start))
    assert found.centre[0] == 0.0
    assert found.centre[1:] == pytest.approx(0.0, abs=1e-3)
    free = approximate(toy(["something_else", *effects], funnel, start))
    assert free.centre[0] < -4


def test_where_the_curvature_is_not_finite_the_start_and_unit_scales_are_kept():
    def density(position):
        return -0.5 * position @ position, np.full(2, np.nan)

    start = np.array([0.3, 0.4])
    found = approximate(toy(["a", "b"], density, start))
    assert found.centre.tolist() == start.tolist()
    assert np.array_equal(found.root, np.eye(2))


def test_the_map_and_its_gradient_leave_series_and_the_given_arrays_alone():
    root = np.array([[2.0, 0.5], [0.5, 1.0]], dtype=np.float32)
    map_ = Coordinates(np.array([0, 2]), np.array([10.0, -10.0]), root)
    position = np.array([1.0, 7.0, -1.0])
    assert map_.apply(position).tolist() == [11.5, 7.0, -10.5]
    assert position.tolist() == [1.0, 7.0, -1.0]
    value, gradient = map_.density(lambda x: (x @ x, 2 * x))(position)
    moved = map_.apply(position)
    assert value == moved @ moved
    assert gradient[1] == 14.0
    assert gradient[[0, 2]] == pytest.approx(root.T @ (2 * moved[[0, 2]]), rel=1e-12)


def test_the_map_is_computed_in_short_numbers():
    rng = np.random.default_rng(6)
    root = rng.normal(size=(40, 40))
    root = ((root + root.T) / 2).astype(np.float32)
    moved, centre = np.sort(rng.permutation(60)[:40]), 1e3 * rng.normal(size=40)
    map_, position = Coordinates(moved, centre, root), rng.normal(size=60)
    expected = position.copy()
    expected[moved] = centre + root.astype(float) @ position[moved]
    # Sums of forty numbers of 24 bits; the centre keeps its 53.
    near = 40 * 2.0**-24 * (np.abs(root) @ np.abs(position[moved])).max()
    assert map_.apply(position) == pytest.approx(expected, rel=0, abs=near)
    still = map_.apply(np.where(np.isin(np.arange(60), moved), 0.0, position))
    assert np.array_equal(still[moved], centre)

    def density(x):
        return -0.5 * x @ x, -x

    gradient = map_.density(density)(position)[1]
    there = map_.apply(position)
    slopes = there.copy()
    slopes[moved] = root.astype(float) @ there[moved]
    near = 40 * 2.0**-24 * (np.abs(root) @ np.abs(there[moved])).max()
    assert gradient == pytest.approx(-slopes, rel=0, abs=near)


def test_what_counts_as_monthly_is_said_by_the_compilation_not_by_names(precision):
    # A series in centred coordinates, and the slopes of one, have no telling name.
    labels = ["a", "b", "first_series[0,0]", "slope_shock_raw[0,0]", "c", "d"]
    given = toy(labels, gaussian(precision, np.zeros(6)))
    given.monthly = np.array([False, False, True, True, False, False])
    assert approximate(given).moved.tolist() == [0, 1, 4, 5]


def test_of_the_flagship_the_centre_is_a_mode_over_all_but_scales(spec, panel):
    compiled = compiled_model(spec, panel, build_design(spec, panel))
    found = approximate(compiled)
    names = np.array([compiled.labels[i].split("[")[0] for i in found.moved])
    assert not [name for name in names if "white" in name]
    scales = np.isin(names, ["noise_mean_raw", "noise_spread_raw", "noise_between",
                             "loading_spread_raw", "administration_deviation_sd_raw",
                             "credibility_series_sd_raw", "wave_sd_raw"])
    start = compiled.start[found.moved]
    assert np.array_equal(found.centre[scales], start[scales])
    position = np.zeros(compiled.size)
    position[found.moved] = found.centre
    value, gradient = compiled.density()(position)
    # Small against the scale of each direction.
    free = found.moved[~scales]
    assert np.abs(found.root[~scales][:, ~scales] @ gradient[free]).max() < 0.1
    position[found.moved] = start
    assert compiled.density()(position)[0] < value
    assert (np.linalg.eigvalsh(found.root.astype(float)) > 0).all()
