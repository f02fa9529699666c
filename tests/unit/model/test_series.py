"""The random variable behind every monthly series: its draws, its density, its coordinates."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.checks.simulate import _series
from bayes_alliance.model.predict import steps
from bayes_alliance.model.predict import trend as added_up
from bayes_alliance.model.series import Law, add_slopes, unit_series

HALF_LIFE = np.array([1.0, 12.0])
DF = 5.0
TREND_SD, START_MU, START_SD = 0.03, 0.2, 0.1
# Each series on its own, and the two side by side.
DYNAMICS = [("ar1", "ar1"), ("random_walk", "random_walk"), ("local_trend", "local_trend"),
            ("local_trend", "ar1"), ("random_walk", "local_trend")]
TRENDED = [kinds for kinds in DYNAMICS if "local_trend" in kinds]


def model_of(months, innovations="normal", dynamics=("ar1", "ar1"), coordinates="chosen", seed=1):
    """Two series around a path of their own, some months of which are measured."""
    rng = np.random.default_rng(seed)
    path, scale = rng.normal(size=(2, months)), np.array([0.6, 1.4])
    information = (rng.uniform(0.5, 2.0, size=(2, months)),
                   rng.uniform(-0.2, 0.2, size=(2, months)), rng.normal(size=(2, months)))
    law = Law(pt.as_tensor_variable(DF if innovations == "student_t" else 0.0), coordinates,
              pt.as_tensor_variable(TREND_SD), pt.as_tensor_variable(START_MU),
              pt.as_tensor_variable(START_SD))
    trended = [i for i, kind in enumerate(dynamics) if kind == "local_trend"]
    coords = {"which": ["a", "b"], c.DIM_TIME: range(months), c.DIM_TREND: trended}
    with pm.Model(coords=coords) as model:
        trend = None
        if trended:
            trend = pt.set_subtensor(pt.zeros((2, months))[trended], add_slopes(law))
        pm.Deterministic("level", unit_series("r", HALF_LIFE, list(dynamics), path, scale,
                                              information, law, trend, ("which", c.DIM_TIME)))
    return model


def law_of(dynamics):
    """Return persistence and the shocks' sd of both series."""
    return np.array([steps(one, kind) for one, kind in zip(HALF_LIFE, dynamics, strict=True)]).T


def shocks(innovations):
    return (stats.norm if innovations == "normal"
            else stats.t(DF, scale=np.sqrt((DF - 2) / DF)))


def walked(walk, dynamics):
    """Return the shocks behind series without their slopes; time is the last axis."""
    phi, spread = law_of(dynamics)[:, :, None]
    later = (walk[..., 1:] - phi * walk[..., :-1]) / spread
    return np.concatenate([walk[..., :1], later], axis=-1)


@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("innovations", ["normal", "student_t"])
@pytest.mark.parametrize("months", [1, 2, 9])
def test_the_density_is_that_of_the_shocks(innovations, months, dynamics):
    model = model_of(months, innovations, dynamics)
    value = np.random.default_rng(2).normal(size=(2, months))
    found = pm.logp(model["r"], value).eval(mode="FAST_COMPILE")
    expected = (shocks(innovations).logpdf(walked(value, dynamics)).sum(axis=1)
                - (months - 1) * np.log(law_of(dynamics)[1]))
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("innovations", ["normal", "student_t"])
def test_draws_have_unit_variance_the_half_life_and_the_shocks_of_the_density(innovations):
    # 6,000 draws; five standard errors of each moment fail less than once in 100,000 runs.
    count = 6000
    draws = pm.draw(model_of(4, innovations)["r"], count, random_seed=5, mode="FAST_COMPILE")
    assert draws.shape == (count, 2, 4)
    # A Student-t with five degrees of freedom has a kurtosis of nine.
    error = np.sqrt((2.0 if innovations == "normal" else 8.0) / count)
    assert draws.var(axis=0) == pytest.approx(np.ones((2, 4)), abs=5 * error)
    phi = 0.5 ** (1 / HALF_LIFE)
    lag = (draws[:, :, 1:] * draws[:, :, :-1]).mean(axis=(0, 2))
    assert lag == pytest.approx(phi, abs=5 * error)
    apart = (draws[:, :, 1:] - phi[:, None] * draws[:, :, :-1]) / np.sqrt(1 - phi**2)[:, None]
    for sample in (draws[:, :, 0].ravel(), apart.ravel()):
        assert stats.kstest(sample, shocks(innovations).cdf).pvalue > 1e-5


@pytest.mark.parametrize("innovations", ["normal", "student_t"])
@pytest.mark.parametrize("dynamics", DYNAMICS[1:])
def test_draws_of_other_dynamics_have_the_shocks_of_the_density(innovations, dynamics):
    # Two tests at 1e-5 each: a false alarm in 2 of 100,000 runs.
    draws = pm.draw(model_of(4, innovations, dynamics)["r"], 3000, random_seed=6,
                    mode="FAST_COMPILE")
    found = walked(draws, dynamics)
    for series in (0, 1):
        sample = found[:, series].ravel()
        assert stats.kstest(sample, shocks(innovations).cdf).pvalue > 1e-5


