import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance import plotting
from bayes_alliance.report import observed, summary, wording, write_report
from bayes_alliance.report.figures import Picture, encode
from bayes_alliance.report.page import render
from tests.helpers.report_inputs import make_inputs, make_page


@pytest.fixture(scope="module")
def inputs():
    return make_inputs()


@pytest.fixture
def no_figures(monkeypatch):
    """Pages without drawing: most tests look at words only."""
    names = ("cohesion", "threat", "credibility", "contributions", "fan", "fans", "coverage",
             "parameters", "ranks", "diagnostics", "predictive_threat", "predictive_credibility",
             "predictive_cohesion")
    blank = {name: Picture("data:,", "data:,", (1, 1), (1, 1), name) for name in names}
    monkeypatch.setattr("bayes_alliance.report.page.pictures", lambda _: blank)


def plain(text):
    """Return the text of a page as a reader sees it."""
    words = re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", text, flags=re.S))
    return re.sub(r"\s+", " ", words.replace("&nbsp;", " "))


def test_the_page_is_self_contained_and_small():
    text = make_page()
    assert len(text.encode()) < 2_500_000
    assert text.startswith("<!DOCTYPE html>\n<html lang=\"en\">")
    assert re.search(r'http-equiv="Content-Security-Policy" content="default-src \'none\'; '
                     r"img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
                     r"form-action 'none'\"", text)
    assert not re.search(r"<(script|link rel=\"stylesheet|iframe|object|embed)\b|@import|url\(",
                         text)
    assert not re.search(r" on[a-z]+=", text)
    sources = re.findall(r'(?:src|srcset)="([^"]{0,22})', text)
    assert len(sources) == 2 * 13
    assert set(sources) == {"data:image/png;base64,"}


def test_the_page_is_one_file_in_a_folder_that_is_made(tmp_path, inputs, no_figures):
    page = write_report(inputs, tmp_path / "new")
    assert page == tmp_path / "new" / "index.html"
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]


@pytest.mark.parametrize(("top", "word", "span"), [
    ((0.95, 0.99), "is", "0.95 to 0.99"), ((0.0, 0.05), "is not", "&lt;0.01 to 0.05"),
    ((0.4, 0.4), "may or may not be", "0.40"), ((0.05, 0.95), "may or may not be", "0.05 to 0.95")])
def test_whether_a_swing_is_special_is_said(inputs, no_figures, top, word, span):
    table = pd.DataFrame({"episode": "friction", "baseline": ["2015", "2016"], "positions": 200,
                          "quantity": c.COHESION, "rank_mean": [0.2, 0.3], "q05": 0.1, "q95": 0.5,
                          "top_tenth": top})
    text = plain(render(replace(inputs, swings=table)))
    assert (f"The change from baseline to friction {word} among the largest tenth of the changes "
            f"of cohesion between such windows (probability {span} over its baselines); 20% to 30% "
            "of the positions have a smaller one.") in text


def test_images_say_in_words_what_they_show_with_numbers(inputs):
    text = make_page()
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', text)
    assert len(alts) == 13
    assert all(len(alt) > 40 and re.search(r"\d", alt) for alt in alts)
    cohesion = inputs.states[inputs.states["latent"] == "cohesion"].set_index("time")["q50"]
    assert wording.month(cohesion.idxmin()) in alts[0]
    assert wording.number(cohesion.min(), signed=True) in alts[0]
    assert all(re.search(r'width="\d+" height="\d+"', image)
               for image in re.findall(r"<img [^>]*>", text))


def test_the_same_results_give_the_same_bytes(inputs):
    again, size = encode(plotting.plot_states(inputs.states, inputs.panel, inputs.spec),
                         plotting.WIDE)
    assert f'src="{again}" width="{size[0]}" height="{size[1]}"' in make_page()


def test_headings_captions_and_scopes_are_in_order():
    text = make_page()
    levels = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    tables = re.findall(r"<table.*?</table>", text, flags=re.S)
    assert len(tables) >= 12
    assert all("<caption>" in table for table in tables)
    assert "<th>" not in text
    anchors = set(re.findall(r'href="#([^"]*)"', text))
    assert anchors <= set(re.findall(r'id="([^"]*)"', text))


