"""Prior and posterior predictive checks.

Invariant: what is drawn here comes from the fitted draws and the families' own random draws;
observed values are only compared with them.
"""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.inference import Fit, Gate, diagnose, forward_draws, package_versions
from bayes_alliance.model import build_design, build_model
from bayes_alliance.model.predict import draw_rows, flatten
from bayes_alliance.spec import ModelSpec, spec_hash
from bayes_alliance.tables import Panel

__all__ = ["CheckResult", "main_parameters", "posterior_predictive", "prior_fit",
           "prior_predictive", "require_all_rows"]

# Prior draws are looked at, not reported as estimates.
_PRIOR_GATE = Gate(rhat=1.05, rhat_states=1.05, ess=100, divergences=20)


@dataclass(frozen=True)
class CheckResult:
    """Outcome of a check: whether it passed, a table, one sentence."""

    passed: bool
    table: pd.DataFrame
    text: str


def require_all_rows(fit: Fit) -> None:
    """Raise if a fit has held rows out.

    Raises
    ------
    NotFittedError
        With the episode whose rows they are.
    """
    if fit.left_out:
        raise NotFittedError(f"this fit held out the rows of {fit.left_out} (allowed: a fit of all "
                             "rows)")


def posterior_predictive(fit: Fit, *, seed: int = 1, most: int = 1000) -> CheckResult:
    """Compare every observation with its predictive distribution for a new poll wave.

    Returns
    -------
    CheckResult
        Table with ``indicator``, ``latent``, ``time`` (middle of a row's months, counted from the
        panel's first), ``observed``, ``q05``, ``q50``, ``q95`` in units of the predictive standard
        deviation about the predictive mean, and ``pit`` (randomised for counts). Passed if between
        80 and 98% of rows lie in their 90% interval.

    Raises
    ------
    NotFittedError
        If the fit held rows out: this is about rows that were used.
    """
    require_all_rows(fit)
    rng = np.random.default_rng([seed, 53])
    samples = flatten(fit.posterior, most)
    design = build_design(fit.spec, fit.panel, fit.hypothesis)
    draws = draw_rows(samples, design, fit.spec, rng)
    y = design.data["y"]
    mean, sd = draws.mean(axis=0), draws.std(axis=0)
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    below, equal = (draws < y).mean(axis=0), (draws == y).mean(axis=0)
    table = pd.DataFrame({
        "indicator": design.rows["indicator"], "latent": design.rows["latent"],
        "time": (design.rows["start_month"] + design.rows["end_month"]) / 2,
        "observed": (y - mean) / sd,
        "q05": (low - mean) / sd, "q50": (middle - mean) / sd, "q95": (high - mean) / sd,
        "pit": below + rng.uniform(size=len(y)) * equal})
    inside = float(((y >= low) & (y <= high)).mean())
    text = (f"{inside:.0%} of {len(y)} observations lie inside their 90% posterior predictive "
            "interval; they were used in the fit, so this tests the fit and not a forecast.")
    return CheckResult(0.80 <= inside <= 0.98, table, text)


def prior_fit(spec: ModelSpec, panel: Panel, *, hypothesis: str = "H12", seed: int = 1,
              draws: int = 1000) -> Fit:
    """Draw from the prior by running the model forwards.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        Model and data; of the data only the layout counts.
    hypothesis : str
        Which parts act.
    seed : int
        Seed of the draws.
    draws : int
        Number of independent draws; a multiple of four, which are called chains.

    Returns
    -------
    Fit
        Prior draws under the names of the posterior.
    """
    design = build_design(spec, panel, hypothesis)
    started = time.perf_counter()
    found = forward_draws(build_model(spec, panel, design), draws=draws, seed=seed)
    stats = xr.Dataset({
        "diverging": (("chain", "draw"), np.zeros((4, draws // 4), dtype=bool)),
        "energy": (("chain", "draw"), np.random.default_rng(seed).normal(size=(4, draws // 4))),
        "n_steps": (("chain", "draw"), np.ones((4, draws // 4)))})
    diagnostics = diagnose(found, stats, _PRIOR_GATE, seconds=time.perf_counter() - started)
    provenance = {"seed": seed, "spec_hash": spec_hash(spec), "data_hash": panel.data_hash,
                  "versions": package_versions(), "interrupted": False, "prior": True}
    return Fit(spec=spec, panel=panel, hypothesis=hypothesis, left_out="", posterior=found,
               sample_stats=stats, diagnostics=diagnostics, provenance=provenance)


def prior_predictive(prior: Fit, *, seed: int = 1, most: int = 500) -> CheckResult:
    """Say what the prior expects of every indicator before any observation.

    Returns
    -------
    CheckResult
        Table with ``indicator``, ``unit``, ``q05``, ``q50``, ``q95`` of a first observation in
        the indicator's own unit, and the ``observed_low``, ``observed_high`` that came. Passed
        if every observed range overlaps the prior's 99% range.
    """
    from bayes_alliance.model.predict import own_unit

    rng = np.random.default_rng([seed, 59])
    samples = flatten(prior.posterior, most)
    design = build_design(prior.spec, prior.panel, prior.hypothesis)
    alone = design.with_rows(np.zeros(len(design.rows), dtype=bool))
    draws = draw_rows(samples, alone, prior.spec, rng)
    rows = []
    surprising = []
    for name, about in prior.panel.indicators.iterrows():
        at = np.flatnonzero(design.rows["indicator"].to_numpy() == name)
        n = design.data["n"][at] if design.data["n"][at][0] else 1.0
        values = own_unit(draws[:, at], about, n)
        observed = own_unit(design.data["y"][at], about, n)
        far_low, low, middle, high, far_high = np.quantile(values, [0.005, 0.05, 0.5, 0.95, 0.995])
        rows.append((name, about["unit"], low, middle, high, observed.min(), observed.max()))
        if observed.max() < far_low or observed.min() > far_high:
            surprising.append(str(name))
    table = pd.DataFrame(rows, columns=["indicator", "unit", "q05", "q50", "q95", "observed_low",
                                        "observed_high"])
    text = ("Every indicator's observed range overlaps what the prior expects."
            if not surprising else f"Outside what the prior expects: {', '.join(surprising)}.")
    return CheckResult(not surprising, table, text)


def main_parameters(prior: Fit, posterior: Fit) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return prior and posterior draws of the coefficients and other main parameters."""
    result = {}
    for name in c.COEFFICIENTS:
        result[name.replace("_", " ")] = tuple(
            fit.posterior[c.VAR_COEFFICIENT].sel({c.DIM_COEFFICIENT: name}).to_numpy().ravel()
            for fit in (prior, posterior))
    for latent in c.LATENTS:
        result[f"half-life of {latent} (months)"] = tuple(
            fit.posterior[c.VAR_HALF_LIFE].sel({c.DIM_CONSTRUCT: latent}).to_numpy().ravel()
            for fit in (prior, posterior))
    result["sd of government effects"] = tuple(
        fit.posterior[c.VAR_GOVERNMENT_SD].to_numpy().ravel() for fit in (prior, posterior))
    return {name: (pair[0], pair[1]) for name, pair in result.items()}
