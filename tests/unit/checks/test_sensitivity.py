"""Power-scaling: what is scaled, against a posterior whose sensitivity is known."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.checks import posterior_predictive, power_scaling, sensitivity
from bayes_alliance.checks.sensitivity import GROUPS, _log_likelihoods, _log_priors
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, log_likelihood, row_predictor


def test_every_scaled_prior_is_one_of_the_model_and_every_indicator_is_there(full, spec):
    known = set(type(spec.priors).model_fields)
    assert all(prior in known for group in GROUPS.values() for prior in group.values())
    priors, indicators = _log_priors(full), _log_likelihoods(full)
    assert list(priors.data_vars) == list(GROUPS)
    assert sorted(map(str, indicators.data_vars)) == sorted(full.panel.indicators.index)
    samples, design = flatten(full.posterior), build_design(spec, full.panel)
    whole = log_likelihood(samples, design, spec)
    # A coded event count has a logit of its own, whose density is the indicator's too.
    mu, block = row_predictor(samples, design), design.blocks["binomial"]
    noise = samples.values[c.VAR_NOISE][:, design.data["row_indicator"][block]]
    whole += stats.norm(mu[:, block], noise).logpdf(
        samples.values[c.VAR_OBSERVATION_LOGIT]).sum(axis=1)
    summed = sum(indicators[name] for name in indicators.data_vars)
    np.testing.assert_allclose(summed.to_numpy().ravel(), whole, rtol=1e-10)


def test_log_priors_are_those_of_the_model_file(full, spec):
    priors, draw = _log_priors(full), full.posterior.isel(chain=1, draw=7)
    found = priors.isel(chain=1, draw=7)
    assert found["paths"].item() == pytest.approx(
        stats.norm(0, spec.priors.coefficient.sd).logpdf(draw[c.VAR_COEFFICIENT]).sum())
    z = np.arctanh(draw[c.VAR_CORRELATION].to_numpy().astype(float))
    prior = spec.priors
    assert found["members"].item() == pytest.approx(
        stats.norm(0, prior.correlation.sd).logpdf(z).sum()
        + stats.norm(0, prior.second_member_level.sd).logpdf(draw[c.VAR_LEVEL_SECOND]).sum()
        + stats.lognorm(prior.second_member_scale.sd, scale=prior.second_member_scale.median
                        ).logpdf(draw[c.VAR_SCALE_SECOND]).sum())


def test_a_coefficient_of_which_the_data_say_nothing_leans_on_its_prior_alone(full, monkeypatch):
    """Draws of the prior itself: scaled to a power a, a normal has sd 1 / sqrt(a).

    Its sensitivity is then 0.08: in 20 trials of 20,000 draws of a normal and its own density,
    0.080 with an sd of 0.003. Of the other groups, which say nothing of the coefficient, 120
    draws give noise of up to 0.12, and so many draws a tenth of that: none may be flagged.
    """
    rng = np.random.default_rng(2)
    draws = 10_000
    priors = {name for group in GROUPS.values() for name in group}
    kept = full.posterior[sorted({*priors, c.VAR_HALF_LIFE} & set(full.posterior.data_vars))]
    posterior = kept.isel(draw=rng.integers(kept.sizes["draw"], size=draws)).assign_coords(
        draw=np.arange(draws))
    coefficient = posterior[c.VAR_COEFFICIENT]
    posterior = posterior.assign({c.VAR_COEFFICIENT: (
        coefficient.dims, 0.5 * rng.standard_normal(coefficient.shape))})
    monkeypatch.setattr(sensitivity, "_MOST", coefficient.size)
    monkeypatch.setattr(sensitivity, "_log_likelihoods", lambda fit: xr.Dataset({
        "of_no_indicator": (("chain", "draw"), rng.standard_normal((2, draws)))}))
    found = power_scaling(replace(full, posterior=posterior))
    mine = f"{c.VAR_COEFFICIENT}[{c.BETA_THREAT}]"
    table = found.table[found.table["quantity"] == mine].set_index(["part", "group"])
    assert table.loc[("prior", "paths"), "sensitivity"] == pytest.approx(0.08, abs=0.015)
    others = table.drop([("prior", "paths"), ("prior", "all")])
    assert len(others) == len(GROUPS) - 1 + 2
    assert others["sensitivity"].max() < 0.05
    assert not others["flag"].any()


def test_a_sensitivity_above_the_threshold_is_flagged_and_told(full):
    found = power_scaling(full)
    assert set(found.table["part"]) == {"prior", "likelihood"}
    assert found.table["flag"].equals(found.table["sensitivity"] > 0.05)
    assert found.table["flag"].any()
    assert "groups of priors move at least one of them" in found.sentence


def test_a_fit_that_held_rows_out_is_refused(full):
    held = replace(full, left_out="friction")
    for check in (power_scaling, posterior_predictive):
        with pytest.raises(NotFittedError, match="held out the rows of friction"):
            check(held)


def test_other_quantities_may_be_judged(full):
    mean = full.posterior[c.COHESION].mean(c.DIM_TIME).to_dataset(name="cohesion_mean")
    found = full.sensitivity().table
    assert len(found["quantity"].unique()) == 7
    other = power_scaling(full, mean).table
    assert set(other["quantity"]) == {"cohesion_mean"}
    assert (other["sensitivity"].isna() == (other["effective"] < 0.5)).all()
    assert other["sensitivity"].notna().mean() > 0.5


def test_where_the_weights_leave_few_draws_nothing_is_told(full, monkeypatch):
    """A log density with an sd of 200 weighs, at a power of 1.01, as one with an sd of 2."""
    logs = _log_likelihoods(full)
    first, second = list(logs.data_vars)[:2]
    rng = np.random.default_rng(4)
    wild = logs[[first]].map(lambda array: array.copy(
        data=200.0 * rng.standard_normal(array.shape)))
    tame = logs[[second]].map(lambda array: array.copy(data=rng.standard_normal(array.shape)))
    monkeypatch.setattr(sensitivity, "_log_likelihoods", lambda fit: wild.merge(tame))
    found = power_scaling(full)
    table = found.table.set_index(["group", "quantity"]).sort_index()
    assert table.loc[first, "sensitivity"].isna().all()
    assert not table.loc[first, "flag"].any()
    assert table.loc[second, "sensitivity"].notna().all()
    assert (table.loc[second, "effective"] > 0.99).all()
    assert f"the draws cannot tell of {first}" in found.sentence
