"""Build the dataset of Japan and the Philippines from the table of dyad-years.

    python data/_build/japan_philippines.py [--sources FOLDER] [--out FOLDER] [--check]

Every figure is yearly and enters as one row whose period is the year; a year outside a source's
span has no row. Without the source table it names what it lacks and changes nothing (exit status
3). With ``--check`` it compares byte by byte (exit status 1 if the tables differ).
"""

import csv
import datetime as dt
import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from codebook import COLUMNS as INDICATOR_COLUMNS
from common import COLUMNS, Sources, number, run_builder, write_table
from dyads import ideal_point

HERE = Path(__file__).resolve().parent
TABLE = "dyads/quasi_core_dyad_years.csv.gz"
JAPAN, PHILIPPINES = "740", "840"
DYAD = "japan_philippines"
YEARS = range(1990, 2020)
SIDES = {"i": "japan", "j": "philippines"}

# Indicator, latent, member, family, link, unit, transform, shift, scale, orientation, shared item,
# kind, default, wording, licence, source, note.
INDICATORS = (
    *((f"un_distance_china_{name}", "threat", name, "normal", "identity", "ideal points",
       "identity", "1", "0.5", "1", "un_distance_china", "behaviour", "yes",
       "Distance to China in votes of the UN General Assembly", "cite", "un_ideal_points",
       "policy, not fear: a stand-in for a threat perception that no yearly poll measures")
      for name in SIDES.values()),
    ("us_troops_japan", "credibility", "japan", "normal", "identity", "persons", "log", "10.7",
     "0.2", "1", "", "behaviour", "yes", "US active duty in the country", "open", "dmdc",
     "10.7 is the logarithm of some 44,000"),
    ("us_troops_philippines", "credibility", "philippines", "student_t", "identity", "persons",
     "log", "5", "2", "1", "", "behaviour", "yes", "US active duty in the country", "open", "dmdc",
     "5 is the logarithm of some 150; the bases closed in 1992, and those on exercise are counted "
     "in some years"),
    *((f"us_visits_{name}", "credibility", name, "negative_binomial", "log", "visits", "identity",
       "0", "1", "1", "us_visits", "behaviour", "yes",
       "Visits of the president or secretary of state, and of its leaders to Washington", "open",
       "state_travel", "summits of several states draw visitors who did not come for the member")
      for name in SIDES.values()),
    *((f"un_distance_us_{name}", "credibility", name, "normal", "identity", "ideal points",
       "identity", "2.5", "0.5", "-1", "un_distance_us", "behaviour", "no",
       "Distance to the United States in votes of the UN General Assembly", "cite",
       "un_ideal_points", "from the same votes as cohesion's indicator: off by default")
      for name in SIDES.values()),
    ("un_votes_alike", "cohesion", DYAD, "beta_binomial", "logit", "percent", "percent", "0", "100",
     "1", "", "behaviour", "yes", "Votes of the UN General Assembly in which both voted alike",
     "open", "unvotes", "n is the number of votes in which both took part"),
    ("icews_conflict_share", "cohesion", DYAD, "beta_binomial", "logit", "percent", "percent", "0",
     "100", "-1", "", "press", "yes", "Share of reported events between the two that are conflict",
     "cite", "icews", "n is the number of events; verbal and material, both directions"),
)
# Key, citation, address, licence, redistribution, note.
SOURCES = (
    ("un_ideal_points", "Bailey, Strezhnev and Voeten 2017, Estimating dynamic state preferences "
     "from United Nations voting data, Journal of Conflict Resolution; version of June 2024",
     "https://doi.org/10.7910/DVN/LEJUQZ", "citation", "cite", "distances only"),
    ("unvotes", "Robinson and Goguen-Compagnoni, unvotes 0.3.0, from Voeten, Data and Analyses of "
     "Voting in the UN General Assembly", "https://cran.r-project.org/package=unvotes", "MIT",
     "open", ""),
    ("icews", "Boschee et al., ICEWS Coded Event Data, yearly directed dyads",
     "https://doi.org/10.7910/DVN/28075", "citation", "cite", "2002 to 2014"),
    ("dmdc", "US Defense Manpower Data Center, active duty by country", "",
     "US government work", "open", "no address of the reports recorded"),
    ("state_travel", "US Department of State, Office of the Historian, travels and visits",
     "https://history.state.gov/departmenthistory/travels", "CC0", "open", ""),
)


