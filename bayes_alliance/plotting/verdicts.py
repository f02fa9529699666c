"""Figures of the comparison: the evidence for each hypothesis, and what each criterion saw."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_alliance.plotting.style import (
    BLACK,
    COLOURS,
    GREY,
    PALE,
    WIDE,
    is_narrow,
    new_figure,
    readable,
    tidy,
)

__all__ = ["DECIBANS", "plot_evidence", "plot_verdicts"]

DECIBANS: Final = float(10.0 / np.log(10.0))
_MARKERS: Final = "osD^v"
# Odds of 3 to 1, the usual mark of evidence worth a mention.
_WORTH_A_MENTION: Final = float(np.log(3.0))
_CRITERIA: Final = {
    "direction_probability": "P(direction)", "contribution_probability": "P(contribution)",
    "contribution_share": "share of change", "log_bayes_factor": "log Bayes factor",
    "specification_share": "specifications"}
_HEADS: Final = {"share of change": "share\nof change", "log Bayes factor": "log Bayes\nfactor"}
_FILL: Final = {"supported": "#CFE5F3", "contradicted": "#F8DCC8"}


def plot_evidence(evidence: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Draw each hypothesis's held-out difference to HX.

    Parameters
    ----------
    evidence : pandas.DataFrame
        ``hypothesis``, ``episode``, ``difference`` (nats), ``difference_se``; a row without a
        difference is not drawn.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each hypothesis, a point for each episode with twice its Monte Carlo error;
        nats below, decibans above, odds of 3 to 1 either way dotted.
    """
    known = evidence[evidence["difference"].notna()]
    hypotheses = list(dict.fromkeys(known["hypothesis"]))
    episodes = list(dict.fromkeys(known["episode"]))
    narrow = is_narrow(width)
    size = 9.5 if narrow else 10
    height = 1.5 + 0.24 * len(hypotheses) * max(2, len(episodes))
    figure, (axes,) = new_figure(1, height, width=width)
    places = np.arange(len(hypotheses))[::-1].astype(float)
    step = 0.6 / max(1, len(episodes))
    for number, episode in enumerate(episodes):
        part = known[known["episode"] == episode].set_index("hypothesis").reindex(hypotheses)
        y = places + step * ((len(episodes) - 1) / 2 - number)
        colour = COLOURS[number % len(COLOURS)]
        error = 2.0 * part["difference_se"].to_numpy(dtype=float)
        middle = part["difference"].to_numpy(dtype=float)
        axes.hlines(y, middle - error, middle + error, color=colour, linewidth=2)
        axes.plot(middle, y, _MARKERS[number % len(_MARKERS)], color=colour, markersize=6,
                  linestyle="none", label=str(episode))
    axes.axvline(0.0, color=GREY, linewidth=0.8, zorder=0)
    for side in (-1, 1):
        axes.axvline(side * _WORTH_A_MENTION, color=GREY, linewidth=1.0, linestyle=":", zorder=0)
    reach = max(1.25 * _WORTH_A_MENTION, 1.05 * float(
        (known["difference"].abs() + 2.0 * known["difference_se"]).max()))
    axes.set_xlim(-reach, reach)
    axes.set_yticks(places, hypotheses)
    axes.set_ylim(-0.6, len(hypotheses) - 0.4)
    tidy(axes, size=size)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("nats" if narrow else "log Bayes factor against HX (nats; to the right: for)",
                    fontsize=size)
    above = axes.secondary_xaxis("top", functions=(_to_decibans, _to_nats))
    above.set_xlabel("decibans", fontsize=size)
    above.tick_params(labelsize=size, color=GREY)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=size, frameon=False,
                  ncols=len(episodes), loc="outside upper left", handletextpad=0.2)
    return figure


def _to_decibans(nats: Any) -> Any:
    return nats * DECIBANS


def _to_nats(decibans: Any) -> Any:
    return decibans / DECIBANS


def plot_verdicts(verdicts: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Draw each verdict with the figure that each criterion saw.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        ``episode``, ``hypothesis``, ``verdict`` and the criteria; a missing one is a dash.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One band for each episode and hypothesis, tinted where it is supported or contradicted;
        the words say which, so that nothing is told by colour alone.
    """
    narrow = is_narrow(width)
    line = 1.35 if narrow else 0.5
    figure, (axes,) = new_figure(1, 0.75 + line * len(verdicts), width=width)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(len(verdicts), 0.0 if narrow else -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_axis_off()
    for number, row in enumerate(verdicts.to_dict("records")):
        axes.axhspan(number + 0.04, number + 0.96, facecolor=_FILL.get(row["verdict"], "#F3F3F3"),
                     edgecolor=PALE)
        name = f"{readable(str(row['episode']))}, {row['hypothesis']}: {row['verdict']}"
        if narrow:
            _narrow(axes, number, name, row)
        else:
            _wide(axes, number, name, row)
    return figure


def _cell(row: dict[str, Any], key: str) -> str:
    value = float(row[key])
    if not np.isfinite(value):
        return "–"
    if key == "log_bayes_factor":
        return f"{value:+.2f} ± {float(row['log_bayes_factor_se']):.2f}".replace("-", "−")
    shown = f"{value:.0%}" if key.endswith("share") else f"{value:.2f}"
    return shown.replace("-", "−")


def _wide(axes: Axes, number: int, name: str, row: dict[str, Any]) -> None:
    axes.text(0.01, number + 0.5, name, fontsize=9.5, va="center", color=BLACK)
    for place, (key, label) in zip((0.40, 0.54, 0.68, 0.83, 0.99), _CRITERIA.items(),
                                   strict=True):
        axes.text(place, number + 0.5, _cell(row, key), fontsize=9.5, va="center", ha="right")
        if number == 0:
            axes.text(place, -0.05, _HEADS.get(label, label), fontsize=8.5,
                      va="bottom", ha="right", color=GREY)


def _narrow(axes: Axes, number: int, name: str, row: dict[str, Any]) -> None:
    axes.text(0.02, number + 0.17, name, fontsize=10, va="center", weight="bold")
    for position, (key, label) in enumerate(_CRITERIA.items()):
        y = number + 0.33 + 0.135 * position
        axes.text(0.02, y, label, fontsize=9, va="center", color=GREY)
        axes.text(0.97, y, _cell(row, key), fontsize=9, va="center", ha="right")
