from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses import (
    Agreement,
    compare_episodes,
    components,
    judge,
    leave_episode_out,
    log_density_at_zero,
    readings,
    regression,
)
from bayes_alliance.hypotheses.paths import cohesion_trend, persistence, regressors
from bayes_alliance.hypotheses.savage_dickey import full_conditional
from bayes_alliance.spec.schema import DynamicsSpec


@pytest.fixture(scope="module")
def episodes(reference, full):
    return compare_episodes(reference, full)


@pytest.fixture(scope="module")
def evidence(full, without):
    return leave_episode_out(full, without)


def test_components_sum_to_cohesion_in_every_draw_and_month(full):
    total = components(full).sum(c.DIM_COMPONENT)
    assert np.abs(total - full.posterior[c.COHESION]).max() < 1e-9


def test_contributions_sum_to_the_change(episodes):
    data = episodes.data
    difference = data["contribution"].sum(c.DIM_COMPONENT) - data["change"]
    assert np.abs(difference).max() < 1e-9


def test_every_episode_and_baseline_has_every_quantity(episodes, spec):
    counts = episodes.table.groupby(["episode", "baseline"]).size()
    assert len(counts) == sum(len(one.baselines) for one in spec.episodes.values())
    assert counts.nunique() == 1
    quantities = set(episodes.table["quantity"])
    assert {"direction_threat", "direction_credibility_rok", "change", "contribution_threat",
            "share_unexplained", "counterfactual_credibility"} <= quantities
    named = episodes.table["probability"]
    assert ((named >= 0) & (named <= 1)).all()


def test_the_share_before_is_that_of_coefficients_from_their_prior(full, reference, spec):
    def before(sd):
        prior = spec.priors.coefficient.model_copy(update={"sd": sd})
        priors = spec.priors.model_copy(update={"coefficient": prior})
        told = compare_episodes(reference, replace(full, spec=spec.model_copy(
            update={"priors": priors}))).table
        return told[told["quantity"].str.startswith("share_before_")].set_index(
            ["episode", "baseline", "quantity"])[["q05", "q50", "q95"]]

    wide, narrow = before(0.5), before(0.05)
    assert np.allclose(wide, 10 * narrow)
    assert set(wide.index.get_level_values("quantity")) == {
        "share_before_threat", "share_before_credibility"}
    # No sign is assumed: zero lies within.
    assert (wide["q05"] < 0).all()
    assert (wide["q95"] > 0).all()


def test_directions_come_from_the_reference_and_contributions_from_h12(episodes):
    table = episodes.table
    assert (table[table["quantity"].str.startswith("direction")]["hypothesis"] == "HX").all()
    assert (table[table["quantity"].str.startswith("contrib")]["hypothesis"] == "H12").all()


def test_a_path_that_is_switched_off_contributes_nothing(reference):
    split = components(reference)
    for path in c.PATHS:
        assert np.abs(split.sel({c.DIM_COMPONENT: path})).max() == 0


def test_a_path_held_where_it_was_changes_nothing(full, episodes):
    # With the coefficients at zero the counterfactual equals the change.
    still = replace(full, posterior=full.posterior.assign(
        {c.VAR_COEFFICIENT: full.posterior[c.VAR_COEFFICIENT] * 0}))
    table = compare_episodes(full, still).table.set_index(["episode", "baseline", "quantity"])
    for path in c.PATHS:
        both = [table.xs(name, level="quantity")["mean"]
                for name in ("change", f"counterfactual_{path}")]
        assert np.allclose(*both)


def with_options(full, response="adjustment", innovations="normal", dynamics="ar1"):
    """Return the fit under another structure, with slopes of cohesion if its trend is local."""
    head = full.spec.model.model_copy(update={
        "response": response, "innovations": innovations,
        "dynamics": DynamicsSpec(cohesion=dynamics)})
    fit = replace(full, spec=full.spec.model_copy(update={"model": head}))
    if dynamics != "local_trend":
        return fit
    cohesion = fit.posterior[c.COHESION].transpose("chain", "draw", c.DIM_TIME)
    slope = 0.05 * np.random.default_rng(4).normal(size=(*cohesion.shape[:2], 1,
                                                         cohesion.shape[2]))
    posterior = fit.posterior.assign_coords({c.DIM_TREND: [c.COHESION]})
    return replace(fit, posterior=posterior.assign({
        c.VAR_SLOPE: (("chain", "draw", c.DIM_TREND, c.DIM_TIME), slope)}))


