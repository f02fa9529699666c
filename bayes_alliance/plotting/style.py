"""Shared look of the figures: colours that colour-blind readers can tell apart, plain axes.

Invariant: figures are made without pyplot's global state, so that drawing one never changes
another or a caller's settings; nothing is told by colour alone. A figure of width
:data:`WIDE` is for a page or a screen, one of width :data:`NARROW` for a telephone: type is set
for the width, never scaled down with it.

References
----------
Okabe and Ito 2008, Color Universal Design.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator

from bayes_alliance.spec import country, readable

__all__ = ["BLACK", "BLUE", "COLOURS", "GREEN", "GREY", "NARROW", "ORANGE", "PALE", "PURPLE",
           "RED", "SKY", "WIDE", "band", "broken", "country", "is_narrow", "months",
           "new_figure", "panel_grid", "readable", "shade", "tidy", "years"]

BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
BLUE: Final = "#0072B2"
RED: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#6E6E6E"
PALE: Final = "#E4E4E4"
COLOURS: Final = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)

WIDE: Final = 7.5
NARROW: Final = 4.2
_BETWEEN: Final = 6.0
# What the ticks of a logarithmic axis begin with.
_POWER: Final = "$\\mathdefault{"


def is_narrow(width: float) -> bool:
    """Say whether a figure of this width (inches) is set for a small screen."""
    return width < _BETWEEN


class _PlainText(Figure):
    """A figure in which a dollar sign of a user's name or unit is one, and begins no formula."""

    def draw(self, renderer: Any) -> None:
        for axes in self.axes:
            axes.get_xticklabels()  # labels are made when they are asked for
            axes.get_yticklabels()
        for text in self.findobj(Text):
            if "$" in text.get_text() and not text.get_text().startswith(_POWER):
                text.set_parse_math(False)
        super().draw(renderer)


def new_figure(rows: int = 1, height: float = 3.2, columns: int = 1, *, width: float = WIDE,
               share_x: bool = False,
               ratios: Sequence[float] | None = None) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, row by row.

    Parameters
    ----------
    rows, columns : int
        Of the grid.
    height, width : float
        In inches.
    share_x : bool
        Whether the columns share their horizontal axis.
    ratios : sequence of float, optional
        Heights of the rows relative to each other.
    """
    figure = _PlainText(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharex="col" if share_x else False,
                           height_ratios=ratios)
    return figure, list(grid.ravel())


def panel_grid(count: int, height: float, columns: int = 2, *, extra: float = 0.0,
               width: float = WIDE, share_x: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure of as many panels as wanted, row by row; what is left of the grid is hidden.

    Parameters
    ----------
    count, columns : int
        Panels, and how many stand in a row.
    height, extra : float
        Of a row, and of what stands beside the rows, in inches.
    width, share_x
        As for :func:`new_figure`.
    """
    rows = -(-count // columns)
    figure, axes = new_figure(rows, height * rows + extra, columns, width=width, share_x=share_x)
    for panel in axes[count:]:
        panel.set_visible(False)
    return figure, axes[:count]


def tidy(axes: Axes, ylabel: str = "", title: str = "", *, size: float = 10) -> None:
    """Take off what carries no information and set the type."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=size, color=GREY)
    axes.set_ylabel(ylabel, fontsize=size)
    if title:
        axes.set_title(title, fontsize=size + 0.5, loc="left")


def broken(name: str, width: float, columns: int, size: float) -> str:
    """Break a name into lines that fit over a panel, at its spaces, underscores and hyphens.

    Parameters
    ----------
    name : str
        A title, a part of one, or an axis label.
    width : float
        Of the figure, in inches; of an upright label its height.
    columns : int
        Panels along it.
    size : float
        Of the type, in points.
    """
    # Ticks and an axis label of several lines take up to so much of a panel, in inches.
    room = (width / columns - 1.1) * 72

    def fits(line: str) -> bool:
        # As wide as a dollar sign, and begins no formula.
        text = line.rstrip().replace("$", "S")
        return not text or bool(TextPath((0, 0), text, size=size).get_extents().width <= room)

    lines = [""]
    for word in re.findall(r"[^\s_-]*[\s_-]*", name):
        for part in [word] if fits(word) else list(word):
            if lines[-1] and not fits(lines[-1] + part):
                lines.append("")
            lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def years(axes: Axes, most: int = 8) -> None:
    """Tick whole years only, at most so many."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=most, integer=True, steps=[1, 2, 4, 5, 10]))


def months(labels: Sequence[str]) -> np.ndarray:
    """Return months ``YYYY-MM`` as the positions of their middles, in years."""
    year = np.array([int(label[:4]) for label in labels], dtype=float)
    return np.asarray(year + (np.array([int(label[5:7]) for label in labels]) - 0.5) / 12)


def band(axes: Axes, x: Any, table: pd.DataFrame, colour: str, label: str,
         dashes: Any = "-") -> None:
    """Draw a median with its 90% band and, where the table has it, the 50% band."""
    axes.fill_between(x, table["q05"], table["q95"], color=colour, alpha=0.17, linewidth=0)
    if "q25" in table:
        axes.fill_between(x, table["q25"], table["q75"], color=colour, alpha=0.25, linewidth=0)
    axes.plot(x, table["q50"], color=colour, linewidth=1.7, label=label, linestyle=dashes)


def shade(axes: Axes, window: tuple[str, str], colour: str, *, alpha: float = 0.18) -> None:
    """Shade a window of months, both ends included."""
    start, end = months(window)
    axes.axvspan(start - 1 / 24, end + 1 / 24, color=colour, alpha=alpha, linewidth=0, zorder=0)
