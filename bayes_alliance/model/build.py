"""A specification and a panel in, a PyMC model out.

Invariant: the graph holds structure only; every array of the design is mutable data, so one
compilation serves every hypothesis, every set of rows and every set of priors.
"""

from typing import Any

import numpy as np
import pymc as pm

from bayes_alliance import constants as c
from bayes_alliance.model.design import Design, build_design
from bayes_alliance.model.layout import indicator_groups, indicator_items
from bayes_alliance.model.measurement import Structure, add_loadings, add_measurement
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
        structure = measurement_structure(panel, design)
        loadings = add_loadings(prior, structure)
        states = add_states(data, prior, response=design.response,
                            innovations=design.innovations,
                            reference_loading=loadings.item[structure.reference_item])
        add_measurement(data, design, structure, prior, loadings, states)
    return model


def measurement_structure(panel: Panel, design: Design) -> Structure:
    """Return the index arrays that tie indicators to items, groups and own errors."""
    items = indicator_items(panel)
    groups = indicator_groups(panel)
    names = design.coords[c.DIM_INDICATOR]
    group_labels = design.coords[c.DIM_GROUP]
    item_labels = design.coords[c.DIM_ITEM]
    pairs = design.coords[c.DIM_SHARED]
    own = {name: i for i, name in enumerate(design.coords[c.DIM_OWN_ERROR])}
    group_of_item: dict[str, int] = {}
    for name in names:
        group_of_item.setdefault(items[name], group_labels.index(groups[name]))
    shared = [name for name in names if items[name] in pairs]
    # The first member's indicator lies above the pair's mean by the deviation, the second's below.
    first = panel.members[0]
    sign = [1.0 if panel.indicators.at[name, "member"] == first or name.endswith(first) else -1.0
            for name in shared]
    rows = design.rows["indicator"].map(items).value_counts()
    credible = [item for name, item in items.items()
                if panel.indicators.at[name, "latent"] == c.CREDIBILITY and name not in own]
    reference = max(credible, key=lambda item: (rows[item], item))
    return Structure(
        item=_integers([item_labels.index(items[name]) for name in names]),
        group_of_item=_integers([group_of_item[item] for item in item_labels]),
        group_of_indicator=_integers([group_labels.index(groups[name]) for name in names]),
        shared=_integers([names.index(name) for name in shared]),
        pair=_integers([pairs.index(items[name]) for name in shared]),
        pair_sign=np.asarray(sign),
        paired_item=np.array([item in pairs for item in item_labels], dtype=float),
        own_error=_integers([own.get(name, 0) for name in names]),
        series=_integers([names.index(name) for name in own]),
        reference_item=item_labels.index(reference))


def _integers(values: list[int]) -> Any:
    return np.asarray(values, dtype=np.int64)
