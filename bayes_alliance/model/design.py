"""From a specification and a panel to the coordinates and arrays of the compiled model.

Invariant: everything that may differ between two fits of one structure is an array in
:attr:`Design.data`; whatever is not there is structure and costs a compilation.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.spec import FAMILIES, ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["WITHOUT_NOISE", "Design", "build_design", "indicator_groups", "indicator_items",
           "previous_rows"]

# The order of the row blocks; each family that has rows is one likelihood node.
FAMILY_ORDER: Final = tuple(FAMILIES)
WITHOUT_NOISE: Final = tuple(name for name, family in FAMILIES.items() if not family.has_noise)


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
    response, innovations : str
        Structural options of the specification.
    """

    coords: dict[str, list[str]]
    data: dict[str, np.ndarray]
    blocks: dict[str, slice]
    rows: pd.DataFrame
    response: str
    innovations: str

    @property
    def structure(self) -> tuple[object, ...]:
        """A key that is equal for two designs exactly if one compilation serves both."""
        labels = tuple((name, tuple(values)) for name, values in self.coords.items())
        blocks = tuple((name, block.start, block.stop) for name, block in self.blocks.items())
        return (self.response, self.innovations, labels, blocks)

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
        By row: ``y``, ``n``, ``weight``, ``inverse_length``, ``oriented``, ``gap``,
        ``has_previous``, ``log_ways``; positions ``row_series``, ``first``, ``stop``,
        ``row_indicator``, ``previous_row``; cells ``season_cell``, ``offset_cell``,
        ``wave_cell``, in which 0 means none; ``covariate_design`` (row, covariate term).
        By indicator and item: ``indicator_first``, ``indicator_stop`` (indicator),
        ``item_average`` (item, indicator).
        By month: ``driver_stock`` (driver, T), ``rival_stock`` (rival, T), ``government_cell``
        (2, T), ``administration_cell`` (T); ``administration_basis`` (administration,
        administration).
        ``path_switch`` (2), ``rival_switch`` (), ``prior`` (number).
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
    bounds, average = _item_average(rows, list(table.index), items, item_of)
    start = rows["start_month"].to_numpy(dtype=np.int64)
    stop = rows["end_month"].to_numpy(dtype=np.int64) + 1
    governments = coords[c.DIM_GOVERNMENT]
    data: dict[str, np.ndarray] = {
        "y": rows["y"].to_numpy(dtype=float),
        "n": rows["n"].to_numpy(dtype=float),
        "weight": np.ones(len(rows)),
        "row_series": np.asarray(row_series, dtype=np.int64),
        "first": start,
        "stop": stop,
        "inverse_length": 1.0 / (stop - start),
        "oriented": orientation[row_indicator],
        "row_indicator": row_indicator,
        "season_cell": _season_cells(rows, coords[c.DIM_SEASONAL]),
        "offset_cell": _label_index(_offset_labels(rows, panel), coords[c.DIM_OFFSET]),
        "wave_cell": _label_index(list(rows["wave"]), coords[c.DIM_WAVE]),
        "covariate_design": _covariate_design(rows, panel, coords[c.DIM_COVARIATE]),
        "indicator_first": bounds[0],
        "indicator_stop": bounds[1],
        "item_average": average,
        "log_ways": _log_ways(rows),
        "driver_stock": panel.drivers.to_numpy(dtype=float).T.copy(),
        "rival_stock": panel.rivals.to_numpy(dtype=float).T.copy(),
        "government_cell": np.array(
            [[governments.index(f"{member}:{label}") for label in panel.governments[member]]
             for member in panel.members], dtype=np.int64),
        "administration_cell": np.array(
            [coords[c.DIM_ADMINISTRATION].index(label)
             for label in panel.governments[panel.patron]], dtype=np.int64),
        "administration_basis": _level_and_contrasts(len(coords[c.DIM_ADMINISTRATION])),
        "path_switch": np.ones(2),
        "rival_switch": np.array(1.0),
        "prior": np.array(list(spec.priors.numbers().values())),
        "previous_row": np.zeros(len(rows), dtype=np.int64),
        "gap": np.ones(len(rows)),
        "has_previous": np.zeros(len(rows)),
    }
    design = Design(coords, data, blocks, rows, spec.model.response, spec.model.innovations)
    return (design.with_rows(np.ones(len(rows), dtype=bool))
            .with_hypothesis(spec, hypothesis))


