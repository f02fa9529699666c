"""Build the dataset of quasi alliances and allied neighbours from the dyad-year tables.

    python data/_build/dyads.py [--sources FOLDER] [--out FOLDER] [--check]

Without the source tables it names what it lacks and changes nothing (exit status 3). With
``--check`` it builds into a temporary folder and compares byte by byte (exit status 1 if the
tables differ). A value outside its source's span is an absent row, never a zero.
"""

import gzip
import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from common import Sources, number, run_builder, write_table

FILES = {"quasi": "dyads/quasi_core_dyad_years.csv.gz",
         "allied": "dyads/allied_near_dyad_years.csv.gz"}
COLUMNS = {
    "members": ["member", "cow", "name"],
    "dyads": ["dyad", "member_a", "member_b", "class", "region", "first", "last", "years"],
    "indicators": ["indicator", "latent", "level", "family", "transform", "shift", "scale",
                   "orientation", "year_effect", "reference", "own_error", "meaning", "source"],
    "observations": ["indicator", "unit", "year", "value", "n"],
    "sources": ["source", "citation", "address", "licence", "redistribution", "retrieved",
                "sha256", "note"],
}
# Indicator, latent, level, family, transform, shift, scale, orientation, year effect, reference,
# own error, meaning, source.
INDICATORS = (
    ("un_distance_russia", "threat", "member", "normal", "identity", 0, 1, 1, 1, 0, 0,
     "distance of the member's ideal point at the UN from the Soviet Union's or Russia's",
     "voeten"),
    ("un_distance_china", "threat", "member", "normal", "identity", 0, 1, 1, 1, 0, 0,
     "distance of the member's ideal point at the UN from the People's Republic of China's",
     "voeten"),
    ("shared_disputes", "threat", "dyad", "negative_binomial", "identity", 0, 1, 1, 1, 1, 0,
     "third states with which both had a militarised dispute in the year", "cow_mid"),
    ("shared_rivals", "threat", "dyad", "bernoulli", "identity", 0, 1, 1, 0, 0, 0,
     "whether both had a strategic rivalry with the same third state", "tss"),
    ("us_troops", "credibility", "member", "normal", "log1p", 0, 2, 1, 1, 1, 1,
     "US military personnel in the member", "dmdc"),
    # No lasting errors: of so few visits a year they cannot be told from a member's deviation, and
    # the sampler diverges where their sd goes to zero.
    ("us_visits", "credibility", "member", "negative_binomial", "identity", 0, 1, 1, 1, 0, 0,
     "visits of the US president and secretary of state, and of the member's leader to the US",
     "state_travel"),
    ("us_statements", "credibility", "member", "negative_binomial", "identity", 0, 1, 1, 1, 0, 0,
     "US statements in support of the member", "mcmanus_nieman"),
    ("un_distance_us", "credibility", "member", "normal", "identity", 0, 1, -1, 1, 0, 0,
     "distance of the member's ideal point at the UN from that of the US", "voeten"),
    ("un_same_votes", "cohesion", "dyad", "beta_binomial", "identity", 0, 1, 1, 1, 1, 0,
     "UN roll calls with the same vote, of those in which both voted", "unvotes"),
    ("dispute", "cohesion", "dyad", "bernoulli", "identity", 0, 1, -1, 1, 0, 0,
     "whether a militarised dispute between the two began", "cow_mid"),
    ("joint_exercises", "cohesion", "dyad", "negative_binomial", "identity", 0, 1, 1, 1, 0, 0,
     "multinational exercises in which both took part", "mme"),
    ("defence_agreement", "cohesion", "dyad", "bernoulli", "identity", 0, 1, 1, 0, 0, 0,
     "whether the two signed a defence cooperation agreement", "dcad"),
    ("icews_conflict", "cohesion", "dyad", "beta_binomial", "identity", 0, 1, -1, 0, 0, 0,
     "events of conflict among coded events between the two, both directions", "icews"),
)
SOURCES = (
    ("unvotes", "Voeten, Strezhnev and Bailey, United Nations General Assembly Voting Data; "
     "R package unvotes", "https://doi.org/10.7910/DVN/LEJUQZ", "MIT", "open", ""),
    ("voeten", "Bailey, Strezhnev and Voeten 2017, Estimating dynamic state preferences from "
     "United Nations voting data, Journal of Conflict Resolution 61(2); estimates of June 2024",
     "https://doi.org/10.7910/DVN/LEJUQZ", "citation", "cite",
     "distances from two ideal points; Russia's and China's were solved for from published "
     "distances"),
    ("cow_mid", "Palmer et al. 2022, The MID5 dataset, Conflict Management and Peace Science 39(4)",
     "https://correlatesofwar.org", "citation", "cite", ""),
    ("tss", "Thompson, Sakuwa and Suhas 2021, Analyzing strategic rivalries in world politics, "
     "Springer", "", "citation", "cite", "rivalry years, as in the R package peacesciencer"),
    ("dmdc", "US Defense Manpower Data Center; Allen, Flynn and Machain 2022, Global US military "
     "deployment data, R package troopdata", "", "US government work", "open", ""),
    ("state_travel", "US Department of State, Office of the Historian, travels and visits",
     "https://history.state.gov/departmenthistory", "CC0", "open", ""),
    ("mcmanus_nieman", "McManus and Nieman 2019, Identifying the level of major power support "
     "signaled for proteges, Journal of Peace Research 56(3)", "", "citation", "cite", ""),
    ("mme", "D'Orazio and Galambos 2021, Multinational military exercises data, version 7", "",
     "citation", "cite", ""),
    ("dcad", "Kinne 2020, The Defense Cooperation Agreement Dataset, Journal of Conflict "
     "Resolution 64(4)", "", "citation", "cite", ""),
    ("icews", "Boschee et al., ICEWS Coded Event Data, yearly directed dyads",
     "https://doi.org/10.7910/DVN/28075", "citation", "cite", ""),
)


