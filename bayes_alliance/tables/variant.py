"""A dataset cut to a model, with the masks and controls of a variant.

Invariant: the panel of a variant differs from the committed one in what the variant names and in
its hash, and in nothing else.
"""

import hashlib
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from bayes_alliance.exceptions import DataError, Fault, did_you_mean
from bayes_alliance.spec import TRANSFORMS, ModelSpec
from bayes_alliance.spec.variants import ControlSpec, VariantSpec
from bayes_alliance.tables.panel import Panel, build_panel
from bayes_alliance.tables.read import Dataset
from bayes_alliance.tables.schema import CONTROLS

__all__ = ["build_variant"]

_REASON: Final = "masked by the variant"


def build_variant(dataset: Dataset, spec: ModelSpec, variant: VariantSpec) -> Panel:
    """Cut a dataset to a model as :func:`bayes_alliance.tables.build_panel`, with one variant.

    Parameters
    ----------
    dataset : Dataset
        Checked tables.
    spec : ModelSpec
        The model file.
    variant : VariantSpec
        What is done otherwise. Controls stand in ``rivals`` beside the triggers.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        If model and dataset do not fit together, or a control has no value in a month of the
        model; lists every fault.
    """
    panel = build_panel(replace(dataset, indicators=_masked(dataset.indicators, variant)), spec)
    faults: list[Fault] = []
    series = {name: _control(dataset.controls, name, about, panel.time, faults)
              for name, about in variant.controls.items()}
    if faults:
        raise DataError(faults)
    mark = f"{panel.data_hash}\0{dataset.controls_hash}\0{variant.model_dump_json()}"
    return replace(panel, rivals=panel.rivals.assign(**series),
                   data_hash=hashlib.sha256(mark.encode()).hexdigest())


def _masked(indicators: pd.DataFrame, variant: VariantSpec) -> pd.DataFrame:
    """Return the table of indicators with the variant's masks in the cells it names."""
    cells = {name: "; ".join(f"{start}..{end}={_REASON}" for start, end in windows)
             for name, windows in variant.masks.items()}
    masks = [cells.get(name, mask) for name, mask in zip(indicators["indicator"],
                                                         indicators["masks"], strict=True)]
    return indicators.assign(masks=masks)


def _control(table: pd.DataFrame, name: str, about: ControlSpec, time: pd.PeriodIndex,
             faults: list[Fault]) -> np.ndarray:
    """Return a control's finished values, shape (time,); add what is wrong to the faults."""
    known = list(dict.fromkeys(table["control"]))
    transform = TRANSFORMS[about.transform]
    values = pd.Series(np.nan, index=time)
    for row in table[table["control"] == name].itertuples():
        values[pd.period_range(row.start, row.end, freq="M").intersection(time)] = row.value
    empty = values[values.isna()].index
    if name not in known:
        faults.append(Fault(CONTROLS, "control", f"the model names {name!r}, which the table "
                            f"lacks{did_you_mean(name, known)}",
                            ", ".join(known) or "the table, with a row a month"))
    elif len(empty):
        faults.append(Fault(CONTROLS, name, f"has no value in {len(empty)} months of the model "
                            f"({empty[0]}..{empty[-1]})", "a value for every month"))
    elif transform.strict and not (values > transform.lower).all():
        faults.append(Fault(CONTROLS, name, f"is {values.min():g} in {values.idxmin()}, of which "
                            f"there is no {transform.name}",
                            f"above {transform.lower:g}, or the transform identity"))
    else:
        return transform.apply(values.to_numpy(), about.shift, about.scale)
    return values.to_numpy()
