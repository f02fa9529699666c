"""One page for each dyad: its cohesion, its members' states, its coefficients, what was observed.

Invariant: a page is one small file that loads nothing and runs nothing; its name is made of
letters, digits and hyphens whatever the tables call the dyad.
"""

import re
from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment

from bayes_alliance import constants as c
from bayes_alliance.plotting.dyads import COEFFICIENT_WORDS
from bayes_alliance.report import dyads_words as words
from bayes_alliance.report import wording
from bayes_alliance.report.dyads_charts import draw_chart, draw_strip
from bayes_alliance.report.dyads_inputs import DyadReportInputs
from bayes_alliance.report.machine import write_text

__all__ = ["PAGES", "file_names", "pair_pages", "write_pair_pages"]

PAGES: Final = "pages"
_STYLES: Final = ("first", "second")


def file_names(dyads: list[str]) -> dict[str, str]:
    """Return a file name for each dyad, all of them different.

    Parameters
    ----------
    dyads : list of str
        As the tables call them.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for dyad in dyads:
        plain = re.sub(r"[^a-z0-9_-]+", "-", dyad.lower()).strip("-") or "pair"
        name, count = f"{plain}.html", 2
        while name in taken:
            name, count = f"{plain}-{count}.html", count + 1
        taken.add(name)
        found[dyad] = name
    return found


def write_pair_pages(inputs: DyadReportInputs, environment: Environment, out: Path) -> list[Path]:
    """Write the page of every dyad into the folder ``pages``.

    Parameters
    ----------
    inputs : DyadReportInputs
    environment : jinja2.Environment
        Of the report's pages.
    out : pathlib.Path
        Folder of the report.
    """
    folder = out / PAGES
    folder.mkdir(parents=True, exist_ok=True)
    pages = pair_pages(inputs, environment)
    for name, text in pages.items():
        write_text(folder / name, text)
    return [folder / name for name in pages]


def pair_pages(inputs: DyadReportInputs, environment: Environment) -> dict[str, str]:
    """Return the text of every dyad's page by file name."""
    template = environment.get_template("dyads_pair.html.j2")
    cohesion = dict(iter(inputs.cohesion.groupby("member", sort=False)))
    members = dict(iter(inputs.members.groupby(["latent", "member"], sort=False)))
    effects = dict(iter(inputs.dyads.groupby("dyad", sort=False)))
    classes = dict(iter(inputs.classes.groupby("class", sort=False)))
    observed = dict(iter(inputs.observed.groupby("unit", sort=False)))
    pages = {}
    for dyad, name in file_names(list(inputs.panel.dyads.index)).items():
        about = inputs.panel.dyads.loc[dyad]
        sides = [str(about["member_a"]), str(about["member_b"])]
        span = (int(about["first"]), int(about["last"]))
        pair = inputs.pair(dyad)
        charts = {c.COHESION: draw_chart({_STYLES[0]: (pair, cohesion[dyad])}, "cohesion",
                                         classes[about["class"]])}
        for latent in c.PATHS:
            tables = [members[latent, side] for side in sides]
            charts[latent] = draw_chart({
                style: (inputs.country(side), table[table["time"].between(*span)])
                for style, side, table in zip(_STYLES, sides, tables, strict=True)}, latent)
        pages[name] = template.render(
            pair=pair, members=[inputs.country(side) for side in sides], span=span,
            group=words.group_name(str(about["class"])), title=inputs.spec.model.title,
            region=about["region"], passed=inputs.passed, banner=words.BANNER, charts=charts,
            effects=_effects(inputs, effects[dyad], str(about["class"])),
            observed=_observed(inputs, observed, dyad, sides, span))
    return pages


def _effects(inputs: DyadReportInputs, mine: pd.DataFrame, group: str) -> list[dict[str, str]]:
    """Return the coefficients of a dyad beside those of its class."""
    others = inputs.effects[inputs.effects["group"] == group].set_index("coefficient")
    return [{"quantity": COEFFICIENT_WORDS[row["coefficient"]], "mine": words.effect(row),
             "above": wording.probability(row["above_zero"]),
             "standardised": wording.number(row["standardised"], signed=True),
             "group": words.effect(others.loc[row["coefficient"]])}
            for row in mine.to_dict("records")]


def _observed(inputs: DyadReportInputs, observed: dict[Any, pd.DataFrame], dyad: str,
              sides: list[str], span: tuple[int, int]) -> list[dict[str, Any]]:
    """Return which indicators of the dyad and its members were observed in which years."""
    rows = []
    about = inputs.panel.indicators
    for unit in (dyad, *sides):
        table = observed.get(unit, pd.DataFrame(columns=["indicator", "years", "happened"]))
        for row in table.to_dict("records"):
            years = [year for year in row["years"] if span[0] <= year <= span[1]]
            if not years:
                continue
            kind = about.loc[row["indicator"]]
            counted = str(kind["family"]) in ("bernoulli", "negative_binomial")
            strip = draw_strip(years, row["happened"], span)
            rows.append({
                "latent": str(kind["latent"]), "meaning": str(kind["meaning"]),
                "of": "both" if unit == dyad else inputs.country(unit),
                "years": f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0]),
                "count": len(years), "strip": strip,
                "happened": str(strip.count) if counted else ""})
    order = {latent: k for k, latent in enumerate((c.COHESION, *c.PATHS))}
    return sorted(rows, key=lambda row: order[row["latent"]])