def read(sources: Sources) -> pd.DataFrame:
    """Return the dyad-years of both classes."""
    parts = []
    for kind, name in FILES.items():
        raw = (sources.folder / name).read_bytes()
        sources.read[name] = hashlib.sha256(raw).hexdigest()
        table = pd.read_csv(io.BytesIO(gzip.decompress(raw)), low_memory=False).copy()
        table["class"] = kind
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def slug(name: str) -> str:
    """Return a state's name as a label."""
    return "_".join(name.lower().replace("&", "and").replace(".", "").replace("'", "").split())


def by_member(table: pd.DataFrame, column: str) -> pd.Series:
    """Return a member's column (``column_i``, ``column_j``) by state and year."""
    both = pd.concat([table[[side, "year", f"{column}_{side}"]].set_axis(
        ["cow", "year", "value"], axis=1) for side in "ij"]).dropna()
    spread = both.groupby(["cow", "year"])["value"].agg(["min", "max"])
    if (spread["max"] - spread["min"] > 1e-6 + 1e-5 * spread["max"].abs()).any():
        raise ValueError(f"{column} differs between dyads of one member and year")
    return spread["min"]


def ideal_point(table: pd.DataFrame, state: str) -> pd.Series:
    """Solve for a state's ideal point by year from members' points and pairs of distances.

    A dyad gives the smaller and the mean distance of its members' points a and b, so that the
    point is one of a +- d and b +- d; the right one agrees with every dyad of the year.
    """
    found = {}
    known = table.dropna(subset=["ip_i", "ip_j", f"t_ipdist_{state}_min"])
    for year, rows in known.groupby("year"):
        a, b = rows["ip_i"].to_numpy(), rows["ip_j"].to_numpy()
        least = rows[f"t_ipdist_{state}_min"].to_numpy()
        mean = rows[f"t_ipdist_{state}_mean"].to_numpy()
        candidates = np.array([a[0] + least[0], a[0] - least[0], b[0] + least[0], b[0] - least[0]])
        gap_a, gap_b = np.abs(candidates[:, None] - a), np.abs(candidates[:, None] - b)
        error = np.abs(np.minimum(gap_a, gap_b) - least) + np.abs((gap_a + gap_b) / 2 - mean)
        best = int(error.max(axis=1).argmin())
        if error[best].max() > 1e-3:
            raise ValueError(f"no ideal point of {state} in {year} fits all distances")
        found[year] = candidates[best]
    return pd.Series(found)


