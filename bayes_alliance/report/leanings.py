"""Tables of what the results lean on: specifications, the feedback of cohesion, priors, periods.

Invariant: a cell is text, as in :mod:`bayes_alliance.report.details`.
"""

from typing import Any

from bayes_alliance import constants as c
from bayes_alliance.power import WORDS, power_sentence
from bayes_alliance.report import wording
from bayes_alliance.report.inputs import ReportInputs

__all__ = ["cut", "farthest", "not_converged", "periods", "power", "power_designs",
           "power_words", "prior_scales", "robustness", "scale_flags", "sensitivity"]

Rows = list[dict[str, Any]]
# Monte Carlo errors beyond which a figure is told from 0; three of a thousand are there by chance.
_CLEAR = 3.0


def robustness(inputs: ReportInputs) -> Rows:
    """Return how often each verdict comes out over the grid, and which specifications differ."""
    if inputs.grid.empty:
        return []
    rows = []
    for (episode, hypothesis), part in inputs.grid.groupby(["episode", "hypothesis"], sort=False):
        own = str(part["verdict"].iloc[0])
        apart = part[part["verdict"] != own]
        counts = part["verdict"].value_counts()
        rows.append({"episode": episode, "hypothesis": hypothesis,
                     **{name: int(counts.get(name, 0))
                        for name in ("supported", "inconclusive", "contradicted")},
                     "apart": "; ".join(f"{row.specification} ({row.verdict})"
                                        for row in apart.itertuples()) or "none"})
    return rows


def farthest(inputs: ReportInputs) -> str:
    """Say how far from 0 the log Bayes factors are, and which one surely is.

    Those of fits that did not converge are no figures and are left out.
    """
    if inputs.grid.empty:
        return ""
    found = inputs.grid[inputs.grid["converged"].astype(bool)]
    if found.empty:
        return ""
    size = found["log_bayes_factor"].abs()
    among = "" if len(found) == len(inputs.grid) else "Of specifications whose fits converged, "
    words = (f"{among}{'no' if among else 'No'} log Bayes factor is farther than "
             f"{wording.number(size.max())} from 0, and a verdict asks for "
             f"{wording.number(inputs.spec.verdict.log_bayes_factor)}.")
    clear = size[size > _CLEAR * found["log_bayes_factor_se"]]
    if clear.empty:
        return f"{words} None is {_CLEAR:g} times its Monte Carlo error."
    row = found.loc[clear.idxmax()]
    return (f"{words} The largest of those beyond {_CLEAR:g} times their Monte Carlo error: "
            f"{row['specification']} ({row['episode']}, {row['hypothesis']}: "
            f"{wording.number(row['log_bayes_factor'], signed=True)} ± "
            f"{wording.number(row['log_bayes_factor_se'])} nats).")


def not_converged(inputs: ReportInputs) -> str:
    """Return the specifications that had a fit which did not converge, in words."""
    if inputs.grid.empty:
        return ""
    apart = inputs.grid.loc[~inputs.grid["converged"].astype(bool), "specification"]
    return ", ".join(map(str, apart.unique()))


def power(inputs: ReportInputs) -> Rows:
    """Return how often each verdict comes out on simulated panels, by what is true of them."""
    return [{"design": row["design"], "path": row["path"], "size": f"{row['size']:g}",
             "episode": row["episode"], "hypothesis": row["hypothesis"], "panels": row["panels"],
             "holds": row["holds"],
             **{name: (f"{wording.percent(row[name])} " + wording.interval(
                 wording.percent(row[f"{name}_low"], unit=False),
                 wording.percent(row[f"{name}_high"], unit=False))).strip() or "–"
                for name in ("found", "false")},
             **{name: wording.percent(row[name]) for name in (
                 "contradicted", "withheld", "direction", "contribution", "evidence")},
             "median": wording.number(row["q50"], signed=True),
             "largest": wording.number(row["largest"], signed=True),
             "error": wording.number(row["error"])}
            for row in inputs.power.to_dict("records")]


