"""What the report of many dyads says in sentences.

Invariant: every sentence is made from the tables beside it; of a fit that did not pass the gate
none says that something was found.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.dyads.population import READINGS
from bayes_alliance.dyads.verdicts import DIRECTION, WITHHELD
from bayes_alliance.report import wording
from bayes_alliance.report.dyads_inputs import DyadReportInputs
from bayes_alliance.spec import readable

__all__ = ["BANNER", "READING_WORDS", "SIGNS", "ally", "between", "caveat", "effect", "factor",
           "group_name", "headlines", "pairs_of", "peculiar", "relative", "sentences", "spells",
           "symbol"]

READING_WORDS: Final = {"H1 common threat": "Common threat (H1)",
                        "H2 common ally (Hwang)": "Common ally (H2, Hwang)",
                        "abandonment (Cha)": "Abandonment (Cha)"}
# Spaces around a sign do not break.
SIGNS: Final = {"H1 common threat": "threat: β\u00a0>\u00a00, δ\u00a0>\u00a00",
                "H2 common ally (Hwang)": "credibility: β\u00a0>\u00a00, δ\u00a0≥\u00a00",
                "abandonment (Cha)": "credibility: β\u00a0<\u00a00, δ\u00a0>\u00a00"}
BANNER: Final = ("The fit did not pass the diagnostics gate. Nothing on this page is a result: "
                 "figures and tables show what the draws hold, every verdict is withheld.")
_CLASSES: Final = {"quasi": "quasi allies", "allied": "allied neighbours",
                   "all": "mean of the classes",
                   "spread": "sd of dyads about their class",
                   "between": "between dyads, over all their years"}
_MOST_ODDS: Final = 1000.0
_HARDLY, _CLEARLY = 3.0, 10.0
# The indicator of threat that is an act of both.
_SHARED: Final = "shared_disputes"


def group_name(label: str) -> str:
    """Return how a reader calls a class of dyads, or several words of them."""
    if " less " in label:
        return " less ".join(group_name(part) for part in label.split(" less "))
    return _CLASSES.get(label, readable(label).lower())


def effect(row: Any) -> str:
    """Return a median with its 90% interval."""
    return (f"{wording.number(row['q50'])} "
            f"{wording.interval(wording.number(row['q05']), wording.number(row['q95']))}")


def factor(value: float, error: float, bound: bool) -> str:
    """Return a log Bayes factor in nats with its Monte Carlo error; a bound is marked as one."""
    if value is None or not np.isfinite(value):
        return ""
    return (f"{'≥ ' if bound else ''}{wording.number(value, signed=True)} ± "
            f"{wording.number(error)}")


def headlines(inputs: DyadReportInputs) -> list[str]:
    """Return one sentence for each class: which readings have which verdict."""
    if not inputs.passed:
        return []
    told = []
    sizes = {label: pairs_of(part) for label, part in inputs.panel.dyads.groupby("class")}
    for label in inputs.spec.model.classes:
        part = inputs.verdicts[inputs.verdicts["group"] == label]
        pieces = [f"{_lower(READING_WORDS[row.reading])} is {row.verdict}"
                  for row in part.itertuples()]
        told.append(f"Among the {sizes[label]} {group_name(label)}, {', '.join(pieces[:-1])} and "
                    f"{pieces[-1]}.{_no_clean_test(inputs, part)}")
    return told


def _no_clean_test(inputs: DyadReportInputs, verdicts: pd.DataFrame) -> str:
    """Say where support of common threat may be that of fighting side by side."""
    threat = verdicts[verdicts["reading"] == "H1 common threat"]
    if _SHARED not in inputs.panel.indicators.index or "supported" not in set(threat["verdict"]):
        return ""
    return (" Of common threat that is no clean test: it is read from wars and disputes that two "
            "states have in common, and to fight on one side is to act together.")


def spells(inputs: DyadReportInputs) -> str:
    """Return how many pairs each class has, and how many are in several."""
    dyads = inputs.panel.dyads
    told = [f"{pairs_of(part)} {group_name(str(label))}"
            for label, part in dyads.groupby("class", sort=False)]
    twice = sum(pairs_of(part) for _, part in dyads.groupby("class")) - pairs_of(dyads)
    return ", ".join(told) + (f"; {twice} first one, then the other" if twice else "")


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def sentences(inputs: DyadReportInputs) -> list[dict[str, str]]:
    """Return one plain sentence for each reading, on the first class of dyads.

    Returns
    -------
    list of dict
        ``subject``, ``verdict`` and ``text``.
    """
    group = inputs.spec.model.classes[0]
    effects = inputs.effects[inputs.effects["group"] == group].set_index("coefficient")
    found, who = [], "data" if inputs.passed else "draws"
    for row in inputs.verdicts[inputs.verdicts["group"] == group].to_dict("records"):
        reading = str(row["reading"])
        (level, sign), (gap, _) = READINGS[reading].items()
        latent = c.PATHS[c.COEFFICIENTS.index(level) // 2]
        text = (f"{_level(latent, effects.loc[level], sign)}, and {_gap(effects.loc[gap])}. "
                f"The predicted signs ({SIGNS[reading].split(': ')[1]}) hold together with "
                f"probability {wording.probability(row['probability'])} "
                f"({wording.probability(row['prior'])} before the data); the {who} favour "
                f"{_odds(row['log_bayes_factor'], row['bound'], latent)}.")
        if row["verdict"] not in ("supported", WITHHELD):
            text += f" {row['reason'][:1].upper()}{row['reason'][1:]}."
        found.append({"subject": f"{READING_WORDS[reading]}, {group_name(group)}",
                      "verdict": str(row["verdict"]), "text": text})
    return found


def _level(latent: str, row: pd.Series, sign: int) -> str:
    """Return in words what a coefficient of a mean says, asked as a reading puts it."""
    more = "more" if sign > 0 else "less"
    what = (f"one unit {more} threat to both" if latent == c.THREAT
            else f"the ally one unit {more} credible to both")
    above = row["above_zero"] if sign > 0 else 1.0 - row["above_zero"]
    moved = _moved(above, "higher", "lower")
    return f"With {what}, the long-run level of cohesion is {moved} (β {effect(row)})"


def _gap(row: pd.Series) -> str:
    """Return in words what a coefficient of a gap says."""
    moved = _moved(row["above_zero"], "lower", "higher")
    return f"with a gap of two units more between them it is {moved} (δ {effect(row)})"


def _moved(share: float, likely: str, unlikely: str) -> str:
    for word, probability in ((likely, share), (unlikely, 1.0 - share)):
        if probability >= DIRECTION:
            return f"{word} with probability {wording.probability(probability)}"
    return f"neither clearly {likely} nor {unlikely}"


def _odds(value: float, bound: bool, latent: str) -> str:
    """Return which of an effect and none the data favour, and by which odds."""
    odds = float(np.exp(abs(value)))
    shown = (f"more than {_MOST_ODDS:.0f} to 1" if odds > _MOST_ODDS
             else f"{'at least ' if bound else ''}{odds:.{1 if odds < 10 else 0}f} to 1")
    first, second = (("an average effect", "none") if value >= 0
                     else ("no average effect", "one"))
    return f"{first} of {latent} over {second} by {shown}"


def ally(inputs: DyadReportInputs) -> str:
    """Return which reading of the ally the signs favour among the first class."""
    group = inputs.spec.model.classes[0]
    part = inputs.verdicts[inputs.verdicts["group"] == group].set_index("reading")["probability"]
    two = part.loc[[name for name in READINGS if c.BETA_CREDIBILITY in READINGS[name]]]
    first, second = two.sort_values(ascending=False).items()
    odds = first[1] / second[1] if second[1] > 0 else np.inf
    shown = f"{odds:.1f} to 1" if odds < 100 else "more than 100 to 1"
    named = f"{_lower(READING_WORDS[first[0]])} over {_lower(READING_WORDS[second[0]])}"
    if not inputs.passed:
        return f"In these draws the odds are {shown} for {named}, which is no result."
    if odds < _HARDLY:
        return f"The signs favour neither reading of the ally: odds of {shown} for {named}."
    verb = "favour" if odds >= _CLEARLY else "lean to"
    row = inputs.verdicts[(inputs.verdicts["group"] == group)
                          & (inputs.verdicts["reading"] == first[0])].iloc[0]
    told = f"Of the two readings of the ally the signs {verb} {named}, by odds of {shown}"
    if row["verdict"] == "supported":
        return f"{told}."
    favour = _odds(row["log_bayes_factor"], row["bound"], c.CREDIBILITY)
    return (f"{told}, if credibility has an effect: the data favour {favour}, and the verdict is "
            f"{row['verdict']}.")


def between(inputs: DyadReportInputs) -> str:
    """Return what sets pairs apart over all their years; empty where the fit does not tell."""
    part = inputs.effects[inputs.effects["group"] == "between"]
    clear = [f"{symbol(row['coefficient'])} {effect(row)}" for row in part.to_dict("records")
             if max(row["above_zero"], 1.0 - row["above_zero"]) >= DIRECTION]
    if part.empty or not inputs.passed:
        return ""
    told = f"clearly other than zero: {'; '.join(clear)}" if clear else "none clearly other than 0"
    return ("What sets pairs apart over all their years has coefficients of its own, which are no "
            f"test of the hypotheses on what moves a pair: {told}.")


def peculiar(inputs: DyadReportInputs) -> list[str]:
    """Return in which coefficients the first class differs from each other one."""
    told = []
    for label, part in inputs.contrasts.groupby("group", sort=False):
        first, second = str(label).split(" less ")
        clear = [f"{symbol(row['coefficient'])} is {'larger' if row['q50'] > 0 else 'smaller'} by "
                 f"{effect({**row, **_positive(row)})}" for row in part.to_dict("records")
                 if max(row["above_zero"], 1.0 - row["above_zero"]) >= DIRECTION]
        rest = [symbol(row["coefficient"]) for row in part.to_dict("records")
                if max(row["above_zero"], 1.0 - row["above_zero"]) < DIRECTION]
        text = f"Compared with {group_name(second)}, among {group_name(first)} "
        text += "; ".join(clear) if clear else "no coefficient clearly differs"
        if clear and rest:
            text += f"; {' and '.join(rest)} {'do' if len(rest) > 1 else 'does'} not clearly differ"
        told.append(f"{text}. An effect that {group_name(second)} share is no evidence of "
                    f"something peculiar to {group_name(first)}.")
    return told


def _positive(row: dict[str, Any]) -> dict[str, float]:
    """Return a summary turned round where its median is below zero."""
    if row["q50"] >= 0:
        return {}
    return {"q50": -row["q50"], "q05": -row["q95"], "q95": -row["q05"]}


def symbol(coefficient: str) -> str:
    """Return a coefficient as a reader writes it."""
    kind, latent = coefficient.split("_")
    return f"{'β' if kind == 'beta' else 'δ'} of {latent}"


def pairs_of(dyads: pd.DataFrame) -> int:
    """Return how many pairs of states some dyads are of: a pair's spells are a dyad each."""
    return len({frozenset(pair) for pair in dyads[["member_a", "member_b"]].itertuples(
        index=False)})


