"""Data flow one way: no module imports what stands to its right, siblings do not see each other."""

import ast
from importlib import import_module

import bayes_alliance

ORDER = {"constants": 0, "exceptions": 0, "files": 0, "spec": 1, "tables": 2, "starter": 3,
         "model": 3, "inference": 4, "hypotheses": 5, "forecast": 5, "checks": 5, "dyads": 5,
         "power": 6, "plotting": 6, "report": 7, "api": 8, "cli": 9, "__init__": 9, "__main__": 10}


def imports(path):
    typing_only = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            typing_only |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "bayes_alliance":
                yield from (f"bayes_alliance.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def part_of(module):
    pieces = module.split(".")
    if pieces[0] != "bayes_alliance":
        return None
    return pieces[1] if len(pieces) > 1 else "__init__"


def test_no_module_knows_what_is_to_its_right(root):
    package = root / "bayes_alliance"
    checked = 0
    for path in package.rglob("*.py"):
        relative = path.relative_to(package)
        own = relative.parts[0].removesuffix(".py")
        for module in imports(path):
            other = part_of(module)
            if other is None or other == own or own == "__init__":
                continue
            checked += 1
            if own == "cli" and other == "__init__":
                continue
            assert ORDER[other] < ORDER[own], f"{relative} imports {module}"
    assert checked > 50


def test_modules_say_what_they_are_and_stay_readable(root):
    for path in (root / "bayes_alliance").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), f"{path.name} has no docstring"
        assert text.count("\n") <= 350, f"{path.name} has over 350 lines"
        assert "print(" not in text.replace("_table(", "").replace("ERROR.print(", "").replace(
            "OUT.print(", "").replace("console.print(", ""), f"{path.name} prints"


def test_the_public_names_are_locked():
    assert bayes_alliance.__all__ == [
        "AllianceError", "ConvergenceError", "DataError", "Fit", "NotFittedError", "SchemaError",
        "SpecError", "backtest", "borrow", "check_data", "compare", "fit", "load",
        "make_forecast", "make_report", "read_model", "robustness"]
    # A module of that name would take its place as soon as it is imported.
    import_module("bayes_alliance.api")
    for name in bayes_alliance.__all__:
        assert callable(getattr(bayes_alliance, name))
        assert getattr(bayes_alliance, name).__doc__


def test_every_exception_is_also_a_standard_one():
    for name in bayes_alliance.__all__:
        found = getattr(bayes_alliance, name)
        if name.endswith("Error") and name != "AllianceError":
            assert issubclass(found, bayes_alliance.AllianceError)
            assert issubclass(found, ValueError | RuntimeError)
