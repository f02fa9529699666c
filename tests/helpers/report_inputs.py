"""Inputs of a report with the right shapes and made-up numbers; no sampler is imported."""

import datetime as dt
from functools import cache

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.report.inputs import CheckSummary, Finding, FitSummary, ReportInputs
from bayes_alliance.spec import read_model
from bayes_alliance.tables import Panel

__all__ = ["make_inputs", "make_page", "make_panel"]

LEVELS = {"q05": -1.645, "q25": -0.674, "q50": 0.0, "q75": 0.674, "q95": 1.645}
GOVERNMENTS = {"rok": (("first", 0), ("second", 90), ("third", 190)),
               "japan": (("alpha", 0), ("beta", 120), ("gamma", 215)),
               "us": (("elder", 0), ("middle", 60), ("made_up_1", 156), ("made_up_2", 204))}


def make_inputs(seed=0):
    """Return a whole set of report inputs for the shipped model file."""
    rng = np.random.default_rng(seed)
    spec = read_model("rok_japan")
    spec = spec.model_copy(update={
        "model": spec.model.model_copy(update={"title": "Made-up numbers, 2004-2024"})})
    panel = make_panel(spec, rng)
    states, gaps = make_states(panel, rng)
    coefficients = make_coefficients(rng)
    return ReportInputs(
        spec=spec, panel=panel, states=states, gaps=gaps, episodes=make_episodes(spec, rng),
        evidence=make_evidence(spec, rng), verdicts=make_verdicts(spec),
        readings=make_readings(coefficients), coefficients=coefficients,
        parameters=make_parameters(coefficients, rng), forecast=make_forecast(spec, panel, rng),
        forecast_sentence="2026-12, as now: cohesion is lower with probability 0.41.",
        posterior_check=make_posterior_check(panel, rng), prior_check=make_prior_check(panel),
        fits=make_fits(spec, rng), sources=make_sources(),
        prior_scales=make_prior_scales(), periods=make_periods(), cut=make_cut(),
        sensitivity=make_sensitivity(),
        provenance={"seed": 1, "spec_hash": "0a" * 32, "data_hash": "1b" * 32,
                    "created": "2000-01-01T00:00:00+00:00",
                    "versions": {"python": "3.0", "bayes_alliance": "0.0", "pymc": "0.1"}})


def make_prior_scales():
    """Return log Bayes factors by prior sd, and their sentence."""
    rows = [{"hypothesis": name, "sd": sd, "difference": -0.37 * sd, "difference_se": 0.02,
             "check": -0.36 * sd, "check_se": 0.03, "flag": "few draws" if sd > 1 else ""}
            for name in ("H1", "H2", "H12") for sd in (0.5, 1.0, 2.0)]
    return Finding(pd.DataFrame(rows), "Made-up sds from 0.5 to 2.")


def make_periods():
    """Return coefficients by administration, and their sentence."""
    rows = [{"administration": name, "months": 60 + k, "coefficient": coefficient,
             "mean": 0.11 * (k + 1), "sd": 0.47, "positive": 0.6, "difference": 0.1 - 0.05 * k,
             "difference_sd": 0.3, "higher": 0.63 - 0.1 * k}
            for k, name in enumerate(("elder", "middle")) for coefficient in c.COEFFICIENTS]
    return Finding(pd.DataFrame(rows), "Made-up coefficients of their own: -0.25 nats.")


def make_cut():
    """Return coefficients with the drivers cut, one of them shifted."""
    table = pd.DataFrame({
        "coefficient": c.COEFFICIENTS, "mean": 0.2, "sd": 0.4, "positive": 0.7,
        "cut_mean": [0.5, 0.2, 0.2, 0.2], "cut_sd": 0.41, "cut_positive": 0.8,
        "shift": [0.75, 0.0, 0.0, 0.0], "shift_error": 0.06, "flag": ["shifted", "", "", ""]})
    return Finding(table, "Made-up: beta_threat moves by more than 0.5 posterior sds.")


