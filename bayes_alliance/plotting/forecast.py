"""Figures of the forecasts: fans after what was observed or estimated before."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    GREY,
    WIDE,
    band,
    is_narrow,
    months,
    new_figure,
    tidy,
    years,
)

__all__ = ["plot_fan", "plot_fans"]


def plot_fan(table: pd.DataFrame, target: str = c.COHESION, *, past: pd.DataFrame | None = None,
             title: str = "", width: float = WIDE) -> Figure:
    """Draw the forecast of one target with 50 and 90% bands.

    Parameters
    ----------
    table : pandas.DataFrame
        ``target``, ``time`` (YYYY-MM), ``q05``, ``q25``, ``q50``, ``q75``, ``q95``.
    target : str
        Which target.
    past : pandas.DataFrame, optional
        As for :func:`plot_fans`.
    title : str
        What the forecast takes for granted, for example; none by default.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the table has no such target.
    """
    _require(table, [target])
    figure, axes = new_figure(1, 3.2, width=width)
    _fan(axes[0], table, past, target, "", 10)
    if title:
        axes[0].set_title(title, fontsize=10, loc="left")
    years(axes[0], 5 if is_narrow(width) else 10)
    return figure


def plot_fans(table: pd.DataFrame, past: pd.DataFrame, targets: Sequence[str], *,
              units: Mapping[str, str] | None = None, names: Mapping[str, str] | None = None,
              width: float = WIDE) -> Figure:
    """Draw forecasts of several targets with what came before.

    Parameters
    ----------
    table : pandas.DataFrame
        As for :func:`plot_fan`.
    past : pandas.DataFrame
        ``target``, ``time`` (YYYY-MM), ``value``: medians of states or observed values; where
        ``observed`` (bool) is given, observed values are drawn as points without a line.
    targets : sequence of str
        What to draw; two to a row, one on a narrow figure.
    units : mapping, optional
        Unit of each target, shown with its name.
    names : mapping, optional
        What to call a target instead of its name in the table.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the table lacks a target.
    """
    _require(table, targets)
    narrow = is_narrow(width)
    columns = 1 if narrow else 2
    rows = -(-len(targets) // columns)
    figure, axes = new_figure(rows, (1.65 if narrow else 1.85) * rows, columns, width=width)
    for panel, target in zip(axes, targets, strict=False):
        unit = (units or {}).get(target, "")
        name = (names or {}).get(target, target)
        _fan(panel, table, past, target, f"{name} ({unit})" if unit else name, 9)
        panel.set_xlim(*_limits(table, past, targets))
        years(panel, 6)
    for panel in axes[len(targets):]:
        panel.set_visible(False)
    return figure


def _limits(table: pd.DataFrame, past: pd.DataFrame, targets: Sequence[str]) -> tuple[float, float]:
    """Return the span of months, in years, that holds every target's past and future."""
    labels = [*past.loc[past["target"].isin(targets), "time"], *table["time"]]
    start, end = months([min(labels), max(labels)])
    return float(start) - 0.2, float(end) + 0.2


def _require(table: pd.DataFrame, targets: Sequence[str]) -> None:
    known = list(dict.fromkeys(table["target"]))
    missing = [target for target in targets if target not in known]
    if missing:
        raise ValueError(f"the forecast has no target {', '.join(missing)} (allowed: "
                         f"{', '.join(known)})")


def _fan(axes: Axes, table: pd.DataFrame, past: pd.DataFrame | None, target: str, title: str,
         size: float) -> None:
    if past is not None:
        before = past[past["target"] == target].sort_values("time")
        observed = "observed" in before and bool(before["observed"].any())
        axes.plot(months(before["time"].tolist()), before["value"], "." if observed else "-",
                  color=BLACK if observed else GREY, markersize=3.5, linewidth=1.2)
    part = table[table["target"] == target]
    x = months(part["time"].tolist())
    band(axes, x, part, BLUE, "forecast")
    axes.axvline(x[0] - 1 / 24, color=GREY, linewidth=0.8, linestyle=":")
    tidy(axes, target if not title else "", title, size=size)