def _item_average(rows: pd.DataFrame, indicators: list[str], items: list[str],
                  item_of: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return each indicator's block of rows, and the weights that average rows over items.

    Rows of one indicator stand together, so a running sum gives their total.
    """
    name = rows["indicator"].to_numpy()
    bounds = np.array([[np.flatnonzero(name == one)[0], np.flatnonzero(name == one)[-1] + 1]
                       for one in indicators], dtype=np.int64).T
    counts = (bounds[1] - bounds[0]).astype(float)
    weights = np.zeros((len(items), len(indicators)))
    for column, one in enumerate(indicators):
        weights[items.index(item_of[one]), column] = 1.0
    return bounds, weights / (weights @ counts)[:, None]


def _level_and_contrasts(count: int) -> np.ndarray:
    """Return an orthonormal basis whose first column is the common level."""
    start = np.eye(count)
    start[:, 0] = 1.0
    basis = np.linalg.qr(start)[0]
    return np.asarray(basis * np.sign(basis[0, 0]))


def _log_ways(rows: pd.DataFrame) -> np.ndarray:
    """Return the constant of the counting families: log of the binomial coefficient, or -log y!."""
    y, n = rows["y"].to_numpy(dtype=float), rows["n"].to_numpy(dtype=float)
    counted = n > 0
    result = np.zeros(len(rows))
    result[counted] = (special.gammaln(n[counted] + 1) - special.gammaln(y[counted] + 1)
                       - special.gammaln(n[counted] - y[counted] + 1))
    poisson = rows["family"].to_numpy() == "negative_binomial"
    result[poisson] = -special.gammaln(y[poisson] + 1)
    return result


def _ordered_rows(panel: Panel) -> pd.DataFrame:
    """Return the panel's rows by family, then indicator, then time."""
    rows = panel.rows.copy()
    rows["own_error"] = rows["indicator"].map(panel.indicators["own_error"]).astype(bool)
    rows["_family"] = rows["family"].map({name: i for i, name in enumerate(FAMILY_ORDER)})
    rows["_indicator"] = rows["indicator"].map(
        {name: i for i, name in enumerate(panel.indicators.index)})
    return (rows.sort_values(["_family", "_indicator", "start_month", "end_month"], kind="stable")
            .drop(columns=["_family", "_indicator"]).reset_index(names="panel_row"))


def indicator_items(panel: Panel) -> dict[str, str]:
    """Return the item of every indicator: its shared item if both publics' are in the model."""
    shared = panel.indicators["shared_item"]
    counts = shared[shared != ""].value_counts()
    return {name: item if item and counts[item] > 1 else str(name)
            for name, item in shared.items()}


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
    used_offsets = set(_offset_labels(rows, panel))
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
        c.DIM_GROUP: list(dict.fromkeys(indicator_groups(panel).values())),
        c.DIM_SHARED: shared,
        c.DIM_SEASONAL: [name for name in table.index if table.at[name, "season"]],
        c.DIM_MONTH: [str(month) for month in range(1, 13)],
        c.DIM_COVARIATE: terms,
        c.DIM_OFFSET: [label for label in offsets if label in used_offsets],
        c.DIM_WAVE: _waves(rows),
        c.DIM_OBSERVATION: [f"{row.indicator} {row.start}" for row in rows.itertuples()
                            if row.family in WITHOUT_NOISE],
        c.DIM_OWN_ERROR: [name for name in table.index if table.at[name, "own_error"]],
    }


def indicator_groups(panel: Panel) -> dict[str, str]:
    """Return the pooling group of every indicator: latent and member, or latent and shared."""
    item_of = indicator_items(panel)
    return {name: f"{row.latent}/{'shared' if item_of[name] != name else row.member}"
            for name, row in zip(panel.indicators.index,
                                 panel.indicators.itertuples(), strict=True)}


def _waves(rows: pd.DataFrame) -> list[str]:
    """Return the waves that carry an error of their own: those of two or more rows.

    In a wave of one row the error would be the noise a second time; a family without noise has
    an error of each observation instead.
    """
    named = rows[(rows["wave"] != "") & ~rows["family"].isin(WITHOUT_NOISE)]
    counts = named["wave"].value_counts()
    return sorted(counts.index[counts > 1])


def _offset_labels(rows: pd.DataFrame, panel: Panel) -> list[str]:
    changes = panel.indicators["mode_changes"]
    return [f"{name}:{changes[name][mode - 1][1]}" if mode else ""
            for name, mode in zip(rows["indicator"], rows["mode"], strict=True)]


def _label_index(labels: list[str], known: list[str]) -> np.ndarray:
    """Return 1-based positions, 0 for a label that is not known."""
    position = {label: i + 1 for i, label in enumerate(known)}
    return np.array([position.get(label, 0) for label in labels], dtype=np.int64)


def _season_cells(rows: pd.DataFrame, seasonal: list[str]) -> np.ndarray:
    """Return 1-based cells of the flattened (seasonal indicator, calendar month) table."""
    position = {name: i for i, name in enumerate(seasonal)}
    return np.array([position[name] * 12 + int(month) if name in position else 0
                     for name, month in zip(rows["indicator"], rows["calendar_month"],
                                            strict=True)], dtype=np.int64)


def _covariate_design(rows: pd.DataFrame, panel: Panel, terms: list[str]) -> np.ndarray:
    """Return the mean of each covariate over a row's months, 0 where it does not enter."""
    design = np.zeros((len(rows), len(terms)))
    for column, term in enumerate(terms):
        name, covariate = term.split(":", 1)
        values = panel.covariates[covariate].to_numpy(dtype=float)
        for position in np.flatnonzero(rows["indicator"].to_numpy() == name):
            row = rows.iloc[position]
            design[position, column] = values[row["start_month"]:row["end_month"] + 1].mean()
    return design