def test_the_first_table_says_what_the_results_say(inputs):
    rows = summary.first_screen(inputs)
    assert [row["episode"] for row in rows] == ["friction", "cohesion"]
    words = plain(make_page().split("Episode by episode")[0])
    for row in rows:
        part = inputs.episodes[inputs.episodes["episode"] == row["episode"]]
        for path in ("threat", "credibility"):
            found = part.loc[part["quantity"] == f"direction_{path}", "probability"]
            assert row["directions"][path] == f"{found.min():.2f}–{found.max():.2f}"
            assert row["directions"][path] in words
        for component in summary.SHARES:
            share = part[part["quantity"] == f"share_{component}"]
            assert wording.percent(share["q50"].min(), unit=False) in row["shares"][component][
                "median"]
            assert wording.percent(share["q95"].max(), unit=False) in row["shares"][component][
                "interval"]
        for line in row["lines"]:
            assert f"{line['hypothesis']} {line['difference']} ± {line['error']}" in words
            assert f"{line['hypothesis']} {line['verdict']}" in words
        change = part[part["quantity"] == "change"]
        assert wording.number(change["q50"].min(), signed=True) in row["change"]["median"]
        assert row["change"]["probability"] in words
    assert [line["agreeing"] for row in rows for line in row["lines"]] == [
        "85%", "85%", "not yet computed", "not yet computed"]


def test_the_first_sentences_are_those_of_the_first_table(inputs):
    told = summary.headlines(inputs)
    assert len(told) == len(inputs.spec.episodes) + 1
    for row, sentence in zip(summary.first_screen(inputs), told, strict=False):
        assert sentence.startswith(f"{row['episode'].capitalize()}, {row['window']}: ")
        for line in row["lines"]:
            assert (f"({line['hypothesis']}) is {line['verdict']} ({line['difference']} ± "
                    f"{line['error']} nats)") in sentence
        part = inputs.episodes[(inputs.episodes["episode"] == row["episode"])
                               & (inputs.episodes["quantity"] == "change")]
        for row in part.itertuples():
            assert f"{wording.number(row.q50, signed=True)} against {row.baseline}" in sentence
    assert "Cohesion changed by −1.30 against 2015 (0.99), " in told[0]
    assert "Cohesion changed by +1.10 against friction [Nov 2018–Dec 2019] (0.99), " in told[1]
    assert ("against 2021 [Feb 2021–Apr 2022] (0.99); in parentheses the probability of a rise"
            in told[1])
    odds = float(np.exp(inputs.evidence.query(
        "episode == 'cohesion' and hypothesis == 'H2'")["difference"].iloc[0]))
    assert f"and {odds:.2f} (H2). Support asks for 3.0 and more" in told[2]
    words = plain(make_page().split("Episode by episode")[0])
    assert all(sentence in words for sentence in told)


def test_shares_are_of_changes_whose_sign_is_known(inputs):
    table = inputs.episodes.copy()
    change = (table["episode"] == "friction") & (table["quantity"] == "change")
    unknown = change & (table["baseline"] == "2015")
    left = (table["episode"] == "friction") & (table["quantity"] == "share_unexplained")
    table.loc[left, "q50"] = np.where(table.loc[left, "baseline"] == "2015", 9.0, 0.5)
    table.loc[left, ["q05", "q95"]] = [0.2, 0.9]
    table.loc[unknown, "probability"] = 0.3
    some = replace(inputs, episodes=table)
    assert summary.first_screen(some)[0]["shares"]["unexplained"] == {
        "median": "50%", "interval": "[20, 90]"}
    others = [label for label in inputs.spec.episodes["friction"].baselines if label != "2015"]
    assert (f"Unexplained is 50% of the change against {' and '.join(others)} (medians; 90% bounds "
            "[20, 90]%).") in summary.headlines(some)[0]
    table.loc[change, "probability"] = 0.3
    assert summary.first_screen(some)[0]["shares"]["threat"] == {"median": "–", "interval": ""}
    assert "there is nothing to share out" in summary.headlines(some)[0]
    assert "Unexplained is" in summary.headlines(some)[1]


