"""The made-up numbers of a new dataset.

Invariant: every row says in source and note that it is made up; the numbers follow from the
months alone, so that two new datasets over the same months differ in names only.
"""

import calendar
import datetime as dt
from typing import Any, Final

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.spec import FAMILIES
from bayes_alliance.spec.naming import country
from bayes_alliance.starter.pair import ADVERSARY, FIRST_YEAR, Pair
from bayes_alliance.tables.schema import GOVERNMENTS

__all__ = ["example_rows", "example_windows"]

Row = dict[str, Any]
_SOURCE: Final = "made_up"
_NOTE: Final = "made up: replace"
_SEED: Final = 1
_SIZE: Final = 1000
_POLL_MONTH: Final = 6
_TERM_YEARS: Final = 4


def example_windows(pair: Pair) -> dict[str, tuple[str, str]]:
    """Return three windows of twelve months: a baseline, a friction and a cohesion."""
    months = pair.months
    quarter = len(months) // 4
    return {name: (str(months[at * quarter]), str(months[at * quarter + 11]))
            for at, name in enumerate(("baseline", "friction", "cohesion"), start=1)}


def example_rows(pair: Pair) -> dict[str, list[Row]]:
    """Return the rows of every table by file name.

    Parameters
    ----------
    pair : Pair
        States and months.

    Returns
    -------
    dict of str to list of dict
        Columns that a row leaves out are empty.
    """
    indicators = _indicators(pair)
    acts = _acts(pair)
    return {
        "observations.csv": _observations(pair, indicators, acts),
        "indicators.csv": indicators,
        "covariates.csv": [],
        "events.csv": _events(pair, acts),
        "event_coverage.csv": [
            {"kind": kind, "year": year, "searched_in": "nothing: made up", "note": _NOTE}
            for kind in ("adversary_act", "court_ruling", "summit")
            for year in sorted({month.year for month in pair.months})],
        "sources.csv": [{"source": _SOURCE, "citation": "Made-up numbers; cite your source here",
                         "licence": "none: made up", "redistribution": "open", "note": _NOTE}],
        GOVERNMENTS: _governments(pair),
    }


def _indicators(pair: Pair) -> list[Row]:
    """Return a monthly series, polls and a yearly count, with each latent's usual families."""
    found = []
    for member in pair.members:
        found += [
            _indicator(f"press_threat_{member}", c.THREAT, member, "normal", "press",
                       "Share of articles on threats, by its logarithm", unit="index",
                       transform="log", transform_shift=4.6, frequency="monthly",
                       own_error="ar1"),
            _indicator(f"poll_threat_{member}", c.THREAT, member, "beta_binomial", "opinion",
                       "Do you feel threatened? Yes", shared_item="poll_threat"),
            _indicator(f"poll_trust_{member}", c.CREDIBILITY, member, "beta_binomial", "opinion",
                       f"Would {country(pair.patron)} defend us? Yes", shared_item="poll_trust"),
            _indicator(f"visits_{member}", c.CREDIBILITY, member, "negative_binomial", "behaviour",
                       f"Visits of leaders of {country(pair.patron)}, in a year", unit="visits",
                       transform="identity", frequency="yearly"),
            _indicator(f"poll_relations_{member}", c.COHESION, pair.dyad, "beta_binomial",
                       "opinion", "Are relations good? Yes", shared_item="poll_relations")]
    found.append(_indicator("travel", c.COHESION, pair.dyad, "normal", "behaviour",
                            "Travellers between the two, by the logarithm of their number",
                            unit="persons", transform="log", transform_shift=12.0,
                            frequency="monthly", own_error="ar1", season="yes"))
    return found


def _indicator(name: str, latent: str, member: str, family: str, kind: str, wording: str,
               **cells: Any) -> Row:
    """Return one indicator; by default a poll in percent."""
    return {
        "indicator": name, "latent": latent, "member": member, "family": family,
        "link": FAMILIES[family].link, "unit": "percent", "transform": "percent",
        "transform_shift": 0, "transform_scale": 100 if FAMILIES[family].needs_n else 1,
        "orientation": 1, "frequency": "irregular", "own_error": "none", "season": "no",
        "mode": "made up", "kind": kind, "default": "yes", "wording": wording, "licence": "open",
        "source": _SOURCE, "note": _NOTE} | cells


def _acts(pair: Pair) -> list[dt.date]:
    """Return the days of the adversary's acts: more of them in the second half."""
    months = pair.months
    late = len(months) // 2
    return [dt.date(month.year, month.month, 15) for at, month in enumerate(months)
            if at % (4 if at >= late else 9) == 2]


