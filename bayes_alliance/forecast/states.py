r"""The five monthly series of the future months, draw by draw.

Each posterior sample is carried forward with the model's own recursion: with :math:`r` the unit
series of the last month, recovered from the states, and :math:`\varepsilon` new shocks,

.. math:: r_{t+1} = \phi r_t + \sqrt{q}\,\varepsilon_{t+1}

(plus a slope with the dynamics ``local_trend``), and threat, credibility and cohesion are put
together from them as in the model.

Invariant: the shocks depend on the seed alone, so that scenarios with the same seed share them
draw by draw; nothing dated after the last month of the panel enters.
"""

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit
from bayes_alliance.model.predict import Samples, long_run_paths, steps
from bayes_alliance.spec.schema import UNKNOWN_GOVERNMENT, ScenarioSpec
from bayes_alliance.tables import decay, finish_stock

__all__ = ["future_stocks", "project_states"]

_COHESION = 4
# Streams of the seed: innovations, effects of governments nobody has seen, changes of slopes.
_SHOCKS, _GOVERNMENTS, _SLOPES = 29, 31, 37


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
        Of the innovations and of new governments.

    Returns
    -------
    numpy.ndarray, shape (sample, series, month)
        Threat of both members, credibility of both, cohesion.
    """
    values, panel = samples.values, fit.panel
    laws = [steps(values[c.VAR_HALF_LIFE][:, which], kind)
            for which, kind in enumerate(fit.spec.model.dynamics.of_latents)]
    shocks = _shocks(fit, (samples.size, 5, months), np.random.default_rng([seed, _SHOCKS]))
    stocks = future_stocks(fit, scenario, months)
    drift = _drift(fit, samples, months, seed)
    unit = np.stack([_carry(last, *laws[s // 2], drift[:, s], shocks[:, s])
                     for s, last in enumerate(_last_units(fit, samples).T)], axis=1)
    events = np.stack([stocks[name] for name in panel.drivers.columns])
    pushed = values[c.VAR_DRIVER_LOADING] @ events
    in_office = scenario.administration or _last_label(fit, panel.patron)
    constant = _administration(samples, in_office)
    size = values[c.VAR_CREDIBILITY_SD][:, None]
    result = np.empty((samples.size, 5, months))
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
    long_run = _long_run(fit, samples, result[:, :4],
                         np.stack([stocks[name] for name in panel.rivals.columns]),
                         _government_effects(fit, samples, scenario, seed))
    if fit.spec.model.response == "adjustment":
        result[:, _COHESION] = _adjust(samples, long_run, *laws[2], shocks[:, _COHESION])
    else:
        error = samples.values[c.COHESION][:, -1] - _long_run_now(fit, samples)
        result[:, _COHESION] = long_run + _carry(error, *laws[2], drift[:, _COHESION],
                                                 shocks[:, _COHESION])
    return result


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


def _shocks(fit: Fit, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if fit.spec.model.innovations == "normal":
        return rng.standard_normal(shape)
    df = fit.spec.priors.student_t_innovation_df
    return np.asarray(rng.standard_t(df, shape) * np.sqrt((df - 2.0) / df))


def _last_label(fit: Fit, country: str) -> str:
    """Return the government in office in the panel's last month."""
    return str(fit.panel.governments[country].iloc[-1])


def _administration(samples: Samples, label: str) -> np.ndarray:
    """Return effect and deviations of an administration, shape (sample, member)."""
    position = samples.labels[c.DIM_ADMINISTRATION].index(label)
    effect = samples.values[c.VAR_ADMINISTRATION_EFFECT][:, position]
    return np.asarray(effect[:, None]
                      + samples.values[c.VAR_ADMINISTRATION_DEVIATION][:, :, position])


def _last_units(fit: Fit, samples: Samples) -> np.ndarray:
    """Recover the unit series of the last month from the states, shape (sample, 4)."""
    values, panel = samples.values, fit.panel
    pushed = values[c.VAR_DRIVER_LOADING] @ panel.drivers.to_numpy(dtype=float)[-1]
    threat = values[c.THREAT][:, :, -1] - pushed
    now = _administration(samples, _last_label(fit, panel.patron))
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


def _government_effects(fit: Fit, samples: Samples, scenario: ScenarioSpec,
                        seed: int) -> np.ndarray:
    """Return the sum of both members' government effects, shape (sample,)."""
    values, labels = samples.values, samples.labels[c.DIM_GOVERNMENT]
    total = np.zeros(samples.size)
    for side, member in enumerate(fit.panel.members):
        label = scenario.governments.get(member, _last_label(fit, member))
        if label == UNKNOWN_GOVERNMENT:
            drawn = np.random.default_rng([seed, _GOVERNMENTS, side]).standard_normal(samples.size)
            total += values[c.VAR_GOVERNMENT_SD] * drawn
        else:
            total += values[c.VAR_GOVERNMENT_EFFECT][:, labels.index(f"{member}:{label}")]
    return total


def _long_run(fit: Fit, samples: Samples, states: np.ndarray, stock: np.ndarray,
              government: np.ndarray) -> np.ndarray:
    """Return the level cohesion tends to, shape (sample, month).

    Parameters
    ----------
    states : numpy.ndarray, shape (sample, 4, month)
        Threat and credibility of both members.
    stock : numpy.ndarray, shape (rival, month)
        Trigger stocks.
    government : numpy.ndarray, shape (sample,)
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
        level += values[c.VAR_RIVAL_EFFECT] @ stock + government[:, None]
    return level


def _long_run_now(fit: Fit, samples: Samples) -> np.ndarray:
    """Return the long-run level of the panel's last month, shape (sample,)."""
    last = np.concatenate([samples.values[c.THREAT], samples.values[c.CREDIBILITY]],
                          axis=1)[:, :, -1:]
    stock = fit.panel.rivals.to_numpy(dtype=float)[-1:].T
    now = _government_effects(fit, samples, ScenarioSpec(title="as now"), 0)
    return _long_run(fit, samples, last, stock, now)[:, 0]
