"""Many fits of one model and its data, kept in a folder or not.

Invariant: what is kept is of this model file as far as a posterior depends on it, these data,
these versions and these settings;
:func:`bayes_alliance.inference.many.many` refuses a folder of any other.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bayes_alliance.inference.fitting import package_versions
from bayes_alliance.inference.many import Tally, Task, many
from bayes_alliance.inference.shelf import Result
from bayes_alliance.spec import ModelSpec, posterior_hash
from bayes_alliance.tables import Panel

__all__ = ["study"]


def study(task: Task, items: Mapping[str, Any], spec: ModelSpec, panel: Panel, *,
          folder: str | Path | None, workers: int | None, cluster: str | None,
          report: Callable[[Tally], None] | None, restart: bool = False,
          **settings: Any) -> dict[str, Result]:
    """Run a task for every item of a model.

    Parameters
    ----------
    task, items, workers, cluster, report
        See :func:`bayes_alliance.inference.many.many`.
    spec, panel : ModelSpec, Panel
        What the items are of.
    folder : str or pathlib.Path, optional
        Keeps finished items, to go on after an interruption; without one none are kept.
    restart : bool
        Move what the folder holds aside and begin anew.
    **settings
        What else results depend on, such as ``seed``.
    """
    stamp = {"posterior_hash": posterior_hash(spec), "data_hash": panel.data_hash,
             "versions": package_versions(), **settings}
    with TemporaryDirectory() as spare:
        return many(task, items, folder=folder or spare, stamp=stamp, workers=workers,
                    cluster=cluster, report=report, restart=restart)
