import json
import stat
from dataclasses import replace

import pandas as pd
import pytest

from bayes_alliance.report import FILES, write_machine_files
from bayes_alliance.report.machine import write_text
from tests.helpers.report_inputs import make_inputs


@pytest.fixture(scope="module")
def inputs():
    return make_inputs()


def test_the_files_for_machines_have_their_columns_and_values(inputs, tmp_path):
    written = write_machine_files(inputs, tmp_path / "new")
    assert [path.name for path in written] == [*FILES, "diagnostics.json"]
    assert sorted(written) == sorted((tmp_path / "new").iterdir())
    for path in written[:-1]:
        assert b"\r" not in path.read_bytes()
        assert tuple(pd.read_csv(path).columns) == FILES[path.name]
    states = pd.read_csv(tmp_path / "new" / "states.csv")
    assert states["q50"].to_numpy() == pytest.approx(inputs.states["q50"].to_numpy(), rel=1e-5)
    verdicts = pd.read_csv(tmp_path / "new" / "verdicts.csv")
    assert verdicts["specification_share"].isna().tolist() == [False, False, True, True]


def test_the_columns_are_those_of_the_contract():
    assert FILES["states.csv"] == ("latent", "member", "time", "mean", "sd", "q05", "q50", "q95")
    assert FILES["episodes.csv"] == ("episode", "baseline", "hypothesis", "quantity", "mean",
                                     "sd", "q05", "q95", "probability")
    assert FILES["hypotheses.csv"] == ("hypothesis", "episode", "unit", "elpd", "se",
                                       "difference", "difference_se", "flag")
    assert FILES["verdicts.csv"] == ("episode", "hypothesis", "verdict", "reason",
                                     "direction_probability", "contribution_probability",
                                     "contribution_share", "log_bayes_factor",
                                     "log_bayes_factor_se", "specification_share")
    assert FILES["forecast.csv"] == ("scenario", "target", "time", "q01", "q05", "q25", "q50",
                                     "q75", "q95", "q99")


def test_diagnostics_are_plain_json_also_where_a_figure_is_missing(inputs, tmp_path):
    bad = replace(inputs.fits[0], summary=inputs.fits[0].summary | {"rhat_max": float("nan")})
    write_machine_files(replace(inputs, fits=(bad, *inputs.fits[1:])), tmp_path)
    found = json.loads((tmp_path / "diagnostics.json").read_text())
    assert found["rhat_max"] is None
    assert {"rhat_max_states", "ess_bulk_min", "ess_tail_min", "divergences", "seconds", "draws",
            "chains", "versions", "seed", "spec_hash", "data_hash"} <= set(found)
    assert set(found["fits"]) == {"HX", "H12 without friction", "H12 without cohesion", "prior"}


def test_a_missing_column_leaves_every_old_file_as_it_was(inputs, tmp_path):
    write_machine_files(inputs, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = replace(make_inputs(seed=5), verdicts=inputs.verdicts.drop(columns="reason"))
    with pytest.raises(KeyError, match="reason"):
        write_machine_files(broken, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    write_text(target, "old")
    assert stat.S_IMODE(target.stat().st_mode) == 0o644

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("bayes_alliance.files.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_text(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
