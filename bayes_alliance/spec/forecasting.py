"""The parts of a model file that speak of the months after the data.

Invariant: nothing here moves a draw of the posterior; names are held against the model as soon as
it is read, months against the panel once a forecast is asked for.
"""

from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from bayes_alliance.exceptions import did_you_mean
from bayes_alliance.spec.fields import (
    Finite,
    Frozen,
    Month,
    Name,
    Probability,
    Rate,
    Title,
    Whole,
    Window,
)

if TYPE_CHECKING:
    from bayes_alliance.spec.schema import ModelSpec

__all__ = ["AS_NOW", "BOTH", "UNKNOWN_GOVERNMENT", "ForecastSpec", "OfficeSpec", "OutcomeSpec",
           "ScenarioSpec", "ShockSpec", "ValueSpec", "scenario_problems", "settings_problems"]

AS_NOW: Final = "as_now"
UNKNOWN_GOVERNMENT: Final = "unknown"
BOTH: Final = "both"

Ahead = Annotated[Whole, Field(ge=1, le=60)]


class OfficeSpec(Frozen):
    """When an office changes hands: after fixed terms, or at any time.

    Attributes
    ----------
    first : str, optional
        The month a fixed term begins in: the first on whose 15th its holder is in office, as
        months are told apart everywhere. Terms count on from it, or from the last change of
        office within the panel.
    months : int, optional
        Length of a fixed term.
    change : float
        Probability that somebody new comes when a fixed term ends.
    mean_months : float, optional
        Without fixed terms: the mean time in office. A change comes in each month with the
        probability ``1 / mean_months``.
    """

    first: Month | None = None
    months: Annotated[Whole, Field(ge=1, le=1200)] | None = None
    change: Probability = 1.0
    mean_months: Annotated[float, Field(ge=1, le=1e6, strict=True)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        fixed = [name for name in ("first", "months") if getattr(self, name) is not None]
        fixed += ["change"] if self.change < 1.0 else []
        if self.mean_months is not None and fixed:
            raise ValueError(f"mean_months is for an office without fixed terms, but "
                             f"{', '.join(fixed)} says that it has them (allowed: one of the two)")
        if self.mean_months is None and (self.first is None or self.months is None):
            raise ValueError("does not say when the office changes hands (allowed: first and "
                             "months, with change; or mean_months)")
        return self


class OutcomeSpec(Frozen):
    """Something that may come true in the months ahead, to be given a probability.

    Attributes
    ----------
    title : str
        One line for a reader.
    target : str
        A monthly series (``cohesion``, ``threat_<member>``, ``credibility_<member>``) or an
        indicator, in its own unit.
    below, above : float or (str, str)
        What the target falls below, or rises above: a number, or the mean of the same target
        over a window of months (of an indicator, of its observed values there). One of the two.
    within : int
        In any of so many months ahead; of a poll, in any of its expected waves in them.
    """

    title: Title
    target: str
    below: Finite | Window | None = None
    above: Finite | Window | None = None
    within: Ahead

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise ValueError("needs a threshold (allowed: one of below and above)")
        if isinstance(self.threshold, tuple) and self.threshold[0] > self.threshold[1]:
            raise ValueError(f"the window starts in {self.threshold[0]}, after its end "
                             f"{self.threshold[1]}")
        return self

    @property
    def threshold(self) -> float | tuple[str, str]:
        """The number or window, whichever of ``below`` and ``above`` is given."""
        return next(one for one in (self.below, self.above) if one is not None)


class ForecastSpec(Frozen):
    """Horizon of the standard forecast, and what "as now" and its outcomes mean.

    Attributes
    ----------
    horizon : int
        Months of the standard forecast.
    rate_months : int
        How far back "as now" looks for event rates.
    offices : dict of str to OfficeSpec
        When a member or the patron gets a new government or administration; one that is not
        named here never does.
    outcomes : dict of str to OutcomeSpec
        What every forecast gives a probability.
    """

    horizon: Ahead = 24
    rate_months: Annotated[Whole, Field(ge=1, le=1200)] = 24
    offices: dict[str, OfficeSpec] = Field(default_factory=dict)
    outcomes: dict[Name, OutcomeSpec] = Field(default_factory=dict)


class _Placed(Frozen):
    """Something in one future month, named by the month or by how far ahead it is."""

    month: Month | None = None
    ahead: Ahead | None = None

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.month is None) == (self.ahead is None):
            raise ValueError("does not say one month (allowed: one of month and ahead)")
        return self


