"""Inputs of a report in which every text of a user is hostile to a page or a figure."""

import datetime as dt
from dataclasses import replace
from functools import cache
from unittest import mock

import pandas as pd

from bayes_alliance.report.figures import Picture
from tests.helpers.report_inputs import make_inputs

__all__ = ["ADDRESSES", "TEXTS", "hostile_inputs", "hostile_page"]

# What each would do if it were taken for more than text.
TEXTS = (
    "<script>document.title='broken into'</script>",
    "<img src=x onerror=\"document.title='broken into'\">",
    "\"><svg onload=document.title='broken'>",
    "' onmouseover='alert(1)",
    "</title></style></script><script>alert(1)</script>",
    "<style>body{display:none}</style>",
    "</style><style>@import url(http://127.0.0.1:1/x.css)</style>",
    "<base href='http://127.0.0.1:1/'><meta http-equiv=refresh content='0;url=http://127.0.0.1:1'>",
    "<form action=http://127.0.0.1:1><button>go</button></form>",
    "<iframe src=http://127.0.0.1:1></iframe><a href=javascript:alert(1)>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "{{ 7 * 7 }}{% include 'x' %}",
    "$\\frac{1}{0$", "$", "a_{b}^{c", "\\usepackage{x}", "%s%(x)s{0}")
ADDRESSES = (
    "javascript:alert(1)", " javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "//127.0.0.1:1/x", "file:///etc/passwd",
    "https://example.org/\" onmouseover=\"alert(1)", "https://example.org/'><script>1</script>",
    "http://[::1", "https://example.org/a?b=<b>&c=\"d\"", "https://", "mailto:a@example.org")


def hostile_inputs():
    """Return a report's inputs with hostile names, notes, units, reasons, titles and addresses."""
    inputs = make_inputs()
    count = [0]

    def text():
        count[0] += 1
        return TEXTS[count[0] % len(TEXTS)]

    spec, panel = inputs.spec, inputs.panel
    scenarios = {name: one.model_copy(update={"title": text()})
                 for name, one in spec.scenarios.items()}
    outcomes = {name: one.model_copy(update={"title": text()})
                for name, one in spec.forecast.outcomes.items()}
    spec = spec.model_copy(update={
        "model": spec.model.model_copy(update={"title": " ".join(TEXTS)}), "scenarios": scenarios,
        "forecast": spec.forecast.model_copy(update={"outcomes": outcomes})})
    table = panel.indicators.assign(**{
        column: [text() for _ in range(len(panel.indicators))]
        for column in ("unit", "wording", "source")})
    events = panel.events.assign(
        event=[text() for _ in range(len(panel.events))],
        source=[ADDRESSES[at % len(ADDRESSES)] for at in range(len(panel.events))])
    masked = pd.DataFrame([{"indicator": table.index[0], "start": dt.date(2020, 2, 1),
                            "end": dt.date(2020, 3, 31), "reason": one} for one in TEXTS])
    labels = {one: TEXTS[at % len(TEXTS)] for at, one in enumerate(
        pd.unique(panel.governments.to_numpy().ravel()))}
    sources = pd.DataFrame([
        {"source": text(), "citation": text(), "address": address, "licence": text(),
         "redistribution": "open", "retrieved": text(), "sha256": text(), "note": text()}
        for address in ADDRESSES])
    return replace(
        inputs, spec=spec, sources=sources, forecast_sentence=" ".join(TEXTS),
        panel=replace(panel, indicators=table, events=events, excluded=masked, dataset=text(),
                      governments=panel.governments.replace(labels),
                      rows=panel.rows.assign(wave=text(), source=text())),
        prior_check=replace(inputs.prior_check, text=text(), table=inputs.prior_check.table.assign(
            unit=[text() for _ in range(len(inputs.prior_check.table))])),
        posterior_check=replace(inputs.posterior_check, text=text()),
        fits=tuple(replace(one, failures=(text(),), passed=False) for one in inputs.fits),
        provenance=inputs.provenance | {"versions": {text(): text()}, "created": text()})


@cache
def hostile_page():
    """Return the page of these inputs; its figures are blank, as they are images of the text."""
    from bayes_alliance.report import page

    names = ("cohesion", "threat", "credibility", "contributions", "fan", "fans", "coverage",
             "parameters", "ranks", "diagnostics", "predictive_threat", "predictive_credibility",
             "predictive_cohesion")
    blank = {name: Picture("data:,", "data:,", (1, 1), (1, 1), TEXTS[at % len(TEXTS)])
             for at, name in enumerate(names)}
    with mock.patch.object(page, "pictures", return_value=blank):
        return page.render(hostile_inputs())
