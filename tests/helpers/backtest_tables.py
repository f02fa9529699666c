"""A backtest with made-up scores, and forecasts of scenarios, for the page's tests."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_alliance.forecast.skill import by_indicator, histogram, skill_table
from bayes_alliance.report.inputs import BacktestTables

__all__ = ["make_backtest", "make_scores", "with_backtest", "with_grid", "with_scenarios"]

RULES = ["last_value", "random_walk_drift", "ar1", "seasonal_naive", "ets", "local_level"]
HYPOTHESES = ["H0", "HX", "H1", "H2", "H12"]
HORIZONS = {1: 1, 3: 3, 6: 6, 12: 12, 20: 24}


def make_scores(panel, seed=0, methods=(*RULES, *HYPOTHESES)):
    """Return scores of forecasts that are a fifth better than the rules'."""
    rng = np.random.default_rng(seed)
    months = [str(month) for month in panel.time]
    rows = []
    for at in range(96, len(months) - 24, 6):
        for name in panel.indicators.index[::6]:
            for lead, horizon in HORIZONS.items():
                for method in methods:
                    rows.append({
                        "method": method, "origin": months[at], "indicator": name,
                        "first": at + lead, "last": at + lead, "value": 50.0 + seed,
                        "horizon": horizon, "lead": lead,
                        **{f"point{k:02d}": 45.0 + k / 4 for k in range(40)},
                        "crps": (4.0 if method in RULES else 3.2) * (0.8 + lead / 20)
                        * rng.uniform(0.8, 1.2), "log_score": -2.0 + 0.2 * rng.normal(),
                        "interval50": 5.0, "interval90": 9.0,
                        "inside50": float(rng.uniform() < 0.5),
                        "inside90": float(rng.uniform() < 0.9), "pit": rng.uniform(),
                        "converged": True})
    return pd.DataFrame(rows)


def make_backtest(panel, seed=0):
    """Return the tables of a backtest whose H12 is a fifth better than the rules."""
    scores = make_scores(panel, seed, (*RULES, *HYPOTHESES, "equal_weights", "stacked"))
    rng = np.random.default_rng([seed, 1])
    own = scores[scores["method"] == "H12"]
    centre = rng.uniform(30, 70, len(own))
    paths = pd.DataFrame({
        "origin": own["origin"], "indicator": own["indicator"],
        "time": [str(panel.time[at]) for at in own["last"]],
        "value": rng.normal(centre, 5), "q05": centre - 9, "q25": centre - 4, "q50": centre,
        "q75": centre + 4, "q95": centre + 9})
    months = [str(month) for month in panel.time]
    weights = pd.DataFrame({"origin": months[120], "method": HYPOTHESES,
                            "weight": [0.1, 0.3, 0.2, 0.1, 0.3]})
    return BacktestTables(skill_table(scores, RULES, HYPOTHESES, 4), by_indicator(scores),
                          histogram(scores), weights, paths)


def with_backtest(inputs):
    """Return a report's inputs with such a backtest."""
    return replace(inputs, backtest=make_backtest(inputs.panel))


def with_grid(inputs, seed=0):
    """Return a report's inputs with a made-up robustness grid of thirty specifications."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(30):
        for episode in inputs.spec.episodes:
            for hypothesis in ("H1", "H2"):
                value = 0.5 * rng.normal() + (2.0 if number == 7 and hypothesis == "H1" else 0.0)
                rows.append({
                    "specification": f"made up {number}" if number else "as committed",
                    "group": "indicator" if number else "committed", "episode": episode,
                    "hypothesis": hypothesis,
                    "verdict": "supported" if value > 1.5 else "inconclusive",
                    "log_bayes_factor": value, "log_bayes_factor_se": 0.04,
                    "converged": number != 3})
    return replace(inputs, grid=pd.DataFrame(rows))


def with_scenarios(inputs):
    """Return a report's inputs with differences, outcomes and waves of made-up forecasts."""
    differences, outcomes = {}, []
    for number, name in enumerate(inputs.spec.scenarios):
        shifted = inputs.forecast.drop(columns=["scenario", "q01", "q99"]).copy()
        shifted["mean"] = shifted["q50"] - 0.1 * number
        differences[name] = shifted.assign(p_lower=0.4 + 0.05 * number,
                                          p_higher=0.5 - 0.05 * number)
    for name in ("as_now", *inputs.spec.scenarios):
        for key, about in inputs.spec.forecast.outcomes.items():
            outcomes.append({"scenario": name, "outcome": key, "title": about.title,
                             "probability": np.nan if name == "us_doubt" else 0.25,
                             "mcse": 0.01})
    waves = inputs.forecast[inputs.forecast["time"] == "2025-10"].rename(
        columns={"target": "indicator"}).assign(pollster="cabinet_office")
    return replace(inputs, differences=differences, outcomes=pd.DataFrame(outcomes), waves=waves)
