"""What can the design see? How often each verdict comes out where the truth is known.

    python benchmarks/power.py [--panels 100] [--workers N | --cluster ADDRESS]

A truth is a draw of the posterior under HX: its threat and credibility, its effects of disputes
and governments, its measurement. Cohesion is made anew from them in every panel, with shocks of
its own and what a path with beta = delta = 0, 0.5, 1 or 1.5 does, and every row of the observed
panel is drawn anew, with its own period, sample size and gaps. Each such panel is judged like the
observed one, by all criteria but the robustness grid's, with fits of half the length.

``power.csv`` has a row for each panel, episode and hypothesis, ``power.json`` the shares with exact
binomial intervals. An interrupted run goes on with the panels that are missing, also on another
machine: what ``power.csv`` has is not run again while the hashes beside it hold.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
from scipy import signal, stats

from bayes_alliance import constants as c
from bayes_alliance.checks.observe import observe
from bayes_alliance.checks.truths import draw_as_truth
from bayes_alliance.hypotheses.paths import filter_response
from bayes_alliance.hypotheses.robustness import Member, run_member
from bayes_alliance.hypotheses.specifications import COMMITTED
from bayes_alliance.inference import (
    fit_panel,
    load_fit,
    load_model,
    package_versions,
    require_passed,
)
from bayes_alliance.inference.result import require_finished
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, long_run_paths
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import posterior_hash
from benchmarks.provenance import ROOT, SAMPLED, code_hash, kept_table
from benchmarks.runs import end_with, finished, folder_of, require_some

MODEL: Final = "rok_japan"
SEED: Final = 1
SIZES: Final = (0.5, 1.0, 1.5)
PANELS: Final = 100
SETTINGS: Final = {"draws": 450, "tune": 150, "chains": 2}
CODE: Final = (*SAMPLED, "checks/observe.py", "checks/truths.py", "hypotheses/episodes.py",
               "hypotheses/evidence.py", "hypotheses/paths.py", "hypotheses/robustness.py",
               "hypotheses/regression.py", "hypotheses/savage_dickey.py", "hypotheses/verdicts.py")
WITHHELD: Final = "withheld"
VERDICTS: Final = ("supported", "inconclusive", "contradicted", WITHHELD)
# How a panel is made from a truth: another number, where that is another way.
WAY: Final = 2


class Panel(NamedTuple):
    """One panel to simulate and judge."""

    path: str
    size: float
    number: int
    truth: dict[str, Any]


def cells() -> list[tuple[str, float]]:
    """Return path and size of every cell; with size 0 no path acts."""
    return [("none", 0.0), *((path, size) for path in c.PATHS for size in SIZES)]


def simulated(spec: Any, panel: Any, item: Panel) -> Any:
    """Return the panel with rows drawn from the truth, a path acting on its cohesion."""
    rng = np.random.default_rng([SEED, item.number, cells().index((item.path, item.size))])
    truth = item.truth | {c.COHESION: cohesion_of(spec, panel, item, rng)}
    return observe(spec, panel, truth, rng)[0]


def cohesion_of(spec: Any, panel: Any, item: Panel, rng: np.random.Generator) -> np.ndarray:
    """Return a cohesion made anew: disputes, governments, the path that acts, fresh shocks."""
    truth = item.truth
    wanted = panel.rivals.to_numpy(dtype=float) @ truth[c.VAR_RIVAL_EFFECT]
    for member in panel.members:
        wanted = wanted + np.array([truth[c.VAR_GOVERNMENT_EFFECT][member, label]
                                    for label in panel.governments[member]])
    if item.path != "none":
        mean, gap = long_run_paths(*np.asarray(truth[item.path]))
        wanted = wanted + item.size * (mean + gap)
    phi = 0.5 ** (1.0 / truth[c.VAR_HALF_LIFE][c.LATENTS.index(c.COHESION)])
    shocks = rng.standard_normal(len(wanted))
    if spec.model.innovations == "student_t":
        df = spec.priors.student_t_innovation_df
        shocks = rng.standard_t(df, len(wanted)) * np.sqrt((df - 2.0) / df)
    shocks[1:] *= np.sqrt(1.0 - phi**2)
    own = signal.lfilter([1.0], [1.0, -phi], shocks)
    return np.asarray(filter_response(np.array(phi), wanted, spec.model.response) + own)


def judge_panel(key: str, item: Panel) -> dict[str, Any]:
    """Simulate one panel and judge the hypotheses on it; a task of ``many``."""
    spec, panel = load_model(MODEL)
    member = Member(MODEL, COMMITTED, SEED, SETTINGS["draws"], SETTINGS["tune"],
                    SETTINGS["chains"])
    found = run_member(spec, simulated(spec, panel, item), member)
    return {"rows": [row | {"path": item.path, "size": item.size, "number": item.number}
                     for row in found["rows"]]}


def truths(spec: Any, panel: Any, folder: Path, number: int) -> list[dict[str, Any]]:
    """Return evenly spaced draws of the posterior under HX, in an order that mixes the chains."""
    kept = folder / "HX.nc"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        require_passed(require_finished(fit_panel(spec, panel, hypothesis="HX", seed=SEED))
                       ).save(kept)
    samples = flatten(load_fit(kept).posterior, number)
    design = build_design(spec, panel, "HX")
    order = np.random.default_rng(SEED).permutation(samples.size)
    return [draw_as_truth(samples, int(k), design) for k in order]


def shares(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how often each verdict came out, with exact 95% intervals.

    A panel whose fits did not converge has its verdict withheld.
    """
    found = []
    table = table.assign(verdict=table["verdict"].where(table["converged"].astype(bool),
                                                        WITHHELD))
    groups = ["path", "size", "episode", "hypothesis"]
    for key, part in table.groupby(groups, sort=False):
        one: dict[str, Any] = dict(zip(groups, key, strict=True)) | {"panels": len(part)}
        for verdict in VERDICTS:
            count = int((part["verdict"] == verdict).sum())
            low, high = stats.binomtest(count, len(part)).proportion_ci(0.95)
            one[verdict] = {"share": count / len(part), "low": float(low), "high": float(high)}
        quantiles = np.quantile(part["log_bayes_factor"], [0.05, 0.5, 0.95, 1.0])
        one["log_bayes_factor"] = dict(zip(("q05", "q50", "q95", "largest"),
                                           map(float, quantiles), strict=True))
        one["direction_met"] = float((part["direction_probability"] >= 0.9).mean())
        one["contribution_met"] = float((part["contribution_probability"] >= 0.9).mean())
        one["evidence_met"] = float((part["log_bayes_factor"] >= np.log(3.0)).mean())
        found.append(one)
    return found


