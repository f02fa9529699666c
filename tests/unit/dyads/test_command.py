"""The command line of dyads, and what is said of a fit: on draws made up here."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from typer.testing import CliRunner

from bayes_alliance import constants as c
from bayes_alliance.cli.app import app
from bayes_alliance.dyads import (
    DyadFit,
    borrowing,
    dyad_effects,
    effects_of_others,
    fit_without,
    load_dyad_fit,
    population_effects,
    read_dyad_model,
)
from bayes_alliance.dyads import names as n
from bayes_alliance.dyads.borrowing import LEFT_OUT
from bayes_alliance.dyads.population import between_share
from bayes_alliance.exceptions import SchemaError
from tests.helpers.made_up_dyads import made_up_dyad_panel
from tests.helpers.made_up_fit import save_made_up_fit

DYADS = {"a-b": {"member_a": "a", "member_b": "b", "class": "quasi", "region": "asia_pacific"},
         "a-c": {"member_a": "a", "member_b": "c", "class": "allied", "region": "other"}}
GOOD = {"passed": True, "failures": [], "seconds": 3.0, "rhat_max": 1.002, "ess_bulk_min": 512.0,
        "divergences": 0}


def made_up(population, passed=True):
    """A fit whose population has given means, each with sd 0.1."""
    rng = np.random.default_rng(4)
    sizes = {"chain": 2, "draw": 400}
    labels = {c.DIM_COEFFICIENT: list(c.COEFFICIENTS), n.DIM_CLASS: ["quasi", "allied"],
              n.DIM_DYAD: list(DYADS), c.DIM_MEMBER: ["a", "b", "c"],
              c.DIM_TIME: [str(year) for year in range(1990, 2000)]}

    def draws(centre, sd, *dims):
        shape = [*sizes.values(), *(len(labels[dim]) for dim in dims)]
        return ([*sizes, *dims], np.asarray(centre) + sd * rng.standard_normal(shape))

    mean = draws(population, 0.1, c.DIM_COEFFICIENT)
    by_class = mean[1][:, :, None, :] + 0.1 * rng.standard_normal((2, 400, 2, 4))
    posterior = xr.Dataset({
        c.VAR_COEFFICIENT: mean,
        n.VAR_CLASS_COEFFICIENT: (["chain", "draw", n.DIM_CLASS, c.DIM_COEFFICIENT], by_class),
        n.VAR_DYAD_COEFFICIENT: draws(population, 0.2, n.DIM_DYAD, c.DIM_COEFFICIENT),
        n.VAR_SPREAD: (["chain", "draw", c.DIM_COEFFICIENT], np.full((2, 400, 4), 0.2)),
        n.VAR_BETWEEN: draws(0.0, 0.5, c.DIM_COEFFICIENT),
        c.COHESION: draws(0.0, 1.0, n.DIM_DYAD, c.DIM_TIME)}, coords=labels)
    waves = np.sin(np.arange(10))[None, None, None, :] * np.array([1.0, 0.5, 2.0])[:, None]
    drivers = xr.Dataset({latent: draws(waves, 0.01, c.DIM_MEMBER, c.DIM_TIME)
                          for latent in c.PATHS}, coords=labels)
    found = GOOD if passed else {**GOOD, "passed": False, "failures": ["too few draws"]}
    return DyadFit(read_dyad_model("quasi_alliances"), DYADS, "H12", posterior, drivers,
                   {n.DRIVER_STAGE: GOOD, n.COHESION_STAGE: found}, {"seed": 1})


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, ["dyads", *map(str, arguments)])


def test_each_reading_is_told_by_its_signs():
    found = population_effects(made_up([0.6, 0.0, -0.6, 0.5]))
    shares = found.readings.set_index(["group", "reading"])["probability"]
    assert shares["all", "H1 common threat"] == pytest.approx(0.5, abs=0.1)
    assert shares["all", "H2 common ally (Hwang)"] == 0.0
    assert shares["all", "abandonment (Cha)"] > 0.99
    for part in ("those of H1 common threat 0.5", "those of H2 common ally (Hwang) 0.00",
                 "those of abandonment (Cha) 1.00", "On average over 2 dyads"):
        assert part in found.sentence
    assert "failed" not in found.sentence
    assert "do not report it" in population_effects(made_up([0, 0, 0, 0], False)).sentence


def test_the_density_at_zero_is_that_of_the_population():
    """The estimate averages normals given the classes; their average is normal here too."""
    found = population_effects(made_up([0.15, 0.0, 0.0, 0.0])).table
    row = found[(found["group"] == "all") & (found["coefficient"] == c.BETA_THREAT)].iloc[0]
    prior = read_dyad_model("quasi_alliances").priors
    precision = 1 / prior.coefficient.sd**2 + 2 / prior.coefficient_class.sd**2
    # The mean of two classes has variance .1**2 + .1**2 / 2 over the draws.
    weight = 2 / prior.coefficient_class.sd**2 / precision
    spread = np.sqrt(1 / precision + weight**2 * 0.015)
    expected = stats.norm.logpdf(0, weight * 0.15, spread) - stats.norm.logpdf(
        0, 0, prior.coefficient.sd)
    assert row["log_bf_zero"] == pytest.approx(expected, abs=0.05)


def test_an_effect_is_standardised_by_what_it_multiplies():
    fit = made_up([0.6, 0.0, 0.0, 0.0])
    table = dyad_effects(fit).set_index(["dyad", "coefficient"])
    path = 0.75 * np.sin(np.arange(10))
    spread = fit.posterior[c.COHESION].sel({n.DIM_DYAD: "a-b"}).std(c.DIM_TIME).mean().item()
    assert table.at[("a-b", c.BETA_THREAT), "standardised"] == pytest.approx(
        0.6 * path.std() / spread, rel=0.1)
    assert set(dyad_effects(fit, ["a-c"])["dyad"]) == {"a-c"}


def test_what_differs_between_dyads_is_told_from_what_moves():
    fit = made_up([0.6, 0.0, 0.0, 0.0])
    # Threat differs between members and never moves; credibility moves and is the same in all.
    waves = np.sin(np.arange(10.0))
    still = np.broadcast_to(np.array([0.0, 1.0, 4.0])[:, None], (2, 400, 3, 10))
    moving = np.broadcast_to(waves, (2, 400, 3, 10))
    dims = ["chain", "draw", c.DIM_MEMBER, c.DIM_TIME]
    drivers = fit.drivers.assign({c.THREAT: (dims, still), c.CREDIBILITY: (dims, moving)})
    found = between_share(replace(fit, drivers=drivers))
    assert found[c.BETA_THREAT] == pytest.approx(1.0)
    assert found[c.BETA_CREDIBILITY] == pytest.approx(0.0, abs=1e-12)


def test_standardised_effects_are_of_the_years_in_which_the_pair_is_one():
    """Ten years of which the first five count: what moves later must not."""
    fit = made_up([0.6, 0.0, -0.6, 0.5])
    spans = {name: about | {"first": "1990", "last": "1994"} for name, about in DYADS.items()}
    short = replace(fit, dyads=spans)
    waves, eta = fit.drivers[c.THREAT].copy(), fit.posterior[c.COHESION].copy()
    waves[..., 5:], eta[..., 5:] = 100.0, -100.0
    later = replace(short, drivers=fit.drivers.assign({c.THREAT: waves}),
                    posterior=fit.posterior.assign({c.COHESION: eta}))
    shown = [dyad_effects(one)["standardised"].to_numpy() for one in (short, later, fit)]
    assert shown[0] == pytest.approx(shown[1])
    assert not np.allclose(shown[0], shown[2], rtol=0.01)
    shares = [between_share(one) for one in (short, later, fit)]
    assert shares[0] == pytest.approx(shares[1])
    assert shares[0][c.BETA_THREAT] != pytest.approx(shares[2][c.BETA_THREAT], rel=0.01)


def test_what_a_driver_may_have_done_counts_not_its_mean_over_draws():
    """Drivers whose draws move by an sd of 2 each in its own way, so that their mean stands still.

    Credibility moves alike in both members, so that the mean of the pair moves as each does.
    """
    fit = made_up([0.0, 0.0, 0.5, 0.0])
    rng = np.random.default_rng(6)
    moves = np.broadcast_to(2.0 * rng.standard_normal((2, 400, 1, 10)), (2, 400, 3, 10))
    dims = ["chain", "draw", c.DIM_MEMBER, c.DIM_TIME]
    drivers = fit.drivers.assign({c.CREDIBILITY: (dims, moves)})
    table = dyad_effects(replace(fit, drivers=drivers)).set_index(["dyad", "coefficient"])
    still = dyad_effects(replace(fit, drivers=drivers.assign({c.CREDIBILITY: (
        dims, np.zeros_like(moves))}))).set_index(["dyad", "coefficient"])
    for dyad in DYADS:
        # An sd over ten years of independent draws of sd 2, by one of sd 1: medians around 2.
        assert table.at[(dyad, c.BETA_CREDIBILITY), "standardised"] == pytest.approx(
            2.0 * table.at[(dyad, c.BETA_CREDIBILITY), "q50"], rel=0.15)
        assert still.at[(dyad, c.BETA_CREDIBILITY), "standardised"] == 0.0


def test_the_prior_of_a_reading_is_that_of_its_signs():
    """Means of 0.5 with an sd of 0.5 are positive in 84 of 100 draws, in classes in fewer."""
    fit = made_up([0.0, 0.0, 0.0, 0.0])
    prior = fit.spec.priors
    moved = prior.model_copy(update={
        "coefficient": prior.coefficient.model_copy(update={"mu": 0.5, "sd": 0.5}),
        "coefficient_class": prior.coefficient_class.model_copy(update={"mu": 0.0, "sd": 0.5})})
    found = population_effects(replace(fit, spec=fit.spec.model_copy(update={"priors": moved})))
    shares = found.readings.set_index(["group", "reading"])["prior"]
    assert shares["all", "H1 common threat"] == pytest.approx(0.8413**2, abs=1e-3)
    assert shares["all", "abandonment (Cha)"] == pytest.approx(0.8413 * 0.1587, abs=1e-3)
    assert shares["quasi", "H1 common threat"] == pytest.approx(0.7602**2, abs=1e-3)


def test_coefficients_that_were_switched_off_are_no_result(run, tmp_path):
    path = tmp_path / "dyads.nc"
    replace(made_up([0.6, 0.0, -0.6, 0.5]), hypothesis="H1").save(path)
    shown = run("show", path)
    assert shown.exit_code == 2
    assert "need a fit under H12, got H1" in shown.output


@pytest.mark.parametrize("span", [("1990", "2005"), ("1995", "1992")])
def test_a_dyad_of_years_that_are_not_there_is_refused(tmp_path, span):
    spans = {name: about | dict(zip(("first", "last"), span, strict=True))
             for name, about in DYADS.items()}
    path = tmp_path / "dyads.nc"
    replace(made_up([0, 0, 0, 0]), dyads=spans).save(path)
    with pytest.raises(SchemaError, match="years that its drivers do not have"):
        load_dyad_fit(path)


def test_a_saved_fit_is_shown(run, tmp_path):
    path = tmp_path / "dyads.nc"
    made_up([0.6, 0.0, -0.6, 0.5]).save(path)
    assert load_dyad_fit(path).dyads == DYADS
    shown = run("show", path)
    assert shown.exit_code == 0, shown.output
    assert "those of abandonment (Cha) 1.00" in " ".join(shown.output.split())
    one = run("show", path, "--dyad", "a-b")
    assert one.exit_code == 0, one.output
    assert one.output.count("a-b") >= 4
    assert "a-c" not in one.output
    wrong = run("show", path, "--dyad", "a-d")
    assert wrong.exit_code == 2
    assert "no dyad 'a-d'; did you mean" in wrong.output


def unseen(fit, dyad="a-b"):
    """The fit as one that has left a dyad out."""
    return replace(fit, provenance=fit.provenance | {LEFT_OUT: dyad})


def test_what_others_say_is_printed_beside_what_the_pair_says(run, tmp_path, spec, panel):
    mine, theirs, seen = (tmp_path / name for name in ("mine.nc", "theirs.nc", "seen.nc"))
    save_made_up_fit(mine, spec, panel, draws=1000)
    unseen(made_up([0.6, 0.0, -0.6, 0.5])).save(theirs)
    made_up([0.6, 0.0, -0.6, 0.5]).save(seen)
    shown = run("borrow", mine, theirs)
    assert shown.exit_code in (0, 1), shown.output
    assert (shown.exit_code == 1) == ("Not to be reported" in shown.output)
    assert "1 other pairs (all but a-b) as half of the prior" in shown.output.replace("\n", " ")
    for arguments, status, told in (
            ((mine, seen), 2, "has seen every dyad"), ((theirs, theirs), 2, "theirs.nc"),
            ((mine, mine), 2, "is no saved fit of a model over dyads")):
        found = run("borrow", *arguments)
        assert found.exit_code == status, (arguments, found.output)
        assert told in found.output.replace("\n", " "), (told, found.output)
    unseen(made_up([0, 0, 0, 0], passed=False)).save(theirs, overwrite=True)
    failed = run("borrow", mine, theirs)
    assert failed.exit_code == 2
    assert "fails the gate" in failed.output.replace("\n", " ")


def test_a_fit_without_a_dyad_has_its_members_rows_but_not_its_own(monkeypatch):
    seen = {}

    def fit_instead(spec, panel, *, used, seed):
        seen.update(used=used, seed=seed)
        return made_up([0.6, 0.0, 0.0, 0.0])

    monkeypatch.setattr(borrowing, "fit_dyad_panel", fit_instead)
    panel = made_up_dyad_panel()
    fit = fit_without(read_dyad_model("quasi_alliances"), panel, "south_korea-japan", seed=7)
    units = panel.rows["unit"]
    assert fit.provenance[LEFT_OUT] == "south_korea-japan"
    assert seen["seed"] == 7
    assert set(units[~seen["used"]]) == {"south_korea-japan"}
    assert {"south_korea", "japan", "south_korea-state_2"} <= set(units[seen["used"]])
    assert "south_korea-japan" not in set(units[seen["used"]])
    with pytest.raises(ValueError, match="no dyad 'south_korea-japn'; did you mean"):
        fit_without(fit.spec, panel, "south_korea-japn")


def test_effects_of_others_need_a_fit_that_has_not_seen_the_dyad():
    fit = made_up([0.6, 0.0, 0.0, 0.0])
    effects = effects_of_others(unseen(fit))
    median = dyad_effects(fit, ["a-b"])["standardised"].to_numpy()
    np.testing.assert_allclose(np.median(effects, axis=0), median)
    with pytest.raises(ValueError, match="seen every dyad"):
        effects_of_others(fit)
    with pytest.raises(ValueError, match="seen every dyad"):
        effects_of_others(unseen(fit, "x-y"))
    with pytest.raises(ValueError, match="is of H1 "):
        effects_of_others(replace(unseen(fit), hypothesis="H1"))


def test_what_cannot_be_is_one_error(run, tmp_path, root):
    there = tmp_path / "there.nc"
    there.write_text("x")
    for arguments, told in (
            (("show", tmp_path / "no.nc"), "is no saved fit"),
            (("show", there), "is no saved fit"),
            (("fit", "quasi_alliances", "--out", there), "pass --overwrite"),
            (("fit", "quasi_alliances", "--out", tmp_path / "no" / "a.nc"), "there is no folder"),
            (("fit", "rok_japan", "--out", tmp_path / "a.nc"), "is no model over dyads"),
            (("fit", root / "models" / "rok_japan.toml", "--out", tmp_path / "a.nc"),
             "rok_japan.toml")):
        found = run(*arguments)
        assert found.exit_code == 2, (arguments, found.output)
        assert told in found.output.replace("\n", " "), (told, found.output)
    assert there.read_text() == "x"


def test_the_dataset_is_validated_and_shown_by_the_same_commands(tmp_path, root):
    runner = CliRunner()
    folder = root / "data" / "quasi_alliances"
    assert runner.invoke(app, ["data", "validate", "quasi_alliances"]).output == "no faults\n"
    shown = runner.invoke(app, ["data", "show", str(folder)])
    assert shown.exit_code == 0, shown.output
    assert "dispute,cohesion,dyad,11480,266,1950,2014" in shown.output
    wrong = runner.invoke(app, ["data", "show", str(folder), "--figure", str(tmp_path / "a.png")])
    assert wrong.exit_code == 2
    assert "many dyads by year" in wrong.output
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "dyads.csv").write_text("dyad\n")
    broken = runner.invoke(app, ["data", "validate", str(kept)])
    assert broken.exit_code == 2
    assert "dyads.csv, header" in broken.output


def test_one_pair_of_a_failed_fit_is_shown_with_a_warning(run, tmp_path):
    path = tmp_path / "failed.nc"
    made_up([0, 0, 0, 0], passed=False).save(path)
    assert "do not report it" in run("show", path, "--dyad", "a-b").output
