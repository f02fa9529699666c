"""The report's files for machines.

Invariant: file names and columns are a contract with readers; each file is written whole, then
moved to its place.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance.report.inputs import ReportInputs

__all__ = ["FILES", "diagnostics_summary", "write_machine_files", "write_text"]

FILES: Final[dict[str, tuple[str, ...]]] = {
    "states.csv": ("latent", "member", "time", "mean", "sd", "q05", "q50", "q95"),
    "episodes.csv": ("episode", "baseline", "hypothesis", "quantity", "mean", "sd", "q05", "q95",
                     "probability"),
    "hypotheses.csv": ("hypothesis", "episode", "unit", "elpd", "se", "difference",
                       "difference_se", "flag"),
    "forecast.csv": ("scenario", "target", "time", "q05", "q25", "q50", "q75", "q95"),
    "verdicts.csv": ("episode", "hypothesis", "verdict", "reason", "direction_probability",
                     "contribution_probability", "contribution_share", "log_bayes_factor",
                     "log_bayes_factor_se", "specification_share"),
}


def write_machine_files(inputs: ReportInputs, out: Path) -> None:
    """Write the tables and ``diagnostics.json`` of a report.

    Parameters
    ----------
    inputs : ReportInputs
        Results of the main job.
    out : pathlib.Path
        Existing folder.
    """
    tables = {"states.csv": inputs.full.states, "episodes.csv": inputs.episodes,
              "hypotheses.csv": inputs.evidence, "forecast.csv": inputs.forecast.table,
              "verdicts.csv": inputs.verdicts}
    for name, columns in FILES.items():
        write_text(out / name, _csv(tables[name][list(columns)]))
    write_text(out / "diagnostics.json",
               json.dumps(diagnostics_summary(inputs), indent=2, sort_keys=True) + "\n")


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def diagnostics_summary(inputs: ReportInputs) -> dict[str, Any]:
    """Return the diagnostics of H12, with those of the other fits under ``fits``."""
    full = inputs.full
    fits = {"HX": inputs.reference, **{f"H12 without {name}": fit
                                       for name, fit in inputs.leave_out.items()},
            "prior": inputs.prior}
    summary: dict[str, Any] = {**full.diagnostics.summary(),
                               **{key: full.provenance[key]
                                  for key in ("seed", "spec_hash", "data_hash", "versions")}}
    summary["fits"] = {name: {**fit.diagnostics.summary(), "passed": fit.diagnostics.passed}
                       for name, fit in fits.items()}
    return {key: _plain(value) for key, value in summary.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return round(value, 6) if isinstance(value, float) else value


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name beside it, then rename."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
