"""From a specification and a panel to the coordinates and arrays of the compiled model.

Invariant: everything that may differ between two fits of one structure is an array in
:attr:`Design.data`; whatever is not there is structure and costs a compilation.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.model.layout import (
    WITHOUT_NOISE,
    centring,
    counted_through,
    covariate_design,
    gaussian_rows,
    indicator_groups,
    indicator_items,
    indicator_months,
    item_months,
    item_series,
    label_index,
    level_and_contrasts,
    log_ways,
    middle_month,
    offset_labels,
    season_cells,
    waves,
)
from bayes_alliance.spec import FAMILIES, ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["Design", "Options", "build_design", "previous_rows"]

# The order of the row blocks; each family that has rows is one likelihood node.
FAMILY_ORDER: Final = tuple(FAMILIES)


@dataclass(frozen=True)
class Options:
    """Structural options of a specification; each combination is a compilation.

    Attributes
    ----------
    response : {"adjustment", "level"}
        How cohesion answers to its drivers.
    dynamics : tuple of {"ar1", "random_walk", "local_trend"}
        Of threat, of credibility, and of cohesion's residual.
    innovations : {"normal", "student_t"}
        Shocks of all series.
    coordinates : {"chosen", "non_centred", "centred"}
        Where the sampler stands to the series.
    """

    response: str
    dynamics: tuple[str, str, str]
    innovations: str
    coordinates: str


@dataclass(frozen=True)
class Design:
    """Coordinates, data arrays and structural options of one model.

    Attributes
    ----------
    coords : dict of str to list of str
        Labels of every dimension.
    data : dict of str to numpy.ndarray
        Arrays that become the model's mutable data; dims are stated in :func:`build_design`.
    blocks : dict of str to slice
        The contiguous rows of each family, in the design's row order.
    rows : pandas.DataFrame
        The panel's rows in the design's order.
    options : Options
        Structural options of the specification.
    """

    coords: dict[str, list[str]]
    data: dict[str, np.ndarray]
    blocks: dict[str, slice]
    rows: pd.DataFrame
    options: Options

    @property
    def structure(self) -> tuple[object, ...]:
        """A key that is equal for two designs exactly if one compilation serves both."""
        labels = tuple((name, tuple(values)) for name, values in self.coords.items())
        blocks = tuple((name, block.start, block.stop) for name, block in self.blocks.items())
        return (self.options, labels, blocks)

    def with_hypothesis(self, spec: ModelSpec, hypothesis: str) -> "Design":
        """Return the design with the switches of a hypothesis.

        Raises
        ------
        SpecError
            If the hypothesis is unknown.
        """
        if hypothesis not in spec.hypotheses:
            raise SpecError(f"unknown hypothesis {hypothesis!r} "
                            f"(allowed: {', '.join(spec.hypotheses)})")
        chosen = spec.hypotheses[hypothesis]
        switches = [float(path in chosen.paths) for path in c.PATHS]
        return self.with_data(path_switch=np.array(switches),
                              rival_switch=np.array(float(chosen.rivals)))

    def with_rows(self, used: np.ndarray) -> "Design":
        """Return the design in which only some rows enter the likelihood.

        Parameters
        ----------
        used : numpy.ndarray of bool, shape (row,)
            In the design's row order. The chain of a monthly indicator's own error skips the
            rows left out, so the likelihood is exactly that of the remaining rows.
        """
        previous, gap = previous_rows(self.rows, used)
        return self.with_data(weight=used.astype(float), previous_row=previous, gap=gap,
                              has_previous=(previous >= 0).astype(float))

    def with_data(self, **arrays: np.ndarray) -> "Design":
        """Return the design with some data arrays replaced (shapes must not change)."""
        changed = dict(self.data)
        for name, array in arrays.items():
            if name not in changed:
                raise KeyError(name)
            old = changed[name]
            new = np.asarray(array, dtype=old.dtype)
            if new.shape != old.shape:
                raise ValueError(f"{name} has shape {new.shape}, the design needs {old.shape}")
            changed[name] = np.maximum(new, 0) if name == "previous_row" else new
        return replace(self, data=changed)


def previous_rows(rows: pd.DataFrame, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find for every row the one before it in its indicator's own AR(1) error.

    Parameters
    ----------
    rows : pandas.DataFrame
        Design rows with columns ``row_indicator``, ``start_month``, ``end_month``, ``own_error``.
    used : numpy.ndarray of bool, shape (row,)
        Rows that enter the likelihood.

    Returns
    -------
    previous : numpy.ndarray of int, shape (row,)
        Position of the previous used row, -1 where there is none.
    gap : numpy.ndarray of float, shape (row,)
        Months between the middles of the two periods, 1 where there is none.
    """
    previous = np.full(len(rows), -1, dtype=np.int64)
    gap = np.ones(len(rows))
    middle = (rows["start_month"].to_numpy() + rows["end_month"].to_numpy()) / 2
    owned = rows["own_error"].to_numpy() & used
    indicator = rows["indicator"].to_numpy()
    last: dict[str, int] = {}
    for position in np.flatnonzero(owned):
        before = last.get(indicator[position])
        if before is not None:
            previous[position] = before
            gap[position] = middle[position] - middle[before]
        last[indicator[position]] = int(position)
    return previous, gap


