"""The environment is what the lock file says: the same packages in the same versions, by hash."""

import re
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

# What every environment has, and this project itself.
BESIDE = {"pip", "setuptools", "wheel", "bayes-alliance"}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text):
    """Return name to version of a lock file; fail where a package has no hash."""
    found = {}
    for block in re.split(r"\n(?=\S)", text.strip()):
        if block.startswith("#"):
            continue
        one = Requirement(block.splitlines()[0].rstrip("\\ "))
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), f"{one.name} has no hash"
        if one.marker is None or one.marker.evaluate():
            found[plain(one.name)] = str(one.specifier).removeprefix("==")
    return found


def differences(lock, installed, peers=()):
    """Return what an environment has otherwise than its lock file, in words."""
    told = [f"{name}: {version} is locked, {installed.get(name, 'nothing')} is installed"
            for name, version in lock.items() if installed.get(name) != version]
    return told + [f"{name} {version} is installed and not locked"
                   for name, version in installed.items()
                   if name not in lock and name not in BESIDE and name not in peers]


def test_the_installed_packages_are_those_of_the_lock_file(root):
    environment = root / ".venv"
    if Path(sys.prefix).resolve() != environment.resolve():
        pytest.skip("this Python is not that of .venv, which tools/run.py builds from the lock")
    lock = locked((root / "requirements.lock").read_text())
    peers = locked((root / "benchmarks" / "peers.lock").read_text())
    # Not what other packages carry within themselves and may have put on the path.
    places = sorted({sysconfig.get_path(kind) for kind in ("purelib", "platlib")})
    installed = {plain(one.name): one.version for one in metadata.distributions(path=places)}
    assert differences(lock, installed, peers) == []


def test_every_requirement_of_the_project_is_locked(root):
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lock = locked((root / "requirements.lock").read_text())
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {plain(re.match(r"[A-Za-z0-9._-]+", one)[0]) for one in wanted}
    assert "hypothesis" in names
    assert names <= set(lock)


def test_another_version_a_missing_and_a_foreign_package_are_told():
    lock = locked("a==1 \\\n    --hash=sha256:" + "0" * 64 + "\nB_c==2 \\\n    --hash=sha256:"
                  + "1" * 64 + "\n")
    assert differences(lock, {"a": "1", "b-c": "2", "pip": "9"}) == []
    assert differences(lock, {"a": "1", "b-c": "2", "d": "3"}, {"d": "3"}) == []
    assert differences(lock, {"a": "2", "d": "3"}) == [
        "a: 1 is locked, 2 is installed", "b-c: 2 is locked, nothing is installed",
        "d 3 is installed and not locked"]
    with pytest.raises(AssertionError, match="a has no hash"):
        locked("a==1\n")
