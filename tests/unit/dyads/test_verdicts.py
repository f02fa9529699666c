"""Verdicts on the readings and on the episodes: known answers on draws made up here."""

import tomllib
from functools import partial

import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.history import (
    CHA_DYAD,
    CHA_EPISODES,
    class_bands,
    cohesion_bands,
    episode_changes,
    judge_episodes,
    member_bands,
    rank_in_class,
)
from bayes_alliance.dyads.population import class_contrasts, flat_draws
from bayes_alliance.dyads.verdicts import (
    DIRECTION,
    LOG_BAYES_FACTOR,
    _decide,
    _error,
    _of_class,
    _of_population,
    evidence_against_zero,
    judge_readings,
)
from tests.helpers.made_up_dyads import made_up_dyad_fit, made_up_dyad_panel

CHA = {"quasi": [0.6, 0.5, -0.6, 0.6], "allied": [0.0, 0.0, 0.0, 0.0]}


@pytest.fixture(scope="module")
def panel():
    return made_up_dyad_panel()


def verdicts(fit):
    return judge_readings(fit).set_index(["group", "reading"])["verdict"]


def test_thresholds_are_those_of_the_monthly_model(root):
    with open(root / "models" / "rok_japan.toml", "rb") as file:
        table = tomllib.load(file)["verdict"]
    assert table["direction_probability"] == DIRECTION
    assert table["log_bayes_factor"] == pytest.approx(LOG_BAYES_FACTOR)


def test_planted_signs_give_the_planted_verdicts(panel):
    found = verdicts(made_up_dyad_fit(panel, CHA))
    assert found["quasi"].to_dict() == {
        "H1 common threat": "supported", "H2 common ally (Hwang)": "contradicted",
        "abandonment (Cha)": "supported"}
    assert set(found["allied"]) == {"inconclusive"}
    other = verdicts(made_up_dyad_fit(panel, {**CHA, "quasi": [-0.6, 0.5, 0.6, 0.6]}))
    assert other["quasi"].to_dict() == {
        "H1 common threat": "contradicted", "H2 common ally (Hwang)": "supported",
        "abandonment (Cha)": "contradicted"}


def test_an_inconclusive_verdict_says_why(panel):
    def reason(centre, sd):
        fit = made_up_dyad_fit(panel, {**CHA, "quasi": centre}, sd=sd)
        table = judge_readings(fit).set_index(["group", "reading"])
        assert table.at[("quasi", "H1 common threat"), "verdict"] == "inconclusive"
        return table.at[("quasi", "H1 common threat"), "reason"]

    assert "no average effect" in reason([0, 0, 0, 0], 0.05)
    assert "too little information" in reason([0.3, 0.3, 0, 0], 0.4)
    assert "not clearly with these signs" in reason([1.0, 0.0, 0, 0], 0.1)


def test_verdicts_of_a_fit_that_failed_are_withheld(panel):
    fit = made_up_dyad_fit(panel, CHA, passed=False)
    assert set(judge_readings(fit)["verdict"]) == {"withheld"}
    assert set(judge_episodes(episode_changes(fit, panel), {}, passed=False)["verdict"]) == {
        "withheld"}


def test_evidence_of_a_class_is_that_of_normal_draws(panel):
    fit = made_up_dyad_fit(panel, {"quasi": [0.2, 0.25, 1.0, 0.0], "allied": [0, 0, 0, 0]})
    table = evidence_against_zero(fit).set_index(["group", "quantity"])
    wide = np.hypot(0.5, 0.25)
    draws = flat_draws(fit.posterior[n.VAR_CLASS_COEFFICIENT].sel({n.DIM_CLASS: "quasi"}))
    single = stats.norm.logpdf(0, 0, wide) - stats.norm.logpdf(
        0, draws[:, 0].mean(), draws[:, 0].std(ddof=1))
    assert table.at[("quasi", c.BETA_THREAT), "log_bayes_factor"] == pytest.approx(single)
    both = 2 * stats.norm.logpdf(0, 0, wide) - stats.multivariate_normal.logpdf(
        [0, 0], draws[:, :2].mean(axis=0), np.cov(draws[:, :2].T))
    assert table.at[("quasi", c.THREAT), "log_bayes_factor"] == pytest.approx(both)
    assert not table.at[("quasi", c.THREAT), "bound"]
    # Ten standard deviations away what is told is what four of them are worth.
    far = table.loc[("quasi", c.BETA_CREDIBILITY)]
    spread = draws[:, 2].std(ddof=1)
    assert far["bound"]
    assert far["log_bayes_factor"] == pytest.approx(8.0 + np.log(spread / wide))


