"""The model file as frozen, validated objects.

Invariant: a :class:`ModelSpec` that exists is complete and consistent in itself; it knows
nothing of PyMC and nothing of the data beyond the names it declares.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from bayes_alliance.constants import COHESION, HYPOTHESES, LATENTS
from bayes_alliance.spec.fields import (
    Flag,
    Frozen,
    Month,
    Name,
    Positive,
    Probability,
    Title,
    Whole,
    Window,
)
from bayes_alliance.spec.forecasting import (
    AS_NOW,
    UNKNOWN_GOVERNMENT,
    ForecastSpec,
    ScenarioSpec,
    scenario_problems,
    settings_problems,
)
from bayes_alliance.spec.priors import Priors
from bayes_alliance.spec.scales import prior_problems
from bayes_alliance.spec.variants import VariantSpec, variant_problems

__all__ = [
    "AS_NOW",
    "UNKNOWN_GOVERNMENT",
    "DirectionRule",
    "DriverSpec",
    "DynamicsSpec",
    "EpisodeSpec",
    "ForecastSpec",
    "HypothesisSpec",
    "LatentSpec",
    "ModelHead",
    "ModelSpec",
    "RivalSpec",
    "SamplerSpec",
    "ScenarioSpec",
    "VerdictSpec",
]

LatentName = Literal["threat", "credibility", "cohesion"]
Quantity = Literal["mean", "gap"]
# More draws of a thousand monthly states would not fit into memory.
Draws = Annotated[Whole, Field(ge=100, le=100_000)]
Dynamics = Literal["ar1", "random_walk", "local_trend"]


class DynamicsSpec(Frozen):
    """How the monthly series of each latent move.

    ``ar1`` returns to its mean, ``random_walk`` keeps every shock, ``local_trend`` is a random
    walk with a slope that changes slowly. Cohesion's is that of the error around its long-run
    level; with ``response = "adjustment"`` it returns to that level, which is ``ar1``.
    """

    threat: Dynamics = "ar1"
    credibility: Dynamics = "ar1"
    cohesion: Dynamics = "ar1"

    @property
    def of_latents(self) -> tuple[str, str, str]:
        """The three in the order of the latents."""
        return (self.threat, self.credibility, self.cohesion)


class ModelHead(Frozen):
    """What is modelled, over which months, in which structural variant."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    title: Title
    dataset: str
    start: Month
    end: Month
    dyad: Name
    members: tuple[Name, Name]
    patron: Name
    response: Literal["adjustment", "level"] = "adjustment"
    innovations: Literal["normal", "student_t"] = "normal"
    dynamics: DynamicsSpec = Field(default_factory=DynamicsSpec)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"start {self.start} is not before end {self.end}")
        if self.members[0] == self.members[1]:
            raise ValueError(f"members must be two different states, got {self.members[0]} twice")
        if self.response == "adjustment" and self.dynamics.cohesion != "ar1":
            raise ValueError(f"dynamics.cohesion is {self.dynamics.cohesion}, but with the "
                             "response adjustment cohesion returns to its level (allowed: ar1, "
                             "or the response level)")
        return self


class LatentSpec(Frozen):
    """A latent construct: its indicators and, for threat, the drivers that move it."""

    indicators: tuple[Name, ...] = Field(min_length=1)
    drivers: tuple[Name, ...] = ()


class DriverSpec(Frozen):
    """A decaying stock of events: ``f(sum of 0.5 ** (age / half_life)) / scale``."""

    kinds: tuple[str, ...] = Field(min_length=1)
    actor: str | None = None
    half_life: Positive
    transform: Literal["identity", "log1p"] = "identity"
    scale: Positive = 1.0


class RivalSpec(DriverSpec):
    """A decaying stock of triggers that moves cohesion itself.

    With ``signed`` events count with minus their sign, so that a positive stock is friction.
    """

    signed: Flag = True


# What each hypothesis is; comparisons rest on it.
_MEANT: Final[dict[str, tuple[str, ...]]] = {
    "H0": (), "HX": (), "H1": ("threat",), "H2": ("credibility",), "H12": LATENTS[:2]}


class HypothesisSpec(Frozen):
    """Which parts of the model act; H0 alone may be without rivals."""

    paths: tuple[Literal["threat", "credibility"], ...] = ()
    rivals: Flag = True


class DirectionRule(Frozen):
    """How the drivers must move for a hypothesis to explain an episode."""

    mean: Literal["up", "down"]
    gap: Literal["up", "down"]


class EpisodeSpec(Frozen):
    """A window of months, its baselines, and what each hypothesis predicts for it."""

    window: Window
    change: Literal["up", "down"]
    baselines: dict[Name, Window] = Field(min_length=1)
    threat: DirectionRule
    credibility: DirectionRule

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, (start, end) in {"window": self.window, **self.baselines}.items():
            if start > end:
                raise ValueError(f"{name} starts in {start}, after its end {end}")
        return self


class VerdictSpec(Frozen):
    """Thresholds of the verdicts, fixed before the data are fitted."""

    direction_quantities: dict[LatentName, tuple[Quantity, ...]]
    direction_probability: Probability
    contribution_probability: Probability
    contribution_share: Probability
    log_bayes_factor: Positive
    specification_share: Probability


