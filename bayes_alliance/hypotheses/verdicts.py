"""Verdicts by the thresholds of the model file.

Invariant: a verdict is a function of the tables and of thresholds that were written down before
the data were fitted; whatever is not clearly supported or contradicted is inconclusive, and says
why.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.evidence import labelled
from bayes_alliance.inference import Fit
from bayes_alliance.spec import ModelSpec

__all__ = ["PATH_OF", "Verdicts", "judge", "prior_positive", "readings"]

PATH_OF: Final = {"H1": c.THREAT, "H2": c.CREDIBILITY}
COLUMNS = ("episode", "hypothesis", "verdict", "reason", "direction_probability",
           "contribution_probability", "contribution_share", "log_bayes_factor",
           "log_bayes_factor_se", "specification_share")
# Odds either way within a factor of 1.5: the rows say next to nothing.
_NOTHING: Final = float(np.log(1.5))


@dataclass(frozen=True)
class Verdicts:
    """One verdict for each episode and hypothesis.

    Attributes
    ----------
    table : pandas.DataFrame
        ``episode``, ``hypothesis``, ``verdict``, ``reason``, the least favourable figure over
        the baselines for each criterion, and the share of specifications that agree (missing
        until the robustness grid has run).
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
          specification_share: dict[tuple[str, str], float] | None = None) -> Verdicts:
    """Apply the thresholds.

    Parameters
    ----------
    spec : ModelSpec
        Gives the thresholds.
    episodes : pandas.DataFrame
        Table of :func:`bayes_alliance.hypotheses.compare_episodes`.
    evidence : pandas.DataFrame
        Table of :func:`bayes_alliance.hypotheses.leave_episode_out`.
    specification_share : dict, optional
        Share of specifications that agree, by episode and hypothesis.

    Notes
    -----
    Without the robustness grid the criterion on specifications cannot be met; ``supported`` and
    ``contradicted`` are then not given, and the reason says that the other criteria hold.
    """
    rows = []
    for episode in spec.episodes:
        for hypothesis, path in PATH_OF.items():
            rows.append(_judge_one(spec, episodes, evidence, episode, hypothesis, path,
                                   specification_share or {}))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    shown = "; ".join(f"{row.episode}, {row.hypothesis}: {row.verdict} ({row.reason})"
                      for row in table.itertuples())
    return Verdicts(table, shown + ".")


def _judge_one(spec: ModelSpec, episodes: pd.DataFrame, evidence: pd.DataFrame, episode: str,
               hypothesis: str, path: str,
               shares: dict[tuple[str, str], float]) -> tuple[Any, ...]:
    part = episodes[episodes["episode"] == episode].set_index("quantity")
    direction = part.loc[[f"direction_{path}"], "probability"]
    agreeing = part.loc[[f"contribution_{path}"], "probability"]
    share = part.loc[[f"share_{path}"], "q50"]
    row = evidence[(evidence["episode"] == episode) & (evidence["hypothesis"] == hypothesis)
                   & (evidence["unit"] == "leave_episode_out")].iloc[0]
    agreed = shares.get((episode, hypothesis), np.nan)
    limit = spec.verdict
    bayes, error = float(row["difference"]), float(row["difference_se"])
    favour = {
        "direction": bool((direction >= limit.direction_probability).all()),
        "contribution": bool((agreeing >= limit.contribution_probability).all()
                             and (share >= limit.contribution_share).all()),
        "evidence": bool(bayes >= limit.log_bayes_factor),
    }
    against = {
        "direction": bool((direction <= 1 - limit.direction_probability).all()),
        "contribution": bool((agreeing <= 1 - limit.contribution_probability).all()
                             and (share <= -limit.contribution_share).all()),
        "evidence": bool(bayes <= -limit.log_bayes_factor),
    }
    verdict, reason = _decide(favour, against, agreed, bayes, error, limit.specification_share)
    return (episode, hypothesis, verdict, reason, float(direction.min()), float(agreeing.min()),
            float(share.min()), bayes, error, agreed)


def _decide(favour: dict[str, bool], against: dict[str, bool], agreed: float, bayes: float,
            error: float, needed: float) -> tuple[str, str]:
    for verdict, criteria in (("supported", favour), ("contradicted", against)):
        if all(criteria.values()):
            if np.isnan(agreed):
                return "inconclusive", (f"all criteria for {verdict} hold, but the robustness "
                                        "grid has not been run")
            if agreed >= needed:
                return verdict, f"all criteria hold in {agreed:.0%} of specifications"
            return "inconclusive", f"only {agreed:.0%} of specifications agree"
    failed = [name for name, holds in favour.items() if not holds]
    if abs(bayes) <= _NOTHING + error:
        why = "too little information: the held-out rows hardly tell the hypotheses apart"
    else:
        why = "the held-out rows lean against it" if bayes < 0 else "the held-out rows lean to it"
    return "inconclusive", f"not met: {', '.join(failed)}; {why}"


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
