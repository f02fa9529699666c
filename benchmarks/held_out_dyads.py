"""Hold partial pooling of dyads against none and full pooling, on values held out.

    python benchmarks/held_out_dyads.py [--folds 3] [--workers 1]

The panel of quasi alliances, cohesion's indicators. Held out are whole dyads, then spans of five
years of single dyads, a fold of either at a time. Predictions are those of the draws of a fit to
the other rows, given the same drivers, and are scored by the logarithm of the predictive density.

- ``partial``: coefficients and levels of dyads around their class, as the model file says;
- ``full``: every dyad has the population's coefficients and level;
- ``none``: every dyad has coefficients and a level of its own, which no other informs (spans only:
  of a dyad never seen it says nothing but its prior);
- ``narrow``: the same as ``none``, under priors no wider than partial pooling's own before the data
  (effects between dyads are then nil; a dyad's level takes their place). A gain over ``none`` alone
  could be one over wide priors.

How an indicator is measured is the same in all, and a dyad's own errors are in all of them: on
spans ``full`` learns of a dyad through these. ``held_out_dyads.csv`` has the summed score of each
dyad and indicator; ``held_out_dyads.json`` differences a row with 90% intervals from a bootstrap of
members, the same by one of the chains, which tells how far the number of draws matters, and how
many of the fits compared failed their gate. An interrupted run goes on.
"""

import argparse
import io
import json
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
from scipy import special

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import DyadDesign, build_dyad_design, stage_mask
from bayes_alliance.dyads.fitting import StageFit, fit_stage, load_dyad_model, paths_of
from bayes_alliance.dyads.predictors import evenly_drawn, row_predictors
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.files import write_whole
from bayes_alliance.inference import Gate, package_versions
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec.priors import LogNormal, Normal
from benchmarks.provenance import ROOT, SAMPLED, code_hash, script_hash
from benchmarks.runs import end_with, finished, folder_of, spec_digest

MODEL: Final = "quasi_alliances"
SEED: Final = 1
SPAN: Final = 5
SETTINGS: Final = {"draws": 400, "tune": 500, "chains": 2}
# Loose: of every quantity, nuisances included.
GATE: Final = Gate(rhat=1.1, rhat_states=1.2, ess=30, divergences=20)
REPLICATES: Final = 4000
_NONE: Final = LogNormal(median=1e-3, sd=0.01)
# What each model says of differences between dyads, in place of the model file's priors. Classes
# that all but agree are not set closer to each other: their means would be sampled along a ridge.
MODELS: Final[dict[str, dict[str, Any]]] = {
    "partial": {},
    "full": {"coefficient_class": Normal(mu=0.0, sd=0.02), "coefficient_spread": _NONE,
             "dyad_level_sd": _NONE},
    "none": {"coefficient_spread": LogNormal(median=2.0, sd=0.01),
             "dyad_level_sd": LogNormal(median=3.0, sd=0.01)},
    # sqrt(.5**2 + .25**2 + .2**2), the prior sd of a dyad's coefficient, and that of its level.
    "narrow": {"coefficient": Normal(mu=0.0, sd=0.02),
               "coefficient_class": Normal(mu=0.0, sd=0.02),
               "coefficient_spread": LogNormal(median=0.6, sd=0.01),
               "dyad_level_sd": LogNormal(median=0.7, sd=0.01)}}
COMPARED: Final = (("dyads", "full"), ("spans", "full"), ("spans", "none"), ("spans", "narrow"))
TOLD: Final = ("steps", "ess", "rhat", "rhat_states", "divergences", "passed", "failures",
               "seconds")
CODE: Final = (*SAMPLED, "dyads/*.py")


@cache
def _layout() -> tuple[DyadModelSpec, DyadPanel, DyadDesign]:
    spec, panel = load_dyad_model(MODEL)
    return spec, panel, build_dyad_design(spec, panel, n.COHESION_STAGE)


