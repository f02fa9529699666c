"""How fast is one posterior sampled, by this package and by others? Effective draws a second.

    python benchmarks/speed.py [--peers ours,stan_same] [--seeds 10] [--out FOLDER]

The posterior is that of ``models/rok_japan.toml`` on its data. Each run is a process of its own.
Seeds go one after another, all peers within a seed, in turned order at even seeds, so that a
machine that slows down slows all of them. A peer whose first run shows that all seeds would take
over an hour gets three. A run is a file, written whole; an interrupted benchmark goes on with the
runs that are missing, and does those anew whose code, model file or data have changed.
``speed.json`` and ``speed.md`` are made from the files.

Invariant: what a peer's numbers are made from (code, model file, data, settings, versions) stands
in each of its rows; only rows made from the same code, model file and data are put together.
"""

import argparse
import fcntl
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.peers import summary
from benchmarks.peers.process import machine, start
from benchmarks.provenance import ROOT, SAMPLED, code_hash

# Peer: its module, what else belongs to it, and what must be installed.
PEERS: Final[dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "ours": ("ours", (), ()),
    "stan_same": ("stan", ("stan_same.stan",), ("stan", "httpstan")),
    "stan_textbook": ("stan", ("stan_textbook.stan",), ("stan", "httpstan")),
    "pymc_idiomatic": ("pymc_idiomatic", (), ("pymc", "nutpie")),
    "numpyro": ("numpyro_model", ("pymc_idiomatic.py",), ("jax", "numpyro")),
    "limit": ("limit", ("ours.py",), ()),
}
SHIPPED: Final = ("pystan", "httpstan", "numpyro", "jax", "jaxlib")
LONGEST: Final = 3600.0
FEWEST_SEEDS: Final = 3
SELF: Final = (sys.executable, str(Path(__file__).resolve()))
FOLDER: Final = ROOT / "benchmarks" / "peers"


def turned(peers: list[str], seed: int) -> list[str]:
    """Return the order of the peers at a seed: as given at odd ones, turned at even ones."""
    return list(peers) if seed % 2 else list(reversed(peers))


def seeds_of(first_seconds: float, build_seconds: float, seeds: int) -> int:
    """Return how many seeds a peer gets, from its first run; all but NumPyro compile only once."""
    whole = build_seconds + seeds * (first_seconds - build_seconds)
    return seeds if whole <= LONGEST else min(seeds, FEWEST_SEEDS)


def missing(peer: str) -> str:
    """Return why a peer cannot run here, empty if it can."""
    module, files, needed = PEERS[peer]
    absent = [name for name in (f"{module}.py", *files) if not (FOLDER / name).is_file()]
    if absent:
        return f"{', '.join(absent)} is not in benchmarks/peers"
    gone = [name for name in needed if importlib.util.find_spec(name) is None]
    return f"{', '.join(gone)} not installed" if gone else ""


def load_peer(name: str, overrides: dict[str, int]) -> Any:
    """Return a peer, with some settings replaced."""
    module = importlib.import_module(f"benchmarks.peers.{PEERS[name][0]}")
    kinds = [value for value in vars(module).values()
             if isinstance(value, type) and getattr(value, "name", None) == name]
    if len(kinds) != 1:
        raise ValueError(f"{module.__name__} must hold one class whose name is {name!r}, "
                         f"not {len(kinds)}")
    peer = kinds[0]()
    peer.settings.update(overrides)
    return peer


