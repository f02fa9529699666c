"""What the reliability runs found, as a page of text.

Invariant: every number is read from the files that the runs wrote.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["text"]

_NEVER = "never struck"


def text(folder: Path) -> str:
    """Return the page.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``faults.json`` and ``use_*.json``, those that were run.
    """
    parts = ["# Reliability", "",
             "Written by `python benchmarks/reliability.py report` from what lies in "
             "`reports/validation/reliability/`."]
    if (folder / "faults.json").is_file():
        parts += ["", *_faults(json.loads((folder / "faults.json").read_text()))]
    for path in sorted(folder.glob("use_*.json")):
        parts += ["", *_use(json.loads(path.read_text()))]
    return "\n".join(parts) + "\n"


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
