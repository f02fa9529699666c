"""Scores of held-out rows of dyads, against densities written out."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.design import build_dyad_design
from bayes_alliance.dyads.simulate import made_up_panel, simulate_dyads
from bayes_alliance.dyads.spec import read_dyad_model
from bayes_alliance.dyads.tables import read_tables
from bayes_alliance.model.likelihoods import LIKELIHOODS
from benchmarks import held_out_dyads as held_out


@pytest.fixture(scope="module")
def made(root):
    spec = read_dyad_model("quasi_alliances")
    indicators = read_tables(root / "data" / "quasi_alliances")["indicators"].set_index("indicator")
    named = [name for part in spec.latents.values() for name in part]
    rng = np.random.default_rng(4)
    layout = made_up_panel(spec, indicators.loc[named], members=6, dyads=9, years=12, rng=rng)
    return spec, simulate_dyads(spec, layout, rng)[0]


@pytest.fixture(scope="module")
def rows(made):
    _, panel = made
    return panel.rows[panel.rows["unit"].isin(panel.dyads.index)].reset_index(drop=True)


def test_a_fold_holds_whole_dyads_or_spans_of_five_years(made, rows):
    _, panel = made
    fold = pd.Series(held_out.folds_of(panel, rows, "dyads", 3))
    of = fold.groupby(rows["unit"]).agg(["min", "max"])
    assert (of["min"] == of["max"]).all()
    assert of["min"].value_counts().to_dict() == {0: 3, 1: 3, 2: 3}
    fold = pd.Series(held_out.folds_of(panel, rows, "spans", 3))
    span = (rows["year"] - panel.years[0]) // 5
    of = fold.groupby([rows["unit"], span]).agg(["min", "max"])
    assert (of["min"] == of["max"]).all()
    # Of every dyad's three spans each is in a fold of its own.
    assert (of["min"].groupby("unit").nunique() == 3).all()


def test_a_score_is_the_log_of_the_mean_density_over_draws(made):
    spec, panel = made
    design = build_dyad_design(spec, panel, n.COHESION_STAGE)
    rng, coords = np.random.default_rng(5), design.coords
    dims = {c.COHESION: (n.DIM_DYAD, c.DIM_TIME), c.VAR_LOADING: (c.DIM_INDICATOR,),
            c.VAR_INTERCEPT: (c.DIM_INDICATOR,), c.VAR_NOISE: (n.DIM_NOISY,),
            n.VAR_UNIT_DEVIATION: (n.DIM_UNIT_CELL,), n.VAR_YEAR_EFFECT: (n.DIM_YEAR_CELL,)}
    posterior = xr.Dataset({name: (("chain", "draw", *of), rng.uniform(
        0.2, 0.6, (2, 3, *(len(coords[dim]) for dim in of)))) for name, of in dims.items()})
    picked = np.sort(rng.choice(len(design.data["y"]), 60, replace=False))
    found, half = held_out.log_scores(design, posterior, picked)
    kept = panel.rows[panel.rows["indicator"].isin(coords[c.DIM_INDICATOR])].reset_index(drop=True)
    for at, score, of_half in zip(picked, found, half, strict=True):
        row, about = kept.loc[at], panel.indicators.loc[kept.at[at, "indicator"]]
        densities = []
        for _, one in posterior.stack(draws=("chain", "draw")).groupby("draws"):
            one = one.squeeze()

            def value(name, one=one, **labels):
                where = {dim: coords[dim].index(label) for dim, label in labels.items()}
                return float(one[name].isel(where))

            name = row["indicator"]
            mu = value(c.VAR_INTERCEPT, **{c.DIM_INDICATOR: name}) + about["orientation"] * value(
                c.VAR_LOADING, **{c.DIM_INDICATOR: name}) * value(
                    c.COHESION, **{n.DIM_DYAD: row["unit"], c.DIM_TIME: str(row["year"])})
            for variable, dim, cell in (
                    (n.VAR_UNIT_DEVIATION, n.DIM_UNIT_CELL, f"{name}:{row['unit']}"),
                    (n.VAR_YEAR_EFFECT, n.DIM_YEAR_CELL, f"{name}:{row['year']}")):
                mu += value(variable, **{dim: cell}) if cell in coords[dim] else 0.0
            noise = value(c.VAR_NOISE, **{n.DIM_NOISY: name})
            family, size = about["family"], row["n"]
            if family == "bernoulli":
                family, size = "binomial", 1
            densities.append(np.exp(LIKELIHOODS[family].log_density(
                row["y"], mu, noise, size, 4.0)))
        assert score == pytest.approx(np.log(np.mean(densities)), abs=1e-9)
        assert of_half == pytest.approx(np.log(np.mean(densities[:3])), abs=1e-9)


def test_a_difference_is_a_mean_over_rows_with_the_spread_of_members():
    """Ten dyads of five rows, partial pooling better by .2 nats a row in each, then in half."""
    def table(gain):
        return pd.DataFrame([
            {"held": "dyads", "model": model, "dyad": f"d{k}", "indicator": "votes", "rows": 5,
             "score": -10.0 + (5 * gain[k] if model == "partial" else 0.0), "half": -10.0}
            for model in ("partial", "full") for k in range(10)])

    def pairs(first, second):
        return pd.DataFrame({"member_a": first, "member_b": second},
                            index=[f"d{k}" for k in range(10)])

    apart = pairs([f"a{k}" for k in range(10)], [f"b{k}" for k in range(10)])
    even = held_out.difference(table([0.2] * 10), apart, "dyads", "full")
    assert even["by_one_chain"] == 0.0
    assert [even[name] for name in ("nats_a_row", "low", "high")] == pytest.approx([0.2] * 3)
    assert (even["rows"], even["dyads"]) == (50, 10)
    mixed = held_out.difference(table([0.4, 0.0] * 5), apart, "dyads", "full", "votes")
    assert mixed["nats_a_row"] == pytest.approx(0.2)
    # Binomial: the mean of ten draws of 0 or .4 has sd .063; 5% lie below .09. A dyad is there
    # where both of its members are, which is more uncertain.
    assert mixed["low"] <= 0.2 - 1.64 * 0.063 + 0.03
    assert mixed["high"] >= 0.2 + 1.64 * 0.063 - 0.03
    # One member in all the dyads that gain, another in all the others: its number decides, and
    # without one of the two the mean is that of the other's dyads.
    shared = held_out.difference(table([0.4] * 5 + [0.0] * 5), pairs(
        ["a"] * 5 + ["b"] * 5, [f"c{k}" for k in range(10)]), "dyads", "full")
    assert [shared["low"], shared["high"]] == pytest.approx([0.0, 0.4])


def test_models_differ_in_priors_of_differences_between_dyads_only():
    spec = read_dyad_model("quasi_alliances")
    for name, changed in held_out.MODELS.items():
        numbers = spec.priors.model_copy(update=changed).numbers()
        own = spec.priors.numbers()
        assert list(numbers) == list(own)
        moved = {key.split(".")[0] for key in own if numbers[key] != own[key]}
        assert moved == set(changed), name
