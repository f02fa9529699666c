"""What many dyads say together: coefficients of the population, of classes and of each dyad.

Invariant: draws in, labelled tables out; every probability is a share of draws, and what is said
in words is said of the numbers beside it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.fitting import DyadFit
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.exceptions import NotFittedError, did_you_mean
from bayes_alliance.model.predict import softabs
from bayes_alliance.spec.priors import Normal

__all__ = ["READINGS", "PopulationResult", "between_share", "class_contrasts", "dyad_effects",
           "flat_draws", "groups_of", "paths_of_dyad", "population_effects", "readings",
           "standardised_effects", "summarise"]

# Which signs each reading of the theory predicts; 1 is above zero, -1 below, 0 any.
READINGS: Final[dict[str, dict[str, int]]] = {
    "H1 common threat": {c.BETA_THREAT: 1, c.DELTA_THREAT: 1},
    "H2 common ally (Hwang)": {c.BETA_CREDIBILITY: 1, c.DELTA_CREDIBILITY: 1},
    "abandonment (Cha)": {c.BETA_CREDIBILITY: -1, c.DELTA_CREDIBILITY: 1},
}


@dataclass(frozen=True)
class PopulationResult:
    """Effects of the population and of its classes.

    Attributes
    ----------
    table : pandas.DataFrame
        ``group`` (``all``, a class, ``spread``, or ``between`` for what sets dyads apart over all
        their years), ``coefficient``, ``mean``, ``sd``, ``q05``,
        ``q50``, ``q95``, ``above_zero``, ``log_bf_zero``: of a population mean of zero against
        one drawn from the prior, by the Savage-Dickey ratio (population only).
    readings : pandas.DataFrame
        ``group``, ``reading``, ``probability``, ``prior``.
    data : xarray.Dataset
        The draws.
    sentence : str
    """

    table: pd.DataFrame
    readings: pd.DataFrame
    data: xr.Dataset
    sentence: str


def population_effects(fit: DyadFit) -> PopulationResult:
    """Summarise the coefficients of the population and its classes.

    Parameters
    ----------
    fit : DyadFit
        Under H12.

    Raises
    ------
    NotFittedError
        If it is of another hypothesis: what is switched off was drawn from the prior.

    Notes
    -----
    A density at zero is averaged over the conditional normals of the population's means given
    those of the classes (Rao-Blackwell).
    """
    if fit.hypothesis != "H12":
        raise NotFittedError("coefficients of both paths need a fit under H12, got "
                             f"{fit.hypothesis}")
    posterior = fit.posterior
    rows = []
    groups = groups_of(posterior)
    # Fits of an earlier model have none.
    if n.VAR_BETWEEN in posterior:
        groups["between"] = posterior[n.VAR_BETWEEN]
    for label, draws in groups.items():
        for name in c.COEFFICIENTS:
            values = draws.sel({c.DIM_COEFFICIENT: name}).to_numpy().ravel()
            rows.append({"group": label, "coefficient": name, **summarise(values)})
    table = pd.DataFrame(rows)
    ratio = _log_ratio_at_zero(fit)
    table["log_bf_zero"] = [ratio.get(row.coefficient, np.nan) if row.group == "all" else np.nan
                            for row in table.itertuples()]
    found = readings(fit)
    return PopulationResult(table, found, posterior[[c.VAR_COEFFICIENT, n.VAR_CLASS_COEFFICIENT,
                                                     n.VAR_SPREAD]], _sentence(fit, found))


def prior_of(spec: DyadModelSpec, group: str) -> Normal:
    """Return the prior of a coefficient of the population (``all``) or of a class."""
    mean, deviation = spec.priors.coefficient, spec.priors.coefficient_class
    if group == "all":
        return mean
    return Normal(mu=mean.mu + deviation.mu, sd=float(np.hypot(mean.sd, deviation.sd)))


def readings(fit: DyadFit) -> pd.DataFrame:
    """Return how probable each reading's signs are, for the population and each class."""
    rows = []
    for label, draws in groups_of(fit.posterior).items():
        if label == "spread":
            continue
        for reading, signs in READINGS.items():
            holds = np.ones(draws.isel({c.DIM_COEFFICIENT: 0}).size, dtype=bool)
            for name, sign in signs.items():
                holds &= sign * draws.sel({c.DIM_COEFFICIENT: name}).to_numpy().ravel() > 0
            positive = float(prior_of(fit.spec, label).frozen().sf(0.0))
            prior = np.prod([positive if sign > 0 else 1.0 - positive for sign in signs.values()])
            rows.append({"group": label, "reading": reading, "probability": holds.mean(),
                         "prior": float(prior)})
    return pd.DataFrame(rows)


