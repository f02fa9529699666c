"""Polls: dates of fieldwork, waves, sample sizes, and the row of a poll.

Invariant: rows of one survey of one public share one wave. Sources date one survey with different
precision, so ``waves.csv`` is asked before a row's own date.
"""

import csv
import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from citations import Citation
from common import Sources, month_period, number

PEW = "us/pew_gas_opinion_country_year_2002_2023.csv"
MEMBERS = {"KOR": "rok", "JPN": "japan"}
ASSUMED = "month assumed: usual fieldwork"
AT_RELEASE = "month assumed: that of the release"


@dataclass(frozen=True)
class Wave:
    """When one survey was in the field, whatever its rows say.

    ``first`` and ``last`` are the months (``YYYY-MM``) in which a row's own date may fall;
    ``public`` is empty where both publics were asked at the same time.
    """

    public: str
    first: str
    last: str
    fieldwork: str
    sample: int | None
    note: str


@dataclass(frozen=True)
class Pollster:
    """Documented defaults of a pollster, and the surveys whose dates are settled."""

    name: str
    sample: int
    months: tuple[tuple[int, int], ...]
    mode: str
    waves: tuple[Wave, ...] = ()

    def month(self, year: int) -> int:
        """Return the usual month of fieldwork in a year."""
        return [month for first, month in self.months if first <= year][-1]

    def wave(self, member: str, start: dt.date) -> Wave | None:
        """Return the settled survey that a row's own month belongs to."""
        found = [wave for wave in self.waves
                 if wave.public in ("", member) and wave.first <= f"{start:%Y-%m}" <= wave.last]
        return found[0] if found else None


def read_pollsters(folder: Path) -> dict[str, Pollster]:
    """Return the pollsters of ``pollsters.csv`` with their surveys of ``waves.csv``."""
    waves: dict[str, list[Wave]] = {}
    for row in _read(folder / "waves.csv"):
        waves.setdefault(row["pollster"], []).append(
            Wave(row["public"], row["from"], row["to"], row["fieldwork"],
                 int(row["n"]) if row["n"] else None, row["note"]))
    spans: dict[str, list[dict[str, str]]] = {}
    for row in _read(folder / "pollsters.csv"):
        spans.setdefault(row["pollster"], []).append(row)
    unknown = sorted(set(waves) - set(spans))
    if unknown:
        raise ValueError(f"waves.csv: unknown pollster {', '.join(unknown)}")
    return {name: Pollster(name, int(rows[-1]["sample"]),
                           tuple((int(row["from"]), int(row["month"])) for row in rows),
                           rows[-1]["mode"], tuple(waves.get(name, ())))
            for name, rows in spans.items()}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fieldwork(text: str, pollster: Pollster) -> tuple[dt.date, dt.date, str]:
    """Return the month in which a poll was in the field, and a note where it is assumed.

    A poll enters in one month: the one that holds the middle of its fieldwork. Where the source
    gives only a year it is the pollster's usual month; where the month given is only that of the
    publication, the note says so.

    Parameters
    ----------
    text : str
        The source's cell as it stands, remarks in brackets included.
    pollster : Pollster
        Whose usual month counts.
    """
    stated, _, remark = text.partition("(")
    clean = re.sub(r"or\d+", "", stated.strip())
    match = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", clean)
    if match is None:
        raise ValueError(f"no year in fieldwork {text!r}")
    year = int(match[1])
    if match[2] is None:
        return (*month_period(year, pollster.month(year)), ASSUMED)
    first = dt.date(year, int(match[2]), int(match[3] or 15))
    middle = first + (_last_day(clean[match.end():], first, bool(match[3])) - first) / 2
    released = re.search(r"(?:release|published)\D*(?:\d{4}-)?(\d{2})-\d{2}", remark)
    note = AT_RELEASE if released and match[3] is None and int(released[1]) == middle.month else ""
    return (*month_period(middle.year, middle.month), note)


def _last_day(tail: str, first: dt.date, has_day: bool) -> dt.date:
    """Return the end of a period; a month without a day counts from its middle."""
    if not tail.startswith("/"):
        return first
    parts = [int(part) for part in re.findall(r"\d+", tail)]
    if len(parts) >= 3:
        return dt.date(parts[0], parts[1], parts[2])
    if len(parts) == 2:
        return dt.date(*parts, 15) if parts[0] > 1000 else dt.date(first.year, *parts)
    return first.replace(day=parts[0]) if has_day else dt.date(first.year, parts[0], 15)


def wave_name(pollster: str, member: str, start: dt.date) -> str:
    """Return the name shared by all items that one public answered in one survey."""
    return f"{pollster}_{member}_{start:%Y-%m}"


def pew_sizes(sources: Sources) -> dict[tuple[str, int], float]:
    """Return the effective sample size of a Pew survey by member and year."""
    return {(MEMBERS[row["country"]], int(row["year"])): float(row["n_eff"])
            for row in sources.rows(PEW)
            if row["item"] == "opi_USA" and row["country"] in MEMBERS}


def poll_row(indicator: str, member: str, pollster: Pollster, when: str, value: float,
             citation: Citation, *, sizes: dict[tuple[str, int], float] | None = None,
             note: str = "") -> dict:
    """Return one row of a poll.

    Parameters
    ----------
    indicator, member : str
        What was asked, and of which public.
    pollster : Pollster
        Who asked; gives the defaults and the settled surveys.
    when : str
        The source's cell on the fieldwork.
    value : float
        Percent.
    citation : Citation
        Where the figure was read.
    sizes : dict, optional
        Effective sample sizes by member and year, where they are known.
    note : str
        What is weak about the figure.
    """
    start, end, assumed = fieldwork(when, pollster)
    wave = pollster.wave(member, start)
    stated = wave.sample if wave else None
    if wave is not None:
        start, end, _ = fieldwork(wave.fieldwork, pollster)
        assumed = wave.note
        # A settled date is not inferred any more; what the source's note says of it is void.
        note = "; ".join(part for part in note.split("; ") if not part.startswith("month "))
    if "month inferred" in note:
        assumed = ""
    effective = (sizes or {}).get((member, start.year))
    size = next(one for one in (effective, stated, pollster.sample) if one is not None)
    basis = ("n: effective sample size" if effective is not None else
             "" if stated is not None else "n: default of the pollster")
    return {
        "indicator": indicator, "start": start, "end": end, "value": number(value),
        "n": str(round(size)), "wave": wave_name(pollster.name, member, start),
        "source": citation.source,
        # A weakness that source and citation both name is said once.
        "note": "; ".join(dict.fromkeys(
            part for part in (*note.split("; "), citation.note, assumed, basis) if part)),
    }
