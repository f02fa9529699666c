"""Made-up verdicts on simulated panels."""

import pandas as pd

from bayes_alliance import constants as c
from bayes_alliance.power import COLUMNS
from bayes_alliance.power.study import cells


def made_up(panels, seed=1):
    """Return a table in which a hypothesis holds in even panels where its path acts.

    It is called supported there, and in the panel with number 3, where it does not hold.
    """
    rows = []
    for design, path, size in cells():
        for number in range(panels):
            for episode in ("friction", "cohesion"):
                for hypothesis, own in (("H1", c.THREAT), ("H2", c.CREDIBILITY)):
                    holds = own == path and number % 2 == 0
                    word = "supported" if holds or (own == path and number == 3) else (
                        "inconclusive")
                    rows.append((design, path, size, number, episode, hypothesis, holds, word, 0.9,
                                 0.9, 0.3, size + 0.1 * number, 0.05, True, seed))
    return pd.DataFrame(rows, columns=list(COLUMNS))
