"""Time the way to the first draw, and the next fit.

    python benchmarks/startup.py [--repeats 5] [--out reports/validation/startup.json]

Each repeat is three processes. ``cold`` starts with empty caches of machine code, ``warm`` with
those that the cold one left; both count from the start of Python, imports and reading of the tables
included, to the first draw of any chain. ``fits``, warm too, makes a whole first fit, then a refit
with other data of the same shape (every figure drawn anew from a posterior draw) and one with the
same data. ``setup`` is what comes before sampling: layout, compilation, and in sampling the
approximation that sets the coordinates.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.peers.process import machine, start
from benchmarks.provenance import ROOT, SAMPLED, code_hash

SELF: Final = (sys.executable, str(Path(__file__).resolve()))
GOALS: Final = {"cold_first_draw": 20.0, "warm_first_draw": 8.0, "refit_gain": 10.0}



def age() -> float:
    """Return the seconds since this process started (Linux)."""
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def one_fit(spec: Any, panel: Any, seed: int, **settings: int) -> dict[str, float]:
    """Fit; return seconds in all, before the first draw, and the process's age at that draw."""
    from bayes_alliance.inference import fit_panel

    first: list[tuple[float, float]] = []

    def see(progress: Any) -> None:
        if progress.finished and not first:
            first.append((time.perf_counter(), age()))

    began = time.perf_counter()
    fit = fit_panel(spec, panel, seed=seed, report=see, **settings)
    ended = time.perf_counter()
    at, old = first[0]
    return {"seconds": ended - began, "setup": at - began, "first_draw": old,
            "passed": fit.diagnostics.passed, "attempts": len(fit.provenance["attempts"])}


def until_first_draw(out: Path) -> None:
    """Write the seconds from the start of Python to the first draw."""
    from bayes_alliance.inference import load_model

    # As few draws as show the first one; what comes before it does not depend on their number.
    found = one_fit(*load_model("rok_japan"), 1, draws=20, tune=20)
    out.write_text(json.dumps({"first_draw": found["first_draw"]}))


def refits(out: Path) -> None:
    """Write the costs of a first fit, of a refit with other data, and of one with the same."""
    import numpy as np

    from bayes_alliance.checks.observe import observe
    from bayes_alliance.checks.truths import draw_as_truth
    from bayes_alliance.inference import fit_panel, load_model
    from bayes_alliance.model import build_design
    from bayes_alliance.model.predict import flatten

    spec, panel = load_model("rok_japan")
    first = one_fit(spec, panel, 1)
    fit = fit_panel(spec, panel, seed=1, draws=50)
    truth = draw_as_truth(flatten(fit.posterior, 1), 0, build_design(spec, panel, "H12"))
    other = observe(spec, panel, truth, np.random.default_rng(1))[0]
    out.write_text(json.dumps({"first": first, "other_data": one_fit(spec, other, 1),
                               "same_data": one_fit(spec, panel, 2)}))


def repeat(number: int, folder: Path) -> dict[str, Any]:
    """Run the three processes of a repeat."""
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | {
            "PYTENSOR_FLAGS": f"cxx=,base_compiledir={empty}/pytensor",
            "NUMBA_CACHE_DIR": f"{empty}/numba", "XDG_CACHE_HOME": f"{empty}/cache"}
        found: dict[str, Any] = {"repeat": number}
        for name, part in (("cold", "--first"), ("warm", "--first"), ("fits", "--refits")):
            out = folder / f"{name}.json"
            failed, _, _ = start([*SELF, part, "--out", str(out)], folder / f"{name}.log",
                                 environment)
            if failed:
                sys.exit(f"{name}: {failed}")
            found[name] = json.loads(out.read_text())
    return found


def main() -> None:
    """Repeat, and write medians with ranges."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "startup.json")
    for name in ("--first", "--refits"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        until_first_draw(options.out)
        return
    if options.refits:
        refits(options.out)
        return
    from bayes_alliance.inference import load_model, package_versions
    from bayes_alliance.report.machine import write_text
    from bayes_alliance.spec import posterior_hash

    repeats = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, options.repeats + 1):
            repeats.append(repeat(number, Path(folder)))
            print(repeats[-1], flush=True)
    measured = {
        "cold_first_draw": [one["cold"]["first_draw"] for one in repeats],
        "warm_first_draw": [one["warm"]["first_draw"] for one in repeats],
        "first_fit": [one["fits"]["first"]["seconds"] for one in repeats],
        "refit_other_data": [one["fits"]["other_data"]["seconds"] for one in repeats],
        "refit_same_data": [one["fits"]["same_data"]["seconds"] for one in repeats],
        "first_setup": [one["fits"]["first"]["setup"] for one in repeats],
        "refit_setup": [one["fits"]["other_data"]["setup"] for one in repeats],
        # A first fit starts Python and compiles; a refit does neither.
        "refit_gain": [(one["cold"]["first_draw"] + one["fits"]["first"]["seconds"]
                        - one["fits"]["first"]["setup"]) / one["fits"]["other_data"]["seconds"]
                       for one in repeats],
        "refit_setup_gain": [one["cold"]["first_draw"] / one["fits"]["other_data"]["setup"]
                             for one in repeats]}
    spec, panel = load_model("rok_japan")
    result = {
        "median": {name: round(median(values), 3) for name, values in measured.items()},
        "range": {name: [round(min(values), 3), round(max(values), 3)]
                  for name, values in measured.items()},
        "goals": GOALS, "repeats": repeats, "machine": machine(), "code_hash": code_hash(*SAMPLED),
        "spec_hash": posterior_hash(spec), "data_hash": panel.data_hash,
        "versions": package_versions()}
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    print(result["median"])


if __name__ == "__main__":
    main()
