"""What the reliability runs found, as a page of text.

Invariant: every number is read from the files that the runs wrote.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.fuzz import section

__all__ = ["text"]

_NEVER = "never struck"


def text(folder: Path) -> str:
    """Return the page.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``faults.json``, ``hostile.json`` and ``use_*.json``, those that were run; the folder
        above it ``fuzz.json``.
    """
    parts = ["# Reliability", "",
             "Written by `python benchmarks/reliability.py all` from what it finds, which lies in "
             "`reports/validation/fuzz.json` and `reports/validation/reliability/`."]
    faults = _read(folder / "faults.json")
    if faults:
        parts += ["", *_faults(faults)]
    damaged = _read(folder.parent / "fuzz.json")
    if damaged:
        parts += ["", section(damaged).rstrip("\n")]
    attacks = _read(folder / "hostile.json")
    if attacks:
        parts += ["", *_hostile(attacks)]
    for path in sorted(folder.glob("use_*.json")):
        parts += ["", *_use(json.loads(path.read_text()))]
    if faults:
        parts += ["", *_moments(faults)]
    return "\n".join(parts) + "\n"


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _hostile(found: dict[str, Any]) -> Iterable[str]:
    cases, failed = (sum(row[name] for row in found["rows"]) for name in ("cases", "failed"))
    skipped = sum(row["skipped"] for row in found["rows"])
    yield "## Hostile and silently wrong input"
    yield ""
    yield (f"{cases} attacks and planted errors of the tests, each named by its test: "
           f"{failed or 'none'} came through{f', {skipped} could not be run' if skipped else ''}.")
    yield ""
    yield from _table(("input", "what the test shows", "cases", "held", "skipped"),
                      [[row[name] for name in ("attacked", "attack", "cases", "held", "skipped")]
                       for row in found["rows"]])


def _moments(found: dict[str, Any]) -> Iterable[str]:
    yield "## Every moment"
    yield ""
    yield from _table(("number", "job", "fault", "moment", "ended with", "files", "second run"),
                      [[one.get(name, "") for name in ("number", "job", "fault", "moment", "ended",
                                                       "files", "again")]
                       if one["outcome"] != _NEVER else
                       [one["number"], one["job"], one["fault"], _NEVER, "", "", ""]
                       for one in found["trials"]])


def _faults(found: dict[str, Any]) -> Iterable[str]:
    struck = [one for one in found["trials"] if one["outcome"] != _NEVER]
    missed = len(found["trials"]) - len(struck)
    half = sum(len(one["half"]) for one in struck)
    bad = [one for one in struck if not one["good"]]
    jobs = "; ".join(f"{name} {one['seconds']:.0f} s, {one['touches']} touches of files, "
                     f"{len(one['files'])} results" for name, one in found["references"].items())
    yield "## Struck at a random moment"
    yield ""
    yield (f"{len(struck)} faults struck a running job"
           f"{f' ({missed} more came after its end)' if missed else ''}, seed "
           f"{found['stamp']['seed']}. Half of the moments are uniform over the run's duration, "
           "half at a touch of a file (opened for writing, renamed, removed or made) or up to 30 "
           "ms after it. After each, every result was compared with an undisturbed run's, and the "
           "same command was run again.")
    yield ""
    yield (f"The jobs are small, so that hundreds fit into an hour: a made-up pair of 48 months "
           f"and 11 indicators, 2 chains of 100 draws, gate open. Undisturbed: {jobs}. A full "
           f"disk is {'a disk of 64 MB that is filled' if found['small_disk'] else 'a limit'} at "
           "the moment; a memory limit is what the process then has and up to 16 MB.")
    yield ""
    yield (f"**{half} half-written files; {len(bad)} of {len(struck)} trials with any other "
           "fault** (a second run that does not end with exactly the undisturbed run's results, "
           "or does not say what it does).")
    yield ""
    yield from _table(("fault", "struck", "results whole", "some whole, others absent", "absent",
                       "half", "second run resumed", "started over", "had nothing to do"),
                      [_row(name, [one for one in struck if one["fault"] == name])
                       for name in dict.fromkeys(one["fault"] for one in struck)])
    yield ""
    yield from _table(("job", "struck", "results whole", "some whole, others absent", "absent",
                       "half", "second run resumed", "started over", "had nothing to do"),
                      [_row(name, [one for one in struck if one["job"] == name])
                       for name in found["references"]])
    yield ""
    yield "How the struck run ended:"
    yield ""
    ends = Counter((one["fault"], one["ended"]) for one in struck)
    yield from _table(("fault", "ended with", "trials"),
                      [(*key, count) for key, count in sorted(ends.items())])
    if bad:
        yield ""
        yield "Trials with a fault:"
        yield ""
        yield from _table(("number", "job", "fault", "moment", "files", "second run", "differs"),
                          [(one["number"], one["job"], one["fault"], one["moment"], one["files"],
                            one["again"], ", ".join(one["differs"])) for one in bad])
    yield ""
    yield "## Two at a time in one folder"
    yield ""
    if not found["pairs"]:
        yield "Not run yet."
        return
    ways = Counter((one["job"], one["first"], one["second"], one["files"])
                   for one in found["pairs"])
    yield from _table(("job", "first", "second", "files", "pairs"),
                      [(*key, count) for key, count in sorted(ways.items())])


def _row(name: str, trials: list[dict[str, Any]]) -> tuple[Any, ...]:
    files = Counter(one["files"] for one in trials)
    again = Counter(one["again"] for one in trials)
    half = sum(bool(one["half"]) for one in trials)
    return (name, len(trials), files["whole"], files["whole or absent"], files["absent"], half,
            again["resumed"], again["started over"], again["refused, and said why"])


def _use(found: dict[str, Any]) -> Iterable[str]:
    fits, structures = found.get("fits"), found.get("structures")
    reports = found.get("reports")
    yield f"## Long use, {next(iter(_parts(found)))['model']} model"
    if fits:
        yield ""
        yield (f"{fits['fits']} fits in one process, each of other data, seed and hypothesis, each "
               f"saved: memory grows by {fits['growth']:.1%} from the tenth on (allowed: 10%); "
               f"other counts {'do not grow' if fits['steady'] else 'GROW'}.")
        yield ""
        names = list(fits["rows"][0])
        yield from _table([name.replace("_", " ") for name in names],
                          [[row[name] for name in names] for row in fits["rows"]
                           if row["fit"] in (1, 2, 5) or row["fit"] % 10 == 0])
    if structures:
        yield ""
        yield (f"{structures['structures']} panels of different length, each a structure of its "
               f"own: at most {structures['kept']} compilations are kept (bound: "
               f"{structures['bound']}).")
    if reports:
        yield ""
        yield (f"{reports['at_a_time']} reports of the small model at a time, each into a folder "
               f"of its own: {reports['whole']} left exactly the {reports['files']} files of a "
               "report written alone.")


def _parts(found: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return (part for part in found.values() if "model" in part)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
