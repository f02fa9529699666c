"""``model power``: what it writes is taken up by a report, and by its own next run."""

import json
import runpy
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayes_alliance.cli.app import app
from bayes_alliance.inference import Gate, fit_panel
from bayes_alliance.power import COLUMNS, study
from bayes_alliance.power.study import cells
from bayes_alliance.report import read_beside
from tests.helpers.power_tables import made_up


@pytest.fixture
def asked(monkeypatch):
    """Every panel is judged at once, as the made-up table says; the fit under HX is a short one."""
    runs = []

    def judged(task, items, spec, panel, **options):
        runs.append((list(items.values()), options["folder"]))
        table = made_up(3).set_index(["design", "path", "size", "number"], drop=False)
        return {key: {"rows": table.loc[[(item.design, item.path, item.size, item.number)]]
                      .to_dict("records")} for key, item in items.items()}

    def short(spec, panel, **options):
        return fit_panel(spec, panel, **options | {
            "draws": 40, "tune": 60, "chains": 2, "gate": Gate(
                rhat=10.0, rhat_states=10.0, ess=1.0, bfmi=0.0, divergences=10_000)})

    monkeypatch.setattr(study, "study", judged)
    monkeypatch.setattr(study, "fit_panel", short)
    return runs


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path, asked, spec, panel):
    for panels in (1, 3):
        done = CliRunner().invoke(app, ["model", "power", "rok_japan", "--out", str(tmp_path),
                                        "--panels", str(panels), "--work", str(tmp_path / "kept")])
        assert done.exit_code == 0, done.stderr
    # Of each run the first call holds nothing: it only checks what it was given.
    assert [len(items) for items, _ in asked] == [0, len(cells()), 0, 2 * len(cells())]
    assert {folder for _, folder in asked} == {tmp_path / "kept" / "rok_japan-power"}
    assert {item.number for item in asked[-1][0]} == {1, 2}
    kept = read_beside(tmp_path, spec, panel).power
    pd.testing.assert_frame_equal(kept.sort_values(list(COLUMNS), ignore_index=True),
                                  made_up(3).sort_values(list(COLUMNS), ignore_index=True),
                                  check_dtype=False)
    assert ("but the grid's, in: H1 in friction 100% of 2 panels"
            in " ".join(done.stdout.split()))
    other = CliRunner().invoke(app, ["model", "power", "rok_japan", "--out", str(tmp_path),
                                     "--panels", "3", "--seed", "2"])
    assert other.exit_code == 2
    assert "seed 1, not 2" in " ".join(other.stderr.split())


def test_the_validation_run_starts_anew_when_the_code_has_changed(tmp_path, asked, root,
                                                                  monkeypatch):
    summary = tmp_path / "power.json"
    script = root / "benchmarks" / "power.py"
    for panels in (1, 2):
        monkeypatch.setattr(sys, "argv", [str(script), "--panels", str(panels), "--out",
                                          str(tmp_path), "--summary", str(summary), "--runs",
                                          str(tmp_path / "runs")])
        runpy.run_path(str(script), run_name="__main__")
    assert len(asked[-1][0]) == len(cells())
    told = json.loads(summary.read_text())
    assert told["panels_a_cell"] == 2
    summary.write_text(json.dumps(told | {"code_hash": "another"}))
    runpy.run_path(str(script), run_name="__main__")
    assert len(asked[-1][0]) == 2 * len(cells())
    assert json.loads(summary.read_text())["code_hash"] == told["code_hash"]
