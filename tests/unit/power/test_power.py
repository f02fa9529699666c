"""What a design can see: other designs, truths whose path is known, shares with intervals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SchemaError, SpecError
from bayes_alliance.hypotheses.paths import filter_response
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import long_run_paths
from bayes_alliance.power import COLUMNS, DESIGNS, NONE, OBSERVED, Power, power, shares_of, study
from bayes_alliance.power.designs import designs_of, redesign
from bayes_alliance.power.simulate import (
    cohesion_of,
    holds,
    require_known_error,
    simulated,
    truths_of,
)
from bayes_alliance.power.study import KEY, Item, cells, judge_panel
from bayes_alliance.report import read_power, write_power
from tests.helpers.power_tables import made_up

LONGER, COHESION_POLLED, DRIVERS_POLLED = DESIGNS[1:]


def with_head(spec, **changed):
    """Return a model file with other entries under [model]."""
    return spec.model_copy(update={"model": spec.model.model_copy(update=changed)})


@pytest.fixture(scope="module")
def truth(reference):
    return truths_of(reference, 4, 1)[0]


def test_the_observed_design_is_the_observed_one(spec, panel, truth):
    found = redesign(OBSERVED, spec, panel, truth)
    assert all(one is other for one, other in zip(found, (spec, panel, truth), strict=True))
    with pytest.raises(ValueError, match=r"no design 'x' \(allowed: as observed, the years"):
        redesign("x", spec, panel, truth)


def test_with_more_years_all_comes_once_more(spec, panel, truth):
    # Of another length than whole years, so that calendar months move.
    months = 250
    known = panel.rows["end_month"] < months
    series = {name: getattr(panel, name).iloc[:months] for name in (
        "covariates", "drivers", "rivals", "raw_stocks", "event_counts", "governments")}
    panel = replace(panel, time=panel.time[:months], rows=panel.rows[known].reset_index(drop=True),
                    **series)
    truth = truth | {name: truth[name][..., :months] for name in (c.THREAT, c.CREDIBILITY,
                                                                  c.COHESION)}
    longer, twice, states = redesign(LONGER, spec, panel, truth)
    assert longer.model.end == str(twice.time[-1])
    assert len(twice.time) == 2 * months
    assert len(twice.rows) == 2 * len(panel.rows)
    first = twice.rows[twice.rows["end_month"] < months].reset_index(drop=True)
    assert first["indicator"].to_list() == panel.rows["indicator"].to_list()
    later = twice.rows[twice.rows["start_month"] >= months].reset_index(drop=True)
    assert (later["start_month"] - months).to_list() == first["start_month"].to_list()
    for row in later.itertuples():
        assert twice.time[row.start_month] == pd.Period(row.start, "M")
        assert twice.time[row.end_month] == pd.Period(row.end, "M")
    middle = (later["start_month"] + later["end_month"]) // 2
    assert (later["calendar_month"] == [twice.time[at].month for at in middle]).all()
    assert (later["calendar_month"] != first["calendar_month"]).any()
    assert (later["mode"] == first.groupby("indicator")["mode"].transform("max")).all()
    assert later["mode"].max() > 0
    for name in ("covariates", "drivers", "raw_stocks", "event_counts"):
        assert getattr(twice, name).iloc[months:].to_numpy() == pytest.approx(
            getattr(panel, name).to_numpy()), name
    before, after = (set(twice.governments.iloc[part].to_numpy().ravel())
                     for part in (slice(months), slice(months, None)))
    assert len(before) == len(after)
    assert not before & after
    assert not set(later["wave"]) & set(first["wave"]) - {""}
    assert states[c.THREAT].shape[-1] == 2 * months
    assert twice.rivals.iloc[months:].to_numpy() == pytest.approx(panel.rivals.to_numpy())
    assert build_design(longer, twice).rows.shape[0] == len(twice.rows)


@pytest.mark.parametrize(("name", "latents"), [
    (COHESION_POLLED, [c.COHESION]), (DRIVERS_POLLED, [c.THREAT, c.CREDIBILITY])])
def test_a_poll_every_quarter_is_of_its_states_alone(spec, panel, truth, name, latents):
    _, more, _ = redesign(name, spec, panel, truth)
    before, after = (one.rows["indicator"].value_counts() for one in (panel, more))
    grown = [label for label in after.index if after[label] != before[label]]
    assert panel.indicators.loc[grown, "latent"].isin(latents).all()
    assert (panel.indicators.loc[grown, "kind"] == "opinion").all()
    # Two questions of cohesion; of each member one of threat and one of credibility.
    assert len(grown) == (2 if latents == [c.COHESION] else 4)
    assert before[panel.indicators["latent"].isin(latents) & (
        panel.indicators["kind"] == "opinion")].idxmax() in grown
    for label in grown:
        mine = more.rows[more.rows["indicator"] == label]
        seen = {at for row in mine.itertuples() for at in range(row.start_month,
                                                               row.end_month + 1)}
        assert seen >= set(range(1, len(panel.time), 3))
        assert mine["start_month"].is_monotonic_increasing
        fresh = mine[mine["wave"].str.startswith("quarterly ")]
        assert len(fresh) == after[label] - before[label] > 50
        waves = more.rows["wave"].value_counts()
        assert waves[fresh["wave"]].isin([1, 2]).all()
        assert (waves[fresh["wave"]] == 2).mean() > 0.5
        observed = panel.rows[panel.rows["indicator"] == label]
        assert set(fresh["n"]) <= set(observed["n"])
        for row in fresh.itertuples():
            month = more.time[row.start_month]
            assert (row.start, row.end) == (month.start_time.date(), month.end_time.date())
            assert row.calendar_month == month.month
            changes = [date for date, _ in panel.indicators.at[label, "mode_changes"]]
            assert row.mode == min(sum(date <= row.start for date in changes),
                                   observed["mode"].max())
    assert build_design(spec, more).rows.shape[0] == len(more.rows)


def test_more_polls_are_no_design_where_no_wave_is_shared(panel):
    """Nothing is known there of the error that the items of a new wave would share."""
    alone = panel.rows.assign(wave=[f"{wave} {at}" if wave else "" for at, wave in enumerate(
        panel.rows["wave"])])
    assert designs_of(replace(panel, rows=alone)) == (OBSERVED, LONGER)


def test_a_design_that_adds_nothing_is_none(panel):
    assert designs_of(panel) == DESIGNS
    without = panel.indicators.assign(kind=panel.indicators["kind"].where(
        (panel.indicators["latent"] != c.THREAT) | (panel.indicators["member"] != "japan"),
        "behaviour"))
    assert designs_of(replace(panel, indicators=without)) == DESIGNS[:3]
    none = replace(panel, indicators=panel.indicators.assign(kind="behaviour"))
    assert designs_of(none) == DESIGNS[:2]
    assert {design for design, _, _ in cells(designs_of(none))} == set(DESIGNS[:2])


@pytest.mark.parametrize("response", ["adjustment", "level"])
@pytest.mark.parametrize("path", c.PATHS)
def test_a_path_adds_what_its_coefficients_say_and_nothing_else(spec, panel, truth, path,
                                                               response):
    spec = with_head(spec, response=response)
    without, within = (cohesion_of(spec, panel, truth, which, size, np.random.default_rng(3))
                       for which, size in ((NONE, 0.0), (path, 1.5)))
    mean, gap = long_run_paths(*np.asarray(truth[path]))
    phi = 0.5 ** (1.0 / truth[c.VAR_HALF_LIFE][c.LATENTS.index(c.COHESION)])
    wanted = filter_response(np.array(phi), 1.5 * (mean + gap), response)
    assert within - without == pytest.approx(wanted, abs=1e-10)


def test_shocks_of_cohesion_have_the_variance_and_persistence_of_the_model(spec, panel, truth):
    """Ten thousand months: the sample moments are within four standard errors (false alarm 1e-4).
    """
    months = 10_000
    bare = replace(panel, rivals=pd.DataFrame(np.zeros((months, panel.rivals.shape[1]))),
                   governments=pd.DataFrame({who: ["x"] * months for who in panel.members}))
    given = truth | {c.VAR_GOVERNMENT_EFFECT: {(who, "x"): 0.0 for who in panel.members},
                     c.THREAT: np.zeros((2, months))}
    phi = 0.5 ** (1.0 / truth[c.VAR_HALF_LIFE][c.LATENTS.index(c.COHESION)])
    for kind in ("normal", "student_t"):
        found = cohesion_of(with_head(spec, innovations=kind), bare, given, NONE, 0.0,
                            np.random.default_rng(2))
        shocks = found[1:] - phi * found[:-1]
        wanted = 1.0 - phi**2
        spread = (shocks**2).std() / np.sqrt(months)
        assert abs((shocks**2).mean() - wanted) < 4.0 * spread, kind
        assert abs(np.corrcoef(found[1:], found[:-1])[0, 1] - phi) < 4.0 * np.sqrt(
            wanted / months), kind


def test_a_cohesion_without_a_level_is_refused(spec):
    dynamics = spec.model.dynamics.model_copy(update={"cohesion": "random_walk"})
    wandering = with_head(spec, response="level", dynamics=dynamics)
    with pytest.raises(SpecError, match=r"error of cohesion is random_walk \(allowed"):
        require_known_error(wandering)
    require_known_error(spec)


def test_a_hypothesis_holds_where_its_drivers_moved_and_made_enough_of_the_change(spec, panel,
                                                                                 truth):
    """Friction: threat's mean falls and its gap widens between all baselines and the window."""
    rule = spec.episodes["friction"].threat
    assert (rule.mean, rule.gap) == ("down", "up")
    window = panel.window(spec.episodes["friction"].window)
    step = np.zeros(len(panel.time))
    step[window] = 1.0
    spec = with_head(spec, response="level")
    given = truth | {c.THREAT: np.stack([-step, -2.0 * step]), c.CREDIBILITY: np.zeros((2, 252))}
    # At 0.8 the path makes (1.5 + 0.45) * 0.8 = 1.56 of the change.
    for change, right in ((-1.0, True), (-6.0, True), (-6.5, False), (1.0, False)):
        found = holds(spec, panel, given | {c.COHESION: change * step}, c.THREAT, 0.8)
        assert found["friction", "H1"] is right, change
        assert found["friction", "H2"] is False
    assert not holds(spec, panel, given | {c.COHESION: -step}, c.CREDIBILITY, 0.8)[
        "friction", "H1"]
    rising = given | {c.THREAT: -given[c.THREAT], c.COHESION: step}
    assert not holds(spec, panel, rising, c.THREAT, 0.8)["friction", "H1"]


