"""Index arrays that tie rows to indicators, items, groups, waves, seasons and covariates.

Invariant: 0 means "none" in every index that may be absent, so that the graph can put a zero in
front of the values it points into.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from bayes_alliance.spec import FAMILIES
from bayes_alliance.tables import Panel

__all__ = [
    "WITHOUT_NOISE",
    "centring",
    "counted_through",
    "covariate_design",
    "gaussian_rows",
    "indicator_groups",
    "indicator_items",
    "indicator_months",
    "item_months",
    "item_series",
    "label_index",
    "level_and_contrasts",
    "log_ways",
    "middle_month",
    "offset_labels",
    "season_cells",
    "waves",
]

WITHOUT_NOISE: Final = tuple(name for name, family in FAMILIES.items() if not family.has_noise)


def gaussian_rows(rows: pd.DataFrame, df: float) -> dict[str, np.ndarray]:
    """Return each row as a normal observation on the link scale.

    Parameters
    ----------
    rows : pandas.DataFrame
        With ``family``, ``y`` and ``n``.
    df : float
        Degrees of freedom of the Student-t family.

    Returns
    -------
    dict of str to numpy.ndarray, shape (row,)
        ``link_value``, and the variance as ``variance_base + variance_slope * noise**2``: exact
        for the normal, by Fisher information for the Student-t, by the delta method for counts.
    """
    y, n = rows["y"].to_numpy(dtype=float), rows["n"].to_numpy(dtype=float)
    family = rows["family"].to_numpy()
    value, base, slope = y.copy(), np.zeros(len(rows)), np.ones(len(rows))
    slope[family == "student_t"] = (df + 3.0) / (df + 1.0)
    counted = n > 0
    share = (y[counted] + 0.5) / (n[counted] + 1.0)
    spread = share * (1.0 - share)
    value[counted] = special.logit(share)
    base[counted] = 1.0 / (n[counted] * spread)
    pooled = np.flatnonzero(family == "beta_binomial")
    within = spread[np.searchsorted(np.flatnonzero(counted), pooled)]
    slope[pooled] = (n[pooled] - 1.0) / (n[pooled] * 4.0 * within)
    poisson = family == "negative_binomial"
    value[poisson], base[poisson] = np.log(y[poisson] + 0.5), 1.0 / (y[poisson] + 0.5)
    return {"link_value": value, "variance_base": base, "variance_slope": slope}


def item_series(panel: Panel, series: list[str]) -> dict[str, int]:
    """Return the monthly series that each item measures; a shared item's is its first one's."""
    found: dict[str, int] = {}
    for name, item in indicator_items(panel).items():
        about = panel.indicators.loc[name]
        latent = about["latent"]
        label = latent if latent in series else f"{latent}_{about['member']}"
        found.setdefault(item, series.index(label))
    return found


def item_months(rows: pd.DataFrame, items: list[str], item_of: dict[str, str],
                series: np.ndarray, series_of: dict[str, int], months: int) -> np.ndarray:
    """Return the share of each item's rows in each month, shape (item, month).

    Of an item put to both publics, the rows of the first one's series count.
    """
    middle = middle_month(rows)
    item = rows["indicator"].map(item_of).to_numpy()
    share = np.zeros((len(items), months))
    for k, name in enumerate(items):
        mine = np.flatnonzero((item == name) & (series == series_of[name]))
        np.add.at(share[k], middle[mine], 1.0 / max(mine.size, 1))
    return share


def middle_month(rows: pd.DataFrame) -> np.ndarray:
    """Return the middle month of each row's period, shape (row,)."""
    return np.asarray((rows["start_month"] + rows["end_month"]) // 2, dtype=np.int64)


def centring(rows: pd.DataFrame, labels: list[str], label_of: dict[str, str]) -> np.ndarray:
    """Return how far each label's pooled parameter is sampled as centred, between 0 and 1.

    A handful of rows tells a loading or a noise about as well as its pool does; the share
    ``n / (n + 5)`` follows the two precisions.
    """
    counts = rows["indicator"].map(label_of).value_counts()
    n = np.array([counts.get(label, 0) for label in labels], dtype=float)
    return n / (n + 5.0)


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
    """Return the label of each row's survey mode, empty before the first change."""
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


def counted_through(cells: list[np.ndarray], sizes: list[int]) -> np.ndarray:
    """Return several 1-based cells as positions in one vector behind a common 0, (row, part)."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return np.stack([np.where(cell > 0, cell + start, 0)
                     for cell, start in zip(cells, starts, strict=True)], axis=1)


def indicator_months(labels: Iterable[str], known: list[str]) -> np.ndarray:
    """Return 1 where a month has a label, shape (known label, month)."""
    return np.equal.outer(np.asarray(known, dtype=object),
                          np.asarray(list(labels), dtype=object)).astype(float)


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
