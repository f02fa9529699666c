"""What the report of many dyads says of the one pair it looks at more closely.

Invariant: as in :mod:`bayes_alliance.report.dyads_words`.
"""

from typing import Final

from bayes_alliance import constants as c
from bayes_alliance.dyads.history import CHA_EPISODES
from bayes_alliance.hypotheses import Borrowed
from bayes_alliance.report import wording
from bayes_alliance.report.dyads_inputs import DyadReportInputs
from bayes_alliance.report.dyads_words import effect, relative, symbol

__all__ = ["borrowed", "episode_name", "episode_sentence"]

_CAUSES: Final = {
    f"{c.CREDIBILITY}_mean": ("the ally’s credibility in both", "rose", "fell"),
    f"{c.CREDIBILITY}_gap": ("the gap between the ally’s credibility in the two", "widened",
                             "narrowed")}
# A shift in posterior sds, or a change of an sd, that no reader need hear of.
_NEXT_TO_NOTHING: Final = 0.05


def episode_name(label: str) -> str:
    """Return the first word of an episode's name."""
    return label.split("_")[0].capitalize()


def borrowed(found: Borrowed) -> str:
    """Return whether the pair looks like one of the others, and what listening to them changes."""
    if found.flag:
        return f"No result: {found.flag}."
    table = found.table.set_index(["when", "coefficient"])
    moved = (table.loc["after", "mean"] - table.loc["before", "mean"]) / table.loc["before", "sd"]
    most = str(moved.abs().idxmax())
    like = ("say that it is like them" if found.weight_after > 0.75 else
            "say that it is not like them" if found.weight_after < 0.25 else
            "do not settle whether it is like them")
    told = (f"The pair’s own data {like}: probability "
            f"{wording.probability(found.weight_after)} after them, "
            f"{wording.probability(found.weight)} before.")
    wider = table.loc["after", "sd"] / table.loc["before", "sd"] - 1.0
    if max(moved.abs().max(), wider.abs().max()) < _NEXT_TO_NOTHING:
        return f"{told} With the others next to nothing changes."
    told += (f" With the others {symbol(most)} moves most, by "
             f"{wording.number(moved[most], 1, signed=True)} of its posterior sds before")
    if wider.max() >= _NEXT_TO_NOTHING:
        told += f"; {symbol(str(wider.idxmax()))} is less certain (sd {_times(1.0 + wider.max())})"
    if wider.min() <= -_NEXT_TO_NOTHING:
        told += f"; {symbol(str(wider.idxmin()))} is more certain (sd {_times(1.0 + wider.min())})"
    return f"{told}."


def _times(ratio: float) -> str:
    """Return by what an sd was multiplied."""
    return f"{ratio:.1f} times as large" if ratio >= 2.0 else wording.percent(ratio - 1.0)


def episode_sentence(inputs: DyadReportInputs, episode: str) -> str:
    """Return what is told of an episode: of cohesion, and of what is said to have moved it."""
    part = inputs.changes[inputs.changes["episode"] == episode].set_index("quantity")
    told = inputs.episodes.set_index("episode").loc[episode]
    row = part.loc["cohesion"]
    said = "rose" if row["predicted"] > 0 else "fell"
    text = (f"the probability that cohesion {said} is {wording.probability(row['probability'])} "
            f"(change {effect(row)})")
    if "relative" in part.index:
        text += (", and that it did so against its class "
                 f"{wording.probability(part.loc['relative', 'probability'])}")
    if told["verdict"] == "inconclusive":
        text += f"; {told['reason']}"
    quantity, sign = CHA_EPISODES[episode].cause
    rise = float(part.loc[quantity, "probability"])
    what, up, down = _CAUSES[quantity]
    if relative(inputs) and quantity.endswith("_mean"):
        what += ", next to other allies,"
    return (f"{text}. That {what} {up if sign > 0 else down}, which Cha takes for the cause, has "
            f"probability {wording.probability(rise if sign > 0 else 1.0 - rise)}.")
