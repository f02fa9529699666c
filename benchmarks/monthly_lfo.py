"""Score every month by what was known before it, under HX and H12, with exact refits.

    python benchmarks/monthly_lfo.py [--out reports/validation]

``arviz.lfo_cv`` with ``method="exact"``: at each month from the first episode's first to the last
that has a row, the flagship is fitted to the rows that end before it, and the rows that end in it
are scored together. Rows of the month have new errors of their own, and a monthly indicator's own
error is carried on from its last known row. The posterior is not conditioned on anything later; the
drivers, governments and administrations of the month are known.

A month's score is the mean of a density over draws. Where few of them bear it (under a hundred by
Kish's count, under either hypothesis) it is not known, nor is its Monte Carlo error: such a month
has no figure of its own, as months with many rows have none. A single month tells little anyway, so
differences are added up by episode; what counts is the ratio of H12's posterior density of no
effect before and after the window's rows (Savage-Dickey), which is the same difference with the
errors of two fits only and without a mean of densities.

Fits are kept in ``build/monthly_lfo`` as they are made; an interrupted run goes on.
"""

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats import SamplingWrapper

from bayes_alliance import constants as c
from bayes_alliance.files import write_whole
from bayes_alliance.hypotheses.savage_dickey import log_density_at_zero
from bayes_alliance.inference import LEAVE_OUT_GATE, Fit, fit_panel, load_model, package_versions
from bayes_alliance.inference.result import require_finished
from bayes_alliance.model import Design, build_design
from bayes_alliance.model.predict import flatten, log_likelihood
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import ModelSpec, posterior_hash
from bayes_alliance.tables import Panel
from benchmarks.provenance import READ, ROOT, SAMPLED, code_hash, script_hash
from benchmarks.runs import folder_of

HYPOTHESES: Final = ("HX", "H12")
SETTINGS: Final = {"chains": 2, "tune": 500, "draws": 1000}
COLUMNS: Final = ("month", "rows", "HX", "H12", "difference", "error", "bearing", "ratio",
                  "ratio_error", "passed")
FEWEST: Final = 100.0
ALL: Final = (0, 1, 2, 3)
CODE: Final = (*SAMPLED, *READ, "hypotheses/paths.py", "hypotheses/regression.py",
               "hypotheses/savage_dickey.py")


class Months(SamplingWrapper):
    """Refits for ``arviz.lfo_cv``: observations are months, each with all rows that end in it."""

    def __init__(self, spec: ModelSpec, panel: Panel, hypothesis: str, folder: Path) -> None:
        super().__init__(None, idata_orig=None)
        self.spec, self.panel, self.hypothesis, self.folder = spec, panel, hypothesis, folder
        self.design: Design = build_design(spec, panel, hypothesis)
        self.last = self.design.rows["end_month"].to_numpy()
        self.months = int(self.last.max()) + 1
        self.passed: dict[int, bool] = {}

    def scores(self, fit: Fit, month: int) -> np.ndarray:
        """Return the log density of a month's rows given those before, shape (chain, draw)."""
        samples = flatten(fit.posterior)
        upto, before = (log_likelihood(samples, self.design.with_rows(self.last <= at), self.spec)
                        for at in (month, month - 1))
        return (upto - before).reshape(fit.posterior.sizes["chain"], -1)

    def whole(self, first: int) -> xr.DataTree:
        """Return the scores of the fit to all rows, zero before the first month that is judged."""
        fit = self.fitted(self.months)
        found = np.stack([self.scores(fit, month) if month >= first else
                          np.zeros((SETTINGS["chains"], fit.posterior.sizes["draw"]))
                          for month in range(self.months)], axis=-1)
        array = xr.DataArray(found, dims=("chain", "draw", c.DIM_TIME), coords={
            c.DIM_TIME: [str(month) for month in self.panel.time[:self.months]]})
        return xr.DataTree.from_dict({"posterior": fit.posterior,
                                      "log_likelihood": xr.Dataset({"month": array})})

    def fitted(self, month: int) -> Fit:
        """Fit to what ends before a month; say what the density of the coefficients at zero is."""
        fit = require_finished(fit_panel(
            self.spec, self.panel, hypothesis=self.hypothesis,
            design=self.design.with_rows(self.last < month), gate=LEAVE_OUT_GATE, seed=month,
            **SETTINGS))
        zero = log_density_at_zero(fit, ALL) if self.hypothesis == "H12" else (np.nan, np.nan)
        self.keep(month, zero=zero, passed=fit.diagnostics.passed,
                  scores=self.scores(fit, month) if month < self.months else np.zeros((2, 1)))
        print(self.hypothesis, month, fit.diagnostics.passed, flush=True)
        return fit

    def keep(self, month: int, **found: Any) -> None:
        """Write what a month's fit gave; the file is whole or not there."""
        np.savez_compressed(content := io.BytesIO(), **found)
        write_whole(self.place(month), content.getvalue())

    def place(self, month: int) -> Path:
        """Return where what a month's fit gave is kept."""
        return self.folder / f"{self.hypothesis}-{month:03d}.npz"

    def kept(self, month: int, name: str) -> np.ndarray:
        """Return what a month's fit gave."""
        with np.load(self.place(month)) as found:
            return np.asarray(found[name])

    def bearing(self, month: int) -> float:
        """Return how many draws bear a month's mean density, by Kish's count."""
        weight = np.exp((scores := self.kept(month, "scores")) - scores.max())
        return float(weight.sum() ** 2 / (weight**2).sum())

    def errors(self, month: int) -> float:
        """Return the Monte Carlo error of the log of a month's mean density."""
        scores = self.kept(month, "scores")
        relative = np.exp(scores - scores.max())
        return float(np.asarray(az.mcse(relative, method="mean")) / relative.mean())

    # What arviz.lfo_cv calls.

    def sel_observations(self, idx: np.ndarray) -> tuple[int, np.ndarray]:
        """Return the first month that is not known, and all of those."""
        return int(idx[0]), idx

    def sample(self, modified_observed_data: int) -> int:
        """Fit to what ends before a month, and keep the scores of that month."""
        if not self.place(modified_observed_data).is_file():
            self.fitted(modified_observed_data)
        return modified_observed_data

    def get_inference_data(self, fitted_model: int) -> int:
        """Return the month, whose scores are on disk."""
        return fitted_model

    def log_likelihood__i(self, excluded_obs: np.ndarray, idata__i: int) -> xr.DataArray:
        """Return the scores of the first month left out; those of later ones are not asked for."""
        scores, self.passed[idata__i] = (self.kept(idata__i, "scores"),
                                         bool(self.kept(idata__i, "passed")))
        found = np.full((*scores.shape, len(excluded_obs)), np.nan)
        found[..., 0] = scores
        return xr.DataArray(found, dims=("chain", "draw", c.DIM_TIME))


