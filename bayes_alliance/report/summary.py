"""The first screen: what the page says in two rows and a few sentences.

Invariant: everything here is read from the results; a figure over several baselines shows the
least favourable one and the range, and says so.
"""

from typing import Any

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.verdicts import PATH_OF
from bayes_alliance.report.inputs import ReportInputs

__all__ = ["caveat", "first_screen", "observations_in_windows", "sentences"]

_SHARES = (c.COMPONENT_THREAT, c.COMPONENT_CREDIBILITY, c.COMPONENT_DISPUTES,
           c.COMPONENT_GOVERNMENTS, "unexplained")


def first_screen(inputs: ReportInputs) -> list[dict[str, Any]]:
    """Return one record an episode for the first table."""
    records = []
    for name in inputs.spec.episodes:
        part = inputs.episodes[inputs.episodes["episode"] == name]
        shares = []
        for component in _SHARES:
            rows = part[part["quantity"] == f"share_{component}"]
            shares.append({
                "component": component, "low": rows["q50"].min(), "high": rows["q50"].max(),
                "q05": rows["q05"].min(), "q95": rows["q95"].max()})
        records.append({
            "episode": name,
            "window": " to ".join(inputs.spec.episodes[name].window),
            "directions": [_range(part, f"direction_{path}") for path in c.PATHS],
            "shares": shares,
            "evidence": [_evidence(inputs.evidence, name, hypothesis) for hypothesis in PATH_OF],
            "verdicts": [_verdict(inputs.verdicts, name, hypothesis) for hypothesis in PATH_OF]})
    return records


def _range(part: pd.DataFrame, quantity: str) -> dict[str, float]:
    found = part[part["quantity"] == quantity]["probability"]
    return {"low": float(found.min()), "high": float(found.max())}


def _evidence(table: pd.DataFrame, episode: str, hypothesis: str) -> dict[str, Any]:
    row = table[(table["episode"] == episode) & (table["hypothesis"] == hypothesis)].iloc[0]
    return {"hypothesis": hypothesis, "difference": float(row["difference"]),
            "error": float(row["difference_se"]),
            "decibans": float(row["difference"]) * 10 / np.log(10), "flag": str(row["flag"])}


def _verdict(table: pd.DataFrame, episode: str, hypothesis: str) -> dict[str, Any]:
    row = table[(table["episode"] == episode) & (table["hypothesis"] == hypothesis)].iloc[0]
    share = row["specification_share"]
    return {"hypothesis": hypothesis, "verdict": str(row["verdict"]), "reason": str(row["reason"]),
            "share": "not yet computed" if pd.isna(share) else f"{share:.0%}"}


def sentences(inputs: ReportInputs) -> list[str]:
    """Return one plain sentence for each episode and hypothesis."""
    names = {"H1": "common threat (H1)", "H2": "the common ally (H2)"}
    found = []
    for row in inputs.verdicts.itertuples():
        factor = np.exp(row.log_bayes_factor)
        found.append(
            f"{str(row.episode).capitalize()}: support for {names[str(row.hypothesis)]} is "
            f"{row.verdict}. The drivers moved as it predicts with probability at least "
            f"{row.direction_probability:.2f}; its median share of the change is at least "
            f"{row.contribution_share:.0%}; the held-out observations are {factor:.2f} times as "
            f"probable under it as without it ({row.reason}).")
    return found


def observations_in_windows(inputs: ReportInputs) -> list[dict[str, Any]]:
    """Return how many observations each latent has in each episode's window."""
    records = []
    rows = inputs.panel.rows
    for name, episode in inputs.spec.episodes.items():
        window = inputs.panel.window(episode.window)
        inside = rows[(rows["start_month"] < window.stop) & (rows["end_month"] >= window.start)]
        counts = inside["latent"].value_counts()
        records.append({"episode": name,
                        "counts": {latent: int(counts.get(latent, 0)) for latent in c.LATENTS}})
    return records


def caveat(inputs: ReportInputs) -> str:
    """Return the one caveat that every reader needs, with its numbers."""
    rows = inputs.readings
    spread = inputs.full.posterior[c.VAR_COEFFICIENT].std(("chain", "draw")).to_numpy()
    prior = inputs.spec.priors.coefficient.sd
    return (f"One pair of states over {len(inputs.panel.time)} months says little about general "
            f"effects: the coefficients' posterior standard deviations are {spread.min():.2f} to "
            f"{spread.max():.2f} where the prior's is {prior:.2f}, and no reading of the ally has "
            f"more than {rows['posterior'].max():.2f} posterior probability (prior 0.25). Fear of "
            "entrapment is not measured.")