def folds_of(panel: DyadPanel, rows: pd.DataFrame, held: str, folds: int) -> np.ndarray:
    """Return the fold of every row: of its dyad, or of its dyad's span of years."""
    rng = np.random.default_rng([SEED, folds])
    dyad = rows["unit"].map({name: k for k, name in enumerate(panel.dyads.index)}).to_numpy()
    of_dyad = rng.permutation(np.arange(len(panel.dyads)) % folds)
    if held == "dyads":
        return np.asarray(of_dyad[dyad])
    spans = -(-len(panel.years) // SPAN)
    of_span = np.array([rng.permutation(np.arange(spans) % folds) for _ in panel.dyads.index])
    return np.asarray(of_span[dyad, (rows["year"].to_numpy() - panel.years[0]) // SPAN])


def log_scores(design: DyadDesign, posterior: Any, rows: np.ndarray) -> np.ndarray:
    """Return the log predictive density of some rows by all draws and by the first half.

    Of two chains that is the first one; the shape is (2, row).
    """
    mu = row_predictors(design, posterior)[:, rows]
    labels, noisy = design.coords[c.DIM_INDICATOR], design.coords[n.DIM_NOISY]
    noise = np.full((len(mu), len(labels)), n.LASTING_NOISE)
    noise[:, [labels.index(name) for name in noisy]] = evenly_drawn(posterior)(c.VAR_NOISE)
    data, found = design.data, np.empty(mu.shape)
    code = {value: name for name, value in c.FAMILY_CODES.items()}
    family = data["family_code"][rows]
    for one in np.unique(family):
        here = family == one
        found[:, here] = LIKELIHOODS[code[int(one)]].log_density(
            data["y"][rows][here], mu[:, here], noise[:, data["row_indicator"][rows][here]],
            data["n"][rows][here], 4.0)
    return np.array([special.logsumexp(part, axis=0) - np.log(len(part))
                     for part in (found, found[:len(found) // 2])])


def score(key: str, item: tuple[str, str, int, int, np.ndarray]) -> dict[str, Any]:
    """Fit one model without one fold and score it there; a task of ``many``."""
    held, name, fold, folds, paths = item
    spec, panel, design = _layout()
    priors = spec.priors.model_copy(update=MODELS[name])
    spec = spec.model_copy(update={"priors": priors})
    mask = stage_mask(panel.indicators.loc[panel.rows["indicator"], "latent"], n.COHESION_STAGE)
    rows = panel.rows[mask].reset_index(drop=True)
    out = folds_of(panel, rows, held, folds) == fold
    design = build_dyad_design(spec, panel, n.COHESION_STAGE).with_rows(~out).with_paths(paths)
    fit = fit_stage(spec, design, seed=SEED, gate=GATE, **SETTINGS)
    both = log_scores(design, fit.posterior, np.flatnonzero(out))
    table = rows[out].assign(score=both[0], half=both[1], rows=1)
    sums = table.groupby(["unit", "indicator"], sort=False)[["score", "half", "rows"]].sum()
    return {"rows": [{"held": held, "model": name, "fold": fold, "dyad": unit,
                      "indicator": indicator, "score": float(one["score"]),
                      "half": float(one["half"]), "rows": int(one["rows"])}
                     for (unit, indicator), one in sums.iterrows()],
            "steps": fit.diagnostics["steps"], "ess": fit.diagnostics["ess_bulk_min"],
            "rhat": fit.diagnostics["rhat_max"], "rhat_states": fit.diagnostics["rhat_max_states"],
            **{name: fit.diagnostics[name] for name in ("divergences", "passed", "failures",
                                                        "seconds")}}


def difference(table: pd.DataFrame, members: pd.DataFrame, held: str, other: str,
               indicator: str | None = None) -> dict[str, Any]:
    """Return by how much partial pooling scores better a row, with a bootstrap of members.

    A member's dyads share its states, so members are drawn, and a dyad counts as often as both of
    its members together. Where a bootstrap of dyads gives a wider interval, that end is told.

    Parameters
    ----------
    table : pandas.DataFrame
        ``held``, ``model``, ``dyad``, ``indicator``, ``score``, ``half``, ``rows``.
    members : pandas.DataFrame
        ``member_a``, ``member_b`` by dyad.
    """
    part = table[(table["held"] == held) & table["model"].isin(["partial", other])]
    if indicator is not None:
        part = part[part["indicator"] == indicator]
    sums = part.groupby(["model", "dyad"])[["score", "half", "rows"]].sum().unstack("model")
    gain, half = ((sums[name, "partial"] - sums[name, other]).to_numpy()
                  for name in ("score", "half"))
    rows = sums["rows", "partial"].to_numpy()
    labels, pairs = np.unique(members.loc[sums.index, ["member_a", "member_b"]].to_numpy(),
                              return_inverse=True)
    pairs = pairs.reshape(-1, 2)
    rng = np.random.default_rng(SEED)
    often = rng.multinomial(len(labels), np.full(len(labels), 1.0 / len(labels)), REPLICATES)
    weights = [often[:, pairs[:, 0]] * often[:, pairs[:, 1]],
               rng.multinomial(len(gain), np.full(len(gain), 1.0 / len(gain)), REPLICATES)]
    ends = np.array([np.quantile((weight @ gain)[there] / (weight @ rows)[there], [0.05, 0.95])
                     for weight in weights for there in [(weight @ rows) > 0]])
    return {"held": held, "against": other, "indicator": indicator or "all",
            "rows": int(rows.sum()), "dyads": len(gain),
            "nats_a_row": float(gain.sum() / rows.sum()),
            "by_one_chain": float(half.sum() / rows.sum()),
            "low": float(ends[:, 0].min()), "high": float(ends[:, 1].max())}


def drivers(spec: DyadModelSpec, panel: DyadPanel, folder: Path) -> np.ndarray:
    """Return what the coefficients multiply, of one fit of the drivers that is kept.

    It must have passed the full gate: all fits rest on it.
    """
    kept = folder / "paths.npy"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        fit: StageFit = fit_stage(spec, build_dyad_design(spec, panel, n.DRIVER_STAGE), seed=SEED)
        if not fit.diagnostics["passed"]:
            sys.exit(f"the fit of the drivers failed: {'; '.join(fit.diagnostics['failures'])}")
        np.save(content := io.BytesIO(), paths_of(fit.posterior, panel))
        write_whole(kept, content.getvalue())
    return np.asarray(np.load(kept))


def stamp_of(spec: DyadModelSpec, panel: DyadPanel, folds: int) -> dict[str, Any]:
    """Return what the scores are made from."""
    return {"code_hash": code_hash(*CODE), "script_hash": script_hash("held_out_dyads"),
            "spec_hash": spec_digest(spec), "data_hash": panel.data_hash, "seed": SEED,
            "settings": SETTINGS, "gate": asdict(GATE), "folds": folds}


def main() -> None:
    """Run the fits that are missing, and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1,
                        help="processes; each fits with two chains at a time")
    parser.add_argument("--cluster", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "held_out_dyads")
    options = parser.parse_args()
    spec, panel, _ = _layout()
    stamp = stamp_of(spec, panel, options.folds) | {"versions": package_versions()}
    paths = drivers(spec, panel, folder_of(options.runs, stamp))
    items = {f"{held}-{name}-{fold}": (held, name, fold, options.folds, paths)
             for held, names in (("dyads", ("partial", "full")), ("spans", tuple(MODELS)))
             for name in names for fold in range(options.folds)}
    done, failed = finished(score, items, runs=options.runs, stamp=stamp, what="fits",
                            workers=options.workers, cluster=options.cluster)
    if failed:
        sys.exit(f"{len(failed)} fits failed, so that folds are missing: {', '.join(failed)}")
    table = pd.DataFrame([row for result in done.values() for row in result["rows"]])
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "held_out_dyads.csv",
               table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    indicators = [None, *dict.fromkeys(table["indicator"])]
    summary = {"model": MODEL, **stamp,
               "fits": {key: {name: result[name] for name in TOLD} for key, result in done.items()},
               "differences": [difference(table, panel.dyads, held, other, indicator)
                               | {"failed_the_gate": sum(
                                   not done[key]["passed"] for key, item in items.items()
                                   if item[0] == held and item[1] in ("partial", other))}
                               for held, other in COMPARED for indicator in indicators]}
    write_text(options.out / "held_out_dyads.json", json.dumps(summary, indent=1) + "\n")
    for one in summary["differences"]:
        print(one["held"], "against", one["against"], one["indicator"],
              f"{one['nats_a_row']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f})")
    end_with([key for key, result in done.items() if not result["passed"]], "fits (by their gate)")


if __name__ == "__main__":
    # Under a name that the workers can import.
    from benchmarks import held_out_dyads

    held_out_dyads.main()
