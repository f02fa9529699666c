"""Paths of cohesion over the years, a dyad among its class, and episodes against the years before.

Invariant: draws in, labelled tables out; a year in which a pair is no pair has no row. Episodes
and their baselines are written down here, not found in the data.

References
----------
Cha 1999, Alignment Despite Antagonism, for the episodes of South Korea and Japan.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.fitting import DyadFit
from bayes_alliance.dyads.population import flat_draws, paths_of_dyad, summarise
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.dyads.verdicts import DIRECTION, WITHHELD

__all__ = ["CHA_DYAD", "CHA_EPISODES", "DyadEpisode", "class_bands", "cohesion_bands",
           "episode_changes", "judge_episodes", "member_bands", "rank_in_class"]

CHA_DYAD: Final = "south_korea-japan"
_LEVELS: Final = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
COLUMNS: Final = ["episode", "quantity", "predicted", "mean", "sd", "q05", "q50", "q95",
                  "probability"]


@dataclass(frozen=True)
class DyadEpisode:
    """Years in which a dyad is said to have drawn together or apart.

    Attributes
    ----------
    years, baseline : (int, int)
        First and last year of the episode, and of what it is compared with.
    sign : {1, -1}
        1 where cohesion is said to have risen.
    cause : (str, {1, -1})
        What is said to have brought it about: a quantity of :func:`episode_changes`, and 1 where
        it is said to have risen.
    """

    years: tuple[int, int]
    baseline: tuple[int, int]
    sign: int
    cause: tuple[str, int]


# Each against the one before; the first against the years since the treaty of 1965. The Nixon
# doctrine; detente, which the two saw with different eyes; Vietnam and the withdrawal plans; the
# ally's return.
CHA_EPISODES: Final[dict[str, DyadEpisode]] = {
    "cohesion_1969": DyadEpisode((1969, 1971), (1966, 1968), 1, ("credibility_mean", -1)),
    "friction_1972": DyadEpisode((1972, 1974), (1969, 1971), -1, ("credibility_gap", 1)),
    "cohesion_1975": DyadEpisode((1975, 1979), (1972, 1974), 1, ("credibility_mean", -1)),
    "friction_1980": DyadEpisode((1980, 1988), (1975, 1979), -1, ("credibility_mean", 1))}


def cohesion_bands(fit: DyadFit, panel: DyadPanel) -> pd.DataFrame:
    """Return the cohesion of every dyad in the years in which it is one.

    Returns
    -------
    pandas.DataFrame
        ``latent``, ``member`` (the dyad), ``time`` (year), ``mean``, ``sd``, ``q05``, ``q25``,
        ``q50``, ``q75``, ``q95``.
    """
    labels = [str(one) for one in fit.posterior[n.DIM_DYAD].to_numpy()]
    table = _bands(c.COHESION, labels, panel.years, flat_draws(fit.posterior[c.COHESION]))
    first, last = (table["member"].map(panel.dyads[end]) for end in ("first", "last"))
    return table[table["time"].between(first, last)].reset_index(drop=True)


def member_bands(fit: DyadFit, panel: DyadPanel) -> pd.DataFrame:
    """Return threat and credibility of every member, as :func:`cohesion_bands`."""
    labels = [str(one) for one in fit.drivers[c.DIM_MEMBER].to_numpy()]
    return pd.concat([_bands(latent, labels, panel.years, flat_draws(fit.drivers[latent]))
                      for latent in c.PATHS], ignore_index=True)


def _bands(latent: str, labels: list[str], years: list[int], draws: np.ndarray) -> pd.DataFrame:
    """Return the bands of states of shape (sample, unit, year), unit by unit."""
    # A unit at a time: sorting all of them at once would take their memory again.
    points = np.stack([np.quantile(draws[:, k], list(_LEVELS.values()), axis=0)
                       for k in range(len(labels))], axis=1)
    return pd.DataFrame({
        "latent": latent, "member": np.repeat(labels, len(years)),
        "time": np.tile(years, len(labels)), "mean": draws.mean(axis=0).ravel(),
        "sd": draws.std(axis=0, ddof=1).ravel(),
        **{name: part.ravel() for name, part in zip(_LEVELS, points, strict=True)}})


def class_bands(cohesion: pd.DataFrame, panel: DyadPanel) -> pd.DataFrame:
    """Return how the posterior medians of a class's dyads spread, year by year.

    Parameters
    ----------
    cohesion : pandas.DataFrame
        Of :func:`cohesion_bands`.
    panel : DyadPanel

    Returns
    -------
    pandas.DataFrame
        ``class``, ``time``, ``dyads`` (how many), ``q05``, ``q25``, ``q50``, ``q75``, ``q95``
        over dyads.
    """
    grouped = cohesion.assign(**{"class": cohesion["member"].map(panel.dyads["class"])}).groupby(
        ["class", "time"], sort=True)["q50"]
    table = grouped.quantile(list(_LEVELS.values())).unstack()
    table.columns = pd.Index(list(_LEVELS))
    return table.assign(dyads=grouped.size()).reset_index()[["class", "time", "dyads", *_LEVELS]]


def episode_changes(fit: DyadFit, panel: DyadPanel, dyad: str = CHA_DYAD,
                    episodes: dict[str, DyadEpisode] = CHA_EPISODES) -> pd.DataFrame:
    """Return how a dyad changed from each baseline to its episode.

    Parameters
    ----------
    fit, panel : DyadFit, DyadPanel
    dyad : str
    episodes : dict of str to DyadEpisode
        Whose years lie in the panel.

    Returns
    -------
    pandas.DataFrame
        ``episode``, ``quantity``, ``predicted`` (1, -1, or 0 for no prediction), ``mean``,
        ``sd``, ``q05``, ``q50``, ``q95``, ``probability`` (of the predicted sign; of a rise where
        there is none). Quantities: ``cohesion``; ``relative`` (cohesion less the mean change of
        the other dyads of the class that are there in all these years); ``threat`` and
        ``credibility`` (what the path adds to the long-run level); ``threat_mean``,
        ``threat_gap`` and so on (the drivers themselves; the gap is half the distance).

    Raises
    ------
    ValueError
        If years of an episode are not in the panel.
    """
    eta = fit.posterior[c.COHESION]
    mine = flat_draws(eta.sel({n.DIM_DYAD: dyad}))
    paths = paths_of_dyad(fit, dyad)
    coefficient = flat_draws(fit.posterior[n.VAR_DYAD_COEFFICIENT].sel({n.DIM_DYAD: dyad}))
    rows = []
    for name, episode in episodes.items():
        peers = _peers(panel, dyad, (episode.baseline, episode.years))
        change = _change(mine, panel, episode)
        drivers = _change(paths, panel, episode)
        # The two stages' draws are independent of each other: any pairing of them will do.
        count = min(len(coefficient), len(drivers))
        added = coefficient[:count] * drivers[:count] * np.array([1.0, -1.0, 1.0, -1.0])
        found = {"cohesion": (episode.sign, change)}
        if peers:
            others = _change(flat_draws(eta.sel({n.DIM_DYAD: peers})), panel, episode)
            found["relative"] = (episode.sign, change - others.mean(axis=1))
        for k, latent in enumerate(c.PATHS):
            found[latent] = (episode.sign, added[:, 2 * k:2 * k + 2].sum(axis=1))
        for k, latent in enumerate(c.PATHS):
            found[f"{latent}_mean"] = (0, drivers[:, 2 * k])
            found[f"{latent}_gap"] = (0, drivers[:, 2 * k + 1])
        for quantity, (sign, values) in found.items():
            told = summarise(values)
            above = told.pop("above_zero")
            rows.append({"episode": name, "quantity": quantity, "predicted": sign, **told,
                         "probability": float((values < 0).mean()) if sign < 0 else above})
    return pd.DataFrame(rows, columns=COLUMNS)


def _peers(panel: DyadPanel, dyad: str, windows: tuple[tuple[int, int], ...]) -> list[str]:
    """Return the other dyads of the class that are there in every year of some windows."""
    table = panel.dyads
    first, last = min(years[0] for years in windows), max(years[1] for years in windows)
    there = ((table["class"] == table.at[dyad, "class"]) & (table["first"] <= first)
             & (table["last"] >= last))
    return [str(one) for one in table.index[there] if one != dyad]


def _change(draws: np.ndarray, panel: DyadPanel, episode: DyadEpisode) -> np.ndarray:
    """Return the mean over an episode less that over its baseline; years come last."""
    after, before = (draws[..., _positions(panel, years)].mean(-1)
                     for years in (episode.years, episode.baseline))
    return np.asarray(after - before)


def _positions(panel: DyadPanel, years: tuple[int, int]) -> slice:
    """Return where some years lie among the panel's.

    Raises
    ------
    ValueError
        If one of them is none of the panel's.
    """
    start, end = panel.years[0], panel.years[-1]
    if not start <= years[0] <= years[1] <= end:
        raise ValueError(f"the years {years[0]}-{years[1]} are not in the panel (allowed: within "
                         f"{start}-{end}, the first not after the last)")
    return slice(years[0] - start, years[1] - start + 1)


def judge_episodes(changes: pd.DataFrame, rows: dict[str, tuple[int, int]], *,
                   passed: bool) -> pd.DataFrame:
    """Give each episode a verdict.

    Supported asks that cohesion, and cohesion against the dyad's class where that has others in
    these years, moved as is said, each with probability
    :data:`~bayes_alliance.dyads.verdicts.DIRECTION`; contradicted mirrors it.

    Parameters
    ----------
    changes : pandas.DataFrame
        Of :func:`episode_changes`.
    rows : dict of str to (int, int)
        Observations of the dyad's cohesion in each episode and its baseline, and of how many
        indicators they are.
    passed : bool
        Whether the fit passed the gate.

    Returns
    -------
    pandas.DataFrame
        ``episode``, ``verdict``, ``reason``.
    """
    found = []
    for name, part in changes.groupby("episode", sort=False):
        asked = part.loc[part["quantity"].isin(["cohesion", "relative"]), "probability"]
        against = ", and so against its class" if len(asked) > 1 else ""
        if not passed:
            told = (WITHHELD, "the fit did not pass the diagnostics gate")
        elif (asked >= DIRECTION).all():
            told = ("supported", f"cohesion moved as is said{against}")
        elif (asked <= 1.0 - DIRECTION).all():
            told = ("contradicted", f"cohesion moved the other way{against}")
        else:
            count, kinds = rows.get(str(name), (0, 0))
            told = ("inconclusive", f"the {count} observation{'s' * (count != 1)} of the pair’s "
                    f"cohesion in the episode and its baseline, of {kinds} "
                    f"indicator{'s' * (kinds != 1)}, cannot tell")
        found.append((name, *told))
    return pd.DataFrame(found, columns=["episode", "verdict", "reason"])


def rank_in_class(fit: DyadFit, panel: DyadPanel, dyad: str,
                  windows: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Return where a dyad's cohesion stands among the dyads of its class.

    Parameters
    ----------
    windows : dict of str to (int, int)
        First and last year; compared with the dyads that are there in all of them.

    Returns
    -------
    pandas.DataFrame
        ``window``, ``dyads`` (how many others), ``mean``, ``q05``, ``q95`` of the share of the
        others that stand lower.

    Raises
    ------
    ValueError
        If years of a window are not in the panel.
    """
    rows = []
    for name, years in windows.items():
        peers = _peers(panel, dyad, (years,))
        if not peers:
            continue
        chosen = flat_draws(fit.posterior[c.COHESION].sel({n.DIM_DYAD: [dyad, *peers]}))
        level = chosen[:, :, _positions(panel, years)].mean(axis=2)
        lower = (level[:, 1:] < level[:, :1]).mean(axis=1)
        low, high = np.quantile(lower, [0.05, 0.95])
        rows.append((name, len(peers), float(lower.mean()), float(low), float(high)))
    return pd.DataFrame(rows, columns=["window", "dyads", "mean", "q05", "q95"])
