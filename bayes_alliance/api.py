"""What scripts and the command line call; nothing here computes anything itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayes_alliance.exceptions import Fault
from bayes_alliance.forecast import (
    AS_NOW,
    Backtest,
    Forecast,
    ScenarioLike,
    backtest,
    combine_forecasts,
    forecast_months,
    resolve_scenario,
)
from bayes_alliance.forecast import forecast as _forecast
from bayes_alliance.forecast.mixture import check_weights
from bayes_alliance.forecast.skill import DEFAULT
from bayes_alliance.hypotheses import (
    Agreement,
    Borrowed,
    Episodes,
    Evidence,
    Stones,
    Verdicts,
    absolute_values,
    agreeing,
    compare_episodes,
    judge,
    leave_episode_out,
    leave_future_out,
    require_episodes,
    robustness,
    together,
    whole_period,
)
from bayes_alliance.inference import (
    Fit,
    Progress,
    fit_panel,
    load_model,
    require_passed,
)
from bayes_alliance.inference import load_fit as load
from bayes_alliance.inference.many import Tally
from bayes_alliance.inference.result import require_finished
from bayes_alliance.report import FitShelf, make_report, read_grid
from bayes_alliance.report.beside import GRID_FILE
from bayes_alliance.report.borrowing import borrow_from_files as borrow
from bayes_alliance.spec import ModelSpec, find_data_folder, read_model
from bayes_alliance.tables import Panel, check_dataset

# No name here is that of a package below: `bayes_alliance.forecast` is one.
__all__ = ["Backtest", "Borrowed", "Comparison", "Fit", "backtest", "borrow", "check_data",
           "compare", "fit", "load", "make_forecast", "make_report", "read_model", "robustness"]

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """Directions, contributions, evidence and verdicts of one model.

    Attributes
    ----------
    episodes : Episodes
        Directions, contributions and counterfactuals.
    evidence : Evidence
        Differences when an episode is left out, when its future is, and over the whole period.
    verdicts : Verdicts
        What follows from both by the thresholds of the model file.
    absolute : dict of (str, str) to Stones, optional
        Absolute values by hypothesis and episode, where they were asked for.
    """

    episodes: Episodes
    evidence: Evidence
    verdicts: Verdicts
    absolute: dict[tuple[str, str], Stones] | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The verdicts, a row for each episode and hypothesis."""
        return self.verdicts.table

    @property
    def data(self) -> xr.Dataset:
        """The evidence and the verdicts' criteria; dims ``unit``, ``hypothesis``, ``episode``.

        Hypotheses without a verdict (H0, HX, H12) have missing criteria.
        """
        evidence = self.evidence.data
        return evidence.merge(self.verdicts.data.reindex(hypothesis=evidence["hypothesis"]))

    @property
    def sentence(self) -> str:
        """The verdicts in words."""
        return self.verdicts.sentence

    def plot(self) -> Any:
        """Draw what each criterion saw; see :func:`bayes_alliance.plotting.plot_verdicts`."""
        return import_module("bayes_alliance.plotting").plot_verdicts(self.verdicts.table)


def fit(model: str | Path, *, hypothesis: str = "H12", leave_out: str = "", seed: int = 1,
        draws: int | None = None, tune: int | None = None, chains: int | None = None,
        announce: Announce | None = None, report: Callable[[Progress], None] | None = None,
        save: str | Path | None = None, overwrite: bool = False) -> Fit:
    """Fit a model under one hypothesis.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    hypothesis : str
        ``H0``, ``HX``, ``H1``, ``H2`` or ``H12``.
    leave_out : str
        Episode whose cohesion rows are held out; empty for none.
    seed : int
        Seed of the sampler; same seed and machine, same draws.
    draws, tune, chains : int, optional
        Instead of the model file's sampler settings.
    announce, report : callable, optional
        Called with one line before each step, and with the sampler's progress.
    save : str or pathlib.Path, optional
        File to save the fit to, also when it fails the gate; looked at before anything is drawn.
    overwrite : bool
        Replace the file if it exists.

    Returns
    -------
    Fit
        A fit that passed the gate. One that Ctrl-C ended early holds the draws so far, and its
        ``provenance["interrupted"]`` is true.

    Raises
    ------
    SpecError, DataError
        If the model file or its tables are wrong; lists every fault.
    FileExistsError, FileNotFoundError
        If the file exists and is not to be replaced, or its folder does not.
    ConvergenceError
        If the gate fails; its ``fit`` holds the draws.
    """
    if save is not None:
        if Path(save).exists() and not overwrite:
            raise FileExistsError(f"{save} exists; pass overwrite=True to replace it")
        if not Path(save).resolve().parent.is_dir():
            raise FileNotFoundError(f"there is no folder {Path(save).resolve().parent}")
    spec, panel = load_model(model)
    result = fit_panel(spec, panel, hypothesis=hypothesis, leave_out=leave_out, seed=seed,
                       draws=draws, tune=tune, chains=chains, report=report, announce=announce)
    if save is not None:
        result.save(save, overwrite=overwrite)
    return require_passed(result)


