"""Names of dimensions and variables of the model over dyads that the monthly model does not have.

Invariant: every name stands here once; those that both models share are in
:mod:`bayes_alliance.constants`.
"""

from typing import Final

__all__ = ["COHESION_STAGE", "DIM_CLASS", "DIM_DYAD", "DIM_LASTING", "DIM_NOISY",
           "DIM_ONCE", "DIM_OTHER_CELL", "DIM_UNIT_CELL", "DIM_YEAR_CELL", "DRIVER_STAGE",
           "FAMILIES", "LASTING_NOISE", "STAGES", "VAR_BETWEEN", "VAR_CLASS_COEFFICIENT",
           "VAR_COMMON_YEAR", "VAR_DYAD_COEFFICIENT", "VAR_DYAD_LEVEL", "VAR_DYAD_LEVEL_SD",
           "VAR_MEMBER_LEVEL",
           "VAR_OWN_ERROR_HALF_LIFE", "VAR_OWN_ERROR_SD", "VAR_SPREAD", "VAR_UNIT_DEVIATION",
           "VAR_UNIT_DEVIATION_SD", "VAR_YEAR_EFFECT", "VAR_YEAR_EFFECT_SD", "error_of"]

DIM_DYAD: Final = "dyad"
DIM_CLASS: Final = "dyad_class"
DIM_LASTING: Final = "lasting_indicator"
DIM_NOISY: Final = "noisy_indicator"
DIM_ONCE: Final = "once"
DIM_UNIT_CELL: Final = "indicator_unit"
DIM_YEAR_CELL: Final = "indicator_year"
DIM_OTHER_CELL: Final = "other_year"

VAR_CLASS_COEFFICIENT: Final = "coefficient_of_class"
VAR_DYAD_COEFFICIENT: Final = "coefficient_of_dyad"
VAR_SPREAD: Final = "coefficient_spread"
VAR_BETWEEN: Final = "between_coefficient"
VAR_MEMBER_LEVEL: Final = "member_level"
VAR_DYAD_LEVEL: Final = "dyad_level"
VAR_DYAD_LEVEL_SD: Final = "dyad_level_sd"
VAR_COMMON_YEAR: Final = "common_year"
VAR_OWN_ERROR_SD: Final = "own_error_sd"
VAR_OWN_ERROR_HALF_LIFE: Final = "own_error_half_life"
VAR_UNIT_DEVIATION: Final = "unit_deviation"
VAR_UNIT_DEVIATION_SD: Final = "unit_deviation_sd"
VAR_YEAR_EFFECT: Final = "year_effect"
VAR_YEAR_EFFECT_SD: Final = "year_effect_sd"

# What a family of the dyads' tables is to the row kernel, and whether it has noise of its own.
FAMILIES: Final[dict[str, tuple[str, bool]]] = {
    "normal": ("normal", True), "beta_binomial": ("beta_binomial", True),
    "negative_binomial": ("negative_binomial", True), "bernoulli": ("binomial", False)}
# Noise of an indicator with a lasting error, which takes its place: next to none. Both together
# are told apart by nothing where the error fades within a year or two.
LASTING_NOISE: Final = 0.05
# What is fitted first, from its own indicators alone, and what is fitted given that.
DRIVER_STAGE: Final = "drivers"
COHESION_STAGE: Final = "cohesion"
STAGES: Final = (DRIVER_STAGE, COHESION_STAGE)


def error_of(indicator: str) -> str:
    """Return the name of an indicator's lasting errors, on the scale of its predictor."""
    return f"{indicator}_error"