class ValueSpec(_Placed):
    """What a latent state is in one future month.

    Attributes
    ----------
    member : str
        A member, or ``"both"``.
    month, ahead : str or int
        The month, or how many months after the data it lies; one of the two.
    value : float
        In the units of the state.
    sd : float
        0 for exactly this value; otherwise the state of that month is normal about it with this
        standard deviation, independently of every other stated value.
    """

    member: str
    value: Finite
    sd: Rate = 0.0


class ShockSpec(_Placed):
    """An addition to one series' innovation of one month.

    Attributes
    ----------
    series : str
        ``cohesion``, ``threat_<member>`` or ``credibility_<member>``. The other member's series
        gets nothing, whatever their correlation.
    month, ahead : str or int
        As for :class:`ValueSpec`.
    size : float
        In standard deviations of the series' monthly innovation.
    """

    series: str
    size: Finite


class ScenarioSpec(Frozen):
    """What a forecast takes for granted; whatever is not named goes on as now.

    Attributes
    ----------
    title : str
        One line for a reader.
    administration : str, optional
        Label of an administration of the patron that was in office within the panel: its effect
        on credibility and the members' deviations from it hold in every future month.
    driver_rates, rival_rates : dict of str to float
        Events a year in place of the recent mean, spread evenly over the months. A rival that is
        ``signed`` counts what strains less what eases, so its rate may be negative.
    months : int, optional
        For how many months the rates hold; afterwards the recent mean again. By default always.
    governments : dict of str to str
        Member to the label of a government of the panel, or ``"unknown"``: a new government,
        whose effect is drawn from the population of governments. It stays in every future month.
    threat, credibility : tuple of ValueSpec
        Values of the members' states in single months. The months before and after are drawn
        given them; parameters are not: a value is a path to think through, not evidence. Rates
        may stand beside values: they say what the events are, the value what came of it.
    shocks : tuple of ShockSpec
        Additions to innovations. Values are conditioned on after them.
    """

    title: Title
    administration: str | None = None
    driver_rates: dict[str, Rate] = Field(default_factory=dict)
    rival_rates: dict[str, Finite] = Field(default_factory=dict)
    months: Ahead | None = None
    governments: dict[str, str] = Field(default_factory=dict)
    threat: tuple[ValueSpec, ...] = ()
    credibility: tuple[ValueSpec, ...] = ()
    shocks: tuple[ShockSpec, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.months is not None and not (self.driver_rates or self.rival_rates):
            raise ValueError("months says how long rates hold, but no rate is given")
        return self

    @property
    def values(self) -> tuple[tuple[Literal["threat", "credibility"], int, ValueSpec], ...]:
        """Every stated value with its latent and its position in the file."""
        return (*(("threat", at, one) for at, one in enumerate(self.threat)),
                *(("credibility", at, one) for at, one in enumerate(self.credibility)))


def scenario_problems(scenario: ScenarioSpec, model: "ModelSpec") -> list[str]:
    """Return all of a scenario that the model does not have, each with what is allowed."""
    known = {"driver_rates": tuple(model.drivers), "rival_rates": tuple(model.rivals),
             "governments": model.model.members}
    found = [_unknown(f"{key} names", name, allowed) for key, allowed in known.items()
             for name in getattr(scenario, key) if name not in allowed]
    found += [f"rival_rates.{name} is {rate:g}, but {name} is not signed (allowed: at least 0)"
              for name, rate in scenario.rival_rates.items()
              if rate < 0 and name in model.rivals and not model.rivals[name].signed]
    members = (*model.model.members, BOTH)
    found += [_unknown(f"{latent}[{at}].member is", one.member, members)
              for latent, at, one in scenario.values if one.member not in members]
    found += [_unknown(f"shocks[{at}].series is", one.series, model.series)
              for at, one in enumerate(scenario.shocks) if one.series not in model.series]
    return found


def settings_problems(settings: ForecastSpec, model: "ModelSpec") -> list[str]:
    """Return all of the settings that the model does not have, each with what is allowed."""
    countries = (*model.model.members, model.model.patron)
    found = [_unknown("offices names", name, countries) for name in settings.offices
             if name not in countries]
    targets = (*model.series, *model.indicators)
    for name, outcome in settings.outcomes.items():
        if outcome.target not in targets:
            found.append(_unknown(f"outcomes.{name}.target is", outcome.target, targets))
        window = outcome.threshold
        if isinstance(window, tuple) and (window[0] < model.model.start
                                          or window[1] > model.model.end):
            found.append(f"outcomes.{name}: the window {window[0]}..{window[1]} is not inside "
                         f"{model.model.start}..{model.model.end}")
    return found


def _unknown(what: str, name: str, allowed: tuple[str, ...]) -> str:
    return (f"{what} {name!r}, which the model does not have{did_you_mean(name, allowed)} "
            f"(allowed: {', '.join(allowed) or 'none'})")
