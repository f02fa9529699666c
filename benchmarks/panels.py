"""Hold the population's coefficients against planted ones, on panels of the real layout.

    python benchmarks/panels.py [--panels 50] [--workers 1]

Every parameter is drawn from the prior of ``models/panels/quasi_alliances.toml``, a panel with its
members, dyads, years, rows and sample sizes is drawn from them (`simulate_dyads`, which shares no
code with the compiled model) and fitted in both stages as the real one is, with fewer draws. How
often do the 50% and 90% intervals of the coefficients of the population and of its classes, of
their spread over dyads and of the effects between dyads hold the truth?  If the rate is the nominal
one, counts lie between the limits that ``panels.json`` states but for one panel set in a thousand
(two-sided binomial limits, a thousandth shared by all quantities and both levels). Of one quantity
in fifty panels they see large departures only; over all quantities together smaller ones are seen.
A fit that did not converge counts like any other. ``panels.csv`` has a row for each panel and
quantity. An interrupted run goes on, on another machine from the committed table.
"""

import argparse
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import arviz as az
import numpy as np
import pandas as pd
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.fitting import fit_dyad_panel, load_dyad_model
from bayes_alliance.dyads.simulate import simulate_dyads
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.inference import package_versions
from bayes_alliance.report.machine import write_text
from benchmarks.provenance import ROOT, SAMPLED, code_hash, kept_table, script_hash
from benchmarks.runs import end_with, finished, require_some, spec_digest

MODEL: Final = "quasi_alliances"
SEED: Final = 1
PANELS: Final = 50
SETTINGS: Final = {"draws": 300, "tune": 400, "chains": 2}
# With what stands before a coefficient's name in the table; classes have their own names there.
JUDGED: Final = {c.VAR_COEFFICIENT: "", n.VAR_CLASS_COEFFICIENT: "", n.VAR_SPREAD: "spread.",
                 n.VAR_BETWEEN: "between."}
# Of what is judged, whatever the rest does: the end of a 90% interval from sixty effective draws
# is known to a third of a posterior sd.
LEAST: Final = 60
LEVELS: Final = (0.5, 0.9)
FALSE_ALARM: Final = 0.001
CODE: Final = (*SAMPLED, "dyads/*.py")


@cache
def _layout() -> tuple[DyadModelSpec, DyadPanel]:
    return load_dyad_model(MODEL)


def judge(key: str, number: int) -> dict[str, Any]:
    """Draw a panel from the prior and fit it; a task of ``many``."""
    spec, layout = _layout()
    panel, truth = simulate_dyads(spec, layout, np.random.default_rng([SEED, number]))
    fit = fit_dyad_panel(spec, panel, seed=number, **SETTINGS)
    judged = fit.posterior[list(JUDGED)]
    least = min(float(one.min()) for one in az.ess(judged, method="bulk").data_vars.values())
    worst = max(float(one.max()) for one in az.rhat(judged).data_vars.values())
    seconds = sum(float(found["seconds"]) for found in fit.diagnostics.values())
    stages = {f"{stage}_{name}": found[name] for stage, found in fit.diagnostics.items()
              for name in ("rhat_max", "rhat_max_states", "ess_bulk_min", "divergences")}
    rows = []
    for name, before in JUDGED.items():
        draws = fit.posterior[name].stack(sample=("chain", "draw")).transpose(
            ..., "sample").to_numpy()
        labels = ([f"{group}.{label}" for group in spec.model.classes for label in c.COEFFICIENTS]
                  if draws.ndim == 3 else [before + label for label in c.COEFFICIENTS])
        flat = draws.reshape(-1, draws.shape[-1])
        for label, one, true in zip(labels, flat, np.ravel(truth[name]), strict=True):
            rows.append({"number": number, "quantity": label, "truth": float(true),
                         "mean": float(one.mean()), "sd": float(one.std()),
                         "rank": float((one < true).mean()), "ess": least, "rhat": worst,
                         "converged": least >= LEAST and worst <= 1.1, "seconds": seconds,
                         **stages})
    return {"rows": rows}


