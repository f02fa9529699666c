"""Do simulations find faults? Plant each in the model, run a calibration, ten times over.

    python benchmarks/planted_faults.py [--replications 10] [--simulations 16] [--workers 2]

Each replication is a calibration of its own, of a small panel whose fit has the fault
(:mod:`benchmarks.faults`), judged as that of the flagship is. Without a fault, none should be
called uneven. ``planted_faults.json`` has the counts and the hashes of what they were made from.
A replication is a file in the folder ``planted_faults``, which is committed with the summary; an
interrupted run goes on with the missing ones.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bayes_alliance.inference.many import Tally, many
from bayes_alliance.report.machine import write_text
from benchmarks.calibration import CODE
from benchmarks.faults import FAULTS, SETTINGS, run_replication, small_model
from benchmarks.provenance import ROOT, code_hash


def stamp_of() -> dict[str, str]:
    """Return the hashes of what every replication is made from."""
    spec, panel = small_model()
    # Variants are no part of the model that is fitted.
    made = hashlib.sha256(spec.model_dump_json(exclude={"variants"}).encode())
    made.update(panel.rows.to_csv(index=False).encode())
    made.update(json.dumps(SETTINGS, sort_keys=True).encode())
    return {"code_hash": code_hash(*CODE),
            "faults_hash": code_hash("faults.py", package=ROOT / "benchmarks"),
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
                "least_uneven_p_value": max(one["smallest_p_value"] for one in mine),
                "seen_in": sorted({one["quantity"] for one in mine if one["uneven"]})}
    return {"settings": SETTINGS, **stamp, "faults": faults}


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

    def tell(tally: Tally) -> None:
        print(f"{tally.finished} of {tally.total}, {tally.failed} failed", flush=True)

    results = many(run_replication, items, folder=options.out / "planted_faults",
                   workers=options.workers, report=tell,
                   stamp={**stamp, "simulations": options.simulations})
    found = summary([dict(one) for one in results.values()], stamp)
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "planted_faults.json", json.dumps(found, indent=1) + "\n")
    for name, one in found["faults"].items():
        print(f"{name}: {one['uneven']} of {one['replications']} uneven", flush=True)


if __name__ == "__main__":
    main()
