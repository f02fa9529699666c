"""Figures of the forecasts: fans between what was before and what came, and their differences."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    WIDE,
    band,
    broken,
    is_narrow,
    months,
    new_figure,
    panel_grid,
    tidy,
    years,
)

__all__ = ["plot_differences", "plot_fan", "plot_fans"]


def plot_fan(table: pd.DataFrame, target: str = c.COHESION, *, past: pd.DataFrame | None = None,
             after: pd.DataFrame | None = None, title: str = "", width: float = WIDE) -> Figure:
    """Draw the forecast of one target with 50 and 90% bands.

    Parameters
    ----------
    table : pandas.DataFrame
        ``target``, ``time`` (YYYY-MM), ``q05``, ``q25``, ``q50``, ``q75``, ``q95``.
    target : str
        Which target.
    past : pandas.DataFrame, optional
        As for :func:`plot_fans`.
    after : pandas.DataFrame, optional
        What came: ``target``, ``time``, ``value``.
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
    height = 3.2
    figure, axes = new_figure(1, height, width=width)
    _fan(axes[0], table, past, after, target, size=9.5, label=broken(target, height, 1, 9.5),
         title=broken(title, width, 1, 10))
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
        ``observed`` (bool) is given, observed values are drawn as points without a line, and
        where the bands of a state are given, they are drawn.
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
    figure, axes = panel_grid(len(targets), 1.65 if narrow else 1.85, columns, width=width)
    for panel, target in zip(axes, targets, strict=True):
        unit = (units or {}).get(target, "")
        name = (names or {}).get(target, target)
        title = broken(f"{name} ({unit})" if unit else name, width, columns, 9.5)
        _fan(panel, table, past, None, target, size=9, title=title)
        panel.set_xlim(*_limits(table, past, targets))
        years(panel, 6)
    return figure


def plot_differences(tables: Mapping[str, pd.DataFrame], target: str = c.COHESION, *,
                     reference: str = "as_now", width: float = WIDE) -> Figure:
    """Draw what scenarios do to one target, month by month.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of a scenario to the table of its difference: ``target``, ``time``, ``q05``,
        ``q25``, ``q50``, ``q75``, ``q95``, ``p_lower``, ``p_higher``.
    target : str
        Which target.
    reference : str
        What the scenarios are compared with.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no table, or one has no such target.
    """
    if not tables:
        raise ValueError("there is no difference to draw (allowed: at least one)")
    for table in tables.values():
        _require(table, [target])
    parts = {name: table[table["target"] == target] for name, table in tables.items()}
    low = min(0.0, *(part["q05"].min() for part in parts.values()))
    high = max(0.0, *(part["q95"].max() for part in parts.values()))
    columns = 1 if is_narrow(width) else min(2, len(parts))
    figure, axes = panel_grid(len(parts), 2.3 if columns > 1 else 2.6, columns, width=width)
    for panel, (name, part) in zip(axes, parts.items(), strict=True):
        x = months(part["time"].tolist())
        panel.axhline(0.0, color=GREY, linewidth=0.8)
        band(panel, x, part, BLUE, "difference")
        last = part.iloc[-1]
        title = broken(name.replace("_", " "), width, columns, 9.5)
        tidy(panel, "", f"{title}\nP(lower) {last['p_lower']:.2f}, P(higher) "
             f"{last['p_higher']:.2f}", size=9)
        margin = 0.05 * (high - low) or 1.0
        panel.set_ylim(low - margin, high + margin)
        years(panel, 4)
    figure.supylabel(f"{target}, less {reference.replace('_', ' ')}", fontsize=9)
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


def _fan(axes: Axes, table: pd.DataFrame, past: pd.DataFrame | None,
         after: pd.DataFrame | None, target: str, *, size: float, label: str = "",
         title: str = "") -> None:
    if past is not None:
        before = past[past["target"] == target].sort_values("time", kind="stable")
        x = months(before["time"].tolist())
        observed = "observed" in before and bool(before["observed"].any())
        if not observed and {"q05", "q95"} <= set(before):
            axes.fill_between(x, before["q05"], before["q95"], color=GREY, alpha=0.2, linewidth=0)
        axes.plot(x, before["value"], "." if observed else "-", label="observed before" if observed
                  else "estimated", color=BLACK if observed else GREY, markersize=3.5,
                  linewidth=1.2)
    part = table[table["target"] == target]
    x = months(part["time"].tolist())
    band(axes, x, part, BLUE, "forecast")
    if after is not None:
        came = after[after["target"] == target].sort_values("time", kind="stable")
        axes.plot(months(came["time"].tolist()), came["value"], linestyle="", marker="D",
                  markersize=4.5, markerfacecolor=ORANGE, markeredgecolor=BLACK,
                  markeredgewidth=0.7, label="what came", zorder=3)
        axes.legend(fontsize=size - 1, frameon=False, loc="best")
    axes.axvline(x[0] - 1 / 24, color=GREY, linewidth=0.8, linestyle=":")
    tidy(axes, label, title, size=size)
