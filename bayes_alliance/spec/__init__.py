"""Model files: TOML to a frozen, validated specification; priors; hash."""

from bayes_alliance.spec.families import FAMILIES, TRANSFORMS, Family, Transform
from bayes_alliance.spec.forecasting import (
    ForecastSpec,
    OfficeSpec,
    OutcomeSpec,
    ScenarioSpec,
    ShockSpec,
    ValueSpec,
)
from bayes_alliance.spec.load import (
    parse_model,
    posterior_hash,
    read_model,
    read_toml,
    spec_hash,
    text_for_numbers,
)
from bayes_alliance.spec.naming import country, prior_table, readable
from bayes_alliance.spec.priors import Priors
from bayes_alliance.spec.schema import EpisodeSpec, ModelSpec
from bayes_alliance.spec.shipped import (
    find_data_folder,
    find_dataset,
    find_dyad_dataset,
    find_model,
    shipped_folder,
    shipped_models,
)
from bayes_alliance.spec.variants import ControlSpec, VariantSpec

__all__ = [
    "FAMILIES",
    "TRANSFORMS",
    "ControlSpec",
    "EpisodeSpec",
    "Family",
    "ForecastSpec",
    "ModelSpec",
    "OfficeSpec",
    "OutcomeSpec",
    "Priors",
    "ScenarioSpec",
    "ShockSpec",
    "Transform",
    "ValueSpec",
    "VariantSpec",
    "country",
    "find_data_folder",
    "find_dataset",
    "find_dyad_dataset",
    "find_model",
    "parse_model",
    "posterior_hash",
    "prior_table",
    "read_model",
    "read_toml",
    "readable",
    "shipped_folder",
    "shipped_models",
    "spec_hash",
    "text_for_numbers",
]
