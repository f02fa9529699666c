"""The linear-Gaussian case against another implementation.

With hyperparameters fixed, paths switched off and normal rows, the states' posterior is Gaussian.
Its mean and variance are computed exactly from the model's own graph (gradient and Hessian of the
log density, no sampling) and compared with the smoother of statsmodels, with missing months and
yearly means.
"""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from bayes_alliance import constants as c
from bayes_alliance.model import build_design, build_model

MONTHS = 48
KEPT = ("gprnk_threat_rok", "us_troops_rok", "us_troops_japan", "jnto_travel_rok")


def linear_panel(panel):
    """Threat of both members monthly with gaps; cohesion monthly with gaps and yearly means."""
    rng = np.random.default_rng(8)
    template = panel.rows.iloc[0].to_dict()
    table = panel.indicators.loc[["gprnk_threat_rok", "us_troops_japan", "jnto_travel_rok",
                                  "us_troops_rok"]].copy()
    table.index = ["threat_a", "threat_b", "cohesion_monthly", "cohesion_yearly"]
    table.index.name = "indicator"
    table = table.assign(latent=["threat", "threat", "cohesion", "cohesion"],
                         member=["rok", "japan", "rok_japan", "rok_japan"], family="normal",
                         own_error=False, season=False, shared_item="", orientation=[1, 1, 1, 1])
    table["covariates"] = [()] * 4
    table["mode_changes"] = [()] * 4
    # Credibility needs an indicator; one row of it says nothing about the other states.
    credit = panel.indicators.loc[["us_troops_rok"]].assign(own_error=False)
    credit.index = ["credit"]
    rows = []

    def add(name, latent, member, first, last):
        rows.append(template | {
            "indicator": name, "latent": latent, "member": member, "family": "normal",
            "start_month": first, "end_month": last, "y": rng.normal(), "n": 0, "wave": "",
            "mode": 0, "calendar_month": 1})

    for month in range(MONTHS):
        if month % 3:
            add("threat_a", "threat", "rok", month, month)
        if month % 4 == 0:
            add("threat_b", "threat", "japan", month, month)
        if month not in range(10, 20):
            add("cohesion_monthly", "cohesion", "rok_japan", month, month)
    for year in range(MONTHS // 12):
        add("cohesion_yearly", "cohesion", "rok_japan", 12 * year, 12 * year + 11)
    add("credit", "credibility", "rok", 0, 0)
    import pandas as pd

    months = slice(0, MONTHS)
    return replace(
        panel, time=panel.time[months], indicators=pd.concat([table, credit]),
        rows=pd.DataFrame(rows), drivers=panel.drivers.iloc[months] * 0,
        rivals=panel.rivals.iloc[months] * 0, governments=panel.governments.iloc[months],
        covariates=panel.covariates.iloc[months])


@pytest.fixture(scope="module")
def exact(spec, panel):
    """Posterior mean and sd of threat and cohesion from the model's graph."""
    import pytensor

    small = linear_panel(panel)
    design = build_design(spec, small, "H0")
    model = build_model(spec, small, design)
    point = model.initial_point()
    point["half_life_threat_raw"] = np.array(0.3)
    point["half_life_cohesion_raw"] = np.array(-0.4)
    point["correlation_z"] = np.array([0.5, 0.1])
    point["second_member_level"] = np.array([0.7, 0.0])
    point["innovation"] = np.zeros((5, MONTHS))
    innovation = model["innovation"]
    value = model.rvs_to_values[innovation]
    # Intercepts are sampled at the mean state; freeze them in their own meaning.
    held = {name: array for name, array in point.items() if name != value.name}
    loading = np.exp(held["loading_log"])
    noise_at = model["noise"]
    inputs = [v for v in model.value_vars]
    outputs = model.replace_rvs_by_values([model[c.THREAT], model[c.COHESION], noise_at,
                                           model["half_life"], model[c.VAR_CORRELATION],
                                           model[c.VAR_SCALE_SECOND]])
    states = pytensor.function(inputs, outputs, on_unused_input="ignore")

    def at(z):
        return [point | {value.name: z}][0]

    def call(z):
        full = at(z)
        return states(*[full[v.name] for v in inputs])

    threat0, cohesion0, noise, half_life, correlation, scale = call(point["innovation"])
    base = np.concatenate([threat0.ravel(), cohesion0])
    size = 5 * MONTHS
    jacobian = np.zeros((base.size, size))
    for k in range(size):
        z = np.zeros(size)
        z[k] = 1.0
        threat, cohesion, *_ = call(z.reshape(5, MONTHS))
        jacobian[:, k] = np.concatenate([threat.ravel(), cohesion]) - base
    # Rows measure means of states; intercepts are fixed at zero by construction of y below.
    names = list(small.indicators.index)
    design_rows = design.rows
    measure = np.zeros((len(design_rows), base.size))
    for i, row in enumerate(design_rows.itertuples()):
        k = names.index(row.indicator)
        months = np.arange(row.start_month, row.end_month + 1)
        if row.latent == "cohesion":
            measure[i, 2 * MONTHS + months] = loading[k] / len(months)
        elif row.latent == "threat":
            offset = 0 if row.member == "rok" else MONTHS
            measure[i, offset + months] = loading[k]
    used = design_rows["latent"].isin(["threat", "cohesion"]).to_numpy()
    return {"small": small, "design": design, "model": model, "point": point, "value": value,
            "loading": dict(zip(names, loading, strict=True)),
            "noise": dict(zip(names, noise, strict=True)), "half_life": half_life,
            "correlation": float(correlation[0]), "scale": float(scale[0]),
            "level": 0.7, "base": base, "jacobian": jacobian, "measure": measure, "used": used,
            "inputs": inputs}


def graph_posterior(exact):
    """Return mean and sd of the states from gradient and Hessian of the model's log density."""
    import pytensor

    model, value, point = exact["model"], exact["value"], exact["point"]
    logp = model.logp()
    gradient = pytensor.grad(logp, value)
    compiled = pytensor.function(exact["inputs"], gradient, on_unused_input="ignore")
    # The intercepts' sampled values move with the states; holding the intercepts themselves at
    # zero means setting them to their centre at every point.
    at_mean = next(v for v in model.value_vars if v.name == "intercept_at_mean")
    names = list(exact["small"].indicators.index)
    data = exact["design"].data
    weights = data["item_average"]

    def centred(z):
        states = exact["base"] + exact["jacobian"] @ z
        mean = exact["measure"] @ states
        running = np.concatenate([[0.0], np.cumsum(mean)])
        sums = running[data["indicator_stop"]] - running[data["indicator_first"]]
        return weights @ sums

    centre_jacobian = np.stack([centred(unit) - centred(np.zeros(len(unit)))
                                for unit in np.eye(exact["jacobian"].shape[1])], axis=1)
    partial = pytensor.function(exact["inputs"], pytensor.grad(logp, at_mean),
                                on_unused_input="ignore")

    def total_gradient(z):
        full = point | {value.name: z.reshape(5, MONTHS), at_mean.name: centred(z)}
        arguments = [full[v.name] for v in exact["inputs"]]
        return (compiled(*arguments).ravel()
                + centre_jacobian.T @ partial(*arguments))

    size = 5 * MONTHS
    start = total_gradient(np.zeros(size))
    hessian = np.stack([total_gradient(unit) - start for unit in np.eye(size)], axis=1)
    covariance = np.linalg.inv(-hessian)
    mean = covariance @ start
    states = exact["base"] + exact["jacobian"] @ mean
    spread = exact["jacobian"] @ covariance @ exact["jacobian"].T
    assert names
    return states, np.sqrt(np.diag(spread))


class Oracle(sm.tsa.statespace.MLEModel):
    """Two correlated unit AR(1) series, cohesion and the running sum of its year."""

    def __init__(self, exact):
        small = exact["small"]
        order = ["threat_a", "threat_b", "cohesion_monthly", "cohesion_yearly"]
        data = np.full((MONTHS, 4), np.nan)
        for row in small.rows.itertuples():
            if row.indicator in order:
                data[row.end_month, order.index(row.indicator)] = row.y
        super().__init__(data, k_states=4, k_posdef=3)
        phi = 0.5 ** (1 / exact["half_life"])
        rho, scale, level = exact["correlation"], exact["scale"], exact["level"]
        loading, noise = exact["loading"], exact["noise"]
        a, b, e = phi[0], phi[0], phi[2]
        transition = np.zeros((4, 4, MONTHS))
        transition[0, 0], transition[1, 1], transition[2, 2] = a, b, e
        for t in range(MONTHS):
            # The sum starts anew each January (state of month t + 1).
            keeps = 0.0 if (t + 1) % 12 == 0 else 1.0
            transition[3, 2, t], transition[3, 3, t] = e, keeps
        self["transition"] = transition
        selection = np.zeros((4, 3))
        selection[0, 0] = selection[1, 1] = selection[2, 2] = selection[3, 2] = 1.0
        self["selection"] = selection
        self["state_cov"] = np.diag([1 - a**2, 1 - b**2, 1 - e**2])
        design = np.zeros((4, 4))
        design[0, 0] = loading["threat_a"]
        design[1, 0] = loading["threat_b"] * scale * rho
        design[1, 1] = loading["threat_b"] * scale * np.sqrt(1 - rho**2)
        design[2, 2] = loading["cohesion_monthly"]
        design[3, 3] = loading["cohesion_yearly"] / 12
        self["design"] = design
        self["obs_intercept"] = np.array([0.0, loading["threat_b"] * level, 0.0, 0.0])
        self["obs_cov"] = np.diag([noise[name] ** 2 for name in order])
        start = np.zeros((4, 4))
        start[0, 0] = start[1, 1] = start[2, 2] = 1.0
        start[3, 3] = start[2, 3] = start[3, 2] = 1.0
        self.initialize_known(np.zeros(4), start)


def test_states_agree_with_the_smoother(exact):
    mean, sd = graph_posterior(exact)
    smoothed = Oracle(exact).ssm.smooth()
    first, second, cohesion = smoothed.smoothed_state[:3]
    rho, scale, level = exact["correlation"], exact["scale"], exact["level"]
    mix = np.array([scale * rho, scale * np.sqrt(1 - rho**2)])
    expected = np.concatenate([first, level + mix[0] * first + mix[1] * second, cohesion])
    covariance = smoothed.smoothed_state_cov
    second_variance = np.einsum("i,ijt,j->t", mix, covariance[:2, :2], mix)
    expected_sd = np.sqrt(np.concatenate([covariance[0, 0], second_variance, covariance[2, 2]]))
    assert mean == pytest.approx(expected, abs=1e-6)
    assert sd == pytest.approx(expected_sd, abs=1e-6)
