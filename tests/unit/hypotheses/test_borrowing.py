"""Effects of other pairs as half of the prior, against normals whose mixture is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses import OtherPairs, borrow
from bayes_alliance.hypotheses.regression import Conditional
from bayes_alliance.hypotheses.size import relative_sd
from tests.helpers.made_up_fit import normal_fit

DRAWS, CHAINS = 4000, 2
MEAN, SD = np.array([0.3, -0.1, 0.05, 0.2]), np.array([0.2, 0.25, 0.2, 0.3])
# Four Monte Carlo errors either way: one false alarm in 16,000 independent comparisons.
ERRORS = 4.0


@pytest.fixture(scope="module")
def fit(spec, panel):
    return normal_fit(spec, panel, MEAN, SD, chains=CHAINS, draws=DRAWS)


@pytest.fixture(autouse=True, params=[0.0, 0.6], ids=["nothing else moves", "the rest moves too"])
def conditional(request, fit, monkeypatch):
    """Full conditionals that with the draws of the coefficients make up their posterior.

    A share of the posterior's sd is that of the conditional means over draws.
    """
    rng = np.random.default_rng(7)
    draws = fit.posterior[c.VAR_COEFFICIENT].to_numpy().astype(float)
    moves = request.param * SD
    mean = MEAN + (moves / SD) ** 2 * (draws - MEAN) + moves * np.sqrt(
        1 - (moves / SD) ** 2) * rng.standard_normal(draws.shape)
    covariance = np.broadcast_to(np.diag(SD**2 - moves**2), (*mean.shape, 4))
    found = Conditional(mean, covariance, np.zeros(mean.shape[:-1]))
    monkeypatch.setattr("bayes_alliance.hypotheses.borrowing.full_conditional", lambda fit: found)


def others(scale, centre, sd, draws=500):
    rng = np.random.default_rng(2)
    return OtherPairs((centre + sd * rng.standard_normal((draws, 4))) * scale, "five other pairs")


def known(fit, told, scale, weight):
    """Return the weight after, and mean and covariance of the mixture, by products of normals."""
    wide = fit.spec.priors.coefficient.sd
    # What the pair's own data say: the posterior over the prior.
    precision = 1 / SD**2 - 1 / wide**2
    assert (precision > 0).all()
    centre = MEAN / SD**2 / precision
    parts, logs = [], []
    theirs = told.normal
    for mean, cov in ((np.zeros(4), wide**2 * np.eye(4)),
                      (theirs.mean / scale, theirs.cov / np.outer(scale, scale))):
        inverse = np.linalg.inv(cov) + np.diag(precision)
        after = np.linalg.inv(inverse)
        parts.append((after @ (np.linalg.solve(cov, mean) + precision * centre), after))
        logs.append(stats.multivariate_normal(mean, cov + np.diag(1 / precision)).logpdf(centre))
    odds = weight / (1 - weight) * np.exp(logs[1] - logs[0])
    share = odds / (1 + odds)
    mean = (1 - share) * parts[0][0] + share * parts[1][0]
    second = sum(part * (cov + np.outer(at, at))
                 for part, (at, cov) in zip((1 - share, share), parts, strict=True))
    return share, mean * scale, np.sqrt(np.diag(second) - mean**2) * scale


@pytest.mark.parametrize(("centre", "sd"), [(MEAN, 0.15), (np.array([0.5, 0.3, -0.2, 0.0]), 0.2)])
@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_a_mixture_of_normals_is_what_it_is_by_hand(fit, centre, sd, weight):
    scale = relative_sd(fit)[0, 0]
    told = others(scale, centre, sd)
    found = borrow(fit, told, weight=weight)
    share, mean, spread = known(fit, told, scale, weight)
    table = found.table.set_index(["when", "coefficient"])
    for j, name in enumerate(c.COEFFICIENTS):
        error = spread[j] / np.sqrt(found.effective)
        assert table.at[("after", name), "mean"] == pytest.approx(mean[j], abs=ERRORS * error)
        assert table.at[("after", name), "sd"] == pytest.approx(spread[j], rel=0.08)
        assert table.at[("before", name), "mean"] == pytest.approx(MEAN[j] * scale[j], abs=ERRORS *
                                                                   SD[j] * scale[j] / 89)
        assert table.at[("others", name), "mean"] == pytest.approx(told.normal.mean[j])
    # Draws of the ratio of priors, whose sd is a few times its mean.
    assert found.weight_after == pytest.approx(share, abs=0.05)
    assert not found.flag
    assert f"{found.weight_after:.2f} after its own data, {weight:.2f} before" in found.sentence
    assert found.data["mean"].dims == ("coefficient", "when")
    assert len(found.plot().axes) == 4


def test_others_who_agree_gain_weight_and_others_who_do_not_lose_it(fit):
    scale = relative_sd(fit)[0, 0]
    agreeing = borrow(fit, others(scale, MEAN, 0.1))
    opposed = borrow(fit, others(scale, -2 * MEAN, 0.1))
    assert agreeing.weight_after > 0.8 > 0.2 > opposed.weight_after
    signs = agreeing.readings.set_index("reading")
    # Both coefficients of threat: by the others above zero and below it, nearly independent.
    assert signs.at["H1 common threat", "others"] == pytest.approx(
        stats.norm.sf(-3) * stats.norm.sf(1), abs=0.08)
    assert (signs[["before", "after"]] <= 1).all().all()


def test_with_no_weight_nothing_changes_and_with_all_of_it_only_the_others_count(fit):
    scale = relative_sd(fit)[0, 0]
    told = others(scale, MEAN, 0.15)
    none = borrow(fit, told, weight=0.0)
    wide = none.table.pivot_table(index="coefficient", columns="when", values="mean")
    np.testing.assert_allclose(wide["after"], wide["before"], rtol=1e-12)
    assert none.weight_after == 0.0
    assert none.effective == pytest.approx(CHAINS * DRAWS)
    assert borrow(fit, told, weight=1.0).weight_after == 1.0


def test_weights_that_rest_on_few_draws_are_flagged(fit, request):
    scale = relative_sd(fit)[0, 0]
    far = borrow(fit, others(scale, MEAN + 5 * SD, 0.02), weight=1.0)
    # Where nothing else moves, every draw says the same of the others, however far they are.
    assert bool(far.flag) == ("the rest moves too" in request.node.name)
    assert ("Not to be reported" in far.sentence) == bool(far.flag)


def test_others_who_are_wider_than_the_prior_need_no_luck(fit):
    """Weights of the coefficients' own draws would rest on the few that reach so far."""
    scale = relative_sd(fit)[0, 0]
    told = others(scale, MEAN + 3.0, 2.0)
    found = borrow(fit, told, weight=1.0)
    assert not found.flag
    _, mean, spread = known(fit, told, scale, 1.0 - 1e-12)
    table = found.table.set_index(["when", "coefficient"])
    for j, name in enumerate(c.COEFFICIENTS):
        error = spread[j] / np.sqrt(found.effective)
        assert table.at[("after", name), "mean"] == pytest.approx(mean[j], abs=ERRORS * error)
        assert table.at[("after", name), "sd"] == pytest.approx(spread[j], rel=0.08)


def test_what_cannot_be_is_refused(fit):
    told = others(np.ones(4), MEAN, 0.1)
    with pytest.raises(NotFittedError, match=r"H12, got H1$"):
        borrow(replace(fit, hypothesis="H1"), told)
    with pytest.raises(ValueError, match=r"weight is 1\.5"):
        borrow(fit, told, weight=1.5)
    for effects, message in ((np.zeros((9, 3)), r"shape \(9, 3\)"), (np.zeros((3, 4)), "more than"),
                             (np.full((9, 4), np.nan), "not all finite")):
        with pytest.raises(ValueError, match=message):
            OtherPairs(effects, "nobody")
