"""Hold verdicts against planted truths, on panels that say much.

    python benchmarks/known_answer.py [--panels 100] [--workers 2]

A panel is twelve dyads over seventy years whose indicators follow their states closely. Its
coefficients are planted: only threat acts (beta and delta of its path 1.5), only credibility acts,
or neither; everything else is drawn or fixed as :data:`FIXED` says. It is fitted and judged as the
panel of quasi alliances is (:func:`bayes_alliance.dyads.verdicts.judge_readings`), for the
population.

A verdict is wrong if it says *supported* of a reading of which a sign is not that of what was
planted, or *contradicted* of one of which no sign is the opposite of what was planted. A panel is
wrong if any of its verdicts is. It is right if none is wrong and the planted path's reading is
supported; where neither path acts, if all are inconclusive. What is neither was inconclusive, or
withheld by the gate. ``known_answer.csv`` has a row for each panel and reading,
``known_answer.json`` counts with exact intervals. The command fails where of a hundred panels of a
case fewer than 80 are right or more than 5 wrong. An interrupted run goes on.
"""

import argparse
import json
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.fitting import fit_dyad_panel, load_dyad_model
from bayes_alliance.dyads.population import READINGS
from bayes_alliance.dyads.simulate import made_up_panel, simulate_dyads
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.dyads.verdicts import judge_readings
from bayes_alliance.inference import Gate, package_versions
from bayes_alliance.report.machine import write_text
from benchmarks.provenance import ROOT, SAMPLED, code_hash, script_hash
from benchmarks.runs import digest_of, end_with, finished, require_some, spec_digest

MODEL: Final = "quasi_alliances"
SEED: Final = 1
SIZE: Final = 1.5
LAYOUT: Final = {"members": 8, "dyads": 12, "years": 70}
SETTINGS: Final = {"draws": 500, "tune": 300, "chains": 2}
# Loose: of every quantity of both stages, nuisances included; a verdict needs a probability to .05.
GATE: Final = Gate(rhat=1.1, rhat_states=1.2, ess=30, divergences=5)
FIXED: Final[dict[str, Any]] = {
    "class_deviation": 0.0, n.VAR_SPREAD: 0.1, "loading": 1.0, "noise": 0.3,
    # That of credibility is the prior's median, which is all but fixed.
    "half_life_threat": 3.0, "half_life_credibility": 5.0, "half_life_cohesion": 2.0,
    c.VAR_INTERCEPT: 0.0, n.VAR_DYAD_LEVEL_SD: 0.5, n.VAR_OWN_ERROR_SD: 0.3,
    "own_error_half_life": 5.0}
# Coefficients (beta and delta of threat, of credibility) and the reading that is right.
CASES: Final[dict[str, tuple[tuple[float, ...], str]]] = {
    "threat": ((SIZE, SIZE, 0.0, 0.0), "H1 common threat"),
    "credibility": ((0.0, 0.0, SIZE, SIZE), "H2 common ally (Hwang)"),
    "neither": ((0.0, 0.0, 0.0, 0.0), "")}
CODE: Final = (*SAMPLED, "dyads/*.py")


def outcome(verdicts: dict[str, str], case: str) -> str:
    """Say whether the verdicts of all readings are right, wrong or neither."""
    planted, right = CASES[case]
    size = dict(zip(c.COEFFICIENTS, planted, strict=True))
    for reading, verdict in verdicts.items():
        agrees = [sign * size[name] for name, sign in READINGS[reading].items()]
        if (verdict == "supported" and min(agrees) <= 0) or (
                verdict == "contradicted" and min(agrees) >= 0):
            return "wrong"
    if right:
        return "right" if verdicts[right] == "supported" else "undecided"
    return "undecided" if "withheld" in verdicts.values() else "right"


@cache
def _layout() -> tuple[DyadModelSpec, DyadPanel]:
    """Return the model and an empty panel, the same for all, so that they share a compilation."""
    spec, panel = load_dyad_model(MODEL)
    return spec, made_up_panel(spec, panel.indicators, rng=np.random.default_rng(SEED), **LAYOUT)


