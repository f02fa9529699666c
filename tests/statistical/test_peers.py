"""The benchmark's arithmetic on made-up runs, and the Stan programs' densities against ours."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.model import build_design
from bayes_alliance.model.structure import measurement_structure
from benchmarks import speed
from benchmarks.peers import stan, summary
from tests.statistical.density_oracle import Oracle, directions
from tests.statistical.test_coordinates import log_jacobian, point

POINTS = 20


def made_up_row(peer, seed, seconds, ess, **changed):
    least = min(ess.values())
    return {"peer": peer, "seed": seed, "seconds": seconds, "build_seconds": 10.0,
            "ess": ess, "rhat": dict.fromkeys(ess, 1.001), "gradient_seconds": 1e-4,
            "steps_per_draw": 15.0, "divergences": 0, "peak_memory_mb": 500.0,
            "gate": {"passed": True, "failures": []}, "settings": {"draws": 900},
            "ess_per_second": least / seconds,
            "ess_per_second_with_build": least / (seconds + 10.0)} | changed


@pytest.fixture
def rows():
    ours = [made_up_row("ours", seed, 10.0 * seed, {"a": 1000.0, "b": 800.0, "only_ours": 5.0})
            for seed in (1, 2, 3)]
    slow = [made_up_row("slow", seed, 100.0, {"a": 900.0, "b": 400.0}) for seed in (1, 2, 3)]
    limit = [made_up_row("limit", seed, 10.0, {"coordinate": 4000.0}) for seed in (1, 2, 3)]
    return [*ours, *slow, *limit]


def test_a_ratio_is_over_the_variables_that_both_sides_have(rows):
    # Ours: 800 / 10, 20, 30 s; slow: 400 / 100 s. With only_ours the ratio would be 0.0625.
    found = summary.ratio(rows, "slow")
    assert found["median"] == pytest.approx((800 / 20) / 4)
    assert (found["low"], found["high"]) == pytest.approx(((800 / 30) / 4, (800 / 10) / 4))
    assert found["variables"] == ["a", "b"]
    assert found["direction"] == "ours over slow"


def test_the_limit_stands_above_ours_on_all_of_its_own(rows):
    found = summary.ratio(rows, "limit")
    assert found["median"] == pytest.approx((4000 / 10) / (5 / 20))
    assert found["direction"] == "limit over ours"
    assert found["mixed"] == found["median"]


def test_a_run_with_a_chain_apart_is_no_measure_of_speed_nor_of_the_posterior(rows):
    rows[3] |= {"ess": {"a": 7.0, "b": 4.0}, "rhat": {"a": 1.6, "b": 1.001}}
    rows[4] |= {"ess": {"a": 7.0, "b": 4.0}, "rhat": {"a": None, "b": 1.001}}
    # Medians: 800 / 20 over 4 / 100; of the third seed alone 400 / 100.
    found = summary.ratio(rows, "slow")
    assert found["median"] == pytest.approx(40 / 0.04)
    assert found["mixed"] == pytest.approx(40 / 4)
    assert found["mixed_runs"] == {"ours": 3, "slow": 1}
    moments = {("ours", 1): made_up_moments(0.0), ("slow", 1): made_up_moments(9.0),
               ("slow", 3): made_up_moments(0.0)}
    same = summary.summarise(rows, moments, {})["same_posterior"]["slow"]
    assert same["same"]
    assert same["runs"] == 1
    rows[5]["rhat"]["a"] = 1.1
    assert summary.ratio(rows, "slow")["mixed"] is None
    assert summary.summarise(rows, moments, {})["same_posterior"] == {}


def test_a_variable_that_one_run_lacks_is_not_compared(rows):
    del rows[4]["ess"]["a"]
    assert summary.ratio(rows, "slow")["variables"] == ["b"]
    rows[4]["ess"] = {"other": 1.0}
    with pytest.raises(ValueError, match="no variable is reported by every run"):
        summary.ratio(rows, "slow")


def test_the_summary_counts_failed_runs_and_keeps_them_out_of_medians(rows):
    failed = {"peer": "slow", "seed": 4, "failed": "MemoryError"}
    rows[3]["gate"] = {"passed": False, "failures": ["R-hat"]}
    found = summary.summarise([*rows, failed], {}, {"slow": 90.0})["peers"]["slow"]
    assert found["runs"] == 3
    assert found["failed"] == [{"seed": 4, "reason": "MemoryError"}]
    assert found["gate_passed"] == 2
    assert found["min_ess"] == {"median": 400.0, "low": 400.0, "high": 400.0}
    assert found["ess_per_second"]["median"] == pytest.approx(4.0)
    assert found["ess_per_second_with_cold_build"]["median"] == pytest.approx(400 / 190)
    assert "ess_per_second_with_cold_build" not in summary.summarise(rows, {}, {})["peers"]["slow"]


def test_a_run_without_effective_draws_counts_as_none(rows):
    rows[3]["ess"]["b"] = rows[4]["ess"]["b"] = rows[5]["ess"]["b"] = 0.0
    assert summary.ratio(rows, "slow")["median"] == float("inf")


def test_the_table_fits_a_hundred_columns(rows):
    found = {("ours", 1): made_up_moments(0.0), ("slow", 1): made_up_moments(0.0)}
    result = summary.summarise([*rows, {"peer": "numpyro", "seed": 1, "failed": "no memory"}],
                               found, {"slow": 90.0})
    text = summary.markdown(result | {"skipped": {"pymc_idiomatic": "pymc not installed"}})
    assert max(len(line) for line in text.splitlines()) <= 100
    tables = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert set(tables) == {12, 8, 9}
    assert "| slow | 3 | 400 | 4 | 10 | 6.67-20 | 10 (3) | 100 | 15 | 0.1 | 3/3 |" in text
    assert "`pymc_idiomatic` was skipped: pymc not installed" in text


def made_up_moments(shift, scale=1.0):
    return {"a": np.array([[shift, 1.0], [scale, 2.0 * scale], [0.01, 0.02], [0.01, 0.02]]),
            "fixed": np.array([3.0, 0.0, np.nan, np.nan])}


def test_a_shifted_mean_is_told_from_the_same_posterior():
    # Two runs: the pooled error is 0.01 / sqrt(2) a side, so the difference's is 0.01.
    ours = [made_up_moments(0.0), made_up_moments(0.0)]
    near = summary.same_posterior(ours, [made_up_moments(0.030), made_up_moments(0.030)])
    assert near["max_z"] == pytest.approx(3.0)
    assert near["worst"] == "a[0]"
    assert near["quantities"] == 2  # what is fixed on both sides is no evidence
    # Two means and two sds at 1% together: 0.125% in either tail.
    assert near["limit"] == pytest.approx(3.0233, abs=1e-4)
    assert near["same"]
    assert not summary.same_posterior(ours, [made_up_moments(0.031)] * 2)["same"]


def test_another_spread_is_told_from_the_same_posterior():
    """Errors of a hundredth on both sides: sds that differ by 5% do so by more than chance."""
    ours = [made_up_moments(0.0), made_up_moments(0.0)]
    far = summary.same_posterior(ours, [made_up_moments(0.0, 1.05)] * 2)
    assert far["max_z"] == 0.0
    error = np.hypot(0.01, 0.01 / 1.05) / np.sqrt(2)
    assert far["max_z_sd"] == pytest.approx(np.log(1.05) / error)
    assert not far["same"]
    assert far["sd_ratio"] == pytest.approx({"low": 1.05, "median": 1.05, "high": 1.05})


def test_a_quantity_that_only_one_side_moves_is_another_posterior():
    stuck = {"a": np.array([[0.0, 1.0], [1.0, 0.0], [0.01, np.nan], [0.01, np.nan]])}
    assert summary.same_posterior([made_up_moments(0.0)], [stuck])["max_z"] == float("inf")


def test_effective_draws_leave_constants_out_and_count_broken_quantities_as_none():
    rng = np.random.default_rng(1)
    moving = rng.standard_normal((4, 200, 2))
    broken = moving.copy()
    broken[0, 3, 1] = np.nan
    part = np.stack([moving[..., 0], np.ones((4, 200))], axis=-1)
    posterior = xr.Dataset({
        "moving": (("chain", "draw", "x"), moving), "fixed": (("chain", "draw"), part[..., 1]),
        "partly": (("chain", "draw", "x"), part), "broken": (("chain", "draw", "x"), broken)})
    ess, rhat = summary.effective_draws(posterior)
    assert set(ess) == set(rhat) == {"moving", "partly", "broken"}
    assert ess["partly"] > 400
    assert ess["broken"] == 0.0
    assert rhat["broken"] == float("inf")
    assert rhat["moving"] < 1.05


def test_the_order_turns_and_slow_peers_get_fewer_seeds():
    assert speed.turned(["a", "b", "c"], 1) == ["a", "b", "c"]
    assert speed.turned(["a", "b", "c"], 2) == ["c", "b", "a"]
    assert speed.seeds_of(360.0, 0.0, 10) == 10
    assert speed.seeds_of(361.0, 0.0, 10) == 3
    assert speed.seeds_of(630.0, 300.0, 10) == 10
    assert speed.seeds_of(5000.0, 0.0, 2) == 2


def test_only_finished_runs_of_the_present_code_are_kept(tmp_path):
    path = tmp_path / "ours_1.json"
    made_from = {"code_hash": "1", "data_hash": "2"}
    assert speed.current(path, made_from) is None
    speed.write_json(path, {"seconds": 3.0, "rhat": {"a": float("inf")}, **made_from})
    assert speed.current(path, made_from)["rhat"] == {"a": None}
    assert speed.current(path, made_from | {"code_hash": "9"}) is None
    speed.write_json(path, {"failed": "killed", **made_from})
    assert speed.current(path, made_from) is None
    assert "NaN" not in json.dumps(json.loads(path.read_text()))


def test_chains_that_wait_their_turn_take_longer():
    assert stan.queued([3.0, 5.0, 4.0, 1.0], 4) == 5.0
    assert stan.queued([3.0, 5.0, 4.0, 1.0], 2) == 7.0
    assert stan.queued([3.0, 5.0, 4.0, 1.0], 1) == 13.0


def test_the_seconds_of_a_chain_are_counted_once():
    lines = [" Elapsed Time: 2.5 seconds (Warm-up)", "               4.25 seconds (Sampling)",
             "               6.75 seconds (Total)"]
    said = [{"version": 1, "topic": topic, "values": [head + line]}
            for topic, head in (("logger", "info:"), ("sample", ""), ("diagnostic", ""))
            for line in ["Gradient evaluation took 0.001 seconds", *lines]]
    output = "\n".join(json.dumps(one, separators=(",", ":")) for one in said).encode()
    assert stan._elapsed(SimpleNamespace(stan_outputs=[output, output])) == [6.75, 6.75]


# The Stan programs. Densities are compared, not draws: there is no false alarm.

# Of aiohttp, below pystan.
below = pytest.mark.filterwarnings("ignore:It is recommended to use web.AppKey")

def built(kind, spec, panel):
    pytest.importorskip("stan", reason="the Stan peers need pystan")
    peer = getattr(stan, kind)()
    peer.build(spec, panel)
    return peer


def reports(model, unconstrained, expected):
    """What the program writes for a point is what a fit reports there, name by name."""
    flat = model.constrain_pars(list(unconstrained))
    names = [label.split(".") for label in model.constrained_param_names]
    for name, dims in stan._REPORTED.items():
        found = np.full(np.shape(expected[name]), np.nan)
        assert found.ndim == len(dims), name
        for (label, *index), value in zip(names, flat, strict=True):
            if label == name:
                found[tuple(int(i) - 1 for i in index)] = value
        assert found == pytest.approx(expected[name], rel=1e-8, abs=1e-9), name
    assert set(stan._REPORTED) == set(expected)


def agree(differences):
    """One constant apart, to 1e-8 of the densities' size."""
    values, sizes = np.array(differences).T
    assert len(values) == POINTS
    assert values == pytest.approx(np.full(POINTS, values[0]), abs=1e-8 * np.abs(sizes).min())


