"""Variants of a model's data: what they change, what they leave, what is refused."""

import numpy as np
import pytest

from bayes_alliance.exceptions import DataError, SpecError
from bayes_alliance.spec import VariantSpec, parse_model, posterior_hash, spec_hash
from bayes_alliance.tables import build_panel, build_variant, read_dataset

MASK = {"title": "travel from November 2022", "masks": {
    "jnto_travel_rok": [["2020-02", "2022-10"]], "kto_travel_japan": [["2020-02", "2022-10"]]}}
CONTROL = {"title": "the world's tension", "controls": {
    "tension": {"transform": "log", "shift": 1.0, "scale": 2.0}}}


def with_controls(folder, *, without="", value="2.718281828459045"):
    months = [f"{year}-{month:02d}" for year in range(2004, 2025) for month in range(1, 13)]
    rows = [f"tension,{month}-01,{month}-28,{value},https://example.org,"
            for month in months if month != without]
    (folder / "controls.csv").write_text(
        "\n".join(["control,start,end,value,source,note", *rows]) + "\n")
    return read_dataset(folder)


@pytest.fixture(scope="module")
def text(root):
    return (root / "models" / "rok_japan.toml").read_text()


def test_masks_of_a_variant_stand_instead_of_the_tables(dataset, spec, panel):
    found = build_variant(read_dataset(dataset), spec, VariantSpec.model_validate(MASK))
    old, new = (one.rows.set_index(["indicator", "start"]) for one in (panel, found))
    more = new.index.difference(old.index)
    assert old.index.difference(new.index).empty
    assert {str(start)[:7] for _, start in more} == {
        "2022-11", "2022-12", *(f"2023-{month:02d}" for month in range(1, 10))}
    assert {name for name, _ in more} == {"jnto_travel_rok", "kto_travel_japan"}
    assert new.loc[old.index, "y"].equals(old["y"])
    assert found.rivals.equals(panel.rivals)
    assert found.data_hash != panel.data_hash


def test_a_control_stands_beside_the_triggers_transformed_as_declared(dataset, spec, panel):
    tables = with_controls(dataset)
    assert tables.data_hash == panel.data_hash
    found = build_variant(tables, spec, VariantSpec.model_validate(CONTROL))
    assert list(found.rivals) == [*panel.rivals, "tension"]
    np.testing.assert_allclose(found.rivals["tension"], 0.0, atol=1e-12)
    assert found.rows.equals(panel.rows)
    assert build_panel(tables, spec).rivals.equals(panel.rivals)


def test_a_variants_hash_changes_with_its_controls(dataset, spec):
    variant = VariantSpec.model_validate(CONTROL)
    first, second = (build_variant(with_controls(dataset, value=value), spec, variant)
                     for value in ("2.0", "3.0"))
    assert first.data_hash != second.data_hash


@pytest.mark.parametrize(("change", "message"), [
    ({"without": "2010-05"}, r"no value in 1 months of the model \(2010-05..2010-05\)"),
    ({"value": "-1"}, "there is no log"),
])
def test_a_control_that_does_not_fit_is_refused(dataset, spec, change, message):
    tables = with_controls(dataset, **change)
    with pytest.raises(DataError, match=message):
        build_variant(tables, spec, VariantSpec.model_validate(CONTROL))


def test_an_unknown_control_is_refused_with_the_nearest(dataset, spec):
    other = {"title": "x", "controls": {"tensions": {}}}
    with pytest.raises(DataError, match="did you mean 'tension'"):
        build_variant(with_controls(dataset), spec, VariantSpec.model_validate(other))
    (dataset / "controls.csv").unlink()
    with pytest.raises(DataError, match="the table, with a row a month"):
        build_variant(read_dataset(dataset), spec, VariantSpec.model_validate(other))


@pytest.mark.parametrize(("row", "message"), [
    ("tension,2030-01-01,2030-01-31,x,https://example.org,", "no number"),
    ("tension,2030-01-31,2030-01-01,1,https://example.org,", "ends on"),
    ("tension,2010-05-01,2010-05-28,1,https://example.org,", "repeats row"),
    ("tension,2030-01-01,2030-01-31,1,somebody,", "unknown source"),
])
def test_the_table_of_controls_is_checked_with_the_others(dataset, row, message):
    with_controls(dataset)
    path = dataset / "controls.csv"
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(dataset)
    assert all(fault.file == "controls.csv" for fault in caught.value.faults)


def test_variants_change_no_hash_of_the_model(text, spec):
    found = parse_model(text + """
[variants.travel]
title = "travel from November 2022"
masks = { jnto_travel_rok = [["2020-02", "2022-10"]] }
""")
    assert found.variants["travel"].masks["jnto_travel_rok"] == (("2020-02", "2022-10"),)
    assert spec_hash(found) == spec_hash(spec)
    assert posterior_hash(found) == posterior_hash(spec)


@pytest.mark.parametrize(("part", "message"), [
    ('title = "x"', "changes nothing"),
    ('title = "x"\nmasks = { jnto_travel_rk = [] }', "did you mean 'jnto_travel_rok'"),
    ('title = "x"\nmasks = { jnto_travel_rok = [["2022-10", "2020-02"]] }', "is after"),
    ('title = "x"\ncontrols = { triggers_rok = {} }', "called as one of"),
    ('title = "x"\ncontrols = { a = { scale = 0.0 } }', "greater than 0"),
    ('title = "x"\ncontrols = { a = {} }\n[variants.w]\ntitle = "x"\ncontrols = { a = {} }',
     "stands twice"),
])
def test_a_wrong_variant_is_refused_when_the_file_is_read(text, part, message):
    with pytest.raises(SpecError, match=message):
        parse_model(f"{text}\n[variants.v]\n{part}\n")
