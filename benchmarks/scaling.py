"""Measure how the cost of a fit grows with months and with indicators.

    python benchmarks/scaling.py [--seeds 3] [--out reports/validation/scaling.json]

Made-up pairs of states, as ``bayes-alliance data init`` writes them: of 60 to 1,000 months with 11
indicators, and of 250 months with 11 to 198, the others being noisy copies. Each size is a process
of its own and is fitted once a seed with the settings of ``models/rok_japan.toml``. An exponent is
the slope of the logarithm of a cost on that of the size, by least squares, with its 95% interval;
costs are one log density with gradient, the seconds of a fit, and the seconds of an effective draw
(of the least effective quantity). Beside it stands the slope between the two largest sizes, where
what does not grow matters least. Sizes are kept as they are measured; an interrupted run goes on.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
from scipy import stats

from bayes_alliance.inference import FULL_GATE, diagnose, package_versions
from bayes_alliance.report.machine import write_text
from bayes_alliance.spec import ModelSpec, find_dataset, read_model
from bayes_alliance.starter import write_starter
from bayes_alliance.tables import build_panel, read_dataset
from benchmarks.peers.ours import Ours
from benchmarks.peers.process import machine, peak_of_own, start
from benchmarks.provenance import READ, ROOT, SAMPLED, code_hash, script_hash
from benchmarks.runs import digest_of, end_with

MONTHS: Final = (60, 125, 250, 500, 1000)
COPIES: Final = (1, 2, 4, 9, 18)
USUAL_MONTHS: Final = 250
LAST: Final = pd.Period("2020-12", "M")
COSTS: Final = {"gradient": "gradient_seconds", "fit": "fit_seconds",
                "effective draw": "seconds_an_effective_draw"}
SELF: Final = (sys.executable, str(Path(__file__).resolve()))


def made_up(folder: Path, months: int, copies: int) -> tuple[Any, Any]:
    """Write a made-up pair with so many copies of each indicator; return its model and panel."""
    write_starter(folder, "east,west", "us", str(LAST - months + 1), str(LAST))
    rng = np.random.default_rng([months, copies])
    indicators = pd.read_csv(folder / "indicators.csv", dtype=str, keep_default_na=False)
    rows = pd.read_csv(folder / "observations.csv", dtype=str, keep_default_na=False)
    raw = read_model(folder / "model.toml").model_dump(mode="json")
    family = indicators.set_index("indicator")["family"]
    for copy in range(2, copies + 1):
        tail = f"_{copy}"
        more = indicators.iloc[:len(family)].copy()
        more["indicator"] += tail
        more["shared_item"] = more["shared_item"].where(more["shared_item"] == "",
                                                        more["shared_item"] + tail)
        again = rows[rows["indicator"].isin(family.index)].copy()
        kind = again["indicator"].map(family)
        value = again["value"].astype(float)
        noisy = np.select(
            [kind == "beta_binomial", kind == "negative_binomial"],
            [np.clip(value + rng.normal(0.0, 2.0, len(value)), 1.0, 99.0).round(1),
             rng.poisson(np.maximum(value, 0.5)).astype(float)],
            value * np.exp(rng.normal(0.0, 0.1, len(value))))
        again["value"] = [f"{one:.6g}" for one in noisy]
        again["indicator"] += tail
        again["wave"] = again["wave"].where(again["wave"] == "", again["wave"] + tail)
        indicators, rows = pd.concat([indicators, more]), pd.concat([rows, again])
        for latent in raw["latents"].values():
            latent["indicators"] += [name + tail for name in latent["indicators"]
                                     if name in family.index]
    indicators.to_csv(folder / "indicators.csv", index=False, lineterminator="\n")
    rows.to_csv(folder / "observations.csv", index=False, lineterminator="\n")
    raw["sampler"] = read_model("rok_japan").sampler.model_dump(mode="json")
    spec = ModelSpec.model_validate(raw)
    data = find_dataset(spec.model.dataset, folder / "model.toml")
    return spec, build_panel(read_dataset(data), spec)


def measure(months: int, copies: int, seeds: int) -> dict[str, Any]:
    """Fit one size with every seed; return its costs."""
    with tempfile.TemporaryDirectory() as made:
        spec, panel = made_up(Path(made) / "pair", months, copies)
    peer = Ours()
    build = peer.build(spec, panel)
    gradient = peer.gradient_seconds()
    fits = []
    for seed in range(1, seeds + 1):
        run = peer.sample(seed)
        found = diagnose(run.posterior, run.sample_stats, FULL_GATE, seconds=run.seconds)
        fits.append({"seed": seed, "seconds": run.seconds, "min_ess": found.ess_bulk_min,
                     "steps": float(run.sample_stats["n_steps"].mean()), "draws": found.draws,
                     "divergences": found.divergences, "passed": found.passed})
    middle = pd.DataFrame(fits).median(numeric_only=True)
    return {"months": months, "indicators": len(panel.indicators), "rows": len(panel.rows),
            "dimension": peer.compiled.size, "build_seconds": build, "gradient_seconds": gradient,
            "fit_seconds": float(middle["seconds"]),
            "seconds_an_effective_draw": float(np.median(
                [one["seconds"] / one["min_ess"] for one in fits])),
            "steps": float(middle["steps"]), "peak_memory_mb": peak_of_own(), "fits": fits}


def exponents(sizes: list[dict[str, Any]], of: str) -> dict[str, dict[str, float]]:
    """Return the slope of each log cost on the log size, with its 95% interval.

    ``last`` is the slope between the two largest sizes.

    Raises
    ------
    SystemExit
        If there are fewer than three sizes.
    """
    if len(sizes) < 3:
        sys.exit(f"{len(sizes)} sizes were measured; 3 sizes are needed for an exponent")
    found = {}
    sizes = sorted(sizes, key=lambda one: one[of])
    x = np.log([one[of] for one in sizes])
    for name, key in COSTS.items():
        y = np.log([one[key] for one in sizes])
        line = stats.linregress(x, y)
        reach = float(stats.t.ppf(0.975, len(x) - 2)) * line.stderr
        found[name] = {"exponent": float(line.slope), "low": float(line.slope - reach),
                       "high": float(line.slope + reach),
                       "last": float((y[-1] - y[-2]) / (x[-1] - x[-2]))}
    return found


def markdown(result: dict[str, Any]) -> str:
    """Return the two tables as text."""
    lines = ["# Cost against size", "",
             f"Medians over {result['seeds']} seeds; made-up pairs, settings of "
             "`models/rok_japan.toml`.", "",
             "| months | indicators | rows | dimension | gradient ms | fit s | s per 100 effective "
             "draws | steps | passed | MB |",
             "| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"]
    for one in result["sizes"]:
        passed = sum(fit["passed"] for fit in one["fits"])
        lines.append(
            f"| {one['months']} | {one['indicators']} | {one['rows']} | {one['dimension']} | "
            f"{1e3 * one['gradient_seconds']:.3f} | {one['fit_seconds']:.1f} | "
            f"{100 * one['seconds_an_effective_draw']:.2f} | {one['steps']:.0f} | "
            f"{passed}/{len(one['fits'])} | {one['peak_memory_mb']:.0f} |")
    lines += not_measured(result)
    lines += ["", "Exponents with 95% intervals, and between the two largest sizes; 1 is linear.",
              "", "| against | gradient | fit | effective draw |", "| --- | --- | --- | --- |"]
    for against, found in result["exponents"].items():
        cells = [slope(one) for one in found.values()]
        lines.append(f"| {against} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def slope(one: dict[str, float]) -> str:
    """Return an exponent in words."""
    return f"{one['exponent']:.2f} ({one['low']:.2f} to {one['high']:.2f}; {one['last']:.2f})"


def not_measured(result: dict[str, Any]) -> list[str]:
    """Return lines that name the sizes without figures, none where all have some."""
    absent = result["not_measured"]
    return ["", f"Not measured, because the run failed: {', '.join(map(str, absent))}."
            ] if absent else []


def sizes() -> list[tuple[int, int]]:
    """Return months and copies of every size, each once."""
    wanted = [(months, 1) for months in MONTHS] + [(USUAL_MONTHS, copies) for copies in COPIES]
    return list(dict.fromkeys(wanted))


def in_processes(script: tuple[str, ...], wanted: dict[str, str], runs: Path, seeds: int,
                 code: str) -> list[dict[str, Any]]:
    """Measure every size in a process of its own, unless it is there already.

    Parameters
    ----------
    script : tuple of str
        Command that measures one size, given as ``--one``, with ``--seeds``, into ``--out``.
    wanted : dict of str to str
        What ``--one`` is given, and the name under which the result is kept.
    runs : pathlib.Path
        Folder of results.
    seeds : int
    code : str
        Hash of the code that is measured.

    Returns
    -------
    list of dict
        What was measured, with ``name`` and ``peak_memory_mb``; a size that failed is printed and
        left out.
    """
    runs.mkdir(parents=True, exist_ok=True)
    found = []
    for one, name in wanted.items():
        part = runs / f"{name}-{seeds}-{code[:12]}.json"
        if not part.is_file():
            raw = part.with_suffix(".raw")
            failed, _, peak = start([*script, "--one", one, "--seeds", str(seeds), "--out",
                                     str(raw)], part.with_suffix(".log"), dict(os.environ))
            if failed:
                print(f"{name}: {failed}", flush=True)
                continue
            content = json.loads(raw.read_text())
            # Looked at every second, with what it started, and its own, however short.
            content["peak_memory_mb"] = max(peak, content.get("peak_memory_mb", 0.0))
            write_text(part, json.dumps(content))
            raw.unlink()
        found.append({"name": name, **json.loads(part.read_text())})
        print({key: value for key, value in found[-1].items() if key != "fits"}, flush=True)
    return found


def stamp_of() -> dict[str, Any]:
    """Return what a size is made from: beside the code, the starter's tables and the sampler."""
    return {"code_hash": code_hash(*SAMPLED), "starter_hash": code_hash("starter/*.py", *READ),
            "script_hash": script_hash("scaling", "peers/ours"),
            "sampler": read_model("rok_japan").sampler.model_dump(mode="json")}


def main() -> None:
    """Measure the sizes that are missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path,
                        default=ROOT / "reports" / "validation" / "scaling.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "scaling")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        months, copies = map(int, options.one.split(","))
        write_text(options.out, json.dumps(measure(months, copies, options.seeds)))
        return
    stamp = stamp_of() | {"versions": package_versions()}
    wanted = {f"{months},{copies}": f"{months}-{copies}" for months, copies in sizes()}
    found = in_processes(SELF, wanted, options.runs, options.seeds, digest_of(stamp))
    by_months = [one for one in found if one["months"] in MONTHS and one["indicators"] == min(
        other["indicators"] for other in found)]
    by_indicators = [one for one in found if one["months"] == USUAL_MONTHS]
    absent = sorted(set(wanted.values()) - {one["name"] for one in found})
    result = {"seeds": options.seeds, **stamp, "sizes": found, "not_measured": absent,
              "exponents": {"months": exponents(by_months, "months"),
                            "indicators": exponents(by_indicators, "indicators")},
              "machine": machine()}
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    write_text(options.out.with_suffix(".md"), markdown(result))
    end_with(absent, "sizes")


if __name__ == "__main__":
    main()
