"""Figure of what a design can see: how often a hypothesis is called supported, by the truth.

Invariant: every share stands with its exact interval; what is drawn is of the observed design.
"""

from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bayes_alliance.plotting.style import (
    BLUE,
    GREY,
    WIDE,
    is_narrow,
    panel_grid,
    readable,
    tidy,
)

__all__ = ["plot_power"]

_SIDE: Final = 0.03


def plot_power(shares: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Draw how often each hypothesis is called supported, by whether it holds in the truth.

    Parameters
    ----------
    shares : pandas.DataFrame
        Of :func:`bayes_alliance.power.shares_of`; the first design in it is drawn.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each episode and hypothesis, by the size of the true coefficients; filled of
        panels in which the hypothesis holds of the episode, open of the others, of which at each
        size the one with the most is drawn, with exact 95% intervals.
    """
    own = shares[shares["design"] == shares["design"].iloc[0]]
    parts = list(own.groupby(["episode", "hypothesis"], sort=False))
    figure, panels = panel_grid(len(parts), 2.1, 1 if is_narrow(width) else 2, extra=0.4,
                                width=width)
    size = 9.0
    for axes, ((episode, hypothesis), part) in zip(panels, parts, strict=True):
        worst = part.dropna(subset="false").sort_values("false").groupby("size").tail(1)
        _points(axes, worst, "false", _SIDE, GREY, "white",
                "it does not hold (the path for which this is most often)")
        _points(axes, part.dropna(subset="found"), "found", -_SIDE, BLUE, BLUE,
                "it holds of the episode")
        axes.set_ylim(-0.03, 1.03)
        axes.set_xticks(sorted(part["size"].unique()))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        tidy(axes, "", f"{readable(str(episode))}, {hypothesis}", size=size)
    figure.supylabel("called supported", fontsize=size)
    figure.supxlabel("true coefficients of the path that acts", fontsize=size)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], fontsize=size - 0.5, frameon=False,
                  ncols=1 if is_narrow(width) else 2, loc="outside upper left")
    return figure


def _points(axes: Any, part: pd.DataFrame, share: str, side: float, colour: str, face: str,
            label: str) -> None:
    value = part[share].to_numpy()
    ends = [value - part[f"{share}_low"].to_numpy(), part[f"{share}_high"].to_numpy() - value]
    axes.errorbar(part["size"].to_numpy() + side, value, yerr=ends, fmt="o", color=colour,
                  markerfacecolor=face, markersize=5, linewidth=1.0, label=label)
