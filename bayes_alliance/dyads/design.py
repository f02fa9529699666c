"""From a panel of dyads to the arrays of a compiled model, one of two stages.

Invariant: rows, weights, switches, paths, classes and priors are data; only the numbers of units,
years, rows and indicators are structure. The stage of the drivers has the series threat of every
member, credibility of every member, then lasting errors of indicators, then threat common to both
of every dyad. The stage of cohesion has cohesion of every dyad, then lasting errors.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.spec import DyadModelSpec
from bayes_alliance.dyads.tables import DyadPanel

__all__ = ["DyadDesign", "OwnError", "build_dyad_design", "span_of", "stage_mask"]


@dataclass(frozen=True)
class OwnError:
    """The lasting errors of one indicator: a series for each unit.

    Attributes
    ----------
    indicator : int
        Its position.
    rows : slice
        Of the series.
    """

    indicator: int
    rows: slice


@dataclass(frozen=True)
class DyadDesign:
    """Labels, data and structure of one stage.

    Attributes
    ----------
    stage : {"drivers", "cohesion"}
    coords : dict of str to list of str
    data : dict of str to numpy.ndarray
        By row: ``y``, ``n``, ``weight``, ``log_ways``, ``family_code``, ``oriented``,
        ``row_indicator``, ``row_series``, ``latent_series`` (the state without
        a lasting error; the first member's, where it is common to two), ``second_series`` and
        ``paired`` (of such a row, the second member's state and 1),
        ``lasting`` (1 if there is one), ``before`` and ``chained`` (of those with one, the row
        of the year before and whether there is one), ``first``, ``stop``, ``nuisance_cell`` and
        the normal approximation ``link_value``, ``variance_base``, ``variance_slope``; by series
        ``parent``
        (the state that a lasting error adds to); by dyad ``member_a``, ``member_b``,
        ``class_of``, ``span`` (1 in its years); ``path`` (path coefficient, dyad, year; less its
        mean over the span) and ``path_mean`` (path coefficient, dyad), ``path_switch`` (2),
        ``year_switch`` (), ``prior`` (number).
    unit_indicator, year_indicator : numpy.ndarray of int
        Indicator of every cell of a unit, of a year.
    path_of, orientation : numpy.ndarray, shape (indicator,)
        Which path an indicator's latent is, 0 for cohesion; 1 or -1.
    own : tuple of OwnError
    anchor : int
        In the stage of cohesion the indicator of most rows among those with effects of years: it
        tells most of what a year adds to all states. -1 if there is none.
    anchor_years : numpy.ndarray of int
        Its years, in the order of its cells.
    series : int
        Number of states without lasting errors.
    response : str
    """

    stage: str
    coords: dict[str, list[str]]
    data: dict[str, np.ndarray]
    unit_indicator: np.ndarray
    year_indicator: np.ndarray
    path_of: np.ndarray
    orientation: np.ndarray
    own: tuple[OwnError, ...]
    anchor: int
    anchor_years: np.ndarray
    series: int
    response: str

    @property
    def structure(self) -> tuple[object, ...]:
        """What the compiled code depends on."""
        shapes = tuple((name, array.shape) for name, array in sorted(self.data.items()))
        own = tuple((one.indicator, one.rows.start, one.rows.stop) for one in self.own)
        labels = tuple((name, tuple(values)) for name, values in self.coords.items())
        return (self.stage, labels, shapes, self.unit_indicator.tobytes(),
                self.year_indicator.tobytes(),
                self.path_of.tobytes(), self.orientation.tobytes(), own, self.anchor, self.series,
                self.response)

    def with_rows(self, used: np.ndarray) -> "DyadDesign":
        """Return the design in which only some rows count; ``used`` has shape (row,)."""
        return replace(self, data={**self.data, "weight": used.astype(float)})

    def with_paths(self, path: np.ndarray) -> "DyadDesign":
        """Return the design with what the coefficients multiply, (coefficient, dyad, year).

        Means over the years in which a dyad is one, and what is apart from them.
        """
        span = self.data["span"]
        mean = (path * span).sum(axis=2) / span.sum(axis=1)
        return replace(self, data={
            **self.data, "path": np.ascontiguousarray(path - mean[:, :, None], dtype=float),
            "path_mean": np.ascontiguousarray(mean, dtype=float)})

    def with_hypothesis(self, spec: DyadModelSpec, hypothesis: str) -> "DyadDesign":
        """Return the design with a hypothesis's switches."""
        paths = spec.hypotheses[hypothesis]
        return replace(self, data={
            **self.data, "path_switch": np.array([float(path in paths) for path in c.PATHS]),
            "year_switch": np.array(float(hypothesis != "H0"))})


def build_dyad_design(spec: DyadModelSpec, panel: DyadPanel, stage: str,
                      hypothesis: str = "H12") -> DyadDesign:
    """Lay out what one stage sees of a panel.

    Parameters
    ----------
    spec : DyadModelSpec
    panel : DyadPanel
    stage : {"drivers", "cohesion"}
    hypothesis : {"H0", "HX", "H1", "H2", "H12"}
    """
    indicators = panel.indicators[stage_mask(panel.indicators["latent"], stage)]
    rows = panel.rows[stage_mask(panel.indicators.loc[panel.rows["indicator"], "latent"], stage)]
    about = indicators.loc[rows["indicator"]]
    position = {name: i for i, name in enumerate(indicators.index)}
    year = rows["year"].to_numpy() - panel.years[0]
    latent, parent, series, own = _series(panel, rows, indicators, stage)
    units, unit_cell = _cells(rows["indicator"] + ":" + rows["unit"],
                              (about["reference"] == 0).to_numpy())
    years, year_cell = _cells(rows["indicator"] + ":" + rows["year"].astype(str),
                              (about["year_effect"] == 1).to_numpy())
    family = about["family"].to_numpy()
    row_indicator = rows["indicator"].map(position).to_numpy(dtype=np.int64)
    lasting = (about["own_error"] == 1).to_numpy()
    data = {
        "y": rows["y"].to_numpy(dtype=float),
        "n": np.where(family == "bernoulli", 1.0, rows["n"].to_numpy(dtype=float)),
        "weight": np.ones(len(rows)),
        "family_code": np.array([c.FAMILY_CODES[n.FAMILIES[one][0]] for one in family]),
        "oriented": about["orientation"].to_numpy(dtype=float),
        "row_indicator": row_indicator,
        "row_series": series, "parent": parent, **_of_members(latent, panel, len(parent)),
        "lasting": lasting.astype(float),
        "first": year, "stop": year + 1,
        "nuisance_cell": np.column_stack([unit_cell, np.where(
            year_cell > 0, year_cell + len(units), 0)]),
        "covariate_design": np.zeros((len(rows), 0)),
        "has_previous": np.zeros(len(rows)), "gap": np.ones(len(rows)),
        "previous_row": np.zeros(len(rows), dtype=np.int64),
        "member_a": _index(panel.dyads["member_a"], panel.members),
        "member_b": _index(panel.dyads["member_b"], panel.members),
        "class_of": _index(panel.dyads["class"], list(spec.model.classes)),
        "span": span_of(panel), "path": np.zeros((4, len(panel.dyads), len(panel.years))),
        "path_mean": np.zeros((4, len(panel.dyads))),
        "path_switch": np.ones(2), "year_switch": np.array(1.0),
        "prior": np.array(list(spec.priors.numbers().values())),
    }
    data["before"], data["chained"] = _chains(rows, lasting)
    usual = _usual(data["y"], row_indicator, rows["indicator"] + ":" + rows["unit"])
    data |= _normal_rows(family, data["y"], data["n"], usual)
    data = {name: np.asarray(array, dtype=np.float64 if array.dtype.kind == "f" else np.int32)
            for name, array in data.items()}
    coords = {c.DIM_TIME: [str(one) for one in panel.years], c.DIM_MEMBER: list(panel.members),
              n.DIM_DYAD: list(panel.dyads.index), n.DIM_CLASS: list(spec.model.classes),
              c.DIM_PAIR: list(c.PATHS), c.DIM_COEFFICIENT: list(c.COEFFICIENTS),
              c.DIM_INDICATOR: list(indicators.index), n.DIM_UNIT_CELL: units,
              n.DIM_LASTING: [indicators.index[one.indicator] for one in own],
              n.DIM_NOISY: list(indicators.index[indicators["own_error"] != 1]),
              n.DIM_YEAR_CELL: years, n.DIM_ONCE: ["all"], "year": [str(y) for y in panel.years]}
    anchor = _anchor(about, position) if stage == n.COHESION_STAGE else -1
    of = [np.array([position[label.split(":")[0]] for label in part], dtype=np.int64)
          for part in (units, years)]
    anchored = of[1] == anchor
    coords[n.DIM_OTHER_CELL] = [years[at] for at in np.flatnonzero(~anchored)]
    anchor_years = np.array([panel.years.index(int(years[at].rpartition(":")[2]))
                             for at in np.flatnonzero(anchored)], dtype=np.int32)
    count = 2 * len(panel.members) if stage == n.DRIVER_STAGE else len(panel.dyads)
    path_of = np.array([c.PATHS.index(latent) if latent in c.PATHS else 0
                        for latent in indicators["latent"]], dtype=np.int64)
    return DyadDesign(stage, coords, data, of[0], of[1], path_of,
                      indicators["orientation"].to_numpy(dtype=float), own, anchor,
                      anchor_years, count, spec.model.response).with_hypothesis(spec, hypothesis)


def span_of(panel: DyadPanel) -> np.ndarray:
    """Return 1 for the years in which a dyad is one and 0 for others, shape (dyad, year)."""
    years, dyads = np.array(panel.years), panel.dyads
    within = (years >= dyads["first"].to_numpy(dtype=int)[:, None]) & (
        years <= dyads["last"].to_numpy(dtype=int)[:, None])
    return np.asarray(within, dtype=float)


def stage_mask(latent: pd.Series, stage: str) -> np.ndarray:
    """Return which latents belong to a stage."""
    of_cohesion = (latent == c.COHESION).to_numpy()
    return np.asarray(of_cohesion if stage == n.COHESION_STAGE else ~of_cohesion)


def _anchor(about: pd.DataFrame, position: dict[str, int]) -> int:
    """Return the indicator of most rows among those with effects of years, -1 without one."""
    counted = about.index[about["year_effect"] == 1].value_counts()
    return -1 if counted.empty else position[str(counted.index[0])]


def _index(labels: pd.Series, known: list[str]) -> np.ndarray:
    position = {name: i for i, name in enumerate(known)}
    return np.array([position[label] for label in labels])


def _cells(labels: pd.Series, counts: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the labels of cells, and each row's cell; 0 stands for none."""
    found = list(dict.fromkeys(labels[counts]))
    position = {label: i + 1 for i, label in enumerate(found)}
    return found, np.array([position[label] if counted else 0
                            for label, counted in zip(labels, counts, strict=True)])


def _series(panel: DyadPanel, rows: pd.DataFrame, indicators: pd.DataFrame, stage: str
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[OwnError, ...]]:
    """Return each row's latent series, every lasting error's, each row's series, and the errors."""
    members, dyads = list(panel.members), list(panel.dyads.index)
    unit = {name: i for i, name in enumerate(members)} | {name: i for i, name in enumerate(dyads)}
    count = 2 * len(members) if stage == n.DRIVER_STAGE else len(dyads)
    lasting = indicators[indicators["own_error"] == 1]
    sizes = [len(members if about["level"] == "member" else dyads)
             for _, about in lasting.iterrows()]
    after = count + sum(sizes)
    first = {(c.THREAT, "member"): 0, (c.CREDIBILITY, "member"): len(members),
             (c.COHESION, "dyad"): 0, (c.THREAT, "dyad"): after}
    about = indicators.loc[rows["indicator"]]
    place = np.array([unit[name] for name in rows["unit"]], dtype=np.int64)
    latent = place + np.array([first[key] for key in zip(
        about["latent"], about["level"], strict=True)], dtype=np.int64)
    series, parent, own, start = latent.copy(), np.arange(count), [], count
    for (name, one), size in zip(lasting.iterrows(), sizes, strict=True):
        here = (rows["indicator"] == name).to_numpy()
        series[here] = start + place[here]
        parent = np.concatenate([parent, first[one["latent"], one["level"]] + np.arange(size)])
        own.append(OwnError(list(indicators.index).index(name), slice(start, start + size)))
        start += size
    return latent, parent, series, tuple(own)


def _of_members(latent: np.ndarray, panel: DyadPanel, after: int) -> dict[str, np.ndarray]:
    """Return of which states each row tells: of one, or of a first and a second member's.

    ``after`` is the first series that is common to two.
    """
    common = latent >= after
    found = {"latent_series": latent.copy(), "second_series": np.zeros_like(latent),
             "paired": common.astype(float)}
    for name, side in (("latent_series", "member_a"), ("second_series", "member_b")):
        found[name][common] = _index(panel.dyads[side], panel.members)[latent[common] - after]
    return found


def _chains(rows: pd.DataFrame, lasting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's row of the year before, and 1 where there is one."""
    keys = list(zip(rows["indicator"], rows["unit"], rows["year"], strict=True))
    place = {key: i for i, key in enumerate(keys)}
    found = np.array([place.get((name, unit, year - 1), -1) if counts else -1
                      for (name, unit, year), counts in zip(keys, lasting, strict=True)],
                     dtype=np.int64)
    return np.maximum(found, 0), (found >= 0).astype(float)


def _usual(y: np.ndarray, indicator: np.ndarray, units: pd.Series) -> np.ndarray:
    """Return the mean of each row's unit in its indicator, the indicator's mean counting once."""
    mean = (np.bincount(indicator, y) / np.maximum(np.bincount(indicator), 1))[indicator]
    cell = pd.factorize(units)[0]
    return np.asarray((np.bincount(cell, y)[cell] + mean) / (np.bincount(cell)[cell] + 1.0))


def _normal_rows(family: np.ndarray, y: np.ndarray, n: np.ndarray,
                 usual: np.ndarray) -> dict[str, np.ndarray]:
    """Return each row as a normal observation on the link scale; see the monthly layout.

    Where most rows are 0, one row says little: a count is taken half way between itself and what
    is usual of its unit, an event at the usual share of events.
    """
    value, base, slope = y.copy(), np.zeros(len(y)), np.ones(len(y))
    ways = np.zeros(len(y))
    polled, event, rare = (family == name for name in (
        "beta_binomial", "bernoulli", "negative_binomial"))
    share = (y + 0.5) / (n + 1.0)
    spread = np.where(polled, share * (1.0 - share), 1.0)
    value[polled] = special.logit(share[polled])
    base[polled] = 1.0 / (n[polled] * spread[polled])
    slope[polled] = (n[polled] - 1.0) / (n[polled] * 4.0 * spread[polled])
    at = np.clip(usual, 1e-3, 1.0 - 1e-3)
    base[event] = (1.0 / (at * (1.0 - at)))[event]
    value[event] = (special.logit(at) + (y - at) / (at * (1.0 - at)))[event]
    slope[event] = 0.0
    at = np.maximum((y + usual) / 2.0, 1e-3)
    value[rare], base[rare] = (np.log(at) + (y - at) / at)[rare], (1.0 / at)[rare]
    counted = polled | event
    ways[counted] = (special.gammaln(n + 1) - special.gammaln(y + 1)
                     - special.gammaln(n - y + 1))[counted]
    ways[rare] = -special.gammaln(y[rare] + 1)
    return {"link_value": value, "variance_base": base, "variance_slope": slope, "log_ways": ways}
