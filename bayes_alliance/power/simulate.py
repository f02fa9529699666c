"""Panels whose truth is known: a posterior draw under HX, with a path that acts by a known amount.

Invariant: cohesion is made anew, with shocks of its own, so that without a path nothing of what
threat or credibility did to the observed cohesion is left in it.
"""

from typing import Any, Final

import numpy as np
from scipy import signal

from bayes_alliance import constants as c
from bayes_alliance.checks.observe import observe
from bayes_alliance.checks.truths import draw_as_truth
from bayes_alliance.hypotheses.paths import filter_response
from bayes_alliance.inference import Fit
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, long_run_paths
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["NONE", "cohesion_of", "simulated", "truths_of"]

# The path that acts where none does.
NONE: Final = "none"

Truth = dict[str, Any]


def truths_of(reference: Fit, number: int, seed: int) -> list[Truth]:
    """Return draws of a posterior under HX, evenly spaced, in an order that mixes the chains."""
    samples = flatten(reference.posterior, number)
    design = build_design(reference.spec, reference.panel, "HX")
    order = np.random.default_rng(seed).permutation(samples.size)
    return [draw_as_truth(samples, int(k), design) for k in order]


def simulated(spec: ModelSpec, panel: Panel, truth: Truth, path: str, size: float,
              rng: np.random.Generator) -> Panel:
    """Return a panel with every row drawn from a truth in which a path acts on cohesion.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        Give periods, sample sizes and gaps of the rows.
    truth : dict of str to array or dict
        As in :class:`bayes_alliance.checks.Simulated`; its cohesion is not read.
    path : {"threat", "credibility", "none"}
    size : float
        True beta and delta of the path.
    rng : numpy.random.Generator
        Source of every draw.
    """
    made = truth | {c.COHESION: cohesion_of(spec, panel, truth, path, size, rng)}
    return observe(spec, panel, made, rng)[0]


def cohesion_of(spec: ModelSpec, panel: Panel, truth: Truth, path: str, size: float,
                rng: np.random.Generator) -> np.ndarray:
    """Return a cohesion made anew: disputes, governments, the path that acts, fresh shocks."""
    wanted = panel.rivals.to_numpy(dtype=float) @ truth[c.VAR_RIVAL_EFFECT]
    for member in panel.members:
        wanted = wanted + np.array([truth[c.VAR_GOVERNMENT_EFFECT][member, label]
                                    for label in panel.governments[member]])
    if path != NONE:
        mean, gap = long_run_paths(*np.asarray(truth[path]))
        wanted = wanted + size * (mean + gap)
    phi = 0.5 ** (1.0 / truth[c.VAR_HALF_LIFE][c.LATENTS.index(c.COHESION)])
    shocks = rng.standard_normal(len(wanted))
    if spec.model.innovations == "student_t":
        df = spec.priors.student_t_innovation_df
        shocks = rng.standard_t(df, len(wanted)) * np.sqrt((df - 2.0) / df)
    shocks[1:] *= np.sqrt(1.0 - phi**2)
    own = signal.lfilter([1.0], [1.0, -phi], shocks)
    return np.asarray(filter_response(np.array(phi), wanted, spec.model.response) + own)
