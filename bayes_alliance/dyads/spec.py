"""A TOML file in, a frozen and validated specification of a model over dyads out.

Invariant: like a model of one dyad's months, the file is all that a result depends on beside the
tables; what is not declared is refused.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bayes_alliance import constants as c
from bayes_alliance.exceptions import Fault, SpecError
from bayes_alliance.spec import read_toml, shipped_folder, text_for_numbers
from bayes_alliance.spec.fields import Name, Title, Whole
from bayes_alliance.spec.priors import LogNormal, Normal
from bayes_alliance.spec.scales import prior_problems

__all__ = ["DyadModelSpec", "DyadPriors", "DyadSampler", "read_dyad_model"]

HYPOTHESES: Final = ("H0", "HX", "H1", "H2", "H12")
Count = Annotated[Whole, Field(ge=1, le=100_000)]
Year = Annotated[Whole, Field(ge=1800, le=2199)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DyadHead(_Frozen):
    """Name, dataset, years, patron, classes of dyads, response of cohesion."""

    name: Name
    title: Title
    dataset: str
    start: Year
    end: Year
    patron: Name
    classes: tuple[Name, ...] = Field(min_length=1)
    response: Literal["adjustment", "level"] = "adjustment"

    @model_validator(mode="after")
    def _in_order(self) -> "DyadHead":
        if self.end - self.start < 3:
            raise ValueError(f"end {self.end} is not at least 3 years after start {self.start}")
        return self


class DyadPriors(_Frozen):
    """Every prior of the model over dyads, with its default numbers."""

    coefficient: Normal = Normal(sd=0.5)
    coefficient_class: Normal = Normal(sd=0.25)
    coefficient_spread: LogNormal = LogNormal(median=0.2, sd=0.5)
    half_life_threat: LogNormal = LogNormal(median=5.0, sd=0.5)
    half_life_credibility: LogNormal = LogNormal(median=5.0, sd=0.5)
    half_life_cohesion: LogNormal = LogNormal(median=5.0, sd=0.5)
    member_level: Normal = Normal(sd=1.0)
    dyad_level_sd: LogNormal = LogNormal(median=0.7, sd=0.5)
    common_year_sd: LogNormal = LogNormal(median=0.2, sd=0.5)
    intercept: Normal = Normal(sd=3.0)
    loading: LogNormal = LogNormal(median=0.5, sd=0.7)
    noise: LogNormal = LogNormal(median=0.4, sd=0.7)
    unit_deviation_sd: LogNormal = LogNormal(median=0.5, sd=0.5)
    year_effect_sd: LogNormal = LogNormal(median=0.3, sd=0.5)
    own_error_sd: LogNormal = LogNormal(median=0.4, sd=0.7)
    own_error_half_life: LogNormal = LogNormal(median=5.0, sd=0.7)

    def numbers(self) -> dict[str, float]:
        """Return every number under its dotted name, e.g. ``"coefficient.sd"``."""
        return {f"{name}.{key}": float(number) for name in type(self).model_fields
                for key, number in getattr(self, name).model_dump().items()}


class DyadSampler(_Frozen):
    """Settings of the sampler."""

    chains: Annotated[Whole, Field(ge=1, le=64)] = 2
    tune: Count = 500
    draws: Count = 600
    target_accept: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.8
    max_depth: Annotated[Whole, Field(ge=1, le=12)] = 9


class DyadModelSpec(_Frozen):
    """A whole model over dyads."""

    model: DyadHead
    latents: dict[str, tuple[Name, ...]]
    hypotheses: dict[str, tuple[Literal["threat", "credibility"], ...]]
    priors: DyadPriors = DyadPriors()
    sampler: DyadSampler = DyadSampler()

    @model_validator(mode="after")
    def _whole(self) -> "DyadModelSpec":
        if set(self.latents) != set(c.LATENTS) or not all(self.latents.values()):
            raise ValueError(f"latents are {', '.join(self.latents) or 'none'} (allowed: "
                             f"{', '.join(c.LATENTS)}, each with an indicator)")
        named = [name for part in self.latents.values() for name in part]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} named twice (allowed: an indicator once)")
        problems = prior_problems(self.priors)
        if problems:
            raise ValueError("; ".join(problems))
        if set(self.hypotheses) != set(HYPOTHESES):
            raise ValueError(f"hypotheses are {', '.join(self.hypotheses)} (allowed: "
                             f"{', '.join(HYPOTHESES)})")
        return self


def read_dyad_model(model: str | Path) -> DyadModelSpec:
    """Read a model over dyads.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped one such as ``"quasi_alliances"``, or path of a model file.

    Raises
    ------
    SpecError
        If there is no such file or it is wrong; lists every fault.
    """
    path = Path(model)
    if path.suffix != ".toml":
        path = shipped_folder("models") / "panels" / f"{model}.toml"
    if not path.is_file():
        known = sorted(one.stem for one in (shipped_folder("models") / "panels").glob("*.toml"))
        raise SpecError([Fault(str(model), "", "is no model over dyads",
                               f"a path to a .toml file, or one of {', '.join(known)}")])
    raw = read_toml(path)
    faults = text_for_numbers(raw.get("priors"), path.name)
    try:
        found = DyadModelSpec.model_validate(raw)
    except ValidationError as error:
        faults += [Fault(path.name, ".".join(map(str, one["loc"])),
                         one["msg"].removeprefix("Value error, "),
                         "see the comments of models/panels/quasi_alliances.toml")
                   for one in error.errors(include_url=False)]
    if faults:
        raise SpecError(faults)
    return found
