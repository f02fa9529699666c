"""Names of every dimension, variable and group, written once.

Invariant: no other module spells a dimension or a posterior variable as a string literal that
is not listed here, so that saved fits, tables and figures can never disagree about a name.
"""

from typing import Final

__all__ = [
    "BETA_CREDIBILITY",
    "BETA_THREAT",
    "COEFFICIENTS",
    "COHESION",
    "COMPONENTS",
    "COMPONENT_CREDIBILITY",
    "COMPONENT_DISPUTES",
    "COMPONENT_GOVERNMENTS",
    "COMPONENT_INITIAL",
    "COMPONENT_INNOVATIONS",
    "COMPONENT_THREAT",
    "CREDIBILITY",
    "DELTA_CREDIBILITY",
    "DELTA_THREAT",
    "DIM_ADMINISTRATION",
    "DIM_COEFFICIENT",
    "DIM_COHESION",
    "DIM_COMPONENT",
    "DIM_CONSTRUCT",
    "DIM_COVARIATE",
    "DIM_DRIVER",
    "DIM_GOVERNMENT",
    "DIM_GROUP",
    "DIM_INDICATOR",
    "DIM_ITEM",
    "DIM_MEMBER",
    "DIM_MONTH",
    "DIM_OBSERVATION",
    "DIM_OFFSET",
    "DIM_OWN_ERROR",
    "DIM_PAIR",
    "DIM_RIVAL",
    "DIM_SEASONAL",
    "DIM_SERIES",
    "DIM_SHARED",
    "DIM_TIME",
    "DIM_TIME_FUTURE",
    "DIM_TREND",
    "DIM_WAVE",
    "HYPOTHESES",
    "LATENTS",
    "MONTHLY_STATES",
    "PATHS",
    "SOFTABS_WIDTH",
    "THREAT",
    "VAR_ADMINISTRATION_DEVIATION",
    "VAR_ADMINISTRATION_DEVIATION_SD",
    "VAR_ADMINISTRATION_EFFECT",
    "VAR_COEFFICIENT",
    "VAR_CORRELATION",
    "VAR_COVARIATE_EFFECT",
    "VAR_CREDIBILITY_SD",
    "VAR_DRIVER_LOADING",
    "VAR_GOVERNMENT_EFFECT",
    "VAR_GOVERNMENT_SD",
    "VAR_HALF_LIFE",
    "VAR_INTERCEPT",
    "VAR_LEVEL_SECOND",
    "VAR_LOADING",
    "VAR_MODE_OFFSET",
    "VAR_NOISE",
    "VAR_OBSERVATION_LOGIT",
    "VAR_OBSERVED",
    "VAR_OWN_HALF_LIFE",
    "VAR_RIVAL_EFFECT",
    "VAR_SCALE_SECOND",
    "VAR_SEASON",
    "VAR_SLOPE",
    "VAR_TREND_SD",
    "VAR_WAVE_ERROR",
    "VAR_WAVE_SD",
]

# Latent constructs; each is also the name of its posterior variable.
THREAT: Final = "threat"
CREDIBILITY: Final = "credibility"
COHESION: Final = "cohesion"
LATENTS: Final = (THREAT, CREDIBILITY, COHESION)
PATHS: Final = (THREAT, CREDIBILITY)

# Hypotheses: HX is the reference, H0 has neither rivals nor paths.
HYPOTHESES: Final = ("H0", "HX", "H1", "H2", "H12")

# The four path coefficients, in the order of the `coefficient` dimension.
BETA_THREAT: Final = "beta_threat"
DELTA_THREAT: Final = "delta_threat"
BETA_CREDIBILITY: Final = "beta_credibility"
DELTA_CREDIBILITY: Final = "delta_credibility"
COEFFICIENTS: Final = (BETA_THREAT, DELTA_THREAT, BETA_CREDIBILITY, DELTA_CREDIBILITY)

# Smooth absolute value: sqrt(x**2 + width**2) - width, so that no gap costs nothing.
SOFTABS_WIDTH: Final = 0.1

