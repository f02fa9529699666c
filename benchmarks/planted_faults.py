"""Do simulations find faults? Plant each in the model, run a calibration, ten times over.

    python benchmarks/planted_faults.py [--replications 10] [--simulations 16] [--workers 2]

Each replication is a calibration of its own, of a small panel whose fit has the fault
(:mod:`benchmarks.faults`), judged as that of the flagship is. A fault is caught if the ranks of a
quantity are uneven that has draws enough in every simulation, so that no failure of the sampler
counts. Without a fault, none should be called uneven, with draws enough or not; of ten one is in
less than one run in ten, two in one of two hundred. ``planted_faults.json`` has the counts and the
hashes of what they were made from; the command fails where a fault was caught in fewer than nine of
ten or two without a fault were called uneven. A finished replication is kept in
``build/planted_faults``; an interrupted run goes on with the missing ones.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bayes_alliance.inference import package_versions
from bayes_alliance.report.machine import write_text
from benchmarks.calibration import CODE
from benchmarks.faults import FAULTS, NO_FAULT, SETTINGS, run_replication, small_model
from benchmarks.provenance import ROOT, code_hash, script_hash
from benchmarks.runs import end_with, finished


def stamp_of() -> dict[str, str]:
    """Return the hashes of what every replication is made from."""
    spec, panel = small_model()
    # Variants are no part of the model that is fitted.
    made = hashlib.sha256(spec.model_dump_json(exclude={"variants"}).encode())
    made.update(panel.rows.to_csv(index=False).encode())
    # Drivers, rivals and governments come from the dataset.
    made.update(panel.data_hash.encode())
    made.update(json.dumps(SETTINGS, sort_keys=True).encode())
    return {"code_hash": code_hash(*CODE), "script_hash": script_hash("faults"),
            "small_model_hash": made.hexdigest()}


def summary(results: list[dict[str, Any]], stamp: dict[str, str]) -> dict[str, Any]:
    """Return how many replications of each fault were called uneven, and by what."""
    faults: dict[str, Any] = {}
    for name, fault in FAULTS.items():
        mine = [one for one in results if one["fault"] == name]
        if mine:
            faults[name] = {
                "fault": fault.what, "replications": len(mine),
                "simulations": mine[0]["simulations"], "quantities": mine[0]["quantities"],
                "uneven": sum(one["uneven"] for one in mine),
                "uneven_where_draws_suffice": sum(one["uneven_sound"] for one in mine),
                "as_it_should_be": as_it_should_be(name, mine),
                "fits_that_failed_the_gate": sum(one["failed_gate"] for one in mine),
                "quantities_with_too_few_draws": sum(one["failed"] for one in mine),
                "least_uneven_p_value": max(one["smallest_p_value"] for one in mine),
                "seen_in": sorted({one["quantity"] for one in mine if one["uneven"]})}
    return {"settings": SETTINGS, **stamp, "faults": faults}


def as_it_should_be(name: str, mine: list[dict[str, Any]]) -> bool:
    """Say whether a fault was caught in nine of ten, or nothing was where there is none."""
    if name == NO_FAULT:
        return sum(one["uneven"] for one in mine) <= len(mine) / 10
    return sum(one["uneven_sound"] for one in mine) >= 9 * len(mine) / 10


def main() -> None:
    """Run the replications that are missing, and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--replications", type=int, default=10, help="of each fault")
    parser.add_argument("--simulations", type=int, default=16, help="of each replication")
    parser.add_argument("--workers", type=int, help="processes; as many as cores if not given")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation")
    options = parser.parse_args()
    stamp = stamp_of()
    items = {f"{name}-{number}": (name, number, options.simulations)
             for name in FAULTS for number in range(options.replications)}
    results, failed = finished(run_replication, items, runs=ROOT / "build" / "planted_faults",
                               workers=options.workers, what="replications",
                               stamp={**stamp, "versions": package_versions(),
                                      "simulations": options.simulations})
    found = summary(list(results.values()), stamp) | {"failed": failed,
                                                      "versions": package_versions()}
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "planted_faults.json", json.dumps(found, indent=1) + "\n")
    for name, one in found["faults"].items():
        print(f"{name}: {one['uneven']} of {one['replications']} uneven, "
              f"{one['uneven_where_draws_suffice']} with draws enough", flush=True)
    end_with(failed, "replications")
    end_with([name for name, one in found["faults"].items() if not one["as_it_should_be"]],
             "faults (or no fault) by their counts")


if __name__ == "__main__":
    main()
