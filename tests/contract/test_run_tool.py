import importlib.util
import os
import stat
import subprocess
import sys

import pytest


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


def test_an_unknown_job_is_refused(root):
    done = subprocess.run([sys.executable, str(root / "tools" / "run.py"), "dance"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "usage" in done.stderr
