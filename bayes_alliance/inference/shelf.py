"""A folder of results, one file a key, that a later run goes on with.

Invariant: a file on the shelf is whole or absent, and was made by the shelf's own task under the
shelf's own stamp; whatever else lies there counts as missing and is never returned.

The folder holds ``stamp.json``, ``results/KEY.json``, ``failed/KEY.txt`` (tracebacks of keys that
have no result) and, while a run has it, ``lock``. The lock keeps two runs from doing the same
work. It is no more than that: results are renamed into place and do not depend on who made them,
so that two runs on one folder, should they take over a dead run's lock in the same instant, would
only do work twice.
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance.exceptions import AllianceError, SchemaError
from bayes_alliance.files import SETTLED, write_whole

__all__ = ["Result", "Shelf", "check_keys", "result_text"]

type Result = pd.DataFrame | dict[str, Any]

_FORMAT: Final = 1
# A key is a file name on every system.
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KINDS: Final = "biuf"
_held: set[Path] = set()


def check_keys(keys: list[str]) -> None:
    """Refuse keys that cannot be file names.

    Raises
    ------
    ValueError
        If a key has other signs than letters, digits, ``.``, ``_`` and ``-``, begins with a sign,
        has over 100, or differs from another only in capitals.
    """
    seen: dict[str, str] = {}
    for key in keys:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise ValueError(f"key {key!r} cannot be a file name (allowed: up to 100 letters, "
                             "digits, '.', '_' and '-', the first a letter or digit)")
        other = seen.setdefault(key.lower(), key)
        if other != key:
            raise ValueError(f"keys {other!r} and {key!r} differ only in capitals, which some "
                             "file systems do not tell apart")


def result_text(result: Any) -> str:
    """Return a task's result as JSON, without loss.

    Parameters
    ----------
    result : pandas.DataFrame or dict
        A table of numbers, truth values and text whose index only counts its rows, or what JSON
        knows.

    Raises
    ------
    TypeError
        If the result is neither; says which column or part.
    """
    if isinstance(result, dict):
        return json.dumps({"dict": result}, default=_plain)
    if not isinstance(result, pd.DataFrame):
        raise TypeError(f"the task returned a {type(result).__name__} (allowed: a pandas "
                        "DataFrame, or a dict that JSON knows)")
    if not result.index.equals(pd.RangeIndex(len(result))):
        raise TypeError("the task's table has an index that does not only count its rows; "
                        "make it a column with reset_index()")
    if not all(isinstance(name, str) for name in result.columns) or not result.columns.is_unique:
        raise TypeError(f"the task's columns {list(result.columns)} are not names that differ")
    columns = [[name, str(result[name].dtype), _cells(result[name])] for name in result.columns]
    return json.dumps({"table": columns, "rows": len(result)})


def _cells(column: pd.Series) -> list[Any]:
    if isinstance(column.dtype, pd.StringDtype):
        return [None if missing else str(cell)
                for cell, missing in zip(column, column.isna(), strict=True)]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in _KINDS:
        return list(column.to_numpy().tolist())
    raise TypeError(f"column {column.name!r} of the task's table has dtype {column.dtype} "
                    "(allowed: numbers, truth values and text)")


def _plain(cell: Any) -> Any:
    if isinstance(cell, np.generic):
        return cell.item()
    raise TypeError(f"JSON does not know a {type(cell).__name__} (allowed: dicts with text as "
                    "keys, lists, text, numbers, truth values, None)")


def _from_json(stored: dict[str, Any]) -> Result:
    if "dict" in stored:
        return dict(stored["dict"])
    return pd.DataFrame({name: pd.Series(cells, dtype=kind)
                         for name, kind, cells in stored["table"]},
                        index=pd.RangeIndex(stored["rows"]))


class Shelf:
    """The results of one task under one stamp.

    Parameters
    ----------
    folder : str or pathlib.Path
        Made if it does not exist.
    task : str
        The task's module and name.
    stamp : mapping
        Hashes and settings on which every result depends; JSON knows all of it.
    """

    def __init__(self, folder: str | Path, task: str, stamp: Mapping[str, Any]) -> None:
        self.folder = Path(folder).resolve()
        self._stamp = {"format": _FORMAT, "task": task,
                       "stamp": json.loads(json.dumps(dict(stamp), default=_plain))}
        # Keys sorted: the order in which settings are named is no difference.
        text = json.dumps(self._stamp, sort_keys=True)
        self._digest = hashlib.sha256(text.encode()).hexdigest()

    @contextlib.contextmanager
    def held(self, *, restart: bool = False) -> Iterator["Shelf"]:
        """Hold the folder for this run, and release it at the end.

        Parameters
        ----------
        restart : bool
            Move what is there into ``before-1`` (``before-2``, ...) inside the folder and begin
            anew; nothing is deleted.

        Raises
        ------
        AllianceError
            If another run has the folder.
        SchemaError
            If the folder belongs to another task or stamp; names what differs.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self.folder / "lock"
        _take(lock)
        _held.add(lock)
        try:
            if restart:
                self._move_aside()
            self._check_stamp()
            for name in ("results", "failed"):
                (self.folder / name).mkdir(exist_ok=True)
            _sweep(self.folder)
            yield self
        finally:
            _held.discard(lock)
            lock.unlink(missing_ok=True)

    def read(self, key: str) -> Result | None:
        """Return the result of a key; None if there is none that is whole and of this stamp."""
        try:
            stored = json.loads(self._result(key).read_text(encoding="utf-8"))
            if stored["key"] != key or stored["stamp"] != self._digest:
                return None
            return _from_json(stored["result"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, key: str, text: str) -> Result:
        """Keep a result, given as :func:`result_text` has it, and return it as it will be read."""
        head = json.dumps({"key": key, "stamp": self._digest})[:-1]
        write_whole(self._result(key), f'{head}, "result": {text}}}\n')
        (self.folder / "failed" / f"{key}.txt").unlink(missing_ok=True)
        return _from_json(json.loads(text))

    def write_failure(self, key: str, trace: str) -> None:
        """Keep the traceback of a key that failed."""
        write_whole(self.folder / "failed" / f"{key}.txt", trace)

    def _result(self, key: str) -> Path:
        return self.folder / "results" / f"{key}.json"

    def _check_stamp(self) -> None:
        path = self.folder / "stamp.json"
        if not path.exists():
            if any((self.folder / "results").glob("*.json")):
                raise SchemaError(f"{self.folder} holds results without a stamp.json; pass "
                                  "restart=True to move them aside, or name another folder")
            write_whole(path, json.dumps(self._stamp, indent=1) + "\n")
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            there = _flat({key: found[key] for key in self._stamp})
        except (OSError, ValueError, KeyError, TypeError):
            raise SchemaError(f"{path} cannot be read as a stamp; pass restart=True to move the "
                              "results aside, or name another folder") from None
        here = _flat(self._stamp)
        differences = [f"{key}: {_shown(there, key)} there, {_shown(here, key)} now"
                       for key in sorted({*there, *here})
                       if _shown(there, key, None) != _shown(here, key, None)]
        if differences:
            raise SchemaError(
                f"{self.folder} holds results of other settings ({'; '.join(differences)}); pass "
                "restart=True to move them aside, or name another folder")

    def _move_aside(self) -> None:
        names = [name for name in ("stamp.json", "results", "failed")
                 if (self.folder / name).exists()]
        number = 1
        while names and (self.folder / f"before-{number}").exists():
            number += 1
        for name in names:
            target = self.folder / f"before-{number}" / name
            target.parent.mkdir(exist_ok=True)
            os.replace(self.folder / name, target)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested settings by dotted names."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def _shown(settings: Mapping[str, Any], key: str, width: int | None = 60) -> str:
    text = json.dumps(settings[key]) if key in settings else "absent"
    return text if width is None or len(text) <= width else f"{text[:width - 3]}..."


def _take(lock: Path) -> None:
    """Make the lock file, in place of one whose run is dead."""
    mine = json.dumps({"pid": os.getpid(), "host": socket.gethostname(),
                       "since": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")})
    while True:
        try:
            write_whole(lock, mine, overwrite=False)
        except FileExistsError:
            _clear_stale(lock)
            continue
        return


def _clear_stale(lock: Path) -> None:
    """Remove the lock of a run that is dead; raise if it may be alive."""
    try:
        text, age = lock.read_text(encoding="utf-8"), time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return
    try:
        holder = json.loads(text)
        pid, host, since = int(holder["pid"]), str(holder["host"]), str(holder["since"])
    except (ValueError, KeyError, TypeError):
        if age < SETTLED:
            raise AllianceError(f"{lock.parent} is being taken by another run") from None
    else:
        if host != socket.gethostname() or lock in _held or (pid != os.getpid() and _lives(pid)):
            raise AllianceError(
                f"{lock.parent} is in use by process {pid} on {host} since {since}; wait for it, "
                f"name another folder, or delete {lock} if that process is no such run")
    # Renamed first: of two runs that find the same dead one, only one gets on.
    aside = lock.with_name(f"lock.{os.getpid()}.part")
    with contextlib.suppress(FileNotFoundError):
        os.replace(lock, aside)
        aside.unlink()


def _lives(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking for a process there would end it; a person has to say
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sweep(folder: Path) -> None:
    """Remove temporary files that a killed run left."""
    for path in folder.rglob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > SETTLED:
                path.unlink()
