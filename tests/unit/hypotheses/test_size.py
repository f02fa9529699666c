"""Effect sizes against posteriors whose summaries are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses import EffectSizes, effect_sizes, readings
from tests.helpers.made_up_fit import made_up_fit, normal_fit, with_values

DRAWS, CHAINS = 2000, 2
# Four Monte Carlo errors either way: one false alarm in 16,000 independent comparisons.
ERRORS = 4.0
MEAN = np.array([0.3, -0.1, 0.05, 0.2])
SD = np.array([0.1, 0.2, 0.1, 0.3])


@pytest.fixture(scope="module")
def short(spec, panel):
    return made_up_fit(spec, panel)


def drivers_by_hand(fit):
    """Return what each coefficient multiplies, written out, shape (coefficient, chain, draw, t)."""
    found = []
    for path in (c.THREAT, c.CREDIBILITY):
        first, second = np.moveaxis(fit.posterior[path].to_numpy(), 2, 0)
        found += [(first + second) / 2, -(np.sqrt((first - second) ** 2 + 0.01) - 0.1) / 2]
    return np.array(found)


@pytest.fixture(scope="module")
def normal(spec, panel):
    """States known, coefficients independent normals: standardised effects are normal too."""
    return normal_fit(spec, panel, MEAN, SD, chains=CHAINS, draws=DRAWS)


def ratio_of_sds(fit):
    cohesion = fit.posterior[c.COHESION].to_numpy()
    return drivers_by_hand(fit).std(axis=-1) / cohesion.std(axis=-1)


def rows_of(found, scale):
    return found.table[found.table["scale"] == scale].set_index("quantity")


@pytest.mark.parametrize("rope", [0.05, 0.1, 0.3])
def test_regions_of_a_normal_posterior_have_their_normal_probabilities(normal, rope):
    table = rows_of(effect_sizes(normal, rope=rope), "standardised")
    scale = ratio_of_sds(normal)[:, 0, 0]
    for name, mean, sd in zip(c.COEFFICIENTS, MEAN * scale, SD * scale, strict=True):
        law = stats.norm(mean, sd)
        expected = {"inside": law.cdf(rope) - law.cdf(-rope), "above": law.sf(rope),
                    "below": law.cdf(-rope), "positive": law.sf(0)}
        for column, p in expected.items():
            error = np.sqrt(p * (1 - p) / (CHAINS * DRAWS))
            assert table.loc[name, column] == pytest.approx(p, abs=ERRORS * error + 1e-4)
        assert table.loc[name, ["inside", "above", "below"]].sum() == pytest.approx(1)


@pytest.mark.parametrize("scale", ["raw", "standardised"])
def test_moments_and_points_are_those_of_the_normal(normal, scale):
    table = rows_of(effect_sizes(normal), scale)
    factor = ratio_of_sds(normal)[:, 0, 0] if scale == "standardised" else np.ones(4)
    size = CHAINS * DRAWS
    for name, mean, sd in zip(c.COEFFICIENTS, MEAN * factor, SD * factor, strict=True):
        row, law = table.loc[name], stats.norm(mean, sd)
        assert row["mean"] == pytest.approx(mean, abs=ERRORS * sd / np.sqrt(size))
        assert row["sd"] == pytest.approx(sd, rel=ERRORS / np.sqrt(2 * size))
        for column, p in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
            error = np.sqrt(p * (1 - p) / size) / law.pdf(law.ppf(p))
            assert row[column] == pytest.approx(law.ppf(p), abs=ERRORS * error)


def test_effects_are_standardised_draw_by_draw(short):
    """Cohesion that is a multiple of one driver leaves the coefficient over the multiple."""
    factor = np.exp(np.random.default_rng(3).standard_normal((2, 20)))
    coefficient = short.posterior[c.VAR_COEFFICIENT].to_numpy()
    for k, name in enumerate(c.COEFFICIENTS):
        fit = with_values(short, cohesion=factor[..., None] * drivers_by_hand(short)[k] + 5.0)
        row = rows_of(effect_sizes(fit), "standardised").loc[name]
        expected = coefficient[..., k] / factor
        assert row["mean"] == pytest.approx(expected.mean())
        assert row["sd"] == pytest.approx(expected.std(ddof=1))
        assert row["q95"] == pytest.approx(np.quantile(expected, 0.95))
        assert row["inside"] == pytest.approx((np.abs(expected) < 0.1).mean())


def test_the_sign_of_an_effect_is_that_of_its_coefficient(short):
    found = effect_sizes(short)
    raw, standardised = (rows_of(found, scale) for scale in ("raw", "standardised"))
    assert list(raw.index) == list(standardised.index) == list(c.COEFFICIENTS)
    assert (raw["positive"] == standardised["positive"]).all()
    assert raw[["inside", "above", "below"]].isna().all(axis=None)


def test_omega_is_reported_only_where_beta_is_surely_positive(short):
    rng = np.random.default_rng(5)
    coefficient = 0.2 * rng.standard_normal((2, 20, 4))
    coefficient[..., 0] = 0.5 + np.abs(coefficient[..., 0])
    coefficient[0, 0, 0] = -0.1                      # 39 of 40 draws are positive
    coefficient[..., 2] = np.abs(coefficient[..., 2])
    coefficient[0, :2, 2] *= -1                      # 38 of 40: .95, which is not above .95
    found = effect_sizes(with_values(short, coefficient=coefficient))
    table = rows_of(found, "ratio")
    omega = coefficient[..., 1] / coefficient[..., 0]
    assert table.loc["omega_threat", ["q05", "q50", "q95"]].to_numpy(float) == pytest.approx(
        np.quantile(omega, [0.05, 0.5, 0.95]))
    assert table.loc["omega_threat", "positive"] == (omega > 0).mean()
    assert table.loc["omega_threat", "flag"] == ""
    # A ratio whose denominator may be zero has no moments.
    assert table.loc["omega_threat", ["mean", "sd"]].isna().all()
    missing = table.loc["omega_credibility"].drop(["scale", "flag"])
    assert missing.isna().all()
    assert "0.950, not above 0.95" in table.loc["omega_credibility", "flag"]
    assert "omega_threat: a gap counts" in found.sentence
    assert "omega_credibility: not reported, beta is positive" in found.sentence


def test_omega_of_a_sure_beta_is_a_scaled_normal(short, spec, panel):
    fit = made_up_fit(spec, panel, chains=CHAINS, draws=DRAWS)
    coefficient = 0.2 * np.random.default_rng(6).standard_normal((CHAINS, DRAWS, 4))
    coefficient[..., 0] = 0.5
    row = rows_of(effect_sizes(with_values(fit, coefficient=coefficient)), "ratio").loc[
        "omega_threat"]
    law = stats.norm(0, 0.2 / 0.5)
    for column, p in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
        error = np.sqrt(p * (1 - p) / (CHAINS * DRAWS)) / law.pdf(law.ppf(p))
        assert row[column] == pytest.approx(law.ppf(p), abs=ERRORS * error)


def test_readings_are_those_of_the_verdicts_with_ratio_and_error(normal):
    found = effect_sizes(normal).readings
    plain = readings(normal)
    assert found[["reading", "region", "posterior"]].equals(
        plain[["reading", "region", "posterior"]])
    assert found["prior"].to_numpy() == pytest.approx(plain["prior"].to_numpy())
    assert found["ratio"].to_numpy() == pytest.approx(found["posterior"] / 0.25)
    beta_t, delta_t, beta_c, delta_c = stats.norm(MEAN, SD).sf(0)
    exact = np.array([beta_t * delta_t, beta_c * delta_c, (1 - beta_c) * delta_c])
    error = np.sqrt(exact * (1 - exact) / (CHAINS * DRAWS))
    assert np.abs(found["posterior"] - exact).max() < ERRORS * error.max()
    # Independent draws: the estimate of effective draws strays by some percent.
    assert found["error"].to_numpy() == pytest.approx(error, rel=0.15)


@pytest.mark.parametrize("switch", [0.1, 0.3, 0.7])
def test_the_error_of_a_region_counts_effective_draws(spec, panel, switch):
    """A two-state chain has n(1 - r)/(1 + r) effective draws, r = 1 - 2 switch.

    Up to n log10(n), where ArviZ stops counting: a chain that alternates more seems less sure.
    """
    fit = made_up_fit(spec, panel, chains=CHAINS, draws=DRAWS)
    rng = np.random.default_rng(7)
    start = rng.integers(0, 2, (CHAINS, 1))
    state = (start + np.cumsum(rng.random((CHAINS, DRAWS)) < switch, axis=1)) % 2
    coefficient = np.full((CHAINS, DRAWS, 4), 0.3)
    coefficient[..., 0] *= 2 * state - 1
    found = effect_sizes(with_values(fit, coefficient=coefficient)).readings.iloc[0]
    r = 1 - 2 * switch
    p = state.mean()
    exact = np.sqrt(p * (1 - p) * (1 + r) / (1 - r) / (CHAINS * DRAWS))
    assert found["posterior"] == p
    assert found["error"] == pytest.approx(exact, rel=0.2)


def test_an_empty_and_a_full_region_have_no_error(short):
    coefficient = np.array([0.3, 0.2, -0.3, -0.2])
    found = effect_sizes(with_values(short, coefficient=coefficient))
    table = found.readings.set_index("reading")
    assert list(table["posterior"]) == [1.0, 0.0, 0.0]
    assert list(table["ratio"]) == [4.0, 0.0, 0.0]
    assert table["error"].isna().all()
    assert list(table["flag"]) == ["every draw is in the region"] + 2 * ["no draw is in the region"]
    assert "H1 common threat: probability 1.000 (every draw is in the region)" in found.sentence


def test_prior_probabilities_follow_the_prior(short):
    priors = short.spec.priors
    moved = priors.model_copy(update={"coefficient": priors.coefficient.model_copy(
        update={"mu": 0.25, "sd": 0.5})})
    fit = replace(short, spec=short.spec.model_copy(update={"priors": moved}))
    up = stats.norm(0.25, 0.5).sf(0)
    found = effect_sizes(fit)
    assert rows_of(found, "raw")["prior_positive"].to_numpy() == pytest.approx(up)
    assert found.readings["prior"].to_numpy() == pytest.approx([up**2, up**2, (1 - up) * up])
    usual = effect_sizes(short)
    assert (rows_of(usual, "standardised")["prior_positive"] == 0.5).all()
    assert rows_of(usual, "ratio")["prior_positive"].isna().all()


def test_data_and_sentence_say_what_the_tables_say(normal):
    found = effect_sizes(normal)
    assert isinstance(found, EffectSizes)
    data = found.data
    assert dict(data.sizes) == {"quantity": 6, "scale": 3, "reading": 3}
    for row in found.table.itertuples():
        cell = data.sel(quantity=row.quantity, scale=row.scale)
        for name in ("mean", "q05", "positive", "inside", "prior_positive"):
            assert float(cell[name]) == pytest.approx(getattr(row, name), nan_ok=True)
    for row in found.readings.itertuples():
        cell = data.sel(reading=row.reading)
        assert float(cell["posterior"]) == row.posterior
        assert float(cell["error"]) == row.error
    names = [*c.COEFFICIENTS, "omega_threat", "omega_credibility", *found.readings["reading"]]
    for name in names:
        assert f"{name}: " in found.sentence
    assert found.sentence.endswith(".")
    assert "nan" not in found.sentence


def test_other_fits_and_absurd_regions_are_refused(short, spec, panel):
    for hypothesis in ("HX", "H1", "H2"):
        with pytest.raises(NotFittedError, match=f"H12, got {hypothesis}"):
            effect_sizes(made_up_fit(spec, panel, hypothesis=hypothesis, draws=5))
    for rope in (0.0, -0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"rope is .* \(allowed: a positive number\)"):
            effect_sizes(short, rope=rope)
