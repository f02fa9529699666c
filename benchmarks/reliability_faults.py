"""What may befall a job, at which moment, and what is found in its folder afterwards.

Invariant: a trial's job, fault and moment follow from seed and number alone; a fault counts only
if it struck while the job ran.
"""

import contextlib
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability_child import Child
from benchmarks.reliability_jobs import Job, is_result, signature

__all__ = ["FAULTS", "Reference", "ground", "pair", "reference", "signatures", "trial"]

_SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}
FAULTS = (*_SIGNALS, "disk full", "file size limit", "read-only folder", "out of memory")
# A trial whose job ended before the moment came is tried again at an earlier moment.
_ATTEMPTS = 4
_DISK = 64 * 2**20
_FEW = 40
# The folder of a trial, and in a lock's message the machine.
_PLACE = re.compile(r"/[^\s']*/reliability-[^\s/']*/| on \S+(?= since )")
_REFUSED = re.compile(r"exists; pass --overwrite|in use by process|being taken by another run")


@dataclass(frozen=True)
class Reference:
    """An undisturbed run.

    Attributes
    ----------
    seconds : float
    touches : int
        How often it opened a file for writing, renamed, removed or made one.
    files : dict of str to str
        Signature of every result by its path in the folder.
    """

    seconds: float
    touches: int
    files: dict[str, str]


def reference(job: Job) -> Reference:
    """Run a job undisturbed, twice: the first finds what is not compiled yet.

    Raises
    ------
    RuntimeError
        If it fails, or its results differ from run to run.
    """
    found = []
    for _ in range(2):
        with ground() as place:
            child = Child(job, place.folder)
            child.finish()
            if child.status:
                raise RuntimeError(f"{job.name} ends with {child.status}:\n{child.output}")
            found.append(Reference(time.monotonic() - child.began, child.touches,
                                   signatures(place.folder)))
    if found[0].files != found[1].files:
        raise RuntimeError(f"{job.name} does not give the same results twice")
    return found[1]


@dataclass
class Place:
    """Where a job writes: a folder, and the small disk that it is on, if any."""

    folder: Path
    disk: Path | None = None

    def fill(self, slack: int) -> None:
        """Leave no more than so many bytes on the disk."""
        assert self.disk is not None
        with open(self.disk / "filler", "ab", buffering=0) as filler:
            for piece in (2**20, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(piece))
            size = filler.tell()
        os.truncate(self.disk / "filler", max(size - slack, 0))

    def free(self) -> None:
        """Take the filler away."""
        if self.disk is not None:
            (self.disk / "filler").unlink(missing_ok=True)

    def mode(self, mode: int) -> None:
        """Set the mode of the folder and of every folder in it."""
        for path in (self.folder, *self.folder.rglob("*")):
            with contextlib.suppress(FileNotFoundError):
                if path.is_dir():
                    path.chmod(mode)


@contextlib.contextmanager
def ground(*, small_disk: bool = False) -> Iterator[Place]:
    """Give an empty folder, on a disk of 64 MB of its own if asked for (needs root)."""
    with tempfile.TemporaryDirectory(prefix="reliability-") as made:
        top = Path(made).resolve()
        if small_disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(top)],
                           check=True)
        try:
            folder = top / "folder"
            folder.mkdir()
            yield Place(folder, top if small_disk else None)
        finally:
            if small_disk:
                subprocess.run(["umount", str(top)], check=True)


def trial(number: int, jobs: Sequence[Job], references: dict[str, Reference], seed: int, *,
          small_disk: bool = True) -> dict[str, Any]:
    """Let one fault strike one job, look at the folder, and run the job again.

    Parameters
    ----------
    number : int
        Of the trial: decides job and fault, and with the seed the moment. Moments alternate
        between any time of the run and one about a touch of a file.
    jobs : sequence of Job
    references : dict of str to Reference
        By name of the job.
    seed : int
    small_disk : bool
        Whether disks of their own may be mounted; else a full disk is a limit on sizes of files.
    """
    job, fault = jobs[number % len(jobs)], FAULTS[number % len(FAULTS)]
    usual = references[job.name]
    about_file = (number + number // (len(jobs) * len(FAULTS))) % 2 == 1
    mounted = small_disk and fault == "disk full"
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, number, attempt])
        with ground(small_disk=mounted) as place:
            hold_at = int(rng.integers(1, usual.touches + 1)) if about_file else None
            later = float(rng.choice([0.0, rng.uniform(0.0, 0.03)]))
            child = Child(job, place.folder, hold_at=hold_at, obeys_modes=True)
            if hold_at is not None:
                runs = child.follow(300.0, hold_at)
                if later:
                    child.go_on()
                    runs = child.follow(later)
                moment = f"touch {hold_at} of {usual.touches}, {1000 * later:.0f} ms on"
            else:
                after = float(rng.uniform(0.0, usual.seconds)) * 0.5**attempt
                runs = child.follow(after)
                moment = f"{after:.2f} s of {usual.seconds:.1f} s"
            if not runs:
                continue
            _strike(fault, child, place, rng)
            child.go_on()
            child.finish()
            return {"number": number, "job": job.name, "fault": fault, "moment": moment,
                    "about_file": about_file, "attempts": attempt + 1,
                    **_afterwards(job, child, place, usual)}
    return {"number": number, "job": job.name, "fault": fault, "about_file": about_file,
            "outcome": "never struck", "good": True, "attempts": _ATTEMPTS}


