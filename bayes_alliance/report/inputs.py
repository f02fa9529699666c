"""What a report is made of: tables and labelled draws, nothing that samples.

Invariant: every number that the page shows stands in one of these tables, or is computed from
them; the page needs neither a fit nor the libraries that made it.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["CheckSummary", "Finding", "FitSummary", "ReportInputs"]


@dataclass(frozen=True)
class FitSummary:
    """What the diagnostics gate saw of one fit.

    Attributes
    ----------
    name : str
        For example ``"H12"`` or ``"H12 without friction"``.
    summary : dict
        ``rhat_max``, ``rhat_max_states``, ``ess_bulk_min``, ``ess_tail_min``, ``divergences``,
        ``bfmi_min``, ``seconds``, ``draws``, ``chains``.
    gate : dict
        ``rhat``, ``rhat_states``, ``ess``, ``bfmi``, ``divergences``: the thresholds it was
        held against.
    passed : bool
        Whether every threshold held.
    failures : tuple of str
        One sentence a threshold that did not.
    table : pandas.DataFrame
        ``quantity``, ``rhat``, ``ess_bulk``, ``ess_tail``, ``state`` (whether a monthly state),
        one row a quantity; empty where the distribution is not shown.
    """

    name: str
    summary: dict[str, Any]
    gate: dict[str, float]
    passed: bool
    failures: tuple[str, ...] = ()
    table: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class CheckSummary:
    """Outcome of a predictive check.

    Attributes
    ----------
    passed : bool
        Whether the check's own criterion held.
    table : pandas.DataFrame
        For the posterior: ``indicator``, ``latent``, ``time`` (position of the month),
        ``observed``, ``q05``, ``q50``, ``q95``, optionally ``q25`` and ``q75``. For the prior:
        ``indicator``, ``unit``, ``q05``, ``q50``, ``q95``, ``observed_low``, ``observed_high``.
    text : str
        One sentence.
    """

    passed: bool
    table: pd.DataFrame
    text: str


class BacktestTables(NamedTuple):
    """Tables of :class:`bayes_alliance.forecast.Backtest`: skill, scores by indicator, and so on.

    Attributes
    ----------
    skill, indicators, pit, weights, paths : pandas.DataFrame
    """

    skill: pd.DataFrame
    indicators: pd.DataFrame
    pit: pd.DataFrame
    weights: pd.DataFrame
    paths: pd.DataFrame


class Finding(NamedTuple):
    """A result's table with its sentence.

    Attributes
    ----------
    table : pandas.DataFrame
    sentence : str
    """

    table: pd.DataFrame
    sentence: str


@dataclass(frozen=True)
class ReportInputs:
    """Results of the main job.

    Attributes
    ----------
    spec, panel : ModelSpec, Panel
        What was modelled, on what.
    states : pandas.DataFrame
        ``latent``, ``member``, ``time`` (YYYY-MM), ``mean``, ``sd``, ``q05``, ``q50``, ``q95``,
        optionally ``q25`` and ``q75``; cohesion's member is the dyad.
    gaps : pandas.DataFrame
        First member less second: ``latent``, ``time``, ``q05``, ``q25``, ``q50``, ``q75``,
        ``q95``.
    episodes : pandas.DataFrame
        ``episode``, ``baseline``, ``hypothesis``, ``quantity``, ``mean``, ``sd``, ``q05``,
        ``q50``, ``q95``, ``probability``.
    evidence : pandas.DataFrame
        ``hypothesis``, ``episode``, ``unit``, ``elpd``, ``se``, ``difference``,
        ``difference_se``, ``flag``; differences against HX in nats.
    verdicts : pandas.DataFrame
        ``episode``, ``hypothesis``, ``verdict``, ``reason``, ``direction_probability``,
        ``contribution_probability``, ``contribution_share``, ``log_bayes_factor``,
        ``log_bayes_factor_se``, ``specification_share`` (missing until computed).
    readings : pandas.DataFrame
        ``reading``, ``region``, ``posterior``, ``prior``.
    coefficients : xarray.DataArray
        Posterior draws under H12, dims ``chain``, ``draw``, ``path_coefficient``.
    parameters : dict of str to (numpy.ndarray, numpy.ndarray)
        Prior and posterior draws of the main parameters, each one-dimensional.
    forecast : pandas.DataFrame
        ``scenario``, ``target``, ``time``, ``q01``, ``q05``, ``q25``, ``q50``, ``q75``, ``q95``,
        ``q99``.
    forecast_sentence : str
        What is expected of cohesion.
    posterior_check, prior_check : CheckSummary
        Predictive checks.
    fits : tuple of FitSummary
        Every fit used, the full one (H12 on all rows) first.
    provenance : dict
        ``seed``, ``spec_hash``, ``data_hash``, ``versions`` (dict), optionally ``created``.
    sources : pandas.DataFrame
        ``source``, ``citation``, ``address``, ``licence``, ``redistribution``, ``retrieved``;
        empty where the dataset's table is not at hand.
    grid : pandas.DataFrame
        ``specification``, ``group``, ``episode``, ``hypothesis``, ``verdict``, ``converged`` of
        the robustness grid; empty where it has not been run.
    power : pandas.DataFrame
        Table of :func:`bayes_alliance.power.shares_of`; empty where no panels were simulated.
    waves, outcomes : pandas.DataFrame
        Poll waves to be expected, and the probabilities of the model file's outcomes under every
        scenario; see :class:`bayes_alliance.forecast.Forecast`.
    scenarios : pandas.DataFrame
        As ``forecast``, of the scenarios beside "as now".
    differences : dict of str to pandas.DataFrame
        What each scenario does to every target, compared with "as now".
    backtest : BacktestTables, optional
        Of forecasts from earlier months; None where it has not been run.
    sizes, swings : pandas.DataFrame
        Tables of :func:`bayes_alliance.hypotheses.effect_sizes` and of
        :func:`bayes_alliance.hypotheses.rank_swings`; empty where they were not computed.
    prior_scales, periods, cut, sensitivity : Finding, optional
        Of :func:`bayes_alliance.hypotheses.over_prior_scales`,
        :func:`bayes_alliance.hypotheses.effects_by_administration`,
        :func:`bayes_alliance.hypotheses.cut_drivers` and
        :func:`bayes_alliance.checks.power_scaling`; None where they were not computed.
    """

    spec: ModelSpec
    panel: Panel
    states: pd.DataFrame
    gaps: pd.DataFrame
    episodes: pd.DataFrame
    evidence: pd.DataFrame
    verdicts: pd.DataFrame
    readings: pd.DataFrame
    coefficients: xr.DataArray
    parameters: dict[str, tuple[np.ndarray, np.ndarray]]
    forecast: pd.DataFrame
    forecast_sentence: str
    posterior_check: CheckSummary
    prior_check: CheckSummary
    fits: tuple[FitSummary, ...]
    provenance: dict[str, Any]
    sources: pd.DataFrame = field(default_factory=pd.DataFrame)
    grid: pd.DataFrame = field(default_factory=pd.DataFrame)
    power: pd.DataFrame = field(default_factory=pd.DataFrame)
    waves: pd.DataFrame = field(default_factory=pd.DataFrame)
    outcomes: pd.DataFrame = field(default_factory=pd.DataFrame)
    scenarios: pd.DataFrame = field(default_factory=pd.DataFrame)
    differences: dict[str, pd.DataFrame] = field(default_factory=dict)
    backtest: BacktestTables | None = None
    sizes: pd.DataFrame = field(default_factory=pd.DataFrame)
    swings: pd.DataFrame = field(default_factory=pd.DataFrame)
    prior_scales: Finding | None = None
    periods: Finding | None = None
    cut: Finding | None = None
    sensitivity: Finding | None = None

    def __post_init__(self) -> None:
        if not self.fits:
            raise ValueError("fits is empty; the first must be the full fit, H12 on all rows")
        if set(self.coefficients.dims) != {"chain", "draw", c.DIM_COEFFICIENT}:
            raise ValueError(f"coefficients has dims {', '.join(map(str, self.coefficients.dims))}"
                             f" (allowed: chain, draw, {c.DIM_COEFFICIENT})")

    @property
    def units(self) -> dict[str, str]:
        """Unit of every indicator."""
        return {str(name): str(unit) for name, unit in self.panel.indicators["unit"].items()}

    @property
    def full(self) -> FitSummary:
        """The full fit, H12 on all rows."""
        return self.fits[0]
