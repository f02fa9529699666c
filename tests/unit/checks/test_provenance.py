"""A hash of code sees code and nothing else."""

import pytest

from benchmarks.calibration import CODE
from benchmarks.provenance import code_hash

TEXT = '''"""What it is."""

LIMIT = 3


def add(a, b):
    """Add."""
    return a + b
'''


@pytest.fixture
def hash_of(tmp_path):
    def hash_of(text, name="one.py"):
        for path in tmp_path.glob("*.py"):
            path.unlink()
        (tmp_path / name).write_text(text, encoding="utf-8")
        return code_hash("*.py", package=tmp_path)

    return hash_of


@pytest.mark.parametrize(("old", "new"), [
    ('"""What it is."""\n', '"""Something else."""\n'), ('    """Add."""\n', ""),
    ("LIMIT = 3\n", "# Why three.\nLIMIT = 3  # three\n"), ("\n\n\ndef", "\n\ndef"),
    ("(a, b)", "(\n        a, b)")], ids=["docstring", "no docstring", "comment", "blank", "wrap"])
def test_what_is_no_code_does_not_count(hash_of, old, new):
    assert old in TEXT
    assert hash_of(TEXT.replace(old, new)) == hash_of(TEXT)


@pytest.mark.parametrize(("old", "new"), [
    ("LIMIT = 3", "LIMIT = 4"), ("LIMIT = 3", "LIMIT = 3.0"), ("LIMIT = 3", "LIMIT = None"),
    ("LIMIT", "MOST"), ("a + b", "b + a"), ("return a + b", 'return "a + b"'),
    ("(a, b)", "(a, b=None)")])
def test_code_counts(hash_of, old, new):
    assert old in TEXT
    assert hash_of(TEXT.replace(old, new)) != hash_of(TEXT)


def test_a_files_name_counts(hash_of):
    assert hash_of(TEXT, "other.py") != hash_of(TEXT)


def test_a_pattern_without_a_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"no file .* matches 'gone\.py'"):
        code_hash("gone.py", package=tmp_path)


def test_the_patterns_of_the_calibration_have_files(root):
    assert len(code_hash(*CODE)) == 64
    assert code_hash(*CODE) == code_hash(*reversed(CODE))
