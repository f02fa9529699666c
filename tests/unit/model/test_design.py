import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.model import build_design
from bayes_alliance.model.design import previous_rows


@pytest.fixture(scope="module")
def design(spec, panel):
    return build_design(spec, panel)


def test_rows_of_a_family_stand_together(design):
    for family, block in design.blocks.items():
        assert (design.rows["family"].iloc[block] == family).all()
    assert sum(block.stop - block.start for block in design.blocks.values()) == len(design.rows)


@pytest.mark.parametrize(("hypothesis", "paths", "rivals"), [
    ("H0", [0, 0], 0), ("HX", [0, 0], 1), ("H1", [1, 0], 1), ("H2", [0, 1], 1),
    ("H12", [1, 1], 1)])
def test_hypotheses_are_switches_of_one_structure(design, spec, hypothesis, paths, rivals):
    changed = design.with_hypothesis(spec, hypothesis)
    assert changed.data["path_switch"].tolist() == paths
    assert float(changed.data["rival_switch"]) == rivals
    assert changed.structure == design.structure


def test_an_unknown_hypothesis_is_refused(design, spec):
    with pytest.raises(SpecError, match="H3"):
        design.with_hypothesis(spec, "H3")


def test_the_chain_of_an_own_error_skips_rows_left_out():
    rows = pd.DataFrame({"indicator": ["a", "a", "a", "b"], "own_error": [True, True, True, False],
                         "start_month": [0, 1, 4, 0], "end_month": [0, 1, 4, 0]})
    previous, gap = previous_rows(rows, np.array([True, True, True, True]))
    assert previous.tolist() == [-1, 0, 1, -1]
    assert gap.tolist() == [1, 1, 3, 1]
    previous, gap = previous_rows(rows, np.array([True, False, True, True]))
    assert previous.tolist() == [-1, -1, 0, -1]
    assert gap[2] == 4


def test_shared_items_pair_both_publics(design):
    items = design.coords[c.DIM_SHARED]
    assert "hankook_yomiuri_military_threat" in items
    assert "pew_confidence_president" in items
    assert len(design.coords[c.DIM_ITEM]) == len(design.coords[c.DIM_INDICATOR]) - len(items)


def test_averages_over_items_sum_to_one(design):
    data = design.data
    counts = data["indicator_stop"] - data["indicator_first"]
    assert data["item_average"] @ counts == pytest.approx(np.ones(len(data["item_average"])))


def test_data_of_another_shape_are_refused(design):
    with pytest.raises(ValueError, match="shape"):
        design.with_data(weight=np.ones(3))
