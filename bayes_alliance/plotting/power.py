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
    """Draw how often each hypothesis is called supported, by size and path of the true effect.

    Parameters
    ----------
    shares : pandas.DataFrame
        Of :func:`bayes_alliance.power.shares_of`; the first design in it is drawn.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each episode and hypothesis; filled where the hypothesis' own path acts, open
        where the other does, with exact 95% intervals.
    """
    own = shares[shares["design"] == shares["design"].iloc[0]]
    parts = list(own.groupby(["episode", "hypothesis"], sort=False))
    figure, panels = panel_grid(len(parts), 2.1, 1 if is_narrow(width) else 2, extra=0.4,
                                width=width)
    size = 9.0
    for axes, ((episode, hypothesis), part) in zip(panels, parts, strict=True):
        none = part["size"] == 0.0
        acts = part["acts"].astype(bool)
        _points(axes, part[none | ~acts], _SIDE, GREY, "white", "the other path acts, or none")
        _points(axes, part[~none & acts], -_SIDE, BLUE, BLUE, "its own path acts")
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


def _points(axes: Any, part: pd.DataFrame, side: float, colour: str, face: str,
            label: str) -> None:
    value = part["supported"].to_numpy()
    ends = [value - part["supported_low"].to_numpy(), part["supported_high"].to_numpy() - value]
    axes.errorbar(part["size"].to_numpy() + side, value, yerr=ends, fmt="o", color=colour,
                  markerfacecolor=face, markersize=5, linewidth=1.0, label=label)
