"""What a forecast returns: bands, outcomes, expected waves, draws, and differences of two.

Invariant: every table has the same five bands and two tails; two forecasts are only subtracted
draw by draw, where both were carried forward from the same draws by the same random numbers.
"""

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.files import write_whole

__all__ = ["LEVELS", "Difference", "Forecast", "WaveForecast", "band_table", "target_table"]

LEVELS: Final = {"q01": 0.01, "q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95,
                 "q99": 0.99}
_SAMPLE: Final = "sample"


def band_table(draws: np.ndarray, **columns: Any) -> pd.DataFrame:
    """Return columns, then the quantiles of draws of shape (sample, month), a row a month."""
    bands = np.quantile(draws, list(LEVELS.values()), axis=0)
    return pd.DataFrame({**columns, **dict(zip(LEVELS, bands, strict=True))})


def target_table(data: xr.Dataset) -> pd.DataFrame:
    """Return the bands of every target of a forecast's draws; see :class:`Forecast`."""
    months = [str(month) for month in data[c.DIM_TIME_FUTURE].to_numpy()]
    return pd.concat([band_table(data[name].to_numpy(), scenario=str(data["scenario"].item()),
                                 target=str(name), time=months) for name in data.data_vars],
                     ignore_index=True)


@dataclass(frozen=True)
class WaveForecast:
    """One poll wave: its expected value in the indicator's own unit.

    Attributes
    ----------
    table : pandas.DataFrame
        One row: ``scenario``, ``indicator``, ``time``, ``q01`` to ``q99``.
    data : xarray.DataArray
        Its draws, dim ``sample``.
    sentence : str
        The same in words.
    """

    table: pd.DataFrame
    data: xr.DataArray
    sentence: str


@dataclass(frozen=True)
class Forecast:
    """Predictive draws and what they say.

    Attributes
    ----------
    table : pandas.DataFrame
        ``scenario``, ``target``, ``time``, ``q01``, ``q05``, ``q25``, ``q50``, ``q75``, ``q95``,
        ``q99``; a target is ``cohesion``, ``<latent>_<member>`` or an indicator, the latter in
        its own unit.
    data : xarray.Dataset
        Draws of every target, dims ``sample``, ``time_future``; the scalar coordinate
        ``scenario`` names the scenario.
    sentence : str
        What is expected of cohesion.
    outcomes : pandas.DataFrame
        ``scenario``, ``outcome``, ``title``, ``probability``, ``mcse`` of the model file's
        outcomes; see :func:`bayes_alliance.forecast.outcomes.outcome_table`.
    waves : pandas.DataFrame
        ``scenario``, ``indicator``, ``pollster``, ``time``, ``q01`` to ``q99`` of every wave
        that is expected; see :func:`bayes_alliance.forecast.waves.expected_waves`.
    past : pandas.DataFrame
        What came before, for figures: ``target``, ``time``, ``value``, ``observed``, and for
        states ``q05`` to ``q95``.
    """

    table: pd.DataFrame
    data: xr.Dataset
    sentence: str
    outcomes: pd.DataFrame = field(default_factory=pd.DataFrame)
    waves: pd.DataFrame = field(default_factory=pd.DataFrame)
    past: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def scenario(self) -> str:
        """Name of the scenario."""
        return str(self.data["scenario"].item())

    def wave(self, indicator: str, month: str) -> WaveForecast:
        """Return what one wave of a poll would say, expected in that month or not.

        Parameters
        ----------
        indicator : str
            In its own unit.
        month : str
            YYYY-MM, within the forecast.

        Raises
        ------
        ValueError
            If the forecast has no such indicator or month.
        """
        known = [str(name) for name in self.data.data_vars]
        times = [str(time) for time in self.data[c.DIM_TIME_FUTURE].to_numpy()]
        if indicator not in known:
            raise ValueError(f"the forecast has no indicator {indicator!r} (allowed: "
                             f"{', '.join(known)})")
        if month not in times:
            raise ValueError(f"{month} is not in the forecast (allowed: {times[0]} to "
                             f"{times[-1]})")
        draws = self.data[indicator].sel({c.DIM_TIME_FUTURE: month})
        table = band_table(draws.to_numpy()[:, None], scenario=self.scenario, indicator=indicator,
                           time=[month])
        row = table.iloc[0]
        expected = not self.waves.empty and bool(
            ((self.waves["indicator"] == indicator) & (self.waves["time"] == month)).any())
        usual = "" if expected else " (no wave is usual then)"
        return WaveForecast(table, draws, f"{indicator} in {month}{usual}: median "
                            f"{row['q50']:.4g}, 90% interval {row['q05']:.4g} to "
                            f"{row['q95']:.4g}.")

    def minus(self, other: "Forecast") -> "Difference":
        """Return what this scenario does to each target, compared with another.

        Parameters
        ----------
        other : Forecast
            From the same fit, months and seed, so that states and normal indicators share their
            random numbers. Polls and other counts do not: their difference holds the sampling
            noise of both.

        Raises
        ------
        ValueError
            If the two are not comparable draw by draw.
        """
        reasons = []
        for key, what in (("seed", "seeds"), ("fit", "fits")):
            if self.data.attrs.get(key) != other.data.attrs.get(key):
                reasons.append(f"their {what} differ")
        if dict(self.data.sizes) != dict(other.data.sizes):
            reasons.append(f"their sizes differ, {dict(self.data.sizes)} and "
                           f"{dict(other.data.sizes)}")
        if reasons:
            raise ValueError(f"forecasts {self.scenario} and {other.scenario} do not share their "
                             f"draws: {'; '.join(reasons)} (allowed: the same fit, horizon and "
                             "seed)")
        return _difference(self, other)

    def save_draws(self, path: str | Path) -> None:
        """Write ``data`` to a NetCDF file, whole or not at all; an old file is replaced."""
        encoding = {str(one): {"zlib": True, "complevel": 1} for one in self.data.data_vars}
        # Made in memory: HDF5 ends the whole process where a disk is full.
        made = self.data.astype(np.float32).to_netcdf(engine="h5netcdf", encoding=encoding)
        write_whole(Path(path), bytes(made))

    def plot(self, target: str = c.COHESION, *, after: pd.DataFrame | None = None) -> Any:
        """Draw one target's fan after its past; see :func:`bayes_alliance.plotting.plot_fan`."""
        title = "" if self.scenario == "as_now" else f"scenario {self.scenario}"
        past = None if self.past.empty else self.past
        return import_module("bayes_alliance.plotting").plot_fan(
            self.table, target, past=past, after=after, title=title)


