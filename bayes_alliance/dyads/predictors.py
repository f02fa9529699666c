"""What a model over dyads expects of every row, draw by draw.

Invariant: NumPy only, sharing no code with the compiled model.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import DyadDesign

__all__ = ["evenly_drawn", "row_predictors"]


def evenly_drawn(posterior: xr.Dataset, most: int | None = None) -> Callable[[str], np.ndarray]:
    """Return a function from a variable's name to draws of it, the same ones for all.

    Parameters
    ----------
    posterior : xarray.Dataset
        Draws with dims ``chain``, ``draw`` and others.
    most : int, optional
        How many draws are used, evenly spaced; all by default.
    """
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    used = np.unique(np.linspace(0, total - 1, min(most or total, total)).round().astype(int))

    def draws(name: str) -> np.ndarray:
        array = posterior[name].transpose("chain", "draw", ...).to_numpy()
        return np.asarray(array.reshape(total, *array.shape[2:])[used])

    return draws


def row_predictors(design: DyadDesign, posterior: xr.Dataset, most: int | None = None
                   ) -> np.ndarray:
    """Return the predictor of every row on the link scale.

    Parameters
    ----------
    design : DyadDesign
        Of the stage that was drawn from; rows that did not count have predictors too.
    posterior : xarray.Dataset
        Draws of the stage, dims ``chain``, ``draw`` and others.
    most : int, optional
        How many draws are used, evenly spaced; all by default.

    Returns
    -------
    numpy.ndarray, shape (draw, row)
    """
    draws = evenly_drawn(posterior, most)
    data, row, year = design.data, design.data["row_indicator"], design.data["first"]
    latents = c.PATHS if design.stage == n.DRIVER_STAGE else (c.COHESION,)
    states = np.concatenate([draws(name) for name in latents], axis=1)
    state = states[:, data["latent_series"], year]
    both = data["paired"] == 1.0
    if both.any():
        state[:, both] = (state[:, both] + states[:, data["second_series"][both], year[both]]) / 2.0
    slope = data["oriented"] * draws(c.VAR_LOADING)[:, row]
    cell = np.concatenate([np.zeros((len(states), 1)), draws(n.VAR_UNIT_DEVIATION),
                           draws(n.VAR_YEAR_EFFECT)], axis=1)
    found = draws(c.VAR_INTERCEPT)[:, row] + slope * state
    found += cell[:, data["nuisance_cell"][:, 0]] + cell[:, data["nuisance_cell"][:, 1]]
    for one in design.own:
        here = (data["row_series"] >= one.rows.start) & (data["row_series"] < one.rows.stop)
        error = draws(n.error_of(design.coords[c.DIM_INDICATOR][one.indicator]))
        found[:, here] += data["oriented"][here] * error[
            :, data["row_series"][here] - one.rows.start, year[here]]
    return np.asarray(found)
