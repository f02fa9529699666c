"""Write a file whole or not at all.

Invariant: under its own name a file is either what it was or all of what was written, whenever
the process is stopped, and also where the disk is full or the machine loses power.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Final

__all__ = ["SETTLED", "write_whole"]

# A temporary file is written in well under this; an older one is what a killed process left, in
# seconds.
SETTLED: Final = 60.0


def write_whole(path: Path, content: str | bytes, *, overwrite: bool = True) -> None:
    """Write a file under a temporary name beside it, then give it its own.

    What processes that were killed left of earlier attempts at the same file is removed.

    Parameters
    ----------
    path : pathlib.Path
        Its folder exists.
    content : str or bytes
        Text is written as UTF-8, line ends as they are.
    overwrite : bool
        Whether a file of that name may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is false; also where another process has just
        written it.
    OSError
        If it cannot be written; names the file.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    _sweep(path)
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.",
                                        suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.chmod(name, 0o644)
        if overwrite:
            os.replace(name, path)
        else:
            _give_new_name(name, path)
    except OSError as error:
        if error.errno is None:
            raise
        # The temporary name says nothing to a reader, and a failed write has none at all.
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        if name:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _give_new_name(name: str, path: Path) -> None:
    """Rename a file unless there is one of the new name; of two processes one succeeds."""
    try:
        os.link(name, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        os.replace(name, path)


def _sweep(path: Path) -> None:
    for left in path.absolute().parent.glob(f".{_escaped(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > SETTLED:
                left.unlink()


def _escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
