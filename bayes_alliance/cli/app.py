"""The program ``bayes-alliance``: its commands and its version."""

from typing import Annotated

import typer

import bayes_alliance
from bayes_alliance.cli import datasets, dyads, fits, models

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="Bayesian inference for alliance cohesion.")
app.command("fit")(fits.fit_command)
app.command("compare")(fits.compare_command)
app.command("robustness")(fits.robustness_command)
app.command("forecast")(fits.forecast_command)
app.command("backtest")(fits.backtest_command)
app.command("report")(fits.report_command)
app.add_typer(models.commands, name="model")
app.add_typer(datasets.commands, name="data")
app.add_typer(dyads.commands, name="dyads")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(bayes_alliance.__version__)
        raise typer.Exit


@app.callback()
def _root(version: Annotated[bool, typer.Option(
        "--version", callback=_version, is_eager=True, help="Show the version.")] = False) -> None:
    """Bayesian inference for alliance cohesion."""


def main() -> None:
    """Run the command line."""
    app()
