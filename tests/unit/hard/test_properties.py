"""For any bytes and any values: a number, or one error that names the place. Seeds are fixed."""

import csv
import io
import math
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_alliance.exceptions import DataError, SpecError
from bayes_alliance.spec import parse_model
from bayes_alliance.starter import write_starter
from bayes_alliance.tables import check_dataset, read_dataset
from bayes_alliance.tables.cells import read_rows, read_table
from benchmarks.mutations import CELLS, dump_toml

CHECK = settings(max_examples=60, deadline=None, derandomize=True, database=None,
                 suppress_health_check=[HealthCheck.function_scoped_fixture,
                                        HealthCheck.too_slow])
CELL = st.one_of(st.sampled_from(CELLS), st.text(max_size=12), st.floats().map(repr),
                 st.integers().map(str), st.dates().map(str), st.datetimes().map(str))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound") / "pair"
    write_starter(folder, "state_a,state_b", "patron", "2010-01", "2014-12")
    return folder


@CHECK
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_a_fault_of_that_file(tmp_path, raw):
    path = tmp_path / "covariates.csv"
    path.write_bytes(raw)
    table, faults = read_table(path, "covariates.csv")
    assert table is not None or faults
    assert all(fault.file == "covariates.csv" for fault in faults)


@CHECK
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=5))
def test_rows_come_back_as_they_were_written(tmp_path, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["a", "b"], *rows])
    path = tmp_path / "t.csv"
    try:
        path.write_bytes(text.getvalue().encode("utf-8"))
    except UnicodeEncodeError:  # half of a pair of surrogates is no text
        return
    found, faults = read_rows(path, "t.csv", ["a", "b"])
    if not faults:
        assert [cells for _, cells in found.cells] == rows


@CHECK
@given(cell=CELL, column=st.integers(0, 7), row=st.integers(1, 60))
def test_a_cell_is_refused_by_row_and_column_or_means_what_it_says(pair, tmp_path_factory, cell,
                                                                   column, row):
    import shutil

    folder = tmp_path_factory.mktemp("damaged") / "pair"
    shutil.copytree(pair, folder)
    path = folder / "observations.csv"
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    title = rows[0][column]
    rows[row][column] = cell
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8", "replace"))
    faults = check_dataset(folder)
    if faults:
        assert all(fault.file == "observations.csv" for fault in faults), faults
        with pytest.raises(DataError):
            read_dataset(folder)
        return
    if title == "value":
        kept = read_dataset(folder).observations["value"].iloc[row - 1]
        assert math.isfinite(kept)
        assert kept == float(cell)
        assert cell.strip().isascii()
        assert "_" not in cell


@CHECK
@given(st.text(max_size=300))
def test_any_text_is_a_model_or_a_spec_error_that_names_the_file(text):
    with pytest.raises(SpecError) as caught:
        parse_model(text, "mine.toml")
    assert all(fault.file == "mine.toml" for fault in caught.value.faults)


VALUE = st.recursive(
    st.one_of(st.booleans(), st.integers(-2**70, 2**70), st.floats(allow_nan=False,
                                                                 allow_infinity=False),
              st.text(st.characters(codec="ascii"), max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4),
                            st.dictionaries(st.text(st.characters(codec="ascii"), max_size=6),
                                            inner, max_size=4)), max_leaves=10)


@CHECK
@given(data=st.data())
def test_any_value_behind_any_key_is_a_model_or_a_spec_error(pair, data):
    raw = tomllib.loads((pair / "model.toml").read_text(encoding="utf-8"))
    table = raw
    key = data.draw(st.sampled_from(sorted(raw)))
    while isinstance(table[key], dict) and data.draw(st.booleans()) and table[key]:
        table = table[key]
        key = data.draw(st.sampled_from(sorted(table)))
    table[key] = data.draw(VALUE)
    faults = ()
    try:
        spec = parse_model(dump_toml(raw), "mine.toml")
        assert spec.model.members[0] != spec.model.members[1]
    except SpecError as error:
        faults = error.faults
    assert all(fault.file == "mine.toml" for fault in faults)
