"""What runs for hours, anew in small: a piece of each, by the code that makes the whole.

Each asserts what holds of any piece; a statistical bound states its rate of false alarms.
"""

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import build_dyad_design
from bayes_alliance.dyads.fitting import fit_stage, load_dyad_model, paths_of
from bayes_alliance.hypotheses.verdicts import PATH_OF
from bayes_alliance.power.simulate import truths_of
from bayes_alliance.power.study import COLUMNS, Item, judge_panel
from benchmarks import (
    dyad_scaling,
    faults,
    held_out_dyads,
    known_answer,
    monthly_lfo,
    panels,
    scaling,
)

pytestmark = pytest.mark.repeat


def test_a_replication_without_a_fault():
    """It is called uneven with probability 0.01."""
    found = faults.run_replication("", (faults.NO_FAULT, 100, 4))
    assert found["simulations"] == 4
    assert not found["uneven"]


def test_two_panels_of_planted_truths():
    """Both are wrong with probability below 0.003 where each is at 0.05."""
    cases = ("credibility", "neither")
    rows = pd.DataFrame([row for case in cases
                         for row in known_answer.judge("", (case, 1000))["rows"]])
    found = known_answer.counts(rows)
    assert {case: one["panels"] for case, one in found.items()} == dict.fromkeys(cases, 1)
    assert sum(one["wrong"]["count"] for one in found.values()) < 2


def test_a_panel_from_the_prior(monkeypatch):
    monkeypatch.setattr(panels, "SETTINGS", {"draws": 50, "tune": 100, "chains": 2})
    rows = pd.DataFrame(panels.judge("", 1000)["rows"])
    spec, _ = load_dyad_model(panels.MODEL)
    assert len(rows) == len(c.COEFFICIENTS) * (3 + len(spec.model.classes))
    assert rows["quantity"].is_unique
    assert rows["rank"].between(0, 1).all()
    assert np.isfinite(rows[["truth", "mean", "sd", "rhat", "ess"]]).all(axis=None)


def test_a_fold_of_spans_is_scored_where_it_was_held_out(monkeypatch):
    """A model that saw a fold would score it better than one that did not."""
    monkeypatch.setattr(held_out_dyads, "SETTINGS", {"draws": 50, "tune": 100, "chains": 2})
    spec, panel = load_dyad_model(panels.MODEL)
    drivers = fit_stage(spec, build_dyad_design(spec, panel, n.DRIVER_STAGE), seed=1, draws=50,
                        tune=100, chains=2)
    paths = paths_of(drivers.posterior, panel)
    found = pd.DataFrame(held_out_dyads.score("", ("spans", "partial", 0, 3, paths))["rows"])
    rows = panel.rows[panel.rows["unit"].isin(panel.dyads.index)]
    cohesion = rows["indicator"].map(panel.indicators["latent"]) == c.COHESION
    held = held_out_dyads.folds_of(panel, rows[cohesion].reset_index(drop=True), "spans", 3) == 0
    assert found["rows"].sum() == held.sum()
    assert np.isfinite(found[["score", "half"]]).all(axis=None)


def test_a_size_of_each_kind():
    month, dyad = scaling.measure(60, 1, 1), dyad_scaling.measure(31, 1)
    for one in (month, dyad):
        assert all(one[cost] > 0 for cost in scaling.COSTS.values())
        assert len(one["fits"]) == 1
    assert dyad["dyad_years"] == 31 * dyad_scaling.YEARS


def test_a_month_is_scored_by_what_was_known_before(spec, panel, tmp_path, monkeypatch):
    monkeypatch.setattr(monthly_lfo, "SETTINGS", {"chains": 2, "tune": 150, "draws": 200})
    months = monthly_lfo.Months(spec, panel, "H12", tmp_path)
    first = panel.window(next(iter(spec.episodes.values())).window).start
    assert months.sample(first) == first
    scores = months.log_likelihood__i(np.arange(first, months.months), first).to_numpy()[..., 0]
    # A month without a row has nothing to say; one with rows differs from draw to draw.
    assert np.isfinite(scores).all()
    assert (scores.std() > 0) == bool((months.last == first).any())
    assert months.place(first).is_file()


def test_a_simulated_panel_is_judged_for_every_episode_and_hypothesis(spec, reference):
    truth = truths_of(reference, 2, 1)[0]
    rows = pd.DataFrame([row for path, size in (("none", 0.0), (c.THREAT, 1.5))
                         for row in judge_panel("", Item("rok_japan", "as observed", path, size, 0,
                                                         1, truth))["rows"]])
    assert set(rows.columns) == set(COLUMNS)
    assert len(rows) == 2 * len(spec.episodes) * len(PATH_OF)
    # What does not act never holds.
    idle = (rows["path"] == "none") | (rows["hypothesis"].map(PATH_OF) != rows["path"])
    assert not rows.loc[idle, "holds"].any()
    judged = rows[rows["converged"]]
    assert judged["direction_probability"].between(0, 1).all()
