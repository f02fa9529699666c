"""A specification and a panel in, a PyMC model out.

Invariant: the graph holds structure only; every array of the design is mutable data, so one
compilation serves every hypothesis, every set of rows and every set of priors.
"""

import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.model.design import Design, build_design
from bayes_alliance.model.measurement import (
    add_likelihood,
    add_loadings,
    add_rows,
    information,
)
from bayes_alliance.model.prior_numbers import PriorNumbers
from bayes_alliance.model.states import add_scaffold, add_states
from bayes_alliance.model.structure import measurement_structure
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["build_model"]


def build_model(spec: ModelSpec, panel: Panel, design: Design | None = None) -> pm.Model:
    """Build the PyMC model.

    Parameters
    ----------
    spec : ModelSpec
        The model file.
    panel : Panel
        Its data.
    design : Design, optional
        The layout, if it has been made already.

    Returns
    -------
    pymc.Model
        With every array of the design as ``pm.Data`` under its own name.
    """
    design = design or build_design(spec, panel)
    structure = measurement_structure(panel, design)
    # Every scale is an exponential or a prior's own number.
    with pm.Model(coords=design.coords, check_bounds=False) as model:
        data = {name: pm.Data(name, array) for name, array in design.data.items()}
        prior = PriorNumbers(data["prior"], list(spec.priors.numbers()))
        loadings = add_loadings(data, prior, structure)
        scaffold = add_scaffold(data, prior, loadings.item[structure.reference_item])
        rows = add_rows(data, design, structure, prior, loadings, scaffold)
        shape = pt.zeros((len(design.coords[c.DIM_SERIES]), len(design.coords[c.DIM_TIME])))
        states = add_states(data, prior, scaffold, information(data, rows, shape),
                            design.options)
        add_likelihood(data, design, prior, rows, states)
    return model
