"""The exceptions of the package.

Every one is an :class:`AllianceError` and also the standard-library type it is::

    AllianceError
    ├── DataError         (ValueError)    a table is wrong; lists every fault
    ├── SpecError         (ValueError)    a model file is wrong; lists every fault
    ├── SchemaError       (ValueError)    a saved fit is truncated, foreign or does not match
    ├── NotFittedError    (RuntimeError)  a result was asked of a fit that cannot give it
    └── ConvergenceError  (RuntimeError)  the diagnostics gate failed; carries the fit
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_alliance.inference.result import Fit

__all__ = [
    "AllianceError",
    "ConvergenceError",
    "DataError",
    "Fault",
    "NotFittedError",
    "SchemaError",
    "SpecError",
    "did_you_mean",
]


_LONGEST_NAME = 100
_MOST_NAMES = 500
_LONGEST_PROBLEM = 500
_MOST_SHOWN = 100


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, else nothing.

    A name that only begins like a known one counts as near where no spelling is.
    """
    if len(name) > _LONGEST_NAME:
        return ""
    return _nearest(name, tuple(known)[:_MOST_NAMES])


# One wrong name often stands in every row of a table, and spelling is compared letter by letter.
@lru_cache(maxsize=512)
def _nearest(name: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    if not near and len(name) > 2:
        near = [one for one in names if one.startswith(name)][:1]
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input.

    Parameters
    ----------
    file : str
        File name, relative to the dataset or model folder.
    where : str
        Row and key, for example ``"row 12, value"``; empty for the whole file.
    problem : str
        What was wrong, with the offending value.
    allowed : str
        What is allowed instead.
    """

    file: str
    where: str
    problem: str
    allowed: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, {self.where}" if self.where else self.file
        tail = f" (allowed: {self.allowed})" if self.allowed else ""
        problem = self.problem
        if len(problem) > _LONGEST_PROBLEM:
            problem = f"{problem[:_LONGEST_PROBLEM]}..."
        return f"{place}: {problem}{tail}"


class AllianceError(Exception):
    """Base class of every error raised on purpose by this package."""


class _FaultList(AllianceError, ValueError):
    """An error that lists every fault found, not only the first.

    The message shows the first hundred; ``faults`` holds all of them.
    """

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        if isinstance(faults, str):
            self.faults: tuple[Fault, ...] = ()
            super().__init__(faults)
            return
        self.faults = tuple(faults)
        count = len(self.faults)
        head = "1 fault" if count == 1 else f"{count} faults"
        lines = [f"{head}:", *(f"  {fault}" for fault in self.faults[:_MOST_SHOWN])]
        if count > _MOST_SHOWN:
            lines.append(f"  and {count - _MOST_SHOWN} more")
        super().__init__("\n".join(lines))


class DataError(_FaultList):
    """A dataset's tables break their rules; ``faults`` lists all of them."""


class SpecError(_FaultList):
    """A model file breaks its rules; ``faults`` lists all of them."""


class SchemaError(AllianceError, ValueError):
    """A saved fit is truncated, foreign, or belongs to other data or another model."""


class NotFittedError(AllianceError, RuntimeError):
    """A result was asked of a fit that does not hold what it needs."""


class ConvergenceError(AllianceError, RuntimeError):
    """The diagnostics gate failed.

    Attributes
    ----------
    fit : Fit
        The fit that failed; its draws are kept and can be saved and inspected.
    """

    def __init__(self, message: str, fit: "Fit") -> None:
        super().__init__(message)
        self.fit = fit
