"""Coverage of known truths: simulate from the prior, fit, count.

Invariant: truths are drawn from the prior, so that nominal intervals must cover at the nominal
rate; a panel whose fit fails is counted and reported, never dropped.

References
----------
Cook, Gelman and Rubin 2006, JCGS 15(3); Talts et al. 2018, arXiv:1804.06788.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.checks.simulate import simulate
from bayes_alliance.inference import Gate, fit_panel
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["RECOVERY_GATE", "coverage_limits", "recover"]

RECOVERY_GATE = Gate(rhat=1.05, rhat_states=1.05, ess=50, divergences=1_000_000)


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
    low = int(law.ppf(tail))
    high = int(law.isf(tail))
    return low, high


def recover(spec: ModelSpec, panel: Panel, panels: int, *, seed: int = 1, first: int = 0,
            draws: int = 400, tune: int = 300,
            done: Callable[[pd.DataFrame], None] | None = None) -> pd.DataFrame:
    """Simulate and fit panels, and say whether 90% intervals hold the true coefficients.

    Parameters
    ----------
    spec, panel : ModelSpec, Panel
        Design whose rows and gaps are kept.
    panels : int
        How many panels.
    seed, first : int
        Seed, and number of the first panel; panel k is the same whatever the others.
    draws, tune : int
        Per chain; two chains.
    done : callable, optional
        Called with the rows so far after each panel.

    Returns
    -------
    pandas.DataFrame
        ``panel``, ``quantity``, ``truth``, ``mean``, ``sd``, ``q05``, ``q95``, ``covered``,
        ``rhat_max``, ``ess_min``, ``divergences``, ``passed``.
    """
    rows: list[tuple[object, ...]] = []
    for number in range(first, first + panels):
        rng = np.random.default_rng([seed, number])
        drawn = simulate(spec, panel, rng)
        fit = fit_panel(spec, drawn.panel, hypothesis="H12", seed=seed * 1000 + number,
                        draws=draws, tune=tune, chains=2, gate=RECOVERY_GATE)
        found = fit.diagnostics
        value = fit.posterior[c.VAR_COEFFICIENT].stack(sample=("chain", "draw"))
        quantities = {name: (value.sel({c.DIM_COEFFICIENT: name}).to_numpy(), truth)
                      for name, truth in zip(c.COEFFICIENTS, drawn.truth["coefficient"],
                                             strict=True)}
        cohesion = fit.posterior[c.COHESION].mean(c.DIM_TIME).to_numpy().ravel()
        quantities["cohesion_mean"] = (cohesion, float(drawn.truth["cohesion"].mean()))
        for name, (draw, truth) in quantities.items():
            low, high = np.quantile(draw, [0.05, 0.95])
            rows.append((number, name, truth, draw.mean(), draw.std(ddof=1), low, high,
                         bool(low <= truth <= high), found.rhat_max, found.ess_bulk_min,
                         found.divergences, found.passed))
        if done is not None:
            done(_frame(rows))
    return _frame(rows)


def _frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["panel", "quantity", "truth", "mean", "sd", "q05", "q95",
                                       "covered", "rhat_max", "ess_min", "divergences", "passed"])
