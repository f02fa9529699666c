r"""What the coefficients of many dyads say of each reading of the theory: a word and its reason.

The evidence of a path is the log Bayes factor of an average effect against none,
:math:`\log p(0) - \log p(0 \mid y)` with the means of both coefficients of the path at zero
(Savage-Dickey), the other path in; single dyads may still differ from the mean.
For the population the posterior density averages over the conditional normals given the classes;
for a class it is that of the normal with the draws' mean and covariance, and where zero lies more
than four of its standard deviations away the ratio there is given as a lower bound.

Invariant: a verdict is a function of draws and of thresholds that are those of the monthly model;
of a fit that did not pass the gate every verdict is withheld.

References
----------
Dickey 1971, Annals of Mathematical Statistics 42(1); Verdinelli and Wasserman 1995, JASA 90(430).
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.fitting import DyadFit
from bayes_alliance.dyads.population import READINGS, flat_draws, groups_of, prior_of, readings

__all__ = ["DIRECTION", "LOG_BAYES_FACTOR", "WITHHELD", "evidence_against_zero", "judge_readings"]

# As in the [verdict] table of models/rok_japan.toml.
DIRECTION: Final = 0.9
LOG_BAYES_FACTOR: Final = float(np.log(3.0))
WITHHELD: Final = "withheld"
_FARTHEST: Final = 4.0
# Stretches of draws that are left out in turn; Monte Carlo errors that a verdict leaves room for.
_STRETCHES: Final = 20
_ERRORS: Final = 2.0
_KINDS: Final = {"beta": "mean", "delta": "gap"}


def evidence_against_zero(fit: DyadFit) -> pd.DataFrame:
    """Return log Bayes factors of an effect against none.

    Parameters
    ----------
    fit : DyadFit
        Under H12.

    Returns
    -------
    pandas.DataFrame
        ``group`` (``all`` or a class), ``quantity`` (a coefficient, or ``threat`` and
        ``credibility`` for both coefficients of a path), ``log_bayes_factor`` in nats, positive
        for an effect, ``log_bayes_factor_se`` (its Monte Carlo error, by leaving out twentieths of
        the draws), ``bound`` (whether it is at least that).
    """
    asked = {name: [name] for name in c.COEFFICIENTS} | {
        latent: list(c.COEFFICIENTS[2 * k:2 * k + 2]) for k, latent in enumerate(c.PATHS)}
    rows = []
    for group, draws in groups_of(fit.posterior).items():
        if group == "spread":
            continue
        for quantity, names in asked.items():
            if group == "all":
                values = flat_draws(fit.posterior[n.VAR_CLASS_COEFFICIENT].sel(
                    {c.DIM_COEFFICIENT: names}))
                ratio = partial(_of_population, fit)
            else:
                values = flat_draws(draws.sel({c.DIM_COEFFICIENT: names}))
                ratio = partial(_of_class, fit, group)
            value, bound = ratio(values)
            rows.append((group, quantity, value, _error(ratio, values), bound))
    return pd.DataFrame(rows, columns=["group", "quantity", "log_bayes_factor",
                                       "log_bayes_factor_se", "bound"])


def _error(ratio: Callable[[np.ndarray], tuple[float, bool]], values: np.ndarray) -> float:
    """Return the Monte Carlo error of a ratio: a jackknife over stretches of the chains."""
    parts = np.array_split(np.arange(len(values)), _STRETCHES)
    without = np.array([ratio(np.delete(values, part, axis=0))[0] for part in parts])
    return float(np.sqrt((_STRETCHES - 1) / _STRETCHES
                         * np.square(without - without.mean()).sum()))


def _of_population(fit: DyadFit, classes: np.ndarray) -> tuple[float, bool]:
    """Return the ratio of the population's means, by their conditionals given the classes.

    ``classes`` are the classes' means, shape (draw, class, coefficient).
    """
    prior, deviation = fit.spec.priors.coefficient, fit.spec.priors.coefficient_class
    precision = 1.0 / prior.sd**2 + classes.shape[1] / deviation.sd**2
    centre = (prior.mu / prior.sd**2
              + (classes - deviation.mu).sum(axis=1) / deviation.sd**2) / precision
    density = stats.norm.pdf(0.0, centre, precision**-0.5).prod(axis=1).mean()
    before = classes.shape[2] * stats.norm.logpdf(0.0, prior.mu, prior.sd)
    # Draws that are all far off may leave no density that a number can hold.
    return float(before - np.log(max(density, np.finfo(float).tiny))), False


def _of_class(fit: DyadFit, group: str, values: np.ndarray) -> tuple[float, bool]:
    """Return the ratio of a class's means, by the normal with the draws' moments."""
    centre, size = values.mean(axis=0), values.shape[1]
    covariance = np.cov(values, rowvar=False).reshape(size, size)
    far = float(np.sqrt(centre @ np.linalg.solve(covariance, centre)))
    after = -0.5 * (min(far, _FARTHEST)**2 + np.linalg.slogdet(2.0 * np.pi * covariance)[1])
    before = size * prior_of(fit.spec, group).frozen().logpdf(0.0)
    return float(before - after), far > _FARTHEST


def judge_readings(fit: DyadFit) -> pd.DataFrame:
    """Give each reading of the theory a verdict, for the population and for each class.

    *Supported* asks that the predicted signs hold together with probability
    :data:`DIRECTION` and that an effect of the path is favoured over none by
    :data:`LOG_BAYES_FACTOR`; *contradicted* that a predicted coefficient has the other sign with
    that probability and is itself favoured over zero by as much; all else is *inconclusive*. A
    Bayes factor reaches what is asked if it does so by twice its Monte Carlo error: no verdict
    hangs on the seed.

    Parameters
    ----------
    fit : DyadFit
        Under H12.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``reading``, ``verdict``, ``reason``, ``probability`` and ``prior`` of the
        predicted signs, ``against`` (the largest probability of a coefficient's other sign),
        ``log_bayes_factor`` of the path with its ``log_bayes_factor_se`` and ``bound``.
    """
    evidence = evidence_against_zero(fit).set_index(["group", "quantity"])
    positive = {group: (draws > 0).mean(("chain", "draw"))
                for group, draws in groups_of(fit.posterior).items()}
    rows = []
    for found in readings(fit).itertuples():
        group, signs = str(found.group), READINGS[str(found.reading)]
        path = evidence.loc[(group, _path_of(signs))]
        wrong = {name: (1.0 - share if sign > 0 else share) for name, sign in signs.items()
                 for share in [float(positive[group].sel({c.DIM_COEFFICIENT: name}))]}
        other = {name: _factor(evidence.loc[(group, name)]) for name, share in wrong.items()
                 if share >= DIRECTION}
        factor = _factor(path)
        verdict, reason = _decide(float(found.probability), factor, other)
        if not fit.passed:
            verdict, reason = WITHHELD, "the fit did not pass the diagnostics gate"
        rows.append((group, found.reading, verdict, reason, float(found.probability),
                     float(found.prior), max(wrong.values()), *factor, bool(path["bound"])))
    return pd.DataFrame(rows, columns=["group", "reading", "verdict", "reason", "probability",
                                       "prior", "against", "log_bayes_factor",
                                       "log_bayes_factor_se", "bound"])


def _path_of(signs: dict[str, int]) -> str:
    """Return the latent whose coefficients a reading speaks of."""
    return c.PATHS[c.COEFFICIENTS.index(next(iter(signs))) // 2]


def _factor(row: pd.Series) -> tuple[float, float]:
    """Return a log Bayes factor and its Monte Carlo error."""
    return float(row["log_bayes_factor"]), float(row["log_bayes_factor_se"])


def _reaches(factor: tuple[float, float], sign: int = 1) -> bool:
    """Say whether a log Bayes factor surely is as far as a verdict asks, either way."""
    value, error = factor
    return sign * value - _ERRORS * error >= LOG_BAYES_FACTOR


def _decide(probability: float, factor: tuple[float, float],
            other: dict[str, tuple[float, float]]) -> tuple[str, str]:
    """Return a verdict and why.

    Parameters
    ----------
    probability : float
        Of the predicted signs together.
    factor : tuple of float
        Log Bayes factor of the path, and its Monte Carlo error.
    other : dict of str to tuple of float
        The same of each coefficient that surely has the other sign.
    """
    clearly = [name for name, found in other.items() if _reaches(found)]
    if probability >= DIRECTION and _reaches(factor):
        return "supported", "its signs hold, and an average effect is clearly favoured over none"
    if clearly:
        told = " and ".join(map(_coefficient, clearly))
        return "contradicted", f"{told} {'have' if len(clearly) > 1 else 'has'} the other sign"
    if _reaches(factor, -1):
        return "inconclusive", "the data speak for no average effect of the path"
    name = max(other, key=lambda one: other[one], default="")
    if name and other[name][0] > 0.0:
        value, error = other[name]
        return "inconclusive", (
            f"{_coefficient(name)} has the other sign with probability {DIRECTION:g} or more, but "
            f"is favoured over zero by a log Bayes factor of {value:.2f} ± {error:.2f} only, where "
            f"contradicted asks for {LOG_BAYES_FACTOR:.2f} and twice its Monte Carlo error more")
    if not _reaches(factor):
        return "inconclusive", ("too little information: the data hardly tell an average effect of "
                                "the path from none")
    return "inconclusive", "the path has an average effect, but not clearly with these signs"


def _coefficient(name: str) -> str:
    kind, latent = name.split("_")
    return f"the coefficient of {latent}’s {_KINDS[kind]}"
