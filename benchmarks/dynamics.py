"""See whether every option of the dynamics meets the gate.

    python benchmarks/dynamics.py [--seeds 2] [--out reports/validation/dynamics.csv]

Fits the flagship with each option of a model file that changes its series, the others as they
stand there, and combinations of them. Rows are written as they come; an interrupted run goes on
with the fits that are missing, and does those anew whose code, model file or data have changed.
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
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import ModelSpec, posterior_hash
from benchmarks.provenance import ROOT, SAMPLED, code_hash

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


def main() -> None:
    """Fit what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "dynamics.csv")
    options = parser.parse_args()
    spec, panel = load_model("rok_japan")
    marks = {"code_hash": code_hash(*SAMPLED), "spec_hash": posterior_hash(spec),
             "data_hash": panel.data_hash}
    rows: list[dict[str, Any]] = []
    if options.out.is_file():
        kept = pd.read_csv(options.out)
        fresh = (kept[list(marks)] == pd.Series(marks)).all(axis=1)
        rows = kept[fresh].to_dict("records")
    done = {(row["option"], row["seed"]) for row in rows}
    for name, option in OPTIONS.items():
        clear_compiled()
        for seed in range(1, options.seeds + 1):
            if (name, seed) in done:
                continue
            fit = fit_panel(changed(spec, option), panel, seed=seed)
            found, attempts = fit.diagnostics, fit.provenance["attempts"]
            rows.append({"option": name, "seed": seed, "passed": found.passed, **found.summary(),
                         "attempts": len(attempts), "draws": attempts[-1]["draws"],
                         "steps_per_draw": float(fit.sample_stats["n_steps"].mean()),
                         "failures": "; ".join(found.failures), **marks})
            write_text(options.out, pd.DataFrame(rows).to_csv(
                index=False, float_format="%.5g", lineterminator="\n"))
            print(name, seed, found.passed, found.failures, flush=True)


if __name__ == "__main__":
    main()
