"""What was observed of the states in the episodes' windows, and of which kind.

Invariant: an observation belongs to every window that its period touches.
"""

from typing import Any

import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.report import wording
from bayes_alliance.report.inputs import ReportInputs

__all__ = ["in_windows", "kinds", "unseen"]


def in_windows(inputs: ReportInputs) -> list[dict[str, Any]]:
    """Return how many observations, of how many indicators, each latent has in each window."""
    records = []
    for name, episode in inputs.spec.episodes.items():
        inside = _inside(inputs, episode.window)
        counts = {latent: (int((inside["latent"] == latent).sum()),
                           inside.loc[inside["latent"] == latent, "indicator"].nunique())
                  for latent in c.LATENTS}
        records.append({"episode": name, "counts": counts})
    return records


def kinds(inputs: ReportInputs) -> str:
    """Return of which kinds the observations of cohesion are, in all and in each window."""
    told = []
    for name, episode in inputs.spec.episodes.items():
        counts = _kinds(inputs, _inside(inputs, episode.window)).value_counts()
        if len(counts):
            told.append(f"{name.replace('_', ' ')} "
                        f"{' and '.join(f'{number} {kind}' for kind, number in counts.items())}")
    shares = _kinds(inputs, inputs.panel.rows).value_counts(normalize=True)
    whole = ", ".join(f"{wording.percent(share)} {kind}" for kind, share in shares.items())
    return f"{whole} by their observations{f' (in {"; ".join(told)})' if told else ''}"


def unseen(inputs: ReportInputs) -> str:
    """Return which indicators of cohesion say nothing in any window; empty if there is none."""
    rows = inputs.panel.rows[inputs.panel.rows["latent"] == c.COHESION]
    seen = {name for episode in inputs.spec.episodes.values()
            for name in _inside(inputs, episode.window)["indicator"]}
    silent = [name for name in dict.fromkeys(rows["indicator"]) if name not in seen]
    if not silent:
        return ""
    count = rows["indicator"].value_counts()
    left = ", ".join(f"{name} ({count[name]} observations elsewhere)" for name in silent)
    return f"Of cohesion no window has an observation of: {left}."


def _inside(inputs: ReportInputs, window: tuple[str, str]) -> pd.DataFrame:
    """Return the rows whose period touches a window."""
    rows, months = inputs.panel.rows, inputs.panel.window(window)
    return rows[(rows["start_month"] < months.stop) & (rows["end_month"] >= months.start)]


def _kinds(inputs: ReportInputs, rows: pd.DataFrame) -> pd.Series:
    """Return the kinds of those rows that measure cohesion."""
    own = rows.loc[rows["latent"] == c.COHESION, "indicator"]
    return own.map(inputs.panel.indicators["kind"])
