"""Results to one self-contained page and its machine-readable tables."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_alliance.report.inputs import CheckSummary, FitSummary, ReportInputs
from bayes_alliance.report.machine import FILES, write_machine_files
from bayes_alliance.report.page import write_report

if TYPE_CHECKING:
    from bayes_alliance.report.beside import (
        read_backtest,
        read_beside,
        read_grid,
        read_power,
        read_stones,
        write_backtest,
        write_grid,
        write_power,
        write_stones,
    )
    from bayes_alliance.report.job import FitShelf, make_report, run_main_job

__all__ = ["FILES", "CheckSummary", "FitShelf", "FitSummary", "ReportInputs", "make_report",
           "read_backtest", "read_beside", "read_grid", "read_power", "read_stones", "run_main_job",
           "write_backtest", "write_grid", "write_machine_files", "write_power", "write_report",
           "write_stones"]
_LATER = {"FitShelf": "job", "make_report": "job", "run_main_job": "job",
          "read_backtest": "beside", "read_grid": "beside", "read_stones": "beside",
          "read_beside": "beside", "read_power": "beside", "write_power": "beside",
          "write_backtest": "beside", "write_grid": "beside", "write_stones": "beside"}


def __getattr__(name: str) -> Any:
    """Import the main job on first use: writing a page from results needs no sampler."""
    if name not in _LATER:
        raise AttributeError(f"module 'bayes_alliance.report' has no attribute {name!r}")
    return getattr(import_module(f"bayes_alliance.report.{_LATER[name]}"), name)
