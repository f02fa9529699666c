import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest

from bayes_alliance.inference import kept
from bayes_alliance.inference.compiled import obtain
from bayes_alliance.inference.kept import Layout

STRUCTURE = ("toy", 1)
# Loads the structures it is given, in their order, and says what they are at one point.
LOADING = """
import json, sys
import numpy as np
from bayes_alliance.inference.compiled import obtain
found = []
for number in map(int, sys.argv[1:]):
    compiled = obtain(("toy", number), None, "a toy")
    value, gradient = compiled.density()(np.array([0.3]))
    found.append([value, *gradient, *compiled.expand()(np.array([0.3]))["twice"].ravel()])
assert "pymc" not in sys.modules
print(json.dumps(found))
"""


def toy_model(times=2.0):
    import pymc as pm

    with pm.Model(coords={"row": ["a", "b"]}) as model:
        y = pm.Data("y", np.array([1.0, 2.5]), dims="row")
        x = pm.Normal("x", 0.0, 1.0)
        pm.Deterministic("twice", times * x)
        pm.Potential("rows", -((y - times * x) ** 2).sum())
    return model


def numbers(compiled):
    value, gradient = compiled.density()(np.array([0.3]))
    return [value, *gradient, *compiled.expand()(np.array([0.3]))["twice"].ravel()]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache with two structures, and their numbers when they were compiled."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAYES_ALLIANCE_CACHE", str(folder))
        found = [numbers(obtain(("toy", k), lambda k=k: toy_model(float(k)), "a toy"))
                 for k in (1, 2)]
    return folder, found


def test_a_compilation_leaves_one_folder_behind(tmp_path):
    """PyTensor's own files would otherwise stay in the temporary folder, a hundred each time."""
    code = ("from tests.unit.inference.test_kept import toy_model, obtain;"
            "obtain(('toy', 9), toy_model, 'a toy')")
    environment = {key: value for key, value in os.environ.items() if key != "PYTENSOR_FLAGS"}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300, env=environment | {
        "BAYES_ALLIANCE_CACHE": str(tmp_path / "cache"), "TMPDIR": str(temporary),
        "PYTHONPATH": os.pathsep.join(sys.path)})
    (left,) = temporary.iterdir()
    assert left.name.startswith("bayes_alliance-")
    assert all(path.suffix == ".py" for path in left.iterdir())


@pytest.fixture
def copied(filled, tmp_path, monkeypatch):
    """The folder of the first structure in a cache of the test's own."""
    shutil.copytree(filled[0], tmp_path / "cache")
    monkeypatch.setenv("BAYES_ALLIANCE_CACHE", str(tmp_path / "cache"))
    return kept.folder_of(STRUCTURE)


def never():
    raise AssertionError("the graph was built")


def test_what_was_compiled_has_the_density_of_its_model(filled):
    # x = 0.3, times 2: the normal's density, less the squares of 1 - 0.6 and 2.5 - 0.6.
    value, slope, twice = filled[1][1]
    assert value == pytest.approx(-0.5 * 0.09 - 0.5 * np.log(2 * np.pi) - 0.4**2 - 1.9**2)
    assert slope == pytest.approx(-0.3 + 4 * (0.4 + 1.9))
    assert twice == 0.6


def test_a_later_process_loads_each_by_its_name_and_needs_no_pymc(filled):
    folder, found = filled
    for order in ([1, 2], [2, 1], [2]):
        done = subprocess.run(
            [sys.executable, "-c", LOADING, *map(str, order)], check=True, timeout=300,
            stdout=subprocess.PIPE, env=os.environ | {"BAYES_ALLIANCE_CACHE": str(folder)})
        assert json.loads(done.stdout) == [found[k - 1] for k in order]