def test_a_panel_keeps_periods_and_sizes_and_nothing_of_the_observed_cohesion(spec, panel, truth):
    labels = {(member, label) for member in panel.members for label in panel.governments[member]}
    (one, true), (other, _) = (
        simulated(spec, panel, truth | {c.COHESION: np.full(len(panel.time), value),
                                        c.VAR_GOVERNMENT_EFFECT: dict.fromkeys(labels, value)},
                  NONE, 0.0, np.random.default_rng(5)) for value in (0.0, 1e6))
    pd.testing.assert_frame_equal(one.rows, other.rows)
    assert set(true[c.VAR_GOVERNMENT_EFFECT]) == labels
    assert 0.0 < np.std(list(true[c.VAR_GOVERNMENT_EFFECT].values())) < 10.0
    same = [name for name in panel.rows if name != "y"]
    pd.testing.assert_frame_equal(one.rows[same], panel.rows[same])
    assert not np.allclose(one.rows["y"], panel.rows["y"])


def test_a_panel_is_judged_and_says_what_is_true_of_it(spec, panel, truth, monkeypatch):
    monkeypatch.setattr(study, "SETTINGS", {"draws": 10, "tune": 40, "chains": 2})
    rows = pd.DataFrame(judge_panel("x", Item("rok_japan", OBSERVED, c.THREAT, 1.5, 3, 7,
                                              truth))["rows"])
    assert list(rows) == list(COLUMNS)
    assert len(rows) == 2 * len(spec.episodes)
    assert rows[list(KEY)].drop_duplicates().values.tolist() == [[OBSERVED, c.THREAT, 1.5, 3]]
    assert (rows["seed"] == 7).all()
    assert not rows["converged"].any()
    assert not rows.loc[rows["hypothesis"] == "H2", "holds"].any()

    def fails(*rest):
        raise RuntimeError("no start was found")

    monkeypatch.setattr(study, "run_member", fails)
    lost = pd.DataFrame(judge_panel("x", Item("rok_japan", OBSERVED, c.THREAT, 1.5, 3, 7,
                                              truth))["rows"])
    assert lost["holds"].to_list() == rows["holds"].to_list()
    assert not lost["converged"].any()
    assert (shares_of(lost, spec.verdict)["withheld"] == 1.0).all()