class SamplerSpec(Frozen):
    """NUTS settings of a full fit and of a leave-out fit.

    The monthly series are sampled in coordinates ``chosen`` by what the rows say of each month;
    ``non_centred`` (the prior's own standard normals) and ``centred`` (the series themselves) are
    there for comparison.
    """

    chains: Annotated[Whole, Field(ge=2, le=64)] = 4
    tune: Draws = 1000
    draws: Draws = 1000
    leave_out_draws: Draws = 500
    target_accept: Annotated[float, Field(gt=0.5, lt=1, strict=True)] = 0.8
    max_depth: Annotated[Whole, Field(ge=5, le=12)] = 10
    coordinates: Literal["chosen", "non_centred", "centred"] = "chosen"


class ModelSpec(Frozen):
    """A whole model file.

    Attributes
    ----------
    model : ModelHead
        Names, months, members, structural options.
    latents : dict of str to LatentSpec
        `threat`, `credibility` and `cohesion`.
    drivers, rivals : dict
        Event stocks that move threat, and that move cohesion.
    hypotheses : dict of str to HypothesisSpec
        `H0`, `HX`, `H1`, `H2` and `H12`.
    episodes : dict of str to EpisodeSpec
        The windows to explain.
    scenarios : dict of str to ScenarioSpec
        Scenarios of forecasts beside ``as_now``, which every model has.
    variants : dict of str to VariantSpec
        What the grid of specifications varies beside what it always does.
    """

    model: ModelHead
    latents: dict[LatentName, LatentSpec]
    drivers: dict[Name, DriverSpec] = Field(default_factory=dict)
    rivals: dict[Name, RivalSpec] = Field(default_factory=dict)
    priors: Priors = Field(default_factory=Priors)
    hypotheses: dict[str, HypothesisSpec]
    episodes: dict[Name, EpisodeSpec] = Field(default_factory=dict)
    verdict: VerdictSpec
    sampler: SamplerSpec = Field(default_factory=SamplerSpec)
    forecast: ForecastSpec = Field(default_factory=ForecastSpec)
    scenarios: dict[Name, ScenarioSpec] = Field(default_factory=dict)
    variants: dict[Name, VariantSpec] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [f"latents.{name} is missing" for name in LATENTS if name not in self.latents]
        problems += [f"hypotheses.{name} is missing" for name in HYPOTHESES
                     if name not in self.hypotheses]
        problems += [f"hypotheses.{name} is unknown (allowed: {', '.join(HYPOTHESES)})"
                     for name in self.hypotheses if name not in HYPOTHESES]
        problems += [f"hypotheses.{name}.{key} is {value!r}, which is not {name} (allowed: "
                     f"{meant!r})"
                     for name, held in self.hypotheses.items() if name in _MEANT
                     for key, value, meant in (
                         ("paths", sorted(held.paths), sorted(_MEANT[name])),
                         ("rivals", held.rivals, name != "H0" or held.rivals))
                     if value != meant]
        problems += [f"{name} is declared under [drivers] and under [rivals]; one stock, one name"
                     for name in self.drivers if name in self.rivals]
        problems += [f"verdict.direction_quantities.{name} is missing" for name in LATENTS[:2]
                     if name not in self.verdict.direction_quantities]
        seen: dict[str, str] = {}
        for latent, part in self.latents.items():
            for indicator in part.indicators:
                if indicator in seen:
                    problems.append(f"indicator {indicator} stands under {seen[indicator]} "
                                    f"and under {latent}; one indicator measures one latent")
                seen[indicator] = latent
            for driver in part.drivers:
                if driver not in self.drivers:
                    problems.append(f"latents.{latent}.drivers names {driver}, which [drivers] "
                                    f"does not declare (declared: {', '.join(self.drivers)})")
        for latent in ("credibility", COHESION):
            if latent in self.latents and self.latents[latent].drivers:
                problems.append(f"latents.{latent}.drivers is not supported: event stocks move "
                                "threat, [rivals] move cohesion")
        for name, episode in self.episodes.items():
            for label, window in {"window": episode.window, **episode.baselines}.items():
                if window[0] < self.model.start or window[1] > self.model.end:
                    problems.append(f"episodes.{name}: {label} {window[0]}..{window[1]} is not "
                                    f"inside {self.model.start}..{self.model.end}")
            problems += [f"episodes.{name}: baseline {label} ends in {end}, not before the window "
                         f"begins in {episode.window[0]}"
                         for label, (_, end) in episode.baselines.items()
                         if end >= episode.window[0]]
        problems += prior_problems(self.priors)
        if AS_NOW in self.scenarios:
            problems.append(f"scenarios.{AS_NOW} is built in and cannot be declared")
        problems += [f"scenarios.{name}: {problem}" for name, scenario in self.scenarios.items()
                     for problem in scenario_problems(scenario, self)]
        problems += [f"variants.{name}: {problem}" for name, variant in self.variants.items()
                     for problem in variant_problems(variant, self)]
        problems += [f"forecast.{problem}" for problem in settings_problems(self.forecast, self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def indicators(self) -> tuple[str, ...]:
        """All indicators in the order of the latents."""
        return tuple(name for latent in LATENTS if latent in self.latents
                     for name in self.latents[latent].indicators)

    @property
    def series(self) -> tuple[str, ...]:
        """The five monthly series: threat and credibility of each member, then cohesion."""
        pairs = [f"{latent}_{member}" for latent in LATENTS[:2] for member in self.model.members]
        return (*pairs, COHESION)

    @property
    def series_dynamics(self) -> tuple[str, ...]:
        """The dynamics of each of the five monthly series."""
        threat, credibility, cohesion = self.model.dynamics.of_latents
        return (threat, threat, credibility, credibility, cohesion)
