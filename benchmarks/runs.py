"""Many runs of a benchmark: resumed by what they are made from, summarised as far as they came.

Invariant: results lie in a folder named by everything that they were made from, so that none of
another code, model file, dataset or setting is taken up; runs that failed are named, and do not
keep the summary of the others from being written.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.exceptions import AllianceError
from bayes_alliance.inference.many import Tally, many
from bayes_alliance.inference.shelf import Shelf

__all__ = ["digest_of", "end_with", "finished", "folder_of", "require_some", "spec_digest"]


def digest_of(stamp: Mapping[str, Any]) -> str:
    """Return twelve digits that tell what a run is made from."""
    text = json.dumps(dict(stamp), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def spec_digest(spec: DyadModelSpec) -> str:
    """Return the hash of a model file over dyads."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def folder_of(runs: Path, stamp: Mapping[str, Any]) -> Path:
    """Return where the results of a stamp lie."""
    return runs / digest_of(stamp)


def finished(task: Callable[[str, Any], Any], items: Mapping[str, Any], *, runs: Path,
             stamp: Mapping[str, Any], workers: int | None = None, cluster: str | None = None,
             what: str = "runs") -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Run what is missing; return the results by key, and the keys that failed.

    Parameters
    ----------
    task, items, workers, cluster
        See :func:`bayes_alliance.inference.many.many`; the task returns a dict.
    runs : pathlib.Path
        Holds a folder for each stamp.
    stamp : mapping
        All that results depend on; JSON knows it.
    what : str
        Word for the items, in what is printed.

    Raises
    ------
    AllianceError
        If nothing could be run.
    """
    folder = folder_of(runs, stamp)

    def tell(tally: Tally) -> None:
        print(f"{what}: {tally.finished} of {tally.total}, {tally.failed} failed", flush=True)

    try:
        done = many(task, items, folder=folder, stamp=stamp, workers=workers, cluster=cluster,
                    report=tell)
        return {key: dict(result) for key, result in done.items()}, []
    except AllianceError as error:
        shelf = Shelf(folder, f"{task.__module__}:{task.__qualname__}", stamp)
        found = {key: dict(result) for key in items if (result := shelf.read(key)) is not None}
        failed = [key for key in items if key not in found]
        # Another reason than tasks that failed leaves some that never ran.
        if not all((folder / "failed" / f"{key}.txt").is_file() for key in failed):
            raise
        print(error, flush=True)
        return found, failed


def end_with(failed: list[str], what: str) -> None:
    """End with the keys that failed, where some did.

    Raises
    ------
    SystemExit
        If the list is not empty.
    """
    if failed:
        sys.exit(f"{len(failed)} {what} failed: {', '.join(failed)}")


def require_some(table: pd.DataFrame, failed: list[str]) -> None:
    """End with the keys that failed where no run gave a row.

    Raises
    ------
    SystemExit
        If the table is empty.
    """
    if table.empty:
        sys.exit(f"all of {len(failed)} runs failed: {', '.join(failed)}")
