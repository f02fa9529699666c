"""Fits a minute with one worker and with two, on this machine and on a Dask cluster of it.

    python benchmarks/throughput.py [--fits 12] [--out reports/validation/throughput.json]

Short fits of the flagship, 2 chains of 100 + 100, each with a seed of its own, through
:func:`bayes_alliance.inference.many.many`. Before the clock starts each worker makes one fit, so
that what it imports and compiles is counted apart, as ``start_seconds``. The cluster is a
scheduler and workers on this machine. ``same_numbers`` says whether every arrangement drew the
very same numbers; the benchmark fails if not, or if a worker compiled more than once.
"""

import argparse
import contextlib
import functools
import hashlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bayes_alliance import constants as c
from bayes_alliance.inference import Gate, fit_panel, load_model, package_versions
from bayes_alliance.inference.many import many
from bayes_alliance.inference.workers import cores_of_task
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import posterior_hash
from benchmarks.provenance import ROOT, code_hash

CODE = ("model/**/*.py", "inference/*.py")
MODEL = "rok_japan"
SETTINGS = {"chains": 2, "tune": 100, "draws": 100}
# Far from converged, which is not the question here.
GATE = Gate(rhat=1e9, rhat_states=1e9, ess=0.0, bfmi=0.0, divergences=10**9)
WORKERS = (1, 2)
loaded = functools.cache(load_model)


def short_fit(key: str, seed: int) -> dict[str, Any]:
    """Fit once; return the hash of the draws, and by whom and how they were made."""
    spec, panel = loaded(MODEL)
    steps: list[str] = []
    started = time.perf_counter()
    fit = fit_panel(spec, panel, seed=seed, gate=GATE, cores=cores_of_task(),
                    announce=steps.append, **SETTINGS)
    digest = hashlib.sha256()
    for name in (c.VAR_COEFFICIENT, c.COHESION):
        digest.update(fit.posterior[name].to_numpy().tobytes())
    return {"pid": os.getpid(), "cores": cores_of_task(), "digest": digest.hexdigest(),
            "compilations": steps.count("compiling the model"),
            "seconds": time.perf_counter() - started}


@contextlib.contextmanager
def cluster(workers: int, folder: Path) -> Iterator[str]:
    """Run a scheduler and workers on this machine; give the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    commands = [["scheduler", "--host", address, "--idle-timeout", "3600"],
                ["worker", address, "--nworkers", str(workers), "--nthreads", "1",
                 "--memory-limit", "0", "--local-directory", str(folder),
                 "--death-timeout", "60"]]
    processes = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.log").open("w") as log:
                processes.append(subprocess.Popen(
                    [sys.executable, "-m", "dask", *command, "--no-dashboard"], cwd=folder,
                    env=environment, stdout=log, stderr=log, start_new_session=True))
        yield address
    finally:
        for process in reversed(processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def timed(where: str, count: int, fits: int, folder: Path, **options: Any) -> dict[str, Any]:
    """Return one row: fits a minute of so many workers there, and hashes of what they drew.

    The options are those of :func:`bayes_alliance.inference.many.many`.
    """
    from benchmarks.throughput import short_fit as task

    started = time.perf_counter()
    first = many(task, {f"first-{k}": 10_000 + k for k in range(count)},
                 folder=folder / "first", stamp={}, **options)
    between = time.perf_counter()
    found = many(task, {f"seed-{seed}": seed for seed in range(1, fits + 1)},
                 folder=folder / "fits", stamp={}, **options)
    ended = time.perf_counter()
    made: dict[int, int] = {}
    for result in [*first.values(), *found.values()]:
        made[result["pid"]] = made.get(result["pid"], 0) + result["compilations"]
    row = {"where": where, "workers": count, "fits": fits,
           "start_seconds": round(between - started, 2), "seconds": round(ended - between, 2),
           "fits_per_minute": round(60.0 * fits / (ended - between), 2),
           "seconds_a_fit": round(sum(one["seconds"] for one in found.values()) / fits, 3),
           "cores_a_fit": sorted({one["cores"] for one in found.values()}),
           "processes": len(made), "compilations": sum(made.values()),
           "most_compilations_of_one": max(made.values())}
    print(row, flush=True)
    return {**row, "digests": {key: one["digest"] for key, one in found.items()}}


def main() -> None:
    """Time every arrangement and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fits", type=int, default=12)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "throughput.json")
    options = parser.parse_args()
    spec, panel = load_model(MODEL)
    rows = []
    with tempfile.TemporaryDirectory() as kept:
        for workers in WORKERS:
            folder = Path(kept) / f"processes-{workers}"
            rows.append(timed("processes", workers, options.fits, folder, workers=workers))
        for workers in WORKERS:
            folder = Path(kept) / f"dask-{workers}"
            folder.mkdir()
            with cluster(workers, folder) as address:
                rows.append(timed("dask", workers, options.fits, folder, cluster=address,
                                  timeout=120.0))
    digests = [row.pop("digests") for row in rows]
    same = all(found == digests[0] for found in digests)
    rate = {(row["where"], row["workers"]): row["fits_per_minute"] for row in rows}
    summary = {
        "model": MODEL, "settings": SETTINGS, "arrangements": rows,
        "speed_up_of_two": {where: round(rate[where, 2] / rate[where, 1], 2)
                            for where in ("processes", "dask")},
        "same_numbers": same, "machine": {"cores": os.cpu_count(), "kind": platform.machine()},
        "code_hash": code_hash(*CODE), "spec_hash": posterior_hash(spec),
        "data_hash": panel.data_hash, "versions": package_versions()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(summary, indent=1) + "\n")
    print({key: summary[key] for key in ("speed_up_of_two", "same_numbers")})
    if not same or any(row["most_compilations_of_one"] > 1 for row in rows):
        sys.exit("the arrangements did not draw the same numbers, or a worker compiled twice")


if __name__ == "__main__":
    main()