@pytest.mark.parametrize("dynamics", ["ar1", "random_walk", "local_trend"])
def test_persistence_and_shocks_are_those_of_cohesions_dynamics(full, dynamics):
    phi, spread = persistence(with_options(full, "level", dynamics=dynamics))
    half_life = full.posterior[c.VAR_HALF_LIFE].sel({c.DIM_CONSTRUCT: c.COHESION}).to_numpy()
    assert phi.shape == spread.shape == half_life.shape
    assert spread**2 == pytest.approx(1 - 0.25 ** (1 / half_life), rel=1e-12)
    expected = 0.5 ** (1 / half_life) if dynamics == "ar1" else np.ones_like(half_life)
    assert phi == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dynamics", ["random_walk", "local_trend"])
def test_components_sum_to_cohesion_whatever_its_dynamics(full, dynamics):
    fit = with_options(full, "level", dynamics=dynamics)
    split = components(fit)
    assert np.abs(split.sum(c.DIM_COMPONENT) - fit.posterior[c.COHESION]).max() < 1e-9
    # What a random walk starts with never fades.
    initial = split.sel({c.DIM_COMPONENT: c.COMPONENT_INITIAL})
    assert (initial == initial.isel({c.DIM_TIME: 0})).all()
    assert np.abs(initial).max() > 0


def test_a_trend_of_cohesion_acts_from_the_month_after(full):
    assert cohesion_trend(full) == 0.0
    fit = with_options(full, "level", dynamics="local_trend")
    slope, found = fit.posterior[c.VAR_SLOPE].to_numpy()[:, :, 0], cohesion_trend(fit)
    assert (found[..., 0] == 0).all()
    assert np.diff(found) == pytest.approx(slope[..., :-1], abs=1e-12)


OPTIONS = [("adjustment", "ar1"), ("level", "ar1"), ("level", "random_walk"),
           ("level", "local_trend")]


@pytest.mark.parametrize(("response", "dynamics"), OPTIONS)
@pytest.mark.parametrize("innovations", ["normal", "student_t"])
def test_the_full_conditional_is_the_one_of_a_gaussian_regression(full, monkeypatch, response,
                                                                  dynamics, innovations):
    fit = with_options(full, response, innovations, dynamics)
    given = full_conditional(fit)
    mean, covariance = given.mean, given.covariance
    assert mean.shape == (*full.posterior[c.COHESION].shape[:2], 4)
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    # With Student-t shocks the regression is Gaussian given the variance factor of each.
    months, asked = len(full.panel.time), []
    factor = np.random.default_rng(2).uniform(0.2, 5.0, size=months)

    def weights(fit, shock):
        asked.append(shock)
        return np.broadcast_to(factor, shock.shape)

    if innovations == "student_t":
        monkeypatch.setattr(regression, "_mixture_weights", weights)
        drawn, given = mean, full_conditional(fit)
        mean, covariance = given.mean, given.covariance
        assert not np.allclose(drawn, mean)
    else:
        factor = np.ones(months)
    # One draw by hand, by least squares on whitened rows with the prior as four more rows.
    half_life = full.posterior[c.VAR_HALF_LIFE].sel({c.DIM_CONSTRUCT: c.COHESION})
    fade = 0.5 ** (1 / float(half_life[0, 0]))
    phi, spread = fade if dynamics == "ar1" else 1.0, np.sqrt(1 - fade**2)
    design = regressors(fit)[0, 0]
    eta = fit.posterior[c.COHESION].to_numpy()[0, 0]
    values = full.posterior
    rest = (values[c.VAR_RIVAL_EFFECT].to_numpy()[0, 0] @ full.panel.rivals.to_numpy().T)
    labels = [str(label) for label in values[c.DIM_GOVERNMENT].to_numpy()]
    effect = values[c.VAR_GOVERNMENT_EFFECT].to_numpy()[0, 0]
    for member in full.panel.members:
        rest = rest + np.array([effect[labels.index(f"{member}:{label}")]
                                for label in full.panel.governments[member]])
    slope = np.zeros(len(eta))
    if dynamics == "local_trend":
        slope = fit.posterior[c.VAR_SLOPE].to_numpy()[0, 0, 0]
    rows, outcome = [design[:, 0]], [eta[0] - rest[0]]
    for t in range(1, len(eta)):
        if response == "adjustment":
            row = (1 - phi) * design[:, t]
            value = eta[t] - phi * eta[t - 1] - (1 - phi) * rest[t]
        else:
            row = design[:, t] - phi * design[:, t - 1]
            value = (eta[t] - rest[t]) - phi * (eta[t - 1] - rest[t - 1]) - slope[t - 1]
        rows.append(row / spread)
        outcome.append(value / spread)
    if asked:
        coefficient = values[c.VAR_COEFFICIENT].to_numpy()[0, 0]
        shock = np.array(outcome) - np.array(rows) @ coefficient
        assert asked[0][0, 0] == pytest.approx(shock, rel=1e-8, abs=1e-9)
    rows, outcome = np.array(rows) / np.sqrt(factor)[:, None], outcome / np.sqrt(factor)
    matrix = np.vstack([rows, np.eye(4) / full.spec.priors.coefficient.sd])
    target = np.concatenate([outcome, np.zeros(4)])
    assert mean[0, 0] == pytest.approx(np.linalg.lstsq(matrix, target, rcond=None)[0],
                                       rel=1e-6, abs=1e-8)
    assert np.linalg.inv(covariance[0, 0]) == pytest.approx(matrix.T @ matrix, rel=1e-9)
    # Gain over zero coefficients: the two marginal densities of the outcome written out.
    noise = np.diag(np.ones(len(outcome)))
    prior = full.spec.priors.coefficient.sd**2 * rows @ rows.T
    gain = (multivariate_normal(cov=noise + prior).logpdf(outcome)
            - multivariate_normal(cov=noise).logpdf(outcome))
    assert given.log_gain[0, 0] == pytest.approx(gain, abs=1e-6)


