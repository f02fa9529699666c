"""What a posterior says about rows of indicators: predictors and predictive draws, in NumPy.

Invariant: prediction uses the same index arrays and families as the likelihood, but none of its
graph, so that it needs no compilation and can be checked against it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.model.design import Design
from bayes_alliance.model.layout import WITHOUT_NOISE
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.spec import FAMILIES, TRANSFORMS, ModelSpec

__all__ = ["Samples", "draw_rows", "flatten", "log_likelihood", "long_run_paths", "own_unit",
           "row_predictor", "series_states", "softabs", "steps", "trend"]


@dataclass(frozen=True)
class Samples:
    """Posterior draws with chains joined.

    Attributes
    ----------
    values : dict of str to numpy.ndarray
        Each variable, shape (sample, ...).
    labels : dict of str to list of str
        Labels of every dimension.
    size : int
        Number of samples.
    """

    values: dict[str, np.ndarray]
    labels: dict[str, list[str]]
    size: int


def flatten(posterior: xr.Dataset, most: int | None = None) -> Samples:
    """Join chains, and thin evenly to at most ``most`` samples."""
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    total = chains * draws
    keep = np.arange(total)
    if most is not None and total > most:
        keep = np.linspace(0, total - 1, most).round().astype(int)
    values = {}
    for name in posterior.data_vars:
        array = posterior[name].transpose("chain", "draw", ...).to_numpy()
        values[str(name)] = array.reshape(total, *array.shape[2:])[keep].astype(float)
    labels = {str(dim): [str(label) for label in posterior[dim].to_numpy()]
              for dim in posterior.dims if dim not in ("chain", "draw")}
    return Samples(values, labels, len(keep))


def steps(half_life: np.ndarray, dynamics: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a series' monthly persistence and the sd of its shocks, shapes of ``half_life``.

    Parameters
    ----------
    half_life : numpy.ndarray
        In months.
    dynamics : {"ar1", "random_walk", "local_trend"}
        See :mod:`bayes_alliance.model.series`.
    """
    rate = np.log(2.0) / np.asarray(half_life, dtype=float)
    phi = np.exp(-rate) if dynamics == "ar1" else np.ones_like(rate)
    return phi, np.sqrt(-np.expm1(-2.0 * rate))


def trend(slope: np.ndarray) -> np.ndarray:
    """Return what slopes have added up to before each month; time is the last axis."""
    return np.cumsum(slope, axis=-1) - slope


def softabs(value: np.ndarray) -> np.ndarray:
    """Return the smooth absolute value of the model's gaps."""
    return np.asarray(np.sqrt(value**2 + c.SOFTABS_WIDTH**2) - c.SOFTABS_WIDTH)


