from dataclasses import replace

import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SpecError
from bayes_alliance.forecast import AS_NOW, ScenarioSpec, forecast, resolve_scenario
from bayes_alliance.forecast.states import future_stocks
from bayes_alliance.spec import ForecastSpec, parse_model, read_model
from bayes_alliance.spec.forecasting import scenario_problems
from tests.helpers.made_up_fit import made_up_fit


@pytest.fixture(scope="module")
def made_up(spec, panel):
    """Nobody comes into office: what differs is what a scenario says."""
    return made_up_fit(spec.model_copy(update={"forecast": ForecastSpec()}), panel)


@pytest.fixture(scope="module")
def as_now(made_up):
    return forecast(made_up, 24, seed=4)


@pytest.fixture(scope="module")
def text(root):
    return (root / "models" / "rok_japan.toml").read_text()


def file_of(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_the_interface_of_a_script_forecasts_a_named_scenario(made_up):
    ahead = made_up.forecast(24, scenario="us_doubt")
    assert ahead.scenario == "us_doubt"
    assert set(ahead.table["scenario"]) == {"us_doubt"}
    assert ahead.data.coords["scenario"].item() == "us_doubt"
    assert "US credibility back at its 2018 level" in ahead.sentence


def test_us_doubt_shifts_credibility_by_the_difference_of_administrations(made_up, as_now, panel):
    doubt = forecast(made_up, 24, scenario="us_doubt", seed=4)
    values = made_up.posterior.stack(sample=("chain", "draw"))
    now = panel.governments[panel.patron].iloc[-1]
    assert now != "trump_1"
    for member in panel.members:
        total = (values[c.VAR_ADMINISTRATION_EFFECT]
                 + values[c.VAR_ADMINISTRATION_DEVIATION].sel({c.DIM_MEMBER: member}))
        shift = (total.sel({c.DIM_ADMINISTRATION: "trump_1"})
                 - total.sel({c.DIM_ADMINISTRATION: now})).to_numpy()
        name = f"credibility_{member}"
        moved = (doubt.data[name] - as_now.data[name]).to_numpy()
        assert np.abs(moved - shift[:, None]).max() < 1e-12
    for name in ("threat_rok", "threat_japan"):
        assert (doubt.data[name] == as_now.data[name]).all()
    assert (doubt.data["cohesion"] != as_now.data["cohesion"]).any()
    # Indicators of threat stay as they are, those of credibility do not.
    assert (doubt.data["gprnk_threat_rok"] == as_now.data["gprnk_threat_rok"]).all()
    assert (doubt.data["us_troops_rok"] != as_now.data["us_troops_rok"]).any()


def test_a_scenario_that_names_what_is_so_anyway_changes_nothing(made_up, as_now, panel):
    now = {name: str(panel.governments[name].iloc[-1]) for name in panel.governments}
    patron = now.pop(panel.patron)
    same = forecast(made_up, 24, seed=4, scenario=ScenarioSpec(
        title="the same", administration=patron, governments=now))
    for name in as_now.data.data_vars:
        assert (same.data[name] == as_now.data[name]).all()
    assert set(as_now.table["scenario"]) == {AS_NOW}
    assert set(same.table["scenario"]) == {"the same"}


def test_a_year_of_launches_holds_for_a_year(made_up, spec):
    chosen = spec.scenarios["launches_2022"]
    recent = future_stocks(made_up, ScenarioSpec(title="x"), 24)
    moved = future_stocks(made_up, chosen, 24)
    for name, about in spec.drivers.items():
        if about.transform == "identity":
            rate = chosen.driver_rates[name] / 12
            mean = made_up.panel.event_counts[name].to_numpy()[-24:].mean()
            keep = 0.5 ** (1 / about.half_life)
            lift = (rate - mean) * (1 - keep**12) / (1 - keep) / about.scale
            assert moved[name][11] - recent[name][11] == pytest.approx(lift)
            later = (moved[name] - recent[name])[12:]
            assert later == pytest.approx(lift * keep ** np.arange(1, 13))
    for name in spec.rivals:
        assert np.array_equal(moved[name], recent[name])


def test_a_new_government_is_drawn_from_the_population_once(made_up, panel):
    still = made_up.posterior.assign({
        c.VAR_HALF_LIFE: made_up.posterior[c.VAR_HALF_LIFE] * 0 + 0.01})
    quick = replace(made_up, posterior=still)
    found = {name: forecast(quick, 3, scenario=name, seed=4) for name in ("new_seoul", "as_now")}
    moved = (found["new_seoul"].data["cohesion"] - found["as_now"].data["cohesion"]).to_numpy()
    values = made_up.posterior.stack(sample=("chain", "draw"))
    last = f"rok:{panel.governments['rok'].iloc[-1]}"
    old = values[c.VAR_GOVERNMENT_EFFECT].sel({c.DIM_GOVERNMENT: last}).to_numpy()
    drawn = (moved[:, -1] + old) / values[c.VAR_GOVERNMENT_SD].to_numpy()
    assert np.allclose(moved, moved[:, :1])
    expected = np.random.default_rng([4, 31, 0]).standard_normal(len(drawn))
    assert drawn == pytest.approx(expected, abs=1e-9)
    assert (found["new_seoul"].data["threat_rok"] == found["as_now"].data["threat_rok"]).all()


def test_a_scenario_comes_from_a_file_as_well(made_up, tmp_path):
    path = file_of(tmp_path, '[scenarios.war]\ntitle = "many launches"\n'
                             "driver_rates = { launch_days = 100.0 }\n")
    for given in (path, str(path)):
        assert forecast(made_up, 3, scenario=given).scenario == "war"


def test_an_unknown_scenario_names_the_known_ones_and_the_nearest(made_up):
    with pytest.raises(SpecError, match=r"unknown scenario 'us_dout'; did you mean 'us_doubt'.*"
                                        r"as_now, us_doubt, launches_2022, new_seoul, calm_2018"):
        made_up.forecast(3, scenario="us_dout")


def test_everything_that_is_wrong_with_a_scenario_is_said_at_once(spec, panel):
    wrong = ScenarioSpec(title="x", administration="trump", driver_rates={"launch_day": 1.0},
                         rival_rates={"textbooks": 1.0},
                         governments={"rok": "mon", "china": "xi", "japan": "unknown"})
    with pytest.raises(SpecError) as caught:
        resolve_scenario(wrong, spec, panel)
    words = str(caught.value)
    assert len(caught.value.faults) == 5
    for part in ("'launch_day', which the model does not have; did you mean 'launch_days'",
                 "'textbooks'", "'china'", "no government 'mon' of rok was in office",
                 "did you mean 'moon'", "'trump' of us", "did you mean 'trump_1'",
                 "allowed: bush, obama, trump_1, biden", "yoon, unknown"):
        assert part in words


@pytest.mark.parametrize(("written", "message"), [
    ("[scenarios.a]\ntitle = 'x'\nadminstration = 'biden'", "did you mean 'administration'"),
    ("[scenarios.a]\nmonths = 0", "scenarios.a.title: this key is missing"),
    ("[scenarios.a]\ntitle = 'x'\ndriver_rates = { overflights = -1 }", "greater than or equal"),
    ("[scenarios.a]\ntitle = 'x'\nmonths = 3", "no rate is given"),
    ("[scenarios.a]\ntitle = 'x'\n[[scenarios.a.threat]]\nmembr = 'rok'\nahead = 1\nvalue = 1",
     "did you mean 'member'"),
    ("[scenarios.a]\ntitle = 'x'\n[[scenarios.a.shocks]]\nseries = 'cohesion'\nahead = 1\nsiz = 1",
     "did you mean 'size'"),
    ("[scenarios.a]\ntitle = 'x'\nthreat = [{member = 'rok', ahead = 1, value = 1, sd = -1}]",
     "threat.0.sd: .*greater than or equal"),
    ("[scenarios.a]\ntitle = 'x'\nthreat = [{member = 'rok', value = 1}]",
     "one of month and ahead"),
    ("[scenarios.a]\ntitle = 'x'\nthreat = [{member = 'rok', ahead = 61, value = 1}]",
     "less than or equal to 60"),
    ("[scenarios.a]\ntitle = 'x'\n[scenarios.b]\ntitle = 'y'", "exactly one scenario"),
    ("title = 'x'", "exactly one scenario"),
    ("[scenarios.as_now]\ntitle = 'x'", "is built in"),
    ("[scenarios", "no valid TOML"),
])
def test_a_wrong_scenario_file_is_refused(spec, panel, tmp_path, written, message):
    with pytest.raises(SpecError, match=message):
        resolve_scenario(file_of(tmp_path, written), spec, panel)
    with pytest.raises(SpecError, match="no such scenario file"):
        resolve_scenario(tmp_path / "nothing.toml", spec, panel)


@pytest.mark.parametrize(("old", "new", "message"), [
    ('administration = "trump_1"', 'adminstration = "trump_1"', "did you mean 'administration'"),
    ("nuclear_tests = 1.0", "nuclear_test = 1.0", "did you mean 'nuclear_tests'"),
    ("governments = { rok", "governments = { roc", "did you mean 'rok'"),
    ("[scenarios.us_doubt]", "[scenarios.as_now]", "is built in"),
])
def test_a_model_file_with_a_wrong_scenario_is_refused(text, old, new, message):
    assert old in text
    with pytest.raises(SpecError, match=message):
        parse_model(text.replace(old, new))


def test_rates_of_an_unsigned_rival_are_not_negative(spec):
    rivals = {"triggers_rok": spec.rivals["triggers_rok"].model_copy(update={"signed": False})}
    loose = spec.model_copy(update={"rivals": rivals})
    asked = ScenarioSpec(title="x", rival_rates={"triggers_rok": -1.0})
    assert "not signed" in scenario_problems(asked, loose)[0]
    assert scenario_problems(asked, spec) == []


def test_the_shipped_scenarios_are_those_documented():
    assert list(read_model("rok_japan").scenarios) == ["us_doubt", "launches_2022", "new_seoul",
                                                       "calm_2018"]
