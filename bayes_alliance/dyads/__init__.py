"""Many dyads at once, year by year: one model whose coefficients are pooled over pairs of states.

Invariant: members are shared between the dyads they belong to; a dyad adds its own cohesion only.
"""

from bayes_alliance.dyads.borrowing import dyad_left_out, effects_of_others, fit_without
from bayes_alliance.dyads.fitting import (
    DyadFit,
    fit_dyad_panel,
    fit_dyads,
    load_dyad_fit,
    load_dyad_model,
)
from bayes_alliance.dyads.population import (
    PopulationResult,
    dyad_effects,
    population_effects,
    readings,
)
from bayes_alliance.dyads.spec import DyadModelSpec, read_dyad_model
from bayes_alliance.dyads.tables import DyadPanel, build_dyad_panel

__all__ = ["DyadFit", "DyadModelSpec", "DyadPanel", "PopulationResult", "build_dyad_panel",
           "dyad_effects", "dyad_left_out", "effects_of_others", "fit_dyad_panel", "fit_dyads",
           "fit_without", "load_dyad_fit", "load_dyad_model", "population_effects",
           "read_dyad_model", "readings"]
