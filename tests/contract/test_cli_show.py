"""``model show`` and ``data show``: all that is declared, all that is there and missing."""

import pytest
from typer.testing import CliRunner

from bayes_alliance.cli import console
from bayes_alliance.cli.app import app
from bayes_alliance.cli.datasets import coverage
from bayes_alliance.spec import Priors
from bayes_alliance.tables import read_dataset


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def terminal(monkeypatch):
    """A person with 80 columns."""
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    monkeypatch.setattr("bayes_alliance.cli.datasets.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")


def test_a_model_is_shown_whole(spec):
    done = run("model", "show", "rok_japan")
    assert done.exit_code == 0
    words = done.stdout
    for name in spec.indicators:
        assert f"  {name}\n" in words
    for kind, names in (("driver", spec.drivers), ("rival", spec.rivals),
                        ("hypothesis", spec.hypotheses), ("episode", spec.episodes),
                        ("office", spec.forecast.offices), ("outcome", spec.forecast.outcomes),
                        ("scenario", ("as_now", *spec.scenarios))):
        for name in names:
            assert f"{kind} {name}: " in words
    for name in Priors.model_fields:
        assert f"  {name}: " in words
    for part in ("half-life 12 months, signed", "no path, no rivals", "against 2017: 2017-01",
                 "log Bayes factor against HX >= 1.099",
                 f"{spec.sampler.chains} chains of {spec.sampler.tune} + "
                 f"{spec.sampler.draws} draws",
                 "administration of the patron: trump_1", "nuclear_tests: 1 a year, for 12 months",
                 "office us: terms of 48 months from 2005-02, somebody new with probability 0.6",
                 "office japan: changes hands in any month, every 25 on average",
                 "cohesion below its mean of 2019-01 to 2019-12, within 24 months",
                 "threat of rok 12 months ahead: 0.2 with sd 0.3",
                 "government of rok: unknown", "coefficient: Normal(mu 0, sd 0.5)", "hash "):
        assert part in words, part


@pytest.mark.parametrize("command", [("model", "show"), ("data", "show")])
def test_what_is_shown_fits_a_terminal_of_80_columns(terminal, command):
    done = run(*command, "rok_japan")
    assert done.exit_code == 0, done.stderr
    assert "gprnk_threat_rok" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def write(dataset, kept):
    """Keep those observations of a copied dataset for which ``kept`` is true."""
    path = dataset / "observations.csv"
    head, *rows = path.read_text().splitlines(keepends=True)
    path.write_text(head + "".join(row for row in rows if kept(*row.split(",", 2)[:2])))


def test_missing_periods_are_ranges_at_the_indicators_own_frequency(dataset):
    gone = {"2004-01-01", "2004-02-01", "2010-05-01", "2024-11-01", "2024-12-01"}
    write(dataset, lambda name, start: name != "gprnk_threat_rok" or start not in gone)
    table = coverage(read_dataset(dataset)).set_index("indicator")
    assert table.at["gprnk_threat_rok", "missing"] == "2004-01..2004-02 2010-05 2024-11..2024-12"
    assert table.at["gprnk_threat_rok", "first"] == "2004-03"
    assert table.at["pew_nuclear_threat_rok", "missing"] == "2004..2022 2024"
    quarterly = table[table["frequency"] == "quarterly"]
    assert len(quarterly)
    assert quarterly["missing"].str.fullmatch(r"(\d{4}-Q\d(\.\.\d{4}-Q\d)? ?)*").all()
    assert "2020-02..2023-09 (" in table.at["jnto_travel_rok", "masks"]


def test_a_series_without_a_row_is_missing_over_the_whole_span(dataset):
    write(dataset, lambda name, start: name != "jnto_travel_rok")
    row = coverage(read_dataset(dataset)).set_index("indicator").loc["jnto_travel_rok"]
    assert (row["rows"], row["first"], row["missing"]) == (0, "", "2004-01..2024-12")


def test_a_dataset_of_ones_own_is_drawn_without_a_model(dataset, tmp_path):
    mine = dataset.rename(dataset.parent / "mine")
    done = run("data", "show", mine, "--figure", tmp_path / "c.png")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    done = run("data", "show", mine, "--figure", tmp_path / "m.png", "--model", "rok_japan")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "m.png").stat().st_size != (tmp_path / "c.png").stat().st_size


def test_a_piped_table_is_csv(dataset):
    import io

    import pandas as pd

    done = run("data", "show", dataset)
    table = pd.read_csv(io.StringIO(done.stdout), keep_default_na=False)
    assert list(table.columns) == ["indicator", "latent", "member", "frequency", "rows", "first",
                                   "last", "missing", "masks"]
    assert table["rows"].sum() == len(read_dataset(dataset).observations)
