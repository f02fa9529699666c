"""Many fits on a real Dask scheduler: the same numbers, and nothing lost with a worker."""

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_alliance
from bayes_alliance import constants as c
from bayes_alliance.exceptions import AllianceError
from bayes_alliance.inference import cluster as place
from bayes_alliance.inference.many import Tally, many

KEYS = [f"seed-{seed}" for seed in range(1, 5)]


def short_fit(key, item):
    """A few draws of the second model, a pause, and whether they cost a compilation."""
    from bayes_alliance.inference import Gate, fit_panel, load_model

    note(item["log"], "begun", key)
    spec, panel = load_model("japan_philippines")
    steps = []
    fit = fit_panel(spec, panel, seed=item["seed"], draws=10, tune=20, chains=2,
                    gate=Gate(rhat=99.0, rhat_states=99.0, ess=0.0, bfmi=0.0, divergences=9999),
                    announce=steps.append)
    time.sleep(item.get("seconds", 0.0))
    compilations = steps.count("compiling the model")
    if compilations:
        note(item["log"], "compiled", key)
    note(item["log"], "done", key)
    return pd.DataFrame({
        "pid": os.getpid(), "compilations": compilations,
        "value": np.concatenate([fit.posterior[c.VAR_COEFFICIENT].to_numpy().ravel(),
                                 fit.posterior[c.COHESION].to_numpy().ravel()])})


def cheap(key, item):
    """Wait a little; or fail, or end the process."""
    note(item["log"], "begun", key)
    if item.get("do") == "fail":
        note(item["log"], "done", key)
        raise ValueError("as asked")
    if item.get("do") == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(item.get("seconds", 0.2))
    note(item["log"], "done", key)
    return {"pid": os.getpid(), "value": float(np.random.default_rng(item["seed"]).normal())}


def note(log, what, key):
    # One short write of a file opened for appending is one line, whoever else writes.
    with open(log, "a") as file:
        file.write(f"{os.getpid()} {what} {key}\n")


def notes(log):
    return pd.DataFrame([line.split() for line in Path(log).read_text().splitlines()],
                        columns=["pid", "what", "key"]).astype({"pid": int})


def in_the_middle(log):
    """Processes that have begun a task and are not done with it."""
    table = notes(log)
    counts = table.groupby(["pid", "what"]).size().unstack(fill_value=0)
    done = counts.get("done", 0)
    return sorted(counts.index[counts["begun"] > done])


