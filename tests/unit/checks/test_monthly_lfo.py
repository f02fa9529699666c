"""Months scored one by one, on draws of one short fit in place of refits."""

from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.savage_dickey import log_density_at_zero
from bayes_alliance.model import build_design
from bayes_alliance.model.predict import flatten, log_likelihood
from benchmarks import monthly_lfo as lfo


def some_draws(fit, seed):
    """Every third draw of a fit, from a place of the seed's own."""
    return replace(fit, posterior=fit.posterior.isel(draw=slice(seed % 3, None, 3)))


@pytest.fixture
def instead(monkeypatch, full):
    """No fit is made; which rows each would have known is noted."""
    known = []

    def made(spec, panel, *, design, seed, **_):
        known.append(design.data["weight"] > 0)
        return some_draws(full, seed)

    monkeypatch.setattr(lfo, "fit_panel", made)
    return known


def test_a_month_is_scored_by_a_fit_that_knows_what_ended_before_it(spec, panel, full, instead,
                                                                    tmp_path, monkeypatch):
    # The fits here have fewer draws than a month's figure must rest on.
    monkeypatch.setattr(lfo, "FEWEST", 1.0)
    months = lfo.Months(spec, panel, "H12", tmp_path)
    first = months.months - 2
    whole = months.whole(first)
    found = az.lfo_cv(whole, months, min_observations=first, forecast_horizon=1,
                      time_dim=c.DIM_TIME, pointwise=True, method="exact")
    last = build_design(spec, panel, "H12").rows["end_month"].to_numpy()
    assert instead[0].all()
    for month, known in zip((first, first + 1), instead[1:], strict=True):
        assert np.array_equal(known, last < month)
        # By hand: the rows up to the month less those before it, averaged over draws.
        samples = flatten(some_draws(full, month).posterior)
        upto, before = (log_likelihood(samples, months.design.with_rows(mask), spec)
                        for mask in (last <= month, last < month))
        expected = np.log(np.mean(np.exp(upto - before - (upto - before).max()))) + (
            upto - before).max()
        assert float(found.elpd_i[month - first]) == pytest.approx(expected)
    assert (last == first + 1).any()
    # A second run takes the refits up.
    az.lfo_cv(whole, lfo.Months(spec, panel, "H12", tmp_path), min_observations=first,
              forecast_horizon=1, time_dim=c.DIM_TIME, pointwise=True, method="exact")
    assert len(instead) == 3
    both = {"HX": months, "H12": months}
    table = lfo.table_of({"HX": found, "H12": found}, both, first)
    assert list(table.columns) == list(lfo.COLUMNS)
    assert list(table["month"]) == [str(panel.time[first]), str(panel.time[first + 1])]
    assert (table["difference"] == 0).all()
    assert table["passed"].all()
    # The density of no effect, in the fits before and after each month.
    zero = [log_density_at_zero(some_draws(full, month), (0, 1, 2, 3))[0]
            for month in (first, first + 1, first + 2)]
    assert table["ratio"].to_numpy() == pytest.approx(-np.diff(zero))
    # The error of a mean of draws that are as good as independent, on the log scale.
    scores = months.scores(some_draws(full, first), first)
    weights = np.exp(scores - scores.max())
    rough = weights.std() / weights.mean() / np.sqrt(weights.size)
    assert rough * 0.5 < table["error"].iloc[0] / np.sqrt(2.0) < rough * 5.0
    assert table["bearing"].iloc[0] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    monkeypatch.setattr(lfo, "FEWEST", 1e6)
    thin = lfo.table_of({"HX": found, "H12": found}, both, first)
    assert thin[["HX", "H12", "difference", "error"]].isna().all(axis=None)
    assert thin["ratio"].to_numpy() == pytest.approx(table["ratio"].to_numpy())


def test_a_fit_that_was_cut_short_is_not_kept(spec, panel, full, monkeypatch, tmp_path):
    cut = replace(full, provenance=full.provenance | {"interrupted": True})
    monkeypatch.setattr(lfo, "fit_panel", lambda *_, **__: cut)
    with pytest.raises(KeyboardInterrupt):
        lfo.Months(spec, panel, "H12", tmp_path).sample(3)
    assert list(tmp_path.iterdir()) == []


class Ends:
    """Densities at zero that grow by a tenth a month."""

    def kept(self, month, name):
        return {"zero": np.array([0.1 * month, 0.03]), "passed": np.array(True)}[name]


def test_differences_are_added_up_by_episode(spec):
    months = [str(one) for one in pd.period_range("2018-11", "2023-12", freq="M")]
    table = pd.DataFrame({"month": months, "rows": 2, "difference": [0.1, -0.1] * 31,
                          "error": 0.05, "bearing": 500.0, "passed": [False] + [True] * 61})
    found = lfo.by_episode(table, spec, {"H12": Ends()}, 178)
    assert list(found) == [*spec.episodes, "all months"]
    friction = found["friction"]
    assert (friction["months"], friction["rows"], friction["failed"]) == (14, 28, 1)
    assert friction["difference"] == pytest.approx(0.0, abs=1e-12)
    assert friction["se"] == pytest.approx(np.sqrt(14) * 0.1)
    assert friction["error"] == pytest.approx(np.sqrt(14) * 0.05)
    assert friction["ratio"] == pytest.approx(-1.4)
    assert friction["ratio_error"] == pytest.approx(np.sqrt(2) * 0.03)
    assert friction["known"] == 14
    assert friction["end_passed"]
    # A month that few draws bear has no part in the sum.
    table.loc[1, ["bearing", "difference", "error"]] = 20.0, np.nan, np.nan
    thin = lfo.by_episode(table, spec, {"H12": Ends()}, 178)["friction"]
    assert (thin["known"], thin["months"]) == (13, 14)
    assert thin["difference"] == pytest.approx(0.1)
    assert thin["ratio"] == friction["ratio"]
    assert found["all months"]["months"] == 62
    assert found["all months"]["ratio"] == pytest.approx(-6.2)
