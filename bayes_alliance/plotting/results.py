"""Figures of contributions, forecasts, priors and posteriors, and predictive checks."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import (
    BLUE,
    COLOURS,
    GREY,
    RED,
    SKY,
    band,
    months,
    new_figure,
    tidy,
)

__all__ = ["plot_contributions", "plot_coverage", "plot_fan", "plot_fans", "plot_predictive",
           "plot_prior_posterior"]


def plot_contributions(episodes: pd.DataFrame) -> Figure:
    """Draw what contributed to each change, with 90% intervals.

    Parameters
    ----------
    episodes : pandas.DataFrame
        Table of :func:`bayes_alliance.hypotheses.compare_episodes`.
    """
    part = episodes[episodes["quantity"].str.startswith("contribution_")
                    | (episodes["quantity"] == "change")]
    part = part[part["quantity"] != "contribution_unexplained"]
    names = ["change", *[f"contribution_{name}" for name in c.COMPONENTS]]
    shown = ["change of cohesion", *[name.replace("_", " ") for name in c.COMPONENTS]]
    groups = list(part.groupby("episode", sort=False))
    figure, axes = new_figure(len(groups), 3.1 * len(groups))
    for panel, (episode, rows) in zip(axes, groups, strict=True):
        baselines = list(dict.fromkeys(rows["baseline"]))
        for shift, (baseline, colour) in enumerate(zip(baselines, COLOURS, strict=False)):
            found = rows[rows["baseline"] == baseline].set_index("quantity").loc[names]
            y = np.arange(len(names))[::-1] + 0.22 * (len(baselines) / 2 - shift - 0.5)
            panel.hlines(y, found["q05"], found["q95"], color=colour, linewidth=2)
            panel.plot(found["q50"], y, "osD"[shift % 3], color=colour, markersize=5,
                       label=f"against {baseline}")
        panel.axvline(0, color=GREY, linewidth=0.8)
        panel.set_yticks(np.arange(len(names))[::-1], shown)
        tidy(panel, title=str(episode))
        panel.legend(fontsize=9, frameon=False)
    axes[-1].set_xlabel("contribution to the change (residual sd of cohesion = 1)", fontsize=11)
    return figure


def plot_fan(table: pd.DataFrame, target: str = c.COHESION) -> Figure:
    """Draw the forecast of one target with 50 and 90% bands."""
    figure, axes = new_figure(1, 3.0)
    _fan(axes[0], table, target)
    return figure


def _fan(axes: object, table: pd.DataFrame, target: str) -> None:
    part = table[table["target"] == target]
    x = months(part["time"].tolist())
    band(axes, x, part, BLUE, "median, 50 and 90%")  # type: ignore[arg-type]
    axes.fill_between(x, part["q25"], part["q75"], color=BLUE, alpha=0.3, linewidth=0)  # type: ignore[attr-defined]
    tidy(axes, title=target.replace("_", " "))  # type: ignore[arg-type]


def plot_fans(table: pd.DataFrame, past: pd.DataFrame, targets: list[str]) -> Figure:
    """Draw forecasts of several targets with what came before.

    Parameters
    ----------
    table : pandas.DataFrame
        Forecast table.
    past : pandas.DataFrame
        ``target``, ``time`` (YYYY-MM), ``value``: medians of states or observed values.
    targets : list of str
        What to draw, two to a row.
    """
    rows = (len(targets) + 1) // 2
    figure, axes = new_figure(rows, 2.3 * rows, columns=2)
    for panel, target in zip(axes, targets, strict=False):
        before = past[past["target"] == target]
        panel.plot(months(before["time"].tolist()), before["value"], ".-", color=GREY,
                   markersize=3, linewidth=0.8)
        _fan(panel, table, target)
    for panel in axes[len(targets):]:
        panel.set_visible(False)
    return figure


def plot_coverage(rows: pd.DataFrame, excluded: pd.DataFrame, indicators: pd.DataFrame) -> Figure:
    """Draw which indicator was observed when; masked rows stand apart.

    Parameters
    ----------
    rows, excluded, indicators : pandas.DataFrame
        Of a panel.
    """
    names = list(indicators.index)
    figure, (axes,) = new_figure(1, 0.2 * len(names) + 1.0)
    colour = dict(zip(c.LATENTS, COLOURS, strict=False))
    for position, name in enumerate(reversed(names)):
        part = rows[rows["indicator"] == name]
        shade = colour[indicators.at[name, "latent"]]
        for row in part.itertuples():
            start, end = months([str(row.start)[:7], str(row.end)[:7]])
            axes.plot([start, end], [position, position], "-", marker="s", markersize=2.6,
                      color=shade, linewidth=2)
        out = excluded[(excluded["indicator"] == name)
                       & (excluded["reason"] != "not in the model")]
        if len(out):
            axes.plot(months([str(day)[:7] for day in out["start"]]), [position] * len(out), "x",
                      color=GREY, markersize=3)
    axes.set_yticks(range(len(names)), list(reversed(names)), fontsize=7)
    axes.set_ylim(-1, len(names))
    axes.set_xlabel("blue: threat, red: credibility, green: cohesion; crosses: masked",
                    fontsize=9)
    tidy(axes)
    axes.tick_params(axis="y", labelsize=7)
    return figure


def plot_prior_posterior(draws: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw prior and posterior of scalar parameters side by side.

    Parameters
    ----------
    draws : dict of str to (numpy.ndarray, numpy.ndarray)
        Prior and posterior draws of each quantity.
    """
    columns = 2
    rows = (len(draws) + 1) // columns
    figure, axes = new_figure(rows, 1.7 * rows, columns=columns)
    for panel, (name, (before, after)) in zip(axes, draws.items(), strict=False):
        low, high = np.quantile(np.concatenate([before, after]), [0.005, 0.995])
        bins = np.linspace(low, high, 50).tolist()
        panel.hist(before, bins, density=True, color=GREY, alpha=0.45, label="prior")
        panel.hist(after, bins, density=True, histtype="step", color=BLUE, linewidth=1.6,
                   label="posterior")
        panel.set_yticks([])
        tidy(panel, title=name)
    axes[0].legend(fontsize=9, frameon=False)
    for panel in axes[len(draws):]:
        panel.set_visible(False)
    return figure


def plot_predictive(table: pd.DataFrame) -> Figure:
    """Draw observed values against their predictive intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        ``latent``, ``observed``, ``q05``, ``q50``, ``q95`` in predictive standard units.
    """
    figure, axes = new_figure(len(c.LATENTS), 5.4)
    for panel, latent in zip(axes, c.LATENTS, strict=True):
        part = table[table["latent"] == latent].sort_values("time")
        x = np.arange(len(part))
        inside = (part["observed"] >= part["q05"]) & (part["observed"] <= part["q95"])
        panel.fill_between(x, part["q05"], part["q95"], color=SKY, alpha=0.5, linewidth=0,
                           label="90% predictive")
        panel.plot(x[inside], part["observed"][inside], ".", color=BLUE, markersize=4,
                   label="observed, inside")
        panel.plot(x[~inside], part["observed"][~inside], "x", color=RED, markersize=5,
                   label="outside")
        panel.set_xticks([])
        tidy(panel, "standard units", title=f"{latent}: {inside.mean():.0%} of {len(part)} inside")
    axes[0].legend(fontsize=9, frameon=False, ncols=3)
    axes[-1].set_xlabel("observations in order of time", fontsize=11)
    return figure
