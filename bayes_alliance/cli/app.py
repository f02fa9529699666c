"""Commands of ``bayes-alliance``. PyMC is imported only by the commands that sample."""

from pathlib import Path
from typing import Annotated

import typer

import bayes_alliance
from bayes_alliance.cli.console import OUT, errors_to_status, print_table, steps

__all__ = ["main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="Bayesian inference for alliance cohesion.")
model_app = typer.Typer(no_args_is_help=True, help="Look at model files.")
data_app = typer.Typer(no_args_is_help=True, help="Look at datasets.")
app.add_typer(model_app, name="model")
app.add_typer(data_app, name="data")

Model = Annotated[str, typer.Argument(help="Name of a shipped model, or path of a .toml file.")]
Dataset = Annotated[str, typer.Argument(help="A dataset's folder, or a shipped one's name.")]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(bayes_alliance.__version__)
        raise typer.Exit


@app.callback()
def _root(version: Annotated[bool, typer.Option(
        "--version", callback=_version, is_eager=True, help="Show the version.")] = False) -> None:
    """Bayesian inference for alliance cohesion."""


@app.command("fit")
def fit_command(model: Model,
                out: Annotated[Path, typer.Option(help="File for the fit (.nc).")],
                hypothesis: Annotated[str, typer.Option(help="H0, HX, H1, H2 or H12.")] = "H12",
                leave_out: Annotated[str, typer.Option(help="Episode to hold out.")] = "",
                seed: Seed = 1,
                overwrite: Annotated[bool, typer.Option(help="Replace the file.")] = False,
                ) -> None:
    """Fit a model and save the draws."""
    with errors_to_status():
        if out.exists() and not overwrite:
            raise FileExistsError(f"{out} exists; pass --overwrite to replace it")
        if not out.resolve().parent.is_dir():
            raise FileNotFoundError(f"there is no folder {out.resolve().parent}")
        from bayes_alliance.inference import fit_panel, load_model, require_passed

        spec, panel = load_model(model)
        with steps() as shown:
            result = fit_panel(spec, panel, hypothesis=hypothesis, leave_out=leave_out, seed=seed,
                               announce=shown.announce, report=shown.report)
        result.save(out, overwrite=overwrite)
        typer.echo(result.sentence)
        require_passed(result)


@app.command("compare")
def compare_command(model: Model, seed: Seed = 1) -> None:
    """Compare the hypotheses in every episode."""
    with errors_to_status():
        from bayes_alliance.api import compare

        with steps() as shown:
            result = compare(model, seed=seed, announce=shown.announce, report=shown.report)
        print_table(result.verdicts.table[["episode", "hypothesis", "verdict", "reason"]])
        print_table(result.evidence.table[["hypothesis", "episode", "difference",
                                           "difference_se", "flag"]])


@app.command("forecast")
def forecast_command(model: Model, out: Out,
                     horizon: Annotated[int | None, typer.Option(help="Months ahead.")] = None,
                     scenario: Annotated[str, typer.Option(help="as_now")] = "as_now",
                     seed: Seed = 1) -> None:
    """Forecast cohesion and every indicator; writes forecast.csv."""
    with errors_to_status():
        from bayes_alliance.api import forecast
        from bayes_alliance.report.machine import write_text

        if horizon is not None and not 1 <= horizon <= 60:
            raise ValueError(f"horizon is {horizon}; allowed are 1 to 60 months")
        if scenario != "as_now":
            raise ValueError(f"unknown scenario {scenario!r} (allowed: as_now)")
        out.mkdir(parents=True, exist_ok=True)
        with steps() as shown:
            result = forecast(model, horizon, scenario=scenario, seed=seed,
                              announce=shown.announce, report=shown.report)
        write_text(out / "forecast.csv",
                   result.table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
        typer.echo(result.sentence)


@app.command("report")
def report_command(model: Model, out: Out, seed: Seed = 1,
                   work: Annotated[Path | None, typer.Option(
                       help="Folder that keeps the fits, to go on after an interruption.")] = None,
                   ) -> None:
    """Fit, compare, forecast and write a page with its tables."""
    with errors_to_status():
        from bayes_alliance.api import report

        with steps() as shown:
            page = report(model, out, seed=seed, announce=shown.announce, report=shown.report,
                          work=work)
        typer.echo(str(page))


@model_app.command("show")
def model_show(model: Model) -> None:
    """Print what a model file declares, with its priors."""
    with errors_to_status():
        from bayes_alliance.spec import read_model, spec_hash

        spec = read_model(model)
        head = spec.model
        typer.echo(f"{head.title}: {head.start} to {head.end}, {' and '.join(head.members)}, "
                   f"patron {head.patron}, response {head.response}, innovations "
                   f"{head.innovations}")
        for latent, part in spec.latents.items():
            typer.echo(f"{latent}: {len(part.indicators)} indicators")
            for name in part.indicators:
                typer.echo(f"  {name}")
        for name, episode in spec.episodes.items():
            typer.echo(f"episode {name}: {' to '.join(episode.window)}, against "
                       f"{', '.join(episode.baselines)}")
        print_table(spec.priors.table(), "priors")
        typer.echo(f"hash {spec_hash(spec)}")


@data_app.command("validate")
def data_validate(dataset: Dataset) -> None:
    """Find every fault of a dataset."""
    with errors_to_status():
        from bayes_alliance.exceptions import DataError
        from bayes_alliance.spec import find_data_folder
        from bayes_alliance.tables import check_dataset

        faults = check_dataset(find_data_folder(dataset))
        if faults:
            raise DataError(faults)
        typer.echo("no faults")


@data_app.command("show")
def data_show(dataset: Dataset,
              figure: Annotated[Path | None, typer.Option(
                  help="File for a picture of what was observed when (.png).")] = None,
              model: Annotated[str, typer.Option(
                  help="Model that says which indicators and months are used.")] = "",
              ) -> None:
    """Print what a dataset holds, when, and what is missing."""
    with errors_to_status():
        from bayes_alliance.cli.datasets import coverage, save_coverage
        from bayes_alliance.spec import find_data_folder
        from bayes_alliance.tables import read_dataset

        tables = read_dataset(find_data_folder(dataset))
        print_table(coverage(tables), tables.name)
        if figure is not None:
            save_coverage(tables, model or tables.name, figure)
            typer.echo(str(figure))


def main() -> None:
    """Run the command line."""
    OUT.soft_wrap = True
    app()
