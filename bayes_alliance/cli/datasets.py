"""``data show``, ``data validate`` and ``data init``: what a dataset holds, and a new one.

Invariant: nothing is filled in; a period of the dataset's span without an observation is named.
"""

import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer

from bayes_alliance.cli.console import (
    echo_wrapped,
    errors_to_status,
    is_terminal,
    print_table,
)
from bayes_alliance.exceptions import DataError, Fault
from bayes_alliance.files import write_whole
from bayes_alliance.spec import find_data_folder, read_model
from bayes_alliance.tables import Dataset, build_panel, find_doubts, read_dataset
from bayes_alliance.tables.notation import parse_masks

__all__ = ["commands", "coverage", "save_coverage"]

Folder = Annotated[str, typer.Argument(help="A dataset's folder, or a shipped one's name.")]

commands = typer.Typer(no_args_is_help=True, help="Look at datasets, or start one.")

# The period in which an indicator of each frequency is expected once; an irregular one, such as
# a poll, is looked for in every year.
_PERIOD: Final = {"monthly": "M", "quarterly": "Q", "yearly": "Y", "irregular": "Y"}
_NAME: Final = {"M": "months", "Q": "quarters", "Y": "years"}


@commands.command("validate")
def validate(dataset: Folder) -> None:
    """Find every fault of a dataset, and name what looks like a slip."""
    with errors_to_status():
        folder = find_data_folder(dataset)
        if _of_dyads(folder):
            _read_dyads(folder)
            typer.echo("no faults")
            return
        doubts = find_doubts(read_dataset(folder))
        for doubt in doubts:
            echo_wrapped(f"doubt: {doubt}")
        typer.echo("no faults" + (f", {len(doubts)} to look at" if doubts else ""))


@commands.command("show")
def show(dataset: Folder,
         figure: Annotated[Path | None, typer.Option(
             help="File for a picture of what was observed when (.png).")] = None,
         model: Annotated[str, typer.Option(
             help="Draw only what this model uses, over its months.")] = "",
         ) -> None:
    """Print what a dataset holds, when, and what is missing; CSV where it is piped."""
    with errors_to_status():
        folder = find_data_folder(dataset)
        if model and figure is None and not _of_dyads(folder):
            raise ValueError(f"--model {model} says what a figure shows (allowed: with --figure)")
        if _of_dyads(folder):
            if figure is not None or model:
                raise ValueError(f"{dataset} holds many dyads by year: it has no figure, and a "
                                 "model over dyads is not chosen here (allowed: neither)")
            print_table(_dyad_coverage(_read_dyads(folder)))
            return
        tables = read_dataset(folder)
        table = coverage(tables)
        if is_terminal():
            for line in describe(tables, table):
                echo_wrapped(line)
        else:
            typer.echo(table.to_csv(index=False), nl=False)
        if figure is not None:
            save_coverage(tables, model, figure)
            typer.echo(str(figure))


@commands.command("init")
def init(folder: Annotated[Path, typer.Argument(help="An empty folder, or a new one.")],
         members: Annotated[str, typer.Option(
             help="The two states, with a comma between them.")] = "state_a,state_b",
         patron: Annotated[str, typer.Option(help="Their common ally.")] = "patron",
         start: Annotated[str, typer.Option(help="First month, YYYY-MM.")] = "2010-01",
         end: Annotated[str, typer.Option(help="Last month, YYYY-MM.")] = "2019-12",
         ) -> None:
    """Start a dataset and a model of your own pair, filled with made-up numbers."""
    with errors_to_status():
        from bayes_alliance.starter import MODEL_FILE, write_starter

        for path in write_starter(folder, members, patron, start, end):
            typer.echo(str(path))
        here, model = shlex.quote(str(folder)), shlex.quote(str(folder / MODEL_FILE))
        echo_wrapped("All numbers in them are made up. Replace the rows, and look at what you "
                     "have with:")
        for line in (f"data validate {here}", f"model show {model}",
                     f"report {model} --out {here}/report"):
            typer.echo(f"  bayes-alliance {line}")


def _of_dyads(folder: Path) -> bool:
    """Say whether a folder holds many dyads by year instead of one by month."""
    return (folder / "dyads.csv").is_file()


def _read_dyads(folder: Path) -> dict[str, pd.DataFrame]:
    from bayes_alliance.dyads.tables import read_tables

    return read_tables(folder)


