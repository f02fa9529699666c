"""Stepping stones against a Gaussian model whose evidence is known, and the average that fails."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.hypotheses.stepping import (
    FEWEST_EFFECTIVE,
    Rung,
    _weighted,
    log_mean_of,
    run_rung,
    stones,
    weights,
)
from bayes_alliance.inference import held_out_rows
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, log_likelihood

STATES, ROWS, SD = 25, 40, 0.4


class Gaussian:
    """Independent states with unit priors; each row of the window measures one of them."""

    def __init__(self, rng):
        self.at = rng.integers(STATES, size=ROWS)
        truth = rng.standard_normal(STATES)
        self.y = truth[self.at] + SD * rng.standard_normal(ROWS)
        basis = np.eye(STATES)[self.at]
        covariance = basis @ basis.T + SD**2 * np.eye(ROWS)
        self.exact = stats.multivariate_normal(np.zeros(ROWS), covariance).logpdf(self.y)

    def draws(self, weight, rng, shape):
        """Draw the states exactly, with the rows at a weight."""
        precision = 1.0 + weight * np.bincount(self.at, minlength=STATES) / SD**2
        linear = weight * np.bincount(self.at, weights=self.y, minlength=STATES) / SD**2
        noise = rng.standard_normal((*shape, STATES))
        return linear / precision + noise / np.sqrt(precision)

    def log_likelihood(self, states):
        return stats.norm.logpdf(self.y, states[..., self.at], SD).sum(axis=-1)


def climbed(model, rungs, rng, shape=(2, 1000)):
    steps, at = [], weights(rungs)
    for step in range(rungs):
        ratio = (at[step + 1] - at[step]) * model.log_likelihood(
            model.draws(at[step], rng, shape))
        value, error, effective = log_mean_of(ratio)
        steps.append({"step": step, "weight": at[step], "value": value, "error": error,
                      "effective": effective, "passed": True})
    return stones(steps)


@pytest.mark.parametrize("seed", range(5))
def test_stones_find_what_the_plain_average_misses(seed):
    rng = np.random.default_rng(seed)
    model = Gaussian(rng)
    found = climbed(model, 8, rng)
    assert found.enough
    # Five errors of five seeds: a false alarm in a million.
    assert abs(found.value - model.exact) < 5 * found.error
    assert found.error < 0.2
    plain = climbed(model, 1, rng)
    # One step rests on a handful of its 2000 draws and is nats too low.
    assert plain.table["effective"].item() < 10
    assert not plain.enough
    assert model.exact - plain.value > 3


def test_two_seeds_agree_within_a_fifth_of_a_nat():
    model = Gaussian(np.random.default_rng(9))
    first, second = (climbed(model, 16, np.random.default_rng(seed), (2, 2000))
                     for seed in (1, 2))
    assert abs(first.value - second.value) < 0.2


def test_the_log_of_a_mean_and_its_error():
    rng = np.random.default_rng(3)
    errors, apart = [], []
    for _ in range(200):
        value, error, effective = log_mean_of(0.5 * rng.standard_normal((2, 500)))
        errors.append(error)
        apart.append(value - 0.125)
        assert effective > FEWEST_EFFECTIVE
    # The spread of the estimates is the stated error; 200 of them know it to five percent.
    assert np.std(apart) == pytest.approx(np.mean(errors), rel=0.25)
    assert log_mean_of(np.full((2, 3), -4.0)) == (-4.0, 0.0, 6.0)


def test_every_step_is_needed_once():
    one = {"weight": 0.0, "value": 1.0, "error": 0.1, "effective": 200.0, "passed": True}
    with pytest.raises(ValueError, match=r"steps \[0, 2\]"):
        stones([one | {"step": 0}, one | {"step": 2}])
    assert not stones([one | {"step": 1}, one | {"step": 0, "passed": False}]).passed
    found = stones([one | {"step": 1}, one | {"step": 0}])
    assert found.passed
    assert found.value == 2.0
    assert found.error == pytest.approx(np.sqrt(0.02))


def test_the_first_weight_drops_the_rows_and_later_ones_only_weigh_them(spec, panel, full):
    item = Rung("rok_japan", "H12", "friction", 0)
    design = build_design(spec, panel)
    held = held_out_rows(spec, panel, design, "friction")
    absent, half = (_weighted(spec, panel, item, weight) for weight in (0.0, 0.5))
    assert (absent.data["weight"] == ~held).all()
    assert (absent.data["previous_row"] != design.data["previous_row"]).any()
    assert (half.data["weight"] == np.where(held, 0.5, 1.0)).all()
    assert (half.data["previous_row"] == design.data["previous_row"]).all()
    # At both ends the density is the posterior's own: of the rows outside, and of all.
    samples = flatten(full.posterior)
    whole = log_likelihood(samples, _weighted(spec, panel, item, 1.0), spec)
    assert whole == pytest.approx(log_likelihood(samples, design, spec), rel=1e-12)
    outside = log_likelihood(samples, absent, spec)
    assert outside == pytest.approx(
        log_likelihood(samples, design.with_rows(~held), spec), rel=1e-12)
    assert (whole < outside).all()


def test_a_rung_says_what_its_step_is_worth(spec, panel):
    item = Rung("rok_japan", "H0", "cohesion", 3, draws=20, tune=100)
    found = run_rung(spec, panel, item)
    assert found["step"] == 3
    assert found["weight"] == weights()[3]
    assert np.isfinite(found["value"])
    assert found["value"] < 0
    with pytest.raises(SpecError, match="no step 8"):
        run_rung(spec, panel, item._replace(step=8))
    with pytest.raises(SpecError, match="unknown episode"):
        run_rung(spec, panel, item._replace(episode="nowhere"))


def test_absolute_values_fill_the_table(spec, full, without):
    from bayes_alliance.hypotheses import leave_episode_out

    one = stones([{"step": 0, "weight": 0.0, "value": -40.0, "error": 0.05, "effective": 500.0,
                   "passed": True}])
    least = replace(one, value=-41.0)
    failed = replace(one, table=one.table.assign(passed=False))
    assert (leave_episode_out(full, without, {("H12", "friction"): failed}).table.query(
        "episode == 'friction' and hypothesis != 'H0'")["flag"].str.endswith(
            "the fit of a stepping stone failed its gate")).all()
    absolute = {("H12", "friction"): one, ("H0", "friction"): least}
    table = leave_episode_out(full, without, absolute).table.set_index(["episode", "hypothesis"])
    part = table.loc["friction"]
    known = part["elpd"] - part.loc["HX", "elpd"]
    assert known.to_numpy() == pytest.approx(part["difference"].to_numpy(), abs=1e-9)
    assert part.loc["H12", "elpd"] == -40.0
    assert part.loc["H0", "elpd"] == -41.0
    assert (part["se"] >= 0.05).all()
    assert part["decibans"].to_numpy() == pytest.approx(4.342945 * part["difference"].to_numpy())
    assert table.loc["cohesion", "elpd"].isna().all()
    thin = replace(one, table=one.table.assign(effective=20.0))
    flags = leave_episode_out(full, without, absolute | {("H12", "friction"): thin}).table["flag"]
    assert flags.str.contains("under 100 effective draws").sum() == 5
    assert c.COHESION in spec.episodes
