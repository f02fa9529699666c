"""The page's figures: drawn twice, for a page and for a telephone, each with its words.

Invariant: the alternative text says with numbers from the data what a figure shows; an image is
a palette PNG without a time stamp, so the same results give the same bytes.
"""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from bayes_alliance import constants as c
from bayes_alliance import plotting
from bayes_alliance.plotting.style import country
from bayes_alliance.report import wording
from bayes_alliance.report.backtests import backtest_figures
from bayes_alliance.report.details import events
from bayes_alliance.report.inputs import ReportInputs
from bayes_alliance.tables import observed_values

__all__ = ["Picture", "encode", "pictures"]

_DPI: Final = {plotting.WIDE: 165, plotting.NARROW: 190}
_PALETTE: Final = 96
# How many indicators of each latent have a fan of their own, and how much past they show.
_FANS: Final = {c.THREAT: 1, c.CREDIBILITY: 1, c.COHESION: 4}
_PAST_YEARS: Final = 10


@dataclass(frozen=True)
class Picture:
    """One figure in both widths: data addresses, sizes in pixels, alternative text."""

    wide: str
    narrow: str
    wide_size: tuple[int, int]
    narrow_size: tuple[int, int]
    alt: str


Draw = Callable[[float], Figure]


def pictures(inputs: ReportInputs) -> dict[str, Picture]:
    """Return every figure of the page by name."""
    states, panel, spec = inputs.states, inputs.panel, inputs.spec
    first_year = panel.time[0].year + (panel.time[0].month - 1) / 12
    drawn: dict[str, tuple[Draw, str]] = {
        "cohesion": (lambda width: plotting.plot_states(states, panel, spec, width=width),
                     _cohesion_alt(inputs)),
        "contributions": (lambda width: plotting.plot_contributions(inputs.episodes, width=width),
                          _contributions_alt(inputs)),
        "fan": (lambda width: plotting.plot_fan(inputs.forecast, past=_past(inputs), width=width),
                _fan_alt(inputs)),
        "fans": (lambda width: plotting.plot_fans(
            inputs.forecast, _past(inputs), _targets(inputs), units=inputs.units,
            names=_state_names(inputs), width=width),
            _fans_alt(inputs)),
        "coverage": (lambda width: plotting.plot_coverage(panel.rows, panel.excluded,
                                                          panel.indicators, width=width),
                     _coverage_alt(inputs)),
        "parameters": (lambda width: plotting.plot_prior_posterior(inputs.parameters,
                                                                   width=width),
                       _parameters_alt(inputs)),
        "ranks": (lambda width: plotting.plot_ranks(inputs.coefficients, width=width),
                  f"Rank plots of the path coefficients over "
                  f"{inputs.coefficients.sizes['chain']} chains of "
                  f"{inputs.coefficients.sizes['draw']} draws."),
    }
    for construct in c.PATHS:
        drawn[construct] = (lambda width, path=construct: plotting.plot_drivers(
            states, panel, spec, path, gaps=inputs.gaps, width=width),
            _driver_alt(inputs, construct))
    check = inputs.posterior_check.table
    for latent in c.LATENTS:
        drawn[f"predictive_{latent}"] = (
            lambda width, which=latent: plotting.plot_predictive(
                check, which, first_year=first_year, width=width),
            _predictive_alt(check, latent))
    if not inputs.full.table.empty:
        drawn["diagnostics"] = (lambda width: plotting.plot_diagnostics(
            inputs.full.table, inputs.full.gate, width=width), _diagnostics_alt(inputs))
    if not inputs.grid.empty:
        drawn["specifications"] = (lambda width: plotting.plot_specifications(
            inputs.grid, spec.verdict.log_bayes_factor, width=width),
            _specifications_alt(inputs))
    if not inputs.power.empty:
        drawn["power"] = (lambda width: plotting.plot_power(inputs.power, width=width),
                          _power_alt(inputs))
    if inputs.differences:
        drawn["differences"] = (lambda width: plotting.plot_differences(
            inputs.differences, width=width), _differences_alt(inputs))
    drawn |= backtest_figures(inputs)
    return {name: _picture(draw, alt) for name, (draw, alt) in drawn.items()}


def _picture(draw: Draw, alt: str) -> Picture:
    wide, wide_size = encode(draw(plotting.WIDE), plotting.WIDE)
    narrow, narrow_size = encode(draw(plotting.NARROW), plotting.NARROW)
    return Picture(wide, narrow, wide_size, narrow_size, alt)


