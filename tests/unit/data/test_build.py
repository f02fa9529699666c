import csv
import subprocess
import sys

import pytest


def run(root, *arguments):
    return subprocess.run([sys.executable, str(root / "data" / "_build"), *arguments],
                          capture_output=True, text=True, check=False, timeout=120)


def test_without_its_sources_the_builder_names_what_it_lacks_and_writes_nothing(root, tmp_path):
    out = tmp_path / "data" / "x"
    done = run(root, "--sources", str(tmp_path), "--out", str(out))
    assert done.returncode == 3
    assert "lacks threat/gprnk_monthly.csv" in done.stderr
    assert not out.exists()


def test_the_tables_are_what_the_sources_give(root, sources):
    done = run(root, "--check")
    assert done.returncode == 0, done.stderr


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
