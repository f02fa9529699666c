"""Write a new dataset and its model file into an empty or absent folder.

Invariant: either every file is there or none; what lies in the folder already is never touched.
"""

import csv
import io
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bayes_alliance import constants as c
from bayes_alliance.exceptions import DataError, Fault
from bayes_alliance.spec import Priors
from bayes_alliance.spec.naming import country, prior_meaning
from bayes_alliance.starter.example import example_rows, example_windows
from bayes_alliance.starter.pair import ADVERSARY, MODEL_FILE, Pair, read_pair
from bayes_alliance.tables.schema import GOVERNMENTS, TABLES

__all__ = ["model_text", "write_starter"]

_SHOWN = 3


def write_starter(folder: Path, members: str, patron: str, start: str, end: str) -> list[Path]:
    """Write the tables and the model file of a new pair, filled with made-up numbers.

    Parameters
    ----------
    folder : pathlib.Path
        A folder that is empty, or does not exist while the one above it does.
    members, patron, start, end : str
        As for :func:`bayes_alliance.starter.read_pair`.

    Returns
    -------
    list of pathlib.Path
        The files, the model file last.

    Raises
    ------
    DataError
        If the folder cannot be used or a name or month is not allowed; lists every fault, and
        nothing is written.
    """
    pair, faults = read_pair(members, patron, start, end)
    faults = [*_folder_faults(folder), *faults]
    if pair is None or faults:
        raise DataError(faults)
    tables = example_rows(pair)
    files = {name: _csv(tables[name], [column.name for column in TABLES[name]])
             for name in TABLES}
    files[MODEL_FILE] = model_text(pair)
    _write_all(folder, files)
    return [folder / name for name in files]


def _folder_faults(folder: Path) -> list[Fault]:
    """Return why nothing can be written there."""
    allowed = "an empty folder, or a new one in a folder that exists"
    if folder.is_dir():
        held = sorted(path.name for path in folder.iterdir())
        if not held:
            return []
        rest = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
        return [Fault(str(folder), "", f"holds {', '.join(held[:_SHOWN])}{rest} already", allowed)]
    if folder.exists() or folder.is_symlink():
        return [Fault(str(folder), "", "is no folder", allowed)]
    if not folder.absolute().parent.is_dir():
        return [Fault(str(folder), "", f"there is no folder {folder.absolute().parent}", allowed)]
    return []


def _csv(rows: list[dict[str, Any]], columns: list[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write_all(folder: Path, files: dict[str, str]) -> None:
    """Write the files beside their place, then move them there.

    A folder that exists stays the same folder: a shell may stand in it.
    """
    there = folder.is_dir()
    name = f".{MODEL_FILE}-{uuid.uuid4().hex}"
    part = folder / name if there else folder.absolute().parent / name
    try:
        part.mkdir()
    except OSError as error:  # name a folder that the reader knows, not the one in between
        raise OSError(error.errno, error.strerror, str(part.parent)) from None
    moved: list[Path] = []
    try:
        for file, text in files.items():
            (part / file).write_text(text, encoding="utf-8", newline="\n")
        if not there:
            part.rename(folder)
            return
        for file in files:
            os.rename(part / file, folder / file)
            moved.append(folder / file)
        part.rmdir()
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        raise


def model_text(pair: Pair) -> str:
    """Return the text of the model file, with a comment on every section."""
    environment = Environment(
        loader=PackageLoader("bayes_alliance.starter"), autoescape=False,  # TOML, not HTML
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters["country"] = country
    rows = example_rows(pair)
    first = {name: next(row for row in rows[GOVERNMENTS] if row["country"] == name)
             for name in (*pair.members, pair.patron)}
    return environment.get_template("model.toml.j2").render(
        pair=pair, adversary=ADVERSARY, indicators={
            latent: [row["indicator"] for row in rows["indicators.csv"] if row["latent"] == latent]
            for latent in c.LATENTS},
        windows=example_windows(pair), priors=_priors(pair),
        first={name: row["start"].isoformat()[:7] for name, row in first.items()},
        administration=first[pair.patron]["government"])


def _priors(pair: Pair) -> list[tuple[str, str, str]]:
    """Return name, TOML value and meaning of every prior, at its default."""
    found = []
    for name, value in Priors().model_dump().items():
        text = (f"{{ {', '.join(f'{key} = {number}' for key, number in value.items())} }}"
                if isinstance(value, dict) else str(value))
        found.append((name, text, prior_meaning(name, pair.patron)))
    return found
