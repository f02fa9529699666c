r"""Forecast the states and every indicator, "as now".

Parameters, states and innovations are all drawn: each posterior sample is carried forward with
new innovations from the model's own recursion.

Invariant: nothing dated after the last month of the panel enters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.inference import Fit
from bayes_alliance.model.design import build_design
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.model.predict import Samples, flatten, own_unit, row_predictor
from bayes_alliance.spec import FAMILIES
from bayes_alliance.tables import decay, finish_stock

__all__ = ["AS_NOW", "Forecast", "forecast"]

AS_NOW = "as_now"
_LEVELS = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True)
class Forecast:
    """Predictive draws and their quantiles.

    Attributes
    ----------
    table : pandas.DataFrame
        ``scenario``, ``target``, ``time``, ``q05``, ``q25``, ``q50``, ``q75``, ``q95``; a target
        is ``cohesion``, ``<latent>_<member>`` or an indicator, the latter in its own unit.
    data : xarray.Dataset
        Draws of every target, dims ``sample``, ``time_future``.
    sentence : str
        What is expected of cohesion.
    """

    table: pd.DataFrame
    data: xr.Dataset
    sentence: str

    def plot(self, target: str = c.COHESION) -> Any:
        """Draw one target's fan; see :func:`bayes_alliance.plotting.plot_fan`."""
        from importlib import import_module

        return import_module("bayes_alliance.plotting").plot_fan(self.table, target)


def forecast(fit: Fit, horizon: int | None = None, *, scenario: str = AS_NOW, seed: int = 1,
             most: int = 2000) -> Forecast:
    """Forecast cohesion, its drivers and every indicator.

    Parameters
    ----------
    fit : Fit
        A full fit.
    horizon : int, optional
        Months ahead, 1 to 60; the model file's by default.
    scenario : {"as_now"}
        Governments and the US administration stay in office; events of every driver and trigger
        go on at their mean monthly rate of the last ``forecast.rate_months`` months; covariates
        stay at their last value. Polls are forecast for every month, as if fielded then, with
        the sample size of their last row.
    seed : int
        Seed of the innovations.
    most : int
        Number of posterior samples carried forward.

    Raises
    ------
    NotFittedError
        If the fit held rows out.
    ValueError
        If the horizon or the scenario is unknown.
    """
    settings = fit.spec.forecast
    months = settings.horizon if horizon is None else horizon
    if not 1 <= months <= 60:
        raise ValueError(f"horizon is {months}; allowed are 1 to 60 months")
    if scenario != AS_NOW:
        raise ValueError(f"unknown scenario {scenario!r} (allowed: {AS_NOW})")
    if fit.left_out:
        raise NotFittedError(f"this fit held out the rows of {fit.left_out}; forecast from a "
                             "full fit")
    rng = np.random.default_rng([seed, 29])
    samples = flatten(fit.posterior, most)
    states = _project_states(fit, samples, months, rng)
    future = pd.period_range(fit.panel.time[-1] + 1, periods=months, freq="M")
    series = list(fit.spec.series)
    targets = {c.COHESION: states[:, 4]}
    targets.update({name: states[:, position] for position, name in enumerate(series[:4])})
    targets.update(_project_indicators(fit, samples, states, future, rng))
    rows = []
    for name, draws in targets.items():
        bands = np.quantile(draws, list(_LEVELS.values()), axis=0)
        rows.append(pd.DataFrame({
            "scenario": scenario, "target": name, "time": [str(month) for month in future],
            **dict(zip(_LEVELS, bands, strict=True))}))
    table = pd.concat(rows, ignore_index=True)
    labels = [str(month) for month in future]
    data = xr.Dataset({name: (("sample", c.DIM_TIME_FUTURE), draws)
                       for name, draws in targets.items()},
                      coords={c.DIM_TIME_FUTURE: labels})
    now = samples.values[c.COHESION][:, -1]
    lower = float((states[:, 4, -1] < now).mean())
    sentence = (f"{labels[-1]}, as now: cohesion is lower than in {fit.panel.time[-1]} with "
                f"probability {lower:.2f}; median {np.median(states[:, 4, -1]):+.2f} after "
                f"{np.median(now):+.2f}.")
    return Forecast(table, data, sentence)


