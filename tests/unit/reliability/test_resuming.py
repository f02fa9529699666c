"""What Ctrl-C cut short passes for no result, and a second run says what it goes on with."""

from dataclasses import replace

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.cli import console
from bayes_alliance.exceptions import SpecError
from bayes_alliance.inference import load_fit, package_versions
from bayes_alliance.inference.many import Tally
from bayes_alliance.inference.result import require_finished
from bayes_alliance.report.job import FitShelf, make_report
from bayes_alliance.spec import spec_hash
from tests.helpers.made_up_fit import made_up_fit


@pytest.fixture
def fit(spec, panel):
    made = made_up_fit(spec, panel)
    return replace(made, provenance=made.provenance | {
        "spec_hash": spec_hash(spec), "versions": package_versions(), "interrupted": False})


@pytest.fixture
def drawn(monkeypatch):
    """What the sampler gives, in turn."""
    given = []
    monkeypatch.setattr("bayes_alliance.report.job.fit_panel", lambda *_, **__: given.pop(0))
    return given


def cut_short(fit):
    return replace(fit, provenance=fit.provenance | {"interrupted": True})


def test_a_fit_that_was_cut_short_is_no_result(fit):
    assert require_finished(fit) is fit
    with pytest.raises(KeyboardInterrupt):
        require_finished(cut_short(fit))


def test_a_report_stops_at_a_fit_that_was_cut_short_and_keeps_none(fit, spec, panel, drawn,
                                                                   tmp_path):
    drawn.append(cut_short(fit))
    with pytest.raises(KeyboardInterrupt):
        FitShelf(spec, panel, 1, tmp_path).obtain("H12")
    assert list(tmp_path.iterdir()) == []


def test_a_kept_fit_that_was_cut_short_is_drawn_anew(fit, spec, panel, drawn, tmp_path,
                                                     monkeypatch):
    monkeypatch.setattr("bayes_alliance.inference.store.diagnose",
                        lambda *_, **__: fit.diagnostics)
    cut_short(fit).save(tmp_path / "rok_japan-H12-1.nc")
    drawn.append(fit)
    told = []
    FitShelf(spec, panel, 1, tmp_path, announce=told.append).obtain("H12")
    assert (drawn, told) == ([], [])
    assert not load_fit(tmp_path / "rok_japan-H12-1.nc").provenance["interrupted"]
    FitShelf(spec, panel, 1, tmp_path, announce=told.append).obtain("H12")
    assert told == ["taking up rok_japan-H12-1.nc"]


def test_a_change_of_the_forecast_costs_no_fit(fit, spec, panel, drawn, tmp_path, monkeypatch):
    """What is taken up says the model file of now; a prior that moved is another posterior."""
    monkeypatch.setattr("bayes_alliance.inference.store.diagnose",
                        lambda *_, **__: fit.diagnostics)
    drawn.append(fit)
    FitShelf(spec, panel, 1, tmp_path).obtain("H12")
    later = spec.model_copy(update={"scenarios": {}})
    found = FitShelf(later, panel, 1, tmp_path).obtain("H12")
    assert (drawn, found.spec.scenarios) == ([], {})
    assert found.provenance["spec_hash"] == spec_hash(later) != spec_hash(spec)
    wider = spec.priors.coefficient.model_copy(update={"sd": 0.7})
    moved = spec.model_copy(update={"priors": spec.priors.model_copy(
        update={"coefficient": wider})})
    drawn.append(fit)
    FitShelf(moved, panel, 1, tmp_path).obtain("H12")
    assert drawn == []


def test_models_share_a_folder(fit, spec, panel, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("bayes_alliance.inference.store.diagnose",
                        lambda *_, **__: fit.diagnostics)
    drawn += [fit, fit]
    other = spec.model_copy(update={"model": spec.model.model_copy(update={"name": "another"})})
    for one in (spec, other):
        FitShelf(one, panel, 1, tmp_path).obtain("H12")
    assert {path.name for path in tmp_path.iterdir()} == {"rok_japan-H12-1.nc",
                                                          "another-H12-1.nc"}


class FitAskedFor(Exception):
    """Inputs that hold have passed, and the first fit would be drawn."""


@pytest.mark.parametrize(("old", "new", "message"), [
    ('innovations = "normal"', 'innovations = "student_t"', "calm_2018"),
    ('start = "2004-01"', 'start = "2010-01"', None),
    ("[episodes.", "[ignored.", "declares no episode")])
def test_a_report_that_cannot_be_made_is_refused_before_any_fit(tmp_path, root, monkeypatch, old,
                                                                new, message):
    def asked(*_, **__):
        raise FitAskedFor

    monkeypatch.setattr("bayes_alliance.report.job.fit_panel", asked)
    text = (root / "models" / "rok_japan.toml").read_text()
    if "ignored" in new:
        begin, end = text.index("[episodes."), text.index("[verdict]")
        text = text[:begin] + text[end:]
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    kind = SpecError if message else FitAskedFor
    with pytest.raises(kind, match=message):
        make_report(path, tmp_path / "out")
    assert (tmp_path / "out").exists() == (message is None)


def test_a_first_and_a_resumed_run_compute_from_the_same_digits(fit, spec, panel, drawn, tmp_path,
                                                                monkeypatch):
    monkeypatch.setattr("bayes_alliance.inference.store.diagnose",
                        lambda *_, **__: fit.diagnostics)
    drawn.append(fit)
    first = FitShelf(spec, panel, 1, tmp_path).obtain("H12")
    resumed = FitShelf(spec, panel, 1, tmp_path).obtain("H12")
    assert first.posterior.identical(resumed.posterior)
    assert first.posterior[c.COHESION].dtype == np.float32
    assert not first.posterior.equals(fit.posterior)


def test_the_first_tally_says_whether_a_run_goes_on(monkeypatch):
    def told(*tallies):
        said = []
        shown = console.Steps(console.Progress(console=console.ERROR, disable=True))
        monkeypatch.setattr(shown, "announce", said.append)
        tell = shown.tally("origins")
        for tally in tallies:
            tell(tally)
        return said

    assert told(Tally(0, 0, 12), Tally(1, 0, 12)) == ["12 origins to do", "1 of 12 origins"]
    assert told(Tally(3, 0, 12), Tally(4, 0, 12)) == ["taking up 3 of 12 origins",
                                                      "4 of 12 origins"]


@pytest.mark.parametrize(("error", "said"), [
    (OSError(28, "No space left on device", "a.csv"), "error: No space left on device: a.csv"),
    (OSError(28, "No space left on device"), "error: No space left on device\n"),
    (OSError("no strerror"), "error: no strerror\n"),
    (MemoryError(), "error: there is not enough memory")])
def test_an_error_of_the_machine_is_one_message(error, said, capsys):
    import typer

    with pytest.raises(typer.Exit) as end, console.errors_to_status():
        raise error
    assert end.value.exit_code == 2
    assert said in capsys.readouterr().err
