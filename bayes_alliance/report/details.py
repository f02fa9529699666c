"""The full tables further down the page, ready to print.

Invariant: a cell is text; which numbers stand in it is decided here and nowhere in the template.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.plotting.verdicts import DECIBANS
from bayes_alliance.report import wording
from bayes_alliance.report.inputs import ReportInputs
from bayes_alliance.spec import prior_table

__all__ = ["contributions", "counterfactuals", "directions", "events", "evidence",
           "future_evidence", "indicators", "masks", "prior_check", "priors",
           "sizes", "sources", "swings", "swings_sentence", "verdicts", "whole_evidence", "worst"]

Rows = list[dict[str, Any]]
_WORST: Final = 10
# Of a probability, or of its opposite, for "is" and "is not".
_SURE: Final = 0.9


def _moved(rows: pd.DataFrame, quantity: str) -> dict[str, str]:
    """Return a change with its interval and probability."""
    row = rows.loc[quantity]
    return {"change": wording.number(row["q50"], signed=True),
            "interval": wording.interval(wording.number(row["q05"]), wording.number(row["q95"])),
            "probability": wording.probability(row["probability"])}


def _cases(inputs: ReportInputs) -> list[tuple[str, str, pd.DataFrame]]:
    found = []
    for episode, about in inputs.spec.episodes.items():
        for baseline in about.baselines:
            part = inputs.episodes[(inputs.episodes["episode"] == episode)
                                   & (inputs.episodes["baseline"] == baseline)]
            found.append((episode, baseline, part.set_index("quantity")))
    return found


def directions(inputs: ReportInputs) -> Rows:
    """Return how each driver moved, by episode and baseline."""
    rows: Rows = []
    for episode, baseline, part in _cases(inputs):
        for path in c.PATHS:
            rule = getattr(inputs.spec.episodes[episode], path)
            rows.append({
                "episode": episode, "baseline": baseline, "path": path,
                "joint": wording.probability(part.loc[f"direction_{path}", "probability"]),
                "predicted": f"mean {rule.mean}, gap {rule.gap}",
                "moved": [_moved(part, f"direction_{path}_{name}")
                          for name in ("mean", "gap", *inputs.panel.members)]})
    return rows


def contributions(inputs: ReportInputs) -> Rows:
    """Return the change and its components, by episode and baseline."""
    rows: Rows = []
    for episode, baseline, part in _cases(inputs):
        rows.append({"episode": episode, "baseline": baseline, "component": "change",
                     "total": True, **_moved(part, "change"), "share": "",
                     "share_interval": ""})
        for component in (*c.COMPONENTS, "unexplained"):
            share = part.loc[f"share_{component}"]
            rows.append({
                "episode": episode, "baseline": baseline, "total": False,
                "component": component.replace("_", " "),
                **_moved(part, f"contribution_{component}"),
                "share": wording.percent(share["q50"]),
                "share_interval": wording.interval(wording.percent(share["q05"], unit=False),
                                                   wording.percent(share["q95"], unit=False))})
    return rows


def counterfactuals(inputs: ReportInputs) -> Rows:
    """Return the fitted change beside the change with each path held at its baseline."""
    return [{"episode": episode, "baseline": baseline, "fitted": _moved(part, "change"),
             "held": [_moved(part, f"counterfactual_{path}") for path in c.PATHS]}
            for episode, baseline, part in _cases(inputs)]


def evidence(inputs: ReportInputs, unit: str = "leave_episode_out") -> Rows:
    """Return the differences of a unit, in nats and decibans; empty where missing."""
    return [{"episode": row.episode, "hypothesis": row.hypothesis,
             "difference": wording.number(row.difference, signed=True),
             "error": wording.number(row.difference_se, 3),
             "decibans": wording.number(row.difference * DECIBANS, 1, signed=True),
             "elpd": wording.number(row.elpd),
             "flag": row.flag if isinstance(row.flag, str) else ""}
            for row in inputs.evidence.itertuples() if row.unit == unit]


def future_evidence(inputs: ReportInputs) -> dict[str, Any]:
    """Return the differences when each window is predicted from before it."""
    return {
        "title": "From before the window",
        "words": "The cohesion observations that end in a window, predicted from the cohesion "
                 "observations before it. Threat and credibility are conditioned on up to the "
                 "window's end, and nothing observed after it is used.",
        "caption": "Log predictive density against HX, as above.",
        "rows": _without_h0(inputs, "leave_future_out")}


def whole_evidence(inputs: ReportInputs) -> dict[str, Any]:
    """Return the log Bayes factors of the whole period."""
    sd = inputs.spec.priors.coefficient.sd
    return {
        "title": "The whole period",
        "words": "The Bayes factor of all cohesion observations. It depends on the width of the "
                 f"coefficients' prior (sd {sd:g}): a wider one costs a hypothesis more wherever "
                 "its coefficients are near zero. No verdict rests on it.",
        "caption": "Log Bayes factor against HX.",
        "rows": _without_h0(inputs, "whole_period")}


def sizes(inputs: ReportInputs) -> Rows:
    """Return the standardised effect of each coefficient, and where its draws lie."""
    if inputs.sizes.empty:
        return []
    chosen = inputs.sizes[inputs.sizes["scale"] == "standardised"]
    return [{"quantity": row.quantity, "median": wording.number(row.q50, signed=True),
             "interval": wording.interval(wording.number(row.q05, signed=True),
                                          wording.number(row.q95, signed=True)),
             **{name: wording.probability(getattr(row, name))
                for name in ("positive", "inside", "above", "below")}}
            for row in chosen.itertuples()]


def swings(inputs: ReportInputs) -> Rows:
    """Return the rank of each episode's changes among those at all positions."""
    return [{"episode": row.episode, "baseline": row.baseline, "quantity": row.quantity,
             "positions": row.positions, "rank": wording.percent(row.rank_mean),
             "interval": wording.interval(wording.percent(row.q05, unit=False),
                                          wording.percent(row.q95, unit=False)),
             "tenth": wording.probability(row.top_tenth)}
            for row in inputs.swings.itertuples()]


