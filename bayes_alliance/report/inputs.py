"""What a report is made of: tables, figures' data and provenance, nothing that samples.

Invariant: every number that the page shows stands in one of these tables.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayes_alliance.checks import CheckResult
from bayes_alliance.forecast import Forecast
from bayes_alliance.inference import Fit
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["ReportInputs"]


@dataclass(frozen=True)
class ReportInputs:
    """Results of the main job.

    Attributes
    ----------
    spec, panel : ModelSpec, Panel
        What was modelled, on what.
    full, reference, prior : Fit
        H12, HX and the prior.
    leave_out : dict of str to Fit
        H12 without each episode's cohesion rows.
    episodes, evidence, verdicts, readings : pandas.DataFrame
        Tables of the hypotheses.
    forecast : Forecast
        "As now".
    posterior_check, prior_check : CheckResult
        Predictive checks.
    parameters : dict
        Prior and posterior draws of the main parameters.
    """

    spec: ModelSpec
    panel: Panel
    full: Fit
    reference: Fit
    prior: Fit
    leave_out: dict[str, Fit]
    episodes: pd.DataFrame
    evidence: pd.DataFrame
    verdicts: pd.DataFrame
    readings: pd.DataFrame
    forecast: Forecast
    posterior_check: CheckResult
    prior_check: CheckResult
    parameters: dict[str, Any]