def _strike(fault: str, child: Child, place: Place, rng: np.random.Generator) -> None:
    if fault in _SIGNALS:
        os.kill(child.pid, _SIGNALS[fault])
    elif fault == "disk full" and place.disk is not None:
        place.fill(int(rng.integers(0, 100_000)))
    elif fault in ("disk full", "file size limit"):
        most = int(rng.integers(0, 60_000))
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (most, most))
    elif fault == "read-only folder":
        place.mode(0o555)
    else:
        pages = int(Path(f"/proc/{child.pid}/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + int(rng.integers(0, 16 * 2**20))
        resource.prlimit(child.pid, resource.RLIMIT_AS, (most, most))


def _afterwards(job: Job, child: Child, place: Place, usual: Reference) -> dict[str, Any]:
    """Judge what a struck job left, run it again, and judge that."""
    place.free()
    place.mode(0o755)
    found = signatures(place.folder)
    whole = [name for name in usual.files if found.get(name) == usual.files[name]]
    absent = [name for name in usual.files if name not in found]
    cut_short = [name for name in found if found[name].startswith("interrupted")]
    half = sorted(set(found) - set(whole) - set(cut_short))
    left = _left(place.folder)
    for name in left:
        if name.endswith(".part"):  # as if the second run came some time later
            os.utime(place.folder / name, (0, 0))
    again = Child(job, place.folder)
    again.finish()
    after = signatures(place.folder)
    finished = after == usual.files
    refused = again.status == 2 and _REFUSED.search(again.output) is not None
    said = ("resumed" if re.search(r"^(\w+: )?taking up", again.output, re.M) else
            "refused, and said why" if refused else
            "started over" if re.search(r"^sampling|to do$", again.output, re.M) else "silent")
    kept_all = refused and not absent
    files = (f"{len(half)} HALF" if half else "absent" if not whole and not cut_short else
             "whole" if not absent and not cut_short else "whole or absent")
    good = (not half and ((finished and not again.status) or kept_all)
            and said != "silent" and "HUNG" not in child.output + again.output)
    return {
        "status": child.status, "ended": _how(child),
        "said": _last(child.output), "files": files, "whole": len(whole), "absent": len(absent),
        "cut_short": cut_short, "half": {name: found[name] for name in half}, "left": left,
        "again_status": again.status, "again": said, "again_said": _last(again.output),
        "left_after": _left(place.folder), "good": good,
        "differs": [name for name in {**usual.files, **after}
                    if after.get(name) != usual.files.get(name)],
        "outcome": f"{files}; {said}" + ("" if good else " (BAD)")}


def _how(child: Child) -> str:
    """Return in words how a run ended."""
    assert child.status is not None
    if "HUNG" in child.output:
        return "hung"
    if child.status < 0:
        return f"ended by {signal.Signals(-child.status).name}"
    if "Traceback" in child.output:
        return "a traceback"
    return {0: "finished", 130: "a message of the interruption"}.get(child.status, "a message")


def signatures(folder: Path) -> dict[str, str]:
    """Return the signature of every result by its path, or why it is not whole."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if is_result(path):
            try:
                found[str(path.relative_to(folder))] = signature(path)
            # Whatever a reader raises, the file cannot be read.
            except Exception as error:
                found[str(path.relative_to(folder))] = f"{type(error).__name__}: {error}"[:200]
    return found


def _left(folder: Path) -> list[str]:
    """Return locks and temporary files."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")
                  if path.is_file() and not is_result(path) and path.suffix != ".txt")


def _last(output: str) -> str:
    """Return the last line of an output, without the names of the folder and of the machine."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return _PLACE.sub("", lines[-1])[:300] if lines else ""


def pair(number: int, jobs: Sequence[Job], references: dict[str, Reference],
         seed: int) -> dict[str, Any]:
    """Run a job twice at a time in one folder, the second begun at a random moment of the first.

    Parameters
    ----------
    number, jobs, references, seed
        As for :func:`trial`.
    """
    job = jobs[number % len(jobs)]
    usual = references[job.name]
    later = float(np.random.default_rng([seed, 7, number]).uniform(0.0, usual.seconds))
    with ground() as place:
        first = Child(job, place.folder)
        first.follow(later)
        second = Child(job, place.folder)
        first.finish()
        second.finish()
        after = signatures(place.folder)
        told = [_ending(child) for child in (first, second)]
        # Draws whose name was taken meanwhile lie beside it, whole.
        beside = sorted(set(after) - set(usual.files))
        whole = ({name: after.get(name) for name in usual.files} == usual.files
                 and all(after[name] in usual.files.values() for name in beside))
        good = whole and told.count("finished") >= 1 and "failed" not in told
        return {"number": number, "job": job.name, "later": round(later, 2), "first": told[0],
                "second": told[1], "said": [_last(one.output) for one in (first, second)],
                "files": "whole" if whole else "NOT WHOLE", "beside": beside,
                "left": _left(place.folder), "good": good}


def _ending(child: Child) -> str:
    if child.status == 0:
        return "finished"
    if "the draws are kept in" in child.output:
        return "kept its draws beside, and said so"
    refused = _REFUSED.search(child.output)
    return "refused, and said why" if refused else "failed"