def test_the_kinds_of_what_was_observed_are_told_for_each_window(inputs):
    one, other = inputs.panel.indicators.index[:2]
    table = inputs.panel.indicators.assign(kind="opinion")
    table.loc[one, "kind"] = "behaviour"
    # Friction runs over positions 178 to 191, cohesion over 230 to 239.
    rows = inputs.panel.rows.iloc[:4].assign(
        latent="cohesion", indicator=[one, one, one, other], start_month=[0, 180, 181, 232],
        end_month=[0, 180, 181, 232])
    found = observed.kinds(replace(inputs, panel=replace(inputs.panel, rows=rows,
                                                         indicators=table)))
    assert found == ("75% behaviour, 25% opinion by their observations (in friction 2 behaviour; "
                     "cohesion 1 opinion)")
    assert observed.kinds(inputs) in summary.caveat(inputs)


def test_indicators_that_are_silent_in_every_window_are_named(inputs):
    assert observed.unseen(inputs).startswith("Of cohesion no window has an observation of: ")
    rows = inputs.panel.rows
    window = inputs.panel.window(inputs.spec.episodes["friction"].window)
    inside = rows.assign(start_month=window.start, end_month=window.start)
    seen = replace(inputs, panel=replace(inputs.panel, rows=inside))
    assert observed.unseen(seen) == ""


def test_no_result_is_written_in_a_template(inputs, no_figures):
    other = make_inputs(seed=7)
    verdicts = other.verdicts.assign(verdict="inconclusive", reason="another",
                                     specification_share=np.nan)
    before, after = plain(render(inputs)), plain(render(replace(other, verdicts=verdicts)))
    for row in inputs.evidence[inputs.evidence["hypothesis"].isin(["H1", "H2"])].itertuples():
        shown = wording.number(row.difference, signed=True)
        assert shown in before
    first = after.split("Episode by episode")[0]
    assert "supported" not in first
    assert "contradicted" not in first
    assert "made-up reason" not in after


def test_sentences_name_the_least_favourable_baseline(inputs):
    episodes = inputs.episodes.copy()
    friction = episodes["episode"] == "friction"
    for quantity, values in (("direction_threat", [0.56, 0.44, 0.42]),
                             ("direction_threat_mean", 0.91), ("direction_threat_gap", 0.46)):
        episodes.loc[friction & (episodes["quantity"] == quantity), "probability"] = values
    found = summary.sentences(replace(inputs, episodes=episodes))
    assert len(found) == 4
    assert found[0] == {
        "subject": "Friction, common threat (H1)", "verdict": "inconclusive",
        "text": "threat moved as predicted (mean and gap together) with probability 0.42 (mean "
                "alone 0.91, gap alone 0.46) against 2017 and 0.44–0.56 against 2015 and 2016, the "
                "share of the change attributed to it is 7% (median at the least favourable of 3 "
                "baselines), and the held-out observations hardly tell H1 from HX, 1.12 to 1 for "
                "H1 (not met: evidence; made-up reason)."}
    assert found[1]["text"].startswith("credibility moved as predicted with probability ")
    assert "hardly tell H2 from HX, 1.09 to 1 for HX" in found[1]["text"]


@pytest.mark.parametrize(("value", "error", "said"), [
    (1.5, 0.03, "favour H1 over HX by 4.48 to 1 ("),
    (-1.2, 0.9, "favour HX over H1 by 3.32 to 1, within the Monte Carlo error ("),
    (0.05, 0.02, "hardly tell H1 from HX, 1.05 to 1 for H1 ("),
    (-0.01, 0.03, "hardly tell H1 from HX, 1.01 to 1 for HX, within the Monte Carlo error (")])
