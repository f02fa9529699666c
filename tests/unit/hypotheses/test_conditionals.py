"""The cut and the effects by administration, against regressions written out by hand."""

from dataclasses import replace

import arviz as az
import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses import whole_period
from bayes_alliance.hypotheses.cut import cut_drivers
from bayes_alliance.hypotheses.paths import long_run_parts, persistence, regressors
from bayes_alliance.hypotheses.periods import SPREAD, effects_by_administration
from bayes_alliance.hypotheses.prior_scales import over_prior_scales
from tests.helpers.made_up_fit import made_up_fit, with_values


@pytest.fixture(scope="module")
def made_up(spec, panel):
    return made_up_fit(spec, panel, draws=6)


@pytest.fixture(scope="module")
def rivals_only(spec, panel):
    return made_up_fit(spec, panel, hypothesis="HX", draws=6, seed=5)


def known(fit, *names):
    """Return the fit with the first draw of some variables everywhere."""
    values = {}
    for name in names:
        array = fit.posterior[name].transpose("chain", "draw", ...).to_numpy()
        values[name] = np.broadcast_to(array[:1, :1], array.shape).copy()
    return with_values(fit, **values)


def least_squares(fit, chain, draw, design):
    """Return cohesion's regression in one draw: rows and outcome in units of their errors."""
    phi, spread = (part[chain, draw] for part in persistence(fit))
    parts = long_run_parts(fit)
    rest = (parts[c.COMPONENT_DISPUTES] + parts[c.COMPONENT_GOVERNMENTS])[chain, draw]
    eta = fit.posterior[c.COHESION].transpose("chain", "draw", ...).to_numpy()[chain, draw]
    rows, outcome = [design[:, 0]], [eta[0] - rest[0]]
    for t in range(1, len(eta)):
        rows.append((1 - phi) * design[:, t] / spread)
        outcome.append((eta[t] - phi * eta[t - 1] - (1 - phi) * rest[t]) / spread)
    return np.array(rows), np.array(outcome)


def marginal(rows, outcome, sds):
    """Return the log density of the outcome with normal coefficients integrated out."""
    return stats.multivariate_normal(cov=np.eye(len(outcome)) + (rows * sds**2) @ rows.T).logpdf(
        outcome)


def posterior(rows, outcome, sd):
    precision = rows.T @ rows + np.eye(rows.shape[1]) / sd**2
    return np.linalg.solve(precision, rows.T @ outcome), np.linalg.inv(precision)


STATES = (c.COHESION, c.VAR_HALF_LIFE, c.VAR_RIVAL_EFFECT, c.VAR_GOVERNMENT_EFFECT)


def test_with_cohesion_known_the_cut_is_the_mean_over_the_drivers(made_up, rivals_only):
    fit = known(rivals_only, *STATES)
    design = regressors(fit)
    sd = fit.spec.priors.coefficient.sd
    means, variances = [], []
    for chain in range(2):
        for draw in range(6):
            mean, covariance = posterior(*least_squares(fit, chain, draw, design[chain, draw]), sd)
            means.append(mean)
            variances.append(np.diag(covariance))
    table = cut_drivers(made_up, fit).table
    assert list(table["coefficient"]) == list(c.COEFFICIENTS)
    assert table["cut_mean"].to_numpy() == pytest.approx(np.mean(means, axis=0), abs=1e-9)
    spread = np.sqrt(np.mean(variances, axis=0) + np.var(means, axis=0))
    assert table["cut_sd"].to_numpy() == pytest.approx(spread, rel=1e-9)
    # Cohesion's draws do not differ; the twelve drivers do, and H12's mean has an error of its own.
    own = az.mcse(made_up.posterior[[c.VAR_COEFFICIENT]], method="mean")[c.VAR_COEFFICIENT]
    error = np.sqrt(np.var(means, axis=0, ddof=1) / 12 + own.to_numpy() ** 2)
    assert table["shift_error"].to_numpy() == pytest.approx(error / table["sd"], rel=1e-6)


