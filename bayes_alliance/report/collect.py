"""From fits to what a report is made of.

Invariant: this is the one module of the report that knows a fit; everything to its right sees
tables and labelled draws only.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.checks import (
    CheckResult,
    main_parameters,
    posterior_predictive,
    power_scaling,
    prior_predictive,
)
from bayes_alliance.checks.sensitivity import Sensitivity
from bayes_alliance.forecast import AS_NOW, combine_forecasts, forecast
from bayes_alliance.hypotheses import (
    agreeing,
    compare_episodes,
    cut_drivers,
    effect_sizes,
    effects_by_administration,
    judge,
    leave_episode_out,
    leave_future_out,
    over_prior_scales,
    rank_swings,
    readings,
    together,
    whole_period,
)
from bayes_alliance.hypotheses.cut import Cut
from bayes_alliance.hypotheses.periods import Periods
from bayes_alliance.hypotheses.prior_scales import PriorScales
from bayes_alliance.hypotheses.windows import ENDS
from bayes_alliance.inference import FULL_GATE, LEAVE_OUT_GATE, Fit, Gate
from bayes_alliance.power import shares_of
from bayes_alliance.report.beside import Beside
from bayes_alliance.report.inputs import CheckSummary, Finding, FitSummary, ReportInputs

__all__ = ["collect", "monthly_bands", "monthly_gaps"]

_LEVELS: Final = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


def collect(full: Fit, reference: Fit, without: dict[str, Fit],
            ends: dict[str, tuple[Fit, Fit]], prior: Fit, *, seed: int,
            sources: pd.DataFrame | None = None,
            beside: Beside | None = None,
            forecasters: Mapping[str, Fit] | None = None) -> ReportInputs:
    """Compute every result of the report from its fits.

    Parameters
    ----------
    full, reference : Fit
        H12 and HX on all rows.
    without : dict of str to Fit
        H12 without each episode's cohesion rows.
    ends : dict of str to (Fit, Fit)
        H12 up to the start and up to the end of each episode's window.
    prior : Fit
        Draws from the prior.
    seed : int
        Seed of predictive draws and of the forecast.
    sources : pandas.DataFrame, optional
        The dataset's table of sources.
    beside : Beside, optional
        What was computed before and is taken up.
    forecasters : mapping of str to Fit, optional
        By hypothesis, what forecasts with the weights that ``beside`` gives; H12 by default.

    Returns
    -------
    ReportInputs
    """
    spec, beside = full.spec, beside or Beside()
    episodes = compare_episodes(reference, full).table
    evidence = together(leave_episode_out(full, without, beside.absolute), leave_future_out(ends),
                        whole_period(full)).table
    shares = None if beside.grid is None else agreeing(beside.grid)
    who = forecasters or {"H12": full}
    ahead, *rest = (combine_forecasts({name: forecast(fit, seed=seed, scenario=scenario)
                                       for name, fit in who.items()}, beside.weights)
                    for scenario in (AS_NOW, *spec.scenarios))
    others = dict(zip(spec.scenarios, rest, strict=True))
    return ReportInputs(
        spec=spec, panel=full.panel, states=monthly_bands(full), gaps=monthly_gaps(full),
        episodes=episodes, evidence=evidence,
        verdicts=judge(spec, episodes, evidence, shares).table,
        readings=readings(full), coefficients=full.posterior[c.VAR_COEFFICIENT],
        parameters=main_parameters(prior, full), forecast=ahead.table,
        forecast_sentence=ahead.sentence, waves=ahead.waves,
        scenarios=pd.concat([pd.DataFrame(), *(one.table for one in others.values())],
                            ignore_index=True),
        differences={name: one.minus(ahead).table for name, one in others.items()},
        outcomes=pd.concat([ahead.outcomes, *(one.outcomes for one in others.values())],
                           ignore_index=True),
        posterior_check=_check(posterior_predictive(full, seed=seed)),
        prior_check=_check(prior_predictive(prior, seed=seed)),
        fits=(_summary("H12", full, FULL_GATE, with_table=True),
              _summary("HX", reference, FULL_GATE),
              *(_summary(f"{name}, for the forecast", fit, FULL_GATE)
                for name, fit in who.items() if name not in ("H12", "HX")),
              *(_summary(f"H12 without {name}", fit, LEAVE_OUT_GATE)
                for name, fit in without.items()),
              *(_summary(f"H12 up to the {end} of {name}", fit, LEAVE_OUT_GATE)
                for name, pair in ends.items() for end, fit in zip(ENDS, pair, strict=True)),
              _summary("prior", prior, None)),
        provenance=full.provenance,
        sources=sources if sources is not None else pd.DataFrame(),
        grid=beside.grid if beside.grid is not None else pd.DataFrame(),
        backtest=beside.backtest,
        power=shares_of(beside.power, spec.verdict) if beside.power is not None else pd.DataFrame(),
        sizes=effect_sizes(full).table, swings=rank_swings(full).table,
        prior_scales=_finding(over_prior_scales(full, reference)),
        periods=_finding(effects_by_administration(full)),
        cut=_finding(cut_drivers(full, reference)), sensitivity=_finding(power_scaling(full)))


def _finding(result: Cut | Periods | PriorScales | Sensitivity) -> Finding:
    return Finding(result.table, result.sentence)


def _check(result: CheckResult) -> CheckSummary:
    return CheckSummary(result.passed, result.table, result.text)


def _summary(name: str, fit: Fit, gate: Gate | None, *, with_table: bool = False) -> FitSummary:
    found = fit.diagnostics
    return FitSummary(name=name, summary=found.summary(),
                      gate=asdict(gate) if gate is not None else {}, passed=found.passed,
                      failures=found.failures,
                      table=found.table if with_table else pd.DataFrame())


def monthly_bands(fit: Fit) -> pd.DataFrame:
    """Return the monthly states with the quarter points added.

    Returns
    -------
    pandas.DataFrame
        Columns of ``Fit.states`` with ``q25`` and ``q75``.
    """
    frames = []
    for latent in c.LATENTS:
        array = fit.posterior[latent]
        if latent == c.COHESION:
            array = array.expand_dims({c.DIM_MEMBER: [fit.panel.dyad]})
        for member in array[c.DIM_MEMBER].to_numpy():
            draws = array.sel({c.DIM_MEMBER: member}).transpose("chain", "draw", c.DIM_TIME)
            values = draws.to_numpy().astype(float).reshape(-1, draws.sizes[c.DIM_TIME])
            frame = _quantiles(fit, values)
            frame.insert(0, "latent", latent)
            frame.insert(1, "member", str(member))
            frame.insert(3, "mean", values.mean(axis=0))
            frame.insert(4, "sd", values.std(axis=0, ddof=1))
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def monthly_gaps(fit: Fit) -> pd.DataFrame:
    """Return the first member's state less the second's, month by month.

    Returns
    -------
    pandas.DataFrame
        ``latent``, ``time``, ``q05``, ``q25``, ``q50``, ``q75``, ``q95`` for threat and
        credibility. The sign is kept: the figure shows whose state is higher.
    """
    frames = []
    for latent in c.PATHS:
        draws = fit.posterior[latent].transpose(c.DIM_MEMBER, "chain", "draw", c.DIM_TIME)
        values = draws.to_numpy().astype(float)
        difference = (values[0] - values[1]).reshape(-1, values.shape[-1])
        frame = _quantiles(fit, difference)
        frame.insert(0, "latent", latent)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _quantiles(fit: Fit, values: np.ndarray) -> pd.DataFrame:
    bands = np.quantile(values, list(_LEVELS.values()), axis=0)
    return pd.DataFrame({"time": [str(month) for month in fit.panel.time],
                         **dict(zip(_LEVELS, bands, strict=True))})
