"""What a model over dyads expects of every row, draw by draw, and rows as normal observations.

Invariant: NumPy only, sharing no code with the compiled model. Rows as normal observations set the
coordinates of the sampler and nothing else.

References
----------
McCullagh and Nelder 1989, Generalized Linear Models, 2nd ed., section 2.5, for working responses.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from scipy import special

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import DyadDesign

__all__ = ["around_the_posterior", "row_predictors"]

# Of a pilot run, as many draws as a mean needs.
_DRAWS: Final = 100
# A count of less tells as much as one of this, an event of less as one of its square root.
_LEAST: Final = 1e-3


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
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    used = np.unique(np.linspace(0, total - 1, min(most or total, total)).round().astype(int))

    def draws(name: str) -> np.ndarray:
        array = posterior[name].transpose("chain", "draw", ...).to_numpy()
        return np.asarray(array.reshape(total, *array.shape[2:])[used])

    data, row, year = design.data, design.data["row_indicator"], design.data["first"]
    latents = c.PATHS if design.stage == n.DRIVER_STAGE else (c.COHESION,)
    states = np.concatenate([draws(name) for name in latents], axis=1)
    state = states[:, data["latent_series"], year]
    both = data["paired"] == 1.0
    if both.any():
        state[:, both] = (state[:, both] + states[:, data["second_series"][both], year[both]]) / 2.0
    slope = data["oriented"] * draws(c.VAR_LOADING)[:, row]
    cell = np.concatenate([np.zeros((len(used), 1)), draws(n.VAR_UNIT_DEVIATION),
                           draws(n.VAR_YEAR_EFFECT)], axis=1)
    found = draws(c.VAR_INTERCEPT)[:, row] + slope * state
    found += cell[:, data["nuisance_cell"][:, 0]] + cell[:, data["nuisance_cell"][:, 1]]
    for one in design.own:
        here = (data["row_series"] >= one.rows.start) & (data["row_series"] < one.rows.stop)
        error = draws(n.error_of(design.coords[c.DIM_INDICATOR][one.indicator]))
        found[:, here] += data["oriented"][here] * error[
            :, data["row_series"][here] - one.rows.start, year[here]]
    return np.asarray(found)


def around_the_posterior(design: DyadDesign, posterior: xr.Dataset) -> DyadDesign:
    """Return the design with its rows as normal observations around what a first run found.

    Before any draw a row is taken at what it shows itself or at what is usual of its unit. Counts
    of nought say next to nothing one by one, but hundreds of them add up: taken at the wrong place
    they set the coordinates of a year's effect, or of a unit's, beside where it is.

    Parameters
    ----------
    design : DyadDesign
    posterior : xarray.Dataset
        Draws of a first, short run of the same stage.
    """
    data = design.data
    mu = row_predictors(design, posterior, _DRAWS)
    at, y, size = mu.mean(axis=0), data["y"], data["n"]
    value, base, slope = (data[name].copy() for name in (
        "link_value", "variance_base", "variance_slope"))

    def rows(family: str) -> np.ndarray:
        return np.asarray(data["family_code"] == c.FAMILY_CODES[n.FAMILIES[family][0]])

    here = rows("negative_binomial")
    mean = np.maximum(np.exp(mu[:, here]).mean(axis=0), _LEAST)
    value[here], base[here] = at[here] + (y[here] - mean) / mean, 1.0 / mean
    share, spread = _shares(mu[:, rows("bernoulli")])
    here = rows("bernoulli")
    value[here], base[here] = at[here] + (y[here] - share) / spread, 1.0 / spread
    here = rows("beta_binomial")
    share, spread = _shares(mu[:, here])
    value[here] = at[here] + (y[here] / size[here] - share) / spread
    base[here] = 1.0 / (size[here] * spread)
    slope[here] = (size[here] - 1.0) / (size[here] * 4.0 * spread)
    return replace(design, data={**data, "link_value": value, "variance_base": base,
                                 "variance_slope": slope})


def _shares(mu: np.ndarray) -> tuple[Any, Any]:
    """Return the mean share of each row, and the mean of what a share's variance is over n."""
    share = special.expit(mu)
    return share.mean(axis=0), np.maximum((share * (1.0 - share)).mean(axis=0), _LEAST)
