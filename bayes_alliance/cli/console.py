"""Progress, tables and error messages on the terminal."""

import itertools
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bayes_alliance.exceptions import AllianceError, ConvergenceError

if TYPE_CHECKING:
    from bayes_alliance.inference import Progress as SamplerProgress
    from bayes_alliance.inference.many import Tally

__all__ = ["Steps", "check_target", "echo_wrapped", "errors_to_status", "is_terminal",
           "print_table", "save_or_keep", "steps"]

OUT = Console()
ERROR = Console(stderr=True)


class Steps:
    """A line for each step and one bar for the sampler."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, visible=False)

    def announce(self, text: str) -> None:
        """Print what begins now."""
        self._progress.update(self._task, visible=False)
        self._progress.console.print(text, highlight=False)

    def tally(self, what: str) -> "Callable[[Tally], None]":
        """Return what tells how many of a run's parts there are; first, how many there were."""
        begun = False

        def tell(tally: "Tally") -> None:
            nonlocal begun
            where = f"{tally.finished} of {tally.total} {what}"
            if not begun:
                where = f"taking up {where}" if tally.finished else f"{tally.total} {what} to do"
            begun = True
            self.announce(where)

        return tell

    def report(self, where: "SamplerProgress") -> None:
        """Move the bar."""
        note = f"{where.divergences} divergences" if where.divergences else ""
        self._progress.update(self._task, total=where.total, completed=where.finished,
                              visible=where.finished < where.total, description=note)


@contextmanager
def steps() -> Iterator[Steps]:
    """Show progress on the error stream while a long step runs."""
    columns = (BarColumn(bar_width=30), TextColumn("{task.completed}/{task.total}"),
               TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=ERROR, transient=True) as progress:
        yield Steps(progress)


@contextmanager
def errors_to_status(keep: Path | None = None) -> Iterator[None]:
    """Turn the package's errors into a message and an exit status.

    Parameters
    ----------
    keep : pathlib.Path, optional
        Folder in which a fit that failed the gate is saved, where nothing else has saved it.
    """
    try:
        yield
    except ConvergenceError as error:
        ERROR.print(f"error: {error}", highlight=False, markup=False, soft_wrap=True)
        if keep is not None:
            _keep(error, keep)
        raise typer.Exit(1) from None
    except (AllianceError, FileExistsError, FileNotFoundError, ValueError) as error:
        ERROR.print(f"error: {error}", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        ERROR.print(f"error: {error.strerror or error}{where}", highlight=False, markup=False,
                    soft_wrap=True)
        raise typer.Exit(2) from None
    except MemoryError:
        ERROR.print("error: there is not enough memory; what was finished is kept",
                    highlight=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        ERROR.print("interrupted; what was finished is kept", highlight=False)
        raise typer.Exit(130) from None


def _keep(error: ConvergenceError, folder: Path) -> None:
    """Save the draws of a fit that failed the gate and say where."""
    fit = error.fit
    parts = ["failed", fit.hypothesis, *([fit.left_out] if fit.left_out else []),
             str(fit.provenance["seed"])]
    path = folder / f"{'-'.join(parts)}.nc"
    fit.save(path, overwrite=True)
    ERROR.print(f"its draws are kept in {path}", highlight=False, markup=False, soft_wrap=True)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise if a file cannot be written to a path: it is there already, or its folder is not."""
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass --overwrite to replace it")
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.resolve().parent}")


def is_terminal() -> bool:
    """Say whether a person reads the output: nothing is piped or written to a file."""
    return sys.stdout.isatty()


def echo_wrapped(line: str) -> None:
    """Print a line; on a terminal folded between words to its width, indented as it begins."""
    if not is_terminal():
        typer.echo(line)
        return
    indent = line[:len(line) - len(line.lstrip())]
    width = shutil.get_terminal_size((80, 24)).columns
    for piece in textwrap.wrap(line, width, subsequent_indent=indent + "  ",
                               break_on_hyphens=False) or [""]:
        typer.echo(piece)


def print_table(frame: pd.DataFrame, title: str = "") -> None:
    """Print a table that folds into the terminal's width; plain CSV where it is piped."""
    if not is_terminal():
        typer.echo(frame.to_csv(index=False, float_format="%.4g"), nl=False)
        return
    table = Table(title=title or None, title_justify="left")
    for column in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[column])
        table.add_column(str(column), justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row])
    OUT.print(table)


def save_or_keep(save: Callable[..., None], path: Path, *, overwrite: bool) -> None:
    """Save draws under their name; where that fails, under another, so that none are lost.

    Parameters
    ----------
    save : callable
        Takes a path and ``overwrite``.
    path : pathlib.Path
        Was checked by :func:`check_target` before anything was drawn.
    overwrite : bool

    Raises
    ------
    OSError
        If the first name could not be given, after it was said where the draws are.
    """
    try:
        save(path, overwrite=overwrite)
    except FileExistsError:
        failed: OSError = FileExistsError(f"{path} has been written by another process meanwhile")
    except OSError as error:
        failed = error
    else:
        return
    for folder in (path.absolute().parent, Path(tempfile.gettempdir())):
        other = next(name for name in (folder / f"{path.stem}-{k}{path.suffix}"
                                       for k in itertools.count(2)) if not name.exists())
        try:
            save(other, overwrite=False)
        except OSError:
            continue
        ERROR.print(f"the draws are kept in {other}", highlight=False, markup=False, soft_wrap=True)
        break
    raise failed
