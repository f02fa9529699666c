"""The report of many dyads: pages, files, and the fit that is taken up; nothing is sampled."""

import csv
import json
import re
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayes_alliance.cli.app import app
from bayes_alliance.dyads import load_dyad_fit
from bayes_alliance.dyads.borrowing import LEFT_OUT
from bayes_alliance.inference import package_versions
from bayes_alliance.report import dyads_focal as focal
from bayes_alliance.report import dyads_job as job
from bayes_alliance.report.borrowing import borrow_from_files
from bayes_alliance.report.dyads_charts import draw_chart, draw_strip
from bayes_alliance.report.dyads_inputs import collect_dyads
from bayes_alliance.report.dyads_machine import DIAGNOSTICS, DYAD_FILES, write_dyad_files
from bayes_alliance.report.dyads_page import render_dyad_page, write_dyad_report
from bayes_alliance.report.dyads_pair_page import file_names
from bayes_alliance.report.figures import Picture
from bayes_alliance.spec import find_data_folder
from bayes_alliance.tables import build_panel, read_dataset
from tests.helpers.made_up_dyads import STATES, made_up_dyad_fit, made_up_dyad_panel
from tests.helpers.made_up_fit import save_made_up_fit

CHA = {"quasi": [0.6, 0.5, -0.6, 0.6], "allied": [0.0, 0.0, 0.0, 0.0]}
HOSTILE = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def panel():
    return made_up_dyad_panel()


@pytest.fixture(scope="module")
def inputs(panel):
    return collect(panel)


def collect(panel, passed=True, **options):
    return collect_dyads(made_up_dyad_fit(panel, CHA, passed=passed), panel, **options)


@pytest.fixture(scope="module")
def folder(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "new"
    write_dyad_report(inputs, out)
    return out


@pytest.fixture
def no_figures(monkeypatch):
    blank = {name: Picture("data:,", "data:,", (1, 1), (1, 1), name)
             for name in ("classes", "named", "ranges", "focal")}
    monkeypatch.setattr("bayes_alliance.report.dyads_page._pictures", lambda _: blank)


def plain(text):
    words = re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", text, flags=re.S))
    return re.sub(r"\s+", " ", unescape(words))


def test_every_page_is_self_contained(folder):
    pages = [folder / "index.html", *sorted((folder / "pages").iterdir())]
    assert len(pages) == 7
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.lstrip().startswith("<!DOCTYPE html>")
        assert 'content="default-src \'none\'; img-src data:; style-src \'unsafe-inline\'"' in text
        assert not re.search(r"<(script|link rel=\"stylesheet|iframe|object|embed)\b|@import|url\(",
                             text)
        assert not re.search(r" on[a-z]+=", text)
        assert all(one.startswith("data:") for one in re.findall(r'(?:src|srcset)="([^"]*)', text))
        assert "nan" not in plain(text).lower().split()
    assert max(page.stat().st_size for page in pages[1:]) < 40_000


def test_every_dyad_has_a_page_and_every_link_leads_somewhere(folder, inputs):
    text = (folder / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="(pages/[^"]+)"', text)
    assert len(links) == len(inputs.panel.dyads) == 6
    assert all((folder / link).is_file() for link in links)
    anchors = set(re.findall(r'href="#([^"]+)"', text))
    assert anchors <= set(re.findall(r'id="([^"]+)"', text))
    page = (folder / "pages" / "south_korea-japan.html").read_text(encoding="utf-8")
    assert 'href="../index.html"' in page
    assert "<h1>South Korea–Japan</h1>" in page
    assert page.count("<svg viewBox=") == 3


def test_the_first_screen_says_what_was_planted(inputs, no_figures):
    text = plain(render_dyad_page(inputs))
    assert ("Among the 3 quasi allies, common threat (H1) is supported, common ally (H2, Hwang) is "
            "contradicted and abandonment (Cha) is supported.") in text
    assert ("Among the 3 allied neighbours, common threat (H1) is inconclusive, common ally (H2, "
            "Hwang) is inconclusive and abandonment (Cha) is inconclusive.") in text
    assert ("With the ally one unit less credible to both, the long-run level of cohesion is "
            "higher") in text
    assert "that is no clean test: it is read from wars and disputes" in text
    assert "(3 quasi allies, 3 allied neighbours), year by year" in text
    assert "among quasi allies β of threat is larger by 0.6" in text
    assert "β of credibility is smaller by 0.6" in text
    assert "by odds of more than 100 to 1" in text
    assert "No result" not in text
    assert text.count("Cohesion 1969–1971: inconclusive") == 1
    assert "which Cha takes for the cause, has probability" in text


