"""The robustness grid beside a report: written by its own command, taken up by the report.

Invariant: a grid of another model file or other data than the report's is never shown; the
report then says that the grid has not been run.
"""

from pathlib import Path
from typing import Final

import pandas as pd

from bayes_alliance.exceptions import SchemaError
from bayes_alliance.hypotheses import Robustness
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import ModelSpec, spec_hash
from bayes_alliance.tables import Panel

__all__ = ["GRID_FILE", "read_grid", "write_grid"]

GRID_FILE: Final = "robustness.csv"
_HASHES: Final = ("spec_hash", "data_hash")


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
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    table = found.table.assign(spec_hash=spec_hash(spec), data_hash=panel.data_hash)
    write_text(folder / GRID_FILE, table.to_csv(index=False, float_format="%.6g",
                                                lineterminator="\n"))
    return folder / GRID_FILE


def read_grid(folder: str | Path, spec: ModelSpec, panel: Panel) -> pd.DataFrame | None:
    """Return a grid's table if there is one of this model file and these data, else None.

    Raises
    ------
    SchemaError
        If the file lacks a column.
    """
    path = Path(folder) / GRID_FILE
    if not path.is_file():
        return None
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    wanted = ("specification", "group", "episode", "hypothesis", "verdict", "converged", *_HASHES)
    lacking = [name for name in wanted if name not in table]
    if lacking:
        raise SchemaError(f"{path} lacks {', '.join(lacking)} (needed: {', '.join(wanted)})")
    same = ((table["spec_hash"] == spec_hash(spec)) & (table["data_hash"] == panel.data_hash)).all()
    return table.drop(columns=list(_HASHES)) if same else None
