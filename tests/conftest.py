"""One compiled model and one short fit, shared by every test that needs draws."""

import shutil
import signal
from pathlib import Path

import pytest

# A run in the background of a shell is started deaf to Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def loaded():
    from bayes_alliance.inference import load_model

    return load_model("rok_japan")


@pytest.fixture(scope="session")
def spec(loaded):
    return loaded[0]


@pytest.fixture(scope="session")
def panel(loaded):
    return loaded[1]


def short_fit(spec, panel, **options):
    """A few draws: enough for arithmetic that must hold draw by draw, never for inference."""
    from bayes_alliance.inference import Gate, fit_panel

    gate = Gate(rhat=10.0, rhat_states=10.0, ess=1.0, bfmi=0.0, divergences=10_000)
    settings = {"seed": 3, "draws": 60, "tune": 150, "chains": 2, "gate": gate} | options
    return fit_panel(spec, panel, **settings)


@pytest.fixture(scope="session")
def full(spec, panel):
    return short_fit(spec, panel)


@pytest.fixture(scope="session")
def reference(spec, panel):
    return short_fit(spec, panel, hypothesis="HX")


@pytest.fixture(scope="session")
def without(spec, panel):
    return {name: short_fit(spec, panel, leave_out=name) for name in spec.episodes}


@pytest.fixture
def dataset(tmp_path, root):
    """A copy of the shipped dataset that a test may damage."""
    folder = tmp_path / "data" / "rok_japan"
    shutil.copytree(root / "data" / "rok_japan", folder)
    shutil.copy(root / "data" / "governments.csv", folder.parent)
    return folder
