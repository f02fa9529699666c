"""Skill, coverage and PIT of a backtest, with intervals from blocks of origins.

Invariant: an indicator counts as much as any other, whatever its unit and however many rows it
has; neighbouring origins, whose errors are one error, are drawn together.

References
----------
Gneiting and Raftery 2007, JASA 102(477), for skill; Politis and Romano 1992, in Exploring the
Limits of Bootstrap, for circular blocks.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

__all__ = ["DEFAULT", "STACKED", "Sums", "by_indicator", "combination_helps",
           "default_weights", "histogram", "skill_table", "spans", "told"]

# What forecasts where nothing else is asked for, and what may take its place.
DEFAULT: Final = "H12"
STACKED: Final = "stacked"
_WITHOUT: Final = "HX"
_JUDGED: Final = (6, 12)
_LEAST_WEIGHT: Final = 0.01
# Share of the CRPS that a combination must gain: less would be within what the number of draws
# that it is scored by can feign.
_LEAST_GAIN: Final = 0.005
# Blocks of origins under which their bootstrap says nothing: one block is every origin once.
_FEWEST_BLOCKS: Final = 3

# The unit of an indicator's scores: what this rule gets on the same rows.
_UNIT: Final = "last_value"
_BOOTSTRAPS: Final = 1000
_INTERVAL: Final = (0.05, 0.95)
_BINS: Final = 10


class Sums:
    """Sums of a score by method, origin, indicator and horizon.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``method``, ``origin``, ``indicator``, ``horizon`` and the column; the same rows for every
        method.
    column : str
    """

    def __init__(self, scores: pd.DataFrame, column: str) -> None:
        self.methods, self.origins, self.indicators, self.horizons = (
            list(dict.fromkeys(scores[name]))
            for name in ("method", "origin", "indicator", "horizon"))
        self.horizons.sort()
        self.origins.sort()
        codes = [pd.Categorical(scores[name], categories=known).codes
                 for name, known in (("method", self.methods), ("origin", self.origins),
                                     ("indicator", self.indicators), ("horizon", self.horizons))]
        shape = tuple(len(known) for known in (self.methods, self.origins, self.indicators,
                                               self.horizons))
        self.total, self.count = np.zeros(shape), np.zeros(shape)
        np.add.at(self.total, tuple(codes), scores[column].to_numpy(dtype=float))
        np.add.at(self.count, tuple(codes), 1.0)

    def resampled(self, block: int, rng: np.random.Generator) -> np.ndarray:
        """Return how often each origin is drawn, in circular blocks, shape (origin,)."""
        number = len(self.origins)
        starts = rng.integers(number, size=-(-number // block))
        drawn = (starts[:, None] + np.arange(block)).ravel()[:number] % number
        return np.bincount(drawn, minlength=number).astype(float)

    def means(self, often: np.ndarray | None = None) -> np.ndarray:
        """Return the mean by method, indicator and horizon; missing where there is no row."""
        weight = np.ones(len(self.origins)) if often is None else often
        total = np.einsum("o,moih->mih", weight, self.total)
        count = np.einsum("o,moih->mih", weight, self.count)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count)

    def shares(self, often: np.ndarray | None = None) -> np.ndarray:
        """Return the mean over all rows by method and horizon."""
        weight = np.ones(len(self.origins)) if often is None else often
        with np.errstate(invalid="ignore"):
            return np.asarray(np.einsum("o,moih->mh", weight, self.total)
                              / np.einsum("o,moih->mh", weight, self.count))


def skill_table(scores: pd.DataFrame, rules: list[str], hypotheses: list[str],
                block: int, seed: int = 1) -> pd.DataFrame:
    """Return scores, skill and coverage of every method at every horizon.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of all methods on the same rows.
    rules : list of str
        The simple rules; skill is over the best of them at that horizon.
    hypotheses : list of str
        What else is no combination.
    block : int
        Origins in a block.
    seed : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``kind`` (hypothesis, combination, rule), ``horizon``, ``rows``, ``crps``
        (mean over indicators, each in units of what the last value gets), ``best_rule``,
        ``skill`` with ``skill_low``, ``skill_high`` (90% interval), ``gain`` (skill over H12, the
        default) with low and high, ``log_score`` (mean over indicators, less the best rule's by
        it), ``inside50`` and ``inside90`` with low and high, ``origins``, ``missed`` (origins at
        which the method's fit missed its gate). Ends of intervals are missing with fewer origins
        than three blocks.
    """
    crps, log_score = Sums(scores, "crps"), Sums(scores, "log_score")
    inside = {name: Sums(scores, name) for name in ("inside50", "inside90")}
    chosen = [crps.methods.index(name) for name in rules]
    unit = crps.means()[crps.methods.index(_UNIT)][None]
    relative = _relative(crps.means(), unit)
    best = np.asarray(chosen)[relative[chosen].argmin(axis=0)]
    usual = np.full(len(crps.horizons), crps.methods.index(DEFAULT))
    skill, gain = _skill(relative, best), _skill(relative, usual)
    rng = np.random.default_rng(seed)
    drawn_skill, drawn_gain = [], []
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in inside}
    for _ in range(_BOOTSTRAPS):
        often = crps.resampled(block, rng)
        again = _relative(crps.means(often), unit)
        drawn_skill.append(_skill(again, best))
        drawn_gain.append(_skill(again, usual))
        for name, sums in inside.items():
            drawn[name].append(sums.shares(often))
    enough = len(crps.origins) >= _FEWEST_BLOCKS * block
    low, high = _ends(drawn_skill, enough)
    gains = _ends(drawn_gain, enough)
    bands = {name: _ends(found, enough) for name, found in drawn.items()}
    missed = scores[~scores["converged"].astype(bool)].groupby("method")["origin"].nunique()
    shares = {name: sums.shares() for name, sums in inside.items()}
    logs = np.nanmean(log_score.means(), axis=1)
    rule_logs = logs[chosen].max(axis=0)
    rows: list[dict[str, Any]] = []
    for m, method in enumerate(crps.methods):
        for h, horizon in enumerate(crps.horizons):
            kind = ("rule" if method in rules else
                    "hypothesis" if method in hypotheses else "combination")
            row = {"method": method, "kind": kind, "horizon": int(horizon),
                   "rows": int(crps.count[m, :, :, h].sum()), "crps": relative[m, h],
                   "best_rule": crps.methods[best[h]], "skill": skill[m, h],
                   "skill_low": low[m, h], "skill_high": high[m, h], "gain": gain[m, h],
                   "gain_low": gains[0][m, h], "gain_high": gains[1][m, h],
                   "log_score": logs[m, h] - rule_logs[h]}
            for name, share in shares.items():
                row |= {name: share[m, h], f"{name}_low": bands[name][0][m, h],
                        f"{name}_high": bands[name][1][m, h]}
            row |= {"origins": len(crps.origins), "missed": int(missed.get(method, 0))}
            rows.append(row)
    return pd.DataFrame(rows)


def _ends(drawn: list[np.ndarray], enough: bool) -> np.ndarray:
    """Return both ends of the intervals of bootstraps; missing where they say nothing."""
    ends = np.nanquantile(drawn, _INTERVAL, axis=0)
    return ends if enough else np.full_like(ends, np.nan)


def _relative(mean: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return the mean over indicators of scores in units of the last value's."""
    return np.asarray(np.nanmean(mean / unit, axis=1))


def _skill(relative: np.ndarray, best: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 - relative / relative[best, np.arange(relative.shape[1])])


def by_indicator(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean scores of every method on every indicator at every horizon."""
    columns = ["crps", "log_score", "interval50", "interval90", "inside50", "inside90"]
    found = scores.groupby(["method", "indicator", "horizon"], sort=False)
    return found[columns].mean().assign(rows=found.size()).reset_index()


def histogram(scores: pd.DataFrame) -> pd.DataFrame:
    """Return how many PIT values of every method and horizon lie in each tenth."""
    tenth = np.minimum((scores["pit"].to_numpy() * _BINS).astype(int), _BINS - 1)
    found = scores.assign(tenth=tenth).groupby(["method", "horizon", "tenth"]).size()
    whole = found.unstack(fill_value=0).reindex(columns=range(_BINS), fill_value=0)
    return whole.stack().rename("rows").reset_index()


def combination_helps(table: pd.DataFrame) -> bool:
    """Say whether stacking earns its place as the default forecast.

    It does where its gain over H12 is half a percent or more, and above zero in nineteen of twenty
    bootstraps, at both six and twelve months.
    """
    part = _judged(table, STACKED)
    return bool(len(part) == len(_JUDGED) and (part["gain_low"] > 0.0).all()
                and (part["gain"] >= _LEAST_GAIN).all())


def spans(horizons: list[int]) -> dict[int, str]:
    """Return the months ahead that count to each horizon: those beyond the one before it."""
    return {h: str(h) if h == before + 1 else f"{before + 1}-{h}"
            for before, h in zip([0, *horizons[:-1]], horizons, strict=True)}


def _judged(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return a method's rows at the horizons that decide."""
    return table[(table["method"] == method) & table["horizon"].isin(_JUDGED)]


def _gains(table: pd.DataFrame, method: str, named: dict[int, str]) -> str:
    """Return how much a method gains over H12 at the horizons that decide."""
    return " and ".join(f"{_percent(row.gain, 1)}% ({_percent(row.gain_low, 1)} to "
                        f"{_percent(row.gain_high, 1)}) at {named[row.horizon]}"
                        for row in _judged(table, method).itertuples())


def _percent(share: float, digits: int) -> str:
    """Return a signed percentage without its sign of percent; nothing is neither up nor down."""
    if np.isnan(share):
        return "unknown"
    text = f"{100 * share:+.{digits}f}"
    return text if float(text) else text[1:]


def _less(share: float) -> str:
    """Return by how many percent something is smaller; little is not called nothing."""
    return f"{100 * share:.1f}%" if share >= 0.0005 else "less than 0.1%"


def default_weights(table: pd.DataFrame, weights: pd.DataFrame) -> dict[str, float]:
    """Return the weights of the default forecast, by hypothesis.

    H12 alone, unless stacking gains over it; then the weights at the last origin, without those
    under a hundredth.

    Parameters
    ----------
    table : pandas.DataFrame
        See :func:`skill_table`.
    weights : pandas.DataFrame
        ``origin``, ``method``, ``weight``.
    """
    if not combination_helps(table):
        return {DEFAULT: 1.0}
    last = weights[weights["origin"] == weights["origin"].max()]
    kept = {str(row.method): float(row.weight) for row in last.itertuples()
            if row.weight >= _LEAST_WEIGHT}
    return {name: weight / sum(kept.values()) for name, weight in kept.items()}


def told(table: pd.DataFrame) -> str:
    """Say whether the forecasts beat simple rules, and whether their intervals hold.

    Parameters
    ----------
    table : pandas.DataFrame
        See :func:`bayes_alliance.forecast.skill.skill_table`.
    """
    named = spans(sorted(int(one) for one in table["horizon"].unique()))
    own = table[table["method"] == DEFAULT]
    pieces = [f"{_percent(row.skill, 0)}% ({_percent(row.skill_low, 0)} to "
              f"{_percent(row.skill_high, 0)}) at {named[row.horizon]}"
              for row in own.itertuples()]
    missed = table.drop_duplicates("method")["missed"].sum()
    stacked, helps = _gains(table, STACKED, named), combination_helps(table)
    return (f"CRPS skill of {DEFAULT} over the best simple rule, by months ahead: "
            f"{'; '.join(pieces)} (90% intervals over blocks of origins). Over all values together "
            f"its {_held(own, 90, named)}, its {_held(own, 50, named)}. "
            f"{_which_hypothesis(table, named)}Stacking the hypotheses "
            f"{'gains enough' if helps else 'does not gain enough'} over {DEFAULT} (asked for: "
            f"{100 * _LEAST_GAIN:g}% at both horizons set for this, intervals above 0)"
            f"{f': {stacked}' if stacked else ''}; the forecast is "
            f"{'their combination' if helps else f'of {DEFAULT} alone'}. "
            f"{table['origins'].iloc[0]} origins; fits that missed their gate: {missed}.")


def _held(own: pd.DataFrame, level: int, named: dict[int, str]) -> str:
    """Say where intervals hold what they promise."""
    inside = f"inside{level}"
    apart = own[(own[f"{inside}_low"] > level / 100) | (own[f"{inside}_high"] < level / 100)]
    if own[[f"{inside}_low", f"{inside}_high"]].isna().any(axis=None):
        return f"{level}% intervals cannot be judged: there are too few origins"
    if apart.empty:
        return f"{level}% intervals hold what they promise at every horizon"
    return f"{level}% intervals do not hold what they promise at " + ", ".join(
        f"{named[row.horizon]} ({100 * getattr(row, inside):.0f}% inside)"
        for row in apart.itertuples())


def _which_hypothesis(table: pd.DataFrame, named: dict[int, str]) -> str:
    """Say which hypothesis forecasts best, by how little, and what the paths are worth."""
    mean = (table[table["kind"] == "hypothesis"].groupby("method")["crps"].mean()
            .sort_values(kind="stable"))
    if len(mean) < 2:
        return ""
    best, after, last = mean.index[0], mean.index[1], mean.index[-1]
    words = (f"Of the hypotheses {best} has the smallest CRPS, averaged over the horizons: "
             f"{_less(1 - mean[best] / mean[after])} below {after}, the next, and "
             f"{_less(1 - mean[best] / mean[last])} below {last}, the last. ")
    without = _judged(table, _WITHOUT)
    if len(without) < len(_JUDGED):
        return words
    verdict = ("by CRPS these forecasts are better without the paths of threat and credibility"
               if (without["gain_low"] > 0.0).all() else
               "by CRPS the paths of threat and credibility make these forecasts better"
               if (without["gain_high"] < 0.0).all() else
               "by CRPS the paths of threat and credibility make no reliable difference to these "
               "forecasts")
    return (f"{words}{_WITHOUT}, which lacks both paths, gains over {DEFAULT} "
            f"{_gains(table, _WITHOUT, named)}: {verdict}. The weights of the combination follow "
            f"the log score, which may rank hypotheses otherwise ({_log_scores(table, named)}). ")


def _log_scores(table: pd.DataFrame, named: dict[int, str]) -> str:
    """Return the hypothesis with the best mean log score at each horizon that is judged."""
    found = table[(table["kind"] == "hypothesis") & table["horizon"].isin(_JUDGED)]
    best = found.loc[found.groupby("horizon", sort=False)["log_score"].idxmax()]
    return "best: " + ", ".join(f"{row.method} at {named[row.horizon]}"
                                for row in best.itertuples())
