import pytest

from bayes_alliance.exceptions import SpecError
from bayes_alliance.spec import find_dataset, parse_model, read_model, spec_hash


@pytest.fixture(scope="module")
def text(root):
    return (root / "models" / "rok_japan.toml").read_text()


def test_the_shipped_model_declares_episodes_hypotheses_and_thresholds(spec):
    assert list(spec.episodes) == ["friction", "cohesion"]
    assert set(spec.hypotheses) == {"H0", "HX", "H1", "H2", "H12"}
    assert spec.verdict.direction_probability == 0.9
    assert spec.verdict.log_bayes_factor == pytest.approx(1.0986, abs=1e-4)


def test_a_misspelt_key_is_refused_with_the_nearest_allowed_one(text):
    with pytest.raises(SpecError, match=r"unknown key 'halflife'; did you mean 'half_life'"):
        parse_model(text.replace("half_life = 12.0", "halflife = 12.0"))


def test_all_faults_are_listed_at_once(text):
    broken = text.replace("chains = 4", "chains = 1").replace('"2015-12"]', '"2015-13"]')
    with pytest.raises(SpecError) as caught:
        parse_model(broken)
    places = [fault.where for fault in caught.value.faults]
    assert "sampler.chains" in places
    assert any("baselines.2015" in place for place in places)


@pytest.mark.parametrize(("old", "new", "message"), [
    ('end = "2024-12"', 'end = "2003-12"', "is not before end"),
    ('members = ["rok", "japan"]', 'members = ["rok", "rok"]', "two different states"),
    ('[hypotheses.H0]', '[hypotheses.H9]', "H9 is unknown"),
    ('window = ["2018-11", "2019-12"]', 'window = ["2019-12", "2018-11"]', "after its end"),
    ('"gprnk_threat_rok",', '"gprnk_threat_rok", "us_troops_rok",', "one indicator measures one"),
    ('drivers = ["launch_days",', 'drivers = ["launches",', "does not declare"),
    ('title =', 'title', "no valid TOML"),
    ('[hypotheses.H1]\npaths = ["threat"]', '[hypotheses.H1]\npaths = []',
     r"hypotheses.H1.paths is \[\], which is not H1"),
    ('[hypotheses.HX]\npaths = []', '[hypotheses.HX]\npaths = []\nrivals = false',
     "hypotheses.HX.rivals is False"),
    ('[rivals.triggers_rok]', '[rivals.launch_days]', "one stock, one name"),
    ('direction_quantities = { threat = ["mean", "gap"], ', 'direction_quantities = { ',
     "verdict.direction_quantities.threat is missing"),
    ('baselines = { "friction" = ["2018-11", "2019-12"]',
     'baselines = { "friction" = ["2022-11", "2023-04"]', "not before the window begins"),
])
def test_what_cannot_hold_is_refused(text, old, new, message):
    assert old in text
    with pytest.raises(SpecError, match=message):
        parse_model(text.replace(old, new, 1))


def with_dynamics(text, response, **dynamics):
    """Return the shipped file with another response and how each latent moves."""
    head = text[text.index("[model]"):text.index("[latents")]
    kept = [line for line in head.splitlines()
            if not line.startswith(("response =", "dynamics ="))]
    table = ", ".join(f'{latent} = "{kind}"' for latent, kind in dynamics.items())
    kept += [f'response = "{response}"', f"dynamics = {{ {table} }}", "", ""]
    return text.replace(head, "\n".join(kept))


def test_every_latent_has_dynamics_of_its_own(text, spec):
    assert spec.model.dynamics.of_latents == ("ar1", "ar1", "ar1")
    assert spec.series_dynamics == ("ar1",) * 5
    found = parse_model(with_dynamics(text, "level", threat="random_walk", cohesion="local_trend"))
    assert found.model.dynamics.of_latents == ("random_walk", "ar1", "local_trend")
    assert dict(zip(found.series, found.series_dynamics, strict=True)) == {
        "threat_rok": "random_walk", "threat_japan": "random_walk", "credibility_rok": "ar1",
        "credibility_japan": "ar1", "cohesion": "local_trend"}
    assert spec_hash(found) != spec_hash(parse_model(with_dynamics(text, "level")))
    # The default, written out, is the same model.
    assert spec_hash(parse_model(with_dynamics(text, "adjustment", threat="ar1"))) == \
        spec_hash(spec)


@pytest.mark.parametrize("kind", ["random_walk", "local_trend"])
def test_cohesion_that_adjusts_cannot_walk_away(text, kind):
    with pytest.raises(SpecError, match=rf"dynamics\.cohesion is {kind}, but with the response "
                                        r"adjustment .*allowed: ar1, or the response level"):
        parse_model(with_dynamics(text, "adjustment", cohesion=kind))
    # What drives it may.
    for response in ("adjustment", "level"):
        assert parse_model(with_dynamics(text, response, threat=kind, credibility=kind))
    assert parse_model(with_dynamics(text, "level", cohesion=kind))


def test_unknown_dynamics_latents_and_coordinates_are_refused(text):
    with pytest.raises(SpecError, match=r"model\.dynamics\.threat.*'random_walk'"):
        parse_model(with_dynamics(text, "level", threat="randomwalk"))
    with pytest.raises(SpecError, match=r"unknown key 'cohesiveness'; did you mean 'cohesion'"):
        parse_model(with_dynamics(text, "level", cohesiveness="ar1"))
    text = "\n".join(line for line in text.splitlines() if not line.startswith("coordinates ="))
    assert text.count("[sampler]") == 1
    for kind in ("chosen", "non_centred", "centred"):
        found = parse_model(text.replace("[sampler]", f'[sampler]\ncoordinates = "{kind}"'))
        assert found.sampler.coordinates == kind
    with pytest.raises(SpecError, match=r"sampler\.coordinates.*'non_centred'"):
        parse_model(text.replace("[sampler]", '[sampler]\ncoordinates = "noncentred"'))


def test_the_hash_follows_what_is_said_not_how(text, spec):
    assert spec_hash(parse_model(text + "\n# a comment\n")) == spec_hash(spec)
    assert spec_hash(parse_model(text.replace("sd = 0.5", "sd = 0.4", 1))) != spec_hash(spec)


def test_an_unknown_model_names_the_shipped_ones():
    with pytest.raises(SpecError, match="rok_japan"):
        read_model("rok_japn")


def test_a_dataset_name_cannot_leave_its_folder(root):
    with pytest.raises(SpecError, match="plain folder name"):
        find_dataset("../secrets", root / "models" / "rok_japan.toml")


def test_the_model_files_own_folder_must_hold_a_dataset(tmp_path):
    with pytest.raises(SpecError, match=r"holds no indicators\.csv"):
        find_dataset(".", tmp_path / "model.toml")
    (tmp_path / "indicators.csv").write_text("")
    assert find_dataset(".", tmp_path / "model.toml") == tmp_path


def test_priors_are_printable_with_quantiles(spec):
    table = spec.priors.table().set_index("prior")
    assert table.loc["coefficient", "q95"] == pytest.approx(0.8224, abs=1e-3)
    assert (table["meaning"] != "").all()
    assert {"trend_sd", "trend_start"} <= set(table.index)