def test_savage_dickey_is_exact_where_the_posterior_is_known(full):
    """With cohesion and drivers fixed, the average of one full conditional is the posterior."""
    posterior = full.posterior.copy(deep=True)
    for name in posterior.data_vars:
        array = posterior[name].transpose("chain", "draw", ...)
        fixed = np.broadcast_to(array.to_numpy()[:1, :1], array.shape)
        posterior[name] = (array.dims, fixed.copy())
    fit = replace(full, posterior=posterior)
    given = full_conditional(fit)
    mean, covariance = given.mean, given.covariance[0, 0]

    for which in ((0, 1, 2, 3), (0, 1), (2, 3)):
        index = list(which)
        law = multivariate_normal(mean[0, 0][index], covariance[np.ix_(index, index)])
        exact = law.logpdf(np.zeros(len(index)))
        value, error = log_density_at_zero(fit, which)
        assert value == pytest.approx(exact, abs=0.01)
        assert error == pytest.approx(0, abs=1e-6) or np.isnan(error)


def test_evidence_needs_h12_and_covers_every_hypothesis(evidence, reference):
    table = evidence.table
    assert set(table["hypothesis"]) == {"H0", "HX", "H1", "H2", "H12"}
    assert (table[table["hypothesis"] == "HX"]["difference"] == 0).all()
    assert np.isfinite(table[table["hypothesis"] != "H0"]["difference"]).all()
    with pytest.raises(NotFittedError, match="H12"):
        log_density_at_zero(reference, (0, 1))


def test_without_held_out_rows_the_difference_is_zero(full):
    table = leave_episode_out(full, {"nothing": full}).table
    assert np.abs(table["difference"]).max() < 1e-12


def test_readings_are_regions_of_the_coefficients(full):
    table = readings(full).set_index("reading")
    draws = full.posterior[c.VAR_COEFFICIENT].to_numpy().reshape(-1, 4)
    inside = ((draws[:, 2] < 0) & (draws[:, 3] > 0)).mean()
    assert table.loc["abandonment (Cha)", "posterior"] == pytest.approx(inside)


def table_for(direction, contribution, share, *, opposite=0.0, largest=1.0, moved=0.99,
              before=1.0):
    rows = []
    for episode in ("friction", "cohesion"):
        rows.append((episode, "b", "H12", "change", np.nan, np.nan, moved))
        for path in c.PATHS:
            rows += [(episode, "b", "HX", f"direction_{path}", np.nan, np.nan, direction),
                     (episode, "b", "HX", f"direction_{path}_opposite", np.nan, np.nan, opposite),
                     (episode, "b", "H12", f"contribution_{path}", np.nan, np.nan, contribution),
                     (episode, "b", "H12", f"share_{path}", share, largest, contribution),
                     (episode, "b", "H12", f"share_before_{path}", 0.0, before, 0.5)]
    return pd.DataFrame(rows, columns=["episode", "baseline", "hypothesis", "quantity", "q50",
                                       "q95", "probability"])


def evidence_for(difference):
    return pd.DataFrame([(hypothesis, episode, "leave_episode_out", difference, 0.01)
                         for hypothesis in ("H1", "H2") for episode in ("friction", "cohesion")],
                        columns=["hypothesis", "episode", "unit", "difference", "difference_se"])


