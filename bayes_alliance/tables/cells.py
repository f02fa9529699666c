"""Read a table's bytes and cells, collecting every fault.

Invariant: nothing is guessed. Every cell is text until its column's kind has accepted it, and a
cell that is refused is named by file, line and column. A file is never held in memory beyond the
bounds stated here.
"""

import csv
import datetime as dt
import io
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bayes_alliance.exceptions import Fault, did_you_mean
from bayes_alliance.tables.schema import OPTIONAL, TABLES, Column

__all__ = ["LINE", "MOST_FAULTS", "NUMBER", "REFUSED", "Rows", "read_rows", "read_table",
           "too_many_faults"]

LINE: Final = "line"
REFUSED: Final = "refused"
# A table with more faults than this is wrong as a whole; the rest is not looked at.
MOST_FAULTS: Final = 500
_MAXIMUM_BYTES: Final = 50_000_000
_MAXIMUM_ROWS: Final = 100_000
# Whole numbers up to here are exact as floats; no figure of the field comes near.
_LARGEST: Final = 1e15
_LARGEST_INTEGER: Final = 1_000_000_000
_YEARS: Final = (1800, 2199)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# float() also takes underscores and the digits of other scripts; a table may not hold them.
NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE: Final = ("inf", "infinity", "nan")
_OTHER_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Rows:
    """The cells of a table as text.

    Attributes
    ----------
    header : list of str
        The titles.
    cells : list of (int, list of str)
        The line a row begins in, and its cells, as many as titles.
    """

    header: list[str]
    cells: list[tuple[int, list[str]]]


def read_rows(path: Path, name: str, known: Collection[str], *,
              maximum: int = _MAXIMUM_ROWS) -> tuple[Rows | None, list[Fault]]:
    """Read the cells of a CSV file; its header is judged before its rows are read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        What faults call it.
    known : collection of str
        The titles a table of this name has.
    maximum : int
        Most rows.

    Returns
    -------
    rows : Rows or None
        None if the file cannot be read as a table.
    faults : list of Fault
        Everything wrong with it.
    """
    text, faults = _text(path, name)
    if text is None:
        return None, faults
    # newline="" semantics: the csv module must see line ends itself.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    cells: list[tuple[int, list[str]]] = []
    line = 1
    try:
        header = next(reader, [])
        faults = _check_header(header, known, name)
        if not set(header) & set(known):
            return None, faults
        line = reader.line_num + 1
        for row in reader:
            here, line = line, reader.line_num + 1
            if not row:
                continue
            if len(cells) >= maximum:
                faults.append(Fault(name, f"row {here}", f"is one of more than {maximum} rows",
                                    f"at most {maximum} rows"))
                return None, faults
            if len(faults) >= MOST_FAULTS:
                faults.append(too_many_faults(name))
                return None, faults
            if len(row) != len(header):
                faults.append(Fault(name, f"row {here}", f"has {len(row)} cells",
                                    f"{len(header)} cells, as in the header"))
                continue
            faults += [Fault(name, f"row {here}, {title}", f"holds the character U+{ord(sign):04X}",
                             "printed characters")
                       for title, cell in zip(header, row, strict=True)
                       for sign in _unprinted(cell)]
            cells.append((here, row))
    except csv.Error as error:
        return None, [Fault(name, f"row {line}", f"is no valid CSV: {error}",
                            "comma-separated values")]
    return Rows(header, cells), faults


def too_many_faults(name: str) -> Fault:
    """Return the fault that ends the faults of one table."""
    return Fault(name, "", f"has more than {MOST_FAULTS} faults; the rest was not looked at")


def _unprinted(cell: str) -> list[str]:
    """Return the control and invisible characters of a cell; line ends and tabs are none."""
    if cell.isprintable():
        return []
    return sorted({sign for sign in cell
                   if unicodedata.category(sign) in ("Cc", "Cf") and sign not in "\n\r\t"})


def read_table(path: Path, name: str) -> tuple[pd.DataFrame | None, list[Fault]]:
    """Read one table.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        Which table of the schema it is.

    Returns
    -------
    table : pandas.DataFrame or None
        Columns as in the schema plus ``line``, the line in the file, and ``refused``, the columns
        whose cell was refused; None if it cannot be read or lacks a column. Cells that were
        refused are missing.
    faults : list of Fault
        Everything wrong with it.
    """
    columns = (TABLES | OPTIONAL)[name]
    rows, faults = read_rows(path, name, [column.name for column in columns])
    if rows is None:
        return None, faults
    present = {title: at for at, title in reversed(list(enumerate(rows.header)))}
    records: list[dict[str, Any]] = []
    for number, cells in rows.cells:
        if len(faults) >= MOST_FAULTS:
            return None, [*faults, too_many_faults(name)]
        record: dict[str, Any] = {LINE: number}
        refused = set()
        # A wrong title hides nothing: the columns that are known are read all the same.
        for column in columns:
            if column.name in present:
                before = len(faults)
                text = cells[present[column.name]].strip()
                record[column.name] = _cell(text, column, name, number, faults)
                if len(faults) > before:
                    refused.add(column.name)
        records.append(record | {REFUSED: frozenset(refused)})
    if any(column.name not in present for column in columns):
        return None, faults
    table = pd.DataFrame(records,
                         columns=[LINE, *(column.name for column in columns), REFUSED])
    return table, faults


