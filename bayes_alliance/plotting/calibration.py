"""Figure of a simulation-based calibration: how far the ranks lie from uniform.

Invariant: the lines, the test and the points that stand out are ArviZ's
(:func:`arviz.plot_ecdf_pit`); here is only decided what stands in which panel.

References
----------
Säilynoja, Bürkner and Vehtari 2022, Graphical test for discrete uniformity and its applications in
goodness-of-fit evaluation and multiple sample comparison, Statistics and Computing 32(32).
"""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_alliance.plotting.style import BLUE, RED

__all__ = ["plot_calibration"]

_SIMULATION = "simulation"
_COLUMNS = 3


def plot_calibration(transformed: pd.DataFrame, panels: dict[str, list[str]], *,
                     false_alarm: float = 0.01) -> Figure:
    """Draw the empirical distribution of the ranks minus the uniform one.

    Parameters
    ----------
    transformed : pandas.DataFrame
        Index ``simulation``, a column for each quantity: ranks between 0 and 1, from
        :func:`bayes_alliance.checks.calibration.integral_transform`.
    panels : dict of str to list of str
        Title of each panel, and the columns whose lines it holds.
    false_alarm : float
        Over all quantities; points of a quantity stand out if its test fails at this rate
        divided by the number of quantities.

    Returns
    -------
    matplotlib.figure.Figure
        A line a quantity; of calibrated quantities all are close to zero.
    """
    # Here, since both bring pyplot, which no other figure needs.
    import arviz as az
    from matplotlib import pyplot

    data = xr.Dataset({
        title: xr.DataArray(transformed[names].to_numpy(), dims=(_SIMULATION, f"quantity_{k}"),
                            coords={f"quantity_{k}": names})
        for k, (title, names) in enumerate(panels.items())})
    rows = -(-len(panels) // _COLUMNS)
    drawn = az.plot_ecdf_pit(
        xr.DataTree.from_dict({"prior_sbc": data}), sample_dims=[_SIMULATION], method="pot_c",
        envelope_prob=1.0 - false_alarm / transformed.shape[1], backend="matplotlib",
        cols=["__variable__"], col_wrap=_COLUMNS,
        aes={"overlay": ["__variable__", *(dim for dim in data.dims if dim != _SIMULATION)]},
        aes_by_visuals={"ecdf_lines": ["overlay"], "suspicious_points": ["overlay"]},
        visuals={"ecdf_lines": {"color": BLUE, "alpha": 0.5, "width": 1.0},
                 "suspicious_points": {"color": RED},
                 "p_value_text": False, "xlabel": {"text": "rank of the truth"},
                 "ylabel": {"text": "ranks minus uniform"}},
        figure_kwargs={"figsize": (3.6 * _COLUMNS, 2.4 * rows), "layout": "constrained"})
    figure: Figure = drawn.get_viz("figure")
    reach = max(float(np.abs(np.asarray(line.get_ydata(), dtype=float)).max())
                for axes in figure.axes for line in axes.lines)
    for axes in figure.axes:
        axes.set_ylim(-1.05 * reach, 1.05 * reach)
    # ArviZ draws on pyplot's figures; this one leaves its global state again.
    pyplot.close(figure)
    return figure
