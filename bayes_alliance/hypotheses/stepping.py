r"""Absolute predictive densities of held-out rows, by stepping stones.

Between a posterior without the rows of a window and the one with them lie posteriors in which
these rows have a weight between 0 and 1. With :math:`q_k(\theta)` the unnormalised density at the
k-th weight,

.. math:: \log p(y_W \mid y_{-W}) = \sum_k \log E_{q_k}\!\left[q_{k+1}(\theta) / q_k(\theta)\right].

At weight 0 the held-out rows are absent: a monthly indicator's own error goes on from the last row
before the window. From the first positive weight on it goes through the window; the first step
bears the difference, so that both ends are exact.

The plain average of the held-out likelihood over the draws without these rows is the case of a
single step. It rests on a handful of draws and is wrong by several nats.

References
----------
Xie, Lewis, Fan, Kuo and Chen 2011, Systematic Biology 60(2).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import arviz as az
import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayes_alliance.exceptions import SpecError
from bayes_alliance.inference import (
    Gate,
    fit_panel,
    held_out_rows,
    load_model,
)
from bayes_alliance.inference.many import Tally
from bayes_alliance.inference.study import study
from bayes_alliance.model import Design, build_design
from bayes_alliance.model.predict import flatten, log_likelihood
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = [
    "FEWEST_EFFECTIVE",
    "Rung",
    "Stones",
    "absolute_values",
    "log_mean_of",
    "run_rung",
    "rung",
    "stones",
    "weights",
]

# Effective draws that each step needs.
FEWEST_EFFECTIVE: Final = 100
_RUNGS: Final = 8
# Weights crowd near 0, where the posterior changes most.
_POWER: Final = 3.0
_GATE: Final = Gate(rhat=1.1, rhat_states=1.1, ess=50, divergences=5,
                    variables=("coefficient", "half_life"))


class Rung(NamedTuple):
    """One posterior on the way; everything it depends on.

    Attributes
    ----------
    model, hypothesis, episode : str
    step : int
        Counted from 0, at which the rows are absent.
    rungs, seed, draws, tune, chains : int
    """

    model: str
    hypothesis: str
    episode: str
    step: int
    rungs: int = _RUNGS
    seed: int = 1
    draws: int = 500
    tune: int = 200
    chains: int = 2


@dataclass(frozen=True)
class Stones:
    """A log density from its steps.

    Attributes
    ----------
    value, error : float
        Nats; Monte Carlo error.
    table : pandas.DataFrame
        ``step``, ``weight``, ``value``, ``error``, ``effective`` (draws), ``passed`` (whether the
        step's fit passed its gate).
    """

    value: float
    error: float
    table: pd.DataFrame

    @property
    def enough(self) -> bool:
        """Whether every step rests on a hundred effective draws."""
        return bool((self.table["effective"] >= FEWEST_EFFECTIVE).all())

    @property
    def passed(self) -> bool:
        """Whether every step's fit passed its gate."""
        return bool(self.table["passed"].astype(bool).all())


def absolute_values(model: str | Path, *, hypotheses: Iterable[str] = ("H12", "H0"), seed: int = 1,
                    folder: str | Path | None = None, workers: int | None = None,
                    cluster: str | None = None,
                    report: Callable[[Tally], None] | None = None, restart: bool = False,
                    ) -> dict[tuple[str, str], Stones]:
    """Return the log predictive density of every episode's held-out rows.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    hypotheses : iterable of str
        The default serves all: HX, H1 and H2 follow from H12 by exact differences.
    seed : int
    folder : str or pathlib.Path, optional
        Keeps finished rungs, to go on after an interruption; without one none are kept.
    workers, cluster, report
        See :func:`bayes_alliance.inference.many.many`.
    restart : bool
        Move what the folder holds aside and begin anew.

    Returns
    -------
    dict of (str, str) to Stones
        By hypothesis and episode.

    Raises
    ------
    SpecError, DataError
        If the model file or its tables are wrong.
    ValueError, SchemaError, AllianceError
        As :func:`bayes_alliance.inference.many.many`.
    """
    spec, panel = load_model(model)
    items = {f"{hypothesis}-{episode}-{step}": Rung(str(model), hypothesis, episode, step,
                                                    seed=seed)
             for hypothesis in hypotheses for episode in spec.episodes for step in range(_RUNGS)}
    done = study(rung, items, spec, panel, folder=folder, workers=workers, cluster=cluster,
                 report=report, restart=restart, seed=seed, rungs=_RUNGS)
    steps: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for key, item in items.items():
        steps.setdefault((item.hypothesis, item.episode), []).append(dict(done[key]))
    return {which: stones(found) for which, found in steps.items()}


def weights(rungs: int = _RUNGS) -> np.ndarray:
    """Return the weights from 0 to 1, shape (rungs + 1,)."""
    return np.linspace(0.0, 1.0, rungs + 1) ** _POWER


def rung(key: str, item: Rung) -> dict[str, Any]:
    """Run one rung; a task of :func:`bayes_alliance.inference.many.many`.

    Returns
    -------
    dict
        ``step``, ``weight``, ``passed``, and ``value``, ``error``, ``effective`` of the step to
        the next.
    """
    spec, panel = load_model(item.model)
    return run_rung(spec, panel, item)


def run_rung(spec: ModelSpec, panel: Panel, item: Rung) -> dict[str, Any]:
    """Run one rung of a panel at hand; see :func:`rung`.

    Raises
    ------
    SpecError
        If the episode or the hypothesis is unknown, or there is no such step.
    """
    if not 0 <= item.step < item.rungs:
        raise SpecError(f"there is no step {item.step} (allowed: 0 to {item.rungs - 1})")
    here, there = (_weighted(spec, panel, item, weights(item.rungs)[item.step + k])
                   for k in (0, 1))
    fit = fit_panel(spec, panel, hypothesis=item.hypothesis, design=here, gate=_GATE,
                    seed=1000 * item.seed + item.step, draws=item.draws, tune=item.tune,
                    chains=item.chains)
    samples = flatten(fit.posterior)
    ratio = log_likelihood(samples, there, spec) - log_likelihood(samples, here, spec)
    value, error, effective = log_mean_of(ratio.reshape(item.chains, -1))
    return {"step": item.step, "weight": float(weights(item.rungs)[item.step]), "value": value,
            "error": error, "effective": effective, "passed": fit.diagnostics.passed}


def _weighted(spec: ModelSpec, panel: Panel, item: Rung, weight: float) -> Design:
    design = build_design(spec, panel, item.hypothesis)
    held = held_out_rows(spec, panel, design, item.episode)
    if weight == 0.0:
        return design.with_rows(~held)
    return design.with_data(weight=np.where(held, weight, 1.0))


def log_mean_of(ratio: np.ndarray) -> tuple[float, float, float]:
    """Return the log of the mean of exponentials, its error, and effective draws.

    Parameters
    ----------
    ratio : numpy.ndarray, shape (chain, draw)
        Logarithms of the terms.

    Returns
    -------
    value, error : float
        The error is that of the logarithm, to first order.
    effective : float
        The fewer of: effective draws of the terms' mean; draws that bear the sum (Kish).
    """
    value = float(logsumexp(ratio) - np.log(ratio.size))
    terms = np.exp(ratio - value)
    if np.ptp(terms) == 0.0:
        return value, 0.0, float(ratio.size)
    error = float(np.asarray(az.mcse(terms, method="mean")))
    kish = float(terms.sum() ** 2 / (terms**2).sum())
    return value, error, min(kish, float(np.asarray(az.ess(terms, method="mean"))))


def stones(steps: list[dict[str, Any]]) -> Stones:
    """Put the steps of one path together.

    Parameters
    ----------
    steps : list of dict
        From :func:`rung`, every step once.

    Raises
    ------
    ValueError
        If a step is missing or there twice.
    """
    table = pd.DataFrame(steps).sort_values("step", ignore_index=True)
    if list(table["step"]) != list(range(len(table))):
        raise ValueError(f"steps {list(table['step'])} are not each of 0 to {len(table) - 1} once")
    return Stones(float(table["value"].sum()), float(np.sqrt((table["error"] ** 2).sum())),
                  table[["step", "weight", "value", "error", "effective", "passed"]])