@pytest.mark.slow
@below
def test_stan_in_our_coordinates_has_our_density(spec, panel):
    from bayes_alliance.inference.compiled import compiled_model
    from bayes_alliance.inference.laplace import approximate

    model = built("StanSame", spec, panel).model
    # In the directions that the package chooses, as the program gets them.
    design = build_design(spec, panel)
    compiled, _ = approximate(compiled_model(spec, panel, design))
    for name in directions(design, 0):
        assert not np.array_equal(compiled.data[name], design.data[name]), name
    names = list(dict.fromkeys(label.partition("[")[0] for label in compiled.labels))
    # The same free parameters in the same order: names there may not end in underscores, and say
    # nothing of how a number is bent.
    assert list(model.param_names[:len(names)]) == [
        name.rstrip("_").removesuffix("_bent") for name in names]
    density, found = compiled.density(), []
    for seed in range(POINTS):
        position = point(compiled, seed)
        value, gradient = density(position)
        found.append((model.log_prob(position.tolist()) - value, value))
        if seed == 0:
            # Where a chain is told to start is where it starts.
            assert model.unconstrain_pars(stan.split(model, position)) == pytest.approx(position)
            theirs = np.array(model.grad_log_prob(position.tolist()))
            assert theirs == pytest.approx(gradient, abs=1e-9 * np.abs(gradient).max())
            reports(model, position, compiled.expand()(position))
    agree(found)
    # Where a share is hardly overdispersed, too: no density is made of rounding error.
    for k in np.unique(design.data["row_indicator"][design.blocks["beta_binomial"]]):
        position = point(compiled, 0)
        position[compiled.labels.index(f"noise_between[{k}]")] -= 30.0
        assert compiled.expand()(position)[c.VAR_NOISE][k] < 1e-3
        value = density(position)[0]
        assert model.log_prob(position.tolist()) - value == pytest.approx(
            found[0][0], abs=1e-8 * abs(value))