def test_odds_under_three_hardly_tell_and_all_say_where_they_are_noise(inputs, value, error, said):
    verdicts = inputs.verdicts.assign(log_bayes_factor=value, log_bayes_factor_se=error)
    found = summary.sentences(replace(inputs, verdicts=verdicts))
    assert said in found[0]["text"]


@pytest.mark.parametrize(("posterior", "said"), [
    ((0.30, 0.28), "hardly tell the readings apart, 1.1 to 1 for H2 common ally (Hwang)"),
    ((0.60, 0.12), "lean to H2 common ally (Hwang)"),
    ((0.01, 0.80), "favour abandonment (Cha) over H2 common ally (Hwang), by odds of 80.0 to 1"),
    ((0.0, 0.50), "more than 100 to 1")])
def test_the_reading_of_the_ally_follows_its_odds(inputs, posterior, said):
    readings = inputs.readings.assign(posterior=[0.9, *posterior])
    found = summary.ally(replace(inputs, readings=readings))
    assert said in found["sentence"]
    beta = inputs.coefficients.sel(path_coefficient="beta_credibility")
    assert f"positive with probability {float((beta > 0).mean()):.2f}" in found["sentence"]
    assert "common threat" not in found["sentence"]


def test_observations_are_counted_where_their_period_touches_the_window(inputs):
    rows = inputs.panel.rows.iloc[:4].assign(
        latent="cohesion", indicator=["a", "a", "b", "c"],
        start_month=[168, 177, 192, 178], end_month=[178, 177, 200, 191])
    found = observed.in_windows(
        replace(inputs, panel=replace(inputs.panel, rows=rows)))
    # Friction runs over positions 178 to 191.
    assert found[0]["counts"] == {"threat": (0, 0), "credibility": (0, 0), "cohesion": (2, 2)}


def test_a_monte_carlo_error_that_rounds_away_is_not_zero(inputs):
    evidence = inputs.evidence.assign(difference_se=0.001)
    rows = summary.first_screen(replace(inputs, evidence=evidence))
    assert rows[0]["lines"][0]["error"] == "<0.01"


def test_what_the_results_lean_on_is_shown_with_the_largest_first(inputs, no_figures):
    page = render(inputs)
    assert "Made-up coefficients of their own: −0.25 nats." in page
    assert "+0.11 ± 0.47 (0.63)" in page
    assert "+0.75 ± 0.06" in page
    assert "shifted" in page
    assert page.index("indicator survey_rok") < page.index("priors of paths")
    assert "priors of noise" not in page
    assert page.count("†</td>") == 3
    assert "† few draws." in page
    assert "−0.37 ± 0.02 (−0.36 ± 0.03)" in page
    without = render(replace(inputs, prior_scales=None, periods=None, cut=None,
                             sensitivity=None))
    for heading in ("by width of the prior", "every administration?", "Without feedback",
                    "What the results lean on"):
        assert heading in page
        assert heading not in without


def test_differences_are_told_in_nats_and_in_decibans(inputs, no_figures):
    evidence = inputs.evidence.copy()
    evidence.loc[evidence["hypothesis"] == "H1", "difference"] = 2.302585
    words = plain(render(replace(inputs, evidence=evidence)))
    assert words.count("H1 +2.30 ± 0.02 (+10.0)") == 2
    assert "friction H1 +2.30 0.020 +10.0" in words


def test_a_hypothesis_without_a_difference_is_shown_with_its_flag(inputs, no_figures):
    flag = "absolute values not computed"
    rows = pd.DataFrame([("H0", episode, "leave_episode_out", *[np.nan] * 4, flag)
                         for episode in inputs.spec.episodes], columns=inputs.evidence.columns)
    evidence = pd.concat([rows, inputs.evidence], ignore_index=True)
    words = plain(render(replace(inputs, evidence=evidence)))
    assert words.count(f"H0 {flag}") == 2
    assert f": {flag}." not in words.split("Episode by episode")[0]
    assert "Absolute" not in words
    known = evidence.assign(elpd=-3.21)
    assert "Absolute" in plain(render(replace(inputs, evidence=known)))