def _text(path: Path, name: str) -> tuple[str | None, list[Fault]]:
    if path.is_symlink() and path.parent.resolve() not in path.resolve().parents:
        return None, [Fault(name, "", "is a link to a file outside the dataset's folder",
                            "a file of its own")]
    if not path.is_file():
        return None, [Fault(name, "", "the file is missing", "every table of a dataset")]
    size = path.stat().st_size
    if size > _MAXIMUM_BYTES:
        return None, [Fault(name, "", f"the file has {size} bytes",
                            f"at most {_MAXIMUM_BYTES} bytes")]
    raw = path.read_bytes()
    if not raw.strip():
        return None, [Fault(name, "", "the file is empty", "a header and rows")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return None, [Fault(name, f"row {line}", f"byte {error.start} is not UTF-8",
                            "a file in UTF-8")]
    if "\x00" in text:
        return None, [Fault(name, "", "the file holds NUL characters", "plain text in UTF-8")]
    return text, []


def _check_header(header: list[str], known: Collection[str], name: str) -> list[Fault]:
    if not any(header):
        return [Fault(name, "", "the file is empty", "a header and rows")]
    allowed = ", ".join(known)
    if len(header) == 1 and header[0] not in known:
        found = [word for sign, word in _OTHER_SEPARATORS.items() if sign in header[0]]
        if found:
            return [Fault(name, "header", f"its cells are separated by {found[0]}",
                          "cells separated by commas, numbers with a decimal point")]
    faults = []
    for title in header:
        if title not in known:
            shown = title if len(title) <= 80 else f"{title[:80]}..."
            faults.append(Fault(name, "header", f"unknown column {shown!r}"
                                f"{did_you_mean(title, known)}", allowed))
    faults = faults[:MOST_FAULTS]
    faults += [Fault(name, "header", f"column {title!r} is missing", allowed)
               for title in known if title not in header]
    faults += [Fault(name, "header", f"column {title!r} stands twice", "each column once")
               for title in known if header.count(title) > 1]
    return faults


def _cell(text: str, column: Column, name: str, number: int, faults: list[Fault]) -> Any:
    """Convert one cell; an empty or refused one is None ('' for text and words)."""
    where = f"row {number}, {column.name}"
    if text == "":
        if column.required:
            faults.append(Fault(name, where, "is empty", _allowed(column)))
        return "" if column.kind in ("text", "word") else None
    if column.kind == "text":
        return text
    if column.kind == "word":
        if text in column.words:
            return text
        hint = did_you_mean(text, column.words)
        faults.append(Fault(name, where, f"unknown word {text!r}{hint}", ", ".join(column.words)))
        return ""
    if column.kind == "date":
        return _date(text, name, where, faults)
    return _number(text, column, name, where, faults)


def _date(text: str, name: str, where: str, faults: list[Fault]) -> dt.date | None:
    try:
        # Python's own reader also takes weeks, such as 2024-W05-1.
        if not _DATE.fullmatch(text):
            raise ValueError
        day = dt.date.fromisoformat(text)
    except ValueError:
        faults.append(Fault(name, where, f"{text!r} is no date", "YYYY-MM-DD"))
        return None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        faults.append(Fault(name, where, f"{text!r} is no date of the field",
                            f"a year from {_YEARS[0]} to {_YEARS[1]}"))
        return None
    return day


def _number(text: str, column: Column, name: str, where: str, faults: list[Fault]) -> Any:
    if text.lower().lstrip("+-") in _NOT_FINITE:
        faults.append(Fault(name, where, f"{text!r} is not finite", _allowed(column)))
        return None
    if not NUMBER.fullmatch(text):
        hint = " (a decimal comma?)" if "," in text else ""
        faults.append(Fault(name, where, f"{text!r} is no number{hint}", _allowed(column)))
        return None
    value = float(text)
    largest = _LARGEST_INTEGER if column.kind == "integer" else _LARGEST
    if abs(value) > largest:
        faults.append(Fault(name, where, f"{text!r} is too large", f"at most {largest:g} in size"))
        return None
    if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        faults.append(Fault(name, where, f"{text!r} is too small to be told from 0",
                            _allowed(column)))
        return None
    if column.kind == "integer":
        if value != int(value) or value < 0:
            faults.append(Fault(name, where, f"{text!r} is no whole number", _allowed(column)))
            return None
        return int(value)
    return value


def _allowed(column: Column) -> str:
    return {"date": "YYYY-MM-DD", "number": "a finite number with a decimal point",
            "integer": "a whole number of at least 0", "word": ", ".join(column.words),
            "text": "some text"}[column.kind]
