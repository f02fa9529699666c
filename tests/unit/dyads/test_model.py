"""The model over dyads: its density against NumPy, its prior against the simulator, a fit."""

from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.borrowing import fit_without
from bayes_alliance.dyads.design import build_dyad_design
from bayes_alliance.dyads.fitting import fit_dyad_panel, load_dyad_fit
from bayes_alliance.dyads.model import _long_run, build_dyad_model
from bayes_alliance.dyads.population import dyad_effects, population_effects
from bayes_alliance.dyads.predictors import row_predictors
from bayes_alliance.dyads.simulate import made_up_panel, simulate_dyads
from bayes_alliance.dyads.spec import read_dyad_model
from bayes_alliance.dyads.tables import read_tables
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.inference.gate import Gate
from bayes_alliance.model.likelihoods import LIKELIHOODS
from bayes_alliance.model.prior_numbers import PriorNumbers

LOOSE = Gate(rhat=1.1, rhat_states=1.2, ess=20, divergences=9)
# What is planted: threat binds, credibility divides, gaps do nothing.
PLANTED = np.array([1.2, 0.0, -1.2, 0.0])
FIXED = {c.VAR_COEFFICIENT: PLANTED, "class_deviation": 0.0, n.VAR_SPREAD: 0.1,
         "loading": 1.0, "noise": 0.3, "half_life_threat": 5.0, "half_life_credibility": 5.0,
         "half_life_cohesion": 2.0, c.VAR_INTERCEPT: 0.0, n.VAR_DYAD_LEVEL_SD: 0.5,
         n.VAR_OWN_ERROR_SD: 0.3, "own_error_half_life": 5.0}


@pytest.fixture(scope="module")
def spec():
    return read_dyad_model("quasi_alliances")


@pytest.fixture(scope="module")
def made(spec, root):
    """A small panel with every family, and the truth behind it."""
    indicators = read_tables(root / "data" / "quasi_alliances")["indicators"]
    named = [name for part in spec.latents.values() for name in part]
    indicators = indicators.set_index("indicator").loc[named]
    # A lasting error in either stage.
    indicators.loc["un_same_votes", "own_error"] = 1
    rng = np.random.default_rng(20)
    layout = made_up_panel(spec, indicators, members=12, dyads=30, years=16, rng=rng)
    return simulate_dyads(spec, layout, rng, fixed=FIXED)


@pytest.fixture(scope="module")
def fitted(spec, made):
    return fit_dyad_panel(spec, made[0], seed=3, draws=400, tune=400, gate=LOOSE)


# The variables whose densities are looked at together, and the potentials that belong to them.
PARTS = {
    "rows": ([c.VAR_OBSERVED], ()),
    "years": ([f"{c.VAR_INTERCEPT}_at_mean", "year_contrast_raw", "year_mean_raw"],
              ("intercept_of_its_prior", "year_effects_of_their_prior")),
    "classes": ([n.VAR_CLASS_COEFFICIENT, "coefficient_raw"], ("coefficients_of_their_prior",))}


class Stage:
    """A stage's model near its start, all that is looked at compiled as one function."""

    def __init__(self, spec, panel, stage):
        self.spec, self.panel, self.stage = spec, panel, stage
        self.design = build_dyad_design(spec, panel, stage)
        self.model = build_dyad_model(spec, self.design)
        rng = np.random.default_rng(2)
        self.point = {name: value + 0.3 * rng.standard_normal(np.shape(value))
                      for name, value in self.model.initial_point().items()}
        known = set(self.model.named_vars)
        self.names = sorted(known - {one.name for one in self.model.observed_RVs}
                            - set(self.design.data))
        self.parts = {part: names for part, (names, _) in PARTS.items() if set(names) <= known}
        densities = [self.model.logp(vars=[self.model[name] for name in (
            *names, *PARTS[part][1])]) for part, names in self.parts.items()]
        free = self.model.replace_rvs_by_values([self.model[name] for name in self.names])
        # Called a few hundred times at most: compiled by nothing but Python.
        self._all = self.model.compile_fn([*free, *densities], inputs=self.model.value_vars,
                                          point_fn=True, on_unused_input="ignore",
                                          mode="FAST_COMPILE")

    def at(self, moved=None, hypothesis="H12"):
        """Return values by name and densities by part, at the point with some values moved."""
        switched = self.design.with_hypothesis(self.spec, hypothesis).data
        with self.model:
            pm.set_data({name: switched[name] for name in ("path_switch", "year_switch")})
        found = self._all({**self.point, **(moved or {})})
        count = len(self.names)
        return (dict(zip(self.names, map(np.asarray, found[:count]), strict=True)),
                dict(zip(self.parts, map(float, found[count:]), strict=True)))


