"""Predictive draws and densities of every indicator after the last month, each in its own unit.

Invariant: every indicator has a random stream of its own, so that what one of them does under a
scenario never changes another's draws; items of one poll wave share the wave's error. Under two
scenarios normal indicators share their random numbers; counts do not, because a sampler of counts
takes as many as it needs, so that a difference of single polls holds twice their sampling noise.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayes_alliance import constants as c
from bayes_alliance.forecast.links import density_of_unit, model_scale
from bayes_alliance.forecast.waves import pollster
from bayes_alliance.inference import Fit
from bayes_alliance.model.layout import waves
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.model.predict import Samples, own_unit, series_states
from bayes_alliance.spec import FAMILIES

__all__ = ["Outlook", "Prediction", "project_indicators"]

# Share of an indicator's waves with an error of their own from which the next is taken to have one.
_MOSTLY: Final = 0.5
# Streams of the seed: an indicator's errors and counts, a pollster's wave errors.
_STREAM, _WAVES = 37, 53


@dataclass(frozen=True)
class Prediction:
    """What one indicator's rows will be, given each sample.

    Attributes
    ----------
    about : pandas.Series
        The indicator's line of the codebook.
    mu, noise : numpy.ndarray, shape (sample, row)
        Predictor, wave errors included, and noise, on the scale of the family's link.
    n : float
        Sample size of the last row that is known; 0 where the family needs none.
    df : float
        Degrees of freedom of the family ``student_t``.
    """

    about: pd.Series
    mu: np.ndarray
    noise: np.ndarray
    n: float
    df: float

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw values in the indicator's own unit, shape (sample, row)."""
        n = np.full(self.mu.shape, self.n)
        y = LIKELIHOODS[self.about["family"]].random(rng, self.mu, self.noise, n, self.df)
        return own_unit(y, self.about, n if FAMILIES[self.about["family"]].needs_n else 1.0)

    def log_density(self, value: np.ndarray) -> np.ndarray:
        """Return the log predictive density of a value in its own unit, shape (row,).

        The average over samples of the family's density given each of them. A poll's count has a
        probability; divided by the width of one answer in percent it is a density too.

        Parameters
        ----------
        value : numpy.ndarray, shape (row,)
        """
        y = model_scale(value, self.about, self.n)
        each = LIKELIHOODS[self.about["family"]].log_density(y, self.mu, self.noise, self.n,
                                                             self.df)
        return (logsumexp(each, axis=0) - np.log(len(self.mu))
                + density_of_unit(value, self.about, self.n))


