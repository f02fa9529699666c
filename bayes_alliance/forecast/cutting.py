"""What was known at an earlier month: a panel that ends there, and a fit of it.

All months keep the layout of the whole panel, so that every origin is drawn on one compiled model:
rows of later months are taken out, and what is left of the later months moves no state before
them. The draws are then cut at the origin, and the fit looks as if its panel had ended there.

Invariant: no value of a row, a covariate, a driver, a trigger or an office dated after the origin
reaches a forecast from it.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit, Gate, fit_panel
from bayes_alliance.model import build_design
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["cut_fit", "cut_panel", "fit_known", "known_rows"]

# A score averages over many origins: each fit may be as loose as that allows.
_GATE: Final = Gate(rhat=1.1, rhat_states=1.1, ess=50, divergences=10,
                    variables=(c.VAR_COEFFICIENT, c.VAR_HALF_LIFE, c.VAR_RIVAL_EFFECT))


def known_rows(panel: Panel, origin: int, lag: int = 0) -> np.ndarray:
    """Return which rows of a panel are known at the end of a month, shape (row,).

    Parameters
    ----------
    panel : Panel
    origin : int
        Position of the month in ``panel.time``.
    lag : int
        Months from the end of a row to its publication; with 0 a poll is known in the month in
        which its fieldwork ends.
    """
    return (panel.rows["end_month"] + lag <= origin).to_numpy()


def cut_panel(panel: Panel, origin: int, lag: int = 0) -> Panel:
    """Return the panel as it was known at the end of a month; see :func:`known_rows`."""
    kept = slice(0, origin + 1)
    last = panel.time[origin].end_time
    return replace(
        panel, time=panel.time[kept],
        rows=panel.rows[known_rows(panel, origin, lag)].reset_index(drop=True),
        covariates=panel.covariates.iloc[kept], drivers=panel.drivers.iloc[kept],
        rivals=panel.rivals.iloc[kept], raw_stocks=panel.raw_stocks.iloc[kept],
        event_counts=panel.event_counts.iloc[kept], governments=panel.governments.iloc[kept],
        events=panel.events[pd.to_datetime(panel.events["date"]) <= last])


def fit_known(spec: ModelSpec, panel: Panel, origin: int, hypothesis: str, *, lag: int = 0,
              seed: int = 1, **settings: Any) -> Fit:
    """Fit a hypothesis to what was known at the end of a month, whether or not the gate passes.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        Of all months.
    origin : int
        Position of the month in ``panel.time``.
    hypothesis : str
    lag : int
        See :func:`known_rows`.
    seed : int
    **settings
        ``draws``, ``tune``, ``chains``, ``cores``, as for
        :func:`bayes_alliance.inference.fit_panel`.

    Returns
    -------
    Fit
        Its panel and its states end at the origin.
    """
    design = build_design(spec, panel, hypothesis)
    known = design.rows["end_month"].to_numpy() + lag <= origin
    fit = fit_panel(spec, panel, hypothesis=hypothesis, design=design.with_rows(known),
                    gate=_GATE, seed=seed, **settings)
    return cut_fit(fit, origin, lag)


def cut_fit(fit: Fit, origin: int, lag: int = 0) -> Fit:
    """Return a fit with panel and states cut after a month; its rows must already be."""
    posterior = fit.posterior
    if c.DIM_TIME in posterior.dims:
        posterior = posterior.isel({c.DIM_TIME: slice(0, origin + 1)})
    return replace(fit, panel=cut_panel(fit.panel, origin, lag), posterior=posterior)
