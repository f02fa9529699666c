"""The report's files for machines.

Invariant: file names and columns are a contract with readers; each file is written whole, then
moved to its place.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance.files import write_whole
from bayes_alliance.report.inputs import ReportInputs

__all__ = ["FILES", "diagnostics_summary", "write_machine_files", "write_text"]

FILES: Final[dict[str, tuple[str, ...]]] = {
    "states.csv": ("latent", "member", "time", "mean", "sd", "q05", "q50", "q95"),
    "episodes.csv": ("episode", "baseline", "hypothesis", "quantity", "mean", "sd", "q05", "q95",
                     "probability"),
    "hypotheses.csv": ("hypothesis", "episode", "unit", "elpd", "se", "difference",
                       "difference_se", "flag"),
    "forecast.csv": ("scenario", "target", "time", "q01", "q05", "q25", "q50", "q75", "q95",
                     "q99"),
    "verdicts.csv": ("episode", "hypothesis", "verdict", "reason", "direction_probability",
                     "contribution_probability", "contribution_share", "log_bayes_factor",
                     "log_bayes_factor_se", "specification_share"),
}


def write_machine_files(inputs: ReportInputs, out: Path) -> list[Path]:
    """Write the tables and ``diagnostics.json`` of a report.

    Parameters
    ----------
    inputs : ReportInputs
        Results of the main job.
    out : pathlib.Path
        Folder; made if it does not exist.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    out.mkdir(parents=True, exist_ok=True)
    forecasts = pd.concat([inputs.forecast, inputs.scenarios], ignore_index=True)
    tables = {"states.csv": inputs.states, "episodes.csv": inputs.episodes,
              "hypotheses.csv": inputs.evidence, "forecast.csv": forecasts,
              "verdicts.csv": inputs.verdicts}
    # Every text is made before the first file is touched, so that a missing column leaves all
    # the old files as they were.
    texts = {name: _csv(tables[name][list(columns)]) for name, columns in FILES.items()}
    texts["diagnostics.json"] = json.dumps(diagnostics_summary(inputs), indent=2,
                                           sort_keys=True, allow_nan=False) + "\n"
    for name, text in texts.items():
        write_text(out / name, text)
    return [out / name for name in texts]


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def diagnostics_summary(inputs: ReportInputs) -> dict[str, Any]:
    """Return the diagnostics of the full fit, with those of the other fits under ``fits``."""
    summary: dict[str, Any] = {**inputs.full.summary,
                               **{key: inputs.provenance[key]
                                  for key in ("seed", "spec_hash", "data_hash", "versions")}}
    summary["fits"] = {fit.name: {**fit.summary, "passed": fit.passed}
                       for fit in inputs.fits[1:]}
    return {key: _plain(value) for key, value in summary.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; what is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all; an old one is replaced."""
    write_whole(path, text)
