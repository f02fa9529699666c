"""Build the dataset of Japan and the Philippines from the table of dyad-years.

    python data/_build/japan_philippines.py [--sources FOLDER] [--out FOLDER] [--check]

Every figure is yearly and enters as one row whose period is the year; a year outside a source's
span has no row. Without the source table it names what it lacks and changes nothing (exit status
3). With ``--check`` it compares byte by byte (exit status 1 if the tables differ).
"""

import argparse
import csv
import datetime as dt
import gzip
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from codebook import COLUMNS as INDICATOR_COLUMNS
from common import COLUMNS, Sources, number, write_table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TABLE = "dyads/quasi_core_dyad_years.csv.gz"
JAPAN, PHILIPPINES = "740", "840"
DYAD = "japan_philippines"
YEARS = range(1990, 2020)
SIDES = {"i": "japan", "j": "philippines"}
# Two figures of one ideal point agree up to the rounding of the table.
_ROUNDING = 0.01

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


def distance_to_china(dyad: dict[str, str], peers: list[dict[str, str]]) -> dict[str, float]:
    """Return both members' distance to China from the dyad's smaller and mean distance.

    The table has no ideal point of China. Both distances place it at one of four points; the one
    that also gives the distances of the other dyads of the year is China's.
    """
    own = {side: float(dyad[f"ip_{side}"]) for side in SIDES}
    small, mean = float(dyad["t_ipdist_chn_min"]), float(dyad["t_ipdist_chn_mean"])
    candidates = [own[side] + sign * size for side in SIDES for sign in (-1, 1)
                  for size in (small, 2 * mean - small)]

    def misfit(place: float) -> float:
        total = 0.0
        for peer in (dyad, *peers):
            if not (peer["t_ipdist_chn_min"] and peer["ip_i"] and peer["ip_j"]):
                continue
            far = [abs(float(peer[f"ip_{side}"]) - place) for side in SIDES]
            total = max(total, abs(min(far) - float(peer["t_ipdist_chn_min"])),
                        abs(sum(far) / 2 - float(peer["t_ipdist_chn_mean"])))
        return total

    best = min(candidates, key=misfit)
    if misfit(best) > _ROUNDING:
        raise ValueError(f"{dyad['year']}: no place of China fits the distances of all dyads")
    return {SIDES[side]: abs(own[side] - best) for side in SIDES}


def figures(dyad: dict[str, str], peers: list[dict[str, str]]) -> Iterator[tuple]:
    """Yield indicator, value, n and source of one year; nothing where the table is empty."""
    if dyad["t_ipdist_chn_min"]:
        for name, distance in distance_to_china(dyad, peers).items():
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
    observations = []
    for dyad in (row for row in years if (row["i"], row["j"]) == (JAPAN, PHILIPPINES)):
        year = int(dyad["year"])
        peers = [row for row in years if row["year"] == dyad["year"]]
        observations += [
            {"indicator": name, "start": dt.date(year, 1, 1), "end": dt.date(year, 12, 31),
             "value": value, "n": size, "wave": "", "source": source, "note": ""}
            for name, value, size, source in figures(dyad, peers)]
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


def main() -> int:
    """Run the builder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sources", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / DYAD)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    missing = Sources(options.sources).missing([TABLE])
    for name in missing:
        print(f"{options.sources} lacks {name}", file=sys.stderr)
    if missing:
        return 3
    if not options.check:
        build(options.sources, options.out)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / DYAD
        build(options.sources, fresh)
        different = [path.name for path in sorted(fresh.iterdir())
                     if not (options.out / path.name).is_file()
                     or (options.out / path.name).read_bytes() != path.read_bytes()]
    for name in different:
        print(f"{name} differs from what the source table gives", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
