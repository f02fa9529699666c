"""How an episode differs from its baseline, and what the model says moved it.

Invariant: directions come from the reference hypothesis HX, where cohesion does not feed back on
the drivers; contributions come from H12 and sum exactly to the change, draw by draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.hypotheses.paths import (
    components,
    drivers,
    filter_response,
    long_run_parts,
    path_parts,
    persistence,
)
from bayes_alliance.inference import Fit
from bayes_alliance.spec import EpisodeSpec, ModelSpec

__all__ = ["SIGN", "Episodes", "compare_episodes", "contributions", "directions",
           "require_episodes", "window_change"]

COLUMNS = ("episode", "baseline", "hypothesis", "quantity", "mean", "sd", "q05", "q50", "q95",
           "probability")
SIGN = {"up": 1.0, "down": -1.0}
# Of the coefficients drawn from their prior, beside those of a fit.
_PRIOR_SEED = 1


@dataclass(frozen=True)
class Episodes:
    """Directions and contributions of all episodes.

    Attributes
    ----------
    table : pandas.DataFrame
        ``episode``, ``baseline``, ``hypothesis``, ``quantity``, ``mean``, ``sd``, ``q05``,
        ``q50``, ``q95``, ``probability`` (of the predicted sign, or of the change's sign).
    data : xarray.Dataset
        Draws of the change and of every contribution, dims ``case`` (episode/baseline),
        ``component``, ``chain``, ``draw``.
    sentence : str
        What moved and what moved it.
    """

    table: pd.DataFrame
    data: xr.Dataset
    sentence: str

    def plot(self) -> Any:
        """Draw the contributions; see :func:`bayes_alliance.plotting.plot_contributions`."""
        from importlib import import_module

        return import_module("bayes_alliance.plotting").plot_contributions(self.table)


def compare_episodes(reference: Fit, full: Fit) -> Episodes:
    """Compare every episode with each of its baselines.

    Parameters
    ----------
    reference : Fit
        A fit under HX: directions of the drivers.
    full : Fit
        A fit under H12: contributions and counterfactuals.

    Raises
    ------
    SpecError
        If the model file declares no episode.
    """
    require_episodes(full.spec)
    rows = [*directions(reference)]
    found, draws = contributions(full)
    rows += found
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Episodes(table, draws, _sentence(table))


def require_episodes(spec: ModelSpec) -> None:
    """Refuse a model without episodes: there is nothing to compare.

    Raises
    ------
    SpecError
        If the model file declares none.
    """
    if not spec.episodes:
        raise SpecError(f"{spec.model.name} declares no episode (allowed: at least one table "
                        "[episodes.NAME] where hypotheses are compared)")


def window_change(values: np.ndarray, window: slice, baseline: slice) -> np.ndarray:
    """Return the mean over a window minus the mean over its baseline; time is the last axis."""
    return np.asarray(values[..., window].mean(axis=-1) - values[..., baseline].mean(axis=-1))


def _cases(fit: Fit) -> Iterator[tuple[str, EpisodeSpec, str, slice, slice]]:
    for name, episode in fit.spec.episodes.items():
        for label, months in episode.baselines.items():
            yield name, episode, label, fit.panel.window(episode.window), fit.panel.window(months)


def _row(episode: str, baseline: str, hypothesis: str, quantity: str, draws: np.ndarray,
         probability: float) -> tuple[Any, ...]:
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    return (episode, baseline, hypothesis, quantity, float(draws.mean()),
            float(draws.std(ddof=1)), float(low), float(middle), float(high), probability)


def directions(fit: Fit) -> list[tuple[Any, ...]]:
    """Return how the drivers moved and how probable the predicted move is, as table rows.

    The joint prediction of a path is that every quantity the verdict names moved as predicted; its
    opposite, that every one moved the other way.
    """
    rows: list[tuple[Any, ...]] = []
    series = {construct: drivers(fit, construct) for construct in c.PATHS}
    for name, episode, label, window, baseline in _cases(fit):
        for construct in c.PATHS:
            rule = getattr(episode, construct)
            found = series[construct]
            moved = {"mean": window_change(found.mean, window, baseline),
                     "gap": window_change(found.gap, window, baseline)}
            wanted = {"mean": SIGN[rule.mean], "gap": SIGN[rule.gap]}
            for quantity, draws in moved.items():
                rows.append(_row(name, label, fit.hypothesis,
                                 f"direction_{construct}_{quantity}", draws,
                                 float((draws * wanted[quantity] > 0).mean())))
            for member, values in found.members.items():
                draws = window_change(values, window, baseline)
                rows.append(_row(name, label, fit.hypothesis, f"direction_{construct}_{member}",
                                 draws, float((draws * wanted["mean"] > 0).mean())))
            named = fit.spec.verdict.direction_quantities[construct]
            for sign, which in ((1.0, ""), (-1.0, "_opposite")):
                together = np.all([sign * moved[part] * wanted[part] > 0 for part in named],
                                  axis=0)
                rows.append((name, label, fit.hypothesis, f"direction_{construct}{which}",
                             *[np.nan] * 5, float(together.mean())))
    return rows


def contributions(fit: Fit) -> tuple[list[tuple[Any, ...]], xr.Dataset]:
    """Return the change of cohesion, its components and the counterfactuals.

    ``share_before_PATH`` is a path's share of the change with coefficients from their prior,
    drivers, persistence and change as fitted.

    Returns
    -------
    rows : list of tuple
        Rows of the episode table.
    draws : xarray.Dataset
        ``change`` (case, chain, draw) and ``contribution`` (case, component, chain, draw).
    """
    split = components(fit)
    values = split.to_numpy()
    phi, _ = persistence(fit)
    paths = long_run_parts(fit)
    before = _with_prior_coefficients(fit, phi)
    rows: list[tuple[Any, ...]] = []
    cases, changes, parts = [], [], []
    for name, episode, label, window, baseline in _cases(fit):
        sign = SIGN[episode.change]
        part = window_change(values, window, baseline)
        change = part.sum(axis=0)
        named = dict(zip(c.COMPONENTS, part, strict=True))
        named["unexplained"] = named[c.COMPONENT_INITIAL] + named[c.COMPONENT_INNOVATIONS]
        rows.append(_row(name, label, fit.hypothesis, "change", change,
                         float((change * sign > 0).mean())))
        for component, draws in named.items():
            agree = float((draws * np.sign(change) > 0).mean())
            rows.append(_row(name, label, fit.hypothesis, f"contribution_{component}", draws,
                             agree))
            rows.append(_row(name, label, fit.hypothesis, f"share_{component}", draws / change,
                             agree))
        for construct in c.PATHS:
            without = _counterfactual(paths[construct], phi, window, baseline,
                                      fit.spec.model.response)
            other = window_change(before[construct], window, baseline)
            rows.append(_row(name, label, fit.hypothesis, f"share_before_{construct}",
                             other / change, float((other * np.sign(change) > 0).mean())))
            held = change - (named[construct] - without)
            rows.append(_row(name, label, fit.hypothesis, f"counterfactual_{construct}", held,
                             float((held * sign > 0).mean())))
        cases.append(f"{name}/{label}")
        changes.append(change)
        parts.append(part)
    coords: dict[str, Any] = {"case": cases, c.DIM_COMPONENT: list(c.COMPONENTS)}
    draws = xr.Dataset(
        {"change": (("case", "chain", "draw"), np.stack(changes)),
         "contribution": (("case", c.DIM_COMPONENT, "chain", "draw"), np.stack(parts))},
        coords=coords)
    return rows, draws


def _with_prior_coefficients(fit: Fit, phi: np.ndarray) -> dict[str, np.ndarray]:
    """Return each path's part of cohesion had its coefficients stayed at their prior.

    Drivers and persistence are those of the fit, so that a share of the change can be told that
    is small by what the data say of the coefficients from one that the prior and the slow
    adjustment of cohesion keep small.
    """
    prior = fit.spec.priors.coefficient.frozen()
    drawn = prior.rvs((*phi.shape, len(c.COEFFICIENTS)),
                      random_state=np.random.default_rng(_PRIOR_SEED))
    return {construct: filter_response(phi, part, fit.spec.model.response)
            for construct, part in path_parts(fit, drawn).items()}


def _counterfactual(path: np.ndarray, phi: np.ndarray, window: slice, baseline: slice,
                    response: str) -> np.ndarray:
    """Return a path's contribution had it stayed at its baseline mean until the window's end.

    The path is held at its mean over the baseline in every month after the baseline; all other
    drivers and the fitted innovations stay as they were. This is a counterfactual about these
    months, not an intervention on the system.
    """
    held = path.copy()
    held[..., baseline.stop:window.stop] = path[..., baseline].mean(axis=-1, keepdims=True)
    return window_change(filter_response(phi, held, response), window, baseline)


def _sentence(table: pd.DataFrame) -> str:
    pieces = []
    change = table[table["quantity"] == "change"]
    for name, rows in change.groupby("episode", sort=False):
        low, high = rows["mean"].min(), rows["mean"].max()
        unexplained = table[(table["episode"] == name)
                            & (table["quantity"] == "share_unexplained")]["q50"]
        pieces.append(
            f"{name}: cohesion changed by {low:+.2f} to {high:+.2f} against its baselines, of "
            f"which {unexplained.min():.0%} to {unexplained.max():.0%} (medians) is unexplained")
    return "; ".join(pieces) + "."
