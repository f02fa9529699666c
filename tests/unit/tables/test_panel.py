import numpy as np
import pandas as pd
import pytest

from bayes_alliance.tables.notation import parse_masks, parse_mode_changes
from bayes_alliance.tables.stocks import decay, finish_stock


def test_a_stock_halves_in_its_half_life_and_sees_no_later_event():
    stock = decay(np.array([4.0, 0, 0, 1, 0]), half_life=2.0)
    assert stock == pytest.approx([4, 4 * 2**-0.5, 2, 1 + 2**0.5, (1 + 2**0.5) * 2**-0.5])
    changed = decay(np.array([4.0, 0, 0, 9, 0]), half_life=2.0)
    assert changed[:3] == pytest.approx(stock[:3])


def test_log1p_stocks_keep_their_sign(spec):
    driver = spec.drivers["launch_days"]
    assert finish_stock(np.array([-3.0, 0.0, 3.0]), driver) == pytest.approx(
        [-np.log(4), 0, np.log(4)])


def test_masked_rows_are_out_with_their_reason(panel):
    travel = panel.rows[panel.rows["indicator"] == "jnto_travel_rok"]
    months = travel["start"].astype(str).str[:7]
    assert not months.between("2020-02", "2023-09").any()
    reasons = panel.excluded[panel.excluded["indicator"] == "jnto_travel_rok"]["reason"]
    assert len(reasons) == 44
    assert reasons.str.contains("pandemic").all()


def test_a_yearly_row_spans_its_months_and_a_count_is_rounded(panel):
    rows = panel.rows[panel.rows["indicator"] == "icews_conflict_share_rok_to_japan"]
    assert (rows["end_month"] - rows["start_month"] == 11).all()
    assert rows["start_month"].iloc[0] == 0
    expected = (rows["n"] * rows["value"] / 100).round()
    assert (rows["y"] == expected).all()


def test_survey_modes_count_the_changes_passed(panel):
    rows = panel.rows[panel.rows["indicator"] == "cabinet_office_affinity_japan"]
    later = pd.to_datetime(rows["start"]) >= "2020-01-01"
    assert (rows["mode"] == later.astype(int)).all()


def test_an_acting_head_continues_the_government(panel):
    assert panel.governments.loc["2017-02", "rok"] == "park"
    assert panel.governments.loc["2004-04", "rok"] == "roh"
    assert panel.governments.loc["2021-01", "us"] == "trump_1"
    assert panel.governments.loc["2021-02", "us"] == "biden"


@pytest.mark.parametrize("text", ["2020-13..2021-01=x", "2021-01..2020-01=x", "2020-01=x", "x"])
def test_a_wrong_mask_is_refused(text):
    with pytest.raises(ValueError, match=r"mask|ends before"):
        parse_masks(text)


def test_mode_changes_must_be_in_order():
    assert parse_mode_changes("2020-01-01=mail;2022-01-01=web")[1][1] == "web"
    with pytest.raises(ValueError, match="time order"):
        parse_mode_changes("2022-01-01=web;2020-01-01=mail")
