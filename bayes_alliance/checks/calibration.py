r"""Simulation-based calibration: does a truth rank uniformly among its posterior draws.

With a truth :math:`\theta` from the prior and data :math:`y` simulated from it, :math:`\theta` is
a draw of :math:`p(\theta \mid y)`; so it ranks uniformly among independent draws of a correct
posterior (*prior* calibration). With :math:`\theta` from the posterior of the observed data
:math:`y`, and :math:`y'` replicated from it, it is a draw of :math:`p(\theta \mid y, y')`, and
ranks uniformly among draws fitted to both together (*posterior* calibration).

Invariant: every simulation counts. Draws are thinned by what each quantity's own effective draws
are worth; a quantity with too few is counted as failed *and* keeps its rank in the test, and how
many may fail is part of the verdict.

References
----------
Talts, Betancourt, Simpson, Vehtari and Gelman 2018, Validating Bayesian inference algorithms with
simulation-based calibration, arXiv:1804.06788. Säilynoja, Schmitt, Bürkner and Vehtari 2025,
Posterior SBC, arXiv:2502.03279. Tesso and Vehtari 2026, LOO-PIT predictive model checking,
arXiv:2603.02928, for the test of uniformity.
"""

import functools
from typing import Any, Final, NamedTuple

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.checks.predictive import CheckResult
from bayes_alliance.checks.quantities import COHESION_MEAN, quantities
from bayes_alliance.checks.simulate import simulate
from bayes_alliance.checks.truths import replicate, truth_as_draw
from bayes_alliance.inference import Fit, Gate, fit_panel, load_model
from bayes_alliance.model import Design, build_design
from bayes_alliance.model.predict import flatten
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["CALIBRATION_GATE", "FALSE_ALARM", "FEWEST_DRAWS", "KINDS", "MOST_FAILED",
           "Simulation", "calibration", "coverage", "coverage_limits", "integral_transform",
           "ranked", "run_simulation", "simulate_and_rank"]

KINDS: Final = ("prior", "posterior")
# Effective draws under which a quantity counts as failed in a fit.
FEWEST_DRAWS: Final = 100
# Share of the simulations in which any one quantity may fail.
MOST_FAILED: Final = 0.05
# Probability that a correct computation is called uncalibrated: of one kind, over all quantities.
FALSE_ALARM: Final = 0.01
# Divergent transitions alone are answered by shorter steps, as in any fit. Effective draws are
# counted of every ranked quantity besides.
CALIBRATION_GATE: Final = Gate(
    rhat=1.05, rhat_states=1.05, ess=50, divergences=0,
    variables=(c.VAR_COEFFICIENT, c.VAR_HALF_LIFE, c.VAR_CORRELATION, c.VAR_GOVERNMENT_SD,
               c.VAR_CREDIBILITY_SD, c.VAR_WAVE_SD))
# A fit in which a quantity failed is drawn once more, so many times as long.
_LONGER: Final = 4


class Simulation(NamedTuple):
    """One simulation to run; its numbers depend on nothing else.

    Attributes
    ----------
    model : str
        Name or path of a model.
    kind : {"prior", "posterior"}
        Where the truth comes from.
    number, seed : int
        Of the simulation, and of the whole run.
    draws, tune : int
        Per chain, of the first attempt.
    chains : int
    truth : dict, optional
        For ``posterior``, from :func:`bayes_alliance.checks.truths.draw_as_truth`.
    """

    model: str
    kind: str
    number: int
    seed: int
    draws: int = 1000
    tune: int = 300
    chains: int = 2
    truth: dict[str, Any] | None = None


def simulate_and_rank(key: str, item: Simulation) -> dict[str, Any]:
    """Run one simulation of a shipped model; a task of :func:`bayes_alliance.inference.many`.

    Returns
    -------
    dict
        ``quantities``: columns of :func:`ranked`, with ``kind`` and ``simulation``; ``fit``:
        figures of the fit.
    """
    spec, panel = _loaded(item.model)
    return run_simulation(spec, panel, item)


@functools.lru_cache(maxsize=2)
def _loaded(model: str) -> tuple[ModelSpec, Panel]:
    return load_model(model)


