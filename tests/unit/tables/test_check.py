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


@pytest.mark.parametrize(("name", "old", "new", "expected"), [
    ("observations.csv", ROW, ROW.replace("us_troops_rok", "us_trops_rok"),
     r"indicator: unknown indicator 'us_trops_rok'; did you mean 'us_troops_rok'"),
    ("observations.csv", ROW, ROW.replace("30416", "-5"),
     "value: -5 cannot be transformed by log"),
    ("observations.csv", ROW, ROW.replace("30416", "inf"), "value: 'inf' is not finite"),
    ("observations.csv", ROW, ROW.replace("30416", "many"), "value: 'many' is no number"),
    ("observations.csv", ROW, ROW.replace("30416", '"30,416"'), "a decimal comma"),
    ("observations.csv", ROW, ROW.replace("2005-09-30", "2005-08-30"),
     "end: the period ends on 2005-08-30, before it starts on 2005-09-01"),
    ("observations.csv", ROW, ROW.replace("2005-09-01", "2005-09-31"),
     "start: '2005-09-31' is no date"),
    ("observations.csv", ROW, f"{ROW}\n{ROW}", "repeats row"),
    ("observations.csv", ROW, ROW.replace("dmdc", "nobody"), "unknown source 'nobody'"),
    ("observations.csv", ROW, ROW + ",extra", "has 9 cells"),
    ("observations.csv", "indicator,start", "indicator,begin",
     r"unknown column 'begin'[\s\S]*column 'start' is missing"),
    ("indicators.csv", "us_troops_rok,credibility,rok", "us_troops_rok,credibility,korea",
     "3 members: japan, korea, rok"),
    ("indicators.csv", "us_troops_rok,credibility,rok,normal",
     "us_troops_rok,credibility,rok,norml", "unknown word 'norml'; did you mean 'normal'"),
    ("indicators.csv", "us_troops_rok,credibility,rok,normal,identity",
     "us_troops_rok,credibility,rok,normal,logit", "normal does not go with the link 'logit'"),
    ("indicators.csv", "2020-02..2023-09=pandemic", "2020-02-2023-09=pandemic", "is no mask"),
    ("indicators.csv", ",cite,kto", ",non-commercial,kto", "may not be used commercially"),
    ("governments.csv", "japan,Suga Yoshihide,Liberal Democratic Party,2020-09-16",
     "japan,Suga Yoshihide,Liberal Democratic Party,2020-09-10", "is in office"),
])
def test_a_fault_is_named_with_file_row_and_key(dataset, name, old, new, expected):
    if name == "governments.csv":
        shutil.copy(dataset.parent / name, dataset / name)
    edit(dataset, name, old, new)
    found = messages(dataset)
    assert pytest.importorskip("re").search(expected, found), found
    assert name in found


def test_a_share_outside_the_support_is_named(dataset):
    path = dataset / "observations.csv"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("ipus_armed_provocation_rok"))
    cells = lines[at].split(",")
    cells[3] = "163.6"
    lines[at] = ",".join(cells)
    path.write_text("\n".join(lines))
    assert f"observations.csv, row {at + 1}, value: 163.6 is outside" in messages(dataset)


def test_a_missing_sample_size_is_named(dataset):
    path = dataset / "observations.csv"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("ipus_armed_provocation_rok"))
    cells = lines[at].split(",")
    cells[4] = ""
    lines[at] = ",".join(cells)
    path.write_text("\n".join(lines))
    assert f"row {at + 1}, n: beta_binomial needs a sample size" in messages(dataset)


def test_missing_empty_and_wrongly_encoded_files_are_all_reported_at_once(dataset):
    (dataset / "covariates.csv").unlink()
    (dataset / "event_coverage.csv").write_text("")
    raw = (dataset / "sources.csv").read_bytes()
    (dataset / "sources.csv").write_bytes(raw + "é".encode("latin-1"))
    found = messages(dataset)
    assert "covariates.csv: the file is missing" in found
    assert "event_coverage.csv: the file is empty" in found
    assert "is not UTF-8" in found


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
