"""The backtest's tables and figures for the page.

Invariant: a cell is text; which methods are drawn follows from the tables, never from what they
say.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_alliance import plotting
from bayes_alliance.forecast.skill import DEFAULT, STACKED, spans, told
from bayes_alliance.plotting.style import readable
from bayes_alliance.report import wording
from bayes_alliance.report.inputs import BacktestTables, ReportInputs
from bayes_alliance.tables import observed_values

__all__ = ["backtest_figures", "backtest_section"]

_SHOWN: Final = 4
# Values from which a share of them tells something.
_ENOUGH: Final = 20
# A cell of the table with fewer says little.
_FEW: Final = 5
_DASH: Final = "\N{EN DASH}"
_NAMES: Final = {"ar1": "AR(1)", "ets": "ETS"}
Draw = Callable[[float], Figure]


def backtest_section(inputs: ReportInputs) -> dict[str, Any]:
    """Return sentence and rows of the backtest's tables; empty where it has not been run."""
    found = inputs.backtest
    if found is None:
        return {}
    horizons = sorted(int(one) for one in found.skill["horizon"].unique())
    best = [str(found.skill.loc[found.skill["horizon"] == h, "best_rule"].iloc[0])
            for h in horizons]
    own = found.indicators[found.indicators["method"] == DEFAULT]
    ratio = _ratio(found)
    return {"sentence": told(found.skill), "by_indicator": _coverage(own),
            "better": _better(ratio, own), "default": DEFAULT,
            "origins": int(found.skill["origins"].iloc[0]),
            "horizons": [name.replace("-", _DASH) for name in spans(horizons).values()],
            "skill": [_method(part, str(name), horizons)
                      for name, part in found.skill.groupby("method", sort=False)],
            "best": [_NAMES.get(name, readable(name)) for name in best],
            "indicators": _by_indicator(ratio, own, inputs, horizons),
            "weights": _weights(found.weights)}


def _method(part: pd.DataFrame, name: str, horizons: list[int]) -> dict[str, Any]:
    rows = part.set_index("horizon").loc[horizons]
    kind = str(rows["kind"].iloc[0])
    shown = name if kind == "hypothesis" else _NAMES.get(name, readable(name))
    return {"method": shown, "kind": kind,
            "cells": [{"skill": wording.percent(row.skill),
                       "interval": wording.interval(wording.percent(row.skill_low, unit=False),
                                                    wording.percent(row.skill_high, unit=False)),
                       "inside": wording.percent(row.inside90)} for row in rows.itertuples()]}


def _ratio(found: BacktestTables) -> pd.DataFrame:
    """Return the default's CRPS as a share of the best rule's, by indicator and horizon."""
    crps = found.indicators.set_index(["indicator", "horizon", "method"])["crps"].unstack()
    return (crps[DEFAULT] / crps[_of_kind(found.skill, "rule")].min(axis=1)).unstack()


def _by_indicator(ratio: pd.DataFrame, own: pd.DataFrame, inputs: ReportInputs,
                  horizons: list[int]) -> list[dict[str, Any]]:
    """Return the default's CRPS of each indicator as a share of the best rule's there."""
    rows = own.set_index(["indicator", "horizon"])["rows"]
    return [{"indicator": name, "latent": inputs.panel.indicators.at[name, "latent"],
             "cells": [f"{wording.number(ratio.at[name, h])} ({int(rows[name, h])})"
                       if h in ratio and np.isfinite(ratio.at[name, h]) else ""
                       for h in horizons]}
            for name in inputs.panel.indicators.index if name in ratio.index]


def _better(ratio: pd.DataFrame, own: pd.DataFrame) -> dict[str, int]:
    """Return in how many cells the default beats every rule, of how many, and how many are thin."""
    cells = ratio.to_numpy()
    return {"cells": int(np.isfinite(cells).sum()), "better": int((cells < 1.0).sum()),
            "thin": int((own["rows"] < _FEW).sum())}


def _coverage(own: pd.DataFrame) -> str:
    """Say how many values lie inside the default's 90% intervals, indicator by indicator."""
    inside = (own["inside90"] * own["rows"]).groupby(own["indicator"]).sum()
    rows = own.groupby("indicator")["rows"].sum()
    share = (inside / rows)[rows >= _ENOUGH].sort_values(kind="stable")
    if share.empty:
        return ""
    shown = [f"{wording.percent(share[name])} ({name}, {int(rows[name])} values)"
             for name in (share.index[0], share.index[-1])]
    return (f"By indicator, all horizons together, the share inside 90% intervals runs from "
            f"{shown[0]} to {shown[1]}, over the {len(share)} indicators with at least {_ENOUGH} "
            "values.")


def _of_kind(skill: pd.DataFrame, kind: str) -> list[str]:
    return list(dict.fromkeys(skill.loc[skill["kind"] == kind, "method"]))


def _weights(weights: pd.DataFrame) -> list[dict[str, str]]:
    last = weights[weights["origin"] == weights["origin"].max()]
    return [{"method": str(row.method), "weight": wording.percent(row.weight)}
            for row in last.itertuples()]


def backtest_figures(inputs: ReportInputs) -> dict[str, tuple[Draw, str]]:
    """Return how each figure is drawn, with its alternative text; empty without a backtest."""
    found = inputs.backtest
    if found is None:
        return {}
    skill = found.skill
    shown = [DEFAULT, STACKED, *_of_kind(skill, "rule")]
    counts = found.paths["indicator"].value_counts()
    observed = [name for name in inputs.panel.indicators.index
                if inputs.panel.indicators.at[name, "latent"] == "cohesion" and name in counts]
    fans = sorted(observed, key=lambda name: -int((inputs.panel.rows["indicator"] == name).sum()
                                                  if inputs.panel.indicators.at[name, "kind"]
                                                  == "opinion" else 0))[:_SHOWN]
    past = observed_values(inputs.panel)
    own = skill[skill["method"] == DEFAULT]
    named = spans(sorted(int(one) for one in skill["horizon"].unique()))
    words = ", ".join(f"{100 * row.inside90:.0f}% at {named[row.horizon]} months"
                      for row in own.itertuples())
    skills = ", ".join(f"{100 * row.skill:+.0f}% at {named[row.horizon]} months"
                       for row in own.itertuples())
    tenths = found.pit[found.pit["method"] == DEFAULT].groupby(["horizon", "tenth"])["rows"].sum()
    parts = 100.0 * tenths / tenths.groupby("horizon").transform("sum")
    drawn: dict[str, tuple[Draw, str]] = {
        "skill": (lambda width: plotting.plot_skill(skill, shown, width=width),
                  f"Points with intervals: CRPS skill over the best simple rule. {DEFAULT}: "
                  f"{skills}."),
        "past_coverage": (lambda width: plotting.plot_past_coverage(skill, DEFAULT, width=width),
                          f"Share of values inside the 50 and 90% intervals. Inside 90%: {words}."),
        "pit": (lambda width: plotting.plot_pit(found.pit, DEFAULT, width=width),
                f"Histograms of PIT values of {DEFAULT} for each horizon; a tenth of the range "
                f"holds {parts.min():.0f} to {parts.max():.0f}% of the values.")}
    if fans:
        drawn["hindsight"] = (
            lambda width: plotting.plot_hindsight(found.paths, past, fans, units=inputs.units,
                                                  width=width),
            "Forecasts from the last origin of every other year as bars, with what came as "
            f"points, for {len(fans)} indicators: {', '.join(fans)}.")
    return drawn
