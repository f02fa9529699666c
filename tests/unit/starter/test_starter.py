"""``data init``: all faults at once, all files or none, and a dataset that is sound."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayes_alliance.cli.app import app
from bayes_alliance.exceptions import DataError
from bayes_alliance.spec import Priors, find_dataset, read_model
from bayes_alliance.starter import MODEL_FILE, write_starter
from bayes_alliance.tables import build_panel, check_dataset, read_dataset
from bayes_alliance.tables.schema import TABLES

PLAIN = ("state_a,state_b", "patron", "2010-01", "2019-12")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("pair", [
    PLAIN,
    ("france, west_germany", "uk", "1955-07", "1959-06"),
    ("poll_a,visits_poll_b2", "us", "1990-01", "2020-11"),
    ("x,y", "z", "1800-01", "1849-12"),
])
def test_what_is_written_has_no_fault_and_fits_together(tmp_path, pair):
    folder = tmp_path / "a pair, ünd more"
    write_starter(folder, *pair)
    assert check_dataset(folder) == []
    spec = read_model(folder / MODEL_FILE)
    panel = build_panel(read_dataset(find_dataset(spec.model.dataset, folder / MODEL_FILE)), spec)
    assert spec.priors == Priors()
    assert spec.model.patron == pair[1]
    assert panel.rows["indicator"].nunique() == len(spec.indicators)
    for name in ("observations.csv", "events.csv", "indicators.csv", "sources.csv"):
        lines = (folder / name).read_text().splitlines()[1:]
        assert all("made up" in line and "made_up" in line for line in lines), name


def test_only_names_differ_between_two_pairs_over_the_same_months(tmp_path):
    write_starter(tmp_path / "one", *PLAIN)
    write_starter(tmp_path / "two", "north,south", "us", *PLAIN[2:])
    values = [[line.split(",")[3] for line in
               (tmp_path / name / "observations.csv").read_text().splitlines()]
              for name in ("one", "two")]
    assert values[0] == values[1]


def test_a_folder_with_both_may_be_renamed(tmp_path):
    write_starter(tmp_path / "one", *PLAIN)
    (tmp_path / "one").rename(tmp_path / "two")
    spec = read_model(tmp_path / "two" / MODEL_FILE)
    assert find_dataset(spec.model.dataset, tmp_path / "two" / MODEL_FILE) == tmp_path / "two"


def test_an_empty_folder_stays_the_same_folder(tmp_path):
    before = tmp_path.stat().st_ino
    done = run("data", "init", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert tmp_path.stat().st_ino == before
    assert {path.name for path in tmp_path.iterdir()} == {*TABLES, MODEL_FILE}


def test_a_second_run_is_refused_and_changes_nothing(tmp_path):
    folder = tmp_path / "pair"
    assert run("data", "init", folder).exit_code == 0
    (folder / "events.csv").write_text("mine")
    again = run("data", "init", folder, "--patron", "us")
    assert again.exit_code == 2
    assert "holds covariates.csv, event_coverage.csv, events.csv and 5 more already" in again.stderr
    assert (folder / "events.csv").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["pair"]


def test_every_fault_is_told_at_once_and_nothing_is_written(tmp_path):
    done = run("data", "init", tmp_path / "no" / "pair", "--members", "Japan,both,a-b",
               "--patron", "a-b", "--start", "1990-13", "--end", "99")
    assert done.exit_code == 2
    for part in ("9 faults", "there is no folder", "names 3 states", "did you mean 'japan'?",
                 "'both' is taken", "did you mean 'a_b'?", "is also a member",
                 "'1990-13' is no month", "'99' is no month"):
        assert part in done.stderr, part
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "value", "problem"), [
    ("--members", "japan", "names 1 states"),
    ("--members", "japan,japan", "names one state twice"),
    ("--members", "japan,", "an empty name"),
    ("--members", "japan,../x", "'../x' cannot be the name"),
    ("--members", "japan,日本", "'日本' cannot be the name"),
    ("--members", "japan," + "x" * 41, "at most 40"),
    ("--members", "japan,adversary", "is taken"),
    ("--patron", "state_a", "is also a member"),
    ("--patron", "state_a_state_b", "is also the name of the pair"),
    ("--start", "2019-12", "are 1 months"),
    ("--start", "2020-01", "is before the start"),
    ("--end", "9999-12", "out of range"),
    ("--start", "２０１０-01", "is no month"),
])
def test_a_name_or_month_that_is_not_allowed_is_named(tmp_path, option, value, problem):
    done = run("data", "init", tmp_path / "pair", option, value)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_or_a_dead_link_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name in ("file", "link"):
        with pytest.raises(DataError, match="is no folder"):
            write_starter(tmp_path / name, *PLAIN)
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_message(tmp_path):
    tmp_path.chmod(0o500)
    done = run("data", "init", tmp_path / "pair")
    tmp_path.chmod(0o700)
    assert done.exit_code == 2
    assert "Permission denied" in done.stderr


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    def refuse(path, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    done = run("data", "init", tmp_path / "pair")
    assert done.exit_code == 2
    assert done.stderr == f"error: Permission denied: {tmp_path}\n"


@pytest.mark.parametrize("there", [True, False])
def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch, there):
    folder = tmp_path / "pair"
    if there:
        folder.mkdir()
    write = Path.write_text

    def fail(path, *arguments, **options):
        if path.name == "sources.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", fail)
    done = run("data", "init", folder)
    assert done.exit_code == 2
    assert "Permission denied" in done.stderr
    assert folder.is_dir() == there
    assert [path for path in tmp_path.rglob("*") if path != folder] == []
