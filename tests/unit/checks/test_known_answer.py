import json

import pandas as pd
import pytest

from benchmarks import known_answer, power

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
    assert power.judged(tmp_path, stamp).empty
    pd.DataFrame({"path": ["none"], "size": [0.0], "number": [7]}).to_csv(
        tmp_path / "power.csv", index=False)
    (tmp_path / "power.json").write_text(json.dumps({**stamp, "cells": []}))
    (found,) = power.judged(tmp_path, stamp).itertuples(index=False)
    assert power.name_of(*found) == "none-0-007" == power.name_of("none", 0.0, 7)
    assert power.judged(tmp_path, {**stamp, "code_hash": "b"}).empty
