import shutil

import pytest

from bayes_alliance.exceptions import DataError
from bayes_alliance.tables import build_panel, check_dataset, read_dataset


def edit(folder, name, old, new):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def messages(folder):
    return "\n".join(str(fault) for fault in check_dataset(folder))


def test_the_shipped_dataset_has_no_faults(dataset):
    assert check_dataset(dataset) == []


ROW = "us_troops_rok,2005-09-01,2005-09-30,30416,,,dmdc,"
POLL = "ipus_armed_provocation_rok,2008-07-01,2008-07-31,52.1,1200,ipus_rok_2008-07,"
TERM = "japan,Suga Yoshihide,Liberal Democratic Party,2020-09-16"
TRIGGER = "2008-07-29,day,island_visit,rok,japan,-1"


def line_of(folder, name, text):
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


@pytest.mark.parametrize(("name", "old", "new", "key", "problem"), [
    ("observations.csv", ROW, ROW.replace("us_troops_rok", "us_trops_rok"), "indicator",
     "unknown indicator 'us_trops_rok'; did you mean 'us_troops_rok'"),
    ("observations.csv", ROW, ROW.replace("us_troops_rok", ""), "indicator", "is empty"),
    ("observations.csv", ROW, ROW.replace("30416", "-5"), "value",
     "-5 cannot be transformed by log"),
    ("observations.csv", ROW, ROW.replace("30416", "inf"), "value", "'inf' is not finite"),
    ("observations.csv", ROW, ROW.replace("30416", "-Infinity"), "value",
     "'-Infinity' is not finite"),
    ("observations.csv", ROW, ROW.replace("30416", "nan"), "value", "'nan' is not finite"),
    ("observations.csv", ROW, ROW.replace("30416", "1e999"), "value", "'1e999' is too large"),
    ("observations.csv", ROW, ROW.replace("30416", "many"), "value", "'many' is no number"),
    ("observations.csv", ROW, ROW.replace("30416", "30_416"), "value", "'30_416' is no number"),
    ("observations.csv", ROW, ROW.replace("30416", "\u0663\u0660"), "value", "is no number"),
    ("observations.csv", ROW, ROW.replace("30416", '"30,416"'), "value", "a decimal comma"),
    ("observations.csv", ROW, ROW.replace("30416", ""), "value", "is empty"),
    ("observations.csv", POLL, POLL.replace("52.1", "163.6"), "value",
     "163.6 is outside the support of beta_binomial"),
    ("observations.csv", POLL, POLL.replace(",1200,", ",,"), "n",
     "beta_binomial needs a sample size, got nothing"),
    ("observations.csv", POLL, POLL.replace(",1200,", ",0,"), "n", "needs a sample size, got 0"),
    ("observations.csv", POLL, POLL.replace(",1200,", ",many,"), "n", "'many' is no number"),
    ("observations.csv", POLL, POLL.replace(",1200,", ",1200.5,"), "n", "is no whole number"),
    ("observations.csv", ROW, ROW.replace("2005-09-30", "2005-08-30"), "end",
     "the period ends on 2005-08-30, before it starts on 2005-09-01"),
    ("observations.csv", ROW, ROW.replace("2005-09-01", "2005-09-31"), "start",
     "'2005-09-31' is no date"),
    ("observations.csv", ROW, ROW.replace("dmdc", "nobody"), "source",
     "unknown source 'nobody'"),
    ("indicators.csv", "us_troops_rok,credibility,rok", "us_troops_rok,credibility,japn",
     "member", "unknown member 'japn'; did you mean 'japan'? (allowed: japan, rok, us: "),
    ("indicators.csv", "jnto_travel_rok,cohesion,rok_japan", "jnto_travel_rok,cohesion,rok_japn",
     "member", "unknown dyad 'rok_japn'; did you mean 'rok_japan'? (allowed: japan_rok, "),
    ("indicators.csv", "us_troops_rok,credibility,rok,normal",
     "us_troops_rok,credibility,rok,norml", "family",
     "unknown word 'norml'; did you mean 'normal'"),
    ("indicators.csv", "us_troops_rok,credibility,rok,normal,identity",
     "us_troops_rok,credibility,rok,normal,logit", "link",
     "normal does not go with the link 'logit'"),
    ("indicators.csv", "log,10.1,0.2,1,quarterly", "log,10.1,x,1,quarterly", "transform_scale",
     "'x' is no number"),
    ("indicators.csv", "2020-02..2023-09=pandemic", "2020-02-2023-09=pandemic", "masks",
     "is no mask"),
    ("indicators.csv", ",open,dmdc", ",cite,dmdc", "licence",
     "'cite' is not the redistribution of the source 'dmdc' (allowed: open)"),
    ("events.csv", TRIGGER, TRIGGER.replace(",rok,", ",rokk,"), "actor",
     "unknown actor 'rokk'; did you mean 'rok'"),
    ("events.csv", TRIGGER, TRIGGER.replace(",japan,", ",japn,"), "target",
     "unknown target 'japn'; did you mean 'japan'"),
    ("governments.csv", TERM, TERM.replace("09-16", "09-10"), "start", "is in office"),
    ("governments.csv", TERM, TERM.replace("09-16", "09-20"), "start", "nobody is in office"),
])
def test_a_fault_is_named_once_with_file_row_and_key(dataset, name, old, new, key, problem):
    if name == "governments.csv":
        shutil.copy(dataset.parent / name, dataset / name)
    row = line_of(dataset, name, old)
    edit(dataset, name, old, new)
    found = [str(fault) for fault in check_dataset(dataset)]
    assert len(found) == 1, found
    assert found[0].startswith(f"{name}, row {row}, {key}: ")
    assert problem in found[0]


