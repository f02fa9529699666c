"""The goals of speed, what was measured, and by how much a goal is missed: one table.

    python benchmarks/performance.py [--results reports/validation] [--out reports/performance.md]

Measures nothing: it reads what ``speed``, ``seeds``, ``startup``, ``report_time``, ``scaling``,
``dynamics`` and ``throughput`` have written, and says so where a result is missing, is not of what
is asked, or was made from other code, another model file or other data. ``make benchmark`` runs all
of them, then this.

Invariant: every number of the table stands in one of those files.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd

from bayes_alliance.inference import load_model
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import posterior_hash
from benchmarks.dynamics import OPTIONS
from benchmarks.peers.summary import APART
from benchmarks.provenance import ROOT, SAMPLED, code_hash
from benchmarks.speed import FEWEST_SEEDS
from benchmarks.throughput import CODE as THROUGHPUT


@dataclass(frozen=True)
class Goal:
    """What is asked of a figure.

    Attributes
    ----------
    what : str
    file : str
        Where it stands, below the folder of results.
    read : callable
        Returns the figure from the file's content.
    goal : float
    most : bool
        Whether the figure may be at most the goal; at least, otherwise.
    unit : str
    digits : int
    """

    what: str
    file: str
    read: Callable[[Any], float]
    goal: float
    most: bool = False
    unit: str = ""
    digits: int = 1

    def judge(self, value: float) -> str:
        """Return whether the goal is met, or by which factor it is missed."""
        if (value <= self.goal) if self.most else (value >= self.goal):
            return "met"
        ratio = value / self.goal if self.most else self.goal / value
        return f"missed by a factor of {ratio:.{2 if ratio < 1.1 else 1}f}"


class NotComparable(ValueError):
    """A figure is there, but is not one of what is asked; the message says why."""


def _exponent(against: str, cost: str) -> Callable[[Any], float]:
    def read(found: dict[str, Any]) -> float:
        if found["not_measured"]:
            raise NotComparable(f"not measured at {', '.join(found['not_measured'])}")
        short = [one["name"] for one in found["sizes"]
                 if cost != "gradient" and not all(fit["passed"] for fit in one["fits"])]
        if short:
            raise NotComparable(f"not comparable: fits fail the gate at {', '.join(short)}")
        return float(found["exponents"][against][cost]["exponent"])

    return read


def _median(name: str) -> Callable[[Any], float]:
    return lambda found: float(found["median"][name])


def _ratio(peer: str) -> Callable[[Any], float]:
    def read(found: dict[str, Any]) -> float:
        if (runs := found["peers"].get(peer, {"runs": 0})["runs"]) < FEWEST_SEEDS:
            raise NotComparable(f"not comparable: {runs} of at least {FEWEST_SEEDS} seeds were run")
        # A run with a chain that broke down would flatter the other side.
        value = found["ratio"][peer]["mixed"]
        if value is None:
            raise NotComparable("not comparable: in every run a chain stands apart")
        if not found["same_posterior"][peer]["same"]:
            raise NotComparable("not comparable: the posteriors are not the same")
        return float(value)

    return read


def _share_of_options(found: pd.DataFrame) -> float:
    """Return the share of options that passed with every seed, in percent.

    An option that was not run did not pass, nor did one with fewer seeds than others.
    """
    passed = found.groupby("option")["passed"]
    whole = passed.all() & (passed.size() == passed.size().max())
    return float(100.0 * whole.sum() / len({*OPTIONS, *whole.index}))


GOALS: Final = (
    Goal("least effective draws a second over Stan's, same coordinates", "speed/speed.json",
         _ratio("stan_same"), 25.0, unit="x"),
    Goal("the same over PyMC as its documentation teaches", "speed/speed.json",
         _ratio("pymc_idiomatic"), 60.0, unit="x"),
    Goal("of 20 seeds, passed with default settings", "seeds.csv",
         lambda found: float(found["passed"].sum()), 20.0, digits=0),
    Goal("start of Python to first draw (of warm-up), warm", "startup.json",
         _median("warm_first_draw"), 8.0, most=True, unit=" s"),
    Goal("start of Python to first draw (of warm-up), cold", "startup.json",
         _median("cold_first_draw"), 20.0, most=True, unit=" s", digits=0),
    Goal("first fit with its compilation over a refit with other data, before sampling",
         "startup.json", _median("refit_setup_gain"), 10.0, unit="x", digits=0),
    Goal("first fit with its compilation over a refit with other data, whole", "startup.json",
         _median("refit_gain"), 10.0, unit="x"),
    Goal("`make report`, warm", "report_time.json", lambda found: float(found["median"]), 180.0,
         most=True, unit=" s", digits=0),
    Goal("exponent of a gradient's cost against months", "scaling.json",
         _exponent("months", "gradient"), 1.0, most=True, digits=2),
    Goal("exponent of a fit's cost against months", "scaling.json", _exponent("months", "fit"),
         1.0, most=True, digits=2),
    Goal("exponent of a gradient's cost against indicators", "scaling.json",
         _exponent("indicators", "gradient"), 1.0, most=True, digits=2),
    Goal("exponent of a fit's cost against indicators", "scaling.json",
         _exponent("indicators", "fit"), 1.0, most=True, digits=2),
    Goal("options of the dynamics that pass the gate with every seed", "dynamics.csv",
         _share_of_options, 100.0, unit="%", digits=0),
)
# Ratios without a goal.
UNJUDGED: Final = {
    "stan_textbook": "Stan's least effective draws a second, in textbook parameters",
    "numpyro": "NumPyro's",
    "limit": "ours is the limit, an independent normal at the same cost of a gradient"}
# Peers whose build from nothing is counted too; the limit's is that of ours.
BUILT: Final = {"stan_same": "Stan's in the same coordinates",
                "stan_textbook": "Stan's in textbook parameters", "pymc_idiomatic": "PyMC's",
                "numpyro": "NumPyro's"}
# Ways that were tried and lost, each as it was measured when it was tried.
TRIED: Final = (
    "A mass matrix of low rank from nutpie: half the steps, five times the time of each, and a "
    "minute of eigenvectors.",
    "A fixed integration time: warm-up breaks down from some starts.",
    "Curvature averaged over a pilot run instead of that at the mode: half the steps, a third to "
    "two thirds of the effective draws.",
    "Half-centred errors of polls' waves: their spread mixes three times worse.",
    "Scaling intercepts by the noise, shifting them by the mean of the series: no gain.",
    "A dense map of the hyperparameters: 55 microseconds a gradient, most of it cache misses; the "
    "one in use keeps 4,000 of 137,000 elements.",
    "Compiling less for the first draw: half of it is LLVM and a third Numba's and PyTensor's "
    "Python. Machine code is kept by structure instead, so it is paid once an installation.",
)


def contents(path: Path) -> Any:
    """Return a result of JSON or CSV, None if it is not there."""
    if not path.is_file():
        return None
    return pd.read_csv(path) if path.suffix == ".csv" else json.loads(path.read_text("utf-8"))


def made_from(found: Any, of: str) -> set[str]:
    """Return the hashes of one kind, such as ``code_hash``, that a result was made from."""
    if isinstance(found, pd.DataFrame):
        return set(found.get(of, ()))
    if "made_from" in found:
        return {one[of] for one in found["made_from"].values()}
    return {found[of]} if of in found else set()


def table_of(folder: Path) -> pd.DataFrame:
    """Return every goal with what was measured.

    Returns
    -------
    pandas.DataFrame
        ``what``, ``goal``, ``measured``, ``verdict``, ``file``; of a result that is not there,
        ``verdict`` says so.
    """
    rows = []
    for goal in GOALS:
        found = contents(folder / goal.file)
        bound = f"{'at most' if goal.most else 'at least'} {goal.goal:g}{goal.unit}"
        if found is None:
            rows.append((goal.what, bound, "", "not measured", goal.file))
            continue
        try:
            value = goal.read(found)
        except NotComparable as why:
            rows.append((goal.what, bound, "", str(why), goal.file))
            continue
        except (KeyError, TypeError):  # a peer that was skipped or failed
            rows.append((goal.what, bound, "", "not measured", goal.file))
            continue
        rows.append((goal.what, bound, f"{value:.{goal.digits}f}{goal.unit}", goal.judge(value),
                     goal.file))
    return pd.DataFrame(rows, columns=["what", "goal", "measured", "verdict", "file"])


def stale(folder: Path) -> list[str]:
    """Return the results of other code than the present, or another model file or other data."""
    made_by = dict.fromkeys((goal.file for goal in GOALS), SAMPLED)
    made_by["throughput.json"] = THROUGHPUT
    made_by["report_time.json"] = ("**/*.py",)
    spec, panel = load_model("rok_japan")
    now = {"spec_hash": {posterior_hash(spec)}, "data_hash": {panel.data_hash}}
    found = {name: contents(folder / name) for name in made_by}
    return [name for name, content in found.items()
            if content is not None and (
                made_from(content, "code_hash") != {code_hash(*made_by[name])}
                # Made-up pairs have neither.
                or any(made_from(content, of) not in (set(), hashes)
                       for of, hashes in now.items()))]


def of_others(found: dict[str, Any] | None) -> str:
    """Return the ratios that no goal is set for; empty where none was measured."""
    ratios = {} if found is None else found["ratio"]
    parts = [f"{ratios[name]['mixed']:.1f}x {words}" for name, words in UNJUDGED.items()
             if ratios.get(name, {}).get("mixed") is not None]
    return f"Without a goal: {'; '.join(parts)}." if parts else ""


def of_cold(found: dict[str, Any] | None) -> str:
    """Return the ratios of medians that count a build from nothing; empty where none was timed.

    They are over all runs, so they stand after ``of_runs``, which speaks of the ratios above it.
    """
    peers = {} if found is None else found["peers"]
    rates = {name: one["ess_per_second_with_cold_build"]["median"] for name, one in peers.items()
             if one.get("ess_per_second_with_cold_build")}
    ours = rates.get("ours")
    parts = [f"{ours / rates[name]:.1f}x {words}" for name, words in BUILT.items()
             if ours and name in rates]
    return ("With one run's build counted, where nothing was compiled before on the machine: "
            f"{', '.join(parts)}.") if parts else ""


def of_runs(found: dict[str, Any] | None) -> str:
    """Return in how many runs of the peers a chain stood apart; empty where in none."""
    ratios = {} if found is None else found["ratio"]
    apart = []
    for peer, one in ratios.items():
        runs = found["peers"][peer]["runs"]
        if one["mixed_runs"][peer] < runs:
            apart.append(f"{runs - one['mixed_runs'][peer]} of {runs} of `{peer}`")
    return (f"A chain stood apart (an R-hat of {APART} or more) in {', '.join(apart)}; these runs "
            "are left out of the ratios above. `validation/speed/speed.md` has the ratios with "
            "them, their range, and every peer.") if apart else ""


def of_stan(found: dict[str, Any] | None) -> str:
    """Return what the ratio over Stan in our coordinates is made of; empty without runs of both."""
    peers = {} if found is None else found["peers"]
    both = [peers.get(name, {}) for name in ("ours", "stan_same")]
    if not all(one.get("steps_per_draw") and one.get("gradient_seconds") for one in both):
        return ""
    steps = " and ".join(f"{one['steps_per_draw']['median']:.3g}" for one in both)
    cost = " and ".join(f"{1e3 * one['gradient_seconds']['median']:.2g}" for one in both)
    tune, draws = (" and ".join(f"{one['settings'][name]:,}" for one in both)
                   for name in ("tune", "draws"))
    return ("What the ratio over Stan in the same coordinates is made of, ours first: "
            f"{steps} steps a draw, {cost} ms a step, {tune} draws of warm-up for {draws} kept.")


def of_refits(found: dict[str, Any] | None) -> str:
    """Return how often the refit with other data failed its gate; empty where it never did."""
    runs = [] if found is None else [one["fits"]["other_data"] for one in found["repeats"]]
    failed = [one for one in runs if not one["passed"]]
    if not failed:
        return ""
    attempts = "/".join(map(str, sorted({one["attempts"] for one in failed})))
    return (f"The refit with other data (a panel simulated from one draw) failed its gate in "
            f"{len(failed)} of {len(runs)} repeats, after {attempts} attempts each: its whole time "
            "is that of all attempts, and no time of a fit that could be used.")


def markdown(folder: Path) -> str:
    """Return the page."""
    table = table_of(folder)
    lines = ["# Performance", "",
             "Made by `benchmarks/performance.py` from the files named, which `make benchmark` "
             "measures on one machine of two cores.", "",
             "| figure | goal | measured | | from |", "| --- | --- | --: | --- | --- |"]
    lines += [f"| {row.what} | {row.goal} | {row.measured} | {row.verdict} | "
              f"`validation/{row.file}` |" for row in table.itertuples()]
    speed = contents(folder / "speed" / "speed.json")
    for told in (of_stan(speed), of_others(speed), of_runs(speed), of_cold(speed),
                 of_refits(contents(folder / "startup.json"))):
        if told:
            lines += ["", told]
    if old := stale(folder):
        lines += ["", f"Of other code, model file or data than the present: {', '.join(old)}."]
    found = contents(folder / "throughput.json")
    if found is not None:
        lines += ["", "## Many fits", "",
                  "Short fits of `models/rok_japan.toml` ({chains} chains of {draws} draws after "
                  "{tune} of warm-up) through `bayes_alliance.inference.many`; all arrangements "
                  "drew the same numbers.".format(**found["settings"]), "",
                  "| where | workers | cores a fit | fits a minute | compilations |",
                  "| --- | --: | --: | --: | --: |"]
        lines += [f"| {one['where']} | {one['workers']} | "
                  f"{'/'.join(map(str, one['cores_a_fit']))} | {one['fits_per_minute']} | "
                  f"{one['compilations']} |" for one in found["arrangements"]]
    lines += ["", "## Tried and lost", "", *(f"- {one}" for one in TRIED)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--results", type=Path, default=ROOT / "reports" / "validation")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "performance.md")
    options = parser.parse_args()
    write_text(options.out, markdown(options.results))
    print(table_of(options.results).to_string(index=False))


if __name__ == "__main__":
    main()
