"""Damage inputs at random and see that each ends in success or in one clear error.

    python benchmarks/fuzz.py --cases 10000

Every case follows from its number alone, and nothing is sampled. Writes
``reports/validation/fuzz.json``; a case that fails is saved with its number and its input.

Invariant: a case passes if the program succeeds, or ends with exit status 2 and one message that
names the damaged file (in Python: one of the package's errors). A traceback, a warning that
nobody sees, a crash, ten seconds of processor time (or a minute), and success with an input that
cannot be sound are failures.
"""

import argparse
import datetime as dt
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from bayes_alliance.exceptions import AllianceError  # noqa: E402
from benchmarks import mutations as m  # noqa: E402
from benchmarks import mutations_of_files as f  # noqa: E402
from benchmarks.fuzz_inputs import Inputs, make_inputs  # noqa: E402
from benchmarks.provenance import code_hash  # noqa: E402

__all__ = ["CODE", "KINDS", "Case", "Outcome", "run_case", "section", "table_of"]

LONGEST = 10
RESULT = ROOT / "reports" / "validation" / "fuzz.json"
# What reads inputs and judges them.
CODE = ("spec/*.py", "tables/*.py", "inference/store.py", "inference/sealed.py", "dyads/spec.py",
        "dyads/tables.py", "dyads/fitting.py")


class TooLongError(Exception):
    """A case took more than ten seconds of processor time."""


@dataclass
class Case:
    """What was damaged, how, and what reads it.

    Attributes
    ----------
    kind : str
    done : list of str
        Names of the mutations.
    call : callable
        Reads the input; returns an exit status and a message.
    names : tuple of str
        One of these must stand in an error's message.
    unsound : bool
        Whether success would be a failure.
    files : list of pathlib.Path
        What to keep if the case fails.
    """

    kind: str
    done: list[str]
    call: Callable[[], tuple[int, str]]
    names: tuple[str, ...] = ()
    unsound: bool = False
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How a case ended: ``success``, ``clear error`` or a failure by name."""

    kind: str
    outcome: str
    message: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the case ended as it should."""
        return self.outcome in ("success", "clear error")


def invoke(*arguments: str) -> tuple[int, str]:
    """Run the command line in this process; return its exit status and what it said."""
    from typer.testing import CliRunner

    from bayes_alliance.cli.app import app

    result = CliRunner().invoke(app, list(arguments))
    expected = result.exception is None or isinstance(result.exception, SystemExit)
    if not expected:
        raise result.exception
    return result.exit_code, result.output


