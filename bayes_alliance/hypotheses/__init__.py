"""Episodes, contributions, leave-episode-out evidence, verdicts."""

from bayes_alliance.hypotheses.episodes import Episodes, compare_episodes
from bayes_alliance.hypotheses.evidence import Evidence, leave_episode_out, log_density_at_zero
from bayes_alliance.hypotheses.paths import components
from bayes_alliance.hypotheses.verdicts import Verdicts, judge, readings

__all__ = [
    "Episodes",
    "Evidence",
    "Verdicts",
    "compare_episodes",
    "components",
    "judge",
    "leave_episode_out",
    "log_density_at_zero",
    "readings",
]
