"""Ranks, their thinning, their test and its false alarms, on made-up draws."""

import numpy as np
import pandas as pd
import pytest
from scipy import signal, stats

from bayes_alliance import constants as c
from bayes_alliance.checks import calibration, coverage
from bayes_alliance.checks.calibration import (
    FEWEST_DRAWS,
    Simulation,
    _thinned,
    integral_transform,
    run_simulation,
)


def ranks(values, draws=120, ess=400.0):
    """Ranks among ``draws`` from values between 0 and 1 of shape (simulation, quantity)."""
    simulations, count = values.shape
    return pd.DataFrame({
        "simulation": np.repeat(np.arange(simulations), count),
        "quantity": np.tile([f"quantity_{k}" for k in range(count)], simulations),
        "rank": np.floor(values.ravel() * (draws + 1)).astype(int), "draws": draws, "ess": ess})


def test_uniform_ranks_raise_no_more_false_alarms_than_promised():
    # 200 runs of 20 quantities at 10%: more false alarms than the limit, if the rate is 10%, with
    # probability 0.0002.
    rng = np.random.default_rng(5)
    alarms = sum(not calibration(ranks(rng.uniform(size=(60, 20))), false_alarm=0.1).passed
                 for _ in range(200))
    assert alarms <= stats.binom(200, 0.1).isf(0.0002)
    assert alarms > 0


@pytest.mark.parametrize("bend", [lambda u: stats.norm.cdf(stats.norm.ppf(u) + 0.6),
                                  lambda u: stats.norm.cdf(1.6 * stats.norm.ppf(u)),
                                  lambda u: stats.norm.cdf(0.5 * stats.norm.ppf(u))],
                         ids=["shifted", "too narrow", "too wide"])
def test_uneven_ranks_are_found_and_named(bend):
    values = np.random.default_rng(1).uniform(size=(200, 30))
    values[:, 7] = bend(values[:, 7])
    found = calibration(ranks(values))
    assert not found.passed
    assert list(found.table.loc[~found.table["uniform"], "quantity"]) == ["quantity_7"]
    assert "quantity_7" in found.text


def test_ranks_among_few_draws_are_as_uniform_as_among_many():
    # Truth and draws alike; a Kolmogorov-Smirnov p-value under 0.0005 with that probability.
    rng = np.random.default_rng(2)
    rows = []
    for simulation in range(500):
        size = int(rng.integers(2, 40))
        rows.append((simulation, "a", int((rng.normal(size=size) < rng.normal()).sum()), size))
    table = pd.DataFrame(rows, columns=["simulation", "quantity", "rank", "draws"])
    value = integral_transform(table)["a"]
    assert value.between(0, 1).all()
    assert stats.kstest(value, "uniform").pvalue > 0.0005


def test_a_failed_quantity_keeps_its_rank_and_too_many_fail_the_verdict():
    values = np.random.default_rng(3).uniform(size=(40, 5))
    table = ranks(values)
    at = table["quantity"] == "quantity_2"
    table.loc[at & (table["simulation"] < 2), "ess"] = FEWEST_DRAWS - 1
    few = calibration(table)
    assert few.passed
    assert (few.table["simulations"] == 40).all()
    assert few.table.set_index("quantity").at["quantity_2", "failed"] == 2
    table.loc[at & (table["simulation"] < 3), "ess"] = FEWEST_DRAWS - 1
    many = calibration(table)
    assert not many.passed
    pd.testing.assert_series_equal(many.table["p_value"], few.table["p_value"])


def test_a_missing_rank_is_an_error():
    table = ranks(np.full((4, 3), 0.5))
    with pytest.raises(ValueError, match="1 of 12 ranks are missing"):
        calibration(table.drop(index=5))


@pytest.mark.parametrize(("ess", "kept"), [(100.0, 100), (101.0, 100), (250.0, 250), (333.0, 250),
                                           (5000.0, 1000), (1.0, 2)])
def test_draws_are_thinned_evenly_to_what_they_are_worth(ess, kept):
    draws = np.arange(1000.0).reshape(2, 500)
    found = _thinned(draws, ess)
    assert found.size == kept
    if found.shape[1] > 1:
        assert len(set(np.diff(found, axis=1).ravel())) == 1


def test_thinned_draws_of_a_sticky_chain_rank_uniformly_and_all_draws_do_not():
    # An AR(1) with correlation 0.98, started from its law: 1,000 draws are worth 10.
    rng = np.random.default_rng(4)
    shock = rng.normal(size=(1000, 1000)) * np.sqrt(1 - 0.98**2)
    shock[:, 0] = rng.normal(size=1000)
    chains = signal.lfilter([1.0], [1.0, -0.98], shock, axis=1)
    truth = rng.normal(size=1000)
    kept = np.array([_thinned(chain.reshape(2, 500), 1000 * 0.02 / 1.98).ravel()
                     for chain in chains])
    assert kept.shape == (1000, 10)
    # Of L independent draws, the share below the truth has mean 1/2 and variance 1/12 + 1/(6 L);
    # that of the variance has a standard error of .0024 here, and neighbours keep a correlation
    # of 0.98**100. All draws together are spread as 10 are, not as 1,000.
    def spread(draws):
        return (draws < truth[:, None]).mean(axis=1).var()

    assert spread(kept) == pytest.approx(1 / 12 + 1 / 60, abs=4 * 0.0030)
    assert spread(chains) > 1 / 12 + 1 / 6000 + 3 * 0.0024


def test_coverage_counts_the_intervals_that_hold_the_truth():
    names = [*(f"{c.VAR_COEFFICIENT}[{name}]" for name in c.COEFFICIENTS), "mean[cohesion]"]
    table = pd.DataFrame({"quantity": names * 2, "truth": [0.0] * 9 + [3.0], "q05": -1.0,
                          "q95": 1.0})
    assert coverage(table) == dict.fromkeys(c.COEFFICIENTS, 2) | {"cohesion_mean": 1}


@pytest.mark.parametrize(("kind", "truth"), [("posterior", None), ("prior", {}), ("both", None)])
def test_a_simulation_of_no_known_kind_is_an_error(spec, panel, kind, truth):
    with pytest.raises(ValueError, match="allowed: 'prior' without one, 'posterior' with a dict"):
        run_simulation(spec, panel, Simulation("rok_japan", kind, 0, 1, truth=truth))
