"""The registry of measurement families: what each needs and which values it allows.

Invariant: this table is the only place that knows a family's link, its support and whether it
needs a sample size. Densities and random draws live in :mod:`bayes_alliance.model.likelihoods`,
under the same names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["FAMILIES", "TRANSFORMS", "Family", "Transform"]


@dataclass(frozen=True, slots=True)
class Family:
    """What a measurement family demands of a row.

    Parameters
    ----------
    name : str
        The family's word in `indicators.csv`.
    link : str
        The only link this family is used with.
    needs_n : bool
        Whether a row must carry a sample size.
    lower, upper : float
        Inclusive bounds of a value in the indicator's own unit, before transformation.
    has_noise : bool
        Whether the family has a noise (or overdispersion) parameter of its own. One without it
        gets an error for every wave, also where the wave holds a single row.
    integer : bool
        Whether a value must be a whole number.
    """

    name: str
    link: str
    needs_n: bool
    lower: float
    upper: float
    has_noise: bool
    integer: bool = False

    @property
    def support(self) -> str:
        """The allowed values in words, for error messages."""
        kind = "whole numbers" if self.integer else "numbers"
        if np.isinf(self.lower) and np.isinf(self.upper):
            return f"finite {kind}"
        if np.isinf(self.upper):
            return f"{kind} of at least {self.lower:g}"
        return f"{kind} from {self.lower:g} to {self.upper:g}"


FAMILIES: Final[dict[str, Family]] = {
    family.name: family
    for family in (
        Family("normal", "identity", False, -np.inf, np.inf, True),
        Family("student_t", "identity", False, -np.inf, np.inf, True),
        Family("beta_binomial", "logit", True, 0.0, 100.0, True),
        Family("binomial", "logit", True, 0.0, 100.0, False),
        Family("negative_binomial", "log", False, 0.0, np.inf, True, integer=True),
    )
}


@dataclass(frozen=True, slots=True)
class Transform:
    """A transformation with constants of the codebook: ``y = (f(value) - shift) / scale``.

    Parameters
    ----------
    name : str
        The transformation's word in `indicators.csv`.
    forward, inverse : callable
        ``f`` and its inverse, on arrays.
    lower : float
        Smallest value allowed; ``log`` needs a value above it.
    strict : bool
        Whether the bound itself is excluded.
    """

    name: str
    forward: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    lower: float = -np.inf
    strict: bool = False

    def apply(self, value: np.ndarray, shift: float, scale: float) -> np.ndarray:
        """Return values on the model's scale."""
        return (self.forward(np.asarray(value, dtype=float)) - shift) / scale

    def undo(self, y: np.ndarray, shift: float, scale: float) -> np.ndarray:
        """Return values in the indicator's own unit."""
        return self.inverse(np.asarray(y, dtype=float) * scale + shift)


def _same(value: np.ndarray) -> np.ndarray:
    return value


TRANSFORMS: Final[dict[str, Transform]] = {
    transform.name: transform
    for transform in (
        Transform("identity", _same, _same),
        Transform("log", np.log, np.exp, lower=0.0, strict=True),
        Transform("log1p", np.log1p, np.expm1, lower=0.0),
        Transform("percent", _same, _same, lower=0.0),
    )
}