@pytest.mark.parametrize("group", ["quasi", "all"])
def test_the_error_of_a_ratio_is_its_spread_over_runs(panel, group):
    fit = made_up_dyad_fit(panel, CHA)
    rng = np.random.default_rng(4)
    found = []
    for _ in range(200):
        if group == "all":
            ratio, draws = partial(_of_population, fit), rng.normal(0.3, 0.2, (500, 2, 1))
        else:
            ratio, draws = partial(_of_class, fit, group), rng.normal(0.3, 0.2, (500, 1))
        found.append((ratio(draws)[0], _error(ratio, draws)))
    values, errors = np.array(found).T
    # 200 runs know a spread to five percent, and twenty stretches each error to sixteen.
    assert errors.mean() == pytest.approx(values.std(), rel=0.25)


def test_no_verdict_hangs_on_the_seed():
    """Favoured by a little more than is asked, but by less than the Monte Carlo error asks for."""
    def decided(value, error):
        return _decide(0.01, (0.7, 0.03), {c.BETA_CREDIBILITY: (value, error)})

    assert decided(1.3, 0.05) == (
        "contradicted", "the coefficient of credibility’s mean has the other sign")
    verdict, reason = decided(1.15, 0.05)
    assert verdict == "inconclusive"
    assert "by a log Bayes factor of 1.15 ± 0.05 only, where contradicted asks for 1.10" in reason
    assert "too little information" in decided(-0.1, 0.02)[1]
    assert _decide(0.95, (1.15, 0.05), {})[0] == "inconclusive"
    assert _decide(0.95, (1.25, 0.05), {})[0] == "supported"
    assert "no average effect" in _decide(0.2, (-1.25, 0.05), {})[1]
    assert "speak for no average effect" not in _decide(0.2, (-1.15, 0.05), {})[1]


def test_evidence_of_the_population_is_that_of_its_conditional(panel):
    """The classes scatter independently, with sd 0.1, so that the average is a normal."""
    centre = {"quasi": [0.3, 0, 0, 0], "allied": [0.1, 0, 0, 0]}
    table = evidence_against_zero(made_up_dyad_fit(panel, centre)).set_index(["group", "quantity"])
    precision = 1 / 0.5**2 + 2 / 0.25**2
    weight = 1 / 0.25**2 / precision
    after = stats.norm.logpdf(0, weight * 0.4, np.sqrt(1 / precision + 2 * (weight * 0.1) ** 2))
    expected = stats.norm.logpdf(0, 0, 0.5) - after
    assert table.at[("all", c.BETA_THREAT), "log_bayes_factor"] == pytest.approx(expected, abs=0.06)


def test_classes_are_told_apart(panel):
    table = class_contrasts(made_up_dyad_fit(panel, CHA)).set_index("coefficient")
    assert set(table["group"]) == {"quasi less allied"}
    # A mean of 800 differences of sd 0.14 is off by 0.025 about once in a million.
    assert table["mean"].to_numpy() == pytest.approx(CHA["quasi"], abs=0.025)


