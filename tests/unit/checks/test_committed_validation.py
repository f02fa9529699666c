"""Committed results of what runs for hours: of the present code, model and data, whole, and met."""

import json

import pandas as pd
import pytest

from bayes_alliance.dyads import load_dyad_model
from bayes_alliance.report import read_power
from benchmarks import (
    dyad_scaling,
    held_out_dyads,
    known_answer,
    monthly_lfo,
    panels,
    planted_faults,
    power,
    scaling,
)

# Versions of libraries are told, but another one makes no result stale.
NOT_HELD = "versions"


@pytest.fixture(scope="module")
def stamps(spec, panel):
    many = load_dyad_model(panels.MODEL)
    return {"panels": panels.stamp_of(*many), "known_answer": known_answer.stamp_of(*many),
            "held_out_dyads": held_out_dyads.stamp_of(*many, 3),
            "dyad_scaling": dyad_scaling.stamp_of(), "scaling": scaling.stamp_of(),
            "planted_faults": planted_faults.stamp_of(),
            "monthly_lfo": monthly_lfo.stamp_of(spec, panel), "power": power.stamp_of(spec, panel)}


@pytest.fixture
def told(root, stamps):
    """Read a result and hold it against what would be made now."""
    def read(name):
        path = root / "reports" / "validation" / f"{name}.json"
        if not path.is_file():
            # What takes hours is measured script by script; until then nothing can be held.
            pytest.skip(f"not measured yet: benchmarks/{name}.py has not been run")
        found = json.loads(path.read_text(encoding="utf-8"))
        wanted = json.loads(json.dumps(stamps[name]))
        wanted.pop(NOT_HELD, None)
        assert {key: found.get(key) for key in wanted} == wanted, (
            f"run benchmarks/{name}.py again: what {name}.json is made from has changed")
        return found

    return read


def require_all(there, wanted, what):
    """Skip what needs all runs of a result that grows by and by; what is there was held before."""
    if there < wanted:
        # It takes hours, which are spent a part at a time.
        pytest.skip(f"not measured yet: {there} of {wanted} {what} so far")


@pytest.fixture
def table(root):
    return lambda name: pd.read_csv(root / "reports" / "validation" / f"{name}.csv")


def test_population_coefficients_are_covered_on_fifty_panels(told, table):
    found, rows = told("panels"), table("panels")
    assert found["failed"] == []
    assert found["panels"] == rows["number"].nunique()
    assert found["coverage"] == json.loads(json.dumps(panels.coverage(rows)))
    require_all(found["panels"], 50, "panels")
    assert all(one[level]["nominal"] for one in found["coverage"]
               for level in ("inside50", "inside90"))


def test_held_out_dyads_are_scored_by_fits_that_passed(told, table):
    found, rows = told("held_out_dyads"), table("held_out_dyads")
    assert all(one["passed"] for one in found["fits"].values())
    members = load_dyad_model(panels.MODEL)[1].dyads
    for held, other in held_out_dyads.COMPARED:
        again = held_out_dyads.difference(rows, members, held, other)
        (one,) = (one for one in found["differences"] if one["indicator"] == "all"
                  and (one["held"], one["against"]) == (held, other))
        assert one["nats_a_row"] == pytest.approx(again["nats_a_row"], abs=1e-4)


@pytest.mark.parametrize("name", ["scaling", "dyad_scaling"])
def test_every_size_was_measured(told, name):
    found = told(name)
    assert found["not_measured"] == []
    if name == "dyad_scaling":
        assert [one["panel"] for one in found["whole"]] == ["shipped", "simulated"]
        assert all(one["compilations_of_another_fit"] == 0 for one in found["whole"])


def test_planted_truths_are_found(told, table):
    found = told("known_answer")
    assert found["failed"] == []
    assert found["cases"] == json.loads(json.dumps(known_answer.counts(table("known_answer"))))
    assert all(one["panels"] >= 100 for one in found["cases"].values())
    assert known_answer.short_of(found["cases"]) == []


def test_planted_faults_are_caught(told):
    found = told("planted_faults")
    assert found["failed"] == []
    assert set(found["faults"]) == set(planted_faults.FAULTS)
    for one in found["faults"].values():
        assert one["replications"] >= 10
        assert one["as_it_should_be"]


def test_every_month_was_scored(told, table, spec):
    found = told("monthly_lfo")
    assert set(found["episodes"]) == {*spec.episodes, "all months"}
    assert found["episodes"]["all months"]["difference"] == pytest.approx(
        table("monthly_lfo")["difference"].sum(), abs=1e-2)


def test_every_cell_has_its_panels(told, root, spec, panel):
    found = told("power")
    kept = read_power(root / "reports" / "rok_japan", spec, panel)
    own = kept[kept["design"] == power.OBSERVED]
    cells = own.groupby(["path", "size"])["number"].nunique()
    assert len(cells) == 7
    assert found["panels_a_cell"] == cells.min()
    require_all(found["panels_a_cell"], 100, "panels of each cell")