def dyad_effects(fit: DyadFit, dyads: list[str] | None = None) -> pd.DataFrame:
    """Return one row a dyad and coefficient, of all dyads or of some.

    Raises
    ------
    ValueError
        If the fit has no dyad of a name.

    Returns
    -------
    pandas.DataFrame
        ``dyad``, ``class``, ``region``, ``coefficient``, ``mean``, ``sd``, ``q05``, ``q50``,
        ``q95``, ``above_zero``, and ``standardised``: the median of
        :func:`standardised_effects`.
    """
    for name in dyads or ():
        if name not in fit.dyads:
            raise ValueError(f"the fit has no dyad {name!r}{did_you_mean(name, fit.dyads)}")
    rows = []
    for dyad in dyads or fit.dyads:
        about = fit.dyads[dyad]
        values = _coefficients(fit, dyad)
        effects = np.median(standardised_effects(fit, dyad), axis=0)
        for j, name in enumerate(c.COEFFICIENTS):
            rows.append({"dyad": dyad, "class": about["class"], "region": about["region"],
                         "coefficient": name, **summarise(values[:, j]),
                         "standardised": float(effects[j])})
    return pd.DataFrame(rows)


def standardised_effects(fit: DyadFit, dyad: str) -> np.ndarray:
    """Return draws of a dyad's coefficients in sds of its cohesion for an sd of the driver.

    The sds are those over the years in which the dyad is one, draw by draw, as in the monthly
    model. Zero for a dyad of a single year, in which nothing moves.

    Returns
    -------
    numpy.ndarray, shape (sample, path coefficient)
    """
    span = _span(fit, dyad)
    moved = paths_of_dyad(fit, dyad)[..., span].std(axis=-1)
    eta = flat_draws(fit.posterior[c.COHESION].sel({n.DIM_DYAD: dyad}))[:, span]
    # The two stages' draws are independent of each other: any pairing of them will do.
    count = min(len(moved), len(eta))
    spread = eta[:count].std(axis=1)[:, None]
    scale = np.divide(moved[:count], spread, out=np.zeros((count, moved.shape[1])),
                      where=spread > 0.0)
    return np.asarray(_coefficients(fit, dyad)[:count] * scale)


def _coefficients(fit: DyadFit, dyad: str) -> np.ndarray:
    return flat_draws(fit.posterior[n.VAR_DYAD_COEFFICIENT].sel({n.DIM_DYAD: dyad}))


def _span(fit: DyadFit, dyad: str) -> slice:
    """Return where the years of a dyad lie; all years in a fit that does not tell them."""
    about, start = fit.dyads[dyad], int(fit.drivers[c.DIM_TIME].to_numpy()[0])
    if "first" not in about:
        return slice(None)
    return slice(int(about["first"]) - start, int(about["last"]) - start + 1)


def paths_of_dyad(fit: DyadFit, dyad: str) -> np.ndarray:
    """Return draws of what a dyad's coefficients multiply; a gap counts negatively in the model.

    Returns
    -------
    numpy.ndarray, shape (sample, path coefficient, year)
        Mean of threat, half its gap, mean of credibility, half its gap.
    """
    about = fit.dyads[dyad]
    first, second = ([flat_draws(fit.drivers[latent].sel({c.DIM_MEMBER: about[side]}))
                      for latent in c.PATHS] for side in ("member_a", "member_b"))
    parts: list[np.ndarray] = []
    for one, other in zip(first, second, strict=True):
        parts += [(one + other) / 2.0, softabs(one - other) / 2.0]
    return np.stack(parts, axis=1)


