"""Indicators of the credibility of the United States."""

import datetime as dt
from collections import Counter

from citations import Citation, cite, flags
from common import END, START, Sources, Tables, month_period, number
from surveys import MEMBERS, PEW, Pollster, pew_sizes, poll_row

QUOTED = "us/quoted_survey_values.csv"
THREAT_POLLS = "threat/survey_threat_points.csv"
TROOPS = "us/us_troops_jpn_kor_from_reports.csv"
VISITS = "us/us_president_secstate_travel_korea_japan.csv"
FILES = (QUOTED, PEW, THREAT_POLLS, TROOPS, VISITS)

SERIES = {
    "pew_conf_us_president": ("pew_confidence_president", "pew"),
    "pew_us_reliable_partner": ("pew_reliable_partner", "pew"),
    "yomiuri_trust_us": ("yomiuri_trust_us", "yomiuri_gallup"),
    "cao_close_to_us": ("cabinet_office_affinity_us", "cabinet_office"),
    "ipus_us_would_help_in_war": ("ipus_us_would_help", "ipus"),
    "asan_us_would_intervene": ("asan_us_would_intervene", "asan"),
    "ccga_kor_confident_us_defend": ("chicago_council_us_defend", "chicago_council"),
}
MONTHS = {"March": 3, "June": 6, "September": 9, "December": 12}


def build(sources: Sources, pollsters: dict[str, Pollster]) -> Tables:
    """Return the rows of every credibility indicator."""
    tables = Tables()
    sizes = pew_sizes(sources)
    for row in sources.rows(QUOTED):
        if row["series"] in SERIES and row["public"] in MEMBERS:
            stem, pollster = SERIES[row["series"]]
            member = MEMBERS[row["public"]]
            tables.observations.append(poll_row(
                f"{stem}_{member}", member, pollsters[pollster], row["date"],
                float(row["value"]), cite(row["url_or_path"], pollster),
                sizes=sizes if pollster == "pew" else None, note=flags(row["note"])))
    for row in sources.rows(THREAT_POLLS):
        if row["series"] == "H2_chey_us_nuclear_deterrence":
            tables.observations.append(poll_row(
                "chey_nuclear_deterrence_rok", "rok", pollsters["chey"], row["fieldwork"],
                float(row["value_pct"]), cite(row["seen_at"], "chey"),
                note=flags(f"{row['value_type']} {row['note']}")))
    tables.observations += _pew_favourable(sources, pollsters["pew"], sizes)
    tables.observations += _troops(sources)
    tables.observations += _visits(sources)
    tables.observations = [row for row in tables.observations if START <= row["start"] <= END]
    return tables


def _pew_favourable(sources: Sources, pew: Pollster,
                    sizes: dict[tuple[str, int], float]) -> list[dict]:
    return [poll_row(f"pew_favourable_us_{MEMBERS[row['country']]}", MEMBERS[row["country"]], pew,
                     row["year"], float(row["fav_pct"]), Citation("pew"), sizes=sizes)
            for row in sources.rows(PEW)
            if row["item"] == "opi_USA" and row["country"] in MEMBERS]


def _troops(sources: Sources) -> list[dict]:
    """Return army and air force at the end of a quarter.

    Navy and marines are left out: their count in Japan shifts with reporting.
    """
    rows = []
    for row in sources.rows(TROOPS):
        if not row["army_ad"] or row["month"] not in MONTHS:
            continue
        start, end = month_period(int(row["year"]), MONTHS[row["month"]])
        persons = sum(float(row[part]) for part in ("army_ad", "air_force_ad"))
        rows.append({"indicator": f"us_troops_{MEMBERS[row['iso3c']]}", "start": start,
                     "end": end, "value": number(persons), "n": "", "wave": "",
                     "source": "dmdc", "note": ""})
    return rows


def _visits(sources: Sources) -> list[dict]:
    """Return yearly days on which a president or secretary of state was in the country."""
    days: Counter[tuple[str, int]] = Counter()
    seen: set[tuple[str, dt.date]] = set()
    for row in sources.rows(VISITS):
        member = {"Japan": "japan", "Korea, Republic of": "rok",
                  "Korea, South": "rok"}.get(row["country"])
        if member is None:
            continue
        day = dt.date.fromisoformat(row["start"])
        last = dt.date.fromisoformat(row["end"])
        while day <= last:
            # A day counts once, however many officials came and however often a trip is listed.
            if (member, day) not in seen:
                seen.add((member, day))
                days[member, day.year] += 1
            day += dt.timedelta(days=1)
    return [{"indicator": f"us_visits_{member}", "start": dt.date(year, 1, 1),
             "end": dt.date(year, 12, 31), "value": str(days[member, year]), "n": "",
             "wave": "", "source": "state_travel", "note": ""}
            for member in ("rok", "japan") for year in range(START.year, END.year + 1)]