def encode(figure: Figure, width: float) -> tuple[str, tuple[int, int]]:
    """Return a figure as a data address of a palette PNG, and its size in pixels."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI[width], facecolor="white")
    drawn.seek(0)
    with Image.open(drawn) as image:
        small = image.convert("RGB").quantize(_PALETTE, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    small.save(packed, format="PNG", optimize=True)
    return ("data:image/png;base64," + base64.b64encode(packed.getvalue()).decode("ascii"),
            small.size)


def _past(inputs: ReportInputs) -> pd.DataFrame:
    """Return the states with their 90% bands and observed values of the last years."""
    states = inputs.states
    target = [latent if latent == c.COHESION else f"{latent}_{member}"
              for latent, member in zip(states["latent"], states["member"], strict=True)]
    estimated = pd.DataFrame({"target": target, "time": states["time"], "value": states["q50"],
                              "q05": states["q05"], "q95": states["q95"], "observed": False})
    observed = observed_values(inputs.panel).assign(observed=True)
    past = pd.concat([estimated, observed], ignore_index=True)
    return past[past["time"] >= str(inputs.panel.time[-1] - 12 * _PAST_YEARS)]


def _targets(inputs: ReportInputs) -> list[str]:
    """Return the four driver series and the indicators observed most often."""
    chosen = [name for name in inputs.spec.series if name != c.COHESION]
    rows = inputs.panel.rows
    for latent, count in _FANS.items():
        counts = rows.loc[rows["latent"] == latent, "indicator"].value_counts(sort=False)
        chosen += [str(name) for name in counts.sort_values(ascending=False, kind="stable")
                   .index[:count]]
    return chosen


def _state_names(inputs: ReportInputs) -> dict[str, str]:
    """Return how a reader calls the members' states."""
    return {f"{latent}_{member}": f"{latent}, {country(member)}"
            for latent in c.PATHS for member in inputs.panel.members}


def _cohesion_alt(inputs: ReportInputs) -> str:
    part = inputs.states[inputs.states["latent"] == c.COHESION].set_index("time")["q50"]
    low, high = str(part.idxmin()), str(part.idxmax())
    means = ", ".join(
        f"{name} {wording.number(part.loc[about.window[0]:about.window[1]].mean(), signed=True)}"
        for name, about in inputs.spec.episodes.items())
    return (f"Line of cohesion month by month with 50 and 90% bands. The median is lowest in "
            f"{wording.month(low)} ({wording.number(part[low], signed=True)}) and highest in "
            f"{wording.month(high)} ({wording.number(part[high], signed=True)}); mean over the "
            f"episodes: {means}. Below, ticks for {len(events(inputs))} dated events.")


def _driver_alt(inputs: ReportInputs, construct: str) -> str:
    part = inputs.states[inputs.states["latent"] == construct]
    pieces = []
    for member, rows in part.groupby("member", sort=False):
        values = rows.set_index("time")["q50"]
        means = ", ".join(
            f"{wording.number(values.loc[about.window[0]:about.window[1]].mean(), signed=True)} "
            f"in {name}" for name, about in inputs.spec.episodes.items())
        pieces.append(f"{country(str(member))} {means}")
    return (f"Lines of {construct} of both members with bands, and their difference below. Mean "
            f"of the medians: {'; '.join(pieces)}.")


def _contributions_alt(inputs: ReportInputs) -> str:
    pieces = []
    for episode in inputs.spec.episodes:
        part = inputs.episodes[inputs.episodes["episode"] == episode]
        named = []
        for component in c.COMPONENTS:
            found = part.loc[part["quantity"] == f"contribution_{component}", "q50"]
            between = wording.span(wording.number(found.min(), signed=True),
                                   wording.number(found.max(), signed=True))
            named.append(f"{component.replace('_', ' ')} {between}")
        pieces.append(f"{episode}: {', '.join(named)}")
    return ("Points with 90% intervals for each component of the change of cohesion. Medians "
            f"over the baselines: {'; '.join(pieces)}.")


