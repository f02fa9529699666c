"""Figures of many dyads: effects by class, dyads in a row, one dyad among its class."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    PALE,
    RED,
    WIDE,
    band,
    is_narrow,
    new_figure,
    panel_grid,
    tidy,
    years,
)

__all__ = ["COEFFICIENT_WORDS", "plot_among_class", "plot_dyad_effects", "plot_effect_ranges",
           "plot_effects_by_class"]

COEFFICIENT_WORDS: Final = {
    c.BETA_THREAT: "threat: mean of both (β)", c.DELTA_THREAT: "threat: gap (δ)",
    c.BETA_CREDIBILITY: "credibility: mean of both (β)",
    c.DELTA_CREDIBILITY: "credibility: gap (δ)"}
_MARKS: Final = ("o", "s", "D", "^", "v")
_EFFECT: Final = "units of cohesion for one unit of the driver"


def plot_effects_by_class(effects: pd.DataFrame, prior: dict[str, tuple[float, float]] | None,
                          names: dict[str, str], *, width: float = WIDE) -> Figure:
    """Draw the mean coefficients of the population and of every class.

    Parameters
    ----------
    effects : pandas.DataFrame
        ``group``, ``coefficient``, ``q05``, ``q50``, ``q95``.
    prior : dict of str to (float, float), optional
        5 and 95% points of every group's prior.
    names : dict of str to str
        How a reader calls each group, in order.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a coefficient: 90% intervals, the prior's in grey behind.
    """
    narrow = is_narrow(width)
    figure, panels = panel_grid(4, 1.0 + 0.28 * len(names), 1 if narrow else 2, width=width,
                                share_x=True)
    for axes, coefficient in zip(panels, c.COEFFICIENTS, strict=True):
        part = effects[effects["coefficient"] == coefficient].set_index("group")
        for row, group in enumerate(names):
            colour = COLOURS[row % len(COLOURS)]
            if prior is not None:
                axes.plot(prior[group], [row, row], color=PALE, linewidth=9,
                          solid_capstyle="butt")
            axes.plot(part.loc[group, ["q05", "q95"]].astype(float), [row, row],
                      color=colour, linewidth=2)
            axes.plot(part.at[group, "q50"], row, _MARKS[row % len(_MARKS)],
                      color=colour, markersize=6)
        _zero(axes)
        axes.set_yticks(range(len(names)), list(names.values()))
        axes.set_ylim(len(names) - 0.4, -0.6)
        tidy(axes, title=COEFFICIENT_WORDS[coefficient])
        axes.tick_params(axis="y", length=0)
    figure.supxlabel(_EFFECT, fontsize=9)
    return figure


def plot_dyad_effects(effects: pd.DataFrame, names: dict[str, str], *, marked: str = "",
                      width: float = WIDE) -> Figure:
    """Draw the coefficients of dyads, each named, as a forest.

    Parameters
    ----------
    effects : pandas.DataFrame
        ``dyad``, ``coefficient``, ``q05``, ``q50``, ``q95``.
    names : dict of str to str
        Which dyads, from top to bottom, and how a reader calls them.
    marked : str
        A dyad that stands out.
    width : float
        Of the figure, in inches.
    """
    narrow = is_narrow(width)
    across = 2 if narrow else 4
    figure, panels = new_figure(4 // across, (4 // across) * (0.9 + 0.2 * len(names)), across,
                                width=width)
    for i, (axes, coefficient) in enumerate(zip(panels, c.COEFFICIENTS, strict=True)):
        part = effects[effects["coefficient"] == coefficient].set_index("dyad").loc[list(names)]
        rows = np.arange(len(names))
        for row, (dyad, low, middle, high) in enumerate(zip(
                names, part["q05"], part["q50"], part["q95"], strict=True)):
            colour = RED if dyad == marked else BLUE
            axes.plot([low, high], [row, row], color=colour, linewidth=1.6)
            axes.plot(middle, row, "D" if dyad == marked else "o", color=colour, markersize=4)
        _zero(axes)
        axes.set_yticks(rows, list(names.values()) if i % across == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        short = COEFFICIENT_WORDS[coefficient].replace(": ", ":\n", 1)
        if narrow:
            short = short.replace(" of both", "")
        tidy(axes, title=short, size=8.5)
        axes.tick_params(axis="y", length=0)
        for label, dyad in zip(axes.get_yticklabels(), names, strict=True):
            label.set_fontweight("bold" if dyad == marked else "normal")
        axes.grid(axis="y", color=PALE, linewidth=0.5)
        axes.set_axisbelow(True)
    shown = effects[effects["dyad"].isin(list(names))]
    margin = 0.04 * float(shown["q95"].max() - shown["q05"].min())
    for axes in panels:
        axes.set_xlim(shown["q05"].min() - margin, shown["q95"].max() + margin)
    figure.supxlabel(_EFFECT, fontsize=9)
    return figure


def plot_effect_ranges(effects: pd.DataFrame, groups: Mapping[str, Sequence[str]], *,
                       width: float = WIDE) -> Figure:
    """Draw the coefficients of many dyads without names, in order of size within each group.

    Parameters
    ----------
    effects : pandas.DataFrame
        ``dyad``, ``coefficient``, ``q05``, ``q50``, ``q95``.
    groups : mapping of str to sequence of str
        Dyads of each group, by the name a reader sees.
    width : float
        Of the figure, in inches.
    """
    narrow = is_narrow(width)
    figure, panels = panel_grid(4, 2.5, 1 if narrow else 2, width=width,
                                extra=0.4 + 0.2 * len(groups) * narrow)
    for axes, coefficient in zip(panels, c.COEFFICIENTS, strict=True):
        table = effects[effects["coefficient"] == coefficient].set_index("dyad")
        start = 0
        for colour, (name, dyads) in zip(cycle(COLOURS), groups.items(), strict=False):
            part = table.loc[list(dyads)].sort_values("q50", kind="stable")
            x = start + np.arange(len(part))
            axes.vlines(x, part["q05"], part["q95"], color=colour, alpha=0.35, linewidth=1.1)
            axes.plot(x, part["q50"], ".", color=colour, markersize=3,
                      label=f"{name} ({len(part)})")
            start += len(part) + 6
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_xticks([])
        axes.set_xlim(-4, start - 2)
        tidy(axes)
        axes.spines["bottom"].set_visible(False)
        axes.set_title(COEFFICIENT_WORDS[coefficient], fontsize=10.5, loc="left")
    # In the order in which they stand from left to right.
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=9, frameon=False,
                  ncols=1 if narrow else len(groups), loc="outside upper left", markerscale=3)
    figure.supylabel(_EFFECT, fontsize=9)
    return figure


def plot_among_class(mine: pd.DataFrame, peers: pd.DataFrame,
                     windows: dict[str, tuple[int, int, int]], *, label: str, class_label: str,
                     width: float = WIDE) -> Figure:
    """Draw a dyad's cohesion on the spread of its class, with episodes shaded.

    Parameters
    ----------
    mine, peers : pandas.DataFrame
        ``time`` (year), ``q05``, ``q25``, ``q50``, ``q75``, ``q95``: posterior of the dyad; over
        the dyads of the class.
    windows : dict of str to (int, int, int)
        First and last year of each episode, and 1 or -1.
    label, class_label : str
        Of the two in the legend.
    width : float
        Of the figure, in inches.
    """
    narrow = is_narrow(width)
    figure, (axes,) = new_figure(height=3.6, width=width)
    for first, last, sign in windows.values():
        axes.axvspan(first - 0.5, last + 0.5, color=GREEN if sign > 0 else RED, alpha=0.14,
                     linewidth=0, zorder=0)
        axes.text((first + last) / 2, 0.98, "+" if sign > 0 else "−", ha="center", va="top",
                  fontsize=12, transform=axes.get_xaxis_transform())
    peers = peers[peers["time"].between(mine["time"].min(), mine["time"].max())]
    axes.fill_between(peers["time"], peers["q05"], peers["q95"], color=GREY, alpha=0.18,
                      linewidth=0, label=f"{class_label}: 90% of dyads")
    axes.plot(peers["time"], peers["q50"], color=GREY, linewidth=1.4, linestyle="--",
              label=f"{class_label}: median")
    x: Any = mine["time"].to_numpy()
    band(axes, x, mine, BLUE, label)
    axes.axhline(0, color=BLACK, linewidth=0.5)
    tidy(axes, "cohesion (residual sd = 1)")
    axes.set_xlim(x[0] - 0.5, x[-1] + 0.5)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.08 * (high - low))
    years(axes, 5 if narrow else 9)
    figure.legend(loc="outside lower center", ncols=1 if narrow else 3, frameon=False, fontsize=9)
    return figure


def _zero(axes: Axes) -> None:
    axes.axvline(0, color=GREY, linewidth=0.8)