def build_design(spec: ModelSpec, panel: Panel, hypothesis: str = "H12") -> Design:
    """Lay out a panel for the model.

    Parameters
    ----------
    spec : ModelSpec
        The model file.
    panel : Panel
        Its data.
    hypothesis : str
        One of ``H0``, ``HX``, ``H1``, ``H2``, ``H12``.

    Returns
    -------
    Design
        Data arrays (row = observations in design order, T = months).
        By row: ``y``, ``n``, ``weight``, ``oriented``, ``gap``, ``has_previous``, ``log_ways``,
        ``link_value``, ``variance_base``, ``variance_slope``; positions
        ``row_series``, ``first``, ``stop``, ``middle_month``, ``row_indicator``,
        ``previous_row``, ``family_code``; cells ``season_cell``, ``offset_cell``,
        ``wave_cell``, in which 0 means none; ``nuisance_cell`` (row, 3), the same three counted
        through; ``covariate_design`` (row, covariate term).
        By indicator and item: ``indicator_centring`` (indicator), ``item_centring`` (item),
        ``item_months`` (item, T).
        By month: ``driver_stock`` (driver, T), ``rival_stock`` (rival, T), ``government_months``
        (government, T), ``administration_months`` (administration, T): 1 in office, else 0;
        ``administration_basis`` (administration, administration).
        ``path_switch`` (2), ``rival_switch`` (), ``prior`` (number).
        These set the sampler's coordinates only: ``intercept_basis`` (item, direction) and
        ``government_basis`` (government, direction), orthogonal; ``government_information``
        (direction), what the data tell of each at a spread of the prior's scale.
    """
    table = panel.indicators
    rows = _ordered_rows(panel)
    blocks: dict[str, slice] = {}
    for family in FAMILY_ORDER:
        positions = np.flatnonzero(rows["family"].to_numpy() == family)
        if positions.size:
            blocks[family] = slice(int(positions[0]), int(positions[-1]) + 1)
    coords = _coords(spec, panel, rows)
    indicator_position = {name: i for i, name in enumerate(table.index)}
    items = coords[c.DIM_ITEM]
    item_of = indicator_items(panel)
    series = {name: i for i, name in enumerate(spec.series)}
    row_series = [series[c.COHESION if latent == c.COHESION else f"{latent}_{member}"]
                  for latent, member in zip(rows["latent"], rows["member"], strict=True)]
    orientation = table["orientation"].to_numpy(dtype=float)
    row_indicator = rows["indicator"].map(indicator_position).to_numpy(dtype=np.int64)
    gaussian = gaussian_rows(rows, spec.priors.student_t_noise_df)
    start = rows["start_month"].to_numpy(dtype=np.int64)
    stop = rows["end_month"].to_numpy(dtype=np.int64) + 1
    cells = {"offset_cell": label_index(offset_labels(rows, panel), coords[c.DIM_OFFSET]),
             "season_cell": season_cells(rows, coords[c.DIM_SEASONAL]),
             "wave_cell": label_index(list(rows["wave"]), coords[c.DIM_WAVE])}
    sizes = [len(coords[c.DIM_OFFSET]), 12 * len(coords[c.DIM_SEASONAL]), len(coords[c.DIM_WAVE])]
    data: dict[str, np.ndarray] = {
        "y": rows["y"].to_numpy(dtype=float),
        "n": rows["n"].to_numpy(dtype=float),
        "weight": np.ones(len(rows)),
        "row_series": np.asarray(row_series, dtype=np.int64),
        "first": start,
        "stop": stop,
        "middle_month": middle_month(rows),
        "family_code": rows["family"].map(c.FAMILY_CODES).to_numpy(dtype=np.int64),
        "oriented": orientation[row_indicator],
        "row_indicator": row_indicator,
        **cells,
        "nuisance_cell": counted_through(list(cells.values()), sizes),
        "covariate_design": covariate_design(rows, panel, coords[c.DIM_COVARIATE]),
        "indicator_centring": centring(rows, list(table.index), {k: k for k in table.index}),
        "item_centring": centring(rows, items, item_of),
        "log_ways": log_ways(rows),
        **gaussian,
        "item_months": item_months(rows, items, item_of, np.asarray(row_series),
                                   item_series(panel, list(spec.series)), len(panel.time)),
        "driver_stock": panel.drivers.to_numpy(dtype=float).T.copy(),
        "rival_stock": panel.rivals.to_numpy(dtype=float).T.copy(),
        "government_months": np.sum([
            indicator_months([f"{member}:{label}" for label in panel.governments[member]],
                             coords[c.DIM_GOVERNMENT]) for member in panel.members], axis=0),
        "administration_months": indicator_months(panel.governments[panel.patron],
                                                  coords[c.DIM_ADMINISTRATION]),
        "administration_basis": level_and_contrasts(len(coords[c.DIM_ADMINISTRATION])),
        "path_switch": np.ones(2),
        "rival_switch": np.array(1.0),
        "prior": np.array(list(spec.priors.numbers().values())),
        "previous_row": np.zeros(len(rows), dtype=np.int64),
        "gap": np.ones(len(rows)),
        "has_previous": np.zeros(len(rows)),
        "intercept_basis": np.eye(len(items)),
        "government_information": np.zeros(len(coords[c.DIM_GOVERNMENT])),
        "government_basis": np.eye(len(coords[c.DIM_GOVERNMENT])),
    }
    head = spec.model
    options = Options(head.response, head.dynamics.of_latents, head.innovations,
                      spec.sampler.coordinates)
    design = Design(coords, data, blocks, rows, options)
    return (design.with_rows(np.ones(len(rows), dtype=bool))
            .with_hypothesis(spec, hypothesis))


