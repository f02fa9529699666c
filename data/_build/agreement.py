"""How far two readers agree on the signs of events, and the words about it in the README.

The second reader saw what ``blind_events.py`` writes: date, kind, actors and text, no sign.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from events import hand_coded

SECOND = "second_coding.csv"
BEGIN, END = "<!-- agreement: written by the builder -->", "<!-- end of agreement -->"
GROUPS = (("driver", "triggers"), ("shown", "events shown in figures"))
_WIDTH = 99


@dataclass(frozen=True)
class Agreement:
    """Two codings of one group of events; ``differing`` holds event, first and second sign."""

    group: str
    kappa: float
    events: int
    differing: tuple[tuple[dict[str, str], str, str], ...]


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Return Cohen's kappa of two codings of the same items.

    Parameters
    ----------
    first, second : sequence of str
        The categories two readers gave, in the same order.

    Returns
    -------
    float
        1 for full agreement, 0 for what the readers' own frequencies give by chance; not a
        number where both use one and the same category throughout.

    Raises
    ------
    ValueError
        If the codings are empty or of different lengths.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20(1), 37-46.

    Examples
    --------
    >>> cohen_kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    0.5
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"two codings of the same items are needed, got {len(first)} and "
                         f"{len(second)}")
    count = len(first)
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / count
    ours, theirs = Counter(first), Counter(second)
    chance = sum(ours[category] * theirs[category] for category in ours) / count**2
    return float("nan") if chance == 1 else (observed - chance) / (1 - chance)


def agreements(here: Path) -> list[Agreement]:
    """Return the agreement on triggers and on shown events; none without a second coding.

    Raises
    ------
    ValueError
        If the second coding names an event that the hand tables do not hold.
    """
    path = here / SECOND
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        second = {_key(row): row["sign"] for row in csv.DictReader(file)}
    events = hand_coded(here)
    unknown = sorted(set(second) - {_key(row) for row in events})
    if unknown:
        raise ValueError(f"{SECOND}: no such event: {'; '.join(map(str, unknown))}")
    found = []
    for role, group in GROUPS:
        rows = [row for row in events if row["role"] == role and _key(row) in second]
        if rows:
            answers = [second[_key(row)] for row in rows]
            differing = tuple((row, row["sign"], answer)
                              for row, answer in zip(rows, answers, strict=True)
                              if row["sign"] != answer)
            kappa = cohen_kappa([row["sign"] for row in rows], answers)
            found.append(Agreement(group, kappa, len(rows), differing))
    return found


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[part] for part in ("date", "kind", "actor", "event"))


def lines(found: list[Agreement]) -> list[str]:
    """Return what the README says of the agreement, one paragraph or item an entry."""
    if not found:
        return ["The signs of the hand-coded events were coded by one reader; no measure of "
                "agreement can be given."]
    told = "; ".join(f"{one.kappa:.2f} for the {one.events} {one.group} "
                     f"({one.events - len(one.differing)} with the same sign)" for one in found)
    return [f"Cohen's kappa of the two codings (-1, 0, 1): {told}. The readers differ on:",
            *(f"- {row['date']}, {row['event']}: first {first}, second {second}"
              for one in found for row, first, second in one.differing)]


def write_readme(readme: Path, here: Path) -> bool:
    """Bring the README's paragraph up to date; return whether it changed."""
    text = readme.read_text(encoding="utf-8")
    fresh = updated(text, lines(agreements(here)))
    if fresh != text:
        readme.write_text(fresh, encoding="utf-8")
    return fresh != text


def updated(text: str, paragraphs: list[str]) -> str:
    """Return the README's text with the paragraphs between its two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README lacks the marks {BEGIN!r} and {END!r}")
    body = "\n".join("\n".join(_wrap(paragraph)) for paragraph in paragraphs)
    return f"{before}{BEGIN}\n{body}\n{END}{after}"


def _wrap(paragraph: str) -> list[str]:
    """Break a paragraph into lines; a list's later lines are indented."""
    indent = "  " if paragraph.startswith("- ") else ""
    out = [""]
    for word in paragraph.split(" "):
        if out[-1] and len(out[-1]) + 1 + len(word) > _WIDTH:
            out.append(indent + word)
        else:
            out[-1] = f"{out[-1]} {word}" if out[-1] else word
    return out
