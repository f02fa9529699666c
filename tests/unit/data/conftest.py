"""The builder's modules are scripts beside each other: tests import them from their folder."""

import sys

import pytest


@pytest.fixture
def builder(root, monkeypatch):
    folder = root / "data" / "_build"
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name, module in list(sys.modules.items())
                 if str(getattr(module, "__file__", "")).startswith(str(folder))]:
        del sys.modules[name]


@pytest.fixture
def sources(root):
    folder = root.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the source tables are not beside this checkout; they are not redistributed")
    return folder
