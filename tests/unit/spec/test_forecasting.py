"""The parts of a model file that speak of the months after the data."""

import json

import pytest

from bayes_alliance.exceptions import SpecError
from bayes_alliance.spec import (
    ModelSpec,
    ScenarioSpec,
    parse_model,
    posterior_hash,
    read_model,
    spec_hash,
)


@pytest.fixture(scope="module")
def text(root):
    return (root / "models" / "rok_japan.toml").read_text()


@pytest.mark.parametrize(("old", "new", "message"), [
    ("[forecast.offices.us]", "[forecast.offices.usa]",
     "forecast.offices names 'usa', .*did you mean 'us'"),
    ("mean_months = 25.0", "mean_month = 25.0", "did you mean 'mean_months'"),
    ("mean_months = 25.0", "mean_months = 0.5", "greater than or equal to 1"),
    ("mean_months = 25.0", "mean_months = 25.0\nmonths = 40", "without fixed terms, but months"),
    ("mean_months = 25.0", "mean_months = 25.0\nchange = 0.5", "without fixed terms, but change"),
    ("mean_months = 25.0", "change = 0.5", "does not say when the office changes hands"),
    ('first = "2005-02"\n', "", "does not say when the office changes hands"),
    ("change = 0.6 ", "change = 1.6 ", "less than or equal to 1"),
    ('target = "cohesion"', 'target = "cohesoin"', "'cohesoin', .*did you mean 'cohesion'"),
    ('below = ["2019-01", "2019-12"]', 'below = ["2019-12", "2019-01"]', "after its end"),
    ('below = ["2019-01", "2019-12"]', 'below = ["2019-01", "2029-12"]', "is not inside 2004-01"),
    ('below = ["2019-01", "2019-12"]', "", "one of below and above"),
    ("above = 40.0", "above = 40.0\nbelow = 30.0", "one of below and above"),
    ("within = 24", "within = 61", "less than or equal to 60"),
    ('member = "japan"\nahead = 12', 'member = "japan"\nahead = 12\nmonth = "2025-12"',
     "one of month and ahead"),
    ('member = "japan"', 'member = "jpn"', r"scenarios.calm_2018: threat\[1\].member is 'jpn'"),
    ("sd = 0.3", "sd = -0.3", "greater than or equal to 0"),
    ("value = 0.2 ", 'valeu = 0.2 ', "did you mean 'value'"),
])
def test_a_wrong_setting_is_refused_where_it_stands(text, old, new, message):
    assert old in text
    with pytest.raises(SpecError, match=message):
        parse_model(text.replace(old, new))


def test_nothing_said_of_the_future_moves_the_hash_of_a_posterior(text):
    known = posterior_hash(parse_model(text))
    for old, new in (("change = 0.6 ", "change = 0.5 "), ("above = 40.0", "above = 41.0"),
                     ("value = 0.2 ", "value = 0.3 ")):
        assert posterior_hash(parse_model(text.replace(old, new))) == known


def test_what_is_written_is_read_again_as_the_same():
    spec = read_model("rok_japan")
    again = ModelSpec.model_validate(json.loads(json.dumps(spec.model_dump(mode="json"))))
    assert again == spec
    assert spec_hash(again) == spec_hash(spec)


def test_a_threshold_is_a_number_or_a_window():
    outcomes = read_model("rok_japan").forecast.outcomes
    assert outcomes["back_to_2019"].threshold == ("2019-01", "2019-12")
    assert outcomes["affinity_40"].threshold == 40.0


def test_values_are_listed_with_their_latent_and_place():
    scenario = ScenarioSpec(title="x", threat=({"member": "rok", "ahead": 1, "value": 2},),
                            credibility=({"member": "both", "month": "2025-03", "value": 0},))
    assert [(latent, at, one.value) for latent, at, one in scenario.values] == [
        ("threat", 0, 2.0), ("credibility", 0, 0.0)]
