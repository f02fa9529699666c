"""Results to one self-contained page and its machine-readable tables."""

from bayes_alliance.report.inputs import ReportInputs
from bayes_alliance.report.job import make_report, run_main_job
from bayes_alliance.report.machine import FILES

__all__ = ["FILES", "ReportInputs", "make_report", "run_main_job"]