@pytest.mark.slow
@below
def test_stan_in_textbook_parameters_has_our_density(spec, panel, unpacked):
    from bayes_alliance.inference.compiled import compiled_model

    model = built("StanTextbook", spec, panel).model
    design = build_design(spec, panel)
    design = design.with_data(**directions(design, 4))
    compiled = compiled_model(spec, panel, design)
    found = []
    for seed in range(POINTS):
        position = point(compiled, seed)
        value = compiled.density()(position)[0]
        natural = Natural(spec, panel, design, compiled, unpacked, position)
        textbook, log_volume = natural.textbook(np.random.default_rng(seed))
        unconstrained = model.unconstrain_pars(
            {name: np.asarray(array).tolist() for name, array in textbook.items()})
        if seed == 0:
            reports(model, unconstrained, natural.value)
        there = model.log_prob(unconstrained, adjust_transform=False)
        found.append((there - log_volume - (value - natural.log_volume), value))
    agree(found)


@pytest.mark.slow
@below
def test_draws_of_stan_are_put_where_they_belong(spec, panel):
    peer = built("StanSame", spec, panel)
    peer.settings |= {"chains": 2, "tune": 4, "draws": 3, "max_depth": 2}
    started = time.perf_counter()
    fit = peer._fit(1, peer.settings)
    took = time.perf_counter() - started
    frame = fit.to_frame()
    posterior, told = peer._posterior(fit), stan._sample_stats(fit)
    assert posterior[c.THREAT].dims == ("chain", "draw", c.DIM_MEMBER, c.DIM_TIME)
    assert dict(told.sizes) == {"chain": 2, "draw": 3}
    for chain, draw in np.ndindex(2, 3):
        # PyStan lists the first draw of every chain, then the second.
        row = frame.iloc[2 * draw + chain]
        one = posterior.isel(chain=chain, draw=draw)
        assert float(one[c.THREAT][1, 6]) == row["threat.2.7"]
        assert float(one[c.VAR_DRIVER_LOADING][1, 2]) == row["driver_loading.2.3"]
        assert float(one["half_life_threat"]) == row["half_life_threat"]
        assert float(told["energy"][chain, draw]) == row["energy__"]
    assert float(posterior[c.COHESION].std("chain").max()) > 0
    assert 0 < sum(stan._elapsed(fit)) < took * len(stan._elapsed(fit))