@pytest.mark.parametrize("dynamics", TRENDED)
def test_a_local_trend_is_a_walk_and_a_slope_that_walks_too(dynamics):
    model = model_of(6, dynamics=dynamics)
    trended = [i for i, kind in enumerate(dynamics) if kind == "local_trend"]
    series, walk, slope, shock = pm.draw(
        [model[name] for name in ("level", "r", c.VAR_SLOPE, "slope_shock_raw")], 3,
        random_seed=7, mode="FAST_COMPILE")
    assert slope.shape == (3, len(trended), 6)
    assert slope[..., 0] == pytest.approx(START_MU + START_SD * shock[..., 0])
    assert np.diff(slope) == pytest.approx(TREND_SD * shock[..., 1:])
    # This month's step has last month's slope.
    added = (series - walk)[:, trended]
    assert added[..., 0] == pytest.approx(0.0, abs=1e-15)
    assert np.diff(added) == pytest.approx(slope[..., :-1])
    for i in set(range(2)) - set(trended):
        assert np.array_equal(series[:, i], walk[:, i])
    # The shocks of a slope are standard normal: their density is part of the model's.
    value = np.random.default_rng(8).normal(size=(len(trended), 6))
    assert pm.logp(model["slope_shock_raw"], value).eval(mode="FAST_COMPILE") == pytest.approx(
        stats.norm.logpdf(value))


def test_without_a_local_trend_there_is_no_slope():
    for dynamics in DYNAMICS[:2]:
        assert {one.name for one in model_of(5, dynamics=dynamics).free_RVs} == {"r"}


# The covariance of a series, three times: as simulated, as the density says, by formula.

class Impulses:
    """A source of numbers that are all zero but one."""

    def __init__(self, place=None, start=0.0):
        self.place, self.start, self.asked = place, start, 0

    def standard_normal(self):
        self.asked += 1
        return float(self.asked - 1 == self.place)

    def draw(self, name):
        assert name == "trend_start"
        return START_MU + START_SD * self.start


def simulated(kind, half_life, months):
    """Return mean and covariance of the simulator's series, whose numbers enter linearly."""
    nothing = np.zeros(months)
    mean = _series(Impulses(), half_life, kind, TREND_SD, nothing)
    columns = [_series(Impulses(), half_life, kind, TREND_SD, unit) for unit in np.eye(months)]
    columns.append(_series(Impulses(start=1.0), half_life, kind, TREND_SD, nothing))
    columns += [_series(Impulses(place), half_life, kind, TREND_SD, nothing)
                for place in range(months)]
    root = np.array(columns).T - mean[:, None]
    return mean, root @ root.T


def by_formula(kind, half_life, months):
    t = np.arange(months)
    earlier = np.minimum.outer(t, t)
    if kind == "ar1":
        return np.zeros(months), 0.5 ** (np.abs(np.subtract.outer(t, t)) / half_life)
    covariance = 1.0 + (1.0 - 0.25 ** (1 / half_life)) * earlier
    if kind == "random_walk":
        return np.zeros(months), covariance
    # The change of the slope in month k <= t - 1 adds (t - k) of it by month t.
    changes = sum(np.outer(np.maximum(t - k, 0), np.maximum(t - k, 0)) for k in range(1, months))
    return START_MU * t, covariance + START_SD**2 * np.outer(t, t) + TREND_SD**2 * changes


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_simulator_and_density_have_the_mean_and_covariance_of_the_declared_model(dynamics):
    months = 7
    model = model_of(months, dynamics=dynamics, coordinates="centred")
    values = {model.rvs_to_values[variable].name: variable.name for variable in model.free_RVs}
    shapes = {name: np.shape(model.initial_point()[name]) for name in values}
    slopes = model.compile_dlogp(mode="FAST_COMPILE")
    outcome = model.compile_fn(model.replace_rvs_by_values([model["level"]]),
                               inputs=model.value_vars, mode="FAST_COMPILE",
                               on_unused_input="ignore")
    sizes = [int(np.prod(shape)) for shape in shapes.values()]

    def point(vector):
        pieces = np.split(vector, np.cumsum(sizes)[:-1])
        return {name: piece.reshape(shape)
                for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}

    zero, units = np.zeros(sum(sizes)), np.eye(sum(sizes))
    start = slopes(point(zero))
    precision = -np.array([slopes(point(unit)) - start for unit in units])
    assert start == pytest.approx(0.0, abs=1e-12)
    mean = outcome(point(zero))[0]
    root = np.array([(outcome(point(unit))[0] - mean).ravel() for unit in units]).T
    covariance = root @ np.linalg.inv(precision) @ root.T
    for i, kind in enumerate(dynamics):
        mine = slice(i * months, (i + 1) * months)
        expected = by_formula(kind, HALF_LIFE[i], months)
        for found in ((mean[i], covariance[mine, mine]), simulated(kind, HALF_LIFE[i], months)):
            assert found[0] == pytest.approx(expected[0], abs=1e-12)
            assert found[1] == pytest.approx(expected[1], rel=1e-9)
    # The two series have nothing to do with each other.
    assert covariance[:months, months:] == pytest.approx(0.0, abs=1e-10)


