"""The grid of specifications: what it changes, what it leaves, and how it is put together."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import DataError, SchemaError, SpecError
from bayes_alliance.hypotheses import Agreement, Robustness, agreeing, judge
from bayes_alliance.hypotheses.robustness import (
    COLUMNS,
    Member,
    _sentence,
    member,
    robustness,
    run_member,
)
from bayes_alliance.hypotheses.specifications import (
    COMMITTED,
    NO_GOVERNMENTS,
    specifications,
)
from bayes_alliance.model import build_design
from bayes_alliance.report import read_grid, write_grid

# The package gives a function of the same name.
MODULE = sys.modules[member.__module__]


@pytest.fixture(scope="module")
def grid(spec, panel):
    return {one.name: one for one in specifications(spec, panel)}


@pytest.fixture(scope="module")
def design(spec, panel):
    return build_design(spec, panel)


def rows_of(grid, name, panel, design):
    return design.rows[grid[name].rows(panel, design)]


def test_the_committed_specification_is_first_and_changes_nothing(spec, panel, grid, design):
    first = next(iter(grid.values()))
    assert first.name == COMMITTED
    assert first.spec is spec
    assert first.rows(panel, design).all()
    assert len(grid) > 50


def test_each_member_changes_one_thing(spec, panel, grid, design):
    for name, one in grid.items():
        old, new = spec.model_dump(), one.spec.model_dump()
        changed = [key for key in old if old[key] != new[key]]
        fewer = not one.rows(panel, design).all()
        others = one.variant is not None
        assert len(changed) + fewer + others == (name != COMMITTED), name


def test_priors_and_structure(spec, grid):
    sd = spec.priors.coefficient.sd
    assert grid[f"coefficient sd {sd / 2:g}"].spec.priors.coefficient.sd == sd / 2
    assert grid["no effects of governments"].spec.priors.government_sd.sd < 0.01
    assert grid["innovations student_t"].spec.model.innovations == "student_t"
    assert grid["response level"].spec.model.response == "level"
    alone = grid["friction against 2017 alone"].spec.episodes["friction"]
    assert list(alone.baselines) == ["2017"]


def test_sets_of_indicators_are_of_cohesion_only(panel, grid, design):
    kinds = panel.indicators["kind"]
    for name, kind in (("opinion only", "opinion"), ("behaviour only", "behaviour")):
        left = rows_of(grid, name, panel, design)
        cohesion = left[left["latent"] == c.COHESION]
        assert set(kinds[cohesion["indicator"].unique()]) == {kind}
        assert (left["latent"] != c.COHESION).sum() == (
            design.rows["latent"] != c.COHESION).sum()
    travel = rows_of(grid, "travel only", panel, design)
    assert set(travel.loc[travel["latent"] == c.COHESION, "indicator"]) == {
        "jnto_travel_rok", "kto_travel_japan"}


def test_without_an_indicator_or_a_source_every_state_is_still_measured(panel, grid, design):
    everything = set(zip(panel.indicators["latent"], panel.indicators["member"], strict=True))
    for name, one in grid.items():
        if one.group in ("indicator", "source"):
            left = rows_of(grid, name, panel, design)
            assert not left["indicator"].isin(one.dropped).any()
            assert set(zip(left["latent"], left["member"], strict=True)) == everything, name


def test_thinning_leaves_a_year_no_more_rows_than_the_other_member_has(panel, grid, design):
    left = rows_of(grid, "rok thinned to japan's frequency", panel, design)
    for latent in c.PATHS:
        counts = {}
        for name in panel.members:
            part = left[(left["latent"] == latent) & (left["member"] == name)]
            counts[name] = part["start"].astype(str).str[:4].value_counts()
        most = counts["japan"].reindex(counts["rok"].index, fill_value=0)
        assert (counts["rok"] <= most).all()
        assert counts["rok"].sum() > 0
    assert (left["member"] == "japan").sum() == (design.rows["member"] == "japan").sum()


def test_a_member_of_the_grid_runs(spec, panel):
    item = Member("rok_japan", "no effects of governments", draws=10, tune=40)
    rows = pd.DataFrame(run_member(spec, panel, item)["rows"])
    assert list(rows) == list(COLUMNS)
    assert len(rows) == 4
    assert set(rows["group"]) == {"governments"}
    assert rows["verdict"].isin(["supported", "inconclusive", "contradicted"]).all()
    assert not rows["converged"].any()
    with pytest.raises(ValueError, match="no specification 'x'"):
        run_member(spec, panel, item._replace(name="x"))


@pytest.fixture
def varied(root, dataset):
    """A model file of its own with a variant, beside a copy of the dataset."""
    path = dataset.parent / "model.toml"
    path.write_text((root / "models" / "rok_japan.toml").read_text() + """
