import csv
import math
import shutil

import pytest

SEA_AND_GLIDER = ["2015-05-08", "2015-11-28", "2015-12-21", "2016-04-23", "2016-07-09",
                  "2016-08-24", "2019-10-02", "2021-09-28"]


@pytest.mark.parametrize(("kind", "missile", "counts"), [
    ("SRBM", "kn-25", False), ("MRBM", "nodong", True), ("ICBM", "hwasong-18", True),
    ("SLV", "chollima-1", True), ("HGV", "hwasong-12b", True), ("SLBM", "pukguksong-3", True),
    ("SLBM", "hwasong-11s", False), ("Unknown", "unknown", False)])
def test_the_range_rule_knows_sea_launched_missiles_and_gliders(builder, kind, missile, counts):
    from events import MEDIUM_RANGE, range_class

    assert (range_class({"type": kind, "missile": missile}) == MEDIUM_RANGE) == counts


def test_the_days_of_sea_launched_missiles_and_gliders_are_in_the_table(root):
    with (root / "data" / "rok_japan" / "events.csv").open(encoding="utf-8", newline="") as file:
        days = {row["date"] for row in csv.DictReader(file)
                if row["kind"] == "missile_medium_range_day"}
    assert set(SEA_AND_GLIDER) <= days
    assert not {"2021-10-19", "2022-05-07"} & days


def test_the_blind_list_holds_every_hand_coded_event_and_no_sign(builder):
    from blind_events import SHOWN, blind
    from events import hand_coded

    rows = blind(builder)
    assert set(rows[0]) == set(SHOWN)
    assert not {"sign", "role", "source"} & set(SHOWN)
    assert {tuple(row.values()) for row in rows} == {
        tuple(row[key] for key in SHOWN) for row in hand_coded(builder)}
    assert [row["date"] for row in rows] != sorted(row["date"] for row in rows)
    assert blind(builder) == rows


def test_kappa_of_known_tables(builder):
    from agreement import cohen_kappa

    # The usual worked example of two readers: observed agreement .7, by chance .5.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert cohen_kappa(["a", "b", "c"], ["a", "b", "c"]) == 1
    assert cohen_kappa(["a", "b"], ["b", "a"]) == -1
    assert math.isnan(cohen_kappa(["a", "a"], ["a", "a"]))
    for pair in ((["a"], ["a", "b"]), ([], [])):
        with pytest.raises(ValueError, match="two codings"):
            cohen_kappa(*pair)


def test_the_readme_states_the_agreement_as_it_is(builder, root):
    from agreement import agreements, lines, updated

    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    found = agreements(builder)
    assert [one.group for one in found] == ["triggers", "events shown in figures"]
    assert updated(text, lines(found)) == text
    for one in found:
        assert f"{one.kappa:.2f} for the {one.events} {one.group}" in " ".join(text.split())


def test_a_second_coding_that_is_absent_or_foreign_is_said(builder, tmp_path):
    from agreement import agreements, lines, updated

    for name in ("triggers.csv", "dyad_events.csv"):
        shutil.copy(builder / name, tmp_path)
    assert agreements(tmp_path) == []
    assert "no measure of agreement" in " ".join(lines([]))
    (tmp_path / "second_coding.csv").write_text(
        "date,kind,actor,target,event,sign\n2001-01-01,summit,rok,japan,Never held,1\n")
    with pytest.raises(ValueError, match=r"no such event.*Never held"):
        agreements(tmp_path)
    with pytest.raises(ValueError, match="lacks the marks"):
        updated("no marks", ["x"])


def test_one_survey_has_one_mode(root):
    modes = {}
    with (root / "data" / "rok_japan" / "indicators.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            modes.setdefault((row["source"], row["kind"]), set()).add(row["mode"])
    assert all(len(found) == 1 for found in modes.values()), modes


def test_a_head_without_a_party_is_labelled_independent(root):
    with (root / "data" / "governments.csv").open(encoding="utf-8", newline="") as file:
        roh = [(row["party"], row["start"]) for row in csv.DictReader(file)
               if row["head"] == "Roh Moo-hyun"]
    assert ("independent", "2003-09-29") in roh
    assert ("Uri Party", "2004-05-20") in roh
