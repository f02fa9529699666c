"""Time the report of the flagship with warm machine code, as ``make report`` makes it.

    python benchmarks/report_time.py [--repeats 3] [--out reports/validation/report_time.json]

A report of another folder each time, without kept fits; the first one only warms the machine code
and is not timed. What was already computed and committed (robustness grid, backtest, absolute
values) is taken up from ``reports/rok_japan``, as it is by ``make report``, and must be of the
present model and data.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from subprocess import run

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bayes_alliance.inference import load_model, package_versions
from bayes_alliance.report import read_beside
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import posterior_hash
from benchmarks.peers.process import machine
from benchmarks.provenance import ROOT, code_hash


def one_report(folder: Path) -> float:
    """Return the seconds of one report."""
    out = folder / "rok_japan"
    shutil.copytree(ROOT / "reports" / "rok_japan", out)
    started = time.perf_counter()
    run([sys.executable, "-m", "bayes_alliance", "report", "rok_japan", "--out", str(out)],
        check=True, cwd=folder)
    return time.perf_counter() - started


def main() -> None:
    """Repeat, and write the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "report_time.json")
    options = parser.parse_args()
    spec, panel = load_model("rok_japan")
    beside = read_beside(ROOT / "reports" / "rok_japan", spec, panel)
    taken_up = [name for name in ("grid", "backtest", "absolute", "power")
                if getattr(beside, name) is not None]
    if not {"grid", "backtest", "absolute"} <= set(taken_up):
        sys.exit(f"reports/rok_japan holds of what takes long only {', '.join(taken_up)}: without "
                 "the rest the report is another one")
    seconds = []
    for _ in range(1 + options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            seconds.append(round(one_report(Path(folder)), 1))
    warming, *seconds = seconds
    result = {"seconds": seconds, "median": median(seconds), "warming": warming,
              "taken_up": taken_up, "machine": machine(),
              "code_hash": code_hash("**/*.py"), "spec_hash": posterior_hash(spec),
              "data_hash": panel.data_hash, "versions": package_versions()}
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    print(result["median"])


if __name__ == "__main__":
    main()