class Natural:
    """A point of our coordinates on the parameters' own scale.

    Attributes
    ----------
    log_volume : float
        Log Jacobian of the natural parameters with respect to ours, up to a constant.
        Log-normals count by their logarithm.
    """

    def __init__(self, spec, panel, design, compiled, unpacked, position):
        self.design, self.structure = design, measurement_structure(panel, design)
        self.priors = spec.priors
        self.value = {name: array.copy() for name, array in compiled.expand()(position).items()}
        self.sampled = unpacked(compiled, position)
        states = [self.value[name] for name in c.MONTHLY_STATES]
        self.oracle = Oracle(spec, panel, design, self.sampled, states)
        self.log_volume = self._log_volume(log_jacobian(compiled, position, self.oracle.scales))

    def _log_volume(self, series):
        value, data, structure = self.value, self.design.data, self.structure
        deviation = self.priors.member_deviation.sd
        group = structure.group_of_item
        whole = np.sqrt(value["loading_spread"][group] ** 2
                        + structure.paired_item * deviation**2 / 2)
        share = data["item_centring"]
        apart = whole ** (1 - share) * (self.sampled["loading_between_bent__"]
                                        - share * np.log(value["loading_mean"])[group])
        total = series + ((1 - share) * np.log(whole) - 0.5 * np.log1p(apart**2 / 4)).sum()
        total += np.log(np.sqrt(self.priors.intercept.sd**2
                                + structure.paired_item * deviation**2 / 2)).sum()
        # Effects over their spread: turned, and narrower the more the data tell of them.
        told = data["government_information"]
        total -= 0.5 * np.log1p(self.sampled["government_sd_z"] ** 2 * told).sum()
        spread = value["noise_spread"][structure.group_of_indicator]
        own = np.isin(np.arange(len(spread)), structure.series)
        share = data["indicator_centring"]
        total += ((1 - share) * np.log(spread))[~own].sum()
        # Ours has a number for the pooled noise of each own error, which nothing depends on.
        centre = share * np.log(value["noise_mean"][structure.group_of_indicator])
        unused = (self.sampled["noise_between"] - centre) / spread**share
        total += (-0.5 * unused**2 - share * np.log(spread))[own].sum()
        unit = self.oracle.item_loading[structure.reference_item]
        contrasts = len(self.sampled["administration_contrast_scaled"])
        return total - contrasts * np.log(unit)

    def textbook(self, rng):
        """Return the textbook program's parameters by name, and their log volume.

        Items of pairs are drawn: there the item's own value is a parameter of its own, whose
        density given the two members' values is added to the volume.
        """
        value, structure, priors = self.value, self.structure, self.priors
        group, names = structure.group_of_item, self.design.coords[c.DIM_INDICATOR]
        spread = value["loading_spread"][group]
        log_loading = np.log(value["loading"])
        item, raw, volume = self._items(
            log_loading, np.log(value["loading_mean"])[group], spread, rng)
        volume += np.log(spread).sum()
        item_intercept, intercept_raw, more = self._items(
            value["intercept"], np.full(len(group), priors.intercept.mu),
            np.full(len(group), priors.intercept.sd), rng)
        volume += more
        pooled = np.array([k for k in range(len(names)) if k not in structure.series])
        noise_group = structure.group_of_indicator[pooled]
        noise_spread = value["noise_spread"][noise_group]
        noise_raw = (np.log(value["noise"][pooled])
                     - np.log(value["noise_mean"])[noise_group]) / noise_spread
        volume += np.log(noise_spread).sum()
        first, second, cohesion, more = self._innovations()
        volume += more
        positive = {name: value[name] for name in (
            "half_life_threat", "half_life_credibility", "half_life_cohesion",
            "second_member_scale", "administration_deviation_sd", "credibility_series_sd",
            "loading_mean", "loading_spread", "noise_mean", "noise_spread", "wave_sd",
            "own_error_half_life")} | {"series_noise": value["noise"][structure.series]}
        parameters = positive | {
            "correlation_z": self.sampled["correlation_z"],
            **{name: value[name] for name in (
                "second_member_level", "driver_loading", "administration_effect", "rival_effect",
                "government_sd", "coefficient", "mode_offset", "season", "covariate_effect",
                "observation_logit")},
            **{name: self.sampled[name] for name in ("administration_deviation_raw",
                                                     "wave_error_raw")},
            "government_effect_raw": value["government_effect"] / value["government_sd"],
            "first_innovation": first, "second_innovation": second,
            "cohesion_innovation": cohesion, "loading_raw": (item - np.log(
                value["loading_mean"])[group]) / spread, "loading_deviation_raw": raw,
            "noise_raw": noise_raw, "item_intercept": item_intercept,
            "intercept_deviation_raw": intercept_raw}
        # The program's density is of the parameters themselves: of a log-normal's logarithm it
        # would be larger by that logarithm.
        volume -= sum(np.log(array).sum() for array in positive.values())
        return parameters, volume

    def _items(self, members, centre, spread, rng):
        """Draw the items of pairs; return items, standardised deviations and log density."""
        structure, deviation = self.structure, self.priors.member_deviation.sd
        item = np.empty(len(centre))
        item[structure.item] = members
        count = len(self.design.coords[c.DIM_SHARED])
        raw, volume = np.empty((2, count)), 0.0
        for k in range(count):
            mine = structure.shared[structure.pair == k]
            signs = structure.pair_sign[structure.pair == k]
            both = members[mine[np.argsort(-signs)]]
            place = structure.item[mine[0]]
            precision = spread[place] ** -2.0 + 2 * deviation**-2.0
            mean = (centre[place] * spread[place] ** -2.0
                    + both.sum() * deviation**-2.0) / precision
            z = rng.standard_normal()
            item[place] = mean + z / np.sqrt(precision)
            raw[:, k] = (both - item[place]) / deviation
            volume += 0.5 * np.log(precision) - 0.5 * z**2
        return item, raw, volume

    def _innovations(self):
        oracle, volume = self.oracle, 0.0

        def innovations(series, half_life):
            nonlocal volume
            phi = 0.5 ** (1 / half_life)
            spread = np.sqrt(1 - phi**2)
            volume += (series.size - 1) * np.log(spread)
            return np.concatenate([series[:1], (series[1:] - phi * series[:-1]) / spread])

        first, second = [], []
        for pair, latent in enumerate(c.PATHS):
            states = (oracle.threat, oracle.credibility)[pair]
            size, across = oracle.scales[latent]
            one = (states[0] - oracle.path[latent, 0]) / size
            carried = size * oracle.second_scale[pair] * oracle.correlation[pair]
            two = (states[1] - oracle.path[latent, 1] - carried * one) / across
            first.append(innovations(one, oracle.half_life[pair]))
            second.append(innovations(two, oracle.half_life[pair]))
        residual = oracle.cohesion - oracle._expected()
        cohesion = innovations(residual, oracle.half_life[2])
        return np.array(first), np.array(second), cohesion, volume
