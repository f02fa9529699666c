r"""Is a swing special? An episode's change among the changes at every other position.

An episode and a baseline have windows of :math:`a` and :math:`b` months that start :math:`k`
months apart. In each draw the mean over :math:`a` months minus the mean over :math:`b` months
that start :math:`k` months from it is taken at every position at which both windows lie in the
panel's months; the rank of the episode is the share of the other positions whose change is
smaller in absolute value. The same for what the threat path and the credibility path contributed.

Windows at neighbouring positions share months, so the positions are not independent: only a few
pairs fit side by side, and a rank is no p-value. It says how unusual a change is among the
changes of these months. An episode that was picked for its swing has a high rank for that reason
alone. A position that is picked at random is in the top tenth with probability at most one in ten,
whatever the series: this is the false-alarm rate. Its neighbours are then mostly there too.

Invariant: a change that other positions equal is not larger than theirs: ties lower the rank.

References
----------
Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9(1), article
39, for counting the observed position itself, so that the top tenth is never too large.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.episodes import require_episodes
from bayes_alliance.hypotheses.evidence import labelled
from bayes_alliance.hypotheses.paths import components
from bayes_alliance.inference import Fit

__all__ = ["Swings", "changes_everywhere", "rank_among", "rank_swings"]

COLUMNS: Final = ("episode", "baseline", "quantity", "positions", "rank_mean", "q05", "q95",
                  "top_tenth")


@dataclass(frozen=True)
class Swings:
    """Rank of each episode's change among the changes at all positions.

    Attributes
    ----------
    table : pandas.DataFrame
        ``episode``, ``baseline``, ``quantity`` (``cohesion``, or a path's contribution to it:
        ``threat``, ``credibility``), ``positions`` (of the pair of windows, the episode's own
        among them), ``rank_mean``, ``q05``, ``q95`` (over draws; 0: no other change is smaller,
        1: all are), ``top_tenth`` (probability that the change is among the largest tenth).
        Ranks of a single position, and top tenths of fewer than ten, are missing.
    sentence : str
        The ranks in words, with how many pairs of windows fit side by side.
    """

    table: pd.DataFrame
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The table's numbers; dims ``episode``, ``baseline``, ``quantity``."""
        dims = ("episode", "baseline", "quantity")
        return labelled(self.table, [name for name in COLUMNS if name not in dims], dims)


def rank_swings(fit: Fit) -> Swings:
    """Rank the absolute change of every episode among those at all positions of its windows.

    Parameters
    ----------
    fit : Fit
        A fit under any hypothesis; a path that it switches off has no row.

    Returns
    -------
    Swings
        A row for each episode, baseline and quantity.

    Notes
    -----
    Positions overlap and are not independent; see the module's text for what a rank can say.
    """
    require_episodes(fit.spec)
    series = _series(fit)
    rows: list[tuple[Any, ...]] = []
    apart: list[int] = []
    for episode, baseline, window, before in _cases(fit):
        for quantity, values in series.items():
            changes, own = changes_everywhere(values, window, before)
            rank, top = rank_among(changes, own)
            low, high = np.quantile(rank, [0.05, 0.95])
            rows.append((episode, baseline, quantity, changes.shape[-1], float(rank.mean()),
                         float(low), float(high), float(top.mean())))
        span = max(window.stop, before.stop) - min(window.start, before.start)
        apart.append(len(fit.panel.time) // span)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Swings(table, _sentence(table, apart))


def changes_everywhere(values: np.ndarray, window: slice,
                       baseline: slice) -> tuple[np.ndarray, int]:
    """Return the change between two windows at every position, and which is their own.

    Parameters
    ----------
    values : numpy.ndarray, shape (..., time)
    window, baseline : slice
        Of months; both inside the period, in either order.

    Returns
    -------
    changes : numpy.ndarray, shape (..., position)
        Mean over the window minus mean over the baseline, in the unit of ``values``.
    own : int
        The position at which the windows are.
    """
    first, second = (_window_means(values, part.stop - part.start) for part in (window, baseline))
    distance = baseline.start - window.start
    start = max(0, -distance)
    stop = min(first.shape[-1], second.shape[-1] - distance)
    changes = first[..., start:stop] - second[..., start + distance:stop + distance]
    return changes, window.start - start


def rank_among(changes: np.ndarray, own: int) -> tuple[np.ndarray, np.ndarray]:
    """Rank one position's absolute change among those of all positions.

    Parameters
    ----------
    changes : numpy.ndarray, shape (..., position)
    own : int
        The position that is ranked.

    Returns
    -------
    rank : numpy.ndarray, shape (...)
        Share of the other positions whose absolute change is smaller; missing without others.
    top : numpy.ndarray, shape (...)
        One where it is among the largest tenth of all positions, itself counted, else zero;
        missing with fewer than ten positions.
    """
    size = np.abs(changes)
    smaller = (size < size[..., own:own + 1]).sum(axis=-1)
    positions = size.shape[-1]
    rank = smaller / (positions - 1) if positions > 1 else np.full(smaller.shape, np.nan)
    place = positions - smaller
    top = (10 * place <= positions).astype(float) if positions >= 10 else np.full(
        smaller.shape, np.nan)
    return np.asarray(rank), top


def _window_means(values: np.ndarray, length: int) -> np.ndarray:
    """Return the mean over the months from each start on, shape (..., start)."""
    # Not by cumulated sums: their rounding would tell equal changes apart.
    return np.lib.stride_tricks.sliding_window_view(values, length, axis=-1).mean(axis=-1)


def _series(fit: Fit) -> dict[str, np.ndarray]:
    """Return cohesion and each acting path's contribution, shape (chain, draw, time)."""
    cohesion = fit.posterior[c.COHESION].transpose("chain", "draw", c.DIM_TIME)
    parts = components(fit)
    series = {c.COHESION: cohesion.to_numpy().astype(float)}
    for path in c.PATHS:
        if path in fit.spec.hypotheses[fit.hypothesis].paths:
            series[path] = parts.sel({c.DIM_COMPONENT: path}).to_numpy()
    return series


def _cases(fit: Fit) -> Iterator[tuple[str, str, slice, slice]]:
    for name, episode in fit.spec.episodes.items():
        for label, months in episode.baselines.items():
            yield name, label, fit.panel.window(episode.window), fit.panel.window(months)


def _sentence(table: pd.DataFrame, apart: list[int]) -> str:
    pieces = []
    for episode, rows in table.groupby("episode", sort=False):
        shown = []
        for quantity, part in rows.groupby("quantity", sort=False):
            rank, top = part["rank_mean"].dropna(), part["top_tenth"].dropna()
            told = (f" (in the top tenth with probability {_span(top)})" if len(top) else
                    " (too few positions for a tenth)")
            shown.append(f"{quantity} {_span(rank) if len(rank) else 'alone'}{told}")
        pieces.append(f"{episode}: {', '.join(shown)}")
    fewest, most = min(apart), max(apart)
    fit_in = f"{most}" if fewest == most else f"{fewest} to {most}"
    return ("Share of positions in the period whose change is smaller than the episode's, mean "
            f"over draws, over its baselines: {'; '.join(pieces)}. Windows at neighbouring "
            f"positions overlap and are not independent: {fit_in} pairs fit side by side, so a "
            "rank describes these months and is no p-value.")


def _span(values: pd.Series) -> str:
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"
