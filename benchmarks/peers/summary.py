"""From the rows of single runs to medians, ratios and the check that posteriors are the same.

Invariant: two peers are compared on the variables that every run of both has, and on nothing
else; a run that failed, or a quantity without a finite effective sample size, is never left out
in silence.

References
----------
Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, Bayesian Analysis 16(2), for effective draws
and R-hat.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import arviz as az
import numpy as np
import xarray as xr
from scipy import stats

__all__ = ["FALSE_ALARM", "effective_draws", "markdown", "min_ess", "moments", "ratio",
           "read_moments", "same_posterior", "summarise"]

OURS: Final = "ours"
# Its only quantities are its coordinates, so it is compared on all of its own.
LIMIT: Final = "limit"
# From this R-hat on (Gelman and Rubin's old bound) a chain stands apart from the others.
APART: Final = 1.1
# Family-wise probability that equal posteriors are called different.
FALSE_ALARM: Final = 0.01

Row = dict[str, Any]
Moments = dict[str, np.ndarray]


def effective_draws(posterior: xr.Dataset) -> tuple[dict[str, float], dict[str, float]]:
    """Return the smallest bulk effective draws and the largest R-hat of every variable.

    Constants are left out. A quantity that moves but has no finite figure counts as 0 effective
    draws and as an infinite R-hat.
    """
    bulk, rhat = az.ess(posterior, method="bulk"), az.rhat(posterior)
    smallest, largest = {}, {}
    for name, array in posterior.data_vars.items():
        moves = np.ravel((array.max(("chain", "draw")) > array.min(("chain", "draw"))).to_numpy())
        # NaN draws neither move nor stand still.
        moves |= np.ravel(array.isnull().any(("chain", "draw")).to_numpy())
        if not moves.any():
            continue
        ess, split = np.ravel(bulk[name].to_numpy())[moves], np.ravel(rhat[name].to_numpy())[moves]
        smallest[str(name)] = float(np.where(np.isfinite(ess), ess, 0.0).min())
        largest[str(name)] = float(np.where(np.isfinite(split), split, np.inf).max())
    return smallest, largest


def moments(posterior: xr.Dataset) -> Moments:
    """Return mean, sd and the Monte Carlo errors of both of every variable, arrays (4, ...)."""
    error, error_of_sd = (az.mcse(posterior, method=method) for method in ("mean", "sd"))
    return {str(name): np.stack([array.mean(("chain", "draw")).to_numpy(),
                                 array.std(("chain", "draw"), ddof=1).to_numpy(),
                                 error[name].to_numpy(), error_of_sd[name].to_numpy()])
            for name, array in posterior.data_vars.items()}


def min_ess(row: Row, variables: Sequence[str] | None = None) -> float:
    """Return the smallest effective draws of a run over some variables, or over all of its own."""
    return min(row["ess"][name] for name in (variables if variables is not None else row["ess"]))


def ratio(rows: Sequence[Row], peer: str) -> dict[str, Any] | None:
    """Return how many times more effective draws a second one side gives than the other.

    Parameters
    ----------
    rows : sequence of dict
        Finished runs of all peers.
    peer : str
        The side compared with ours.

    Returns
    -------
    dict or None
        ``median`` is the ratio of the two medians over runs, ``low`` and ``high`` the range of the
        ratios within a seed, whose runs are neighbours in time. ``mixed`` is the ratio of the
        medians over the runs without a chain that stands apart, None without such runs of both:
        a chain that broke down leaves a run a handful of effective draws, and a ratio that tells
        of robustness, not of speed. The whole is None without runs of both.
    """
    ours, theirs = ([row for row in rows if row["peer"] == name] for name in (OURS, peer))
    if not ours or not theirs:
        return None
    common = sorted(set.intersection(*(set(row["ess"]) for row in [*ours, *theirs])))
    if peer != LIMIT and not common:
        raise ValueError(f"no variable is reported by every run of both ours and {peer}")
    shared = None if peer == LIMIT else common
    sides = {peer: theirs, OURS: ours} if peer == LIMIT else {OURS: ours, peer: theirs}
    speeds = {name: {row["seed"]: min_ess(row, shared) / row["seconds"] for row in part}
              for name, part in sides.items()}
    mixed = {name: [speeds[name][row["seed"]] for row in part if _mixed(row)]
             for name, part in sides.items()}
    above, below = speeds.values()
    within = [_divided(above[seed], below[seed]) for seed in above.keys() & below.keys()]
    return {
        "median": _divided(median(above.values()), median(below.values())),
        "low": min(within, default=None), "high": max(within, default=None),
        "mixed": _divided(*map(median, mixed.values())) if all(mixed.values()) else None,
        "mixed_runs": {name: len(values) for name, values in mixed.items()},
        "direction": " over ".join(sides),
        "figure": "min bulk ESS a second of sampling", "seeds": len(within),
        "variables": shared if shared is not None else "all of each side's own"}


def same_posterior(ours: Sequence[Moments], theirs: Sequence[Moments]) -> dict[str, Any]:
    """Hold the posterior means and sds of two peers against their Monte Carlo errors.

    Parameters
    ----------
    ours, theirs : sequence of dict of str to numpy.ndarray, shape (4, ...)
        From :func:`moments`, one of a run; runs are independent and of one length.

    Returns
    -------
    dict
        ``max_z`` of all means and ``max_z_sd`` of the logarithms of all sds against ``limit``,
        the Bonferroni bound at which equal posteriors are called different with probability 0.01
        at most (as far as the Monte Carlo errors, which are estimates, are right), and the range
        of the ratios of sds, theirs over ours.
    """
    names = sorted(set.intersection(*(set(one) for one in [*ours, *theirs])))
    mean, sd, error, error_of_sd = _pooled(ours, names)
    other_mean, other_sd, other_error, other_error_of_sd = _pooled(theirs, names)
    labels = [f"{name}[{','.join(map(str, index))}]" if index else name
              for name in names for index in np.ndindex(ours[0][name].shape[1:])]
    moves = (sd > 0) | (other_sd > 0)
    if not moves.any():
        raise ValueError("no quantity that both peers report varies")
    z, z_sd = np.zeros_like(mean), np.zeros_like(mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        z[moves] = np.abs(mean - other_mean)[moves] / np.hypot(error, other_error)[moves]
        z_sd[moves] = (np.abs(np.log(other_sd / sd)) / np.hypot(
            error_of_sd / sd, other_error_of_sd / other_sd))[moves]
        sds = (other_sd / sd)[moves]
    # A quantity without a Monte Carlo error cannot be said to agree.
    z[~np.isfinite(z)], z_sd[~np.isfinite(z_sd)] = np.inf, np.inf
    # Two comparisons a quantity, two sides each.
    limit = float(stats.norm.isf(FALSE_ALARM / (4 * moves.sum())))
    return {"quantities": int(moves.sum()), "variables": names, "max_z": float(z.max()),
            "worst": labels[int(z.argmax())], "max_z_sd": float(z_sd.max()),
            "worst_sd": labels[int(z_sd.argmax())], "limit": limit,
            "same": bool(max(z.max(), z_sd.max()) <= limit),
            "family_wise_false_alarm": FALSE_ALARM,
            "sd_ratio": {"low": float(sds.min()), "median": float(np.median(sds)),
                         "high": float(sds.max())}}


def summarise(rows: Sequence[Row], found: dict[tuple[str, int], Moments],
              cold: dict[str, float]) -> dict[str, Any]:
    """Return the figures of every peer, the ratios and the comparison of posteriors.

    Parameters
    ----------
    rows : sequence of dict
        Runs; a failed one has ``failed``, its reason, and no figures.
    found : dict of (peer, seed) to moments
        Of the finished runs of peers that sample this posterior; those with a chain that stands
        apart say nothing of it and are left out of the comparison.
    cold : dict of str to float
        Seconds of a compilation without anything kept on disk, by peer.
    """
    finished = [row for row in rows if not row.get("failed")]
    names = list(dict.fromkeys(row["peer"] for row in rows))
    others = [name for name in names if name != OURS]
    mixed = {(row["peer"], row["seed"]) for row in finished if _mixed(row)}
    ours = [found[key] for key in sorted(found.keys() & mixed) if key[0] == OURS]
    same = {}
    for name in others:
        theirs = [found[key] for key in sorted(found.keys() & mixed) if key[0] == name]
        if name != LIMIT and ours and theirs:
            same[name] = same_posterior(ours, theirs) | {"runs": len(theirs)}
    ratios = {name: ratio(finished, name) for name in others}
    return {"peers": {name: _figures(name, rows, cold.get(name)) for name in names},
            "ratio": {name: value for name, value in ratios.items() if value is not None},
            "same_posterior": same}


def _figures(name: str, rows: Sequence[Row], cold: float | None) -> dict[str, Any]:
    mine = [row for row in rows if row["peer"] == name]
    done = [row for row in mine if not row.get("failed")]
    result: dict[str, Any] = {"runs": len(done), "failed": [
        {"seed": row["seed"], "reason": row["failed"]} for row in mine if row.get("failed")]}
    if not done:
        return result
    ess = [min_ess(row) for row in done]
    columns = {
        "min_ess": ess,
        "max_rhat": [_worst_rhat(row) for row in done],
        "ess_per_second": [row["ess_per_second"] for row in done],
        "ess_per_second_with_build": [row["ess_per_second_with_build"] for row in done],
        **{key: [row[key] for row in done] for key in (
            "seconds", "build_seconds", "gradient_seconds", "steps_per_draw", "divergences",
            "peak_memory_mb")}}
    if cold is not None:
        result["cold_build_seconds"] = cold
        columns["ess_per_second_with_cold_build"] = [
            one / (row["seconds"] + cold) for one, row in zip(ess, done, strict=True)]
    result |= {key: _spread(values) for key, values in columns.items()}
    return result | {"gate_passed": sum(row["gate"]["passed"] for row in done),
                     "settings": done[-1]["settings"], "variables": sorted(done[-1]["ess"])}


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return {"median": median(known), "low": min(known), "high": max(known)} if known else None


def _worst_rhat(row: Row) -> float:
    # JSON has no infinity; a file holds null in its place.
    return max(float("inf") if rhat is None else rhat for rhat in row["rhat"].values())


def _mixed(row: Row) -> bool:
    return _worst_rhat(row) < APART


def _divided(above: float, below: float) -> float:
    return above / below if below > 0 else float("inf")


def _pooled(runs: Sequence[Moments], names: Sequence[str]) -> tuple[np.ndarray, ...]:
    """Return mean, sd and their Monte Carlo errors of the draws of all runs put together."""
    flat = np.stack([np.concatenate([run[name].reshape(4, -1) for name in names], axis=1)
                     for run in runs])
    mean, sd = flat[:, 0], flat[:, 1]
    errors = np.sqrt(np.sum(flat[:, 2:]**2, axis=0)) / len(runs)
    return (mean.mean(axis=0), np.sqrt(np.mean(sd**2, axis=0) + mean.var(axis=0)), *errors)


def markdown(summary: dict[str, Any]) -> str:
    """Return the summary as Markdown of at most 100 columns."""
    lines = [
        "# Speed on one posterior", "",
        "Smallest bulk effective draws a second of sampling (warmup included, compilation not),",
        f"over the reported quantities that both sides have. Medians over runs. `{OURS} x` is ours",
        f"over the peer; of `{LIMIT}`, an independent normal at our gradient's cost, it is the",
        f"limit over ours. `mixed`: the same over the runs whose every R-hat is below {APART}, and",
        "their number; a chain that broke down leaves a run a handful of effective draws.", "",
        "| peer | runs | min ESS | ESS/s | ours x | range | mixed | time s | steps | grad ms "
        "| gate |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"]
    for name, one in summary["peers"].items():
        lines.append(_line(name, one, summary["ratio"].get(name)))
    lines += ["", "| peer | divergent | R-hat | build s | cold s | ESS/s with cold build | MB |",
              "| --- | --: | --: | --: | --: | --: | --: |"]
    for name, one in summary["peers"].items():
        if one["runs"]:
            lines.append(
                f"| {name} | {_number(one['divergences'])} | {_number(one['max_rhat'], 4)} | "
                f"{_number(one['build_seconds'])} | {_plain(one.get('cold_build_seconds'))} | "
                f"{_number(one.get('ess_per_second_with_cold_build'))} | "
                f"{_number(one['peak_memory_mb'], 4)} |")
    lines += ["", "Same posterior as ours: the largest |z| of a posterior mean and of the log of",
              "an sd, their bound at 1% family-wise false alarm, and the range of the ratios of",
              f"sds, over the runs whose every R-hat is below {APART}.",
              "", "| peer | runs | quantities | z, means | z, sds | bound | same | sd ratio |",
              "| --- | --: | --: | --: | --: | --: | --- | --- |"]
    for name, one in summary["same_posterior"].items():
        sds = one["sd_ratio"]
        lines.append(f"| {name} | {one['runs']} | {one['quantities']} | {_plain(one['max_z'])} | "
                     f"{_plain(one['max_z_sd'])} | {_plain(one['limit'])} | "
                     f"{'yes' if one['same'] else 'NO'} | "
                     f"{_plain(sds['low'])} to {_plain(sds['high'])} |")
    for name, reason in summary.get("skipped", {}).items():
        lines += ["", f"`{name}` was skipped: {reason}"]
    return "\n".join(lines) + "\n"


def _line(name: str, one: dict[str, Any], against: dict[str, Any] | None) -> str:
    failed = f" +{len(one['failed'])} failed" if one["failed"] else ""
    if not one["runs"]:
        return f"| {name} | 0{failed} |" + " |" * 9
    times = _plain(against["median"]) if against else ""
    spread = f"{_plain(against['low'])}-{_plain(against['high'])}" if against else ""
    mixed = (f"{_plain(against['mixed'])} ({against['mixed_runs'][name]})".strip()
             if against else "")
    gradient = one["gradient_seconds"]
    return (f"| {name} | {one['runs']}{failed} | {_number(one['min_ess'])} | "
            f"{_number(one['ess_per_second'])} | {times} | {spread} | {mixed} | "
            f"{_number(one['seconds'])} | {_number(one['steps_per_draw'])} | "
            f"{_plain(1e3 * gradient['median'] if gradient else None)} | "
            f"{one['gate_passed']}/{one['runs']} |")


def _number(spread: dict[str, float] | None, digits: int = 3) -> str:
    return _plain(spread["median"] if spread else None, digits)


def _plain(value: float | None, digits: int = 3) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def read_moments(path: Path) -> Moments:
    """Return the moments of a run from its file."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}
