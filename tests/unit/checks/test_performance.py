"""The table of performance: every figure from its file, every goal judged."""

import json
import re

import pandas as pd
import pytest

from bayes_alliance.spec import posterior_hash
from benchmarks import performance
from benchmarks.dynamics import OPTIONS
from benchmarks.provenance import SAMPLED, code_hash


@pytest.fixture
def results(tmp_path, spec, panel):
    """Figures that meet some goals and miss others; two files are not there."""
    mark = {"code_hash": code_hash(*SAMPLED), "spec_hash": posterior_hash(spec),
            "data_hash": panel.data_hash}
    (tmp_path / "speed").mkdir()
    speed = {"ratio": {"stan_same": {"median": 900.0, "mixed": 12.5,
                                     "mixed_runs": {"stan_same": 1}},
                       "pymc_idiomatic": {"median": 300.0, "mixed": 300.0,
                                          "mixed_runs": {"pymc_idiomatic": 3}}},
             "peers": {"stan_same": {"runs": 3}, "pymc_idiomatic": {"runs": 3}},
             "same_posterior": {"stan_same": {"same": True}, "pymc_idiomatic": {"same": False}},
             "made_from": {"ours": mark, "stan_same": mark}}
    startup = {"median": {"warm_first_draw": 4.0, "cold_first_draw": 150.0, "refit_gain": 2.0,
                          "refit_setup_gain": 100.0},
               "repeats": [{"fits": {"other_data": {"passed": passed, "attempts": 3 - passed}}}
                           for passed in (True, False, False)], **mark}
    (tmp_path / "speed" / "speed.json").write_text(json.dumps(speed))
    (tmp_path / "startup.json").write_text(json.dumps(startup))
    pd.DataFrame({"seed": range(1, 21), "passed": [True] * 19 + [False], **mark}).to_csv(
        tmp_path / "seeds.csv", index=False)
    first, second = list(OPTIONS)[:2]
    pd.DataFrame({"option": [first, first, second, second], "passed": [True, True, True, False],
                  "code_hash": "of other code"}).to_csv(tmp_path / "dynamics.csv", index=False)
    return tmp_path


def test_every_goal_is_judged_by_its_figure(results):
    table = performance.table_of(results).set_index("what")
    verdicts = dict(zip(table["measured"], table["verdict"], strict=True))
    assert verdicts["12.5x"] == "missed by a factor of 2.0"
    against = table.loc["the same over PyMC as its documentation teaches"]
    assert (against["measured"], against["verdict"]) == (
        "", "not comparable: the posteriors are not the same")
    assert verdicts["4.0 s"] == "met"
    assert verdicts["150 s"] == "missed by a factor of 7.5"
    assert verdicts["19"] == "missed by a factor of 1.05"
    # One of two passed, and those that were not run did not.
    assert verdicts[f"{100 / len(OPTIONS):.0f}%"] == f"missed by a factor of {len(OPTIONS):.1f}"
    missing = table[table["file"].isin(["scaling.json", "report_time.json"])]
    assert set(missing["verdict"]) == {"not measured"}
    assert set(missing["measured"]) == {""}


def test_runs_with_a_chain_apart_are_told_and_judge_nothing(results):
    assert ("A chain stood apart (an R-hat of 1.1 or more) in 2 of 3 of `stan_same`; these"
            in performance.markdown(results))
    path = results / "speed" / "speed.json"
    speed = json.loads(path.read_text())
    speed["ratio"]["stan_same"] |= {"mixed": None, "mixed_runs": {"stan_same": 0}}
    path.write_text(json.dumps(speed))
    table = performance.table_of(results).set_index("what")
    assert table.loc["least effective draws a second over Stan's, same coordinates", "verdict"] == (
        "not comparable: in every run a chain stands apart")
    assert performance.of_runs(None) == ""
    speed["peers"]["stan_same"]["runs"] = 2
    path.write_text(json.dumps(speed))
    table = performance.table_of(results).set_index("what")
    assert table.loc["least effective draws a second over Stan's, same coordinates", "verdict"] == (
        "not comparable: 2 of at least 3 seeds were run")