def test_the_shocks_sd_keeps_its_digits_at_long_half_lives():
    # To first order 2 log 2 / h; 1 - phi^2 of a rounded phi has four digits left here.
    phi, spread = steps(np.array([1e12]), "ar1")
    assert spread**2 == pytest.approx(2 * np.log(2) / 1e12, rel=1e-9)
    assert phi < 1
    assert steps(np.array([1e12]), "random_walk")[0] == 1.0


# Coordinates.

@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("coordinates", ["chosen", "non_centred"])
def test_coordinates_and_series_are_one_to_one(dynamics, coordinates):
    model = model_of(7, dynamics=dynamics, coordinates=coordinates)
    series = np.random.default_rng(3).normal(size=(2, 7))
    variable = model["r"]
    transform, inputs = model.rvs_to_transforms[variable], variable.owner.inputs
    inputs = pm.draw(list(inputs), random_seed=9, mode="FAST_COMPILE")
    white = transform.forward(series, *inputs).eval(mode="FAST_COMPILE")
    assert transform.backward(white, *inputs).eval(mode="FAST_COMPILE") == pytest.approx(series)
    # The declared logarithm of the Jacobian is that of the map.
    columns = [(transform.backward(white + unit.reshape(2, 7), *inputs).eval(mode="FAST_COMPILE")
                - series).ravel() for unit in np.eye(14)]
    declared = transform.log_jac_det(white, *inputs).eval(mode="FAST_COMPILE")
    assert declared.sum() == pytest.approx(np.linalg.slogdet(np.array(columns))[1], abs=1e-9)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_the_start_is_the_centre_of_the_coordinates(dynamics):
    start = model_of(7, "student_t", dynamics).initial_point()
    assert start["r_white__"] == pytest.approx(np.zeros((2, 7)), abs=1e-9)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_non_centred_coordinates_are_independent_standard_normals(dynamics):
    model = model_of(6, dynamics=dynamics, coordinates="non_centred")
    logp = model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(4)
    point = {name: rng.normal(size=np.shape(value))
             for name, value in model.initial_point().items()}
    expected = sum(stats.norm.logpdf(value).sum() for value in point.values())
    assert logp(point) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_centred_coordinates_are_the_series_without_their_slopes(dynamics):
    model = model_of(6, dynamics=dynamics, coordinates="centred")
    assert model.rvs_to_transforms[model["r"]] is None
    assert model.rvs_to_values[model["r"]].name == "r"
    rng = np.random.default_rng(4)
    point = {name: rng.normal(size=np.shape(value))
             for name, value in model.initial_point().items()}
    expected = (stats.norm.logpdf(walked(point["r"], dynamics)).sum()
                - 5 * np.log(law_of(dynamics)[1]).sum())
    if "slope_shock_raw" in point:
        expected += stats.norm.logpdf(point["slope_shock_raw"]).sum()
    assert model.compile_logp(mode="FAST_COMPILE")(point) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_a_trend_conditions_the_coordinates_of_its_series(slope):
    # The centre of the coordinates moves by what the slope adds, where months are measured well.
    rng = np.random.default_rng(1)
    model = model_of(6, dynamics=("local_trend", "local_trend"))
    point = model.initial_point()
    shock = np.zeros((2, 6))
    shock[:, 0] = (slope - START_MU) / START_SD
    variable, other = (model.rvs_to_values[model[name]]
                       for name in ("r", "slope_shock_raw"))
    walk = model.compile_fn(model.replace_rvs_by_values([model["r"]]), inputs=[variable, other],
                            mode="FAST_COMPILE")
    found = walk({variable.name: np.zeros((2, 6)), other.name: shock})[0]
    # The same by dense matrices.
    path, scale = rng.normal(size=(2, 6)), np.array([0.6, 1.4])
    path = path + scale[:, None] * added_up(np.full((2, 6), slope))
    diagonal = rng.uniform(0.5, 2.0, size=(2, 6))
    beside, linear = rng.uniform(-0.2, 0.2, size=(2, 6)), rng.normal(size=(2, 6))
    assert set(point) == {"r_white__", "slope_shock_raw"}
    for i in (0, 1):
        measured = (np.diag(diagonal[i]) + np.diag(beside[i, :-1], 1)
                    + np.diag(beside[i, :-1], -1))
        prior = np.linalg.inv(by_formula("random_walk", HALF_LIFE[i], 6)[1])
        total = prior + scale[i] ** 2 * measured
        expected = np.linalg.solve(total, scale[i] * (linear[i] - measured @ path[i]))
        assert found[i] == pytest.approx(expected, rel=1e-9)