def _fan_alt(inputs: ReportInputs) -> str:
    last = inputs.forecast[inputs.forecast["target"] == c.COHESION].iloc[-1]
    between = wording.interval(wording.number(last["q05"]), wording.number(last["q95"]))
    return (f"Fan of the forecast of cohesion. In {wording.month(last['time'])} the median is "
            f"{wording.number(last['q50'], signed=True)}, 90% interval {between}.")


def _specifications_alt(inputs: ReportInputs) -> str:
    pieces = []
    for (episode, hypothesis), part in inputs.grid.groupby(["episode", "hypothesis"], sort=False):
        low, high = part["log_bayes_factor"].min(), part["log_bayes_factor"].max()
        between = wording.interval(wording.number(low, signed=True),
                                   wording.number(high, signed=True))
        pieces.append(f"{episode}, {hypothesis} {between}")
    return ("Log Bayes factors of every specification in order of size. Smallest and largest: "
            f"{'; '.join(pieces)}.")


def _power_alt(inputs: ReportInputs) -> str:
    own = inputs.power[inputs.power["design"] == inputs.power["design"].iloc[0]]
    pieces = [f"{name} {wording.percent(own[key].min())} to {wording.percent(own[key].max())}"
              for name, key in (("where it holds", "found"), ("where it does not", "false"))
              if own[key].notna().any()]
    return ("Share of simulated panels in which a hypothesis is called supported, by the size of "
            f"the true coefficients, with exact intervals: {', '.join(pieces)}.")


def _differences_alt(inputs: ReportInputs) -> str:
    pieces = []
    for name, table in inputs.differences.items():
        last = table[table["target"] == c.COHESION].iloc[-1]
        between = wording.interval(wording.number(last["q05"]), wording.number(last["q95"]))
        pieces.append(f"{name.replace('_', ' ')} {wording.number(last['q50'], signed=True)} "
                      f"{between}")
    return ("Fans of the difference of cohesion under each scenario from as now. In the last "
            f"month: {'; '.join(pieces)}.")


def _fans_alt(inputs: ReportInputs) -> str:
    ends = inputs.forecast[inputs.forecast["time"] == inputs.forecast["time"].max()]
    ends = ends.drop_duplicates("target").set_index("target")
    units = inputs.units
    names = _state_names(inputs)
    pieces = [f"{names.get(name, name)} {wording.plain(ends.at[name, 'q50'])} "
              f"{units.get(name, '')}".rstrip() for name in _targets(inputs)]
    return (f"Fans of {len(pieces)} series after their past. Medians in "
            f"{wording.month(str(ends['time'].iloc[0]))}: {', '.join(pieces)}.")


def _coverage_alt(inputs: ReportInputs) -> str:
    rows = inputs.panel.rows
    counts = ", ".join(f"{(rows['latent'] == latent).sum()} of {latent}" for latent in c.LATENTS)
    masked = inputs.panel.excluded["indicator"].isin(inputs.panel.indicators.index).sum()
    return (f"One line for each of {len(inputs.panel.indicators)} indicators with a mark where it "
            f"was observed: {counts}. {masked} rows are masked and hatched.")


def _parameters_alt(inputs: ReportInputs) -> str:
    pieces = []
    for name, (_, after) in inputs.parameters.items():
        low, high = (wording.number(float(point)) for point in np.quantile(after, [0.05, 0.95]))
        pieces.append(f"{name} {wording.number(float(np.median(after)))} "
                      f"{wording.interval(low, high)}")
    return ("Histograms of prior and posterior draws. Posterior medians and 90% intervals: "
            f"{'; '.join(pieces)}.")


def _predictive_alt(table: pd.DataFrame, latent: str) -> str:
    part = table[table["latent"] == latent]
    inside = ((part["observed"] >= part["q05"]) & (part["observed"] <= part["q95"])).sum()
    return (f"Observed values of {part['indicator'].nunique()} indicators of {latent} on their "
            f"predictive intervals; {inside} of {len(part)} lie inside the 90% interval.")


def _diagnostics_alt(inputs: ReportInputs) -> str:
    summary = inputs.full.summary
    return (f"Histograms of R-hat and of effective draws of {len(inputs.full.table)} quantities. "
            f"Largest R-hat {wording.number(summary['rhat_max'], 3)} (monthly states "
            f"{wording.number(summary['rhat_max_states'], 3)}); fewest effective draws "
            f"{wording.number(summary['ess_bulk_min'], 0)} (bulk) and "
            f"{wording.number(summary['ess_tail_min'], 0)} (tail).")
