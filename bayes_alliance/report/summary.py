"""The first screen: what the page says in one row an episode and a few sentences.

Invariant: everything here is read from the results. With several baselines a cell shows the
range over them, and a sentence the least favourable one; both say so.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.plotting.verdicts import DECIBANS
from bayes_alliance.report import observed, wording
from bayes_alliance.report.inputs import ReportInputs

__all__ = ["NOT_YET", "PATH_NAMES", "SHARES", "ally", "caveat", "first_screen", "flags",
           "headlines", "predicted", "sentences"]

NOT_YET: Final = "not yet computed"
SHARES: Final = (c.COMPONENT_THREAT, c.COMPONENT_CREDIBILITY, c.COMPONENT_DISPUTES,
                 c.COMPONENT_GOVERNMENTS, "unexplained")
PATH_NAMES: Final = {"H1": "common threat", "H2": "the common ally"}
# Posterior odds between two readings below which neither is favoured, and above which one
# clearly is.
_HARDLY, _CLEARLY = 3.0, 10.0
# Probability of its sign from which a change is one that has shares.
_PROBABLE = 0.9


def first_screen(inputs: ReportInputs) -> list[dict[str, Any]]:
    """Return one record an episode for the first table.

    Returns
    -------
    list of dict
        ``episode``, ``window``, ``baselines``, ``change`` (of cohesion: ``median`` and
        ``probability`` of the sign the episode is named for), ``directions`` (text by path),
        ``shares`` (by component ``median`` and ``interval``, over the baselines from which
        cohesion probably changed so), ``lines`` (a dict for each
        hypothesis with ``difference``, ``error``, ``decibans``, ``flag``, ``verdict``,
        ``agreeing``).
    """
    records = []
    for name, episode in inputs.spec.episodes.items():
        part = inputs.episodes[inputs.episodes["episode"] == name]
        known = _established(part)
        records.append({
            "episode": name, "window": wording.window(episode.window),
            "baselines": list(episode.baselines), "change": _change(part),
            "directions": {path: _directions(part, path) for path in c.PATHS},
            "shares": {component: _share(known, component) for component in SHARES},
            "lines": [_line(inputs, name, hypothesis) for hypothesis in PATH_NAMES]})
    return records


def _change(part: pd.DataFrame) -> dict[str, str]:
    rows = part[part["quantity"] == "change"]
    low, high = rows["probability"].min(), rows["probability"].max()
    return {"median": wording.span(wording.number(rows["q50"].min(), signed=True),
                                   wording.number(rows["q50"].max(), signed=True)),
            "probability": wording.span(wording.probability(low), wording.probability(high))}


def _directions(part: pd.DataFrame, path: str) -> str:
    found = part.loc[part["quantity"] == f"direction_{path}", "probability"]
    return wording.span(wording.probability(found.min()), wording.probability(found.max()))


def _established(part: pd.DataFrame) -> pd.DataFrame:
    """Return what is about baselines from which cohesion probably changed as its episode says.

    A share of a change whose sign is not known may be one of a rise or of a fall.
    """
    sign = part[part["quantity"] == "change"].set_index("baseline")["probability"]
    return part[part["baseline"].isin(sign.index[sign >= _PROBABLE])]


def _share(part: pd.DataFrame, component: str) -> dict[str, str]:
    rows = part[part["quantity"] == f"share_{component}"]
    if rows.empty:
        return {"median": "–", "interval": ""}
    return {"median": wording.span(wording.percent(rows["q50"].min()),
                                   wording.percent(rows["q50"].max())),
            "interval": wording.interval(wording.percent(rows["q05"].min(), unit=False),
                                         wording.percent(rows["q95"].max(), unit=False))}


def _line(inputs: ReportInputs, episode: str, hypothesis: str) -> dict[str, str]:
    found = _row(inputs.evidence, episode, hypothesis)
    verdict = _row(inputs.verdicts, episode, hypothesis)
    agreeing = verdict["specification_share"]
    return {"hypothesis": hypothesis,
            "difference": wording.number(found["difference"], signed=True),
            "error": _error(float(found["difference_se"])),
            "decibans": wording.number(found["difference"] * DECIBANS, 1, signed=True),
            "flag": str(found["flag"]) if pd.notna(found["flag"]) else "",
            "verdict": str(verdict["verdict"]), "reason": str(verdict["reason"]),
            "agreeing": NOT_YET if pd.isna(agreeing) else wording.percent(agreeing)}


def _error(value: float) -> str:
    """Return a Monte Carlo error; one that would round away is said to be small, not zero."""
    return "<0.01" if 0 < value < 0.005 else wording.number(value)


def headlines(inputs: ReportInputs) -> list[str]:
    """Return what the page has to say in a few sentences: verdicts, evidence, what is left."""
    told, screen = [], first_screen(inputs)
    for row in screen:
        pieces = [f"{PATH_NAMES[line['hypothesis']]} ({line['hypothesis']}) is {line['verdict']} "
                  f"({line['difference']} ± {line['error']} nats)" for line in row["lines"]]
        name = row["episode"].replace("_", " ").capitalize()
        told.append(f"{name}, {row['window']}: {' and '.join(pieces)}. "
                    f"{_changes(inputs, row['episode'])}. {_unexplained(inputs, row)}")
    odds = "; ".join(
        f"{row['episode'].replace('_', ' ')} " + " and ".join(
            f"{_odds(inputs, row['episode'], name)} ({name})" for name in PATH_NAMES)
        for row in screen)
    limit = np.exp(inputs.spec.verdict.log_bayes_factor)
    told.append("As odds against disputes, governments and chance alone (HX), the held-out "
                f"observations give: {odds}. Support asks for {limit:.1f} and more, and also that "
                "the driver moved as predicted, that its contribution is large enough and that "
                "other specifications agree. Inconclusive is no evidence of no effect; the reasons "
                "below say what is missing.")
    return told


def _unexplained(inputs: ReportInputs, row: dict[str, Any]) -> str:
    """Return how much of an episode's change is left, where there is a change."""
    part = inputs.episodes[inputs.episodes["episode"] == row["episode"]]
    left, has = row["shares"]["unexplained"], _established(part)["baseline"].unique()
    if not len(has):
        return f"No sign of a change has probability {_PROBABLE:g}: there is nothing to share out."
    named = ("" if len(has) == part["baseline"].nunique()
             else f" against {' and '.join(map(str, has))}")
    return (f"Unexplained is {left['median']} of the change{named} (medians; 90% bounds "
            f"{left['interval']}%).")


