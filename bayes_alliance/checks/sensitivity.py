"""How much what is reported leans on each group of priors, and on each indicator.

Each is raised to a power near 1 and the draws are weighted anew; no fit is repeated.

Invariant: only priors that stand at the top of the model are scaled, of variables that a fit
keeps; intercepts, loadings and noise of single indicators belong to their pools. An indicator is
scaled given the states, so that it is its own share in the likelihood.

References
----------
Kallioinen, Paananen, Bürkner and Vehtari 2024, Detecting and diagnosing prior and likelihood
sensitivity with power-scaling, Statistics and Computing 34. ArviZ computes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy import special, stats

from bayes_alliance import constants as c
from bayes_alliance.checks.predictive import require_all_rows
from bayes_alliance.inference import Fit
from bayes_alliance.model import Design, build_design
from bayes_alliance.model.layout import WITHOUT_NOISE
from bayes_alliance.model.predict import Samples, flatten, log_likelihood, row_predictor
from bayes_alliance.spec.priors import HalfNormal, LogNormal, Normal

__all__ = ["Sensitivity", "power_scaling"]

# What ArviZ takes for a sensitivity worth a look.
THRESHOLD: Final = 0.05
# The power is moved by this much either way. Where the weights leave less than this share of the
# draws effective, no sensitivity is told: the log density then varies so much that the draws
# say nothing of another power.
_STEP: Final = 0.01
_EFFECTIVE: Final = 0.5
# Draws that are used; more are thinned.
_MOST: Final = 1200
# Variables of each group, and the prior of each.
GROUPS: Final[dict[str, dict[str, str]]] = {
    "paths": {c.VAR_COEFFICIENT: "coefficient"},
    "rivals": {c.VAR_RIVAL_EFFECT: "rival_effect", c.VAR_GOVERNMENT_SD: "government_sd"},
    "persistence": {f"half_life_{latent}": f"half_life_{latent}" for latent in c.LATENTS},
    "drivers": {c.VAR_DRIVER_LOADING: "driver_loading",
                c.VAR_ADMINISTRATION_EFFECT: "administration_effect",
                c.VAR_ADMINISTRATION_DEVIATION_SD: "administration_deviation_sd",
                c.VAR_CREDIBILITY_SD: "credibility_series_sd"},
    "members": {c.VAR_CORRELATION: "correlation", c.VAR_LEVEL_SECOND: "second_member_level",
                c.VAR_SCALE_SECOND: "second_member_scale"},
    "loadings": {"loading_mean": "loading_mean", "loading_spread": "loading_spread"},
    "noise": {"noise_mean": "noise_mean", "noise_spread": "noise_spread", c.VAR_WAVE_SD: "wave_sd",
              c.VAR_OWN_HALF_LIFE: "own_error_half_life"},
    "nuisances": {c.VAR_MODE_OFFSET: "mode_offset", c.VAR_COVARIATE_EFFECT: "covariate_effect"},
}
# Priors of another scale than the variable's own.
_SCALES: Final[dict[str, Callable[[Any], Any]]] = {c.VAR_CORRELATION: np.arctanh}


@dataclass(frozen=True)
class Sensitivity:
    """Sensitivities to power-scaling.

    Attributes
    ----------
    table : pandas.DataFrame
        ``part`` (``prior`` or ``likelihood``), ``group`` (a group of priors, an indicator, or
        ``all``), ``quantity``, ``sensitivity`` (change of the distribution for a doubling of the
        power, as a distance; missing where the draws cannot tell), ``flag`` (above 0.05),
        ``effective`` (share of the draws that the weights leave effective).
    data : xarray.Dataset
        The quantities' draws.
    sentence : str
    """

    table: pd.DataFrame
    data: xr.Dataset
    sentence: str


def power_scaling(fit: Fit, quantities: xr.Dataset | None = None) -> Sensitivity:
    """Scale every group of priors and every indicator a little up and down.

    Parameters
    ----------
    fit : Fit
    quantities : xarray.Dataset, optional
        Draws of what is judged, with dims ``chain`` and ``draw``; the coefficients and
        half-lives if not given.

    Returns
    -------
    Sensitivity

    Raises
    ------
    NotFittedError
        If the fit held rows out, whose density is no part of its posterior.
    """
    require_all_rows(fit)
    # A rate of change needs no more; a row's density is costly.
    step = -(-fit.posterior.sizes["draw"] * fit.posterior.sizes["chain"] // _MOST)
    if quantities is not None:
        quantities = quantities.isel(draw=slice(None, None, step))
    fit = replace(fit, posterior=fit.posterior.isel(draw=slice(None, None, step)))
    judged = quantities if quantities is not None else fit.posterior[
        [c.VAR_COEFFICIENT, c.VAR_HALF_LIFE]]
    parts = {"prior": _log_priors(fit), "likelihood": _log_likelihoods(fit)}
    tree = xr.DataTree.from_dict({"posterior": judged, "log_prior": parts["prior"],
                                  "log_likelihood": parts["likelihood"]})
    records = []
    for part, logs in parts.items():
        for group in ("all", *map(str, logs.data_vars)):
            found = az.psense(tree, group=part, alphas=(1 - _STEP, 1 + _STEP),
                              group_var_names=None if group == "all" else [group])
            share = _effective(logs if group == "all" else logs[[group]])
            records += [{"part": part, "group": group, "quantity": label, "effective": share,
                         "sensitivity": value if share >= _EFFECTIVE else np.nan}
                        for label, value in _cells(found)]
    table = pd.DataFrame(records)
    table["flag"] = table["sensitivity"] > THRESHOLD
    return Sensitivity(table, judged, _sentence(table))


def _effective(logs: xr.Dataset) -> float:
    """Return the share of draws that a power moved either way leaves effective, the smaller."""
    total = sum(array.to_numpy() for array in logs.data_vars.values())
    shares = []
    for power in (-_STEP, _STEP):
        weight = special.softmax(power * np.ravel(total))
        shares.append(1.0 / float(np.sum(weight**2)) / weight.size)
    return min(shares)


def _log_priors(fit: Fit) -> xr.Dataset:
    """Return the log prior density of every group, dims chain and draw."""
    posterior, priors, found = fit.posterior, fit.spec.priors, {}
    for group, variables in GROUPS.items():
        total = None
        for name, prior in variables.items():
            if name not in posterior:
                continue
            values = _SCALES.get(name, lambda value: value)(posterior[name])
            density = _log_density(values, getattr(priors, prior))
            summed = density.sum([dim for dim in density.dims if dim not in ("chain", "draw")])
            total = summed if total is None else total + summed
        if total is not None:
            found[group] = total
    return xr.Dataset(found).reset_coords(drop=True)


def _log_density(values: xr.DataArray, prior: Normal | HalfNormal | LogNormal) -> xr.DataArray:
    frozen = prior.frozen()
    return values.copy(data=np.asarray(frozen.logpdf(values.to_numpy().astype(float))))


def _log_likelihoods(fit: Fit) -> xr.Dataset:
    """Return the log likelihood of every indicator's rows given the states, chain and draw.

    Of a count that has a logit of its own, both the count given the logit and the logit given the
    states: the second is what says anything of the states.
    """
    design = build_design(fit.spec, fit.panel, fit.hypothesis)
    samples = flatten(fit.posterior)
    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    logits, found = _of_logits(samples, design), {}
    for k, name in enumerate(design.coords[c.DIM_INDICATOR]):
        mine = (design.data["row_indicator"] == k) * design.data["weight"]
        if not mine.any():
            continue
        alone = replace(design, data={**design.data, "weight": mine.astype(float)})
        total = log_likelihood(samples, alone, fit.spec) + logits @ mine
        found[name] = (("chain", "draw"), total.reshape(shape))
    return xr.Dataset(found)


def _of_logits(samples: Samples, design: Design) -> np.ndarray:
    """Return the log density of the logits of counts, zero for other rows, shape (sample, row)."""
    found = np.zeros((samples.size, len(design.rows)))
    blocks = [design.blocks[family] for family in WITHOUT_NOISE if family in design.blocks]
    if blocks:
        mu, noise = row_predictor(samples, design), samples.values[c.VAR_NOISE]
        for block in blocks:
            found[:, block] = stats.norm.logpdf(
                samples.values[c.VAR_OBSERVATION_LOGIT], mu[:, block],
                noise[:, design.data["row_indicator"][block]])
    return found


def _cells(found: xr.Dataset) -> list[tuple[str, float]]:
    """Return every number of a dataset with its label."""
    cells = []
    for name, array in found.data_vars.items():
        for index in np.ndindex(*array.shape):
            labels = [str(array[dim].to_numpy()[i]) for dim, i in zip(array.dims, index,
                                                                      strict=True)]
            label = f"{name}[{', '.join(labels)}]" if labels else str(name)
            cells.append((label, float(array.to_numpy()[index])))
    return cells


def _sentence(table: pd.DataFrame) -> str:
    """Return which priors and indicators matter, in one sentence."""
    told = []
    for part, noun in (("prior", "groups of priors"), ("likelihood", "indicators")):
        alone = table[(table["part"] == part) & (table["group"] != "all")]
        flagged = alone[alone["flag"]]
        dark = alone.loc[alone["sensitivity"].isna(), "group"].unique()
        if len(dark):
            told.append(f"the draws cannot tell of {', '.join(dark)}")
        known = alone.loc[alone["sensitivity"].notna(), "group"].nunique()
        if flagged.empty:
            if known:
                told.append(f"none of {known} {noun} moves any of them by an index over "
                            f"{THRESHOLD:g}")
            continue
        largest = flagged.sort_values("sensitivity").iloc[-1]
        told.append(f"{flagged['group'].nunique()} of {known} {noun} move at "
                    f"least one of them by an index over {THRESHOLD:g} (largest: "
                    f"{largest['sensitivity']:.2f}, of {largest['quantity']} for "
                    f"{largest['group']})")
    return f"{table['quantity'].nunique()} quantities are watched: {'; '.join(told)}."


