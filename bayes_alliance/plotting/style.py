"""Shared look of the figures: colours that colour-blind readers can tell apart, plain axes.

Invariant: figures are made without pyplot's global state, so that drawing one never changes
another or a caller's settings. Colours: Okabe and Ito 2008, Color Universal Design.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["BLACK", "BLUE", "COLOURS", "GREEN", "GREY", "ORANGE", "PURPLE", "RED", "SKY", "band",
           "months", "new_figure", "shade", "tidy"]

BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
BLUE: Final = "#0072B2"
RED: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#7A7A7A"
COLOURS: Final = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)
_WIDTH: Final = 7.5


def new_figure(rows: int = 1, height: float = 3.2, columns: int = 1,
               share_x: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure of full text width and its axes, row by row."""
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share_x)
    return figure, list(grid.ravel())


def tidy(axes: Axes, ylabel: str = "", title: str = "") -> None:
    """Take off what carries no information."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=10)
    axes.set_ylabel(ylabel, fontsize=11)
    if title:
        axes.set_title(title, fontsize=11, loc="left")


def months(labels: Sequence[str]) -> Any:
    """Return month labels ``YYYY-MM`` as positions in years."""
    years = np.array([int(label[:4]) for label in labels], dtype=float)
    return years + (np.array([int(label[5:7]) for label in labels]) - 0.5) / 12


def band(axes: Axes, x: Any, table: pd.DataFrame, colour: str, label: str,
         dashes: str = "-") -> None:
    """Draw the median with its 90% band."""
    axes.fill_between(x, table["q05"], table["q95"], color=colour, alpha=0.2, linewidth=0)
    axes.plot(x, table["q50"], color=colour, linewidth=1.6, label=label, linestyle=dashes)


def shade(axes: Axes, window: tuple[str, str], colour: str, label: str = "") -> None:
    """Shade a window of months."""
    start, end = months(window)
    axes.axvspan(start - 1 / 24, end + 1 / 24, color=colour, alpha=0.18, linewidth=0)
    if label:
        axes.text((start + end) / 2, 0.98, label, transform=axes.get_xaxis_transform(),
                  ha="center", va="top", fontsize=9)
