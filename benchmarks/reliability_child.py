"""A job in a forked process, whose touches of files the parent sees and may hold.

Invariant: the child runs the job as a program would, with the signals of a fresh interpreter and
output of its own; the parent only listens, strikes and waits.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.reliability_jobs import Job

__all__ = ["Child"]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_TOUCHES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.chmod")
_CAPABILITIES = 0x20080522
_OVERRIDE = 1 << 1  # CAP_DAC_OVERRIDE: what lets root write into a read-only folder


class Child:
    """A running job.

    Parameters
    ----------
    job : Job
    folder : pathlib.Path
        Where it writes.
    hold_at : int, optional
        Number of the touch of a file before which the child waits for :meth:`go_on`.
    obeys_modes : bool
        Take from root what lets it write where the mode of a folder forbids it.

    Attributes
    ----------
    pid : int
    touches : int
        Files opened for writing, renamed, removed or made in the folder so far.
    output : str
        What the job printed, both streams.
    status : int or None
        Exit status, or minus the signal; None while it runs.
    """

    def __init__(self, job: Job, folder: Path, *, hold_at: int | None = None,
                 obeys_modes: bool = False) -> None:
        self.touches, self.status, self._said = 0, None, b""
        self.began = time.monotonic()
        self._told, told = os.pipe()
        go, self._go = os.pipe()
        self._out, out = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._go)
            _be_the_job(job, folder, told, go, out, hold_at, obeys_modes)
        for end in (told, go, out):
            os.close(end)

    @property
    def output(self) -> str:
        """What the job printed."""
        return self._said.decode(errors="replace")

    def follow(self, seconds: float, touches: int | None = None) -> bool:
        """Listen until the job ends, time is up, or so many touches were made.

        Returns
        -------
        bool
            Whether the job still runs.
        """
        until = time.monotonic() + seconds
        while self.status is None and (touches is None or self.touches < touches):
            left = until - time.monotonic()
            if left <= 0:
                break
            self._listen(min(left, 0.1))
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self._ended(status)
        return self.status is None

    def go_on(self) -> None:
        """Let a child that waits before a touch go on."""
        if self.status is None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._go, b".")

    def finish(self, seconds: float = 300.0) -> None:
        """Wait for the end; a job that does not come to it is killed and counts as hung."""
        if self.follow(seconds):
            os.kill(self.pid, signal.SIGKILL)
            self._ended(os.waitpid(self.pid, 0)[1])
            self._said += b"\nHUNG\n"

    def _listen(self, seconds: float) -> None:
        ready, _, _ = select.select([end for end in (self._told, self._out) if end >= 0], [], [],
                                    seconds)
        for end in ready:
            found = os.read(end, 65536)
            if end == self._told:
                self.touches += len(found)
            else:
                self._said += found

    def _ended(self, status: int) -> None:
        self.status = os.waitstatus_to_exitcode(status)
        while select.select([self._out], [], [], 0)[0]:
            found = os.read(self._out, 65536)
            if not found:
                break
            self._said += found
        self.touches += len(os.read(self._told, 65536)) if select.select(
            [self._told], [], [], 0)[0] else 0
        for end in (self._told, self._go, self._out):
            os.close(end)


def _be_the_job(job: Job, folder: Path, told: int, go: int, out: int, hold_at: int | None,
                obeys_modes: bool) -> NoReturn:
    """Run the job and end the process as the interpreter would."""
    status = 70
    try:
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False)
                                  for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if obeys_modes:
            _obey_modes()
        _watch(str(folder), told, go, hold_at)
        status = _status_of(job, folder)
    finally:
        os._exit(status)


def _status_of(job: Job, folder: Path) -> int:
    try:
        job.act(folder)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        return 130
    # The interpreter prints what nobody caught, whatever it is.
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _watch(folder: str, told: int, go: int, hold_at: int | None) -> None:
    """Tell the parent before each touch of a file in the folder."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event != "open" and event not in _TOUCHES:
            return
        path = arguments[0]
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(folder):
            return
        if event == "open" and not arguments[2] & _WRITES:
            return
        count += 1
        os.write(told, b".")
        if hold_at is not None and count == hold_at:
            os.read(go, 1)

    sys.addaudithook(hook)


def _obey_modes() -> None:
    """Give up the right to write where a mode forbids it; others than root have none."""
    if os.geteuid() != 0:
        return

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    header, data = Header(_CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capget")
    data[0] &= ~_OVERRIDE
    if libc.capset(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capset")
