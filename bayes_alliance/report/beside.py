"""Results beside a report: written by commands of their own, taken up by the report.

Invariant: a result of another model file or other data than the report's is never shown; the
report then says that it has not been computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from bayes_alliance.exceptions import SchemaError
from bayes_alliance.forecast.skill import DEFAULT, default_weights
from bayes_alliance.forecast.summary import Backtest
from bayes_alliance.hypotheses import Robustness, Stones
from bayes_alliance.hypotheses.specifications import specifications
from bayes_alliance.hypotheses.stepping import stones
from bayes_alliance.power import COLUMNS, Power
from bayes_alliance.report.inputs import BacktestTables
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import ModelSpec, posterior_hash, spec_hash
from bayes_alliance.tables import Panel

__all__ = ["BACKTEST_FILES", "GRID_FILE", "POWER_FILE", "STONES_FILE", "Beside",
           "read_backtest", "read_beside", "read_grid", "read_power", "read_stones",
           "write_backtest", "write_grid", "write_power", "write_stones"]

GRID_FILE: Final = "robustness.csv"
STONES_FILE: Final = "absolute.csv"
POWER_FILE: Final = "power.csv"
BACKTEST_FILES: Final = ("backtest.csv", "backtest_indicators.csv", "backtest_pit.csv",
                         "backtest_weights.csv", "backtest_paths.csv")
_HASHES: Final = ("spec_hash", "data_hash")
_STONES: Final = ("hypothesis", "episode", "step", "weight", "value", "error", "effective",
                  "passed")
_GRID: Final = ("specification", "group", "episode", "hypothesis", "verdict",
                "log_bayes_factor", "log_bayes_factor_se", "converged")
_BACKTEST: Final = (
    ("method", "kind", "horizon", "skill", "skill_low", "skill_high", "gain_low", "inside90",
     "origins"),
    ("method", "indicator", "horizon", "crps", "rows"), ("method", "horizon", "tenth", "rows"),
    ("origin", "method", "weight"),
    ("origin", "indicator", "time", "value", "q05", "q25", "q50", "q75", "q95"))


def write_grid(found: Robustness, spec: ModelSpec, panel: Panel, out: str | Path) -> Path:
    """Write the grid's table with the hashes of what it was made from.

    Parameters
    ----------
    found : Robustness
    spec, panel : ModelSpec, Panel
        What was fitted.
    out : str or pathlib.Path
        Folder; made if it does not exist.

    Returns
    -------
    pathlib.Path
        The file, replaced whole.
    """
    return _write(found.table, GRID_FILE, posterior_hash(spec), panel, out)


def read_grid(folder: str | Path, spec: ModelSpec, panel: Panel) -> pd.DataFrame | None:
    """Return a grid's table if there is one of this model file and these data, else None.

    A table that lacks a specification, a variant added since for example, counts as none.

    Raises
    ------
    SchemaError
        If the file lacks a column.
    """
    table = _read(Path(folder) / GRID_FILE, _GRID, posterior_hash(spec), panel)
    if table is None:
        return None
    wanted = {one.name for one in specifications(spec, panel)}
    return table if wanted <= set(table["specification"]) else None


def write_stones(found: Mapping[tuple[str, str], Stones], spec: ModelSpec, panel: Panel,
                 out: str | Path) -> Path:
    """Write the steps of absolute values by hypothesis and episode; see :func:`write_grid`."""
    steps = [one.table.assign(hypothesis=hypothesis, episode=episode)
             for (hypothesis, episode), one in found.items()]
    table = pd.concat(steps, ignore_index=True)[list(_STONES)]
    return _write(table, STONES_FILE, posterior_hash(spec), panel, out)


def read_stones(folder: str | Path, spec: ModelSpec,
                panel: Panel) -> dict[tuple[str, str], Stones] | None:
    """Return absolute values if there are some of this model file and these data, else None.

    Raises
    ------
    SchemaError
        If the file lacks a column.
    ValueError
        If a step is missing.
    """
    table = _read(Path(folder) / STONES_FILE, _STONES, posterior_hash(spec), panel)
    if table is None:
        return None
    return {(str(key[0]), str(key[1])): stones(part.to_dict("records"))
            for key, part in table.groupby(["hypothesis", "episode"], sort=False)}


def write_power(found: Power, spec: ModelSpec, panel: Panel, out: str | Path) -> Path:
    """Write the verdicts on simulated panels; see :func:`write_grid`."""
    return _write(found.table, POWER_FILE, posterior_hash(spec), panel, out)


def read_power(folder: str | Path, spec: ModelSpec, panel: Panel) -> pd.DataFrame | None:
    """Return verdicts on panels simulated for this model file and these data, else None.

    Raises
    ------
    SchemaError
        If the file lacks a column.
    """
    return _read(Path(folder) / POWER_FILE, COLUMNS, posterior_hash(spec), panel)


def write_backtest(found: Backtest, spec: ModelSpec, panel: Panel, out: str | Path) -> Path:
    """Write a backtest's tables, all but the single scores; see :func:`write_grid`.

    Returns
    -------
    pathlib.Path
        The file of skill and coverage.
    """
    tables = (found.table, found.by_indicator, found.pit, found.weights,
              found.paths(panel.time))
    paths = [_write(table, name, spec_hash(spec), panel, out)
             for name, table in zip(BACKTEST_FILES, tables, strict=True)]
    return paths[0]


def read_backtest(folder: str | Path, spec: ModelSpec, panel: Panel) -> BacktestTables | None:
    """Return a backtest's tables, None unless all are there.

    Raises
    ------
    SchemaError
        If a file lacks a column.
    """
    found = [_read(Path(folder) / name, needed, spec_hash(spec), panel)
             for name, needed in zip(BACKTEST_FILES, _BACKTEST, strict=True)]
    kept = [table for table in found if table is not None]
    return BacktestTables(*kept) if len(kept) == len(found) else None


@dataclass(frozen=True)
class Beside:
    """What lies beside a report, each part None where it has not been computed.

    Attributes
    ----------
    grid : pandas.DataFrame, optional
        Table of the robustness grid.
    backtest : BacktestTables, optional
    absolute : dict of (str, str) to Stones, optional
        Absolute values by hypothesis and episode.
    power : pandas.DataFrame, optional
        Verdicts on simulated panels.
    """

    grid: pd.DataFrame | None = None
    backtest: BacktestTables | None = None
    absolute: dict[tuple[str, str], Stones] | None = None
    power: pd.DataFrame | None = None

    @property
    def weights(self) -> dict[str, float]:
        """Weights of the default forecast: H12's alone without a backtest that says otherwise."""
        if self.backtest is None:
            return {DEFAULT: 1.0}
        return default_weights(self.backtest.skill, self.backtest.weights)


def read_beside(folder: str | Path, spec: ModelSpec, panel: Panel) -> Beside:
    """Return all in a folder that is of this model file and these data.

    Raises
    ------
    SchemaError
        If a file lacks a column.
    ValueError
        If a step of the absolute values is missing.
    """
    return Beside(read_grid(folder, spec, panel), read_backtest(folder, spec, panel),
                  read_stones(folder, spec, panel), read_power(folder, spec, panel))


def _write(table: pd.DataFrame, name: str, mark: str, panel: Panel, out: str | Path) -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    text = table.assign(spec_hash=mark, data_hash=panel.data_hash).to_csv(
        index=False, float_format="%.6g", lineterminator="\n")
    write_text(folder / name, text)
    return folder / name


def _read(path: Path, needed: Sequence[str], mark: str, panel: Panel) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    wanted = (*needed, *_HASHES)
    lacking = [name for name in wanted if name not in table]
    if lacking:
        raise SchemaError(f"{path} lacks {', '.join(lacking)} (needed: {', '.join(wanted)})")
    same = ((table["spec_hash"] == mark) & (table["data_hash"] == panel.data_hash)).all()
    return table.drop(columns=list(_HASHES)) if same else None