def in_python(call: Callable[[], Any]) -> tuple[int, str]:
    """Call the package; return 2 and the message where it raises one of its errors."""
    try:
        call()
    except AllianceError as error:
        return 2, f"error: {error}"
    return 0, ""


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TooLongError

    # Processor time, as other work may share the processor; and the clock, for what only waits.
    before = [(which, signal.signal(which, ring)) for which in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 6 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for which, handler in before:
            signal.signal(which, handler)


def _judge(case: Case) -> tuple[str, str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with _alarm(LONGEST):
                status, said = case.call()
        except TooLongError:
            return "too long", ""
        except (Exception, SystemExit):
            return "traceback", traceback.format_exc()
    lost = [one for one in caught if not issubclass(one.category, DeprecationWarning)]
    if lost:
        return "warning", "\n".join(f"{one.category.__name__}: {one.message} ({one.filename}:"
                                    f"{one.lineno})" for one in lost)
    if status == 0:
        return ("accepted" if case.unsound else "success"), said
    if status != 2 or ("error: " not in said and "Usage:" not in said) or "Traceback" in said:
        return "unclear", f"{status}: {said}"
    if case.names and not any(name in said for name in case.names):
        return "names no file", said
    return "clear error", said


def run_case(number: int, inputs: Inputs, folder: Path) -> tuple[Outcome, Case]:
    """Run the case of a number in an empty folder."""
    rng = np.random.default_rng([20240229, number])
    kind = _WHICH[int(rng.choice(len(_WHICH), p=_SHARES))]
    case = KINDS[kind](rng, inputs, folder)
    start = time.process_time()
    outcome, message = _judge(case)
    return Outcome(kind, outcome, message, time.process_time() - start), case


# ---- the kinds


def _tables(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    kept = shutil.copytree(inputs.dataset, folder / "pair")
    name = str(rng.choice(inputs.tables))
    raw, done = m.mutate_table(rng, (kept / name).read_bytes())
    (kept / name).write_bytes(raw)
    verb = "show" if rng.random() < 0.4 else "validate"
    return Case("tables", done, lambda: invoke("data", verb, str(kept)), (".csv",),
                _stays_unsound(done) and name not in inputs.may_be_empty, [kept / name])


def _stays_unsound(done: list[str]) -> bool:
    """Say whether a single mutation can leave nothing sound; a second may undo the first."""
    return len(done) == 1 and done[0] in m.NEVER_SOUND


def _dyad_tables(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    kept = shutil.copytree(inputs.dyads, folder / "dyads")
    tables = kept / "data" / "quasi_alliances"
    name = str(rng.choice([path.name for path in sorted(tables.glob("*.csv"))]))
    raw, done = m.mutate_table(rng, (tables / name).read_bytes())
    (tables / name).write_bytes(raw)
    if rng.random() < 0.5:
        return Case("dyad tables", done, lambda: invoke("data", "validate", str(tables)),
                    (".csv",), _stays_unsound(done), [tables / name])
    from bayes_alliance.dyads import load_dyad_model

    return Case("dyad tables", done,
                lambda: in_python(lambda: load_dyad_model(kept / "model.toml")), (".csv",),
                _stays_unsound(done), [tables / name])


def _model(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    shutil.copytree(inputs.dataset, folder, dirs_exist_ok=True)
    raw, done = m.mutate_toml(rng, inputs.model)
    path = folder / "model.toml"
    path.write_bytes(raw)
    unsound = len(done) == 1 and done[0] in m.NEVER_SOUND_TOML
    if rng.random() < 0.5:
        return Case("model file", done, lambda: invoke("model", "show", str(path)),
                    ("model.toml",), unsound, [path])
    return Case("model file", done, lambda: in_python(lambda: _load_with_variants(path)),
                ("model.toml", ".csv"), unsound, [path])


def _load_with_variants(path: Path) -> None:
    """Read a model file and its tables, and cut them to each of its variants."""
    from bayes_alliance.inference import load_model
    from bayes_alliance.spec import find_dataset
    from bayes_alliance.tables import build_variant, read_dataset

    spec, _ = load_model(path)
    tables = read_dataset(find_dataset(spec.model.dataset, path))
    for variant in spec.variants.values():
        build_variant(tables, spec, variant)


def _dyad_model(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    kept = shutil.copytree(inputs.dyads, folder / "dyads")
    raw, done = m.mutate_toml(rng, inputs.dyad_model)
    (kept / "model.toml").write_bytes(raw)
    from bayes_alliance.dyads import load_dyad_model

    return Case("dyad model file", done,
                lambda: in_python(lambda: load_dyad_model(kept / "model.toml")),
                ("model.toml", ".csv"), len(done) == 1 and done[0] in m.NEVER_SOUND_TOML,
                [kept / "model.toml"])


def _scenario(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    raw, done = m.mutate_toml(rng, inputs.scenario)
    path = folder / "scenario.toml"
    path.write_bytes(raw)
    from bayes_alliance.forecast import resolve_scenario

    return Case("scenario file", done,
                lambda: in_python(lambda: resolve_scenario(path, *inputs.loaded)),
                ("scenario.toml",), len(done) == 1 and done[0] in m.NEVER_SOUND_TOML, [path])


def _fit(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    path = Path(shutil.copy(inputs.fit, folder / "fit.nc"))
    done = f.mutate_fit(rng, path)
    from bayes_alliance.inference import load_fit

    def call() -> Any:
        if not path.is_file():
            return in_python_or_none(lambda: load_fit(path))
        return in_python(lambda: _use(load_fit(path)))

    return Case("saved fit", done, call, ("fit.nc", "no forecast from draws of"),
                done[0] in f.NEVER_SOUND_FIT, [path])


def in_python_or_none(call: Callable[[], Any]) -> tuple[int, str]:
    """As :func:`in_python`, for what may also not be there."""
    try:
        return in_python(call)
    except FileNotFoundError as error:
        return 2, f"error: {error}"


def _use(fit: Any) -> None:
    """Ask a fit that could be loaded for what needs no sampling."""
    if fit.diagnostics.passed or not fit.sentence or fit.states.empty:
        raise AssertionError("a fit of sixteen made-up draws passes the gate, or says nothing")
    fit.forecast(2)


def _dyad_fit(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    path = Path(shutil.copy(inputs.dyad_fit, folder / "dyad_fit.nc"))
    done = f.mutate_fit(rng, path)
    extra = ["--dyad", str(rng.choice(inputs.dyad_names))] if rng.random() < 0.5 else []
    return Case("saved fit of dyads", done, lambda: invoke("dyads", "show", str(path), *extra),
                ("dyad_fit.nc",), done[0] in f.NEVER_SOUND_FIT, [path])


def _command(rng: np.random.Generator, inputs: Inputs, folder: Path) -> Case:
    kept = shutil.copytree(inputs.dataset, folder / "pair")
    words = {"model": str(kept / "model.toml"), "dataset": str(kept), "fit": str(inputs.fit),
             "dyad_fit": str(inputs.dyad_fit), "missing": str(folder / "missing.toml"),
             "broken": str(kept / "events.csv"), "tilde": "~/x.toml"}
    arguments = f.command_line(rng, folder / "pair", words)

    def call() -> tuple[int, str]:
        before = Path.cwd()
        os.chdir(folder)
        try:
            with nothing_sampled():
                return invoke(*arguments)
        finally:
            os.chdir(before)

    return Case("command line", arguments, call)


class _SamplingError(AllianceError):
    """Where sampling would begin."""


@contextmanager
def nothing_sampled() -> Iterator[None]:
    """Stop with an error of the package where a fit, or many, would begin."""
    def stop(*_: Any, **__: Any) -> Any:
        raise _SamplingError("sampling would begin")

    import bayes_alliance.api
    import bayes_alliance.dyads
    import bayes_alliance.inference
    import bayes_alliance.inference.study
    import bayes_alliance.report.job

    with mock.patch.object(bayes_alliance.inference, "fit_panel", stop), \
            mock.patch.object(bayes_alliance.api, "fit_panel", stop), \
            mock.patch.object(bayes_alliance.report.job, "fit_panel", stop), \
            mock.patch.object(bayes_alliance.dyads, "fit_dyad_panel", stop), \
            mock.patch.object(bayes_alliance.inference.study, "many", stop):
        yield


KINDS: dict[str, Callable[[np.random.Generator, Inputs, Path], Case]] = {
    "tables": _tables, "dyad tables": _dyad_tables, "model file": _model,
    "dyad model file": _dyad_model, "scenario file": _scenario, "saved fit": _fit,
    "saved fit of dyads": _dyad_fit, "command line": _command}
_WEIGHTS = {"tables": 30, "dyad tables": 8, "model file": 24, "dyad model file": 8,
            "scenario file": 4, "saved fit": 10, "saved fit of dyads": 6, "command line": 10}
_WHICH = list(KINDS)
_SHARES = np.array([_WEIGHTS[kind] for kind in _WHICH]) / sum(_WEIGHTS[kind] for kind in _WHICH)


# ---- many cases


def table_of(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Return counts by kind and outcome."""
    counts = Counter((one.kind, one.outcome) for one in outcomes)
    return [{"kind": kind, "outcome": outcome, "cases": count}
            for (kind, outcome), count in sorted(counts.items())]


def section(result: dict[str, Any]) -> str:
    """Return what a report says of a result, the content of ``fuzz.json``, as Markdown."""
    failed = result["failed"]
    lines = [
        "## Damaged inputs", "",
        f"{result['cases']:,} inputs were damaged at random (each follows from its number; "
        f"`benchmarks/fuzz.py`). {failed if failed else 'None'} ended otherwise than in success "
        "or in one clear error that names the file; the longest took "
        f"{result['longest_processor_seconds']:g} s of processor time.", "",
        "| input | outcome | cases |", "| --- | --- | ---: |",
        *(f"| {row['kind']} | {row['outcome']} | {row['cases']:,} |" for row in result["table"])]
    return "\n".join(lines) + "\n"


def _work(first: int, last: int, inputs: Inputs, found: Path, kept: Path) -> None:
    """Run cases one after another; a line each. Runs in a process that may die of a case."""
    limit = 6 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(first, last):
        with tempfile.TemporaryDirectory() as folder, found.open("a") as lines:
            outcome, case = run_case(number, inputs, Path(folder))
            lines.write(json.dumps({"number": number, "kind": outcome.kind,
                                    "outcome": outcome.outcome, "seconds": outcome.seconds,
                                    "done": case.done, "message": outcome.message}) + "\n")
            if not outcome.passed:
                place = kept / str(number)
                place.mkdir(parents=True, exist_ok=True)
                (place / "outcome.txt").write_text(
                    f"{outcome.kind}: {', '.join(case.done)}\n{outcome.outcome}\n"
                    f"{outcome.message}\n", errors="backslashreplace")
                for path in case.files:
                    if path.is_file():
                        shutil.copy(path, place / path.name)


def _wait(child: int, found: Path) -> str:
    """Wait for a process; end it if a case keeps it for too long where no alarm can reach it."""
    size, since = -1, time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return f"status {os.waitstatus_to_exitcode(status)}"
        time.sleep(0.2)
        if found.stat().st_size != size:
            size, since = found.stat().st_size, time.monotonic()
        elif time.monotonic() - since > 12 * LONGEST:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "too long"


def _range(first: int, last: int, inputs: Inputs, found: Path, kept: Path) -> None:
    """Run cases in a child process, begun again after a case that kills it."""
    done = first
    while done < last:
        child = os.fork()
        if child == 0:
            try:
                _work(done, last, inputs, found, kept)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        status = _wait(child, found)
        done = first + len(found.read_text().splitlines())
        if done < last:
            with found.open("a") as lines:
                lines.write(json.dumps({"number": done, "kind": "unknown", "outcome": "crash",
                                        "seconds": 0.0, "done": [], "message": status}) + "\n")
            done += 1


def run_many(cases: int, kept: Path, start: int = 0, workers: int = 1) -> list[dict[str, Any]]:
    """Run cases in some processes; return what was found of each, by number."""
    with tempfile.TemporaryDirectory() as base:
        inputs = make_inputs(Path(base))
        bounds = [start + cases * at // workers for at in range(workers + 1)]
        children, files = [], []
        for first, last in pairwise(bounds):
            files.append(Path(base) / f"{first}.jsonl")
            files[-1].touch()
            children.append(os.fork())
            if children[-1] == 0:
                try:
                    _range(first, last, inputs, files[-1], kept)
                finally:
                    os._exit(0)
        for child in children:
            os.waitpid(child, 0)
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def main() -> None:
    """Run, report, and exit with 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--failed", type=Path, default=ROOT / "failed_cases",
                        help="folder for the inputs of cases that fail")
    parser.add_argument("--out", type=Path, default=None, help="where the result is written")
    chosen = parser.parse_args()
    start = time.perf_counter()
    found = run_many(chosen.cases, chosen.failed, chosen.first, chosen.workers)
    outcomes = [Outcome(one["kind"], one["outcome"], one["message"], one["seconds"])
                for one in found]
    failed = [{"number": one["number"], "kind": one["kind"], "outcome": one["outcome"],
               "mutations": one["done"]} for one, told in zip(found, outcomes, strict=True)
              if not told.passed]
    result = {
        "created": dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat(),
        "code_hash": code_hash(*CODE), "cases": len(found), "first": chosen.first,
        "failed": len(failed), "seconds": round(time.perf_counter() - start),
        "longest_processor_seconds": round(max(one.seconds for one in outcomes), 2),
        "table": table_of(outcomes), "failing_cases": failed}
    out = chosen.out or RESULT
    out.write_text(json.dumps(result, indent=1) + "\n")
    for row in result["table"]:
        print(f"{row['kind']:20} {row['outcome']:15} {row['cases']:6}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
