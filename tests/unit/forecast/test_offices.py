"""Who comes into office, when, and with what effect."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.forecast import ScenarioSpec, forecast, offices
from bayes_alliance.forecast.states import project_states
from bayes_alliance.model.predict import flatten
from bayes_alliance.spec import ForecastSpec, OfficeSpec
from tests.helpers.made_up_fit import made_up_fit
from tests.unit.forecast.test_dynamics import cut

AS_NOW = ScenarioSpec(title="as now")
DRAWS = 4000
FOUR_YEARS = OfficeSpec(first="2005-02", months=48, change=0.6)
FIVE_YEARS = OfficeSpec(first="2008-03", months=60)


@pytest.fixture(scope="module")
def made_up(spec, panel):
    return made_up_fit(spec, panel, draws=DRAWS // 2)


def drawn(fit, scenario=AS_NOW, months=24, seed=1):
    return offices.draw_offices(fit, flatten(fit.posterior), scenario, months, seed)


def with_calendar(fit, **calendars):
    settings = ForecastSpec(offices=calendars)
    return replace(fit, spec=fit.spec.model_copy(update={"forecast": settings}))


def ends(calendar, panel, country, last, months=72):
    found = offices.term_ends(calendar, panel.governments[country].loc[:last], months)
    future = pd.period_range(pd.Period(last, "M") + 1, periods=months, freq="M")
    return [str(month) for month, due in zip(future, found, strict=True) if due]


def close(share, wanted, count=DRAWS):
    """Within 5 standard errors: false alarm below 1 in 1 000 000."""
    return abs(share - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / count)


def test_fixed_terms_count_from_the_last_change_that_a_panel_saw(panel):
    assert ends(FOUR_YEARS, panel, "us", "2024-12") == ["2025-02", "2029-02"]
    assert ends(FOUR_YEARS, panel, "us", "2015-12") == ["2017-02", "2021-02"]
    # Nobody came into office in 2005: the calendar's own months.
    assert ends(FOUR_YEARS, panel, "us", "2004-06") == ["2005-02", "2009-02"]
    assert ends(FOUR_YEARS, panel, "us", "2005-02") == ["2009-02"]
    # Nor does a term end before the first begins.
    later = OfficeSpec(first="2006-03", months=12)
    assert ends(later, panel, "us", "2004-06", 36) == ["2006-03", "2007-03"]
    # An early end in 2017 began the terms anew.
    assert ends(FIVE_YEARS, panel, "rok", "2015-12") == ["2018-03"]
    assert ends(FIVE_YEARS, panel, "rok", "2018-12") == ["2022-05"]
    assert ends(FIVE_YEARS, panel, "rok", "2024-12") == ["2027-05"]


def test_the_shipped_calendars_are_those_of_the_table_of_governments(spec, panel):
    shares = {}
    for country, since in (("us", "2005-02"), ("rok", "2008-03"), ("japan", "2004-01")):
        held = panel.governments[country]
        changed = [str(month) for month, new, old in
                   zip(held.index[1:], held[1:], held[:-1], strict=True) if new != old]
        shares[country] = [month for month in changed if month >= since]
    calendars = spec.forecast.offices
    assert len(shares["us"]) / 5 == calendars["us"].change
    assert set(shares["us"]) <= {f"{year}-02" for year in range(2005, 2025, 4)}
    assert len(shares["rok"]) == 4
    assert calendars["rok"].change == 1.0
    assert len(panel.time) / len(shares["japan"]) == pytest.approx(
        calendars["japan"].mean_months, abs=0.5)


def test_a_new_administration_comes_as_often_as_the_calendar_says(made_up):
    found = drawn(with_calendar(made_up, us=FOUR_YEARS)).administration
    now = offices.administration_now(made_up, flatten(made_up.posterior))
    assert np.array_equal(found[:, :, 0], now)
    moved = (found[:, :, 1] != now).all(axis=1)
    assert close(moved.mean(), 0.6)
    assert np.array_equal(found[:, :, 1:], np.repeat(found[:, :, 1:2], 23, axis=2))


def test_without_fixed_terms_time_in_office_is_geometric(made_up):
    found = drawn(with_calendar(made_up, japan=OfficeSpec(mean_months=10.0))).governments
    for months in (2, 6, 24):
        kept = (found[:, :months] == found[:, :1]).all(axis=1)
        assert close(kept.mean(), 0.9 ** (months - 1))
    changes = (np.diff(found, axis=1) != 0).mean()
    assert close(changes, 0.1, 23 * DRAWS)


def test_successors_effects_spread_as_their_population(made_up):
    """Standard deviations within 5 standard errors: false alarm below 1 in 500 000 each."""
    at_once = OfficeSpec(first="2025-01", months=12)
    fit = with_calendar(made_up, us=at_once.model_copy(update={"first": "2001-02"}),
                        rok=OfficeSpec(mean_months=1.0))
    values = flatten(fit.posterior).values
    found = drawn(fit)
    came = found.administration[:, :, 1]
    gap = (came[:, 0] - came[:, 1]) / (np.sqrt(2) * values[c.VAR_ADMINISTRATION_DEVIATION_SD])
    limit = 5 / np.sqrt(2 * DRAWS)
    assert abs(gap.std() - 1) < limit
    total = np.sqrt(1 + values[c.VAR_ADMINISTRATION_DEVIATION_SD] ** 2)
    for member in (0, 1):
        assert abs((came[:, member] / total).std() - 1) < limit
        assert abs((came[:, member] / total).mean()) < 5 / np.sqrt(DRAWS)
    # A change every month: each month has a government of its own.
    japan = values[c.VAR_GOVERNMENT_EFFECT][:, flatten(fit.posterior).labels[
        c.DIM_GOVERNMENT].index("japan:ishiba")]
    own = (found.governments - japan[:, None]) / values[c.VAR_GOVERNMENT_SD][:, None]
    assert abs(own.std() - 1) < 5 / np.sqrt(2 * DRAWS * 24)
    assert abs(np.corrcoef(own[:, 0], own[:, 1])[0, 1]) < 5 / np.sqrt(DRAWS)


def test_the_priors_mean_and_sd_are_those_of_the_model_file(made_up):
    """Mean and sd within 5 standard errors: false alarm below 1 in 500 000."""
    priors = made_up.spec.priors
    prior = priors.administration_effect.model_copy(update={"mu": 3.0, "sd": 2.0})
    fit = with_calendar(made_up, us=FOUR_YEARS.model_copy(update={"change": 1.0}))
    fit = replace(fit, spec=fit.spec.model_copy(update={
        "priors": priors.model_copy(update={"administration_effect": prior})}))
    spread = flatten(fit.posterior).values[c.VAR_ADMINISTRATION_DEVIATION_SD]
    scaled = (drawn(fit).administration[:, 0, 5] - 3.0) / np.sqrt(4.0 + spread**2)
    assert abs(scaled.mean()) < 5 / np.sqrt(DRAWS)
    assert abs(scaled.std() - 1) < 5 / np.sqrt(2 * DRAWS)


def test_whom_a_scenario_names_stays_and_the_others_come_and_go_as_without_it(made_up):
    free = drawn(made_up, months=36)
    named = ScenarioSpec(title="x", administration="obama", governments={"rok": "moon"})
    held = drawn(made_up, named, months=36)
    assert np.ptp(held.administration, axis=2).max() == 0
    samples = flatten(made_up.posterior)
    effects, labels = samples.values[c.VAR_GOVERNMENT_EFFECT], samples.labels[c.DIM_GOVERNMENT]
    moon = effects[:, labels.index("rok:moon")]
    only_japan = with_calendar(made_up, japan=made_up.spec.forecast.offices["japan"])
    japan = (drawn(only_japan, months=36).governments
             - effects[:, labels.index("rok:yoon")][:, None])
    assert held.governments == pytest.approx(moon[:, None] + japan, abs=1e-12)
    # Japan changes hands in both, Seoul in 2027-05 only where it is not named.
    rest = free.governments - held.governments
    assert np.ptp(rest[:, :28], axis=1).max() < 1e-12
    assert (np.abs(rest[:, 28] - rest[:, 27]) > 0).all()


def test_offices_change_hands_independently_of_each_other(made_up):
    """The correlation within 5 standard errors: false alarm below 1 in 1 000 000."""
    often = OfficeSpec(mean_months=4.0)
    moved = {}
    for country in ("rok", "japan", "us"):
        found = drawn(with_calendar(made_up, **{country: often}))
        path = found.administration[:, 0] if country == "us" else found.governments
        moved[country] = (np.diff(path, axis=1) != 0).astype(float).ravel()
        assert 0.2 < moved[country].mean() < 0.3
    for one, other in (("rok", "japan"), ("rok", "us"), ("japan", "us")):
        assert abs(np.corrcoef(moved[one], moved[other])[0, 1]) < 5 / np.sqrt(23 * DRAWS)


def test_with_no_calendar_nobody_comes(made_up):
    found = drawn(with_calendar(made_up))
    assert np.ptp(found.administration, axis=2).max() == 0
    assert np.ptp(found.governments, axis=1).max() == 0
    samples = flatten(made_up.posterior)
    assert np.array_equal(found.governments[:, 0], offices.governments_now(made_up, samples))


def test_a_fit_cut_earlier_has_the_calendar_after_it(made_up):
    """The share of changes within 5 standard errors: false alarm below 1 in 1 000 000."""
    past = made_up.panel.position("2015-12") + 1
    short = replace(made_up, panel=cut(made_up.panel, past),
                    posterior=made_up.posterior.isel({c.DIM_TIME: slice(0, past)}))
    samples = flatten(short.posterior)
    found = project_states(with_calendar(short, us=FOUR_YEARS), samples, AS_NOW, 24, 1)
    still = project_states(with_calendar(short), samples, AS_NOW, 24, 1)
    difference = found - still
    assert np.abs(difference[:, :, :13]).max() == 0
    assert close((difference[:, 2, 13] != 0).mean(), 0.6)
    assert np.abs(difference[:, :2]).max() == 0
    level = samples.values[c.VAR_ADMINISTRATION_EFFECT]
    obama = level[:, samples.labels[c.DIM_ADMINISTRATION].index("obama")]
    assert np.array_equal(offices.administration_now(short, samples)[:, 0], obama
                          + samples.values[c.VAR_ADMINISTRATION_DEVIATION][
                              :, 0, samples.labels[c.DIM_ADMINISTRATION].index("obama")])


def test_a_change_of_office_moves_credibility_and_cohesion_and_not_threat(made_up):
    few = replace(made_up, posterior=made_up.posterior.isel(draw=slice(0, 100)))
    now = forecast(with_calendar(few), 24, seed=4)
    free = forecast(few, 24, seed=4)
    for name, moves in (("threat_rok", False), ("credibility_rok", True), ("cohesion", True)):
        assert bool((now.data[name] != free.data[name]).any()) is moves
    width = {name: one.data["credibility_rok"][:, -1].std().item()
             for name, one in (("now", now), ("free", free))}
    assert width["free"] > width["now"]
