"""The figure of a calibration: what stands in which panel."""

import numpy as np
import pandas as pd
from matplotlib import pyplot

from bayes_alliance.plotting import plot_calibration


def test_a_line_a_quantity_and_only_the_uneven_stand_out():
    panels = {"first": ["a", "b"], "second": ["c", "d", "e"], "third": ["f"], "fourth": ["g"]}
    names = [name for part in panels.values() for name in part]
    ranks = pd.DataFrame(np.random.default_rng(1).uniform(size=(80, len(names))), columns=names)
    ranks["d"] **= 3
    figure = plot_calibration(ranks, panels)
    shown = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in shown] == list(panels)
    for axes, part in zip(shown, panels.values(), strict=True):
        lines = [line for line in axes.lines if line.get_linestyle() == "-"
                 and len(line.get_xdata()) > 10]
        assert len(lines) == len(part)
        stands_out = sum(len(dots.get_offsets()) for dots in axes.collections)
        assert (stands_out > 0) == ("d" in part)
    assert len({axes.get_ylim() for axes in shown}) == 1
    assert not pyplot.get_fignums()
