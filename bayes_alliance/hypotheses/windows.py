"""Fits that know the data up to an end of an episode's window only.

Invariant: which rows enter is decided by their last month, so that no row that reaches beyond an
end is used; drivers and governments of later months move states that no row measures.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.inference import LEAVE_OUT_GATE, Fit, Progress, fit_panel
from bayes_alliance.model import Design, build_design
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["ENDS", "fit_until", "rows_until"]

# Where the cohesion rows that enter a fit stop.
ENDS: Final = ("start", "end")


def rows_until(spec: ModelSpec, panel: Panel, design: Design, episode: str,
               end: str) -> np.ndarray:
    """Return which rows are known at an end of an episode's window, shape (row,).

    Threat and credibility are known up to the window's last month at either end; cohesion up to
    the month before the window at its start. A cohesion row that overlaps the window is not
    known at its start, whenever it ends.

    Parameters
    ----------
    spec, panel, design : ModelSpec, Panel, Design
        What is fitted.
    episode : str
    end : {"start", "end"}

    Raises
    ------
    SpecError
        If the episode or the end is unknown.
    """
    if episode not in spec.episodes:
        raise SpecError(f"unknown episode {episode!r} (allowed: {', '.join(spec.episodes)})")
    if end not in ENDS:
        raise SpecError(f"unknown end {end!r} (allowed: {', '.join(ENDS)})")
    window = panel.window(spec.episodes[episode].window)
    last = design.rows["end_month"].to_numpy()
    known = last < window.stop
    if end == "start":
        known &= (design.rows["latent"] != c.COHESION).to_numpy() | (last < window.start)
    return np.asarray(known)


def fit_until(spec: ModelSpec, panel: Panel, episode: str, end: str, *, seed: int = 1,
              announce: Callable[[str], None] | None = None,
              report: Callable[[Progress], None] | None = None, **settings: Any) -> Fit:
    """Fit H12 to what is known at an end of an episode's window.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
    episode : str
    end : {"start", "end"}
    seed, announce, report
        As for :func:`bayes_alliance.fit`.
    **settings
        ``draws``, ``tune``, ``chains``, instead of the model file's.

    Returns
    -------
    Fit
        Its ``left_out`` says up to where it knows.
    """
    design = build_design(spec, panel, "H12")
    design = design.with_rows(rows_until(spec, panel, design, episode, end))
    if announce is not None:
        announce(f"sampling H12 up to the {end} of {episode}")
    fit = fit_panel(spec, panel, hypothesis="H12", design=design, gate=LEAVE_OUT_GATE, seed=seed,
                    report=report, **settings)
    return replace(fit, left_out=f"after the {end} of {episode}")
