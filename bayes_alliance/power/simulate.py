"""Panels whose truth is known: a posterior draw under HX, with a path that acts by a known amount.

Invariant: cohesion is made anew, with shocks and effects of governments of its own, so that of the
observed cohesion nothing is left in it but what the effects of disputes took up under HX.
"""

from typing import Any, Final

import numpy as np
from scipy import signal

from bayes_alliance import constants as c
from bayes_alliance.checks.observe import observe
from bayes_alliance.checks.truths import draw_as_truth
from bayes_alliance.exceptions import SpecError
from bayes_alliance.hypotheses.episodes import SIGN, window_change
from bayes_alliance.hypotheses.paths import filter_response
from bayes_alliance.hypotheses.verdicts import PATH_OF
from bayes_alliance.inference import Fit
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, long_run_paths, softabs, steps
from bayes_alliance.power.designs import NONE
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["cohesion_of", "holds", "require_known_error", "simulated", "truths_of"]

_AR1: Final = "ar1"

Truth = dict[str, Any]


def require_known_error(spec: ModelSpec) -> None:
    """Refuse a model whose cohesion has no level to return to: no such panel can be made.

    Parameters
    ----------
    spec : ModelSpec

    Raises
    ------
    SpecError
        If the error of cohesion is no AR(1).
    """
    kind = spec.series_dynamics[-1]
    if spec.model.response == "level" and kind != _AR1:
        raise SpecError(f"{spec.model.name}: the error of cohesion is {kind} (allowed for "
                        f"simulated panels: {_AR1}, or the response 'adjustment')")


def truths_of(reference: Fit, number: int, seed: int) -> list[Truth]:
    """Return draws of a posterior, evenly spaced, in an order that mixes the chains.

    Parameters
    ----------
    reference : Fit
        Under HX.
    number : int
        Of draws, at most.
    seed : int
        Of their order.

    Returns
    -------
    list of dict
        As in :class:`bayes_alliance.checks.Simulated`.
    """
    samples = flatten(reference.posterior, number)
    design = build_design(reference.spec, reference.panel, "HX")
    order = np.random.default_rng(seed).permutation(samples.size)
    return [draw_as_truth(samples, int(k), design) for k in order]


def simulated(spec: ModelSpec, panel: Panel, truth: Truth, path: str, size: float,
              rng: np.random.Generator) -> tuple[Panel, Truth]:
    """Draw every row of a panel from a truth in which a path acts on cohesion.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        Give periods, sample sizes and gaps of the rows.
    truth : dict of str to array or dict
        As in :class:`bayes_alliance.checks.Simulated`; its cohesion and its effects of
        governments are not read.
    path : {"threat", "credibility", "none"}
        Which acts.
    size : float
        True beta and delta of the path.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    panel : Panel
    truth : dict of str to array or dict
        With the cohesion and the effects of governments that were drawn.
    """
    sd = float(truth[c.VAR_GOVERNMENT_SD])
    effects = {(member, label): sd * rng.standard_normal() for member in panel.members
               for label in dict.fromkeys(panel.governments[member])}
    made = truth | {c.VAR_GOVERNMENT_EFFECT: effects}
    made[c.COHESION] = cohesion_of(spec, panel, made, path, size, rng)
    return observe(spec, panel, made, rng)


def cohesion_of(spec: ModelSpec, panel: Panel, truth: Truth, path: str, size: float,
                rng: np.random.Generator) -> np.ndarray:
    """Return a cohesion made anew: disputes, governments, the path that acts, fresh shocks.

    Parameters
    ----------
    spec, panel, truth, path, size, rng
        As of :func:`simulated`; the truth has effects of the panel's governments.

    Returns
    -------
    numpy.ndarray, shape (time,)
    """
    wanted = panel.rivals.to_numpy(dtype=float) @ truth[c.VAR_RIVAL_EFFECT]
    for member in panel.members:
        wanted = wanted + np.array([truth[c.VAR_GOVERNMENT_EFFECT][member, label]
                                    for label in panel.governments[member]])
    wanted = wanted + _acting(truth, path, size)
    phi, sd = steps(truth[c.VAR_HALF_LIFE][c.LATENTS.index(c.COHESION)], _AR1)
    shocks = rng.standard_normal(len(wanted))
    if spec.model.innovations == "student_t":
        df = spec.priors.student_t_innovation_df
        shocks = rng.standard_t(df, len(wanted)) * np.sqrt((df - 2.0) / df)
    shocks[1:] *= sd
    own = signal.lfilter([1.0], [1.0, -phi], shocks)
    return np.asarray(filter_response(phi, wanted, spec.model.response) + own)


def holds(spec: ModelSpec, panel: Panel, truth: Truth, path: str,
          size: float) -> dict[tuple[str, str], bool]:
    """Say of which episodes a hypothesis holds in a truth, by what a verdict asks for.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        Episodes, thresholds and months.
    truth : dict of str to array or dict
        Of :func:`simulated`.
    path : {"threat", "credibility", "none"}
        Which acts.
    size : float
        True beta and delta of the path.

    Returns
    -------
    dict of (str, str) to bool
        By episode and hypothesis: whether at every baseline its drivers moved as predicted, and
        its path made at least the share of cohesion's change that a verdict asks for.
    """
    phi, _ = steps(truth[c.VAR_HALF_LIFE][c.LATENTS.index(c.COHESION)], _AR1)
    found = {}
    names = {construct: hypothesis for hypothesis, construct in PATH_OF.items()}
    for construct in c.PATHS:
        first, second = np.asarray(truth[construct])
        moving = {"mean": (first + second) / 2, "gap": softabs(first - second)}
        acting = _acting(truth, construct, size if construct == path else 0.0)
        part = filter_response(phi, acting, spec.model.response)
        for name, episode in spec.episodes.items():
            window, rule = panel.window(episode.window), getattr(episode, construct)
            right = True
            for months in episode.baselines.values():
                before = panel.window(months)
                right &= all(window_change(moving[quantity], window, before)
                             * SIGN[getattr(rule, quantity)] > 0
                             for quantity in spec.verdict.direction_quantities[construct])
                share = window_change(part, window, before) / window_change(
                    truth[c.COHESION], window, before)
                right &= bool(share >= spec.verdict.contribution_share)
            found[name, names[construct]] = right
    return found


def _acting(truth: Truth, path: str, size: float) -> np.ndarray:
    """Return what a path adds to the level that cohesion tends to, shape (time,)."""
    if path == NONE:
        return np.zeros(truth[c.THREAT].shape[-1])
    mean, gap = long_run_paths(*np.asarray(truth[path]))
    return np.asarray(size * (mean + gap))
