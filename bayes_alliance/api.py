"""What scripts and the command line call; nothing here computes anything itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bayes_alliance.exceptions import Fault
from bayes_alliance.forecast import Forecast
from bayes_alliance.forecast import forecast as _forecast
from bayes_alliance.hypotheses import (
    Episodes,
    Evidence,
    Verdicts,
    compare_episodes,
    judge,
    leave_episode_out,
)
from bayes_alliance.inference import (
    Fit,
    Progress,
    fit,
    fit_panel,
    load_model,
    require_passed,
)
from bayes_alliance.inference import load_fit as load
from bayes_alliance.report import make_report
from bayes_alliance.spec import find_data_folder, read_model
from bayes_alliance.tables import check_dataset

__all__ = ["Comparison", "Fit", "check_data", "compare", "fit", "forecast", "load", "read_model",
           "report"]

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """Directions, contributions, evidence and verdicts of one model.

    Attributes
    ----------
    episodes : Episodes
    evidence : Evidence
    verdicts : Verdicts
    """

    episodes: Episodes
    evidence: Evidence
    verdicts: Verdicts

    @property
    def sentence(self) -> str:
        """The verdicts in words."""
        return self.verdicts.sentence


def compare(model: str | Path, *, seed: int = 1, announce: Announce | None = None,
            report: Callable[[Progress], None] | None = None) -> Comparison:
    """Compare the hypotheses in every episode of a model.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    seed : int
        Seed of every fit.
    announce, report : callable, optional
        Called with one line before each step, and with the sampler's progress.

    Raises
    ------
    SpecError, DataError
        If the inputs are wrong.
    ConvergenceError
        If a fit fails the gate.
    """
    spec, panel = load_model(model)

    def obtain(hypothesis: str, leave_out: str = "") -> Fit:
        return require_passed(fit_panel(spec, panel, hypothesis=hypothesis, leave_out=leave_out,
                                        seed=seed, announce=announce, report=report))

    full, reference = obtain("H12"), obtain("HX")
    evidence = leave_episode_out(full, {name: obtain("H12", name) for name in spec.episodes})
    episodes = compare_episodes(reference, full)
    return Comparison(episodes, evidence, judge(spec, episodes.table, evidence.table))


def forecast(model: str | Path, horizon: int | None = None, *, scenario: str = "as_now",
             seed: int = 1, announce: Announce | None = None,
             report: Callable[[Progress], None] | None = None) -> Forecast:
    """Fit H12 and forecast; see :func:`bayes_alliance.forecast.forecast`."""
    fitted = fit(model, seed=seed, announce=announce, report=report)
    return _forecast(fitted, horizon, scenario=scenario, seed=seed)


def report(model: str | Path, out: str | Path, *, seed: int = 1,
           announce: Announce | None = None,
           report: Callable[[Progress], None] | None = None,
           work: str | Path | None = None) -> Path:
    """Write the report of a model; see :func:`bayes_alliance.report.make_report`."""
    return make_report(model, out, seed=seed, announce=announce, report=report, work=work)


def check_data(dataset: str | Path) -> list[Fault]:
    """Return every fault of a dataset, given its folder or the name of a shipped one.

    Raises
    ------
    SpecError
        If there is neither such a folder nor a shipped dataset of that name.
    """
    return check_dataset(find_data_folder(dataset))
