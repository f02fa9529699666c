"""From a fit of many dyads to what its report is made of: tables, nothing that samples.

Invariant: this is the one module of that report that knows a fit; every number of its pages and
of its files stands in these tables.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.fitting import DyadFit
from bayes_alliance.dyads.history import (
    CHA_DYAD,
    CHA_EPISODES,
    class_bands,
    cohesion_bands,
    episode_changes,
    judge_episodes,
    member_bands,
    rank_in_class,
)
from bayes_alliance.dyads.population import (
    between_share,
    class_contrasts,
    dyad_effects,
    population_effects,
    prior_of,
)
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel
from bayes_alliance.dyads.verdicts import evidence_against_zero, judge_readings
from bayes_alliance.hypotheses import Borrowed
from bayes_alliance.inference import FULL_GATE
from bayes_alliance.spec import readable

__all__ = ["DyadReportInputs", "collect_dyads"]


@dataclass(frozen=True)
class DyadReportInputs:
    """Results of a model over dyads.

    Attributes
    ----------
    spec, panel : DyadModelSpec, DyadPanel
        What was modelled, on what.
    passed : bool
        Whether the fit passed the gate; of one that did not, nothing is called a result.
    effects : pandas.DataFrame
        ``group`` (``all``, each class, ``spread``, ``between``), ``coefficient``, ``mean``, ``sd``,
        ``q05``, ``q50``, ``q95``, ``above_zero``, ``log_bayes_factor``, ``bound``.
    prior : dict of str to (float, float)
        5 and 95% points of the prior of every group's coefficients.
    contrasts : pandas.DataFrame
        Table of :func:`bayes_alliance.dyads.population.class_contrasts`.
    evidence, verdicts : pandas.DataFrame
        Tables of :mod:`bayes_alliance.dyads.verdicts`.
    dyads : pandas.DataFrame
        Table of :func:`bayes_alliance.dyads.dyad_effects`.
    cohesion, members, classes : pandas.DataFrame
        Bands by year; see :mod:`bayes_alliance.dyads.history`.
    changes, episodes, ranks : pandas.DataFrame
        Of the dyad whose episodes are told; empty where it is not among the dyads.
    observed : pandas.DataFrame
        ``indicator``, ``unit``, ``years`` (list), ``happened`` (list of those with a value above
        zero, of counts and of what happens or not).
    stages : dict of str to dict
        By stage what the gate saw.
    gate : dict of str to float
        What it was held against.
    provenance : dict
    names : dict of str to str
        How a reader calls each member.
    sources : pandas.DataFrame
        The dataset's table of sources; empty where it is not at hand.
    borrowed : Borrowed, optional
        What the other dyads add to a monthly fit of the dyad whose episodes are told.
    between : dict of str to float
        See :func:`bayes_alliance.dyads.population.between_share`.
    """

    spec: DyadModelSpec
    panel: DyadPanel
    passed: bool
    effects: pd.DataFrame
    prior: dict[str, tuple[float, float]]
    contrasts: pd.DataFrame
    evidence: pd.DataFrame
    verdicts: pd.DataFrame
    dyads: pd.DataFrame
    cohesion: pd.DataFrame
    members: pd.DataFrame
    classes: pd.DataFrame
    changes: pd.DataFrame
    episodes: pd.DataFrame
    ranks: pd.DataFrame
    observed: pd.DataFrame
    stages: dict[str, dict[str, Any]]
    gate: dict[str, float]
    provenance: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    sources: pd.DataFrame = field(default_factory=pd.DataFrame)
    borrowed: Borrowed | None = None
    between: dict[str, float] = field(default_factory=dict)

    def country(self, member: str) -> str:
        """Return how a reader calls a member."""
        return self.names.get(member) or readable(member)

    def pair(self, dyad: str) -> str:
        """Return how a reader calls a dyad."""
        about = self.panel.dyads.loc[dyad]
        return f"{self.country(about['member_a'])}–{self.country(about['member_b'])}"


def collect_dyads(fit: DyadFit, panel: DyadPanel, *, names: dict[str, str] | None = None,
                  sources: pd.DataFrame | None = None,
                  borrowed: Borrowed | None = None) -> DyadReportInputs:
    """Compute every table of the report.

    Parameters
    ----------
    fit : DyadFit
        Under H12.
    panel : DyadPanel
        What it was fitted to.
    names : dict of str to str, optional
        Names of members.
    sources : pandas.DataFrame, optional
        The dataset's table of sources.
    borrowed : Borrowed, optional
        See :class:`DyadReportInputs`.

    Raises
    ------
    ValueError
        If the fit is not of H12, or of other dyads than the panel's.
    """
    if fit.hypothesis != "H12":
        raise ValueError(f"the fit is of {fit.hypothesis} (allowed: H12)")
    if set(fit.dyads) != set(panel.dyads.index):
        raise ValueError("the fit has other dyads than the panel (allowed: the same)")
    evidence = evidence_against_zero(fit)
    effects = population_effects(fit).table.drop(columns="log_bf_zero").merge(
        evidence.rename(columns={"quantity": "coefficient"}), how="left",
        on=["group", "coefficient"])
    cohesion = cohesion_bands(fit, panel)
    changes = ranks = episodes = pd.DataFrame()
    told = _episodes_within(panel)
    if told:
        changes = episode_changes(fit, panel, CHA_DYAD, told)
        rows = _rows_in_episodes(panel)
        episodes = judge_episodes(changes, rows, passed=fit.passed).assign(
            rows=lambda table: [rows[name][0] for name in table["episode"]])
        first, last = (int(panel.dyads.at[CHA_DYAD, end]) for end in ("first", "last"))
        decades = {f"{start}–{start + 9}": (start, start + 9)
                   for start in range(1950, 2020, 10) if start >= first and start + 9 <= last}
        ranks = rank_in_class(fit, panel, CHA_DYAD, {f"{first}–{last}": (first, last)} | decades)
    return DyadReportInputs(
        spec=fit.spec, panel=panel, passed=fit.passed, effects=effects, prior=_prior(fit),
        contrasts=class_contrasts(fit), evidence=evidence, verdicts=judge_readings(fit),
        dyads=dyad_effects(fit), cohesion=cohesion, members=member_bands(fit, panel),
        classes=class_bands(cohesion, panel), changes=changes, episodes=episodes, ranks=ranks,
        observed=_observed(panel), stages=fit.diagnostics, gate=asdict(FULL_GATE),
        provenance=fit.provenance, names=names or {},
        sources=sources if sources is not None else pd.DataFrame(), borrowed=borrowed,
        between=between_share(fit))


def _episodes_within(panel: DyadPanel) -> dict[str, Any]:
    """Return the episodes whose years and baseline the dyad has; none if there is no such dyad."""
    if CHA_DYAD not in panel.dyads.index:
        return {}
    first, last = panel.dyads.loc[CHA_DYAD, ["first", "last"]]
    return {name: episode for name, episode in CHA_EPISODES.items()
            if first <= episode.baseline[0] and episode.years[1] <= last}


def _rows_in_episodes(panel: DyadPanel) -> dict[str, tuple[int, int]]:
    """Return how many observations of cohesion, of how many indicators, each comparison has."""
    latent = panel.indicators["latent"]
    mine = panel.rows[(panel.rows["unit"] == CHA_DYAD)
                      & (panel.rows["indicator"].map(latent) == c.COHESION)]
    inside = {name: mine.loc[mine["year"].between(*episode.years)
                             | mine["year"].between(*episode.baseline), "indicator"]
              for name, episode in CHA_EPISODES.items()}
    return {name: (len(found), found.nunique()) for name, found in inside.items()}


def _prior(fit: DyadFit) -> dict[str, tuple[float, float]]:
    """Return 5 and 95% points of the prior of the population's and the classes' coefficients."""
    groups = ["all", *map(str, fit.posterior[n.DIM_CLASS].to_numpy())]
    return {label: tuple(map(float, prior_of(fit.spec, label).frozen().ppf([0.05, 0.95])))
            for label in groups}


def _observed(panel: DyadPanel) -> pd.DataFrame:
    """Return in which years each indicator of each unit was observed, and happened."""
    family = panel.rows["indicator"].map(panel.indicators["family"])
    happens = family.isin(["bernoulli", "negative_binomial"]) & (panel.rows["y"] > 0)
    rows = panel.rows.assign(happened=happens).sort_values(["indicator", "unit", "year"])
    grouped = rows.groupby(["indicator", "unit"], sort=False)["year"].agg(list)
    happened = rows[rows["happened"]].groupby(["indicator", "unit"])["year"].agg(list)
    table = pd.DataFrame({"years": grouped, "happened": happened.reindex(grouped.index)})
    table["happened"] = [years if isinstance(years, list) else [] for years in table["happened"]]
    return table.reset_index()