def _shocks(fit: Fit, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if fit.spec.model.innovations == "normal":
        return rng.standard_normal(shape)
    df = fit.spec.priors.student_t_innovation_df
    return np.asarray(rng.standard_t(df, shape) * np.sqrt((df - 2.0) / df))


def _future_stocks(fit: Fit, months: int) -> dict[str, np.ndarray]:
    """Return finished stocks with events at their recent mean rate, shape (month,)."""
    result = {}
    panel, recent = fit.panel, fit.spec.forecast.rate_months
    for name, spec in {**fit.spec.drivers, **fit.spec.rivals}.items():
        rate = float(panel.event_counts[name].to_numpy()[-recent:].mean())
        start = float(panel.raw_stocks[name].to_numpy()[-1])
        result[name] = finish_stock(decay(np.full(months, rate), spec.half_life, start), spec)
    return result


def _project_states(fit: Fit, samples: Samples, months: int,
                    rng: np.random.Generator) -> np.ndarray:
    """Return the five series of the future months, shape (sample, series, month)."""
    values = samples.values
    phi = np.exp(-np.log(2.0) / values[c.VAR_HALF_LIFE])
    scale = np.sqrt(1.0 - phi**2)
    shocks = _shocks(fit, (samples.size, 5, months), rng)
    stocks = _future_stocks(fit, months)
    panel = fit.panel
    unit_last = _last_units(fit, samples)
    unit = np.empty((samples.size, 4, months))
    before = unit_last
    pair = np.array([0, 0, 1, 1])
    for t in range(months):
        before = phi[:, pair] * before + scale[:, pair] * shocks[:, :4, t]
        unit[:, :, t] = before
    result = np.empty((samples.size, 5, months))
    events = np.stack([stocks[name] for name in panel.drivers.columns])
    pushed = values[c.VAR_DRIVER_LOADING] @ events
    constant = _administration_now(fit, samples)
    size = values[c.VAR_CREDIBILITY_SD][:, None]
    for which in (0, 1):
        rho = values[c.VAR_CORRELATION][:, which, None]
        level = values[c.VAR_LEVEL_SECOND][:, which, None]
        spread = values[c.VAR_SCALE_SECOND][:, which, None]
        first, second = unit[:, 2 * which], unit[:, 2 * which + 1]
        mixed = spread * (rho * first + np.sqrt(1.0 - rho**2) * second)
        if which == 0:
            result[:, 0] = first + pushed[:, 0]
            result[:, 1] = level + mixed + pushed[:, 1]
        else:
            result[:, 2] = constant[:, 0, None] + size * first
            result[:, 3] = level + constant[:, 1, None] + size * mixed
    result[:, 4] = _project_cohesion(fit, samples, result, stocks, phi[:, 2], scale[:, 2],
                                     shocks[:, 4])
    return result


def _last_units(fit: Fit, samples: Samples) -> np.ndarray:
    """Recover the unit series of the last month from the states, shape (sample, 4)."""
    values, panel = samples.values, fit.panel
    pushed = values[c.VAR_DRIVER_LOADING] @ panel.drivers.to_numpy(dtype=float)[-1]
    threat = values[c.THREAT][:, :, -1] - pushed
    kappa = ((values[c.CREDIBILITY][:, :, -1] - _administration_now(fit, samples))
             / values[c.VAR_CREDIBILITY_SD][:, None])
    level = values[c.VAR_LEVEL_SECOND].copy()
    level[:, 1] /= values[c.VAR_CREDIBILITY_SD]
    units = []
    for which, pair in enumerate((threat, kappa)):
        rho, spread = values[c.VAR_CORRELATION][:, which], values[c.VAR_SCALE_SECOND][:, which]
        first = pair[:, 0]
        second = ((pair[:, 1] - level[:, which]) / spread - rho * first) / np.sqrt(1.0 - rho**2)
        units += [first, second]
    return np.stack(units, axis=1)


def _administration_now(fit: Fit, samples: Samples) -> np.ndarray:
    """Return effect and deviation of the administration in office, shape (sample, member)."""
    label = fit.panel.governments[fit.panel.patron].iloc[-1]
    position = samples.labels[c.DIM_ADMINISTRATION].index(label)
    effect = samples.values[c.VAR_ADMINISTRATION_EFFECT][:, position]
    return np.asarray(effect[:, None]
                      + samples.values[c.VAR_ADMINISTRATION_DEVIATION][:, :, position])


def _project_cohesion(fit: Fit, samples: Samples, states: np.ndarray,
                      stocks: dict[str, np.ndarray], phi: np.ndarray, scale: np.ndarray,
                      shocks: np.ndarray) -> np.ndarray:
    values, panel = samples.values, fit.panel
    stock = np.stack([stocks[name] for name in panel.rivals.columns])
    long_run = _long_run(fit, samples, states[:, :4], stock)
    result = np.empty_like(long_run)
    if fit.spec.model.response == "adjustment":
        before = values[c.COHESION][:, -1]
        for t in range(result.shape[1]):
            before = phi * before + (1.0 - phi) * long_run[:, t] + scale * shocks[:, t]
            result[:, t] = before
        return result
    last = values[c.COHESION][:, -1] - _long_run_now(fit, samples)
    for t in range(result.shape[1]):
        last = phi * last + scale * shocks[:, t]
        result[:, t] = long_run[:, t] + last
    return result


def _long_run(fit: Fit, samples: Samples, states: np.ndarray, stock: np.ndarray) -> np.ndarray:
    """Return the level cohesion tends to under the governments now in office.

    Parameters
    ----------
    states : numpy.ndarray, shape (sample, 4, month)
        Threat and credibility of both members.
    stock : numpy.ndarray, shape (rival, month)
        Trigger stocks.
    """
    values, panel = samples.values, fit.panel
    chosen = fit.spec.hypotheses[fit.hypothesis]
    coefficient = values[c.VAR_COEFFICIENT]
    level = np.zeros_like(states[:, 0])
    for which, path in enumerate(c.PATHS):
        if path in chosen.paths:
            first, second = states[:, 2 * which], states[:, 2 * which + 1]
            gap = np.sqrt((first - second) ** 2 + c.SOFTABS_WIDTH**2) - c.SOFTABS_WIDTH
            level += (coefficient[:, 2 * which, None] * (first + second) / 2
                      - coefficient[:, 2 * which + 1, None] * gap / 2)
    if chosen.rivals:
        level += values[c.VAR_RIVAL_EFFECT] @ stock
        labels = samples.labels[c.DIM_GOVERNMENT]
        for member in panel.members:
            now = labels.index(f"{member}:{panel.governments[member].iloc[-1]}")
            level += values[c.VAR_GOVERNMENT_EFFECT][:, now, None]
    return level


def _long_run_now(fit: Fit, samples: Samples) -> np.ndarray:
    """Return the long-run level of the panel's last month, shape (sample,)."""
    last = np.concatenate([samples.values[c.THREAT], samples.values[c.CREDIBILITY]],
                          axis=1)[:, :, -1:]
    stock = fit.panel.rivals.to_numpy(dtype=float)[-1:].T
    return _long_run(fit, samples, last, stock)[:, 0]


def _project_indicators(fit: Fit, samples: Samples, states: np.ndarray, future: pd.PeriodIndex,
                        rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return predictive draws of every indicator in its own unit, shape (sample, month)."""
    values, panel = samples.values, fit.panel
    series = {name: position for position, name in enumerate(fit.spec.series)}
    names = samples.labels[c.DIM_INDICATOR]
    residuals = _last_residuals(fit, samples)
    result = {}
    for position, name in enumerate(names):
        about = panel.indicators.loc[name]
        latent = about["latent"]
        key = c.COHESION if latent == c.COHESION else f"{latent}_{about['member']}"
        mu = (values[c.VAR_INTERCEPT][:, position, None] + about["orientation"]
              * values[c.VAR_LOADING][:, position, None] * states[:, series[key]])
        mu = mu + _future_nuisance(fit, samples, name, future, rng)
        noise = np.repeat(values[c.VAR_NOISE][:, position, None], len(future), axis=1)
        if name in residuals:
            last, half_life, gap = residuals[name]
            ahead = gap + np.arange(1, len(future) + 1)
            kept = np.exp(-np.log(2.0) * ahead / half_life[:, None])
            mu = mu + kept * last[:, None]
            noise = noise * np.sqrt(1.0 - kept**2)
        rows = panel.rows[panel.rows["indicator"] == name]
        size = float(rows["n"].iloc[-1])
        n = np.full(mu.shape, size)
        y = LIKELIHOODS[about["family"]].random(rng, mu, noise, n,
                                                fit.spec.priors.student_t_noise_df)
        result[name] = own_unit(y, about, n if FAMILIES[about["family"]].needs_n else 1.0)
    return result


def _last_residuals(fit: Fit, samples: Samples) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Return the last own error of every monthly series, its half-life and its age in months."""
    if c.VAR_OWN_HALF_LIFE not in samples.values:
        return {}
    design = build_design(fit.spec, fit.panel, fit.hypothesis)
    residual = design.data["y"] - row_predictor(samples, design)
    found = {}
    for position, name in enumerate(samples.labels[c.DIM_OWN_ERROR]):
        at = int(np.flatnonzero(design.rows["indicator"].to_numpy() == name)[-1])
        row = design.rows.iloc[at]
        age = len(fit.panel.time) - 1 - (row["start_month"] + row["end_month"]) / 2
        found[name] = (residual[:, at], samples.values[c.VAR_OWN_HALF_LIFE][:, position],
                       float(age))
    return found


def _future_nuisance(fit: Fit, samples: Samples, name: str, future: pd.PeriodIndex,
                     rng: np.random.Generator) -> np.ndarray:
    """Return season, covariates at their last value, last survey mode and new wave errors."""
    values, labels = samples.values, samples.labels
    about = fit.panel.indicators.loc[name]
    total = np.zeros((samples.size, len(future)))
    if about["season"]:
        which = labels[c.DIM_SEASONAL].index(name)
        total += values[c.VAR_SEASON][:, which][:, [month.month - 1 for month in future]]
    for covariate in about["covariates"]:
        which = labels[c.DIM_COVARIATE].index(f"{name}:{covariate}")
        last = float(fit.panel.covariates[covariate].dropna().iloc[-1])
        total += values[c.VAR_COVARIATE_EFFECT][:, which, None] * last
    if about["mode_changes"]:
        label = f"{name}:{about['mode_changes'][-1][1]}"
        if label in labels.get(c.DIM_OFFSET, []):
            total += values[c.VAR_MODE_OFFSET][:, labels[c.DIM_OFFSET].index(label), None]
    rows = fit.panel.rows[fit.panel.rows["indicator"] == name]
    if not FAMILIES[about["family"]].has_noise:
        which = labels[c.DIM_INDICATOR].index(name)
        total += values[c.VAR_NOISE][:, which, None] * rng.standard_normal(total.shape)
    elif c.VAR_WAVE_SD in values and (rows["wave"] != "").any():
        total += values[c.VAR_WAVE_SD][:, None] * rng.standard_normal(total.shape)
    return total
