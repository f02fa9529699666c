"""Figures of the monthly states: cohesion, and each driver of the two members with its gap."""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    WIDE,
    band,
    country,
    is_narrow,
    months,
    new_figure,
    readable,
    shade,
    tidy,
    years,
)
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["plot_drivers", "plot_states"]

_EPISODES = (RED, GREEN, PURPLE, ORANGE)


def plot_states(states: pd.DataFrame, panel: Panel, spec: ModelSpec, *,
                width: float = WIDE) -> Figure:
    """Draw cohesion month by month with episodes, baselines and events.

    Parameters
    ----------
    states : pandas.DataFrame
        ``latent``, ``member``, ``time``, ``q05``, ``q50``, ``q95``; with ``q25`` and ``q75``
        the 50% band is drawn too.
    panel : Panel
        Gives the events.
    spec : ModelSpec
        Gives the episodes.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Cohesion above; below, one row of ticks for triggers and one for acts between the
        governments, upwards for what eases and downwards for what strains.
    """
    figure, (axes, marks) = new_figure(2, 5.4, width=width, share_x=True, ratios=(3.2, 1.7))
    cohesion = states[states["latent"] == c.COHESION]
    x = months(cohesion["time"].tolist())
    band(axes, x, cohesion, BLUE, "cohesion")
    axes.axhline(0, color=GREY, linewidth=0.6)
    _mark_episodes(axes, marks, spec)
    tidy(axes, "cohesion (residual sd = 1)")
    _draw_events(marks, panel.events, float(x[0]))
    axes.set_xlim(x[0] - 0.2, x[-1] + 0.2)
    years(marks, 5 if is_narrow(width) else 10)
    return figure


def _mark_episodes(axes: Axes, marks: Axes, spec: ModelSpec) -> None:
    """Shade windows in colour and baselines in grey; name both inside the figure."""
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    windows = {episode.window for episode in spec.episodes.values()}
    baselines = {months_: label for episode in spec.episodes.values()
                 for label, months_ in episode.baselines.items() if months_ not in windows}
    for window, label in baselines.items():
        start, end = months(window)
        # Baselines may touch each other: a sliver of white keeps them apart.
        axes.axvspan(start - 1 / 24 + 0.03, end + 1 / 24 - 0.03, color=GREY, alpha=0.13,
                     linewidth=0, zorder=0)
        _name(axes, window, label, GREY, bottom=True)
    for colour, (name, episode) in zip(cycle(_EPISODES), spec.episodes.items(), strict=False):
        shade(axes, episode.window, colour, alpha=0.2)
        shade(marks, episode.window, colour, alpha=0.12)
        _name(axes, episode.window, name, BLACK, bottom=False)


def _name(axes: Axes, window: tuple[str, str], label: str, colour: str, *, bottom: bool) -> None:
    axes.text(months(window).mean(), 0.02 if bottom else 0.98, label, fontsize=9, color=colour,
              transform=axes.get_xaxis_transform(), ha="center", va="bottom" if bottom else "top",
              rotation=90 if bottom else 0)


def _draw_events(axes: Axes, events: pd.DataFrame, first: float) -> None:
    rows = (("driver", 1.9, "triggers (drive cohesion in the model)"),
            ("shown", 0.0, "acts between the governments (shown only)"))
    for role, level, label in rows:
        axes.axhline(level, color=GREY, linewidth=0.6)
        for sign in (-1, 0, 1):
            chosen = events[(events["role"] == role)
                            & (events["sign"].astype(str) == str(sign))]
            where = months([str(date)[:7] for date in chosen["date"]])
            _ticks(axes, where[where >= first], level, sign, filled=role == "driver")
        axes.text(0.005, level + 0.72, label, fontsize=9, va="bottom", color=BLACK,
                  transform=axes.get_yaxis_transform())
    axes.set_ylim(-0.75, 3.15)
    tidy(axes)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _ticks(axes: Axes, where: np.ndarray, level: float, sign: int, *, filled: bool) -> None:
    """Draw ticks up or down from a line, with filled or open heads.

    The direction alone tells the sign; the colour repeats it.
    """
    if not len(where):
        return
    colour = {-1: RED, 0: GREY, 1: BLUE}[sign]
    tip = level + 0.45 * sign
    if sign:
        axes.vlines(where, level, tip, color=colour, linewidth=1.0)
    axes.plot(where, np.full(len(where), tip), {-1: "v", 0: "o", 1: "^"}[sign], color=colour,
              markersize=4.5, markerfacecolor=colour if filled else "white",
              markeredgewidth=0.9, linestyle="none")


def plot_drivers(states: pd.DataFrame, panel: Panel, spec: ModelSpec, construct: str, *,
                 gaps: pd.DataFrame | None = None, width: float = WIDE) -> Figure:
    """Draw both members' states of one construct, and the difference between them.

    Parameters
    ----------
    states : pandas.DataFrame
        As for :func:`plot_states`.
    panel, spec : Panel, ModelSpec
        Give members, governments and episodes.
    construct : {"threat", "credibility"}
        Which states; with credibility the patron's administrations are marked.
    gaps : pandas.DataFrame, optional
        ``latent``, ``time``, ``q05``, ``q50``, ``q95`` (and ``q25``, ``q75``) of the first
        member's state less the second's; without it the difference of medians is drawn.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (axes, gap) = new_figure(2, 5.2, width=width, share_x=True, ratios=(1.5, 1))
    medians = []
    x = np.empty(0)
    looks: Iterable[tuple[str, str, Any]] = zip(panel.members, (BLUE, ORANGE),
                                                ("-", (0, (4, 1.5))), strict=True)
    for member, colour, dashes in looks:
        part = states[(states["latent"] == construct) & (states["member"] == member)]
        x = months(part["time"].tolist())
        band(axes, x, part, colour, country(member), dashes)
        medians.append(part["q50"].to_numpy())
    if gaps is None:
        gap.plot(x, medians[0] - medians[1], color=GREEN, linewidth=1.7)
    else:
        band(gap, x, gaps[gaps["latent"] == construct], GREEN, "difference")
    for row in (axes, gap):
        row.axhline(0, color=GREY, linewidth=0.6)
        for colour, episode in zip(cycle(_EPISODES), spec.episodes.values(), strict=False):
            shade(row, episode.window, colour)
    for name, episode in spec.episodes.items():
        _name(gap, episode.window, name, BLACK, bottom=False)
    if construct == c.CREDIBILITY:
        _mark_administrations(axes, gap, panel, x, narrow=is_narrow(width))
    tidy(axes, construct)
    tidy(gap, " less ".join(country(member) for member in panel.members))
    gap.set_xlim(x[0] - 0.2, x[-1] + 0.2)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=10, frameon=False, ncols=2,
                  loc="outside upper left", handlelength=2.6)
    years(gap, 5 if is_narrow(width) else 10)
    return figure


def _mark_administrations(axes: Axes, gap: Axes, panel: Panel, x: np.ndarray, *,
                          narrow: bool) -> None:
    labels = panel.governments[panel.patron].to_numpy()
    starts = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1)]
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + (0.2 if narrow else 0.12) * (high - low))
    for number, position in enumerate(starts):
        if position:
            for row in (axes, gap):
                row.axvline(x[position] - 1 / 24, color=GREY, linewidth=0.9, linestyle=":")
        # Terms are short on a narrow figure: every second name stands a line lower.
        axes.text(x[position], 0.92 if narrow and number % 2 else 0.985,
                  readable(str(labels[position])), color=BLACK, va="top",
                  fontsize=8.5 if narrow else 9.5, transform=axes.get_xaxis_transform())
