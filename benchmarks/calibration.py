"""Are the flagship's posteriors calibrated? Simulate, fit, rank the truths, test the ranks.

    python benchmarks/calibration.py [--kind prior] [--simulations 300] [--first 0] [--workers 2]

Without ``--kind``, 300 prior and 100 posterior simulations. Prior ones draw the truth from the
prior by the NumPy simulator, which shares no code with the model. Posterior ones take it from the
posterior of the observed data, replicate every row from it and fit observed and replicated rows
together (:func:`bayes_alliance.checks.truths.replicate`); that posterior is one fit with the model
file's settings and seed, kept in the folder of runs.

A simulation is a file in the folder of runs, and does not depend on the others: an interrupted
run goes on with those that are missing, and parts may run on other machines or a cluster. The
summary is of the simulations 0, 1, ... that are there without a gap: ``calibration.csv`` (a row
a simulation and quantity), ``calibration_fits.csv`` (a row a fit), ``calibration.json`` (verdict,
counts, hashes), ``calibration_prior.png`` and ``calibration_posterior.png``, and
``recovery.json``: how often 90% intervals hold the truth in the first hundred prior simulations.
"""

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bayes_alliance.checks import calibration, coverage, coverage_limits
from bayes_alliance.checks.calibration import (
    FEWEST_DRAWS,
    KINDS,
    Simulation,
    integral_transform,
    simulate_and_rank,
)
from bayes_alliance.checks.quantities import panels
from bayes_alliance.checks.truths import draw_as_truth
from bayes_alliance.exceptions import AllianceError
from bayes_alliance.files import write_whole
from bayes_alliance.inference import (
    fit_panel,
    load_fit,
    load_model,
    package_versions,
    require_passed,
)
from bayes_alliance.inference.many import Tally, many
from bayes_alliance.inference.result import require_finished
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import posterior_hash
from benchmarks.provenance import ROOT, SAMPLED, code_hash

CODE = (*SAMPLED, "checks/simulate.py", "checks/observe.py", "checks/truths.py",
        "checks/quantities.py", "checks/calibration.py")
MODEL = "rok_japan"
SEED = 1
SIMULATIONS = {"prior": 300, "posterior": 100}
SETTINGS = {"draws": 500, "tune": 200, "chains": 2}
# Of the recovery summary.
PANELS = 100


def stamp_of(spec: Any, panel: Any) -> dict[str, str]:
    """Return the hashes of what every simulation is made from."""
    return {"code_hash": code_hash(*CODE), "spec_hash": posterior_hash(spec),
            "data_hash": panel.data_hash}


