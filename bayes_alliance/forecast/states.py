r"""The five monthly series of the future months, draw by draw.

Each posterior sample is carried forward with the model's own recursion: with :math:`r` the unit
series of the last month, recovered from the states, and :math:`\varepsilon` new shocks,

.. math:: r_{t+1} = \phi r_t + \sqrt{q}\,\varepsilon_{t+1}

(plus a slope with the dynamics ``local_trend``), and threat, credibility and cohesion are put
together from them as in the model, with those who are in office then
(:mod:`bayes_alliance.forecast.offices`). What a scenario states of single months changes the
shocks, before anything is put together (:mod:`bayes_alliance.forecast.conditions`).

Invariant: the shocks drawn depend on the seed alone, so that scenarios with the same seed share
them draw by draw; nothing dated after the last month of the panel enters.
"""

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.forecast.conditions import add_shocks, condition, place_conditions
from bayes_alliance.forecast.offices import administration_now, draw_offices, governments_now
from bayes_alliance.inference import Fit
from bayes_alliance.model.predict import Samples, long_run_paths, steps
from bayes_alliance.spec.forecasting import ScenarioSpec
from bayes_alliance.tables import decay, finish_stock

__all__ = ["future_stocks", "project_states"]

_COHESION = 4
# Streams of the seed: innovations, changes of slopes.
_SHOCKS, _SLOPES = 29, 41


