"""A specification and a panel in, a PyMC model out.

Invariant: the graph holds structure only; every array of the design is mutable data, so one
compilation serves every hypothesis, every set of rows and every set of priors.
"""

from typing import Any

import numpy as np
import pymc as pm

from bayes_alliance import constants as c
from bayes_alliance.model.design import Design, build_design, indicator_groups, indicator_items
from bayes_alliance.model.measurement import add_measurement
from bayes_alliance.model.prior_numbers import PriorNumbers
from bayes_alliance.model.states import add_states
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["build_model", "measurement_structure"]


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
    with pm.Model(coords=design.coords) as model:
        data = {name: pm.Data(name, array) for name, array in design.data.items()}
        prior = PriorNumbers(data["prior"], list(spec.priors.numbers()))
        states = add_states(data, prior, response=design.response,
                            innovations=design.innovations)
        add_measurement(data, design, measurement_structure(panel, design), prior, states.all)
    return model


def measurement_structure(panel: Panel, design: Design) -> dict[str, np.ndarray]:
    """Return the index arrays that tie indicators to items, groups and own errors."""
    items = indicator_items(panel)
    groups = indicator_groups(panel)
    names = design.coords[c.DIM_INDICATOR]
    group_labels = design.coords[c.DIM_GROUP]
    item_labels = design.coords[c.DIM_ITEM]
    own = {name: i for i, name in enumerate(design.coords[c.DIM_OWN_ERROR])}
    group_of_item: dict[str, int] = {}
    for name in names:
        group_of_item.setdefault(items[name], group_labels.index(groups[name]))

    def integers(values: list[int]) -> Any:
        return np.asarray(values, dtype=np.int64)

    return {
        "item": integers([item_labels.index(items[name]) for name in names]),
        "group_of_item": integers([group_of_item[item] for item in item_labels]),
        "group_of_indicator": integers([group_labels.index(groups[name]) for name in names]),
        "shared": integers([names.index(name) for name in design.coords[c.DIM_SHARED]]),
        "own_error": integers([own.get(name, 0) for name in names]),
        "series": integers([names.index(name) for name in own]),
    }
