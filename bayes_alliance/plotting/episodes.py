"""Figures of the episodes: what contributed to each change of cohesion."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    COLOURS,
    GREY,
    WIDE,
    is_narrow,
    new_figure,
    readable,
    tidy,
)

__all__ = ["plot_contributions"]

_NAMES = ("change", *(f"contribution_{name}" for name in c.COMPONENTS))
_SHOWN = ("change of cohesion", *(name.replace("_", " ") for name in c.COMPONENTS))
_MARKERS = "osD^v"


def plot_contributions(episodes: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Draw what contributed to each change, with 90% intervals.

    Parameters
    ----------
    episodes : pandas.DataFrame
        ``episode``, ``baseline``, ``quantity``, ``q05``, ``q50``, ``q95``: the rows ``change``
        and ``contribution_<component>`` are used.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One panel an episode; within it a point (median) and an interval for each component and
        baseline. The components of one baseline sum to its change in every draw.
    """
    part = episodes[episodes["quantity"].isin(_NAMES)]
    groups = list(part.groupby("episode", sort=False))
    most = max(rows["baseline"].nunique() for _, rows in groups)
    narrow = is_narrow(width)
    size = 9.5 if narrow else 10
    height = len(groups) * (0.75 + len(_NAMES) * (0.16 + 0.13 * most))
    figure, axes = new_figure(len(groups), height, width=width, share_x=True)
    for panel, (episode, rows) in zip(axes, groups, strict=True):
        _one(panel, rows, size, narrow=narrow)
        tidy(panel, size=size)
        # The legend stands between the title and the panel, where no interval can reach it.
        panel.set_title(readable(str(episode)), fontsize=size + 0.5, loc="left", pad=20)
        panel.tick_params(axis="y", length=0)
    label = "contribution" if narrow else "contribution to the change"
    axes[-1].set_xlabel(f"{label} (residual sd of cohesion = 1)", fontsize=size)
    return figure


def _one(axes: Axes, rows: pd.DataFrame, size: float, *, narrow: bool) -> None:
    baselines = list(dict.fromkeys(rows["baseline"]))
    places = np.arange(len(_NAMES))[::-1].astype(float)
    step = 0.72 / len(baselines)
    for number, baseline in enumerate(baselines):
        found = rows[rows["baseline"] == baseline].set_index("quantity").loc[list(_NAMES)]
        y = places + step * ((len(baselines) - 1) / 2 - number)
        colour = COLOURS[number % len(COLOURS)]
        axes.hlines(y, found["q05"], found["q95"], color=colour, linewidth=2)
        axes.plot(found["q50"], y, _MARKERS[number % len(_MARKERS)], color=colour, markersize=5,
                  linestyle="none", label=baseline if narrow and number else f"against {baseline}")
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    # The change stands apart from its parts.
    axes.axhspan(places[0] - 0.5, places[0] + 0.5, color=GREY, alpha=0.1, linewidth=0)
    axes.set_yticks(places, list(_SHOWN))
    axes.set_ylim(places[-1] - 0.6, places[0] + 0.5)
    columns = min(len(baselines), 3)
    axes.legend(fontsize=size - 0.5, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0),
                borderpad=0.0, borderaxespad=0.3, ncols=columns, columnspacing=0.9,
                handletextpad=0.1, handlelength=1.3)
