"""Helpers of the builder: columns, reading sources, months, writing."""

import calendar
import csv
import datetime as dt
import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

START = dt.date(2004, 1, 1)
END = dt.date(2024, 12, 31)

COLUMNS = {
    "observations": ["indicator", "start", "end", "value", "n", "wave", "source", "note"],
    "covariates": ["covariate", "start", "end", "value", "source", "note"],
    "events": ["date", "precision", "kind", "actor", "target", "sign", "role", "event", "source",
               "note"],
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
        """Return the names that are not in the folder."""
        return [name for name in names if not (self.folder / name).is_file()]

    def text(self, name: str, encoding: str = "utf-8-sig") -> str:
        """Return a table's text and remember its SHA-256."""
        raw = (self.folder / name).read_bytes()
        self.read[name] = hashlib.sha256(raw).hexdigest()
        return raw.decode(encoding)

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return a table's rows by column."""
        return list(csv.DictReader(io.StringIO(self.text(name))))


def month_period(year: int, month: int) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of a month."""
    return dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1])


def number(value: float) -> str:
    """Write a number without binary noise."""
    return f"{value:.6g}"


def write_table(path: Path, columns: list[str], rows: list[dict]) -> None:
    """Write a table next to its place, then move it there."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, path)
