"""Exponents of costs, and sizes measured each in a process of its own."""

import sys

import numpy as np
import pytest

from benchmarks import dyad_scaling, scaling

# Measures nothing: writes what it was asked for, and a line to a file for every call.
SCRIPT = """
import json, sys
one, out, calls = (sys.argv[sys.argv.index(name) + 1] for name in ("--one", "--out", "--calls"))
open(calls, "a").write(one + "\\n")
if one == "bad":
    sys.exit("no such size")
open(out, "w").write(json.dumps({"size": int(one), "fits": []}))
"""


def test_an_exponent_is_the_slope_of_logarithms():
    sizes = [{"months": n, "gradient_seconds": 2e-6 * n, "fit_seconds": 0.1 * n**1.5,
              "seconds_an_effective_draw": 3.0} for n in (60, 125, 250, 500)]
    found = scaling.exponents(sizes, "months")
    for name in ("exponent", "last"):
        assert [one[name] for one in found.values()] == pytest.approx([1.0, 1.5, 0.0], abs=1e-9)
    rng = np.random.default_rng(1)
    noisy = [one | {"fit_seconds": one["fit_seconds"] * np.exp(0.1 * rng.standard_normal())}
             for one in sizes]
    one = scaling.exponents(noisy, "months")["fit"]
    assert one["low"] < one["exponent"] < one["high"]
    assert one["high"] - one["low"] > 0.05


def test_a_size_is_measured_once_and_kept(tmp_path, capsys):
    calls = tmp_path / "calls"
    command = (sys.executable, "-c", SCRIPT, "--calls", str(calls))
    wanted = {"60": "60-1", "250": "250-1"}
    first = scaling.in_processes(command, wanted, tmp_path / "runs", 3, "a" * 64)
    assert [one["size"] for one in first] == [60, 250]
    assert all(one["peak_memory_mb"] >= 0 for one in first)
    assert scaling.in_processes(command, wanted, tmp_path / "runs", 3, "a" * 64) == first
    assert calls.read_text().split() == ["60", "250"]
    # Of other code they are measured again.
    scaling.in_processes(command, {"60": "60-1"}, tmp_path / "runs", 3, "b" * 64)
    assert calls.read_text().split() == ["60", "250", "60"]
    capsys.readouterr()
    # One that fails is told and left out.
    found = scaling.in_processes(command, {"bad": "bad-1"} | wanted, tmp_path / "runs", 3, "a" * 64)
    assert found == first
    assert "bad-1: no such size" in capsys.readouterr().out


def test_no_exponent_is_made_of_two_sizes():
    size = {"months": 60, "gradient_seconds": 0.1, "fit_seconds": 1.0,
            "seconds_an_effective_draw": 0.1}
    with pytest.raises(SystemExit, match="3 sizes are needed"):
        scaling.exponents([size, size | {"months": 120}], "months")


def test_the_table_has_a_row_a_size_and_says_the_exponents():
    size = {"dyads": 31, "dyad_years": 2170, "rows": 9000, "dimension": 3000, "fits": [],
            "gradient_seconds": 0.0021, "fit_seconds": 12.4, "seconds_an_effective_draw": 0.11,
            "rhat": 1.014, "steps": 15.0, "peak_memory_mb": 900.2}
    one = {"exponent": 1.02, "low": 0.98, "high": 1.06, "last": 1.1}
    fit = {"panel": "shipped", "dyads": 266, "dyad_years": 12704, "rows": 40000, "seconds": 750.0,
           "sampling_seconds": 600.0, "passed": True, "peak_memory_mb": 2000.0, "compilations": 2,
           "compilations_of_another_fit": 0}
    text = dyad_scaling.markdown({"sizes": [size], "exponents": {"gradient": one}, "whole": [fit],
                                  "not_measured": ["2000"]})
    assert "| 31 | 2170 | 9000 | 3000 | 2.10 | 12 | 11.0 | 1.01 | 15 | 900 |" in text
    assert "gradient 1.02 (0.98 to 1.06; 1.10)" in text
    assert "| shipped | 266 | 12704 | 40000 | 12.5 | 10.0 | yes | 2000 | 2 | 0 |" in text
    assert "Not measured, because the run failed: 2000." in text


def test_the_sizes_are_those_that_the_docstrings_promise():
    months = [size[0] for size in scaling.sizes()]
    assert (min(months), max(months)) == (60, 1000)
    assert dyad_scaling.DYADS[-1] == 2000
