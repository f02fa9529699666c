r"""Indicators that move against the state they are said to measure.

A loading is positive, so a flipped orientation cannot show in it: the loading shrinks and the
state follows the other indicators. What shows is that the indicator's own rows, turned by its
orientation, fall where the state rises. Their correlation :math:`r` is tested one-sided with
:math:`t = r\sqrt{(m - 2)/(1 - r^2)}`, where both are autocorrelated and count for

.. math:: m = n \, (1 - a b) / (1 + a b)

independent rows, :math:`a` and :math:`b` being the lag-one autocorrelations.

Invariant: an indicator that has nothing to do with its state is named in at most one of a hundred
datasets, whatever the number of indicators (Bonferroni); one with too few rows is not judged.

References
----------
Bartlett 1935, Some aspects of the time-correlation problem, Journal of the Royal Statistical
Society 98(3).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit
from bayes_alliance.spec import FAMILIES

__all__ = ["Against", "moves_against"]

_LEVEL: Final = 0.01
_FEWEST: Final = 8


@dataclass(frozen=True)
class Against:
    """How indicators move with their states.

    Attributes
    ----------
    table : pandas.DataFrame
        ``indicator``, ``latent``, ``member``, ``rows``, ``effective_rows``, ``correlation``,
        ``p`` (missing where it is not judged) and ``against``.
    """

    table: pd.DataFrame

    @property
    def data(self) -> xr.Dataset:
        """The table with the dim ``indicator``."""
        return self.table.set_index("indicator").to_xarray()

    @property
    def named(self) -> tuple[str, ...]:
        """The indicators that move against their states."""
        return tuple(self.table.loc[self.table["against"], "indicator"])

    @property
    def sentence(self) -> str:
        """One sentence on the indicators that move against their states."""
        if not self.named:
            return "No indicator moves against the state it measures."
        return (f"{', '.join(self.named)} moves against the state it measures: is its orientation "
                "in indicators.csv flipped?" if len(self.named) == 1 else
                f"{', '.join(self.named)} move against the states they measure: are their "
                "orientations in indicators.csv flipped?")


def moves_against(fit: Fit) -> Against:
    """Find indicators whose rows fall where the posterior mean of their state rises.

    Parameters
    ----------
    fit : Fit
        Any fit.

    Returns
    -------
    Against
    """
    panel = fit.panel
    means = {}
    for latent in c.LATENTS:
        mean = fit.posterior[latent].mean(("chain", "draw"))
        if latent == c.COHESION:
            means[latent, panel.dyad] = mean.to_numpy()
            continue
        for member in mean[c.DIM_MEMBER].to_numpy():
            means[latent, str(member)] = mean.sel({c.DIM_MEMBER: member}).to_numpy()
    judged = []
    for name, about in panel.indicators.iterrows():
        rows = panel.rows[panel.rows["indicator"] == name]
        state = means[about["latent"], about["member"]]
        held = np.array([state[row.start_month:row.end_month + 1].mean()
                         for row in rows.itertuples()])
        values = int(about["orientation"]) * _on_link_scale(rows, about)
        count, r, p = _correlation(values, held)
        judged.append((name, about["latent"], about["member"], len(rows), count, r, p))
    table = pd.DataFrame(judged, columns=["indicator", "latent", "member", "rows",
                                          "effective_rows", "correlation", "p"])
    bound = _LEVEL / max(int(table["p"].notna().sum()), 1)
    return Against(table.assign(against=table["p"] < bound))


def _on_link_scale(rows: pd.DataFrame, about: pd.Series) -> np.ndarray:
    """Return the rows' values on the scale on which they follow the state, shape (row,)."""
    y, family = rows["y"].to_numpy(dtype=float), FAMILIES[about["family"]]
    if family.needs_n:
        size = rows["n"].to_numpy(dtype=float)
        y = np.log((y + 0.5) / (size - y + 0.5))
    elif family.integer:
        y = np.log1p(y)
    if about["season"]:
        y = y - rows.assign(y=y).groupby("calendar_month")["y"].transform("mean").to_numpy()
    return y


def _correlation(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Return the effective rows, the correlation, and how rarely so low a one comes by chance."""
    if len(one) < _FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float(len(one)), np.nan, np.nan
    r = float(np.corrcoef(one, other)[0, 1])
    both = max(_lag_one(one) * _lag_one(other), 0.0)
    count = len(one) * (1.0 - both) / (1.0 + both)
    if count <= 3:
        return count, r, np.nan
    t = r * np.sqrt((count - 2.0) / max(1.0 - r * r, 1e-12))
    return count, r, float(stats.t.cdf(t, count - 2.0))


def _lag_one(series: np.ndarray) -> float:
    """Return the lag-one autocorrelation, with the bias of a short series taken off."""
    centred = series - series.mean()
    plain = float((centred[1:] * centred[:-1]).sum() / (centred ** 2).sum())
    return min((len(series) * plain + 1.0) / (len(series) - 3.0), 0.99)
