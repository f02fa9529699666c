"""The page: one self-contained HTML file.

Invariant: no result is written in a template; text from a user's tables is escaped; the page
loads nothing from anywhere and runs nothing.
"""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from bayes_alliance import constants as c
from bayes_alliance.plotting.style import country
from bayes_alliance.report import details, forecasts, leanings, observed, summary, wording
from bayes_alliance.report.backtests import backtest_section
from bayes_alliance.report.figures import pictures
from bayes_alliance.report.inputs import ReportInputs
from bayes_alliance.report.machine import FILES, write_text
from bayes_alliance.spec import shipped_models

__all__ = ["PAGE", "render", "write_report"]

PAGE = "index.html"


def write_report(results: ReportInputs, out: Path) -> Path:
    """Write the page of a report.

    Parameters
    ----------
    results : ReportInputs
        Results of the main job.
    out : pathlib.Path
        Folder; made if it does not exist.

    Returns
    -------
    pathlib.Path
        ``out/index.html``, replaced whole.
    """
    text = render(results)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / PAGE, text)
    return out / PAGE


def render(results: ReportInputs) -> str:
    """Return the page as text; see :func:`write_report`."""
    environment = Environment(
        loader=PackageLoader("bayes_alliance.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters.update(
        country=country, minus=wording.minus, month=wording.month, number=wording.number,
        percent=wording.percent, probability=wording.probability, window=wording.window)
    screen = {"rows": summary.first_screen(results), "flags": summary.flags(results),
              "sentences": summary.sentences(results),
              "headlines": summary.headlines(results), "unseen": observed.unseen(results),
              "ally": summary.ally(results), "caveat": summary.caveat(results),
              "observations": observed.in_windows(results)}
    tables = {name: getattr(module, name)(results) for module in (details, leanings)
              for name in module.__all__}
    return environment.get_template("page.html.j2").render(
        spec=results.spec, panel=results.panel, screen=screen, tables=tables,
        figures=pictures(results), fits=results.fits, full=results.full,
        backtest=backtest_section(results),
        ahead={name: getattr(forecasts, name)(results) for name in forecasts.__all__},
        provenance=results.provenance,
        forecast_sentence=results.forecast_sentence,
        findings={name: getattr(results, name) for name in (
            "cut", "periods", "prior_scales", "sensitivity")},
        coefficients=c.COEFFICIENTS,
        last_month=str(results.panel.time[-1]), checks=(results.prior_check,
                                                        results.posterior_check),
        grid_size=_specifications(results), grid_apart=_specifications(results, converged=False),
        shares=summary.SHARES, paths=c.PATHS, latents=c.LATENTS,
        predicted={path: summary.predicted(results, path) for path in c.PATHS},
        files=[PAGE, *FILES, "diagnostics.json"], kinds=_trigger_kinds(results),
        measured=_measures_of_cohesion(results),
        shipped=results.spec.model.name in shipped_models())


def _trigger_kinds(results: ReportInputs) -> list[str]:
    """Return the kinds of events in the model's rivals."""
    return list(dict.fromkeys(kind for rival in results.spec.rivals.values()
                              for kind in rival.kinds))


def _measures_of_cohesion(results: ReportInputs) -> list[str]:
    """Return of which kinds the indicators of cohesion are."""
    table = results.panel.indicators
    return sorted(set(table.loc[table["latent"] == c.COHESION, "kind"]))


def _specifications(results: ReportInputs, *, converged: bool | None = None) -> int:
    """Return how many specifications the grid has, or how many of them converged or did not."""
    grid = results.grid
    if grid.empty:
        return 0
    if converged is not None:
        grid = grid[grid["converged"].astype(bool) == converged]
    return int(grid["specification"].nunique())
