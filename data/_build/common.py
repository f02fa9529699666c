"""Helpers of the builder: reading sources, dates of fieldwork, rows, writing."""

import calendar
import csv
import datetime as dt
import hashlib
import io
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

START = dt.date(2004, 1, 1)
END = dt.date(2024, 12, 31)

COLUMNS = {
    "observations": ["indicator", "start", "end", "value", "n", "wave", "source", "note"],
    "covariates": ["covariate", "start", "end", "value", "source", "note"],
    "events": ["date", "precision", "kind", "actor", "target", "sign", "role", "event", "source"],
    "event_coverage": ["kind", "year", "searched_in", "note"],
    "sources": ["source", "citation", "address", "licence", "redistribution", "retrieved",
                "sha256", "note"],
    "governments": ["country", "head", "party", "start", "end", "acting", "government"],
}


@dataclass
class Tables:
    """Rows of the tables under construction, as dictionaries."""

    observations: list[dict] = field(default_factory=list)
    covariates: list[dict] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)


class Sources:
    """The folder of source tables; remembers what was read, for the provenance table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, str] = {}

    def missing(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if not (self.folder / name).is_file()]

    def text(self, name: str, encoding: str = "utf-8-sig") -> str:
        raw = (self.folder / name).read_bytes()
        self.read[name] = hashlib.sha256(raw).hexdigest()
        return raw.decode(encoding)

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.text(name))))


@dataclass(frozen=True)
class Pollster:
    """Defaults of a pollster where a row does not state them."""

    name: str
    sample: int
    month: int
    modes: str


def read_pollsters(folder: Path) -> dict[str, Pollster]:
    with (folder / "pollsters.csv").open(encoding="utf-8", newline="") as file:
        return {row["pollster"]: Pollster(row["pollster"], int(row["sample"]),
                                          int(row["month"]), row["mode"])
                for row in csv.DictReader(file)}


def month_period(year: int, month: int) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of a month."""
    return dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1])


def fieldwork(text: str, usual_month: int) -> tuple[dt.date, dt.date, str]:
    """Return the month in which a poll was in the field, and a note where it is assumed.

    A poll enters in one month: the one that holds the middle of its fieldwork. Where the source
    gives only a year, or only the date of publication, it is the pollster's usual month.

    >>> fieldwork("2019-05-24/26", 1)[0].isoformat()
    '2019-05-01'
    >>> fieldwork("2021-09-30/11-07", 1)[0].isoformat()
    '2021-10-01'
    >>> fieldwork("2018", 6)[2]
    'month assumed: usual fieldwork'
    """
    clean = re.sub(r"or\d+", "", text.strip())
    match = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", clean)
    if match is None:
        raise ValueError(f"no year in fieldwork {text!r}")
    year = int(match[1])
    note = ""
    if match[2] is None or "release" in text and match[3] is None:
        month = int(match[2]) if match[2] else usual_month
        note = "month assumed: usual fieldwork"
        return (*month_period(year, month), note)
    first = dt.date(year, int(match[2]), int(match[3] or 15))
    tail = clean[match.end():]
    last = first
    if tail.startswith("/"):
        parts = [int(part) for part in re.findall(r"\d+", tail)]
        if len(parts) >= 3:
            last = dt.date(parts[0], parts[1], parts[2])
        elif len(parts) == 2 and parts[0] > 1000:
            last = dt.date(parts[0], parts[1], 15)
        elif len(parts) == 2:
            last = dt.date(year, parts[0], parts[1])
        elif len(parts) == 1 and match[3] is None:
            last = dt.date(year, parts[0], 15)
        elif len(parts) == 1:
            last = first.replace(day=parts[0])
    middle = first + (last - first) / 2
    return (*month_period(middle.year, middle.month), note)


def wave_name(pollster: str, member: str, start: dt.date) -> str:
    """Return the name shared by all items that one public answered in one survey."""
    return f"{pollster}_{member}_{start:%Y-%m}"


def number(value: float) -> str:
    """Write a number without binary noise."""
    return f"{value:.6g}"


def poll_row(indicator: str, member: str, pollster: Pollster, when: str, value: float,
             source: str, *, sample: float | None = None, note: str = "") -> dict:
    """Return one row of a poll, with the documented sample size where none is stated."""
    start, end, assumed = fieldwork(when, pollster.month)
    notes = [note, assumed]
    if sample is None:
        notes.append("n: default of the pollster")
    return {
        "indicator": indicator, "start": start, "end": end, "value": number(value),
        "n": str(round(sample if sample is not None else pollster.sample)),
        "wave": wave_name(pollster.name, member, start), "source": source,
        "note": "; ".join(part for part in notes if part),
    }


def write_table(path: Path, columns: list[str], rows: list[dict]) -> None:
    """Write a table next to its place, then move it there."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, path)
