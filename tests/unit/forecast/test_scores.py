"""Scores by hand and by the library; skill, combination and coverage on made-up scores."""

import numpy as np
import pandas as pd
import pytest
import scoringrules as sr
from scipy import stats

from bayes_alliance.forecast.combination import combine, stacking_weights
from bayes_alliance.forecast.scores import score
from bayes_alliance.forecast.skill import (
    by_indicator,
    combination_helps,
    histogram,
    skill_table,
    spans,
    told,
)

SEED = 3


def scored(draws, value):
    draws, value = np.asarray(draws, dtype=float), np.asarray(value, dtype=float)
    return score(draws, value, np.zeros(len(value)), np.random.default_rng(SEED))


def test_two_draws_are_scored_as_by_hand():
    # |0-1|/2 + |4-1|/2 less half the mean distance of pairs, 4 * 2 / 4 / 2 = 1.
    found = scored([[0.0], [4.0]], [1.0])
    assert found["crps"][0] == pytest.approx(0.5 * 1 + 0.5 * 3 - 1.0)
    # Central half: quantiles 1 and 3 of a straight line from 0 to 4; the value is its lower end.
    assert found["interval50"][0] == pytest.approx(2.0)
    assert found["inside50"][0] == 1.0
    # 90%: 0.2 to 3.8.
    assert found["interval90"][0] == pytest.approx(3.6)
    assert found["pit"][0] == 0.5


def test_a_miss_costs_two_over_alpha_times_its_distance():
    found = scored([[0.0], [4.0]], [5.0])
    assert found["interval50"][0] == pytest.approx(2.0 + 2 / 0.5 * 2.0)
    assert found["interval90"][0] == pytest.approx(3.6 + 2 / 0.1 * 1.2)
    assert found["inside90"][0] == 0.0


def test_many_normal_draws_agree_with_the_normals_own_crps():
    draws = np.asarray(stats.norm.ppf((np.arange(4000) + 0.5) / 4000))[:, None] * 2.0 + 1.0
    for value in (-3.0, 1.0, 2.5):
        assert scored(draws, [value])["crps"][0] == pytest.approx(
            float(sr.crps_normal(value, 1.0, 2.0)), abs=2e-3)


def test_points_that_equal_a_count_share_the_pit_at_random():
    draws = np.repeat([[1.0], [2.0]], 500, axis=0)
    value = np.full(4000, 2.0)
    pit = score(np.repeat(draws, 4000, axis=1), value, np.zeros(4000),
                np.random.default_rng(SEED))["pit"]
    assert pit.min() >= 0.5
    # Uniform from 0.5 to 1: mean 0.75 with sd 0.0023; five of them, false alarm 6e-7.
    assert abs(pit.mean() - 0.75) < 0.0115


def test_weighted_points_are_scored_as_repeated_ones():
    points = np.array([[0.0], [1.0], [5.0]])
    repeated = np.repeat(points, [2, 1, 1], axis=0)
    weighted = score(points, np.array([2.0]), np.zeros(1), np.random.default_rng(SEED),
                     np.array([0.5, 0.25, 0.25]))
    assert weighted["crps"][0] == pytest.approx(scored(repeated, [2.0])["crps"][0])
    assert weighted["pit"][0] == pytest.approx(0.75)


def test_stacking_finds_the_method_that_is_right_and_the_mixture_where_both_are():
    rng = np.random.default_rng(SEED)
    y = rng.standard_normal(2000)
    right, wrong = stats.norm.logpdf(y), stats.norm.logpdf(y, 2.0)
    assert stacking_weights(np.stack([right, wrong], axis=1))[0] > 0.97
    mixed = np.where(rng.uniform(size=2000) < 0.3, y + 6.0, y)
    two = np.stack([stats.norm.logpdf(mixed), stats.norm.logpdf(mixed, 6.0)], axis=1)
    # The share of the second is 0.3 with sd 0.01; five of them, false alarm 6e-7.
    assert stacking_weights(two)[1] == pytest.approx(0.3, abs=0.052)


MONTHS = [str(month) for month in pd.period_range("2012-01", periods=60, freq="M")]


def made_up_scores(better=0.0, names=("last_value", "ets", "HX", "H12")):
    """Half-normal scores, two indicators in units a thousandfold apart; H12's are smaller."""
    rng = np.random.default_rng(SEED)
    rows = []
    for origin in range(0, 48, 3):
        for indicator, unit in (("a", 1.0), ("b", 1000.0)):
            for lead, horizon in ((1, 1), (5, 6), (6, 6), (11, 12), (12, 12)):
                for name in names:
                    size = unit * (1.0 - better * (name == "H12"))
                    middle = rng.normal()
                    rows.append({
                        "origin": MONTHS[origin], "method": name, "indicator": indicator,
                        "first": origin + lead, "last": origin + lead, "lead": lead,
                        "horizon": horizon, "value": 0.0,
                        "crps": size * (1.0 + 0.1 * rng.standard_normal()),
                        "log_score": -middle**2 / 2 - (name != "HX"), "interval50": size,
                        "interval90": size, "inside50": float(rng.uniform() < 0.5),
                        "inside90": float(rng.uniform() < 0.9), "pit": rng.uniform(),
                        "converged": name != "HX", "point00": middle - 1, "point01": middle + 1})
    return pd.DataFrame(rows)


