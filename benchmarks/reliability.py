"""Show whether long work survives being stopped, and whether long use grows.

    python benchmarks/reliability.py faults [--moments 210] [--pairs 12] [--seed 1] [--light]
    python benchmarks/reliability.py use [--fits 50] [--model rok_japan] [--part fits]
    python benchmarks/reliability.py hostile
    python benchmarks/reliability.py report
    python benchmarks/reliability.py all

``faults`` starts a fit, a backtest, a calibration and a report of a small model, lets a signal, a
full disk, a limit on file sizes, a read-only folder or a memory limit strike at a moment drawn
from the seed, looks at every file, and runs the same command again; then it runs commands two at
a time in one folder. ``--light`` takes jobs that sample nothing. Trials are written as they come;
an interrupted run goes on with those that are missing. Linux; a small disk is mounted where that
is allowed. ``use`` fits many times in one process, and writes reports side by side. ``hostile``
runs the tests of what comes with bad intent and counts. ``report`` writes
``reports/reliability.md`` from what the others and ``benchmarks/fuzz.py`` found; ``all`` is all of
them, one after another.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bayes_alliance.inference import package_versions
from bayes_alliance.report.machine import write_text
from benchmarks.provenance import ROOT, code_hash

OUT = ROOT / "reports" / "validation" / "reliability"
# What keeps, locks, resumes and tells; the sampler has no part in it.
CODE = ("inference/store.py", "inference/shelf.py", "inference/many.py", "inference/workers.py",
        "inference/study.py", "report/job.py", "report/machine.py", "cli/app.py", "cli/console.py",
        "cli/fits.py", "forecast/origins.py", "files.py")


def faults(options: argparse.Namespace) -> bool:
    """Run the trials that are missing; return whether all are good."""
    from benchmarks import reliability_jobs as jobs_of
    from benchmarks.reliability_faults import Reference, pair, reference, trial

    path = options.out / "faults.json"
    stamp = {"seed": options.seed, "light": options.light, "code_hash": code_hash(*CODE),
             "versions": package_versions()}
    kept = _read(path)
    if kept is not None and kept["stamp"] != stamp:
        if not options.restart:
            sys.exit(f"{path} is of other code, versions or seed; pass --restart to begin anew")
        kept = None
    trials = kept["trials"] if kept else []
    pairs = kept["pairs"] if kept else []
    print(f"taking up {len(trials)} of {options.moments} moments and {len(pairs)} of "
          f"{options.pairs} pairs", flush=True)
    with tempfile.TemporaryDirectory() as made:
        if options.light:
            named, order = jobs_of.light_jobs(), jobs_of.LIGHT
        else:
            named = jobs_of.full_jobs(jobs_of.small_model(Path(made) / "model"))
            order = jobs_of.FULL
        usual = {name: Reference(**one) for name, one in kept["references"].items()} if kept else {}
        for name, job in named.items():
            if name not in usual:
                usual[name] = reference(job)
            print(f"{name}: {usual[name].seconds:.1f} s, {usual[name].touches} touches, "
                  f"{len(usual[name].files)} files", flush=True)
        small_disk = not options.light and os.geteuid() == 0
        jobs = [named[name] for name in order]

        def keep() -> None:
            found = {"stamp": stamp, "small_disk": small_disk,
                     "references": {name: asdict(one) for name, one in usual.items()},
                     "trials": trials, "pairs": pairs}
            write_text(path, json.dumps(found, indent=1) + "\n")

        keep()
        for number in range(len(trials), options.moments):
            trials.append(trial(number, jobs, usual, options.seed, small_disk=small_disk))
            keep()
            print(_line(trials[-1]), flush=True)
        for number in range(len(pairs), options.pairs):
            pairs.append(pair(number, list(named.values()), usual, options.seed))
            keep()
            print(pairs[-1], flush=True)
    bad = [one for one in (*trials, *pairs) if not one["good"]]
    struck = sum(one["outcome"] != "never struck" for one in trials)
    print(f"{struck} faults struck, {len(pairs)} pairs, {len(bad)} bad")
    return not bad


def use(options: argparse.Namespace) -> bool:
    """Fit many times in this process, compile many structures, write reports side by side."""
    from benchmarks import reliability_jobs as jobs_of
    from benchmarks.reliability_use import many_fits, many_structures, side_by_side

    name = Path(options.model).stem if options.model else "small"
    path = options.out / f"use_{name}.json"
    found: dict[str, Any] = _read(path) or {}
    with tempfile.TemporaryDirectory() as made:
        model = options.model or jobs_of.small_model(Path(made) / "model")
        parts = {"fits": lambda: many_fits(model, options.fits),
                 "structures": lambda: many_structures(model, options.structures)}
        if not options.model:
            parts["reports"] = lambda: side_by_side(jobs_of.full_jobs(model)["report"],
                                                    options.reports)
        for part in [options.part] if options.part else list(parts):
            # A process of its own: a fork after sampling would inherit the sampler's threads.
            child = os.fork()
            if not child:
                status = 1
                try:
                    result = parts[part]()
                    write_text(path, json.dumps(
                        found | {"versions": package_versions(),
                                 part: result | {"model": options.model or "small"}},
                        indent=1) + "\n")
                    status = 0 if result["passed"] else 1
                except Exception:
                    traceback.print_exc()
                finally:
                    os._exit(status)
            print(f"{part}: {'passed' if not os.waitpid(child, 0)[1] else 'FAILED'}", flush=True)
            found = _read(path) or {}
    return all(part["passed"] for part in found.values() if "passed" in part)


def hostile(options: argparse.Namespace) -> bool:
    """Run the tests of hostile input and count."""
    from benchmarks.reliability_hostile import hostile as run

    found = run()
    write_text(options.out / "hostile.json", json.dumps(
        {"versions": package_versions(), **found}, indent=1) + "\n")
    return bool(found["passed"])


def fuzz(_: argparse.Namespace) -> bool:
    """Damage ten thousand inputs."""
    script = str(ROOT / "benchmarks" / "fuzz.py")
    return subprocess.run([sys.executable, script, "--cases", "10000", "--workers",
                           str(os.cpu_count() or 1)], check=False).returncode == 0


def report(options: argparse.Namespace) -> bool:
    """Write the page."""
    from benchmarks.reliability_text import text

    write_text(ROOT / "reports" / "reliability.md", text(options.out))
    return True


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _line(one: dict[str, Any]) -> str:
    return (f"{one['number']:4d} {one['job']:11s} {one['fault']:16s} {one.get('moment', ''):28s} "
            f"status {one.get('status')}: {one['outcome']}")


# In the order in which they run.
PARTS = {"fuzz": fuzz, "faults": faults, "use": use, "hostile": hostile, "report": report}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=(*PARTS, "all"))
    parser.add_argument("--moments", type=int, default=210)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--light", action="store_true", help="jobs that sample nothing")
    parser.add_argument("--restart", action="store_true", help="forget what was found before")
    parser.add_argument("--fits", type=int, default=50)
    parser.add_argument("--structures", type=int, default=6)
    parser.add_argument("--reports", type=int, default=10, help="so many at a time")
    parser.add_argument("--part", choices=("fits", "structures", "reports"))
    parser.add_argument("--model", default="", help="name or path; the small model if not given")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    asked = list(PARTS) if options.what == "all" else [options.what]
    sys.exit(0 if all([PARTS[part](options) for part in asked]) else 1)


if __name__ == "__main__":
    main()
