import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.model import build_design
from bayes_alliance.model.design import Options, previous_rows
from bayes_alliance.model.layout import centring, gaussian_rows, level_and_contrasts
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.spec.schema import DynamicsSpec


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


def test_options_of_the_structure_come_from_the_specification(design, spec, panel):
    assert design.options == Options("adjustment", ("ar1", "ar1", "ar1"), "normal", "chosen")
    assert design.coords[c.DIM_TREND] == []
    head = spec.model.model_copy(update={
        "response": "level", "innovations": "student_t",
        "dynamics": DynamicsSpec(threat="local_trend", cohesion="random_walk")})
    sampler = spec.sampler.model_copy(update={"coordinates": "centred"})
    other = build_design(spec.model_copy(update={"model": head, "sampler": sampler}), panel)
    assert other.options == Options("level", ("local_trend", "ar1", "random_walk"), "student_t",
                                    "centred")
    assert other.coords[c.DIM_TREND] == ["threat_rok", "threat_japan"]


@pytest.mark.parametrize(("part", "changed"), [
    ("model", {"response": "level"}), ("model", {"innovations": "student_t"}),
    ("model", {"dynamics": DynamicsSpec(threat="random_walk")}),
    ("model", {"dynamics": DynamicsSpec(credibility="random_walk")}),
    ("sampler", {"coordinates": "non_centred"}), ("sampler", {"coordinates": "centred"})])
def test_a_structural_option_is_another_compilation(design, spec, panel, part, changed):
    other = getattr(spec, part).model_copy(update=changed)
    found = build_design(spec.model_copy(update={part: other}), panel)
    assert found.structure != design.structure
    same = spec.sampler.model_copy(update={"draws": 123, "chains": 2})
    assert build_design(spec.model_copy(update={"sampler": same}),
                        panel).structure == design.structure


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


def test_months_of_an_item_are_those_of_its_first_publics_rows(design, panel):
    share = design.data["item_months"]
    assert share.shape == (len(design.coords[c.DIM_ITEM]), len(panel.time))
    # No share at all for an item whose first public's rows lie outside the window.
    assert set(np.round(share.sum(axis=1), 12)) <= {0.0, 1.0}
    item = design.coords[c.DIM_ITEM].index("pew_confidence_president")
    rows = panel.rows[panel.rows["indicator"] == "pew_confidence_president_rok"]
    middle = (rows["start_month"] + rows["end_month"]) // 2
    assert set(np.flatnonzero(share[item])) == set(middle)


def test_cells_of_nuisances_are_counted_through(design):
    data, coords = design.data, design.coords
    sizes = len(coords[c.DIM_OFFSET]), 12 * len(coords[c.DIM_SEASONAL]), len(coords[c.DIM_WAVE])
    start = 0
    for part, (name, size) in enumerate(zip(("offset_cell", "season_cell", "wave_cell"), sizes,
                                            strict=True)):
        own, through = data[name], data["nuisance_cell"][:, part]
        assert (through[own == 0] == 0).all()
        assert (through[own > 0] == own[own > 0] + start).all()
        assert own.max() <= size
        start += size


def test_an_orthonormal_basis_starts_with_the_common_level():
    for count in (1, 2, 5):
        basis = level_and_contrasts(count)
        assert basis.T @ basis == pytest.approx(np.eye(count), abs=1e-12)
        assert basis[:, 0] == pytest.approx(np.full(count, count**-0.5))


def test_counts_as_normal_observations_of_their_links():
    # A normal row is exact; counts by the delta method, at large counts.
    rows = pd.DataFrame({"family": ["normal", "student_t", "binomial", "beta_binomial",
                                    "negative_binomial"],
                         "y": [0.3, -0.2, 600.0, 500.0, 400.0],
                         "n": [0.0, 0.0, 1000.0, 1000.0, 0.0]})
    found = gaussian_rows(rows, 4.0)
    value = [0.3, -0.2, np.log(0.6 / 0.4), 0.0, np.log(400.0)]
    assert found["link_value"] == pytest.approx(value, abs=2e-3)
    noise = 0.2
    variance = found["variance_base"] + found["variance_slope"] * noise**2
    rng = np.random.default_rng(3)
    draws = LIKELIHOODS["beta_binomial"].random(rng, np.zeros(100_000), np.full(100_000, noise),
                                                np.full(100_000, 1000.0), 4.0)
    expected = [noise**2, noise**2 * 7 / 5, 1 / 240, np.log(draws / (1000 - draws)).var(),
                1 / 400 + noise**2]
    expected[2] += noise**2
    assert variance == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("count", [0, 1, 5, 1000])
def test_much_data_centre_a_pooled_parameter(count):
    rows = pd.DataFrame({"indicator": ["a"] * count + ["other"]})
    share = centring(rows, ["a", "absent"], {"a": "a", "other": "other"})
    assert share.tolist() == [count / (count + 5), 0.0]


def test_data_of_another_shape_are_refused(design):
    with pytest.raises(ValueError, match="shape"):
        design.with_data(weight=np.ones(3))