def member_values(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Return every member indicator by state and year."""
    point = by_member(table, "ip")
    years = point.index.get_level_values("year")
    found = {f"un_distance_{name}": (point - ideal_point(table, short).reindex(years).to_numpy()
                                     ).abs().dropna()
             for name, short in (("russia", "rus"), ("china", "chn"))}
    visits = (by_member(table, "u_vis_potus") + by_member(table, "u_vis_secstate")
              + by_member(table, "u_vis_leader_to_us"))
    return found | {"us_troops": by_member(table, "u_troops"), "us_visits": visits,
                    "us_statements": by_member(table, "u_mn_us_words"),
                    "un_distance_us": by_member(table, "u_ipdist")}


def dyad_values(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return every dyad indicator: columns dyad, year, value, n."""
    events = table[["c_icews_vcoop", "c_icews_mcoop", "c_icews_vconf", "c_icews_mconf"]]
    columns = {
        "shared_disputes": (table["t_mid_same"], None),
        "shared_rivals": ((table["t_rivals_tss"] > 0).astype(float), None),
        "un_same_votes": (table["un_same"], table["un_joint"]),
        "dispute": (table["c_mid_onset"], None),
        "joint_exercises": (table["c_mme"], None),
        "defence_agreement": ((table["c_dca_signed"] > 0).where(table["c_dca_signed"].notna()
                                                                ).astype(float), None),
        "icews_conflict": (events.iloc[:, 2:].sum(axis=1, min_count=2),
                           events.sum(axis=1, min_count=4)),
    }
    found = {}
    for name, (value, n) in columns.items():
        rows = pd.DataFrame({"unit": table["dyad"], "year": table["year"], "value": value,
                             "n": np.nan if n is None else n})
        if n is not None:
            rows = rows[rows["n"] > 0]
        found[name] = rows.dropna(subset=["value"])
    return found


def spells(table: pd.DataFrame) -> pd.Series:
    """Return names of dyads in which one with years between is named by its first year too."""
    ordered = table.sort_values(["dyad", "year"])
    begins = ordered.groupby("dyad")["year"].diff() != 1
    first = ordered["year"].where(begins).ffill().astype(int)
    several = begins.groupby(ordered["dyad"]).transform("sum") > 1
    named = ordered["dyad"].where(~several, ordered["dyad"] + "-" + first.astype(str))
    return named.reindex(table.index)


def build(folder: Path, out: Path) -> None:
    """Write every table of the dataset."""
    sources = Sources(folder)
    table = read(sources)
    names = pd.concat([table[[side, f"name_{side}"]].set_axis(["cow", "name"], axis=1)
                       for side in "ij"]).drop_duplicates("cow").sort_values("cow")
    label = {row.cow: slug(row.name) for row in names.itertuples(index=False)}
    if len(set(label.values())) < len(label):
        raise ValueError("two states have one label")
    table["dyad"] = [f"{label[i]}-{label[j]}" for i, j in zip(table["i"], table["j"], strict=True)]
    # A dyad that changes its class counts as two, and so does one that is none for some years.
    classes = table.groupby("dyad")["class"].transform("nunique")
    table.loc[classes > 1, "dyad"] += "-" + table["class"]
    table["dyad"] = spells(table)
    rows = []
    for indicator, values in member_values(table).items():
        rows += [{"indicator": indicator, "unit": label[cow], "year": int(year),
                  "value": number(value), "n": ""} for (cow, year), value in values.items()]
    for indicator, frame in dyad_values(table).items():
        rows += [{"indicator": indicator, "unit": row.unit, "year": int(row.year),
                  "value": number(row.value), "n": "" if np.isnan(row.n) else number(row.n)}
                 for row in frame.itertuples()]
    dyads = table.groupby("dyad").agg(
        i=("i", "first"), j=("j", "first"), kind=("class", "first"), a=("reg_i", "first"),
        b=("reg_j", "first"), asia=("asiapac_pair", "max"), first=("year", "min"),
        last=("year", "max"), years=("year", "size")).reset_index()
    digest = ";".join(sources.read[name] for name in FILES.values())
    tables = {
        "members": [{"member": label[row.cow], "cow": int(row.cow), "name": row.name}
                    for row in names.itertuples(index=False)],
        "dyads": [{"dyad": row.dyad, "member_a": label[row.i], "member_b": label[row.j],
                   "class": row.kind, "region": "asia_pacific" if row.asia else "other",
                   "first": row.first, "last": row.last, "years": row.years}
                  for row in dyads.itertuples(index=False)],
        "indicators": [dict(zip(COLUMNS["indicators"], one, strict=True)) for one in INDICATORS],
        "observations": sorted(rows, key=lambda row: (row["indicator"], row["unit"], row["year"])),
        "sources": [dict(zip(COLUMNS["sources"], (*one[:5], "", digest, one[5]), strict=True))
                    for one in SOURCES],
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, found in tables.items():
        write_table(out / f"{name}.csv", COLUMNS[name], found)


if __name__ == "__main__":
    sys.exit(run_builder(__doc__.split("\n", maxsplit=1)[0], "quasi_alliances", FILES.values(),
                       build))
