"""What a committed result was made from: hashes of code, model file and data.

Invariant: a hash of code changes exactly if a file that matches, or what Python makes of one,
changes; comments, docstrings, blank lines and the Python version that reads it do not count.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
# What the draws of a posterior depend on. Left out of `inference`: many, shelf and workers, which
# only decide where a fit runs; store and result, which keep and show it.
SAMPLED = ("constants.py", "spec/families.py", "spec/priors.py", "tables/panel.py",
           "tables/stocks.py", "model/**/*.py", "inference/compiled.py", "inference/kept.py",
           "inference/entries.py", "inference/native.py", "inference/laplace.py",
           "inference/sampling.py", "inference/fitting.py", "inference/gate.py")
# What makes specification and panel of files whose hashes are told, beside that.
READ = ("spec/schema.py", "spec/load.py", "tables/*.py")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_hash(*patterns: str, package: Path = ROOT / "bayes_alliance") -> str:
    """Return the hash of a package's code in the files that match, their names included.

    Parameters
    ----------
    patterns : str
        Globs below the package; each must match a file.
    package : pathlib.Path
        Folder of the package.

    Raises
    ------
    ValueError
        If a pattern matches nothing.
    """
    digest = hashlib.sha256()
    found: set[Path] = set()
    for pattern in patterns:
        matching = set(package.glob(pattern))
        if not matching:
            raise ValueError(f"no file below {package.name}/ matches {pattern!r} (allowed: globs "
                             "of files that are there)")
        found |= matching
    for path in sorted(found):
        digest.update(path.relative_to(package).as_posix().encode())
        for part in _code(ast.parse(path.read_text(encoding="utf-8"))):
            digest.update(part.encode())
    return digest.hexdigest()


def script_hash(*names: str) -> str:
    """Return the hash of benchmarks' own scripts, by name: what they ask and how they measure."""
    return code_hash(*(f"{name}.py" for name in names), package=ROOT / "benchmarks")


def _code(value: object) -> Iterator[str]:
    """Yield a syntax tree in text, without docstrings, places and what is empty.

    ``ast.dump`` writes what is empty in some versions of Python and not in others.
    """
    if isinstance(value, list):
        yield "["
        for part in value:
            yield from _code(part)
        yield "]"
    elif isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, part in ast.iter_fields(value):
            if name == "body" and isinstance(value, _DOCUMENTED) and ast.get_docstring(
                    value, clean=False) is not None:
                part = part[1:]
            if part is None and isinstance(value, ast.Constant):
                yield f" {name}=None"
            elif part is not None and part != []:
                yield f" {name}="
                yield from _code(part)
        yield ")"
    else:
        yield repr(value)


def kept_table(folder: Path, name: str, stamp: dict[str, object], columns: list[str]
               ) -> pd.DataFrame:
    """Return a committed table made from the same code, model file and data; else an empty one.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``NAME.csv`` and, with what it was made from, ``NAME.json``.
    name : str
    stamp : dict
        What a run of now would be made from.
    columns : list of str
        Of the empty table.
    """
    summary, table = folder / f"{name}.json", folder / f"{name}.csv"
    if summary.is_file() and table.is_file():
        made_from = json.loads(summary.read_text(encoding="utf-8"))
        if all(made_from.get(key) == value for key, value in stamp.items()):
            return pd.read_csv(table)
    return pd.DataFrame(columns=columns)