def run_simulation(spec: ModelSpec, panel: Panel, item: Simulation,
                   fitted: Any = fit_panel) -> dict[str, Any]:
    """Simulate a panel, fit it, and rank the truth.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        Model and data; of the data, prior simulations keep only rows, gaps and stocks.
    item : Simulation
        Which simulation.
    fitted : callable
        Takes the arguments of :func:`bayes_alliance.inference.fit_panel`.

    Raises
    ------
    ValueError
        If the kind is unknown, or a posterior simulation has no truth.
    """
    if item.kind not in KINDS or (item.kind == "posterior") != (item.truth is not None):
        raise ValueError(f"a {item.kind!r} simulation with truth {type(item.truth).__name__} is "
                         "not allowed (allowed: 'prior' without one, 'posterior' with a dict)")
    rng = np.random.default_rng([item.seed, KINDS.index(item.kind), item.number])
    if item.truth is None:
        drawn = simulate(spec, panel, rng)
        simulated, truth = drawn.panel, drawn.truth
        design = build_design(spec, simulated)
    else:
        both = replicate(spec, panel, item.truth, rng)
        simulated, design, truth = both.panel, both.design, both.truth
    known = quantities(truth_as_draw(truth, design), design, spec, simulated)
    seed = int(rng.integers(2**31))
    for length in (item.draws, _LONGER * item.draws):
        fit = fitted(spec, simulated, design=design, seed=seed, draws=length, tune=item.tune,
                     chains=item.chains, gate=CALIBRATION_GATE)
        table = ranked(fit, known, design, simulated)
        if table["ess"].min() >= FEWEST_DRAWS:
            break
    table.insert(0, "kind", item.kind)
    table.insert(1, "simulation", item.number)
    found = fit.diagnostics
    return {"quantities": table.to_dict("list"),
            "fit": {"kind": item.kind, "simulation": item.number, "draws": length,
                    "passed": found.passed, "rhat_max": found.rhat_max,
                    "ess_min": found.ess_bulk_min, "divergences": found.divergences,
                    "seconds": found.seconds}}


def ranked(fit: Fit, truth: dict[str, np.ndarray], design: Design, panel: Panel) -> pd.DataFrame:
    """Rank the truth of every quantity among its nearly independent draws.

    Parameters
    ----------
    fit : Fit
        Of simulated data.
    truth : dict of str to numpy.ndarray, shape (1,)
        The truth's quantities.
    design, panel : Design, Panel
        What was fitted.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``truth``, ``rank`` (kept draws below the truth), ``draws`` (kept), ``ess``
        (the smaller of bulk and tail), ``mean``, ``sd``, ``q05``, ``q95`` (of all draws).
    """
    chains, length = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    found = quantities(flatten(fit.posterior), design, fit.spec, panel)
    names = list(truth)
    values = xr.DataArray(np.stack([found[name] for name in names]).reshape(-1, chains, length),
                          dims=("quantity", "chain", "draw"))
    effective = np.fmin(az.ess(values, method="bulk"), az.ess(values, method="tail")).to_numpy()
    effective = np.nan_to_num(effective, nan=1.0)
    rows = []
    for name, draws, ess in zip(names, values.to_numpy(), effective, strict=True):
        kept = _thinned(draws, ess)
        known = float(truth[name][0])
        low, high = np.quantile(draws, [0.05, 0.95])
        rows.append((name, known, int((kept < known).sum()), kept.size, float(ess),
                     float(draws.mean()), float(draws.std(ddof=1)), float(low), float(high)))
    return pd.DataFrame(rows, columns=["quantity", "truth", "rank", "draws", "ess", "mean", "sd",
                                       "q05", "q95"])


def _thinned(draws: np.ndarray, ess: float) -> np.ndarray:
    """Return evenly spaced draws, no more than are effective; draws have shape (chain, draw)."""
    step = min(max(1, int(np.ceil(draws.size / max(ess, 1.0)))), draws.shape[1])
    return draws[:, step - 1::step]


def integral_transform(table: pd.DataFrame, *, seed: int = 1) -> pd.DataFrame:
    """Return each rank as a number between 0 and 1 that is uniform under calibration.

    A rank among L draws takes L + 1 values; spread evenly within its own, it is exactly uniform
    whatever L.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one kind: ``simulation``, ``quantity``, ``rank``, ``draws``.
    seed : int
        Of the spread.

    Returns
    -------
    pandas.DataFrame
        Index ``simulation``, a column for each quantity in the table's order.
    """
    ordered = table.sort_values(["simulation", "quantity"], kind="stable")
    spread = np.random.default_rng([seed, 83]).uniform(size=len(ordered))
    value = (ordered["rank"] + spread) / (ordered["draws"] + 1)
    wide = ordered.assign(value=value).pivot(index="simulation", columns="quantity",
                                             values="value")
    return wide[list(dict.fromkeys(table["quantity"]))]