def test_panels_of_another_seed_are_not_mixed_in():
    with pytest.raises(ValueError, match=r"have seed 2, not 1 \(allowed: that seed, or another"):
        power("rok_japan", panels=2, there=made_up(1, seed=2))


def test_a_folder_that_cannot_be_is_refused_before_anything_is_sampled(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "fit_panel", lambda *rest, **options: pytest.fail("sampled"))
    with pytest.raises(ValueError, match="workers=0"):
        power("rok_japan", panels=1, workers=0)
    (tmp_path / "stamp.json").write_text('{"task": "another"}')
    with pytest.raises(SchemaError, match="stamp"):
        power("rok_japan", panels=1, folder=tmp_path)


def test_only_missing_panels_are_run(monkeypatch):
    ran = {}

    def fake(task, items, spec, panel, **options):
        ran.update(items)
        return {key: {"rows": made_up(2).query("design == @item.design and path == @item.path and "
                                               "size == @item.size and number == @item.number"
                                               ).to_dict("records")}
                for key, item in items.items()}

    monkeypatch.setattr(study, "study", fake)
    monkeypatch.setattr(study, "fit_panel", lambda *rest, **options: None)
    monkeypatch.setattr(study, "require_finished", lambda fit: fit)
    monkeypatch.setattr(study, "require_passed", lambda fit: fit)
    monkeypatch.setattr(study, "truths_of", lambda fit, number, seed: [{}] * number)
    found = power("rok_japan", panels=2, there=made_up(1))
    assert {item.number for item in ran.values()} == {1}
    assert len(ran) == len(cells())
    pd.testing.assert_frame_equal(
        found.table.sort_values(list(COLUMNS), ignore_index=True),
        made_up(2).sort_values(list(COLUMNS), ignore_index=True), check_dtype=False)
    monkeypatch.setattr(study, "study", lambda *rest, **options: pytest.fail("something was run"))
    again = power("rok_japan", panels=2, there=found.table)
    pd.testing.assert_frame_equal(again.table, found.table)


