"""Five hundred damaged inputs end in success or one clear error; a fault would be told."""

import json
import warnings
from collections import Counter

import pytest

from bayes_alliance.exceptions import SpecError
from benchmarks import fuzz
from benchmarks.fuzz_inputs import make_inputs
from benchmarks.provenance import code_hash

CASES = 500
BATCH = 100


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("sound"))


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_every_damaged_input_ends_in_success_or_one_clear_error(inputs, tmp_path, first):
    outcomes = []
    for number in range(first, first + BATCH):
        folder = tmp_path / str(number)
        folder.mkdir()
        outcome, case = fuzz.run_case(number, inputs, folder)
        assert outcome.passed, (number, case.done, outcome)
        outcomes.append(outcome)
    counts = Counter(one.outcome for one in outcomes)
    assert counts["success"] > 5
    assert counts["clear error"] > 50


def test_a_case_follows_from_its_number_alone(inputs, tmp_path):
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        outcome, case = fuzz.run_case(4, inputs, folder)
        made.append((outcome.kind, outcome.outcome, case.done,
                     [path.read_bytes() for path in case.files if path.is_file()]))
    assert made[0] == made[1]


def test_the_committed_run_has_no_failing_case_and_is_told_in_a_section(root):
    result = json.loads((root / "reports" / "validation" / "fuzz.json").read_text())
    assert result["code_hash"] == code_hash(*fuzz.CODE), (
        "run python benchmarks/fuzz.py --cases 10000 again")
    assert result["cases"] >= 10_000
    assert result["failed"] == 0
    assert result["failing_cases"] == []
    assert {row["kind"] for row in result["table"]} == set(fuzz.KINDS)
    assert {row["outcome"] for row in result["table"]} == {"success", "clear error"}
    assert sum(row["cases"] for row in result["table"]) == result["cases"]
    told = fuzz.section(result)
    assert f"{result['cases']:,} inputs were damaged" in told
    assert "None ended otherwise" in told
    assert told.count("\n| ") == len(result["table"]) + 2


def lost_warning():
    warnings.warn("nobody sees this", RuntimeWarning, stacklevel=1)
    return 0, ""


def endless():
    while True:
        pass


@pytest.mark.parametrize(("call", "unsound", "told"), [
    (lambda: 1 / 0, False, "traceback"),
    (lambda: fuzz.in_python(lambda: {}["x"]), False, "traceback"),
    (lost_warning, False, "warning"),
    (endless, False, "too long"),
    (lambda: (0, ""), True, "accepted"),
    (lambda: (1, "error: a status of another meaning"), False, "unclear"),
    (lambda: (2, "Traceback (most recent call last): error: "), False, "unclear"),
    (lambda: (2, "error: something is wrong"), False, "names no file"),
    (lambda: (2, "error: events.csv, row 3: is wrong"), True, "clear error"),
    (lambda: (0, "fine"), False, "success"),
])
def test_each_way_of_failing_is_told_apart(monkeypatch, call, unsound, told):
    monkeypatch.setattr(fuzz, "LONGEST", 1)
    case = fuzz.Case("made up", [], call, ("events.csv",), unsound)
    assert fuzz._judge(case)[0] == told


def test_a_fault_planted_in_the_reader_is_found(inputs, tmp_path, monkeypatch):
    """Of fifty cases about a fifth reads a model file."""
    from bayes_alliance.spec import load

    def careless(text, file):
        import tomllib

        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SpecError(str(error)) from None

    monkeypatch.setattr(load, "_parse", careless)
    found = []
    for number in range(50):
        (tmp_path / str(number)).mkdir()
        found.append(fuzz.run_case(number, inputs, tmp_path / str(number))[0].outcome)
    assert {"names no file", "traceback"} & set(found)