def make_sensitivity():
    """Return sensitivities of two quantities, one above the threshold."""
    table = pd.DataFrame({
        "part": ["prior", "prior", "likelihood"], "group": ["paths", "noise", "survey_rok"],
        "quantity": "made_up_coefficient", "sensitivity": [0.12, 0.01, 0.34],
        "flag": [True, False, True]})
    return Finding(table, "Of 1 quantities: made up.")


@cache
def make_page():
    """Return the page of the made-up inputs, drawn once for all tests."""
    from bayes_alliance.report.page import render

    return render(make_inputs())


def make_panel(spec, rng):
    """Return a panel whose rows stand where real ones could."""
    time = pd.period_range(spec.model.start, spec.model.end, freq="M")
    indicators, rows = [], []
    for latent in c.LATENTS:
        for number, name in enumerate(spec.latents[latent].indicators):
            member = name.rsplit("_", 1)[1] if latent != c.COHESION else spec.model.dyad
            monthly = number == 0
            indicators.append({
                "indicator": name, "latent": latent, "member": member,
                "family": "normal" if monthly else "beta_binomial",
                "unit": "persons" if monthly else "percent",
                "wording": f"Made-up wording of {name}", "licence": "open", "kind": "opinion",
                "source": "survey"})
            where = np.arange(len(time)) if monthly else np.sort(
                rng.choice(np.arange(4, len(time)), int(rng.integers(3, 20)), replace=False))
            rows += [_row(name, latent, member, time, int(t), rng) for t in where]
    masked = [{"indicator": spec.latents["cohesion"].indicators[0], "start": dt.date(2020, 2, 1),
               "end": dt.date(2023, 9, 30), "reason": "made-up mask"}]
    frame = pd.DataFrame(rows)
    masked_out = ((frame["indicator"] == masked[0]["indicator"]) & (frame["start_month"] >= 193)
                  & (frame["start_month"] <= 236))
    zeros = pd.DataFrame(0.0, index=time, columns=[*spec.drivers, *spec.rivals])
    governments = pd.DataFrame(index=time)
    for country, terms in GOVERNMENTS.items():
        starts = [start for _, start in terms]
        governments[country] = [terms[int(np.searchsorted(starts, t, "right")) - 1][0]
                                for t in range(len(time))]
    return Panel(
        dataset="made_up", data_hash="1b" * 32, time=time, members=spec.model.members,
        dyad=spec.model.dyad, patron=spec.model.patron,
        indicators=pd.DataFrame(indicators).set_index("indicator"),
        rows=frame[~masked_out].reset_index(drop=True), covariates=zeros[[]],
        drivers=zeros[list(spec.drivers)], rivals=zeros[list(spec.rivals)], raw_stocks=zeros,
        event_counts=zeros, governments=governments, excluded=pd.DataFrame(masked),
        events=make_events(rng))


def _row(name, latent, member, time, t, rng):
    month = time[t]
    return {"indicator": name, "latent": latent, "member": member, "family": "normal",
            "start": month.start_time.date(), "end": month.end_time.date(), "start_month": t,
            "end_month": t, "value": float(rng.uniform(20, 80)), "n": 1000, "y": 0.0,
            "wave": "", "mode": 0, "calendar_month": month.month, "source": "survey"}


def make_events(rng):
    rows = []
    for number in range(80):
        sign = str(rng.choice([-1, -1, 0, 1, 1]))
        year, month = 2001 + number * 24 // 80, int(rng.integers(1, 13))
        rows.append({"date": dt.date(year, month, 3), "precision": "day", "kind": "summit",
                     "actor": "rok", "target": "japan", "sign": sign,
                     "role": "driver" if number % 2 else "shown", "event": f"Made-up {number}",
                     "source": "https://example.org/event" if number % 3 else "survey"})
    return pd.DataFrame(rows)