def calibration(table: pd.DataFrame, *, false_alarm: float = FALSE_ALARM,
                most_failed: float = MOST_FAILED) -> CheckResult:
    """Say whether the ranks of one kind are uniform and how many quantities failed.

    Each quantity is tested by the order statistics of its ranks, their p-values combined by the
    truncated Cauchy method (``pot_c`` of ArviZ), at the false-alarm rate divided by the number of
    quantities: so a correct computation fails with probability ``false_alarm`` at most.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one kind: ``simulation``, ``quantity``, ``rank``, ``draws``, ``ess``.
    false_alarm : float
        Over all quantities.
    most_failed : float
        Share of simulations in which a quantity may have too few effective draws.

    Returns
    -------
    CheckResult
        Table with ``quantity``, ``simulations``, ``p_value``, ``uniform``, ``failed``,
        ``mean_rank`` and ``sd_rank`` (of the transformed ranks, ``.5`` and ``.289`` if uniform).
        Passed if every quantity is uniform and failed in no more than its share.

    Raises
    ------
    ValueError
        If a simulation lacks a quantity.
    """
    wide = integral_transform(table)
    missing = int(wide.isna().to_numpy().sum())
    if missing:
        raise ValueError(f"{missing} of {wide.size} ranks are missing (allowed: none; every "
                         "simulation has every quantity)")
    values = xr.Dataset({"rank": (("simulation", "quantity"), wide.to_numpy())})
    p_value = values.azstats.uniformity_test(dim="simulation", method="pot_c")[0]["rank"].to_numpy()
    failed = (table["ess"] < FEWEST_DRAWS).groupby(table["quantity"]).sum()
    result = pd.DataFrame({
        "quantity": list(wide), "simulations": len(wide), "p_value": p_value,
        "uniform": p_value >= false_alarm / wide.shape[1],
        "failed": failed.loc[list(wide)].to_numpy(),
        "mean_rank": wide.mean().to_numpy(), "sd_rank": wide.std(ddof=1).to_numpy()})
    often = result["failed"] > most_failed * len(wide)
    uneven = list(result.loc[~result["uniform"], "quantity"])
    text = (f"{len(wide)} simulations, {len(result)} quantities: "
            f"{'all uniform' if not uneven else 'not uniform: ' + ', '.join(uneven)} at a "
            f"false-alarm rate of {false_alarm:.0%} over all of them; under {FEWEST_DRAWS} "
            f"effective draws in {int(result['failed'].sum())} of {len(table)} cases, most often "
            f"in {int(result['failed'].max())} simulations of one quantity (allowed: "
            f"{int(most_failed * len(wide))}).")
    return CheckResult(not uneven and not often.any(), result, text)


def coverage_limits(panels: int, nominal: float = 0.9, tail: float = 0.0005) -> tuple[int, int]:
    """Return the counts between which a nominal coverage must lie.

    Parameters
    ----------
    panels : int
        Number of simulated panels.
    nominal : float
        Coverage of the intervals.
    tail : float
        Largest probability left out on either side.

    Returns
    -------
    low, high : int
        Exact binomial limits, both inclusive.
    """
    law = stats.binom(panels, nominal)
    return int(law.ppf(tail)), int(law.isf(tail))


def coverage(table: pd.DataFrame) -> dict[str, int]:
    """Count the 90% intervals that hold the truth.

    Parameters
    ----------
    table : pandas.DataFrame
        Of prior simulations: ``quantity``, ``truth``, ``q05``, ``q95``.

    Returns
    -------
    dict of str to int
        By coefficient, and ``cohesion_mean`` for the mean of cohesion over all months.
    """
    covered = (table["q05"] <= table["truth"]) & (table["truth"] <= table["q95"])
    names = {f"{c.VAR_COEFFICIENT}[{name}]": name for name in c.COEFFICIENTS}
    names[COHESION_MEAN] = "cohesion_mean"
    return {short: int(covered[table["quantity"] == name].sum())
            for name, short in names.items()}
