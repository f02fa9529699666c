"""A truth as a draw and back, and rows replicated from a draw."""

from dataclasses import replace

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.checks import simulate
from bayes_alliance.checks.quantities import (
    DECLARED,
    LOG_LIKELIHOOD,
    log_likelihood,
    panels,
    quantities,
)
from bayes_alliance.checks.truths import draw_as_truth, replicate, truth_as_draw
from bayes_alliance.hypotheses.episodes import contributions
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, row_predictor


@pytest.fixture(scope="module")
def drawn(spec, panel):
    return simulate(spec, panel, np.random.default_rng(11))


@pytest.fixture(scope="module")
def design(spec, drawn):
    return build_design(spec, drawn.panel)


@pytest.fixture(scope="module")
def doubled(spec, drawn):
    return replicate(spec, drawn.panel, drawn.truth, np.random.default_rng(12))


def test_a_truth_has_the_variables_of_a_fit_in_their_shapes(drawn, design, full):
    found = truth_as_draw(drawn.truth, design)
    fitted = flatten(full.posterior, 1)
    assert set(found.values) <= set(fitted.values)
    for name, value in found.values.items():
        assert fitted.values[name].shape == value.shape, name
    # What a fit has besides is of the pools and pairs that make loadings, noises and intercepts.
    pooled = ("loading_", "noise_", "member_", "half_life_", "series_noise", "log_")
    assert all(name.startswith(pooled) for name in set(fitted.values) - set(found.values))


def test_there_and_back_nothing_changes(drawn, design):
    there = truth_as_draw(drawn.truth, design)
    back = truth_as_draw(draw_as_truth(there, 0, design), design)
    assert set(back.values) == set(there.values)
    for name, value in there.values.items():
        np.testing.assert_array_equal(back.values[name], value, err_msg=name)


def test_a_draw_of_a_fit_comes_back_too(full, spec, panel):
    design = build_design(spec, panel)
    samples = flatten(full.posterior)
    back = truth_as_draw(draw_as_truth(samples, 7, design), design)
    assert len(back.values) > 20
    for name, value in back.values.items():
        np.testing.assert_array_equal(value[0], samples.values[name][7], err_msg=name)


def test_simulated_rows_lie_round_the_models_predictor(drawn, design):
    # The simulator's measurement against the model's, row by row: the standardised residuals of
    # rows without an own error have a mean within 4 standard errors of zero (one in 16,000), and
    # normal ones a variance within 4 of one.
    samples = truth_as_draw(drawn.truth, design)
    mu = row_predictor(samples, design)[0]
    noise = samples.values[c.VAR_NOISE][0, design.data["row_indicator"]]
    normal = design.rows["family"].isin(["normal", "student_t"]).to_numpy()
    first = normal & (design.data["has_previous"] == 0)
    follows = normal & (design.data["has_previous"] == 1)
    residual = (design.data["y"] - mu) / noise
    assert np.abs(residual[first]).max() < 12
    own = {name: value for name, value in drawn.truth["own_error_half_life"].items()}
    half_life = design.rows["indicator"].map(own).to_numpy(dtype=float)[follows]
    keep = 0.5 ** (design.data["gap"][follows] / half_life)
    shock = residual[follows] - keep * residual[design.data["previous_row"][follows]]
    shock = shock / np.sqrt(1 - keep**2)
    gaussian = (design.rows["family"] == "normal").to_numpy()[follows]
    count = gaussian.sum()
    assert count > 200
    assert abs(shock[gaussian].mean()) < 4 / np.sqrt(count)
    assert abs(shock[gaussian].var() - 1) < 4 * np.sqrt(2 / count)


def test_replicated_rows_stand_beside_the_observed_ones(drawn, doubled, design):
    rows = doubled.panel.rows
    half = len(drawn.panel.rows)
    assert len(rows) == 2 * half
    columns = ["indicator", "start_month", "end_month", "n", "mode", "family"]
    for name in columns:
        assert list(rows[name][:half]) == list(rows[name][half:])
    np.testing.assert_array_equal(rows["y"][:half], drawn.panel.rows["y"])
    assert (rows["y"][:half].to_numpy() != rows["y"][half:].to_numpy()).mean() > 0.9
    assert not set(rows["wave"][:half]) & set(rows["wave"][half:]) - {""}
    assert len(doubled.design.coords[c.DIM_WAVE]) == 2 * len(design.coords[c.DIM_WAVE])


