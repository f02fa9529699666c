from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.inference.compiled import (
    HELPER_SUFFIXES,
    _by_kind,
    compiled_model,
    reported_names,
)
from bayes_alliance.model import build_design, build_model


@pytest.fixture(scope="module")
def design(spec, panel):
    return build_design(spec, panel)


@pytest.fixture(scope="module")
def compiled(spec, panel, design):
    return compiled_model(spec, panel, design)


@pytest.fixture
def position(compiled):
    return np.random.default_rng(7).normal(0.0, 0.5, size=compiled.size)


def test_labels_name_every_coordinate_once(compiled, panel):
    assert len(compiled.labels) == len(set(compiled.labels)) == compiled.size == compiled.start.size
    months = len(panel.time)
    white = [label for label in compiled.labels if "_white__" in label]
    assert len(white) == 5 * months
    assert white[0] == "first_series_white__[0,0]"
    assert f"cohesion_residual_white__[0,{months - 1}]" in white


def test_coordinates_of_series_are_monthly_and_no_others(compiled):
    white = np.array(["_white__" in label for label in compiled.labels])
    assert compiled.monthly.dtype == bool
    assert np.array_equal(compiled.monthly, white)


def test_the_start_is_a_point_of_finite_density(compiled):
    value, gradient = compiled.density()(compiled.start)
    assert np.isfinite(value)
    assert gradient.shape == (compiled.size,)
    assert np.isfinite(gradient).all()


def test_reported_variables_have_the_shapes_of_their_dims(compiled, position):
    found = compiled.expand()(position)
    assert set(found) == set(compiled.variables)
    for name, array in found.items():
        assert array.shape == tuple(len(compiled.coords[dim])
                                    for dim in compiled.dims.get(name, ()))
        assert np.isfinite(array).all()
    assert {*c.MONTHLY_STATES, c.VAR_LOADING, c.VAR_INTERCEPT, c.VAR_NOISE} <= set(found)
    assert not [name for name in found if name.endswith(HELPER_SUFFIXES)]
    assert "innovation" not in found


def test_what_is_reported_are_the_models_variables_that_are_no_helpers(spec, panel, design,
                                                                      compiled):
    names = reported_names(build_model(spec, panel, design))
    assert names == list(compiled.variables)
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith(HELPER_SUFFIXES)]


def test_all_data_are_packed_one_after_the_other(compiled):
    reals, integers = compiled.packed()
    assert (reals.dtype, integers.dtype) == (np.float64, np.int32)
    for packed in (reals, integers):
        start = 0
        for array in compiled.data.values():
            if array.dtype == packed.dtype:
                stop = start + array.size
                assert np.array_equal(packed[start:stop], array.ravel())
                start = stop
        assert start == packed.size > 0
    assert reals.size + integers.size == sum(array.size for array in compiled.data.values())


def test_data_keep_their_kind_and_unknown_ones_are_refused(compiled):
    weight = compiled.data["weight"].astype(np.float32)
    changed = compiled.with_data(weight=weight)
    assert changed.data["weight"].dtype == np.float64
    with pytest.raises(KeyError, match="wait"):
        compiled.with_data(wait=weight)


def test_data_of_a_kind_that_is_not_packed_are_refused_by_name():
    data = {"fine": np.zeros(2), "places": np.zeros(2, dtype=np.int32),
            "short": np.zeros(2, dtype=np.float32), "flags": np.zeros(2, dtype=bool)}
    with pytest.raises(ValueError, match="not packed: flags, short"):
        _by_kind(data)
    assert _by_kind({name: data[name] for name in ("fine", "places")}) == (["fine"], ["places"])


def test_other_data_change_the_density_without_a_compilation(compiled, position):
    first = compiled.density()(position)
    other = compiled.with_data(weight=np.zeros_like(compiled.data["weight"]))
    value, gradient = other.density()(position)
    assert value != first[0]
    assert not np.array_equal(gradient, first[1])
    assert other.density_entry is compiled.density_entry
    again = compiled.density()(position)
    assert again[0] == first[0]
    assert np.array_equal(again[1], first[1])


def test_a_prior_number_is_data(spec, panel, design, compiled, position):
    names = list(spec.priors.numbers())
    prior = design.data["prior"].copy()
    prior[names.index("coefficient.sd")] *= 2
    changed = compiled_model(spec, panel, design.with_data(prior=prior))
    assert changed.density_entry is compiled.density_entry
    at = [i for i, label in enumerate(compiled.labels)
          if label.startswith(f"{c.VAR_COEFFICIENT}[")]
    mean, sd = (spec.priors.numbers()[f"coefficient.{part}"] for part in ("mu", "sd"))
    z = (position[at] - mean) / sd
    expected = -0.5 * (z**2).sum() * (0.25 - 1) - len(at) * np.log(2)
    difference = changed.density()(position)[0] - compiled.density()(position)[0]
    assert difference == pytest.approx(expected, abs=1e-7)


def test_a_hypothesis_and_rows_left_out_are_data(spec, panel, design, compiled):
    used = design.rows["latent"].to_numpy() != c.COHESION
    for other in (design.with_hypothesis(spec, "HX"), design.with_rows(used)):
        assert compiled_model(spec, panel, other).density_entry is compiled.density_entry


def test_threads_and_repeated_calls_do_not_share_results(compiled):
    density, expand = compiled.density(), compiled.expand()
    positions = np.random.default_rng(8).normal(0.0, 0.3, size=(8, compiled.size))
    alone = [density(position) for position in positions]
    states = [expand(position)[c.COHESION] for position in positions]
    kept = [gradient.copy() for _, gradient in alone]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(density, np.repeat(positions, 5, axis=0)))
        repeated = list(pool.map(lambda position: expand(position)[c.COHESION], positions))
    for i, (value, gradient) in enumerate(together):
        assert value == alone[i // 5][0]
        assert np.array_equal(gradient, kept[i // 5])
    assert all(map(np.array_equal, states, repeated))
    assert all(np.array_equal(gradient, copy)
               for (_, gradient), copy in zip(alone, kept, strict=True))
