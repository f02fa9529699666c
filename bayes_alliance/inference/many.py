"""The one seam for many fits: in this process, in processes of this machine, or on a cluster.

Invariant: a result depends on the task, its key and its item, never on where, when or beside
which others it was made; what is finished is on disk before it counts. How a task runs is in
:mod:`bayes_alliance.inference.workers`, what a cluster needs (and whom it has to trust) in
:mod:`bayes_alliance.inference.cluster`, how results are kept in
:mod:`bayes_alliance.inference.shelf`.
"""

import pickle
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bayes_alliance.exceptions import AllianceError
from bayes_alliance.inference.cluster import Cluster
from bayes_alliance.inference.shelf import Result, Shelf, check_keys
from bayes_alliance.inference.workers import (
    ALLOWED_DEATHS,
    Crew,
    Outcome,
    WorkerDied,
    local_crew,
)

__all__ = ["Tally", "Task", "many"]

type Task = Callable[[str, Any], Result]


class Tally(NamedTuple):
    """Where a run stands: keys with a result (of earlier runs too), failed keys, all keys."""

    finished: int
    failed: int
    total: int


def many(task: Task, items: Mapping[str, Any], *, folder: str | Path, stamp: Mapping[str, Any],
         cluster: str | None = None, workers: int | None = None, restart: bool = False,
         report: Callable[[Tally], None] | None = None,
         timeout: float = 30.0) -> dict[str, Result]:
    """Run a task for every item, keep each result as it comes, and go on where a run stopped.

    Parameters
    ----------
    task : callable
        ``task(key, item)`` returns a :class:`pandas.DataFrame` or a dict that JSON knows. A
        function at the top of a module that workers can import. Its seed depends on key and item.
    items : mapping of str to object
        What to run, by key: up to 100 letters, digits, ``.``, ``_`` and ``-``. Items are pickled
        and sent to workers; a seed travels better than a panel.
    folder : str or pathlib.Path
        Where the results are kept, one file a key; see :mod:`bayes_alliance.inference.shelf`.
    stamp : mapping
        Hashes and settings on which results depend beside key and task. A folder with another
        stamp is refused.
    cluster : str, optional
        Address of a Dask scheduler that you trust, such as ``"tcp://host:8786"``; local
        processes otherwise.
    workers : int, optional
        Number of local processes; as many as cores if not given. With 1, in this process.
    restart : bool
        Move what the folder holds into ``before-N`` inside it and begin anew.
    report : callable, optional
        Called with a :class:`Tally` at the start and whenever a key is finished or has failed.
    timeout : float
        Seconds that the cluster has to answer, and then to show a first worker.

    Returns
    -------
    dict of str to pandas.DataFrame or dict
        In the order of ``items``, as read back from the folder's files.

    Raises
    ------
    ValueError
        If a key, the task or the number of workers is not allowed.
    SchemaError
        If the folder belongs to another task or stamp.
    AllianceError
        If tasks failed (after all others are done; names every one), if another run has the
        folder, or if the cluster does not answer, is lost, or runs other code.
    KeyboardInterrupt
        On Ctrl-C; what is finished is kept.
    """
    name = _name_of(task)
    check_keys(list(items))
    if workers is not None and (workers < 1 or cluster is not None):
        raise ValueError(f"workers={workers} is not allowed (allowed: 1 or more, and none with a "
                         "cluster, which has its own)")
    with Shelf(folder, name, stamp).held(restart=restart) as shelf:
        results = {key: found for key in items if (found := shelf.read(key)) is not None}
        failures: dict[str, str] = {}

        def tell() -> None:
            if report is not None:
                report(Tally(len(results), len(failures), len(items)))

        def take(key: str, outcome: Outcome) -> None:
            if outcome.failure:
                failures[key] = outcome.failure
                shelf.write_failure(key, outcome.trace or outcome.failure)
            else:
                results[key] = shelf.write(key, outcome.text)
            tell()

        tell()
        missing = deque(key for key in items if key not in results)
        if missing:
            crew = local_crew(workers) if cluster is None else Cluster(cluster, timeout)
            _work_through(crew, missing,
                          lambda key: pickle.dumps((task, key, items[key])), take)
    if failures:
        lines = [f"  {key}: {failures[key]}" for key in items if key in failures]
        raise AllianceError(f"{len(failures)} of {len(items)} tasks failed (tracebacks in "
                            f"{shelf.folder / 'failed'}):\n" + "\n".join(lines))
    return {key: results[key] for key in items}


def _name_of(task: Task) -> str:
    """Return module and name of a task that a worker can import."""
    module, name = getattr(task, "__module__", ""), getattr(task, "__qualname__", "")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not task or module == "__main__":
        raise ValueError(f"task {task!r} cannot be imported by a worker (allowed: a function at "
                         "the top of a module other than the script that runs)")
    return f"{module}:{name}"


def _work_through(crew: Crew, waiting: deque[str], payload: Callable[[str], bytes],
                  take: Callable[[str, Outcome], None]) -> None:
    """Run all keys that wait and hand each outcome on as it comes."""
    running: dict[Any, str] = {}
    deaths: Counter[str] = Counter()
    stop = True
    try:
        while waiting or running:
            # A key with which a worker died waits behind the others and runs alone, so that the
            # next death is counted against the right one.
            while (waiting and len(running) < crew.size()
                   and not (running and deaths[waiting[0]])):
                key = waiting.popleft()
                try:
                    packed = payload(key)
                except (pickle.PicklingError, TypeError, AttributeError) as error:
                    take(key, Outcome(failure=f"the item cannot be sent to a worker: {error}"))
                    continue
                running[crew.start(packed)] = key
            future = crew.next_done()
            if future is None:
                continue
            try:
                outcome = crew.outcome(future)
            except WorkerDied as error:
                key = running.pop(future)
                deaths[key] += 1
                if deaths[key] <= ALLOWED_DEATHS:
                    waiting.append(key)
                else:
                    take(key, Outcome(failure=str(error)))
                continue
            if outcome is not None:
                take(running.pop(future), outcome)
        stop = False
    finally:
        crew.close(stop=stop)
