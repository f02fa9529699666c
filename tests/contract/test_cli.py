import os
import subprocess
import sys

import pytest


def run(*arguments, cwd=None, environment=None):
    return subprocess.run([sys.executable, "-m", "bayes_alliance.cli", *arguments], cwd=cwd,
                          capture_output=True, text=True, check=False, timeout=240,
                          env=environment)


@pytest.mark.parametrize(("arguments", "shown"), [
    (["--version"], "0.1.0"),
    (["model", "show", "rok_japan"], "gprnk_threat_rok"),
    (["data", "validate", "rok_japan"], "no faults"),
    (["data", "show", "rok_japan"], "jnto_travel_rok"),
])
def test_commands_that_do_not_sample(arguments, shown, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize(("arguments", "message"), [
    (["report", "nothing", "--out", "x"], "no model of this name"),
    (["data", "validate", "nowhere"], "no such dataset"),
    (["fit", "rok_japan", "--out", "missing/fit.nc"], "no folder"),
    (["fit", "rok_japan", "--out", "there.nc"], "exists"),
    (["fit", "rok_japan", "--out", "f.nc", "--hypothesis", "H9"], "unknown hypothesis"),
    (["fit", "rok_japan", "--out", "f.nc", "--leave-out", "war"], "unknown episode"),
    (["forecast", "rok_japan", "--out", "d", "--horizon", "99"], "1 to 60 months"),
    (["forecast", "rok_japan", "--out", "d", "--scenario", "us_dout"], "did you mean 'us_doubt'"),
    (["forecast", "rok_japan", "--out", "d", "--scenario", "war.toml"], "no such scenario file"),
    (["model", "show", "rok_jpan"], "no model of this name"),
    (["data", "show", "nowhere"], "no such dataset"),
])
def test_wrong_input_is_one_message_and_status_two(arguments, message, tmp_path):
    (tmp_path / "there.nc").write_text("mine")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "there.nc").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.nc"]


def test_a_faulty_dataset_is_listed_with_status_two(dataset):
    path = dataset / "observations.csv"
    path.write_text(path.read_text().replace("gprnk_threat_rok,2004-01-01", "gprnk,2004-01-01"))
    done = run("data", "validate", str(dataset))
    assert done.returncode == 2
    assert "observations.csv, row" in done.stderr
    assert "did you mean 'gprnk_threat_rok'" in done.stderr


def test_a_picture_of_the_coverage_is_drawn(tmp_path):
    done = run("data", "show", "rok_japan", "--figure", str(tmp_path / "c.png"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_graph_compiles_with_no_c_compiler_on_the_path(tmp_path):
    code = ("import bayes_alliance, shutil; assert not shutil.which('gcc');"
            "import pytensor, pytensor.tensor as pt; x = pt.vector();"
            "print(pytensor.function([x], (x**2).sum())([1.0, 2.0]))")
    environment = {key: value for key, value in os.environ.items() if key != "PYTENSOR_FLAGS"}
    environment["PATH"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-W", "error::UserWarning:pytensor", "-c", code],
                          capture_output=True, text=True, check=False, env=environment,
                          timeout=240)
    assert done.returncode == 0, done.stderr
    assert "5.0" in done.stdout