def make_states(panel, rng):
    states, gaps = [], []
    walks = {}
    for latent in c.LATENTS:
        for member in (panel.members if latent != c.COHESION else (panel.dyad,)):
            path = np.zeros(len(panel.time))
            for t in range(1, len(path)):
                path[t] = 0.95 * path[t - 1] + 0.3 * rng.standard_normal()
            walks[latent, member] = path
            states.append(_bands(panel, path, 0.4, latent=latent, member=member))
    for latent in c.PATHS:
        first, second = (walks[latent, member] for member in panel.members)
        gaps.append(_bands(panel, first - second, 0.5, latent=latent))
    return pd.concat(states, ignore_index=True), pd.concat(gaps, ignore_index=True)


def _bands(panel, path, sd, **names):
    return pd.DataFrame({
        **names, "time": [str(month) for month in panel.time], "mean": path, "sd": sd,
        **{level: path + z * sd for level, z in LEVELS.items()}})


def make_coefficients(rng):
    draws = rng.normal([0.1, 0.05, -0.1, 0.2], 0.35, size=(4, 250, 4))
    return xr.DataArray(draws, dims=("chain", "draw", c.DIM_COEFFICIENT),
                        coords={c.DIM_COEFFICIENT: list(c.COEFFICIENTS)})


def make_parameters(coefficients, rng):
    found = {name.replace("_", " "): (
        rng.normal(0, 0.5, 500), coefficients.sel({c.DIM_COEFFICIENT: name}).values.ravel())
        for name in c.COEFFICIENTS}
    for latent in c.LATENTS:
        found[f"half-life of {latent} (months)"] = (rng.lognormal(2.5, 0.5, 500),
                                                    rng.lognormal(2.2, 0.3, 1000))
    return found


def make_readings(coefficients):
    value = {str(name): coefficients.sel({c.DIM_COEFFICIENT: name}).values.ravel()
             for name in coefficients[c.DIM_COEFFICIENT].values}
    beta, delta = value[c.BETA_CREDIBILITY], value[c.DELTA_CREDIBILITY]
    rows = [("H1 common threat", "beta_threat > 0 and delta_threat > 0", 0.31),
            ("H2 common ally (Hwang)", "beta_credibility > 0 and delta_credibility >= 0",
             float(((beta > 0) & (delta >= 0)).mean())),
            ("abandonment (Cha)", "beta_credibility < 0 and delta_credibility > 0",
             float(((beta < 0) & (delta > 0)).mean()))]
    return pd.DataFrame([(*row, 0.25) for row in rows],
                        columns=["reading", "region", "posterior", "prior"])


def make_episodes(spec, rng):
    rows = []

    def add(episode, baseline, hypothesis, quantity, centre, sd, probability):
        rows.append((episode, baseline, hypothesis, quantity, centre, sd, centre - 1.645 * sd,
                     centre, centre + 1.645 * sd, probability))

    for name, episode in spec.episodes.items():
        for baseline in episode.baselines:
            for path in c.PATHS:
                for part in ("mean", "gap", *spec.model.members):
                    add(name, baseline, "HX", f"direction_{path}_{part}", rng.normal(0, 0.6), 0.3,
                        float(rng.uniform(0.2, 1)))
                rows.append((name, baseline, "HX", f"direction_{path}_opposite", *[np.nan] * 5,
                             0.1))
                rows.append((name, baseline, "HX", f"direction_{path}", *[np.nan] * 5,
                             float(rng.uniform(0.1, 0.95))))
            parts = rng.normal(0, 0.3, len(c.COMPONENTS))
            named = dict(zip(c.COMPONENTS, parts, strict=True))
            named["unexplained"] = parts[4] + parts[5]
            change = -1.3 if episode.change == "down" else 1.1
            add(name, baseline, "H12", "change", change, 0.4, 0.99)
            for component, value in named.items():
                p = float(rng.uniform(0.3, 0.9))
                add(name, baseline, "H12", f"contribution_{component}", value, 0.25, p)
                add(name, baseline, "H12", f"share_{component}", value / change, 0.3, p)
            for path in c.PATHS:
                add(name, baseline, "H12", f"counterfactual_{path}", change * 0.9, 0.4, 0.97)
                add(name, baseline, "H12", f"share_before_{path}", 0.0, 0.2, 0.5)
    return pd.DataFrame(rows, columns=["episode", "baseline", "hypothesis", "quantity", "mean",
                                       "sd", "q05", "q50", "q95", "probability"])


