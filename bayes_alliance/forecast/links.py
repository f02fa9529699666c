"""From an indicator's own unit to the model's scale and to its link's, and back.

Invariant: what goes to the link scale comes back to the indicator's own unit unchanged, but for
the half answer that keeps a poll's share off 0 and 1.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from bayes_alliance.forecast.histories import History
from bayes_alliance.model.predict import own_unit
from bayes_alliance.spec import FAMILIES, TRANSFORMS

__all__ = ["Link", "density_of_unit", "history", "model_scale"]


def model_scale(value: np.ndarray, about: pd.Series, n: float) -> np.ndarray:
    """Turn values in an indicator's own unit into the model's; of polls, counts of ``n``."""
    value = np.asarray(value, dtype=float)
    if FAMILIES[about["family"]].needs_n:
        return np.rint(n * value / 100.0)
    return TRANSFORMS[about["transform"]].apply(value, float(about["transform_shift"]),
                                                float(about["transform_scale"]))


def density_of_unit(value: np.ndarray, about: pd.Series, n: float) -> np.ndarray:
    """Return what turns a log density on the model's scale into one in the indicator's unit."""
    value = np.asarray(value, dtype=float)
    if FAMILIES[about["family"]].needs_n:
        return np.full(value.shape, np.log(n / 100.0))
    scale = np.log(float(about["transform_scale"]))
    if about["transform"] == "log":
        return -np.log(value) - scale
    if about["transform"] == "log1p":
        return -np.log1p(value) - scale
    return np.full(value.shape, -scale)


@dataclass(frozen=True)
class Link:
    """Own unit to link scale and back.

    Attributes
    ----------
    about : pandas.Series
        The indicator's line of the codebook.
    n : float
        Sample size, 0 where the family needs none.
    """

    about: pd.Series
    n: float

    @property
    def _kind(self) -> str:
        return FAMILIES[self.about["family"]].link

    def forward(self, value: np.ndarray) -> np.ndarray:
        """Return values on the link scale; polls by their share with half an answer added."""
        value = np.asarray(value, dtype=float)
        if self._kind == "logit":
            return special.logit(self._share(value))
        if self._kind == "log":
            return np.log(value + 0.5)
        return model_scale(value, self.about, self.n)

    def back(self, y: np.ndarray) -> np.ndarray:
        """Return values in the indicator's own unit."""
        if self._kind == "logit":
            share = (special.expit(y) * (self.n + 1.0) - 0.5) / self.n
            return 100.0 * np.clip(share, 0.0, 1.0)
        if self._kind == "log":
            return np.maximum(np.exp(y) - 0.5, 0.0)
        return own_unit(y, self.about, self.n)

    def log_slope(self, value: np.ndarray) -> np.ndarray:
        """Return the log derivative of :meth:`forward`: a density on the link scale plus it."""
        value = np.asarray(value, dtype=float)
        if self._kind == "logit":
            share = self._share(value)
            return np.log(self.n / (self.n + 1.0) / 100.0) - np.log(share) - np.log1p(-share)
        if self._kind == "log":
            return -np.log(value + 0.5)
        return density_of_unit(value, self.about, self.n)

    def _share(self, value: np.ndarray) -> np.ndarray:
        return (self.n * value / 100.0 + 0.5) / (self.n + 1.0)


def history(rows: pd.DataFrame, about: pd.Series) -> History:
    """Return an indicator's rows as a history; rows of one month are averaged.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of this indicator, in time order, as in :attr:`bayes_alliance.tables.Panel.rows`.
    about : pandas.Series
        Its line of the codebook.
    """
    n = rows["n"].to_numpy(dtype=float)
    value = rows["value"].to_numpy(dtype=float)
    links = [Link(about, size) for size in n]
    y = np.array([float(link.forward(np.array(one))) for link, one in zip(links, value,
                                                                         strict=True)])
    error = np.zeros(len(rows))
    if FAMILIES[about["family"]].needs_n:
        share = special.expit(y)
        error = 1.0 / np.sqrt(n * share * (1.0 - share))
    middle = (rows["start_month"] + rows["end_month"]).to_numpy(dtype=float) / 2.0
    month, which = np.unique(middle, return_inverse=True)
    rows_of = np.bincount(which)
    return History(month, np.bincount(which, y) / rows_of,
                   np.sqrt(np.bincount(which, error**2)) / rows_of, str(about["frequency"]))
