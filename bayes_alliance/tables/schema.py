"""The columns of every table and the words each may hold.

Invariant: this is the only list of the tables' columns; the checks, the reader and the
documentation of a dataset are derived from it.
"""

from dataclasses import dataclass
from typing import Final, Literal

from bayes_alliance.constants import LATENTS
from bayes_alliance.spec import FAMILIES, TRANSFORMS

__all__ = ["ADVERSARIES", "CONTROLS", "GOVERNMENTS", "OPTIONAL", "TABLES", "Column", "Kind"]

Kind = Literal["text", "date", "number", "integer", "word"]
GOVERNMENTS: Final = "governments.csv"
CONTROLS: Final = "controls.csv"
# Who may act in an event without a row in governments.csv: only the adversary of the shipped
# dataset, whose shared table is left as it was when its results were committed. In any other
# dataset an adversary has a row there.
ADVERSARIES: Final = ("north_korea",)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Header.
    kind : {"text", "date", "number", "integer", "word"}
        What a cell holds.
    words : tuple of str
        The allowed words, for ``word``.
    required : bool
        Whether a cell may not be empty.
    """

    name: str
    kind: Kind = "text"
    words: tuple[str, ...] = ()
    required: bool = True


def _optional(name: str, kind: Kind = "text") -> Column:
    return Column(name, kind, required=False)


def _word(name: str, *words: str) -> Column:
    return Column(name, "word", words)


def _spans(name: str) -> tuple[Column, ...]:
    """Return the columns of a table of named values that hold from one day to another."""
    return (Column(name), Column("start", "date"), Column("end", "date"),
            Column("value", "number"), Column("source"), _optional("note"))


TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "observations.csv": (
        Column("indicator"), Column("start", "date"), Column("end", "date"),
        Column("value", "number"), _optional("n", "integer"), _optional("wave"),
        Column("source"), _optional("note"),
    ),
    "indicators.csv": (
        Column("indicator"), _word("latent", *LATENTS), Column("member"),
        _word("family", *FAMILIES),
        _word("link", *dict.fromkeys(family.link for family in FAMILIES.values())),
        Column("unit"), _word("transform", *TRANSFORMS), Column("transform_shift", "number"),
        Column("transform_scale", "number"), _word("orientation", "1", "-1"),
        _word("frequency", "monthly", "quarterly", "yearly", "irregular"),
        _word("own_error", "ar1", "none"), _word("season", "yes", "no"),
        _optional("covariates"), _optional("shared_item"), Column("mode"),
        _optional("mode_changes"), _optional("masks"),
        _word("kind", "opinion", "behaviour", "press"), _word("default", "yes", "no"),
        Column("wording"), _word("licence", "open", "cite", "press", "non-commercial"),
        Column("source"), _optional("note"),
    ),
    "covariates.csv": _spans("covariate"),
    "events.csv": (
        Column("date", "date"), _word("precision", "day", "month"), Column("kind"),
        Column("actor"), Column("target"), _word("sign", "-1", "0", "1"),
        _word("role", "driver", "shown"), Column("event"), Column("source"),
        _optional("note"),
    ),
    "event_coverage.csv": (
        Column("kind"), Column("year", "integer"), Column("searched_in"), _optional("note"),
    ),
    "sources.csv": (
        Column("source"), Column("citation"), _optional("address"), Column("licence"),
        _word("redistribution", "open", "cite", "press", "non-commercial"),
        _optional("retrieved"), _optional("sha256"), _optional("note"),
    ),
    GOVERNMENTS: (
        Column("country"), Column("head"), _optional("party"), Column("start", "date"),
        _optional("end", "date"), _word("acting", "yes", "no"), Column("government"),
    ),
}
# Read where it is there. Only variants of a model use controls, so that its bytes are no part of a
# dataset's hash.
OPTIONAL: Final[dict[str, tuple[Column, ...]]] = {CONTROLS: _spans("control")}
