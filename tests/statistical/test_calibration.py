"""Calibration and known truths: the committed run, and twenty simulations anew.

If the intervals are right, a count lies outside its exact limits with probability below 0.001, so
that four coefficients and one state mean raise a false alarm in less than 0.5% of runs. Ranks are
called uneven with probability 0.01 over all quantities of one kind.
"""

import json

import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.checks import calibration, coverage, coverage_limits
from bayes_alliance.checks.calibration import Simulation, simulate_and_rank
from bayes_alliance.inference.many import many
from bayes_alliance.spec import posterior_hash
from benchmarks.calibration import CODE
from benchmarks.provenance import code_hash


@pytest.fixture(scope="module")
def folder(root):
    return root / "reports" / "validation"


@pytest.fixture(scope="module")
def committed(folder):
    return pd.read_csv(folder / "calibration.csv")


@pytest.mark.parametrize("name", ["calibration.json", "recovery.json"])
def test_the_committed_run_is_of_this_code_model_and_data(folder, name, spec, panel):
    marks = json.loads((folder / name).read_text())
    stale = "run python benchmarks/calibration.py again"
    assert marks["code_hash"] == code_hash(*CODE), stale
    assert marks["spec_hash"] == posterior_hash(spec), stale
    assert marks["data_hash"] == panel.data_hash, stale


def test_the_panels_cover_each_coefficient_at_the_nominal_rate(folder, committed):
    marks = json.loads((folder / "recovery.json").read_text())
    first = committed[(committed["kind"] == "prior") & (committed["simulation"] < 100)]
    assert marks["panels"] == first["simulation"].nunique() >= 30
    low, high = coverage_limits(marks["panels"])
    assert [low, high] == marks["limits"]
    counts = coverage(first)
    assert counts == marks["covered"]
    assert set(counts) == {*c.COEFFICIENTS, "cohesion_mean"}
    for name, covered in counts.items():
        assert low <= covered <= high, name


def test_the_verdict_of_the_committed_run_is_that_of_its_ranks(folder, committed):
    marks = json.loads((folder / "calibration.json").read_text())["kinds"]
    assert set(marks) == set(committed["kind"])
    for kind, table in committed.groupby("kind"):
        found = calibration(table)
        assert marks[kind]["simulations"] == table["simulation"].nunique()
        assert marks[kind]["passed"] == found.passed
        assert found.passed, found.text


def test_the_readme_says_how_many_failed_the_gate(root, folder):
    kinds = json.loads((folder / "calibration.json").read_text())["kinds"]
    recovered = json.loads((folder / "recovery.json").read_text())
    assert kinds["posterior"]["failed_gate"] == 0
    readme = (root / "README.md").read_text(encoding="utf-8").replace("\n  ", " ")
    assert (f"{kinds['prior']['failed_gate']} of the {kinds['prior']['simulations']}, and "
            f"{recovered['failed_gate']} of these {recovered['panels']}, failed the gate" in readme)


@pytest.mark.repeat
def test_twenty_simulations_anew(tmp_path):
    items = {f"prior-{k}": Simulation("rok_japan", "prior", k, 2, draws=400, tune=250)
             for k in range(20)}
    results = many(simulate_and_rank, items, folder=tmp_path, stamp={"seed": 2},
                   workers=1)
    table = pd.concat([pd.DataFrame(one["quantities"]) for one in results.values()])
    found = calibration(table)
    assert (found.table["simulations"] == 20).all()
    assert found.table["uniform"].all(), found.text


def test_the_limits_are_exact():
    # Binomial(100, 0.9): 78 or fewer with probability 0.0003, 99 or more with 0.0003.
    assert coverage_limits(100) == (79, 98)
    assert coverage_limits(10) == (5, 10)
