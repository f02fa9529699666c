"""Scenarios of a forecast: found by name, file or object, and held against model and panel.

Invariant: a :class:`Scenario` that exists names only drivers, rivals, members, governments and
administrations that the model and its panel have, and months of the forecast, and contradicts
itself nowhere; all that is wrong with one is said at once, before anything is drawn.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bayes_alliance.exceptions import Fault, SpecError, did_you_mean
from bayes_alliance.forecast.conditions import place_conditions
from bayes_alliance.spec import ModelSpec, read_toml
from bayes_alliance.spec.fields import NAME, Frozen
from bayes_alliance.spec.forecasting import (
    AS_NOW,
    UNKNOWN_GOVERNMENT,
    ScenarioSpec,
    ShockSpec,
    ValueSpec,
    scenario_problems,
)
from bayes_alliance.tables import Panel

__all__ = ["AS_NOW", "Scenario", "ScenarioLike", "resolve_scenario"]

ScenarioLike = str | Path | ScenarioSpec

_PARTS: dict[str, type[Frozen]] = {"threat": ValueSpec, "credibility": ValueSpec,
                                   "shocks": ShockSpec}


@dataclass(frozen=True)
class Scenario:
    """A scenario that fits its model.

    Attributes
    ----------
    name : str
        What tables call it: the name of its table in the file, or the title of an object.
    spec : ScenarioSpec
        What it takes for granted.
    """

    name: str
    spec: ScenarioSpec


def resolve_scenario(scenario: ScenarioLike, spec: ModelSpec, panel: Panel,
                     months: int | None = None) -> Scenario:
    """Find a scenario and hold it against a model and its panel.

    Parameters
    ----------
    scenario : str, pathlib.Path or ScenarioSpec
        ``"as_now"``, the name of a scenario of the model file, the path of a ``.toml`` file with
        one table ``[scenarios.NAME]``, or the scenario itself.
    spec : ModelSpec
        The model.
    panel : Panel
        Gives the labels of governments and administrations, and the month before the first.
    months : int, optional
        Length of the forecast; the model file's horizon by default.

    Raises
    ------
    SpecError
        If there is no such scenario, it names what the model or the panel does not have, speaks
        of months outside the forecast or contradicts itself; lists every fault.
    """
    file = f"{spec.model.name}.toml"
    if isinstance(scenario, ScenarioSpec):
        found, file = Scenario(scenario.title, scenario), "scenario"
    elif isinstance(scenario, Path) or scenario.endswith(".toml"):
        found, file = _read(Path(scenario)), Path(scenario).name
    elif scenario == AS_NOW:
        found = Scenario(AS_NOW, ScenarioSpec(title="as now"))
    elif scenario in spec.scenarios:
        found = Scenario(scenario, spec.scenarios[scenario])
    else:
        known = [AS_NOW, *spec.scenarios]
        raise SpecError(f"unknown scenario {scenario!r}{did_you_mean(scenario, known)} (allowed: "
                        f"{', '.join(known)}, or the path of a .toml file)")
    where = f"scenarios.{found.name}"
    faults = [Fault(file, where, problem) for problem in scenario_problems(found.spec, spec)]
    faults += place_conditions(found.spec, spec, panel.time[-1],
                               spec.forecast.horizon if months is None else months,
                               file, where)[1]
    faults += _foreign_labels(found.spec, panel, file, where)
    if faults:
        raise SpecError(faults)
    return found


def _foreign_labels(scenario: ScenarioSpec, panel: Panel, file: str, where: str) -> list[Fault]:
    """Return a fault for every government that was never in office within the panel."""
    wanted = [(member, f"governments.{member}", label)
              for member, label in scenario.governments.items()
              if member in panel.members and label != UNKNOWN_GOVERNMENT]
    if scenario.administration is not None:
        wanted.append((panel.patron, "administration", scenario.administration))
    faults = []
    for country, key, label in wanted:
        known = [str(one) for one in dict.fromkeys(panel.governments[country])]
        if label in known:
            continue
        extra = [] if country == panel.patron else [UNKNOWN_GOVERNMENT]
        faults.append(Fault(
            file, f"{where}.{key}", f"no government {label!r} of {country} was in office from "
            f"{panel.time[0]} to {panel.time[-1]}{did_you_mean(label, known)}",
            ", ".join([*known, *extra])))
    return faults


def _read(path: Path) -> Scenario:
    """Read a file with one table ``[scenarios.NAME]``."""
    if not path.is_file():
        raise SpecError([Fault(str(path), "", "there is no such scenario file",
                               "a .toml file with one table [scenarios.NAME]")])
    raw = read_toml(path)
    tables = raw.get("scenarios")
    if set(raw) != {"scenarios"} or not isinstance(tables, dict) or len(tables) != 1:
        raise SpecError([Fault(path.name, "", "does not hold exactly one scenario",
                               "one table [scenarios.NAME] and nothing else")])
    (name, table), = tables.items()
    if not re.fullmatch(NAME, name):
        raise SpecError([Fault(path.name, f"scenarios.{name}", f"{name!r} is no name",
                               "letters, digits, _ and -")])
    if name == AS_NOW:
        raise SpecError([Fault(path.name, f"scenarios.{name}", "is built in and cannot be "
                               "declared", "another name")])
    try:
        return Scenario(name, ScenarioSpec.model_validate(table))
    except ValidationError as error:
        raise SpecError([_fault(item, path.name, f"scenarios.{name}")
                         for item in error.errors(include_url=False)]) from None


def _fault(item: Any, file: str, where: str) -> Fault:
    place = ".".join([where, *(str(part) for part in item["loc"])])
    if item["type"] == "extra_forbidden":
        part = _PARTS.get(str(item["loc"][0]), ScenarioSpec)
        known = sorted(part.model_fields)
        key = str(item["loc"][-1])
        return Fault(file, place, f"unknown key {key!r}{did_you_mean(key, known)}",
                     ", ".join(known))
    if item["type"] == "missing":
        return Fault(file, place, "this key is missing")
    return Fault(file, place, f"{item['msg'].removeprefix('Value error, ')}")
