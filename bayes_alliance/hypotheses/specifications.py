"""The grid of specifications under which a verdict must hold.

Invariant: the grid follows from the model file and the panel alone; it is fixed before any of its
members is fitted, and no two have one name. A member changes one thing and leaves everything else
as committed.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.model import Design
from bayes_alliance.spec import ModelSpec, VariantSpec
from bayes_alliance.tables import Panel

__all__ = ["COMMITTED", "NO_GOVERNMENTS", "Specification", "specifications"]

COMMITTED: Final = "as committed"
# A verdict must hold in it, whatever share of the others agrees.
NO_GOVERNMENTS: Final = "no effects of governments"
# Standard deviations of the coefficients' prior beside the committed one, as multiples of it.
_PRIOR_SCALES: Final = (0.5, 2.0)
# With a spread of governments' effects as small as this they add nothing.
_GOVERNMENT_SD: Final = 0.005
_RELAXED: Final = 3.0


@dataclass(frozen=True)
class Specification:
    """One member of the grid.

    Attributes
    ----------
    name : str
        Label, such as ``"without jnto_travel_rok"``.
    group : str
        What is varied: ``committed``, ``prior``, ``structure``, ``governments``, ``baseline``,
        ``measurement``, ``variant``, ``indicator set``, ``indicator`` or ``source``.
    spec : ModelSpec
        The model file with the change, if the change is in it.
    dropped : tuple of str
        Indicators whose rows are left out.
    thinned : bool
        Whether the first member's rows of threat and credibility are thinned.
    variant : VariantSpec, optional
        What the model file varies in the data; the panel must then be that of the variant.
    """

    name: str
    group: str
    spec: ModelSpec
    dropped: tuple[str, ...] = ()
    thinned: bool = False
    variant: VariantSpec | None = None

    def rows(self, panel: Panel, design: Design) -> np.ndarray:
        """Return which rows enter, shape (row,)."""
        used = ~design.rows["indicator"].isin(self.dropped).to_numpy()
        return used & _thinned(panel, design) if self.thinned else used


def specifications(spec: ModelSpec, panel: Panel) -> list[Specification]:
    """Return the grid, the committed specification first.

    Parameters
    ----------
    spec : ModelSpec
        The model file as committed.
    panel : Panel
        Gives the indicators, their kinds and sources.
    """
    found = [Specification(COMMITTED, "committed", spec)]
    sd = spec.priors.coefficient.sd
    found += [Specification(f"coefficient sd {sd * scale:g}", "prior",
                            _with_prior(spec, "coefficient", sd=sd * scale))
              for scale in _PRIOR_SCALES]
    found += _structures(spec)
    found.append(Specification(NO_GOVERNMENTS, "governments",
                               _with_prior(spec, "government_sd", sd=_GOVERNMENT_SD)))
    found += _baselines(spec)
    deviation = spec.priors.member_deviation.sd * _RELAXED
    found += [
        Specification("shared items relaxed", "measurement",
                      _with_prior(spec, "member_deviation", sd=deviation)),
        Specification(f"{panel.members[0]} thinned to {panel.members[1]}'s frequency",
                      "measurement", spec, thinned=True)]
    found += [Specification(variant.title, "variant", spec, variant=variant)
              for variant in spec.variants.values()]
    return _apart(found + _fewer(spec, panel))


def _apart(grid: list[Specification]) -> list[Specification]:
    """Return the grid with names that differ: a later one also says what it varies.

    An indicator may be called like a set of them, and titles of variants are free.
    """
    taken: dict[str, Specification] = {}
    for one in grid:
        name, again = one.name, 1
        while name in taken:
            name = f"{one.name} ({one.group}{f' {again}' if again > 1 else ''})"
            again += 1
        taken[name] = replace(one, name=name)
    return list(taken.values())


def _structures(spec: ModelSpec) -> list[Specification]:
    """Return the other response and the other innovations."""
    head = spec.model
    other = {"response": {"adjustment": "level", "level": "adjustment"}[head.response],
             "innovations": {"normal": "student_t", "student_t": "normal"}[head.innovations]}
    if head.dynamics.cohesion != "ar1":
        del other["response"]
    return [Specification(f"{name} {value}", "structure", spec.model_copy(update={
        "model": head.model_copy(update={name: value})})) for name, value in other.items()]


def _baselines(spec: ModelSpec) -> list[Specification]:
    """Return each baseline alone, where its episode has several."""
    found = []
    for name, episode in spec.episodes.items():
        if len(episode.baselines) < 2:
            continue
        for label, months in episode.baselines.items():
            alone = episode.model_copy(update={"baselines": {label: months}})
            found.append(Specification(
                f"{name} against {label} alone", "baseline",
                spec.model_copy(update={"episodes": spec.episodes | {name: alone}})))
    return found


def _fewer(spec: ModelSpec, panel: Panel) -> list[Specification]:
    """Return each set of indicators: by kind, and without each indicator and source."""
    table = panel.indicators
    cohesion = table[table["latent"] == c.COHESION]
    travel = tuple(name for name in cohesion.index if "travel" in name)
    behaviour = tuple(cohesion.index[cohesion["kind"] == "behaviour"])
    opinion = tuple(cohesion.index[cohesion["kind"] == "opinion"])
    sets = {"without travel": travel,
            "travel only": tuple(name for name in cohesion.index if name not in travel),
            "behaviour only": opinion, "opinion only": behaviour}
    found = [Specification(name, "indicator set", spec, dropped)
             for name, dropped in sets.items() if 0 < len(dropped) < len(cohesion)]
    # A latent that nothing else measures is left alone: without it there is no model.
    counts = table.groupby(["latent", "member"]).size()
    for name, row in table.iterrows():
        if counts[row["latent"], row["member"]] > 1:
            found.append(Specification(f"without {name}", "indicator", spec, (str(name),)))
    for source, part in table.groupby("source", sort=False):
        left = counts.sub(part.groupby(["latent", "member"]).size(), fill_value=0)
        if len(part) > 1 and (left > 0).all():
            found.append(Specification(f"without source {source}", "source", spec,
                                       tuple(part.index)))
    return found


def _with_prior(spec: ModelSpec, name: str, **numbers: float) -> ModelSpec:
    prior = getattr(spec.priors, name).model_copy(update=numbers)
    return spec.model_copy(update={"priors": spec.priors.model_copy(update={name: prior})})


def _thinned(panel: Panel, design: Design) -> np.ndarray:
    """Keep the first member's rows of a state only as often a year as the second's."""
    rows: Any = design.rows
    keep = np.ones(len(rows), dtype=bool)
    year = rows["start"].astype(str).str[:4]
    first, second = panel.members
    for latent in c.PATHS:
        of_latent = rows["latent"] == latent
        allowed = year[of_latent & (rows["member"] == second)].value_counts()
        for label, mine in year[of_latent & (rows["member"] == first)].groupby(year):
            positions = mine.index.to_numpy()
            positions = positions[np.argsort(rows.loc[positions, "start_month"], kind="stable")]
            most = int(allowed.get(label, 0))
            kept = np.linspace(0, len(positions) - 1, min(most, len(positions))).round()
            keep[np.delete(positions, kept.astype(int))] = False
    return keep