def test_other_designs_have_fewer_panels(monkeypatch):
    monkeypatch.setattr(study, "MOST_OF_OTHERS", 1)
    there = made_up(2)
    there = there[(there["design"] == OBSERVED) | (there["number"] == 0)]
    monkeypatch.setattr(study, "study", lambda *rest, **options: pytest.fail("something was run"))
    assert len(power("rok_japan", panels=2, there=there).table) == len(there)


@pytest.mark.parametrize("panels", [0, 101])
def test_a_number_of_panels_that_cannot_be_is_refused(panels):
    with pytest.raises(ValueError, match=rf"panels is {panels} \(allowed: 1 to 100"):
        power("rok_japan", panels=panels)


def test_shares_are_counts_with_exact_intervals_and_what_failed_is_withheld(spec):
    table = made_up(5)
    table.loc[(table["number"] == 4) & (table["size"] == 1.5), "converged"] = False
    found = shares_of(table, spec.verdict).set_index(
        ["design", "path", "size", "episode", "hypothesis"])
    row = found.loc[OBSERVED, c.THREAT, 1.5, "friction", "H1"]
    # Holds in 0, 2 and 4, of which 4 is withheld; 3 is called supported where it does not hold.
    assert (row["panels"], row["holds"], row["found"], row["false"]) == (5, 3, 2 / 3, 0.5)
    interval = stats.binomtest(2, 3).proportion_ci(0.95)
    assert (row["found_low"], row["found_high"]) == (interval.low, interval.high)
    assert (row["supported"], row["withheld"], row["inconclusive"]) == (0.6, 0.2, 0.2)
    assert (row["direction"], row["contribution"], row["evidence"]) == (0.8, 0.8, 0.8)
    assert row["largest"] == pytest.approx(1.5 + 0.3)
    assert row["acts"]
    other = found.loc[OBSERVED, c.THREAT, 1.5, "friction", "H2"]
    assert other["holds"] == 0
    assert np.isnan(other["found"])
    assert other["false"] == 0.0
    assert not other["acts"]
    none = found.loc[OBSERVED, NONE, 0.0, "friction", "H1"]
    assert none["evidence"] == 0.0
    total = found[["supported", "inconclusive", "contradicted", "withheld"]].sum(axis=1)
    assert total.to_numpy() == pytest.approx(1.0)


