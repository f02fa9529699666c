"""Indicators of cohesion, and the exchange rate that travel answers to."""

import csv
import datetime as dt
import io
import math

from citations import cite, flags
from common import END, START, Sources, Tables, month_period, number
from surveys import Pollster, poll_row

JNTO = "cohesion/jnto_arrivals_japan_by_market_monthly.csv"
KTO = "cohesion/kto_arrivals_korea_selected_monthly_201001_202012.csv"
MOJ = "cohesion/moj_foreign_entrants_korea_selected_monthly_2022_2024.csv"
MOJ_OVERLAP = "cohesion/moj_raw_2018.csv"
CABINET = "cohesion/cabinet_office_japan_view_of_rok.csv"
YOMIURI = "cohesion/yomiuri_hankook_relations_trust.csv"
GENRON = "cohesion/genron_eai_mutual_impressions.csv"
ICEWS = "cohesion/icews_directed_dyad_year_2002_2014_JPN_KOR_PRK_USA_CHN.csv"
RATES = "cohesion/fx_monthly_vs_usd.csv"
# How the source tables name a public and the other one.
PUBLICS = {"japan": {"own": "jp", "other": "kr"}, "rok": {"own": "kr", "other": "jp"}}
FILES = (JNTO, KTO, MOJ, MOJ_OVERLAP, CABINET, YOMIURI, GENRON, ICEWS, RATES)


def build(sources: Sources, pollsters: dict[str, Pollster]) -> Tables:
    """Return the rows of every cohesion indicator and of the covariate."""
    tables = Tables()
    tables.observations += _travel_rok(sources) + _travel_japan(sources)
    tables.observations += _cabinet_office(sources, pollsters["cabinet_office"])
    tables.observations += _pairs(
        sources, YOMIURI, pollsters["hankook_yomiuri"], "hankook_yomiuri", (
            ("relations_good", "relations_bad", "{own}_rel_good", "{own}_rel_bad"),
            ("trust", "distrust", "{own}_trust", "{own}_no_trust")))
    tables.observations += _pairs(
        sources, GENRON, pollsters["eai_genron"], "genron_eai", (
            ("impression_good", "impression_bad", "{own}_good_of_{other}",
             "{own}_bad_of_{other}"),))
    tables.observations += _icews(sources)
    tables.observations = [row for row in tables.observations if START <= row["start"] <= END]
    tables.covariates = _won(sources)
    return tables


def _plain(indicator: str, year: int, month: int, value: float, source: str) -> dict:
    start, end = month_period(year, month)
    return {"indicator": indicator, "start": start, "end": end, "value": number(value), "n": "",
            "wave": "", "source": source, "note": ""}


def _travel_rok(sources: Sources) -> list[dict]:
    """Return Korean visitors to Japan for each visitor from Taiwan and Hong Kong."""
    rows = []
    for row in sources.rows(JNTO):
        year, month = map(int, row["month"].split("-"))
        others = float(row["TWN"] or 0) + float(row["HKG"] or 0)
        if others > 0 and float(row["KOR"] or 0) > 0:
            rows.append(_plain("jnto_travel_rok", year, month, float(row["KOR"]) / others, "jnto"))
    return rows


def _travel_japan(sources: Sources) -> list[dict]:
    """Return Japanese visitors to Korea; entries are put on the level of arrivals."""
    arrivals = {row["month"]: float(row["total"]) for row in sources.rows(KTO)
                if row["nat"] == "JPN"}
    entries = {row["month"]: float(row["JPN"]) for row in sources.rows(MOJ)}
    splice = splice_factor(sources.text(MOJ_OVERLAP, "cp949"), arrivals)
    joined = arrivals | {month: value / splice for month, value in entries.items()}
    return [_plain("kto_travel_japan", *map(int, month.split("-")), value,
                   "kto" if month in arrivals else "moj")
            for month, value in sorted(joined.items()) if value > 0]