def test_skill_is_the_share_by_which_the_crps_is_smaller_in_any_unit():
    table = skill_table(made_up_scores(better=0.4), ["last_value", "ets"], ["HX", "H12"], 4)
    own = table[table["method"] == "H12"]
    # Means of 32 scores with sd 0.1: their ratio is off by 0.018 x 0.6; four of them.
    assert own["skill"].to_numpy() == pytest.approx(np.full(3, 0.4), abs=0.05)
    assert (own["skill_low"] < own["skill"]).all()
    assert (own["skill_high"] > own["skill"]).all()
    assert own["gain"].to_numpy() == pytest.approx(np.zeros(3), abs=1e-12)
    best = table[table["skill"].abs() < 1e-12]
    assert set(best["method"]) <= {"last_value", "ets"}
    assert set(table.loc[table["method"] == "HX", "missed"]) == {16}
    assert set(own["missed"]) == {0}
    assert dict(zip(table["method"], table["kind"], strict=True)) == {
        "last_value": "rule", "ets": "rule", "HX": "hypothesis", "H12": "hypothesis"}


def test_fewer_origins_than_three_blocks_give_no_interval():
    """Sixteen origins in blocks of eight: a block or two drawn again say little of their spread."""
    table = skill_table(made_up_scores(better=0.4), ["last_value", "ets"], ["HX", "H12"], 8)
    ends = [name for name in table if name.endswith(("_low", "_high"))]
    assert len(ends) == 8
    assert table[ends].isna().all(axis=None)
    assert table[["skill", "gain", "inside90"]].notna().all(axis=None)


def test_an_indicator_with_many_rows_counts_no_more():
    scores = made_up_scores(better=0.5)
    worse = scores[(scores["indicator"] == "b") & (scores["method"] == "H12")].index
    scores.loc[worse, "crps"] *= 3.0
    even = skill_table(scores, ["last_value", "ets"], ["HX", "H12"], 4)
    many = pd.concat([scores, *[scores[scores["indicator"] == "a"]] * 9], ignore_index=True)
    uneven = skill_table(many, ["last_value", "ets"], ["HX", "H12"], 4)
    assert uneven["skill"].to_numpy() == pytest.approx(even["skill"].to_numpy(), abs=1e-9)


def test_weights_rest_on_outcomes_that_were_known_only():
    scores = made_up_scores()
    names = ["HX", "H12"]
    _, weights = combine(scores, names, ["point00", "point01"], MONTHS, 0, SEED)
    later = scores.copy()
    from_there = later["last"] >= 30
    later.loc[from_there & (later["method"] == "HX"), "log_score"] = -1e6
    _, changed = combine(later, names, ["point00", "point01"], MONTHS, 0, SEED)
    before = weights["origin"] < MONTHS[30]
    assert before.sum() > 4
    pd.testing.assert_frame_equal(weights[before], changed[before])
    assert not weights[~before].equals(changed[~before])


def test_combined_scores_are_the_mixtures():
    scores = made_up_scores()
    mixed, weights = combine(scores, ["HX", "H12"], ["point00", "point01"], MONTHS, 0, SEED)
    equal = mixed[mixed["method"] == "equal_weights"].iloc[0]
    parts = scores[(scores["origin"] == equal["origin"]) & (scores["last"] == equal["last"])
                   & (scores["indicator"] == equal["indicator"])].set_index("method")
    two = parts.loc[["HX", "H12"]]
    assert equal["log_score"] == pytest.approx(np.log(np.exp(two["log_score"]).mean()))
    points = two[["point00", "point01"]].to_numpy().ravel()[:, None]
    assert equal["crps"] == pytest.approx(scored(points, [0.0])["crps"][0])
    assert set(weights.loc[weights["origin"] == MONTHS[0], "weight"]) == {0.5}
    assert len(mixed) == 2 * len(two) * 0 + 2 * (scores["method"] == "HX").sum()