def _odds(inputs: ReportInputs, episode: str, hypothesis: str) -> str:
    """Return an episode's Bayes factor of a hypothesis against HX."""
    return wording.number(np.exp(_row(inputs.evidence, episode, hypothesis)["difference"]))


def _changes(inputs: ReportInputs, name: str) -> str:
    """Return how cohesion changed against each baseline of an episode, with its dates."""
    episode = inputs.spec.episodes[name]
    part = inputs.episodes[(inputs.episodes["episode"] == name)
                           & (inputs.episodes["quantity"] == "change")].set_index("baseline")
    moved = {"up": "a rise", "down": "a fall"}[episode.change]
    pieces = [f"{wording.number(part.at[label, 'q50'], signed=True)} against "
              f"{_dated(label, months)} "
              f"({wording.probability(part.at[label, 'probability'])})"
              for label, months in episode.baselines.items()]
    return f"Cohesion changed by {', '.join(pieces)}; in parentheses the probability of {moved}"


def _dated(label: str, months: tuple[str, str]) -> str:
    """Return a baseline's name, with its months where it is not the calendar year it names."""
    if months == (f"{label}-01", f"{label}-12"):
        return label
    return f"{label.replace('_', ' ')} [{wording.window(months)}]"


def flags(inputs: ReportInputs) -> dict[str, str]:
    """Return what is flagged in the first table, with the cells it belongs to."""
    found: dict[str, list[str]] = {}
    for row in first_screen(inputs):
        for line in row["lines"]:
            if line["flag"]:
                episode = row["episode"].replace("_", " ")
                found.setdefault(line["flag"], []).append(f"{episode} {line['hypothesis']}")
    return {flag: ", ".join(cells) for flag, cells in found.items()}


def _row(table: pd.DataFrame, episode: str, hypothesis: str) -> pd.Series:
    chosen = table[(table["episode"] == episode) & (table["hypothesis"] == hypothesis)]
    if "unit" in table:
        chosen = chosen[chosen["unit"] == "leave_episode_out"]
    if len(chosen) != 1:
        raise ValueError(f"{len(chosen)} rows for episode {episode!r} and hypothesis "
                         f"{hypothesis!r}; allowed is exactly one")
    return chosen.iloc[0]