def _latents(pair: Pair, acts: list[dt.date]) -> dict[str, np.ndarray]:
    """Return made-up monthly states: of each member's threat and trust, and of the pair."""
    draws = np.random.default_rng(_SEED)
    months = pair.months
    stock = np.zeros(len(months))
    happened = {(day.year, day.month) for day in acts}
    level = 0.0
    for at, month in enumerate(months):
        level = 0.9 * level + ((month.year, month.month) in happened)
        stock[at] = level

    def wander(sd: float) -> np.ndarray:
        steps = draws.normal(0.0, sd, len(months))
        state = np.zeros(len(months))
        for at, step in enumerate(steps):
            state[at] = 0.94 * (state[at - 1] if at else 0.0) + step
        return state

    common, trust = wander(0.3), wander(0.2)
    terms = np.array([(month.year - months[0].year) // _TERM_YEARS for month in months])
    found = {}
    for member in pair.members:
        found[f"threat_{member}"] = common + wander(0.1) + 0.3 * (stock - 1.5)
        found[f"trust_{member}"] = trust + wander(0.1) + np.where(terms % 2 == 0, 0.5, -0.5)
    mean = np.mean(list(found.values()), axis=0)
    found["relations"] = 0.5 * mean + wander(0.25)
    return found


def _observations(pair: Pair, indicators: list[Row], acts: list[dt.date]) -> list[Row]:
    draws = np.random.default_rng(_SEED + 1)
    latents = _latents(pair, acts)
    months = pair.months
    rows: list[Row] = []
    for about in indicators:
        name = about["indicator"]
        topic = "relations" if about["latent"] == c.COHESION else (
            f"{'threat' if about['latent'] == c.THREAT else 'trust'}_{about['member']}")
        state = latents[topic]
        for at, month in enumerate(months):
            if about["frequency"] == "monthly":
                season = 0.1 * np.cos(2 * np.pi * month.month / 12)
                shift = about["transform_shift"] + (season if about["season"] == "yes" else 0.0)
                value = np.exp(shift + 0.3 * state[at] + draws.normal(0.0, 0.15))
                rows.append(_row(name, month, month, f"{value:.4g}"))
            elif month.month == _POLL_MONTH and about["family"] == "beta_binomial":
                share = 1 / (1 + np.exp(-0.5 * state[at] - draws.normal(0.0, 0.1)))
                # The items of one survey share its respondents, so they share its wave.
                public = name.split("_", 2)[2]
                rows.append(_row(name, month, month, f"{100 * share:.1f}", n=_SIZE,
                                 wave=f"pollster_{public}_{month}"))
            elif month.month == 12 and at >= 11 and about["frequency"] == "yearly":
                rate = np.exp(1.0 + 0.4 * state[at - 11:at + 1].mean())
                rows.append(_row(name, months[at - 11], month, str(draws.poisson(rate))))
    return rows


def _row(name: str, first: Any, last: Any, value: str, **cells: Any) -> Row:
    """Return one figure whose period are whole months."""
    end = calendar.monthrange(last.year, last.month)[1]
    return {"indicator": name, "start": dt.date(first.year, first.month, 1),
            "end": dt.date(last.year, last.month, end), "value": value, "source": _SOURCE,
            "note": _NOTE} | cells


def _events(pair: Pair, acts: list[dt.date]) -> list[Row]:
    """Return the adversary's acts, triggers of each member, and one event shown only."""
    base = {"precision": "day", "source": _SOURCE, "note": _NOTE}
    rows: list[Row] = [base | {"date": day, "kind": "adversary_act", "actor": ADVERSARY,
                               "target": pair.dyad, "sign": 0, "role": "driver",
                               "event": "Made-up act of the adversary"} for day in acts]
    months = pair.months
    for at in range(5, len(months), 10):
        first = (at // 10) % 2
        rows.append(base | {"date": dt.date(months[at].year, months[at].month, 10),
                            "kind": "court_ruling", "actor": pair.members[first],
                            "target": pair.members[1 - first], "sign": -1, "role": "driver",
                            "event": "Made-up ruling that strains relations"})
    middle = months[len(months) // 2]
    rows.append(base | {"date": dt.date(middle.year, middle.month, 1), "precision": "month",
                        "kind": "summit", "actor": pair.dyad, "target": pair.dyad, "sign": 1,
                        "role": "shown", "event": "Made-up summit, in figures only"})
    return sorted(rows, key=lambda row: (row["date"], row["kind"]))


def _governments(pair: Pair) -> list[Row]:
    """Return terms without gaps that cover all months; the last one has no end."""
    first, last = pair.months[0].year, pair.months[-1].year
    rows: list[Row] = []
    for offset, name in enumerate((*pair.members, pair.patron)):
        starts = list(range(first - (0, 2, 1)[offset], last + 1, _TERM_YEARS))
        for number, year in enumerate(starts, start=1):
            end = dt.date(year + _TERM_YEARS - 1, 12, 31) if number < len(starts) else ""
            rows.append({"country": name, "head": f"Made-up head {number} of {country(name)}",
                         "party": "", "start": dt.date(max(year, FIRST_YEAR), 1, 1), "end": end,
                         "acting": "no", "government": f"{name}_{number}"})
    rows.append({"country": ADVERSARY, "head": "Made-up head of the adversary", "party": "",
                 "start": dt.date(max(first - _TERM_YEARS, FIRST_YEAR), 1, 1), "end": "",
                 "acting": "no", "government": ADVERSARY})
    return rows
