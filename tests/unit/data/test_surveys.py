import csv

import pytest

# The same public was asked twice in one year: the survey of 2015 was in the field in January 2016.
TWICE = {("cabinet_office_japan", "2016"): {"cabinet_office_japan_2016-01",
                                            "cabinet_office_japan_2016-11"}}


@pytest.fixture
def observations(root):
    path = root / "data" / "rok_japan" / "observations.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("pollster", "text", "month", "noted"), [
    ("hankook_yomiuri", "2019-05-24/26", "2019-05", ""),
    ("cabinet_office", "2021-09-30/11-07", "2021-10", ""),
    ("hankook_yomiuri", "2021 (release 06-09)", "2021-05", "usual fieldwork"),
    ("hankook_yomiuri", "2017-06 (release 06-12)", "2017-06", "that of the release"),
    ("cabinet_office", "2020-10 (release early 2021)", "2020-10", ""),
    ("pew", "2023 (published 2023-12-05)", "2023-05", "usual fieldwork"),
    ("eai_genron", "2018", "2018-06", "usual fieldwork"),
    ("eai_genron", "2022 (release 2022-09-01)", "2022-08", "usual fieldwork"),
    ("chey", "2023-12-15/2024-01-10", "2023-12", ""),
    ("eai_genron", "2015-04/05", "2015-04", ""),
    ("cabinet_office", "2019-10-10or19/30", "2019-10", ""),
    ("eai_genron", "2014-05-31/06-26", "2014-06", ""),
])
def test_a_poll_enters_in_the_month_of_its_fieldwork(builder, pollster, text, month, noted):
    from surveys import fieldwork, read_pollsters

    start, _, note = fieldwork(text, read_pollsters(builder)[pollster])
    assert start.isoformat()[:7] == month
    assert note.endswith(noted)
    assert bool(note) == bool(noted)


def test_the_builder_hands_over_the_whole_cell(builder, sources):
    import cohesion
    from common import Sources
    from surveys import read_pollsters

    rows = cohesion.build(Sources(sources), read_pollsters(builder)).observations
    by_wave = {row["wave"]: row["note"] for row in rows}
    assert "month assumed" in by_wave["hankook_yomiuri_japan_2017-05"]
    assert "month assumed" in by_wave["hankook_yomiuri_japan_2021-05"]
    assert "month assumed" not in by_wave["hankook_yomiuri_japan_2024-05"]


@pytest.mark.parametrize(("pollster", "member", "dates"), [
    ("cabinet_office", "japan", ["2017-10", "2017-11", "2017-10-26/11-05"]),
    ("cabinet_office", "japan", ["2020", "2020-10 (release early 2021)", "2020-10/12"]),
    ("cabinet_office", "japan", ["2023", "2023-09-07/10-15"]),
    ("eai_genron", "rok", ["2014-05/06", "2014-05-31/06-26"]),
    ("hankook_yomiuri", "rok", ["2017-05/06", "2017-06 (release 06-12)", "2017"]),
    ("hankook_yomiuri", "japan", ["2018", "2018-06/07"]),
    ("yomiuri_gallup", "japan", ["2017-11", "2017-12-01/03"]),
])
def test_rows_of_one_survey_share_a_wave_whatever_date_they_give(builder, pollster, member, dates):
    from citations import Citation
    from surveys import poll_row, read_pollsters

    about = read_pollsters(builder)[pollster]
    rows = [poll_row("x", member, about, text, 50.0, Citation("x")) for text in dates]
    assert len({(row["wave"], row["start"], row["n"]) for row in rows}) == 1


def test_no_public_answers_two_waves_of_a_pollster_in_one_year(observations):
    waves = {}
    for row in observations:
        if row["wave"]:
            key = (row["wave"].rsplit("_", 1)[0], row["start"][:4])
            waves.setdefault(key, set()).add(row["wave"])
    assert {key: found for key, found in waves.items() if len(found) > 1} == TWICE


def test_a_settled_survey_overrides_the_size_and_an_unknown_pollster_is_refused(builder, tmp_path):
    from citations import Citation
    from surveys import poll_row, read_pollsters

    about = read_pollsters(builder)["eai_genron"]
    row = poll_row("x", "rok", about, "2024 (EAI only)", 41.7, Citation("x"))
    assert (row["n"], row["wave"], row["note"]) == ("1006", "eai_genron_rok_2024-08", "")
    for name in ("pollsters.csv", "waves.csv"):
        text = (builder / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("yomiuri_gallup,japan", "galup,japan"))
    with pytest.raises(ValueError, match=r"waves.csv: unknown pollster galup"):
        read_pollsters(tmp_path)


def test_every_pew_item_carries_the_effective_size_of_its_survey(observations):
    sizes = {row["wave"]: row["n"] for row in observations
             if row["indicator"].startswith("pew_favourable_us")}
    others = [row for row in observations if row["indicator"].startswith("pew_")]
    assert {row["wave"] for row in others} - set(sizes) == {"pew_rok_2024-05"}
    for row in others:
        if row["wave"] in sizes:
            assert row["n"] == sizes[row["wave"]]
            assert "effective sample size" in row["note"]
        else:
            assert "default of the pollster" in row["note"]
