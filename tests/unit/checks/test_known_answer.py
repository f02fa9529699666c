import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.power.simulate import cohesion_of
from benchmarks import known_answer, panels, runs
from benchmarks.provenance import kept_table

H1, HWANG, CHA = known_answer.READINGS


@pytest.mark.parametrize(("case", "verdicts", "expected"), [
    ("threat", ("supported", "inconclusive", "inconclusive"), "right"),
    # Credibility does nothing, so no reading of it has the wrong sign.
    ("threat", ("supported", "inconclusive", "contradicted"), "wrong"),
    ("threat", ("supported", "supported", "inconclusive"), "wrong"),
    ("threat", ("contradicted", "inconclusive", "inconclusive"), "wrong"),
    ("threat", ("inconclusive", "inconclusive", "inconclusive"), "undecided"),
    ("threat", ("withheld", "withheld", "withheld"), "undecided"),
    # Credibility's effect is positive, and abandonment says it is negative.
    ("credibility", ("inconclusive", "supported", "contradicted"), "right"),
    ("credibility", ("contradicted", "supported", "contradicted"), "wrong"),
    ("credibility", ("inconclusive", "supported", "supported"), "wrong"),
    ("neither", ("inconclusive", "inconclusive", "inconclusive"), "right"),
    ("neither", ("inconclusive", "inconclusive", "contradicted"), "wrong"),
    ("neither", ("supported", "inconclusive", "inconclusive"), "wrong"),
    ("neither", ("withheld", "withheld", "withheld"), "undecided")])
def test_an_outcome_is_of_all_readings_together(case, verdicts, expected):
    found = dict(zip((H1, HWANG, CHA), verdicts, strict=True))
    assert known_answer.outcome(found, case) == expected


def test_a_case_falls_short_by_too_few_right_or_too_many_wrong():
    def counted(right, wrong):
        return {"panels": 100, "right": {"count": right}, "wrong": {"count": wrong}}

    assert known_answer.short_of({"a": counted(80, 5), "b": counted(79, 0),
                                  "c": counted(94, 6)}) == ["b", "c"]


def test_outcomes_are_counted_with_exact_intervals():
    rows = [{"case": "threat", "number": number, "reading": reading, "verdict": verdict,
             "passed": number != 3}
            for number in range(4)
            for reading, verdict in ((H1, "withheld" if number == 3 else "supported"),
                                     (HWANG, "supported" if number == 0 else "inconclusive"),
                                     (CHA, "inconclusive"))]
    (found,) = known_answer.counts(pd.DataFrame(rows)).values()
    assert found["panels"] == 4
    assert [found[name]["count"] for name in ("right", "wrong", "undecided")] == [2, 1, 1]
    assert found["withheld"] == 1
    # Clopper-Pearson for 2 of 4.
    assert found["right"]["low"] == pytest.approx(0.0676, abs=1e-4)
    assert found["right"]["high"] == pytest.approx(0.9324, abs=1e-4)


def test_every_case_has_its_path_and_reading():
    for case, (planted, right) in known_answer.CASES.items():
        acting = {name.split("_")[1] for name, value in zip(
            ("beta_threat", "delta_threat", "beta_credibility", "delta_credibility"), planted,
            strict=True) if value}
        assert acting == (set() if case == "neither" else {case})
        signs = known_answer.READINGS.get(right, {})
        assert {name.split("_")[1] for name in signs} == acting
        assert all(sign == 1 for sign in signs.values())


def test_panels_judged_before_are_taken_up_with_the_same_hashes_only(tmp_path):
    stamp = {"code_hash": "a", "settings": {"draws": 1}}
    assert kept_table(tmp_path, "power", stamp, ["path"]).empty
    pd.DataFrame({"path": ["none"], "size": [0.0], "number": [7]}).to_csv(
        tmp_path / "power.csv", index=False)
    (tmp_path / "power.json").write_text(json.dumps({**stamp, "cells": []}))
    (found,) = kept_table(tmp_path, "power", stamp, ["path"]).itertuples(index=False)
    assert tuple(found) == ("none", 0.0, 7)
    assert kept_table(tmp_path, "power", {**stamp, "code_hash": "b"}, ["path"]).empty


def coverage_of(rank):
    table = pd.DataFrame({"quantity": "beta_threat", "rank": rank, "mean": 0.0, "sd": 1.0,
                          "truth": np.linspace(-1.0, 1.0, len(rank))})
    (found,) = panels.coverage(table)
    return found


