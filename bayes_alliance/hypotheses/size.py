r"""How large the effects of the paths are, and where their coefficients lie.

With :math:`S` what a coefficient :math:`b` multiplies (the mean of the members' series for
``beta``, minus half their smooth gap for ``delta``), the standardised effect is
:math:`b \, \mathrm{sd}(S) / \mathrm{sd}(\eta)`, both over the months of the panel, in each draw:
by how many of its sds cohesion's level moves in the long run with one sd of the driver. A positive
``delta`` says that a gap lowers cohesion.

Invariant: every number is a summary of the same draws; a region's probability is the share of
draws in it, and what the draws cannot tell is missing and flagged, never zero.

References
----------
Kruschke 2018, Advances in Methods and Practices in Psychological Science 1(2), for the region of
practical equivalence; Klugkist, Laudy and Hoijtink 2005, Psychological Methods 10(4), for the
ratio of a region's posterior to its prior probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses.evidence import labelled
from bayes_alliance.hypotheses.paths import regressors
from bayes_alliance.hypotheses.verdicts import prior_positive, readings
from bayes_alliance.inference import Fit

__all__ = ["OMEGA", "EffectSizes", "effect_sizes", "relative_sd"]

COLUMNS: Final = ("quantity", "scale", "mean", "sd", "q05", "q50", "q95", "positive", "inside",
                  "above", "below", "prior_positive", "flag")
READING_COLUMNS: Final = ("reading", "region", "posterior", "prior", "ratio", "error", "flag")
# How much divergence hurts, for each path: delta / beta.
OMEGA: Final = {"omega_threat": (c.BETA_THREAT, c.DELTA_THREAT),
                "omega_credibility": (c.BETA_CREDIBILITY, c.DELTA_CREDIBILITY)}
# What one sd more of S is.
_WORDS: Final = {
    c.BETA_THREAT: "more threat, as the mean of both,",
    c.DELTA_THREAT: "less gap between their perceptions of threat",
    c.BETA_CREDIBILITY: "more credibility, as the mean of both,",
    c.DELTA_CREDIBILITY: "less gap between their views of credibility"}
# Probability that beta is positive, above which delta / beta is reported.
_SURE: Final = 0.95


@dataclass(frozen=True)
class EffectSizes:
    """Size of the paths' coefficients, and the readings as regions of them.

    Attributes
    ----------
    table : pandas.DataFrame
        ``quantity`` (a coefficient, or ``omega_threat``, ``omega_credibility``), ``scale``
        (``raw``: sds of cohesion's stationary residual for a unit of the driver;
        ``standardised``: sds of cohesion for an sd of the driver; ``ratio``), ``mean``, ``sd``,
        ``q05``, ``q50``, ``q95``, ``positive`` (probability of > 0), ``inside``, ``above``,
        ``below`` (probability of the region of practical equivalence and of either side of it;
        standardised only), ``prior_positive`` (prior probability of > 0; coefficients only),
        ``flag`` (why numbers are missing). A ratio has no ``mean`` or ``sd``: where the
        denominator may be zero they do not exist.
    readings : pandas.DataFrame
        ``reading``, ``region``, ``posterior``, ``prior`` (probabilities of the region),
        ``ratio`` (posterior over prior: a Bayes factor against H12 as a whole), ``error`` (Monte
        Carlo, of ``posterior``; missing where all draws or none are in the region), ``flag``.
    sentence : str
        A plain sentence for each coefficient, ratio and reading.
    """

    table: pd.DataFrame
    readings: pd.DataFrame
    sentence: str

    @property
    def data(self) -> xr.Dataset:
        """The tables' numbers; dims ``quantity`` and ``scale``, and ``reading``."""
        dims = ("quantity", "scale")
        numbers = [name for name in COLUMNS if name not in (*dims, "flag")]
        found = self.readings.set_index("reading")
        return labelled(self.table, numbers, dims).assign_coords(
            reading=[str(name) for name in found.index]).assign(
            {name: ("reading", found[name].to_numpy(dtype=float))
             for name in ("posterior", "prior", "ratio", "error")})


def effect_sizes(fit: Fit, *, rope: float = 0.1) -> EffectSizes:
    """Say how large the path coefficients are and which reading they lie in.

    Parameters
    ----------
    fit : Fit
        A fit under H12.
    rope : float
        Half width of the region of practical equivalence, in standardised effects; half of what
        is by convention a small effect, by default.

    Returns
    -------
    EffectSizes

    Raises
    ------
    NotFittedError
        If the fit is not one of H12, in which all four coefficients act.
    ValueError
        If ``rope`` is not positive and finite.

    Notes
    -----
    ``omega`` is reported only where beta is positive with probability above .95. It then rests
    on all draws, those with a negative beta too.
    """
    if fit.hypothesis != "H12":
        raise NotFittedError(f"effect sizes need a fit under H12, got {fit.hypothesis}")
    if not (np.isfinite(rope) and rope > 0):
        raise ValueError(f"rope is {rope} (allowed: a positive number)")
    raw = _coefficients(fit)
    scale = dict(zip(c.COEFFICIENTS, np.moveaxis(relative_sd(fit), 2, 0), strict=True))
    prior = prior_positive(fit.spec)
    rows: list[dict[str, Any]] = []
    for name, draws in raw.items():
        rows.append(_row(name, "raw", draws, prior_positive=prior))
        effect = draws * scale[name]
        rows.append(_row(name, "standardised", effect, prior_positive=prior,
                         inside=(np.abs(effect) < rope).mean(), above=(effect >= rope).mean(),
                         below=(effect <= -rope).mean()))
    rows += [_omega_row(name, raw[beta], raw[delta]) for name, (beta, delta) in OMEGA.items()]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    regions = _regions(fit, raw)
    return EffectSizes(table, regions, _sentence(table, regions, rope))