def truths(spec: Any, panel: Any, folder: Path, stamp: dict[str, str]) -> tuple[list[Any], str]:
    """Return evenly spaced draws of the posterior of the observed data, and their hash."""
    digest = hashlib.sha256(json.dumps(stamp, sort_keys=True).encode()).hexdigest()
    kept = folder / f"posterior-{digest[:12]}.nc"
    if not kept.is_file():
        print(f"fitting the observed data, seed {SEED}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        fit = require_finished(fit_panel(spec, panel, hypothesis="H12", seed=SEED))
        require_passed(fit).save(kept, overwrite=True)
    samples = flatten(load_fit(kept).posterior, SIMULATIONS["posterior"])
    design = build_design(spec, panel)
    drawn = hashlib.sha256(b"".join(samples.values[name].tobytes()
                                    for name in sorted(samples.values))).hexdigest()
    return [draw_as_truth(samples, k, design) for k in range(samples.size)], drawn


def items_of(kind: str, first: int, count: int, drawn: list[Any]) -> dict[str, Simulation]:
    """Return the simulations to run, by key."""
    last = first + count
    if kind == "posterior" and last > len(drawn):
        raise ValueError(f"posterior simulations up to {last - 1} are not there (allowed: 0 to "
                         f"{len(drawn) - 1})")
    return {f"{kind}-{k:04d}": Simulation(MODEL, kind, k, SEED, **SETTINGS,
                                          truth=drawn[k] if kind == "posterior" else None)
            for k in range(first, last)}


def run(kind: str, options: argparse.Namespace, stamp: dict[str, str], drawn: list[Any],
        drawn_hash: str) -> None:
    """Run the simulations of one kind that are missing."""
    count = options.simulations or SIMULATIONS[kind]
    items = items_of(kind, options.first, count, drawn)

    begun: list[Tally] = []

    def tell(tally: Tally) -> None:
        head = f"{kind}: " if begun or not tally.finished else f"{kind}: taking up "
        rest = f", {tally.failed} failed" if begun or tally.finished else " to do"
        where = f"{tally.finished} of {tally.total}" if rest != " to do" else f"{tally.total}"
        print(f"{head}{where}{rest}", flush=True)
        begun.append(tally)

    many(simulate_and_rank, items, folder=options.runs / kind, workers=options.workers,
         cluster=options.cluster, report=tell,
         stamp={**stamp, "seed": SEED, "settings": SETTINGS,
                **({"posterior": drawn_hash} if kind == "posterior" else {})})


def gathered(kind: str, runs: Path,
             stamp: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ranks and fits of the simulations 0, 1, ... on disk, none if of another stamp."""
    tables, fits = [], []
    made = runs / kind / "stamp.json"
    if not made.is_file() or any(json.loads(made.read_text())["stamp"].get(key) != value
                                 for key, value in stamp.items()):
        return pd.DataFrame(), pd.DataFrame()
    while (path := runs / kind / "results" / f"{kind}-{len(fits):04d}.json").is_file():
        result = json.loads(path.read_text(encoding="utf-8"))["result"]["dict"]
        tables.append(pd.DataFrame(result["quantities"]))
        fits.append(result["fit"])
    return (pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(),
            pd.DataFrame(fits))


def verdict(kind: str, table: pd.DataFrame, fits: pd.DataFrame) -> dict[str, Any]:
    """Return what is concluded from one kind."""
    found = calibration(table)
    worst = found.table.sort_values("p_value").iloc[0]
    return {"passed": found.passed, "text": found.text, "simulations": len(fits),
            "complete": len(fits) >= SIMULATIONS[kind], "quantities": len(found.table),
            "smallest_p_value": float(f"{worst['p_value']:.4g}"),
            "smallest_p_value_of": worst["quantity"],
            "failed": {row.quantity: int(row.failed) for row in found.table.itertuples()
                       if row.failed},
            "fits_with_failed": int(table.loc[table["ess"] < FEWEST_DRAWS, "simulation"].nunique()),
            "longer_fits": int((fits["draws"] > SETTINGS["draws"]).sum()),
            "failed_gate": int((~fits["passed"]).sum()),
            "divergences": int(fits["divergences"].sum())}


def recovery(table: pd.DataFrame, fits: pd.DataFrame, stamp: dict[str, str]) -> dict[str, Any]:
    """Return how often 90% intervals hold the truth."""
    first, one = table[table["simulation"] < PANELS], fits[fits["simulation"] < PANELS]
    panels = len(one)
    return {"panels": panels, "interval": 0.9, "limits": list(coverage_limits(panels)),
            "covered": coverage(first), "failed_gate": int((~one["passed"]).sum()),
            "divergences": int(one["divergences"].sum()), "seed": SEED, **stamp}


def write(options: argparse.Namespace, stamp: dict[str, str]) -> None:
    """Write tables, verdict and figure of what is on disk."""
    from bayes_alliance.plotting import plot_calibration

    parts = [gathered(kind, options.runs, stamp) for kind in KINDS]
    options.out.mkdir(parents=True, exist_ok=True)
    # All that follows is of the tables as they are read back.
    table, fits = (_kept(pd.concat([both[k] for both in parts], ignore_index=True),
                         options.out / name)
                   for k, name in enumerate(("calibration.csv", "calibration_fits.csv")))
    found = {kind: (table[table["kind"] == kind], fits[fits["kind"] == kind])
             for kind in dict.fromkeys(fits["kind"])}
    summary = {"model": MODEL, "seed": SEED, "settings": SETTINGS, **stamp,
               "versions": package_versions(),
               "kinds": {kind: verdict(kind, *both) for kind, both in found.items()}}
    write_text(options.out / "calibration.json", json.dumps(summary, indent=1) + "\n")
    if "prior" in found:
        write_text(options.out / "recovery.json",
                   json.dumps(recovery(*found["prior"], stamp), indent=1) + "\n")
    for kind, one in summary["kinds"].items():
        ranks = integral_transform(found[kind][0])
        figure = plot_calibration(ranks, panels(list(ranks)))
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=100)
        write_whole(options.out / f"calibration_{kind}.png", drawn.getvalue())
        print(f"{kind}: {'passed' if one['passed'] else 'FAILED'}. {one['text']}", flush=True)


def _kept(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Write a table and return it as a reader will find it."""
    write_text(path, table.to_csv(index=False, float_format="%.5g", lineterminator="\n"))
    return pd.read_csv(path)


def main() -> None:
    """Run what is asked for, and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kind", choices=KINDS, help="both if not given")
    parser.add_argument("--simulations", type=int, help="of each kind; all if not given")
    parser.add_argument("--first", type=int, default=0, help="number of the first simulation")
    parser.add_argument("--workers", type=int, help="processes; as many as cores if not given")
    parser.add_argument("--cluster", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "calibration",
                        help="folder of single simulations")
    options = parser.parse_args()
    spec, panel = load_model(MODEL)
    stamp = stamp_of(spec, panel)
    for kind in [options.kind] if options.kind else KINDS:
        drawn, drawn_hash = (truths(spec, panel, options.runs, stamp) if kind == "posterior"
                             else ([], ""))
        run(kind, options, stamp, drawn, drawn_hash)
    write(options, stamp)


if __name__ == "__main__":
    try:
        main()
    except (AllianceError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        sys.exit(130)
