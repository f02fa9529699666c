"""The functions that nutpie calls by address, held to the same through Python."""

import ctypes
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.inference import load_model
from bayes_alliance.inference.compiled import compiled_model
from bayes_alliance.inference.kept import entries as made_entries
from bayes_alliance.inference.laplace import Coordinates
from bayes_alliance.inference.native import memory_table
from bayes_alliance.model import build_design

FINE, RAISED, NOT_FINITE = 0, 1, 3
DOUBLES = ctypes.POINTER(ctypes.c_double)


def address(array):
    return array.ctypes.data_as(DOUBLES)


class Memory:
    """Packed data and a map, and the table that says where they lie."""

    def __init__(self, *arrays):
        # The table has addresses only: without the arrays it points nowhere.
        self.arrays = arrays
        self.table = memory_table(*arrays)


def memory_of(compiled, coordinates):
    return Memory(*compiled.packed(), *coordinates.arrays)


def called_density(entry, memory, position):
    """Return the answer, the density and the gradient of a C function."""
    gradient, value = np.full(position.size, np.nan), np.full(1, np.nan)
    answer = entry.ctypes(position.size, address(position), address(gradient), address(value),
                          memory.table.ctypes.data)
    return answer, value[0], gradient


def called_expand(entry, memory, position, count):
    result = np.full(count, np.nan)
    answer = entry.ctypes(position.size, count, address(position), address(result),
                          memory.table.ctypes.data)
    return answer, result


@pytest.fixture(scope="module")
def compiled():
    spec, panel = load_model("japan_philippines")
    return compiled_model(spec, panel, build_design(spec, panel))


@pytest.fixture(scope="module")
def coordinates(compiled):
    """A map with every entry of its own, some of them zero, that keeps positions near the start."""
    rng, moved = np.random.default_rng(3), np.flatnonzero(~compiled.monthly)
    root = 0.1 * rng.normal(size=(moved.size, moved.size)) / np.sqrt(moved.size)
    root = np.where(rng.random(root.shape) < 0.5, 0.0, root)
    root = (root + root.T) / 2 + 0.3 * np.eye(moved.size)
    return Coordinates.of_matrix(moved, compiled.start[moved] + 0.1 * rng.normal(size=moved.size),
                                 root)


@pytest.fixture(scope="module")
def positions(compiled):
    return np.random.default_rng(4).normal(size=(4, compiled.size))


def joined(compiled, found):
    return np.concatenate([found[name].ravel() for name in compiled.variables])


def test_the_density_is_exactly_the_one_through_python(compiled, coordinates, positions):
    memory, mapped = memory_of(compiled, coordinates), coordinates.density(compiled.density())
    for position in positions:
        given = position.copy()
        answer, value, gradient = called_density(compiled.density_entry, memory, given)
        expected = mapped(position)
        assert answer == FINE
        assert value == expected[0]
        assert np.array_equal(gradient, expected[1])
        assert np.array_equal(given, position)


def test_the_expansion_is_exactly_the_one_through_python(compiled, coordinates, positions):
    memory, expand = memory_of(compiled, coordinates), compiled.expand()
    for position in positions:
        expected = joined(compiled, expand(coordinates.apply(position)))
        answer, found = called_expand(compiled.expand_entry, memory, position,
                                      expected.size)
        assert answer == FINE
        assert np.array_equal(found, expected)


def test_other_data_come_through_the_table_alone(compiled, coordinates, positions):
    other = compiled.with_data(weight=np.zeros_like(compiled.data["weight"]))
    assert other.density_entry is compiled.density_entry
    values = []
    for one in (compiled, other):
        _, value, gradient = called_density(one.density_entry, memory_of(one, coordinates),
                                            positions[0])
        expected = coordinates.density(one.density())(positions[0])
        assert value == expected[0]
        assert np.array_equal(gradient, expected[1])
        values.append(value)
    assert values[0] != values[1]


