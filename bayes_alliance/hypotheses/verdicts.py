"""Verdicts by the thresholds of the model file.

Invariant: a verdict is a function of the tables and of thresholds that were written down before
the data were fitted; whatever is not clearly supported or contradicted is inconclusive, and says
why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.evidence import labelled
from bayes_alliance.inference import Fit
from bayes_alliance.spec import ModelSpec

__all__ = ["PATH_OF", "Agreement", "Verdicts", "judge", "prior_positive", "readings"]

PATH_OF: Final = {"H1": c.THREAT, "H2": c.CREDIBILITY}
COLUMNS = ("episode", "hypothesis", "verdict", "reason", "direction_probability",
           "contribution_probability", "contribution_share", "log_bayes_factor",
           "log_bayes_factor_se", "specification_share")
_INCONCLUSIVE: Final = "inconclusive"
# Odds either way within a factor of 1.5: the rows say next to nothing.
_NOTHING: Final = float(np.log(1.5))


class Agreement(NamedTuple):
    """What the grid of specifications says of one episode and hypothesis.

    Attributes
    ----------
    shares : mapping of str to float
        By verdict, the share of the specifications that converged.
    without_governments : str
        The verdict without effects of governments; empty if that did not converge.
    """

    shares: Mapping[str, float]
    without_governments: str


@dataclass(frozen=True)
class Verdicts:
    """One verdict for each episode and hypothesis.

    Attributes
    ----------
    table : pandas.DataFrame
        ``episode``, ``hypothesis``, ``verdict``, ``reason``, the least favourable figure over
        the baselines for each criterion, and the share of specifications with the same verdict
        (missing until the robustness grid has run).
    sentence : str
        The verdicts in words.
    """

    table: pd.DataFrame
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """Every criterion, ``verdict`` and ``reason``; dims ``episode``, ``hypothesis``."""
        dims = ("episode", "hypothesis")
        return labelled(self.table, [name for name in COLUMNS if name not in dims], dims)

    def plot(self) -> Any:
        """Draw what each criterion saw; see :func:`bayes_alliance.plotting.plot_verdicts`."""
        return import_module("bayes_alliance.plotting").plot_verdicts(self.table)


def judge(spec: ModelSpec, episodes: pd.DataFrame, evidence: pd.DataFrame,
          grid: Mapping[tuple[str, str], Agreement] | None = None, *,
          ask_grid: bool = True) -> Verdicts:
    """Apply the thresholds.

    Parameters
    ----------
    spec : ModelSpec
        Gives the thresholds.
    episodes : pandas.DataFrame
        Table of :func:`bayes_alliance.hypotheses.compare_episodes`.
    evidence : pandas.DataFrame
        Table of :func:`bayes_alliance.hypotheses.leave_episode_out`.
    grid : mapping of (str, str) to Agreement, optional
        What the robustness grid says, by episode and hypothesis.
    ask_grid : bool
        Whether a verdict asks for the grid at all; the grid's own members are judged without.

    Notes
    -----
    ``supported`` and ``contradicted`` ask that enough specifications have the same verdict, and
    also that without effects of governments. Before the robustness grid has run they are not
    given, and the reason says that the other criteria hold.
    """
    rows = []
    for episode in spec.episodes:
        for hypothesis, path in PATH_OF.items():
            rows.append(_judge_one(spec, episodes, evidence, episode, hypothesis, path,
                                   (grid or {}).get((episode, hypothesis)), ask_grid))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    shown = "; ".join(f"{row.episode}, {row.hypothesis}: {row.verdict} ({row.reason})"
                      for row in table.itertuples())
    return Verdicts(table, shown + ".")


def _judge_one(spec: ModelSpec, episodes: pd.DataFrame, evidence: pd.DataFrame, episode: str,
               hypothesis: str, path: str, grid: Agreement | None,
               ask_grid: bool) -> tuple[Any, ...]:
    part = episodes[episodes["episode"] == episode].set_index("quantity")
    direction, opposite, agreeing = (part.loc[[name], "probability"] for name in (
        f"direction_{path}", f"direction_{path}_opposite", f"contribution_{path}"))
    share = part.loc[[f"share_{path}"], "q50"]
    row = evidence[(evidence["episode"] == episode) & (evidence["hypothesis"] == hypothesis)
                   & (evidence["unit"] == "leave_episode_out")].iloc[0]
    limit, bayes, error = spec.verdict, float(row["difference"]), float(row["difference_se"])
    favour = {
        "direction": bool((direction >= limit.direction_probability).all()),
        "contribution": bool((agreeing >= limit.contribution_probability).all()
                             and (share >= limit.contribution_share).all()),
        "evidence": bool(bayes >= limit.log_bayes_factor),
    }
    against = {
        "direction": bool((opposite >= limit.direction_probability).all()),
        "contribution": bool((agreeing <= 1 - limit.contribution_probability).all()
                             and (share <= -limit.contribution_share).all()),
        "evidence": bool(bayes <= -limit.log_bayes_factor),
    }
    verdict, reason = _INCONCLUSIVE, ""
    for name, criteria in (("supported", favour), ("contradicted", against)):
        if all(criteria.values()):
            held = _held_back(name, grid, limit.specification_share) if ask_grid else ""
            verdict, reason = (_INCONCLUSIVE, held) if held else (name, _given(name, grid))
    if not reason:
        failed = [name for name, holds in favour.items() if not holds]
        reason = f"not met: {', '.join(failed)}; {_why(spec, part, path, failed, bayes, error)}"
    agreed = np.nan if grid is None else float(grid.shares.get(verdict, 0.0))
    return (episode, hypothesis, verdict, reason, float(direction.min()), float(agreeing.min()),
            float(share.min()), bayes, error, agreed)


def _given(verdict: str, grid: Agreement | None) -> str:
    """Return why a verdict is given."""
    told = "" if grid is None else f" in {grid.shares[verdict]:.0%} of specifications"
    return f"all criteria hold{told}"


def _held_back(verdict: str, grid: Agreement | None, needed: float) -> str:
    """Return why a verdict whose other criteria hold is not given; empty if it is."""
    if grid is None:
        return f"all criteria for {verdict} hold, but the robustness grid has not been run"
    agreed = grid.shares.get(verdict, 0.0)
    if agreed < needed:
        return f"all criteria for {verdict} hold, but only in {agreed:.0%} of specifications"
    if grid.without_governments != verdict:
        return f"all criteria for {verdict} hold, but not without effects of governments"
    return ""


def _why(spec: ModelSpec, part: pd.DataFrame, path: str, failed: list[str], bayes: float,
         error: float) -> str:
    """Return why nothing is decided: no effect of the size asked for, or too little information."""
    limit = spec.verdict
    share, before = (part.loc[[f"{name}_{path}"]].set_index("baseline")["q95"]
                     for name in ("share", "share_before"))
    small = share.index[share < limit.contribution_share]
    learned = small[(before[small] >= limit.contribution_share).to_numpy()]
    size = f"a share of {limit.contribution_share:.0%} or more has probability under 0.05"
    if np.isnan(bayes):
        why = "the evidence could not be computed"
    elif len(learned):
        why = (f"no effect of that size: {size} (against {_named(learned)}), and more with "
               "coefficients from their prior")
    elif len(small):
        why = (f"{size} (against {_named(small)}), but that is no finding: with coefficients from "
               "their prior it has no more, because cohesion adjusts slowly")
    elif abs(bayes) <= _NOTHING + np.nan_to_num(error):
        why = "too little information: the held-out rows hardly tell the hypotheses apart"
    else:
        why = "the held-out rows lean against it" if bayes < 0 else "the held-out rows lean to it"
    moved = part.loc[["change"]].set_index("baseline")["probability"]
    sure = limit.contribution_probability
    unsure = moved[(moved < sure) & (moved > 1 - sure)]
    if "contribution" in failed and len(unsure):
        why += (f"; how cohesion itself moved is unsure (against {_named(unsure.index)}), so that "
                "no contribution can have its sign for sure")
    return why


def _named(baselines: pd.Index) -> str:
    return ", ".join(str(name).replace("_", " ") for name in baselines)


def prior_positive(spec: ModelSpec) -> float:
    """Return the prior probability that a coefficient is positive, the same for all four."""
    return float(spec.priors.coefficient.frozen().sf(0.0))


def readings(fit: Fit) -> pd.DataFrame:
    """Return the posterior probability of each reading of the two paths.

    Parameters
    ----------
    fit : Fit
        A fit under H12.

    Returns
    -------
    pandas.DataFrame
        ``reading``, ``region``, ``posterior``, ``prior``: the probability of the region of
        (beta, delta) that each author's argument implies, and what the prior gives it.
    """
    draws = fit.posterior[c.VAR_COEFFICIENT].stack(sample=("chain", "draw"))
    value = {name: draws.sel({c.DIM_COEFFICIENT: name}).to_numpy() for name in c.COEFFICIENTS}
    beta_t, delta_t = value[c.BETA_THREAT], value[c.DELTA_THREAT]
    beta_c, delta_c = value[c.BETA_CREDIBILITY], value[c.DELTA_CREDIBILITY]
    above = prior_positive(fit.spec)
    rows = [
        ("H1 common threat", "beta_threat > 0 and delta_threat > 0",
         (beta_t > 0) & (delta_t > 0), above**2),
        ("H2 common ally (Hwang)", "beta_credibility > 0 and delta_credibility >= 0",
         (beta_c > 0) & (delta_c >= 0), above**2),
        ("abandonment (Cha)", "beta_credibility < 0 and delta_credibility > 0",
         (beta_c < 0) & (delta_c > 0), (1.0 - above) * above),
    ]
    return pd.DataFrame([(name, region, float(inside.mean()), prior)
                         for name, region, inside, prior in rows],
                        columns=["reading", "region", "posterior", "prior"])
