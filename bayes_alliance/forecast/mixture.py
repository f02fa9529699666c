"""A combination of several hypotheses' forecasts, draw by draw.

Invariant: two combinations of the same fits, weights and seed take the same draws of each, so that
scenarios still share their random numbers.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.forecast.result import Forecast, target_table
from bayes_alliance.forecast.waves import wave_table

__all__ = ["check_weights", "combine_forecasts"]

_SAMPLE = "sample"


def combine_forecasts(parts: Mapping[str, Forecast], weights: Mapping[str, float]) -> Forecast:
    """Combine forecasts of one scenario.

    Parameters
    ----------
    parts : mapping of str to Forecast
        By hypothesis; of one scenario, the same months and seed.
    weights : mapping of str to float
        Of each hypothesis; positive, and they sum to 1.

    Returns
    -------
    Forecast
        Of a single part, that part. Otherwise of each part as large a share of the draws as its
        weight, evenly spaced. Probabilities of outcomes are the weighted means of the parts'. The
        past is that of the heaviest part.

    Raises
    ------
    ValueError
        If the parts differ in scenario, months or seed, or the weights are not theirs.
    """
    if set(parts) != set(weights) or not parts:
        raise ValueError(f"weights are for {', '.join(weights)} (allowed: one for each of "
                         f"{', '.join(parts)})")
    check_weights(weights)
    kinds = {(one.scenario, tuple(one.data[c.DIM_TIME_FUTURE].to_numpy()),
              one.data.attrs.get("seed")) for one in parts.values()}
    if len(kinds) > 1:
        raise ValueError("the forecasts differ in scenario, months or seed (allowed: the same)")
    if len(parts) == 1:
        return next(iter(parts.values()))
    heaviest = parts[max(weights, key=lambda name: weights[name])]
    data = _draws(parts, weights)
    table = target_table(data)
    waves = wave_table(table, heaviest.waves[["indicator", "pollster", "time"]])
    return Forecast(table=table, data=data, sentence=_sentence(table, heaviest.scenario, weights),
                    outcomes=_outcomes(parts, weights), waves=waves, past=heaviest.past)


def check_weights(weights: Mapping[str, float]) -> None:
    """Refuse weights that are not positive or do not sum to 1.

    Raises
    ------
    ValueError
        If they are not.
    """
    # Not a number is not above zero either.
    if not all(one > 0.0 for one in weights.values()) or abs(sum(weights.values()) - 1.0) > 1e-6:
        raise ValueError(f"weights are {dict(weights)} (allowed: positive numbers that sum to 1)")


def _draws(parts: Mapping[str, Forecast], weights: Mapping[str, float]) -> xr.Dataset:
    size = min(one.data.sizes[_SAMPLE] for one in parts.values())
    ends = np.rint(np.cumsum(list(weights.values())) * size).astype(int)
    counts = dict(zip(weights, np.diff(ends, prepend=0), strict=True))
    chosen = []
    for name, count in counts.items():
        own = parts[name].data
        if count:
            at = np.linspace(0, own.sizes[_SAMPLE] - 1, count).round().astype(int)
            chosen.append(own.isel({_SAMPLE: at}))
    mark = "+".join(f"{name}:{weights[name]:.6f}:{parts[name].data.attrs.get('fit')}"
                    for name in weights)
    data = xr.concat(chosen, dim=_SAMPLE, coords="minimal", compat="equals", join="exact")
    data = data.transpose(_SAMPLE, c.DIM_TIME_FUTURE, ...)
    return data.assign_attrs({"seed": next(iter(parts.values())).data.attrs.get("seed"),
                              "fit": mark})


def _outcomes(parts: Mapping[str, Forecast], weights: Mapping[str, float]) -> pd.DataFrame:
    found = next(iter(parts.values())).outcomes.copy()
    if found.empty:
        return found
    each = {name: one.outcomes for name, one in parts.items()}
    found["probability"] = sum(weights[name] * each[name]["probability"].to_numpy()
                               for name in weights)
    found["mcse"] = np.sqrt(sum((weights[name] * each[name]["mcse"].to_numpy()) ** 2
                                for name in weights))
    return found


def _sentence(table: pd.DataFrame, scenario: str, weights: Mapping[str, float]) -> str:
    ahead = table[table["target"] == c.COHESION]
    first, last = ahead.iloc[0], ahead.iloc[-1]
    shares = ", ".join(f"{name} {100 * weight:.0f}%" for name, weight in weights.items())
    return (f"{last['time']}, {scenario.replace('_', ' ')}: median cohesion {last['q50']:+.2f}, "
            f"90% interval {last['q05']:+.2f} to {last['q95']:+.2f}, after {first['q50']:+.2f} in "
            f"{first['time']}; hypotheses weighted by the log score of past forecasts, which is "
            f"no evidence for one ({shares}).")