def test_stacking_becomes_the_default_only_if_it_gains_at_both_horizons():
    def table(*gains):
        return pd.DataFrame({"method": "stacked", "horizon": [6, 12], "gain": [0.02, 0.01],
                             "gain_low": gains})

    assert combination_helps(table(0.01, 0.02))
    assert not combination_helps(table(0.01, -0.01))
    assert not combination_helps(table(-0.01, 0.01))
    # What the number of draws can feign is no reason.
    assert not combination_helps(table(0.0002, 0.0001).assign(gain=[0.002, 0.01]))
    # Too few origins to say.
    assert not combination_helps(table(np.nan, np.nan))


def test_tables_by_indicator_and_tenth_count_every_row():
    scores = made_up_scores()
    assert by_indicator(scores)["rows"].sum() == len(scores)
    counts = histogram(scores)
    assert counts["rows"].sum() == len(scores)
    assert set(counts["tenth"]) == set(range(10))


def told_of(**changes):
    """Return what is told of a table in which every method does as well, but for the changes."""
    rows = []
    for method, kind in (("H1", "hypothesis"), ("HX", "hypothesis"), ("H12", "hypothesis"),
                         ("stacked", "combination"), ("last_value", "rule")):
        for horizon in (1, 3, 6, 12, 24):
            row = {"method": method, "kind": kind, "horizon": horizon, "crps": 0.9, "skill": 0.1,
                   "skill_low": -0.001, "skill_high": 0.2, "gain": 0.0, "gain_low": -0.01,
                   "gain_high": 0.01, "log_score": -0.1, "origins": 52, "missed": 0}
            for level in (50, 90):
                row |= {f"inside{level}": level / 100, f"inside{level}_low": level / 100 - 0.02,
                        f"inside{level}_high": level / 100 + 0.02}
            rows.append(row | changes.get(method, {}).get(horizon, {})
                        | changes.get(method, {}).get("all", {}))
    return told(pd.DataFrame(rows))


def test_months_ahead_are_those_beyond_the_horizon_before():
    assert spans([1, 3, 6, 12, 24]) == {1: "1", 3: "2-3", 6: "4-6", 12: "7-12", 24: "13-24"}
    found = told_of()
    assert "+10% (0 to +20) at 1; +10% (0 to +20) at 2-3" in found
    assert "up to" not in found


def test_intervals_that_do_not_hold_are_named_with_their_months():
    assert ("its 90% intervals hold what they promise at every horizon, its 50% intervals hold "
            "what they promise at every horizon") in told_of()
    found = told_of(H12={6: {"inside90": 0.8, "inside90_high": 0.85},
                         12: {"inside50": 0.6, "inside50_low": 0.55}})
    assert "its 90% intervals do not hold what they promise at 4-6 (80% inside)" in found
    assert "its 50% intervals do not hold what they promise at 7-12 (60% inside)" in found
    dark = {"inside90_low": np.nan, "inside90_high": np.nan, "skill_low": np.nan}
    found = told_of(H12={"all": dark})
    assert "its 90% intervals cannot be judged: there are too few origins" in found
    assert "+10% (unknown to +20) at 1" in found


def test_what_the_paths_are_worth_is_said_either_way():
    better = {"gain": 0.02, "gain_low": 0.01, "gain_high": 0.03}
    worse = {"gain": -0.02, "gain_low": -0.03, "gain_high": -0.01}
    assert "make no reliable difference" in told_of()
    assert "make no reliable difference" in told_of(HX={6: better, 12: worse})
    assert ("HX, which lacks both paths, gains over H12 +2.0% (+1.0 to +3.0) at 4-6 and +2.0% "
            "(+1.0 to +3.0) at 7-12: by CRPS these forecasts are better without the paths"
            ) in told_of(HX={6: better, 12: better})
    assert "make these forecasts better" in told_of(HX={6: worse, 12: worse})
    assert "otherwise (best: H1 at 4-6, H12 at 7-12). " in told_of(
        H1={6: {"log_score": 0.1}}, H12={12: {"log_score": 0.0}})


def test_who_forecasts_is_said_with_what_is_asked_for():
    gain = {"gain": 0.006, "gain_low": 0.001, "gain_high": 0.01}
    assert ("Stacking the hypotheses does not gain enough over H12 (asked for: 0.5% at both "
            "horizons set for this, intervals above 0): +0.6% (+0.1 to +1.0) at 4-6 and 0.0% (-1.0 "
            "to +1.0) at 7-12; the forecast is of H12 alone.") in told_of(stacked={6: gain})
    found = told_of(stacked={6: gain, 12: gain})
    assert "Stacking the hypotheses gains enough over H12" in found
    assert "; the forecast is their combination." in found


def test_the_best_hypothesis_is_named_with_its_distance_to_the_others():
    found = told_of(H1={"all": {"crps": 0.8999}}, H12={"all": {"crps": 0.95}})
    assert ("Of the hypotheses H1 has the smallest CRPS, averaged over the horizons: less than "
            "0.1% below HX, the next, and 5.3% below H12, the last.") in found
