import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks import known_answer, panels, power
from benchmarks.provenance import kept_table

H1, HWANG, CHA = known_answer.READINGS


@pytest.mark.parametrize(("right", "verdicts", "expected"), [
    (H1, ("supported", "inconclusive", "contradicted"), "right"),
    (H1, ("supported", "supported", "inconclusive"), "wrong"),
    (H1, ("contradicted", "inconclusive", "inconclusive"), "wrong"),
    (H1, ("inconclusive", "inconclusive", "inconclusive"), "undecided"),
    (H1, ("withheld", "withheld", "withheld"), "undecided"),
    (HWANG, ("inconclusive", "supported", "contradicted"), "right"),
    (HWANG, ("inconclusive", "supported", "supported"), "wrong"),
    ("", ("inconclusive", "inconclusive", "inconclusive"), "right"),
    ("", ("inconclusive", "inconclusive", "contradicted"), "wrong"),
    ("", ("supported", "inconclusive", "inconclusive"), "wrong"),
    ("", ("withheld", "withheld", "withheld"), "undecided")])
def test_an_outcome_is_of_all_readings_together(right, verdicts, expected):
    found = dict(zip((H1, HWANG, CHA), verdicts, strict=True))
    assert known_answer.outcome(found, right) == expected


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
    assert power.name_of(*found) == "none-0-007" == power.name_of("none", 0.0, 7)
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
