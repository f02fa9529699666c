"""What the other dyads say of one of them: a fit that has not seen it, and its effects in that fit.

Invariant: effects of others come from a fit that names the dyad whose rows it left out; a fit that
has seen the dyad is refused.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from bayes_alliance.dyads.fitting import DyadFit, fit_dyad_panel
from bayes_alliance.dyads.population import standardised_effects
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.exceptions import did_you_mean

__all__ = ["LEFT_OUT", "dyad_left_out", "effects_of_others", "fit_without"]

# Where a fit says which dyad it has not seen.
LEFT_OUT: Final = "dyad_left_out"


def fit_without(spec: DyadModelSpec, panel: DyadPanel, dyad: str, **settings: Any) -> DyadFit:
    """Fit to all rows but those of one dyad; rows of its members stay.

    Parameters
    ----------
    spec : DyadModelSpec
    panel : DyadPanel
    dyad : str
    **settings
        See :func:`bayes_alliance.dyads.fitting.fit_dyad_panel`.

    Returns
    -------
    DyadFit
        The dyad is in it, with what its class and its members say of it.

    Raises
    ------
    ValueError
        If the panel has no dyad of that name.
    """
    known = list(panel.dyads.index)
    if dyad not in known:
        raise ValueError(f"the panel has no dyad {dyad!r}{did_you_mean(dyad, known)}")
    used = (panel.rows["unit"] != dyad).to_numpy()
    fit = fit_dyad_panel(spec, panel, used=used, **settings)
    return replace(fit, provenance=fit.provenance | {LEFT_OUT: dyad})


def dyad_left_out(fit: DyadFit) -> str:
    """Return the dyad that a fit has not seen.

    Raises
    ------
    ValueError
        If it has seen all of them, or says that it left out one it does not have.
    """
    dyad = fit.provenance.get(LEFT_OUT)
    if dyad not in fit.dyads:
        raise ValueError("the fit has seen every dyad, so it is no outside evidence on any "
                         "(allowed: one made with fit_without, or `dyads fit --without DYAD`)")
    return str(dyad)


def effects_of_others(fit: DyadFit) -> np.ndarray:
    """Return draws of the standardised effects of the dyad that a fit has not seen.

    Parameters
    ----------
    fit : DyadFit
        Of :func:`fit_without`, under H12.

    Returns
    -------
    numpy.ndarray, shape (sample, path coefficient)
        What its class says of a further dyad: the class's mean, its spread and their uncertainty.

    Raises
    ------
    ValueError
        If the fit has seen every dyad, or is not of H12.
    """
    if fit.hypothesis != "H12":
        raise ValueError(f"the fit is of {fit.hypothesis} (allowed: H12)")
    return standardised_effects(fit, dyad_left_out(fit))
