"""Processes of the benchmark: start one, watch its memory, say what machine it ran on.

Invariant: memory is that of a process and all that it started, shared pages counted once, because
some tools sample in processes of their own and others in threads.
"""

import os
import platform
import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["family", "machine", "memory", "peak_of_own", "start"]


def start(command: Sequence[str], log: Path,
          environment: dict[str, str]) -> tuple[str, float, float]:
    """Run a command to its end.

    Parameters
    ----------
    command : sequence of str
    log : pathlib.Path
        File of its output; removed if the command succeeds.
    environment : dict of str to str

    Returns
    -------
    failed : str
        The last line of its output if it failed, else empty.
    seconds : float
        Wall time.
    peak : float
        Largest memory of the process and all it started, in MiB, looked at every second.
    """
    started = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT,
                                   env=environment)
        peak, done = [0.0], threading.Event()

        def watch() -> None:
            while not done.wait(1.0):
                peak[0] = max(peak[0], sum(memory(one) for one in family(process.pid)))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            done.set()
            watcher.join()
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    failed = "" if code == 0 else (lines[-1] if lines else f"exit code {code}")
    if not failed:
        log.unlink()
    return failed, time.perf_counter() - started, peak[0]


def family(process: int) -> Iterator[int]:
    """Yield a process and all that descend from it (Linux; elsewhere only itself)."""
    yield process
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = listed.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def memory(process: int) -> float:
    """Return a process's share of memory in MiB, pages shared by n processes counted as 1/n."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1024 for line in text.splitlines()
                 if line.startswith("Pss:")), 0.0)


def peak_of_own() -> float:
    """Return the largest resident memory of this process so far, in MiB, however short (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine() -> dict[str, Any]:
    """Return what the benchmark ran on."""
    cpu = platform.processor() or "unknown"
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines
                    if line.startswith("model name")), cpu)
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory_gb, 1),
            "system": f"{platform.system()} {platform.machine()}"}