def caveat(inputs: DyadReportInputs) -> str:
    """Return what every reader needs to know beside the verdicts, with its numbers."""
    dyads, members = len(inputs.panel.dyads), len(inputs.panel.members)
    pairs = pairs_of(inputs.panel.dyads)
    counted = f"{dyads} dyads ({pairs} pairs)" if pairs < dyads else f"{dyads} dyads"
    shares = sorted(inputs.between.values())
    return ("These are associations of one specification, not of a grid of them. They are of what "
            "changes within a pair over the years; what sets pairs apart has coefficients of its "
            f"own, because {wording.percent(shares[0])} to {wording.percent(shares[-1])} of the "
            "variance in threat and credibility, their means and gaps, lies between pairs rather "
            f"than over time. {counted} of "
            f"{members} states share members, which the model ties together through threat and "
            "credibility only; these enter at their posterior means, and how uncertain they are "
            "enters no interval and no Bayes factor: intervals may be too narrow. "
            f"{_of_threat(inputs)}Credibility is read from what the ally did, not from what it was "
            f"believed to do. {_of_years(inputs)}{_of_cohesion(inputs)}"
            "Fear of entrapment is not measured.")


def relative(inputs: DyadReportInputs) -> bool:
    """Say whether threat and credibility are seen next to other allies only.

    They are where all their indicators have effects of the years: these take up most of what all
    members share in a year.
    """
    mine = inputs.panel.indicators[inputs.panel.indicators["latent"].isin(c.PATHS)]
    return bool((mine["year_effect"] == 1).all())


