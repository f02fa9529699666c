"""A fit with draws from nowhere: right names, dims and labels, made-up numbers, no sampler."""

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.inference import Fit
from bayes_alliance.inference.gate import Diagnostics
from bayes_alliance.model.design import build_design
from bayes_alliance.spec import spec_hash

__all__ = ["made_up_fit", "normal_fit", "save_made_up_fit", "with_values"]

POSITIVE = {c.VAR_HALF_LIFE, c.VAR_SCALE_SECOND, c.VAR_CREDIBILITY_SD, c.VAR_LOADING, c.VAR_NOISE,
            c.VAR_OWN_HALF_LIFE, c.VAR_WAVE_SD, c.VAR_GOVERNMENT_SD,
            c.VAR_ADMINISTRATION_DEVIATION_SD}
DIMS = {
    c.THREAT: (c.DIM_MEMBER, c.DIM_TIME), c.CREDIBILITY: (c.DIM_MEMBER, c.DIM_TIME),
    c.COHESION: (c.DIM_TIME,),
    c.VAR_COEFFICIENT: (c.DIM_COEFFICIENT,), c.VAR_RIVAL_EFFECT: (c.DIM_RIVAL,),
    c.VAR_GOVERNMENT_EFFECT: (c.DIM_GOVERNMENT,), c.VAR_GOVERNMENT_SD: (),
    c.VAR_ADMINISTRATION_EFFECT: (c.DIM_ADMINISTRATION,),
    c.VAR_ADMINISTRATION_DEVIATION: (c.DIM_MEMBER, c.DIM_ADMINISTRATION),
    c.VAR_ADMINISTRATION_DEVIATION_SD: (),
    c.VAR_HALF_LIFE: (c.DIM_CONSTRUCT,), c.VAR_CORRELATION: (c.DIM_PAIR,),
    c.VAR_LEVEL_SECOND: (c.DIM_PAIR,), c.VAR_SCALE_SECOND: (c.DIM_PAIR,),
    c.VAR_CREDIBILITY_SD: (), c.VAR_DRIVER_LOADING: (c.DIM_MEMBER, c.DIM_DRIVER),
    c.VAR_LOADING: (c.DIM_INDICATOR,), c.VAR_INTERCEPT: (c.DIM_INDICATOR,),
    c.VAR_NOISE: (c.DIM_INDICATOR,), c.VAR_OWN_HALF_LIFE: (c.DIM_OWN_ERROR,),
    c.VAR_SEASON: (c.DIM_SEASONAL, c.DIM_MONTH), c.VAR_COVARIATE_EFFECT: (c.DIM_COVARIATE,),
    c.VAR_MODE_OFFSET: (c.DIM_OFFSET,), c.VAR_WAVE_SD: (), c.VAR_WAVE_ERROR: (c.DIM_WAVE,)}


def made_up_fit(spec, panel, *, hypothesis="H12", left_out="", chains=2, draws=20, seed=0):
    """Return a fit whose diagnostics pass and whose draws are noise about plausible values."""
    rng = np.random.default_rng(seed)
    coords = build_design(spec, panel, hypothesis).coords
    arrays = {}
    for name, dims in DIMS.items():
        shape = (chains, draws, *(len(coords[dim]) for dim in dims))
        value = 0.3 * rng.standard_normal(shape)
        if c.DIM_TIME in dims:
            value = 0.4 * np.cumsum(value, axis=-1)
        if name in POSITIVE:
            value = np.exp(value) * (8.0 if "half_life" in name else 0.4)
        if name == c.VAR_CORRELATION:
            value = np.tanh(value)
        arrays[name] = (("chain", "draw", *dims), value)
    used = {dim for dims in DIMS.values() for dim in dims}
    posterior = xr.Dataset(arrays, coords={dim: coords[dim] for dim in used})
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((chains, draws), dtype=bool)),
                        "energy": (("chain", "draw"), rng.standard_normal((chains, draws))),
                        "n_steps": (("chain", "draw"), np.full((chains, draws), 7))})
    table = pd.DataFrame(columns=["quantity", "rhat", "ess_bulk", "ess_tail", "state"])
    diagnostics = Diagnostics(True, (), 1.0, 1.0, 400.0, 400.0, 0, 0.9, 1.0, draws, chains, table)
    return Fit(spec=spec, panel=panel, hypothesis=hypothesis, left_out=left_out,
               posterior=posterior, sample_stats=stats, diagnostics=diagnostics,
               provenance={"seed": seed, "spec_hash": "0a" * 32, "data_hash": panel.data_hash,
                           "versions": {}, "created": "2000-01-01T00:00:00+00:00"})


def save_made_up_fit(path, spec, panel, **options):
    """Save such a fit so that it can be loaded again."""
    fit = made_up_fit(spec, panel, **options)
    provenance = fit.provenance | {"spec_hash": spec_hash(spec)}
    replace(fit, provenance=provenance).save(path)


def normal_fit(spec, panel, mean, sd, *, chains, draws):
    """Return one whose states are known and whose coefficients are independent normals."""
    fit = made_up_fit(spec, panel, chains=chains, draws=draws, seed=4)
    fixed = {name: fit.posterior[name].transpose("chain", "draw", ...).to_numpy()[:1, :1]
             for name in c.LATENTS}
    rng = np.random.default_rng(8)
    return with_values(fit, coefficient=mean + sd * rng.standard_normal((chains, draws, 4)),
                       **fixed)


def with_values(fit, **arrays):
    """Return the fit with other draws of some variables, dims as they were."""
    posterior = fit.posterior.copy()
    for name, values in arrays.items():
        old = fit.posterior[name].transpose("chain", "draw", ...)
        posterior[name] = (old.dims, np.broadcast_to(values, old.shape).copy())
    return replace(fit, posterior=posterior)
