"""A panel of six dyads of four states and a fit of it with draws from nowhere: no sampler."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.dyads import DyadFit, read_dyad_model
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.simulate import made_up_panel

__all__ = ["STATES", "made_up_dyad_fit", "made_up_dyad_panel", "stage_figures"]

STATES = ("south_korea", "japan", "state_2", "state_3")
DATA = Path(__file__).resolve().parents[2] / "data" / "quasi_alliances"


def made_up_dyad_panel(names=STATES):
    """Return a panel of all pairs of four states; values are all zero."""
    spec = read_dyad_model("quasi_alliances")
    table = pd.read_csv(DATA / "indicators.csv").set_index("indicator")
    used = [name for part in spec.latents.values() for name in part]
    panel = made_up_panel(spec, table.loc[used], members=4, dyads=6, years=71,
                          rng=np.random.default_rng(1))
    called = {f"state_{k}": name for k, name in enumerate(names)}
    dyads = panel.dyads.assign(**{side: panel.dyads[side].map(called)
                                  for side in ("member_a", "member_b")})
    dyads.index = pd.Index(dyads["member_a"] + "-" + dyads["member_b"], name="dyad")
    called |= dict(zip(panel.dyads.index, dyads.index, strict=True))
    rows = panel.rows.assign(unit=panel.rows["unit"].map(called))
    dyads["region"] = ["asia_pacific", "other", "other"] * 2
    return replace(panel, members=list(names), dyads=dyads, rows=rows)


def stage_figures(passed=True):
    """Return what the gate may have seen of a stage."""
    return {"passed": passed, "failures": [] if passed else ["R-hat of level is 1.2"],
            "seconds": 3.0, "rhat_max": 1.002, "rhat_max_states": 1.001, "ess_bulk_min": 512.0,
            "ess_tail_min": 480.0, "bfmi_min": 0.8, "divergences": 0, "draws": 400, "chains": 2}


def made_up_dyad_fit(panel, by_class=None, *, sd=0.1, passed=True, cohesion=0.0, seed=3):
    """Return a fit whose classes have given mean coefficients.

    ``cohesion`` is what the draws of cohesion scatter about, broadcast to (dyad, year).
    """
    rng = np.random.default_rng(seed)
    spec = read_dyad_model("quasi_alliances")
    by_class = by_class or {"quasi": [0, 0, 0, 0], "allied": [0, 0, 0, 0]}
    sizes = {"chain": 2, "draw": 400}
    labels = {c.DIM_COEFFICIENT: list(c.COEFFICIENTS), n.DIM_CLASS: list(spec.model.classes),
              n.DIM_DYAD: list(panel.dyads.index), c.DIM_MEMBER: list(panel.members),
              c.DIM_TIME: [str(year) for year in panel.years]}

    def draws(centre, spread, *dims):
        shape = [*sizes.values(), *(len(labels[dim]) for dim in dims)]
        return ([*sizes, *dims], np.asarray(centre) + spread * rng.standard_normal(shape))

    centres = np.array([by_class[kind] for kind in spec.model.classes], dtype=float)
    of = [spec.model.classes.index(kind) for kind in panel.dyads["class"]]
    posterior = xr.Dataset({
        c.VAR_COEFFICIENT: draws(centres.mean(axis=0), sd, c.DIM_COEFFICIENT),
        n.VAR_CLASS_COEFFICIENT: draws(centres, sd, n.DIM_CLASS, c.DIM_COEFFICIENT),
        n.VAR_DYAD_COEFFICIENT: draws(centres[of], sd, n.DIM_DYAD, c.DIM_COEFFICIENT),
        n.VAR_SPREAD: draws(0.3, 0.01, c.DIM_COEFFICIENT),
        n.VAR_BETWEEN: draws(0.1, 0.1, c.DIM_COEFFICIENT),
        c.COHESION: draws(cohesion, 0.2, n.DIM_DYAD, c.DIM_TIME)}, coords=labels)
    waves = np.sin(np.arange(71)) * np.arange(1, 5)[:, None]
    drivers = xr.Dataset({latent: draws(waves, 0.05, c.DIM_MEMBER, c.DIM_TIME)
                          for latent in c.PATHS}, coords=labels)
    about = panel.dyads[["member_a", "member_b", "class", "region"]].to_dict("index")
    return DyadFit(spec, about, "H12", posterior, drivers,
                   {n.DRIVER_STAGE: stage_figures(), n.COHESION_STAGE: stage_figures(passed)},
                   {"seed": 1, "data_hash": panel.data_hash,
                    "spec_hash": sha256(spec.model_dump_json().encode()).hexdigest(),
                    "versions": {"python": "3"}, "created": "2000-01-01T00:00:00+00:00"})