class Cluster:
    """A scheduler and workers, each a process of this machine."""

    def __init__(self, folder, **settings):
        self.folder, self.processes = folder, []
        self.environment = os.environ | {
            # This file for the tasks, and the package that is under test.
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent),
                                           str(Path(bayes_alliance.__file__).parent.parent)]),
            "PYTHONWARNINGS": "ignore",
            **{f"DASK_DISTRIBUTED__{name}": value for name, value in settings.items()}}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.scheduler = self.start("scheduler", "--host", self.address, "--idle-timeout", "600")
        self.wait_for(0)

    def start(self, *command):
        # A line of output is a log of this cluster, not of the test.
        name = f"{command[0]}-{len(self.processes)}"
        # No machine code of another process: each has to compile what it runs.
        own = {"BAYES_ALLIANCE_CACHE": str(self.folder / f"{name}-cache")}
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen([sys.executable, "-m", "dask", *command, "--no-dashboard"],
                                       env=self.environment | own, cwd=self.folder, stdout=log,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        self.processes.append(process)
        return process

    def worker(self, *options):
        return self.start("worker", self.address, "--nthreads", "1", "--memory-limit", "0",
                          "--local-directory", str(self.folder), "--death-timeout", "60", *options)

    def wait_for(self, workers):
        from distributed import Client

        with Client(self.address, timeout=60, set_as_default=False) as client:
            if workers:
                client.wait_for_workers(workers, timeout=60)

    def pids(self):
        from distributed import Client

        with Client(self.address, timeout=60, set_as_default=False) as client:
            return set(client.run(os.getpid).values())

    def replaced(self, old):
        """Wait for a process that is not among the old ones, and return it."""
        deadline = time.monotonic() + 60
        while not self.pids() - old:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        (new,) = self.pids() - old
        return new

    def close(self):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    for _ in range(2):
        started.worker("--no-nanny")
    started.wait_for(2)
    yield started
    started.close()


@pytest.fixture
def lone(tmp_path):
    """A scheduler that gives a task up at the first death, still without a worker."""
    (tmp_path / "lone").mkdir()
    started = Cluster(tmp_path / "lone", SCHEDULER__ALLOWED_FAILURES="0")
    yield started
    started.close()


@pytest.fixture
def log(tmp_path):
    return str(tmp_path / "log")


def test_fits_on_a_cluster_are_those_of_this_process_though_one_worker_is_killed(
        cluster, tmp_path, log):
    items = {key: {"seed": seed, "log": log} for seed, key in enumerate(KEYS, 1)}
    # Two that begin together must not end together, or nobody is in the middle of a task.
    items["seed-2"]["seconds"] = 3.0
    told, killed = [], []

    def kill_one(tally):
        told.append(tally)
        busy = in_the_middle(log) if tally.finished else []
        if busy and not killed:
            os.kill(busy[0], signal.SIGKILL)
            killed.append(busy[0])

    there = many(short_fit, items, folder=tmp_path / "there", stamp={}, cluster=cluster.address,
                 report=kill_one)
    assert told == [Tally(n, 0, 4) for n in range(5)]
    assert len(killed) == 1
    assert killed[0] in {process.pid for process in cluster.processes}
    table = notes(log)
    begun = table[table["what"] == "begun"].groupby("key").size()
    assert list(begun.index) == KEYS
    assert begun.sum() == 5
    pids = {int(frame["pid"].iloc[0]) for frame in there.values()}
    assert os.getpid() not in pids
    # Every process that made a result compiled once, however many results it made.
    compiled = table[table["what"] == "compiled"].groupby("pid").size()
    assert set(compiled) == {1}
    assert pids <= set(compiled.index)
    assert sum(int(frame["compilations"].iloc[0]) for frame in there.values()) <= len(pids)

    # The fit that was begun twice, and one that was not.
    chosen = [begun.idxmax(), next(key for key in KEYS if begun[key] == 1)]
    here = many(short_fit, {key: items[key] for key in chosen}, folder=tmp_path / "here",
                stamp={}, workers=1)
    for key in chosen:
        assert np.array_equal(there[key]["value"], here[key]["value"])
    assert not np.array_equal(*[here[key]["value"] for key in chosen])


def test_a_run_resumes_and_a_killed_worker_is_replaced(cluster, tmp_path, log):
    before = cluster.pids()
    cluster.worker("--nanny")
    watched = cluster.replaced(before)
    here, folder = {"stamp": {}, "workers": 1}, tmp_path / "shelf"
    there = {"stamp": {}, "cluster": cluster.address}
    # A task for each worker, so that all have imported what a task needs.
    many(cheap, {f"k-{n}": {"seed": 0, "log": log} for n in range(len(before) + 1)},
         folder=tmp_path / "first", **there)
    assert set(notes(log)["pid"]) == before | {watched}

    Path(log).unlink()
    # Of different length, so that the workers do not keep step.
    items = {f"k-{i}": {"seed": i, "log": log, "seconds": 0.1 + i % 3 / 10} for i in range(15)}
    known = many(cheap, {key: items[key] for key in ("k-1", "k-5")}, folder=folder, **here)
    items["k-7"]["do"] = "fail"
    killed = []

    def kill_watched(tally):
        if not killed and watched in in_the_middle(log):
            os.kill(watched, signal.SIGKILL)
            killed.append(watched)

    with pytest.raises(AllianceError, match="1 of 15 tasks failed") as caught:
        many(cheap, items, folder=folder, report=kill_watched, **there)
    assert "k-7: ValueError: as asked (test_cluster.py:" in str(caught.value)
    assert killed
    table = notes(log)
    begun = table[table["what"] == "begun"]
    lost = begun.loc[begun["pid"] == watched, "key"].iloc[-1]
    assert begun.groupby("key").size().to_dict() == {key: 1 + (key == lost) for key in items}

    new = cluster.replaced(before | {watched})
    del items["k-7"]["do"]
    items |= {f"more-{i}": {"seed": i, "log": log} for i in range(4)}
    found = many(cheap, items, folder=folder, **there)
    assert list(found) == list(items)
    assert found["k-1"] == known["k-1"]
    assert new in {result["pid"] for result in found.values()}
    assert len(notes(log)) - len(table) == 2 * 5
    again = many(cheap, items, folder=tmp_path / "again", **here)
    assert {key: result["value"] for key, result in again.items()} == {
        key: result["value"] for key, result in found.items()}


def test_a_worker_with_other_packages_or_code_is_refused(cluster, tmp_path, log, monkeypatch):
    here = place.code_of_process() | {"nutpie": "0.1", "code": "0" * 16}
    monkeypatch.setattr(place, "code_of_process", lambda: here)
    with pytest.raises(AllianceError, match=r"worker tcp://.* runs other code than this process "
                                            r"\(code \w{16} there, 0{16} here; nutpie \S+ there, "
                                            r"0\.1 here\)"):
        many(cheap, {"a": {"seed": 1, "log": log}}, folder=tmp_path / "shelf", stamp={},
             cluster=cluster.address)
    assert not Path(log).exists()


def test_an_address_that_does_not_answer_is_one_error(tmp_path, log):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address in (f"tcp://127.0.0.1:{silent.getsockname()[1]}", "tcp://127.0.0.1:1",
                        "nowhere", "odd://127.0.0.1:80"):
            started = time.monotonic()
            with pytest.raises(AllianceError, match=f"no Dask scheduler answers at '{address}'"):
                many(cheap, {"a": {"seed": 1, "log": log}}, folder=tmp_path / "shelf", stamp={},
                     cluster=address, timeout=1.0)
            assert time.monotonic() - started < 10
    assert not (tmp_path / "shelf" / "lock").exists()


def test_a_client_that_failed_is_gone_before_its_error_is_told(tmp_path, monkeypatch):
    # Collected while a later client starts, it would wait for the lock that this one holds.
    import distributed

    made = []

    class Failing:
        def __init__(self, *arguments, **settings):
            self.itself = self
            made.append(weakref.ref(self))
            raise OSError("refused")

    monkeypatch.setattr(distributed, "Client", Failing)
    monkeypatch.setattr(place, "_silence", lambda *arguments: None)
    gc.disable()
    try:
        with pytest.raises(AllianceError, match=r"no Dask scheduler .*: refused") as caught:
            place.Cluster("tcp://127.0.0.1:1", 1.0)
        assert [client() for client in made] == [None]
        assert caught.value.__context__ is None
    finally:
        gc.enable()


def test_no_worker_a_task_that_kills_and_a_lost_scheduler_are_each_one_error(lone, tmp_path, log):
    items = {key: {"seed": seed, "log": log} for seed, key in enumerate("abcde")}
    folder, options = tmp_path / "shelf", {"stamp": {}, "cluster": lone.address}
    with pytest.raises(AllianceError, match="has no worker after 3 s; start one: dask worker"):
        many(cheap, items, folder=folder, timeout=3.0, **options)
    assert not Path(log).exists()

    lone.worker()
    items["b"]["do"] = "die"
    with pytest.raises(AllianceError, match=r"(?s)1 of 3 tasks failed.*b: 1 workers died"):
        many(cheap, {key: items[key] for key in "abc"}, folder=folder, **options)

    def kill_scheduler(tally):
        if tally.finished == 3:
            lone.scheduler.kill()

    items = items | {"e": {"seed": 9, "log": log, "seconds": 60.0}}
    del items["b"]
    with pytest.raises(AllianceError, match=r"connection to the Dask scheduler at .* was lost"):
        many(cheap, items, folder=folder, report=kill_scheduler, **options)
    assert {path.stem for path in (folder / "results").iterdir()} == {"a", "c", "d"}
    assert len(many(cheap, {key: items[key] for key in "acd"}, folder=folder, stamp={})) == 3
