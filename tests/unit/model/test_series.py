"""The random variable behind every monthly series: its draws, its density, its coordinates."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from bayes_alliance.model.series import unit_series

HALF_LIFE = np.array([1.0, 12.0])
PHI = 0.5 ** (1 / HALF_LIFE)
DF = 5.0


def model_of(months, innovations, seed=1):
    rng = np.random.default_rng(seed)
    path, scale = rng.normal(size=(2, months)), np.array([0.6, 1.4])
    information = (rng.uniform(0.5, 2.0, size=(2, months)),
                   rng.uniform(-0.2, 0.2, size=(2, months)), rng.normal(size=(2, months)))
    with pm.Model(coords={"series": ["a", "b"], "time": range(months)}) as model:
        unit_series("r", HALF_LIFE, path, scale, information, innovations=innovations,
                    df=np.array(DF), dims=("series", "time"))
    return model


def shocks(innovations):
    return (stats.norm if innovations == "normal"
            else stats.t(DF, scale=np.sqrt((DF - 2) / DF)))


@pytest.mark.parametrize("innovations", ["normal", "student_t"])
@pytest.mark.parametrize("months", [1, 2, 9])
def test_the_density_is_the_autoregressions(innovations, months):
    model = model_of(months, innovations)
    value = np.random.default_rng(2).normal(size=(2, months))
    found = pm.logp(model["r"], value).eval(mode="FAST_COMPILE")
    spread = np.sqrt(1 - PHI**2)
    shock = np.column_stack([value[:, 0], (value[:, 1:] - PHI[:, None] * value[:, :-1])
                             / spread[:, None]])
    expected = shocks(innovations).logpdf(shock).sum(axis=1) - (months - 1) * np.log(spread)
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
    lag = (draws[:, :, 1:] * draws[:, :, :-1]).mean(axis=(0, 2))
    assert lag == pytest.approx(PHI, abs=5 * error)
    steps = (draws[:, :, 1:] - PHI[:, None] * draws[:, :, :-1]) / np.sqrt(1 - PHI**2)[:, None]
    for sample in (draws[:, :, 0].ravel(), steps.ravel()):
        assert stats.kstest(sample, shocks(innovations).cdf).pvalue > 1e-5


def test_coordinates_and_series_are_one_to_one():
    model = model_of(7, "normal")
    series = np.random.default_rng(3).normal(size=(2, 7))
    variable = model["r"]
    transform, inputs = model.rvs_to_transforms[variable], variable.owner.inputs
    white = transform.forward(series, *inputs).eval(mode="FAST_COMPILE")
    assert transform.backward(white, *inputs).eval(mode="FAST_COMPILE") == pytest.approx(series)


def test_the_start_is_the_centre_of_the_coordinates():
    start = model_of(7, "student_t").initial_point()
    assert start["r_white__"] == pytest.approx(np.zeros((2, 7)), abs=1e-9)
