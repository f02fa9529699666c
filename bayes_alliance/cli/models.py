"""``model show`` and ``model power``: what a model file declares, what its design can see."""

from collections.abc import Iterator
from typing import Annotated

import typer

from bayes_alliance.cli.console import echo_wrapped, errors_to_status
from bayes_alliance.cli.power import power_command
from bayes_alliance.constants import LATENTS
from bayes_alliance.spec import (
    ModelSpec,
    OfficeSpec,
    OutcomeSpec,
    ScenarioSpec,
    ShockSpec,
    ValueSpec,
    prior_table,
    read_model,
    spec_hash,
)
from bayes_alliance.spec.schema import DriverSpec, RivalSpec

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True, help="Look at model files.")


commands.command("power")(power_command)


@commands.callback()
def _group() -> None:
    """Look at model files."""


@commands.command("show")
def show(model: Annotated[str, typer.Argument(
        help="Name of a shipped model, or path of a .toml file.")]) -> None:
    """Print what a model file declares, with its priors."""
    with errors_to_status():
        spec = read_model(model)
        for line in (*describe(spec), *_priors(spec), f"hash {spec_hash(spec)}"):
            echo_wrapped(line)


def describe(spec: ModelSpec) -> Iterator[str]:
    """Yield the lines on a model's parts, its priors excepted."""
    head = spec.model
    yield head.title
    yield (f"  model {head.name}, dataset {head.dataset}, {head.start} to {head.end}")
    yield f"  members {' and '.join(head.members)}, patron {head.patron}"
    yield f"  response {head.response}, innovations {head.innovations}"
    kinds = zip(LATENTS, head.dynamics.of_latents, strict=True)
    yield f"  dynamics: {', '.join(f'{latent} {kind}' for latent, kind in kinds)}"
    for latent, part in spec.latents.items():
        yield f"latent {latent}: {len(part.indicators)} indicators"
        yield from (f"  {name}" for name in part.indicators)
        if part.drivers:
            yield f"  moved by {', '.join(part.drivers)}"
    for kind, stocks in (("driver", spec.drivers), ("rival", spec.rivals)):
        for name, stock in stocks.items():
            yield f"{kind} {name}: {_stock(stock)}"
    for name, hypothesis in spec.hypotheses.items():
        paths = ", ".join(f"path of {path}" for path in hypothesis.paths) or "no path"
        yield f"hypothesis {name}: {paths}, {'rivals' if hypothesis.rivals else 'no rivals'}"
    yield from _episodes(spec)
    sampler = spec.sampler
    yield (f"sampler: {sampler.chains} chains of {sampler.tune} + {sampler.draws} draws "
           f"({sampler.leave_out_draws} where an episode is held out)")
    yield f"  target acceptance {sampler.target_accept:g}, tree depth at most {sampler.max_depth}"
    yield (f"forecast: {spec.forecast.horizon} months; events as in the last "
           f"{spec.forecast.rate_months} months")
    for name, office in spec.forecast.offices.items():
        yield f"office {name}: {_office(office)}"
    for name, outcome in spec.forecast.outcomes.items():
        yield f"outcome {name}: {outcome.title}"
        yield f"  {_outcome(outcome)}"
    yield "scenario as_now: offices change hands as above, events go on at their recent rate"
    for name, scenario in spec.scenarios.items():
        yield f"scenario {name}: {scenario.title}"
        yield from (f"  {line}" for line in _scenario(scenario))


def _office(office: OfficeSpec) -> str:
    """Describe when an office changes hands."""
    if office.mean_months is not None:
        return f"changes hands in any month, every {office.mean_months:g} on average"
    return (f"terms of {office.months} months from {office.first}, somebody new with probability "
            f"{office.change:g}")


def _outcome(outcome: OutcomeSpec) -> str:
    """Describe what an outcome compares."""
    limit = outcome.threshold
    against = f"{limit:g}" if isinstance(limit, float) else f"its mean of {' to '.join(limit)}"
    return (f"{outcome.target} {'below' if outcome.below is not None else 'above'} {against}, "
            f"within {outcome.within} months")


def _stock(stock: DriverSpec) -> str:
    """Describe a stock of events."""
    by = f" by {stock.actor}" if stock.actor else ""
    shape = "" if stock.transform == "identity" else f", {stock.transform}"
    scale = "" if stock.scale == 1 else f", over {stock.scale:g}"
    signed = ", signed" if isinstance(stock, RivalSpec) and stock.signed else ""
    return (f"{', '.join(stock.kinds)}{by}; half-life {stock.half_life:g} months{shape}{scale}"
            f"{signed}")


def _episodes(spec: ModelSpec) -> Iterator[str]:
    """Describe the episodes and the thresholds of the verdicts."""
    for name, episode in spec.episodes.items():
        yield f"episode {name}: {' to '.join(episode.window)}, cohesion {episode.change}"
        for label, months in episode.baselines.items():
            yield f"  against {label}: {' to '.join(months)}"
        for path in ("threat", "credibility"):
            rule = getattr(episode, path)
            yield f"  {path} predicted: mean {rule.mean}, gap {rule.gap}"
    limit = spec.verdict
    yield "verdict supported, if at every baseline"
    for path, quantities in limit.direction_quantities.items():
        yield (f"  P({path}: {' and '.join(quantities)} moved as predicted) >= "
               f"{limit.direction_probability:g}")
    yield f"  P(contribution has the change's sign) >= {limit.contribution_probability:g}"
    yield f"  median share of the change >= {limit.contribution_share:g}"
    yield f"  log Bayes factor against HX >= {limit.log_bayes_factor:.4g}"
    yield (f"  the same in a share of specifications >= {limit.specification_share:g}, and without "
           "effects of governments")
    yield "  contradicted mirrors it; everything else is inconclusive"


def _scenario(scenario: ScenarioSpec) -> Iterator[str]:
    """Describe what a scenario takes for granted."""
    if scenario.administration is not None:
        yield f"administration of the patron: {scenario.administration}"
    for member, label in scenario.governments.items():
        yield f"government of {member}: {label}"
    until = "" if scenario.months is None else f", for {scenario.months} months"
    for name, rate in {**scenario.driver_rates, **scenario.rival_rates}.items():
        yield f"{name}: {rate:g} a year{until}"
    for latent, _, one in scenario.values:
        about = f" with sd {one.sd:g}" if one.sd else ""
        yield f"{latent} of {one.member} {_when(one)}: {one.value:g}{about}"
    for shock in scenario.shocks:
        yield f"shock to {shock.series} {_when(shock)}: {shock.size:+g} sd"


def _when(one: ValueSpec | ShockSpec) -> str:
    return f"in {one.month}" if one.month is not None else f"{one.ahead} months ahead"


def _priors(spec: ModelSpec) -> Iterator[str]:
    """Describe every prior with its 5, 50 and 95% points."""
    yield "priors (5, 50 and 95% points)"
    for row in prior_table(spec).itertuples():
        if row.distribution == "fixed":
            yield f"  {row.prior}: fixed at {row.q50:g}; {row.meaning}"
            continue
        yield (f"  {row.prior}: {row.distribution} ({row.q05:.3g}, {row.q50:.3g}, {row.q95:.3g}); "
               f"{row.meaning}")
