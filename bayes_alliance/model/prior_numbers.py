"""The numbers of the priors as one mutable vector of the compiled model.

Invariant: no prior number is a constant of the graph, so a grid of priors is one compilation.
"""

from collections.abc import Sequence
from typing import Any

import pymc as pm
import pytensor.tensor as pt

__all__ = ["PriorNumbers"]


class PriorNumbers:
    """Prior numbers by their dotted names, e.g. ``numbers["coefficient.sd"]``.

    Parameters
    ----------
    vector : tensor of float, shape (number,)
        The values, in the order of ``names``.
    names : sequence of str
        Dotted names, as :meth:`bayes_alliance.spec.Priors.numbers` gives them.
    """

    def __init__(self, vector: Any, names: Sequence[str]) -> None:
        self._vector = vector
        self._position = {name: i for i, name in enumerate(names)}

    def __getitem__(self, name: str) -> Any:
        return self._vector[self._position[name]]

    def log_normal_variable(self, name: str, dims: str | None = None,
                            prior: str | None = None) -> Any:
        """Add a log-normal variable, sampled as a standard normal of its logarithm.

        The sampled value has unit prior scale whatever the prior, which helps the sampler's
        first steps; the variable itself is kept under ``name``.
        """
        prior = prior or name
        raw = pm.Normal(f"{name}_raw", 0.0, 1.0, dims=dims)
        value = pt.exp(pt.log(self[f"{prior}.median"]) + self[f"{prior}.sd"] * raw)
        return pm.Deterministic(name, value, dims=dims)