[variants.one_side]
title = "travel of one side"
masks = { jnto_travel_rok = [["2020-02", "2022-10"]] }
""")
    return path


def test_a_variant_is_run_on_its_own_panel(varied, panel, monkeypatch):
    seen = {}
    monkeypatch.setattr(MODULE, "_run",
                        lambda spec, chosen, panel, item: seen.update({chosen.name: panel}))
    for name in (COMMITTED, "travel of one side"):
        member("000", Member(str(varied), name))
    assert len(seen[COMMITTED].rows) == len(panel.rows)
    assert len(seen["travel of one side"].rows) == len(panel.rows) + 11


def test_a_variant_that_cannot_be_is_refused_before_anything_is_run(varied, monkeypatch):
    varied.write_text(varied.read_text() + "controls = { a = {} }\n"
                      + '\n[variants.other]\ntitle = "other"\ncontrols = { b = {} }\n')
    monkeypatch.setattr(MODULE, "study",
                        lambda *rest, **options: pytest.fail("something was run"))
    with pytest.raises(DataError, match="2 faults") as caught:
        robustness(varied)
    assert [fault.problem.split("'")[1::2] for fault in caught.value.faults] == [
        ["travel of one side", "a"], ["other", "b"]]


def test_a_specification_that_does_not_converge_is_drawn_again_longer(monkeypatch, tmp_path):
    asked = []

    def judged(task, items, spec, panel, **options):
        asked.append((items, options["folder"]))
        return {key: {"rows": [
            {name: 0.0 for name in COLUMNS} | {
                "specification": item.name, "group": "g", "episode": episode,
                "hypothesis": hypothesis, "verdict": "inconclusive",
                # The third never does, the second if it is drawn longer.
                "converged": key.startswith("000") or (key == "001-longer")}
            for episode in ("friction", "cohesion") for hypothesis in ("H1", "H2")]}
            for key, item in items.items()}

    monkeypatch.setattr(MODULE, "study", judged)
    monkeypatch.setattr(MODULE, "specifications",
                        lambda spec, panel: specifications(spec, panel)[:3])
    found = robustness("rok_japan", folder=tmp_path).table
    (first, folder), (second, same) = asked
    assert folder == same == tmp_path
    assert list(second) == ["001-longer", "002-longer"]
    assert second["001-longer"] == first["001"]._replace(draws=1200, tune=600)
    converged = found.groupby("specification", sort=False)["converged"].all()
    assert converged.to_list() == [True, True, False]
    assert len(found) == 12


def made_up(verdicts):
    table = pd.DataFrame([(name, "g", episode, hypothesis, verdict, 0.5, 0.5, 0.1, 0.0, 0.01, True)
                          for name, verdict in verdicts.items()
                          for episode in ("friction", "cohesion") for hypothesis in ("H1", "H2")],
                         columns=list(COLUMNS))
    return Robustness(table, _sentence(table), 1.1)


def test_shares_are_of_each_verdict():
    found = made_up({COMMITTED: "supported", NO_GOVERNMENTS: "supported", "b": "inconclusive",
                     "c": "contradicted"})
    shares = {"supported": 0.5, "inconclusive": 0.25, "contradicted": 0.25}
    assert found.agreement == dict.fromkeys(found.agreement, (shares, "supported"))
    assert agreeing(found.table) == found.agreement
    assert "supported 2" in found.sentence
    assert "4 specifications" in found.sentence
    assert dict(found.data.sizes) == {"specification": 4, "episode": 2, "hypothesis": 2}


def test_a_share_counts_what_converged_and_no_specification_twice():
    """A baseline of one episode alone leaves the other's comparisons as committed."""
    table = made_up({COMMITTED: "inconclusive", "a": "inconclusive", "b": "supported",
                     "c": "supported", "friction against 2015 alone": "supported"}).table
    table["converged"] = table["specification"] != "c"
    table.loc[table["specification"].str.contains("against"), "group"] = "baseline"
    found = agreeing(table)
    assert found["friction", "H1"].shares == pytest.approx(
        {"inconclusive": 2 / 4, "supported": 2 / 4})
    assert found["cohesion", "H1"].shares == pytest.approx(
        {"inconclusive": 2 / 3, "supported": 1 / 3})
    assert "converge: 1 (c), which no share counts" in _sentence(table)
    none = agreeing(table.assign(converged=False))
    assert list(none.values()) == [({}, "")] * 4