def test_with_the_drivers_known_cohesion_is_weighed_by_how_well_they_explain_it(made_up,
                                                                               rivals_only):
    fit = known(rivals_only, c.THREAT, c.CREDIBILITY)
    design, sd = regressors(fit), fit.spec.priors.coefficient.sd
    means, gains = [], []
    for chain in range(2):
        for draw in range(6):
            rows, outcome = least_squares(fit, chain, draw, design[chain, draw])
            means.append(posterior(rows, outcome, sd)[0])
            gains.append(marginal(rows, outcome, np.full(4, sd))
                         - marginal(rows, outcome, np.zeros(4)))
    weight = np.exp(np.array(gains) - max(gains))
    weight /= weight.sum()
    found = cut_drivers(made_up, fit)
    assert found.table["cut_mean"].to_numpy() == pytest.approx(weight @ np.array(means), abs=1e-8)
    assert found.effective == pytest.approx(1 / np.sum(weight**2), rel=1e-6)
    assert "effective draws" in found.table["flag"].iloc[0]
    apart = [weight[part] @ np.array(means)[part] / weight[part].sum()
             for part in (slice(0, 6), slice(6, 12))]
    # The drivers are the same in all draws: what is left is cohesion's draws and H12's own.
    own = az.mcse(made_up.posterior[[c.VAR_COEFFICIENT]], method="mean")[c.VAR_COEFFICIENT]
    error = np.hypot((apart[0] - apart[1]) / 2.0, own.to_numpy()) / found.table["sd"].to_numpy()
    assert found.table["shift_error"].to_numpy() == pytest.approx(error, rel=1e-6)


def test_a_shift_of_over_half_an_sd_is_flagged_and_named(made_up, rivals_only):
    table = cut_drivers(made_up, rivals_only).table.set_index("coefficient")
    expected = (table["cut_mean"] - table["mean"]) / table["sd"]
    assert table["shift"].to_numpy() == pytest.approx(expected.to_numpy())
    assert (table["flag"].str.contains("shifted") == (expected.abs() > 0.5)).all()
    assert set(cut_drivers(made_up, rivals_only).data.data_vars) >= {"cut_mean", "shift"}


def test_effects_by_administration_are_those_of_a_larger_regression(made_up):
    """All states known: a ratio of marginal densities, averaged over the spread."""
    fit = known(made_up, *made_up.posterior.data_vars)
    office = np.array(list(fit.panel.governments[fit.panel.patron]), dtype=object)
    names, design = list(dict.fromkeys(office)), regressors(fit)[0, 0]
    wide = np.concatenate([design, *(design * (office == name) for name in names)])
    sd = fit.spec.priors.coefficient.sd
    rows, outcome = least_squares(fit, 0, 0, design)
    more, _ = least_squares(fit, 0, 0, wide)
    place, share = np.polynomial.hermite_e.hermegauss(7)
    share = share / share.sum()
    spreads = sd * SPREAD[0] * np.exp(SPREAD[1] * place)
    sds = [np.concatenate([np.full(4, sd), np.full(4 * len(names), one)]) for one in spreads]
    log = np.array([marginal(more, outcome, one) for one in sds])
    value = np.log(share @ np.exp(log - log.max())) + log.max() - marginal(rows, outcome,
                                                                           np.full(4, sd))
    found = effects_by_administration(fit)
    assert found.log_bayes_factor == pytest.approx(value, abs=1e-6)
    weight = share * np.exp(log - log.max())
    weight /= weight.sum()
    means = []
    for one in sds:
        precision = more.T @ more + np.diag(one**-2)
        means.append(np.linalg.solve(precision, more.T @ outcome))
    mean = weight @ np.array(means)
    table = found.table.set_index(["administration", "coefficient"])
    for k, name in enumerate(names):
        for j, coefficient in enumerate(c.COEFFICIENTS):
            row = table.loc[(name, coefficient)]
            assert row["difference"] == pytest.approx(mean[4 * (k + 1) + j], abs=1e-8)
            assert row["mean"] == pytest.approx(mean[j] + mean[4 * (k + 1) + j], abs=1e-8)
    assert table["months"].groupby("administration").first().sum() == len(fit.panel.time)


