"""Ranks of swings against series whose ranks are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.hypotheses import Swings, components, rank_swings
from bayes_alliance.hypotheses.episodes import window_change
from bayes_alliance.hypotheses.swings import changes_everywhere, rank_among
from tests.helpers.made_up_fit import made_up_fit, with_values


@pytest.fixture(scope="module")
def short(spec, panel):
    return made_up_fit(spec, panel)


def with_episode(fit, window, baseline):
    """Return the fit with one episode and one baseline."""
    episode = fit.spec.episodes["friction"].model_copy(
        update={"window": window, "baselines": {"before": baseline}})
    return replace(fit, spec=fit.spec.model_copy(update={"episodes": {"friction": episode}}))


def step(fit, month):
    months = len(fit.panel.time)
    return (np.arange(months) >= fit.panel.position(month)).astype(float)


def by_quantity(found):
    return found.table.set_index("quantity")


def test_a_sentence_of_few_positions_has_no_missing_number(short):
    few = with_episode(short, ("2023-03", "2024-12"), ("2004-01", "2004-03"))
    found = rank_swings(few)
    assert found.table["top_tenth"].isna().all()
    assert "too few positions for a tenth" in found.sentence
    assert "nan" not in found.sentence


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("scale", [1.0, 37.0])
def test_a_step_between_adjoining_windows_ranks_first(short, sign, scale):
    fit = with_episode(short, ("2018-01", "2018-12"), ("2017-01", "2017-12"))
    fit = with_values(fit, cohesion=sign * scale * step(fit, "2018-01"))
    row = by_quantity(rank_swings(fit)).loc[c.COHESION]
    assert row["positions"] == len(fit.panel.time) - 23
    assert list(row[["rank_mean", "q05", "q95", "top_tenth"]]) == [1.0, 1.0, 1.0, 1.0]


def test_a_step_elsewhere_leaves_the_episode_last(short):
    fit = with_episode(short, ("2018-01", "2018-12"), ("2017-01", "2017-12"))
    fit = with_values(fit, cohesion=step(fit, "2010-01"))
    row = by_quantity(rank_swings(fit)).loc[c.COHESION]
    assert list(row[["rank_mean", "top_tenth"]]) == [0.0, 0.0]


def test_a_step_between_windows_far_apart_ties_with_every_position_astride(short):
    """Friction against 2015: 34 months lie between, so 35 positions have all of the step."""
    fit = with_values(short, cohesion=step(short, "2018-03"))
    table = rank_swings(fit).table.set_index(["episode", "baseline", "quantity"])
    row = table.loc[("friction", "2015", c.COHESION)]
    assert row["positions"] == len(fit.panel.time) - 46 - 14 + 1
    assert row["rank_mean"] == pytest.approx(1 - 34 / (row["positions"] - 1))
    assert row["top_tenth"] == 0.0


def test_paths_are_ranked_by_what_they_contributed(short):
    """Threat steps at the window, credibility never moves; cohesion answers at once."""
    fit = with_episode(short, ("2018-01", "2018-12"), ("2017-01", "2017-12"))
    head = fit.spec.model.model_copy(update={"response": "level"})
    fit = replace(fit, spec=fit.spec.model_copy(update={"model": head}))
    fit = with_values(fit, threat=step(fit, "2018-01"), credibility=1.0,
                      coefficient=np.array([0.5, 0.1, 0.5, 0.1]))
    found = by_quantity(rank_swings(fit))
    assert list(found.index) == [c.COHESION, c.THREAT, c.CREDIBILITY]
    assert list(found.loc[c.THREAT, ["rank_mean", "top_tenth"]]) == [1.0, 1.0]
    # Every position has the same change, none: ties do not make a swing.
    assert list(found.loc[c.CREDIBILITY, ["rank_mean", "top_tenth"]]) == [0.0, 0.0]


def test_ranks_are_those_of_a_count_by_hand(short):
    """Every position by a loop, in every draw, for cohesion and both contributions."""
    table = rank_swings(short).table.set_index(["episode", "baseline", "quantity"])
    split = components(short)
    months = len(short.panel.time)
    for name, episode in short.spec.episodes.items():
        for label, before in episode.baselines.items():
            window, base = short.panel.window(episode.window), short.panel.window(before)
            for quantity in (c.COHESION, *c.PATHS):
                values = (short.posterior[c.COHESION].to_numpy() if quantity == c.COHESION
                          else split.sel(component=quantity).to_numpy())
                own = np.abs(window_change(values, window, base))
                others = []
                for shift in range(-base.start, months - window.stop + 1):
                    if shift:
                        moved = (slice(part.start + shift, part.stop + shift)
                                 for part in (window, base))
                        others.append(np.abs(window_change(values, *moved)))
                rank = (np.array(others) < own).mean(axis=0)
                row = table.loc[(name, label, quantity)]
                assert row["positions"] == len(others) + 1
                assert row["rank_mean"] == pytest.approx(rank.mean())
                assert row["q05"] == pytest.approx(np.quantile(rank, 0.05))
                assert row["q95"] == pytest.approx(np.quantile(rank, 0.95))
                place = 1 + (np.array(others) >= own).sum(axis=0)
                assert row["top_tenth"] == pytest.approx((place <= 0.1 * row["positions"]).mean())


@pytest.mark.parametrize(("window", "baseline"), [
    (slice(20, 23), slice(10, 15)), (slice(10, 15), slice(20, 23)), (slice(8, 14), slice(10, 12)),
    (slice(0, 3), slice(35, 40)), (slice(37, 40), slice(0, 5))])
def test_positions_are_all_that_fit_whichever_window_is_first(window, baseline):
    values = np.random.default_rng(1).standard_normal((3, 40))
    changes, own = changes_everywhere(values, window, baseline)
    shifts = [shift for shift in range(-40, 41)
              if min(window.start, baseline.start) + shift >= 0
              and max(window.stop, baseline.stop) + shift <= 40]
    expected = [window_change(values, slice(window.start + shift, window.stop + shift),
                              slice(baseline.start + shift, baseline.stop + shift))
                for shift in shifts]
    assert changes == pytest.approx(np.moveaxis(np.array(expected), 0, -1))
    assert own == shifts.index(0)


@pytest.mark.parametrize("roughness", [1.0, 0.05])
def test_a_position_picked_at_random_is_rarely_called_special(roughness):
    """Over all positions ranks are even and a tenth is on top: exactly, whatever the series."""
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((5, 120))
    values = roughness * noise + (1 - roughness) * np.cumsum(noise, axis=-1)
    changes, _ = changes_everywhere(values, slice(20, 26), slice(8, 16))
    positions = changes.shape[-1]
    both = [rank_among(changes, own) for own in range(positions)]
    ranks, tops = (np.array(part) for part in zip(*both, strict=True))
    assert np.sort(ranks, axis=0) == pytest.approx(
        np.repeat(np.linspace(0, 1, positions)[:, None], 5, axis=1))
    assert (tops.sum(axis=0) == positions // 10).all()


def test_white_noise_ranks_uniformly_at_the_episodes(spec, panel):
    """Each draw is new noise, so that ranks over draws are those over repetitions.

    A position near an end has fewer neighbours that overlap with it, which bends the uniform law
    by .01 at most (from 20,000 draws). With that and the step of a rank, .005, beyond the critical
    distance of Kolmogorov and Smirnov at 1 in 1,000, and four errors of a share, 16 in 100,000.
    """
    size = 4000
    noise = np.random.default_rng(3).standard_normal((2, size // 2, len(panel.time)))
    for episode in spec.episodes.values():
        for before in episode.baselines.values():
            rank, top = rank_among(*changes_everywhere(noise, panel.window(episode.window),
                                                       panel.window(before)))
            distance = stats.kstest(rank.ravel(), "uniform").statistic
            assert distance < stats.kstwo(size).isf(1e-3) + 0.015
            assert top.mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / size) + 0.01)


def test_white_noise_through_a_fit_has_the_false_alarm_rate(spec, panel):
    fit = made_up_fit(spec, panel, draws=1000)
    noise = np.random.default_rng(4).standard_normal((2, 1000, len(panel.time)))
    table = rank_swings(with_values(fit, cohesion=noise)).table
    rows = table[table["quantity"] == c.COHESION]
    assert rows["top_tenth"].to_numpy() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 2000) + 0.01)
    assert rows["rank_mean"].to_numpy() == pytest.approx(0.5, abs=4 / np.sqrt(12 * 2000) + 0.01)
    assert rows["q05"].to_numpy() == pytest.approx(0.05, abs=0.03)
    assert rows["q95"].to_numpy() == pytest.approx(0.95, abs=0.03)


def test_ranks_that_cannot_be_given_are_missing():
    rank, top = rank_among(np.ones((2, 3, 1)), 0)
    assert np.isnan(rank).all()
    assert np.isnan(top).all()
    assert rank.shape == top.shape == (2, 3)
    rank, top = rank_among(np.arange(9.0), 8)
    assert rank == 1.0
    assert np.isnan(top)
    assert rank_among(np.arange(10.0), 9)[1] == 1.0
    assert rank_among(np.arange(10.0), 8)[1] == 0.0
    assert rank_among(np.arange(19.0), 17)[1] == 0.0
    assert rank_among(np.arange(20.0), 18)[1] == 1.0


@pytest.mark.parametrize(("hypothesis", "quantities"), [
    ("HX", [c.COHESION]), ("H1", [c.COHESION, c.THREAT]), ("H2", [c.COHESION, c.CREDIBILITY])])
def test_a_path_that_is_switched_off_has_no_row(spec, panel, hypothesis, quantities):
    found = rank_swings(made_up_fit(spec, panel, hypothesis=hypothesis, draws=5))
    assert list(dict.fromkeys(found.table["quantity"])) == quantities


def test_data_and_sentence_say_what_the_table_says(short, spec):
    found = rank_swings(short)
    assert isinstance(found, Swings)
    cases = sum(len(one.baselines) for one in spec.episodes.values())
    assert len(found.table) == 3 * cases
    for row in found.table.itertuples():
        cell = found.data.sel(episode=row.episode, baseline=row.baseline, quantity=row.quantity)
        for name in ("positions", "rank_mean", "q05", "q95", "top_tenth"):
            assert float(cell[name]) == pytest.approx(getattr(row, name))
    for name in spec.episodes:
        assert f"{name}: cohesion " in found.sentence
    assert "overlap and are not independent: 4 to 7 pairs fit side by side" in found.sentence
    assert found.sentence.endswith(".")
