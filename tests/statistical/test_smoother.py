"""The linear-Gaussian case against another implementation.

With hyperparameters fixed, paths switched off and normal rows, the states' posterior is Gaussian.
Its mean and variance follow exactly from the compiled density (its gradient is affine, no
sampling) and are compared with the smoother of statsmodels, with missing months and yearly means.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm

from bayes_alliance import constants as c

# Hyperparameters away from their prior medians; the others stay at zero, so no event moves threat.
FIXED = {"half_life_threat_raw": 0.3, "half_life_cohesion_raw": -0.4, "correlation_z[0]": 0.5,
         "correlation_z[1]": 0.1, "second_member_level[0]": 0.7, "second_member_scale_raw[0]": 0.4,
         "loading_between[1]": -0.6, "noise_between[0]": -1.1}


def affine(function, position, moved):
    """Return an affine function's value at zero and its matrix, in some of its coordinates."""
    start = function(position)
    columns = []
    for place in moved:
        position[place] = 1.0
        columns.append(function(position) - start)
        position[place] = 0.0
    return start, np.stack(columns, axis=1)


@pytest.fixture(scope="module")
def exact(structured, small):
    """Posterior mean and sd of threat and cohesion from the compiled density."""
    _, _, compiled = structured(hypothesis="H0")
    density, expand = compiled.density(), compiled.expand()
    position = np.zeros(compiled.size)
    for label, value in FIXED.items():
        position[compiled.labels.index(label)] = value
    # Intercepts are sampled at the mean of their rows' path: a shift away from zero.
    items = [i for i, label in enumerate(compiled.labels) if label.startswith("intercept_at_mean")]
    position[items] = -expand(position)[c.VAR_INTERCEPT]
    found = expand(position)
    assert found[c.VAR_INTERCEPT] == pytest.approx(0.0, abs=1e-15)

    def states(position):
        found = expand(position)
        return np.concatenate([found[c.THREAT].ravel(), found[c.COHESION]])

    white = [i for i, label in enumerate(compiled.labels) if "_white__" in label]
    pull, hessian = affine(lambda x: density(x)[1][white].copy(), position, white)
    base, root = affine(states, position, white)
    covariance = np.linalg.inv(-hessian)
    names = list(small.indicators.index)
    return SimpleNamespace(
        hessian=hessian, mean=base + root @ covariance @ pull,
        sd=np.sqrt(np.diag(root @ covariance @ root.T)), rows=small.rows, months=len(small.time),
        phi=0.5 ** (1 / found[c.VAR_HALF_LIFE]), rho=found[c.VAR_CORRELATION][0],
        scale=found[c.VAR_SCALE_SECOND][0], level=found[c.VAR_LEVEL_SECOND][0],
        loading=dict(zip(names, found[c.VAR_LOADING], strict=True)),
        noise=dict(zip(names, found[c.VAR_NOISE], strict=True)))


class Oracle(sm.tsa.statespace.MLEModel):
    """Two unit AR(1) series, cohesion, and the running sum of cohesion's year."""

    def __init__(self, exact):
        order = ["threat_a", "threat_b", "cohesion_monthly", "cohesion_yearly"]
        data = np.full((exact.months, 4), np.nan)
        for row in exact.rows.itertuples():
            if row.indicator in order:
                data[row.end_month, order.index(row.indicator)] = row.y
        super().__init__(data, k_states=4, k_posdef=3)
        a, _, e = exact.phi
        loading, scale, rho = exact.loading, exact.scale, exact.rho
        transition = np.zeros((4, 4, exact.months))
        transition[0, 0], transition[1, 1], transition[2, 2] = a, a, e
        for t in range(exact.months):
            # The sum starts anew each January (state of month t + 1).
            transition[3, 2, t], transition[3, 3, t] = e, float((t + 1) % 12 != 0)
        self["transition"] = transition
        selection = np.zeros((4, 3))
        selection[0, 0] = selection[1, 1] = selection[2, 2] = selection[3, 2] = 1.0
        self["selection"] = selection
        self["state_cov"] = np.diag([1 - a**2, 1 - a**2, 1 - e**2])
        design = np.zeros((4, 4))
        design[0, 0] = loading["threat_a"]
        design[1, 0] = loading["threat_b"] * scale * rho
        design[1, 1] = loading["threat_b"] * scale * np.sqrt(1 - rho**2)
        design[2, 2] = loading["cohesion_monthly"]
        design[3, 3] = loading["cohesion_yearly"] / 12
        self["design"] = design
        self["obs_intercept"] = np.array([0.0, loading["threat_b"] * exact.level, 0.0, 0.0])
        self["obs_cov"] = np.diag([exact.noise[name] ** 2 for name in order])
        start = np.diag([1.0, 1.0, 1.0, 1.0])
        start[2, 3] = start[3, 2] = 1.0
        self.initialize_known(np.zeros(4), start)


def test_states_agree_with_the_smoother(exact):
    smoothed = Oracle(exact).ssm.smooth()
    first, second, cohesion = smoothed.smoothed_state[:3]
    mix = exact.scale * np.array([exact.rho, np.sqrt(1 - exact.rho**2)])
    expected = np.concatenate([first, exact.level + mix[0] * first + mix[1] * second, cohesion])
    covariance = smoothed.smoothed_state_cov
    second_variance = np.einsum("i,ijt,j->t", mix, covariance[:2, :2], mix)
    expected_sd = np.sqrt(np.concatenate([covariance[0, 0], second_variance, covariance[2, 2]]))
    assert exact.mean == pytest.approx(expected, abs=1e-6)
    assert exact.sd == pytest.approx(expected_sd, abs=1e-6)


def test_coordinates_of_series_measured_month_by_month_are_standard_normal(exact):
    # The second member's threat is measured month by month, and nothing else stands on it here.
    # (The first member's also shows in the second's rows, and a yearly mean counts for its middle
    # month: there the coordinates are close to standard normal, not exactly.)
    months = exact.months
    of_second = slice(2 * months, 3 * months)
    assert exact.hessian[of_second, of_second] == pytest.approx(-np.eye(months), abs=1e-8)
