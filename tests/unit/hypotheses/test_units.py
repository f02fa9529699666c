"""The units of evidence beside the left-out episode: the future left out, the whole period."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.hypotheses import leave_future_out, together, whole_period
from bayes_alliance.hypotheses.savage_dickey import full_conditional, log_prior_at_zero
from bayes_alliance.hypotheses.windows import fit_until, rows_until
from bayes_alliance.model import build_design
from tests.helpers.made_up_fit import with_values


def certain(fit):
    """Return the fit with one draw everywhere: cohesion, drivers and persistence are known."""
    return with_values(fit, **{
        name: fit.posterior[name].transpose("chain", "draw", ...).to_numpy()[:1, :1]
        for name in fit.posterior.data_vars})


def test_the_bayes_factor_of_a_known_regression_is_exact(full):
    """With all states known it is the ratio of two normal marginal densities."""
    fit = certain(full)
    given = full_conditional(fit)
    mean, covariance = given.mean[0, 0], given.covariance[0, 0]
    table = whole_period(fit).table.set_index("hypothesis")
    assert set(table["unit"]) == {"whole_period"}
    prior = full.spec.priors.coefficient

    def against_h12(zero):
        index = list(zero)
        posterior = stats.multivariate_normal(mean[index], covariance[np.ix_(index, index)])
        return posterior.logpdf(np.zeros(len(index))) - len(index) * stats.norm.logpdf(
            0.0, prior.mu, prior.sd)

    # log p(y | H12) - log p(y | H) is minus that of the coefficients at zero.
    for name, zero in (("HX", (0, 1, 2, 3)), ("H1", (2, 3)), ("H2", (0, 1))):
        over = table.loc["H12", "difference"] - table.loc[name, "difference"]
        assert over == pytest.approx(-against_h12(zero), abs=0.01)


def test_a_wider_prior_is_paid_for(full):
    """Coefficients that are nothing cost a wide prior the logarithm of its width, each."""
    still = certain(full)
    wide = still.spec.model_copy(update={"priors": still.spec.priors.model_copy(update={
        "coefficient": still.spec.priors.coefficient.model_copy(update={"sd": 50.0})})})
    found = [whole_period(replace(still, spec=spec)).table.set_index("hypothesis")["difference"]
             for spec in (still.spec, wide)]
    assert found[1]["H12"] < found[0]["H12"] - 4
    assert log_prior_at_zero(wide, (0, 1)) == pytest.approx(2 * stats.norm.logpdf(0, 0, 50))


@pytest.mark.parametrize("episode", ["friction", "cohesion"])
def test_no_row_reaches_beyond_its_end(spec, panel, episode):
    design = build_design(spec, panel)
    window, rows = panel.window(spec.episodes[episode].window), design.rows
    before, until = (rows_until(spec, panel, design, episode, end) for end in ("start", "end"))
    assert (rows.loc[until, "end_month"] < window.stop).all()
    assert (rows.loc[~until, "end_month"] >= window.stop).all()
    cohesion = (rows["latent"] == c.COHESION).to_numpy()
    assert (rows.loc[before & cohesion, "end_month"] < window.start).all()
    assert (before[~cohesion] == until[~cohesion]).all()
    # What the second knows beside: cohesion rows that end in the window, and only these.
    scored = rows[until & ~before]
    assert len(scored) > 5
    assert (scored["latent"] == c.COHESION).all()
    assert scored["end_month"].between(window.start, window.stop - 1).all()


def test_a_later_row_changes_nothing(spec, panel, full):
    """Absurd values in every row that is not known leave the density as it was."""
    from bayes_alliance.inference.compiled import compiled_model

    design = build_design(spec, panel)
    known = rows_until(spec, panel, design, "friction", "start")
    design = design.with_rows(known)
    y, n = design.data["y"], design.data["n"]
    planted = design.with_data(y=np.where(known, y, np.where(n > 0, n - y, 1e3)))
    found = []
    for one in (design, planted):
        compiled = compiled_model(spec, panel, one)
        value, gradient = compiled.density()(compiled.start)
        found.append((value, gradient))
    assert found[0][0] == found[1][0]
    assert np.array_equal(found[0][1], found[1][1])
    assert full.hypothesis == "H12"


def test_unknown_episodes_and_ends_are_refused(spec, panel):
    design = build_design(spec, panel)
    with pytest.raises(SpecError, match="unknown episode 'x'"):
        rows_until(spec, panel, design, "x", "start")
    with pytest.raises(SpecError, match="unknown end 'middle'"):
        rows_until(spec, panel, design, "friction", "middle")


def test_a_fit_up_to_an_end_says_so(spec, panel):
    fit = fit_until(spec, panel, "friction", "end", draws=10, tune=40, chains=2)
    assert fit.left_out == "after the end of friction"
    assert fit.hypothesis == "H12"
    assert fit.posterior.sizes["draw"] == 10


def test_units_are_put_together(full):
    whole = whole_period(full)
    future = leave_future_out({"friction": (full, full)})
    both = together(future, whole)
    assert list(both.table["unit"].unique()) == ["leave_future_out", "whole_period"]
    # The same fit at both ends: no row is scored.
    assert np.nanmax(np.abs(future.table["difference"])) < 1e-12
    assert whole.sentence in both.sentence
    assert dict(both.data.sizes) == {"unit": 2, "hypothesis": 5, "episode": 2}
