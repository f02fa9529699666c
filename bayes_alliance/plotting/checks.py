"""Figures of the checks: prior against posterior, observations against predictions."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    GREY,
    RED,
    SKY,
    WIDE,
    is_narrow,
    panel_grid,
    tidy,
    years,
)

__all__ = ["plot_predictive", "plot_prior_posterior"]


def plot_prior_posterior(draws: Mapping[str, tuple[np.ndarray, np.ndarray]], *,
                         width: float = WIDE) -> Figure:
    """Draw prior and posterior of scalar parameters over each other.

    Parameters
    ----------
    draws : mapping of str to (numpy.ndarray, numpy.ndarray)
        Prior and posterior draws of each parameter.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Filled grey: prior. Blue outline: posterior.
    """
    narrow = is_narrow(width)
    figure, axes = panel_grid(len(draws), 1.25 if narrow else 1.55, 1 if narrow else 2,
                              extra=0.3, width=width)
    for panel, (name, (before, after)) in zip(axes, draws.items(), strict=True):
        low = min(np.quantile(before, 0.01), np.quantile(after, 0.01))
        high = max(np.quantile(before, 0.99), np.quantile(after, 0.99))
        bins = np.linspace(low, high, 30).tolist()
        panel.hist(before, bins, density=True, color="#BDBDBD", label="prior")
        panel.hist(after, bins, density=True, histtype="step", color=BLUE, linewidth=1.7,
                   label="posterior")
        if low < 0 < high:
            panel.axvline(0, color=GREY, linewidth=0.8, linestyle=":")
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(nbins=6))
        tidy(panel, title=name, size=9)
        panel.spines["left"].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9.5, frameon=False, ncols=2,
                  loc="outside upper left")
    return figure


def plot_predictive(table: pd.DataFrame, latent: str, *, first_year: float = 0.0,
                    width: float = WIDE) -> Figure:
    """Draw observed values against their predictive intervals, one panel an indicator.

    Parameters
    ----------
    table : pandas.DataFrame
        ``indicator``, ``latent``, ``time`` (months since the start), ``observed``, ``q05``,
        ``q50``, ``q95``; with ``q25`` and ``q75`` the 50% interval is drawn too.
    latent : str
        Which latent's indicators.
    first_year : float
        Year in which month 0 begins.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Each title says how many observations lie inside their 90% interval.

    Raises
    ------
    ValueError
        If the table has no row of this latent.
    """
    chosen = table[table["latent"] == latent]
    groups = list(chosen.groupby("indicator", sort=False))
    if not groups:
        raise ValueError(f"no predictive row of {latent!r} (allowed: "
                         f"{', '.join(sorted(set(table['latent'])))})")
    narrow = is_narrow(width)
    columns = 1 if narrow else 2
    figure, axes = panel_grid(len(groups), 1.05 if narrow else 1.2, columns, extra=0.35,
                              width=width, share_x=True)
    for panel, (name, part) in zip(axes, groups, strict=True):
        x = first_year + (part["time"].to_numpy(dtype=float) + 0.5) / 12
        inside = ((part["observed"] >= part["q05"]) & (part["observed"] <= part["q95"])).to_numpy()
        panel.vlines(x, part["q05"], part["q95"], color=SKY, linewidth=1.8, alpha=0.45)
        if "q25" in part:
            panel.vlines(x, part["q25"], part["q75"], color=SKY, linewidth=2.6, alpha=0.75)
        seen = part["observed"].to_numpy()
        panel.plot(x[inside], seen[inside], ".", color=BLACK, markersize=3.5)
        panel.plot(x[~inside], seen[~inside], "x", color=RED, markersize=5, markeredgewidth=1.4)
        tidy(panel, title=f"{name}: {inside.sum()} of {len(part)}", size=8.5)
        years(panel, 5)
    ends = first_year + np.array([chosen["time"].min(), chosen["time"].max() + 1.0]) / 12
    for panel in axes:
        panel.set_xlim(ends[0] - 0.3, ends[1] + 0.3)
    for panel in axes[-columns:]:
        panel.tick_params(labelbottom=True)
    figure.supylabel("predictive sds from the mean", fontsize=9)
    return figure
