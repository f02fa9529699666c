"""The peers in PyMC and NumPyro have the package's posterior, in parameters of their own.

Points of the package's coordinates are turned into a peer's parameters through what a fit
reports; the two log densities then differ by the log volume of that map, which is found by finite
differences. So nothing is used of the coordinates but the pooled noise that no row reads; the
directions in which some are sampled are random.

Densities are compared, not draws: there is no false alarm. Both sides are normalised, so the
constant is known: log 2, because the package's spread of the governments has a sign.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import linalg, stats

from bayes_alliance import constants as c
from bayes_alliance.model import build_design
from tests.statistical.density_oracle import directions

POINTS = 20
STEP = 1e-5
# Reported under the peers' own names, as they are.
DIRECT = (
    "half_life_threat", "half_life_credibility", "half_life_cohesion", c.VAR_LEVEL_SECOND,
    c.VAR_SCALE_SECOND, c.VAR_DRIVER_LOADING, c.VAR_ADMINISTRATION_EFFECT,
    c.VAR_ADMINISTRATION_DEVIATION_SD, c.VAR_CREDIBILITY_SD, c.VAR_RIVAL_EFFECT,
    c.VAR_GOVERNMENT_SD, c.VAR_COEFFICIENT, c.COHESION, "loading_mean", "loading_spread",
    "noise_mean", "noise_spread", c.VAR_OWN_HALF_LIFE, c.VAR_MODE_OFFSET, c.VAR_SEASON,
    c.VAR_WAVE_SD, c.VAR_COVARIATE_EFFECT, c.VAR_OBSERVATION_LOGIT)
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Point:
    """Parameters of the PyMC peer, what is reported there, and the density they must have."""

    parameters: dict[str, np.ndarray]
    reported: dict[str, np.ndarray]
    expected: float


class Map:
    """From the package's coordinates, and a standard normal a paired item, to parameters."""

    def __init__(self, spec, panel, design, compiled):
        from benchmarks.peers.pymc_idiomatic import indicator_index

        self.priors, self.data, self.compiled = spec.priors, design.data, compiled
        self.expand, self.index = compiled.expand(), indicator_index(panel, design)
        self.pairs = len(design.coords[c.DIM_SHARED])
        self.groups = len(design.coords[c.DIM_GROUP])
        self.unused = np.array([compiled.labels.index(f"noise_between[{k}]")
                                for k in self.index.own])

    def reported(self, position):
        return {name: array.copy() for name, array in self.expand(position).items()}

    def parameters(self, found, extra):
        index, result = self.index, {name: found[name] for name in DIRECT}
        result["correlation_z"] = np.arctanh(found[c.VAR_CORRELATION])
        for name, spread in ((c.VAR_ADMINISTRATION_DEVIATION, c.VAR_ADMINISTRATION_DEVIATION_SD),
                             (c.VAR_GOVERNMENT_EFFECT, c.VAR_GOVERNMENT_SD),
                             (c.VAR_WAVE_ERROR, c.VAR_WAVE_SD)):
            result[f"{name}_raw"] = found[name] / found[spread]
        result["threat_series"], result["credibility_series"] = self._series(found)
        mean, spread = np.log(found["loading_mean"]), found["loading_spread"]
        item, result["loading_deviation"] = self._items(
            np.log(found[c.VAR_LOADING]), mean, spread, extra[0])
        group = index.group_of_item
        result["loading_raw"] = (item - mean[group]) / spread[group]
        prior = self.priors.intercept
        result["item_intercept"], result["intercept_deviation"] = self._items(
            found[c.VAR_INTERCEPT], np.full(self.groups, prior.mu),
            np.full(self.groups, prior.sd), extra[1])
        result["series_noise"] = found[c.VAR_NOISE][index.own]
        group = index.group[index.pooled]
        result["noise_raw"] = (np.log(found[c.VAR_NOISE][index.pooled] / found["noise_mean"][group])
                               / found["noise_spread"][group])
        return result

    def _series(self, found):
        office = (found[c.VAR_ADMINISTRATION_EFFECT] + found[c.VAR_ADMINISTRATION_DEVIATION])
        paths = (found[c.VAR_DRIVER_LOADING] @ self.data["driver_stock"],
                 office @ self.data["administration_months"])
        sizes = (1.0, found[c.VAR_CREDIBILITY_SD])
        for k, (latent, path, size) in enumerate(zip(c.PATHS, paths, sizes, strict=True)):
            rho = found[c.VAR_CORRELATION][k]
            first = (found[latent][0] - path[0]) / size
            second = ((found[latent][1] - found[c.VAR_LEVEL_SECOND][k] - path[1])
                      / (size * found[c.VAR_SCALE_SECOND][k]))
            yield np.stack([first, (second - rho * first) / np.sqrt(1 - rho**2)])

    def _items(self, value, centre, spread, extra):
        """Return items and deviations; a pair's item is drawn given both publics' values."""
        index, sd = self.index, self.priors.member_deviation.sd
        item = np.empty(index.group_of_item.size)
        item[index.item] = value
        both = np.empty((self.pairs, 2))
        both[index.pair, index.public] = value[index.paired]
        place = np.empty(self.pairs, dtype=int)
        place[index.pair] = index.item[index.paired]
        group = index.group_of_item[place]
        precision = spread[group] ** -2 + 2 * sd**-2
        mean = (centre[group] * spread[group] ** -2 + both.sum(axis=1) * sd**-2) / precision
        item[place] = mean + extra / np.sqrt(precision)
        return item, both - item[place][:, None]

    def left_over(self, position, found):
        """Return the coordinates that no row reads, as the standard normals they are."""
        group, share = self.index.group[self.index.own], self.data["indicator_centring"]
        share = share[self.index.own]
        centre = share * np.log(found["noise_mean"][group])
        return (position[self.unused] - centre) / found["noise_spread"][group] ** share

    def flat(self, joint):
        position = np.ascontiguousarray(joint[:self.compiled.size])
        found = self.reported(position)
        theirs = self.parameters(found, joint[self.compiled.size:].reshape(2, -1))
        # Numbers that sum to zero have one fewer dimension than they are.
        theirs[c.VAR_SEASON] = theirs[c.VAR_SEASON] @ linalg.helmert(12).T
        return np.concatenate([*(np.ravel(array) for array in theirs.values()),
                               self.left_over(position, found)])

    def log_volume(self, joint):
        columns = []
        for i in range(joint.size):
            there, back = joint.copy(), joint.copy()
            there[i] += STEP
            back[i] -= STEP
            columns.append((self.flat(there) - self.flat(back)) / (there[i] - back[i]))
        return np.linalg.slogdet(np.array(columns))[1]

    def point(self, seed):
        rng = np.random.default_rng(seed)
        position = self.compiled.start + rng.normal(0.0, 0.7, self.compiled.size)
        extra = rng.standard_normal((2, self.pairs))
        found = self.reported(position)
        volume = self.log_volume(np.concatenate([position, extra.ravel()]))
        expected = (self.compiled.density()(position)[0] + stats.norm.logpdf(extra).sum()
                    - stats.norm.logpdf(self.left_over(position, found)).sum() - volume
                    + np.log(2))
        return Point(self.parameters(found, extra), found, float(expected))


