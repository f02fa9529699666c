"""Ways to damage tables and model files, each a function of a random generator.

Invariant: what a mutation does depends on its generator and its input alone; one named in
``NEVER_SOUND`` leaves nothing that may be read without a fault.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CELLS", "NEVER_SOUND", "TABLE_MUTATIONS", "TOML_MUTATIONS", "dump_toml",
           "mutate_table", "mutate_toml"]

Rng = np.random.Generator

# What may stand in a cell or behind a key although it should not.
CELLS = (
    "", " ", "nan", "NaN", "inf", "-inf", "-1", "0", "-0.0", "1e400", "1e-400", "1e15", "9" * 400,
    "1_000", "1,5", "45,3", "1.234,5", "1 234", "0x1F", "٤٥", "４５", "½", "−5", "1e", ".", "+-3",
    "2024-02-29", "2023-02-29", "2023-02-30", "2024-13-01", "2024-00-10", "2024-W05-3", "20240105",
    "2024-01-05T10:00:00", "2024-01-05+09:00", "05.01.2024", "1/5/2024", "0001-01-01",
    "9999-12-31", "24-01-05", "2024-1-5", "yes", "1", "true", "None", "=1+1", "@x", "../x", "a/b",
    "<script>alert(1)</script>", "javascript:alert(1)", "$\\frac{1}{0", "%s%n", "{{7*7}}",
    "x" * 5000, "a\u202eb", "a\u200bb", "a\x1b[31mb", "a\tb", "a\nb", "e\u0301", "\ufeff", "🙂",
    "2004-01..2003-01=late", "2004-13..2005-01=x", "2004-01-32=web", ";;;", "=", "a;b;a")
_TEXTS = tuple(cell for cell in CELLS if "\x1b" not in cell)


def _rows(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode("utf-8"), newline="")))


def _bytes(rows: list[list[str]], **options: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", **options).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def _some(rng: Rng, among: Any) -> int:
    return int(rng.integers(len(among)))


def _body(rng: Rng, rows: list[list[str]]) -> int:
    return int(rng.integers(1, max(len(rows), 2))) if len(rows) > 1 else 0


def _on_rows(change: Callable[[Rng, list[list[str]]], Any]) -> Callable[[Rng, bytes], bytes]:
    def apply(rng: Rng, raw: bytes) -> bytes:
        rows = _rows(raw)
        change(rng, rows)
        return _bytes(rows)
    return apply


def _drop_column(rng: Rng, rows: list[list[str]]) -> None:
    at = _some(rng, rows[0])
    for row in rows:
        del row[at]


def _repeat_column(rng: Rng, rows: list[list[str]]) -> None:
    at = _some(rng, rows[0])
    for row in rows:
        row.append(row[at])


def _rename_column(rng: Rng, rows: list[list[str]]) -> None:
    at = _some(rng, rows[0])
    rows[0][at] = str(rng.choice([rows[0][at].upper(), rows[0][at] + " ", "", "x", "value2"]))


def _move_column(rng: Rng, rows: list[list[str]]) -> None:
    at = _some(rng, rows[0])
    for row in rows:
        row.insert(0, row.pop(at))


def _swap_titles(rng: Rng, rows: list[list[str]]) -> None:
    a, b = rng.choice(len(rows[0]), 2, replace=False)
    rows[0][a], rows[0][b] = rows[0][b], rows[0][a]


def _cell(rng: Rng, rows: list[list[str]]) -> None:
    row = rows[_body(rng, rows)]
    row[_some(rng, row)] = CELLS[_some(rng, CELLS)]


def _column_of_cells(rng: Rng, rows: list[list[str]]) -> None:
    at, cell = _some(rng, rows[0]), CELLS[_some(rng, CELLS)]
    for row in rows[1:]:
        row[at] = cell


def _swap_cells(rng: Rng, rows: list[list[str]]) -> None:
    one, two = rows[_body(rng, rows)], rows[_body(rng, rows)]
    a, b = _some(rng, one), _some(rng, two)
    one[a], two[b] = two[b], one[a]


def _repeat_row(rng: Rng, rows: list[list[str]]) -> None:
    rows.append(list(rows[_body(rng, rows)]))


def _drop_rows(rng: Rng, rows: list[list[str]]) -> None:
    keep = float(rng.choice([0.0, 0.5, 0.95]))
    rows[1:] = [row for row in rows[1:] if rng.random() < keep]


def _shuffle_rows(rng: Rng, rows: list[list[str]]) -> None:
    rows[1:] = [rows[1:][at] for at in rng.permutation(len(rows) - 1)]


def _shorten_row(rng: Rng, rows: list[list[str]]) -> None:
    rows[_body(rng, rows)].pop()


def _lengthen_row(rng: Rng, rows: list[list[str]]) -> None:
    rows[_body(rng, rows)].append("1")


def _lengthen_all_rows(rng: Rng, rows: list[list[str]]) -> None:
    for row in rows[1:]:
        row.insert(0, "1")


def _numbers_off(rng: Rng, rows: list[list[str]]) -> None:
    factor = float(rng.choice([-1.0, 0.0, 1e-3, 1e3, 1e12, 1e300]))
    at = _some(rng, rows[0])
    for row in rows[1:]:
        try:
            row[at] = repr(float(row[at]) * factor)
        except ValueError:
            continue


def _flip_bytes(rng: Rng, raw: bytes) -> bytes:
    data = bytearray(raw)
    for at in rng.integers(0, len(data), int(rng.integers(1, 8))):
        data[at] = int(rng.integers(256))
    return bytes(data)


def _insert(*pieces: bytes) -> Callable[[Rng, bytes], bytes]:
    def apply(rng: Rng, raw: bytes) -> bytes:
        at = int(rng.integers(len(raw) + 1))
        return raw[:at] + pieces[_some(rng, pieces)] + raw[at:]
    return apply


TABLE_MUTATIONS: dict[str, Callable[[Rng, bytes], bytes]] = {
    "column dropped": _on_rows(_drop_column), "column repeated": _on_rows(_repeat_column),
    "column renamed": _on_rows(_rename_column), "column moved": _on_rows(_move_column),
    "titles swapped": _on_rows(_swap_titles), "cell replaced": _on_rows(_cell),
    "column replaced": _on_rows(_column_of_cells), "cells swapped": _on_rows(_swap_cells),
    "row repeated": _on_rows(_repeat_row), "rows dropped": _on_rows(_drop_rows),
    "rows shuffled": _on_rows(_shuffle_rows), "row shortened": _on_rows(_shorten_row),
    "row lengthened": _on_rows(_lengthen_row), "all rows lengthened": _on_rows(_lengthen_all_rows),
    "numbers multiplied": _on_rows(_numbers_off), "bytes changed": _flip_bytes,
    "quote put in": _insert(b'"', b'""', b"'"), "comma put in": _insert(b","),
    "NUL put in": _insert(b"\0"), "not UTF-8": _insert(b"\xff", b"\xe9\n", b"\xc3("),
    "truncated": lambda rng, raw: raw[:int(rng.integers(len(raw)))],
    "emptied": lambda rng, raw: [b"", b"\n\n", b" ", b"\xef\xbb\xbf"][int(rng.integers(4))],
    "byte order mark": lambda _, raw: b"\xef\xbb\xbf" + raw,
    "UTF-16": lambda _, raw: raw.decode().encode("utf-16"),
    "CRLF": lambda _, raw: raw.replace(b"\n", b"\r\n"),
    "CR": lambda _, raw: raw.replace(b"\n", b"\r"),
    "semicolons": lambda _, raw: _bytes(_rows(raw), delimiter=";"),
    "tabs": lambda _, raw: _bytes(_rows(raw), delimiter="\t"),
    "all quoted": lambda _, raw: _bytes(_rows(raw), quoting=csv.QUOTE_ALL),
    "doubled": lambda _, raw: raw + raw,
    "long line": lambda rng, raw: raw + b"x" * int(rng.choice([10, 200_000])) + b"\n",
}
NEVER_SOUND = frozenset({"column dropped", "column repeated", "column renamed", "row shortened",
                         "row lengthened", "NUL put in", "not UTF-8", "emptied", "UTF-16", "tabs",
                         "semicolons", "doubled", "long line"})


def mutate_table(rng: Rng, raw: bytes) -> tuple[bytes, list[str]]:
    """Return damaged bytes of a table and what was done to them."""
    names = list(TABLE_MUTATIONS)
    done: list[str] = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        name = names[_some(rng, names)]
        try:
            raw = TABLE_MUTATIONS[name](rng, raw)
        except (ValueError, IndexError, csv.Error):  # what is damaged already takes no more of it
            continue
        done.append(name)
    return raw, done


# ---- model files


def dump_toml(value: dict[str, Any]) -> str:
    """Return TOML that says what nested dictionaries say; tables in a row are inline."""
    def one(item: Any) -> str:
        if isinstance(item, bool):
            return "true" if item else "false"
        if isinstance(item, str):
            return json.dumps(item).replace("\x7f", "\\u007f")
        if isinstance(item, (list, tuple)):
            return f"[{', '.join(map(one, item))}]"
        if isinstance(item, dict):
            return f"{{ {', '.join(f'{json.dumps(key)} = {one(v)}' for key, v in item.items())} }}"
        return repr(item)

    lines: list[str] = []

    def table(path: list[str], content: dict[str, Any]) -> None:
        if path:
            lines.append(f"[{'.'.join(map(json.dumps, path))}]")
        lines.extend(f"{json.dumps(key)} = {one(item)}" for key, item in content.items()
                     if not isinstance(item, dict))
        for key, item in content.items():
            if isinstance(item, dict):
                table([*path, key], item)

    table([], value)
    return "\n".join(lines) + "\n"


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return every (container, key) below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, (dict, list)):
            _places(item, found)
    return found


_WRONG: tuple[Any, ...] = (
    *_TEXTS, 0, -1, 1, 2, 10**6, 10**18, 2**63, -2**63, 10**4000, 1e308, -1e308, 5e-324, 0.5,
    float("inf"), float("-inf"), float("nan"), True, False, [], {}, [[]], [{}], [1, "a"], {"a": 1},
    ["threat"] * 3, "threat", "H12", "2010-01", "as_now", "both", ["2010-01", "2011-01"],
    ["2011-01", "2010-01"], ["2010-01"], {"mu": 0, "sd": 0}, {"median": -1, "sd": 1},
    {"median": 1e300, "sd": 1e300}, "level", "student_t", "random_walk", "..", "/etc", ".")


def _delete(rng: Rng, raw: dict[str, Any]) -> None:
    places = _places(raw, [])
    container, key = places[_some(rng, places)]
    del container[key]


def _replace(rng: Rng, raw: dict[str, Any]) -> None:
    places = _places(raw, [])
    container, key = places[_some(rng, places)]
    container[key] = _WRONG[_some(rng, _WRONG)]


def _retarget(rng: Rng, raw: dict[str, Any]) -> None:
    places = _places(raw, [])
    one, a = places[_some(rng, places)]
    two, b = places[_some(rng, places)]
    one[a] = json.loads(json.dumps(two[b]))


def _rename_key(rng: Rng, raw: dict[str, Any]) -> None:
    places = [place for place in _places(raw, []) if isinstance(place[0], dict)]
    container, key = places[_some(rng, places)]
    container[str(rng.choice([key + "s", key[:-1], key.upper(), "", "a.b", "../x", "a b", "é",
                              "<b>", "x" * 300, "__class__", "model_config"]))] = container.pop(key)


def _repeat_item(rng: Rng, raw: dict[str, Any]) -> None:
    lists = [c[k] for c, k in _places(raw, []) if isinstance(c[k], list) and c[k]]
    if lists:
        chosen = lists[_some(rng, lists)]
        chosen.extend([chosen[0]] * int(rng.choice([1, 1000])))


def _deep(rng: Rng, raw: dict[str, Any]) -> None:
    places = _places(raw, [])
    container, key = places[_some(rng, places)]
    for _ in range(int(rng.choice([3, 60]))):
        container[key] = [container[key]]


def _line(rng: Rng, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    lines.insert(_some(rng, lines), lines[_some(rng, lines)])
    return b"\n".join(lines)


TOML_MUTATIONS: dict[str, Callable[[Rng, Any], Any]] = {
    "key deleted": _delete, "value replaced": _replace, "value of another key": _retarget,
    "key renamed": _rename_key, "item repeated": _repeat_item, "nested": _deep,
    "bytes changed": _flip_bytes, "line repeated": _line, "NUL put in": _insert(b"\0"),
    "not UTF-8": _insert(b"\xff", b"\xe9\n"), "byte order mark": TABLE_MUTATIONS["byte order mark"],
    "CRLF": TABLE_MUTATIONS["CRLF"], "emptied": TABLE_MUTATIONS["emptied"],
    "truncated": TABLE_MUTATIONS["truncated"],
    "nested too deep": lambda _, raw: raw + b"\nx = " + b"[" * 20_000,
    "huge number": lambda _, raw: re.sub(rb"= (\d+)\n", rb"= \g<1>" + b"0" * 5000 + b"\n", raw,
                                         count=1),
    "huge file": lambda _, raw: raw + b"# " + b"x" * 2_000_000,
}
_STRUCTURAL = ("key deleted", "value replaced", "value of another key", "key renamed",
               "item repeated", "nested")
NEVER_SOUND_TOML = frozenset({"NUL put in", "not UTF-8", "emptied", "nested too deep", "huge file"})


def mutate_toml(rng: Rng, raw: dict[str, Any]) -> tuple[bytes, list[str]]:
    """Return a damaged model file, given what the sound one says, and what was done to it."""
    raw = json.loads(json.dumps(raw))
    names = list(TOML_MUTATIONS)
    wanted = [names[_some(rng, names)] if rng.random() < 0.35
              else _STRUCTURAL[_some(rng, _STRUCTURAL)]
              for _ in range(int(rng.choice([1, 1, 1, 2, 4])))]
    for name in [name for name in wanted if name in _STRUCTURAL]:
        if _places(raw, []):
            TOML_MUTATIONS[name](rng, raw)
    data = dump_toml(raw).encode("utf-8", "surrogatepass")
    for name in [name for name in wanted if name not in _STRUCTURAL]:
        if data:
            data = TOML_MUTATIONS[name](rng, data)
    return data, wanted
