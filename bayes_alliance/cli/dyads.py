"""``dyads fit``, ``show``, ``borrow`` and ``report``: the model over many pairs of states.

Invariant: PyMC is imported inside the commands only; a fit that fails the gate is saved, and its
report written, before the command says so.
"""

from pathlib import Path
from typing import Annotated

import typer

from bayes_alliance.cli.console import (
    check_target,
    echo_wrapped,
    errors_to_status,
    print_table,
    save_or_keep,
    steps,
)

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True, help="Many pairs of states at once, by year.")


@commands.command("fit")
def fit(model: Annotated[str, typer.Argument(
            help="Name of a shipped model over dyads, or path of a .toml file.")],
        out: Annotated[Path, typer.Option(help="File for the fit (.nc).")],
        hypothesis: Annotated[str, typer.Option(help="H0, HX, H1, H2 or H12.")] = "H12",
        seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 1,
        draws: Annotated[int | None, typer.Option(
            min=10, help="Draws a chain, in place of the model file's.")] = None,
        tune: Annotated[int | None, typer.Option(
            min=10, help="Tuning steps a chain, in place of the model file's.")] = None,
        without: Annotated[str, typer.Option(
            help="Leave the rows of this pair out: what the others say of it.")] = "",
        overwrite: Annotated[bool, typer.Option(help="Replace the file.")] = False) -> None:
    """Fit a model over dyads and save the draws, also where they fail the gate."""
    with errors_to_status():
        check_target(out, overwrite=overwrite)
        from bayes_alliance.dyads import fit_dyad_panel, fit_without, load_dyad_model

        spec, panel = load_dyad_model(model)
        with steps() as shown:
            settings = {"hypothesis": hypothesis, "seed": seed, "draws": draws, "tune": tune,
                        "announce": shown.announce, "report": shown.report}
            result = (fit_without(spec, panel, without, **settings) if without
                      else fit_dyad_panel(spec, panel, **settings))
        save_or_keep(result.save, out, overwrite=overwrite)
        echo_wrapped(result.sentence)
        if not result.passed:
            raise typer.Exit(1)


@commands.command("show")
def show(file: Annotated[Path, typer.Argument(help="A saved fit of a model over dyads.")],
         dyad: Annotated[str, typer.Option(help="Show this pair instead of all.")] = "") -> None:
    """Print what the dyads say on average, or what one of them says."""
    with errors_to_status():
        from bayes_alliance.dyads import dyad_effects, load_dyad_fit, population_effects

        result = load_dyad_fit(file)
        if dyad:
            table = dyad_effects(result, [dyad])
            print_table(table.drop(columns=["class", "region"]), dyad)
            if not result.passed:
                echo_wrapped("The fit failed the diagnostics gate: do not report it.")
            return
        found = population_effects(result)
        print_table(found.table, "coefficients")
        print_table(found.readings, "probability of each reading's signs")
        echo_wrapped(found.sentence)


@commands.command("borrow")
def print_borrowed(
        file: Annotated[Path, typer.Argument(help="A saved fit of a pair by month, of H12.")],
        others: Annotated[Path, typer.Argument(
            help="A saved fit over dyads, made with --without that pair.")],
        weight: Annotated[float, typer.Option(
            min=0.0, max=1.0, help="Prior probability that the pair is one of theirs.")] = 0.5,
        ) -> None:
    """Print what a pair's coefficients are once the other pairs are listened to.

    Standardised effects: sds of cohesion for an sd of what a coefficient multiplies.
    """
    with errors_to_status():
        from bayes_alliance import api

        found = api.borrow(file, others, weight=weight)
        print_table(found.table, "standardised effects")
        print_table(found.readings.drop(columns="region"), "probability of each reading's signs")
        echo_wrapped(found.sentence)
        if found.flag:
            raise typer.Exit(1)


@commands.command("report")
def report(model: Annotated[str, typer.Argument(
               help="Name of a shipped model over dyads, or path of a .toml file.")],
           out: Annotated[Path, typer.Option(help="Folder to write to.")],
           work: Annotated[Path | None, typer.Option(
               help="Folder that keeps the fit, and from which it is taken up.")] = None,
           seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 1,
           borrow: Annotated[tuple[Path, Path] | None, typer.Option(
               help="A monthly fit, and one over dyads made with --without its pair: also tell "
                    "what the others add.")] = None) -> None:
    """Write a page, a page for each dyad, and their tables.

    A fit that fails the gate is shown under a banner and gives status 1: no result.
    """
    with errors_to_status():
        from bayes_alliance.report.dyads_job import make_dyad_report

        with steps() as shown:
            made = make_dyad_report(model, out, seed=seed, work=work, announce=shown.announce,
                                    report=shown.report, borrow=borrow)
        typer.echo(str(made.page))
        if not made.passed:
            echo_wrapped(made.sentence)
            raise typer.Exit(1)