def project_states(fit: Fit, samples: Samples, scenario: ScenarioSpec, months: int,
                   seed: int) -> np.ndarray:
    """Carry the states forward.

    Parameters
    ----------
    fit : Fit
        A full fit.
    samples : Samples
        Its draws, thinned.
    scenario : ScenarioSpec
        What is taken for granted of the future.
    months : int
        How many.
    seed : int
        Of the innovations and of changes of office.

    Returns
    -------
    numpy.ndarray, shape (sample, series, month)
        Threat of both members, credibility of both, cohesion.

    Raises
    ------
    SpecError
        If the scenario states something of a month outside the forecast, or contradicts itself.
    """
    values, panel = samples.values, fit.panel
    stated, faults = place_conditions(scenario, fit.spec, panel.time[-1], months)
    if faults:
        raise SpecError(faults)
    laws = [steps(values[c.VAR_HALF_LIFE][:, which], kind)
            for which, kind in enumerate(fit.spec.model.dynamics.of_latents)]
    shocks = _shocks(fit, (samples.size, 5, months), np.random.default_rng([seed, _SHOCKS]))
    shocks = add_shocks(stated, shocks, values[c.VAR_CORRELATION])
    stocks = future_stocks(fit, scenario, months)
    drift = _drift(fit, samples, months, seed)
    offices = draw_offices(fit, samples, scenario, months, seed)
    events = _rows_of(stocks, panel.drivers, months)
    base = np.concatenate([values[c.VAR_DRIVER_LOADING] @ events, offices.administration], axis=1)
    base[:, 1::2] += values[c.VAR_LEVEL_SECOND][:, :, None]
    weights = _weights(samples)
    units = _last_units(fit, samples)

    def put_together() -> np.ndarray:
        unit = np.stack([_carry(last, *laws[s // 2], drift[:, s], shocks[:, s])
                         for s, last in enumerate(units.T)], axis=1)
        return base + np.einsum("xpmu,xput->xpmt", weights.reshape(-1, 2, 2, 2),
                                unit.reshape(-1, 2, 2, months)).reshape(base.shape)

    states = put_together()
    if stated.values:
        shocks = condition(stated, shocks, states, weights, laws, seed)
        states = put_together()
    long_run = _long_run(fit, samples, states,
                         _rows_of(stocks, panel.rivals, months),
                         offices.governments)
    if fit.spec.model.response == "adjustment":
        cohesion = _adjust(samples, long_run, *laws[2], shocks[:, _COHESION])
    else:
        error = samples.values[c.COHESION][:, -1] - _long_run_now(fit, samples)
        cohesion = long_run + _carry(error, *laws[2], drift[:, _COHESION], shocks[:, _COHESION])
    return np.concatenate([states, cohesion[:, None]], axis=1)


def future_stocks(fit: Fit, scenario: ScenarioSpec, months: int) -> dict[str, np.ndarray]:
    """Return finished stocks of drivers and rivals, each of shape (month,).

    Events come at the scenario's rates, or at the mean rate of the last
    ``forecast.rate_months`` months, spread evenly.
    """
    result = {}
    panel, recent = fit.panel, fit.spec.forecast.rate_months
    rates = {**scenario.driver_rates, **scenario.rival_rates}
    held = months if scenario.months is None else min(months, scenario.months)
    for name, spec in {**fit.spec.drivers, **fit.spec.rivals}.items():
        counts = np.full(months, float(panel.event_counts[name].to_numpy()[-recent:].mean()))
        if name in rates:
            counts[:held] = rates[name] / 12.0
        start = float(panel.raw_stocks[name].to_numpy()[-1])
        result[name] = finish_stock(decay(counts, spec.half_life, start), spec)
    return result


def _rows_of(stocks: dict[str, np.ndarray], series: pd.DataFrame, months: int) -> np.ndarray:
    """Return the stocks of a panel's series, shape (series, month); a model may have none."""
    found = np.zeros((len(series.columns), months))
    for at, name in enumerate(series.columns):
        found[at] = stocks[name]
    return found


def _shocks(fit: Fit, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if fit.spec.model.innovations == "normal":
        return rng.standard_normal(shape)
    df = fit.spec.priors.student_t_innovation_df
    return np.asarray(rng.standard_t(df, shape) * np.sqrt((df - 2.0) / df))


def _weights(samples: Samples) -> np.ndarray:
    """Return what each state has of its pair's two unit series, shape (sample, 4, 2)."""
    values = samples.values
    rho, spread = values[c.VAR_CORRELATION], values[c.VAR_SCALE_SECOND]
    result = np.zeros((samples.size, 4, 2))
    result[:, 0::2, 0] = 1.0
    result[:, 1::2, 0] = spread * rho
    result[:, 1::2, 1] = spread * np.sqrt(1.0 - rho**2)
    result[:, 2:] *= values[c.VAR_CREDIBILITY_SD][:, None, None]
    return result


def _last_units(fit: Fit, samples: Samples) -> np.ndarray:
    """Recover the unit series of the last month from the states, shape (sample, 4)."""
    values, panel = samples.values, fit.panel
    pushed = values[c.VAR_DRIVER_LOADING] @ panel.drivers.to_numpy(dtype=float)[-1]
    threat = values[c.THREAT][:, :, -1] - pushed
    now = administration_now(fit, samples)
    kappa = (values[c.CREDIBILITY][:, :, -1] - now) / values[c.VAR_CREDIBILITY_SD][:, None]
    level = values[c.VAR_LEVEL_SECOND].copy()
    level[:, 1] /= values[c.VAR_CREDIBILITY_SD]
    units = []
    for which, pair in enumerate((threat, kappa)):
        rho, spread = values[c.VAR_CORRELATION][:, which], values[c.VAR_SCALE_SECOND][:, which]
        first = pair[:, 0]
        second = ((pair[:, 1] - level[:, which]) / spread - rho * first) / np.sqrt(1.0 - rho**2)
        units += [first, second]
    return np.stack(units, axis=1)


def _drift(fit: Fit, samples: Samples, months: int, seed: int) -> np.ndarray:
    """Return what slopes add in each future month, shape (sample, series, month); 0 without."""
    result = np.zeros((samples.size, 5, months))
    labels = samples.labels.get(c.DIM_TREND, [])
    for which, label in enumerate(labels):
        series = fit.spec.series.index(label)
        change = np.random.default_rng([seed, _SLOPES, series]).standard_normal(
            (samples.size, months - 1)).cumsum(axis=1)
        result[:, series] = samples.values[c.VAR_SLOPE][:, which, -1:]
        result[:, series, 1:] += samples.values[c.VAR_TREND_SD][:, None] * change
    return result


def _carry(last: np.ndarray, phi: np.ndarray, scale: np.ndarray, drift: np.ndarray,
           shocks: np.ndarray) -> np.ndarray:
    """Return a series after its last month, shape (sample, month)."""
    result = np.empty_like(shocks)
    before = last
    for t in range(shocks.shape[1]):
        before = phi * before + drift[:, t] + scale * shocks[:, t]
        result[:, t] = before
    return result


def _adjust(samples: Samples, long_run: np.ndarray, phi: np.ndarray, scale: np.ndarray,
            shocks: np.ndarray) -> np.ndarray:
    """Return cohesion on its way to its long-run level, shape (sample, month)."""
    drawn_to = (1.0 - phi[:, None]) * long_run
    return _carry(samples.values[c.COHESION][:, -1], phi, scale, drawn_to, shocks)


def _long_run(fit: Fit, samples: Samples, states: np.ndarray, stock: np.ndarray,
              government: np.ndarray) -> np.ndarray:
    """Return the level cohesion tends to, shape (sample, month).

    Parameters
    ----------
    states : numpy.ndarray, shape (sample, 4, month)
        Threat and credibility of both members.
    stock : numpy.ndarray, shape (rival, month)
        Trigger stocks.
    government : numpy.ndarray, shape (sample, month)
        Effects of the governments in office.
    """
    values = samples.values
    chosen = fit.spec.hypotheses[fit.hypothesis]
    coefficient = values[c.VAR_COEFFICIENT]
    level = np.zeros_like(states[:, 0])
    for which, path in enumerate(c.PATHS):
        if path in chosen.paths:
            mean, gap = long_run_paths(states[:, 2 * which], states[:, 2 * which + 1])
            level += (coefficient[:, 2 * which, None] * mean
                      + coefficient[:, 2 * which + 1, None] * gap)
    if chosen.rivals:
        level += values[c.VAR_RIVAL_EFFECT] @ stock + government
    return level


def _long_run_now(fit: Fit, samples: Samples) -> np.ndarray:
    """Return the long-run level of the panel's last month, shape (sample,)."""
    last = np.concatenate([samples.values[c.THREAT], samples.values[c.CREDIBILITY]],
                          axis=1)[:, :, -1:]
    stock = fit.panel.rivals.to_numpy(dtype=float)[-1:].T
    return _long_run(fit, samples, last, stock, governments_now(fit, samples)[:, None])[:, 0]