def test_coverage_counts_central_intervals_and_says_what_is_nominal():
    """The limits leave out a nominal count once in a thousand panel sets, by binomial quantiles."""
    even = coverage_of((np.arange(50) + 0.4) / 50)
    assert (even["inside50"]["count"], even["inside90"]["count"]) == (25, 45)
    assert even["inside50"]["nominal"]
    assert even["inside90"]["nominal"]
    narrow = coverage_of(np.where(np.arange(50) % 2, 0.999, 0.5))
    assert (narrow["inside50"]["count"], narrow["inside90"]["count"]) == (25, 25)
    assert narrow["inside50"]["nominal"]
    assert not narrow["inside90"]["nominal"]
    low, high = narrow["inside90"]["limits"]
    outside = stats.binom.cdf(low - 1, 50, 0.9) + stats.binom.sf(high, 50, 0.9)
    assert outside <= panels.FALSE_ALARM / 2
    assert low <= 45 <= high


def test_coverage_over_all_quantities_takes_a_panel_as_one_observation():
    """Ten quantities a panel that agree entirely tell no more than one of them."""
    rank = (np.arange(50) + 0.4) / 50
    one = pd.DataFrame({"number": range(50), "rank": rank})
    ten = pd.concat([one] * 10)
    for key, found in panels.together(ten).items():
        assert found == pytest.approx(panels.together(one)[key])
    found = panels.together(one)["inside90"]
    assert found["share"] == pytest.approx(0.9)
    # The t interval of 50 truth values of which 45 hold.
    half = stats.t.ppf(0.975, 49) * np.sqrt(0.9 * 0.1 / 49)
    assert found["high"] - found["share"] == pytest.approx(half)


class Still:
    """A source of draws that are all zero, or all one."""

    def __init__(self, value):
        self.value = value

    def standard_normal(self, size):
        return np.full(size, float(self.value))


def test_a_cohesion_made_anew_adjusts_month_by_month(spec, panel):
    rng = np.random.default_rng(2)
    months = len(panel.time)
    labels = [(member, label) for member in panel.members
              for label in dict.fromkeys(panel.governments[member])]
    truth = {c.THREAT: rng.standard_normal((2, months)),
             c.CREDIBILITY: rng.standard_normal((2, months)), c.COHESION: None,
             c.VAR_HALF_LIFE: np.array([9.0, 9.0, 6.0]),
             c.VAR_RIVAL_EFFECT: rng.standard_normal(panel.rivals.shape[1]),
             c.VAR_GOVERNMENT_EFFECT: {label: rng.standard_normal() for label in labels}}
    for path, size in (("none", 0.0), (c.THREAT, 1.5)):
        still, shaken = (cohesion_of(spec, panel, truth, path, size, Still(value))
                         for value in (0, 1))
        phi, state, error = 0.5 ** (1 / 6.0), None, None
        for t in range(months):
            wanted = truth[c.VAR_RIVAL_EFFECT] @ panel.rivals.iloc[t].to_numpy(dtype=float)
            wanted += sum(truth[c.VAR_GOVERNMENT_EFFECT][member, panel.governments[member].iloc[t]]
                          for member in panel.members)
            if path != "none":
                first, second = truth[path][:, t]
                gap = np.sqrt((first - second) ** 2 + 0.01) - 0.1
                wanted += size * (first + second) / 2 - size * gap / 2
            state = wanted if state is None else phi * state + (1 - phi) * wanted
            error = 1.0 if error is None else phi * error + np.sqrt(1 - phi**2)
            assert still[t] == pytest.approx(state)
            assert shaken[t] == pytest.approx(state + error)


def sometimes(key, item):
    """A task that fails where it is told to."""
    if item < 0:
        raise ValueError("told to")
    return {"value": item}


def test_runs_that_fail_are_named_and_the_others_are_there(tmp_path):
    stamp = {"code_hash": "a", "settings": {"draws": 1}}
    items = {"one": 1, "two": -1, "three": 3}
    found, failed = runs.finished(sometimes, items, runs=tmp_path, stamp=stamp, workers=1)
    assert (found, failed) == ({"one": {"value": 1}, "three": {"value": 3}}, ["two"])
    # Made from something else, they are not taken up.
    other = stamp | {"code_hash": "b"}
    assert runs.folder_of(tmp_path, other) != runs.folder_of(tmp_path, stamp)
    found, failed = runs.finished(sometimes, {"one": 5}, runs=tmp_path, stamp=other, workers=1)
    assert (found, failed) == ({"one": {"value": 5}}, [])
    with pytest.raises(ValueError, match="cannot be a file name"):
        runs.finished(sometimes, {"/": 1}, runs=tmp_path, stamp=stamp, workers=1)
