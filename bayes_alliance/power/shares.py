"""How often each verdict came out, with exact intervals, as table, sentence and figure.

Invariant: a panel whose fits did not converge has its verdict withheld, and stays in every share's
denominator.

References
----------
Clopper and Pearson 1934, Biometrika 26, for the intervals.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import pandas as pd
import xarray as xr
from scipy import stats

from bayes_alliance.hypotheses.verdicts import PATH_OF
from bayes_alliance.power.designs import OBSERVED
from bayes_alliance.power.simulate import NONE

__all__ = ["VERDICTS", "Power", "power_sentence", "shares_of"]

WITHHELD: Final = "withheld"
VERDICTS: Final = ("supported", "inconclusive", "contradicted", WITHHELD)
CELL: Final = ("design", "path", "size", "episode", "hypothesis")
_INTERVAL: Final = 0.95


@dataclass(frozen=True)
class Power:
    """Verdicts on simulated panels.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each panel, episode and hypothesis: ``design``, ``path`` that acts and its
        ``size``, ``number``, ``verdict`` by all criteria but the robustness grid's, what each
        criterion saw, ``converged``.
    threshold : float
        Log Bayes factor that a verdict asks for.
    """

    table: pd.DataFrame
    threshold: float

    @property
    def shares(self) -> pd.DataFrame:
        """How often each verdict came out; see :func:`shares_of`."""
        return shares_of(self.table)

    @property
    def data(self) -> xr.Dataset:
        """The shares; dims ``design``, ``path``, ``size``, ``episode``, ``hypothesis``."""
        return xr.Dataset.from_dataframe(self.shares.set_index(list(CELL)))

    @property
    def sentence(self) -> str:
        """What the design as observed can see, in words."""
        return power_sentence(self.shares, self.threshold)

    def plot(self) -> Any:
        """Draw the shares; see :func:`bayes_alliance.plotting.plot_power`."""
        return import_module("bayes_alliance.plotting").plot_power(self.shares)


def shares_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return how often each verdict came out in each cell, with exact 95% intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        As of :class:`Power`.

    Returns
    -------
    pandas.DataFrame
        ``design``, ``path``, ``size``, ``episode``, ``hypothesis``, ``panels``; for each of the
        verdicts, ``withheld`` among them, its share and the ends ``_low`` and ``_high``;
        ``q05``, ``q50``, ``q95``, ``largest`` of the log Bayes factors and the median of their
        Monte Carlo errors, ``error``; ``acts``, whether the path is the hypothesis' own.
    """
    told = table["verdict"].where(table["converged"].astype(bool), WITHHELD)
    rows = []
    for key, part in table.assign(verdict=told).groupby(list(CELL), sort=False):
        one: dict[str, Any] = dict(zip(CELL, key, strict=True)) | {"panels": len(part)}
        for verdict in VERDICTS:
            count = int((part["verdict"] == verdict).sum())
            ends = stats.binomtest(count, len(part)).proportion_ci(_INTERVAL)
            one |= {verdict: count / len(part), f"{verdict}_low": float(ends.low),
                    f"{verdict}_high": float(ends.high)}
        values = part["log_bayes_factor"].astype(float)
        one |= {name: float(values.quantile(q))
                for name, q in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95), ("largest", 1.0))}
        one["error"] = float(part["log_bayes_factor_se"].astype(float).median())
        one["acts"] = PATH_OF[one["hypothesis"]] == one["path"]
        rows.append(one)
    return pd.DataFrame(rows)


def power_sentence(shares: pd.DataFrame, threshold: float) -> str:
    """Return what the design as observed can see, in words.

    Parameters
    ----------
    shares : pandas.DataFrame
        Of :func:`shares_of`.
    threshold : float
        Log Bayes factor that a verdict asks for.
    """
    own = shares[shares["design"] == OBSERVED]
    largest = own["size"].max()
    acting = own[own["acts"] & (own["size"] == largest)]
    told = [f"{row.hypothesis} in {row.episode.replace('_', ' ')} {row.supported:.0%} "
            f"({row.supported_low:.0%} to {row.supported_high:.0%})"
            for row in acting.itertuples()]
    top = acting.loc[acting["largest"].idxmax()]
    none = own[own["path"] == NONE]
    wrong = none["supported"] + none["contradicted"]
    return (f"Where a path acts with true coefficients of {largest:g}, its hypothesis is called "
            f"supported in: {'; '.join(told)} of {int(acting['panels'].min())} simulated panels "
            f"with these months, gaps and sample sizes. The largest log Bayes factor of any of "
            f"them is {top['largest']:+.2f} nats ({top['hypothesis']}, "
            f"{str(top['episode']).replace('_', ' ')}) where a verdict asks for "
            f"{threshold:+.2f}. Where no path acts, a hypothesis is called supported or "
            f"contradicted in {f'at most {wrong.max():.0%}' if wrong.max() else 'none'} of "
            f"{int(none['panels'].min())}." + _others(shares))


def _others(shares: pd.DataFrame) -> str:
    """Return what other designs than the observed one would see of a path that acts."""
    told = []
    other = shares[shares["acts"] & (shares["design"] != OBSERVED)]
    for design, part in other.groupby("design", sort=False):
        low, high = f"{part['supported'].min():.0%}", f"{part['supported'].max():.0%}"
        told.append(f"{design}, {low if low == high else f'{low} to {high}'}")
    if not told:
        return ""
    return (f" With other designs its hypothesis would be called supported in: {'; '.join(told)} "
            f"of {int(other['panels'].min())} panels.")
