"""Does a verdict hold when one thing is done differently? The criteria under each specification.

Invariant: every specification is judged by the thresholds of the model file as committed, by all
of their criteria but the grid's own; one whose fits do not converge, also when drawn longer, is
named and counted, and no share rests on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import DataError, Fault
from bayes_alliance.hypotheses.episodes import compare_episodes, require_episodes
from bayes_alliance.hypotheses.evidence import labelled, leave_episode_out
from bayes_alliance.hypotheses.specifications import (
    NO_GOVERNMENTS,
    Specification,
    specifications,
)
from bayes_alliance.hypotheses.verdicts import Agreement, judge
from bayes_alliance.inference import (
    Fit,
    Gate,
    fit_panel,
    held_out_rows,
    load_model,
)
from bayes_alliance.inference.many import Tally
from bayes_alliance.inference.study import study
from bayes_alliance.model import build_design
from bayes_alliance.spec import ModelSpec, find_dataset, find_model
from bayes_alliance.tables import Panel, build_variant, read_dataset

__all__ = ["Member", "Robustness", "agreeing", "member", "robustness", "run_member"]

# Half as strict as for a fit that is reported: a probability is known to about .03.
_GATE: Final = Gate(rhat=1.05, rhat_states=1.05, ess=100,
                    variables=(c.VAR_COEFFICIENT, c.VAR_HALF_LIFE, c.VAR_RIVAL_EFFECT,
                               c.VAR_CORRELATION, c.VAR_SCALE_SECOND, *c.MONTHLY_STATES))
# Of a specification whose fits did not converge at first.
_LONGER: Final[dict[str, Any]] = {"draws": 1200, "tune": 600}
COLUMNS: Final = ("specification", "group", "episode", "hypothesis", "verdict",
                  "direction_probability", "contribution_probability", "contribution_share",
                  "log_bayes_factor", "log_bayes_factor_se", "converged")


class Member(NamedTuple):
    """One specification to run, by its name in the grid."""

    model: str
    name: str
    seed: int = 1
    draws: int = 600
    tune: int = 200
    chains: int = 2


@dataclass(frozen=True)
class Robustness:
    """The criteria under every specification.

    Attributes
    ----------
    table : pandas.DataFrame
        ``specification``, ``group``, ``episode``, ``hypothesis``, ``verdict`` (by all criteria but
        the grid's own), the least favourable figure of each criterion over the baselines,
        ``converged``.
    sentence : str
        In how many specifications each verdict comes out.
    asked : float
        Log Bayes factor that a verdict asks for.
    """

    table: pd.DataFrame
    sentence: str
    asked: float

    @property
    def agreement(self) -> dict[tuple[str, str], Agreement]:
        """What the specifications say, by episode and hypothesis; see :func:`agreeing`."""
        return agreeing(self.table)

    @property
    def data(self) -> xr.Dataset:
        """The criteria; dims ``specification``, ``episode``, ``hypothesis``."""
        dims = ("specification", "episode", "hypothesis")
        return labelled(self.table, [name for name in COLUMNS if name not in dims], dims)

    def plot(self) -> Any:
        """Draw the curve; see :func:`bayes_alliance.plotting.plot_specifications`."""
        return import_module("bayes_alliance.plotting").plot_specifications(self.table, self.asked)


def agreeing(table: pd.DataFrame) -> dict[tuple[str, str], Agreement]:
    """Return how many specifications have each verdict, of those that converged.

    Parameters
    ----------
    table : pandas.DataFrame
        ``specification``, ``group``, ``episode``, ``hypothesis``, ``verdict``, ``converged``.

    Returns
    -------
    dict of (str, str) to Agreement
        By episode and hypothesis; no verdict has a share where none converged. A baseline alone
        counts for its own episode only: for the others it is the committed specification once
        more.
    """
    found = {}
    for key, part in table.groupby(["episode", "hypothesis"], sort=False):
        mine = part["specification"].str.startswith(f"{key[0]} against ")
        part = part[part["converged"].astype(bool) & (mine | (part["group"] != "baseline"))]
        alone = part.loc[part["specification"] == NO_GOVERNMENTS, "verdict"]
        found[str(key[0]), str(key[1])] = Agreement(
            part["verdict"].value_counts(normalize=True).to_dict(),
            str(alone.iloc[0]) if len(alone) else "")
    return found


def robustness(model: str | Path, *, seed: int = 1, folder: str | Path | None = None,
               workers: int | None = None, cluster: str | None = None,
               report: Callable[[Tally], None] | None = None,
               restart: bool = False) -> Robustness:
    """Judge the hypotheses under every specification of the grid.

    A specification with a fit that does not converge is drawn again, twice as long.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped model, or path of a model file.
    seed : int
        Of every fit.
    folder : str or pathlib.Path, optional
        Keeps finished specifications, to go on after an interruption; without one none are kept.
    workers, cluster, report
        See :func:`bayes_alliance.inference.many.many`.
    restart : bool
        Move what the folder holds aside and begin anew.

    Returns
    -------
    Robustness

    Raises
    ------
    SpecError, DataError
        If the model file or its tables are wrong, also for one of the variants, or there is no
        episode; lists every fault, before anything is sampled.
    ValueError
        If the number of workers is not allowed.
    SchemaError
        If the folder belongs to another task or model.
    AllianceError
        If specifications failed (after all others are done), or the cluster does not answer.
    """
    spec, panel = load_model(model)
    require_episodes(spec)
    grid = specifications(spec, panel)
    items = {f"{k:03d}": Member(str(model), one.name, seed) for k, one in enumerate(grid)}
    varied = _variants(model, grid, panel)
    settings: dict[str, Any] = {"folder": folder, "workers": workers, "cluster": cluster,
                                "report": report, "seed": seed}
    # A stamp without variants is that of a model file that has none.
    if varied:
        settings["variants"] = varied
    done = study(member, items, spec, panel, restart=restart, **settings)
    longer = {f"{key}-longer": items[key]._replace(**_LONGER) for key, result in done.items()
              if not all(row["converged"] for row in dict(result)["rows"])}
    again = study(member, longer, spec, panel, **settings) if longer else {}
    rows = [row for key, result in done.items()
            for row in dict(again.get(f"{key}-longer", result))["rows"]]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Robustness(table, _sentence(table), spec.verdict.log_bayes_factor)


def member(key: str, item: Member) -> dict[str, Any]:
    """Run one specification; a task of :func:`bayes_alliance.inference.many.many`.

    Returns
    -------
    dict
        ``rows``: the rows of :class:`Robustness`'s table.
    """
    spec, panel = load_model(item.model)
    chosen = _named(item.name, spec, panel)
    return _run(spec, chosen, _panel_of(item.model, chosen, panel), item)


def _variants(model: str | Path, grid: Sequence[Specification], panel: Panel) -> dict[str, str]:
    """Return the hash of each variant's panel, or raise all that is wrong with any."""
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for one in grid:
        if one.variant is None:
            continue
        try:
            found[one.name] = _panel_of(model, one, panel).data_hash
        except DataError as error:
            faults += [replace(fault, problem=f"variant {one.name!r}: {fault.problem}")
                       for fault in error.faults]
    if faults:
        raise DataError(faults)
    return found


def _panel_of(model: str | Path, chosen: Specification, panel: Panel) -> Panel:
    """Return the panel of a specification of a model: that at hand, or a variant's own."""
    if chosen.variant is None:
        return panel
    folder = find_dataset(chosen.spec.model.dataset, find_model(model))
    return build_variant(read_dataset(folder), chosen.spec, chosen.variant)


def _named(name: str, spec: ModelSpec, panel: Panel) -> Specification:
    grid = {one.name: one for one in specifications(spec, panel)}
    if name not in grid:
        raise ValueError(f"the grid has no specification {name!r} (allowed: {', '.join(grid)})")
    return grid[name]


def run_member(spec: ModelSpec, panel: Panel, item: Member) -> dict[str, Any]:
    """Run one specification of a panel at hand, for a variant its own; see :func:`member`.

    Raises
    ------
    ValueError
        If the grid has no such specification.
    """
    return _run(spec, _named(item.name, spec, panel), panel, item)


def _run(spec: ModelSpec, chosen: Specification, panel: Panel, item: Member) -> dict[str, Any]:
    full, reference = (_fit(chosen, panel, item, hypothesis) for hypothesis in ("H12", "HX"))
    without = {name: _fit(chosen, panel, item, "H12", name) for name in spec.episodes}
    converged = all(fit.diagnostics.passed for fit in (full, reference, *without.values()))
    found = judge(chosen.spec, compare_episodes(reference, full).table,
                  leave_episode_out(full, without).table, ask_grid=False).table
    found = found.assign(specification=chosen.name, group=chosen.group, converged=converged)
    return {"rows": [{name: _plain(row[name]) for name in COLUMNS}
                     for row in found.to_dict("records")]}


def _fit(chosen: Specification, panel: Panel, item: Member, hypothesis: str,
         episode: str = "") -> Fit:
    design = build_design(chosen.spec, panel, hypothesis)
    used = chosen.rows(panel, design)
    if episode:
        used &= ~held_out_rows(chosen.spec, panel, design, episode)
    return fit_panel(chosen.spec, panel, hypothesis=hypothesis, design=design.with_rows(used),
                     seed=item.seed, draws=item.draws, tune=item.tune, chains=item.chains,
                     gate=_GATE)


def _plain(value: Any) -> Any:
    """Return a cell as JSON knows it."""
    return value.item() if isinstance(value, np.generic) else value


def _sentence(table: pd.DataFrame) -> str:
    pieces = []
    for (episode, hypothesis), part in table.groupby(["episode", "hypothesis"], sort=False):
        counts = part["verdict"].value_counts()
        shown = ", ".join(f"{name} {number}" for name, number in counts.items())
        pieces.append(f"{episode}, {hypothesis}: {shown}")
    apart = table.loc[~table["converged"].astype(bool), "specification"].unique()
    names = f" ({', '.join(map(str, apart))}), which no share counts" if len(apart) else ""
    return (f"Verdicts over {table['specification'].nunique()} specifications, by all criteria "
            f"but the grid's own: {'; '.join(pieces)}. Specifications with a fit that did not "
            f"converge: {len(apart)}{names}.")
