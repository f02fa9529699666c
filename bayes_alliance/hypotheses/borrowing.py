r"""What other pairs of states say of this one: their effects as a prior, before and after.

The prior of the four coefficients is made a mixture: the model's own, and with a weight the
standardised effects that other pairs show. The second part is brought to this pair's coefficients
:math:`b_j` with :math:`r_j`, the posterior median of :math:`\mathrm{sd}(S_j) / \mathrm{sd}(\eta)`
(see :mod:`bayes_alliance.hypotheses.size`): it is normal in :math:`r_j b_j`. That ratio is held
fixed, so the mixture is a prior of the coefficients alone.

No fit is repeated. Given all else in a draw the coefficients have a normal full conditional, and
so a closed marginal likelihood under either part of the mixture: the draw is weighted by their
ratio, and the coefficients are the draw's own under the first part and drawn from their conditional
under the second. The others may so be wider than the model's own prior, or lie elsewhere: weights
of the draws of the coefficients themselves would then rest on the few that lie where the others do.

Invariant: with a weight of zero nothing changes; where the weights rest on too few draws the
result says so.

References
----------
Schmidli et al. 2014, Robust meta-analytic-predictive priors in clinical trials with historical
control information, Biometrics 70(4), for the mixture; Gelfand and Smith 1990, JASA 85(410), for
full conditionals; Vehtari, Simpson, Gelman, Yao and Gabry 2024, Pareto smoothed importance
sampling, JMLR 25, for the weights.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy import special, stats

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses.savage_dickey import full_conditional
from bayes_alliance.hypotheses.size import relative_sd
from bayes_alliance.hypotheses.verdicts import readings
from bayes_alliance.inference import Fit

__all__ = ["Borrowed", "OtherPairs", "borrow"]

COLUMNS: Final = ("coefficient", "when", "mean", "sd", "q05", "q50", "q95", "above_zero")
READING_COLUMNS: Final = ("reading", "region", "others", "before", "after")
# Above it Pareto-smoothed weights are not to be trusted; fewer effective draws say too little.
_HEAVIEST: Final = 0.7
_FEWEST: Final = 100.0
_SIZE: Final = len(c.COEFFICIENTS)


@dataclass(frozen=True)
class OtherPairs:
    """What others say of a pair they do not contain.

    Attributes
    ----------
    effects : numpy.ndarray, shape (draw, path coefficient)
        Draws of the standardised effects of a pair of this kind, in the order of
        ``constants.COEFFICIENTS``.
    source : str
        Where they are from, in a few words.

    Raises
    ------
    ValueError
        If the array is not of that shape, too short for a covariance, or not finite.
    """

    effects: np.ndarray
    source: str

    def __post_init__(self) -> None:
        shape = np.shape(self.effects)
        if len(shape) != 2 or shape[1] != _SIZE or shape[0] <= _SIZE:
            raise ValueError(f"effects have shape {shape} (allowed: more than {_SIZE} draws of "
                             f"{_SIZE} coefficients)")
        if not np.isfinite(self.effects).all():
            raise ValueError("effects are not all finite (allowed: finite numbers)")

    @property
    def normal(self) -> Any:
        """The normal distribution with their mean and covariance (SciPy)."""
        return stats.multivariate_normal(self.effects.mean(axis=0), np.cov(self.effects.T))


@dataclass(frozen=True)
class Borrowed:
    """Coefficients before and after other pairs are listened to.

    Attributes
    ----------
    table : pandas.DataFrame
        ``coefficient``, ``when`` (``others``: their part of the prior; ``before``: the posterior
        under the model's own prior; ``after``: under the mixture), ``mean``, ``sd``, ``q05``,
        ``q50``, ``q95``, ``above_zero``; standardised effects, sds of cohesion for an sd of what
        the coefficient multiplies.
    readings : pandas.DataFrame
        ``reading``, ``region``, and its probability by ``others``, ``before`` and ``after``.
    weight, weight_after : float
        Probability of the part of the others, before and after the pair's own data.
    effective : float
        Effective draws of the weights.
    pareto_k : float
        Shape of the tail of the weights; above 0.7 the result is flagged.
    flag : str
        Why the result is not to be trusted, or empty.
    sentence : str
    """

    table: pd.DataFrame
    readings: pd.DataFrame
    weight: float
    weight_after: float
    effective: float
    pareto_k: float
    flag: str
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The table's numbers; dims ``coefficient`` and ``when``."""
        found: xr.Dataset = self.table.set_index(["coefficient", "when"]).to_xarray()
        return found

    def plot(self) -> Any:
        """Draw the effects by the others, before and after, with 90% intervals."""
        drawing = import_module("bayes_alliance.plotting.dyads")
        return drawing.plot_effects_by_class(
            self.table.rename(columns={"when": "group"}), None,
            {"others": "other pairs", "before": "before", "after": "after"})


def borrow(fit: Fit, others: OtherPairs, *, weight: float = 0.5, seed: int = 1) -> Borrowed:
    """Weigh a fit anew by what other pairs say.

    Parameters
    ----------
    fit : Fit
        Under H12.
    others : OtherPairs
        See :func:`bayes_alliance.dyads.effects_of_others`; they must not contain this pair.
    weight : float
        Prior probability that this pair is one of theirs.
    seed : int
        Of the coefficients drawn under the others' part.

    Returns
    -------
    Borrowed

    Raises
    ------
    NotFittedError
        If the fit is not one of H12, in which all four coefficients act.
    ValueError
        If ``weight`` is not within 0 and 1.
    """
    if fit.hypothesis != "H12":
        raise NotFittedError(f"effects of others need a fit under H12, got {fit.hypothesis}")
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"weight is {weight} (allowed: 0 to 1)")
    scale = np.median(relative_sd(fit).reshape(-1, _SIZE), axis=0)
    array = fit.posterior[c.VAR_COEFFICIENT].transpose("chain", "draw", c.DIM_COEFFICIENT)
    effects = array.sel({c.DIM_COEFFICIENT: list(c.COEFFICIENTS)}).to_numpy().astype(float) * scale
    flat = effects.reshape(-1, _SIZE)
    log_ratio, theirs = _under_others(fit, others, scale, np.random.default_rng(seed))
    # The others' marginal likelihood over that of the model's own prior, in logs.
    gain = special.logsumexp(log_ratio) - np.log(log_ratio.size)
    after = float(special.expit(special.logit(weight) + gain))
    with np.errstate(divide="ignore"):
        log_weights = np.logaddexp(np.log1p(-weight), np.log(weight) + log_ratio)
        second = np.exp(np.log(weight) + log_ratio - log_weights)
    share, pareto = _smoothed(log_weights, effects)
    effective = float(1.0 / (share**2).sum())
    flag = _flag(effective, pareto)
    rows = []
    both = np.concatenate([flat, theirs * scale]), np.concatenate([share * (1.0 - second),
                                                                   share * second])
    told = {"others": (others.effects, None), "before": (flat, None), "after": both}
    for j, name in enumerate(c.COEFFICIENTS):
        rows += [{"coefficient": name, "when": when, **_summary(values[:, j], weights)}
                 for when, (values, weights) in told.items()]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Borrowed(table, _regions(fit, told), weight, after, effective, pareto, flag,
                    _sentence(table, fit.panel.dyad, others.source, weight, after, flag))


