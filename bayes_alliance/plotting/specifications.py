"""Figure of the robustness grid: a curve over specifications for each episode and hypothesis.

Invariant: every specification is drawn, also one that did not converge; it is drawn open.

References
----------
Simonsohn, Simmons and Nelson 2020, Nature Human Behaviour 4, for specification curves.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_alliance.plotting.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    RED,
    WIDE,
    is_narrow,
    panel_grid,
    readable,
    tidy,
)

__all__ = ["plot_specifications"]

_LOOK: Final = {"supported": (BLUE, "^"), "inconclusive": (GREY, "o"), "contradicted": (RED, "v")}
_COMMITTED: Final = "committed"


def plot_specifications(grid: pd.DataFrame, threshold: float, *, width: float = WIDE) -> Figure:
    """Draw the log Bayes factor of every specification, in order of size.

    Parameters
    ----------
    grid : pandas.DataFrame
        ``specification``, ``group``, ``episode``, ``hypothesis``, ``verdict``,
        ``log_bayes_factor``, ``log_bayes_factor_se``, ``converged``.
    threshold : float
        Log Bayes factor that a verdict asks for, drawn both ways.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each episode and hypothesis, a point for each specification with its Monte
        Carlo error; the committed one stands out, the verdict is told by colour and mark.
    """
    parts = list(grid.groupby(["episode", "hypothesis"], sort=False))
    figure, panels = panel_grid(len(parts), 2.3, 1 if is_narrow(width) else 2, extra=0.4,
                                width=width)
    size = 9.0
    ends = grid["log_bayes_factor"].abs() + 2.0 * grid["log_bayes_factor_se"]
    reach = 1.05 * max(1.1 * threshold, float(ends.max()))
    for axes, ((episode, hypothesis), part) in zip(panels, parts, strict=True):
        _curve(axes, part.sort_values("log_bayes_factor"))
        for side in (-1, 1):
            axes.axhline(side * threshold, color=GREY, linewidth=0.9, linestyle=":")
        axes.axhline(0.0, color=BLACK, linewidth=0.7, zorder=0)
        axes.set_ylim(-reach, reach)
        axes.set_xticks([])
        tidy(axes, "", f"{readable(str(episode))}, {hypothesis}", size=size)
    figure.supylabel("log Bayes factor against HX (nats)", fontsize=size)
    known = {label: handle for axes in panels
             for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known.keys(), fontsize=size - 0.5, frameon=False,
                  ncols=2 if is_narrow(width) else min(4, len(known)), loc="outside lower center")
    return figure


def _curve(axes: Any, part: pd.DataFrame) -> None:
    x = np.arange(len(part))
    value = part["log_bayes_factor"].to_numpy()
    error = 2.0 * part["log_bayes_factor_se"].to_numpy()
    axes.vlines(x, value - error, value + error, color=GREY, linewidth=0.6)
    fine = part["converged"].astype(bool).to_numpy()
    for verdict, (colour, mark) in _LOOK.items():
        chosen = (part["verdict"] == verdict).to_numpy()
        for which, face in ((chosen & fine, colour), (chosen & ~fine, "white")):
            if which.any():
                axes.plot(x[which], value[which], mark, color=colour, markerfacecolor=face,
                          markersize=4, linestyle="none",
                          label=verdict if face == colour else f"{verdict}, not converged")
    own = (part["group"] == _COMMITTED).to_numpy()
    axes.plot(x[own], value[own], "D", color=ORANGE, markeredgecolor=BLACK, markersize=7,
              linestyle="none", label="as committed")