def judge(key: str, item: tuple[str, int]) -> dict[str, Any]:
    """Simulate a panel, fit it and judge the readings; a task of ``many``."""
    case, number = item
    spec, layout = _layout()
    rng = np.random.default_rng([SEED, number, list(CASES).index(case)])
    planted = {c.VAR_COEFFICIENT: np.array(CASES[case][0])}
    panel, _ = simulate_dyads(spec, layout, rng, fixed=FIXED | planted)
    fit = fit_dyad_panel(spec, panel, seed=number, gate=GATE, **SETTINGS)
    found = judge_readings(fit)
    found = found[found["group"] == "all"]
    return {"rows": [{"case": case, "number": number, "reading": row.reading,
                      "verdict": row.verdict, "probability": row.probability,
                      "log_bayes_factor": row.log_bayes_factor, "passed": fit.passed}
                     for row in found.itertuples()]}


def counts(table: pd.DataFrame) -> dict[str, Any]:
    """Return how often each outcome came out in each case, with exact 95% intervals."""
    found: dict[str, Any] = {}
    for case, part in table.groupby("case", sort=False):
        panels = [outcome(dict(zip(one["reading"], one["verdict"], strict=True)),
                          str(case)) for _, one in part.groupby("number")]
        found[str(case)] = {"panels": len(panels)}
        for name in ("right", "wrong", "undecided"):
            number = panels.count(name)
            low, high = stats.binomtest(number, len(panels)).proportion_ci(0.95)
            found[str(case)][name] = {"count": number, "low": float(low), "high": float(high)}
        found[str(case)]["withheld"] = int((~part["passed"].astype(bool)).sum() // len(READINGS))
    return found


def stamp_of(spec: DyadModelSpec, panel: DyadPanel) -> dict[str, Any]:
    """Return what the panels are made from."""
    return {"code_hash": code_hash(*CODE), "script_hash": script_hash("known_answer"),
            "spec_hash": spec_digest(spec), "data_hash": panel.data_hash, "seed": SEED,
            "settings": SETTINGS, "layout": LAYOUT, "planted": digest_of(FIXED),
            "gate": asdict(GATE)}


def short_of(cases: dict[str, Any]) -> list[str]:
    """Return the cases with fewer than 80% right or more than 5% wrong."""
    return [case for case, one in cases.items() if one["right"]["count"] < 0.8 * one["panels"]
            or one["wrong"]["count"] > 0.05 * one["panels"]]


def main() -> None:
    """Run the panels that are missing, and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--panels", type=int, default=100, help="of each case")
    parser.add_argument("--workers", type=int, help="processes; as many as cores if not given")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "known_answer")
    options = parser.parse_args()
    spec, panel = load_dyad_model(MODEL)
    stamp = stamp_of(spec, panel) | {"versions": package_versions()}
    items = {f"{case}-{number:03d}": (case, number)
             for number in range(options.panels) for case in CASES}
    done, failed = finished(judge, items, runs=options.runs, stamp=stamp,
                            workers=options.workers, what="panels")
    table = pd.DataFrame([row for result in done.values() for row in result["rows"]])
    require_some(table, failed)
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "known_answer.csv",
               table.to_csv(index=False, float_format="%.5g", lineterminator="\n"))
    summary = {"model": MODEL, **stamp, "failed": failed,
               "cases": counts(table)}
    write_text(options.out / "known_answer.json", json.dumps(summary, indent=1) + "\n")
    for case, one in summary["cases"].items():
        print(case, {name: one[name]["count"] for name in ("right", "wrong", "undecided")})
    end_with(failed, "panels")
    end_with(short_of(summary["cases"]), "cases by their counts")


if __name__ == "__main__":
    # Under a name that the workers can import.
    from benchmarks import known_answer

    known_answer.main()