def _dyad_coverage(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row an indicator: latent, level, rows, units, first and last year."""
    rows = tables["observations"].groupby("indicator")
    found = pd.DataFrame({"rows": rows.size(), "units": rows["unit"].nunique(),
                          "first": rows["year"].min().astype(int),
                          "last": rows["year"].max().astype(int)})
    about = tables["indicators"].set_index("indicator")[["latent", "level"]]
    return about.join(found, how="left").reset_index()


def coverage(tables: Dataset) -> pd.DataFrame:
    """Return one row an indicator: rows, first and last month, what is missing, masks.

    Returns
    -------
    pandas.DataFrame
        ``indicator``, ``latent``, ``member``, ``frequency``, ``rows``, ``first``, ``last``,
        ``missing`` (periods of the indicator's frequency without a row over the span of the
        whole dataset, years for an irregular one, as ranges ``2004..2008``), ``masks``.
    """
    observed = tables.observations
    span = (observed["start"].min(), observed["end"].max()) if len(observed) else None
    records = []
    for about in tables.indicators.itertuples():
        rows = observed[observed["indicator"] == about.indicator]
        records.append({
            "indicator": about.indicator, "latent": about.latent, "member": about.member,
            "frequency": about.frequency, "rows": len(rows),
            "first": str(rows["start"].min())[:7] if len(rows) else "",
            "last": str(rows["end"].max())[:7] if len(rows) else "",
            "missing": " ".join(_missing(rows, span, _PERIOD[str(about.frequency)])),
            "masks": "; ".join(f"{mask.start}..{mask.end} ({mask.reason})"
                               for mask in parse_masks(str(about.masks)))})
    return pd.DataFrame(records)


def _missing(rows: pd.DataFrame, span: tuple[Any, Any] | None, frequency: str) -> Iterator[str]:
    """Yield the ranges of periods within the span that no row touches."""
    if span is None:
        return
    periods = pd.period_range(span[0], span[1], freq=frequency)
    seen: set[pd.Period] = set()
    for row in rows.itertuples():
        seen.update(pd.period_range(row.start, row.end, freq=frequency))
    begin = None
    for period, after in zip(periods, [*periods[1:], None], strict=True):
        if period in seen:
            begin = None
            continue
        begin = begin or period
        if after is None or after in seen:
            yield _label(begin) if begin == period else f"{_label(begin)}..{_label(period)}"


def _label(period: pd.Period) -> str:
    """Return a period as ``2004``, ``2004-Q1`` or ``2004-01``."""
    return f"{period.year}-Q{period.quarter}" if period.freqstr.startswith("Q") else str(period)


def describe(tables: Dataset, table: pd.DataFrame) -> Iterator[str]:
    """Yield lines on a dataset for a reader; a line that belongs to the one before is indented."""
    observed = tables.observations
    yield (f"{tables.name}: {len(observed)} observations of {len(tables.indicators)} indicators, "
           f"{len(tables.events)} events, {len(tables.sources)} sources")
    for row in table.itertuples():
        yield f"{row.indicator}: {row.latent} of {row.member}, {row.frequency}"
        count = "1 row" if row.rows == 1 else f"{row.rows} rows"
        yield f"  {count}" + (f", {row.first} to {row.last}" if row.rows else "")
        yield f"  {_NAME[_PERIOD[str(row.frequency)]]} missing: {row.missing or 'none'}"
        if row.masks:
            yield f"  masked: {row.masks}"


def save_coverage(tables: Dataset, model: str, path: Path) -> None:
    """Draw what was observed when: all of a dataset, or what a model uses of it.

    Raises
    ------
    DataError
        If there is nothing to draw, or model and dataset do not fit together.
    """
    from bayes_alliance.plotting import plot_coverage

    if model:
        panel = build_panel(tables, read_model(model))
        rows, excluded, indicators = panel.rows, panel.excluded, panel.indicators
    else:
        indicators = tables.indicators.set_index("indicator")
        masked = _masked(tables)
        rows, excluded = tables.observations[~masked], tables.observations[masked]
    if not len(rows):
        raise DataError([Fault("observations.csv", "", "has no row to draw",
                               "at least one row outside masks")])
    drawn = io.BytesIO()
    plot_coverage(rows, excluded, indicators).savefig(
        drawn, dpi=130, format=path.suffix.removeprefix(".") or "png")
    write_whole(path, drawn.getvalue())


def _masked(tables: Dataset) -> pd.Series:
    """Return which observations touch a mask of their indicator."""
    masks = {row.indicator: parse_masks(str(row.masks)) for row in tables.indicators.itertuples()}
    touched = [any(pd.Period(row.start, "M") <= mask.end and pd.Period(row.end, "M") >= mask.start
                   for mask in masks[row.indicator])
               for row in tables.observations.itertuples()]
    return pd.Series(touched, index=tables.observations.index, dtype=bool)