def power_designs(inputs: ReportInputs) -> Rows:
    """Return what the designs beside the observed one are."""
    if inputs.power.empty:
        return []
    return [{"name": name, "words": WORDS[name]} for name in inputs.power["design"].unique()
            if name in WORDS]


def power_words(inputs: ReportInputs) -> str:
    """Return what the design can see, in words; empty where no panels were simulated."""
    if inputs.power.empty:
        return ""
    return wording.minus(power_sentence(inputs.power, inputs.spec.verdict))


def cut(inputs: ReportInputs) -> Rows:
    """Return the coefficients with and without what cohesion says of the drivers."""
    if inputs.cut is None:
        return []
    return [{"coefficient": row.coefficient, "flag": row.flag,
             "full": _spread(row.mean, row.sd), "cut": _spread(row.cut_mean, row.cut_sd),
             "shift": f"{wording.number(row.shift, signed=True)} ± "
                      f"{wording.number(row.shift_error)}"}
            for row in inputs.cut.table.itertuples()]


def periods(inputs: ReportInputs) -> Rows:
    """Return each administration's coefficients: mean, sd, and where they lie."""
    if inputs.periods is None:
        return []
    rows: Rows = []
    for (name, months), part in inputs.periods.table.groupby(["administration", "months"],
                                                             sort=False):
        by = part.set_index("coefficient")
        rows.append({"administration": name, "months": months, "cells": [
            {"value": _spread(by.at[label, "mean"], by.at[label, "sd"]),
             "higher": wording.probability(by.at[label, "higher"])}
            for label in c.COEFFICIENTS]})
    return rows


def prior_scales(inputs: ReportInputs) -> Rows:
    """Return the whole period's log Bayes factors by hypothesis, a cell for each prior sd."""
    if inputs.prior_scales is None:
        return []
    table = inputs.prior_scales.table
    return [{"hypothesis": name, "cells": [
        {"sd": f"{row.sd:g}", "flag": "†" if row.flag else "",
         "value": f"{wording.number(row.difference, signed=True)} ± "
                  f"{wording.number(row.difference_se)}",
         "check": f"{wording.number(row.check, signed=True)} ± {wording.number(row.check_se)}"}
        for row in mine.itertuples()]} for name, mine in table.groupby("hypothesis", sort=False)]


def scale_flags(inputs: ReportInputs) -> str:
    """Return what the marks in the table of prior scales mean; empty without a mark."""
    if inputs.prior_scales is None:
        return ""
    said = [str(flag) for flag in inputs.prior_scales.table["flag"].unique() if flag]
    return "; ".join(said)


def sensitivity(inputs: ReportInputs) -> Rows:
    """Return what moves a quantity by more than the threshold, and what cannot be told."""
    if inputs.sensitivity is None:
        return []
    table = inputs.sensitivity.table
    flagged = table[table["flag"] & (table["group"] != "all")]
    words = {"prior": "priors of", "likelihood": "indicator"}
    rows = []
    for (part, group), mine in flagged.groupby(["part", "group"], sort=False):
        ordered = mine.sort_values("sensitivity", ascending=False)
        rows.append({"group": f"{words[str(part)]} {group}",
                     "largest": float(ordered["sensitivity"].iloc[0]),
                     "quantities": "; ".join(
                         f"{row.quantity} {wording.number(row.sensitivity)}"
                         for row in ordered.itertuples())})
    dark = table[table["sensitivity"].isna() & (table["group"] != "all")]
    rows += [{"group": f"{words[str(part)]} {group}", "largest": -1.0,
              "quantities": "cannot be told from these draws"}
             for part, group in dict.fromkeys(zip(dark["part"], dark["group"], strict=True))]
    return sorted(rows, key=lambda row: -row["largest"])


def _spread(mean: float, sd: float) -> str:
    return f"{wording.number(mean, signed=True)} ± {wording.number(sd)}"
