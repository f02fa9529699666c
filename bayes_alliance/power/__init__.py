"""What a design can see: verdicts on simulated panels whose truth is known."""

from bayes_alliance.power.designs import DESIGNS, OBSERVED, WORDS
from bayes_alliance.power.shares import Power, power_sentence, shares_of
from bayes_alliance.power.study import COLUMNS, power

__all__ = ["COLUMNS", "DESIGNS", "OBSERVED", "WORDS", "Power", "power", "power_sentence",
           "shares_of"]
