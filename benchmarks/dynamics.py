"""See whether every option of the dynamics meets the gate.

    python benchmarks/dynamics.py [--seeds 2] [--out reports/validation/dynamics.csv]

Fits the flagship with each option of a model file that changes its series, the others as they
stand there, and combinations of them. A fit that breaks down counts as one that failed the gate.
Rows are written as they come; an interrupted run goes on with the fits that are missing, and does
those anew whose code, model file or data have changed.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.inference import fit_panel, load_model
from bayes_alliance.inference.compiled import clear_compiled
from bayes_alliance.inference.result import require_finished
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import ModelSpec, posterior_hash
from bayes_alliance.tables import Panel
from benchmarks.provenance import ROOT, SAMPLED, code_hash, script_hash

WALK, TREND, LEVEL, HEAVY = "random_walk", "local_trend", "level", "student_t"
# What differs from the model file.
OPTIONS: Final[dict[str, dict[str, str]]] = {
    "as committed": {},
    "threat random_walk": {c.THREAT: WALK},
    "threat local_trend": {c.THREAT: TREND},
    "credibility random_walk": {c.CREDIBILITY: WALK},
    "credibility local_trend": {c.CREDIBILITY: TREND},
    "both random_walk": {c.THREAT: WALK, c.CREDIBILITY: WALK},
    "both local_trend": {c.THREAT: TREND, c.CREDIBILITY: TREND},
    "level": {"response": LEVEL},
    "level, its error random_walk": {"response": LEVEL, c.COHESION: WALK},
    "level, its error local_trend": {"response": LEVEL, c.COHESION: TREND},
    "all local_trend": {"response": LEVEL, c.THREAT: TREND, c.CREDIBILITY: TREND,
                        c.COHESION: TREND},
    "student_t": {"innovations": HEAVY},
    "student_t, both random_walk": {"innovations": HEAVY, c.THREAT: WALK, c.CREDIBILITY: WALK},
    "student_t, both local_trend": {"innovations": HEAVY, c.THREAT: TREND, c.CREDIBILITY: TREND},
    "student_t, level": {"innovations": HEAVY, "response": LEVEL},
    "non-centred": {"coordinates": "non_centred"},
    "centred": {"coordinates": "centred"},
}


def changed(spec: ModelSpec, option: dict[str, str]) -> ModelSpec:
    """Return the specification with an option."""
    head: dict[str, Any] = {key: option[key] for key in ("response", "innovations")
                            if key in option}
    moves: dict[str, Any] = {latent: option[latent] for latent in c.LATENTS if latent in option}
    sampler = {key: option[key] for key in ("coordinates",) if key in option}
    dynamics = spec.model.dynamics.model_copy(update=moves)
    return spec.model_copy(update={
        "model": spec.model.model_copy(update={**head, "dynamics": dynamics}),
        "sampler": spec.sampler.model_copy(update=sampler)})


def marks_of(spec: ModelSpec, panel: Panel) -> dict[str, str]:
    """Return what the fits are made from."""
    return {"code_hash": code_hash(*SAMPLED), "script_hash": script_hash("dynamics"),
            "spec_hash": posterior_hash(spec), "data_hash": panel.data_hash}


def outcome(spec: ModelSpec, panel: Panel, seed: int) -> dict[str, Any]:
    """Fit once; return whether it passed and the figures of the gate, none where it broke down."""
    try:
        fit = require_finished(fit_panel(spec, panel, seed=seed))
    except (ArithmeticError, RuntimeError, ValueError) as error:
        return {"passed": False, "failures": f"{type(error).__name__}: {error}"}
    found, attempts = fit.diagnostics, fit.provenance["attempts"]
    return {"passed": found.passed, **found.summary(), "attempts": len(attempts),
            "draws": attempts[-1]["draws"],
            "steps_per_draw": float(fit.sample_stats["n_steps"].mean()),
            "failures": "; ".join(found.failures)}


def main() -> None:
    """Fit what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "dynamics.csv")
    options = parser.parse_args()
    spec, panel = load_model("rok_japan")
    marks = marks_of(spec, panel)
    rows: list[dict[str, Any]] = []
    if options.out.is_file():
        kept = pd.read_csv(options.out)
        fresh = (kept.reindex(columns=list(marks)) == pd.Series(marks)).all(axis=1)
        rows = kept[fresh].to_dict("records")
    done = {(row["option"], row["seed"]) for row in rows}
    for name, option in OPTIONS.items():
        clear_compiled()
        for seed in range(1, options.seeds + 1):
            if (name, seed) in done:
                continue
            rows.append({"option": name, "seed": seed, **outcome(changed(spec, option), panel,
                                                                 seed), **marks})
            write_text(options.out, pd.DataFrame(rows).to_csv(
                index=False, float_format="%.5g", lineterminator="\n"))
            print(name, seed, rows[-1]["passed"], rows[-1]["failures"], flush=True)


if __name__ == "__main__":
    main()
