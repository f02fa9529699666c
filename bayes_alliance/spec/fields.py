"""The kinds of values a model file has, and the base of its parts.

Invariant: what a part accepts is said by its fields alone; no part converts text silently.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["NAME", "Finite", "Flag", "Frozen", "Month", "Name", "Positive", "Probability", "Rate",
           "Title", "Whole", "Window"]

# Of the years 1800 to 2199, as in the tables; in a pattern, \d would also take other scripts.
Month = Annotated[str, StringConstraints(pattern=r"^(1[89]|2[01])[0-9]{2}-(0[1-9]|1[0-2])$")]
Window = tuple[Month, Month]
# A name may stand in the name of a file.
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Title = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,300}$")]
# Strict: "0.5" and true are no numbers, "yes" is no flag; a whole number is a number.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Probability = Annotated[float, Field(ge=0, le=1, strict=True)]
Finite = Annotated[float, Field(ge=-1e6, le=1e6, strict=True)]
Rate = Annotated[float, Field(ge=0, le=1e6, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]


class Frozen(BaseModel):
    """Base of every part: immutable, no unknown keys, no silent conversion of text."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
