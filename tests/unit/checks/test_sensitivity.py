"""Power-scaling: what is scaled, against a posterior whose sensitivity is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.checks import power_scaling, sensitivity
from bayes_alliance.checks.sensitivity import GROUPS, _log_likelihoods, _log_priors
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, log_likelihood


def test_every_scaled_prior_is_one_of_the_model_and_every_indicator_is_there(full, spec):
    known = set(type(spec.priors).model_fields)
    assert all(prior in known for group in GROUPS.values() for prior in group.values())
    priors, indicators = _log_priors(full), _log_likelihoods(full)
    assert list(priors.data_vars) == list(GROUPS)
    assert sorted(map(str, indicators.data_vars)) == sorted(full.panel.indicators.index)
    whole = log_likelihood(flatten(full.posterior), build_design(spec, full.panel), spec)
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


def test_a_coefficient_of_which_the_data_say_nothing_leans_on_its_prior_alone(full):
    """Draws of the prior itself: scaled to a power a, a normal has sd 1 / sqrt(a)."""
    rng = np.random.default_rng(2)
    shape = full.posterior[c.VAR_COEFFICIENT].shape
    posterior = full.posterior.assign({c.VAR_COEFFICIENT: (
        full.posterior[c.VAR_COEFFICIENT].dims, 0.5 * rng.standard_normal(shape))})
    found = power_scaling(replace(full, posterior=posterior))
    mine = f"{c.VAR_COEFFICIENT}[{c.BETA_THREAT}]"
    of_priors = found.table[found.table["part"] == "prior"]
    told = of_priors[of_priors["quantity"] == mine].set_index("group")["sensitivity"]
    assert told["paths"] > 0.1
    others = [told[group] for group in GROUPS if group != "paths"]
    assert max(others) < told["paths"]
    assert set(found.table["part"]) == {"prior", "likelihood"}
    assert found.table["flag"].equals(found.table["sensitivity"] > 0.05)
    assert "groups of priors move one" in found.sentence


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
    assert f"of {first} the draws cannot tell" in found.sentence
