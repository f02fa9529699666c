"""How names of the tables and the model file read in a sentence.

Invariant: a state, its patron and their governments are called what the model file calls them;
no module has a state's name of its own.
"""

from typing import Final

import pandas as pd

from bayes_alliance.spec.priors import PRIOR_MEANING
from bayes_alliance.spec.schema import ModelSpec

__all__ = ["country", "prior_meaning", "prior_table", "readable"]

# A name of a state of so many letters is its initials.
_INITIALS: Final = 3
# How the meanings of the priors name the patron of the shipped model.
_SHIPPED_PATRON: Final = "US administration"


def country(label: str) -> str:
    """Return a state's name as a reader would write it: ``rok`` is ROK, ``japan`` is Japan."""
    return label.upper() if len(label) <= _INITIALS else readable(label)


def readable(label: str) -> str:
    """Return a name of the tables as a reader would write it: ``trump_1`` becomes Trump 1."""
    return label.replace("_", " ").strip().title()


def prior_meaning(prior: str, patron: str) -> str:
    """Return what a prior is a prior of, with the name of a model's patron."""
    return PRIOR_MEANING[prior].replace(_SHIPPED_PATRON, f"{country(patron)} administration")


def prior_table(spec: ModelSpec) -> pd.DataFrame:
    """Return every prior of a model, with the model's own patron in the meanings.

    Parameters
    ----------
    spec : ModelSpec
        The model file.

    Returns
    -------
    pandas.DataFrame
        As :meth:`bayes_alliance.spec.Priors.table`.
    """
    table = spec.priors.table()
    return table.assign(meaning=[prior_meaning(name, spec.model.patron)
                                 for name in table["prior"]])
