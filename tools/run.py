#!/usr/bin/env python3
r"""Set up the environment from the lock file and run a job.

Jobs: report, test, repeat (simulations anew, and densities and fits that each cost a compilation:
too long for the tests), check, benchmark (installs the peers too; takes hours), setup. With
``--lock lowest`` after the job, an environment of its own is used, ``.venv-lowest``, which holds
the lowest version of each dependency that ``pyproject.toml`` allows. That lock file is made with

    uv pip compile pyproject.toml --extra dev --universal --python-version 3.12 \
        --resolution lowest-direct --generate-hashes --no-header --no-annotate -o tools/lowest.lock

Standard library only. The file parses on old Pythons so that it can say which one is missing.
"""

import hashlib
import os
import shutil
import subprocess
import sys

OLDEST = (3, 12)
NEWEST = (3, 13)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, "requirements.lock")
STAMP = os.path.join(VENV, "lock.sha256")
PEERS = os.path.join(ROOT, "benchmarks", "peers.lock")
LOWEST = os.path.join(ROOT, "tools", "lowest.lock")
LOCKS = ("usual", "lowest")
# Those that the table of performance is made from; `benchmark startup scaling` runs some of them.
BENCHMARKS = ("speed", "seeds", "startup", "report_time", "scaling", "dynamics", "throughput")
JOBS = ("report", "test", "repeat", "check", "benchmark", "setup")


def version_of(command):
    """Return the (major, minor) of a Python command, None if it does not run."""
    try:
        shown = subprocess.run(
            [command, "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=60)
        major, minor = shown.stdout.decode().split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def candidates():
    """Yield commands that may be a suitable Python, best first."""
    known = ["python3.13", "python3.12"]
    # The lowest versions are those of the oldest Python too.
    yield from known[::-1] if LOCK == LOWEST else known
    yield "python3"
    versions = os.path.join(os.path.expanduser("~"), ".pyenv", "versions")
    if os.path.isdir(versions):
        # A version manager's shim may refuse to run what is nevertheless installed.
        for name in sorted(os.listdir(versions), reverse=LOCK != LOWEST):
            yield os.path.join(versions, name, "bin", "python3")


def find_python():
    """Return a command that runs a suitable Python, None if there is none."""
    for command in candidates():
        found = version_of(command)
        if found is not None and OLDEST <= found <= NEWEST:
            return command
    return None


def uv_runs():
    """Say whether uv is there and runs; a shim that only stands there does not count."""
    try:
        done = subprocess.run(["uv", "--version"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def venv_python():
    """Return the interpreter of the environment."""
    part = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(VENV, *part)


def fingerprint():
    """Return what the environment must have been built from."""
    digest = hashlib.sha256()
    for name in (LOCK, os.path.join(ROOT, "pyproject.toml")):
        with open(name, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def is_ready():
    """Say whether the environment was built completely from the present lock file."""
    try:
        with open(STAMP) as file:
            return file.read().strip() == fingerprint() and version_of(venv_python()) is not None
    except OSError:
        return False


def run(command, **options):
    """Run a command and stop with its status if it fails."""
    done = subprocess.run(command, cwd=ROOT, check=False, **options)
    if done.returncode:
        sys.exit(done.returncode)


def installer():
    """Return the command that installs into the environment."""
    if uv_runs():
        return ["uv", "pip", "install", "--quiet", "--python", venv_python()]
    return [venv_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def install(lock):
    """Install what a lock file names, and nothing else."""
    run([*installer(), "--require-hashes", "-r", lock])


def set_up():
    """Build the environment unless it is ready; the stamp is written last."""
    if is_ready():
        return
    python = find_python()
    if python is None:
        sys.exit("Python {}.{} or {}.{} is needed and was not found: install it, for example "
                 "from python.org or with your package manager, and run this again.".format(
                     *(OLDEST + NEWEST)))
    print("setting up {} with {} (once, about a minute)".format(os.path.basename(VENV), python),
          flush=True)
    if os.path.isdir(VENV):
        shutil.rmtree(VENV)
    if uv_runs():
        run(["uv", "venv", "--quiet", "--python", python, VENV])
    else:
        run([python, "-m", "venv", VENV])
    install(LOCK)
    run([*installer(), "--no-deps", "--no-build-isolation", "-e", ROOT])
    with open(STAMP, "w") as file:
        file.write(fingerprint())


def choose(lock):
    """Take another lock file, and an environment of its own for it."""
    global LOCK, VENV, STAMP
    if lock == "lowest":
        LOCK = LOWEST
        VENV = os.path.join(ROOT, ".venv-lowest")
        STAMP = os.path.join(VENV, "lock.sha256")


def main(arguments):
    """Run one job."""
    job, rest = (arguments or [""])[0], list(arguments[1:])
    named = rest[:1] == ["--lock"]
    if job not in JOBS or (named and (len(rest) < 2 or rest[1] not in LOCKS)):
        sys.exit("usage: python3 tools/run.py {} [--lock {}] ...".format(
            "|".join(JOBS), "|".join(LOCKS)))
    if named:
        choose(rest[1])
        rest = rest[2:]
    set_up()
    python = venv_python()
    if job == "report":
        run([python, "-m", "bayes_alliance.cli", "report", "rok_japan", "--out",
             os.path.join("reports", "rok_japan"), *rest])
    elif job == "test":
        # Two at a time, a file in one of them: they share machine code, not fits.
        run([python, "-m", "pytest", "-n", "2", "--dist", "loadfile", *rest])
    elif job == "repeat":
        run([python, "-m", "pytest", "-m", "repeat", *rest])
    elif job == "check":
        run([python, "-m", "ruff", "check", "."])
        run([python, "-m", "mypy"])
    elif job == "benchmark":
        install(PEERS)
        for name in rest or BENCHMARKS:
            run([python, os.path.join("benchmarks", name + ".py")])
        run([python, os.path.join("benchmarks", "performance.py")])


if __name__ == "__main__":
    main(sys.argv[1:])