def stamp(peer: str, spec: Any, panel: Any, overrides: dict[str, int]) -> dict[str, Any]:
    """Return the hashes of what a row is made from, and the settings of a trial."""
    from bayes_alliance.spec import posterior_hash

    module, files, _ = PEERS[peer]
    digest = hashlib.sha256()
    for name in sorted({"common.py", f"{module}.py", *files}):
        digest.update(name.encode() + (FOLDER / name).read_bytes())
    return {"code_hash": code_hash(*SAMPLED), "peer_hash": digest.hexdigest(),
            "spec_hash": posterior_hash(spec), "data_hash": panel.data_hash, "overrides": overrides}


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON whole; what is not finite becomes null."""
    from bayes_alliance.report.machine import write_text

    def strict(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): strict(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [strict(part) for part in value]
        if isinstance(value, float) and value - value != 0.0:
            return None
        return value

    write_text(path, json.dumps(strict(content), indent=1, allow_nan=False) + "\n")


# In the process of one run.

def run_one(name: str, seed: int, folder: Path, overrides: dict[str, int]) -> None:
    """Run a peer once; write its moments, then its row."""
    import numpy as np

    from bayes_alliance.inference import load_model, package_versions

    spec, panel = load_model("rok_japan")
    load = os.getloadavg()[0]
    peer = load_peer(name, overrides)
    build_seconds = float(peer.build(spec, panel))
    started = time.perf_counter()
    run = peer.sample(seed)
    call_seconds = time.perf_counter() - started
    if not 0.0 < run.seconds <= call_seconds:
        raise ValueError(f"{name} reports {run.seconds} s of sampling, its call took "
                         f"{call_seconds} s")
    ess, rhat = summary.effective_draws(run.posterior)
    least = min(ess.values())
    row = {
        "peer": name, "seed": seed, **stamp(name, spec, panel, overrides),
        "settings": peer.settings,
        "seconds": run.seconds, "call_seconds": call_seconds, "build_seconds": build_seconds,
        "min_ess": least, "max_rhat": max(rhat.values()), "variables": sorted(ess),
        "ess_per_second": least / run.seconds,
        "ess_per_second_with_build": least / (run.seconds + build_seconds),
        "gradient_seconds": float(peer.gradient_seconds()),
        "steps_per_draw": float(run.sample_stats["n_steps"].mean()),
        "divergences": int(run.sample_stats["diverging"].sum()), "gate": gate(run),
        "ess": ess, "rhat": rhat, "load_before": load, "machine": machine(),
        "versions": package_versions() | {key: version(key) for key in SHIPPED}}
    if name != summary.LIMIT:
        part = folder / f"{name}_{seed}.part.npz"
        np.savez_compressed(part, **summary.moments(run.posterior))
        part.replace(folder / f"{name}_{seed}.npz")
    write_json(folder / f"{name}_{seed}.row", row)


def gate(run: Any) -> dict[str, Any]:
    """Hold a run against the package's gate; without an energy that part is left out, and said."""
    import numpy as np

    from bayes_alliance.inference.gate import FULL_GATE, diagnose

    told = run.sample_stats
    if "energy" not in told:
        told = told.assign(energy=told["n_steps"] * np.nan)
    failures = [one for one in diagnose(run.posterior, told, FULL_GATE,
                                        seconds=run.seconds).failures
                if "energy" in run.sample_stats or not one.startswith("E-BFMI")]
    return {"passed": not failures, "failures": failures,
            "energy_known": "energy" in run.sample_stats}


def build_cold(name: str, folder: Path) -> None:
    """Compile a peer; the caches are empty folders, named in the environment."""
    from bayes_alliance.inference import load_model

    spec, panel = load_model("rok_japan")
    peer = load_peer(name, {})
    write_json(folder / f"{name}_cold.json", {
        "peer": name, "seconds": float(peer.build(spec, panel)),
        **stamp(name, spec, panel, {})})


def version(distribution: str) -> str:
    """Return the version of a distribution, or that it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


# In the process that starts them.

def current(path: Path, made_from: dict[str, Any]) -> dict[str, Any] | None:
    """Return a file's content if it is finished and of the present code, model file and data."""
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text())
    fresh = all(content.get(key) == value for key, value in made_from.items())
    return content if fresh and not content.get("failed") else None


def cold_from(made_from: dict[str, Any]) -> dict[str, Any]:
    """Return what a compilation is made from: no sampler setting enters it."""
    return made_from | {"overrides": {}}


def run_all(options: argparse.Namespace, made_from: dict[str, dict[str, Any]]) -> None:
    """Do every run that is missing, and write the summary after each seed."""
    folder = options.out / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"another benchmark runs in {options.out}: wait for it, or name another --out")
    if options.cold:
        for peer in made_from:
            if current(folder / f"{peer}_cold.json", cold_from(made_from[peer])) is None:
                with tempfile.TemporaryDirectory() as empty:
                    failed, *_ = start([*SELF, "--cold-of", peer, "--out", str(folder)],
                                       folder / f"{peer}_cold.log", os.environ | {
                        "PYTENSOR_FLAGS": f"cxx=,base_compiledir={empty}/pytensor",
                        "NUMBA_CACHE_DIR": f"{empty}/numba", "XDG_CACHE_HOME": f"{empty}/cache"})
                print(f"{peer} cold: {failed or 'done'}", flush=True)
    quota = dict.fromkeys(made_from, options.seeds)
    for seed in range(1, options.seeds + 1):
        for peer in turned(list(made_from), seed):
            if seed <= quota[peer]:
                row = run(peer, seed, folder, options, made_from[peer])
                if seed == 1:
                    quota[peer] = seeds_of(row["process_seconds"], row.get("build_seconds", 0.0),
                                           options.seeds)
                print(f"{peer} {seed}: {row.get('failed') or row['ess_per_second']}", flush=True)
        write_summary(options, made_from)


