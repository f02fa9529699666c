"""Which states a new dataset is about, over which months.

Invariant: a :class:`Pair` that exists has names that the tables and the model file accept and
enough months for the example's episodes; whatever was wrong was said at once.
"""

import re
from dataclasses import dataclass
from typing import Final

import pandas as pd

from bayes_alliance.exceptions import Fault
from bayes_alliance.spec.forecasting import BOTH, UNKNOWN_GOVERNMENT
from bayes_alliance.spec.naming import country

__all__ = ["ADVERSARY", "FIRST_YEAR", "MODEL_FILE", "Pair", "read_pair"]

MODEL_FILE: Final = "model.toml"
# Who acts in the example's events.
ADVERSARY: Final = "adversary"
_RESERVED: Final = {ADVERSARY: "who acts in the example's events",
                    BOTH: "both members in a scenario",
                    UNKNOWN_GOVERNMENT: "a government nobody knows in a scenario"}
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_LONGEST_NAME: Final = 40
_FEWEST_MONTHS, _MOST_MONTHS = 48, 1200
FIRST_YEAR, _LAST_YEAR = 1800, 2199
_ALLOWED: Final = (f"a lower-case letter, then letters a to z, digits and _, at most "
                   f"{_LONGEST_NAME} in all")


@dataclass(frozen=True)
class Pair:
    """Two states, the ally they share, and the months of a new dataset.

    Attributes
    ----------
    members : (str, str)
        The two states; the first fixes unit and zero of the states.
    patron : str
        Their common ally.
    start, end : str
        First and last month, YYYY-MM.
    """

    members: tuple[str, str]
    patron: str
    start: str
    end: str

    @property
    def dyad(self) -> str:
        """Name of the pair in the tables and of the model."""
        return "_".join(self.members)

    @property
    def title(self) -> str:
        """One line for a reader."""
        first, second = (country(name) for name in self.members)
        return f"{first} and {second}, {self.start[:4]}-{self.end[:4]}"

    @property
    def months(self) -> pd.PeriodIndex:
        """All months."""
        return pd.period_range(self.start, self.end, freq="M")


def read_pair(members: str, patron: str, start: str, end: str) -> tuple[Pair | None, list[Fault]]:
    """Read the names and months of a new pair.

    Parameters
    ----------
    members : str
        Two names with a comma between them.
    patron : str
        One name.
    start, end : str
        Months, YYYY-MM.

    Returns
    -------
    pair : Pair or None
        None if anything is wrong.
    faults : list of Fault
        Everything wrong, by option.
    """
    names = [name.strip() for name in members.split(",")]
    faults = []
    if len(names) != 2:
        faults.append(Fault("--members", "", f"{members!r} names {len(names)} states",
                            "two names with a comma between them, such as japan,philippines"))
    faults += [fault for name in dict.fromkeys(names) for fault in _name_faults("--members", name)]
    faults += _name_faults("--patron", patron)
    if len(set(names)) < len(names):
        faults.append(Fault("--members", "", f"{members!r} names one state twice",
                            "two different states"))
    if patron in names:
        faults.append(Fault("--patron", "", f"{patron!r} is also a member",
                            "a third state, the ally of both"))
    elif len(names) == 2 and patron in {"_".join(names), "_".join(reversed(names))}:
        faults.append(Fault("--patron", "", f"{patron!r} is also the name of the pair",
                            "a name that is not the members' joined by _"))
    faults += _month_faults(start, end)
    if faults:
        return None, faults
    return Pair((names[0], names[1]), patron, start, end), []


def _name_faults(option: str, name: str) -> list[Fault]:
    """Return what is wrong with one state's name."""
    if name in _RESERVED:
        return [Fault(option, "", f"{name!r} is taken: it means {_RESERVED[name]}",
                      "another name")]
    if _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return []
    nearest = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LONGEST_NAME]
    hint = f"; did you mean {nearest!r}?" if _NAME.fullmatch(nearest) else ""
    shown = repr(name) if name else "an empty name"
    return [Fault(option, "", f"{shown} cannot be the name of a state{hint}", _ALLOWED)]


def _month_faults(start: str, end: str) -> list[Fault]:
    """Return what is wrong with the first and the last month."""
    faults = []
    for option, month in (("--start", start), ("--end", end)):
        if not _MONTH.fullmatch(month):
            faults.append(Fault(option, "", f"{month!r} is no month", "YYYY-MM, such as 1990-01"))
        elif not FIRST_YEAR <= int(month[:4]) <= _LAST_YEAR:
            faults.append(Fault(option, "", f"{month} is out of range",
                                f"{FIRST_YEAR}-01 to {_LAST_YEAR}-12"))
    if faults:
        return faults
    count = 12 * (int(end[:4]) - int(start[:4])) + int(end[5:]) - int(start[5:]) + 1
    if count < 1:
        return [Fault("--end", "", f"{end} is before the start, {start}", "a later month")]
    if not _FEWEST_MONTHS <= count <= _MOST_MONTHS:
        return [Fault("--end", "", f"{start} to {end} are {count} months",
                      f"{_FEWEST_MONTHS} to {_MOST_MONTHS} months, so that the example's episodes "
                      "and baselines have room")]
    return []