def stamp_of(spec: DyadModelSpec, panel: DyadPanel) -> dict[str, Any]:
    """Return what the panels are made from."""
    return {"code_hash": code_hash(*CODE), "script_hash": script_hash("panels"),
            "spec_hash": spec_digest(spec), "data_hash": panel.data_hash, "seed": SEED,
            "settings": SETTINGS, "least": LEAST}


def coverage(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how many central intervals hold the truth, with the limits of a nominal rate."""
    if table.empty:
        return []
    found = []
    share = FALSE_ALARM / (table["quantity"].nunique() * len(LEVELS))
    for quantity, part in table.groupby("quantity", sort=False):
        one: dict[str, Any] = {"quantity": quantity, "panels": len(part)}
        for level in LEVELS:
            inside = int(((part["rank"] - 0.5).abs() <= level / 2.0).sum())
            low, high = stats.binom.interval(1.0 - share, len(part), level)
            own = stats.binomtest(inside, len(part)).proportion_ci(0.95)
            one[f"inside{100 * level:.0f}"] = {
                "count": inside, "share": inside / len(part), "low": float(own.low),
                "high": float(own.high), "limits": [int(low), int(high)],
                "nominal": bool(low <= inside <= high)}
        error = (part["mean"] - part["truth"]) / part["sd"]
        one["standardised_error"] = {"mean": float(error.mean()), "sd": float(error.std())}
        found.append(one)
    return found


def together(table: pd.DataFrame) -> dict[str, Any]:
    """Return the coverage over all quantities of a panel, with a 95% interval over panels.

    Quantities of one panel are not independent, so a panel is one observation: this sees smaller
    departures from the nominal rate than any quantity's own count does.
    """
    found: dict[str, Any] = {}
    for level in LEVELS:
        inside = (table["rank"] - 0.5).abs() <= level / 2.0
        of_panel = inside.groupby(table["number"]).mean()
        half = float(stats.t.ppf(0.975, len(of_panel) - 1) * of_panel.sem())
        found[f"inside{100 * level:.0f}"] = {
            "share": float(of_panel.mean()), "low": float(of_panel.mean()) - half,
            "high": float(of_panel.mean()) + half}
    return found


def main() -> None:
    """Run the panels that are missing, and write the summary of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--panels", type=int, default=PANELS)
    parser.add_argument("--workers", type=int, default=1,
                        help="processes; each fits with two chains at a time")
    parser.add_argument("--cluster", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "panels")
    options = parser.parse_args()
    spec, panel = _layout()
    stamp = stamp_of(spec, panel) | {"versions": package_versions()}
    before = kept_table(options.out, "panels", stamp, ["number"])
    items = {f"panel-{number:03d}": number for number in range(options.panels)
             if number not in set(before["number"])}
    done, failed = finished(judge, items, runs=options.runs, stamp=stamp, what="panels",
                            workers=options.workers, cluster=options.cluster)
    rows = pd.DataFrame([row for result in done.values() for row in result["rows"]])
    require_some(pd.concat([before, rows]), failed)
    table = pd.concat([before, rows], ignore_index=True).sort_values(
        "number", kind="stable", ignore_index=True)
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "panels.csv",
               table.to_csv(index=False, float_format="%.5g", lineterminator="\n"))
    converged = table.groupby("number")["converged"].first().astype(bool)
    summary = {"model": MODEL, **stamp, "panels": len(converged),
               "wanted": PANELS, "converged": int(converged.sum()), "false_alarm": FALSE_ALARM,
               "failed": failed, "together": together(table), "coverage": coverage(table),
               "coverage_of_converged": coverage(table[table["converged"].astype(bool)])}
    write_text(options.out / "panels.json", json.dumps(summary, indent=1) + "\n")
    for level, one in summary["together"].items():
        print(f"all together, {level}: {one['share']:.3f} ({one['low']:.3f} to {one['high']:.3f})")
    for one in summary["coverage"]:
        print(one["quantity"], *(one[f"inside{100 * level:.0f}"]["count"] for level in LEVELS),
              "of", one["panels"])
    end_with(failed, "panels")


if __name__ == "__main__":
    # Under a name that the workers can import.
    from benchmarks import panels

    panels.main()
