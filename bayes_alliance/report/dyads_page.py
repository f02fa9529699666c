"""The page of a model over many dyads, its pages of single dyads and its files.

Invariant: as for the page of one dyad: no result is written in a template, text from tables is
escaped, the page loads nothing from anywhere and runs nothing.
"""

from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance import plotting
from bayes_alliance.dyads.history import CHA_DYAD, CHA_EPISODES
from bayes_alliance.dyads.verdicts import DIRECTION, LOG_BAYES_FACTOR
from bayes_alliance.plotting import dyads as drawing
from bayes_alliance.report import dyads_focal as focal
from bayes_alliance.report import dyads_words as words
from bayes_alliance.report import wording
from bayes_alliance.report.dyads_inputs import DyadReportInputs
from bayes_alliance.report.dyads_machine import DIAGNOSTICS, DYAD_FILES, write_dyad_files
from bayes_alliance.report.dyads_pair_page import PAGES, file_names, write_pair_pages
from bayes_alliance.report.figures import Picture, encode
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import shipped_folder

__all__ = ["page_environment", "render_dyad_page", "write_dyad_report"]

PAGE: Final = "index.html"
NEAR: Final = "asia_pacific"
_FACTOR: Final = ("log_bayes_factor", "log_bayes_factor_se", "bound")
# Dyads that a forest can name.
_NAMED: Final = 60


def write_dyad_report(inputs: DyadReportInputs, out: Path) -> Path:
    """Write the page, a page for each dyad and the files for machines.

    Parameters
    ----------
    inputs : DyadReportInputs
    out : pathlib.Path
        Folder; made if it does not exist.

    Returns
    -------
    pathlib.Path
        ``out/index.html``, replaced whole and last.
    """
    environment = page_environment()
    text = render_dyad_page(inputs, environment)
    write_dyad_files(inputs, out)
    write_pair_pages(inputs, environment, out)
    write_text(out / PAGE, text)
    return out / PAGE


