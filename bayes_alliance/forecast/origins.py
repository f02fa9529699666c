"""Forecasts from earlier months, scored against what happened, beside those of simple rules.

From every origin each hypothesis is fitted to what was known then and carried forward; so are the
baselines. All are scored on the same rows: those that end one to twenty-four months later, of
indicators with some history at the origin.

Invariant: a forecast from an origin rests on what :mod:`bayes_alliance.forecast.cutting` leaves of
the panel, and on nothing else; what the horizon brings in events and offices is forecast too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from bayes_alliance.exceptions import SpecError
from bayes_alliance.forecast.baselines import BASELINES, predict
from bayes_alliance.forecast.cutting import cut_panel, fit_known, known_rows
from bayes_alliance.forecast.histories import LEAST_ROWS
from bayes_alliance.forecast.indicators import Outlook
from bayes_alliance.forecast.links import Link, history
from bayes_alliance.forecast.scenarios import AS_NOW, resolve_scenario
from bayes_alliance.forecast.scores import QUANTILES, score
from bayes_alliance.forecast.states import project_states
from bayes_alliance.inference import load_model
from bayes_alliance.inference.many import Tally
from bayes_alliance.inference.study import study
from bayes_alliance.model.predict import flatten
from bayes_alliance.spec import ModelSpec, spec_hash
from bayes_alliance.tables import Panel

__all__ = ["HORIZONS", "POINTS", "Origin", "backtest_scores", "forecast_from", "horizon_of",
           "origins", "run_origin", "targets"]

# Leads are put together up to each of these, in months.
HORIZONS: Final = (1, 3, 6, 12, 24)
# Months of a panel before its first origin, where none is named; a third of a shorter one.
HISTORY: Final = 96
# Columns of the points that a predictive distribution is kept as.
POINTS: Final = tuple(f"point{k:02d}" for k in range(QUANTILES))
_RULES: Final = "rules"
_TOGETHER: Final = 400
_PIT: Final = 59


class Origin(NamedTuple):
    """Everything that the forecasts of one hypothesis, or of the rules, from a month depend on."""

    model: str
    month: str
    method: str
    lag: int = 0
    seed: int = 1
    draws: int = 400
    tune: int = 200
    chains: int = 2


def backtest_scores(model: str | Path, *, hypotheses: Sequence[str], first: str | None = None,
                    step: int = 3, lag: int = 0, seed: int = 1,
                    folder: str | Path | None = None, workers: int | None = None,
                    cluster: str | None = None,
                    report: Callable[[Tally], None] | None = None,
                    restart: bool = False) -> pd.DataFrame:
    """Forecast from every origin and score.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    hypotheses : sequence of str
        Which forecast.
    first : str, optional
        First origin, ``YYYY-MM``; eight years after the panel's first month if not given, or a
        third into a panel of under twelve years.
    step : int
        Months between origins.
    lag : int
        Months from the end of a row to its publication.
    seed : int
    folder : str or pathlib.Path, optional
        Keeps finished origins, to go on after an interruption; without one none are kept.
    workers, cluster, report
        See :func:`bayes_alliance.inference.many.many`.
    restart : bool
        Move what the folder holds aside and begin anew.

    Returns
    -------
    pandas.DataFrame
        ``origin``, ``method``, ``indicator``, ``first``, ``last`` (months of the row), ``lead``
        (months from the origin to the row's last), ``horizon``, ``value``, the scores of
        :func:`bayes_alliance.forecast.scores.score`, ``converged``, and the predictive
        distribution as equally likely points.

    Raises
    ------
    SpecError
        If a hypothesis is unknown or no origin leaves a row to forecast.
    """
    spec, panel = load_model(model)
    unknown = [name for name in hypotheses if name not in spec.hypotheses]
    if unknown or not hypotheses:
        raise SpecError(f"unknown hypotheses {', '.join(unknown) or 'none'} (allowed: "
                        f"{', '.join(spec.hypotheses)})")
    items = {f"{month}-{method}": Origin(str(model), month, method, lag, seed)
             for month in origins(panel, first, step, lag)
             for method in (_RULES, *hypotheses)}
    done = study(run_origin, items, spec, panel, folder=folder, workers=workers, cluster=cluster,
                 report=report, restart=restart, seed=seed, lag=lag, spec_hash=spec_hash(spec))
    found = pd.concat([pd.DataFrame(table) for table in done.values()], ignore_index=True)
    return found.assign(horizon=horizon_of(found["lead"].to_numpy()))


def origins(panel: Panel, first: str | None = None, step: int = 3,
            lag: int = 0) -> list[str]:
    """Return the months from which forecasts are made.

    Raises
    ------
    SpecError
        If there is none from which a row can be forecast.
    """
    if step < 1:
        raise SpecError(f"step is {step} (allowed: 1 or more months)")
    if first is None:
        months = len(panel.time)
        first = str(panel.time[HISTORY if months >= 1.5 * HISTORY else months // 3])
    if first not in panel.time.astype(str):
        raise SpecError(f"the first origin {first!r} is no month of the panel (allowed: "
                        f"{panel.time[0]} to {panel.time[-1]})")
    found = [str(panel.time[at]) for at in range(panel.position(first), len(panel.time), step)
             if len(targets(panel, at, lag))]
    if not found:
        raise SpecError(f"from {first} on there is no row to forecast")
    return found


def horizon_of(lead: np.ndarray) -> np.ndarray:
    """Return the horizon under which leads are put: the smallest that is not shorter."""
    return np.asarray(HORIZONS)[np.searchsorted(HORIZONS, lead)]


def targets(panel: Panel, origin: int, lag: int = 0) -> pd.DataFrame:
    """Return the rows that are forecast from a month, with their ``lead``.

    Parameters
    ----------
    panel : Panel
        Of all months.
    origin : int
        Position of the month in ``panel.time``.
    lag : int
        See :func:`bayes_alliance.forecast.cutting.known_rows`.
    """
    known = known_rows(panel, origin, lag)
    counts = panel.rows.loc[known, "indicator"].value_counts()
    enough = panel.rows["indicator"].map(counts).fillna(0) >= LEAST_ROWS
    lead = panel.rows["end_month"] - origin
    chosen = ~known & enough & (lead >= 1) & (lead <= HORIZONS[-1])
    return panel.rows[chosen].assign(lead=lead[chosen])


def run_origin(key: str, item: Origin) -> pd.DataFrame:
    """Forecast from one month by one hypothesis, or by all rules; a task of ``many``."""
    spec, panel = load_model(item.model)
    return forecast_from(spec, panel, item)


def forecast_from(spec: ModelSpec, panel: Panel, item: Origin) -> pd.DataFrame:
    """Forecast from one month of a panel at hand; see :func:`backtest_scores` for the columns."""
    origin = panel.position(item.month)
    rows = targets(panel, origin, item.lag)
    by_indicator = [(str(name), part) for name, part in rows.groupby("indicator", sort=False)]
    if item.method == _RULES:
        known = cut_panel(panel, origin, item.lag)
        frames = [_by_rule(rule, known, name, part, item)
                  for name, part in by_indicator for rule in BASELINES]
    else:
        fit = fit_known(spec, panel, origin, item.method, lag=item.lag, seed=item.seed,
                        draws=item.draws, tune=item.tune, chains=item.chains)
        samples = flatten(fit.posterior)
        months = int(rows["lead"].max())
        scenario = resolve_scenario(AS_NOW, spec, fit.panel, months).spec
        states = project_states(fit, samples, scenario, months, item.seed)
        outlook = Outlook(fit, samples, states, item.seed)
        frames = [_by_model(outlook, item, name, part).assign(
            converged=fit.diagnostics.passed) for name, part in by_indicator]
    return pd.concat(frames, ignore_index=True)


def _by_model(outlook: Outlook, item: Origin, name: str, rows: pd.DataFrame) -> pd.DataFrame:
    prediction = outlook.predict(name, rows["start_month"].to_numpy(),
                                 rows["end_month"].to_numpy())
    draws = outlook.draw(name, prediction)
    return _told(item, item.method, rows, draws,
                 prediction.log_density(rows["value"].to_numpy(dtype=float)))


def _by_rule(rule: str, known: Panel, name: str, rows: pd.DataFrame,
             item: Origin) -> pd.DataFrame:
    about = known.indicators.loc[name]
    past = known.rows[known.rows["indicator"] == name]
    link = Link(about, float(past["n"].iloc[-1]))
    middle = (rows["start_month"] + rows["end_month"]).to_numpy(dtype=float) / 2.0
    predictive = predict(rule, history(past, about), middle)
    value = rows["value"].to_numpy(dtype=float)
    levels = (np.arange(_TOGETHER) + 0.5) / _TOGETHER
    return _told(item, rule, rows, link.back(predictive.quantiles(levels).T),
                 predictive.log_density(link.forward(value)) + link.log_slope(value))


def _told(item: Origin, method: str, rows: pd.DataFrame, draws: np.ndarray,
          log_score: np.ndarray) -> pd.DataFrame:
    """Return scores and points of one indicator's rows."""
    value = rows["value"].to_numpy(dtype=float)
    rng = np.random.default_rng([item.seed, _PIT, *method.encode(), *item.month.encode()])
    found = score(draws, value, log_score, rng)
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    points = np.quantile(draws, levels, axis=0).T
    head: dict[str, Any] = {
        "origin": item.month, "method": method, "indicator": rows["indicator"].to_numpy(),
        "first": rows["start_month"].to_numpy(), "last": rows["end_month"].to_numpy(),
        "lead": rows["lead"].to_numpy(), "value": value}
    kept = pd.DataFrame(_short(points), columns=list(POINTS))
    return pd.concat([pd.DataFrame(head), found, kept], axis=1).assign(converged=True)


def _short(points: np.ndarray) -> np.ndarray:
    """Return numbers of six significant digits, which a file holds in little room."""
    return np.array([float(f"{one:.6g}") for one in points.ravel()]).reshape(points.shape)