def between_share(fit: DyadFit) -> dict[str, float]:
    """Return how much of what each coefficient multiplies differs between dyads, not over years.

    Returns
    -------
    dict of str to float
        By coefficient, the variance of the dyads' means over their years as a share of the
        variance over all years of all dyads, of posterior means.
    """
    paths = [paths_of_dyad(fit, dyad)[..., _span(fit, dyad)].mean(axis=0) for dyad in fit.dyads]
    years = [part.shape[1] for part in paths]
    together = np.concatenate(paths, axis=1)
    means = np.repeat([part.mean(axis=1) for part in paths], years, axis=0)
    between, total = means.var(axis=0), together.var(axis=1)
    shares = np.divide(between, total, out=np.zeros_like(total), where=total > 0.0)
    return dict(zip(c.COEFFICIENTS, map(float, shares), strict=True))


def class_contrasts(fit: DyadFit) -> pd.DataFrame:
    """Return how the first class's coefficients differ from every other class's.

    Returns
    -------
    pandas.DataFrame
        ``group`` (``quasi less allied``), ``coefficient`` and its summary; no row where there is
        one class only.
    """
    labels = [str(one) for one in fit.posterior[n.DIM_CLASS].to_numpy()]
    draws = fit.posterior[n.VAR_CLASS_COEFFICIENT]
    rows = []
    for other in labels[1:]:
        for name in c.COEFFICIENTS:
            first, second = (flat_draws(draws.sel({n.DIM_CLASS: label, c.DIM_COEFFICIENT: name}))
                             for label in (labels[0], other))
            rows.append({"group": f"{labels[0]} less {other}", "coefficient": name,
                         **summarise(first - second)})
    return pd.DataFrame(rows, columns=["group", "coefficient", "mean", "sd", "q05", "q50", "q95",
                                       "above_zero"])


def groups_of(posterior: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return draws of the coefficients: the population's, each class's, the dyads' spread."""
    by_class = posterior[n.VAR_CLASS_COEFFICIENT]
    return {"all": posterior[c.VAR_COEFFICIENT],
            **{str(label): by_class.sel({n.DIM_CLASS: label})
               for label in by_class[n.DIM_CLASS].to_numpy()},
            "spread": posterior[n.VAR_SPREAD]}


def summarise(values: np.ndarray) -> dict[str, float]:
    """Return mean, sd, 5, 50 and 95% points and the share above zero."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"mean": float(values.mean()), "sd": float(values.std(ddof=1)), "q05": float(low),
            "q50": float(middle), "q95": float(high), "above_zero": float((values > 0).mean())}


def _log_ratio_at_zero(fit: DyadFit) -> dict[str, float]:
    """Return the log posterior density of a population mean at 0 less its prior's.

    Given the classes' means the population's is normal; given the dyads too it would be so narrow
    that the average over draws would rest on one of them.
    """
    prior, deviation = fit.spec.priors.coefficient, fit.spec.priors.coefficient_class
    found = {}
    for name in c.COEFFICIENTS:
        classes = flat_draws(fit.posterior[n.VAR_CLASS_COEFFICIENT].sel({c.DIM_COEFFICIENT: name}))
        precision = 1.0 / prior.sd**2 + classes.shape[1] / deviation.sd**2
        centre = (prior.mu / prior.sd**2
                  + (classes - deviation.mu).sum(axis=1) / deviation.sd**2) / precision
        density = stats.norm.pdf(0.0, centre, precision**-0.5)
        found[name] = float(np.log(density.mean()) - stats.norm.logpdf(0.0, prior.mu, prior.sd))
    return found


def flat_draws(array: xr.DataArray) -> np.ndarray:
    """Return draws with chains joined in front."""
    other = [dim for dim in array.dims if dim not in ("chain", "draw")]
    values = array.transpose("chain", "draw", *other).to_numpy()
    return np.asarray(values.reshape(-1, *values.shape[2:]), dtype=float)


def _sentence(fit: DyadFit, found: pd.DataFrame) -> str:
    """Return what the population says, in one sentence."""
    told = [f"those of {row.reading} {row.probability:.2f} ({row.prior:.2f} before the data)"
            for row in found[found["group"] == "all"].itertuples()]
    warning = "" if fit.passed else " The fit failed the diagnostics gate: do not report it."
    return (f"On average over {len(fit.dyads)} dyads the signs of a reading have this probability: "
            f"{'; '.join(told)}. A verdict asks for more: whether there is an effect at all."
            f"{warning}")