def sentences(inputs: ReportInputs) -> list[dict[str, str]]:
    """Return one plain sentence for each episode and hypothesis.

    Returns
    -------
    list of dict
        ``subject``, ``verdict`` and ``text``, to be read as "subject: verdict; text".
    """
    found = []
    for episode, about in inputs.spec.episodes.items():
        few = len(about.baselines)
        where = f" at the least favourable of {few} baselines" if few > 1 else ""
        part = inputs.episodes[inputs.episodes["episode"] == episode]
        for hypothesis, name in PATH_NAMES.items():
            row = _row(inputs.verdicts, episode, hypothesis)
            path = " and ".join(inputs.spec.hypotheses[hypothesis].paths)
            found.append({
                "subject": f"{episode.replace('_', ' ').capitalize()}, {name} ({hypothesis})",
                "verdict": str(row["verdict"]),
                "text": f"{path} moved as predicted{_together(inputs, path)} with probability "
                        f"{_moved(inputs, part, path)}, the "
                        "share of the change attributed to it is "
                        f"{wording.percent(row['contribution_share'])} (median{where}), and the "
                        "held-out observations "
                        f"{_favour(row, hypothesis)} "
                        f"({row['reason']})."})
    return found


def predicted(inputs: ReportInputs, path: str) -> str:
    """Return which quantities of a path a verdict asks to move as predicted, in words."""
    return " and ".join(_asked(inputs, path))


def _asked(inputs: ReportInputs, path: str) -> tuple[str, ...]:
    return next(named for latent, named in inputs.spec.verdict.direction_quantities.items()
                if latent == path)


def _together(inputs: ReportInputs, path: str) -> str:
    return f" ({predicted(inputs, path)} together)" if len(_asked(inputs, path)) > 1 else ""


def _moved(inputs: ReportInputs, part: pd.DataFrame, path: str) -> str:
    """Return how probable the predicted move is, against which baseline least."""
    found = part[part["quantity"] == f"direction_{path}"].set_index("baseline")["probability"]
    least = str(found.idxmin())
    text = wording.probability(float(found[least]))
    named = _asked(inputs, path)
    if len(named) > 1:
        at = part[part["baseline"] == least].set_index("quantity")["probability"]
        alone = ", ".join(f"{name} alone "
                          f"{wording.probability(float(at[f'direction_{path}_{name}']))}"
                          for name in named)
        text += f" ({alone})"
    if len(found) == 1:
        return text
    rest = found.drop(least)
    others = wording.span(wording.probability(rest.min()), wording.probability(rest.max()))
    return f"{text} against {least} and {others} against {' and '.join(map(str, rest.index))}"


def _favour(row: pd.Series, hypothesis: str) -> str:
    value, error = float(row["log_bayes_factor"]), float(row["log_bayes_factor_se"])
    better, worse = (hypothesis, "HX") if value >= 0 else ("HX", hypothesis)
    odds = np.exp(abs(value))
    unsure = ", within the Monte Carlo error" if abs(value) < 2.0 * error else ""
    if odds >= _HARDLY:
        return f"favour {better} over {worse} by {odds:.2f} to 1{unsure}"
    return f"hardly tell {hypothesis} from HX, {odds:.2f} to 1 for {better}{unsure}"


def ally(inputs: ReportInputs) -> dict[str, Any]:
    """Return which reading of the ally the signs of its coefficients favour.

    Returns
    -------
    dict
        ``sentence`` and ``rows`` (the readings with their probabilities).
    """
    draws = inputs.coefficients.sel({c.DIM_COEFFICIENT: c.BETA_CREDIBILITY}).to_numpy()
    rows = inputs.readings.to_dict("records")
    readings = sorted((row for row in rows if c.CREDIBILITY in str(row["region"])),
                      key=lambda row: -row["posterior"])
    sentence = ("The coefficient of the ally’s credibility is positive with probability "
                f"{wording.probability(float((draws > 0).mean()))}")
    if len(readings) >= 2:
        first, second = readings[:2]
        odds = (first["posterior"] / second["posterior"] if second["posterior"] > 0 else np.inf)
        shown = f"{odds:.1f} to 1" if odds < 100 else "more than 100 to 1"
        named = f"{first['reading']} over {second['reading']}"
        if odds < _HARDLY:
            sentence += f"; the signs hardly tell the readings apart, {shown} for {named}"
        else:
            verb = "favour" if odds >= _CLEARLY else "lean to"
            sentence += f"; the signs {verb} {named}, by odds of {shown}"
    return {"sentence": sentence + ".", "rows": rows}


def caveat(inputs: ReportInputs) -> str:
    """Return the one caveat that every reader needs, with its numbers."""
    spread = inputs.coefficients.std(("chain", "draw")).to_numpy()
    prior = inputs.spec.priors.coefficient.sd
    return (f"One pair of states over {len(inputs.panel.time)} months says little about general "
            f"effects: the posterior standard deviations of the four coefficients are "
            f"{wording.span(wording.number(spread.min()), wording.number(spread.max()))} where "
            f"the prior’s is {wording.number(prior)}. Cohesion is what its indicators measure, "
            f"{observed.kinds(inputs)}. Fear of entrapment is not measured.")
