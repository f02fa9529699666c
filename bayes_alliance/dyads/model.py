r"""The model over dyads as PyMC models, in two stages.

Of the drivers, for member m and year t, with unit autoregressions r:

.. math::
    \theta_{m,t} = \ell^\theta_m + r^\theta_{m,t}, \qquad
    \kappa_{m,t} = \ell^\kappa_m + r^\kappa_{m,t}

Of cohesion, for dyad d of the members a and b, *given* the drivers' posterior means
:math:`\bar\theta = E(\theta_a+\theta_b)/2`, :math:`g^\theta = E\,|\theta_a-\theta_b|/2` (smooth)
and likewise for credibility:

.. math::
    P_{d,t} &= \mu_d + \beta^T_d (\bar\theta_{d,t} - \bar\theta_{d})
        - \delta^T_d (g^\theta_{d,t} - g^\theta_{d}) + \beta^C_d (\bar\kappa_{d,t}
        - \bar\kappa_{d}) - \delta^C_d (g^\kappa_{d,t} - g^\kappa_{d}) + b \cdot (\bar\theta_d,
        -g^\theta_d, \bar\kappa_d, -g^\kappa_d) \\
    \zeta_{d,t} &= \varphi\zeta_{d,t-1} + (1-\varphi)P_{d,t} + \text{innovation}
        \quad\text{or}\quad \zeta_{d,t} = P_{d,t} + r^\eta_{d,t} \\
    \eta_{d,t} &= \zeta_{d,t} + \nu_t \\
    (\beta,\delta)_d &= m + m_{\text{class}(d)} + s\,z_d

What is without a year is a mean over the dyad's years: three quarters of the variance of the
members' mean threat and credibility lie between dyads. The hypotheses are about what moves a dyad,
so the coefficients are of movements within one, and what sets dyads apart has coefficients of its
own, b (*within and between*): else all that differs between pairs would be taken for them.

What a year adds to all cohesion, :math:`\nu_t`, is added to cohesion itself: as a part of what
cohesion tends to, of which a year takes up a tenth, its sd was ten times what its prior says.

In one stage the UN votes of 252 dyads, which say far more than the indicators of threat and
credibility do, turned the members' threat and credibility into positions at the UN: population
coefficients of eleven prior standard deviations. So nothing of cohesion informs the drivers (a
*cut*), and cohesion sees their posterior means (regression calibration), which leave a linear
effect unbiased where draws would pull it to zero.

Invariant: what differs between hypotheses, rows, paths and priors is data of one compilation a
stage. Series are sampled in the whitened coordinates of :mod:`bayes_alliance.model.series`.

References
----------
Plummer 2015, Statistics and Computing 25, for cuts; Carroll, Ruppert, Stefanski and Crainiceanu
2006, Measurement Error in Nonlinear Models, 2nd ed., chapter 4, for regression calibration; Bell
and Jones 2015, Political Science Research and Methods 3(1), for within and between.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import DyadDesign
from bayes_alliance.dyads.measurement import add_measurement
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.model.kernels import autoregression
from bayes_alliance.model.prior_numbers import PriorNumbers
from bayes_alliance.model.series import persistence

__all__ = ["build_dyad_model"]


def build_dyad_model(spec: DyadModelSpec, design: DyadDesign) -> pm.Model:
    """Build the PyMC model of a stage.

    Parameters
    ----------
    spec : DyadModelSpec
        Gives the names of the priors' numbers.
    design : DyadDesign
        Labels and data.

    Returns
    -------
    pymc.Model
        With every array of the design as ``pm.Data`` under its own name.
    """
    with pm.Model(coords=design.coords, check_bounds=False) as model:
        data = {name: pm.Data(name, array) for name, array in design.data.items()}
        prior = PriorNumbers(data["prior"], list(spec.priors.numbers()))
        (_add_drivers if design.stage == n.DRIVER_STAGE else _add_cohesion)(data, prior, design)
    return model


def _add_drivers(data: dict[str, Any], prior: PriorNumbers, design: DyadDesign) -> None:
    """Add threat and credibility of every member, and what is observed of them."""
    coords = design.coords
    members, years = len(coords[c.DIM_MEMBER]), len(coords[c.DIM_TIME])
    dims = (c.DIM_MEMBER, c.DIM_TIME)
    level = pm.Normal(n.VAR_MEMBER_LEVEL, prior["member_level.mu"], prior["member_level.sd"],
                      dims=(c.DIM_PAIR, c.DIM_MEMBER))
    rows = add_measurement(data, prior, design, level.sum(axis=1) / members, pt.zeros((years,)))
    states = []
    for position, latent in enumerate(c.PATHS):
        half_life = prior.log_normal_variable(f"half_life_{latent}")
        path = level[position][:, None] + pt.zeros((members, years))
        part = slice(position * members, (position + 1) * members)
        states.append(pm.Deterministic(
            latent, path + rows.series(f"{latent}_series", half_life, path, part, dims),
            dims=dims))
    both = (states[0][data["member_a"]] + states[0][data["member_b"]]) / 2.0
    rows.observe(pt.concatenate(states), both)


def _add_cohesion(data: dict[str, Any], prior: PriorNumbers, design: DyadDesign) -> None:
    """Add cohesion of every dyad given its paths, and what is observed of it."""
    dims = (n.DIM_DYAD, c.DIM_TIME)
    dyads = len(design.coords[n.DIM_DYAD])
    half_life = prior.log_normal_variable("half_life_cohesion")
    long_run = _long_run(data, prior)
    year_sd = prior.log_normal_variable("common_year_sd")
    phi = persistence(half_life)
    expected = _expected(long_run, phi, dyads, design.response)
    yearly = expected.sum(axis=0) / dyads
    overall = yearly.sum() / len(design.coords[c.DIM_TIME])
    rows = add_measurement(data, prior, design, overall[None], yearly - overall, (year_sd, phi))
    year = pm.Deterministic(n.VAR_COMMON_YEAR, rows.common, dims="year")
    expected = expected + data["year_switch"] * year[None, :]
    cohesion = pm.Deterministic(
        c.COHESION, expected + rows.series("cohesion_residual", half_life, expected,
                                           slice(0, dyads), dims), dims=dims)
    rows.observe(cohesion)


def _long_run(data: dict[str, Any], prior: PriorNumbers) -> Any:
    """Return the level to which cohesion tends, shape (dyad, year)."""
    mean = _class_coefficients(prior, len(pm.modelcontext(None).coords[n.DIM_CLASS]))
    spread = prior.log_normal_variable(n.VAR_SPREAD, dims=c.DIM_COEFFICIENT)
    raw = pm.Normal("coefficient_of_dyad_raw", dims=(n.DIM_DYAD, c.DIM_COEFFICIENT))
    coefficient = pm.Deterministic(
        n.VAR_DYAD_COEFFICIENT, mean[data["class_of"]] + spread[None, :] * raw,
        dims=(n.DIM_DYAD, c.DIM_COEFFICIENT))
    level_sd = prior.log_normal_variable(n.VAR_DYAD_LEVEL_SD)
    level = pm.Deterministic(n.VAR_DYAD_LEVEL, level_sd * pm.Normal(
        "dyad_level_raw", dims=n.DIM_DYAD), dims=n.DIM_DYAD)
    between = pm.Normal(n.VAR_BETWEEN, prior["coefficient.mu"], prior["coefficient.sd"],
                        dims=c.DIM_COEFFICIENT)
    total = level[:, None]
    for position in range(2):
        first, second = 2 * position, 2 * position + 1
        within = (coefficient[:, first, None] * data["path"][first]
                  - coefficient[:, second, None] * data["path"][second])
        apart = (between[first] * data["path_mean"][first]
                 - between[second] * data["path_mean"][second])
        total = total + data["path_switch"][position] * (within + apart[:, None])
    return total


def _class_coefficients(prior: PriorNumbers, classes: int) -> Any:
    """Add the coefficients of classes and of their population, shape (class, coefficient).

    Rows tell of classes, and of the population through them alone. So the classes are sampled as
    what they are without a population, equally correlated normals, and the population given them.
    """
    mu, between = prior["coefficient.mu"], prior["coefficient.sd"] ** 2
    # A class's mean deviation is 0 unless the prior says otherwise.
    apart, within = prior["coefficient_class.mu"], prior["coefficient_class.sd"] ** 2
    found = pm.Flat(n.VAR_CLASS_COEFFICIENT, dims=(n.DIM_CLASS, c.DIM_COEFFICIENT))
    centre, total = found.sum(axis=0) / classes, within + classes * between
    away = centre - mu - apart
    pm.Potential("coefficients_of_their_prior", -0.5 * (
        pt.sum((found - centre) ** 2) / within + classes * pt.sum(away**2) / total
        + found.shape[1] * (classes * np.log(2.0 * np.pi) + (classes - 1) * pt.log(within)
                            + pt.log(total))))
    raw = pm.Normal("coefficient_raw", dims=c.DIM_COEFFICIENT)
    population = pm.Deterministic(
        c.VAR_COEFFICIENT, mu + classes * between / total * away
        + pt.sqrt(between * within / total) * raw, dims=c.DIM_COEFFICIENT)
    pm.Deterministic("class_deviation", found - population[None, :],
                     dims=(n.DIM_CLASS, c.DIM_COEFFICIENT))
    return found


def _expected(long_run: Any, phi: Any, dyads: int, response: str) -> Any:
    """Return cohesion without its residual, shape (dyad, year)."""
    if response == "level":
        return long_run
    entering = pt.concatenate([long_run[:, :1], (1.0 - phi) * long_run[:, 1:]], axis=1)
    return autoregression(phi + pt.zeros((dyads,)), entering)