def _ordered_rows(panel: Panel) -> pd.DataFrame:
    """Return the panel's rows by family, then indicator, then time."""
    rows = panel.rows.copy()
    rows["own_error"] = rows["indicator"].map(panel.indicators["own_error"]).astype(bool)
    rows["_family"] = rows["family"].map({name: i for i, name in enumerate(FAMILY_ORDER)})
    rows["_indicator"] = rows["indicator"].map(
        {name: i for i, name in enumerate(panel.indicators.index)})
    return (rows.sort_values(["_family", "_indicator", "start_month", "end_month"], kind="stable")
            .drop(columns=["_family", "_indicator"]).reset_index(names="panel_row"))


def _coords(spec: ModelSpec, panel: Panel, rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return the labels of every dimension."""
    table = panel.indicators
    item_of = indicator_items(panel)
    items = list(dict.fromkeys(item_of.values()))
    shared = list(dict.fromkeys(item for name, item in item_of.items() if item != name))
    terms = [f"{name}:{covariate}" for name in table.index
             for covariate in table.at[name, "covariates"]]
    offsets = [f"{name}:{mode}" for name in table.index
               for _, mode in table.at[name, "mode_changes"]]
    used_offsets = set(offset_labels(rows, panel))
    return {
        c.DIM_TIME: [str(month) for month in panel.time],
        c.DIM_MEMBER: list(panel.members),
        c.DIM_SERIES: list(spec.series),
        c.DIM_COEFFICIENT: list(c.COEFFICIENTS),
        c.DIM_CONSTRUCT: list(c.LATENTS),
        c.DIM_PAIR: list(c.PATHS),
        c.DIM_DRIVER: list(panel.drivers.columns),
        c.DIM_RIVAL: list(panel.rivals.columns),
        c.DIM_GOVERNMENT: [f"{member}:{label}" for member in panel.members
                           for label in dict.fromkeys(panel.governments[member])],
        c.DIM_ADMINISTRATION: list(dict.fromkeys(panel.governments[panel.patron])),
        c.DIM_INDICATOR: list(table.index),
        c.DIM_ITEM: items,
        c.DIM_COHESION: [panel.dyad],
        c.DIM_GROUP: list(dict.fromkeys(indicator_groups(panel).values())),
        c.DIM_SHARED: shared,
        c.DIM_SEASONAL: [name for name in table.index if table.at[name, "season"]],
        c.DIM_MONTH: [str(month) for month in range(1, 13)],
        c.DIM_COVARIATE: terms,
        c.DIM_OFFSET: [label for label in offsets if label in used_offsets],
        c.DIM_WAVE: waves(rows),
        c.DIM_OBSERVATION: [f"{row.indicator} {row.start}" for row in rows.itertuples()
                            if row.family in WITHOUT_NOISE],
        c.DIM_OWN_ERROR: [name for name in table.index if table.at[name, "own_error"]],
        c.DIM_TREND: [name for name, kind in zip(spec.series, spec.series_dynamics, strict=True)
                      if kind == "local_trend"],
    }


