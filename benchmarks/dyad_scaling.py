"""Measure how the cost of a fit over dyads grows with dyad-years.

    python benchmarks/dyad_scaling.py [--seeds 1] [--out reports/validation/dyad_scaling.json]

Panels of 31 to 2,000 simulated dyads over 70 years with the indicators of
``models/panels/quasi_alliances.toml``, coefficients and most other parameters the same in all, the
rest drawn from their priors. Both stages are fitted in short runs of one length, two chains at a
time, each size in a process of its own. An exponent is the slope of the logarithm of a cost on that
of the dyad-years, by least squares, with its 95% interval; costs are one log density with gradient
of the stage of cohesion, the seconds of both stages, and the seconds of an effective draw of the
population's coefficients. Sizes are kept as they are measured; an interrupted run goes on.
"""

import argparse
import json
import sys
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
from bayes_alliance.inference import package_versions
from bayes_alliance.inference.compiled import obtain
from bayes_alliance.report.machine import write_text
from benchmarks.known_answer import FIXED
from benchmarks.peers.ours import gradient_seconds
from benchmarks.peers.process import machine
from benchmarks.provenance import ROOT, SAMPLED, code_hash
from benchmarks.runs import digest_of, spec_digest
from benchmarks.scaling import exponents, in_processes

MODEL: Final = "quasi_alliances"
DYADS: Final = (31, 63, 125, 250, 500, 1000, 2000)
YEARS: Final = 70
# As many members for each dyad as in the shipped panel: 57 of 252.
MEMBERS: Final = 57 / 252
SETTINGS: Final = {"draws": 200, "tune": 200, "chains": 2}
# The same truth in panels of every size, so that size is all that differs.
PLANTED: Final = FIXED | {c.VAR_COEFFICIENT: np.full(4, 0.5)}
SELF: Final = (sys.executable, str(Path(__file__).resolve()))
CODE: Final = (*SAMPLED, "dyads/*.py")


def measure(dyads: int, seeds: int) -> dict[str, Any]:
    """Fit one size with every seed; return its costs."""
    spec, shipped = load_dyad_model(MODEL)
    rng = np.random.default_rng(dyads)
    layout = made_up_panel(spec, shipped.indicators, members=max(12, round(MEMBERS * dyads)),
                           dyads=dyads, years=YEARS, rng=rng)
    panel, _ = simulate_dyads(spec, layout, rng, fixed=PLANTED)
    started = time.perf_counter()
    for stage in n.STAGES:
        design = build_dyad_design(spec, panel, stage)
        compiled = obtain(("dyads", design.structure), partial(build_dyad_model, spec, design),
                          f"the model of {stage}").with_data(**design.data)
    build = time.perf_counter() - started
    gradient = gradient_seconds(compiled.density(), compiled.start, batch=4)
    fits = []
    for seed in range(1, seeds + 1):
        fit = fit_dyad_panel(spec, panel, seed=seed, **SETTINGS)
        effective = float(az.ess(fit.posterior[[c.VAR_COEFFICIENT]])[c.VAR_COEFFICIENT].min())
        fits.append({"seed": seed, "effective": effective,
                     "rhat": float(az.rhat(fit.posterior[[c.VAR_COEFFICIENT]])[
                         c.VAR_COEFFICIENT].max()),
                     "seconds": sum(one["seconds"] for one in fit.diagnostics.values()),
                     "steps": fit.diagnostics[n.COHESION_STAGE]["steps"],
                     "divergences": sum(one["divergences"] for one in fit.diagnostics.values())})
    return {"dyads": dyads, "dyad_years": dyads * YEARS, "rows": len(panel.rows),
            "dimension": compiled.size, "build_seconds": build, "gradient_seconds": gradient,
            "fit_seconds": float(np.median([one["seconds"] for one in fits])),
            "seconds_an_effective_draw": float(np.median(
                [one["seconds"] / one["effective"] for one in fits])),
            "rhat": max(one["rhat"] for one in fits),
            "steps": float(np.median([one["steps"] for one in fits])), "fits": fits}


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
    cells = [f"{name} {one['exponent']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
             for name, one in result["exponents"].items()]
    return "\n".join([*lines, "", f"Exponents with 95% intervals, 1 is linear: {', '.join(cells)}.",
                      ""])


def main() -> None:
    """Measure the sizes that are missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "dyad_scaling.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "dyad_scaling")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        write_text(options.out, json.dumps(measure(options.one, options.seeds)))
        return
    spec, shipped = load_dyad_model(MODEL)
    stamp = {"code_hash": code_hash(*CODE), "spec_hash": spec_digest(spec),
             "indicators": digest_of(shipped.indicators.to_dict()), "settings": SETTINGS,
             "planted": digest_of(PLANTED)}
    found = in_processes(SELF, {str(dyads): str(dyads) for dyads in DYADS}, options.runs,
                         options.seeds, digest_of(stamp))
    missing = sorted(set(DYADS) - {one["dyads"] for one in found})
    result = {"model": MODEL, "seeds": options.seeds, **stamp, "sizes": found,
              "not_measured": missing, "exponents": exponents(found, "dyad_years"),
              "machine": machine(), "versions": package_versions()}
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    write_text(options.out.with_suffix(".md"), markdown(result))


if __name__ == "__main__":
    main()
