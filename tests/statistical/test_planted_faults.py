"""Simulations find faults: the committed replications, and one of each fault anew.

A run without a fault is called uneven with probability 0.01: two or more of ten with probability
0.004. One with a fault is found or not; nothing here is loosened until it is.
"""

import json

import pytest

from benchmarks.calibration import CODE
from benchmarks.faults import FAULTS, NO_FAULT, run_replication, small_model
from benchmarks.planted_faults import stamp_of
from benchmarks.provenance import code_hash

PLANTED = [name for name in FAULTS if name != NO_FAULT]


@pytest.fixture(scope="module")
def committed(root):
    return json.loads((root / "reports" / "validation" / "planted_faults.json").read_text())


def test_the_committed_replications_are_of_this_code_and_model(committed):
    stale = "run python benchmarks/planted_faults.py again"
    assert committed["code_hash"] == code_hash(*CODE), stale
    for name, value in stamp_of().items():
        assert committed[name] == value, f"{name}: {stale}"


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_was_found_in_nine_of_ten_replications(committed, name):
    found = committed["faults"][name]
    assert found["replications"] == 10
    assert found["uneven"] >= 9


def test_without_a_fault_hardly_any_replication_was_called_uneven(committed):
    found = committed["faults"][NO_FAULT]
    assert found["replications"] == 10
    assert found["uneven"] <= 1


# With a fault a chain may stand still; its diagnostics divide by zero then.
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", [*PLANTED[1:], NO_FAULT, PLANTED[0]])
def test_a_replication_anew(name):
    found = run_replication(name, (name, 77, 10))
    assert found["uneven"] == (name != NO_FAULT), found


def test_a_fault_changes_one_thing():
    spec, panel = small_model()
    from bayes_alliance.model import build_design

    design = build_design(spec, panel)
    changed = {"sign": {"oriented"}, "month": {"first", "stop", "middle_month"},
               "yearly_mean": {"first"}, "jacobian": set(), NO_FAULT: set()}
    for name, fault in FAULTS.items():
        found = fault.design(design)
        assert {key for key, value in found.data.items()
                if (value != design.data[key]).any()} == changed[name]
    assert FAULTS["jacobian"].model is not None
