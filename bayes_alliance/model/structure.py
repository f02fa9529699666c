"""Index arrays that tie indicators to items, groups, pairs and own errors.

Invariant: these are structure, not data: they follow from the labels of a design.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.model.design import Design
from bayes_alliance.model.layout import indicator_groups, indicator_items, item_series
from bayes_alliance.tables import Panel

__all__ = ["Structure", "measurement_structure"]


@dataclass(frozen=True)
class Structure:
    """Which indicator belongs to which item, group, pair and own error (index arrays).

    Attributes
    ----------
    item, group_of_indicator, own_error : numpy.ndarray, shape (indicator,)
    group_of_item, paired_item, item_orientation, item_series : numpy.ndarray, shape (item,)
    shared, pair, pair_sign : numpy.ndarray, shape (shared indicator,)
        Indicators of items put in the same words to both publics, their pair, and +1 or -1.
    series : numpy.ndarray
        Indicators with an own error.
    reference_item : int
        The best observed credibility item.
    """

    item: np.ndarray
    group_of_item: np.ndarray
    group_of_indicator: np.ndarray
    shared: np.ndarray
    pair: np.ndarray
    pair_sign: np.ndarray
    paired_item: np.ndarray
    item_orientation: np.ndarray
    item_series: np.ndarray
    own_error: np.ndarray
    series: np.ndarray
    reference_item: int


def measurement_structure(panel: Panel, design: Design) -> Structure:
    """Return the index arrays of a panel in a design."""
    items = indicator_items(panel)
    groups = indicator_groups(panel)
    names = design.coords[c.DIM_INDICATOR]
    group_labels = design.coords[c.DIM_GROUP]
    item_labels = design.coords[c.DIM_ITEM]
    pairs = design.coords[c.DIM_SHARED]
    own = {name: i for i, name in enumerate(design.coords[c.DIM_OWN_ERROR])}
    first_of: dict[str, str] = {}
    for name in names:
        first_of.setdefault(items[name], name)
    shared = [name for name in names if items[name] in pairs]
    # The first member's indicator lies above the pair's mean by the deviation, the second's below.
    first = panel.members[0]
    sign = [1.0 if panel.indicators.at[name, "member"] == first or name.endswith(first) else -1.0
            for name in shared]
    counts = design.rows["indicator"].map(items).value_counts()
    credible = [item for name, item in items.items()
                if panel.indicators.at[name, "latent"] == c.CREDIBILITY and name not in own]
    reference = max(credible, key=lambda item: (counts[item], item))
    of_item = item_series(panel, design.coords[c.DIM_SERIES])
    return Structure(
        item=_integers([item_labels.index(items[name]) for name in names]),
        group_of_item=_integers([group_labels.index(groups[first_of[item]])
                                 for item in item_labels]),
        group_of_indicator=_integers([group_labels.index(groups[name]) for name in names]),
        shared=_integers([names.index(name) for name in shared]),
        pair=_integers([pairs.index(items[name]) for name in shared]),
        pair_sign=np.asarray(sign),
        paired_item=np.array([item in pairs for item in item_labels], dtype=float),
        item_orientation=np.array([panel.indicators.at[first_of[item], "orientation"]
                                   for item in item_labels], dtype=float),
        own_error=_integers([own.get(name, 0) for name in names]),
        series=_integers([names.index(name) for name in own]),
        item_series=_integers([of_item[item] for item in item_labels]),
        reference_item=item_labels.index(reference))


def _integers(values: list[int]) -> Any:
    return np.asarray(values, dtype=np.int64)
