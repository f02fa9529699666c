"""Indicators of threat perception."""

import datetime as dt

from citations import cite, flags
from common import END, START, Sources, Tables, month_period, number
from surveys import MEMBERS, PEW, Pollster, pew_sizes, poll_row

POLLS = "threat/survey_threat_points.csv"
GPRNK = "threat/gprnk_monthly.csv"
FILES = (POLLS, GPRNK, PEW)

# Series of the source, and what they are here: indicator stem and pollster.
SERIES = {
    "ipus_armed_provocation": ("ipus_armed_provocation", "ipus"),
    "ipus_nk_nuclear_threat": ("ipus_nuclear_threat", "ipus"),
    "kinu_hostile_intent": ("kinu_hostile_intent", "kinu"),
    "hankook_yomiuri_military_threat": ("hankook_yomiuri_military_threat", "hankook_yomiuri"),
    "hankook_yomiuri_nknuke_threat": ("hankook_yomiuri_nuclear_threat", "hankook_yomiuri"),
    "eai_genron_military_threat": ("eai_genron_military_threat", "eai_genron"),
    "pew_nknuke_major_threat": ("pew_nuclear_threat", "pew"),
    "cao_nk_missile_concern": ("cabinet_office_missile_concern", "cabinet_office"),
    "cao_nk_nuclear_concern": ("cabinet_office_nuclear_concern", "cabinet_office"),
    "yomiuri_gallup_military_threat": ("yomiuri_gallup_military_threat", "yomiuri_gallup"),
    "yomiuri_gallup_nknuke_threat": ("yomiuri_gallup_nuclear_threat", "yomiuri_gallup"),
}


def build(sources: Sources, pollsters: dict[str, Pollster]) -> Tables:
    """Return the rows of every threat indicator."""
    tables = Tables()
    for row in sources.rows(GPRNK):
        day = dt.date.fromisoformat(row["date"])
        if START <= day <= END:
            start, end = month_period(day.year, day.month)
            tables.observations.append({
                "indicator": "gprnk_threat_rok", "start": start, "end": end,
                "value": number(float(row["threat"])), "n": "", "wave": "", "source": "gprnk",
                "note": ""})
    sizes = pew_sizes(sources)
    for row in sources.rows(POLLS):
        if row["series"] not in SERIES:
            continue
        stem, pollster = SERIES[row["series"]]
        member = MEMBERS[row["country"]]
        tables.observations.append(poll_row(
            f"{stem}_{member}", member, pollsters[pollster], row["fieldwork"],
            float(row["value_pct"]), cite(row["seen_at"], pollster),
            sizes=sizes if pollster == "pew" else None,
            note=flags(f"{row['value_type']} {row['note']}")))
    tables.observations = [row for row in tables.observations if START <= row["start"] <= END]
    return tables