def long_run_paths(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a path's two coefficients multiply, from the members' states."""
    return (first + second) / 2, -softabs(first - second) / 2


def series_states(samples: Samples) -> np.ndarray:
    """Return the five monthly series, shape (sample, series, time)."""
    return np.concatenate([samples.values[c.THREAT], samples.values[c.CREDIBILITY],
                           samples.values[c.COHESION][:, None, :]], axis=1)


def row_predictor(samples: Samples, design: Design, *, waves: bool = True) -> np.ndarray:
    """Return the linear predictor of every design row, shape (sample, row).

    ``waves`` says whether fitted wave errors enter; without them a row stands for a new wave.
    """
    data, values = design.data, samples.values
    states = series_states(samples)
    total = np.concatenate([np.zeros((*states.shape[:2], 1)), states.cumsum(axis=2)], axis=2)
    series = data["row_series"]
    mean = (total[:, series, data["stop"]] - total[:, series, data["first"]])
    mean = mean / (data["stop"] - data["first"])
    position = data["row_indicator"]
    predictor = (values[c.VAR_INTERCEPT][:, position]
                 + data["oriented"] * values[c.VAR_LOADING][:, position] * mean)
    if c.VAR_SEASON in values:
        cells = values[c.VAR_SEASON].reshape(samples.size, -1)
        predictor += _padded(cells)[:, data["season_cell"]]
    if c.VAR_COVARIATE_EFFECT in values:
        predictor += values[c.VAR_COVARIATE_EFFECT] @ data["covariate_design"].T
    if c.VAR_MODE_OFFSET in values:
        predictor += _padded(values[c.VAR_MODE_OFFSET])[:, data["offset_cell"]]
    if waves and c.VAR_WAVE_ERROR in values:
        predictor += _padded(values[c.VAR_WAVE_ERROR])[:, data["wave_cell"]]
    return np.asarray(predictor)


def _padded(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(values), 1)), values], axis=1)


def draw_rows(samples: Samples, design: Design, spec: ModelSpec,
              rng: np.random.Generator) -> np.ndarray:
    """Draw replicated observations of every design row, shape (sample, row).

    A monthly series is predicted one step ahead, from the row before it, as it was fitted; a
    poll is predicted for a new wave.
    """
    predictor = row_predictor(samples, design, waves=False)
    fitted = row_predictor(samples, design)
    noise = samples.values[c.VAR_NOISE][:, design.data["row_indicator"]].copy()
    predictor = predictor + _new_wave_errors(samples, design, rng)
    rows = design.rows
    owned = rows["own_error"].to_numpy()
    if owned.any():
        half_life = samples.values[c.VAR_OWN_HALF_LIFE]
        own = {name: i for i, name in enumerate(samples.labels[c.DIM_OWN_ERROR])}
        index = [own.get(name, 0) for name in rows["indicator"]]
        decay = design.data["has_previous"] * np.exp(
            -np.log(2.0) * design.data["gap"] / half_life[:, index])
        residual = design.data["y"] - fitted
        predictor = predictor + decay * residual[:, design.data["previous_row"]]
        noise = noise * np.sqrt(1.0 - decay**2)
    result = np.empty_like(predictor)
    df = spec.priors.student_t_noise_df
    for family, block in design.blocks.items():
        result[:, block] = LIKELIHOODS[family].random(
            rng, predictor[:, block], noise[:, block],
            np.broadcast_to(design.data["n"][block], predictor[:, block].shape), df)
    return result


def log_likelihood(samples: Samples, design: Design, spec: ModelSpec) -> np.ndarray:
    """Return the log density of all used rows, given states, waves and logits, shape (sample,)."""
    data, values = design.data, samples.values
    mu = row_predictor(samples, design)
    noise = values[c.VAR_NOISE][:, data["row_indicator"]]
    if design.coords[c.DIM_OWN_ERROR]:
        own = {name: i for i, name in enumerate(design.coords[c.DIM_OWN_ERROR])}
        index = [own.get(name, 0) for name in design.rows["indicator"]]
        decay = data["has_previous"] * 0.5 ** (data["gap"] / values[c.VAR_OWN_HALF_LIFE][:, index])
        mu = mu + decay * (data["y"] - mu)[:, data["previous_row"]]
        noise = noise * np.sqrt(1.0 - decay**2)
    total = np.zeros(samples.size)
    for family, block in design.blocks.items():
        centre = values[c.VAR_OBSERVATION_LOGIT] if family in WITHOUT_NOISE else mu[:, block]
        density = LIKELIHOODS[family].log_density(
            data["y"][block], centre, noise[:, block], data["n"][block],
            spec.priors.student_t_noise_df)
        total += density @ data["weight"][block]
    return total


def _new_wave_errors(samples: Samples, design: Design, rng: np.random.Generator) -> np.ndarray:
    """Return a new error of each wave, and of each observation of a family without noise."""
    cells = design.data["wave_cell"]
    result = np.zeros((samples.size, len(cells)))
    if c.VAR_WAVE_SD in samples.values:
        count = len(design.coords[c.DIM_WAVE])
        drawn = rng.standard_normal((samples.size, count))
        result = _padded(samples.values[c.VAR_WAVE_SD][:, None] * drawn)[:, cells]
    alone = np.flatnonzero(design.rows["family"].isin(WITHOUT_NOISE).to_numpy())
    noise = samples.values[c.VAR_NOISE][:, design.data["row_indicator"][alone]]
    result[:, alone] += noise * rng.standard_normal(noise.shape)
    return result


def own_unit(y: np.ndarray, indicator: pd.Series, n: np.ndarray | float) -> np.ndarray:
    """Turn model-scale values of one indicator into its own unit (percent for polls)."""
    if FAMILIES[indicator["family"]].needs_n:
        return np.asarray(100.0 * np.asarray(y) / n)
    return TRANSFORMS[indicator["transform"]].undo(
        y, float(indicator["transform_shift"]), float(indicator["transform_scale"]))
