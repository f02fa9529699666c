"""Helpers of the builder: columns, reading sources, months, writing."""

import argparse
import calendar
import csv
import datetime as dt
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
START = dt.date(2004, 1, 1)
END = dt.date(2024, 12, 31)

COLUMNS = {
    "observations": ["indicator", "start", "end", "value", "n", "wave", "source", "note"],
    "covariates": ["covariate", "start", "end", "value", "source", "note"],
    "controls": ["control", "start", "end", "value", "source", "note"],
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


def run_builder(description: str, dataset: str, needed: Iterable[str],
                build: Callable[[Path, Path], None]) -> int:
    """Run the command line of a builder that writes one folder; return its exit status.

    3 if source tables are missing; with ``--check``, 1 if the tables differ.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--sources", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / dataset)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    missing = Sources(options.sources).missing(needed)
    for name in missing:
        print(f"{options.sources} lacks {name}", file=sys.stderr)
    if missing:
        return 3
    if not options.check:
        build(options.sources, options.out)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / dataset
        build(options.sources, fresh)
        different = [path.name for path in sorted(fresh.iterdir())
                     if not (options.out / path.name).is_file()
                     or (options.out / path.name).read_bytes() != path.read_bytes()]
    for name in different:
        print(f"{name} differs from what the source tables give", file=sys.stderr)
    return 1 if different else 0
