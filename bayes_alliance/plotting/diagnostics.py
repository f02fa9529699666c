"""Figures of the sampling: how well the chains agree and how many draws they are worth.

References
----------
Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16(2): R-hat, effective
draws and rank plots.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import rankdata

from bayes_alliance.plotting.style import (
    BLUE,
    COLOURS,
    GREY,
    ORANGE,
    RED,
    WIDE,
    is_narrow,
    new_figure,
    panel_grid,
    tidy,
)

__all__ = ["plot_diagnostics", "plot_ranks"]

_BINS = 20
# A chain is told by its line too.
_DASHES: Final = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))


def plot_diagnostics(table: pd.DataFrame, gate: Mapping[str, float], *,
                     width: float = WIDE) -> Figure:
    """Draw the distributions of R-hat and of effective draws.

    Parameters
    ----------
    table : pandas.DataFrame
        ``quantity``, ``rhat``, ``ess_bulk``, ``ess_tail``, ``state`` (bool).
    gate : mapping
        Thresholds ``rhat``, ``rhat_states`` and ``ess``, drawn as dashed lines.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Counts on a logarithmic scale, so that a single bad quantity is seen.
    """
    columns = 1 if is_narrow(width) else 2
    figure, (left, right) = new_figure(2 // columns, 5.0 if columns == 1 else 2.9, columns,
                                       width=width)
    states = table["state"].to_numpy(dtype=bool)
    rhat = table["rhat"].to_numpy(dtype=float)
    top = max(np.nanmax(rhat), gate["rhat_states"]) + 0.001
    bins = np.linspace(min(np.nanmin(rhat), 0.999), top, 40).tolist()
    left.hist(rhat[~states & np.isfinite(rhat)], bins, histtype="stepfilled", color=BLUE,
              alpha=0.45, label="parameters")
    left.hist(rhat[states & np.isfinite(rhat)], bins, histtype="step", color=RED, linewidth=1.6,
              label="monthly states")
    left.axvline(gate["rhat"], color=BLUE, linewidth=1.3, linestyle="--")
    left.axvline(gate["rhat_states"], color=RED, linewidth=1.3, linestyle="--")
    left.set_xlabel("R-hat", fontsize=10)
    bulk, tail = (table[name].to_numpy(dtype=float) for name in ("ess_bulk", "ess_tail"))
    both = np.concatenate([bulk, tail])
    bins = np.linspace(0.0, np.nanmax(both) * 1.02, 40).tolist()
    right.hist(bulk[np.isfinite(bulk)], bins, histtype="stepfilled", color=ORANGE, alpha=0.55,
               label="bulk")
    right.hist(tail[np.isfinite(tail)], bins, histtype="step", color=BLUE, linewidth=1.6,
               label="tail")
    right.axvline(gate["ess"], color=GREY, linewidth=1.3, linestyle="--")
    right.set_xlabel("effective draws", fontsize=10)
    for panel in (left, right):
        panel.set_yscale("log")
        panel.set_ylim(bottom=0.7)
        tidy(panel, "quantities")
        # Above the panel, where no bar and no threshold can reach it.
        panel.legend(fontsize=9, frameon=False, ncols=2, loc="lower right",
                     bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1)
    right.set_ylabel("quantities" if columns == 1 else "")
    return figure


def plot_ranks(draws: xr.DataArray, *, width: float = WIDE) -> Figure:
    """Draw how each chain's draws rank among all draws of a quantity.

    Parameters
    ----------
    draws : xarray.DataArray
        Dims ``chain``, ``draw`` and one more, whose labels name the quantities.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One line a chain. Chains that explore the same distribution give level lines; the grey
        band holds 99% of the counts of independent draws.
    """
    (dim,) = [name for name in draws.dims if name not in ("chain", "draw")]
    values = draws.transpose(dim, "chain", "draw").to_numpy()
    count, chains, length = values.shape
    columns = 1 if is_narrow(width) else 2
    figure, axes = panel_grid(count, 1.45, columns, extra=0.35, width=width, share_x=True)
    edges = np.linspace(0.5, chains * length + 0.5, _BINS + 1)
    expected = length / _BINS
    # A chain's ranks are drawn from all without putting back.
    of_all = chains * length
    spread = 2.576 * np.sqrt(expected * (1 - 1 / _BINS) * (of_all - length) / (of_all - 1))
    for panel, label, value in zip(axes, draws[dim].to_numpy(), values, strict=True):
        ranks = rankdata(value).reshape(chains, length)
        panel.axhspan(expected - spread, expected + spread, color=GREY, alpha=0.15, linewidth=0)
        for chain in range(chains):
            counts = np.histogram(ranks[chain], edges)[0]
            panel.stairs(counts, np.linspace(0, 1, _BINS + 1), color=COLOURS[chain % len(COLOURS)],
                         linestyle=_DASHES[chain % len(_DASHES)], linewidth=1.3,
                         baseline=None, label=f"chain {chain + 1}")
        panel.set_ylim(0, None)
        tidy(panel, title=str(label).replace("_", " "), size=9)
    for panel in axes[-columns:]:
        panel.set_xlabel("rank among all draws, as a share", fontsize=9)
        panel.tick_params(labelbottom=True)
    figure.supylabel("draws in a bin", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, frameon=False,
                  ncols=min(chains, 4 if columns == 2 else 2), loc="outside upper left")
    return figure