def name_of(path: str, size: float, number: int) -> str:
    """Return the name of a panel."""
    return f"{path}-{size:g}-{number:03d}"


def main() -> None:
    """Run the panels that are missing, and write the summary of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--panels", type=int, default=PANELS, help="of each cell")
    parser.add_argument("--workers", type=int, help="processes; as many as cores if not given")
    parser.add_argument("--cluster", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "power")
    options = parser.parse_args()
    if not 1 <= options.panels <= PANELS:
        parser.error(f"--panels is {options.panels} (allowed: 1 to {PANELS}, as many as truths)")
    spec, panel = load_model(MODEL)
    stamp = {"code_hash": code_hash(*CODE), "spec_hash": posterior_hash(spec),
             "data_hash": panel.data_hash, "seed": SEED, "settings": SETTINGS, "way": WAY}
    before = kept_table(options.out, "power", stamp, ["path", "size", "number"])
    there = {name_of(*key) for key in before[["path", "size", "number"]].itertuples(index=False)}
    # Number by number, so that every cell has as many panels wherever the run is stopped.
    wanted = {name_of(path, size, number): (path, size, number)
              for number in range(options.panels) for path, size in cells()}
    missing = {name: key for name, key in wanted.items() if name not in there}
    drawn = truths(spec, panel, folder_of(options.runs, stamp), PANELS) if missing else []
    items = {name: Panel(*key, drawn[key[2]]) for name, key in missing.items()}
    done, failed = finished(judge_panel, items, runs=options.runs, stamp=stamp, what="panels",
                            workers=options.workers, cluster=options.cluster)
    table = pd.concat([before, pd.DataFrame(
        [row for result in done.values() for row in result["rows"]])], ignore_index=True)
    require_some(table, failed)
    table = table.sort_values(["number", "path", "size"], kind="stable", ignore_index=True)
    text = table.to_csv(index=False, float_format="%.5g", lineterminator="\n")
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "power.csv", text)
    summary = {"model": MODEL, **stamp, "versions": package_versions(),
               "panels_a_cell": int(table.groupby(["path", "size"])["number"].nunique().min()),
               "wanted": PANELS, "failed": failed,
               "not_converged": int((~table["converged"].astype(bool)).sum() // 4),
               "cells": shares(table)}
    write_text(options.out / "power.json", json.dumps(summary, indent=1) + "\n")
    end_with(failed, "panels")


if __name__ == "__main__":
    # Under a name that the workers can import.
    from benchmarks import power

    power.main()