def test_an_own_error_follows_its_own_copy_only(doubled, design):
    after = np.flatnonzero(doubled.design.data["has_previous"])
    before = doubled.design.data["previous_row"][after]
    rows = doubled.design.rows
    assert after.size == 2 * int(design.data["has_previous"].sum())
    for name in ("copy", "indicator"):
        np.testing.assert_array_equal(rows[name].to_numpy()[after], rows[name].to_numpy()[before])
    assert (doubled.design.data["gap"][after] > 0).all()


def test_given_the_draw_observed_and_replicated_rows_are_independent(spec, drawn, doubled, design):
    alone = replace(doubled.panel, rows=doubled.panel.rows[
        doubled.panel.rows["copy"] == 1].reset_index(drop=True))
    half = len(drawn.panel.rows)
    second = doubled.truth | {
        "observation_logit": doubled.truth["observation_logit"][half:]}
    second_design = build_design(spec, alone)
    apart = (log_likelihood(truth_as_draw(drawn.truth, design), design, spec)
             + log_likelihood(truth_as_draw(second, second_design), second_design, spec))
    both = log_likelihood(truth_as_draw(doubled.truth, doubled.design), doubled.design, spec)
    np.testing.assert_allclose(both, apart, rtol=1e-12)


def test_a_replicate_keeps_every_parameter_and_state(drawn, doubled):
    for name, value in drawn.truth.items():
        if name not in ("wave_error", "observation_logit"):
            assert doubled.truth[name] is value
    assert drawn.truth["wave_error"].items() <= doubled.truth["wave_error"].items()


def test_contributions_are_those_of_the_episodes(full, spec, panel):
    _, draws = contributions(full)
    found = quantities(flatten(full.posterior), build_design(spec, panel), spec, panel)
    seen = 0
    for case in draws["case"].to_numpy():
        for part in (c.COMPONENT_THREAT, c.COMPONENT_CREDIBILITY, c.COMPONENT_DISPUTES,
                     c.COMPONENT_GOVERNMENTS):
            expected = draws["contribution"].sel({"case": case, c.DIM_COMPONENT: part})
            np.testing.assert_allclose(found[f"contribution[{part}, {case}]"],
                                       expected.to_numpy().ravel(), atol=1e-10)
            seen += 1
    assert seen == 20


def test_every_declared_quantity_is_there_and_shown_once(drawn, design, spec, panel):
    found = quantities(truth_as_draw(drawn.truth, design), design, spec, panel)
    assert {name.partition("[")[0] for name in found} == set(DECLARED)
    assert all(value.shape == (1,) and np.isfinite(value).all() for value in found.values())
    shown = panels(list(found))
    assert sorted(name for names in shown.values() for name in names) == sorted(found)
    assert shown["log-likelihood"] == [LOG_LIKELIHOOD]


def test_the_log_likelihood_of_one_row_is_its_density(drawn, design, spec):
    from scipy import stats

    samples = truth_as_draw(drawn.truth, design)
    whole = log_likelihood(samples, design, spec)
    row = int(np.flatnonzero(design.rows["family"] == "beta_binomial")[3])
    used = np.ones(len(design.rows), dtype=bool)
    used[row] = False
    without = log_likelihood(samples, design.with_rows(used), spec)
    mu = row_predictor(samples, design)[0, row]
    total = 4 / drawn.truth["noise"][design.rows["indicator"].iloc[row]] ** 2
    share = 1 / (1 + np.exp(-mu))
    expected = stats.betabinom.logpmf(design.data["y"][row], design.data["n"][row],
                                      total * share, total * (1 - share))
    np.testing.assert_allclose(whole - without, expected, rtol=1e-9)