# Dimensions.
DIM_TIME: Final = "time"
DIM_TIME_FUTURE: Final = "time_future"
DIM_MEMBER: Final = "member"
DIM_SERIES: Final = "series"
DIM_COEFFICIENT: Final = "path_coefficient"
DIM_RIVAL: Final = "rival"
DIM_GOVERNMENT: Final = "government"
DIM_ADMINISTRATION: Final = "administration"
DIM_DRIVER: Final = "driver"
DIM_CONSTRUCT: Final = "construct"
DIM_PAIR: Final = "pair"
DIM_INDICATOR: Final = "indicator"
DIM_ITEM: Final = "item"
DIM_GROUP: Final = "group"
DIM_SEASONAL: Final = "seasonal_indicator"
DIM_MONTH: Final = "calendar_month"
DIM_COVARIATE: Final = "covariate_effect_of"
DIM_OFFSET: Final = "mode_change"
DIM_WAVE: Final = "wave"
DIM_OBSERVATION: Final = "observation"
DIM_OWN_ERROR: Final = "own_error_indicator"
DIM_SHARED: Final = "shared_item"
DIM_COMPONENT: Final = "component"
DIM_COHESION: Final = "dyad"
DIM_TREND: Final = "trended_series"

# Posterior variables that a reader of a fit may rely on (dims in the schema contract test).
VAR_COEFFICIENT: Final = "coefficient"
VAR_RIVAL_EFFECT: Final = "rival_effect"
VAR_GOVERNMENT_EFFECT: Final = "government_effect"
VAR_GOVERNMENT_SD: Final = "government_sd"
VAR_ADMINISTRATION_EFFECT: Final = "administration_effect"
VAR_ADMINISTRATION_DEVIATION: Final = "administration_deviation"
VAR_ADMINISTRATION_DEVIATION_SD: Final = "administration_deviation_sd"
VAR_HALF_LIFE: Final = "half_life"
VAR_CORRELATION: Final = "correlation"
VAR_LEVEL_SECOND: Final = "second_member_level"
VAR_SCALE_SECOND: Final = "second_member_scale"
VAR_CREDIBILITY_SD: Final = "credibility_series_sd"
VAR_DRIVER_LOADING: Final = "driver_loading"
VAR_LOADING: Final = "loading"
VAR_INTERCEPT: Final = "intercept"
VAR_NOISE: Final = "noise"
VAR_OWN_HALF_LIFE: Final = "own_error_half_life"
VAR_SEASON: Final = "season"
VAR_SLOPE: Final = "slope"
VAR_TREND_SD: Final = "trend_sd"
VAR_COVARIATE_EFFECT: Final = "covariate_effect"
VAR_MODE_OFFSET: Final = "mode_offset"
VAR_WAVE_ERROR: Final = "wave_error"
VAR_OBSERVATION_LOGIT: Final = "observation_logit"
VAR_OBSERVED: Final = "observed"
VAR_WAVE_SD: Final = "wave_sd"

MONTHLY_STATES: Final = (THREAT, CREDIBILITY, COHESION)

# Components of a change in cohesion; they sum to it exactly, draw by draw.
COMPONENT_THREAT: Final = "threat"
COMPONENT_CREDIBILITY: Final = "credibility"
COMPONENT_DISPUTES: Final = "disputes"
COMPONENT_GOVERNMENTS: Final = "governments"
COMPONENT_INITIAL: Final = "initial_state"
COMPONENT_INNOVATIONS: Final = "innovations"
COMPONENTS: Final = (
    COMPONENT_THREAT,
    COMPONENT_CREDIBILITY,
    COMPONENT_DISPUTES,
    COMPONENT_GOVERNMENTS,
    COMPONENT_INITIAL,
    COMPONENT_INNOVATIONS,
)

# What compiled code calls the families of indicators.
FAMILY_CODES: Final = {"normal": 0, "student_t": 1, "beta_binomial": 2, "binomial": 3,
                       "negative_binomial": 4}