@pytest.fixture(scope="module")
def design(spec, panel):
    return build_design(spec, panel)


@pytest.fixture(scope="module")
def compiled(spec, panel, design):
    from bayes_alliance.inference.compiled import compiled_model

    return compiled_model(spec, panel, design).with_data(**directions(design, 6))


@pytest.fixture(scope="module")
def points(spec, panel, design, compiled):
    chart = Map(spec, panel, design, compiled)
    return [chart.point(seed) for seed in range(POINTS)]


def pymc_functions(spec, panel, design):
    """Return log density and reported quantities as functions of the peer's parameters."""
    import pytensor

    from benchmarks.peers.pymc_idiomatic import build_model

    model = build_model(spec, panel, design)
    values = {variable.name: model.rvs_to_values[variable] for variable in model.free_RVs}
    inputs = list(values.values())
    # Few points and a large graph: the interpreter is done before a compiler would be.
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile").excluding("fusion")
    # Of the parameters themselves, not of the sampler's coordinates.
    log_density = pytensor.function(inputs, model.logp(jacobian=False, sum=False), mode=mode)
    outputs = dict(zip([one.name for one in model.deterministics],
                       model.replace_rvs_by_values(model.deterministics), strict=True))
    report = pytensor.function(inputs, list(outputs.values()), mode=mode,
                               on_unused_input="ignore")

    def coordinates(parameters):
        assert set(parameters) == set(values)
        result = []
        for variable in model.free_RVs:
            transform = model.rvs_to_transforms[variable]
            value = np.asarray(parameters[variable.name])
            result.append(value if transform is None else transform.forward(
                pytensor.tensor.as_tensor(value), *variable.owner.inputs).eval(mode=mode))
        return result

    return (lambda parameters: sum(part.sum() for part in log_density(*coordinates(parameters))),
            lambda parameters: dict(zip(outputs, report(*coordinates(parameters)), strict=True)))


def close(found, expected):
    assert found == pytest.approx(expected, rel=1e-7)


def same_report(found, expected, names):
    """Every reported quantity of the package comes out of the peer's parameters."""
    for name in names:
        scale = np.abs(expected[name]).max()
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-9 * scale), name


def test_pymc_has_our_density(spec, panel, design, points):
    density, report = pymc_functions(spec, panel, design)
    for point in points:
        close(density(point.parameters), point.expected)
    found = report(points[0].parameters)
    same_report(found, points[0].reported, set(found) & set(points[0].reported))
    assert set(points[0].reported) <= set(found) | set(points[0].parameters)