def test_threads_do_not_share_results(compiled, coordinates, positions):
    memory = memory_of(compiled, coordinates)

    def run(position):
        return called_density(compiled.density_entry, memory, position)

    alone = [run(position) for position in positions]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, np.repeat(positions, 8, axis=0)))
    for i, (answer, value, gradient) in enumerate(together):
        assert (answer, value) == alone[i // 8][:2]
        assert np.array_equal(gradient, alone[i // 8][2])


def test_what_nutpie_draws_is_where_it_says_it_is(compiled, coordinates):
    # Forty-five points that nutpie's own code visited, with what it was answered there.
    import nutpie

    from bayes_alliance.inference.sampling import _Sampled

    tree = nutpie.sample(_Sampled(compiled, coordinates), draws=15, tune=30, chains=1, seed=1,
                         maxdepth=4, save_warmup=True, progress_bar=False,
                         store_unconstrained=True, store_gradient=True)
    mapped, expand = coordinates.density(compiled.density()), compiled.expand()
    seen = 0
    for stats, posterior in (("sample_stats", "posterior"),
                             ("warmup_sample_stats", "warmup_posterior")):
        stats, posterior = tree[stats].to_dataset(), tree[posterior].to_dataset()
        for draw in range(stats.sizes["draw"]):
            here = stats.isel(chain=0, draw=draw)
            position = here["unconstrained_draw"].to_numpy()
            value, gradient = mapped(position)
            assert float(here["logp"]) == value
            assert np.array_equal(here["gradient"].to_numpy(), gradient)
            found = expand(coordinates.apply(position))
            for name, array in found.items():
                drawn = posterior[name].isel(chain=0, draw=draw).to_numpy()
                assert np.array_equal(drawn, array), name
            seen += 1
    assert seen == 45
    assert set(found) == set(posterior.data_vars)


REALS, INDEX, PLACES = np.float64, np.int32, np.int64
# Reals and integers; positions, centre, row starts, columns and values of the map.
KINDS = (REALS, INDEX, PLACES, REALS, PLACES, PLACES, REALS)


def arrays_of(sizes=(3, 2, 4, 4, 5, 7, 7)):
    return [np.zeros(size, dtype=kind) for size, kind in zip(sizes, KINDS, strict=True)]


def fitting():
    arrays = arrays_of()
    arrays[4][:], arrays[5][:] = [0, 2, 4, 6, 7], [0, 1, 1, 2, 2, 3, 3]
    return arrays


@pytest.mark.parametrize(("what", "at", "value"), [(4, -1, 6), (5, 0, 4), (5, 3, -1)])
def test_a_map_that_does_not_fit_together_is_refused(what, at, value):
    arrays = fitting()
    arrays[what][at] = value
    with pytest.raises(ValueError, match="a map of 4 positions"):
        memory_table(*arrays)


def test_the_table_says_where_everything_lies():
    arrays = fitting()
    reals, integers, moved, centre, starts, columns, values = (
        array.ctypes.data for array in arrays)
    assert memory_table(*arrays).tolist() == [
        reals, 3, integers, 2, 4, moved, centre, starts, columns, 7, values]


@pytest.mark.parametrize(("what", "kind"), [
    (0, np.float32), (1, np.int64), (2, np.int32), (3, np.float32), (4, np.int32), (5, np.int32),
    (6, np.float32)])
def test_an_array_of_another_type_is_refused(what, kind):
    arrays = arrays_of()
    arrays[what] = arrays[what].astype(kind)
    with pytest.raises(ValueError, match=f"array of {np.dtype(KINDS[what])}, got "
                                         f"{np.dtype(kind)}"):
        memory_table(*arrays)


@pytest.mark.parametrize("what", range(7))
def test_an_array_with_gaps_is_refused(what):
    arrays = arrays_of((6, 6, 6, 6, 7, 6, 6))
    arrays[what] = arrays[what][::2]
    with pytest.raises(ValueError, match="contiguous"):
        memory_table(*arrays)


# Answers other than a number, on a function of two coordinates.

@numba.njit
def toy(position, reals, integers):
    if integers[0] == 7:
        raise ValueError("refused")
    return np.asarray(reals[0] * position[0]), reals[1:3] * position


@numba.njit
def toy_expanded(position, reals, integers):
    if integers[0] == 7:
        raise ValueError("refused")
    return (np.append(reals * 2.0, position),)


@pytest.fixture(scope="module")
def entries():
    return made_entries(toy, toy_expanded)


def toy_memory(reals, integer=0):
    map_ = Coordinates.of_matrix(np.array([1]), np.array([3.0]), np.array([[2.0]]))
    return Memory(np.array(reals, dtype=float), np.array([integer], dtype=np.int32), *map_.arrays)


def test_of_two_coordinates_one_is_mapped(entries):
    memory, position = toy_memory([5.0, 1.0, 10.0]), np.array([2.0, 0.5])
    answer, value, gradient = called_density(entries[0], memory, position)
    # The second coordinate is 3 + 2 * 0.5; its slope 10 * 4 counts twice.
    assert (answer, value, gradient.tolist()) == (FINE, 10.0, [2.0, 80.0])
    answer, found = called_expand(entries[1], memory, position, 5)
    assert (answer, found.tolist()) == (FINE, [10.0, 2.0, 20.0, 2.0, 4.0])


@pytest.mark.parametrize("reals", [[np.nan, 1.0, 1.0], [np.inf, 1.0, 1.0], [-np.inf, 1.0, 1.0],
                                   [1.0, np.nan, 1.0], [1.0, 1.0, np.inf],
                                   [1.0, np.inf, -np.inf], [np.inf, -np.inf, 1.0]])
def test_a_density_or_slope_that_is_not_finite_is_said_to_be_so(entries, reals):
    answer, *_ = called_density(entries[0], toy_memory(reals), np.array([2.0, 0.5]))
    assert answer == NOT_FINITE


def test_of_the_flagship_a_point_without_a_density_is_said_to_have_none(compiled, coordinates,
                                                                       positions):
    memory = memory_of(compiled, coordinates)
    for value in (np.nan, np.inf, 1e200):
        far = positions[0].copy()
        far[compiled.labels.index("cohesion_residual_white__[0,0]")] = value
        assert called_density(compiled.density_entry, memory, far)[0] == NOT_FINITE
        # Among the mapped coordinates it reaches all, some of which refuse to be no number.
        far = positions[0].copy()
        far[compiled.labels.index(f"{c.VAR_COEFFICIENT}[0]")] = value
        answer, *_ = called_density(compiled.density_entry, memory, far)
        assert answer in (RAISED, NOT_FINITE)
    data = compiled.data["y"].copy()
    data[0] = np.nan
    broken = memory_of(compiled.with_data(y=data), coordinates)
    assert called_density(compiled.density_entry, broken, positions[0])[0] == NOT_FINITE
    assert called_density(compiled.density_entry, memory, positions[0])[0] == FINE


def test_an_error_in_the_function_is_an_answer_not_a_crash(entries):
    memory, position = toy_memory([5.0, 1.0, 10.0], integer=7), np.array([2.0, 0.5])
    assert called_density(entries[0], memory, position)[0] == RAISED
    assert called_expand(entries[1], memory, position, 5)[0] == RAISED
