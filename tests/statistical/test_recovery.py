"""Known truths: the committed run of 100 panels, and ten panels anew.

If the intervals are right, a count over 100 panels lies outside its exact limits with probability
0.0006, so that four coefficients and one state mean raise a false alarm in 0.3% of runs; a count
over ten panels in 0.00015, four of them in 0.06%.
"""

import json
import sys

import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.checks import coverage_limits, recover
from bayes_alliance.spec import spec_hash


@pytest.fixture(scope="module")
def committed(root):
    folder = root / "reports" / "validation"
    return json.loads((folder / "recovery.json").read_text()), pd.read_csv(folder / "recovery.csv")


def test_the_committed_run_is_of_this_code_model_and_data(root, committed, spec, panel):
    sys.path.insert(0, str(root / "benchmarks"))
    try:
        from provenance import code_hash
        from recovery import CODE
    finally:
        sys.path.pop(0)
    marks, _ = committed
    stale = "run python benchmarks/recovery.py again"
    assert marks["code_hash"] == code_hash(*CODE), stale
    assert marks["spec_hash"] == spec_hash(spec), stale
    assert marks["data_hash"] == panel.data_hash, stale


def test_a_hundred_panels_cover_each_coefficient_at_the_nominal_rate(committed):
    marks, table = committed
    assert marks["panels"] == table["panel"].nunique() == 100
    low, high = coverage_limits(100)
    assert [low, high] == marks["limits"]
    for name in (*c.COEFFICIENTS, "cohesion_mean"):
        covered = int(table.loc[table["quantity"] == name, "covered"].sum())
        assert covered == marks["covered"][name]
        assert low <= covered <= high, name


def test_ten_panels_anew(spec, panel):
    table = recover(spec, panel, panels=10, seed=2, draws=200, tune=250)
    low, high = coverage_limits(10)
    for name in c.COEFFICIENTS:
        covered = int(table.loc[table["quantity"] == name, "covered"].sum())
        assert low <= covered <= high, name


def test_the_limits_are_exact():
    # Binomial(100, 0.9): 78 or fewer with probability 0.0003, 99 or more with 0.0003.
    assert coverage_limits(100) == (79, 98)
    assert coverage_limits(10) == (5, 10)