def page_environment() -> Environment:
    """Return the templates with the filters that they use."""
    environment = Environment(
        loader=PackageLoader("bayes_alliance.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters.update(number=wording.number, percent=wording.percent,
                               probability=wording.probability, group=words.group_name)
    return environment


def render_dyad_page(inputs: DyadReportInputs, environment: Environment | None = None) -> str:
    """Return the main page as text; see :func:`write_dyad_report`."""
    environment = environment or page_environment()
    groups = ["all", *inputs.spec.model.classes]
    return environment.get_template("dyads.html.j2").render(
        spec=inputs.spec, panel=inputs.panel, passed=inputs.passed, banner=words.BANNER,
        headlines=words.headlines(inputs), sentences=words.sentences(inputs),
        between=words.between(inputs),
        ally=words.ally(inputs), peculiar=words.peculiar(inputs), caveat=words.caveat(inputs),
        screen=_screen(inputs), groups=[*groups[1:], "all"], figures=_pictures(inputs),
        effects=_effects(inputs), paths=_paths(inputs), places=_places(inputs),
        episodes=_episodes(inputs), ranks=_ranks(inputs), borrowed=_borrowed(inputs),
        indicators=_indicators(inputs), sources=_sources(inputs), stages=inputs.stages,
        gate=inputs.gate, provenance=inputs.provenance, relative=words.relative(inputs),
        pairs=words.pairs_of(inputs.panel.dyads), spells=words.spells(inputs),
        coefficients=drawing.COEFFICIENT_WORDS, folder=PAGES,
        focal=inputs.pair(CHA_DYAD) if len(inputs.changes) else "",
        files=[*DYAD_FILES, DIAGNOSTICS],
        shipped=(shipped_folder("models") / "panels" / f"{inputs.spec.model.name}.toml").is_file(),
        limits={"direction": DIRECTION, "factor": LOG_BAYES_FACTOR})


def _screen(inputs: DyadReportInputs) -> list[dict[str, Any]]:
    """Return one record a reading for the first table."""
    table = inputs.verdicts.set_index(["reading", "group"])
    return [{"reading": words.READING_WORDS[reading], "signs": words.SIGNS[reading],
             "prior": wording.probability(float(table.loc[reading, "prior"].iloc[0])),
             "cells": {group: {
                 "probability": wording.probability(table.at[(reading, group), "probability"]),
                 "factor": words.factor(*table.loc[(reading, group), list(_FACTOR)]),
                 "verdict": table.at[(reading, group), "verdict"],
                 "reason": table.at[(reading, group), "reason"]}
                 for group in ["all", *inputs.spec.model.classes]}}
            for reading in words.READING_WORDS]


def _effects(inputs: DyadReportInputs) -> list[dict[str, str]]:
    """Return the coefficients of every group, and how the classes differ."""
    rows = pd.concat([inputs.effects, inputs.contrasts], ignore_index=True)
    return [{"group": words.group_name(row["group"]), "first": row["coefficient"] ==
             c.COEFFICIENTS[0], "quantity": drawing.COEFFICIENT_WORDS[row["coefficient"]],
             "mean": wording.number(row["mean"]), "sd": wording.number(row["sd"]),
             "effect": words.effect(row),
             "above": "" if row["group"] == "spread" else wording.probability(row["above_zero"]),
             "factor": words.factor(row["log_bayes_factor"], row["log_bayes_factor_se"],
                                    row["bound"] is True)}
            for row in rows.to_dict("records")]


def _paths(inputs: DyadReportInputs) -> list[dict[str, str]]:
    """Return the log Bayes factors of whole paths."""
    rows = inputs.evidence[inputs.evidence["quantity"].isin(c.PATHS)]
    return [{"group": words.group_name(row["group"]), "path": row["quantity"],
             "hypothesis": "H1" if row["quantity"] == c.THREAT else "H2",
             "factor": words.factor(*(row[name] for name in _FACTOR))}
            for row in rows.to_dict("records")]


def _groups(inputs: DyadReportInputs) -> dict[str, list[str]]:
    """Return the dyads of every class and region, by the words a reader sees."""
    found: dict[str, list[str]] = {}
    regions = inputs.panel.dyads["region"]
    for label in inputs.spec.model.classes:
        mine = inputs.panel.dyads["class"] == label
        for near, where in ((True, ", Asia and the Pacific"), (False, ", elsewhere")):
            part = list(regions.index[mine & ((regions == NEAR) == near)])
            if part:
                several = (regions[mine] == NEAR).any()
                found[words.group_name(label).capitalize() + (where if several else "")] = part
    return found


def _places(inputs: DyadReportInputs) -> list[dict[str, Any]]:
    """Return who is where: every group with its dyads and their coefficients."""
    names = file_names(list(inputs.panel.dyads.index))
    told = {key: words.effect(row) for key, row in zip(
        zip(inputs.dyads["dyad"], inputs.dyads["coefficient"], strict=True),
        inputs.dyads.to_dict("records"), strict=True)}
    return [{"group": group, "rows": [{
        "name": inputs.pair(dyad), "page": f"{PAGES}/{names[dyad]}",
        "years": f"{about['first']:.0f}–{about['last']:.0f}",
        "cells": [told[dyad, coefficient] for coefficient in c.COEFFICIENTS]}
        for dyad, about in inputs.panel.dyads.loc[dyads].iterrows()]}
        for group, dyads in _groups(inputs).items()]


def _episodes(inputs: DyadReportInputs) -> list[dict[str, Any]]:
    """Return the episodes of the dyad that Cha tells of."""
    rows = []
    for told in inputs.episodes.to_dict("records"):
        part = inputs.changes[inputs.changes["episode"] == told["episode"]].set_index("quantity")
        about = CHA_EPISODES[told["episode"]]
        cells = [{"change": wording.number(part.at[name, "q50"], signed=True),
                  "interval": wording.interval(wording.number(part.at[name, "q05"]),
                                               wording.number(part.at[name, "q95"])),
                  "probability": wording.probability(part.at[name, "probability"])}
                 if name in part.index else {"change": "", "interval": "", "probability": ""}
                 for name in ("cohesion", "relative", *c.PATHS, f"{c.CREDIBILITY}_mean",
                              f"{c.CREDIBILITY}_gap")]
        rows.append({"years": f"{about.years[0]}–{about.years[1]}", "rows": told["rows"],
                     "baseline": f"{about.baseline[0]}–{about.baseline[1]}",
                     "said": focal.episode_name(told["episode"]), "cells": cells,
                     "verdict": told["verdict"],
                     "sentence": focal.episode_sentence(inputs, told["episode"])})
    return rows


def _ranks(inputs: DyadReportInputs) -> list[dict[str, str]]:
    return [{"window": row["window"], "dyads": str(row["dyads"]),
             "share": wording.percent(row["mean"]),
             "interval": wording.interval(wording.percent(row["q05"], unit=False),
                                          wording.percent(row["q95"], unit=False))}
            for row in inputs.ranks.to_dict("records")]


def _borrowed(inputs: DyadReportInputs) -> dict[str, Any]:
    """Return what the other dyads add to the monthly fit; empty where it was not asked for."""
    found = inputs.borrowed
    if found is None:
        return {}
    whens = ("others", "before", "after")
    table = found.table.set_index(["coefficient", "when"])
    effects = [{"quantity": drawing.COEFFICIENT_WORDS[name],
                "cells": [(words.effect(table.loc[name, when]),
                           wording.probability(table.at[(name, when), "above_zero"]))
                          for when in whens]} for name in c.COEFFICIENTS]
    signs = [{"reading": words.READING_WORDS[row["reading"]],
              "cells": [wording.probability(row[when]) for when in whens]}
             for row in found.readings.to_dict("records")]
    return {"effects": effects, "signs": signs, "sentence": focal.borrowed(found)}


def _indicators(inputs: DyadReportInputs) -> list[dict[str, str]]:
    """Return every indicator of the model with how much of it there is."""
    years = inputs.panel.rows.groupby("indicator")["year"].agg(["min", "max", "size"])
    units = inputs.panel.rows.groupby("indicator")["unit"].nunique()
    return [{"latent": about["latent"], "meaning": about["meaning"], "level": about["level"],
             "family": about["family"].replace("_", "-"), "source": about["source"],
             "sign": "raises" if about["orientation"] > 0 else "lowers",
             "rows": f"{years.at[name, 'size']:,}", "units": str(units[name]),
             "years": f"{years.at[name, 'min']}–{years.at[name, 'max']}"}
            for name, about in inputs.panel.indicators.iterrows() if name in years.index]


def _sources(inputs: DyadReportInputs) -> list[dict[str, Any]]:
    """Return the sources of the indicators that the model uses."""
    if inputs.sources.empty:
        return []
    used = set(inputs.panel.indicators["source"])
    return [{**row, "link": wording.is_link(row["address"])}
            for row in inputs.sources.fillna("").to_dict("records") if row["source"] in used]


def _pictures(inputs: DyadReportInputs) -> dict[str, Picture]:
    """Return every figure of the page, in both widths."""
    groups = _groups(inputs)
    main = {label: words.group_name(label) for label in [*inputs.spec.model.classes, "all"]}
    first, *others = groups.items()
    named = first[1][:_NAMED]
    beyond = {first[0]: first[1][_NAMED:]} if len(first[1]) > _NAMED else {}
    rest = beyond | dict(others)
    labels = _labels(inputs, named)
    labels = dict(sorted(labels.items(), key=lambda item: _median(inputs, item[0])))
    drawn: dict[str, tuple[Any, str]] = {
        "classes": (lambda width: drawing.plot_effects_by_class(
            inputs.effects, inputs.prior, main, width=width), _classes_alt(inputs)),
        "named": (lambda width: drawing.plot_dyad_effects(
            inputs.dyads, labels, marked=CHA_DYAD, width=width),
            f"Forest of the coefficients of {len(labels)} dyads with 90% intervals; the same "
            "numbers stand in the table of dyads.")}
    if rest:
        drawn["ranges"] = (lambda width: drawing.plot_effect_ranges(
            inputs.dyads, rest, width=width), _ranges_alt(inputs, rest))
    if len(inputs.changes):
        drawn["focal"] = (lambda width: _focal(inputs, width), _focal_alt(inputs))
    return {name: _picture(draw, alt) for name, (draw, alt) in drawn.items()}


def _labels(inputs: DyadReportInputs, named: list[str]) -> dict[str, str]:
    """Return how a reader calls dyads; of a pair that is there twice, with its first year."""
    pairs = [inputs.pair(dyad) for dyad in named]
    first = inputs.panel.dyads["first"]
    return {dyad: f"{pair} ({int(first[dyad])}–)" if pairs.count(pair) > 1 else pair
            for dyad, pair in zip(named, pairs, strict=True)}


def _median(inputs: DyadReportInputs, dyad: str) -> float:
    """Return what dyads are sorted by: the median coefficient of credibility's mean."""
    part = inputs.dyads[(inputs.dyads["dyad"] == dyad)
                        & (inputs.dyads["coefficient"] == c.BETA_CREDIBILITY)]
    return -float(part["q50"].iloc[0])


def _picture(draw: Any, alt: str) -> Picture:
    wide, wide_size = encode(draw(plotting.WIDE), plotting.WIDE)
    narrow, narrow_size = encode(draw(plotting.NARROW), plotting.NARROW)
    return Picture(wide, narrow, wide_size, narrow_size, alt)


def _focal(inputs: DyadReportInputs, width: float) -> Figure:
    kind = inputs.panel.dyads.at[CHA_DYAD, "class"]
    return drawing.plot_among_class(
        inputs.cohesion[inputs.cohesion["member"] == CHA_DYAD],
        inputs.classes[inputs.classes["class"] == kind],
        {name: (*CHA_EPISODES[name].years, CHA_EPISODES[name].sign)
         for name in inputs.episodes["episode"]},
        label=f"{inputs.pair(CHA_DYAD)}: median, 50 and 90%", class_label=words.group_name(kind),
        width=width)


def _focal_alt(inputs: DyadReportInputs) -> str:
    median = inputs.cohesion[inputs.cohesion["member"] == CHA_DYAD].set_index("time")["q50"]
    return (f"Cohesion of {inputs.pair(CHA_DYAD)} by year on the spread of its class. The median "
            f"is lowest in {median.idxmin()} ({wording.number(median.min(), signed=True)}) and "
            f"highest in {median.idxmax()} ({wording.number(median.max(), signed=True)}).")


def _classes_alt(inputs: DyadReportInputs) -> str:
    part = inputs.effects[~inputs.effects["group"].isin(["spread", "between"])]
    pieces = [f"{words.group_name(row['group'])}, {row['coefficient'].replace('_', ' ')} "
              f"{words.effect(row)}" for row in part.to_dict("records")]
    return f"Points with 90% intervals of four coefficients. {'; '.join(pieces)}."


def _ranges_alt(inputs: DyadReportInputs, groups: dict[str, list[str]]) -> str:
    pieces = []
    for name, dyads in groups.items():
        part = inputs.dyads[inputs.dyads["dyad"].isin(dyads)].groupby("coefficient")["q50"]
        pieces.append(f"{name}: " + ", ".join(
            f"{key.replace('_', ' ')} {wording.number(low)} to {wording.number(high)}"
            for key, low, high in part.agg(["min", "max"]).itertuples()))
    return f"Coefficients of dyads in order of size. Medians range: {'; '.join(pieces)}."