def test_members_are_called_as_a_reader_calls_them(inputs, no_figures):
    words = plain(render(inputs))
    assert "ROK P Japan P" in words
    assert "Credibility of the patron (US)" in words


def test_a_flag_stands_beside_its_number(inputs, no_figures):
    evidence = inputs.evidence.copy()
    flagged = evidence["hypothesis"] == "H1"
    evidence.loc[flagged, "flag"] = "made-up flag"
    words = plain(render(replace(inputs, evidence=evidence)))
    assert words.count("made-up flag.") == 1
    assert "* friction H1, cohesion H1: made-up flag." in words
    assert "made-up flag" not in plain(render(inputs))


def test_a_missing_or_double_result_is_named(inputs):
    with pytest.raises(ValueError, match="0 rows for episode 'friction' and hypothesis 'H1'"):
        summary.first_screen(replace(inputs, verdicts=inputs.verdicts.iloc[1:]))
    with pytest.raises(ValueError, match="2 rows"):
        summary.first_screen(replace(inputs, evidence=pd.concat([inputs.evidence] * 2)))


def test_text_from_tables_is_escaped_and_bad_addresses_are_no_links(inputs, no_figures):
    evil = '"><script>alert(1)</script>'
    indicators = inputs.panel.indicators.copy()
    indicators["wording"] = evil
    events = inputs.panel.events.copy()
    events["event"], events["source"] = evil, "javascript:alert(1)"
    verdicts = inputs.verdicts.assign(reason=evil)
    spec = inputs.spec.model_copy(update={
        "model": inputs.spec.model.model_copy(update={"title": evil})})
    text = render(replace(inputs, spec=spec, verdicts=verdicts, panel=replace(
        inputs.panel, indicators=indicators, events=events)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r'href="(?!#|https?://|data:,")', text)
    assert 'href="https://example.org/a"' in text
    assert ">javascript:alert(1)<" in text


def test_a_failed_gate_and_a_failed_check_are_said(inputs, no_figures):
    failed = replace(inputs.fits[1], passed=False, failures=("R-hat of made_up is 1.2",))
    check = replace(inputs.prior_check, passed=False)
    words = plain(render(replace(inputs, prior_check=check,
                                 fits=(inputs.fits[0], failed, *inputs.fits[2:]))))
    assert "HX did not pass its gate. R-hat of made_up is 1.2." in words
    assert "This check did not pass." in words
    assert "did not pass" not in plain(render(inputs))


def test_sources_are_left_out_where_their_table_is_not_at_hand(inputs, no_figures):
    assert "Sources and licences" in render(inputs)
    assert "Sources and licences" not in render(replace(inputs, sources=pd.DataFrame()))


def test_inputs_without_a_fit_or_with_foreign_dims_are_refused(inputs):
    with pytest.raises(ValueError, match="fits is empty"):
        replace(inputs, fits=())
    with pytest.raises(ValueError, match="allowed: chain, draw, path_coefficient"):
        replace(inputs, coefficients=inputs.coefficients.rename(draw="sample"))


def test_a_model_of_ones_own_without_events_is_called_by_its_own_names(inputs, no_figures):
    head = inputs.spec.model.model_copy(update={"name": "mine"})
    episodes = {name.replace("friction", "bad_years"): episode
                for name, episode in inputs.spec.episodes.items()}
    assert "Decaying stocks of triggers" in plain(render(inputs))
    assert "court ruling" in plain(render(inputs))

    def renamed(table):
        return table.assign(episode=table["episode"].replace("friction", "bad_years"))

    mine = replace(
        inputs, episodes=renamed(inputs.episodes), evidence=renamed(inputs.evidence),
        verdicts=renamed(inputs.verdicts),
        panel=replace(inputs.panel, events=inputs.panel.events.iloc[:0]),
        spec=inputs.spec.model_copy(update={"model": head, "rivals": {}, "episodes": episodes}))
    words = plain(render(mine))
    assert "Bad years, common threat (H1)" in words
    assert "bayes-alliance report MODEL.toml --out DIR" in words
    assert "addressed to the other government; this model has none" in words
    assert "court ruling" not in words