@pytest.fixture(scope="module")
def stages(spec, made):
    return {stage: Stage(spec, made[0], stage) for stage in n.STAGES}


@pytest.mark.parametrize("stage", n.STAGES)
def test_the_likelihood_is_that_of_every_row_written_out(stages, made, stage):
    panel, _ = made
    design = stages[stage].design
    values, densities = stages[stage].at()
    latents = c.PATHS if stage == n.DRIVER_STAGE else (c.COHESION,)
    labels = design.coords[c.DIM_INDICATOR]
    lasting = [labels[one.indicator] for one in design.own]
    noisy = design.coords[n.DIM_NOISY]
    assert sorted([*lasting, *noisy]) == sorted(labels)
    names = [*latents, "loading", "noise", c.VAR_INTERCEPT, n.VAR_UNIT_DEVIATION,
             n.VAR_YEAR_EFFECT, *(n.error_of(name) for name in lasting)]
    cells = {name: dict(zip(design.coords[dim], values[name], strict=True)) for name, dim in (
        (n.VAR_UNIT_DEVIATION, n.DIM_UNIT_CELL), (n.VAR_YEAR_EFFECT, n.DIM_YEAR_CELL))}
    members, dyads = panel.members, list(panel.dyads.index)
    total, predictors = 0.0, []
    for row in panel.rows.itertuples():
        about = panel.indicators.loc[row.indicator]
        if (about["latent"] == c.COHESION) != (stage == n.COHESION_STAGE):
            continue
        k, year = labels.index(row.indicator), row.year - panel.years[0]
        unit = (members if about["level"] == "member" else dyads).index(row.unit)
        if about["latent"] == c.THREAT and about["level"] == "dyad":
            pair = panel.dyads.loc[row.unit, ["member_a", "member_b"]]
            state = np.mean([values[c.THREAT][members.index(one), year] for one in pair])
        else:
            state = values[about["latent"]][unit, year]
        mu = values[c.VAR_INTERCEPT][k] + about["orientation"] * values["loading"][k] * state
        mu += cells[n.VAR_UNIT_DEVIATION].get(f"{row.indicator}:{row.unit}", 0.0)
        mu += cells[n.VAR_YEAR_EFFECT].get(f"{row.indicator}:{row.year}", 0.0)
        if row.indicator in lasting:
            mu += about["orientation"] * values[n.error_of(row.indicator)][unit, year]
        family, size = about["family"], row.n
        if family == "bernoulli":
            family, size = "binomial", 1
        noise = 0.05 if row.indicator in lasting else values["noise"][noisy.index(row.indicator)]
        predictors.append(mu)
        total += float(LIKELIHOODS[family].log_density(row.y, mu, noise, size, 4.0))
    assert len(predictors) == len(design.data["y"])
    assert densities["rows"] == pytest.approx(total, rel=1e-9)
    # The same rows from draws: twice the same one.
    twice = xr.Dataset({name: (("chain", "draw", *(f"{name}_{k}" for k in range(value.ndim))),
                               np.stack([values[name]] * 2)[None])
                        for name in names for value in [values[name]]})
    again = row_predictors(design, twice)
    assert again.shape == (2, len(predictors))
    np.testing.assert_allclose(again, [predictors] * 2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hypothesis", ["H12", "H0"])
def test_a_year_is_sampled_by_its_sum_with_the_prior_unchanged(stages, made, hypothesis):
    """The sampled coordinates are a rotation of what the year adds and of the anchor's effect."""
    panel, _ = made
    design = stages[n.COHESION_STAGE].design
    labels, anchor = design.coords[c.DIM_INDICATOR], "un_same_votes"
    assert labels[design.anchor] == anchor
    cells = design.coords[n.DIM_YEAR_CELL]
    mine = [at for at, label in enumerate(cells) if label.startswith(f"{anchor}:")]
    years = design.anchor_years
    assert [cells[at] for at in mine] == [f"{anchor}:{panel.years[at]}" for at in years]
    values, _ = stages[n.COHESION_STAGE].at(hypothesis=hypothesis)
    year, effect, sd, effect_sd, loading, raw, total = (values[name] for name in (
        n.VAR_COMMON_YEAR, n.VAR_YEAR_EFFECT, "common_year_sd", n.VAR_YEAR_EFFECT_SD, "loading",
        "common_year_raw", "year_total_raw"))
    total, scale = total[0], effect_sd[design.anchor]
    np.testing.assert_allclose(
        total[years] ** 2 + raw[years] ** 2,
        (year[years] / sd) ** 2 + (effect[mine] / scale) ** 2, rtol=1e-9)
    slope = (hypothesis != "H0") * loading[design.anchor]
    np.testing.assert_allclose(np.hypot(slope * sd, scale) * total[years],
                               slope * year[years] + effect[mine], rtol=1e-9)


@pytest.mark.parametrize("stage", n.STAGES)
def test_years_sampled_apart_from_their_mean_have_the_prior_of_independent_effects(
        stages, spec, stage):
    """By the change of variables, its Jacobian from differences."""
    here = stages[stage]
    design, point = here.design, here.point
    cells, labels = design.coords[n.DIM_YEAR_CELL], design.coords[c.DIM_INDICATOR]
    rest = [at for at, of in enumerate(design.year_indicator) if of != design.anchor]
    assert [cells[at] for at in rest] == design.coords[n.DIM_OTHER_CELL]
    kinds = sorted(set(design.year_indicator[rest]))
    names = PARTS["years"][0]
    values, densities = here.at()
    sd = values[n.VAR_YEAR_EFFECT_SD][design.year_indicator[rest]]

    def natural(flat):
        moved = dict(zip(names, np.split(flat, np.cumsum([point[one].size for one in names])[:-1]),
                         strict=True))
        found, _ = here.at(moved)
        return np.concatenate([found[c.VAR_INTERCEPT], found[n.VAR_YEAR_EFFECT][rest]])

    start = np.concatenate([point[name] for name in names])
    step = 1e-5
    jacobian = np.array([(natural(start + step * way) - natural(start - step * way)) / (2 * step)
                         for way in np.eye(len(start))]).T
    # One direction an indicator is left over, with a standard normal of its own: the one along
    # which nothing moves.
    _, _, ways = np.linalg.svd(jacobian)
    idle = ways[len(natural(start)):]
    assert len(idle) == len(kinds)
    whole = np.linalg.slogdet(np.vstack([jacobian, idle]))[1]
    intercept, effect = np.split(natural(start), [len(labels)])
    mu, wide = spec.priors.intercept.mu, spec.priors.intercept.sd
    expected = (stats.norm.logpdf(intercept, mu, wide).sum()
                + stats.norm.logpdf(effect, 0, sd).sum()
                + stats.norm.logpdf(idle @ start).sum() + whole)
    assert densities["years"] == pytest.approx(expected, abs=1e-5)


def test_coefficients_of_classes_and_population_have_the_nested_prior(stages, spec):
    """Sampled as classes, then the population given them: the density is that of the nesting.

    Of the population given the classes a standard normal is sampled: a change of variables by the
    conditional sd.
    """
    values, densities = stages[n.COHESION_STAGE].at()
    classes, population, deviation = (values[name] for name in (
        n.VAR_CLASS_COEFFICIENT, c.VAR_COEFFICIENT, "class_deviation"))
    assert classes.shape == (len(spec.model.classes), 4)
    np.testing.assert_allclose(classes, population + deviation, rtol=1e-12)
    wide, narrow = (getattr(spec.priors, name) for name in ("coefficient", "coefficient_class"))
    given = 1.0 / np.sqrt(wide.sd**-2.0 + len(classes) * narrow.sd**-2.0)
    expected = (stats.norm.logpdf(population, wide.mu, wide.sd).sum()
                + stats.norm.logpdf(deviation, narrow.mu, narrow.sd).sum() + 4 * np.log(given))
    assert densities["classes"] == pytest.approx(expected, abs=1e-9)


def test_within_and_between_have_coefficients_of_their_own(spec, made):
    """The long-run level against NumPy on draws from the prior, for dyads of unequal spans."""
    panel, _ = made
    dyads = panel.dyads.copy()
    dyads.loc[dyads.index[:5], "first"] += 3
    dyads.loc[dyads.index[3:9], "last"] -= 4
    panel = replace(panel, dyads=dyads)
    paths = np.random.default_rng(1).normal(2.0, 1.0, (4, len(dyads), len(panel.years)))
    design = build_dyad_design(spec, panel, n.COHESION_STAGE, "H2").with_paths(paths)
    with pm.Model(coords=design.coords) as model:
        data = {name: pm.Data(name, array) for name, array in design.data.items()}
        prior = PriorNumbers(data["prior"], list(spec.priors.numbers()))
        pm.Deterministic("long_run", _long_run(data, prior))
    # Classes have a flat density with a potential, of which nothing can be drawn.
    by_class = np.random.default_rng(2).normal(size=(2, 4))
    fixed = pm.do(model, {n.VAR_CLASS_COEFFICIENT: by_class})
    level, coefficient, between, found = pm.draw(
        [fixed[name] for name in (n.VAR_DYAD_LEVEL, n.VAR_DYAD_COEFFICIENT, n.VAR_BETWEEN,
                                  "long_run")], random_seed=3, mode="FAST_COMPILE")
    for d, (_, about) in enumerate(dyads.iterrows()):
        own = [about["first"] <= year <= about["last"] for year in panel.years]
        mean = paths[:, d, own].mean(axis=1)
        sign = np.array([1, -1, 1, -1])
        apart = paths[:, d] - mean[:, None]
        # Under H2 credibility's path alone acts.
        expected = level[d] + (sign * coefficient[d])[2:] @ apart[2:] + (
            sign * between)[2:] @ mean[2:]
        np.testing.assert_allclose(found[d], expected, rtol=1e-9, atol=1e-12)


def test_paths_and_years_act_as_the_hypothesis_says(spec, made):
    design = build_dyad_design(spec, made[0], n.COHESION_STAGE)
    switches = {name: (*design.with_hypothesis(spec, name).data["path_switch"],
                       float(design.with_hypothesis(spec, name).data["year_switch"]))
                for name in spec.hypotheses}
    assert switches == {"H0": (0, 0, 0), "HX": (0, 0, 1), "H1": (1, 0, 1), "H2": (0, 1, 1),
                        "H12": (1, 1, 1)}
    assert design.with_hypothesis(spec, "H1").structure == design.structure
    held = np.zeros(len(design.data["y"]), dtype=bool)
    assert design.with_rows(held).structure == design.structure


@pytest.mark.repeat
def test_a_planted_effect_is_found(fitted):
    """At 4 posterior sds a right fit fails about once in ten thousand.

    So short a run mixes well where it is judged; scales of lasting errors, of which thirty dyads
    tell little, would need a longer one.
    """
    judged = fitted.posterior[[c.VAR_COEFFICIENT]]
    assert az.rhat(judged)[c.VAR_COEFFICIENT].max() < 1.05
    assert az.ess(judged)[c.VAR_COEFFICIENT].min() > 80
    assert sum(one["divergences"] for one in fitted.diagnostics.values()) < 10
    result = population_effects(fitted)
    mine = result.table[result.table["group"] == "all"].set_index("coefficient")
    for name, truth in zip(c.COEFFICIENTS, PLANTED, strict=True):
        assert abs(mine.at[name, "mean"] - truth) < 4 * mine.at[name, "sd"]
    assert mine.at[c.BETA_THREAT, "above_zero"] > 0.95
    assert mine.at[c.BETA_CREDIBILITY, "above_zero"] < 0.05
    # The density of a normal posterior at zero, with what its summary says.
    row = mine.loc[c.BETA_THREAT]
    by_normal = (-0.5 * (row["mean"] / row["sd"]) ** 2 - np.log(row["sd"])) + np.log(0.5)
    assert row["log_bf_zero"] == pytest.approx(by_normal, abs=1.5)
    shares = result.readings.set_index(["group", "reading"])["probability"]
    assert shares["all", "H2 common ally (Hwang)"] < 0.05
    assert "30 dyads" in result.sentence


@pytest.mark.repeat
def test_a_fit_without_a_dyad_has_it_as_its_class_says(spec, made, fitted):
    """Rows that do not count have no precision, and the gradient has to bear that."""
    dyad = next(iter(fitted.dyads))
    found = fit_without(spec, made[0], dyad, seed=1, draws=100, tune=200, gate=LOOSE)
    for name in (c.COHESION, n.VAR_DYAD_COEFFICIENT):
        assert np.isfinite(found.posterior[name]).all()
    wider = (found.posterior[c.COHESION].std(("chain", "draw"))
             / fitted.posterior[c.COHESION].std(("chain", "draw"))).mean(c.DIM_TIME)
    assert int(wider.to_numpy().argmax()) == list(fitted.dyads).index(dyad)
    assert float(wider.max()) > 1.5


@pytest.mark.repeat
def test_dyads_scatter_about_their_class(fitted, made):
    table = dyad_effects(fitted)
    assert len(table) == 4 * 30
    truth = made[1][n.VAR_DYAD_COEFFICIENT]
    for k, name in enumerate(c.COEFFICIENTS):
        mine = table[table["coefficient"] == name]
        assert list(mine["dyad"]) == list(made[0].dyads.index)
        z = (mine["mean"].to_numpy() - truth[:, k]) / mine["sd"].to_numpy()
        # They share their mean's error, so that they are off together.
        assert np.sqrt((z**2).mean()) < 3.5
        assert (np.sign(mine["standardised"]) == np.sign(mine["q50"])).mean() > 0.9


@pytest.mark.repeat
def test_same_seed_same_draws_and_a_saved_fit_comes_back(spec, made, tmp_path):
    fitted = fit_dyad_panel(spec, made[0], seed=3, draws=20, tune=20, gate=LOOSE)
    once_more = fit_dyad_panel(spec, made[0], seed=3, draws=20, tune=20, gate=LOOSE)
    assert np.array_equal(fitted.posterior[c.COHESION], once_more.posterior[c.COHESION])
    path = tmp_path / "fit.nc"
    fitted.save(path)
    with pytest.raises(FileExistsError, match="overwrite"):
        fitted.save(path)
    back = load_dyad_fit(path)
    assert (back.spec, back.dyads, back.diagnostics) == (spec, fitted.dyads, fitted.diagnostics)
    np.testing.assert_allclose(back.posterior[c.VAR_COEFFICIENT],
                               fitted.posterior[c.VAR_COEFFICIENT], rtol=1e-6)
    pd.testing.assert_frame_equal(population_effects(back).table, population_effects(fitted).table,
                                  rtol=1e-3)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SchemaError, match="no saved fit of a model over dyads"):
        load_dyad_fit(path)


def test_the_simulator_has_the_priors_moments(spec, made):
    """Over 200 panels a mean is off by 4.5 standard errors about once in a hundred thousand."""
    layout = made_up_panel(spec, made[0].indicators, members=3, dyads=2, years=4,
                           rng=np.random.default_rng(0))
    rng = np.random.default_rng(5)
    drawn = [simulate_dyads(spec, layout, rng)[1] for _ in range(200)]
    for name, mean, sd in ((c.VAR_COEFFICIENT, 0.0, 0.5), (n.VAR_MEMBER_LEVEL, 0.0, 1.0),
                           (c.THREAT, 0.0, np.sqrt(2.0)), (c.VAR_INTERCEPT, 0.0, 3.0)):
        first = np.array([truth[name].ravel()[0] for truth in drawn])
        assert abs(first.mean() - mean) < 4.5 * sd / np.sqrt(200)
        assert abs(first.std() / sd - 1.0) < 4.5 / np.sqrt(400)
    with pytest.raises(ValueError, match="up to 3"):
        made_up_panel(spec, made[0].indicators, members=3, dyads=4, years=4, rng=rng)
