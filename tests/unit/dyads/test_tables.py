"""The tables of dyads: every fault is named with file and row; what is there is laid out."""

import shutil

import numpy as np
import pandas as pd
import pytest

from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import build_dyad_design, stage_mask
from bayes_alliance.dyads.spec import read_dyad_model
from bayes_alliance.dyads.tables import COLUMNS, build_dyad_panel, read_tables
from bayes_alliance.exceptions import DataError, SpecError


@pytest.fixture(scope="module")
def folder(root):
    return root / "data" / "quasi_alliances"


@pytest.fixture
def copied(folder, tmp_path):
    """A small copy of the dataset, and how to change a cell of it."""
    kept = shutil.copytree(folder, tmp_path / "quasi_alliances")
    rows = pd.read_csv(kept / "observations.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["unit"].isin(["japan", "south_korea", "south_korea-japan"])]
    rows.to_csv(kept / "observations.csv", index=False)

    def change(table, row, **cells):
        path = kept / f"{table}.csv"
        read = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column, value in cells.items():
            read.loc[row - 2, column] = value
        read.to_csv(path, index=False)
        return kept

    return change


@pytest.fixture(scope="module")
def panel(folder):
    return build_dyad_panel(read_dyad_model("quasi_alliances"), folder)


def test_the_shipped_panel_has_what_its_sources_have(panel):
    assert len(panel.members) == 57
    assert panel.dyads["class"].value_counts().to_dict() == {"allied": 165, "quasi": 101}
    quasi = panel.dyads[panel.dyads["class"] == "quasi"]
    asia = quasi[quasi["region"] == "asia_pacific"]
    # Two of them are two spans each.
    assert len(asia) == 29
    assert len({frozenset(pair) for pair in zip(asia["member_a"], asia["member_b"],
                                                strict=True)}) == 27
    pair = panel.dyads.loc["south_korea-japan"]
    assert tuple(pair[["class", "first", "last", "years"]]) == ("quasi", 1953, 2020, 68)
    mine = panel.rows[panel.rows["unit"] == "south_korea-japan"]
    votes = mine[mine["indicator"] == "un_same_votes"]
    # South Korea joined the United Nations in 1991; nothing is filled in before.
    assert votes["year"].min() == 1991
    assert (votes["y"] <= votes["n"]).all()
    # Disputes are coded to 2014.
    assert mine.loc[mine["indicator"] == "dispute", "year"].max() == 2014


@pytest.mark.parametrize("stage", n.STAGES)
def test_every_row_finds_its_series_and_its_cells(panel, stage):
    design = build_dyad_design(read_dyad_model("quasi_alliances"), panel, stage)
    members, dyads, data = panel.members, list(panel.dyads.index), design.data
    mask = stage_mask(panel.indicators.loc[panel.rows["indicator"], "latent"], stage)
    rows = panel.rows[mask].reset_index(drop=True)
    assert len(rows) == len(data["y"])
    japan, pair = members.index("japan"), dyads.index("south_korea-japan")
    # Name, unit, series of the latent, series of the row.
    # Threat, credibility and the lasting errors of troops, then what both members share.
    own, both = 2 * len(members), 3 * len(members)
    korea = members.index("south_korea")
    expected = {n.DRIVER_STAGE: [
        ("us_troops", "japan", len(members) + japan, own + japan),
        ("us_visits", "japan", len(members) + japan, len(members) + japan),
        ("shared_disputes", "south_korea-japan", {korea, japan}, both + pair)],
        n.COHESION_STAGE: [("dispute", "south_korea-japan", pair, pair),
                           ("un_same_votes", "south_korea-japan", pair, pair)]}
    for name, unit, latent, series in expected[stage]:
        picked = np.flatnonzero((rows["unit"] == unit) & (rows["indicator"] == name))
        paired = isinstance(latent, set)
        assert set(data["paired"][picked]) == {float(paired)}
        assert set(data["row_series"][picked]) == {series}
        if paired:
            of = zip(data["latent_series"][picked], data["second_series"][picked], strict=True)
            assert {frozenset(both) for both in of} == {frozenset(latent)}
            continue
        assert set(data["latent_series"][picked]) == {latent}
        assert set(data["lasting"][picked]) == {float(latent != series)}
        if latent != series:
            assert data["parent"][series] == latent
    units, years = ["", *design.coords["indicator_unit"]], design.coords["indicator_year"]
    for i in (0, len(rows) // 2, len(rows) - 1):
        unit, year = data["nuisance_cell"][i]
        name = rows["indicator"].iloc[i]
        reference = panel.indicators.at[name, "reference"] == 1
        assert units[unit] == ("" if reference else f"{name}:{rows['unit'].iloc[i]}")
        effect = panel.indicators.at[name, "year_effect"] == 1
        assert (years[year - len(units)] if year else "") == (
            f"{name}:{rows['year'].iloc[i]}" if effect else "")
    assert (data["stop"] - data["first"] == 1).all()


@pytest.mark.parametrize(("table", "row", "cells", "told"), [
    ("observations", 3, {"value": "many"}, "observations.csv, row 3, value: is 'many'"),
    ("observations", 3, {"unit": "atlantis"}, "row 3: unit is no member or dyad"),
    ("observations", 4, {"indicator": "x"}, "row 4, indicator: 'x' is not in indicators.csv"),
    ("observations", 5, {"year": "1999.5"}, "row 5: year is no whole number"),
    ("observations", 5, {"n": "nan"}, "row 5, n: is 'nan'"),
    ("indicators", 2, {"family": "poisson"}, "indicators.csv, row 2, family: is 'poisson'"),
    ("indicators", 3, {"orientation": "2"}, "row 3, orientation: is not 1 or -1"),
    ("indicators", 3, {"indicator": "dispute"}, "'dispute' is there twice"),
    ("dyads", 2, {"member_b": "mars"}, "dyads.csv, row 2: pairs .* and mars"),
    ("members", 2, {"member": ""}, "members.csv, row 2, member: is empty"),
])
def test_a_fault_is_named_with_file_and_row(copied, table, row, cells, told):
    with pytest.raises(DataError, match=told):
        read_tables(copied(table, row, **cells))


def test_a_model_of_fewer_years_has_dyads_of_these_years(folder):
    """Else an episode would be looked for in years that the states do not have."""
    spec = read_dyad_model("quasi_alliances")
    table = pd.read_csv(folder / "dyads.csv").set_index("dyad")
    head = spec.model.model_copy(update={"start": 1970, "end": 1985})
    panel = build_dyad_panel(spec.model_copy(update={"model": head}), folder)
    there = table[(table["first"] <= 1985) & (table["last"] >= 1970)]
    assert list(panel.dyads.index) == list(there.index)
    assert len(there) < len(table)
    assert panel.dyads["first"].tolist() == there["first"].clip(lower=1970).tolist()
    assert panel.dyads["last"].tolist() == there["last"].clip(upper=1985).tolist()
    assert build_dyad_design(spec, panel, n.COHESION_STAGE).data["span"].sum(axis=1).min() >= 1
    assert set(panel.rows["unit"]) <= {*panel.members, *panel.dyads.index}
    empty = spec.model.model_copy(update={"start": 1800, "end": 1810})
    with pytest.raises(DataError, match="no dyad of class 'quasi' in 1800-1810"):
        build_dyad_panel(spec.model_copy(update={"model": empty}), folder)


def test_a_dyad_that_ends_before_it_begins_is_refused(copied):
    kept = copied("dyads", 2, first="1990", last="1980")
    with pytest.raises(DataError, match="row 2: begins in 1990 and ends in 1980"):
        read_tables(kept)


def test_years_in_which_a_pair_is_none_make_two_dyads_of_it(copied, folder):
    """Else they would count as years of the pair: its means over years, its peers."""
    kept = copied("dyads", 2, first="1950", last="1990", years="30")
    with pytest.raises(DataError, match=r"row 2, years: is 30, of 1950-1990 \(allowed: 41"):
        read_tables(kept)
    dyads = read_tables(folder)["dyads"].set_index("dyad")
    spans = dyads.loc[[f"philippines-australia-{first}" for first in (1951, 1978)]]
    assert spans[["first", "last"]].to_numpy().tolist() == [[1951, 1953], [1978, 2020]]


def test_values_outside_a_family_are_refused(copied):
    kept = copied("members", 2)
    rows = pd.read_csv(kept / "observations.csv", dtype=str, keep_default_na=False)
    votes = rows.index[rows["indicator"] == "un_same_votes"][0]
    event = rows.index[rows["indicator"] == "dispute"][0]
    rows.loc[votes, "value"] = "900"
    rows.loc[event, "value"] = "2"
    rows = pd.concat([rows, rows.iloc[[0]]])
    rows.to_csv(kept / "observations.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_tables(kept)
    told = str(caught.value)
    for problem in ("n is not a count of at least the value", "value is not 0 or 1",
                    "a second row of indicator, unit and year"):
        assert problem in told


def test_a_table_that_is_missing_or_has_other_columns_is_named(copied):
    kept = copied("members", 2)
    (kept / "sources.csv").unlink()
    (kept / "dyads.csv").write_text("dyad,a\n")
    with pytest.raises(DataError) as caught:
        read_tables(kept)
    assert "sources.csv: the file is missing" in str(caught.value)
    assert ", ".join(COLUMNS["dyads"]) in str(caught.value)


def test_a_model_that_names_what_the_tables_lack_is_refused(folder):
    spec = read_dyad_model("quasi_alliances")
    wrong = spec.model_copy(update={"latents": {**spec.latents, "threat": ("fear",)}})
    with pytest.raises(DataError, match="has no indicator 'fear' of threat"):
        build_dyad_panel(wrong, folder)


def test_a_model_file_that_is_none_or_wrong_is_one_error(tmp_path, root):
    with pytest.raises(SpecError, match=r"is no model over dyads .*quasi_alliances"):
        read_dyad_model("rok_japan")
    good = (root / "models" / "panels" / "quasi_alliances.toml").read_text()
    path = tmp_path / "mine.toml"
    for text, told in ((good + "[", "is no valid TOML"),
                       (good.replace("end = 2020", "end = 1951"), "not at least 3 years after"),
                       (good.replace('"us_troops", ', '"dispute", '), "dispute named twice"),
                       (good.replace("tune = 600", "tunes = 600"), "sampler.tunes"),
                       (good.replace('H1 = ["threat"]', 'H1 = ["thread"]'), "hypotheses.H1.0")):
        path.write_text(text)
        with pytest.raises(SpecError, match=told):
            read_dyad_model(path)