@dataclass(frozen=True)
class Difference:
    """One scenario less another, draw by draw.

    Attributes
    ----------
    table : pandas.DataFrame
        ``target``, ``time``, ``mean``, ``q05``, ``q25``, ``q50``, ``q75``, ``q95``, and
        ``p_lower`` and ``p_higher``, the probabilities that the target is lower and higher in the
        first; the rest is that it is the same.
    data : xarray.Dataset
        Draws of every difference, dims ``sample``, ``time_future``; the scalar coordinates
        ``scenario`` and ``reference`` name the two.
    sentence : str
        What the first does to cohesion.
    """

    table: pd.DataFrame
    data: xr.Dataset
    sentence: str

    def plot(self, target: str = c.COHESION) -> Any:
        """Draw one target; see :func:`bayes_alliance.plotting.plot_differences`."""
        name = str(self.data["scenario"].item())
        return import_module("bayes_alliance.plotting").plot_differences(
            {name: self.table}, target, reference=str(self.data["reference"].item()))


def _difference(first: Forecast, second: Forecast) -> Difference:
    data = first.data.drop_vars("scenario") - second.data.drop_vars("scenario")
    data = data.assign_coords(scenario=first.scenario, reference=second.scenario)
    times = [str(time) for time in data[c.DIM_TIME_FUTURE].to_numpy()]
    frames = []
    for name in data.data_vars:
        draws = data[name].transpose(_SAMPLE, ...).to_numpy()
        frame = band_table(draws, target=str(name), time=times, mean=draws.mean(axis=0))
        frames.append(frame.drop(columns=["q01", "q99"]).assign(
            p_lower=(draws < 0).mean(axis=0), p_higher=(draws > 0).mean(axis=0)))
    table = pd.concat(frames, ignore_index=True)
    last = table[table["target"] == c.COHESION].iloc[-1]
    sentence = (f"{last['time']}, {first.scenario} less {second.scenario}: cohesion is lower with "
                f"probability {last['p_lower']:.2f} and higher with {last['p_higher']:.2f}; mean "
                f"difference {last['mean']:+.2f}, 90% interval {last['q05']:+.2f} to "
                f"{last['q95']:+.2f}.")
    return Difference(table, data, sentence)