def test_a_planted_step_is_the_change_of_its_episode(panel):
    """All dyads rise by 1 in 1969, the pair by 2, and it falls by 1 in 1972."""
    years = np.array(panel.years)
    level = np.zeros((6, 71))
    level[:, years >= 1969] = 1.0
    pair = list(panel.dyads.index).index(CHA_DYAD)
    level[pair, (years >= 1969) & (years < 1972)] += 1.0
    fit = made_up_dyad_fit(panel, cohesion=level)
    table = episode_changes(fit, panel).set_index(["episode", "quantity"])
    # A mean over 800 draws of sd below 0.2 is off by 0.04 less than once in a million.
    for episode, change, relative in (("cohesion_1969", 2, 1), ("friction_1972", -1, -1),
                                      ("cohesion_1975", 0, 0)):
        assert table.at[(episode, "cohesion"), "mean"] == pytest.approx(change, abs=0.04)
        assert table.at[(episode, "relative"), "mean"] == pytest.approx(relative, abs=0.04)
    found = judge_episodes(table.reset_index(), {"cohesion_1975": (6, 1)}, passed=True)
    found = found.set_index("episode")
    assert found["verdict"].to_dict() == {
        "cohesion_1969": "supported", "friction_1972": "supported",
        "cohesion_1975": "inconclusive", "friction_1980": "inconclusive"}
    assert ("the 6 observations of the pair’s cohesion in the episode and its baseline, of 1 "
            "indicator, cannot tell") in found.at["cohesion_1975", "reason"]
    turned = episode_changes(made_up_dyad_fit(panel, cohesion=-level), panel)
    assert judge_episodes(turned, {}, passed=True)["verdict"].tolist()[:2] == ["contradicted"] * 2


def test_a_path_adds_coefficient_times_change(panel):
    fit = made_up_dyad_fit(panel, {"quasi": [0.5, 0, 0, -1.0], "allied": [0, 0, 0, 0]}, sd=1e-6)
    table = episode_changes(fit, panel).set_index(["episode", "quantity"])
    for episode in CHA_EPISODES:
        change = table["mean"].loc[episode]
        assert change[c.THREAT] == pytest.approx(0.5 * change["threat_mean"], abs=1e-3)
        assert change[c.CREDIBILITY] == pytest.approx(change["credibility_gap"], abs=1e-3)


def test_bands_are_of_the_years_in_which_a_pair_is_one(panel):
    short = panel.dyads.copy()
    short.loc[CHA_DYAD, ["first", "last"]] = [1953, 1980]
    fit = made_up_dyad_fit(panel, cohesion=np.arange(6)[:, None] * 10.0)
    changed = type(panel)(panel.members, short, panel.years, panel.indicators, panel.rows, "x")
    table = cohesion_bands(fit, changed)
    mine = table[table["member"] == CHA_DYAD]
    assert (mine["time"].min(), mine["time"].max(), len(mine)) == (1953, 1980, 28)
    means = table.groupby("member", sort=False)["mean"].mean()
    assert means.round().tolist() == [0, 10, 20, 30, 40, 50]
    middle = class_bands(table, changed).set_index(["class", "time"])
    kinds = changed.dyads["class"].tolist()
    expected = np.median([10.0 * k for k in range(6) if kinds[k] == "allied"])
    assert middle.at[("allied", 1970), "q50"] == pytest.approx(expected, abs=0.1)
    assert middle.at[("quasi", 1990), "dyads"] == kinds.count("quasi") - 1
    drivers = member_bands(fit, changed)
    assert len(drivers) == 2 * 4 * 71
    top = drivers[(drivers["member"] == "state_3") & (drivers["latent"] == c.THREAT)]
    assert top["q50"].max() == pytest.approx(4.0, abs=0.1)


def test_a_rank_is_the_share_of_peers_that_stand_lower(panel):
    level = np.zeros((6, 71))
    mine = [k for k, kind in enumerate(panel.dyads["class"]) if kind == "quasi"]
    pair = list(panel.dyads.index).index(CHA_DYAD)
    assert pair in mine
    others = [k for k in mine if k != pair]
    level[others[0]], level[others[1]] = -5.0, 5.0
    table = rank_in_class(made_up_dyad_fit(panel, cohesion=level), panel, CHA_DYAD,
                          {"seventies": (1970, 1979)})
    assert table.to_dict("records") == [
        {"window": "seventies", "dyads": 2, "mean": 0.5, "q05": 0.5, "q95": 0.5}]
