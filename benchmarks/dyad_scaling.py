"""Measure how the cost of a fit over dyads grows with dyad-years.

    python benchmarks/dyad_scaling.py [--seeds 1] [--out reports/validation/dyad_scaling.json]

Panels of 31 to 2,000 simulated dyads over 70 years with the indicators of
``models/panels/quasi_alliances.toml``, coefficients and most other parameters the same in all, the
rest drawn from their priors. Both stages are fitted in short runs of one length, two chains at a
time, each size in a process of its own. An exponent is the slope of the logarithm of a cost on that
of the dyad-years, by least squares, with its 95% interval; costs are one log density with gradient
of the stage of cohesion, the wall time of a fit with compiled code, and the seconds of an effective
draw of the population's coefficients.

Beside it, whole fits with the settings of the model file, held against the full gate, on two cores
and without any machine code kept before: of the shipped panel, and of a simulated one of 250 dyads
in which every indicator has a value in all 70 years. A second fit of other values under another
hypothesis says whether anything is compiled again. Sizes are kept as they are measured; an
interrupted run goes on.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import arviz as az
import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import build_dyad_design
from bayes_alliance.dyads.fitting import fit_dyad_panel, load_dyad_model
from bayes_alliance.dyads.model import build_dyad_model
from bayes_alliance.dyads.simulate import made_up_panel, simulate_dyads
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.inference import package_versions
from bayes_alliance.inference.compiled import obtain
from bayes_alliance.report.machine import write_text
from benchmarks.known_answer import FIXED
from benchmarks.peers.ours import gradient_seconds
from benchmarks.peers.process import machine, peak_of_own
from benchmarks.provenance import ROOT, SAMPLED, code_hash, script_hash
from benchmarks.runs import digest_of, end_with, spec_digest
from benchmarks.scaling import exponents, in_processes, not_measured, slope

MODEL: Final = "quasi_alliances"
DYADS: Final = (31, 63, 125, 250, 500, 1000, 2000)
YEARS: Final = 70
# As many members for each dyad as in the shipped panel: 57 of 266.
MEMBERS: Final = 57 / 266
SETTINGS: Final = {"draws": 200, "tune": 200, "chains": 2}
# Of a second fit, of which only its compilations are counted.
SHORT: Final = {"draws": 10, "tune": 10, "chains": 2}
# Whole fits: the shipped panel, and a simulated one of so many dyads.
SHIPPED, SIMULATED, WHOLE = "shipped", "simulated", 250
# The same truth in panels of every size, so that size is all that differs.
PLANTED: Final = FIXED | {c.VAR_COEFFICIENT: np.full(4, 0.5)}
SELF: Final = (sys.executable, str(Path(__file__).resolve()))
CODE: Final = (*SAMPLED, "dyads/*.py")


def made_up(dyads: int) -> tuple[DyadModelSpec, DyadPanel]:
    """Return the model file and a simulated panel of so many dyads."""
    spec, shipped = load_dyad_model(MODEL)
    rng = np.random.default_rng(dyads)
    layout = made_up_panel(spec, shipped.indicators, members=max(12, round(MEMBERS * dyads)),
                           dyads=dyads, years=YEARS, rng=rng)
    return spec, simulate_dyads(spec, layout, rng, fixed=PLANTED)[0]


def whole(which: str) -> dict[str, Any]:
    """Fit a panel as a user would, with no machine code kept; return what it took."""
    spec, panel = load_dyad_model(MODEL) if which == SHIPPED else made_up(WHOLE)
    said: list[str] = []
    started = time.perf_counter()
    fit = fit_dyad_panel(spec, panel, seed=1, cores=2, announce=said.append)
    seconds = time.perf_counter() - started
    peak, first = peak_of_own(), len([line for line in said if line.startswith("compiling")])
    again, _ = simulate_dyads(spec, panel, np.random.default_rng(1), fixed=PLANTED)
    fit_dyad_panel(spec, again, hypothesis="H1", seed=2, announce=said.append, **SHORT)
    compiled = len([line for line in said if line.startswith("compiling")])
    return {"panel": which, "dyads": len(panel.dyads), "years": len(panel.years),
            "dyad_years": int((panel.dyads["last"] - panel.dyads["first"] + 1).sum()),
            "rows": len(panel.rows), "seconds": seconds,
            "sampling_seconds": sum(one["seconds"] for one in fit.diagnostics.values()),
            "compilations": first, "compilations_of_another_fit": compiled - first,
            "passed": fit.passed, "stages": fit.diagnostics, "peak_memory_mb": peak}


def measure(dyads: int, seeds: int) -> dict[str, Any]:
    """Fit one size with every seed; return its costs."""
    spec, panel = made_up(dyads)
    started = time.perf_counter()
    for stage in n.STAGES:
        design = build_dyad_design(spec, panel, stage)
        compiled = obtain(("dyads", design.structure), partial(build_dyad_model, spec, design),
                          f"the model of {stage}").with_data(**design.data)
    build = time.perf_counter() - started
    gradient = gradient_seconds(compiled.density(), compiled.start, batch=4)
    fits = []
    for seed in range(1, seeds + 1):
        started = time.perf_counter()
        fit = fit_dyad_panel(spec, panel, seed=seed, **SETTINGS)
        seconds = time.perf_counter() - started
        effective = float(az.ess(fit.posterior[[c.VAR_COEFFICIENT]])[c.VAR_COEFFICIENT].min())
        fits.append({"seed": seed, "effective": effective,
                     "rhat": float(az.rhat(fit.posterior[[c.VAR_COEFFICIENT]])[
                         c.VAR_COEFFICIENT].max()),
                     "seconds": seconds, "sampling_seconds": sum(
                         one["seconds"] for one in fit.diagnostics.values()),
                     "steps": fit.diagnostics[n.COHESION_STAGE]["steps"],
                     "divergences": sum(one["divergences"] for one in fit.diagnostics.values())})
    return {"dyads": dyads, "dyad_years": dyads * YEARS, "rows": len(panel.rows),
            "dimension": compiled.size, "build_seconds": build, "gradient_seconds": gradient,
            "fit_seconds": float(np.median([one["seconds"] for one in fits])),
            "seconds_an_effective_draw": float(np.median(
                [one["seconds"] / one["effective"] for one in fits])),
            "rhat": max(one["rhat"] for one in fits),
            "steps": float(np.median([one["steps"] for one in fits])),
            "peak_memory_mb": peak_of_own(), "fits": fits}


def markdown(result: dict[str, Any]) -> str:
    """Return the table as text."""
    lines = ["# Cost against dyad-years", "",
             f"Simulated panels over {YEARS} years; runs of {SETTINGS['tune']} and "
             f"{SETTINGS['draws']} iterations, two chains, both stages.", "",
             "| dyads | dyad-years | rows | dimension | gradient ms | fit s | s per 100 effective "
             "draws | R-hat | steps | MB |",
             "| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"]
    lines += [f"| {one['dyads']} | {one['dyad_years']} | {one['rows']} | {one['dimension']} | "
              f"{1e3 * one['gradient_seconds']:.2f} | {one['fit_seconds']:.0f} | "
              f"{100 * one['seconds_an_effective_draw']:.1f} | {one['rhat']:.2f} | "
              f"{one['steps']:.0f} | "
              f"{one['peak_memory_mb']:.0f} |" for one in result["sizes"]]
    lines += not_measured(result)
    cells = [f"{name} {slope(one)}" for name, one in result["exponents"].items()]
    lines += ["", "Exponents with 95% intervals, and between the two largest sizes; 1 is linear: "
              f"{', '.join(cells)}.", "", "## Whole fits", "",
              "Settings of the model file, two cores, no machine code kept before. Goal: at most "
              "15 minutes and 8 GB, passed, one compilation of each of the two stages.", "",
              "| panel | dyads | dyad-years | rows | minutes | of which sampling | passed | MB | "
              "compiled | by another fit |",
              "| --- | --: | --: | --: | --: | --: | --- | --: | --: | --: |"]
    lines += [f"| {one['panel']} | {one['dyads']} | {one['dyad_years']} | {one['rows']} | "
              f"{one['seconds'] / 60:.1f} | {one['sampling_seconds'] / 60:.1f} | "
              f"{'yes' if one['passed'] else 'no'} | {one['peak_memory_mb']:.0f} | "
              f"{one['compilations']} | {one['compilations_of_another_fit']} |"
              for one in result["whole"]]
    return "\n".join([*lines, ""])


def stamp_of() -> dict[str, Any]:
    """Return what every size is made from."""
    spec, shipped = load_dyad_model(MODEL)
    return {"code_hash": code_hash(*CODE), "script_hash": script_hash("dyad_scaling", "peers/ours"),
            "spec_hash": spec_digest(spec), "data_hash": shipped.data_hash, "settings": SETTINGS,
            "planted": digest_of(PLANTED)}


def main() -> None:
    """Measure the sizes that are missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "dyad_scaling.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "dyad_scaling")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        if options.one in (SHIPPED, SIMULATED):
            with tempfile.TemporaryDirectory() as empty:
                os.environ["BAYES_ALLIANCE_CACHE"] = empty
                found = whole(options.one)
        else:
            found = measure(int(options.one), options.seeds)
        write_text(options.out, json.dumps(found))
        return
    stamp = stamp_of() | {"versions": package_versions()}
    names = (SHIPPED, SIMULATED, *map(str, DYADS))
    runs = in_processes(SELF, {name: name for name in names}, options.runs, options.seeds,
                        digest_of(stamp))
    missing = [name for name in names if name not in {one["name"] for one in runs}]
    sizes = [one for one in runs if "panel" not in one]
    result = {"model": MODEL, "seeds": options.seeds, **stamp,
              "whole": [one for one in runs if "panel" in one], "sizes": sizes,
              "not_measured": missing, "exponents": exponents(sizes, "dyad_years"),
              "machine": machine()}
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    write_text(options.out.with_suffix(".md"), markdown(result))
    end_with(missing, "sizes")


if __name__ == "__main__":
    main()