@pytest.fixture(scope="module")
def two_fits(panel, spec, tmp_path_factory):
    """A saved monthly fit, and one over dyads that has not seen its pair."""
    folder = tmp_path_factory.mktemp("borrow")
    months = build_panel(read_dataset(find_data_folder("rok_japan")), spec)
    save_made_up_fit(folder / "mine.nc", spec, months, draws=1000)
    theirs = made_up_dyad_fit(panel, CHA, sd=0.4)
    replace(theirs, provenance=theirs.provenance | {LEFT_OUT: "south_korea-japan"}).save(
        folder / "theirs.nc")
    return folder / "mine.nc", folder / "theirs.nc"


def test_what_the_others_add_is_a_section_and_a_table(panel, two_fits, no_figures, tmp_path):
    found = borrow_from_files(*two_fits)
    with_it = collect(panel, borrowed=found)
    write_dyad_report(with_it, tmp_path)
    text = plain((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "What the other pairs say of it" in text
    assert focal.borrowed(found) in text
    table = pd.read_csv(tmp_path / "borrowed.csv")
    assert list(table["when"].unique()) == ["others", "before", "after"]
    assert len(table) == 12
    # Half of the prior says that threat binds.
    means = table.pivot_table(index="coefficient", columns="when", values="mean")
    assert means.at["beta_threat", "others"] > 0
    other = found.table.set_index(["when", "coefficient"])
    other.loc["after"] = other.loc["before"].to_numpy()
    assert focal.borrowed(replace(found, table=other.reset_index(), weight_after=0.001, flag="")
                          ) == (
        "The pair’s own data say that it is not like them: probability <0.01 after them, 0.50 "
        "before. With the others next to nothing changes.")
    # One coefficient moved by two of its sds, all of them half as wide.
    sd = other.at[("before", "delta_threat"), "sd"]
    other.loc["after", "sd"] = other.loc["before", "sd"].to_numpy() / 2
    other.loc[("after", "delta_threat"), "mean"] += 2 * sd
    told = focal.borrowed(replace(found, table=other.reset_index(), weight_after=0.8, flag=""))
    assert "own data say that it is like them: probability 0.80" in told
    assert "δ of threat moves most, by +2.0 of its posterior sds before; " in told
    assert told.endswith(" is more certain (sd −50%).")
    other.loc[("after", "beta_threat"), "sd"] = 3 * other.at[("before", "beta_threat"), "sd"]
    told = focal.borrowed(replace(found, table=other.reset_index(), weight_after=0.5, flag=""))
    assert "own data do not settle whether it is like them" in told
    assert "β of threat is less certain (sd 3.0 times as large); " in told
    assert focal.borrowed(replace(found, flag="few draws")) == "No result: few draws."
    without = plain(render_dyad_page(collect(panel)))
    assert "What the other pairs say of it" not in without


def test_of_a_fit_that_failed_nothing_is_called_a_result(panel, tmp_path):
    write_dyad_report(collect(panel, passed=False), tmp_path)
    for page in (tmp_path / "index.html", *(tmp_path / "pages").iterdir()):
        text = page.read_text(encoding="utf-8")
        assert "Nothing on this page is a result" in plain(text), page.name
        assert not re.search(r'class="verdict (supported|contradicted|inconclusive)"', text)
    text = plain((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "Among the 3 quasi allies," not in text
    assert "R-hat of level is 1.2" in text
    assert "which is no result" in text
    assert "the data favour" not in text
    assert "Compared with" not in text
    assert set(pd.read_csv(tmp_path / "verdicts.csv")["verdict"]) == {"withheld"}
    assert json.loads((tmp_path / DIAGNOSTICS).read_text())["passed"] is False


def test_text_from_tables_is_escaped_and_file_names_are_plain(tmp_path, no_figures):
    panel = made_up_dyad_panel(("../../etc", HOSTILE, "state_2", "state_3"))
    sources = pd.DataFrame([{
        "source": str(panel.indicators["source"].iloc[0]), "citation": HOSTILE,
        "address": "javascript:alert(1)", "licence": HOSTILE, "redistribution": "open",
        "retrieved": "", "sha256": "", "note": HOSTILE}])
    names = {"state_2": f"Two {HOSTILE}"}
    write_dyad_report(collect(panel, names=names, sources=sources), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(list((tmp_path / "out" / "pages").iterdir())) == 6
    for path in (tmp_path / "out").rglob("*.html"):
        assert re.fullmatch(r"[a-z0-9_-]+\.html", path.name)
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text.lower()
        assert 'href="javascript' not in text
    assert HOSTILE in unescape((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))


def test_the_filter_hides_the_dyads_of_other_groups_only(inputs, no_figures):
    """A rule of the style sheet is a list of selectors; none may end in that of another rule."""
    text = render_dyad_page(inputs)
    style = re.search(r"<style>(.*?)</style>", text, flags=re.S)[1]
    groups = len(re.findall(r'<tbody class="part ', text))
    assert groups >= 3
    hiding = [rule.split("{")[0] for rule in style.split("}") if "pick-" in rule
              and "display: none" in rule]
    assert [re.sub(r"\s+", " ", rule).strip() for rule in hiding] == [
        f"#pick-{k}:checked ~ .scroll tbody:not(.part-{k})" for k in range(1, groups + 1)]
    assert len(re.findall(r'<label for="pick-\d">', text)) == groups + 1
    assert "</label><label" not in text


def test_names_that_read_alike_get_files_of_their_own():
    assert file_names(["A b", "a-b", "a/b", "é"]) == {
        "A b": "a-b.html", "a-b": "a-b-2.html", "a/b": "a-b-3.html", "é": "pair.html"}


def test_a_dataset_without_the_pair_has_a_page_without_its_episodes(no_figures, tmp_path):
    panel = made_up_dyad_panel(("one", "two", "three", "four"))
    write_dyad_report(collect(panel), tmp_path)
    text = plain((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "Cohesion 1969" not in text
    assert "among its peers" not in text
    assert pd.read_csv(tmp_path / "episodes.csv").empty


def test_files_have_their_columns_and_the_numbers_of_the_page(folder, inputs):
    for name, columns in DYAD_FILES.items():
        with open(folder / name, encoding="utf-8", newline="") as file:
            assert tuple(next(csv.reader(file))) == columns
    states = pd.read_csv(folder / "states.csv")
    assert len(states) == 6 * 71 + 2 * 4 * 71
    dyads = pd.read_csv(folder / "dyads.csv")
    assert len(dyads) == 6 * 4
    hypotheses = pd.read_csv(folder / "hypotheses.csv")
    assert hypotheses["hypothesis"].tolist() == ["H1", "H2"] * 3
    found = json.loads((folder / DIAGNOSTICS).read_text())
    assert found["passed"] is True
    assert found["stages"]["cohesion"]["ess_bulk_min"] == 512.0
    assert found["data_hash"] == inputs.panel.data_hash


def test_a_missing_column_leaves_the_old_files(inputs, tmp_path):
    (tmp_path / "states.csv").write_text("old")
    with pytest.raises(KeyError):
        write_dyad_files(replace(inputs, verdicts=inputs.verdicts.drop(columns="reason")), tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        ("states.csv", "old")]


def test_the_same_fit_gives_the_same_bytes(panel, folder, tmp_path):
    write_dyad_report(collect(panel), tmp_path)
    for path in sorted(folder.rglob("*.*")):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_a_fit_of_another_hypothesis_or_other_dyads_is_refused(panel):
    fit = made_up_dyad_fit(panel)
    with pytest.raises(ValueError, match=r"is of H1 \(allowed: H12\)"):
        collect_dyads(replace(fit, hypothesis="H1"), panel)
    with pytest.raises(ValueError, match="other dyads"):
        collect_dyads(fit, made_up_dyad_panel(("one", "two", "three", "four")))


def test_a_chart_stays_inside_its_frame_and_says_what_it_shows(inputs):
    table = inputs.cohesion[inputs.cohesion["member"] == "south_korea-japan"]
    behind = inputs.classes[inputs.classes["class"] == "quasi"]
    chart = draw_chart({"first": ("pair", table)}, "cohesion", behind)
    points = [tuple(map(float, point.split(","))) for _, line in chart.lines + chart.areas
              for point in line.split()]
    assert all(chart.left <= x <= chart.right and 0 <= y <= chart.bottom for x, y in points)
    assert len(chart.lines[1][1].split()) == len(table)
    assert len(chart.up) >= 3
    median = table.set_index("time")["q50"]
    assert f"lowest in {median.idxmin()}" in chart.alt


def test_a_strip_joins_years_that_follow_each_other():
    strip = draw_strip([2000, 2001, 2003, 2030], [2001], (2000, 2009))
    assert strip.spans == "M0.0 4h44.0v4h-44.0zM66.0 4h22.0v4h-22.0z"
    assert strip.marks == "M22.0 1h22.0v10h-22.0z"
    assert strip.count == 1


@pytest.fixture
def small(monkeypatch, panel, no_figures):
    """The job on the small panel; fits that it makes are counted and made up."""
    fit = made_up_dyad_fit(panel, CHA)
    fit = replace(fit, provenance={**fit.provenance, "versions": package_versions()})
    made = []

    def instead(spec, panel, *, seed, **_):
        made.append(seed)
        return replace(fit, provenance={**fit.provenance, "seed": seed})

    monkeypatch.setattr(job, "load_dyad_model", lambda _: (fit.spec, panel))
    monkeypatch.setattr(job, "fit_dyad_panel", instead)
    return made


def test_a_kept_fit_is_taken_up_whatever_hash_its_name_has(small, panel, tmp_path):
    work, told = tmp_path / "fits", []
    for seed in (1, 1, 2, 1):
        done = job.make_dyad_report("quasi_alliances", tmp_path / "out", seed=seed, work=work,
                                    announce=told.append)
        assert done.passed
        assert done.page == tmp_path / "out" / "index.html"
    assert small == [1, 2]
    assert sum(line.startswith("taking up dyads-H12-") for line in told) == 2
    spec = made_up_dyad_fit(panel).spec
    path = job.fit_file(work, spec, panel, 2)
    assert load_dyad_fit(path).provenance["seed"] == 2
    path.rename(work / "dyads-H12-other.nc")
    (work / "dyads-H12-broken.nc").write_text("x")
    job.make_dyad_report("quasi_alliances", tmp_path / "out", seed=2, work=work)
    assert small == [1, 2]
    job.make_dyad_report("quasi_alliances", tmp_path / "out", seed=2)
    assert small == [1, 2, 2]


@pytest.mark.parametrize("passed", [True, False])
def test_the_command_says_by_its_status_whether_there_is_a_result(small, monkeypatch, panel,
                                                                   tmp_path, passed):
    monkeypatch.setattr(job, "fit_dyad_panel",
                        lambda *_, **__: made_up_dyad_fit(panel, CHA, passed=passed))
    done = CliRunner().invoke(app, ["dyads", "report", "quasi_alliances", "--out",
                                    str(tmp_path / "out")])
    assert done.exit_code == (0 if passed else 1), done.output
    assert (tmp_path / "out" / "index.html").is_file()
    assert ("fails the gate" in done.output.replace("\n", " ")) == (not passed)


def test_a_model_that_is_none_is_one_error_and_writes_nothing(tmp_path):
    done = CliRunner().invoke(app, ["dyads", "report", "rok_japan", "--out",
                                    str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "is no model over dyads" in done.output
    assert list(tmp_path.iterdir()) == []


def test_members_are_called_by_their_names(panel):
    found = collect(panel, names={"south_korea": "Korea & Co"})
    assert found.pair("south_korea-japan") == "Korea & Co–Japan"
    assert found.country(STATES[2]) == "State 2"