def compare(model: str | Path, *, seed: int = 1, announce: Announce | None = None,
            report: Callable[[Progress], None] | None = None,
            work: str | Path | None = None, grid: str | Path | None = None,
            absolute: bool = False, workers: int | None = None, cluster: str | None = None,
            restart: bool = False) -> Comparison:
    """Compare the hypotheses in every episode of a model.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    seed : int
        Seed of every fit.
    announce, report : callable, optional
        Called with one line before each step, and with the sampler's progress.
    work : str or pathlib.Path, optional
        Folder in which fits are kept, also one that fails the gate, and taken up again; the
        report takes them up too. By default none are kept.
    grid : str or pathlib.Path, optional
        Folder with the ``robustness.csv`` of this model file and these data. Without it no
        hypothesis is called supported or contradicted, because that asks for agreement over the
        grid; a reason then says where all else holds.
    absolute : bool
        Also compute absolute predictive densities and compare H0, by stepping stones: sixteen
        more fits an episode.
    workers : int, optional
        Processes of the stepping stones; as many as cores if not given.
    cluster : str, optional
        Address of a Dask scheduler that runs them instead.
    restart : bool
        Move the stepping stones that ``work`` holds aside and begin them anew.

    Returns
    -------
    Comparison

    Raises
    ------
    SpecError, DataError
        If the inputs are wrong, or there is no episode.
    FileNotFoundError
        If there is no grid of this model file and these data in its folder.
    ConvergenceError
        If a fit fails the gate.
    ValueError, SchemaError, AllianceError
        Of stepping stones: if the number of workers is not allowed; if ``work`` holds those of
        another seed or of other versions; if some failed, after all others are done.
    """
    spec, panel = load_model(model)
    require_episodes(spec)
    agreement = None if grid is None else _agreement(grid, spec, panel)
    fits = FitShelf(spec, panel, seed, work, announce=announce, report=report)
    full, reference = fits.obtain("H12"), fits.obtain("HX")
    without = {name: fits.obtain("H12", name) for name in spec.episodes}
    ends = {name: (fits.until(name, "start"), fits.until(name, "end")) for name in spec.episodes}
    values = None
    if absolute:
        kept = None if work is None else Path(work) / f"{spec.model.name}-stones"
        values = absolute_values(model, seed=seed, folder=kept, workers=workers, cluster=cluster,
                                 report=_told(announce), restart=restart)
    evidence = together(leave_episode_out(full, without, values), leave_future_out(ends),
                        whole_period(full))
    episodes = compare_episodes(reference, full)
    verdicts = judge(spec, episodes.table, evidence.table, agreement)
    return Comparison(episodes, evidence, verdicts, values)


def _agreement(folder: str | Path, spec: ModelSpec,
               panel: Panel) -> dict[tuple[str, str], Agreement]:
    table = read_grid(folder, spec, panel)
    if table is None:
        raise FileNotFoundError(f"{folder} has no {GRID_FILE} of this model file and these data "
                                "(allowed: a folder that bayes-alliance robustness wrote to)")
    return agreeing(table)


def _told(announce: Announce | None) -> Callable[[Tally], None] | None:
    if announce is None:
        return None
    return lambda tally: announce(f"stepping stones: {tally.finished} of {tally.total}")


def make_forecast(model: str | Path, horizon: int | None = None, *, scenario: ScenarioLike = AS_NOW,
                  weights: Mapping[str, float] | None = None, seed: int = 1,
                  draws: int | None = None, tune: int | None = None, chains: int | None = None,
                  announce: Announce | None = None,
                  report: Callable[[Progress], None] | None = None) -> Forecast:
    """Fit H12, or several hypotheses, and forecast.

    Horizon, scenario and weights are checked before anything is drawn.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    horizon, scenario
        See :func:`bayes_alliance.forecast.forecast`.
    weights : mapping of str to float, optional
        Of the hypotheses to combine, such as :attr:`Backtest.default_weights`; H12 alone by
        default.
    seed : int
        Seed of the fit and of the innovations.
    draws, tune, chains : int, optional
        Instead of the model file's sampler settings.
    announce, report : callable, optional
        Called with one line before each step, and with the sampler's progress.

    Returns
    -------
    Forecast

    Raises
    ------
    SpecError, DataError, ValueError
        If the inputs are wrong.
    ConvergenceError
        If a fit fails the gate.
    """
    spec, panel = load_model(model)
    months = forecast_months(spec, horizon)
    resolve_scenario(scenario, spec, panel, months)
    parts = {}
    shares = weights or {DEFAULT: 1.0}
    check_weights(shares)
    for hypothesis in shares:
        fitted = require_passed(require_finished(fit_panel(
            spec, panel, hypothesis=hypothesis, seed=seed, draws=draws, tune=tune, chains=chains,
            announce=announce, report=report)))
        parts[hypothesis] = _forecast(fitted, months, scenario=scenario, seed=seed)
    return combine_forecasts(parts, shares)


# As the command line calls them.
forecast, report = make_forecast, make_report


def check_data(dataset: str | Path) -> list[Fault]:
    """Return every fault of a dataset of one pair, by month.

    Parameters
    ----------
    dataset : str or pathlib.Path
        Its folder, or the name of a shipped one.

    Returns
    -------
    list of Fault
        File, row, key and what is allowed of each; empty where all is well.

    Raises
    ------
    SpecError
        If there is neither such a folder nor a shipped dataset of that name.
    """
    return check_dataset(find_data_folder(dataset))