class Outlook:
    """Predictions of every indicator from one fit, its samples and their states.

    Parameters
    ----------
    fit : Fit
        A full fit; the last month of its panel is the present.
    samples : Samples
        Its draws, thinned.
    states : numpy.ndarray, shape (sample, series, month)
        The states of the future months.
    seed : int
        Of errors and counts.
    """

    def __init__(self, fit: Fit, samples: Samples, states: np.ndarray, seed: int) -> None:
        self.fit, self.samples, self.seed = fit, samples, seed
        self._now = len(fit.panel.time)
        whole = np.concatenate([series_states(samples), states], axis=2)
        self._total = np.concatenate(
            [np.zeros((*whole.shape[:2], 1)), whole.cumsum(axis=2)], axis=2)
        self._months = pd.period_range(fit.panel.time[0], periods=whole.shape[2], freq="M")
        self._position = {name: at for at, name in enumerate(samples.labels[c.DIM_INDICATOR])}
        rows = fit.panel.rows
        families = rows["indicator"].map(fit.panel.indicators["family"])
        # A wave of one item has no error of its own in the fit either.
        self._shared = set(waves(rows.assign(family=families)))
        named = rows.loc[rows["wave"] != "", "wave"]
        self._pollsters = sorted({pollster(wave) for wave in named})

    @property
    def indicators(self) -> list[str]:
        """The indicators that have a row, in the model's order."""
        known = set(self.fit.panel.rows["indicator"])
        return [name for name in self._position if name in known]

    def predict(self, name: str, first: np.ndarray, last: np.ndarray) -> Prediction:
        """Predict rows of an indicator.

        Parameters
        ----------
        name : str
        first, last : numpy.ndarray of int, shape (row,)
            First and last month of each row, counted from the panel's first; rows end after the
            panel does.
        """
        values, about = self.samples.values, self.fit.panel.indicators.loc[name]
        rows = self.fit.panel.rows[self.fit.panel.rows["indicator"] == name]
        position = self._position[name]
        mu = self._fitted(name, first, last)
        noise = np.repeat(values[c.VAR_NOISE][:, position, None], len(first), axis=1)
        if about["own_error"]:
            residual, middle = self._last_error(name)
            kept = self._kept(name, (first + last) / 2 - middle)
            mu = mu + kept * residual[:, None]
            noise = noise * np.sqrt(1.0 - kept**2)
        if not FAMILIES[about["family"]].has_noise:
            mu = mu + noise * self._rng(_STREAM, position, 1).standard_normal(mu.shape)
        mine = rows.loc[rows["wave"] != "", "wave"]
        if c.VAR_WAVE_SD in values and len(mine) and mine.isin(self._shared).mean() >= _MOSTLY:
            who = self._pollsters.index(pollster(mine.iloc[-1]))
            ahead = len(self._months) - self._now
            errors = self._rng(_WAVES, who).standard_normal((ahead, self.samples.size)).T
            mu = mu + values[c.VAR_WAVE_SD][:, None] * errors[:, last - self._now]
        return Prediction(about, mu, noise, float(rows["n"].iloc[-1]),
                          self.fit.spec.priors.student_t_noise_df)

    def draw(self, name: str, prediction: Prediction) -> np.ndarray:
        """Draw an indicator's values from its own stream, shape (sample, row)."""
        return prediction.draw(self._rng(_STREAM, self._position[name]))

    def draw_path(self, name: str, months: np.ndarray) -> np.ndarray:
        """Draw an indicator for months that follow each other, together, shape (sample, month).

        An error of its own goes on from month to month, as in the fit; :meth:`predict` has each
        month's own distribution given the last row, and nothing of how they go together.
        """
        about = self.fit.panel.indicators.loc[name]
        if not about["own_error"]:
            return self.draw(name, self.predict(name, months, months))
        rng = self._rng(_STREAM, self._position[name])
        fitted = self._fitted(name, months, months)
        noise = self.samples.values[c.VAR_NOISE][:, self._position[name]]
        error, before = self._last_error(name)
        y = np.empty_like(fitted)
        for at, month in enumerate(months):
            kept = self._kept(name, np.array([month - before]))[:, 0]
            # No family with an error of its own has a sample size.
            y[:, at] = LIKELIHOODS[about["family"]].random(
                rng, fitted[:, at] + kept * error, noise * np.sqrt(1.0 - kept**2),
                np.zeros_like(noise), self.fit.spec.priors.student_t_noise_df)
            error, before = y[:, at] - fitted[:, at], month
        return own_unit(y, about, 1.0)

    def _last_error(self, name: str) -> tuple[np.ndarray, float]:
        """Return an indicator's error in its last row, shape (sample,), and that row's middle."""
        row = self.fit.panel.rows[self.fit.panel.rows["indicator"] == name].iloc[-1]
        fitted = self._fitted(name, np.array([row["start_month"]]), np.array([row["end_month"]]))
        return row["y"] - fitted[:, 0], (row["start_month"] + row["end_month"]) / 2

    def _kept(self, name: str, months: np.ndarray) -> np.ndarray:
        """Return what is left of an own error after some months, shape (sample, len(months))."""
        own = self.samples.labels[c.DIM_OWN_ERROR].index(name)
        return np.asarray(
            0.5 ** (months / self.samples.values[c.VAR_OWN_HALF_LIFE][:, own, None]))

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    def _fitted(self, name: str, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return intercept, state, season, covariates and survey mode, shape (sample, row).

        Covariates stay at their last value; a survey goes on in the mode it is in.
        """
        values, labels = self.samples.values, self.samples.labels
        about, position = self.fit.panel.indicators.loc[name], self._position[name]
        latent = about["latent"]
        key = c.COHESION if latent == c.COHESION else f"{latent}_{about['member']}"
        series = self.fit.spec.series.index(key)
        mean = (self._total[:, series, last + 1] - self._total[:, series, first]) / (
            last + 1 - first)
        mu = values[c.VAR_INTERCEPT][:, position, None] + (
            about["orientation"] * values[c.VAR_LOADING][:, position, None] * mean)
        if about["season"]:
            which = labels[c.DIM_SEASONAL].index(name)
            calendar = self._months[(first + last) // 2].month.to_numpy() - 1
            mu = mu + values[c.VAR_SEASON][:, which][:, calendar]
        for covariate in about["covariates"]:
            which = labels[c.DIM_COVARIATE].index(f"{name}:{covariate}")
            series_of = self.fit.panel.covariates[covariate].ffill().to_numpy(dtype=float)
            series_of = np.append(series_of,
                                  np.repeat(series_of[-1], len(self._months) - self._now))
            level = np.array([series_of[a:b + 1].mean() for a, b in zip(first, last, strict=True)])
            mu = mu + values[c.VAR_COVARIATE_EFFECT][:, which, None] * level
        today = self.fit.panel.time[-1].end_time.date()
        passed = [mode for date, mode in about["mode_changes"] if date <= today]
        label = f"{name}:{passed[-1]}" if passed else ""
        if label in labels.get(c.DIM_OFFSET, []):
            offset = values[c.VAR_MODE_OFFSET][:, labels[c.DIM_OFFSET].index(label), None]
            changed = [date for date, _ in about["mode_changes"] if date <= today][-1]
            begun = np.array([self._months[at].start_time.date() >= changed.replace(day=1)
                              for at in first])
            mu = mu + offset * begun
        return mu


def project_indicators(fit: Fit, samples: Samples, states: np.ndarray, future: pd.PeriodIndex,
                       seed: int) -> dict[str, np.ndarray]:
    """Draw every indicator for every future month.

    Parameters
    ----------
    fit : Fit
        A full fit.
    samples : Samples
        Its draws, thinned.
    states : numpy.ndarray, shape (sample, series, month)
        The states of the future months.
    future : pandas.PeriodIndex
        Those months.
    seed : int
        Of errors and counts.

    Returns
    -------
    dict of str to numpy.ndarray, shape (sample, month)
        Polls are drawn as if fielded in each month, with the sample size of their last row.
    """
    outlook = Outlook(fit, samples, states, seed)
    months = len(fit.panel.time) + np.arange(len(future))
    return {name: outlook.draw_path(name, months) for name in outlook.indicators}