def _of_years(inputs: DyadReportInputs) -> str:
    """Return what cannot be seen because it happened to all."""
    if not relative(inputs):
        return ""
    return ("What all allies shared in a year is largely given to the year: threat and credibility "
            "are those of a state next to the other allies, and a retreat of the ally from all of "
            "them at once is hardly seen. ")


def _of_cohesion(inputs: DyadReportInputs) -> str:
    """Return what cohesion is read from, where that is mostly one indicator, or a rare yes."""
    table = inputs.panel.indicators
    latent = inputs.panel.rows["indicator"].map(table["latent"])
    mine = inputs.panel.rows[latent == c.COHESION]
    shares = mine["indicator"].value_counts(normalize=True)
    told = (f"{wording.percent(shares.iloc[0])} of the rows of cohesion are of one indicator ("
            f"{table.at[shares.index[0], 'meaning']})")
    rare = mine[mine["indicator"].map(table["family"]) == "bernoulli"]
    if len(rare):
        told += (f"; {wording.percent(len(rare) / len(mine))} are a yes or no, of which "
                 f"{wording.percent(rare['y'].mean())} are a yes")
    return f"{told}. "


def _of_threat(inputs: DyadReportInputs) -> str:
    """Return what threat is read from, where that limits what can be said of it."""
    table = inputs.panel.indicators
    mine = table[table["latent"] == c.THREAT]
    if (mine["level"] == "member").any():
        return ""
    joint = ("; two states that fight side by side act together, which is cohesion too"
             if _SHARED in mine.index else "")
    return (f"Threat is read from what a pair has in common alone ({'; '.join(mine['meaning'])}"
            f"{joint}), never from one member, so that its gap rests on the model. ")
