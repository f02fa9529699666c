"""Loading a saved fit runs nothing, reads no other file and fills no memory."""

import json
import pickle
import tracemalloc

import h5py
import numpy as np
import pytest

import bayes_alliance as ba
from bayes_alliance.dyads import load_dyad_fit
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.inference import load_fit
from bayes_alliance.inference.sealed import is_sealed, sealed
from benchmarks.fuzz_inputs import make_inputs

RAN = []


def leave_trace(text):
    RAN.append(text)


class Bomb:
    """Unpickled, it leaves a trace."""

    def __reduce__(self):
        return leave_trace, ("it ran",)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("sound"))


@pytest.fixture(params=["fit", "dyad_fit"])
def case(request, inputs, tmp_path):
    """A copy of a saved fit that a test may damage, what loads it, and a variable of it."""
    path = tmp_path / f"{request.param}.nc"
    path.write_bytes(getattr(inputs, request.param).read_bytes())
    return path, {"fit": load_fit, "dyad_fit": load_dyad_fit}[request.param], "cohesion"


def damage(path, edit, *, anew=True):
    path.write_bytes(path.read_bytes()[:-48])
    with h5py.File(path, "a") as file:
        edit(file["posterior"])
    if anew:
        path.write_bytes(sealed(path.read_bytes()))


def refused(case, edit, match):
    path, load, _ = case
    load(path)
    damage(path, edit)
    with pytest.raises(SchemaError, match=match) as caught:
        load(path)
    assert path.name in str(caught.value)


def test_the_undamaged_files_load_and_bear_a_seal(case):
    path, load, _ = case
    assert is_sealed(path)
    damage(path, lambda group: None)
    assert load(path).posterior.sizes["chain"] == 2


def test_a_pickle_is_not_opened(case):
    path, load, _ = case
    path.write_bytes(pickle.dumps(Bomb()))
    for read in (load, ba.load):
        with pytest.raises(SchemaError, match="it is no NetCDF file"):
            read(path)
    assert RAN == []
    pickle.loads(path.read_bytes())  # the trace would be seen
    assert RAN == ["it ran"]
    RAN.clear()


def test_arrays_of_objects_are_refused_and_not_unpickled(case):
    def objects(group):
        del group["cohesion"]
        kind = h5py.vlen_dtype(np.uint8)
        array = group.create_dataset("cohesion", (2,), dtype=kind)
        array[0] = np.frombuffer(pickle.dumps(Bomb()), dtype=np.uint8)
        array.attrs["dtype"] = "object"

    refused(case, objects, r"posterior/cohesion is of type .*allowed: numbers, and labels")
    assert RAN == []


@pytest.mark.parametrize("kind", [np.complex64, "V8", np.dtype([("a", "f4")]),
                                  h5py.ref_dtype, h5py.opaque_dtype("M8[s]")])
def test_only_numbers_and_labels_are_read(case, kind):
    def other(group):
        del group["cohesion"]
        group.create_dataset("cohesion", (2, 2), dtype=kind)

    refused(case, other, "posterior/cohesion is of type")


def test_links_to_other_files_are_not_followed(case, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["cohesion"] = np.ones((2, 8))
    for link in (h5py.ExternalLink(str(tmp_path / "other.h5"), "/cohesion"),
                 h5py.SoftLink("/sample_stats")):
        path, load, _ = case

        def linked(group, link=link):
            del group["cohesion"]
            group["cohesion"] = link

        damage(path, linked)
        with pytest.raises(SchemaError, match="cohesion is a link to another place"):
            load(path)


def test_the_bytes_of_other_files_are_not_read(case, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 64)

    def outside(group):
        del group["cohesion"]
        group.create_dataset("cohesion", (64,), dtype="i1", external=[(str(secret), 0, 64)])

    refused(case, outside, "cohesion is not stored plainly in the file")


def test_arrays_made_of_other_files_are_not_read(case, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.ones(8)

    def virtual(group):
        del group["cohesion"]
        layout = h5py.VirtualLayout((8,), dtype="f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(8,))
        group.create_virtual_dataset("cohesion", layout)

    refused(case, virtual, "cohesion is not stored plainly in the file")


def test_an_array_of_absurd_size_is_refused_before_it_is_read(case):
    """A file of some kilobytes may state an array of a terabyte."""
    path, load, _ = case

    def huge(group):
        del group["cohesion"]
        group.create_dataset("cohesion", (10**6, 10**6), "f4", chunks=(100, 100),
                             compression="gzip")

    damage(path, huge)
    tracemalloc.start()
    with pytest.raises(SchemaError, match=r"cohesion, of shape \(1000000, 1000000\), makes more"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()


def test_labels_without_end_are_refused(case):
    def many(group):
        group.create_dataset("more", (10**9,), dtype=h5py.string_dtype(), chunks=(1000,))

    refused(case, many, "more holds 1000000000 texts")


def test_a_fit_of_the_other_kind_is_refused(inputs):
    with pytest.raises(SchemaError, match=r"dyad_fit\.nc"):
        load_fit(inputs.dyad_fit)
    with pytest.raises(SchemaError, match=r"fit\.nc is no saved fit of a model over dyads"):
        load_dyad_fit(inputs.fit)


def test_draws_that_are_missing_never_pass(case):
    """The monthly fit is judged again; that over dyads is refused, as it keeps its judgement."""
    path, load, _ = case

    def missing(group):
        group["cohesion"][...] = np.nan

    damage(path, missing)
    if load is load_fit:
        found = load(path).diagnostics
        assert not found.passed
        assert any("R-hat" in reason for reason in found.failures)
    else:
        with pytest.raises(SchemaError, match="draws of cohesion that are missing or infinite"):
            load(path)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, '{"format": 1}'])
def test_a_header_that_is_none_is_refused(case, text):
    def replaced(group):
        del group.attrs["header"]
        group.attrs["header"] = text

    refused(case, replaced, r"fit")


@pytest.mark.parametrize("key", ["spec", "hypothesis", "provenance"])
def test_a_header_that_lacks_a_part_is_refused(case, key):
    def shortened(group):
        header = json.loads(group.attrs["header"])
        header.pop(key)
        del group.attrs["header"]
        group.attrs["header"] = json.dumps(header)

    refused(case, shortened, key)
