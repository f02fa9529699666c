"""The files for machines of the report on many dyads.

Invariant: file names and columns are a contract with readers; every text is made before the
first file is touched, and each file is written whole, then moved to its place.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance.dyads.history import CHA_DYAD, CHA_EPISODES
from bayes_alliance.report.dyads_inputs import DyadReportInputs
from bayes_alliance.report.machine import write_text

__all__ = ["DIAGNOSTICS", "DYAD_FILES", "write_dyad_files"]

DYAD_FILES: Final[dict[str, tuple[str, ...]]] = {
    "states.csv": ("latent", "member", "time", "mean", "sd", "q05", "q50", "q95"),
    "population.csv": ("group", "coefficient", "mean", "sd", "q05", "q50", "q95", "above_zero",
                       "log_bayes_factor", "log_bayes_factor_se", "bound"),
    "dyads.csv": ("dyad", "class", "region", "first", "last", "coefficient", "mean", "sd", "q05",
                  "q50", "q95", "above_zero", "standardised"),
    "hypotheses.csv": ("hypothesis", "group", "log_bayes_factor", "log_bayes_factor_se", "bound"),
    "verdicts.csv": ("group", "reading", "verdict", "reason", "probability", "prior", "against",
                     "log_bayes_factor", "log_bayes_factor_se", "bound"),
    "episodes.csv": ("dyad", "episode", "first", "last", "baseline_first", "baseline_last",
                     "quantity", "predicted", "mean", "sd", "q05", "q50", "q95", "probability"),
    "borrowed.csv": ("coefficient", "when", "mean", "sd", "q05", "q50", "q95", "above_zero"),
}
DIAGNOSTICS: Final = "diagnostics.json"


def write_dyad_files(inputs: DyadReportInputs, out: Path) -> list[Path]:
    """Write the tables and ``diagnostics.json``.

    Parameters
    ----------
    inputs : DyadReportInputs
    out : pathlib.Path
        Folder; made if it does not exist.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    tables = _tables(inputs)
    texts = {name: str(tables[name][list(columns)].to_csv(
        index=False, float_format="%.5g", lineterminator="\n"))
        for name, columns in DYAD_FILES.items()}
    summary = {"passed": inputs.passed, "stages": inputs.stages,
               **{key: inputs.provenance.get(key)
                  for key in ("seed", "spec_hash", "data_hash", "versions", "created")}}
    texts[DIAGNOSTICS] = json.dumps(_plain(summary), indent=2, sort_keys=True,
                                    allow_nan=False) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(out / name, text)
    return [out / name for name in texts]


def _tables(inputs: DyadReportInputs) -> dict[str, pd.DataFrame]:
    evidence = inputs.evidence.assign(
        hypothesis=inputs.evidence["quantity"].map({"threat": "H1", "credibility": "H2"}))
    span = inputs.panel.dyads[["first", "last"]].astype(int)
    return {"states.csv": pd.concat([inputs.cohesion, inputs.members], ignore_index=True),
            "population.csv": pd.concat([inputs.effects, inputs.contrasts], ignore_index=True),
            "dyads.csv": inputs.dyads.join(span, on="dyad"),
            "hypotheses.csv": evidence.dropna(subset="hypothesis"),
            "verdicts.csv": inputs.verdicts, "episodes.csv": _episodes(inputs.changes),
            "borrowed.csv": inputs.borrowed.table if inputs.borrowed else pd.DataFrame(
                columns=list(DYAD_FILES["borrowed.csv"]))}


def _episodes(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the changes with the years of their episodes; no row where there are none."""
    if changes.empty:
        return pd.DataFrame(columns=list(DYAD_FILES["episodes.csv"]))
    years = pd.DataFrame({name: [*about.years, *about.baseline]
                          for name, about in CHA_EPISODES.items()},
                         index=["first", "last", "baseline_first", "baseline_last"]).T
    return changes.join(years, on="episode").assign(dyad=CHA_DYAD)


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