def _coefficients(fit: Fit) -> dict[str, np.ndarray]:
    """Return the draws of each coefficient, shape (chain, draw)."""
    array = fit.posterior[c.VAR_COEFFICIENT].transpose("chain", "draw", c.DIM_COEFFICIENT)
    return {name: array.sel({c.DIM_COEFFICIENT: name}).to_numpy().astype(float)
            for name in c.COEFFICIENTS}


def relative_sd(fit: Fit) -> np.ndarray:
    """Return sd(S) / sd(cohesion) over the months, shape (chain, draw, coefficient)."""
    cohesion = fit.posterior[c.COHESION].transpose("chain", "draw", c.DIM_TIME)
    spread = cohesion.to_numpy().astype(float).std(axis=-1, ddof=1)
    return np.asarray(regressors(fit).std(axis=-1, ddof=1) / spread[..., None])


def _row(quantity: str, scale: str, draws: np.ndarray, **more: Any) -> dict[str, Any]:
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    numbers: dict[str, Any] = dict.fromkeys(COLUMNS, np.nan)
    numbers |= {"quantity": quantity, "scale": scale, "mean": float(draws.mean()),
                "sd": float(draws.std(ddof=1)), "q05": float(low), "q50": float(middle),
                "q95": float(high), "positive": float((draws > 0).mean()), "flag": ""}
    return numbers | {name: float(value) for name, value in more.items()}


def _omega_row(name: str, beta: np.ndarray, delta: np.ndarray) -> dict[str, Any]:
    sure = float((beta > 0).mean())
    if sure > _SURE:
        return _row(name, "ratio", delta / beta, mean=np.nan, sd=np.nan)
    flag = f"beta is positive with probability {sure:.3f}, not above {_SURE}"
    return dict.fromkeys(COLUMNS, np.nan) | {"quantity": name, "scale": "ratio", "flag": flag}


def _regions(fit: Fit, raw: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the readings with their ratio of probabilities and Monte Carlo error."""
    shape = raw[c.BETA_THREAT].shape
    draws = pd.DataFrame({name: values.ravel() for name, values in raw.items()})
    rows = []
    for found in readings(fit).to_dict("records"):
        # The region is written as a condition on the coefficients' names.
        inside = draws.eval(found["region"], engine="python").to_numpy().reshape(shape)
        error, flag = _indicator_error(inside)
        rows.append((found["reading"], found["region"], found["posterior"], found["prior"],
                     found["posterior"] / found["prior"], error, flag))
    return pd.DataFrame(rows, columns=list(READING_COLUMNS))


def _indicator_error(inside: np.ndarray) -> tuple[float, str]:
    """Return the Monte Carlo error of a share of draws, from its effective draws, and a flag."""
    share = float(inside.mean())
    if share in (0.0, 1.0):
        return np.nan, f"{'no' if share == 0.0 else 'every'} draw is in the region"
    effective = float(np.asarray(az.ess(inside.astype(float), method="mean")))
    return float(np.sqrt(share * (1.0 - share) / effective)), ""


def _sentence(table: pd.DataFrame, regions: pd.DataFrame, rope: float) -> str:
    return " ".join([*_of_coefficients(table, rope), *_of_omega(table), *_of_readings(regions)])


def _of_coefficients(table: pd.DataFrame, rope: float) -> Sequence[str]:
    return [f"{row.quantity}: one sd {_WORDS[row.quantity]} moves cohesion by {row.mean:+.2f} sd "
            f"({row.q05:+.2f} to {row.q95:+.2f}, 90%); above zero with probability "
            f"{row.positive:.2f} (prior {row.prior_positive:.2f}), within {rope:g} of zero "
            f"{row.inside:.2f}, above that {row.above:.2f}, below {row.below:.2f}."
            for row in table[table["scale"] == "standardised"].itertuples()]


def _of_omega(table: pd.DataFrame) -> Sequence[str]:
    return [f"{row.quantity}: not reported, {row.flag}." if row.flag else
            f"{row.quantity}: a gap counts {row.q50:.2f} times as much as the level (median; "
            f"{row.q05:.2f} to {row.q95:.2f}, 90%)."
            for row in table[table["scale"] == "ratio"].itertuples()]


def _of_readings(regions: pd.DataFrame) -> Sequence[str]:
    return [f"{row.reading}: probability {row.posterior:.3f}"
            + (f" ({row.flag})" if row.flag else f" ± {row.error:.3f}")
            + f", prior {row.prior:.2f}, ratio {row.ratio:.2f}."
            for row in regions.itertuples()]