@pytest.mark.parametrize(("name", "text", "key"), [
    ("observations.csv", ROW, "indicator"),
    ("indicators.csv", "us_troops_rok,credibility", "indicator"),
    ("covariates.csv", "log_won_per_100_yen,2004-03-01", "covariate"),
    ("events.csv", TRIGGER, "date"),
    ("event_coverage.csv", "textbook,2005", "kind"),
    ("sources.csv", "dmdc,", "source"),
])
def test_a_row_that_stands_twice_names_the_other(dataset, name, text, key):
    row = line_of(dataset, name, text)
    path = dataset / name
    lines = path.read_text(encoding="utf-8").splitlines()
    lines.append(lines[row - 1])
    path.write_text("\n".join(lines), encoding="utf-8")
    assert f"{name}, row {len(lines)}, {key}: repeats row {row} (" in messages(dataset)


def test_periods_of_one_indicator_may_not_overlap(dataset):
    first, second = line_of(dataset, "observations.csv", ROW), len(
        (dataset / "observations.csv").read_text(encoding="utf-8").splitlines()) + 1
    path = dataset / "observations.csv"
    path.write_text(f"{path.read_text()}{ROW.replace('09-01', '09-15').replace('09-30', '10-15')}"
                    "\n")
    assert messages(dataset) == (
        f"observations.csv, row {second}, start: the period 2005-09-15 to 2005-10-15 overlaps that "
        f"of row {first}, 2005-09-01 to 2005-09-30 (allowed: periods of one indicator that do not "
        "overlap)")


def test_an_adversary_has_a_row_among_the_governments(dataset):
    governments = (dataset.parent / "governments.csv").read_text(encoding="utf-8")
    path = dataset / "events.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",north_korea,", ",sparta,"))
    assert "unknown actor 'sparta' (allowed: japan, rok, us, or two countries" in messages(dataset)
    assert "an adversary too" in messages(dataset)
    (dataset / "governments.csv").write_text(
        f"{governments}sparta,Agis II,,1990-01-01,,no,agis\n", encoding="utf-8")
    assert check_dataset(dataset) == []


