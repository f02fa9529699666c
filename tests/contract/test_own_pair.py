"""The tutorial on a pair of one's own: its commands run as printed."""

import re
import shlex
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from bayes_alliance.cli.app import app
from bayes_alliance.inference import load_model
from bayes_alliance.spec import read_model
from tests.conftest import short_fit


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def commands(root):
    text = (root / "docs" / "your_own_pair.md").read_text(encoding="utf-8")
    found = [shlex.split(line)[1:] for line in re.findall(r"^    (bayes-alliance .*)$", text, re.M)]
    assert len(found) == 9
    return found


def test_the_commands_of_the_tutorial_run_up_to_the_first_fit(commands, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = [command for command in commands if command[0] in ("data", "model")]
    assert [command[:2] for command in quick][:3] == [["data", "init"], ["data", "validate"],
                                                      ["model", "show"]]
    for command in quick:
        done = run(*command)
        assert done.exit_code == 0, (command, done.stderr)
    assert read_model("my_pair/model.toml").model.members == ("japan", "philippines")


@pytest.fixture(scope="module")
def fitted():
    return short_fit(*load_model("japan_philippines"))


def test_the_second_model_is_fitted_and_forecast_without_events(fitted):
    assert fitted.panel.drivers.shape[1] == fitted.panel.rivals.shape[1] == 0
    assert not len(fitted.panel.events)
    ahead = fitted.forecast(3, scenario="us_doubt")
    assert set(ahead.table["target"]) >= {"cohesion", "threat_philippines", "us_visits_japan"}
    assert ahead.table["q50"].notna().all()


def test_the_patron_is_called_what_the_model_calls_it(tmp_path):
    assert run("data", "init", tmp_path / "pair", "--patron", "soviet_union").exit_code == 0
    done = run("model", "show", tmp_path / "pair" / "model.toml")
    assert "Soviet Union administration's effect" in done.stdout
    assert not re.search(r"\bUS\b", done.stdout)
    assert not re.search(r"\bUS\b", (tmp_path / "pair" / "model.toml").read_text())


def test_without_its_source_the_builder_says_so_and_writes_nothing(root, tmp_path):
    script = root / "data" / "_build" / "japan_philippines.py"
    done = subprocess.run([sys.executable, str(script), "--sources", str(tmp_path), "--out",
                           str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "lacks dyads/quasi_core_dyad_years.csv.gz" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_tables_are_what_the_source_gives(root):
    sources = root.parent / "shared" / "data"
    if not sources.is_dir():
        pytest.skip("the source tables are not beside this checkout; they are not redistributed")
    script = root / "data" / "_build" / "japan_philippines.py"
    done = subprocess.run([sys.executable, str(script), "--sources", str(sources), "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow  # sixteen fits that pass the gate: some 15 minutes
def test_the_whole_tutorial_ends_in_two_reports(commands, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in commands:
        done = run(*command)
        assert done.exit_code == 0, (command, done.stderr)
    for name in ("report", "report_of_mine"):
        assert (tmp_path / name / "index.html").stat().st_size > 100_000