def table_of(found: dict[str, Any], months: dict[str, Months], first: int) -> pd.DataFrame:
    """Return one row a month: its rows, what each hypothesis gave them, the difference."""
    one = months[HYPOTHESES[0]]
    table = pd.DataFrame({name: np.asarray(found[name].elpd_i) for name in HYPOTHESES})
    at = np.arange(first, one.months)
    table["month"] = [str(one.panel.time[month]) for month in at]
    table["rows"] = [int((one.last == month).sum()) for month in at]
    table["difference"] = table["H12"] - table["HX"]
    table["error"] = [float(np.hypot(*(mine.errors(month) for mine in months.values())))
                      for month in at]
    table["bearing"] = [min(mine.bearing(month) for mine in months.values()) for month in at]
    table.loc[table["bearing"] < FEWEST, [*HYPOTHESES, "difference", "error"]] = np.nan
    # Of H12 alone: what the month's rows take from the density of no effect.
    zero = np.array([months["H12"].kept(month, "zero") for month in (*at, one.months)])
    table["ratio"] = zero[:-1, 0] - zero[1:, 0]
    table["ratio_error"] = np.hypot(zero[:-1, 1], zero[1:, 1])
    table["passed"] = [all(mine.passed[month] for mine in months.values()) for month in at]
    return table[list(COLUMNS)]


def by_episode(table: pd.DataFrame, spec: ModelSpec, months: dict[str, Months], first: int
               ) -> dict[str, dict[str, float]]:
    """Return the added differences of every episode's window and of all months, in nats.

    ``difference``, ``se`` and ``error`` are of the months that are ``known``.
    ``failed`` counts the months of which a fit did not pass its gate, ``end_passed`` says whether
    that after the window did. ``se`` tells how the months differ, ``error`` the Monte Carlo error
    of the sum; ``ratio`` is the same difference by the ratio of H12's density of no effect at both
    ends of the window, whose errors do not add up over months.
    """
    windows = {name: episode.window for name, episode in spec.episodes.items()}
    windows["all months"] = (str(table["month"].min()), str(table["month"].max()))
    found = {}
    for name, (begin, end) in windows.items():
        part = table[table["month"].between(begin, end)]
        known = part[part["bearing"] >= FEWEST]
        ends = months["H12"]
        zero = [ends.kept(first + at, "zero") for at in (part.index[0], part.index[-1] + 1)]
        found[name] = {"months": len(part), "rows": int(part["rows"].sum()),
                       "known": len(known), "difference": float(known["difference"].sum()),
                       "se": float(np.sqrt(len(known) * known["difference"].var(ddof=0))),
                       "error": float(np.sqrt((known["error"]**2).sum())),
                       "ratio": float(zero[0][0] - zero[1][0]),
                       "ratio_error": float(np.hypot(zero[0][1], zero[1][1])),
                       "failed": int((~part["passed"]).sum()),
                       "end_passed": bool(ends.kept(first + part.index[-1] + 1, "passed"))}
    return found


def stamp_of(spec: ModelSpec, panel: Panel) -> dict[str, Any]:
    """Return what the scores are made from."""
    return {"code_hash": code_hash(*CODE), "script_hash": script_hash("monthly_lfo"),
            "spec_hash": posterior_hash(spec), "data_hash": panel.data_hash, "settings": SETTINGS}


def main() -> None:
    """Score the months."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "validation")
    options = parser.parse_args()
    spec, panel = load_model("rok_japan")
    stamp = stamp_of(spec, panel) | {"versions": package_versions()}
    folder = folder_of(ROOT / "build" / "monthly_lfo", stamp)
    folder.mkdir(parents=True, exist_ok=True)
    first = min(panel.window(episode.window).start for episode in spec.episodes.values())
    months = {name: Months(spec, panel, name, folder) for name in HYPOTHESES}
    found = {name: az.lfo_cv(mine.whole(first), mine, min_observations=first, forecast_horizon=1,
                             time_dim=c.DIM_TIME, pointwise=True, method="exact")
             for name, mine in months.items()}
    table = table_of(found, months, first)
    summary = {**stamp, "episodes": by_episode(table, spec, months, first),
               "hypotheses": {name: {"elpd": float(one.elpd), "se": float(one.se),
                                     "p": float(one.p)} for name, one in found.items()}}
    write_text(options.out / "monthly_lfo.csv", table.to_csv(
        index=False, float_format="%.5g", lineterminator="\n"))
    write_text(options.out / "monthly_lfo.json", json.dumps(summary, indent=1) + "\n")
    print(json.dumps(summary["episodes"], indent=1))


if __name__ == "__main__":
    main()
