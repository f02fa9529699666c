"""The linear-Gaussian case against another implementation.

With hyperparameters fixed, paths switched off and normal rows, the states' posterior is Gaussian.
Its mean and variance follow exactly from the compiled density (its gradient is affine, no
sampling) and are compared with the smoother of statsmodels, with missing months and yearly means.

Intercepts and effects of governments are sampled in random directions; that these change the
density by their log volume only is checked here too, against the density in NumPy.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm

from bayes_alliance import constants as c
from bayes_alliance.model import build_design
from tests.statistical.density_oracle import directions
from tests.statistical.test_coordinates import TRENDS, agrees, directions_agree

# Hyperparameters away from their prior medians; the others stay at zero, so no event moves threat.
FIXED = {"half_life_threat_raw": 0.3, "half_life_credibility_raw": 0.5,
         "half_life_cohesion_raw": -0.4, "correlation_z[0]": 0.5, "correlation_z[1]": 0.1,
         "second_member_level[0]": 0.7, "second_member_level[1]": -0.3,
         "second_member_scale_raw[0]": 0.4, "credibility_series_sd_raw": 0.6,
         "loading_between_bent__[1]": -0.6, "noise_between[0]": -1.1}
# Slopes change by some hundredths a month, and are not about zero in the first.
TREND = {"trend_sd_raw": 5.0}
START = {"trend_start.mu": 0.04, "trend_start.sd": 0.1}
SERIES = ("threat_a", "threat_b", "credibility_a", "credibility_b", "cohesion")
ROWS = ("threat_a", "threat_b", "credit", "cohesion_monthly", "cohesion_yearly")
CASES = [("adjustment", ("ar1", "ar1", "ar1")),
         pytest.param(("level", TRENDS), marks=pytest.mark.repeat),
         pytest.param(("level", ("random_walk", "local_trend", "random_walk")),
                      marks=pytest.mark.slow)]


def affine(function, position, moved):
    """Return an affine function's value at zero and its matrix, in some of its coordinates."""
    start = function(position)
    columns = []
    for place in moved:
        position[place] = 1.0
        columns.append(function(position) - start)
        position[place] = 0.0
    return start, np.stack(columns, axis=1)


@pytest.fixture(scope="module", params=CASES, ids=str)
def exact(request, structured, small):
    """Posterior mean and sd of the states from the compiled density."""
    response, dynamics = request.param
    spec, design, compiled = structured(response, hypothesis="H0", dynamics=dynamics)
    prior, numbers = design.data["prior"].copy(), list(spec.priors.numbers())
    for name, value in START.items():
        prior[numbers.index(name)] = value
    turned = directions(design, 3)
    compiled = compiled.with_data(prior=prior, **turned)
    density, expand = compiled.density(), compiled.expand()
    position = np.zeros(compiled.size)
    trended = "local_trend" in dynamics
    for label, value in (FIXED | TREND if trended else FIXED).items():
        position[compiled.labels.index(label)] = value
    # Intercepts are sampled at the mean of their rows' path: a shift away from zero. They are so
    # in units of their prior's sd, in directions of their own.
    items = [i for i, label in enumerate(compiled.labels) if label.startswith("intercept_at_mean")]
    at_zero = expand(position)[c.VAR_INTERCEPT] / spec.priors.intercept.sd
    position[items] = -turned["intercept_basis"].T @ at_zero
    found = expand(position)
    assert found[c.VAR_INTERCEPT] == pytest.approx(0.0, abs=1e-15)

    def states(position):
        found = expand(position)
        return np.concatenate([found[c.THREAT].ravel(), found[c.CREDIBILITY].ravel(),
                               found[c.COHESION]])

    moved = np.flatnonzero(compiled.monthly)
    pull, hessian = affine(lambda x: density(x)[1][moved].copy(), position, moved)
    base, root = affine(states, position, moved)
    covariance = np.linalg.inv(-hessian)
    names = list(small.indicators.index)
    return SimpleNamespace(
        hessian=hessian, mean=base + root @ covariance @ pull,
        labels=[compiled.labels[i] for i in moved], kinds=spec.series_dynamics,
        sd=np.sqrt(np.diag(root @ covariance @ root.T)), rows=small.rows, months=len(small.time),
        half_life=found[c.VAR_HALF_LIFE][[0, 0, 1, 1, 2]], rho=found[c.VAR_CORRELATION],
        scale=found[c.VAR_SCALE_SECOND], level=found[c.VAR_LEVEL_SECOND],
        size=np.array([1.0, float(found[c.VAR_CREDIBILITY_SD])]),
        trend_sd=float(found[c.VAR_TREND_SD]) if trended else 0.0,
        loading=dict(zip(names, found[c.VAR_LOADING], strict=True)),
        noise=dict(zip(names, found[c.VAR_NOISE], strict=True)))


