import importlib.util
import os
import re
import stat
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version


@pytest.fixture
def tool(root):
    found = importlib.util.spec_from_file_location("run_tool", root / "tools" / "run.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def fake(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_an_interpreter_counts_only_if_it_runs(tool, tmp_path, monkeypatch):
    fake(tmp_path, "python3.13", "exit 127")
    fake(tmp_path, "python3.12", "echo 3 12")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert tool.find_python() == "python3.12"


def test_a_shim_of_uv_that_does_not_run_is_not_used(tool, tmp_path, monkeypatch):
    fake(tmp_path, "uv", "exit 127")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not tool.uv_runs()
    fake(tmp_path, "uv", "echo uv 1.0")
    assert tool.uv_runs()


def test_without_a_suitable_python_it_says_in_one_line_what_to_install(root, tmp_path):
    for name in ("python3.13", "python3.12", "python3"):
        fake(tmp_path, name, "echo 3 9")
    copy = tmp_path / "project"
    (copy / "tools").mkdir(parents=True)
    for name in ("tools/run.py", "requirements.lock", "pyproject.toml"):
        (copy / name).write_bytes((root / name).read_bytes())
    done = subprocess.run([sys.executable, str(copy / "tools" / "run.py"), "report"],
                          capture_output=True, text=True, check=False, timeout=60,
                          env={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert done.returncode != 0
    assert done.stderr.strip().count("\n") == 0
    assert "Python 3.12 or 3.13 is needed" in done.stderr
    assert not (copy / ".venv").exists()


def test_the_environment_is_stale_when_the_lock_changes(tool, tmp_path, monkeypatch):
    lock = tmp_path / "lock"
    lock.write_text("a")
    stamp = tmp_path / "stamp"
    monkeypatch.setattr(tool, "LOCK", str(lock))
    monkeypatch.setattr(tool, "STAMP", str(stamp))
    monkeypatch.setattr(tool, "venv_python", lambda: sys.executable)
    assert not tool.is_ready()
    stamp.write_text(tool.fingerprint())
    assert tool.is_ready()
    lock.write_text("b")
    assert not tool.is_ready()


def test_every_package_of_the_lock_carries_hashes_and_no_place(root):
    text = (root / "requirements.lock").read_text()
    assert "://" not in text
    packages = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(packages) > 40
    assert all("==" in line for line in packages)
    assert text.count("--hash=sha256:") >= len(packages)


def test_the_lowest_lock_holds_the_lowest_version_of_each_dependency(root):
    text = (root / "tools" / "lowest.lock").read_text()
    assert "://" not in text
    # Some are there twice, once for Pythons that the tool does not take.
    lines = [line for line in text.splitlines() if "python_full_version >= '3.14'" not in line]
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", "\n".join(lines), re.M))
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert len(named) > 20
    for requirement in map(Requirement, named):
        (lowest,) = [Version(part.version) for part in requirement.specifier
                     if part.operator == ">="]
        found = Version(locked[requirement.name])
        assert found in requirement.specifier
        # The first release that the bound lets in: 2.10 is 2.10.0, and 1.2 may be 1.2.1 where
        # 1.2.0 was withdrawn.
        assert found.release[:len(lowest.release)] == lowest.release, requirement


def test_the_lowest_lock_has_an_environment_of_its_own_and_the_oldest_python(
        tool, tmp_path, monkeypatch):
    for name in ("VENV", "LOCK", "STAMP"):
        monkeypatch.setattr(tool, name, getattr(tool, name))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert next(iter(tool.candidates())) == "python3.13"
    tool.choose("usual")
    assert os.path.basename(tool.LOCK) == "requirements.lock"
    assert os.path.basename(tool.VENV) == ".venv"
    tool.choose("lowest")
    assert os.path.basename(tool.LOCK) == "lowest.lock"
    assert os.path.basename(os.path.dirname(tool.STAMP)) == ".venv-lowest"
    assert next(iter(tool.candidates())) == "python3.12"


def test_an_unknown_lock_is_refused(root):
    done = subprocess.run([sys.executable, str(root / "tools" / "run.py"), "test", "--lock", "odd"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "--lock usual|lowest" in done.stderr


def test_an_unknown_job_is_refused(root):
    done = subprocess.run([sys.executable, str(root / "tools" / "run.py"), "dance"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "usage" in done.stderr
