"""Figure of the data: which indicator was observed when, and what was left out."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    RED,
    WIDE,
    is_narrow,
    months,
    new_figure,
    tidy,
    years,
)

__all__ = ["plot_coverage"]

_COLOUR = dict(zip(c.LATENTS, (RED, BLUE, GREEN), strict=True))
# A gap of this many months (in years) between two rows is drawn as a gap.
_TOUCHING = 1.2 / 12


def plot_coverage(rows: pd.DataFrame, excluded: pd.DataFrame, indicators: pd.DataFrame, *,
                  width: float = WIDE) -> Figure:
    """Draw which indicator was observed when; rows that are masked stand apart.

    Parameters
    ----------
    rows : pandas.DataFrame
        Used observations: ``indicator``, ``start``, ``end``.
    excluded : pandas.DataFrame
        Rows not used: ``indicator``, ``start``, ``end``; those of indicators outside the model
        are not drawn.
    indicators : pandas.DataFrame
        Index ``indicator``, column ``latent``; one line each, in this order within a latent.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One group of lines a latent. On a narrow figure an indicator's name stands above its
        line, where it has room.
    """
    narrow = is_narrow(width)
    names = [name for latent in c.LATENTS
             for name in indicators.index[indicators["latent"] == latent]]
    place = _places(indicators.loc[names, "latent"])
    step = 0.27 if narrow else 0.17
    figure, (axes,) = new_figure(1, step * (max(place.values()) + 2) + 0.9, width=width)
    latent_of = indicators["latent"].to_dict()
    for name in names:
        colour = _COLOUR[latent_of[name]]
        axes.broken_barh(list(_spans(rows, name)), (place[name] - 0.3, 0.6 if not narrow else 0.4),
                         facecolor=colour, edgecolor="white", linewidth=0.5)
        axes.broken_barh(list(_spans(excluded, name)),
                         (place[name] - 0.3, 0.6 if not narrow else 0.4), facecolor="white",
                         edgecolor=GREY, hatch="//////", linewidth=0.6)
    _label(axes, names, place, narrow=narrow)
    first, last = min(str(day)[:7] for day in rows["start"]), max(
        str(day)[:7] for day in rows["end"])
    start, end = months([first, last])
    axes.set_xlim(start - 0.3, end + 0.3)
    handles = [Patch(color=_COLOUR[latent], label=latent) for latent in c.LATENTS]
    handles.append(Patch(facecolor="white", edgecolor=GREY, hatch="//////", label="masked"))
    figure.legend(handles=handles, fontsize=9, frameon=False, loc="outside upper left",
                  ncols=2 if narrow else 4)
    years(axes, 5 if narrow else 8)
    return figure


def _places(latents: pd.Series) -> dict[str, float]:
    """Return each indicator's height, from the top down, with room between the latents."""
    found, y, before = {}, 0.0, ""
    for name, latent in latents.items():
        if before and latent != before:
            y += 0.8
        found[str(name)] = y
        y, before = y + 1.0, str(latent)
    return found


def _spans(table: pd.DataFrame, name: str) -> Iterator[tuple[float, float]]:
    """Yield (start, length) of each stretch of touching rows, in years."""
    part = table[table["indicator"] == name]
    if not len(part):
        return
    starts = months([str(day)[:7] for day in part["start"]]) - 1 / 24
    ends = months([str(day)[:7] for day in part["end"]]) + 1 / 24
    order = np.argsort(starts)
    begin, until = starts[order[0]], ends[order[0]]
    for position in order[1:]:
        # Yearly figures touch too, but each is one observation: only months are joined.
        joined = (starts[position] - until < _TOUCHING - 1 / 12
                  and ends[position] - starts[position] < 2 / 12)
        if joined:
            until = max(until, ends[position])
            continue
        yield begin, until - begin
        begin, until = starts[position], ends[position]
    yield begin, until - begin


def _label(axes: Axes, names: list[str], place: dict[str, float], *, narrow: bool) -> None:
    bottom = max(place.values())
    axes.set_ylim(bottom + 0.7, -1.0)
    tidy(axes, size=9)
    if narrow:
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        for name in names:
            axes.text(0.0, place[name] - 0.34, name, fontsize=8, va="bottom", color=BLACK,
                      transform=axes.get_yaxis_transform())
        return
    axes.set_yticks([place[name] for name in names], names, fontsize=8)
    axes.tick_params(axis="y", length=0)
