"""A model file leads nowhere outside its folder; absurd sizes are refused before they are read."""

import os
import shutil
import tracemalloc

import pytest

from bayes_alliance.dyads import load_dyad_model
from bayes_alliance.exceptions import DataError, Fault, SpecError
from bayes_alliance.spec import find_dataset, read_model, shipped_folder
from bayes_alliance.starter import write_starter
from bayes_alliance.tables import check_dataset
from bayes_alliance.tables.cells import read_table

OUTSIDE = ["../secret", "/etc", "..", "a/../../secret", "secret/", "\\\\host\\share", "~", "",
           "-rf", "C:x", "a\nb", "a\0b", " secret"]


@pytest.fixture
def pair(tmp_path):
    folder = tmp_path / "home" / "pair"
    folder.parent.mkdir()
    write_starter(folder, "state_a,state_b", "patron", "2010-01", "2014-12")
    shutil.copytree(folder, tmp_path / "secret")
    return folder


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_dataset_is_a_plain_folder_name(pair, name):
    with pytest.raises(SpecError, match="is not a plain folder name"):
        find_dataset(name, pair / "model.toml")


@pytest.mark.parametrize("name", ["../secret", "/etc", "..", "."])
def test_the_dataset_of_a_model_over_dyads_is_one_too(tmp_path, name):
    text = (shipped_folder("models") / "panels" / "quasi_alliances.toml").read_text("utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('dataset = "quasi_alliances"', f'dataset = "{name}"'))
    with pytest.raises(SpecError, match="is not a plain folder name"):
        load_dyad_model(path)


def test_a_dataset_behind_a_link_is_refused(pair):
    (pair / "linked").symlink_to(pair.parent.parent / "secret")
    with pytest.raises(SpecError, match=r"linked is a link to .*secret"):
        find_dataset("linked", pair / "model.toml")
    shutil.copytree(pair.parent.parent / "secret", pair / "own")
    assert find_dataset("own", pair / "model.toml") == (pair / "own").resolve()


def test_a_table_behind_a_link_that_leads_outside_is_refused_and_not_shown(pair, tmp_path):
    secret = tmp_path / "password.csv"
    secret.write_text("hunter2,hunter3\n")
    (pair / "covariates.csv").unlink()
    (pair / "covariates.csv").symlink_to(secret)
    assert [str(one) for one in check_dataset(pair)] == [
        "covariates.csv: is a link to a file outside the dataset's folder (allowed: a file of its "
        "own)"]


@pytest.mark.parametrize("name", ["../x", "a/b", "<b>", "a b", "", "x" * 81, "a.b"])
def test_names_that_become_files_are_plain(pair, name):
    text = (pair / "model.toml").read_text(encoding="utf-8")
    episode = next(line for line in text.splitlines() if line.startswith("[episodes."))
    path = pair / "model.toml"
    path.write_text(text.replace(episode, f'[episodes."{name}"]'))
    with pytest.raises(SpecError, match=r"model\.toml, episodes\."):
        read_model(path)


def test_a_file_that_is_no_file_is_missing(pair):
    (pair / "covariates.csv").unlink()
    os.mkfifo(pair / "covariates.csv")
    assert check_dataset(pair) == [
        Fault("covariates.csv", "", "the file is missing", "every table of a dataset")]


def peak(call):
    tracemalloc.start()
    try:
        result = call()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_table_of_absurd_size_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "covariates.csv"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: takes no room on the disk
    (table, faults), bytes_taken = peak(lambda: read_table(path, "covariates.csv"))
    assert table is None
    assert "the file has 1099511627776 bytes" in str(faults[0])
    assert bytes_taken < 10**6


def test_a_table_of_too_many_rows_is_refused_at_the_first_one_too_many(tmp_path):
    path = tmp_path / "covariates.csv"
    path.write_text("covariate,start,end,value,source,note\n"
                    + "x,2010-01-01,2010-01-31,1,s,\n" * 150_000)
    table, faults = read_table(path, "covariates.csv")
    assert table is None
    assert [str(one) for one in faults] == [
        "covariates.csv, row 100002: is one of more than 100000 rows (allowed: at most 100000 "
        "rows)"]


def test_a_wrong_header_is_found_before_the_rows_are_read(tmp_path):
    path = tmp_path / "covariates.csv"
    path.write_text("a;b;c\n" + "1,2\n" * 2_000_000)
    (table, faults), bytes_taken = peak(lambda: read_table(path, "covariates.csv"))
    assert table is None
    assert "header: its cells are separated by semicolons" in str(faults[0])
    assert bytes_taken < 6 * path.stat().st_size


def test_a_table_wrong_in_every_row_is_told_in_a_bounded_message(tmp_path):
    path = tmp_path / "covariates.csv"
    path.write_text("covariate,start,end,value,source,note\n" + "x,1,2,3,s,\n" * 50_000)
    faults = read_table(path, "covariates.csv")[1]
    assert 500 <= len(faults) <= 510
    assert "more than 500 faults" in str(faults[-1])
    message = str(DataError(faults))
    assert message.splitlines()[0] == f"{len(faults)} faults:"
    assert f"and {len(faults) - 100} more" in message
    assert len(message) < 20_000


def test_a_model_file_of_absurd_size_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(SpecError, match=r"mine\.toml: the file has 1099511627776 bytes"):
        read_model(path)
