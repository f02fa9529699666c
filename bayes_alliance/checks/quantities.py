"""What calibration is checked on: parameters and functions of parameters, states and data.

Invariant: a quantity is computed by one function for the truth and for the draws, from the same
inputs; which quantities there are follows from the model file alone and is fixed before any fit.

References
----------
Modrák, Moon, Kim, Bürkner, Huurre, Faltejsková, Gelman and Vehtari 2023, Simulation-based
calibration checking for Bayesian computation: the choice of test quantities shapes sensitivity,
Bayesian Analysis. The joint log-likelihood is theirs; it sees data that were not used.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from bayes_alliance import constants as c
from bayes_alliance.model import Design
from bayes_alliance.model.layout import indicator_groups
from bayes_alliance.model.predict import Samples, log_likelihood, long_run_paths, steps
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["COHESION_MEAN", "DECLARED", "LOG_LIKELIHOOD", "panels", "quantities"]

COHESION_MEAN: Final = "mean[cohesion]"
LOG_LIKELIHOOD: Final = "log_likelihood"

# Every element of these.
_WHOLE: Final = {
    c.VAR_COEFFICIENT: c.DIM_COEFFICIENT, c.VAR_HALF_LIFE: c.DIM_CONSTRUCT,
    c.VAR_CORRELATION: c.DIM_PAIR, c.VAR_LEVEL_SECOND: c.DIM_PAIR,
    c.VAR_SCALE_SECOND: c.DIM_PAIR, c.VAR_RIVAL_EFFECT: c.DIM_RIVAL,
    c.VAR_GOVERNMENT_SD: "", c.VAR_ADMINISTRATION_DEVIATION_SD: "",
    c.VAR_CREDIBILITY_SD: "", c.VAR_WAVE_SD: ""}
# Of these, the first indicator of each pooling group, in the order of the model file.
_OF_GROUPS: Final = (c.VAR_LOADING, c.VAR_NOISE, c.VAR_INTERCEPT)
# Of the change of cohesion between an episode and each of its baselines.
_CONTRIBUTIONS: Final = (c.COMPONENT_THREAT, c.COMPONENT_CREDIBILITY, c.COMPONENT_DISPUTES,
                         c.COMPONENT_GOVERNMENTS)
# The declared quantities by what stands before the bracket of their label: what they are, and
# the title of the panel in which a figure shows them ("" for one panel a latent).
DECLARED: Final[dict[str, tuple[str, str]]] = {
    c.VAR_COEFFICIENT: ("the four path coefficients", "coefficients and rivals"),
    c.VAR_RIVAL_EFFECT: ("effect of each rival's stock on cohesion", "coefficients and rivals"),
    c.VAR_HALF_LIFE: ("half-lives of threat, credibility and cohesion, months", "half-lives"),
    c.VAR_OWN_HALF_LIFE: ("half-life of the first own error, months", "half-lives"),
    c.VAR_CORRELATION: ("correlation of the members' series, by construct", "second member"),
    c.VAR_LEVEL_SECOND: ("level of the second member, by construct", "second member"),
    c.VAR_SCALE_SECOND: ("scale of the second member, by construct", "second member"),
    c.VAR_GOVERNMENT_SD: ("spread of governments' effects", "spreads"),
    c.VAR_ADMINISTRATION_DEVIATION_SD: ("spread of members' deviations from administrations",
                                        "spreads"),
    c.VAR_CREDIBILITY_SD: ("scale of credibility's own series", "spreads"),
    c.VAR_WAVE_SD: ("spread of the errors of poll waves", "spreads"),
    c.VAR_LOADING: ("loading of the first indicator of each group", "loadings"),
    c.VAR_NOISE: ("noise of the first indicator of each group", "noises"),
    c.VAR_INTERCEPT: ("intercept of the first indicator of each group", "intercepts"),
    "mean": ("mean of cohesion, and of each member's threat and credibility, over each window of "
             "the episodes and baselines; of cohesion also over all months", ""),
    "contribution": ("what threat, credibility, disputes and governments add to the change of "
                     "cohesion between each episode and each of its baselines", "contributions"),
    LOG_LIKELIHOOD: ("log density of all rows given everything else", "log-likelihood")}


def panels(names: Iterable[str]) -> dict[str, list[str]]:
    """Return quantities by the panel of a figure that shows them.

    Parameters
    ----------
    names : iterable of str
        Labels from :func:`quantities`.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        family, _, rest = name.partition("[")
        title = DECLARED[family][1] or f"mean of {rest.rstrip(']').partition(',')[0]}"
        found.setdefault(title, []).append(name)
    return found