def test_another_prior_is_another_density(spec, panel, design, points):
    """The comparison can fail: one prior's scale, changed by a hundredth, shows."""
    prior = spec.priors.half_life_cohesion
    changed = spec.model_copy(update={"priors": spec.priors.model_copy(update={
        "half_life_cohesion": prior.model_copy(update={"sd": 1.01 * prior.sd})})})
    density, _ = pymc_functions(changed, panel, design)
    with pytest.raises(AssertionError):
        close(density(points[0].parameters), points[0].expected)


def innovations(point, design):
    """Return the NumPyro peer's parameters, and the log volume of its shocks in the series."""
    found, parameters = point.reported, dict(point.parameters)
    half_life = found[c.VAR_HALF_LIFE]
    phi, volume = 0.5 ** (1 / half_life), 0.0
    sigma = np.sqrt(1 - phi**2)
    for k, latent in enumerate(c.PATHS):
        series = parameters.pop(f"{latent}_series")
        steps = (series[:, 1:] - phi[k] * series[:, :-1]) / sigma[k]
        parameters[f"{latent}_innovation"] = np.hstack([series[:, :1], steps])
        volume -= steps.size * np.log(sigma[k])
    wanted = (found[c.VAR_RIVAL_EFFECT] @ design.data["rival_stock"]
              + found[c.VAR_GOVERNMENT_EFFECT] @ design.data["government_months"])
    for latent, (beta, delta) in zip(c.PATHS, found[c.VAR_COEFFICIENT].reshape(2, 2), strict=True):
        first, second = found[latent]
        gap = np.hypot(first - second, 0.1) - 0.1
        wanted = wanted + beta * (first + second) / 2 - delta * gap / 2
    series = parameters.pop(c.COHESION)
    steps = (series[1:] - phi[2] * series[:-1] - (1 - phi[2]) * wanted[1:]) / sigma[2]
    parameters["cohesion_innovation"] = np.append(series[0] - wanted[0], steps)
    return parameters, volume - steps.size * np.log(sigma[2])


def numpyro_trace(spec, panel, design, parameters):
    import jax.numpy as jnp
    from numpyro import handlers

    from benchmarks.peers.numpyro_model import make_model

    data = {name: jnp.asarray(value) for name, value in parameters.items()}
    model = handlers.substitute(make_model(spec, panel, design), data=data)
    sites = handlers.trace(model).get_trace()
    assert {name for name, site in sites.items()
            if site["type"] == "sample" and not site["is_observed"]} == set(parameters)
    density = sum(float(site["fn"].log_prob(site["value"]).sum()) for site in sites.values()
                  if site["type"] == "sample")
    return density, {name: np.asarray(site["value"]) for name, site in sites.items()}


def test_numpyro_has_our_density(spec, panel, design, points):
    pytest.importorskip("numpyro", reason="the NumPyro peer needs numpyro and jax")
    for point in points:
        parameters, volume = innovations(point, design)
        density, found = numpyro_trace(spec, panel, design, parameters)
        close(density, point.expected - volume)
        same_report(found, point.reported, point.reported)


@pytest.mark.parametrize(("module", "kind"), [
    ("pymc_idiomatic", "PymcIdiomatic"), ("numpyro_model", "NumpyroModel")])
def test_a_run_reports_what_a_fit_reports(spec, panel, compiled, module, kind):
    if module == "numpyro_model":
        pytest.importorskip("numpyro", reason="the NumPyro peer needs numpyro and jax")
    import importlib

    peer = getattr(importlib.import_module(f"benchmarks.peers.{module}"), kind)()
    peer.settings.update(chains=2, tune=10, draws=6)
    assert peer.build(spec, panel) > 0
    run = peer.sample(3)
    assert set(run.posterior.data_vars) == set(compiled.variables)
    for name, array in run.posterior.items():
        assert array.dims == ("chain", "draw", *compiled.dims.get(name, ())), name
        assert array.shape == (2, 6, *compiled.variables[name]), name
        assert np.isfinite(array).all(), name
        for dim in compiled.dims.get(name, ()):
            assert list(array[dim].values) == compiled.coords[dim], name
    for name in ("n_steps", "diverging", "energy"):
        assert run.sample_stats[name].dims == ("chain", "draw")
    assert (run.sample_stats["n_steps"] >= 1).all()
    # Another seed is another run; the same one is the same.
    assert peer.sample(3).posterior.equals(run.posterior)
    assert not peer.sample(4).posterior[c.COHESION].equals(run.posterior[c.COHESION])
    assert 0 < peer.gradient_seconds() < 1


def test_other_structures_are_refused(spec, panel, design):
    from benchmarks.peers.pymc_idiomatic import build_model

    level = spec.model_copy(update={"model": spec.model.model_copy(update={"response": "level"})})
    with pytest.raises(ValueError, match="the peers have adjustment, normal, ar1"):
        build_model(level, panel, design)