def test_a_coefficient_that_turns_with_the_administration_is_seen(made_up):
    """Cohesion made to follow threat under the first half of the offices and flee it after.

    All states are known, so that nothing is left to chance but the made-up series.
    """
    fit = known(made_up, *made_up.posterior.data_vars)
    # Threat that moves far enough to be told from cohesion's own shocks.
    fit = with_values(fit, **{c.THREAT: 6.0 * fit.posterior[c.THREAT].to_numpy()})
    office = np.array(list(fit.panel.governments[fit.panel.patron]), dtype=object)
    names = list(dict.fromkeys(office))
    sign = np.where(np.isin(office, names[:len(names) // 2]), 2.0, -2.0)
    design = regressors(fit)[0, 0]
    phi, spread = (part[0, 0] for part in persistence(fit))
    parts = long_run_parts(fit)
    rest = (parts[c.COMPONENT_DISPUTES] + parts[c.COMPONENT_GOVERNMENTS])[0, 0]
    rng = np.random.default_rng(3)
    level = rest + sign * design[0]
    eta = level.copy()
    for t in range(1, len(eta)):
        eta[t] = (phi * eta[t - 1] + (1 - phi) * level[t]
                  + 0.2 * spread * rng.standard_normal())
    shape = fit.posterior[c.COHESION].shape
    turned = with_values(fit, **{c.COHESION: np.broadcast_to(eta, shape).copy()})
    alike = with_values(fit, **{c.COHESION: np.broadcast_to(
        _followed(eta[0], phi, rest + 2.0 * design[0], 0.2 * spread, rng), shape).copy()})
    assert effects_by_administration(turned).log_bayes_factor > 3.0
    assert effects_by_administration(alike).log_bayes_factor < 0.5
    table = effects_by_administration(turned).table.set_index(["coefficient", "administration"])
    assert table.loc[(c.BETA_THREAT, names[0]), "higher"] > 0.9
    assert table.loc[(c.BETA_THREAT, names[-1]), "higher"] < 0.1


def _followed(first, phi, level, shock, rng):
    eta = np.empty_like(level)
    eta[0] = first
    for t in range(1, len(eta)):
        eta[t] = phi * eta[t - 1] + (1 - phi) * level[t] + shock * rng.standard_normal()
    return eta


def test_both_need_the_hypotheses_that_they_are_made_from(made_up, rivals_only):
    with pytest.raises(NotFittedError, match="HX"):
        cut_drivers(made_up, made_up)
    with pytest.raises(NotFittedError, match="H12"):
        effects_by_administration(replace(rivals_only))


def test_bayes_factors_over_prior_sds_are_ratios_of_marginal_densities(made_up, rivals_only):
    """All states known: each estimate is the exact ratio, from either fit."""
    fit = known(made_up, *made_up.posterior.data_vars)
    names = (*STATES, c.THREAT, c.CREDIBILITY)
    other = with_values(rivals_only, **{name: fit.posterior[name].to_numpy() for name in names})
    table = over_prior_scales(fit, other).table.set_index(["hypothesis", "sd"])
    rows, outcome = least_squares(fit, 0, 0, regressors(fit)[0, 0])
    sd = fit.spec.priors.coefficient.sd
    for name, acting in (("H1", [0, 1]), ("H2", [2, 3]), ("H12", [0, 1, 2, 3])):
        for scale in (0.25, 0.5, 1.0, 2.0, 4.0):
            sds = np.full(len(acting), sd * scale)
            exact = (marginal(rows[:, acting], outcome, sds)
                     - marginal(rows[:, acting], outcome, 0.0 * sds))
            row = table.loc[(name, sd * scale)]
            assert row["difference"] == pytest.approx(exact, abs=1e-6)
            assert row["check"] == pytest.approx(exact, abs=1e-6)
    assert not table.index.isin([("HX", sd)]).any()


def test_at_the_committed_sd_it_is_the_savage_dickey_ratio(made_up, rivals_only):
    table = over_prior_scales(made_up, rivals_only).table.set_index(["hypothesis", "sd"])
    exact = whole_period(made_up).table.set_index("hypothesis")["difference"]
    sd = made_up.spec.priors.coefficient.sd
    for name in ("H1", "H2", "H12"):
        assert table.loc[(name, sd), "difference"] == pytest.approx(exact[name], abs=1e-6)
    assert table["flag"].str.contains("effective").all()
    with pytest.raises(NotFittedError, match="HX"):
        over_prior_scales(made_up, made_up)