def test_an_indicator_called_like_a_set_has_a_name_of_its_own(spec, panel):
    """Else the set would never be run, and one of its members twice."""
    called = {"jnto_travel_rok": "travel"}
    about = panel.indicators.rename(index=called)
    other = replace(panel, indicators=about, rows=panel.rows.replace({"indicator": called}))
    names = [one.name for one in specifications(spec, other)]
    assert len(set(names)) == len(names)
    (group,) = {one.group for one in specifications(spec, other) if one.name == "without travel"}
    assert group == "indicator set"
    assert "without travel (indicator)" in names


def test_a_model_without_episodes_has_no_grid(spec, panel, monkeypatch):
    bare = spec.model_copy(update={"episodes": {}})
    monkeypatch.setattr(MODULE, "load_model", lambda model: (bare, panel))
    with pytest.raises(SpecError, match="declares no episode"):
        robustness("rok_japan")


def test_the_share_decides_where_all_else_holds(spec):
    rows = [("friction", "b", "H12", "change", np.nan, np.nan, 0.99)]
    for path in c.PATHS:
        rows += [("friction", "b", "HX", f"direction_{path}", np.nan, np.nan, 0.99),
                 ("friction", "b", "HX", f"direction_{path}_opposite", np.nan, np.nan, 0.0),
                 ("friction", "b", "H12", f"contribution_{path}", np.nan, np.nan, 0.99),
                 ("friction", "b", "H12", f"share_{path}", 0.5, 0.9, 0.99),
                 ("friction", "b", "H12", f"share_before_{path}", 0.0, 0.9, 0.5)]
    episodes = pd.DataFrame(rows, columns=["episode", "baseline", "hypothesis", "quantity", "q50",
                                           "q95", "probability"])
    evidence = pd.DataFrame([(name, "friction", "leave_episode_out", 2.0, 0.01)
                             for name in ("H1", "H2")],
                            columns=["hypothesis", "episode", "unit", "difference",
                                     "difference_se"])
    one = spec.model_copy(update={"episodes": {"friction": spec.episodes["friction"]}})
    for share, verdict in ((0.9, "supported"), (0.5, "inconclusive")):
        told = Agreement({"supported": share, "inconclusive": 1 - share}, "supported")
        grid = dict.fromkeys([("friction", "H1"), ("friction", "H2")], told)
        assert set(judge(one, episodes, evidence, grid).table["verdict"]) == {verdict}


def test_a_grid_of_other_data_or_another_model_is_not_taken_up(spec, panel, tmp_path):
    names = [one.name for one in specifications(spec, panel)]
    found = made_up(dict.fromkeys(names, "inconclusive"))
    assert read_grid(tmp_path, spec, panel) is None
    path = write_grid(found, spec, panel, tmp_path)
    kept = read_grid(tmp_path, spec, panel)
    assert list(kept) == list(COLUMNS)
    assert agreeing(kept) == found.agreement
    other = spec.model_copy(update={"sampler": spec.sampler.model_copy(update={"draws": 901})})
    assert read_grid(tmp_path, other, panel) is None
    # A specification that the model file has gained since.
    write_grid(made_up(dict.fromkeys(names[:-1], "inconclusive")), spec, panel, tmp_path)
    assert read_grid(tmp_path, spec, panel) is None
    path.write_text("specification,group\nx,y\n")
    with pytest.raises(SchemaError, match="lacks episode"):
        read_grid(tmp_path, spec, panel)
