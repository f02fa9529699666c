"""Write the hand-coded events without their signs, for a second reader to code.

    python data/_build/blind_events.py PATH

The order is shuffled with a fixed seed, so that neither time nor kind suggests a sign. North
Korean acts are left out: they are counted from databases and have no sign to code.
"""

import argparse
import random
import sys
from pathlib import Path

from common import write_table
from events import hand_coded

HERE = Path(__file__).resolve().parent
SEED = 20240101
SHOWN = ("date", "kind", "actor", "target", "event")


def blind(here: Path) -> list[dict[str, str]]:
    """Return every hand-coded event without sign, role and source, in a neutral order.

    Parameters
    ----------
    here : pathlib.Path
        The folder of the hand tables.
    """
    rows = [{key: row[key] for key in SHOWN} for row in hand_coded(here)]
    rows.sort(key=lambda row: tuple(row.values()))
    random.Random(SEED).shuffle(rows)
    return rows


def main() -> int:
    """Write the list to the path given."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("path", type=Path)
    options = parser.parse_args()
    rows = blind(HERE)
    write_table(options.path, list(SHOWN), rows)
    print(f"{len(rows)} events written to {options.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
