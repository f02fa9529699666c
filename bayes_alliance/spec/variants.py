"""The part of a model file that says what the grid of specifications varies beside the usual.

Invariant: nothing here moves a draw of the model as committed; names are held against the model
as soon as it is read, against the dataset once the grid is run.
"""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from bayes_alliance.exceptions import did_you_mean
from bayes_alliance.spec.fields import Finite, Frozen, Name, Positive, Title, Window

if TYPE_CHECKING:
    from bayes_alliance.spec.schema import ModelSpec

__all__ = ["ControlSpec", "VariantSpec", "variant_problems"]


class ControlSpec(Frozen):
    """A monthly series that moves cohesion: ``(transform(value) - shift) / scale``.

    Attributes
    ----------
    transform : {"identity", "log"}
        Of the series of ``controls.csv``.
    shift, scale : float
        Chosen numbers, not the data's own, so that a longer series stays the same one.
    """

    transform: Literal["identity", "log"] = "identity"
    shift: Finite = 0.0
    scale: Positive = 1.0


class VariantSpec(Frozen):
    """One specification of the grid that differs from the committed one in its data.

    Attributes
    ----------
    title : str
        What it is called in tables and figures.
    masks : dict of str to tuple of windows
        Months in which an indicator is not used, instead of those of ``indicators.csv``; no
        window for none at all.
    controls : dict of str to ControlSpec
        Series of ``controls.csv`` that move cohesion beside the triggers, each with an effect of
        its own (prior ``rival_effect``).
    """

    title: Title
    masks: dict[Name, tuple[Window, ...]] = Field(default_factory=dict)
    controls: dict[Name, ControlSpec] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.masks and not self.controls:
            raise ValueError("changes nothing (allowed: masks, controls)")
        for name, windows in self.masks.items():
            for start, end in windows:
                if start > end:
                    raise ValueError(f"masks.{name}: {start} is after {end}")
        return self


def variant_problems(variant: VariantSpec, spec: "ModelSpec") -> list[str]:
    """Return what a variant says that its model does not know.

    Parameters
    ----------
    variant : VariantSpec
        One variant.
    spec : ModelSpec
        The model it stands in.
    """
    problems = [f"masks names {name!r}, which the model does not use"
                f"{did_you_mean(name, spec.indicators)} (allowed: an indicator of the model)"
                for name in variant.masks if name not in spec.indicators]
    problems += [f"controls.{name} is called as one of [rivals] (allowed: another name)"
                 for name in variant.controls if name in spec.rivals]
    if sum(other.title == variant.title for other in spec.variants.values()) > 1:
        problems.append(f"the title {variant.title!r} stands twice (allowed: each once)")
    return problems