def splice_factor(text: str, arrivals: dict[str, float]) -> float:
    """Return entries for each arrival of Japanese over the months of 2018 that both count."""
    entries = [0.0] * 12
    for row in csv.reader(io.StringIO(text)):
        if row and row[0].replace(" ", "") == "일본":
            entries = [total + float(cell) for total, cell in zip(entries, row[2:14], strict=True)]
    months = [f"2018-{month:02d}" for month in range(1, 13)]
    return sum(entries) / sum(arrivals[month] for month in months)


def _cabinet_office(sources: Sources, pollster: Pollster) -> list[dict]:
    rows = []
    for row in sources.rows(CABINET):
        # Other remarks of this table are about shares that are not used.
        remark = row["note"] if "start dates" in row["note"] else ""
        for key in ("affinity", "relations_good"):
            if row[f"{key}_pct"]:
                rows.append(poll_row(
                    f"cabinet_office_{key}_japan", "japan", pollster, row["fieldwork"],
                    float(row[f"{key}_pct"]), cite(row["source_seen"], "cabinet_office"),
                    note=flags(f"{row[f'{key}_basis']} {remark}")))
    return rows


def _pairs(sources: Sources, file: str, pollster: Pollster, stem: str,
           items: tuple[tuple[str, str, str, str], ...]) -> list[dict]:
    """Return the favourable share where it is known, else the unfavourable one.

    Both shares of one question are one answer; with both, an answer would count twice.
    """
    rows = []
    for row in sources.rows(file):
        for good, bad, good_key, bad_key in items:
            for member, place in PUBLICS.items():
                keys = [key.format(**place) for key in (good_key, bad_key)]
                value, name = (row[keys[0]], good) if row[keys[0]] else (row[keys[1]], bad)
                if value:
                    rows.append(poll_row(
                        f"{stem}_{name}_{member}", member, pollster, row["fieldwork"],
                        float(value), cite(row["source_seen"], pollster.name),
                        note=flags(f"{row['basis']} {_remark(row['note'], member)}")))
    return rows


def _remark(note: str, member: str) -> str:
    """Return a table's remark unless it is on the other public's figure."""
    other = {"rok": "for JP", "japan": "kr_good"}[member]
    return "" if other in note else note


def _icews(sources: Sources) -> list[dict]:
    """Return the share of conflict among all coded events, each year and direction."""
    names = {("KOR", "JPN"): "rok_to_japan", ("JPN", "KOR"): "japan_to_rok"}
    rows = []
    for row in sources.rows(ICEWS):
        direction = names.get((row["src"], row["tgt"]))
        if direction is None:
            continue
        conflict = float(row["verbConf"]) + float(row["matlConf"])
        total = conflict + float(row["verbCoop"]) + float(row["matlCoop"])
        year = int(row["year"])
        rows.append({
            "indicator": f"icews_conflict_share_{direction}", "start": dt.date(year, 1, 1),
            "end": dt.date(year, 12, 31), "value": number(100 * conflict / total),
            "n": f"{total:.0f}", "wave": f"icews_{direction}_{year}", "source": "icews",
            "note": "the wave is an error of this figure: coded events come in clusters"})
    return rows


def _won(sources: Sources) -> list[dict]:
    """Return the logarithm of won for 100 yen, in thousands."""
    rates: dict[str, dict[str, float]] = {}
    for row in sources.rows(RATES):
        if row["Country"] in ("Japan", "South Korea"):
            rates.setdefault(row["Date"], {})[row["Country"]] = float(row["Exchange rate"])
    rows = []
    for date, pair in sorted(rates.items()):
        day = dt.date.fromisoformat(date)
        if START <= day <= END and len(pair) == 2:
            start, end = month_period(day.year, day.month)
            value = math.log(pair["South Korea"] / pair["Japan"] * 100 / 1000)
            rows.append({"covariate": "log_won_per_100_yen", "start": start, "end": end,
                         "value": number(value), "source": "fx", "note": ""})
    return rows

