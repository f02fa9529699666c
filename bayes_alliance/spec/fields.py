"""The kinds of values a model file has, and the base of its parts.

Invariant: what a part accepts is said by its fields alone; no part converts text silently.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Finite", "Frozen", "Month", "Positive", "Probability", "Rate", "Title", "Window"]

Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Window = tuple[Month, Month]
Title = Annotated[str, StringConstraints(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Frozen(BaseModel):
    """Base of every part: immutable, no unknown keys, no silent conversion of text."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
