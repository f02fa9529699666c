"""A folder of tables in, a checked :class:`Dataset` out.

Invariant: a dataset that exists has passed every check; its hash changes with any byte of the
tables that a model as committed may use, and with nothing else.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bayes_alliance.exceptions import DataError, Fault
from bayes_alliance.tables.cells import LINE, REFUSED, read_table
from bayes_alliance.tables.check import check_tables
from bayes_alliance.tables.schema import CONTROLS, GOVERNMENTS, OPTIONAL, TABLES

__all__ = ["Dataset", "check_dataset", "read_dataset"]


@dataclass(frozen=True)
class Dataset:
    """The tables of one dataset, checked.

    Attributes
    ----------
    name : str
        The folder's name.
    observations, indicators, covariates, events, event_coverage, sources, governments :
        pandas.DataFrame
        Columns as in the schema, dates as ``datetime.date``, text cells never missing.
    data_hash : str
        SHA-256 over all tables but the controls.
    controls : pandas.DataFrame
        Monthly series that only variants of a model use; no rows where the table is absent.
    controls_hash : str
        SHA-256 of that table, empty where it is absent.
    """

    name: str
    observations: pd.DataFrame
    indicators: pd.DataFrame
    covariates: pd.DataFrame
    events: pd.DataFrame
    event_coverage: pd.DataFrame
    sources: pd.DataFrame
    governments: pd.DataFrame
    data_hash: str
    controls: pd.DataFrame
    controls_hash: str


def check_dataset(folder: Path, *, non_commercial: bool = False) -> list[Fault]:
    """Return every fault of a dataset.

    Parameters
    ----------
    folder : pathlib.Path
        The dataset's folder.
    non_commercial : bool
        Whether series whose terms forbid commercial use are allowed.

    Returns
    -------
    list of Fault
        Empty if the dataset is sound.
    """
    return _read(folder, non_commercial)[1]


def read_dataset(folder: Path, *, non_commercial: bool = False) -> Dataset:
    """Read and check a dataset.

    Raises
    ------
    DataError
        If anything is wrong; lists every fault with file, row and key.
    """
    tables, faults = _read(folder, non_commercial)
    if faults:
        raise DataError(faults)
    plain = {name.removesuffix(".csv"): table.drop(columns=[LINE, REFUSED])
             for name, table in tables.items()}
    none = pd.DataFrame(columns=[column.name for column in OPTIONAL[CONTROLS]])
    mark = (hashlib.sha256((folder / CONTROLS).read_bytes()).hexdigest() if CONTROLS in tables
            else "")
    return Dataset(name=folder.resolve().name, data_hash=_hash(folder), controls_hash=mark,
                   **{"controls": none, **plain})


def _read(folder: Path, non_commercial: bool) -> tuple[dict[str, pd.DataFrame], list[Fault]]:
    if not folder.is_dir():
        return {}, [Fault(str(folder), "", "there is no such folder", "a dataset's folder")]
    tables: dict[str, pd.DataFrame] = {}
    faults: list[Fault] = []
    present = [name for name in OPTIONAL if (folder / name).is_file()]
    for name in (*TABLES, *present):
        table, found = read_table(_place(folder, name), name)
        faults += found
        if table is not None:
            tables[name] = table
    faults += check_tables(tables)
    if not non_commercial and "indicators.csv" in tables:
        faults += [
            Fault("indicators.csv", f"row {row.line}, licence",
                  f"{row.indicator} may not be used commercially",
                  "open, cite, press; or allow non-commercial series explicitly")
            for row in tables["indicators.csv"].itertuples() if row.licence == "non-commercial"]
    return tables, faults


def _place(folder: Path, name: str) -> Path:
    """Governments are shared by the datasets beside each other; a dataset's own table wins."""
    own = folder / name
    if name == GOVERNMENTS and not own.is_file():
        return folder.resolve().parent / name
    return own


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in TABLES:
        content = _place(folder, name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
