"""Episodes, contributions, evidence, verdicts."""

from bayes_alliance.hypotheses.episodes import Episodes, compare_episodes
from bayes_alliance.hypotheses.evidence import (
    Evidence,
    leave_episode_out,
    leave_future_out,
    together,
    whole_period,
)
from bayes_alliance.hypotheses.paths import components
from bayes_alliance.hypotheses.savage_dickey import log_density_at_zero
from bayes_alliance.hypotheses.stepping import Stones, absolute_values
from bayes_alliance.hypotheses.verdicts import Verdicts, judge, readings
from bayes_alliance.hypotheses.windows import fit_until

__all__ = [
    "Episodes",
    "Evidence",
    "Stones",
    "Verdicts",
    "absolute_values",
    "compare_episodes",
    "components",
    "fit_until",
    "judge",
    "leave_episode_out",
    "leave_future_out",
    "log_density_at_zero",
    "readings",
    "together",
    "whole_period",
]
