"""Build the dataset of South Korea and Japan from the source tables.

    python data/_build [--sources FOLDER] [--out FOLDER] [--check]

Without the source tables it names what it lacks and changes nothing (exit status 3). With
``--check`` it builds into a temporary folder and compares byte by byte (exit status 1 if the
tables differ).
"""

import argparse
import sys
import tempfile
from pathlib import Path

import agreement
import codebook
import cohesion
import controls
import credibility
import events
import provenance
import threat
from common import COLUMNS, Sources, write_table
from surveys import read_pollsters

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILT = ("observations", "indicators", "covariates", "controls", "events", "event_coverage",
         "sources")


def build(folder: Path, out: Path) -> None:
    """Write every table of the dataset, and the governments one folder above."""
    sources = Sources(folder)
    pollsters = read_pollsters(HERE)
    parts = [module.build(sources, pollsters) for module in (threat, credibility, cohesion)]
    happened, coverage = events.build(sources, HERE)
    observations = [row for part in parts for row in part.observations]
    tables = {
        "observations": sorted(observations, key=lambda row: (row["indicator"], row["start"])),
        "indicators": codebook.rows({name: one.mode for name, one in pollsters.items()}),
        "covariates": [row for part in parts for row in part.covariates],
        "controls": controls.rows(Sources(folder)),
        "events": sorted(happened, key=lambda row: (row["date"], row["kind"], row["event"])),
        "event_coverage": sorted(coverage, key=lambda row: (row["kind"], int(row["year"]))),
        "sources": provenance.rows(sources),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = codebook.COLUMNS if name == "indicators" else COLUMNS[name]
        write_table(out / f"{name}.csv", columns, rows)
    governments = (HERE / "governments.csv").read_bytes()
    (out.parent / "governments.csv").write_bytes(governments)


def _tell_agreement(readme: Path) -> None:
    """Print how far the two codings of signs agree, and bring the README up to date."""
    for one in agreement.agreements(HERE):
        print(f"kappa {one.kappa:.3f} over {one.events} {one.group}, "
              f"{len(one.differing)} differ")
    if readme.is_file():
        agreement.write_readme(readme, HERE)


def main() -> int:
    """Run the builder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sources", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "rok_japan")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    needed = sorted({*threat.FILES, *credibility.FILES, *cohesion.FILES, *events.FILES,
                     *controls.FILES})
    missing = Sources(options.sources).missing(needed)
    if missing:
        print(f"{len(missing)} source tables are not under {options.sources}:", file=sys.stderr)
        for name in missing:
            print(f"  lacks {name}", file=sys.stderr)
        return 3
    readme = options.out.parent / "README.md"
    if not options.check:
        build(options.sources, options.out)
        _tell_agreement(readme)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "data" / options.out.name
        build(options.sources, fresh)
        pairs = [(fresh / f"{name}.csv", options.out / f"{name}.csv") for name in BUILT]
        pairs.append((fresh.parent / "governments.csv", options.out.parent / "governments.csv"))
        different = [str(old.name) for new, old in pairs
                     if not old.is_file() or new.read_bytes() != old.read_bytes()]
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        if agreement.updated(text, agreement.lines(agreement.agreements(HERE))) != text:
            different.append(readme.name)
    for name in different:
        print(f"{name} differs from what the source tables give", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
