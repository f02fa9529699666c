"""Resuming, stamps, failures, deaths and interrupts of many runs, with tasks that cost nothing."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from bayes_alliance.exceptions import AllianceError, SchemaError
from bayes_alliance.inference import many as seam
from bayes_alliance.inference.many import Tally, many
from bayes_alliance.inference.shelf import Shelf, result_text
from bayes_alliance.inference.workers import Outcome, WorkerDied, cores_of_task, run_task

STAMP = {"code": "c0de", "settings": {"draws": 10, "tune": 20}}


def draw(key, item):
    """A result whose seed depends on key and item, and a note that it was made."""
    if "log" in item:
        with open(item["log"], "a") as file:
            file.write(f"{key}\n")
    time.sleep(item.get("seconds", 0.0))
    rng = np.random.default_rng([item["seed"], *key.encode()])
    return pd.DataFrame({"value": rng.standard_normal(3), "count": rng.integers(0, 9, 3),
                         "pid": os.getpid(), "cores": cores_of_task(),
                         "threads": max(pool["num_threads"] for pool in threadpool_info())})


def moody(key, item):
    """Fail, leave, be wrong, die once, or swallow a Ctrl-C, as the item says."""
    if item == "fail":
        raise ValueError(f"no draw of {key}")
    if item == "exit":
        sys.exit("out of here")
    if item == "list":
        return [1, 2]
    if item == "interrupt":
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            return {"draws": "truncated"}
    if isinstance(item, dict) and not Path(item["died"]).exists():
        Path(item["died"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"item": str(item), "pid": os.getpid()}


def solitary(key, item):
    """Say whether no other task of this process runs, on how many cores it may."""
    beside = list(_running)
    _running.append(key)
    time.sleep(0.02)
    _running.remove(key)
    return {"beside": beside, "cores": cores_of_task()}


_running = []


def values(results):
    return {key: frame[["value", "count"]].to_numpy().tolist() for key, frame in results.items()}


def made(log):
    return log.read_text().split()


@pytest.fixture
def items(tmp_path):
    return {f"k-{i}": {"seed": i, "log": str(tmp_path / "log")} for i in range(6)}


@pytest.fixture
def run(tmp_path):
    def run(task, items, **options):
        return many(task, items, **({"folder": tmp_path / "shelf", "stamp": STAMP,
                                     "workers": 1} | options))

    return run


def test_results_come_in_order_and_a_second_run_makes_only_what_is_missing(run, items, tmp_path):
    first = {key: items[key] for key in ("k-3", "k-1")}
    kept = run(draw, first)
    assert list(kept) == ["k-3", "k-1"]
    told = []
    found = run(draw, items, report=told.append)
    assert list(found) == list(items)
    assert sorted(made(tmp_path / "log")) == sorted(items)
    assert told == [Tally(n, 0, 6) for n in range(2, 7)]
    for key, frame in kept.items():
        pd.testing.assert_frame_equal(found[key], frame, check_exact=True)
    again = run(draw, items)
    assert len(made(tmp_path / "log")) == 6
    for key, frame in found.items():
        pd.testing.assert_frame_equal(again[key], frame, check_exact=True)


def test_processes_give_the_numbers_of_this_process_and_stay_for_the_next_call(
        run, items, tmp_path):
    here = run(draw, items)
    slow = {key: item | {"seconds": 0.1} for key, item in items.items()}
    told = []
    there = run(draw, slow, folder=tmp_path / "two", workers=2, report=told.append)
    assert values(there) == values(here)
    assert told == [Tally(n, 0, 6) for n in range(7)]
    pids = {int(frame["pid"].iloc[0]) for frame in there.values()}
    assert len(pids) == 2
    assert os.getpid() not in pids
    again = run(draw, slow, folder=tmp_path / "three", workers=2)
    assert {int(frame["pid"].iloc[0]) for frame in again.values()} == pids
    share = max(1, (os.process_cpu_count() if hasattr(os, "process_cpu_count")
                    else len(os.sched_getaffinity(0))) // 2)
    assert {int(frame["cores"].iloc[0]) for frame in there.values()} == {share}
    assert cores_of_task() is None
    assert {int(frame["threads"].iloc[0]) for frame in [*here.values(), *there.values()]} == {1}


def test_tasks_of_one_process_take_turns():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: run_task(pickle.dumps((solitary, f"k{n}", None)), n),
                              range(8)))
    assert [json.loads(outcome.text)["dict"] for outcome in found] == [
        {"beside": [], "cores": n} for n in range(8)]


def test_tables_and_dicts_come_back_as_they_were(tmp_path):
    table = pd.DataFrame({
        "real": [0.1, np.nan, -np.inf], "short": np.array([0.1, 2.0, 3e-30], dtype=np.float32),
        "whole": [2**53 + 1, -1, 0], "truth": [True, False, True],
        "text": ["a,\"b\"\n", None, "NA"]})
    with Shelf(tmp_path, "t", {}).held() as shelf:
        written = shelf.write("table", result_text(table))
        pd.testing.assert_frame_equal(shelf.read("table"), table, check_exact=True)
        pd.testing.assert_frame_equal(written, table, check_exact=True)
        shelf.write("none", result_text(table.iloc[:0]))
        pd.testing.assert_frame_equal(shelf.read("none"), table.iloc[:0])
        shelf.write("dict", result_text({"a": [1, {"b": np.float64(0.1)}], "c": np.int64(3)}))
        assert shelf.read("dict") == {"a": [1, {"b": 0.1}], "c": 3}


@pytest.mark.parametrize(("result", "words"), [
    ([1], "returned a list"), (None, "returned a NoneType"),
    (pd.DataFrame({"a": [1]}, index=[5]), "reset_index"),
    (pd.DataFrame({"a": [object()]}), "column 'a' .* dtype object"),
    (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}), "column 'a' .* dtype datetime64"),
    (pd.DataFrame([[1, 2]]), "not names"), ({"a": {1, 2}}, "JSON does not know a set")])
def test_a_result_that_would_change_on_the_way_is_refused(result, words):
    with pytest.raises(TypeError, match=words):
        result_text(result)


def test_a_folder_of_other_settings_is_refused_by_name_and_left_alone(run, items, tmp_path):
    kept = run(draw, items)
    before = {path: path.read_bytes() for path in (tmp_path / "shelf").rglob("*.json")}
    other = {"code": "c0de", "settings": {"draws": 11, "tune": 20}, "spec_hash": "new"}
    with pytest.raises(SchemaError, match=r"stamp\.settings\.draws: 10 there, 11 now; "
                                          r"stamp\.spec_hash: absent there, \"new\" now") as caught:
        run(draw, items, stamp=other)
    assert "tune" not in str(caught.value)
    assert "code" not in str(caught.value).replace("restart", "")
    with pytest.raises(SchemaError, match=r'task: "test_many:draw" there, "test_many:moody" now'):
        run(moody, items)
    assert {path: path.read_bytes() for path in (tmp_path / "shelf").rglob("*.json")} == before
    # The order of settings is no difference.
    assert values(run(draw, items, stamp=dict(reversed(STAMP.items())))) == values(kept)
    assert len(made(tmp_path / "log")) == 6


def test_a_restart_moves_everything_aside_and_deletes_nothing(run, items, tmp_path):
    run(draw, items)
    shelf = tmp_path / "shelf"
    before = {path.name: path.read_bytes() for path in shelf.rglob("*.json")}
    for number, settings in ((1, {"draws": 11}), (2, {"draws": 12})):
        run(draw, items, stamp=settings, restart=True)
        assert len(made(tmp_path / "log")) == 6 * (number + 1)
        assert json.loads((shelf / "stamp.json").read_text())["stamp"] == settings
    aside = shelf / "before-1"
    assert {path.name: path.read_bytes() for path in aside.rglob("*.json")} == before
    assert len(list((shelf / "before-2" / "results").iterdir())) == 6


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def foreign(path):
    path.write_text('{"mine": 1}')


def of_another_stamp(path):
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"stamp": "0" * 64}))


def of_another_key(path):
    path.write_bytes((path.parent / "k-2.json").read_bytes())


@pytest.mark.parametrize("damage", [cut, empty, zeros, foreign, of_another_stamp, of_another_key])
def test_a_result_that_is_not_whole_and_own_counts_as_missing(run, items, tmp_path, damage):
    kept = run(draw, items)
    damage(tmp_path / "shelf" / "results" / "k-4.json")
    assert values(run(draw, items)) == values(kept)
    assert made(tmp_path / "log")[6:] == ["k-4"]


def test_an_unreadable_stamp_or_results_without_one_are_refused(run, items, tmp_path):
    run(draw, items)
    stamp = tmp_path / "shelf" / "stamp.json"
    stamp.write_text("{")
    with pytest.raises(SchemaError, match=r"stamp\.json cannot be read .* restart=True"):
        run(draw, items)
    stamp.unlink()
    with pytest.raises(SchemaError, match=r"results without a stamp\.json.* restart=True"):
        run(draw, items)
    run(draw, items, restart=True)
    assert len(made(tmp_path / "log")) == 12


def test_a_write_that_stops_half_way_leaves_the_old_file_or_none(run, items, tmp_path,
                                                                 monkeypatch):
    def full(*_):
        raise OSError(28, "no space left")

    run(draw, {"k-0": items["k-0"]})
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        run(draw, items)
    monkeypatch.undo()
    shelf = tmp_path / "shelf"
    assert sorted(path.name for path in shelf.rglob("*") if path.is_file()) == [
        "k-0.json", "stamp.json"]
    assert len(run(draw, items)) == 6


def test_failures_are_all_told_and_the_others_are_kept(run, tmp_path):
    items = {"a": 1, "b": "fail", "c": "exit", "d": "list", "e": threading.Lock(), "f": 2}
    told = []
    with pytest.raises(AllianceError, match="4 of 6 tasks failed") as caught:
        run(moody, items, report=told.append)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == ["b", "c", "d", "e"]
    assert "ValueError: no draw of b (test_many.py:" in lines[0]
    assert "SystemExit: out of here" in lines[1]
    assert "returned a list" in lines[2]
    assert "cannot be sent" in lines[3]
    assert told[-1] == Tally(2, 4, 6)
    assert all(later.finished >= one.finished and later.failed >= one.failed
               and sum(later[:2]) == sum(one[:2]) + 1
               for one, later in zip(told, told[1:], strict=False))
    shelf = tmp_path / "shelf"
    assert sorted(path.name for path in (shelf / "results").iterdir()) == ["a.json", "f.json"]
    assert 'raise ValueError(f"no draw of {key}")' in (shelf / "failed" / "b.txt").read_text()
    # What failed is tried again, and its traceback goes when it has a result.
    found = run(moody, {key: 3 for key in "abcde"})
    assert found["a"]["item"] == "1"
    assert found["b"]["item"] == "3"
    assert not list((shelf / "failed").iterdir())


@pytest.mark.parametrize("keys", [["a/b"], [""], [".hidden"], ["a", "A"], ["x" * 101], ["a b"]])
def test_keys_that_are_no_file_names_are_refused(run, keys, tmp_path):
    with pytest.raises(ValueError, match=r"cannot be a file name|differ only in capitals"):
        run(moody, dict.fromkeys(keys, 1))
    assert not (tmp_path / "shelf").exists()


def test_tasks_that_no_worker_can_import_and_odd_numbers_of_workers_are_refused(
        run, monkeypatch):
    def inner(key, item):
        return {}

    def of_a_script(key, item):
        return {}

    of_a_script.__module__, of_a_script.__qualname__ = "__main__", "of_a_script"
    monkeypatch.setattr(sys.modules["__main__"], "of_a_script", of_a_script, raising=False)
    for task in (inner, lambda key, item: {}, of_a_script):
        with pytest.raises(ValueError, match="cannot be imported by a worker"):
            run(task, {"a": 1})
    with pytest.raises(ValueError, match="workers=0"):
        run(moody, {"a": 1}, workers=0)
    with pytest.raises(ValueError, match="none with a cluster"):
        run(moody, {"a": 1}, workers=2, cluster="tcp://127.0.0.1:1")


def test_without_dask_a_cluster_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(AllianceError, match=r"pip install bayes_alliance\[cluster\]"):
        run(moody, {"a": 1}, workers=None, cluster="tcp://127.0.0.1:1")
    assert run(moody, {"a": 1})["a"]["item"] == "1"


def test_an_interrupted_task_gives_no_result_and_the_others_are_kept(run, tmp_path):
    items = {"a": 1, "b": "interrupt", "c": 2}
    with pytest.raises(KeyboardInterrupt):
        run(moody, items)
    shelf = tmp_path / "shelf"
    assert [path.name for path in (shelf / "results").iterdir()] == ["a.json"]
    assert not (shelf / "lock").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert run(moody, dict.fromkeys("abc", 5))["a"]["item"] == "1"


def test_a_worker_process_that_dies_loses_nothing(run, tmp_path):
    items = {"a": 1, "b": {"died": str(tmp_path / "died")}, "c": 2, "d": 3}
    told = []
    found = run(moody, items, workers=2, report=told.append)
    assert (tmp_path / "died").exists()
    assert [found[key]["item"] for key in "acd"] == ["1", "2", "3"]
    assert told == [Tally(n, 0, 4) for n in range(5)]


class DeadlyCrew:
    """Two workers in one pool: what runs when `bad` runs dies with it."""

    def __init__(self):
        self.running, self.dead, self.log, self.stopped = [], set(), [], None

    def size(self):
        return 2

    def start(self, key):
        self.running.append(key)
        self.log.append(tuple(self.running))
        return key

    def next_done(self):
        if "bad" in self.running:
            self.dead |= set(self.running)
        return self.running.pop(0)

    def outcome(self, key):
        if key in self.dead:
            self.dead.discard(key)
            raise WorkerDied("4 died")
        return Outcome(text=key)

    def close(self, *, stop):
        self.stopped = stop


def test_a_deadly_key_fails_alone_after_four_deaths():
    crew, taken = DeadlyCrew(), {}
    seam._work_through(crew, deque(["bad", "a", "b", "c", "d"]), lambda key: key,
                       taken.__setitem__)
    assert {key: outcome.failure for key, outcome in taken.items()} == {
        "a": "", "b": "", "c": "", "d": "", "bad": "4 died"}
    # Once beside another, then three times alone, after everything that saw no death.
    with_bad = [place for place, running in enumerate(crew.log) if "bad" in running]
    assert [crew.log[place] for place in with_bad] == [
        ("bad",), ("bad", "a"), ("bad",), ("bad",), ("bad",)]
    assert with_bad[2] > max(place for place, running in enumerate(crew.log)
                             if {"b", "c", "d"} & set(running))
    assert crew.stopped is False


def other_run(folder, tmp_path, workers=2):
    """Start a run of its own in a process group of its own, and wait for its first results."""
    code = ("import test_many\nfrom bayes_alliance.inference.many import many\n"
            f"items = {{f'k-{{i}}': {{'seed': i, 'seconds': 0.3, 'log': {str(tmp_path / 'log')!r}}}"
            " for i in range(60)}\n"
            f"many(test_many.draw, items, folder={str(folder)!r}, stamp={STAMP!r}, "
            f"workers={workers})\n")
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True,
                               cwd=Path(__file__).parent, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list((folder / "results").glob("*.json"))) < 4:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def group_is_gone(group, within):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def goes_on(run, folder, tmp_path):
    """Finish another run's work here and check that nothing finished was made twice."""
    kept = {path.stem for path in (folder / "results").glob("k-*.json")}
    before = len(made(tmp_path / "log"))
    items = {f"k-{i}": {"seed": i, "log": str(tmp_path / "log")} for i in range(60)}
    found = run(draw, items, folder=folder)
    assert set(made(tmp_path / "log")[before:]) == set(items) - kept
    assert values(found) == values(run(draw, items, folder=tmp_path / "whole"))


