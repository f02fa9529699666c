"""Simple rules by hand, against exact likelihoods, and on data of their own models."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.structural import UnobservedComponents

from bayes_alliance.exceptions import DataError, SpecError
from bayes_alliance.forecast import baselines
from bayes_alliance.forecast.baselines import BASELINES, History, Predictive, predict
from bayes_alliance.forecast.histories import filled

FITTED = ("ar1", "ets", "local_level")


def history(month, y, error=0.0, frequency="irregular"):
    y = np.asarray(y, dtype=float)
    return History(np.asarray(month, dtype=float), y, np.full(len(y), error), frequency)


def test_the_last_value_is_kept_with_the_scale_of_past_changes():
    found = predict("last_value", history([0, 5, 12, 30], [1, 3, 2, 4]), np.array([31.0, 60.0]))
    assert found.mean == pytest.approx([4.0, 4.0])
    assert found.sd == pytest.approx(np.sqrt([(4 + 1 + 4) / 3] * 2))
    assert found.df == 3


def test_a_random_walk_drifts_by_the_whole_change_over_the_whole_span():
    # Drift 4 / 8; rests -1, 1, 0 over 2, 2 and 4 months; s2 = (1/2 + 1/2) / 2.
    found = predict("random_walk_drift", history([0, 2, 4, 8], [0, 0, 2, 4]),
                    np.array([10.0, 12.5]))
    assert found.mean == pytest.approx([5.0, 6.25])
    assert found.sd**2 == pytest.approx([0.5 * (2 + 4 / 8), 0.5 * (4.5 + 4.5**2 / 8)])
    assert found.df == 2


def test_the_same_month_of_an_earlier_year_is_taken_however_far_back():
    months = np.delete(np.arange(30.0), [17])
    y = months**2 / 10.0
    found = predict("seasonal_naive", history(months, y, frequency="monthly"),
                    np.array([30.4, 41.0, 53.0]))
    # 30.4 looks to 18; 41 and 53 to 29, one and two years back, and month 17 is missing.
    assert found.mean == pytest.approx([18**2 / 10, 29**2 / 10, 29**2 / 10])
    first = [at for at in range(18) if at not in (5, 17)]
    yearly = np.array([(at + 12) ** 2 / 10 - at**2 / 10 for at in first])
    assert found.sd**2 == pytest.approx(np.mean(yearly**2) * np.array([1.0, 1.0, 2.0]))
    assert found.df == len(first)


def test_a_month_without_an_earlier_row_gets_the_last_value():
    past = history([0, 7, 19, 30], [1.0, 2.0, 4.0, 3.0])
    found = predict("seasonal_naive", past, np.array([34.0, 43.0]))
    plain = predict("last_value", past, np.array([34.0]))
    # 34 has no row 12 or 24 months before; 43 has that of month 19, two years back.
    assert found.mean == pytest.approx([3.0, 4.0])
    assert found.sd == pytest.approx(plain.sd[0] * np.sqrt([1.0, 2.0]))


def autoregression(month, y, phi):
    """Return the log likelihood at a coefficient, and the best mean and variance, by hand."""
    kept = phi ** np.diff(month)
    variance = np.r_[1.0, 1.0 - kept**2] / (1.0 - phi**2)
    one, value = np.r_[1.0, 1.0 - kept], np.r_[y[0], y[1:] - kept * y[:-1]]
    information = np.sum(one**2 / variance)
    mean = np.sum(one * value / variance) / information
    s2 = np.mean((value - mean * one) ** 2 / variance)
    return -(len(y) * np.log(s2) + np.log(variance).sum()) / 2, mean, s2, information


@pytest.mark.parametrize(("rows", "spacing"), [(120, (1, 2)), (40, (1, 5)), (15, (10, 15))])
def test_an_autoregression_with_missing_months_has_its_exact_predictive(rows, spacing):
    rng = np.random.default_rng(8)
    month = np.cumsum(rng.integers(*spacing, rows)).astype(float)
    y = np.zeros(rows)
    for at, gap in enumerate(np.diff(month), start=1):
        kept = 0.93**gap
        y[at] = kept * y[at - 1] + np.sqrt(1 - kept**2) * rng.normal()
    y += 7.0
    best = optimize.minimize_scalar(lambda phi: -autoregression(month, y, phi)[0],
                                    bounds=(0.3, 0.999), method="bounded",
                                    options={"xatol": 1e-8})
    phi = best.x
    _, mean, s2, information = autoregression(month, y, phi)
    found = predict("ar1", history(month, y), month[-1] + np.array([1.0, 12.0]))
    kept = phi ** np.array([1.0, 12.0])
    s2 *= rows / (rows - 2)
    variance = s2 * ((1 - kept**2) / (1 - phi**2) + (1 - kept) ** 2 / information)
    assert found.mean == pytest.approx(mean + kept * (y[-1] - mean), abs=0.01)
    assert found.sd == pytest.approx(np.sqrt(variance), rel=0.01)
    assert found.df == rows - 2


def test_a_local_level_without_gaps_is_exponential_smoothing_with_its_own_variance():
    rng = np.random.default_rng(4)
    y = np.cumsum(0.4 * rng.normal(size=90)) + rng.normal(size=90)
    fit = UnobservedComponents(y, "local level").fit(disp=0, cov_type="none")
    ahead = fit.get_forecast(12)
    found = predict("local_level", history(np.arange(90), y, frequency="monthly"),
                    90.0 + np.array([0.0, 11.0]))
    assert found.mean == pytest.approx(ahead.predicted_mean[[0, 11]], abs=0.01)
    assert found.sd == pytest.approx(ahead.se_mean[[0, 11]] * np.sqrt(89 / 88), rel=2e-3)
    noise, move = fit.params
    # The gain of the steady state, from the ratio of variances.
    ratio = move / noise
    gain = (np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2
    level = y[0]
    for value in y[1:]:
        level += gain * (value - level)
    assert found.mean[0] == pytest.approx(level, abs=0.02)


def test_missing_months_are_levels_moves_and_no_data():
    rng = np.random.default_rng(4)
    month = np.cumsum(rng.integers(1, 6, 60)).astype(float)
    y = np.cumsum(0.3 * np.sqrt(np.diff(month, prepend=0.0)) * rng.normal(size=60))
    y += 0.5 * rng.normal(size=60)

    def filtered(log_variances):
        noise, move = np.exp(log_variances)
        level, spread, loss = y[0], noise, 0.0
        for gap, value in zip(np.diff(month), y[1:], strict=True):
            prior = spread + gap * move
            loss += (np.log(prior + noise) + (value - level) ** 2 / (prior + noise)) / 2
            level += prior / (prior + noise) * (value - level)
            spread = prior * noise / (prior + noise)
        return loss, level, spread

    best = optimize.minimize(lambda at: filtered(at)[0], [-1.0, -2.0], method="Nelder-Mead")
    _, level, spread = filtered(best.x)
    noise, move = np.exp(best.x)
    found = predict("local_level", history(month, y), month[-1] + np.array([1.0, 24.0]))
    assert found.mean == pytest.approx([level] * 2, abs=0.01)
    variance = (spread + move * np.array([1.0, 24.0]) + noise) * 59 / 58
    assert found.sd == pytest.approx(np.sqrt(variance), rel=0.01)


@pytest.mark.parametrize("rule", ["ar1", "local_level"])
def test_parts_of_months_are_rounded_and_a_forecast_is_a_month_ahead_at_least(rule):
    rng = np.random.default_rng(4)
    y = np.cumsum(rng.normal(size=30))
    whole = predict(rule, history(np.arange(30), y), np.array([30.0, 30.0, 31.0, 31.0]))
    parts = predict(rule, history(np.arange(30) - 0.4 * (np.arange(30) % 2 == 0), y),
                    np.array([29.2, 30.4, 30.5, 31.4]))
    assert parts.mean == pytest.approx(whole.mean)
    assert parts.sd == pytest.approx(whole.sd)


@pytest.mark.parametrize(("trend", "season"), [(False, 0), (True, 0), (True, 4)])
def test_the_forecast_variance_of_smoothing_is_that_of_its_intervals(trend, season):
    rng = np.random.default_rng(2)
    y = np.cumsum(rng.normal(size=60)) + np.tile([3.0, 0.0, -2.0, 1.0], 15)
    fit = ETSModel(pd.Series(y), trend="add" if trend else None, damped_trend=trend,
                   seasonal="add" if season else None, seasonal_periods=season or None)
    fit = fit.fit(disp=0)
    low, high = np.asarray(fit.get_prediction(60, 71).pred_int(alpha=0.1)).T
    sd = (high - low) / 2 / stats.norm.ppf(0.95)
    relative = baselines._relative_variance(fit, trend, season, 12)
    assert np.sqrt(np.mean(fit.resid**2) * relative) == pytest.approx(sd, rel=1e-6)


def test_a_season_stays_in_step_across_missing_months():
    month = np.delete(np.arange(96.0), np.arange(50, 67))
    season = np.sin(np.arange(12) * np.pi / 6)
    rng = np.random.default_rng(3)
    y = season[month.astype(int) % 12] + 0.05 * rng.normal(size=len(month))
    target = 96.0 + np.arange(12)
    found = predict("ets", history(month, y, frequency="monthly"), target)
    assert np.abs(found.mean - season).max() < 0.2


def test_values_between_two_rows_lie_on_a_line_and_count_for_nothing():
    whole, real = filled(np.array([0, 1, 4, 5]), np.array([1.0, 2.0, 5.0, 0.0]), 0)
    assert whole == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0, 0.0])
    assert list(real) == [0, 1, 5]
    seasonal, _ = filled(np.array([0, 1, 4]), np.array([1.0, -1.0, 4.0]), 2)
    # As two steps before, 1, -1, 1, and a third of the missing 3 more at each step.
    assert seasonal == pytest.approx([1.0, -1.0, 2.0, 1.0, 4.0])


def walk(rng, rows=8):
    gap = rng.integers(6, 19, rows + 1).astype(float)
    y = np.cumsum(rng.normal(0.02 * gap, 0.1 * np.sqrt(gap)))
    return np.cumsum(gap), y, rows, "irregular"


def even_walk(rng, rows=8):
    return 12.0 * np.arange(rows + 1), np.cumsum(rng.normal(size=rows + 1)), rows, "yearly"


def autoregressive(rng, rows=30):
    y = np.zeros(rows + 1)
    y[0] = rng.normal()
    for at in range(1, rows + 1):
        y[at] = 0.7 * y[at - 1] + np.sqrt(1 - 0.7**2) * rng.normal()
    return 3.0 * np.arange(rows + 1), 2.0 + y, rows, "irregular"


def level(rng, rows=40):
    y = np.cumsum(0.4 * rng.normal(size=rows + 1)) + rng.normal(size=rows + 1)
    return 2.0 * np.arange(rows + 1), y, rows, "irregular"


def smoothed(rng, rows=60):
    error = rng.normal(size=rows + 1)
    y = error + 0.4 * np.r_[0.0, np.cumsum(error)[:-1]]
    return np.arange(rows + 1.0), y, rows, "irregular"


def yearly_walk(rng, rows=72):
    y = np.zeros(rows + 1)
    y[:12] = 3.0 * rng.normal(size=12)
    for at in range(12, rows + 1):
        y[at] = y[at - 12] + rng.normal()
    return np.arange(rows + 1.0), y, rows, "monthly"


@pytest.mark.parametrize(("rule", "simulate"), [
    ("random_walk_drift", walk), ("last_value", even_walk), ("ar1", autoregressive),
    ("local_level", level), ("ets", smoothed), ("seasonal_naive", yearly_walk)])
def test_ninety_percent_intervals_hold_ninety_percent_of_their_own_models_data(rule, simulate):
    # One step ahead, 120 histories: a binomial band of 0.9, two-sided false alarm 1e-4 a rule. The
    # fitted rules take their parameters for known and may miss it by another 3%.
    times, inside = 120, 0
    rng = np.random.default_rng(11)
    for _ in range(times):
        month, y, rows, frequency = simulate(rng)
        past = history(month[:rows], y[:rows], frequency=frequency)
        low, high = predict(rule, past, month[rows:]).quantiles([0.05, 0.95])[0]
        inside += low <= y[rows] <= high
    slack = 0.03 if rule in FITTED else 0.0
    assert stats.binom.ppf(5e-5, times, 0.9 - slack) <= inside
    assert inside <= stats.binom.isf(5e-5, times, 0.9)


@pytest.mark.parametrize("rule", BASELINES)
def test_a_short_flat_history_is_as_unsure_as_its_polls(rule):
    target = np.array([37.0, 48.0, 60.0])
    unknown = predict(rule, history([0, 12, 24, 36], [0.3] * 4), target)
    polls = predict(rule, history([0, 12, 24, 36], [0.3] * 4, error=0.07), target)
    assert unknown.mean == pytest.approx([0.3] * 3)
    assert (unknown.sd >= 1e-4 * (1 - 1e-9)).all()
    assert polls.sd == pytest.approx([0.07] * 3)


@pytest.mark.parametrize("rule", BASELINES)
@pytest.mark.parametrize("y", [[0.1, -0.2, 0.4, 0.0], [0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 5.0],
                               [0.0, 1e-9, 0.0, 1e-9], [1e6, 2e6, 1e6, 3e6]])
def test_four_rows_of_any_kind_give_a_finite_forecast(rule, y):
    found = predict(rule, history([0.5, 12.0, 35.5, 47.0], y), np.array([47.2, 50.0, 71.0]))
    levels = np.array([0.05, 0.5, 0.95])
    assert np.isfinite(found.quantiles(levels)).all()
    assert (np.diff(found.quantiles(levels), axis=1) > 0).all()
    assert np.isfinite(found.log_density(np.zeros(3))).all()


def test_four_rows_are_smoothed_and_not_merely_repeated():
    found = predict("ets", history([0, 12, 24, 36], [1.0, -1.0, 1.0, -1.0]), np.array([48.0]))
    assert found.mean[0] > -0.5
    assert found.df == 2


@pytest.mark.parametrize("rule", FITTED)
def test_a_fit_that_breaks_down_falls_back_on_the_last_value(rule, monkeypatch):
    past = history(np.arange(20), np.random.default_rng(1).normal(size=20))
    target = np.array([25.0])
    fitted = predict(rule, past, target)
    monkeypatch.setattr(baselines, "_fit", lambda *_, **__: None)
    plain, fallen = predict("last_value", past, target), predict(rule, past, target)
    assert fallen.mean == plain.mean
    assert fallen.sd == plain.sd
    assert fitted.sd != plain.sd


@pytest.mark.parametrize("rule", BASELINES)
def test_unit_and_origin_of_months_do_not_matter(rule):
    rng = np.random.default_rng(6)
    y = np.cumsum(rng.normal(size=40))
    target = np.array([41.0, 47.0, 63.0])
    one = predict(rule, history(np.arange(40), y, frequency="monthly"), target)
    other = predict(rule, history(np.arange(40) + 240, 5.0 + 0.01 * y, frequency="monthly"),
                    target + 240)
    assert other.mean == pytest.approx(5.0 + 0.01 * one.mean, abs=1e-4)
    assert other.sd == pytest.approx(0.01 * one.sd, rel=1e-3)


def test_quantiles_and_densities_are_the_students_and_the_normals():
    mean, sd = np.array([0.0, 2.0]), np.array([1.0, 0.5])
    normal = Predictive(mean, sd, np.inf)
    assert normal.quantiles(np.array([0.5, 0.975])) == pytest.approx(
        np.array([[0.0, 1.95996], [2.0, 2.97998]]), abs=1e-5)
    assert normal.log_density(np.array([0.0, 2.0])) == pytest.approx(
        -0.5 * np.log(2 * np.pi) - np.log(sd))
    cauchy = Predictive(mean, sd, 1.0)
    assert cauchy.quantiles(np.array([0.75])) == pytest.approx(np.array([[1.0], [2.5]]))
    assert cauchy.log_density(np.array([1.0, 2.0])) == pytest.approx(
        -np.log(np.pi) + np.array([-np.log(2.0), -np.log(0.5)]))


def test_an_unknown_rule_is_named_with_the_known_ones():
    with pytest.raises(SpecError, match=r"'last_valeu'; did you mean 'last_value'\? \(allowed: "
                                        r"last_value, random_walk_drift, ar1"):
        predict("last_valeu", history(range(4), range(4)), np.array([5.0]))


def test_everything_wrong_with_a_history_is_said_at_once():
    wrong = History(np.array([0.0, 2.0, 2.0]), np.array([0.0, np.nan, 1.0]),
                    np.array([0.0, -1.0, 0.0]), "weekly")
    with pytest.raises(DataError) as error:
        predict("ar1", wrong, np.array([2.0]))
    assert [fault.where for fault in error.value.faults] == [
        "y", "y", "month", "error", "frequency", "target_month"]
    for word in ("3 rows", "4 or more", "not finite", "does not increase", "negative", "'weekly'",
                 "monthly, quarterly, yearly, irregular", "not after the last row"):
        assert word in str(error.value)


def test_columns_of_other_lengths_and_no_targets_are_faults():
    uneven = History(np.arange(5.0), np.zeros(4), np.zeros(4), "monthly")
    with pytest.raises(DataError, match="shapes are") as error:
        predict("ets", uneven, np.array([]))
    assert len(error.value.faults) == 2


def test_a_yearly_series_that_became_quarterly_is_no_certainty_and_no_cauchy():
    month = np.r_[5.5 + 12.0 * np.arange(9), 112.0 + 3.0 * np.arange(5)]
    y = np.log(28000.0) + 0.03 * np.sin(np.arange(14.0))
    found = predict("ets", history(month, y, frequency="quarterly"), month[-1] + np.array([23.0]))
    assert found.df >= 4
    assert 0.005 < found.sd[0] < 0.3
