"""Figures of the monthly states."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SKY,
    band,
    months,
    new_figure,
    shade,
    tidy,
)
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["plot_drivers", "plot_states"]


def plot_states(states: pd.DataFrame, panel: Panel, spec: ModelSpec) -> Figure:
    """Draw cohesion month by month with episodes and events.

    Parameters
    ----------
    states : pandas.DataFrame
        ``latent``, ``member``, ``time``, ``q05``, ``q50``, ``q95``, as ``Fit.states`` gives it.
    panel : Panel
        Gives the events.
    spec : ModelSpec
        Gives the episodes.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (axes, marks) = new_figure(2, 4.6, share_x=True)
    cohesion = states[states["latent"] == c.COHESION]
    band(axes, months(cohesion["time"].tolist()), cohesion, BLUE, "cohesion: median and 90%")
    axes.axhline(0, color=GREY, linewidth=0.6)
    for colour, (name, episode) in zip((RED, GREEN), spec.episodes.items(), strict=False):
        shade(axes, episode.window, colour, name)
        shade(marks, episode.window, colour)
    tidy(axes, "cohesion (residual sd = 1)")
    axes.legend(fontsize=9, frameon=False, loc="lower left")
    _draw_events(marks, panel.events)
    return figure


def _draw_events(axes: object, events: pd.DataFrame) -> None:
    levels = {"driver": (0.0, "triggers"), "shown": (1.0, "acts between governments")}
    marker = {"1": "^", "-1": "v", "0": "o"}
    colour = {"1": BLUE, "-1": RED, "0": GREY}
    for role, (level, _) in levels.items():
        part = events[events["role"] == role]
        for sign in ("-1", "0", "1"):
            rows = part[part["sign"].astype(str) == sign]
            where = months([str(date)[:7] for date in rows["date"]]) if len(rows) else []
            axes.plot(where, np.full(len(rows), level), marker[sign], color=colour[sign],  # type: ignore[attr-defined]
                      markersize=6, alpha=0.8, linestyle="none",
                      label={"-1": "strains", "0": "neither", "1": "eases"}[sign]
                      if role == "shown" else None)
    axes.set_yticks([0, 1], [text for _, text in levels.values()])  # type: ignore[attr-defined]
    axes.set_ylim(-0.7, 2.2)  # type: ignore[attr-defined]
    tidy(axes)  # type: ignore[arg-type]
    axes.legend(fontsize=9, frameon=False, ncols=3, loc="upper left")  # type: ignore[attr-defined]


def plot_drivers(states: pd.DataFrame, panel: Panel, spec: ModelSpec, construct: str) -> Figure:
    """Draw both members' states of one construct, and the gap of their medians.

    Parameters
    ----------
    states : pandas.DataFrame
        As ``Fit.states`` gives it.
    panel, spec : Panel, ModelSpec
        Give members, governments and episodes.
    construct : {"threat", "credibility"}
        Which states.
    """
    figure, (axes, gap) = new_figure(2, 4.8, share_x=True)
    medians = []
    for member, colour, dashes in zip(panel.members, (BLUE, ORANGE), ("-", "--"), strict=True):
        part = states[(states["latent"] == construct) & (states["member"] == member)]
        x = months(part["time"].tolist())
        band(axes, x, part, colour, member, dashes)
        medians.append(part["q50"].to_numpy())
    gap.plot(x, medians[0] - medians[1], color=GREEN, linewidth=1.6)
    gap.axhline(0, color=GREY, linewidth=0.6)
    for episode in spec.episodes.values():
        shade(axes, episode.window, SKY)
        shade(gap, episode.window, SKY)
    if construct == c.CREDIBILITY:
        labels = panel.governments[panel.patron].to_numpy()
        for position in np.flatnonzero(labels[1:] != labels[:-1]) + 1:
            axes.axvline(x[position], color=GREY, linewidth=0.8, linestyle=":")
            axes.text(x[position], 0.02, f" {labels[position]}", fontsize=9,
                      transform=axes.get_xaxis_transform())
    tidy(axes, construct)
    tidy(gap, f"{panel.members[0]} less {panel.members[1]}\n(medians)")
    axes.legend(fontsize=9, frameon=False, loc="upper left", ncols=2)
    return figure
