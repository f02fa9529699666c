"""The tables of a dataset: reading, checking, cutting to a model."""

from bayes_alliance.tables.doubts import find_doubts
from bayes_alliance.tables.observed import middle_months, observed_values
from bayes_alliance.tables.panel import Panel, build_panel
from bayes_alliance.tables.read import Dataset, check_dataset, read_dataset
from bayes_alliance.tables.stocks import decay, finish_stock
from bayes_alliance.tables.variant import build_variant

__all__ = [
    "Dataset",
    "Panel",
    "build_panel",
    "build_variant",
    "check_dataset",
    "decay",
    "find_doubts",
    "finish_stock",
    "middle_months",
    "observed_values",
    "read_dataset",
]
