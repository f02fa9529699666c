"""How a task of :mod:`bayes_alliance.inference.many` runs, here and in local processes.

Invariant: a task's numbers are the same wherever it runs. It runs alone in its process (PyTensor
compiles on one thread at a time, and a process that is kept alive compiles a structure once),
with linear algebra on one thread, since sums over several threads round differently.
"""

import contextlib
import ctypes
import gc
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, override

from threadpoolctl import threadpool_limits

from bayes_alliance.inference.shelf import result_text

__all__ = ["ALLOWED_DEATHS", "Crew", "Outcome", "WorkerDied", "cores_of_task", "local_crew",
           "run_in_worker", "run_task", "told"]

# A task with which a worker died this often runs once more, as with Dask's setting
# `distributed.scheduler.allowed-failures`.
ALLOWED_DEATHS: Final = 3
# Idle local workers are kept for the next call, with what they compiled, this many seconds.
_KEPT: Final = 300
_turn = threading.RLock()
_cores: int | None = None


class Outcome(NamedTuple):
    """What became of a task: its result as text, or why there is none."""

    text: str = ""
    failure: str = ""
    trace: str = ""
    other_code: str = ""


class WorkerDied(Exception):
    """The process that ran a task ended; the task may run again."""


class Crew(Protocol):
    """A place where tasks run."""

    def size(self) -> int:
        """Return how many tasks run at a time."""

    def start(self, payload: bytes) -> Any:
        """Begin a pickled task, key and item, and return the future."""

    def next_done(self) -> Any:
        """Return a future that is done; None if none is within half a second."""

    def outcome(self, future: Any) -> Outcome | None:
        """Return what became of a task; None if its result was lost and is made again.

        Raises
        ------
        WorkerDied
            If the task has to be started again.
        """

    def close(self, *, stop: bool) -> None:
        """Let the workers go; with ``stop``, end what they do."""


def local_crew(workers: int | None) -> Crew:
    """Return processes of this machine, as many as cores if not given; this one if it is one."""
    from joblib import cpu_count

    count = workers or cpu_count()
    return _Here(cpu_count()) if count == 1 else _Processes(count, max(1, cpu_count() // count))


def cores_of_task() -> int | None:
    """Return how many cores the running task may use; None where no task runs."""
    return _cores


def run_task(payload: bytes, cores: int) -> Outcome:
    """Run one pickled task, key and item in this process, alone, and catch what it raises."""
    global _cores
    with _turn:
        before, _cores = _cores, cores
        try:
            task, key, item = pickle.loads(payload)
            with threadpool_limits(1):
                return Outcome(text=result_text(task(key, item)))
        # Whatever a task raises must not take the other tasks with it; it is reported.
        except (Exception, SystemExit) as error:
            return Outcome(failure=told(error), trace=traceback.format_exc())
        finally:
            _cores = before


def run_in_worker(payload: bytes, cores: int) -> Outcome:
    """Run one task in a process that does nothing else, and give freed memory back.

    joblib ends a worker that seems to grow by 300 MB.
    """
    outcome = run_task(payload, cores)
    if sys.platform == "linux":
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
    return outcome


def told(error: BaseException) -> str:
    """Return an exception in one line: its type, its words and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


@contextlib.contextmanager
def _noticed_interrupt() -> Iterator[None]:
    """Raise at the end if Ctrl-C was pressed on the way.

    The sampler answers it with the draws so far, which must not pass for a result.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    pressed = False

    def notice(number: int, frame: Any) -> None:
        nonlocal pressed
        pressed = True
        before(number, frame)

    signal.signal(signal.SIGINT, notice)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


class _Here(Crew):
    """In this process, one task at a time."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._done: deque[Future[Outcome]] = deque()

    @override
    def size(self) -> int:
        return 1

    @override
    def start(self, payload: bytes) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        with _noticed_interrupt():
            future.set_result(run_task(payload, self._cores))
        self._done.append(future)
        return future

    @override
    def next_done(self) -> Future[Outcome] | None:
        return self._done.popleft() if self._done else None

    @override
    def outcome(self, future: Future[Outcome]) -> Outcome:
        return future.result()

    @override
    def close(self, *, stop: bool) -> None:
        pass


class _Processes(Crew):
    """Processes of this machine, kept for the next call."""

    def __init__(self, workers: int, cores: int) -> None:
        self._workers, self._cores = workers, cores
        self._done: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()

    @override
    def size(self) -> int:
        return self._workers

    @override
    def start(self, payload: bytes) -> Future[Outcome]:
        try:
            future = self._pool().submit(run_in_worker, payload, self._cores)
        except BrokenProcessPool:
            # It broke in this moment; the next one is new.
            future = self._pool().submit(run_in_worker, payload, self._cores)
        future.add_done_callback(self._done.put)
        return future

    @override
    def next_done(self) -> Future[Outcome] | None:
        with contextlib.suppress(queue.Empty):
            return self._done.get(timeout=0.5)
        return None

    @override
    def outcome(self, future: Future[Outcome]) -> Outcome:
        try:
            return future.result()
        except BrokenProcessPool:
            raise WorkerDied(f"{ALLOWED_DEATHS + 1} worker processes ended while running it, "
                             "killed or out of memory") from None

    @override
    def close(self, *, stop: bool) -> None:
        if stop:
            self._pool().shutdown(wait=True, kill_workers=True)

    def _pool(self) -> Any:
        from joblib.externals.loky import get_reusable_executor

        return get_reusable_executor(self._workers, timeout=_KEPT, initializer=_begin_worker,
                                     initargs=(os.getpid(),))


def _begin_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent process, and end when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
