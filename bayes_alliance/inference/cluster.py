"""Workers of a Dask cluster for :mod:`bayes_alliance.inference.many`.

Invariant: a worker refuses to run where its packages, its copy of this package or the shipped
models and data are not those of the process that asks, so that a result is what its stamp says.
Dask runs the tasks of a worker that died on another.

A Dask scheduler can run any code on its workers and in every process that connects to it, this
one included. Connect only to one you trust, over a network you trust or with TLS
(``distributed.comm.tls`` in Dask's configuration and a ``tls://`` address). Start its workers
with one thread each, ``dask worker ADDRESS --nworkers N --nthreads 1``: the tasks of one process
take turns.
"""

import asyncio
import contextlib
import functools
import gc
import hashlib
import pickle
import queue
import time
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, override

from bayes_alliance.exceptions import AllianceError
from bayes_alliance.inference.fitting import package_versions
from bayes_alliance.inference.workers import Crew, Outcome, run_in_worker, told
from bayes_alliance.spec import shipped_folder

__all__ = ["Cluster", "code_of_process"]

# Seconds: between two looks at the cluster; without any worker until a run gives up; for a
# result that was reported.
_LOOK: Final = 1.0
_PATIENCE: Final = 300.0
_GATHER: Final = 10.0


class Cluster(Crew):
    """The workers of a Dask scheduler, one task a worker at a time.

    Parameters
    ----------
    address : str
        Of the scheduler.
    timeout : float
        Seconds that it has to answer, and then to show a first worker.

    Raises
    ------
    AllianceError
        If Dask is not installed, or if there is no answer or no worker.
    """

    def __init__(self, address: str, timeout: float) -> None:
        try:
            import distributed
        except ImportError:
            raise AllianceError("a cluster needs Dask, which is not installed: "
                                "pip install bayes_alliance[cluster]") from None
        self._address, self._killed = address, distributed.KilledWorker
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._code = code_of_process()
        self._count, self._looked, self._seen = 0, -_LOOK, time.monotonic()
        silence = _silence(address, timeout)
        if silence is None:
            try:
                self._client = distributed.Client(address, timeout=timeout, set_as_default=False)
            except OSError as error:
                silence = str(error)
        if silence is not None:
            # A client that failed is collected here, and not while another one starts: Dask would
            # wait for its own lock without end. So the error must not keep it alive either.
            gc.collect()
            raise AllianceError(f"no Dask scheduler answers at {address!r} within {timeout:g} s "
                                f"(allowed: an address such as tcp://host:8786): {silence}")
        try:
            self._client.wait_for_workers(1, timeout=timeout)
        except BaseException as error:
            self.close(stop=True)
            if isinstance(error, TimeoutError):
                raise AllianceError(
                    f"the Dask scheduler at {address} has no worker after {timeout:g} s; start "
                    f"one: dask worker {address} --nthreads 1") from None
            if isinstance(error, OSError):
                raise self._lost() from None
            raise

    @override
    def size(self) -> int:
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            try:
                self._count = len(self._client.nthreads())
            except (OSError, AttributeError):
                raise self._lost() from None
            self._looked = now
            self._seen = now if self._count else self._seen
            if now - self._seen > _PATIENCE:
                raise AllianceError(f"the Dask scheduler at {self._address} has had no worker for "
                                    f"{_PATIENCE:g} s; what is finished is kept")
        return self._count

    @override
    def start(self, payload: bytes) -> Any:
        # As bytes, since Dask takes an argument that equals a key for that key's result, and since
        # the scheduler unpickles functions: it would have to import this package.
        future = self._client.submit(pickle.loads, pickle.dumps(_Call(payload, self._code)),
                                     pure=False, key=f"bayes_alliance-{uuid.uuid4()}")
        future.add_done_callback(self._done.put)
        return future

    @override
    def next_done(self) -> Any:
        with contextlib.suppress(queue.Empty):
            return self._done.get(timeout=0.5)
        self.size()
        return None

    @override
    def outcome(self, future: Any) -> Outcome | None:
        try:
            outcome: Outcome = future.result(timeout=_GATHER)
        except TimeoutError:
            # Its worker died with the result; Dask makes it again.
            future.add_done_callback(self._done.put)
            return None
        except CancelledError:
            raise self._lost() from None
        except self._killed as error:
            return Outcome(failure=f"{error.allowed_failures + 1} workers died while running it "
                                   "(Dask's distributed.scheduler.allowed-failures)")
        # What is left comes from a worker that could not even import this module.
        except Exception as error:
            return Outcome(failure=told(error), trace=traceback.format_exc())
        if outcome.other_code:
            raise AllianceError(f"{outcome.other_code}; install the same there and start it again")
        return outcome

    @override
    def close(self, *, stop: bool) -> None:
        # What a worker is in the middle of it finishes; nobody asks for it any more.
        with contextlib.suppress(OSError):
            self._client.close(timeout=10.0)

    def _lost(self) -> AllianceError:
        return AllianceError(f"the connection to the Dask scheduler at {self._address} was lost; "
                             "what is finished is kept, and the same call goes on from there")


@functools.cache
def code_of_process() -> dict[str, str]:
    """Return versions of packages, and hashes of this package and of its models and data."""
    found = {name: str(version) for name, version in package_versions().items()
             if name != "machine"}
    for name, folder, pattern in (
            ("code", Path(__file__).resolve().parent.parent, "**/*.py"),
            ("models", shipped_folder("models"), "*.toml"),
            ("governments", shipped_folder("data"), "*.csv"),
            ("tables", shipped_folder("data"), "[!_]*/*.csv")):
        digest = hashlib.sha256()
        for path in sorted(folder.glob(pattern)):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        found[name] = digest.hexdigest()[:16]
    return found


class _Call:
    """A call that unpickling makes."""

    def __init__(self, payload: bytes, code: dict[str, str]) -> None:
        self._arguments = payload, code

    def __reduce__(self) -> tuple[Callable[..., Outcome], tuple[bytes, dict[str, str]]]:
        return _run_on_cluster, self._arguments


def _run_on_cluster(payload: bytes, code: dict[str, str]) -> Outcome:
    """Run one task in a worker of a cluster, if it is of the same code."""
    from distributed import get_worker

    worker, here = get_worker(), code_of_process()
    differences = [f"{name} {here.get(name, 'absent')} there, {code.get(name, 'absent')} here"
                   for name in sorted({*here, *code}) if here.get(name) != code.get(name)]
    if differences:
        return Outcome(other_code=f"worker {worker.address} runs other code than this process "
                                  f"({'; '.join(differences)})")
    return run_in_worker(payload, worker.state.nthreads)


def _silence(address: str, timeout: float) -> str | None:
    """Return why no scheduler answers at an address; None if one does.

    Asked before a client is made, which waits without end for an address that takes a connection
    and says nothing.
    """
    from distributed import rpc
    from distributed.security import Security

    async def ask() -> None:
        settings = Security().get_connection_args("client")
        async with asyncio.timeout(timeout), rpc(address, connection_args=settings) as scheduler:
            await scheduler.identity()

    def asked() -> str | None:
        try:
            asyncio.run(ask())
        except TimeoutError:
            return "nothing came back"
        # Whatever listens there may answer anything.
        except Exception as error:
            return str(error) or type(error).__name__
        return None

    # In a thread of its own, since a notebook has a running loop in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asked).result()