def swings_sentence(inputs: ReportInputs) -> str:
    """Say of every episode whether its change of cohesion is among the largest of its kind."""
    table = inputs.swings
    if table.empty:
        return ""
    told = []
    for episode, part in table[table["quantity"] == c.COHESION].groupby("episode", sort=False):
        low, high = float(part["top_tenth"].min()), float(part["top_tenth"].max())
        if np.isnan(low):
            continue
        word = "is" if low >= _SURE else "is not" if high <= 1.0 - _SURE else "may or may not be"
        top = _span(part["top_tenth"], wording.probability)
        rank = _span(part["rank_mean"], wording.percent)
        over = " over its baselines" if len(part) > 1 else ""
        told.append(
            f"The change from baseline to {str(episode).replace('_', ' ')} {word} among the "
            f"largest tenth of the changes of cohesion between such windows (probability "
            f"{top}{over}); {rank} of the positions have a smaller one.")
    return " ".join(told)


def _span(values: pd.Series, shown: Callable[[float], str]) -> str:
    """Return the range of a figure over the baselines."""
    low, high = shown(float(values.min())), shown(float(values.max()))
    return low if low == high else f"{low} to {high}"


def _without_h0(inputs: ReportInputs, unit: str) -> Rows:
    return [row for row in evidence(inputs, unit) if row["hypothesis"] != "H0"]


def verdicts(inputs: ReportInputs) -> Rows:
    """Return each verdict with the figure that each criterion saw."""
    return [{"episode": row.episode, "hypothesis": row.hypothesis, "verdict": row.verdict,
             "reason": row.reason,
             "direction": wording.probability(row.direction_probability),
             "contribution": wording.probability(row.contribution_probability),
             "share": wording.percent(row.contribution_share),
             "bayes": f"{wording.number(row.log_bayes_factor, signed=True)} ± "
                      f"{wording.number(row.log_bayes_factor_se)}",
             "agreeing": wording.percent(row.specification_share)}
            for row in inputs.verdicts.itertuples()]


