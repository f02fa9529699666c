"""Do 90% intervals cover truths drawn from the prior? Simulate, fit, count.

    python benchmarks/recovery.py [--panels 100] [--first 0] [--out reports/validation]

Panels come from the NumPy simulator, which shares no code with the model. Rows are written as
they come; an interrupted run goes on with the panels that are missing. A panel's numbers do not
depend on the others', so parts may run side by side in folders of their own and their rows be
put together; a last run then only counts. ``recovery.json`` carries the counts, their exact
binomial limits, and hashes of what they were made from.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from provenance import code_hash

from bayes_alliance import constants as c
from bayes_alliance.checks import coverage_limits, recover
from bayes_alliance.inference import load_model
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import spec_hash

CODE = ("model/**/*.py", "inference/*.py", "checks/simulate.py", "checks/recovery.py")
SEED = 1


def summary(rows: pd.DataFrame, stamp: dict[str, str]) -> dict[str, object]:
    """Return counts, limits and hashes."""
    panels = int(rows["panel"].nunique())
    low, high = coverage_limits(panels)
    counts = {name: int(rows.loc[rows["quantity"] == name, "covered"].sum())
              for name in (*c.COEFFICIENTS, "cohesion_mean")}
    one = rows.drop_duplicates("panel")
    return {"panels": panels, "interval": 0.9, "limits": [low, high],
            "covered": counts, "failed_gate": int((~one["passed"]).sum()),
            "divergences": int(one["divergences"].sum()), "seed": SEED, **stamp}


def main() -> None:
    """Run the panels."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--panels", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first panel")
    parser.add_argument("--out", type=Path, default=Path("reports/validation"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    spec, panel = load_model("rok_japan")
    stamp = {"code_hash": code_hash(*CODE), "spec_hash": spec_hash(spec),
             "data_hash": panel.data_hash}
    table, marks = options.out / "recovery.csv", options.out / "recovery.json"
    done = pd.DataFrame()
    if table.is_file() and marks.is_file():
        before = json.loads(marks.read_text())
        if all(before.get(key) == value for key, value in stamp.items()):
            done = pd.read_csv(table)
    for number in range(options.first, options.first + options.panels):
        if len(done) and number in set(done["panel"]):
            continue
        found = recover(spec, panel, panels=1, seed=SEED, first=number)
        done = pd.concat([done, found], ignore_index=True).sort_values("panel", kind="stable")
        write_text(table, done.to_csv(index=False, float_format="%.5g", lineterminator="\n"))
        write_text(marks, json.dumps(summary(done, stamp), indent=1) + "\n")
        print(number, summary(done, stamp)["covered"], flush=True)
    write_text(marks, json.dumps(summary(done, stamp), indent=1) + "\n")


if __name__ == "__main__":
    main()
