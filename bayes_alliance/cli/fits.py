"""The commands that sample: ``fit``, ``compare``, ``robustness``, ``forecast`` and so on.

Invariant: PyMC is imported inside the commands only; what a command was given is checked before
anything is drawn; draws that fail the gate are saved before the command says so.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_alliance.cli.console import (
    check_target,
    errors_to_status,
    print_table,
    save_or_keep,
    steps,
)

if TYPE_CHECKING:
    from bayes_alliance.spec import ModelSpec

__all__ = ["backtest_command", "compare_command", "fit_command", "forecast_command",
           "report_command", "robustness_command"]

Model = Annotated[str, typer.Argument(help="Name of a shipped model, or path of a .toml file.")]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
Work = Annotated[Path | None, typer.Option(
    help="Folder that keeps the fits, to go on after an interruption.")]
Draws = Annotated[int | None, typer.Option(
    min=10, help="Draws a chain, in place of the model file's.")]
Tune = Annotated[int | None, typer.Option(
    min=10, help="Tuning steps a chain, in place of the model file's.")]
Chains = Annotated[int | None, typer.Option(
    min=2, help="Chains, in place of the model file's.")]

Restart = Annotated[bool, typer.Option(
    "--restart", help="Move what --work holds aside and begin anew.")]
Workers = Annotated[int | None, typer.Option(
    min=1, help="Processes; as many as cores if not given.")]
Cluster = Annotated[str | None, typer.Option(
    help="Address of a Dask scheduler, instead of processes.")]


def fit_command(model: Model,
                out: Annotated[Path, typer.Option(help="File for the fit (.nc).")],
                hypothesis: Annotated[str, typer.Option(help="H0, HX, H1, H2 or H12.")] = "H12",
                leave_out: Annotated[str, typer.Option(help="Episode to hold out.")] = "",
                seed: Seed = 1, draws: Draws = None, tune: Tune = None, chains: Chains = None,
                overwrite: Annotated[bool, typer.Option(help="Replace the file.")] = False,
                ) -> None:
    """Fit a model and save the draws, also where they fail the diagnostics gate."""
    with errors_to_status():
        check_target(out, overwrite=overwrite)
        from bayes_alliance.checks import moves_against
        from bayes_alliance.inference import fit_panel, load_model, require_passed
        from bayes_alliance.inference.result import require_finished

        spec, panel = load_model(model)
        with steps() as shown:
            result = fit_panel(spec, panel, hypothesis=hypothesis, leave_out=leave_out, seed=seed,
                               draws=draws, tune=tune, chains=chains, announce=shown.announce,
                               report=shown.report)
        save_or_keep(result.save, out, overwrite=overwrite)
        typer.echo(result.sentence)
        if result.provenance["interrupted"]:
            typer.echo(f"stopped early; {out} holds the draws so far", err=True)
        against = moves_against(result)
        if against.named:
            typer.echo(against.sentence)
        require_passed(require_finished(result))


def compare_command(model: Model, seed: Seed = 1, work: Work = None,
                    absolute: Annotated[bool, typer.Option(
                        help="Also absolute values and H0, by some forty more fits.")] = False,
                    workers: Annotated[int | None, typer.Option(
                        min=1, help="Processes of these; as many as cores if not given.")] = None,
                    cluster: Annotated[str | None, typer.Option(
                        help="Address of a Dask scheduler that runs them.")] = None,
                    out: Annotated[Path | None, typer.Option(
                        help="Folder of a report that takes the absolute values up.")] = None,
                    ) -> None:
    """Compare the hypotheses in every episode."""
    with errors_to_status(keep=None if work is not None else Path()):
        if out is not None and not absolute:
            raise typer.BadParameter("it takes absolute values (allowed: with --absolute)",
                                     param_hint="--out")
        from bayes_alliance.api import compare
        from bayes_alliance.inference import load_model
        from bayes_alliance.report import write_stones

        with steps() as shown:
            result = compare(model, seed=seed, announce=shown.announce, report=shown.report,
                             work=work, absolute=absolute, workers=workers, cluster=cluster)
        if out is not None and result.absolute is not None:
            spec, panel = load_model(model)
            write_stones(result.absolute, spec, panel, out)
        print_table(result.table[["episode", "hypothesis", "verdict", "reason"]], "verdicts")
        table = result.evidence.table
        for unit, title in (("leave_episode_out", "the episode's cohesion rows held out"),
                            ("leave_future_out", "the episode's rows predicted from before it"),
                            ("whole_period", "all cohesion rows")):
            part = table[table["unit"] == unit]
            columns = ["hypothesis", "episode", "difference", "difference_se", "decibans", "flag"]
            if part["elpd"].notna().any():
                columns[2:2] = ["elpd", "se"]
            print_table(part[columns], f"{title}: difference to HX, in nats")


def robustness_command(model: Model, out: Out, seed: Seed = 1, work: Work = None,
                       workers: Workers = None,
                       cluster: Cluster = None, restart: Restart = False,
                       ) -> None:
    """Judge the hypotheses under every specification of the grid; writes robustness.csv."""
    with errors_to_status():
        from bayes_alliance.api import robustness
        from bayes_alliance.inference import load_model
        from bayes_alliance.report import write_grid

        spec, panel = load_model(model)
        with steps() as shown:
            result = robustness(
                model, seed=seed, folder=_within(work, "robustness", spec), workers=workers,
                cluster=cluster, report=shown.tally("specifications"), restart=restart)
        write_grid(result, spec, panel, out)
        typer.echo(result.sentence)


def forecast_command(model: Model, out: Out,
                     horizon: Annotated[int | None, typer.Option(help="Months ahead.")] = None,
                     scenario: Annotated[str, typer.Option(
                         help="as_now, a scenario of the model file, or a .toml file with one "
                         "table scenarios.NAME.")] = "as_now",
                     keep_draws: Annotated[bool, typer.Option(
                         "--keep-draws",
                         help="Also write every draw, forecast_SCENARIO.nc.")] = False,
                     seed: Seed = 1, draws: Draws = None, tune: Tune = None,
                     chains: Chains = None) -> None:
    """Forecast all series and polls.

    Writes forecast_SCENARIO.csv, and the same of outcomes and waves. H12 forecasts, or the
    combination of hypotheses that a backtest in the folder asks for.
    """
    with errors_to_status(keep=out):
        from bayes_alliance.api import forecast
        from bayes_alliance.forecast import forecast_months, resolve_scenario
        from bayes_alliance.inference import load_model
        from bayes_alliance.report import read_beside
        from bayes_alliance.report.machine import write_text

        spec, panel = load_model(model)
        resolve_scenario(scenario, spec, panel, forecast_months(spec, horizon))
        out.mkdir(parents=True, exist_ok=True)
        with steps() as shown:
            result = forecast(model, horizon, scenario=scenario,
                              weights=read_beside(out, spec, panel).weights, seed=seed, draws=draws,
                              tune=tune, chains=chains, announce=shown.announce,
                              report=shown.report)
        # A report in the same folder has a forecast.csv of its own, with every scenario.
        for name, table in (("forecast", result.table), ("outcomes", result.outcomes),
                            ("waves", result.waves)):
            write_text(out / f"{name}_{result.scenario}.csv",
                       table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
        if keep_draws:
            result.save_draws(out / f"forecast_{result.scenario}.nc")
        told = result.outcomes.dropna(subset="probability")
        if len(told):
            print_table(told[["title", "probability", "mcse"]], f"outcomes, {result.scenario}")
        typer.echo(result.sentence)


def backtest_command(model: Model, out: Out, seed: Seed = 1, work: Work = None,
                     first: Annotated[str | None, typer.Option(
                         help="First origin, YYYY-MM; by default eight years into the panel, or "
                              "a third into a short one.")] = None,
                     step: Annotated[int, typer.Option(
                         min=1, help="Months between origins.")] = 3,
                     lag: Annotated[int, typer.Option(
                         min=0, help="Months from the end of fieldwork to publication.")] = 0,
                     workers: Workers = None,
                     cluster: Cluster = None, restart: Restart = False,
                     ) -> None:
    """Forecast from earlier months and score beside simple rules; writes backtest*.csv."""
    with errors_to_status():
        from bayes_alliance.api import backtest
        from bayes_alliance.inference import load_model
        from bayes_alliance.report import write_backtest

        spec, panel = load_model(model)
        with steps() as shown:
            result = backtest(model, first=first, step=step, lag=lag, seed=seed,
                              folder=_within(work, "backtest", spec), workers=workers,
                              cluster=cluster, report=shown.tally("origins and methods"),
                              restart=restart)
        write_backtest(result, spec, panel, out)
        wanted = result.table["method"].isin(["H12", "stacked", "last_value"])
        print_table(result.table.loc[wanted, ["method", "horizon", "skill", "skill_low",
                                              "skill_high", "inside90"]],
                    "CRPS skill over the best simple rule")
        typer.echo(result.sentence)


def _within(work: Path | None, task: str, spec: "ModelSpec") -> Path | None:
    """Return where a task of a model keeps its results within a folder that others use too."""
    return None if work is None else work / f"{spec.model.name}-{task}"


def report_command(model: Model, out: Out, seed: Seed = 1, work: Work = None) -> None:
    """Fit, compare, forecast and write a page with its tables."""
    with errors_to_status(keep=None if work is not None else out):
        from bayes_alliance.api import report

        with steps() as shown:
            page = report(model, out, seed=seed, announce=shown.announce, report=shown.report,
                          work=work)
        typer.echo(str(page))
