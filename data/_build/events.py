"""North Korean acts, triggers between the two states, and the events shown in figures."""

import csv
from pathlib import Path

from common import Sources

MISSILES = "threat/nk_missile_tests_events.csv"
PROVOCATIONS = "threat/csis_provocations.csv"
FILES = (MISSILES, PROVOCATIONS)
# Medium range and above: ballistic missiles by range class, space rockets and gliders. Sea-launched
# ones have no range class in the database: the Pukguksong count, the short Hwasong-11S does not.
MEDIUM = {"MRBM", "IRBM", "ICBM", "SLV", "HGV"}
SEA_LAUNCHED = "SLBM"
SHORT_SEA_LAUNCHED = {"hwasong-11s"}
MEDIUM_RANGE, BELOW = "medium range and above", "below"
FIRST = "1998-01-01"


def build(sources: Sources, here: Path) -> tuple[list[dict], list[dict]]:
    """Return the rows of events.csv and of event_coverage.csv."""
    events = [*_north_korea(sources), *hand_coded(here)]
    return events, [*_coverage(), *_read(here / "trigger_coverage.csv")]


def hand_coded(here: Path) -> list[dict]:
    """Return the events whose sign a reader gave: triggers, and the events shown in figures."""
    events = []
    for row in _read(here / "triggers.csv"):
        events.append({**row, "role": "driver"})
    for row in _read(here / "dyad_events.csv"):
        target = {"rok": "japan", "japan": "rok"}.get(row["actor"], "rok_japan")
        events.append({**row, "target": target, "role": "shown"})
    return events


def _read(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def range_class(row: dict[str, str]) -> str:
    """Return whether a missile of the database is of medium range or above, or below it."""
    long = row["type"] in MEDIUM or (
        row["type"] == SEA_LAUNCHED and row["missile"] not in SHORT_SEA_LAUNCHED)
    return MEDIUM_RANGE if long else BELOW


def _north_korea(sources: Sources) -> list[dict]:
    """Return one row a day: launches are counted by local day, so a salvo is one event."""
    launches: dict[str, set[str]] = {}
    overflights: set[str] = set()
    for row in sources.rows(MISSILES):
        day = row["date_local"]
        launches.setdefault(day, set()).add(range_class(row))
        if row["overflight_japan"] == "True":
            overflights.add(day)
    rows = []
    for day in sorted(launches):
        rows.append(_act(day, "missile_launch_day", "Day with at least one launch", "cns_missiles"))
        if MEDIUM_RANGE in launches[day]:
            rows.append(_act(day, "missile_medium_range_day",
                             "Launch of medium range or above, or of a space rocket",
                             "cns_missiles"))
        if day in overflights:
            rows.append(_act(day, "overflight_japan", "Missile or rocket passes over Japan",
                             "cns_missiles"))
    rows += [_act(row["date"], "nuclear_test", "Nuclear test", "csis_provocations")
             for row in sources.rows(PROVOCATIONS) if row["type"] == "Nuclear Provocation"
             and row["event"].startswith("Nuclear Test")]
    return [row for row in rows if row["date"] >= FIRST]


def _act(day: str, kind: str, event: str, source: str) -> dict:
    return {"date": day, "precision": "day", "kind": kind, "actor": "north_korea",
            "target": "rok_japan", "sign": "0", "role": "driver", "event": event,
            "source": source, "note": ""}


def _coverage() -> list[dict]:
    rows = []
    for year in range(1998, 2025):
        rows += [{"kind": kind, "year": year, "searched_in": "CNS missile test database",
                  "note": ""} for kind in ("missile_launch_day", "missile_medium_range_day",
                                           "overflight_japan")]
        rows.append({"kind": "nuclear_test", "year": year,
                     "searched_in": "CSIS provocations database", "note": ""})
    return rows
