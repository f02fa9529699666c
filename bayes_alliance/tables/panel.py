"""A dataset and a specification in, the long rows and monthly series of a model out.

Invariant: a row is one published figure; nothing is filled in, averaged over gaps or
interpolated, and every row that is not used stands in ``excluded`` with its reason.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_alliance.constants import COHESION, LATENTS
from bayes_alliance.exceptions import DataError, Fault, did_you_mean
from bayes_alliance.spec import FAMILIES, TRANSFORMS, ModelSpec
from bayes_alliance.spec.schema import DriverSpec
from bayes_alliance.tables.notation import parse_list, parse_masks, parse_mode_changes
from bayes_alliance.tables.read import Dataset
from bayes_alliance.tables.stocks import decay, event_counts, finish_stock, select_events

__all__ = ["Panel", "build_panel"]


@dataclass(frozen=True)
class Panel:
    """What a model sees of a dataset.

    Attributes
    ----------
    time : pandas.PeriodIndex
        The months.
    members : tuple of str
        The two members; ``dyad`` and ``patron`` name the pair and its ally.
    indicators : pandas.DataFrame
        The model's indicators in its order; index ``indicator``.
    rows : pandas.DataFrame
        Used observations: ``indicator``, ``latent``, ``member``, ``family``, ``start``, ``end``
        (dates), ``start_month``, ``end_month`` (positions in ``time``, inclusive), ``value``,
        ``n`` (0 for none), ``y`` (transformed; the count for binomial families), ``wave``,
        ``mode`` (survey-mode changes passed), ``calendar_month``, ``source``.
    covariates, drivers, rivals : pandas.DataFrame
        Monthly series, index ``time``; drivers and rivals are finished stocks.
    raw_stocks : pandas.DataFrame
        The stocks before transformation and scale, of drivers and rivals.
    event_counts : pandas.DataFrame
        Summed event weights a month, of drivers and rivals.
    governments : pandas.DataFrame
        Label in office on the 15th of each month, a column for each member and the patron.
    excluded : pandas.DataFrame
        ``indicator``, ``start``, ``end``, ``reason`` of every row that is not used.
    events : pandas.DataFrame
        The dyad's own events, for figures.
    """

    dataset: str
    data_hash: str
    time: pd.PeriodIndex
    members: tuple[str, str]
    dyad: str
    patron: str
    indicators: pd.DataFrame
    rows: pd.DataFrame
    covariates: pd.DataFrame
    drivers: pd.DataFrame
    rivals: pd.DataFrame
    raw_stocks: pd.DataFrame
    event_counts: pd.DataFrame
    governments: pd.DataFrame
    excluded: pd.DataFrame
    events: pd.DataFrame

    def position(self, month: str) -> int:
        """Return the position of a month ``YYYY-MM`` in ``time``."""
        return int(self.time.get_loc(pd.Period(month, "M")))

    def window(self, months: tuple[str, str]) -> slice:
        """Return the positions of an inclusive window of months."""
        return slice(self.position(months[0]), self.position(months[1]) + 1)


def build_panel(dataset: Dataset, spec: ModelSpec) -> Panel:
    """Cut a dataset to what a model declares.

    Parameters
    ----------
    dataset : Dataset
        Checked tables.
    spec : ModelSpec
        The model file.

    Returns
    -------
    Panel
        Rows and series over the model's months.

    Raises
    ------
    DataError
        If model and dataset do not fit together; lists every fault.
    """
    time = pd.period_range(spec.model.start, spec.model.end, freq="M")
    faults: list[Fault] = []
    indicators = _indicators(dataset, spec, faults)
    governments = _governments(dataset, spec, time, faults)
    counts, raw, finished = _stocks(dataset, spec, time, faults)
    covariates = _covariates(dataset, indicators, time)
    rows, excluded = _rows(dataset, indicators, time)
    faults += [Fault("observations.csv", "indicator", f"{name} has no usable row",
                     f"at least one row in {spec.model.start}..{spec.model.end} outside masks")
               for name in indicators.index if name not in set(rows["indicator"])]
    faults += _covariate_gaps(rows, indicators, covariates)
    if faults:
        raise DataError(faults)
    dyad_events = dataset.events[dataset.events["actor"].isin([*spec.model.members,
                                                               spec.model.dyad])]
    return Panel(
        dataset=dataset.name, data_hash=dataset.data_hash, time=time, members=spec.model.members,
        dyad=spec.model.dyad, patron=spec.model.patron, indicators=indicators, rows=rows,
        covariates=covariates, drivers=finished[list(spec.drivers)],
        rivals=finished[list(spec.rivals)], raw_stocks=raw, event_counts=counts,
        governments=governments, excluded=excluded, events=dyad_events.reset_index(drop=True))


def _indicators(dataset: Dataset, spec: ModelSpec, faults: list[Fault]) -> pd.DataFrame:
    table = dataset.indicators.set_index("indicator")
    chosen = []
    for latent in LATENTS:
        for name in spec.latents[latent].indicators:
            if name not in table.index:
                hint = did_you_mean(name, table.index)
                faults.append(Fault("indicators.csv", "indicator", f"the model names {name!r}, "
                                    f"which {dataset.name} lacks{hint}", "a known indicator"))
                continue
            chosen.append(name)
            row = table.loc[name]
            expected = ((spec.model.dyad,) if latent == COHESION else spec.model.members)
            if row["latent"] != latent:
                faults.append(Fault("indicators.csv", f"{name}, latent", f"is {row['latent']!r}, "
                                    f"the model puts it under {latent!r}", latent))
            elif row["member"] not in expected:
                faults.append(Fault("indicators.csv", f"{name}, member", f"unknown member "
                                    f"{row['member']!r}", ", ".join(expected)))
    table = table.loc[chosen].copy()
    table["orientation"] = table["orientation"].astype(int)
    table["own_error"] = table["own_error"] == "ar1"
    table["season"] = table["season"] == "yes"
    table["covariates"] = [parse_list(cell) for cell in table["covariates"]]
    table["mode_changes"] = [parse_mode_changes(cell) for cell in table["mode_changes"]]
    return table


def _governments(dataset: Dataset, spec: ModelSpec, time: pd.PeriodIndex,
                 faults: list[Fault]) -> pd.DataFrame:
    middles = [month.start_time.date().replace(day=15) for month in time]
    result: dict[str, list[str]] = {}
    for country in (*spec.model.members, spec.model.patron):
        terms = [row for row in dataset.governments.itertuples() if row.country == country]
        labels = []
        for day in middles:
            held = [str(term.government) for term in terms
                    if term.start <= day and (term.end is None or day <= term.end)]
            labels.append(held[-1] if held else "")
        missing = [str(month) for month, label in zip(time, labels, strict=True) if not label]
        if missing:
            faults.append(Fault("governments.csv", f"country {country}", f"nobody is in office in "
                                f"{len(missing)} months ({missing[0]}..{missing[-1]})",
                                "a term for the 15th of every month of the model"))
        result[country] = labels
    return pd.DataFrame(result, index=time)


def _stocks(dataset: Dataset, spec: ModelSpec, time: pd.PeriodIndex,
            faults: list[Fault]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    counts: dict[str, np.ndarray] = {}
    raw: dict[str, np.ndarray] = {}
    finished: dict[str, np.ndarray] = {}
    stocks: dict[str, DriverSpec] = {**spec.drivers, **spec.rivals}
    known = set(dataset.events["kind"])
    for name, stock in stocks.items():
        events = select_events(dataset.events, stock)
        if not len(events):
            actor = f" by {stock.actor}" if stock.actor else ""
            faults.append(Fault("events.csv", "kind", f"{name} counts {', '.join(stock.kinds)}"
                                f"{actor}, of which there is no driver event",
                                ", ".join(sorted(known)) or "some events"))
            continue
        first = min(pd.PeriodIndex(events["month"]).min(), time[0])
        months = pd.period_range(first, time[-1], freq="M")
        every = event_counts(events, months)
        stock_of_month = decay(every, stock.half_life)
        counts[name] = every[-len(time):]
        raw[name] = stock_of_month[-len(time):]
        finished[name] = finish_stock(raw[name], stock)
    def frame(series: dict[str, np.ndarray]) -> pd.DataFrame:
        return pd.DataFrame(series, index=time).reindex(columns=list(stocks))

    return frame(counts), frame(raw), frame(finished)


def _covariates(dataset: Dataset, indicators: pd.DataFrame,
                time: pd.PeriodIndex) -> pd.DataFrame:
    names = sorted({name for cell in indicators["covariates"] for name in cell})
    result = pd.DataFrame(index=time, columns=names, dtype=float)
    for row in dataset.covariates.itertuples():
        if row.covariate in names:
            months = pd.period_range(row.start, row.end, freq="M").intersection(time)
            result.loc[months, row.covariate] = row.value
    return result


def _covariate_gaps(rows: pd.DataFrame, indicators: pd.DataFrame,
                    covariates: pd.DataFrame) -> list[Fault]:
    faults = []
    for name in indicators.index:
        used = rows[rows["indicator"] == name]
        for covariate in indicators.at[name, "covariates"]:
            missing = covariates[covariate].isna().to_numpy()
            bad = [row for row in used.itertuples()
                   if missing[row.start_month:row.end_month + 1].any()]
            if bad:
                faults.append(Fault("covariates.csv", covariate, f"has no value for {len(bad)} "
                                    f"rows of {name} (first {bad[0].start})",
                                    "a value for every month of its indicators' rows"))
    return faults


def _rows(dataset: Dataset, indicators: pd.DataFrame,
          time: pd.PeriodIndex) -> tuple[pd.DataFrame, pd.DataFrame]:
    masks = {name: parse_masks(cell) for name, cell in indicators["masks"].items()}
    order = {name: i for i, name in enumerate(indicators.index)}
    used: list[dict[str, Any]] = []
    excluded: list[tuple[Any, ...]] = []
    for row in dataset.observations.itertuples():
        start, end = pd.Period(row.start, "M"), pd.Period(row.end, "M")
        reason = ""
        if row.indicator not in order:
            reason = "not in the model"
        elif start < time[0] or end > time[-1]:
            reason = "outside the model's months"
        else:
            reason = next((mask.reason for mask in masks[row.indicator]
                           if start <= mask.end and end >= mask.start), "")
        if reason:
            excluded.append((row.indicator, row.start, row.end, reason))
            continue
        used.append(_row(row, indicators.loc[row.indicator], start, end, time))
    excluded_table = pd.DataFrame(excluded, columns=["indicator", "start", "end", "reason"])
    columns = ["indicator", "latent", "member", "family", "start", "end", "start_month",
               "end_month", "value", "n", "y", "wave", "mode", "calendar_month", "source"]
    rows = pd.DataFrame(used, columns=columns)
    position = rows["indicator"].map(order)
    rows = rows.assign(_order=position).sort_values(["_order", "start"], kind="stable")
    return rows.drop(columns="_order").reset_index(drop=True), excluded_table


def _row(row: Any, about: pd.Series, start: pd.Period, end: pd.Period,
         time: pd.PeriodIndex) -> dict[str, Any]:
    first, last = int(time.get_loc(start)), int(time.get_loc(end))
    size = int(row.n) if FAMILIES[about["family"]].needs_n else 0
    if size:
        y = float(np.rint(size * row.value / 100.0))
    else:
        y = float(TRANSFORMS[about["transform"]].apply(
            np.array(row.value), about["transform_shift"], about["transform_scale"]))
    return {
        "indicator": row.indicator, "latent": about["latent"], "member": about["member"],
        "family": about["family"], "start": row.start, "end": row.end, "start_month": first,
        "end_month": last, "value": float(row.value), "n": size, "y": y, "wave": row.wave,
        "mode": sum(date <= row.start for date, _ in about["mode_changes"]),
        "calendar_month": int(time[(first + last) // 2].month), "source": row.source,
    }
