"""What comes from others with bad intent: each attack of the tests, and how often it was held off.

Invariant: a row is what a test found in this run; a test that was skipped counts as skipped and
never as passed.
"""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Final

from benchmarks.provenance import ROOT

__all__ = ["hostile"]

# What is attacked, and the tests that do it.
ATTACKED: Final = {
    "saved fits": "tests/unit/hard/test_hostile_fits.py",
    "paths and sizes": "tests/unit/hard/test_paths_and_sizes.py",
    "text in a report": "tests/unit/report/test_hostile.py",
    "a report in a browser": "tests/contract/test_report_browser.py",
    "installed packages": "tests/contract/test_lock.py",
    "silently wrong": "tests/unit/hard/test_silent.py",
    "a cluster nobody named": "tests/unit/inference/test_many.py",
}
_ONLY: Final = {"a cluster nobody named": "no_scheduler"}


def hostile() -> dict[str, Any]:
    """Run the tests; return a row for each of them.

    Returns
    -------
    dict
        ``rows`` with ``attacked``, ``attack`` (the test's name in words), ``cases``, ``held``,
        ``skipped`` and ``failed``; ``passed`` says whether no case failed.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as kept:
        for attacked, file in ATTACKED.items():
            report = Path(kept) / "report.xml"
            chosen = ["-k", _ONLY[attacked]] if attacked in _ONLY else []
            subprocess.run(
                [sys.executable, "-m", "pytest", "-q", file, *chosen, f"--junitxml={report}"],
                cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
            rows += _rows(attacked, ET.parse(report))  # our own file
            print(f"{attacked}: done", flush=True)
    return {"rows": rows, "passed": all(row["failed"] == 0 for row in rows)}


def _rows(attacked: str, report: ET.ElementTree) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for case in report.iter("testcase"):
        name = case.get("name", "").split("[", maxsplit=1)[0]
        attack = name.removeprefix("test_").replace("_", " ")
        row = found.setdefault(name, {"attacked": attacked, "attack": attack, "cases": 0,
                                      "held": 0, "skipped": 0, "failed": 0})
        row["cases"] += 1
        tags = {child.tag for child in case}
        row["failed" if tags & {"failure", "error"} else
            "skipped" if "skipped" in tags else "held"] += 1
    return list(found.values())
