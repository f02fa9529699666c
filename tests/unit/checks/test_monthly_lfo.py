"""Months scored one by one, on draws of one short fit in place of refits."""

from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
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
                                                                    tmp_path):
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
    table = lfo.table_of({"HX": found, "H12": found}, {"HX": months, "H12": months}, first)
    assert list(table.columns) == list(lfo.COLUMNS)
    assert list(table["month"]) == [str(panel.time[first]), str(panel.time[first + 1])]
    assert (table["difference"] == 0).all()
    assert table["passed"].all()


def test_differences_are_added_up_by_episode(spec):
    months = [str(one) for one in pd.period_range("2018-11", "2023-12", freq="M")]
    table = pd.DataFrame({"month": months, "rows": 2, "difference": [0.1, -0.1] * 31,
                          "passed": [False] + [True] * 61})
    found = lfo.by_episode(table, spec)
    assert list(found) == [*spec.episodes, "all months"]
    friction = found["friction"]
    assert (friction["months"], friction["rows"], friction["failed"]) == (14, 28, 1)
    assert friction["difference"] == pytest.approx(0.0, abs=1e-12)
    assert friction["se"] == pytest.approx(np.sqrt(14) * 0.1)
    assert found["all months"]["months"] == 62
