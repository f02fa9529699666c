"""What a design can see: other designs, truths whose path is known, shares with intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.paths import filter_response
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import long_run_paths
from bayes_alliance.power import COLUMNS, DESIGNS, OBSERVED, Power, power, shares_of, study
from bayes_alliance.power.designs import redesign
from bayes_alliance.power.simulate import NONE, cohesion_of, simulated, truths_of
from bayes_alliance.power.study import KEY, Item, cells, judge_panel
from bayes_alliance.report import read_power, write_power
from tests.helpers.power_tables import made_up

LONGER, COHESION_POLLED, DRIVERS_POLLED = DESIGNS[1:]


@pytest.fixture(scope="module")
def truth(reference):
    return truths_of(reference, 4, 1)[0]


def test_the_observed_design_is_the_observed_one(spec, panel, truth):
    found = redesign(OBSERVED, spec, panel, truth)
    assert all(one is other for one, other in zip(found, (spec, panel, truth), strict=True))
    with pytest.raises(ValueError, match=r"no design 'x' \(allowed: as observed, twice"):
        redesign("x", spec, panel, truth)


def test_with_more_years_all_comes_once_more(spec, panel, truth):
    longer, twice, states = redesign(LONGER, spec, panel, truth)
    months = len(panel.time)
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
    whole = later[later["start_month"] == later["end_month"]]
    assert (whole["calendar_month"] == [twice.time[at].month for at in whole["start_month"]]).all()
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
    members = 1 if c.COHESION in latents else len(panel.members)
    assert len(grown) == len(latents) * members
    for label in grown:
        mine = more.rows[more.rows["indicator"] == label]
        seen = {at for row in mine.itertuples() for at in range(row.start_month,
                                                               row.end_month + 1)}
        assert seen >= set(range(1, len(panel.time), 3))
        assert mine["start_month"].is_monotonic_increasing
        assert (mine["n"] > 0).all()
    assert build_design(spec, more).rows.shape[0] == len(more.rows)


@pytest.mark.parametrize("path", c.PATHS)
def test_a_path_adds_what_its_coefficients_say_and_nothing_else(spec, panel, truth, path):
    without, within = (cohesion_of(spec, panel, truth, which, size, np.random.default_rng(3))
                       for which, size in ((NONE, 0.0), (path, 1.5)))
    mean, gap = long_run_paths(*np.asarray(truth[path]))
    phi = 0.5 ** (1.0 / truth[c.VAR_HALF_LIFE][c.LATENTS.index(c.COHESION)])
    wanted = filter_response(np.array(phi), 1.5 * (mean + gap), spec.model.response)
    assert within - without == pytest.approx(wanted, abs=1e-10)


def test_a_panel_keeps_periods_and_sizes_and_nothing_of_the_observed_cohesion(spec, panel, truth):
    one, other = (simulated(spec, panel, truth | {c.COHESION: cohesion}, NONE, 0.0,
                            np.random.default_rng(5))
                  for cohesion in (truth[c.COHESION], np.full(len(panel.time), 1e6)))
    pd.testing.assert_frame_equal(one.rows, other.rows)
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


def test_only_missing_panels_are_run_and_those_of_another_seed_are_left_out(monkeypatch):
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
    there = pd.concat([made_up(1), made_up(2, seed=2)])
    found = power("rok_japan", panels=2, there=there)
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


def test_shares_are_counts_with_exact_intervals_and_what_failed_is_withheld():
    table = made_up(5)
    table.loc[(table["number"] == 4) & (table["size"] == 1.5), "converged"] = False
    found = shares_of(table).set_index(["design", "path", "size", "episode", "hypothesis"])
    row = found.loc[OBSERVED, c.THREAT, 1.5, "friction", "H1"]
    assert (row["supported"], row["withheld"], row["inconclusive"]) == (0.8, 0.2, 0.0)
    interval = stats.binomtest(4, 5).proportion_ci(0.95)
    assert (row["supported_low"], row["supported_high"]) == (interval.low, interval.high)
    assert row["largest"] == pytest.approx(1.5 + 0.4)
    assert row["acts"]
    other = found.loc[OBSERVED, c.THREAT, 1.5, "friction", "H2"]
    assert other["supported"] == 0.0
    assert not other["acts"]
    total = found[["supported", "inconclusive", "contradicted", "withheld"]].sum(axis=1)
    assert total.to_numpy() == pytest.approx(1.0)


def test_the_result_speaks_and_is_drawn():
    found = Power(made_up(5), 1.1)
    assert ("true coefficients of 1.5, its hypothesis is called supported in: H1 in friction 100% "
            "(48% to 100%); H1 in cohesion") in found.sentence
    assert "supported or contradicted in none of 5." in found.sentence
    assert "twice as many years, 100%" in found.sentence
    assert found.data["supported"].dims == ("design", "path", "size", "episode", "hypothesis")
    assert len([axes for axes in found.plot().axes if axes.get_visible()]) == 4
    few = Power(made_up(5).query("design == @OBSERVED"), 1.1)
    assert "other designs" not in few.sentence


def test_a_table_beside_a_report_is_of_its_model_and_data(spec, panel, tmp_path):
    found = Power(made_up(1), spec.verdict.log_bayes_factor)
    write_power(found, spec, panel, tmp_path)
    pd.testing.assert_frame_equal(read_power(tmp_path, spec, panel), found.table,
                                  check_dtype=False)
    wider = spec.priors.model_copy(update={
        "coefficient": spec.priors.coefficient.model_copy(update={"sd": 9.0})})
    assert read_power(tmp_path, spec.model_copy(update={"priors": wider}), panel) is None