def test_a_third_member_is_named(dataset):
    edit(dataset, "indicators.csv", "us_troops_rok,credibility,rok", "us_troops_rok,credibility,us")
    assert "3 members: japan, rok, us" in messages(dataset)


def test_a_wrong_header_hides_no_fault_of_the_columns_that_are_known(dataset):
    row = line_of(dataset, "observations.csv", ROW)
    edit(dataset, "observations.csv", ROW, ROW.replace("30416", "many"))
    edit(dataset, "observations.csv", "indicator,start,end", "indicator,begin,end")
    found = messages(dataset)
    assert "observations.csv, header: unknown column 'begin'" in found
    assert "observations.csv, header: column 'start' is missing" in found
    assert f"observations.csv, row {row}, value: 'many' is no number" in found
    assert "is empty" not in found


def test_a_column_too_many_hides_nothing_either(dataset):
    path = dataset / "observations.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    row = line_of(dataset, "observations.csv", ROW)
    lines[row - 1] = ROW.replace("us_troops_rok", "us_trops_rok")
    path.write_text("\n".join([f"{lines[0]},more", *(f"{line},x" for line in lines[1:])]))
    found = messages(dataset)
    assert "header: unknown column 'more'" in found
    assert f"row {row}, indicator: unknown indicator 'us_trops_rok'" in found


def test_a_row_of_another_length_is_named(dataset):
    row = line_of(dataset, "observations.csv", ROW)
    edit(dataset, "observations.csv", ROW, ROW + ",extra")
    assert messages(dataset) == (f"observations.csv, row {row}: has 9 cells "
                                 "(allowed: 8 cells, as in the header)")


def test_non_commercial_series_are_refused_unless_allowed(dataset):
    row = line_of(dataset, "indicators.csv", ",cite,kto")
    edit(dataset, "indicators.csv", ",cite,kto", ",non-commercial,kto")
    edit(dataset, "sources.csv", "citation,cite", "citation,non-commercial")
    told = f"indicators.csv, row {row}, licence: kto_travel_japan may not be used commercially"
    assert told in messages(dataset)
    assert check_dataset(dataset, non_commercial=True) == []


def test_missing_empty_and_wrongly_encoded_files_are_all_reported_at_once(dataset):
    (dataset / "covariates.csv").unlink()
    (dataset / "event_coverage.csv").write_text("")
    raw = (dataset / "sources.csv").read_bytes()
    row = raw.count(b"\n") + 1
    (dataset / "sources.csv").write_bytes(raw + "é".encode("latin-1"))
    found = messages(dataset)
    assert "covariates.csv: the file is missing" in found
    assert "event_coverage.csv: the file is empty" in found
    assert f"sources.csv, row {row}: byte {len(raw)} is not UTF-8" in found


def test_reading_a_faulty_dataset_raises_with_every_fault(dataset):
    edit(dataset, "observations.csv", ROW, ROW.replace("30416", "inf"))
    edit(dataset, "indicators.csv", ",cite,kto", ",nothing,kto")
    with pytest.raises(DataError) as caught:
        read_dataset(dataset)
    assert len(caught.value.faults) == 2


def test_a_model_that_names_a_missing_indicator_is_told_the_nearest(dataset, spec):
    edit(dataset, "indicators.csv", "us_troops_rok", "us_troops_korea")
    path = dataset / "observations.csv"
    path.write_text(path.read_text().replace("us_troops_rok", "us_troops_korea"))
    with pytest.raises(DataError, match=r"'us_troops_rok'.*us_troops_korea"):
        build_panel(read_dataset(dataset), spec)


def test_the_hash_changes_with_a_byte_and_not_with_the_place(dataset, root):
    shipped = read_dataset(root / "data" / "rok_japan").data_hash
    assert read_dataset(dataset).data_hash == shipped
    edit(dataset, "observations.csv", ROW, ROW.replace("30416", "30417"))
    assert read_dataset(dataset).data_hash != shipped
