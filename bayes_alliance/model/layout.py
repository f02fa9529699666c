"""Index arrays that tie rows to indicators, items, groups, waves, seasons and covariates.

Invariant: 0 means "none" in every index that may be absent, so that the graph can put a zero in
front of the values it points into.
"""

from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from bayes_alliance.spec import FAMILIES
from bayes_alliance.tables import Panel

__all__ = [
    "WITHOUT_NOISE",
    "covariate_design",
    "indicator_groups",
    "indicator_items",
    "item_average",
    "label_index",
    "level_and_contrasts",
    "log_ways",
    "offset_labels",
    "season_cells",
    "waves",
]

WITHOUT_NOISE: Final = tuple(name for name, family in FAMILIES.items() if not family.has_noise)


def item_average(rows: pd.DataFrame, indicators: list[str], items: list[str],
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


def level_and_contrasts(count: int) -> np.ndarray:
    """Return an orthonormal basis whose first column is the common level."""
    start = np.eye(count)
    start[:, 0] = 1.0
    basis = np.linalg.qr(start)[0]
    return np.asarray(basis * np.sign(basis[0, 0]))


def log_ways(rows: pd.DataFrame) -> np.ndarray:
    """Return the constant of the counting families: log of the binomial coefficient, or -log y!."""
    y, n = rows["y"].to_numpy(dtype=float), rows["n"].to_numpy(dtype=float)
    counted = n > 0
    result = np.zeros(len(rows))
    result[counted] = (special.gammaln(n[counted] + 1) - special.gammaln(y[counted] + 1)
                       - special.gammaln(n[counted] - y[counted] + 1))
    poisson = rows["family"].to_numpy() == "negative_binomial"
    result[poisson] = -special.gammaln(y[poisson] + 1)
    return result


def indicator_items(panel: Panel) -> dict[str, str]:
    """Return the item of every indicator: its shared item if both publics' are in the model."""
    shared = panel.indicators["shared_item"]
    counts = shared[shared != ""].value_counts()
    return {name: item if item and counts[item] > 1 else str(name)
            for name, item in shared.items()}


def indicator_groups(panel: Panel) -> dict[str, str]:
    """Return the pooling group of every indicator: latent and member, or latent and shared."""
    item_of = indicator_items(panel)
    return {name: f"{row.latent}/{'shared' if item_of[name] != name else row.member}"
            for name, row in zip(panel.indicators.index,
                                 panel.indicators.itertuples(), strict=True)}


def waves(rows: pd.DataFrame) -> list[str]:
    """Return the waves that carry an error of their own: those of two or more rows.

    In a wave of one row the error would be the noise a second time; a family without noise has
    an error of each observation instead.
    """
    named = rows[(rows["wave"] != "") & ~rows["family"].isin(WITHOUT_NOISE)]
    counts = named["wave"].value_counts()
    return sorted(counts.index[counts > 1])


def offset_labels(rows: pd.DataFrame, panel: Panel) -> list[str]:
    changes = panel.indicators["mode_changes"]
    return [f"{name}:{changes[name][mode - 1][1]}" if mode else ""
            for name, mode in zip(rows["indicator"], rows["mode"], strict=True)]


def label_index(labels: list[str], known: list[str]) -> np.ndarray:
    """Return 1-based positions, 0 for a label that is not known."""
    position = {label: i + 1 for i, label in enumerate(known)}
    return np.array([position.get(label, 0) for label in labels], dtype=np.int64)


def season_cells(rows: pd.DataFrame, seasonal: list[str]) -> np.ndarray:
    """Return 1-based cells of the flattened (seasonal indicator, calendar month) table."""
    position = {name: i for i, name in enumerate(seasonal)}
    return np.array([position[name] * 12 + int(month) if name in position else 0
                     for name, month in zip(rows["indicator"], rows["calendar_month"],
                                            strict=True)], dtype=np.int64)


def covariate_design(rows: pd.DataFrame, panel: Panel, terms: list[str]) -> np.ndarray:
    """Return the mean of each covariate over a row's months, 0 where it does not enter."""
    design = np.zeros((len(rows), len(terms)))
    for column, term in enumerate(terms):
        name, covariate = term.split(":", 1)
        values = panel.covariates[covariate].to_numpy(dtype=float)
        for position in np.flatnonzero(rows["indicator"].to_numpy() == name):
            row = rows.iloc[position]
            design[position, column] = values[row["start_month"]:row["end_month"] + 1].mean()
    return design
