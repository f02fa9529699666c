import csv
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def builder(root):
    sys.path.insert(0, str(root / "data" / "_build"))
    yield
    sys.path.remove(str(root / "data" / "_build"))


def run(root, *arguments):
    return subprocess.run([sys.executable, str(root / "data" / "_build"), *arguments],
                          capture_output=True, text=True, check=False, timeout=120)


def test_without_its_sources_the_builder_names_what_it_lacks_and_writes_nothing(root, tmp_path):
    out = tmp_path / "data" / "x"
    done = run(root, "--sources", str(tmp_path), "--out", str(out))
    assert done.returncode == 3
    assert "lacks threat/gprnk_monthly.csv" in done.stderr
    assert not out.exists()


def test_the_tables_are_what_the_sources_give(root):
    sources = root.parent / "shared" / "data"
    if not sources.is_dir():
        pytest.skip("the source tables are not beside this checkout; they are not redistributed")
    done = run(root, "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("text", "month", "noted"), [
    ("2019-05-24/26", "2019-05", False), ("2021-09-30/11-07", "2021-10", False),
    ("2018", "2018-06", True), ("2023-12-15/2024-01-10", "2023-12", False),
    ("2013-03/04", "2013-03", False), ("2019-10-10or19/30", "2019-10", False),
    ("2014-05-31/06-26", "2014-06", False), ("2017-06 (release 06-12)", "2017-06", True),
])
def test_a_poll_enters_in_the_month_of_its_fieldwork(builder, text, month, noted):
    from common import fieldwork

    start, _, note = fieldwork(text, 6)
    assert start.isoformat()[:7] == month
    assert bool(note) == noted


def test_entries_are_spliced_on_arrivals(builder):
    from cohesion import splice_factor

    months = ",".join(["110"] * 12)
    text = f"국적,성별,{months}\n일 본,남,{months}\n일 본,여,{months}\n"
    arrivals = {f"2018-{month:02d}": 200.0 for month in range(1, 13)}
    assert splice_factor(text, arrivals) == pytest.approx(1.1)


def test_every_trigger_has_a_source_and_a_kind_that_was_searched(root):
    folder = root / "data" / "rok_japan"
    with (folder / "events.csv").open(encoding="utf-8") as file:
        events = list(csv.DictReader(file))
    with (folder / "event_coverage.csv").open(encoding="utf-8") as file:
        searched = {(row["kind"], row["year"]) for row in csv.DictReader(file)}
    drivers = [row for row in events if row["role"] == "driver"]
    assert len(drivers) > 100
    for row in drivers:
        assert row["source"]
        assert (row["kind"], row["date"][:4]) in searched
