"""A small panel, faults to plant in the fit of it, and a run of simulations that must find them.

Invariant: truths and data come from the simulator, which is correct; a fault is planted only in
what is fitted, in the package's own model, and in one place. Priors are such that the fault is
no small one: states move fast against the noise, so that a month or a mean mistaken shows.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from bayes_alliance.checks import calibration
from bayes_alliance.checks.calibration import Simulation, run_simulation
from bayes_alliance.inference import Fit, fit_panel, load_model
from bayes_alliance.inference.compiled import clear_compiled
from bayes_alliance.model import Design, series
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["FAULTS", "NO_FAULT", "replication", "run_replication", "small_model"]

MONTHS = 36
SETTINGS = {"draws": 300, "tune": 200, "chains": 2}
_YEAR = 12
_DEPTH = 6
# Indicators: latent, member, months between two rows, month of the first, months of a row.
_INDICATORS = {
    "threat_monthly": ("threat", "rok", 1, 0, 1),
    "threat_other": ("threat", "japan", 2, 0, 1),
    "credibility_first": ("credibility", "rok", 2, 0, 1),
    "credibility_other": ("credibility", "japan", 3, 1, 1),
    "cohesion_yearly": ("cohesion", "", _YEAR, 0, _YEAR),
    "cohesion_monthly": ("cohesion", "", 2, 1, 1)}
# Median and sd of the logarithm.
_PRIORS = {
    "half_life_threat": (2.0, 0.3), "half_life_credibility": (2.0, 0.3),
    "half_life_cohesion": (2.0, 0.3), "loading_mean": (1.0, 0.2), "loading_spread": (0.1, 0.2),
    "noise_mean": (0.1, 0.2), "noise_spread": (0.1, 0.2)}


def small_model() -> tuple[ModelSpec, Panel]:
    """Return three years of six indicators with normal noise, one of them yearly."""
    spec, panel = load_model("rok_japan")
    months = slice(0, MONTHS)
    table = pd.concat([panel.indicators.iloc[[0]]] * len(_INDICATORS))
    table.index = pd.Index(list(_INDICATORS), name="indicator")
    table = table.assign(
        latent=[about[0] for about in _INDICATORS.values()],
        member=[about[1] or panel.dyad for about in _INDICATORS.values()], family="normal",
        own_error=False, season=False, shared_item="", orientation=1)
    table["covariates"] = [()] * len(table)
    table["mode_changes"] = [()] * len(table)
    small = replace(
        panel, time=panel.time[months], indicators=table, rows=_rows(panel, table),
        drivers=panel.drivers.iloc[months], rivals=panel.rivals.iloc[months],
        governments=panel.governments.iloc[months], covariates=panel.covariates.iloc[months])
    first, last = ((str(small.time[k]), str(small.time[k + _YEAR - 1]))
                   for k in (0, MONTHS - _YEAR))
    episode = next(iter(spec.episodes.values())).model_copy(
        update={"window": last, "baselines": {"first year": first}})
    priors = {name: type(getattr(spec.priors, name))(median=median, sd=sd)
              for name, (median, sd) in _PRIORS.items()}
    return spec.model_copy(update={
        # A fault can bend the posterior into shapes in which trees would grow without end.
        "sampler": spec.sampler.model_copy(update={"max_depth": _DEPTH}),
        "episodes": {"last year": episode},
        "priors": spec.priors.model_copy(update=priors)}), small


def _rows(panel: Panel, table: pd.DataFrame) -> pd.DataFrame:
    template = panel.rows.iloc[0].to_dict()
    rows = []
    for name, (latent, _, step, start, length) in _INDICATORS.items():
        for first in range(start, MONTHS - length + 1, step):
            rows.append(template | {
                "indicator": name, "latent": latent, "member": table.at[name, "member"],
                "family": "normal", "start_month": first, "end_month": first + length - 1,
                "y": 0.0, "n": 0, "mode": 0, "calendar_month": 1,
                # Two polls share their waves.
                "wave": f"wave {first}" if name in ("threat_other", "credibility_first") else ""})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Fault:
    """A fault: a change of the design's arrays, or of the model while it is compiled."""

    what: str
    design: Callable[[Design], Design] = lambda design: design
    model: Callable[[], Any] | None = None