def read_years(sources: Sources) -> list[dict[str, str]]:
    """Return all dyad-years of the modelled years."""
    raw = (sources.folder / TABLE).read_bytes()
    text = gzip.decompress(raw).decode("utf-8")
    return [row for row in csv.DictReader(io.StringIO(text)) if int(row["year"]) in YEARS]


def figures(dyad: dict[str, str], china: float) -> Iterator[tuple]:
    """Yield indicator, value, n and source of one year; nothing where the table is empty."""
    if dyad["t_ipdist_chn_min"]:
        for side, name in SIDES.items():
            distance = abs(float(dyad[f"ip_{side}"]) - china)
            yield f"un_distance_china_{name}", f"{distance:.3f}", "", "un_ideal_points"
    for side, name in SIDES.items():
        if dyad[f"u_ipdist_{side}"]:
            yield (f"un_distance_us_{name}", f"{float(dyad[f'u_ipdist_{side}']):.3f}", "",
                   "un_ideal_points")
        if dyad[f"u_troops_{side}"]:
            yield f"us_troops_{name}", str(round(float(dyad[f"u_troops_{side}"]))), "", "dmdc"
        counts = [dyad[f"u_vis_{who}_{side}"] for who in ("leader_to_us", "potus", "secstate")]
        if all(counts):
            yield f"us_visits_{name}", str(sum(int(float(one)) for one in counts)), "", \
                "state_travel"
    if dyad["un_joint"]:
        joint = float(dyad["un_joint"])
        yield ("un_votes_alike", number(100 * float(dyad["un_same"]) / joint), str(round(joint)),
               "unvotes")
    events = [dyad[f"c_icews_{kind}"] for kind in ("vcoop", "mcoop", "vconf", "mconf")]
    if all(events):
        total = sum(map(float, events))
        yield ("icews_conflict_share", number(100 * sum(map(float, events[2:])) / total),
               str(round(total)), "icews")


def build(folder: Path, out: Path) -> None:
    """Write every table of the dataset; governments come from the builder's own table."""
    sources = Sources(folder)
    years = read_years(sources)
    sources.text(TABLE, "latin-1")
    china = ideal_point(pd.DataFrame(years).replace("", None).apply(
        pd.to_numeric, errors="coerce"), "chn")
    observations = []
    for dyad in (row for row in years if (row["i"], row["j"]) == (JAPAN, PHILIPPINES)):
        year = int(dyad["year"])
        observations += [
            {"indicator": name, "start": dt.date(year, 1, 1), "end": dt.date(year, 12, 31),
             "value": value, "n": size, "wave": "", "source": source, "note": ""}
            for name, value, size, source in figures(dyad, china[year])]
    tables = {
        "observations": sorted(observations, key=lambda row: (row["indicator"], row["start"])),
        "indicators": [_indicator(row) for row in INDICATORS],
        "covariates": [], "events": [], "event_coverage": [],
        "sources": [dict(zip(("source", "citation", "address", "licence", "redistribution", "note"),
                             row, strict=True), retrieved="", sha256=sources.read[TABLE])
                    for row in SOURCES],
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = INDICATOR_COLUMNS if name == "indicators" else COLUMNS[name]
        write_table(out / f"{name}.csv", columns, rows)
    (out / "governments.csv").write_bytes(
        (HERE / "japan_philippines_governments.csv").read_bytes())


def _indicator(row: tuple[str, ...]) -> dict[str, str]:
    keys = ("indicator", "latent", "member", "family", "link", "unit", "transform",
            "transform_shift", "transform_scale", "orientation", "shared_item", "kind", "default",
            "wording", "licence", "source", "note")
    return {**dict(zip(keys, row, strict=True)), "frequency": "yearly", "own_error": "none",
            "season": "no", "covariates": "", "mode": "records", "mode_changes": "", "masks": ""}


if __name__ == "__main__":
    sys.exit(run_builder(__doc__.split("\n", maxsplit=1)[0], DYAD, [TABLE], build))
