"""Machine code kept on disk, a folder for each structure of a model.

A later process that meets the structure again loads the code and builds no graph. What is kept
lies in the folder that the environment variable ``BAYES_ALLIANCE_CACHE`` names, else in
``bayes_alliance`` below the user's folder for caches.

Invariant: what is found under a name was compiled from the same structure by the same source,
versions and compiler settings for the same processor. Whatever cannot be read is as good as not
there: it is compiled anew, and a folder that cannot be written costs a compilation a process.
"""

import contextlib
import hashlib
import importlib.util
import io
import itertools
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import llvmlite.binding as llvm
import numba
import numpy as np

from bayes_alliance.files import write_whole
from bayes_alliance.inference.native import DENSITY, EXPAND

__all__ = ["Layout", "emptied", "entries", "folder_of", "keep", "kept", "sole"]

_PACKAGE: Final = Path(__file__).resolve().parent.parent
# Code on which a compiled model can depend.
_SOURCES: Final = ("constants.py", "spec", "tables", "model", "dyads", "inference/compiled.py",
                   "inference/native.py", "inference/entries.py", "inference/kept.py")
_VERSIONS: Final = ("llvmlite", "numba", "numpy", "nutpie", "pymc", "pytensor", "scipy")
_ENTRIES: Final = Path(__file__).with_name("entries.py")
_LAYOUT: Final = "layout.npz"
# Structures that are kept: some ten megabytes each, those not used for longest go first.
_MOST: Final = 40
_modules = itertools.count()


@dataclass(frozen=True)
class Layout:
    """All of a compiled model but its machine code.

    Attributes
    ----------
    size : int
        Number of sampled coordinates.
    start : numpy.ndarray, shape (size,)
        Coordinates of the model's initial point.
    labels : list of str
        One label a coordinate.
    monthly : numpy.ndarray of bool, shape (size,)
        Which coordinates belong to a monthly series; the others are hyperparameters.
    variables : dict of str to tuple of int
        Reported variables and their shapes.
    dims : dict of str to tuple of str
    coords : dict of str to list of str
    data : dict of str to numpy.ndarray
        The model's data by name.
    """

    size: int
    start: np.ndarray
    labels: list[str]
    monthly: np.ndarray
    variables: dict[str, tuple[int, ...]]
    dims: dict[str, tuple[str, ...]]
    coords: dict[str, list[str]]
    data: dict[str, np.ndarray]


def folder_of(structure: object) -> Path:
    """Return where the machine code of a structure is kept, whether or not it is.

    Parameters
    ----------
    structure : object
        Its ``repr`` tells it from every other.
    """
    home = (os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
            or os.path.expanduser("~/.cache"))
    named = os.environ.get("BAYES_ALLIANCE_CACHE") or os.path.join(home, "bayes_alliance")
    digest = hashlib.sha256(f"{_surroundings()}{structure!r}".encode()).hexdigest()
    return Path(named) / "compiled" / digest[:32]


@cache
def _surroundings() -> str:
    """Return what else machine code depends on: the package's source, versions, settings."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        for path in sorted((_PACKAGE / name).rglob("*.py") if "." not in name
                           else [_PACKAGE / name]):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    versions = [platform.python_version(), *map(metadata.version, _VERSIONS)]
    processor = (numba.config.CPU_NAME or llvm.get_host_cpu_name(), numba.config.CPU_FEATURES
                 or llvm.get_host_cpu_features().flatten(), llvm.get_process_triple())
    return f"{digest.hexdigest()} {versions} {processor} {numba.config.OPT} "


def entries(density: Any, expand: Any, folder: Path | None = None) -> tuple[Any, Any]:
    """Return two compiled functions as C functions, see :mod:`.entries`.

    Parameters
    ----------
    density : numba function
        Of (position, reals, integers) to (value, gradient); ``None`` if the machine code must be
        in the folder.
    expand : numba function
        Of the same to one vector in a tuple; ``None`` likewise.
    folder : pathlib.Path, optional
        Where machine code is kept; nowhere by default.

    Raises
    ------
    numba.core.errors.NumbaError
        If there is no machine code and no function to make it of.
    """
    source = _ENTRIES
    if folder is not None:
        source = folder / _ENTRIES.name
        if not source.exists():
            write_whole(source, _ENTRIES.read_bytes())
            # Numba holds what it keeps against the file's time, which is to be the same whoever
            # wrote it.
            os.utime(source, (0, 0))
    # Numba keeps the module's name with the code and looks the module up by it.
    name = f"{__package__}._entries_{next(_modules) if folder is None else folder.name}"
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:  # pragma: no cover - a .py file has both
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    vars(module).update(density_function=density, expand_function=expand)
    made = [numba.cfunc(kind, error_model="numpy", cache=folder is not None)(function)
            for kind, function in ((DENSITY, module.density), (EXPAND, module.expand))]
    return made[0], made[1]


def kept(folder: Path) -> tuple[Layout, Any, Any] | None:
    """Return layout and C functions that lie in a folder, ``None`` if they do not."""
    if not (folder / _LAYOUT).exists():
        return None
    try:
        layout = _read(folder / _LAYOUT)
        found = entries(None, None, folder)
        os.utime(folder)
    except Exception:  # a damaged file of Numba's ends in whatever its bytes say
        return None
    return layout, *found


@contextlib.contextmanager
def sole(folder: Path) -> Iterator[Path | None]:
    """Hold a folder alone, so that one process compiles a structure and others wait for it.

    Yields ``None`` if the folder cannot be written.
    """
    from pytensor.compile.compilelock import lock_ctx

    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock_ctx(folder, timeout=-1))
        except OSError:
            yield None
            return
        yield folder


def emptied(folder: Path) -> None:
    """Delete what is damaged or half done in a folder that is held alone."""
    (folder / _LAYOUT).unlink(missing_ok=True)
    (folder / _ENTRIES.name).unlink(missing_ok=True)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)


def keep(folder: Path, layout: Layout) -> None:
    """Write the layout into a folder that has the machine code, which completes it."""
    with contextlib.suppress(OSError):
        write_whole(folder / _LAYOUT, _written(layout))
        _drop_old(folder.parent)


def _drop_old(folder: Path) -> None:
    """Delete the structures not used for longest."""
    used = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in used[_MOST:]:
        shutil.rmtree(path, ignore_errors=True)


def _written(layout: Layout) -> bytes:
    plain = {field.name: getattr(layout, field.name) for field in fields(layout)
             if field.name not in ("start", "monthly", "data")}
    data = {f"data {name}": array for name, array in layout.data.items()}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, plain=json.dumps(plain), start=layout.start,
             monthly=layout.monthly, **data)
    return content.getvalue()


def _read(path: Path) -> Layout:
    with np.load(path, allow_pickle=False) as file:
        plain = json.loads(str(file["plain"]))
        plain["variables"] = {name: tuple(shape) for name, shape in plain["variables"].items()}
        plain["dims"] = {name: tuple(dims) for name, dims in plain["dims"].items()}
        data = {name.removeprefix("data "): file[name] for name in file.files
                if name.startswith("data ")}
        return Layout(start=file["start"], monthly=file["monthly"], data=data, **plain)
