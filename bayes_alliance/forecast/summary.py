"""A whole backtest: hypotheses, combinations and simple rules on the same rows, and what it says.

Invariant: every method is scored on the same rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance.forecast.baselines import BASELINES
from bayes_alliance.forecast.combination import combine
from bayes_alliance.forecast.origins import POINTS, backtest_scores
from bayes_alliance.forecast.skill import (
    DEFAULT,
    by_indicator,
    default_weights,
    histogram,
    skill_table,
    told,
)
from bayes_alliance.inference import load_model
from bayes_alliance.inference.many import Tally
from bayes_alliance.tables import middle_months

__all__ = ["HYPOTHESES", "Backtest", "backtest", "backtest_of"]

HYPOTHESES: Final = ("H0", "HX", "H1", "H2", "H12")
# Origins within two years share what happens.
_BLOCK_MONTHS: Final = 24
_BANDS: Final = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True)
class Backtest:
    """Scores of past forecasts.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row for each origin, method, indicator and forecast row; see
        :func:`bayes_alliance.forecast.origins.backtest_scores`.
    table : pandas.DataFrame
        ``method``, ``horizon``, skill, gain and coverage with 90% intervals; see
        :func:`bayes_alliance.forecast.skill.skill_table`.
    weights : pandas.DataFrame
        ``origin``, ``method``, ``weight`` of the stacked combination.
    sentence : str
        Whether the forecasts beat simple rules, and whether their intervals hold.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    weights: pd.DataFrame
    sentence: str

    @property
    def by_indicator(self) -> pd.DataFrame:
        """Mean scores by method, indicator and horizon."""
        return by_indicator(self.scores)

    @property
    def pit(self) -> pd.DataFrame:
        """Number of PIT values in each tenth, by method and horizon."""
        return histogram(self.scores)

    @property
    def data(self) -> xr.Dataset:
        """The table; dims ``method``, ``horizon``."""
        return xr.Dataset.from_dataframe(self.table.set_index(["method", "horizon"]))

    def paths(self, time: pd.PeriodIndex) -> pd.DataFrame:
        """Return what was forecast from the last origin of each year, beside what came.

        Parameters
        ----------
        time : pandas.PeriodIndex
            All months of the panel.

        Returns
        -------
        pandas.DataFrame
            ``origin``, ``indicator``, ``time`` (middle of the row), ``value`` and the quantiles
            ``q05``, ``q25``, ``q50``, ``q75``, ``q95`` of the default forecast.
        """
        own = self.scores[self.scores["method"] == DEFAULT]
        last = own.groupby(own["origin"].str[:4])["origin"].transform("max")
        own = own[own["origin"] == last]
        bands = np.quantile(own[list(POINTS)].to_numpy(), list(_BANDS.values()), axis=1)
        return pd.DataFrame({
            "origin": own["origin"], "indicator": own["indicator"],
            "time": middle_months(time, own["first"], own["last"]), "value": own["value"],
            **dict(zip(_BANDS, bands, strict=True))}).reset_index(drop=True)

    @property
    def default_weights(self) -> dict[str, float]:
        """Weights of the default forecast: H12 alone, unless stacking gains over it."""
        return default_weights(self.table, self.weights)

    def plot(self) -> Any:
        """Draw skill by horizon; see :func:`bayes_alliance.plotting.plot_skill`."""
        return import_module("bayes_alliance.plotting").plot_skill(self.table)


def backtest(model: str | Path, *, hypotheses: Sequence[str] = HYPOTHESES,
             first: str | None = None, step: int = 3, lag: int = 0, seed: int = 1,
             folder: str | Path | None = None, workers: int | None = None,
             cluster: str | None = None,
             report: Callable[[Tally], None] | None = None,
             restart: bool = False) -> Backtest:
    """Forecast from earlier months and score, beside simple rules on the same rows.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    hypotheses : sequence of str
        Which forecast; H12, the default forecast, is added where it is missing.
    first, step, lag, seed, folder, workers, cluster, report, restart
        See :func:`bayes_alliance.forecast.origins.backtest_scores`.

    Returns
    -------
    Backtest

    Raises
    ------
    SpecError, DataError
        If the inputs are wrong.
    """
    _, panel = load_model(model)
    used = list(dict.fromkeys([*hypotheses, DEFAULT]))
    scores = backtest_scores(model, hypotheses=used, first=first, step=step, lag=lag, seed=seed,
                             folder=folder, workers=workers, cluster=cluster, report=report,
                             restart=restart)
    return backtest_of(scores, used, [str(month) for month in panel.time], step, lag, seed)


def backtest_of(scores: pd.DataFrame, hypotheses: list[str], months: list[str], step: int = 3,
                lag: int = 0, seed: int = 1) -> Backtest:
    """Put the scores of all origins together; see :func:`backtest`.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of hypotheses and rules.
    hypotheses : list of str
    months : list of str
        All months of the panel.
    step, lag, seed : int
    """
    mixed, weights = combine(scores, hypotheses, list(POINTS), months, lag, seed)
    every = pd.concat([scores, mixed], ignore_index=True)
    table = skill_table(every, list(BASELINES), hypotheses, max(1, _BLOCK_MONTHS // step), seed)
    return Backtest(every, table, weights, told(table))
