"""The forecast's tables for the page: outcomes under every scenario, and waves to be expected.

Invariant: a cell is text; an outcome that nobody can tell is a dash, not a zero.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance.plotting.style import country as country_name
from bayes_alliance.report import wording
from bayes_alliance.report.inputs import ReportInputs

__all__ = ["offices", "outcomes", "scenarios", "still", "waves"]

_WAVE_MONTHS: Final = 12
# Shares of draws add up to one within this.
_ROUNDING: Final = 1e-6


def offices(inputs: ReportInputs) -> list[str]:
    """Return in a few words when each office changes hands in a forecast."""
    found = []
    for country, office in inputs.spec.forecast.offices.items():
        if office.mean_months is not None:
            when = f"at any time, on average every {office.mean_months:g} months"
        else:
            sure = ("" if office.change == 1.0 else
                    f", with probability {wording.probability(office.change)}")
            when = f"every {office.months} months{sure}"
        found.append(f"{country_name(country)} {when}")
    return found


def scenarios(inputs: ReportInputs) -> list[dict[str, str]]:
    """Return what each scenario does to cohesion at the end of the forecast."""
    rows = []
    for name, table in inputs.differences.items():
        last = _at_the_end(table)
        rows.append({"name": name.replace("_", " "), "title": inputs.spec.scenarios[name].title,
                     "month": str(last["time"]),
                     "median": wording.number(last["q50"], signed=True),
                     "interval": wording.interval(wording.number(last["q05"], signed=True),
                                                  wording.number(last["q95"], signed=True)),
                     "lower": wording.probability(last["p_lower"]),
                     "higher": wording.probability(last["p_higher"])})
    return rows


def still(inputs: ReportInputs) -> bool:
    """Say whether in some draws a scenario changes nothing: their hypothesis lacks its path."""
    return any(_at_the_end(table)[["p_lower", "p_higher"]].sum() < 1.0 - _ROUNDING
               for table in inputs.differences.values())


def _at_the_end(table: pd.DataFrame) -> pd.Series:
    """Return the row of cohesion in the last month."""
    return table[table["target"] == "cohesion"].iloc[-1]


def outcomes(inputs: ReportInputs) -> dict[str, Any]:
    """Return the probability of every outcome under every scenario."""
    table = inputs.outcomes
    if table.empty:
        return {}
    names = list(dict.fromkeys(table["scenario"]))
    wide = table.pivot(index="outcome", columns="scenario", values="probability")
    titles = table.drop_duplicates("outcome").set_index("outcome")["title"]
    return {"scenarios": [name.replace("_", " ") for name in names],
            "rows": [{"title": title,
                      "cells": [wording.probability(wide.at[outcome, name])
                                if np.isfinite(wide.at[outcome, name]) else "–" for name in names]}
                     for outcome, title in titles.items()]}


def waves(inputs: ReportInputs) -> list[dict[str, str]]:
    """Return the waves of the coming year, as now."""
    if inputs.waves.empty:
        return []
    end = str(inputs.panel.time[-1] + _WAVE_MONTHS)
    coming = inputs.waves[inputs.waves["time"] <= end].sort_values(["time", "indicator"])
    return [{"month": str(row.time), "indicator": str(row.indicator),
             "median": wording.plain(row.q50),
             "interval": wording.interval(wording.plain(row.q05), wording.plain(row.q95))}
            for row in coming.itertuples()]