def test_the_result_speaks_and_is_drawn(spec):
    found = Power(made_up(5), spec.verdict)
    assert "and it made 25% of the change or more, at every baseline" in found.sentence
    assert ("called supported, by all criteria but the grid's, in: H1 in friction 100% of 3 panels "
            "(29% to 100%); H1 in cohesion" in found.sentence)
    # Clopper-Pearson for none of 5.
    assert ("supported, or contradicted, in none of 5 panels (a rate of up to 52% is compatible "
            "with that)." in found.sentence)
    assert (f"With {LONGER} it is called so in 100% of such panels, by hypothesis and episode "
            "(intervals within 29% to 100%, at least 3 panels each)." in found.sentence)
    assert "is +1.90 nats" in found.sentence
    assert found.data["found"].dims == ("design", "path", "size", "episode", "hypothesis")
    panels = [axes for axes in found.plot().axes if axes.get_visible()]
    assert len(panels) == 4
    drawn = [line.get_ydata().tolist() for line in panels[0].lines if len(line.get_ydata()) > 1]
    assert sorted(drawn) == [[0.0, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0]]
    few = Power(made_up(1).query("design == @OBSERVED and path != 'threat'"), spec.verdict)
    assert LONGER not in few.sentence
    never = made_up(1).assign(holds=False)
    assert "H1 in friction – (it holds in none of 1 panels)" in Power(never, spec.verdict).sentence
    assert len(Power(never, spec.verdict).plot().axes) == 4


def test_a_table_beside_a_report_is_of_its_model_and_data(spec, panel, tmp_path):
    found = Power(made_up(1), spec.verdict)
    write_power(found, spec, panel, tmp_path)
    pd.testing.assert_frame_equal(read_power(tmp_path, spec, panel), found.table,
                                  check_dtype=False)
    again = power("rok_japan", panels=1, there=read_power(tmp_path, spec, panel))
    pd.testing.assert_frame_equal(again.table, found.table, check_dtype=False)
    wider = spec.priors.model_copy(update={
        "coefficient": spec.priors.coefficient.model_copy(update={"sd": 9.0})})
    assert read_power(tmp_path, spec.model_copy(update={"priors": wider}), panel) is None