def _other_sign(design: Design) -> Design:
    oriented = design.data["oriented"].copy()
    oriented[design.rows["indicator"] == "credibility_first"] *= -1.0
    return design.with_data(oriented=oriented)


def _month_later(design: Design) -> Design:
    monthly = (design.rows["indicator"] == "threat_monthly").to_numpy()
    later = {name: np.where(monthly, np.minimum(design.data[name] + 1, most),
                            design.data[name])
             for name, most in (("first", MONTHS - 1), ("stop", MONTHS),
                                ("middle_month", MONTHS - 1))}
    return design.with_data(**later)


def _last_month(design: Design) -> Design:
    yearly = design.data["stop"] - design.data["first"] > 1
    return design.with_data(first=np.where(yearly, design.data["stop"] - 1, design.data["first"]))


def _short_jacobian() -> Any:
    right = series._Whitening.log_jac_det
    return mock.patch.object(series._Whitening, "log_jac_det",
                             lambda self, *inputs: 0.8 * right(self, *inputs))


NO_FAULT = "none"
FAULTS: dict[str, Fault] = {
    "jacobian": Fault("a fifth of the series' log Jacobian is missing", model=_short_jacobian),
    "sign": Fault("an indicator of credibility is read with the other sign", _other_sign),
    "month": Fault("a monthly indicator of threat is read a month late", _month_later),
    "yearly_mean": Fault("a yearly figure is read as its last month", _last_month),
    NO_FAULT: Fault("nothing: a correct model must not be called uneven")}


@contextmanager
def _planted(fault: Fault) -> Iterator[Callable[..., Fit]]:
    """Give a fit with the fault; what is compiled with it is neither looked for nor kept."""
    def fitted(spec: ModelSpec, panel: Panel, *, design: Design, **settings: Any) -> Fit:
        return fit_panel(spec, panel, design=fault.design(design), **settings)

    if fault.model is None:
        yield fitted
        return
    clear_compiled()
    try:
        with (TemporaryDirectory() as folder, fault.model(),
              mock.patch.dict(os.environ, {"BAYES_ALLIANCE_CACHE": folder})):
            yield fitted
    finally:
        clear_compiled()


def replication(name: str, number: int, simulations: int) -> tuple[pd.DataFrame, int]:
    """Return the ranks of one run of simulations with a fault planted, and how many fits failed.

    Parameters
    ----------
    name : str
        A key of :data:`FAULTS`.
    number : int
        Of the replication; with the fault's name it is the seed.
    simulations : int
        How many.
    """
    spec, panel = small_model()
    seed = 1000 * (1 + list(FAULTS).index(name)) + number
    with _planted(FAULTS[name]) as fitted:
        done = [run_simulation(spec, panel, Simulation("", "prior", k, seed, **SETTINGS), fitted)
                for k in range(simulations)]
    return (pd.concat([pd.DataFrame(one["quantities"]) for one in done], ignore_index=True),
            sum(not one["fit"]["passed"] for one in done))


def run_replication(key: str, item: tuple[str, int, int]) -> dict[str, Any]:
    """Return whether the ranks of a replication are uneven, and where most; a task of ``many``."""
    name, number, simulations = item
    table, failed_gate = replication(name, number, simulations)
    found = calibration(table).table.sort_values("p_value")
    if not np.isfinite(found["p_value"]).all():
        raise ValueError("a test of uniformity gave no finite p-value")
    # Too few draws could make ranks uneven without a fault of the model.
    sound = found[found["failed"] == 0]
    return {"fault": name, "replication": number, "simulations": simulations,
            "quantities": len(found), "uneven": bool((~found["uniform"]).any()),
            "uneven_sound": bool((~sound["uniform"]).any()), "failed_gate": failed_gate,
            "uneven_quantities": int((~found["uniform"]).sum()),
            "smallest_p_value": float(found["p_value"].iloc[0]),
            "quantity": str(found["quantity"].iloc[0]),
            "failed": int(found["failed"].sum())}