def _under_others(fit: Fit, others: OtherPairs, scale: np.ndarray,
                  rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return, draw by draw, what the others' part of the prior makes of what is given in it.

    Returns
    -------
    log_ratio : numpy.ndarray, shape (sample,)
        Log marginal likelihood under the others' prior less that under the model's own.
    coefficient : numpy.ndarray, shape (sample, path coefficient)
        One draw of their full conditional under the others' prior.
    """
    given, own = full_conditional(fit), fit.spec.priors.coefficient
    mean, covariance = given.mean.reshape(-1, _SIZE), given.covariance.reshape(-1, _SIZE, _SIZE)
    prior = np.full(_SIZE, own.mu), np.eye(_SIZE) * own.sd**2
    other = others.normal.mean / scale, others.normal.cov / np.outer(scale, scale)
    kept = np.linalg.inv(covariance)
    linear = np.einsum("sab,sb->sa", kept, mean)
    precision = kept - np.linalg.inv(prior[1]) + np.linalg.inv(other[1])
    moved = linear - np.linalg.solve(prior[1], prior[0]) + np.linalg.solve(other[1], other[0])
    spread = np.linalg.inv(precision)
    centre = np.einsum("sab,sb->sa", spread, moved)
    gain = _log_gain(centre, moved, precision, *other) - _log_gain(mean, linear, kept, *prior)
    drawn = centre + np.einsum("sab,sb->sa", np.linalg.cholesky(spread),
                               rng.standard_normal(centre.shape))
    return gain, drawn


def _log_gain(mean: np.ndarray, linear: np.ndarray, precision: np.ndarray, before: np.ndarray,
              covariance: np.ndarray) -> np.ndarray:
    """Return log marginal likelihoods, less what is the same under every normal prior.

    Parameters
    ----------
    mean, linear : numpy.ndarray, shape (sample, coefficient)
        Of the full conditional, and that times its precision.
    precision : numpy.ndarray, shape (sample, coefficient, coefficient)
    before, covariance : numpy.ndarray
        The prior's mean and covariance.
    """
    return np.asarray(0.5 * (
        np.einsum("sa,sa->s", mean, linear) - np.linalg.slogdet(precision)[1]
        - before @ np.linalg.solve(covariance, before) - np.linalg.slogdet(covariance)[1]))


def _smoothed(log_weights: np.ndarray, effects: np.ndarray) -> tuple[np.ndarray, float]:
    """Return smoothed weights that add up to one, and the shape of their tail."""
    if np.ptp(log_weights) < 1e-12:
        return np.full(log_weights.size, 1.0 / log_weights.size), -np.inf
    draws = effects.shape[0] * effects.shape[1]
    found = float(np.min(az.ess(effects[..., 0], method="mean")))
    # ArviZ takes the log density that is left out: the weights' logs with the sign turned.
    left_out: Any = xr.DataArray(-log_weights, dims="sample")
    smooth, pareto = left_out.azstats.psislw(dim="sample", r_eff=min(1.0, found / draws))
    share = np.asarray(np.exp(smooth - smooth.max()))
    return share / share.sum(), float(pareto)


def _flag(effective: float, pareto: float) -> str:
    if pareto > _HEAVIEST:
        return f"the weights have too heavy a tail (Pareto k {pareto:.2f}, at most {_HEAVIEST})"
    if effective < _FEWEST:
        return f"the weights leave {effective:.0f} effective draws (at least {_FEWEST:.0f})"
    return ""


def _summary(values: np.ndarray, weights: np.ndarray | None) -> dict[str, float]:
    """Return mean, sd, 5, 50 and 95% points and the share above zero, of weighted draws."""
    share = np.full(values.size, 1.0 / values.size) if weights is None else weights
    mean = float(share @ values)
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], weights=share,
                                    method="inverted_cdf")
    return {"mean": mean, "sd": float(np.sqrt(share @ (values - mean) ** 2)), "q05": float(low),
            "q50": float(middle), "q95": float(high), "above_zero": float(share @ (values > 0))}


def _regions(fit: Fit, told: dict[str, tuple[np.ndarray, np.ndarray | None]]) -> pd.DataFrame:
    """Return how probable each reading is; a region asks for signs, which scaling leaves alone."""
    rows = []
    for found in readings(fit).to_dict("records"):
        inside = {}
        for when, (values, weights) in told.items():
            holds = pd.DataFrame(values, columns=list(c.COEFFICIENTS)).eval(
                found["region"], engine="python").to_numpy()
            inside[when] = float(holds.mean() if weights is None else weights @ holds)
        rows.append({"reading": found["reading"], "region": found["region"], **inside})
    return pd.DataFrame(rows, columns=list(READING_COLUMNS))


def _sentence(table: pd.DataFrame, dyad: str, source: str, weight: float, after: float,
              flag: str) -> str:
    pieces = []
    for name in c.COEFFICIENTS:
        row = table[table["coefficient"] == name].set_index("when")
        pieces.append(f"{name} {row.at['before', 'mean']:+.2f} ± {row.at['before', 'sd']:.2f} "
                      f"before, {row.at['after', 'mean']:+.2f} ± {row.at['after', 'sd']:.2f} after")
    warning = f" Not to be reported: {flag}." if flag else ""
    share = "half" if weight == 0.5 else f"{weight:.0%}"
    return (f"{dyad}, with {source} as {share} of the prior (standardised effects): "
            f"{'; '.join(pieces)}. That this pair is one of theirs has probability {after:.2f} "
            f"after its own data, {weight:.2f} before.{warning}")
