"""A dozen moments at which jobs that sample nothing are struck, and two at a time.

The full run, of fits, backtests, calibrations and reports, is ``benchmarks/reliability.py``.
"""

import errno
import json
import os
import subprocess
import sys
import tempfile

import pytest

from bayes_alliance import files
from bayes_alliance.cli.console import save_or_keep
from bayes_alliance.files import write_whole

pytestmark = pytest.mark.skipif(sys.platform != "linux",
                                reason="limits are set on running processes as Linux lets one")
MOMENTS = 14


@pytest.fixture(scope="module")
def found(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("reliability")
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / "reliability.py"), "faults", "--light",
         "--moments", str(MOMENTS), "--pairs", "2", "--out", str(out)],
        capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"PYTHONPATH": str(root), "PYTHONWARNINGS": "ignore"})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "faults.json").read_text())


def test_every_fault_strikes_every_job_and_no_file_is_half(found):
    trials = found["trials"]
    assert len({(one["job"], one["fault"]) for one in trials}) == MOMENTS == 2 * 7
    struck = [one for one in trials if one["outcome"] != "never struck"]
    assert len(struck) >= 10
    assert [one for one in struck if one["half"] or not one["good"]] == []


def test_two_processes_in_one_folder_leave_whole_files(found):
    assert {one["files"] for one in found["pairs"]} == {"whole"}
    assert {one["job"] for one in found["pairs"]} == {"save", "tasks"}


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "a[1].csv"
    write_whole(path, "one\n", overwrite=False)
    with pytest.raises(FileExistsError, match=r"a\[1\]\.csv"):
        write_whole(path, "two\n", overwrite=False)
    assert path.read_text() == "one\n"
    write_whole(path, b"three\r\n")
    assert path.read_bytes() == b"three\r\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_links_still_keeps_what_is_there(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files.os, "link", no_links)
    write_whole(tmp_path / "a", "one", overwrite=False)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", "two", overwrite=False)
    assert (tmp_path / "a").read_text() == "one"


def test_what_a_killed_writer_left_is_swept_once_it_is_old(tmp_path):
    old, new, other = (tmp_path / name for name in (".a.old.part", ".a.new.part", ".b.old.part"))
    for path in (old, new, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (0, 0))
    write_whole(tmp_path / "a", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a", new.name, other.name}


def test_a_full_disk_is_told_by_the_name_of_the_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*page\.html"):
        write_whole(tmp_path / "page.html", "new")
    assert list(tmp_path.iterdir()) == []


def save_text(path, *, overwrite):
    write_whole(path, "draws", overwrite=overwrite)


def test_draws_whose_name_was_taken_meanwhile_are_kept_beside_it(tmp_path, capsys):
    path = tmp_path / "fit.nc"
    for taken in (path, tmp_path / "fit-2.nc"):
        taken.write_text("another's")
    with pytest.raises(FileExistsError, match=r"fit\.nc has been written by another process"):
        save_or_keep(save_text, path, overwrite=False)
    kept = tmp_path / "fit-3.nc"
    assert f"the draws are kept in {kept}" in capsys.readouterr().err
    assert [one.read_text() for one in (path, kept)] == ["another's", "draws"]


def test_draws_that_cannot_be_written_to_their_folder_are_kept_in_the_temporary_one(
        tmp_path, monkeypatch, capsys):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    path = tmp_path / "full" / "fit.nc"

    def save(target, *, overwrite):
        if target.parent == path.parent:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        save_text(target, overwrite=overwrite)

    with pytest.raises(OSError, match="No space left on device"):
        save_or_keep(save, path, overwrite=True)
    assert (elsewhere / "fit-2.nc").read_text() == "draws"
    assert "elsewhere" in capsys.readouterr().err


def test_where_nothing_can_be_written_the_first_error_is_told(tmp_path, capsys):
    def save(target, *, overwrite):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with pytest.raises(OSError, match=r"fit\.nc"):
        save_or_keep(save, tmp_path / "fit.nc", overwrite=True)
    assert capsys.readouterr().err == ""
