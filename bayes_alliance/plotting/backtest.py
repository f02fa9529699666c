"""Figures of a backtest: skill and coverage by horizon, PIT, and past forecasts beside what came.

Invariant: figures take the tables of :class:`bayes_alliance.forecast.Backtest` as they are.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_alliance.forecast.skill import spans
from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    COLOURS,
    GREY,
    PALE,
    RED,
    WIDE,
    broken,
    is_narrow,
    months,
    new_figure,
    panel_grid,
    tidy,
    years,
)

__all__ = ["plot_hindsight", "plot_past_coverage", "plot_pit", "plot_skill"]

_MARKS: Final = "osD^vPX*"
_MARKED: Final = (*COLOURS, BLACK, GREY)
_TENTHS: Final = 10


def _horizons(table: pd.DataFrame) -> tuple[list[int], list[str]]:
    """Return horizons and their names, each from the one before."""
    found = sorted(int(one) for one in table["horizon"].unique())
    return found, list(spans(found).values())


def plot_skill(table: pd.DataFrame, methods: list[str] | None = None, *,
               width: float = WIDE) -> Figure:
    """Draw the CRPS skill of each method over the best simple rule.

    Parameters
    ----------
    table : pandas.DataFrame
        See :func:`bayes_alliance.forecast.skill.skill_table`.
    methods : list of str, optional
        Which; all by default.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        A point with a 90% interval for each method and horizon; above zero is better than any of
        the simple rules.
    """
    shown = methods if methods is not None else list(dict.fromkeys(table["method"]))
    horizons, names = _horizons(table)
    figure, (axes,) = new_figure(height=3.6, width=width)
    axes.axhline(0.0, color=BLACK, linewidth=0.9)
    step = 0.75 / max(len(shown), 1)
    for k, method in enumerate(shown):
        part = table[table["method"] == method].set_index("horizon").loc[horizons]
        x = np.arange(len(horizons)) + (k - (len(shown) - 1) / 2) * step
        skill = 100.0 * part["skill"].to_numpy()
        ends = 100.0 * part[["skill_low", "skill_high"]].to_numpy().T
        axes.errorbar(x, skill, np.maximum(np.abs(ends - skill), 0.0), fmt=_MARKS[k % len(_MARKS)],
                      color=_MARKED[k % len(_MARKED)], markersize=4.5, linewidth=1.1,
                      label=method.replace("_", " "))
    axes.set_xticks(np.arange(len(horizons)), names)
    size = 9.0 if is_narrow(width) else 10.0
    axes.set_xlabel("months ahead", fontsize=size)
    tidy(axes, "CRPS skill over the best rule, %", size=size)
    axes.legend(fontsize=size - 1.5, frameon=False, ncols=2 if is_narrow(width) else 4,
                loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def plot_past_coverage(table: pd.DataFrame, method: str, *, width: float = WIDE) -> Figure:
    """Draw the share of values inside the 50 and 90% intervals, by horizon.

    Parameters
    ----------
    table : pandas.DataFrame
        See :func:`bayes_alliance.forecast.skill.skill_table`.
    method : str
    width : float
        In inches.
    """
    horizons, names = _horizons(table)
    part = table[table["method"] == method].set_index("horizon").loc[horizons]
    figure, (axes,) = new_figure(height=3.0, width=width)
    x = np.arange(len(horizons))
    size = 9.0 if is_narrow(width) else 10.0
    for level, colour, mark in ((50, RED, "s"), (90, BLUE, "o")):
        name = f"inside{level}"
        share = 100.0 * part[name].to_numpy()
        ends = 100.0 * part[[f"{name}_low", f"{name}_high"]].to_numpy().T
        axes.axhline(level, color=colour, linewidth=1.0, linestyle=(0, (4, 3)))
        axes.errorbar(x, share, np.maximum(np.abs(ends - share), 0.0), fmt=mark, color=colour,
                      markersize=5, linewidth=1.3, label=f"{level}% interval")
    axes.set_xticks(x, names)
    axes.set_ylim(0, 103)
    axes.set_xlabel("months ahead", fontsize=size)
    tidy(axes, "values inside, %", size=size)
    axes.legend(fontsize=size - 1, frameon=False, loc="lower right", ncols=2)
    return figure


def plot_pit(pit: pd.DataFrame, method: str, *, width: float = WIDE) -> Figure:
    """Draw the histogram of PIT values of one method, a panel for each horizon.

    Parameters
    ----------
    pit : pandas.DataFrame
        ``method``, ``horizon``, ``tenth``, ``rows``.
    method : str
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Flat if the forecasts are calibrated; a hump says too wide, a valley too narrow.
    """
    own = pit[pit["method"] == method]
    horizons, names = _horizons(own)
    figure, panels = panel_grid(len(horizons), 2.1, 2 if is_narrow(width) else len(horizons),
                                width=width)
    size, top = 8.5, 0.0
    for axes, horizon, name in zip(panels, horizons, names, strict=True):
        part = own[own["horizon"] == horizon].set_index("tenth")["rows"]
        share = part.reindex(range(_TENTHS), fill_value=0) / max(part.sum(), 1)
        top = max(top, 105 * float(share.max()))
        axes.bar(np.arange(_TENTHS) / _TENTHS + 0.05, 100 * share, width=0.09, color=BLUE)
        axes.axhline(100 / _TENTHS, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)))
        ahead = "1 month" if name == "1" else f"{name} months"
        tidy(axes, "", f"{ahead}\n{part.sum():,} values", size=size)
    for axes in panels:
        axes.set_ylim(0.0, top)
    panels[0].set_ylabel("values, %", fontsize=size)
    figure.supxlabel("probability given to less than what came", fontsize=size + 0.5)
    return figure


def plot_hindsight(paths: pd.DataFrame, past: pd.DataFrame, indicators: list[str], *,
                   units: dict[str, str] | None = None, width: float = WIDE) -> Figure:
    """Draw what was forecast from the last origin of every other year beside what came.

    Parameters
    ----------
    paths : pandas.DataFrame
        ``origin``, ``indicator``, ``time``, ``value``, ``q05`` to ``q95``.
    past : pandas.DataFrame
        ``target``, ``time``, ``value``: all that was observed.
    indicators : list of str
        A panel each.
    units : dict of str to str, optional
        Of the indicators.
    width : float
        In inches.
    """
    columns = 1 if is_narrow(width) else 2
    figure, panels = panel_grid(len(indicators), 2.3, columns, width=width)
    last = int(str(paths["origin"].max())[:4])
    for axes, name in zip(panels, indicators, strict=True):
        part = paths[paths["indicator"] == name]
        for origin, fan in part.groupby("origin"):
            if (int(str(origin)[:4]) - last) % 2 == 0:
                _fan(axes, fan.sort_values("time"))
        seen = past[past["target"] == name].sort_values("time")
        axes.plot(months(list(seen["time"])), seen["value"], ".", color=BLACK, markersize=3.5)
        unit = (units or {}).get(name, "")
        tidy(axes, unit, broken(name, width, columns, 9.0), size=8.5)
        years(axes, 6)
    return figure


def _fan(axes: Any, fan: pd.DataFrame) -> None:
    x = months(list(fan["time"]))
    if len(fan) > 3 * _TENTHS:
        raise ValueError(f"{len(fan)} rows of one origin (allowed: at most {3 * _TENTHS})")
    for at, row in zip(x, fan.itertuples(), strict=True):
        axes.plot([at, at], [row.q05, row.q95], color=PALE, linewidth=3.0, zorder=1)
        axes.plot([at, at], [row.q25, row.q75], color=BLUE, alpha=0.5, linewidth=3.0, zorder=2)
    axes.plot(x, fan["q50"], color=BLACK, linewidth=0.6, marker="_", markersize=4.5, zorder=3)
