"""Episodes, contributions, evidence, verdicts."""

from bayes_alliance.hypotheses.borrowing import Borrowed, OtherPairs, borrow
from bayes_alliance.hypotheses.cut import Cut, cut_drivers
from bayes_alliance.hypotheses.episodes import Episodes, compare_episodes, require_episodes
from bayes_alliance.hypotheses.evidence import (
    Evidence,
    leave_episode_out,
    leave_future_out,
    together,
    whole_period,
)
from bayes_alliance.hypotheses.paths import components
from bayes_alliance.hypotheses.periods import Periods, effects_by_administration
from bayes_alliance.hypotheses.prior_scales import PriorScales, over_prior_scales
from bayes_alliance.hypotheses.robustness import Robustness, agreeing, robustness
from bayes_alliance.hypotheses.savage_dickey import log_density_at_zero
from bayes_alliance.hypotheses.size import EffectSizes, effect_sizes
from bayes_alliance.hypotheses.stepping import Stones, absolute_values
from bayes_alliance.hypotheses.swings import Swings, rank_swings
from bayes_alliance.hypotheses.verdicts import Agreement, Verdicts, judge, readings
from bayes_alliance.hypotheses.windows import fit_until

__all__ = [
    "Agreement",
    "Borrowed",
    "Cut",
    "EffectSizes",
    "Episodes",
    "Evidence",
    "OtherPairs",
    "Periods",
    "PriorScales",
    "Robustness",
    "Stones",
    "Swings",
    "Verdicts",
    "absolute_values",
    "agreeing",
    "borrow",
    "compare_episodes",
    "components",
    "cut_drivers",
    "effect_sizes",
    "effects_by_administration",
    "fit_until",
    "judge",
    "leave_episode_out",
    "leave_future_out",
    "log_density_at_zero",
    "over_prior_scales",
    "rank_swings",
    "readings",
    "require_episodes",
    "robustness",
    "together",
    "whole_period",
]