class Oracle(sm.tsa.statespace.MLEModel):
    """Five monthly series, the slope of each, and the running sum of cohesion's year."""

    def __init__(self, exact):
        data = np.full((exact.months, len(ROWS)), np.nan)
        for row in exact.rows.itertuples():
            data[row.end_month, ROWS.index(row.indicator)] = row.y
        super().__init__(data, k_states=11, k_posdef=10)
        self._moves(exact)
        self._measures(exact)
        trended = np.array([kind == "local_trend" for kind in exact.kinds], dtype=float)
        start = np.zeros((11, 11))
        start[:5, :5] = np.eye(5)
        start[5:10, 5:10] = np.diag(trended * START["trend_start.sd"] ** 2)
        start[10, 10] = start[4, 10] = start[10, 4] = 1.0
        mean = np.concatenate([np.zeros(5), trended * START["trend_start.mu"], [0.0]])
        self.initialize_known(mean, start)

    def _moves(self, exact):
        fades = np.array([kind == "ar1" for kind in exact.kinds])
        trended = np.array([kind == "local_trend" for kind in exact.kinds], dtype=float)
        phi = np.where(fades, 0.5 ** (1 / exact.half_life), 1.0)
        transition = np.zeros((11, 11, exact.months))
        one = np.zeros((11, 11))
        one[:5, :5], one[:5, 5:10] = np.diag(phi), np.diag(trended)
        one[5:10, 5:10] = np.eye(5)
        one[10] = one[4]
        for t in range(exact.months):
            transition[:, :, t] = one
            # The sum starts anew each January (state of month t + 1).
            transition[10, 10, t] = float((t + 1) % 12 != 0)
        self["transition"] = transition
        selection = np.eye(11, 10)
        selection[10, 4] = 1.0
        self["selection"] = selection
        self["state_cov"] = np.diag(np.concatenate([1 - 0.25 ** (1 / exact.half_life),
                                                    trended * exact.trend_sd**2]))

    def _measures(self, exact):
        states, level = mixing(exact)
        design, intercept = np.zeros((5, 11)), np.zeros(5)
        measured = {"threat_a": 0, "threat_b": 1, "credit": 2, "cohesion_monthly": 4}
        for row, name in enumerate(ROWS):
            if name in measured:
                design[row, :5] = exact.loading[name] * states[measured[name]]
                intercept[row] = exact.loading[name] * level[measured[name]]
        design[4, 10] = exact.loading["cohesion_yearly"] / 12
        self["design"], self["obs_intercept"] = design, intercept
        self["obs_cov"] = np.diag([exact.noise[name] ** 2 for name in ROWS])


def mixing(exact):
    """Return the five states as a matrix of the five series, and their levels."""
    states, level = np.zeros((5, 5)), np.zeros(5)
    for pair in (0, 1):
        spread = exact.size[pair] * exact.scale[pair]
        rho = exact.rho[pair]
        states[2 * pair, 2 * pair] = exact.size[pair]
        states[2 * pair + 1, 2 * pair:2 * pair + 2] = spread * rho, spread * np.sqrt(1 - rho**2)
        level[2 * pair + 1] = exact.level[pair]
    states[4, 4] = 1.0
    return states, level


def test_states_agree_with_the_smoother(exact):
    smoothed = Oracle(exact).ssm.smooth()
    states, level = mixing(exact)
    mean = level[:, None] + states @ smoothed.smoothed_state[:5]
    variance = np.einsum("si,ijt,sj->st", states, smoothed.smoothed_state_cov[:5, :5], states)
    for s, name in enumerate(SERIES):
        mine = slice(s * exact.months, (s + 1) * exact.months)
        assert exact.mean[mine] == pytest.approx(mean[s], abs=1e-6), name
        assert exact.sd[mine] == pytest.approx(np.sqrt(variance[s]), abs=1e-6), name


def test_coordinates_of_series_measured_month_by_month_are_standard_normal(exact):
    # The second member's threat is measured month by month, and nothing else stands on it here.
    # (The first member's also shows in the second's rows, and a yearly mean counts for its middle
    # month: there the coordinates are close to standard normal, not exactly.)
    of_second = [i for i, label in enumerate(exact.labels)
                 if label.startswith("second_series_white__[0,")]
    assert len(of_second) == exact.months
    assert exact.hessian[np.ix_(of_second, of_second)] == pytest.approx(-np.eye(exact.months),
                                                                        abs=1e-8)


# In directions other than those of the design, the density is the declared model's all the same.

@pytest.mark.parametrize("hypothesis", ["H12", "H0"])
def test_the_density_of_a_small_panel_in_random_directions(structured, small, unpacked,
                                                           hypothesis):
    spec, design, compiled = structured(hypothesis=hypothesis)
    for seed in range(3):
        turned = directions(design, seed)
        agrees(spec, small, design.with_data(**turned), compiled.with_data(**turned), unpacked,
               seed)
    directions_agree(compiled.with_data(**turned))


def test_the_density_of_the_flagship_in_random_and_in_chosen_directions(spec, panel, unpacked):
    from bayes_alliance.inference.compiled import compiled_model
    from bayes_alliance.inference.laplace import approximate

    design = build_design(spec, panel)
    compiled = compiled_model(spec, panel, design)
    chosen = approximate(compiled)[0].data
    for seed, turned in enumerate((directions(design, 8), directions(design, 9),
                                   {name: chosen[name] for name in directions(design, 0)})):
        assert not [name for name in turned if np.array_equal(turned[name], design.data[name])]
        there = compiled.with_data(**turned)
        agrees(spec, panel, design.with_data(**turned), there, unpacked, seed)
        directions_agree(there)