def events(inputs: ReportInputs) -> Rows:
    """Return the dyad's own events within the modelled months, latest first."""
    table = inputs.panel.events
    first, last = str(inputs.panel.time[0]), str(inputs.panel.time[-1])
    # As a bool array: an empty list would select no columns instead of no rows.
    shown = table[np.array([first <= str(date)[:7] <= last for date in table["date"]], dtype=bool)]
    words = {"1": "eases", "-1": "strains", "0": "neither"}
    return [{"date": str(row.date)[:7] if row.precision == "month" else str(row.date),
             "kind": str(row.kind).replace("_", " "), "actor": row.actor,
             "sign": words[str(row.sign)],
             "role": "trigger" if row.role == "driver" else "shown only",
             "event": row.event, "source": row.source, "link": wording.is_link(row.source)}
            for row in shown.sort_values("date", ascending=False).itertuples()]


def indicators(inputs: ReportInputs) -> Rows:
    """Return every indicator with its number of rows."""
    used = inputs.panel.rows.groupby("indicator").size()
    left = inputs.panel.excluded.groupby("indicator").size()
    return [{"indicator": name, "latent": row["latent"], "member": row["member"],
             "wording": row["wording"], "family": row["family"].replace("_", "-"),
             "rows": int(used.get(name, 0)), "masked": int(left.get(name, 0)),
             "licence": row["licence"], "source": row["source"]}
            for name, row in inputs.panel.indicators.iterrows()]


def masks(inputs: ReportInputs) -> Rows:
    """Return why rows of the model's indicators were left out, and how many."""
    table = inputs.panel.excluded
    table = table[table["indicator"].isin(inputs.panel.indicators.index)]
    groups = table.groupby(["indicator", "reason"], sort=False).size()
    return [{"indicator": name, "reason": reason, "rows": int(count)}
            for (name, reason), count in groups.items()]


def sources(inputs: ReportInputs) -> Rows:
    """Return the sources that the model's indicators use, with their licences."""
    if inputs.sources.empty:
        return []
    used = set(inputs.panel.indicators["source"]) | set(inputs.panel.events["source"])
    table = inputs.sources[inputs.sources["source"].isin(used)]
    return [{"source": row.source, "citation": row.citation, "address": row.address,
             "link": wording.is_link(row.address), "licence": row.licence,
             "redistribution": row.redistribution}
            for row in table.itertuples()]


def priors(inputs: ReportInputs) -> Rows:
    """Return every prior with its 5, 50 and 95% points."""
    return [{"prior": row.prior, "distribution": row.distribution, "meaning": row.meaning,
             "points": [wording.plain(getattr(row, key)) for key in ("q05", "q50", "q95")]}
            for row in prior_table(inputs.spec).itertuples()]


def prior_check(inputs: ReportInputs) -> Rows:
    """Return what the prior expects of every indicator beside what was observed."""
    return [{"indicator": row.indicator, "unit": row.unit,
             "expected": [wording.plain(getattr(row, key)) for key in ("q05", "q50", "q95")],
             "observed": [wording.plain(row.observed_low), wording.plain(row.observed_high)]}
            for row in inputs.prior_check.table.itertuples()]


def worst(inputs: ReportInputs) -> Rows:
    """Return the quantities of the full fit whose chains agree least."""
    table = inputs.full.table
    if table.empty:
        return []
    chosen = table.sort_values("rhat", ascending=False, na_position="first").head(_WORST)
    return [{"quantity": row.quantity, "rhat": wording.number(row.rhat, 4),
             "bulk": wording.number(row.ess_bulk, 0), "tail": wording.number(row.ess_tail, 0)}
            for row in chosen.itertuples()]
