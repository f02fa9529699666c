"""The model's log density once more, in plain NumPy, on the scale of its parameters.

Every sampled variable is turned into the parameter it stands for; that parameter's density as the
model file declares it, and the logarithm of the change of variables, are added. Nothing of the
graph is used, only the panel, the design's arrays and the labels.
"""

import numpy as np
from scipy import stats

from bayes_alliance import constants as c
from bayes_alliance.model.layout import indicator_groups, indicator_items
from bayes_alliance.model.likelihoods import LIKELIHOODS


def directions(design, seed):
    """Return random data of the sampler's coordinates, none of them what a design starts with."""
    rng, items = np.random.default_rng(seed), len(design.coords[c.DIM_ITEM])
    governments = len(design.coords[c.DIM_GOVERNMENT])
    return {"intercept_basis": stats.ortho_group(items, seed=rng).rvs(),
            "government_basis": stats.ortho_group(governments, seed=rng).rvs(),
            "government_information": rng.lognormal(1.0, 1.5, size=governments)}


class Oracle:
    """Parameters and log density at one point; the monthly states are taken as given."""

    def __init__(self, spec, panel, design, sampled, states):
        self.spec, self.panel, self.design = spec, panel, design
        self.sampled, self.used = sampled, set()
        self.priors, self.data = spec.priors, design.data
        self.names = list(panel.indicators.index)
        self.total = 0.0
        self.threat, self.credibility, self.cohesion = states
        self.scales = {}
        self._scaffold()
        self._loadings()
        self._paths()
        self._intercepts()
        self._noise()
        self._series()
        self._rows()

    # Prior pieces.

    def _take(self, name):
        self.used.add(name)
        return self.sampled[name]

    def _normal(self, name, prior):
        value = self._take(name)
        self.total += prior.frozen().logpdf(value).sum()
        return value

    def _log_normal(self, name):
        prior = getattr(self.priors, name)
        value = prior.median * np.exp(prior.sd * self._take(f"{name}_raw"))
        self.total += (prior.frozen().logpdf(value) + np.log(value * prior.sd)).sum()
        return value

    def _scaled(self, name, spread):
        """Normals with a spread, sampled as standard normals."""
        raw = self._take(name)
        value = spread * raw
        self.total += (stats.norm(0, abs(spread)).logpdf(value) + np.log(abs(spread))).sum()
        return value

    def _between(self, name, centre, spread, share):
        value = centre + spread ** (1 - share) * (self._take(name) - share * centre)
        self.total += ((1 - share) * np.log(spread)).sum()
        return value

    def _bent(self, name, centre, spread, share):
        """Normals whose deviation is twice the arsinh of half the one that is sampled."""
        apart = (self._take(name) - share * centre) / spread ** (share - 1)
        self.total += ((1 - share) * np.log(spread) - np.log(np.hypot(1.0, apart / 2))).sum()
        return centre + 2 * np.arcsinh(apart / 2)

    def _turned(self, name, basis, scale):
        """Numbers that are a matrix times what is sampled."""
        matrix = scale * basis
        self.total += np.linalg.slogdet(matrix)[1]
        return matrix @ self._take(name)

    def _scaffold(self):
        self.half_life = np.array([self._log_normal(f"half_life_{name}") for name in c.LATENTS])
        self.correlation = np.tanh(self._normal("correlation_z", self.priors.correlation))
        self.level = self._normal(c.VAR_LEVEL_SECOND, self.priors.second_member_level)
        self.second_scale = self._log_normal(c.VAR_SCALE_SECOND)
        self.driver_loading = self._normal(c.VAR_DRIVER_LOADING, self.priors.driver_loading)
        spread = self._log_normal(c.VAR_ADMINISTRATION_DEVIATION_SD)
        self.deviation = self._scaled("administration_deviation_raw", spread)
        self.size = np.array([1.0, self._log_normal(c.VAR_CREDIBILITY_SD)])
        self.rival_effect = self._normal(c.VAR_RIVAL_EFFECT, self.priors.rival_effect)
        sd = self.priors.government_sd.sd
        signed = sd * self._take("government_sd_z")
        # Half of the normal's probability lies on either side of the half-normal's.
        self.total += self.priors.government_sd.frozen().logpdf(abs(signed)) + np.log(sd / 2)
        self.government_sd = abs(signed)
        told = self.data["government_information"]
        narrower = (1 + (signed / sd) ** 2 * told) ** -0.5
        self.government_effect = self._turned(
            "government_effect_raw", self.data["government_basis"], signed * narrower)
        self.total += stats.norm(0, abs(signed)).logpdf(self.government_effect).sum()
        self.coefficient = self._normal(c.VAR_COEFFICIENT, self.priors.coefficient)

    def _pooled(self, value, name, group, prior_of_group, deviation, common_sd):
        """Add the density of indicators' values around their groups, pairs as pairs."""
        items = indicator_items(self.panel)
        labels = self.design.coords[c.DIM_ITEM]
        shared = self.design.coords[c.DIM_SHARED]
        half = self._take(name) if shared else np.zeros(0)
        result = np.zeros(len(self.names))
        for k, item in enumerate(labels):
            mine = [i for i, indicator in enumerate(self.names) if items[indicator] == item]
            centre, spread = prior_of_group[group[k]], common_sd[group[k]]
            if item not in shared:
                result[mine] = value[k]
                self.total += stats.norm(centre, spread).logpdf(value[k])
                continue
            mine.sort(key=lambda i: self.panel.indicators["member"].iloc[i]
                      != self.panel.members[0])
            one = half[shared.index(item)]
            result[mine] = value[k] + one, value[k] - one
            covariance = np.full((2, 2), spread**2) + np.eye(2) * deviation**2
            joint = stats.multivariate_normal(np.full(2, centre), covariance)
            self.total += joint.logpdf(result[mine]) + np.log(2)
        return result

    def _paired(self):
        shared = self.design.coords[c.DIM_SHARED]
        return np.array([item in shared for item in self.design.coords[c.DIM_ITEM]])

    def _loadings(self):
        groups = self.design.coords[c.DIM_GROUP]
        group_of = indicator_groups(self.panel)
        items = indicator_items(self.panel)
        self.item_group = [groups.index(group_of[next(n for n in self.names if items[n] == item)])
                           for item in self.design.coords[c.DIM_ITEM]]
        mean, spread = self._log_normal("loading_mean"), self._log_normal("loading_spread")
        paired = self._paired()
        deviation = self.priors.member_deviation.sd
        whole = np.sqrt(spread[self.item_group] ** 2 + paired * deviation**2 / 2)
        log_item = self._bent("loading_between_bent__", np.log(mean)[self.item_group], whole,
                              self.data["item_centring"])
        self.item_loading = np.exp(log_item)
        self.loading = np.exp(self._pooled(log_item, "member_loading", self.item_group,
                                           np.log(mean), deviation, spread))

    def _paths(self):
        self._administrations()
        pushed = self.driver_loading @ self.data["driver_stock"]
        office = (self.effect + self.deviation) @ self.data["administration_months"]
        self.path = {(c.THREAT, 0): pushed[0], (c.THREAT, 1): self.level[0] + pushed[1],
                     (c.CREDIBILITY, 0): office[0], (c.CREDIBILITY, 1): self.level[1] + office[1]}
        rivals = (self.rival_effect @ self.data["rival_stock"]
                  + self.government_effect @ self.data["government_months"])
        self.path[c.COHESION, 0] = self.data["rival_switch"] * rivals

    def _administrations(self):
        items = indicator_items(self.panel)
        counts = self.panel.rows["indicator"].map(items).value_counts()
        known = {items[name] for name in self.names
                 if self.panel.indicators.at[name, "latent"] == c.CREDIBILITY
                 and not self.panel.indicators.at[name, "own_error"]}
        best = max(known, key=lambda item: (counts[item], item))
        unit = self.item_loading[self.design.coords[c.DIM_ITEM].index(best)]
        prior, basis = self.priors.administration_effect, self.data["administration_basis"]
        raw = np.atleast_1d(self._take("administration_level_raw"))
        if len(basis) > 1:
            raw = np.append(raw, self._take("administration_contrast_scaled") / unit)
        self.effect = prior.mu + prior.sd * basis @ raw
        self.total += prior.frozen().logpdf(self.effect).sum()
        self.total += raw.size * np.log(prior.sd) - (raw.size - 1) * np.log(unit)

    def _intercepts(self):
        items, table = indicator_items(self.panel), self.panel.indicators
        # Half the sum of two publics is scattered by the item's prior and half a deviation's.
        sd = np.hypot(self.priors.intercept.sd,
                      self._paired() * self.priors.member_deviation.sd / np.sqrt(2))
        value = self._turned("intercept_at_mean", self.data["intercept_basis"], sd[:, None])
        for k, item in enumerate(self.design.coords[c.DIM_ITEM]):
            first = table.loc[next(name for name in self.names if items[name] == item)]
            member = 0 if first["latent"] == c.COHESION else self.panel.members.index(
                first["member"])
            mine = [name for name in self.names if items[name] == item]
            rows = self.panel.rows[self.panel.rows["indicator"].isin(mine)
                                   & (self.panel.rows["member"] == first["member"])]
            middle = (rows["start_month"] + rows["end_month"]) // 2
            at = self.path[first["latent"], member][middle].mean() if len(rows) else 0.0
            value[k] -= first["orientation"] * self.item_loading[k] * at
        groups = len(self.design.coords[c.DIM_GROUP])
        self.intercept = self._pooled(
            value, "member_intercept", self.item_group,
            np.full(groups, self.priors.intercept.mu), self.priors.member_deviation.sd,
            np.full(groups, self.priors.intercept.sd))

    def _noise(self):
        groups = self.design.coords[c.DIM_GROUP]
        group_of = indicator_groups(self.panel)
        group = [groups.index(group_of[name]) for name in self.names]
        mean, spread = self._log_normal("noise_mean"), self._log_normal("noise_spread")
        log_noise = self._between("noise_between", np.log(mean)[group], spread[group],
                                  self.data["indicator_centring"])
        self.total += stats.norm(np.log(mean)[group], spread[group]).logpdf(log_noise).sum()
        self.noise = np.exp(log_noise)
        own = self.design.coords[c.DIM_OWN_ERROR]
        self.rate = np.zeros(len(self.names))
        if own:
            half_life = self._log_normal(c.VAR_OWN_HALF_LIFE)
            at = [self.names.index(name) for name in own]
            self.rate[at] = np.log(2) / half_life
            prior = self.priors.series_noise
            log_sd = (self._take("series_noise_log")
                      - 0.5 * np.log(1 - 0.25 ** (1 / half_life)))
            self.total += stats.norm(np.log(prior.median), prior.sd).logpdf(log_sd).sum()
            self.noise[at] = np.exp(log_sd)

    # States and rows.

    def _walk(self, series, half_life, kind, slope):
        """Add the density of a monthly series, given the slope that it has if a trend is local."""
        if kind != "ar1":
            # Its shocks are as large as those of an autoregression of the same half-life.
            phi, spread = 1.0, np.sqrt(1 - 0.25 ** (1 / half_life))
        else:
            phi = 0.5 ** (1 / half_life)
            spread = np.sqrt(1 - phi**2)
        df = self.priors.student_t_innovation_df
        shock = (stats.norm if self.design.options.innovations == "normal"
                 else stats.t(df, scale=np.sqrt((df - 2) / df)))
        steps = (series[1:] - phi * series[:-1] - slope[:-1]) / spread
        self.total += shock.logpdf(series[0]) + shock.logpdf(steps).sum()
        self.total -= len(steps) * np.log(spread)

    def _slopes(self):
        """Return the slope of each of the five series, zero where there is none."""
        months = len(self.panel.time)
        slopes = np.zeros((5, months))
        trended = [row for row, kind in enumerate(self.spec.series_dynamics)
                   if kind == "local_trend"]
        if not trended:
            return slopes
        self.trend_sd = self._log_normal(c.VAR_TREND_SD)
        start = self.priors.trend_start
        for row, shock in zip(trended, self._take("slope_shock_raw"), strict=True):
            slope = slopes[row]
            slope[0] = start.mu + start.sd * shock[0]
            for t in range(1, months):
                slope[t] = slope[t - 1] + self.trend_sd * shock[t]
            self.total += start.frozen().logpdf(slope[0])
            self.total += stats.norm(0, self.trend_sd).logpdf(np.diff(slope)).sum()
            # From slopes to the standard normals that are sampled.
            self.total += np.log(start.sd) + (months - 1) * np.log(self.trend_sd)
        self.slope = slopes[trended]
        return slopes

    def _series(self):
        states = (self.threat, self.credibility)
        kinds, slopes = self.spec.series_dynamics, self._slopes()
        for pair, latent in enumerate(c.PATHS):
            size, rho = self.size[pair], self.correlation[pair]
            first = (states[pair][0] - self.path[latent, 0]) / size
            spread = size * self.second_scale[pair]
            across = spread * np.sqrt(1 - rho**2)
            second = (states[pair][1] - self.path[latent, 1] - spread * rho * first) / across
            for row, series in ((2 * pair, first), (2 * pair + 1, second)):
                self._walk(series, self.half_life[pair], kinds[row], slopes[row])
            # From the state of a member to its own series.
            self.scales[latent] = size, across
        self.scales[c.COHESION] = (1.0,)
        self._walk(self.cohesion - self._expected(), self.half_life[2], kinds[4], slopes[4])

    def _expected(self):
        level = self.path[c.COHESION, 0].copy()
        for pair, states in enumerate((self.threat, self.credibility)):
            gap = np.hypot(states[0] - states[1], c.SOFTABS_WIDTH) - c.SOFTABS_WIDTH
            beta, delta = self.coefficient[2 * pair: 2 * pair + 2]
            level = level + self.data["path_switch"][pair] * (
                beta * states.mean(axis=0) - delta * gap / 2)
        if self.design.options.response == "level":
            return level
        phi, expected = 0.5 ** (1 / self.half_life[2]), level.copy()
        for t in range(1, len(level)):
            expected[t] = phi * expected[t - 1] + (1 - phi) * level[t]
        return expected

    def _nuisances(self):
        result = np.zeros(len(self.design.rows))
        coords = self.design.coords
        effects = {"offset_cell": np.zeros(0), "season_cell": np.zeros(0),
                   "wave_cell": np.zeros(0)}
        if coords[c.DIM_OFFSET]:
            effects["offset_cell"] = self._normal(c.VAR_MODE_OFFSET, self.priors.mode_offset)
        if coords[c.DIM_SEASONAL]:
            # Eleven independent normals in an orthonormal basis of the numbers that sum to zero.
            eleven = self._normal(f"{c.VAR_SEASON}_zerosum__", self.priors.season)
            self.season = _twelve(eleven)
            effects["season_cell"] = self.season.ravel()
        if coords[c.DIM_WAVE]:
            effects["wave_cell"] = self._scaled("wave_error_raw", self._log_normal(c.VAR_WAVE_SD))
        for name, effect in effects.items():
            result += np.append(0.0, effect)[self.data[name]]
        if coords[c.DIM_COVARIATE]:
            effect = self._normal(c.VAR_COVARIATE_EFFECT, self.priors.covariate_effect)
            result += self.data["covariate_design"] @ effect
        return result

    def _rows(self):
        nuisance = self._nuisances()
        states = {c.THREAT: self.threat, c.CREDIBILITY: self.credibility,
                  c.COHESION: self.cohesion[None, :]}
        mu, logits = [], []
        sd = self.noise[[self.names.index(name) for name in self.design.rows["indicator"]]]
        for i, row in enumerate(self.design.rows.itertuples()):
            k = self.names.index(row.indicator)
            member = 0 if row.latent == c.COHESION else self.panel.members.index(row.member)
            state = states[row.latent][member, row.start_month:row.end_month + 1].mean()
            orientation = self.panel.indicators["orientation"].iloc[k]
            mu.append(self.intercept[k] + orientation * self.loading[k] * state + nuisance[i])
            if row.family == "binomial":
                logit = self._take(c.VAR_OBSERVATION_LOGIT)[len(logits)]
                self.total += stats.norm(mu[i], sd[i]).logpdf(logit)
                logits.append(logit)
                mu[i] = logit
        for i, row in enumerate(self.design.rows.itertuples()):
            if self.data["weight"][i] == 0:
                continue
            centre, spread = mu[i], sd[i]
            if self.data["has_previous"][i]:
                before = self.data["previous_row"][i]
                decay = np.exp(-self.rate[self.names.index(row.indicator)] * self.data["gap"][i])
                centre = centre + decay * (self.design.rows["y"].iloc[before] - mu[before])
                spread = spread * np.sqrt(1 - decay**2)
            self.total += LIKELIHOODS[row.family].log_density(
                row.y, centre, spread, row.n, self.priors.student_t_noise_df)


def _twelve(eleven):
    """Return the numbers that sum to zero behind coordinates in the reflected basis."""
    n = eleven.shape[-1] + 1
    total = eleven.sum(axis=-1, keepdims=True)
    shift = total / (np.sqrt(n) + n)
    return np.concatenate([eleven, shift - total / np.sqrt(n)], axis=-1) - shift
