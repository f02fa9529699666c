"""Whether the numbers of the priors can be computed with.

Invariant: a prior whose 5, 50 and 95% points are not of a size that floats tell apart is named
before anything is compiled.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

__all__ = ["prior_problems"]

_LARGEST: Final = 1e6
_SMALLEST: Final = 1e-9


def prior_problems(priors: Iterable[tuple[str, Any]]) -> list[str]:
    """Return every prior with a number or a 5, 50 or 95% point of an absurd size.

    Parameters
    ----------
    priors : pydantic.BaseModel
        Names and distributions; a plain number is a fixed one.
    """
    problems = []
    for name, value in priors:
        if isinstance(value, BaseModel):
            with np.errstate(all="ignore"):
                points = value.frozen().ppf([0.05, 0.5, 0.95])  # type: ignore[attr-defined]
            shown = [*points, *value.model_dump().values()]
        else:
            shown = [value]
        sizes = np.abs(np.array(shown, dtype=float))
        if not (sizes <= _LARGEST).all() or (sizes[sizes > 0] < _SMALLEST).any():
            problems.append(f"priors.{name} reaches {_farthest(sizes):g} (allowed: numbers and 5, "
                            f"50 and 95% points from {_SMALLEST:g} to {_LARGEST:g} in size)")
    return problems


def _farthest(sizes: np.ndarray) -> float:
    """Return the size that is farthest from one."""
    with np.errstate(divide="ignore"):
        distance = np.where(sizes > 0, np.abs(np.log(sizes)), 0.0)
    return float(sizes[int(np.argmax(np.nan_to_num(distance, nan=np.inf)))])
