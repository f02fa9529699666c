"""The page: one self-contained HTML file.

Invariant: no number is written in the template; text from a user's tables is escaped; the page
loads nothing from anywhere.
"""

import base64
import io
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from bayes_alliance import constants as c
from bayes_alliance import plotting
from bayes_alliance.report.inputs import ReportInputs
from bayes_alliance.report.machine import diagnostics_summary, write_text
from bayes_alliance.report.summary import caveat, first_screen, observations_in_windows, sentences

__all__ = ["write_page"]

_FANS = 8


def write_page(inputs: ReportInputs, out: Path) -> Path:
    """Render ``index.html``.

    Parameters
    ----------
    inputs : ReportInputs
        Results of the main job.
    out : pathlib.Path
        Existing folder.

    Returns
    -------
    pathlib.Path
        The page.
    """
    environment = Environment(loader=PackageLoader("bayes_alliance.report"), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["signed"] = lambda value: f"{value:+.2f}"
    environment.filters["share"] = lambda value: f"{100 * value:.0f}%"
    text = environment.get_template("page.html.j2").render(
        spec=inputs.spec, rows=first_screen(inputs), sentences=sentences(inputs),
        observations=observations_in_windows(inputs), caveat=caveat(inputs),
        readings=inputs.readings.to_dict("records"), figures=_figures(inputs),
        episodes=_episode_rows(inputs.episodes), evidence=_records(inputs.evidence),
        verdicts=_records(inputs.verdicts), diagnostics=diagnostics_summary(inputs),
        indicators=_indicator_rows(inputs), forecast_sentence=inputs.forecast.sentence,
        priors=_records(inputs.spec.priors.table()), checks=[inputs.prior_check.text,
                                                             inputs.posterior_check.text])
    page = out / "index.html"
    write_text(page, text)
    return page


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _episode_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    keep = table[~table["quantity"].str.startswith("share_")]
    return _records(keep)


def _indicator_rows(inputs: ReportInputs) -> list[dict[str, Any]]:
    counts = inputs.panel.rows.groupby("indicator").size()
    rows = []
    for name, row in inputs.panel.indicators.iterrows():
        rows.append({"indicator": name, "latent": row["latent"], "wording": row["wording"],
                     "family": row["family"], "rows": int(counts[name]),
                     "licence": row["licence"], "source": row["source"]})
    return rows


def _figures(inputs: ReportInputs) -> dict[str, dict[str, str]]:
    """Return every figure as a data address with its alternative text."""
    states, panel, spec = inputs.full.states, inputs.panel, inputs.spec
    cohesion = states[states["latent"] == c.COHESION].set_index("time")["q50"]
    low, high = cohesion.idxmin(), cohesion.idxmax()
    figures = {
        "cohesion": (plotting.plot_states(states, panel, spec),
                     f"Cohesion month by month; its median is lowest in {low} "
                     f"({cohesion[low]:+.2f}) and highest in {high} ({cohesion[high]:+.2f})."),
        "contributions": (plotting.plot_contributions(inputs.episodes),
                          "Contributions to each episode's change with 90% intervals, by "
                          "baseline; the numbers stand in the table below."),
        "coverage": (plotting.plot_coverage(panel.rows, panel.excluded, panel.indicators),
                     f"{len(panel.rows)} observations of {len(panel.indicators)} indicators by "
                     "month; gaps are left empty."),
        "parameters": (plotting.plot_prior_posterior(inputs.parameters),
                       "Prior and posterior of the path coefficients, half-lives and the "
                       "spread of government effects."),
        "predictive": (plotting.plot_predictive(inputs.posterior_check.table),
                       inputs.posterior_check.text),
        "fans": (_fans(inputs), inputs.forecast.sentence),
    }
    for construct in c.PATHS:
        part = states[states["latent"] == construct]
        ends = ", ".join(f"{member} {rows['q50'].iloc[-1]:+.2f}"
                         for member, rows in part.groupby("member", sort=False))
        figures[construct] = (plotting.plot_drivers(states, panel, spec, construct),
                              f"{construct.capitalize()} of both members and their gap; medians "
                              f"in the last month: {ends}.")
    return {name: {"source": _encode(figure), "alt": alt}
            for name, (figure, alt) in figures.items()}


def _fans(inputs: ReportInputs) -> Figure:
    """Draw cohesion, the drivers and the cohesion indicators observed longest."""
    panel = inputs.panel
    counts = panel.rows[panel.rows["latent"] == c.COHESION]["indicator"].value_counts()
    series = [name for name in inputs.spec.series if name != c.COHESION]
    targets = [c.COHESION, *series, *counts.index[:_FANS - 1 - len(series)]]
    states = inputs.full.states.copy()
    states["target"] = [latent if latent == c.COHESION else f"{latent}_{member}"
                        for latent, member in zip(states["latent"], states["member"],
                                                  strict=True)]
    states = states.rename(columns={"q50": "value"})[["target", "time", "value"]]
    observed = pd.DataFrame({"target": panel.rows["indicator"],
                             "time": [str(day)[:7] for day in panel.rows["start"]],
                             "value": panel.rows["value"]})
    past = pd.concat([states, observed])
    return plotting.plot_fans(inputs.forecast.table, past[past["time"] >= "2015"], targets)


def _encode(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