def make_evidence(spec, rng):
    rows = [(name, episode, "leave_episode_out", np.nan, np.nan,
             0.0 if name == "HX" else float(rng.normal(0, 0.2)), 0.0 if name == "HX" else 0.02,
             "")
            for episode in spec.episodes for name in ("HX", "H1", "H2", "H12")]
    return pd.DataFrame(rows, columns=["hypothesis", "episode", "unit", "elpd", "se",
                                       "difference", "difference_se", "flag"])


def make_verdicts(spec):
    rows = []
    for number, episode in enumerate(spec.episodes):
        for other, name in enumerate(("H1", "H2")):
            word = ("inconclusive", "supported", "contradicted", "inconclusive")[
                2 * number + other]
            rows.append((episode, name, word, "not met: evidence; made-up reason", 0.42, 0.61,
                         0.07, 0.11 - 0.2 * other, 0.02, np.nan if number else 0.85))
    return pd.DataFrame(rows, columns=[
        "episode", "hypothesis", "verdict", "reason", "direction_probability",
        "contribution_probability", "contribution_share", "log_bayes_factor",
        "log_bayes_factor_se", "specification_share"])


def make_forecast(spec, panel, rng):
    future = [str(month) for month in pd.period_range(panel.time[-1] + 1, periods=24, freq="M")]
    frames = []
    for target in [*spec.series, *panel.indicators.index]:
        centre, spread = rng.normal(), np.linspace(0.3, 1.0, 24)
        frames.append(pd.DataFrame({
            "scenario": "as_now", "target": target, "time": future,
            **{level: centre + z * spread
               for level, z in {"q01": -2.326, **LEVELS, "q99": 2.326}.items()}}))
    return pd.concat(frames, ignore_index=True)


def make_posterior_check(panel, rng):
    table = pd.DataFrame({
        "indicator": panel.rows["indicator"], "latent": panel.rows["latent"],
        "time": panel.rows["start_month"], "observed": rng.standard_normal(len(panel.rows)),
        **LEVELS})
    return CheckSummary(True, table, "90% of made-up observations lie inside.")


def make_prior_check(panel):
    table = pd.DataFrame({"indicator": panel.indicators.index, "unit": "percent", "q05": 5.0,
                          "q50": 50.0, "q95": 95.0, "observed_low": 20.0, "observed_high": 70.0})
    return CheckSummary(True, table, "Every made-up range overlaps.")


def make_fits(spec, rng):
    size = 1500
    table = pd.DataFrame({
        "quantity": [f"made_up[{number}]" for number in range(size)],
        "rhat": 1 + rng.gamma(2, 0.0008, size), "ess_bulk": rng.uniform(600, 5000, size),
        "ess_tail": rng.uniform(500, 4000, size), "state": np.arange(size) > 300})
    summary = {"rhat_max": 1.006, "rhat_max_states": 1.008, "ess_bulk_min": 612.0,
               "ess_tail_min": 530.0, "divergences": 0, "bfmi_min": 0.71, "seconds": 99.0,
               "draws": 250, "chains": 4}
    gate = {"rhat": 1.01, "rhat_states": 1.02, "ess": 400.0, "bfmi": 0.3, "divergences": 0}
    loose = gate | {"rhat": 1.03, "rhat_states": 1.03, "ess": 100.0}
    return (FitSummary("H12", summary, gate, True, (), table),
            FitSummary("HX", summary, gate, True),
            *(FitSummary(f"H12 without {name}", summary, loose, True) for name in spec.episodes),
            FitSummary("prior", summary, {}, True))


def make_sources():
    return pd.DataFrame([
        {"source": "survey", "citation": "A made-up survey", "address": "https://example.org/a",
         "licence": "CC BY 4.0", "redistribution": "open", "retrieved": "", "sha256": "",
         "note": ""},
        {"source": "other", "citation": "Another", "address": "javascript:alert(1)",
         "licence": "", "redistribution": "cite", "retrieved": "", "sha256": "", "note": ""}])