def test_the_ratio_over_stan_is_told_in_parts(results):
    assert performance.of_stan(None) == ""
    path = results / "speed" / "speed.json"
    speed = json.loads(path.read_text())
    # Without runs of ours there are no parts.
    assert performance.of_stan(speed) == ""
    speed["peers"] |= {
        name: {"runs": 3, "steps_per_draw": {"median": steps},
               "gradient_seconds": {"median": cost}, "settings": {"tune": tune, "draws": draws}}
        for name, steps, cost, tune, draws in (("ours", 31.0, 4.9e-4, 250, 900),
                                               ("stan_same", 30.97, 2.1e-3, 1000, 1000))}
    path.write_text(json.dumps(speed))
    assert ("ours first: 31 and 31 steps a draw, 0.49 and 2.1 ms a step, 250 and 1,000 draws of "
            "warm-up for 900 and 1,000 kept." in performance.markdown(results))


def test_ratios_without_a_goal_are_told(results):
    assert performance.of_others(None) == ""
    speed = json.loads((results / "speed" / "speed.json").read_text())
    assert performance.of_others(speed) == ""
    speed["ratio"] |= {"numpyro": {"mixed": 61.23}, "stan_textbook": {"mixed": None}}
    assert performance.of_others(speed) == "Without a goal: 61.2x NumPyro's."


def test_ratios_with_a_build_from_nothing_are_told(results):
    assert performance.of_cold(None) == ""
    path = results / "speed" / "speed.json"
    speed = json.loads(path.read_text())
    rate = {"ess_per_second_with_cold_build": {"median": 1.5}}
    speed["peers"]["stan_same"] |= rate
    # Without a build of ours there is no ratio.
    assert performance.of_cold(speed) == ""
    speed["peers"]["ours"] = {"ess_per_second_with_cold_build": {"median": 4.2}, "runs": 3}
    path.write_text(json.dumps(speed))
    assert ("With one run's build counted, where nothing was compiled before on the machine: "
            "2.8x Stan's in the same coordinates." in performance.markdown(results))


def test_refits_that_failed_are_told_beside_their_time(results):
    told = performance.markdown(results)
    assert "failed its gate in 2 of 3 repeats, after 3 attempts each" in told
    assert performance.of_refits({"repeats": [
        {"fits": {"other_data": {"passed": True, "attempts": 1}}}]}) == ""
    assert performance.of_refits(None) == ""


def test_the_readme_quotes_the_table_alone(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Performance\n")[2].partition("\nLicence:")[0]
    quoted = re.findall(r"\d+(?:\.\d+)?", section)
    assert len(quoted) >= 5
    table = (root / "reports" / "performance.md").read_text(encoding="utf-8")
    assert not [one for one in quoted if not re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.])",
                                                       table)]


def test_figures_of_something_else_are_not_judged():
    size = {"name": "60-1", "fits": [{"passed": True}]}
    scaling = {"not_measured": [], "exponents": {"months": {
        cost: {"exponent": 0.9} for cost in ("gradient", "fit")}},
        "sizes": [size, {"name": "1000-1", "fits": [{"passed": True}, {"passed": False}]}]}
    read = {goal.what: goal.read for goal in performance.GOALS}
    gradient, fit = (read[f"exponent of a {cost}'s cost against months"]
                     for cost in ("gradient", "fit"))
    assert gradient(scaling) == 0.9
    with pytest.raises(performance.NotComparable, match="fail the gate at 1000-1"):
        fit(scaling)
    with pytest.raises(performance.NotComparable, match="not measured at 1000-1"):
        gradient(scaling | {"not_measured": ["1000-1"]})
    # An option with one seed, where others have two, did not pass with every seed.
    first, second = list(OPTIONS)[:2]
    rows = pd.DataFrame({"option": [first, first, second], "passed": True})
    share = read["options of the dynamics that pass the gate with every seed"](rows)
    assert share == pytest.approx(100 / len(OPTIONS))


@pytest.mark.parametrize("of", ["code_hash", "spec_hash", "data_hash"])
def test_a_result_of_another_model_or_other_data_is_stale(results, of):
    path = results / "startup.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {of: "another"}))
    assert "startup.json" in performance.stale(results)


def test_what_is_of_other_code_is_named(results):
    assert performance.stale(results) == ["dynamics.csv"]
    text = performance.markdown(results)
    assert "Of other code, model file or data than the present: dynamics.csv." in text
    assert text.count("\n| ") == 2 + len(performance.GOALS)


def test_the_committed_table_is_that_of_the_committed_results(root):
    folder = root / "reports" / "validation"
    text = (root / "reports" / "performance.md").read_text(encoding="utf-8")
    assert text == performance.markdown(folder)
    assert not performance.stale(folder), "run make benchmark again"
