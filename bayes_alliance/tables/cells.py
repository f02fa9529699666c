"""Read a table's bytes and cells, collecting every fault.

Invariant: nothing is guessed. Every cell is text until its column's kind has accepted it, and a
cell that is refused is named by file, line and column.
"""

import csv
import datetime as dt
import io
import math
import re
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bayes_alliance.exceptions import Fault, did_you_mean
from bayes_alliance.tables.schema import TABLES, Column

__all__ = ["LINE", "REFUSED", "read_table"]

LINE: Final = "line"
REFUSED: Final = "refused"
_MAXIMUM_BYTES: Final = 50_000_000
# float() also takes underscores and the digits of other scripts; a table may not hold them.
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE: Final = ("inf", "infinity", "nan")


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
    text, faults = _text(path, name)
    if text is None:
        return None, faults
    try:
        # newline="" semantics: the csv module must see line ends itself.
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        return None, [Fault(name, "", f"is no valid CSV: {error}", "comma-separated values")]
    if not lines or not any(lines[0]):
        return None, [Fault(name, "", "the file is empty", "a header and rows")]
    columns = TABLES[name]
    header, present = lines[0], {title: at for at, title in reversed(list(enumerate(lines[0])))}
    faults = _check_header(header, columns, name)
    records: list[dict[str, Any]] = []
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        if len(cells) != len(header):
            faults.append(Fault(name, f"row {number}", f"has {len(cells)} cells",
                                f"{len(header)} cells, as in the header"))
            continue
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


def _check_header(header: list[str], columns: tuple[Column, ...], name: str) -> list[Fault]:
    known = [column.name for column in columns]
    faults = []
    unknown = [title for title in header if title not in known]
    for title in unknown:
        hint = did_you_mean(title, known)
        faults.append(Fault(name, "header", f"unknown column {title!r}{hint}", ", ".join(known)))
    faults += [Fault(name, "header", f"column {title!r} is missing", ", ".join(known))
               for title in known if title not in header]
    faults += [Fault(name, "header", f"column {title!r} stands twice", "each column once")
               for title in sorted({title for title in header if header.count(title) > 1})]
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
        try:
            if len(text) != len("YYYY-MM-DD"):
                raise ValueError
            return dt.date.fromisoformat(text)
        except ValueError:
            faults.append(Fault(name, where, f"{text!r} is no date", "YYYY-MM-DD"))
            return None
    return _number(text, column, name, where, faults)


def _number(text: str, column: Column, name: str, where: str, faults: list[Fault]) -> Any:
    if text.lower().lstrip("+-") in _NOT_FINITE:
        faults.append(Fault(name, where, f"{text!r} is not finite", _allowed(column)))
        return None
    if not _NUMBER.fullmatch(text):
        hint = " (a decimal comma?)" if "," in text else ""
        faults.append(Fault(name, where, f"{text!r} is no number{hint}", _allowed(column)))
        return None
    value = float(text)
    if not math.isfinite(value):
        faults.append(Fault(name, where, f"{text!r} is too large", _allowed(column)))
        return None
    if column.kind == "integer":
        if value != int(value):
            faults.append(Fault(name, where, f"{text!r} is no whole number", "a whole number"))
            return None
        return int(value)
    return value


def _allowed(column: Column) -> str:
    return {"date": "YYYY-MM-DD", "number": "a finite number with a decimal point",
            "integer": "a whole number", "word": ", ".join(column.words),
            "text": "some text"}[column.kind]
