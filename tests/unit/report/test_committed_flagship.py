"""The committed report on the shipped case is of the shipped model file and tables, and whole."""

import json
import re
from html import unescape

import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance.hypotheses.robustness import agreeing
from bayes_alliance.hypotheses.verdicts import PATH_OF
from bayes_alliance.report import FILES, read_beside
from bayes_alliance.spec import spec_hash

AGAIN = "run robustness, backtest, compare --absolute and report again, --out reports/rok_japan"


@pytest.fixture(scope="module")
def folder(root):
    return root / "reports" / "rok_japan"


@pytest.fixture(scope="module")
def tables(folder):
    return {name: pd.read_csv(folder / name) for name in FILES}


@pytest.fixture(scope="module")
def words(folder):
    page = folder.joinpath("index.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_it_is_of_the_shipped_model_and_data_and_every_fit_passed(folder, spec, panel):
    told = json.loads((folder / "diagnostics.json").read_text(encoding="utf-8"))
    assert told["spec_hash"] == spec_hash(spec), AGAIN
    assert told["data_hash"] == panel.data_hash, AGAIN
    assert all(fit["passed"] for fit in told["fits"].values() if "passed" in fit)
    for fit in (told, *(told["fits"][name] for name in ("HX", *(
            f"H12 without {episode}" for episode in spec.episodes)))):
        assert fit["divergences"] == 0
        assert fit["rhat_max"] < 1.01
        assert fit["ess_bulk_min"] >= 400


def test_all_that_takes_long_was_computed_and_taken_up(folder, spec, panel, tables, words):
    beside = read_beside(folder, spec, panel)
    for part in (beside.grid, beside.backtest, beside.absolute):
        assert part is not None, AGAIN
    assert "not yet computed" not in words
    units = set(tables["hypotheses.csv"]["unit"])
    assert units >= {"leave_episode_out", "leave_future_out", "whole_period"}


def test_verdicts_are_those_of_the_tables_and_thresholds(folder, spec, panel, tables):
    grid = agreeing(read_beside(folder, spec, panel).grid)
    episodes = tables["episodes.csv"].set_index(["episode", "quantity"])["probability"].sort_index()
    evidence = tables["hypotheses.csv"].set_index(
        ["episode", "hypothesis", "unit"])["difference"].sort_index()
    limit = spec.verdict
    assert len(tables["verdicts.csv"]) == len(spec.episodes) * len(PATH_OF)
    for row in tables["verdicts.csv"].itertuples():
        path = PATH_OF[row.hypothesis]
        least = {name: episodes.loc[row.episode, f"{name}_{path}"].min()
                 for name in ("direction", "contribution")}
        assert row.direction_probability == pytest.approx(least["direction"], abs=1e-5)
        assert row.contribution_probability == pytest.approx(least["contribution"], abs=1e-5)
        assert row.log_bayes_factor == pytest.approx(
            evidence[row.episode, row.hypothesis, "leave_episode_out"], abs=1e-5)
        told = grid[row.episode, row.hypothesis]
        assert row.specification_share == pytest.approx(
            told.shares.get(row.verdict, 0.0), abs=1e-5)
        met = (row.direction_probability >= limit.direction_probability
               and row.contribution_probability >= limit.contribution_probability
               and row.contribution_share >= limit.contribution_share
               and row.log_bayes_factor >= limit.log_bayes_factor
               and told.shares.get("supported", 0.0) >= limit.specification_share
               and told.without_governments == "supported")
        assert (row.verdict == "supported") == met
        if row.verdict == "contradicted":
            assert row.log_bayes_factor <= -limit.log_bayes_factor


def test_the_readme_says_what_the_report_says(root, spec, words):
    readme = (root / "README.md").read_text(encoding="utf-8")
    quoted = [block.replace("\n> ", " ") for block in re.findall(r"(?m)^> (.+(?:\n> .+)*)", readme)]
    names = [name.replace("_", " ").capitalize() for name in spec.episodes]
    told = [block for block in quoted if block.startswith(tuple(f"{name}, " for name in names))]
    assert len(told) == len(names)
    assert all(block in words for block in told), AGAIN


def test_the_readme_says_how_little_a_path_could_have_contributed(root, tables):
    readme = (root / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    low, high = re.search(r"contributes more than (\d+) to (\d+)% of it", readme).groups()
    table = tables["episodes.csv"]
    most = table[(table["episode"] == "cohesion")
                 & table["quantity"].isin([f"share_before_{path}" for path in c.PATHS])]["q95"]
    assert len(most) == 4
    assert (round(100 * most.min()), round(100 * most.max())) == (int(low), int(high))
    assert "a probability of only 5%" in readme