def test_what_is_kept_is_the_whole_layout(copied):
    said = []
    fresh = obtain(("toy", 3), lambda: toy_model(3.0), "a toy", said.append)
    again = obtain(("toy", 3), never, "a toy", said.append)
    assert said == ["compiling a toy"]
    for field in fields(Layout):
        one, other = getattr(fresh, field.name), getattr(again, field.name)
        if field.name == "data":
            assert one.keys() == other.keys()
            one, other = one["y"], other["y"]
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
        else:
            assert one == other
    assert numbers(again) == numbers(fresh)
    data = {"y": np.array([0.0, 0.0])}
    assert numbers(again.with_data(**data)) == numbers(fresh.with_data(**data))


@pytest.mark.parametrize("pattern", ["layout.npz", "entries.py", "__pycache__/*density*.nbi",
                                     "__pycache__/*density*.nbc", "__pycache__/*expand*.nbc"])
@pytest.mark.parametrize("damage", ["cut", "noise", "gone"])
# NumPy leaves an archive that it cannot read to the collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_file_is_compiled_anew(filled, copied, pattern, damage):
    (path,) = copied.glob(pattern)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:len(content) // 2] if damage == "cut" else b"?" * 500)
    built = []

    def build():
        built.append(1)
        return toy_model(1.0)

    assert numbers(obtain(STRUCTURE, build, "a toy")) == filled[1][0]
    assert len(built) <= 1
    assert numbers(obtain(STRUCTURE, never, "a toy")) == filled[1][0]


def test_where_nothing_can_be_written_every_process_compiles(filled, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BAYES_ALLIANCE_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        said = []
        found = obtain(STRUCTURE, lambda: toy_model(1.0), "a toy", said.append)
        assert numbers(found) == filled[1][0]
        assert said == ["compiling a toy"]


def test_a_full_disk_costs_a_compilation_and_no_fit(filled, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("BAYES_ALLIANCE_CACHE", str(tmp_path))
    monkeypatch.setattr(kept, "write_whole", full)
    assert numbers(obtain(STRUCTURE, lambda: toy_model(1.0), "a toy")) == filled[1][0]


def test_of_two_at_a_time_one_compiles_and_the_other_waits(filled, tmp_path, monkeypatch):
    monkeypatch.setenv("BAYES_ALLIANCE_CACHE", str(tmp_path))
    built = []

    def build():
        built.append(1)
        return toy_model(1.0)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: numbers(obtain(STRUCTURE, build, "a toy")), range(2)))
    assert found == [filled[1][0]] * 2
    assert len(built) == 1


def test_a_name_is_of_structure_source_versions_and_processor(monkeypatch):
    names = {kept.folder_of(STRUCTURE).name, kept.folder_of(("toy", 2)).name}
    changes = [(kept.metadata, "version", lambda name: "0"),
               (kept.numba.config, "OPT", "made up"), (kept.numba.config, "CPU_NAME", "made up"),
               (kept, "_SOURCES", ("constants.py",))]
    for owner, name, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            kept._surroundings.cache_clear()
            names.add(kept.folder_of(STRUCTURE).name)
        kept._surroundings.cache_clear()
    assert len(names) == 6
    assert kept.folder_of(STRUCTURE).name in names


def test_all_that_a_graph_is_made_of_is_in_the_name():
    """What the graph's modules import of the package is among the sources of the name."""
    code = ("import sys; from bayes_alliance.model import build_model;"
            "import bayes_alliance.dyads.model, bayes_alliance.inference.compiled;"
            "print('\\n'.join(m.__file__ for n, m in sys.modules.items()"
            " if n.startswith('bayes_alliance.')))")
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=300,
                          stdout=subprocess.PIPE, text=True)
    package = kept._PACKAGE
    used = {os.path.relpath(path, package) for path in done.stdout.split()}
    named = {path.relative_to(package).as_posix() for name in kept._SOURCES
             for path in (package / name).rglob("*.py")} | set(kept._SOURCES)
    # These say what went wrong, read and write files, run and judge a fit; none is in a graph.
    others = {"__init__.py", "exceptions.py", "files.py"}
    left = {path for path in used - named - others if not path.startswith("inference/")}
    assert not left


def test_structures_not_used_for_longest_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_MOST", 2)
    for age, name in enumerate(["newest", "middle", "oldest"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    kept._drop_old(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "newest"]