def test_ctrl_c_ends_the_workers_at_once_and_keeps_what_is_done(run, tmp_path):
    folder = tmp_path / "other"
    process = other_run(folder, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert process.returncode in (130, -signal.SIGINT)
    assert group_is_gone(process.pid, within=5)
    assert not (folder / "lock").exists()
    goes_on(run, folder, tmp_path)


def test_a_folder_in_use_is_refused_and_that_of_a_killed_run_is_not(run, tmp_path):
    folder = tmp_path / "other"
    process = other_run(folder, tmp_path)
    with pytest.raises(AllianceError, match=f"in use by process {process.pid} on .* since 20"):
        run(draw, {"k-0": {"seed": 0}}, folder=folder)
    process.kill()
    process.communicate(timeout=30)
    # Its workers notice within a second or two, in the middle of a task as they may be.
    assert group_is_gone(process.pid, within=10)
    assert (folder / "lock").exists()
    goes_on(run, folder, tmp_path)
    assert not (folder / "lock").exists()


def test_two_runs_of_this_process_do_not_share_a_folder(run, tmp_path):
    def again(tally):
        with pytest.raises(AllianceError, match=f"in use by process {os.getpid()}"):
            run(moody, {"b": 1})

    assert run(moody, {"a": 1}, report=again)["a"]["item"] == "1"


def test_a_lock_of_this_number_from_before_or_of_nobody_is_stale(run, tmp_path):
    lock = tmp_path / "shelf" / "lock"
    lock.parent.mkdir()
    lock.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": "x"}))
    assert len(run(moody, {"a": 1})) == 1
    lock.write_text("")
    with pytest.raises(AllianceError, match="being taken by another run"):
        run(moody, {"a": 1})
    os.utime(lock, (time.time() - 3600,) * 2)
    assert len(run(moody, {"a": 1})) == 1
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder = {"pid": gone.pid, "host": socket.gethostname(), "since": "2020"}
    lock.write_text(json.dumps(holder))
    assert len(run(moody, {"a": 1})) == 1
    # Whether a process of another machine lives cannot be asked from here.
    lock.write_text(json.dumps(holder | {"host": "elsewhere"}))
    with pytest.raises(AllianceError, match=f"process {gone.pid} on elsewhere since 2020"):
        run(moody, {"a": 1})


def test_temporary_files_of_a_killed_run_are_swept(run, tmp_path):
    run(moody, {"a": 1})
    old, new = (tmp_path / "shelf" / "results" / f".{name}.part" for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    run(moody, {"a": 1})
    assert not old.exists()
    assert new.exists()


def test_no_scheduler_is_connected_to_unless_its_address_is_given(tmp_path):
    script = """
import sys
from bayes_alliance.inference.many import many
from tests.unit.inference.test_many import draw
for workers in (1, 2):
    many(draw, {"a": {"seed": 1}, "b": {"seed": 2}}, folder=f"{sys.argv[1]}/{workers}",
         stamp={}, workers=workers)
print("distributed" in sys.modules)
"""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        # The names under which Dask itself would look for an address.
        named = {"DASK_SCHEDULER_ADDRESS": address, "DASK_SCHEDULER__ADDRESS": address}
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], text=True,
                              capture_output=True, env={**os.environ, **named}, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "False"
        with pytest.raises(BlockingIOError):
            listening.accept()
