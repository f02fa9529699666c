"""How often each verdict came out, with exact intervals, as table, sentence and figure.

Invariant: a hypothesis can be right of an episode only where it holds there in the truth: its path
acts, its drivers moved as predicted, and it made enough of the change. Shares are told apart by
that; a panel whose fits did not converge has its verdict withheld, and stays in every share's
denominator.

References
----------
Clopper and Pearson 1934, Biometrika 26, for the intervals.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayes_alliance.power.designs import NONE, OBSERVED
from bayes_alliance.spec.schema import VerdictSpec

__all__ = ["VERDICTS", "Power", "power_sentence", "shares_of"]

WITHHELD: Final = "withheld"
VERDICTS: Final = ("supported", "inconclusive", "contradicted", WITHHELD)
CELL: Final = ("design", "path", "size", "episode", "hypothesis")
_INTERVAL: Final = 0.95
_QUANTILES: Final = {"q05": 0.05, "q50": 0.5, "q95": 0.95, "largest": 1.0}


@dataclass(frozen=True)
class Power:
    """Verdicts on simulated panels.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each panel, episode and hypothesis: ``design``, ``path`` that acts and its
        ``size``, ``number``, whether the hypothesis ``holds`` of the episode in the truth,
        ``verdict`` by all criteria but the robustness grid's, what each criterion saw,
        ``converged``, ``seed``.
    verdict : VerdictSpec
        Thresholds of the verdicts.
    """

    table: pd.DataFrame
    verdict: VerdictSpec

    @property
    def shares(self) -> pd.DataFrame:
        """How often each verdict came out; see :func:`shares_of`."""
        return shares_of(self.table, self.verdict)

    @property
    def data(self) -> xr.Dataset:
        """The shares; dims ``design``, ``path``, ``size``, ``episode``, ``hypothesis``."""
        return xr.Dataset.from_dataframe(self.shares.set_index(list(CELL)))

    @property
    def sentence(self) -> str:
        """What the design as observed can see, in words."""
        return power_sentence(self.shares, self.verdict)

    def plot(self) -> Any:
        """Draw the shares; see :func:`bayes_alliance.plotting.plot_power`."""
        return import_module("bayes_alliance.plotting").plot_power(self.shares)


def shares_of(table: pd.DataFrame, verdict: VerdictSpec) -> pd.DataFrame:
    """Return how often each verdict came out in each cell, with exact 95% intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        As of :class:`Power`.
    verdict : VerdictSpec
        Thresholds of the verdicts.

    Returns
    -------
    pandas.DataFrame
        ``design``, ``path``, ``size``, ``episode``, ``hypothesis``, ``panels``, ``holds`` (panels
        in which the hypothesis holds of the episode); ``acts``, whether the path is the
        hypothesis' own; ``found``, the share called supported of those where it holds, and
        ``false``, of the others, each with its ends ``_low`` and ``_high``, missing where there
        are none; the share of all with each verdict, ``withheld`` among them; the share in which
        each criterion alone is met: ``direction``, ``contribution``, ``evidence``. Of the panels
        that converged ``q05``, ``q50``, ``q95`` and ``largest`` of the log Bayes factors, and the
        median of their Monte Carlo errors, ``error``.
    """
    # Here, so that a page can be written without the sampler.
    from bayes_alliance.hypotheses.verdicts import PATH_OF

    fine = table["converged"].astype(bool)
    told = table.assign(verdict=table["verdict"].where(fine, WITHHELD), converged=fine,
                        holds=table["holds"].astype(bool))
    return pd.DataFrame([dict(zip(CELL, key, strict=True)) | _cell(part, verdict)
                         | {"acts": PATH_OF[key[4]] == key[1]}
                         for key, part in told.groupby(list(CELL), sort=False)])


def _cell(part: pd.DataFrame, verdict: VerdictSpec) -> dict[str, Any]:
    one: dict[str, Any] = {"panels": len(part), "holds": int(part["holds"].sum())}
    for name, mine in (("found", part[part["holds"]]), ("false", part[~part["holds"]])):
        one |= _share(name, mine["verdict"] == VERDICTS[0])
    one |= {name: float((part["verdict"] == name).mean()) for name in VERDICTS}
    met = {"direction": part["direction_probability"] >= verdict.direction_probability,
           "contribution": (part["contribution_probability"] >= verdict.contribution_probability)
           & (part["contribution_share"] >= verdict.contribution_share),
           "evidence": part["log_bayes_factor"] >= verdict.log_bayes_factor}
    one |= {name: float((holds & part["converged"]).mean()) for name, holds in met.items()}
    fine = part[part["converged"]].astype({"log_bayes_factor": float,
                                           "log_bayes_factor_se": float})
    one |= {name: float(fine["log_bayes_factor"].quantile(q)) for name, q in _QUANTILES.items()}
    return one | {"error": float(fine["log_bayes_factor_se"].median())}


def _share(name: str, hits: pd.Series) -> dict[str, float]:
    """Return a share with its exact interval, all missing where nothing was tried."""
    if hits.empty:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
    low, high = _ends(int(hits.sum()), len(hits))
    return {name: float(hits.mean()), f"{name}_low": low, f"{name}_high": high}


def _ends(hits: int, tried: int) -> tuple[float, float]:
    """Return the ends of the exact interval of a share."""
    ends = stats.binomtest(hits, tried).proportion_ci(_INTERVAL)
    return float(ends.low), float(ends.high)


def power_sentence(shares: pd.DataFrame, verdict: VerdictSpec) -> str:
    """Return what the design as observed can see, in words.

    Parameters
    ----------
    shares : pandas.DataFrame
        Of :func:`shares_of`.
    verdict : VerdictSpec
        Thresholds of the verdicts.

    Returns
    -------
    str
    """
    own = shares[shares["design"] == OBSERVED]
    largest = own["size"].max()
    acting = own[own["acts"] & (own["size"] == largest)]
    told = [f"{row.hypothesis} in {row.episode.replace('_', ' ')} {_of(row)}"
            for row in acting.itertuples()]
    pieces = [f"Where a path acts with true coefficients of {largest:g} and its hypothesis holds "
              "of the episode (its drivers moved as predicted and it made "
              f"{verdict.contribution_share:.0%} of the change or more, at every baseline), it is "
              "called supported, by all criteria but the grid's, in: "
              f"{'; '.join(told)}."]
    best = acting.dropna(subset="largest").sort_values("largest").tail(1)
    pieces += [f"The largest log Bayes factor of any panel in which its path acts so is "
               f"{row.largest:+.2f} nats ({row.hypothesis}, {row.episode.replace('_', ' ')}), "
               f"where a verdict asks for {verdict.log_bayes_factor:+.2f}."
               for row in best.itertuples()]
    none = own[own["path"] == NONE]
    wrong = float(max(none["supported"].max(), none["contradicted"].max()))
    panels = int(none["panels"].min())
    _, highest = _ends(round(wrong * panels), panels)
    pieces.append("Where no path acts, a hypothesis is called supported, or contradicted, in "
                  f"{f'at most {wrong:.0%}' if wrong else 'none'} of {panels} panels (a rate of up "
                  f"to {highest:.0%} is compatible with that).")
    for design, part in shares[shares["acts"] & (shares["design"] != OBSERVED)].groupby(
            "design", sort=False):
        some = part[part["holds"] > 0]
        if len(some):
            low, high = f"{some['found'].min():.0%}", f"{some['found'].max():.0%}"
            pieces.append(f"With {design} it is called so in "
                          f"{low if low == high else f'{low} to {high}'} of such panels, by "
                          f"hypothesis and episode (intervals within {some['found_low'].min():.0%} "
                          f"to {some['found_high'].max():.0%}, at least {some['holds'].min()} "
                          "panels each).")
    return " ".join(pieces)


def _of(row: Any) -> str:
    """Return a share of the panels in which a hypothesis holds, with its interval, in words."""
    if not row.holds:
        return f"– (it holds in none of {row.panels} panels)"
    return (f"{row.found:.0%} of {row.holds} panels ({row.found_low:.0%} to "
            f"{row.found_high:.0%})")
