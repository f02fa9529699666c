"""A combination takes of each forecast its share of the draws, and no others."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.forecast import combine_forecasts, forecast
from bayes_alliance.forecast.skill import default_weights
from tests.helpers.made_up_fit import made_up_fit

WEIGHTS = {"H1": 0.7, "H2": 0.3}


@pytest.fixture(scope="module")
def fits(spec, panel):
    return {"H1": made_up_fit(spec, panel, draws=100),
            "H2": replace(made_up_fit(spec, panel, draws=100, seed=9), hypothesis="H2")}


@pytest.fixture(scope="module")
def parts(fits):
    return {name: forecast(fit, 12, seed=4) for name, fit in fits.items()}


def test_of_each_part_as_many_draws_as_its_weight(parts):
    mixed = combine_forecasts(parts, WEIGHTS).data
    assert mixed.sizes["sample"] == 200
    own = {name: {tuple(row) for row in one.data[c.COHESION].to_numpy()}
           for name, one in parts.items()}
    rows = [tuple(row) for row in mixed[c.COHESION].to_numpy()]
    assert sum(row in own["H1"] for row in rows) == 140
    assert sum(row in own["H2"] for row in rows) == 60
    # A draw is taken whole: the same draw of every target.
    at = [tuple(row) for row in parts["H1"].data[c.COHESION].to_numpy()].index(rows[70])
    name = "cabinet_office_affinity_japan"
    assert np.array_equal(mixed[name][70], parts["H1"].data[name][at])


def test_probabilities_are_the_weighted_means(parts):
    found = combine_forecasts(parts, WEIGHTS).outcomes
    one, two = (parts[name].outcomes for name in WEIGHTS)
    expected = 0.7 * one["probability"] + 0.3 * two["probability"]
    pd.testing.assert_series_equal(found["probability"], expected, check_names=False)
    known = found["mcse"].notna()
    assert known.any()
    assert (found["mcse"][known] <= np.maximum(one["mcse"], two["mcse"])[known]).all()


def test_tables_follow_from_the_draws(parts):
    mixed = combine_forecasts(parts, WEIGHTS)
    cohesion = mixed.table[mixed.table["target"] == c.COHESION]
    assert cohesion["q50"].to_numpy() == pytest.approx(
        np.quantile(mixed.data[c.COHESION].to_numpy(), 0.5, axis=0))
    assert list(mixed.table.columns) == list(parts["H1"].table.columns)
    assert list(mixed.waves.columns) == list(parts["H1"].waves.columns)
    assert "H1 70%, H2 30%" in mixed.sentence


def test_scenarios_of_a_combination_share_their_random_numbers(fits, parts, spec):
    other = {name: forecast(fit, 12, seed=4, scenario="new_seoul")
             for name, fit in fits.items()}
    mixed = combine_forecasts(parts, WEIGHTS)
    difference = combine_forecasts(other, WEIGHTS).minus(mixed)
    assert np.abs(difference.data["threat_rok"].to_numpy()).max() == 0.0
    with pytest.raises(ValueError, match="fits differ"):
        combine_forecasts(other, {"H1": 0.5, "H2": 0.5}).minus(mixed)


@pytest.mark.parametrize(("weights", "words"), [
    ({"H1": 1.0}, "one for each of H1, H2"), ({"H1": 0.7, "H2": 0.4}, "sum to 1"),
    ({"H1": 1.0, "H2": 0.0}, "positive")])
def test_weights_that_are_none_are_refused(parts, weights, words):
    with pytest.raises(ValueError, match=words):
        combine_forecasts(parts, weights)


def test_forecasts_of_two_seeds_are_not_combined(fits, parts):
    with pytest.raises(ValueError, match="seed"):
        combine_forecasts({"H1": parts["H1"], "H2": forecast(fits["H2"], 12, seed=5)}, WEIGHTS)


def test_the_default_is_h12_unless_stacking_gains():
    weights = pd.DataFrame({"origin": ["2020-01", "2021-01", "2021-01", "2021-01"],
                            "method": ["H0", "H1", "H2", "H12"],
                            "weight": [1.0, 0.6, 0.395, 0.005]})

    def table(low):
        return pd.DataFrame({"method": "stacked", "horizon": [6, 12], "gain": 0.01,
                             "gain_low": low})

    assert default_weights(table(-0.1), weights) == {"H12": 1.0}
    found = default_weights(table(0.1), weights)
    assert set(found) == {"H1", "H2"}
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["H1"] == pytest.approx(0.6 / 0.995)
