"""Table, data, sentence and figure of the evidence, the verdicts and the comparison."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from bayes_alliance import plotting
from bayes_alliance.api import Comparison
from bayes_alliance.hypotheses import compare_episodes, judge, leave_episode_out
from tests.helpers.made_up_fit import made_up_fit


@pytest.fixture(scope="module")
def comparison(spec, panel):
    full = made_up_fit(spec, panel)
    reference = made_up_fit(spec, panel, hypothesis="HX", seed=1)
    evidence = leave_episode_out(full, {name: made_up_fit(spec, panel, left_out=name, seed=2)
                                        for name in spec.episodes})
    episodes = compare_episodes(reference, full)
    return Comparison(episodes, evidence, judge(spec, episodes.table, evidence.table))


def test_every_result_has_a_table_data_a_sentence_and_a_figure(comparison):
    for result in (comparison, comparison.episodes, comparison.evidence, comparison.verdicts):
        assert len(result.table)
        assert result.data.sizes
        assert result.sentence.endswith(".")
        assert isinstance(result.plot(), Figure)


def test_h0_has_a_row_without_a_difference(comparison, spec):
    table = comparison.evidence.table
    assert list(table["hypothesis"].iloc[:5]) == ["H0", "HX", "H1", "H2", "H12"]
    rows = table[table["hypothesis"] == "H0"]
    assert list(rows["episode"]) == list(spec.episodes)
    assert rows[["elpd", "se", "difference", "difference_se"]].isna().all(axis=None)
    assert (rows["flag"] == "absolute values not computed").all()
    assert table.loc[table["hypothesis"] != "H0", "difference"].notna().all()
    assert table[["elpd", "se"]].isna().all(axis=None)


def test_data_says_what_the_table_says(comparison, spec):
    evidence, verdicts = comparison.evidence, comparison.verdicts
    assert dict(evidence.data.sizes) == {"unit": 1, "hypothesis": 5,
                                         "episode": len(spec.episodes)}
    for row in evidence.table.itertuples():
        found = evidence.data["difference"].sel(unit=row.unit, hypothesis=row.hypothesis,
                                                episode=row.episode)
        assert float(found) == pytest.approx(row.difference, nan_ok=True)
    for row in verdicts.table.itertuples():
        found = verdicts.data.sel(hypothesis=row.hypothesis, episode=row.episode)
        assert found["verdict"].item() == row.verdict
        assert float(found["contribution_share"]) == pytest.approx(row.contribution_share)
    both = comparison.data
    assert list(both["hypothesis"].to_numpy()) == ["H0", "HX", "H1", "H2", "H12"]
    assert both["verdict"].sel(hypothesis="H1").notnull().all()
    assert both["verdict"].sel(hypothesis="HX").isnull().all()


def test_the_comparison_speaks_with_its_verdicts(comparison):
    assert comparison.table is comparison.verdicts.table
    assert comparison.sentence == comparison.verdicts.sentence


def test_the_figure_of_the_evidence_has_a_point_an_episode_and_hypothesis(comparison):
    axes = comparison.evidence.plot().axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["HX", "H1", "H2", "H12"]
    points = [line for line in axes.lines if line.get_marker() in "os"]
    table = comparison.evidence.table.dropna(subset="difference")
    for line, (name, rows) in zip(points, table.groupby("episode", sort=False), strict=True):
        assert line.get_label() == name
        assert np.allclose(line.get_xdata(), rows["difference"])


def test_the_figure_of_the_verdicts_says_each_in_words(comparison):
    for width in (plotting.WIDE, plotting.NARROW):
        figure = plotting.plot_verdicts(comparison.table, width=width)
        words = [text.get_text() for text in figure.axes[0].texts]
        for row in comparison.table.itertuples():
            assert f"{row.episode.capitalize()}, {row.hypothesis}: {row.verdict}" in words
            assert f"{row.direction_probability:.2f}" in words


def test_the_statistics_do_not_import_the_figures():
    code = ("import sys, bayes_alliance.hypotheses;"
            "assert 'bayes_alliance.plotting' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
