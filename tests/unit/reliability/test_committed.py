"""The committed reliability run: of this code, at least two hundred moments, nothing half."""

import json

import pytest

from benchmarks import reliability
from benchmarks.provenance import code_hash
from benchmarks.reliability_hostile import ATTACKED
from benchmarks.reliability_text import text

STALE = "run python benchmarks/reliability.py all again"


@pytest.fixture(scope="module")
def folder(root):
    return root / "reports" / "validation" / "reliability"


def test_two_hundred_moments_left_no_half_written_file(folder):
    found = json.loads((folder / "faults.json").read_text())
    assert found["stamp"]["code_hash"] == code_hash(*reliability.CODE), STALE
    assert not found["stamp"]["light"]
    struck = [one for one in found["trials"] if one["outcome"] != "never struck"]
    assert len(struck) >= 200
    assert {one["job"] for one in struck} == {"fit", "backtest", "calibration", "report"}
    assert len({one["fault"] for one in struck}) == 7
    assert [one for one in struck if one["half"] or not one["good"]] == []
    assert len(found["pairs"]) >= 10
    assert [one for one in found["pairs"] if not one["good"]] == []


def test_long_use_does_not_grow(folder):
    found = json.loads((folder / "use_small.json").read_text())
    assert found["fits"]["fits"] >= 50
    assert found["fits"]["growth"] <= 0.10
    assert found["fits"]["steady"]
    assert found["structures"]["kept"] <= found["structures"]["bound"]
    assert found["reports"]["at_a_time"] == found["reports"]["whole"] == 10


def test_every_attack_was_held_off(folder):
    rows = json.loads((folder / "hostile.json").read_text())["rows"]
    assert {row["attacked"] for row in rows} == set(ATTACKED)
    assert [row for row in rows if row["failed"] or row["held"] + row["skipped"] != row["cases"]
            ] == []
    assert sum(row["skipped"] for row in rows) == 0


def test_the_page_is_of_these_runs(root, folder):
    assert (root / "reports" / "reliability.md").read_text() == text(folder), STALE
