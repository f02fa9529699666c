"""What can the design see? Verdicts on simulated panels, for the committed report.

    python benchmarks/power.py [--panels 100] [--workers N | --cluster ADDRESS]

What :func:`bayes_alliance.power.power` says of the shipped case: the table goes into the committed
report as ``power.csv``, the hash of the code into ``reports/validation/power.json``. Panels that
are there are not run again while the hashes hold; an interrupted run, or one with more panels, goes
on with the missing ones, also on another machine.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bayes_alliance.inference import load_model, package_versions
from bayes_alliance.inference.many import Tally
from bayes_alliance.power import OBSERVED, power
from bayes_alliance.power.study import MOST_PANELS, SETTINGS
from bayes_alliance.report import read_power, write_power
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import ModelSpec, posterior_hash
from bayes_alliance.tables import Panel
from benchmarks.provenance import READ, ROOT, SAMPLED, code_hash
from benchmarks.runs import folder_of

MODEL: Final = "rok_japan"
SEED: Final = 1
CODE: Final = (*SAMPLED, *READ, "checks/observe.py", "checks/truths.py", "hypotheses/episodes.py",
               "hypotheses/evidence.py", "hypotheses/paths.py", "hypotheses/robustness.py",
               "hypotheses/regression.py", "hypotheses/savage_dickey.py",
               "hypotheses/specifications.py", "hypotheses/verdicts.py",
               "power/designs.py", "power/simulate.py", "power/study.py")


def stamp_of(spec: ModelSpec, panel: Panel) -> dict[str, object]:
    """Return what the panels are made from."""
    return {"code_hash": code_hash(*CODE), "spec_hash": posterior_hash(spec),
            "data_hash": panel.data_hash, "seed": SEED, "settings": SETTINGS,
            "versions": package_versions()}


def main() -> None:
    """Run the panels that are missing, and write the table of all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--panels", type=int, default=MOST_PANELS, help="of each cell")
    parser.add_argument("--workers", type=int, help="processes; as many as cores if not given")
    parser.add_argument("--cluster", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / MODEL)
    parser.add_argument("--summary", type=Path,
                        default=ROOT / "reports" / "validation" / "power.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "power")
    options = parser.parse_args()
    spec, panel = load_model(MODEL)
    stamp = stamp_of(spec, panel)
    kept = (json.loads(options.summary.read_text(encoding="utf-8"))
            if options.summary.is_file() else {})
    same = all(kept.get(name) == value for name, value in stamp.items())
    there = read_power(options.out, spec, panel) if same else None

    def tell(tally: Tally) -> None:
        print(f"panels: {tally.finished} of {tally.total}, {tally.failed} failed", flush=True)

    found = power(MODEL, panels=options.panels, seed=SEED, there=there,
                  folder=folder_of(options.runs, stamp), workers=options.workers,
                  cluster=options.cluster, report=tell)
    write_power(found, spec, panel, options.out)
    own = found.table[found.table["design"] == OBSERVED]
    summary = {"model": MODEL, **stamp, "wanted": MOST_PANELS,
               "panels_a_cell": int(own.groupby(["path", "size"])["number"].nunique().min()),
               "sentence": found.sentence}
    write_text(options.summary, json.dumps(summary, indent=1) + "\n")
    print(found.sentence)


if __name__ == "__main__":
    main()
