"""Coordinates from mode and curvature, on densities whose mode and curvature are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import linalg

from bayes_alliance.inference.compiled import compiled_model
from bayes_alliance.inference.laplace import Coordinates, approximate
from bayes_alliance.model import build_design

SERIES = ["first_series_white__[0,0]", "first_series_white__[0,1]"]


def toy(labels, density, start=None):
    start = np.zeros(len(labels)) if start is None else start
    monthly = np.array([label in SERIES for label in labels])
    made = SimpleNamespace(labels=labels, start=start, size=len(labels), monthly=monthly,
                           density=lambda: density)
    # Without intercepts and governments there is nothing to turn.
    made.with_data = lambda: made
    return made


def gaussian(precision, mean):
    def density(position):
        apart = position - mean
        return -0.5 * apart @ precision @ apart, -precision @ apart

    return density


@pytest.fixture
def precision():
    root = np.random.default_rng(2).normal(size=(6, 6))
    return root @ root.T + np.eye(6)


@pytest.fixture
def sizeable():
    """A definite matrix without small elements, and the precision whose inverse root it is."""
    signs = np.where(np.random.default_rng(3).random((6, 6)) < 0.5, -0.1, 0.1)
    root = np.eye(6) + np.tril(signs, -1) + np.tril(signs, -1).T
    return root, np.linalg.inv(root @ root)


def test_of_a_gaussian_the_centre_and_the_root_are_exact(precision):
    labels = ["a", "b[0]", SERIES[0], "b[1]", SERIES[1], "c"]
    mean = np.array([1.0, -2.0, 0.0, 3.0, 0.0, 40.0])
    given = toy(labels, gaussian(precision, mean))
    same, found = approximate(given)
    assert same is given
    assert found.moved.tolist() == [0, 1, 3, 5]
    assert found.centre == pytest.approx(mean[found.moved], abs=1e-3)
    # Given the series at their centre, the curvature is the precision's own block.
    block = precision[np.ix_(found.moved, found.moved)]
    root = found.matrix
    assert root == pytest.approx(root.T, abs=0)
    expected = linalg.inv(linalg.sqrtm(block))
    assert np.abs(expected).min() > 0.01  # none of them left out
    assert root == pytest.approx(expected, abs=1e-6)


def test_in_its_coordinates_a_gaussian_is_standard_normal(sizeable):
    root, precision = sizeable
    mean = np.arange(6.0)
    density = gaussian(precision, mean)
    _, found = approximate(toy([f"h[{i}]" for i in range(6)], density))
    assert found.matrix == pytest.approx(root, abs=1e-7)
    mapped, rng = found.density(density), np.random.default_rng(5)
    for position in rng.normal(size=(5, 6)):
        value, gradient = mapped(position)
        assert value == pytest.approx(-0.5 * position @ position, abs=1e-3)
        assert gradient == pytest.approx(-position, abs=1e-3)


def of_root(root):
    """Return the map of a Gaussian whose covariance has this root."""
    precision, size = np.linalg.inv(root @ root), len(root)
    _, found = approximate(toy([f"h[{i}]" for i in range(size)],
                               gaussian(precision, np.zeros(size))))
    return found


def test_small_elements_are_left_out_and_the_map_stays_definite(sizeable):
    root = sizeable[0].copy()
    small = np.array([[0, 3], [1, 5], [4, 2]])
    for (i, j), size in zip(small, (0.0099, -0.0099, 0.001), strict=True):
        root[i, j] = root[j, i] = size
    found = of_root(root)
    kept = np.abs(root) > 0.01
    assert kept.sum() == 30
    assert found.matrix == pytest.approx(np.where(kept, root, 0.0), abs=1e-6)
    # What is left out is not even stored.
    assert found.values.size == found.columns.size == 30
    assert np.linalg.eigvalsh(found.matrix)[0] > 0.4


@pytest.mark.parametrize("root", [
    # The small element is all that keeps the three from cancelling.
    np.array([[0.492, -0.5, 0.009], [-0.5, 1.001, -0.5], [0.009, -0.5, 0.492]]),
    # A scale that is itself small.
    np.array([[1.0, 0.001], [0.001, 0.005]])], ids=["beside", "scale"])
def test_where_the_map_would_not_stay_definite_no_element_is_left_out(root):
    assert np.linalg.eigvalsh(root)[0] > 5e-4
    assert np.linalg.eigvalsh(np.where(np.abs(root) < 0.01, 0.0, root))[0] <= 0.0
    found = of_root(root)
    assert found.values.size == root.size
    assert found.matrix == pytest.approx(root, abs=1e-6)


def test_a_direction_without_curvature_gets_no_boundless_scale():
    precision = np.diag([4.0, 1e-9])
    _, found = approximate(toy(["a", "b"], gaussian(precision, np.zeros(2))))
    assert found.matrix == pytest.approx(np.diag([0.5, 1 / np.sqrt(0.3)]), rel=1e-3)


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
    _, found = approximate(toy([name, *effects], funnel, start))
    assert found.centre[0] == 0.0
    assert found.centre[1:] == pytest.approx(0.0, abs=1e-3)
    _, free = approximate(toy(["something_else", *effects], funnel, start))
    assert free.centre[0] < -4


def test_where_the_curvature_is_not_finite_the_start_and_unit_scales_are_kept():
    def density(position):
        return -0.5 * position @ position, np.full(2, np.nan)

    start = np.array([0.3, 0.4])
    _, found = approximate(toy(["a", "b"], density, start))
    assert found.centre.tolist() == start.tolist()
    assert np.array_equal(found.matrix, np.eye(2))


def test_the_map_and_its_gradient_leave_series_and_the_given_arrays_alone():
    root = np.array([[2.0, 0.5], [0.5, 1.0]])
    map_ = Coordinates.of_matrix(np.array([0, 2]), np.array([10.0, -10.0]), root)
    position = np.array([1.0, 7.0, -1.0])
    assert map_.apply(position).tolist() == [11.5, 7.0, -10.5]
    assert position.tolist() == [1.0, 7.0, -1.0]
    value, gradient = map_.density(lambda x: (x @ x, 2 * x))(position)
    moved = map_.apply(position)
    assert value == moved @ moved
    assert gradient[1] == 14.0
    assert gradient[[0, 2]] == pytest.approx(root.T @ (2 * moved[[0, 2]]), rel=1e-12)


def test_a_matrix_is_kept_without_its_zeros_and_given_back_in_full():
    rng = np.random.default_rng(6)
    root = np.where(rng.random((40, 40)) < 0.8, 0.0, rng.normal(size=(40, 40)))
    root = root + root.T
    root[3] = root[:, 3] = 0.0  # a row without anything
    moved, centre = np.sort(rng.permutation(60)[:40]), 1e3 * rng.normal(size=40)
    map_, position = Coordinates.of_matrix(moved, centre, root), rng.normal(size=60)
    assert np.array_equal(map_.matrix, root)
    assert map_.starts.size == 41
    assert map_.values.size == map_.columns.size == map_.starts[-1] == (root != 0.0).sum()
    assert [array.dtype for array in map_.arrays] == [np.int64, float, np.int64, np.int64, float]
    expected = position.copy()
    expected[moved] = centre + root @ position[moved]
    assert map_.apply(position) == pytest.approx(expected, rel=1e-14, abs=1e-14)
    still = map_.apply(np.where(np.isin(np.arange(60), moved), 0.0, position))
    assert np.array_equal(still[moved], centre)
    slopes = -map_.apply(position)
    slopes[moved] = root @ slopes[moved]
    gradient = map_.density(lambda x: (-0.5 * x @ x, -x))(position)[1]
    assert gradient == pytest.approx(slopes, rel=1e-12, abs=1e-10)


def test_what_counts_as_monthly_is_said_by_the_compilation_not_by_names(precision):
    # A series in centred coordinates, and the slopes of one, have no telling name.
    labels = ["a", "b", "first_series[0,0]", "slope_shock_raw[0,0]", "c", "d"]
    given = toy(labels, gaussian(precision, np.zeros(6)))
    given.monthly = np.array([False, False, True, True, False, False])
    assert approximate(given)[1].moved.tolist() == [0, 1, 4, 5]


# Intercepts and effects of governments in directions of their own.

TURNED = ["government_sd_z", "a", *(f"intercept_at_mean[{i}]" for i in range(3)),
          *(f"government_effect_raw[{i}]" for i in range(2))]


class Turnable:
    """Normal intercepts and effects with a common spread, of which the data tell something."""

    labels, size, monthly = TURNED, len(TURNED), np.zeros(len(TURNED), dtype=bool)

    def __init__(self, intercepts, effects, z=1.0, **data):
        self.intercepts, self.effects, self.z = intercepts, effects, z
        self.start = np.zeros(self.size)
        self.start[0] = z
        self.data = {"intercept_basis": np.eye(3), "government_basis": np.eye(2),
                     "government_information": np.zeros(2)} | data

    def with_data(self, **arrays):
        assert set(arrays) <= set(self.data)
        return Turnable(self.intercepts, self.effects, self.z, **self.data | arrays)

    def parameters(self, position):
        z, a, u, raw = position[0], position[1], position[2:5], position[5:]
        width = np.sqrt(1.0 + z**2 * self.data["government_information"])
        return (z, a, self.data["intercept_basis"] @ u,
                z * (self.data["government_basis"] @ (raw / width)))

    def value(self, position):
        z, a, intercept, effect = self.parameters(position)
        raw, told = position[5:], 1.0 + z**2 * self.data["government_information"]
        prior = -0.5 * (z**2 + a**2 + position[2:5] @ position[2:5] + (raw**2 / told).sum()
                        + np.log(told).sum())
        apart, away = intercept - np.array([1.0, -2.0, 0.5]) * (1 + 0.1 * a), effect - (2.0, -3.0)
        return prior - 0.5 * apart @ self.intercepts @ apart - 0.5 * away @ self.effects @ away

    def density(self):
        def density(position):
            # Slopes by a step off the real numbers, without error of approximation.
            slopes = [self.value(position + 1e-30j * unit).imag / 1e-30
                      for unit in np.eye(self.size)]
            return self.value(position), np.array(slopes)

        return density


INTERCEPTS = np.array([[9.0, 4.0, 1.0], [4.0, 5.0, -2.0], [1.0, -2.0, 6.0]])
EFFECTS = np.array([[3.0, 2.0], [2.0, 8.0]])


def test_directions_are_those_of_which_the_data_tell_alone():
    turned, _ = approximate(Turnable(INTERCEPTS, EFFECTS))
    for name in ("intercept_basis", "government_basis"):
        basis = turned.data[name]
        assert basis.T @ basis == pytest.approx(np.eye(len(basis)), abs=1e-12)
    basis = turned.data["intercept_basis"]
    alone = basis.T @ INTERCEPTS @ basis
    assert alone == pytest.approx(np.diag(np.diag(alone)), abs=1e-6)
    # Of effects, what the data tell at a spread of the prior's scale, whatever it is at the mode.
    basis, told = turned.data["government_basis"], turned.data["government_information"]
    assert basis.T @ EFFECTS @ basis == pytest.approx(np.diag(told), abs=1e-6)


def test_turned_coordinates_are_of_the_same_posterior():
    given = Turnable(INTERCEPTS, EFFECTS)
    turned, coordinates = approximate(given)
    there, rng = turned.density(), np.random.default_rng(4)
    for position in rng.normal(size=(5, given.size)):
        z, _, intercept, effect = turned.parameters(position)
        here = np.concatenate([position[:2], intercept, effect / z])
        width = np.sqrt(1 + z**2 * turned.data["government_information"])
        assert there(position)[0] == pytest.approx(
            given.value(here) - np.log(width).sum(), rel=1e-12)
    # The centre is in the turned coordinates: the mode of their density.
    mode = np.zeros(given.size)
    mode[coordinates.moved] = coordinates.centre
    assert np.abs(coordinates.matrix @ there(mode)[1]).max() < 1e-3
    assert np.abs(given.density()(mode)[1]).max() > 1.0


def test_of_a_direction_the_data_tell_nothing_less_than_nothing():
    # The density curves upwards along the first effect.
    turned, _ = approximate(Turnable(INTERCEPTS, np.diag([-0.05, 4.0])))
    told = turned.data["government_information"]
    assert told == pytest.approx([0.0, 4.0], abs=1e-6)
    assert told[0] == 0.0


def test_effects_are_turned_alike_wherever_the_mode_of_their_spread_is():
    # At a spread of zero their size does nothing, so that the mode stays there.
    for z in (0.0, 1e-6, 0.7):
        turned, _ = approximate(Turnable(INTERCEPTS, EFFECTS, z=z))
        basis, told = turned.data["government_basis"], turned.data["government_information"]
        assert told == pytest.approx(np.linalg.eigvalsh(EFFECTS), rel=1e-6)
        assert basis.T @ EFFECTS @ basis == pytest.approx(np.diag(told), abs=1e-6)


def test_where_a_curvature_is_not_finite_nothing_is_turned():
    class Broken(Turnable):
        def density(self):
            return lambda position: (self.value(position), np.full(self.size, np.nan))

        def with_data(self, **arrays):
            assert arrays == {}
            return self

    given = Broken(INTERCEPTS, EFFECTS)
    turned, coordinates = approximate(given)
    assert turned is given
    assert coordinates.centre.tolist() == given.start.tolist()


@pytest.fixture(scope="module")
def compiled(spec, panel):
    return compiled_model(spec, panel, build_design(spec, panel))


@pytest.fixture(scope="module")
def chosen(compiled):
    return approximate(compiled)


def positions_of(compiled, name):
    return [i for i, label in enumerate(compiled.labels) if label.partition("[")[0] == name]


def test_of_the_flagship_the_centre_is_a_mode_over_all_but_scales(compiled, chosen):
    turned, found = chosen
    names = np.array([turned.labels[i].split("[")[0] for i in found.moved])
    assert not [name for name in names if "white" in name]
    scales = np.isin(names, ["noise_mean_raw", "noise_spread_raw", "noise_between",
                             "loading_spread_raw", "administration_deviation_sd_raw",
                             "credibility_series_sd_raw", "wave_sd_raw"])
    start = turned.start[found.moved]
    assert np.array_equal(found.centre[scales], start[scales])
    position = np.zeros(turned.size)
    position[found.moved] = found.centre
    value, gradient = turned.density()(position)
    # Small against the scale of each direction.
    free, root = found.moved[~scales], found.matrix
    assert np.abs(root[~scales][:, ~scales] @ gradient[free]).max() < 0.1
    position[found.moved] = start
    assert turned.density()(position)[0] < value
    assert np.array_equal(root, root.T)
    assert (np.linalg.eigvalsh(root) > 0).all()
    # Most elements are small.
    assert np.abs(found.values).min() >= 0.01
    assert found.values.size < 0.3 * root.size


def sampled_apart(turned, there):
    """Return the same point of the model in the coordinates that a design starts with.

    And the log volume between the two.
    """
    intercepts, effects, (z,) = (positions_of(turned, name) for name in (
        "intercept_at_mean", "government_effect_raw", "government_sd_z"))
    width = np.sqrt(1 + there[z] ** 2 * turned.data["government_information"])
    here = there.copy()
    here[intercepts] = turned.data["intercept_basis"] @ there[intercepts]
    here[effects] = turned.data["government_basis"] @ (there[effects] / width)
    return here, np.log(width).sum()


def test_of_the_flagship_what_is_sampled_is_turned_and_the_posterior_is_not(compiled, chosen):
    turned, coordinates = chosen
    changed = {name for name, array in turned.data.items()
               if not np.array_equal(array, compiled.data[name])}
    assert changed == {"intercept_basis", "government_basis", "government_information"}
    for name in ("intercept_basis", "government_basis"):
        basis = turned.data[name]
        assert basis.T @ basis == pytest.approx(np.eye(len(basis)), abs=1e-12)
    assert (turned.data["government_information"] >= 0.0).all()
    rng, (z,) = np.random.default_rng(12), positions_of(turned, "government_sd_z")
    for spread in (-2.0, 1.5, 2.5, 4.0):
        there = coordinates.apply(rng.normal(size=compiled.size))
        there[z] = spread
        here, volume = sampled_apart(turned, there)
        assert volume > 1.0
        # What is reported agrees, and the densities by the volume.
        expected, found = compiled.expand()(here), turned.expand()(there)
        assert set(found) == set(expected)
        for name, array in expected.items():
            assert found[name] == pytest.approx(array, rel=1e-9, abs=1e-9), name
        values = compiled.density()(here)[0], turned.density()(there)[0]
        assert values[1] == pytest.approx(values[0] - volume, rel=1e-10)


def test_of_the_flagship_the_data_tell_of_each_direction_alone(compiled, chosen):
    turned, coordinates = chosen
    there = np.zeros(turned.size)
    there[coordinates.moved] = coordinates.centre
    there[positions_of(turned, "government_sd_z")] = 2.0
    here, _ = sampled_apart(turned, there)

    def curvature(model, at, name, step=1e-5):
        places, density, rows = positions_of(model, name), model.density(), []
        for place in places:
            moved = [at.copy(), at.copy()]
            moved[0][place] -= step
            moved[1][place] += step
            below, above = (density(one)[1][places] for one in moved)
            rows.append((below - above) / (2 * step))
        return np.array(rows)

    def correlated(matrix):
        scale = np.sqrt(np.diag(matrix))
        return np.abs(matrix / np.outer(scale, scale) - np.eye(len(matrix))).max()

    assert correlated(curvature(compiled, here, "intercept_at_mean")) > 0.2
    assert correlated(curvature(turned, there, "intercept_at_mean")) < 0.02
    # Effects are of unit scale besides, at spreads other than where they were turned.
    assert curvature(compiled, here, "government_effect_raw").max() > 3.0
    told = curvature(turned, there, "government_effect_raw")
    assert told == pytest.approx(np.eye(len(told)), abs=0.02)
