"""The study itself: which panels, each simulated and judged like the observed one.

Invariant: panels come number by number, so that every cell has as many wherever a run stops; a
panel that is there is not run again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.episodes import require_episodes
from bayes_alliance.hypotheses.robustness import Member, run_member
from bayes_alliance.hypotheses.specifications import COMMITTED
from bayes_alliance.hypotheses.verdicts import PATH_OF
from bayes_alliance.inference import fit_panel, load_model, require_passed
from bayes_alliance.inference.many import Tally
from bayes_alliance.inference.result import require_finished
from bayes_alliance.inference.study import study
from bayes_alliance.power.designs import DESIGNS, NONE, OBSERVED, designs_of, redesign
from bayes_alliance.power.shares import Power
from bayes_alliance.power.simulate import (
    holds,
    require_known_error,
    simulated,
    truths_of,
)
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["COLUMNS", "MOST_OF_OTHERS", "MOST_PANELS", "Item", "cells", "judge_panel", "power"]

# True beta and delta of the path that acts: in other designs the largest only.
SIZES: Final = (0.5, 1.0, 1.5)
# Panels of a cell: as many as truths, and of another design than the observed one.
MOST_PANELS: Final = 100
MOST_OF_OTHERS: Final = 20
# Three quarters of the length of a fit of the robustness grid, whose gate they have.
SETTINGS: Final = {"draws": 450, "tune": 150, "chains": 2}
KEY: Final = ("design", "path", "size", "number")
COLUMNS: Final = (*KEY, "episode", "hypothesis", "holds", "verdict", "direction_probability",
                  "contribution_probability", "contribution_share", "log_bayes_factor",
                  "log_bayes_factor_se", "converged", "seed")


class Item(NamedTuple):
    """One panel to simulate and judge."""

    model: str
    design: str
    path: str
    size: float
    number: int
    seed: int
    truth: dict[str, Any]


def cells(designs: Sequence[str] = DESIGNS) -> list[tuple[str, str, float]]:
    """Return design, path and size of every cell; with size 0 no path acts.

    Parameters
    ----------
    designs : sequence of str
        The observed one and others.
    """
    observed = [(OBSERVED, NONE, 0.0), *((OBSERVED, path, size) for path in c.PATHS
                                         for size in SIZES)]
    return observed + [(design, path, SIZES[-1]) for design in designs if design != OBSERVED
                       for path in c.PATHS]


def power(model: str | Path, *, panels: int = MOST_PANELS, seed: int = 1,
          there: pd.DataFrame | None = None, folder: str | Path | None = None,
          workers: int | None = None, cluster: str | None = None,
          report: Callable[[Tally], None] | None = None, restart: bool = False) -> Power:
    """Say how often each verdict comes out where the truth is known.

    A truth is a draw of the posterior under HX: its threat and credibility, its effects of
    disputes, its measurement. Cohesion is made anew from them, with shocks and effects of
    governments of its own and what a path with beta = delta = 0.5, 1 or 1.5, or none, does; every
    row is drawn anew, with its own period, sample size and gaps. Each such panel is judged like
    the observed one, by all criteria but the robustness grid's, with shorter fits. Designs other
    than the observed one are left out where the panel lacks the polls they ask more often.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    panels : int
        Of each cell, 1 to 100; of designs other than the observed one at most 20.
    seed : int
        Of every fit and panel.
    there : pandas.DataFrame, optional
        Panels that are there already, with :data:`COLUMNS`; they are not run again.
    folder : str or pathlib.Path, optional
        Keeps finished panels, to go on after an interruption; without one none are kept.
    workers, cluster, report
        See :func:`bayes_alliance.inference.many.many`.
    restart : bool
        Move what the folder holds aside and begin anew.

    Returns
    -------
    Power

    Raises
    ------
    SpecError, DataError
        If the inputs are wrong, or there is no episode.
    ValueError
        If the number of panels or of workers is not allowed, or the panels that are there have
        another seed.
    SchemaError
        If the folder belongs to another task or model.
    ConvergenceError
        If the fit under HX fails the gate.
    AllianceError
        If panels failed (after all others are done), or the cluster does not answer.
    """
    if not 1 <= panels <= MOST_PANELS:
        raise ValueError(f"panels is {panels} (allowed: 1 to {MOST_PANELS}, as many as truths)")
    before = pd.DataFrame(columns=list(COLUMNS)) if there is None else there[list(COLUMNS)]
    others = sorted(set(before["seed"]) - {seed})
    if others:
        raise ValueError(f"the panels that are there have seed {others[0]}, not {seed} (allowed: "
                         "that seed, or another folder)")
    spec, panel = load_model(model)
    require_episodes(spec)
    require_known_error(spec)
    have = set(before[list(KEY)].itertuples(index=False, name=None))
    wanted = [(*cell, number) for number in range(panels) for cell in cells(designs_of(panel))
              if cell[0] == OBSERVED or number < MOST_OF_OTHERS]
    missing = [key for key in wanted if key not in have]
    rows: list[dict[str, Any]] = []
    if missing:
        settings: dict[str, Any] = {"folder": folder, "workers": workers, "cluster": cluster,
                                    "report": report, "seed": seed, "settings": SETTINGS}
        # Nothing to do yet: folder, workers and cluster are refused before anything is sampled.
        study(judge_panel, {}, spec, panel, restart=restart, **settings | {"report": None})
        reference = require_passed(require_finished(fit_panel(spec, panel, hypothesis="HX",
                                                              seed=seed)))
        truths = truths_of(reference, MOST_PANELS, seed)
        items = {name_of(*key): Item(str(model), *key, seed, truths[key[3]]) for key in missing}
        done = study(judge_panel, items, spec, panel, **settings)
        rows = [row for result in done.values() for row in dict(result)["rows"]]
    parts = (before, pd.DataFrame(rows, columns=list(COLUMNS)))
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    place = {cell: at for at, cell in enumerate(cells())}
    at = [place[key] for key in table[list(KEY[:3])].itertuples(index=False, name=None)]
    return Power(table.iloc[np.lexsort((at, table["number"]))].reset_index(drop=True), spec.verdict)


def judge_panel(key: str, item: Item) -> dict[str, Any]:
    """Simulate one panel and judge the hypotheses on it; a task of ``many``.

    Parameters
    ----------
    key : str
        Not read.
    item : Item

    Returns
    -------
    dict
        ``rows``: those of :data:`COLUMNS`. Where numbers gave out, one for each episode and
        hypothesis with nothing judged and ``converged`` false.
    """
    given = load_model(item.model)
    spec, panel, truth = redesign(item.design, *given, item.truth)
    place = cells().index((item.design, item.path, item.size))
    rng = np.random.default_rng([item.seed, item.number, place])
    made, true = simulated(spec, panel, truth, item.path, item.size, rng)
    right = holds(spec, made, true, item.path, item.size)
    about = {name: getattr(item, name) for name in (*KEY, "seed")}
    return {"rows": [{name: (row | about | {
        "holds": right[row["episode"], row["hypothesis"]]})[name] for name in COLUMNS}
        for row in _judged(spec, made, Member(item.model, COMMITTED, item.seed, **SETTINGS))]}


def _judged(spec: ModelSpec, panel: Panel, member: Member) -> list[dict[str, Any]]:
    try:
        return list(run_member(spec, panel, member)["rows"])
    except (ArithmeticError, RuntimeError, np.linalg.LinAlgError):
        # The sampler found no start or no step: as a fit that did not converge.
        return [dict.fromkeys(COLUMNS) | {"episode": episode, "hypothesis": hypothesis,
                                          "verdict": "inconclusive", "converged": False}
                for episode in spec.episodes for hypothesis in PATH_OF]


def name_of(design: str, path: str, size: float, number: int) -> str:
    """Return the key of a panel."""
    return f"{number:03d}-{DESIGNS.index(design)}-{path}-{size:g}"