def run(peer: str, seed: int, folder: Path, options: argparse.Namespace,
        made_from: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a run, from its file or from a run now."""
    target, part = folder / f"{peer}_{seed}.json", folder / f"{peer}_{seed}.row"
    kept = current(target, made_from)
    if kept is not None:
        return kept
    failed, seconds, peak = start(
        [*SELF, "--run", peer, "--seed", str(seed), "--out", str(folder), "--settings",
         json.dumps(made_from["overrides"])], folder / f"{peer}_{seed}.log", dict(os.environ))
    # A run that failed is not kept: the next start tries it again.
    row = ({"peer": peer, "seed": seed, "failed": failed, **made_from} if failed
           else json.loads(part.read_text()))
    if changed := [key for key, value in made_from.items() if row[key] != value]:
        sys.exit(f"{', '.join(changed)} of {peer} changed while the benchmark ran; start it again "
                 "(runs of the present state are kept)")
    row |= {"process_seconds": seconds, "peak_memory_mb": peak}
    write_json(target, row)
    part.unlink(missing_ok=True)
    return row


def write_summary(options: argparse.Namespace, made_from: dict[str, dict[str, Any]]) -> None:
    """Write ``speed.json`` and ``speed.md`` from the runs on disk."""
    from bayes_alliance.report.machine import write_text

    folder = options.out / "runs"
    rows, found, cold = [], {}, {}
    for peer, stamped in made_from.items():
        for seed in range(1, options.seeds + 1):
            path = folder / f"{peer}_{seed}.json"
            row = json.loads(path.read_text()) if path.is_file() else {}
            if not row or any(row.get(key) != value for key, value in stamped.items()):
                continue
            rows.append(row)
            if not row.get("failed") and path.with_suffix(".npz").is_file():
                found[peer, seed] = summary.read_moments(path.with_suffix(".npz"))
        kept = current(folder / f"{peer}_cold.json", cold_from(stamped))
        if kept is not None:
            cold[peer] = kept["seconds"]
    result = summary.summarise(rows, found, cold)
    machines = [row["machine"] for row in rows if "machine" in row]
    result |= {"made_from": made_from,
               "machines": [one for at, one in enumerate(machines) if one not in machines[:at]],
               "versions": {row["peer"]: row["versions"] for row in rows if "versions" in row},
               "skipped": {peer: reason for peer in PEERS if (reason := missing(peer))}}
    write_json(options.out / "speed.json", result)
    write_text(options.out / "speed.md", summary.markdown(result))


def main() -> None:
    """Run the benchmark, or one run of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation" / "speed")
    parser.add_argument("--cold", action=argparse.BooleanOptionalAction, default=True,
                        help="also compile once with empty caches")
    for name in ("chains", "tune", "draws"):
        parser.add_argument(f"--{name}", type=int, help="for a trial; every peer's own otherwise")
    for name in ("--run", "--cold-of", "--seed", "--settings"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_one(options.run, int(options.seed), options.out, json.loads(options.settings))
        return
    if options.cold_of:
        build_cold(options.cold_of, options.out)
        return
    asked = options.peers.split(",")
    if unknown := [peer for peer in asked if peer not in PEERS]:
        parser.error(f"unknown peers {', '.join(unknown)} (allowed: {', '.join(PEERS)})")
    able = [peer for peer in asked if not missing(peer)]
    for peer in asked:
        if reason := missing(peer):
            print(f"{peer} is skipped: {reason}", flush=True)
    from bayes_alliance.inference import load_model

    spec, panel = load_model("rok_japan")
    overrides = {key: value for key in ("chains", "tune", "draws")
                 if (value := getattr(options, key)) is not None}
    run_all(options, {peer: stamp(peer, spec, panel, overrides) for peer in able})


if __name__ == "__main__":
    main()