def grid_of(spec, shares, without="supported"):
    return {(episode, hypothesis): Agreement(shares, without) for episode in spec.episodes
            for hypothesis in ("H1", "H2")}


@pytest.mark.parametrize(("direction", "contribution", "share", "difference", "agreed", "verdict"),
                         [(0.95, 0.95, 0.4, 2.0, 0.9, "supported"),
                          (0.95, 0.95, 0.4, 2.0, 0.7, "inconclusive"),
                          (0.95, 0.95, 0.4, 2.0, None, "inconclusive"),
                          (0.85, 0.95, 0.4, 2.0, 0.9, "inconclusive"),
                          (0.95, 0.85, 0.4, 2.0, 0.9, "inconclusive"),
                          (0.95, 0.95, 0.2, 2.0, 0.9, "inconclusive"),
                          (0.95, 0.95, 0.4, 1.0, 0.9, "inconclusive"),
                          (0.0, 0.05, -0.4, -2.0, 0.9, "contradicted")])
def test_verdicts_follow_the_thresholds(spec, direction, contribution, share, difference, agreed,
                                        verdict):
    own = "contradicted" if difference < 0 else "supported"
    grid = None if agreed is None else grid_of(spec, {own: agreed, "inconclusive": 1 - agreed},
                                               own)
    found = judge(spec, table_for(direction, contribution, share, opposite=0.95 * (not direction)),
                  evidence_for(difference), grid)
    assert (found.table["verdict"] == verdict).all()
    assert (found.table["reason"] != "").all()
    told = found.table["specification_share"]
    if grid is None:
        assert told.isna().all()
    else:
        assert told.to_numpy() == pytest.approx(grid["friction", "H1"].shares[verdict])


def test_specifications_that_agree_on_another_verdict_support_nothing(spec):
    """The share is of the verdict that would be given, whatever a shorter fit of it said."""
    strong = table_for(0.95, 0.95, 0.4), evidence_for(2.0)
    found = judge(spec, *strong, grid_of(spec, {"inconclusive": 1.0}, "inconclusive")).table
    assert set(found["verdict"]) == {"inconclusive"}
    assert found["reason"].str.contains("only in 0% of specifications").all()
    assert set(found["specification_share"]) == {1.0}


@pytest.mark.parametrize("without", ["inconclusive", ""])
def test_a_verdict_must_hold_without_effects_of_governments(spec, without):
    grid = grid_of(spec, {"supported": 0.98, "inconclusive": 0.02}, without)
    found = judge(spec, table_for(0.95, 0.95, 0.4), evidence_for(2.0), grid).table
    assert set(found["verdict"]) == {"inconclusive"}
    assert found["reason"].str.contains("not without effects of governments").all()


def test_a_member_of_the_grid_is_judged_without_it(spec):
    found = judge(spec, table_for(0.95, 0.95, 0.4), evidence_for(2.0), ask_grid=False).table
    assert set(found["verdict"]) == {"supported"}


def test_a_prediction_that_half_holds_is_no_contradiction(spec):
    """Of two quantities one moved as predicted: together they have not, nor the other way."""
    half = table_for(0.0, 0.05, -0.4, opposite=0.0), evidence_for(-2.0)
    found = judge(spec, *half, grid_of(spec, {"contradicted": 1.0}, "contradicted")).table
    assert set(found["verdict"]) == {"inconclusive"}


@pytest.mark.parametrize(("table", "difference", "reason"), [
    ({"largest": 0.2}, 0.0, "no effect of that size: a share of 25% or more has probability "
     "under 0.05 (against b), and more with coefficients from their prior"),
    ({"largest": 0.2, "before": 0.2}, 0.0, "under 0.05 (against b), but that is no finding"),
    ({}, 0.0, "too little information"),
    ({}, 0.9, "the held-out rows lean to it"),
    ({}, -0.9, "the held-out rows lean against it"),
    ({}, np.nan, "the evidence could not be computed"),
    ({"moved": 0.3}, 0.0, "how cohesion itself moved is unsure (against b)")])
def test_the_reason_tells_no_effect_from_too_little(spec, table, difference, reason):
    found = judge(spec, table_for(0.5, 0.5, 0.1, **table), evidence_for(difference)).table
    assert found["reason"].str.contains(reason, regex=False).all()
    surely = judge(spec, table_for(0.5, 0.5, 0.1, **table | {"moved": 0.95}),
                   evidence_for(difference)).table
    assert not surely["reason"].str.contains("unsure").any()
