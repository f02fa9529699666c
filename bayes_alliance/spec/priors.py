"""Priors: one table of named distributions whose numbers are data of the compiled model.

Invariant: a prior's distribution family is fixed here; its numbers come from the model file and
reach the compiled model as one vector, so that a grid of prior scales needs one compilation.
"""

from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from scipy import stats

__all__ = ["PRIOR_MEANING", "HalfNormal", "LogNormal", "Normal", "Priors"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Distribution(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Normal(_Distribution):
    """Normal with mean ``mu`` and standard deviation ``sd``."""

    mu: Finite = 0.0
    sd: Positive

    def frozen(self) -> Any:
        """Return the scipy distribution."""
        return stats.norm(self.mu, self.sd)


class HalfNormal(_Distribution):
    """Half-normal with scale ``sd``."""

    sd: Positive

    def frozen(self) -> Any:
        """Return the scipy distribution."""
        return stats.halfnorm(0.0, self.sd)


class LogNormal(_Distribution):
    """Log-normal with median ``median`` and standard deviation ``sd`` of its logarithm."""

    median: Positive
    sd: Positive

    def frozen(self) -> Any:
        """Return the scipy distribution."""
        return stats.lognorm(self.sd, scale=self.median)


class Priors(_Distribution):
    """Every prior of the model, with its default numbers."""

    coefficient: Normal = Normal(sd=0.5)
    rival_effect: Normal = Normal(sd=0.5)
    government_sd: HalfNormal = HalfNormal(sd=0.3)
    administration_effect: Normal = Normal(sd=1.0)
    administration_deviation_sd: LogNormal = LogNormal(median=0.3, sd=0.5)
    half_life_threat: LogNormal = LogNormal(median=12.0, sd=0.5)
    half_life_credibility: LogNormal = LogNormal(median=12.0, sd=0.5)
    half_life_cohesion: LogNormal = LogNormal(median=12.0, sd=0.5)
    trend_sd: LogNormal = LogNormal(median=0.002, sd=0.5)
    trend_start: Normal = Normal(sd=0.02)
    correlation: Normal = Normal(mu=0.0, sd=0.75)
    second_member_level: Normal = Normal(sd=1.0)
    second_member_scale: LogNormal = LogNormal(median=1.0, sd=0.4)
    credibility_series_sd: LogNormal = LogNormal(median=0.5, sd=0.5)
    driver_loading: Normal = Normal(sd=0.3)
    intercept: Normal = Normal(sd=1.5)
    loading_mean: LogNormal = LogNormal(median=0.4, sd=0.5)
    loading_spread: LogNormal = LogNormal(median=0.3, sd=0.5)
    noise_mean: LogNormal = LogNormal(median=0.25, sd=0.5)
    noise_spread: LogNormal = LogNormal(median=0.3, sd=0.5)
    series_noise: LogNormal = LogNormal(median=0.4, sd=0.5)
    member_deviation: Normal = Normal(sd=0.2)
    own_error_half_life: LogNormal = LogNormal(median=3.0, sd=0.7)
    season: Normal = Normal(sd=0.2)
    covariate_effect: Normal = Normal(sd=1.0)
    mode_offset: Normal = Normal(sd=0.5)
    wave_sd: LogNormal = LogNormal(median=0.1, sd=0.5)
    student_t_innovation_df: Positive = 5.0
    student_t_noise_df: Positive = 4.0

    def numbers(self) -> dict[str, float]:
        """Return every number under its dotted name, e.g. ``"coefficient.sd"``."""
        found: dict[str, float] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, BaseModel):
                found.update({f"{name}.{key}": float(number)
                              for key, number in value.model_dump().items()})
            else:
                found[name] = float(value)
        return found

    def table(self) -> pd.DataFrame:
        """Return one row a prior: distribution, meaning and its 5, 50 and 95% points.

        Returns
        -------
        pandas.DataFrame
            Columns ``prior``, ``distribution``, ``q05``, ``q50``, ``q95``, ``meaning``.
        """
        rows = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, (Normal, HalfNormal, LogNormal)):
                shown = ", ".join(f"{key} {number:g}" for key, number in value.model_dump().items())
                points = value.frozen().ppf([0.05, 0.5, 0.95])
                rows.append((name, f"{type(value).__name__}({shown})", *points,
                             PRIOR_MEANING[name]))
            else:
                rows.append((name, "fixed", np.nan, float(value), np.nan, PRIOR_MEANING[name]))
        return pd.DataFrame(
            rows, columns=["prior", "distribution", "q05", "q50", "q95", "meaning"])


PRIOR_MEANING: Final[dict[str, str]] = {
    "coefficient": "beta and delta of both paths, independent",
    "rival_effect": "effect of one unit of a trigger stock on long-run cohesion",
    "government_sd": "spread of government effects, one per side and government",
    "administration_effect": "US administration's effect on credibility; fixes its unit",
    "administration_deviation_sd": "spread of a member's deviation from it",
    "half_life_threat": "months until a threat shock has halved",
    "half_life_credibility": "months until a credibility shock has halved",
    "half_life_cohesion": "months until a cohesion shock has halved",
    "trend_sd": "monthly change of a slope, with the dynamics local_trend",
    "trend_start": "slope of the first month, with the dynamics local_trend",
    "correlation": "Fisher z of the correlation between the two members' series",
    "second_member_level": "level of the second member's state against the first's",
    "second_member_scale": "scale of the second member's series against the first's",
    "credibility_series_sd": "sd of credibility's own series, in administration units",
    "driver_loading": "effect of one unit of an event stock on a member's threat perception",
    "intercept": "an item's value at zero latent, on the link scale",
    "loading_mean": "typical loading in a group of items",
    "loading_spread": "sd of log loadings within a group",
    "noise_mean": "typical noise in a group of items, on the link scale",
    "noise_spread": "sd of log noise within a group",
    "series_noise": "stationary sd of the own error of a monthly or quarterly series",
    "member_deviation": "a public's deviation (intercept, log loading) in an item put in the "
                        "same words to both",
    "own_error_half_life": "months until a monthly indicator's own error has halved",
    "season": "month-of-year effects",
    "covariate_effect": "effect of a covariate on an indicator",
    "mode_offset": "shift when a survey changes its mode",
    "wave_sd": "sd of the error shared by the items of one poll wave",
    "student_t_innovation_df": "degrees of freedom of Student-t innovations",
    "student_t_noise_df": "degrees of freedom of the student_t family",
}
