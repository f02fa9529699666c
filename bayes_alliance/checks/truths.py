"""A simulation's truth as one draw of a fit, and a draw of a fit as a truth to simulate from.

Invariant: both directions use names only, never values, so that what a parameter means is decided
by the simulator on one side and by the model on the other, and a disagreement shows in the ranks.

References
----------
Säilynoja, Schmitt, Bürkner and Vehtari 2025, Posterior SBC: simulation-based calibration checking
conditional on data, arXiv:2502.03279.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.checks.observe import observe
from bayes_alliance.model import Design, build_design
from bayes_alliance.model.design import previous_rows
from bayes_alliance.model.layout import WITHOUT_NOISE
from bayes_alliance.model.predict import Samples
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["Replicated", "draw_as_truth", "replicate", "truth_as_draw"]

# Parameters that a truth holds as arrays of the fit's shape.
_ARRAYS: Final = (
    c.THREAT, c.CREDIBILITY, c.COHESION, c.VAR_COEFFICIENT, c.VAR_RIVAL_EFFECT,
    c.VAR_GOVERNMENT_SD, c.VAR_ADMINISTRATION_EFFECT, c.VAR_ADMINISTRATION_DEVIATION,
    c.VAR_ADMINISTRATION_DEVIATION_SD, c.VAR_HALF_LIFE, c.VAR_CORRELATION, c.VAR_LEVEL_SECOND,
    c.VAR_SCALE_SECOND, c.VAR_CREDIBILITY_SD, c.VAR_DRIVER_LOADING, c.VAR_WAVE_SD)
# Parameters that a truth holds by label: the fit's dimension, and whether the label is a pair.
_LABELLED: Final = {
    c.VAR_GOVERNMENT_EFFECT: (c.DIM_GOVERNMENT, True),
    c.VAR_LOADING: (c.DIM_INDICATOR, False),
    c.VAR_INTERCEPT: (c.DIM_INDICATOR, False),
    c.VAR_NOISE: (c.DIM_INDICATOR, False),
    c.VAR_OWN_HALF_LIFE: (c.DIM_OWN_ERROR, False),
    c.VAR_SEASON: (c.DIM_SEASONAL, False),
    c.VAR_COVARIATE_EFFECT: (c.DIM_COVARIATE, True),
    c.VAR_MODE_OFFSET: (c.DIM_OFFSET, True),
    c.VAR_WAVE_ERROR: (c.DIM_WAVE, False)}
# What tells a replicated wave from the observed one, and the column that tells the rows.
_AGAIN: Final = " again"
_COPY: Final = "copy"


@dataclass(frozen=True)
class Replicated:
    """The observed rows, rows replicated from one draw, and that draw as the truth of both.

    Attributes
    ----------
    panel : Panel
        Every row twice.
    design : Design
        Its layout under the full hypothesis; the replicate of a series that carries an error
        over from month to month carries its own.
    truth : dict of str to array or dict
        As in :class:`bayes_alliance.checks.Simulated`.
    """

    panel: Panel
    design: Design
    truth: dict[str, Any]


def truth_as_draw(truth: dict[str, Any], design: Design) -> Samples:
    """Return a truth under the names, shapes and labels of a fit, as a single draw.

    Parameters
    ----------
    truth : dict of str to array or dict
        As in :class:`bayes_alliance.checks.Simulated`.
    design : Design
        Layout of the panel that the truth stands behind.
    """
    values: dict[str, np.ndarray] = {
        name: np.asarray(truth[name], dtype=float)[None] for name in _ARRAYS if name in truth}
    for name, (dim, paired) in _LABELLED.items():
        if design.coords[dim]:
            values[name] = np.array([[truth[name][_key(label, paired)]
                                      for label in design.coords[dim]]], dtype=float)
    at = _logit_rows(design)
    if at.size:
        values[c.VAR_OBSERVATION_LOGIT] = np.asarray(truth["observation_logit"])[None, at]
    return Samples(values, design.coords, 1)


def draw_as_truth(samples: Samples, position: int, design: Design) -> dict[str, Any]:
    """Return one draw of a fit as a truth; the inverse of :func:`truth_as_draw`.

    Parameters
    ----------
    samples : Samples
        Draws of a fit.
    position : int
        Which of them.
    design : Design
        Layout of the fitted panel.
    """
    truth: dict[str, Any] = {name: samples.values[name][position] for name in _ARRAYS
                             if name in samples.values}
    for name, (dim, paired) in _LABELLED.items():
        labels = design.coords[dim]
        found = samples.values[name][position] if labels else []
        truth[name] = {_key(label, paired): value
                       for label, value in zip(labels, found, strict=True)}
    logits = np.full(len(design.rows), np.nan)
    at = _logit_rows(design)
    if at.size:
        logits[at] = samples.values[c.VAR_OBSERVATION_LOGIT][position]
    return truth | {"observation_logit": logits}


def _key(label: str, paired: bool) -> Any:
    first, _, second = label.partition(":")
    return (first, second) if paired else label


def _logit_rows(design: Design) -> np.ndarray:
    """Return the panel's positions of the rows whose logit is a parameter, in design order."""
    rows = design.rows
    return rows.loc[rows["family"].isin(WITHOUT_NOISE), "panel_row"].to_numpy()


def replicate(spec: ModelSpec, panel: Panel, truth: dict[str, Any],
              rng: np.random.Generator) -> Replicated:
    """Replicate every row of a panel from a draw of its posterior, and put both together.

    Given parameters and monthly states, the replicated rows are independent of the observed
    ones: they are of new waves, with new errors of waves and observations, and a series with an
    error of its own that carries over from month to month starts a second one of the same law.
    So the draw is one of the posterior of both together, and its ranks are uniform.

    Parameters
    ----------
    spec : ModelSpec
        The model file.
    panel : Panel
        The observed data.
    truth : dict of str to array or dict
        A draw of their posterior, from :func:`draw_as_truth`.
    rng : numpy.random.Generator
        Source of every draw.
    """
    named = panel.rows["wave"] != ""
    again = panel.rows.assign(wave=(panel.rows["wave"] + _AGAIN).where(named, ""))
    drawn, new = observe(spec, replace(panel, rows=again), truth, rng)
    rows = pd.concat([panel.rows.assign(**{_COPY: 0}), drawn.rows.assign(**{_COPY: 1})],
                     ignore_index=True)
    doubled = replace(panel, rows=rows)
    both = truth | {
        "wave_error": truth["wave_error"] | new["wave_error"],
        "observation_logit": np.concatenate([truth["observation_logit"],
                                             new["observation_logit"]])}
    return Replicated(doubled, _chains_apart(build_design(spec, doubled)), both)


def _chains_apart(design: Design) -> Design:
    """Return a design in which a replicated series' own error does not follow the observed one."""
    rows = design.rows
    own = rows.assign(indicator=rows["indicator"] + " " + rows[_COPY].astype(str))
    previous, gap = previous_rows(own, np.ones(len(rows), dtype=bool))
    return design.with_data(previous_row=previous, gap=gap,
                            has_previous=(previous >= 0).astype(float))