def quantities(samples: Samples, design: Design, spec: ModelSpec,
               panel: Panel) -> dict[str, np.ndarray]:
    """Compute every declared quantity of each sample.

    Parameters
    ----------
    samples : Samples
        Draws of a fit, or a truth as a single draw.
    design : Design
        Layout of the fitted panel, with its values.
    spec : ModelSpec
        The model file: episodes, baselines, structural options.
    panel : Panel
        Months and governments.

    Returns
    -------
    dict of str to numpy.ndarray
        Label, such as ``coefficient[beta_threat]``, to values of shape (sample,).
    """
    found = dict(_parameters(samples, design, panel))
    found.update(_window_means(samples, spec, panel))
    found.update(_contributions(samples, design, spec, panel))
    found[LOG_LIKELIHOOD] = log_likelihood(samples, design, spec)
    return found


def _parameters(samples: Samples, design: Design,
                panel: Panel) -> Iterator[tuple[str, np.ndarray]]:
    for name, dim in _WHOLE.items():
        if name not in samples.values:
            continue
        if not dim:
            yield name, samples.values[name]
            continue
        for position, label in enumerate(design.coords[dim]):
            yield f"{name}[{label}]", samples.values[name][:, position]
    for name in design.coords[c.DIM_OWN_ERROR][:1]:
        yield f"{c.VAR_OWN_HALF_LIFE}[{name}]", samples.values[c.VAR_OWN_HALF_LIFE][:, 0]
    first = {group: name for name, group in reversed(indicator_groups(panel).items())}
    for variable in _OF_GROUPS:
        for name in reversed(first.values()):
            position = design.coords[c.DIM_INDICATOR].index(name)
            yield f"{variable}[{name}]", samples.values[variable][:, position]


def _windows(spec: ModelSpec) -> list[tuple[str, str]]:
    """Return every window of an episode or a baseline, once."""
    every = [months for episode in spec.episodes.values()
             for months in (episode.window, *episode.baselines.values())]
    return list(dict.fromkeys((str(first), str(last)) for first, last in every))


def _window_means(samples: Samples, spec: ModelSpec,
                  panel: Panel) -> Iterator[tuple[str, np.ndarray]]:
    series = {c.COHESION: samples.values[c.COHESION]}
    for construct in c.PATHS:
        for position, member in enumerate(panel.members):
            series[f"{construct}, {member}"] = samples.values[construct][:, position]
    yield COHESION_MEAN, series[c.COHESION].mean(axis=1)
    for window in _windows(spec):
        months = panel.window(window)
        for name, values in series.items():
            yield f"mean[{name}, {window[0]}..{window[1]}]", values[:, months].mean(axis=1)


def _contributions(samples: Samples, design: Design, spec: ModelSpec,
                   panel: Panel) -> Iterator[tuple[str, np.ndarray]]:
    half_life = samples.values[c.VAR_HALF_LIFE][:, c.LATENTS.index(c.COHESION)]
    phi, _ = steps(half_life, spec.model.dynamics.cohesion)
    parts = {name: _response(part, phi, spec.model.response)
             for name, part in _long_run(samples, design).items()}
    for label, episode in spec.episodes.items():
        window = panel.window(episode.window)
        for against, months in episode.baselines.items():
            baseline = panel.window(months)
            for name, part in parts.items():
                change = part[:, window].mean(axis=1) - part[:, baseline].mean(axis=1)
                yield f"contribution[{name}, {label}/{against}]", change


def _long_run(samples: Samples, design: Design) -> dict[str, np.ndarray]:
    """Return what each component adds to cohesion's long-run level, shape (sample, time)."""
    values, data = samples.values, design.data
    coefficient = values[c.VAR_COEFFICIENT][:, :, None]
    parts = {}
    for position, construct in enumerate(c.PATHS):
        mean, gap = long_run_paths(values[construct][:, 0], values[construct][:, 1])
        path = coefficient[:, 2 * position] * mean + coefficient[:, 2 * position + 1] * gap
        parts[construct] = data["path_switch"][position] * path
    for name, variable, months in (
            (c.COMPONENT_DISPUTES, c.VAR_RIVAL_EFFECT, "rival_stock"),
            (c.COMPONENT_GOVERNMENTS, c.VAR_GOVERNMENT_EFFECT, "government_months")):
        parts[name] = data["rival_switch"] * values[variable] @ data[months]
    return {name: parts[name] for name in _CONTRIBUTIONS}


def _response(part: np.ndarray, phi: np.ndarray, response: str) -> np.ndarray:
    """Return what a component of the long-run level does to cohesion, same shape."""
    if response == "level":
        return part
    found = part.copy()
    for month in range(1, part.shape[1]):
        found[:, month] = phi * found[:, month - 1] + (1.0 - phi) * part[:, month]
    return found
