"""The committed report on the shipped panel is of the shipped model file and tables."""

import json
import re
from hashlib import sha256
from html import unescape

import pandas as pd
import pytest

from bayes_alliance.dyads import load_dyad_model
from bayes_alliance.report.dyads_machine import DIAGNOSTICS, DYAD_FILES

AGAIN = "run `bayes-alliance dyads report quasi_alliances` again, as the README says"


@pytest.fixture(scope="module")
def folder(root):
    return root / "reports" / "quasi_alliances"


@pytest.fixture(scope="module")
def shipped():
    return load_dyad_model("quasi_alliances")


def test_it_is_of_the_shipped_model_and_data_and_passed(folder, shipped):
    spec, panel = shipped
    told = json.loads((folder / DIAGNOSTICS).read_text(encoding="utf-8"))
    assert told["spec_hash"] == sha256(spec.model_dump_json().encode()).hexdigest(), AGAIN
    assert told["data_hash"] == panel.data_hash, AGAIN
    assert told["passed"]
    for stage in told["stages"].values():
        assert stage["ess_bulk_min"] >= 400
        assert stage["rhat_max"] < 1.01
        assert stage["divergences"] == 0


def test_the_readme_says_what_the_report_says(root, folder):
    page = folder.joinpath("index.html").read_text(encoding="utf-8")
    words = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))
    readme = (root / "README.md").read_text(encoding="utf-8").replace("\n> ", " ")
    readme = re.sub(r"\s+", " ", readme)
    told = re.findall(r"Among the \d+ [^.]*\.", readme)
    assert len(told) == 2
    assert all(sentence in words for sentence in told)
    verdicts = pd.read_csv(folder / "verdicts.csv").set_index(["group", "reading"])
    cha, hwang = (verdicts.at[("quasi", reading), "probability"]
                  for reading in ("abandonment (Cha)", "H2 common ally (Hwang)"))
    assert f"The signs of abandonment among quasi allies have probability {cha:.2f} (0.25" in readme
    assert f"those of Hwang's reading {hwang:.2f}: that" in readme


def test_every_table_is_there_and_the_verdicts_follow_from_it(folder, shipped):
    tables = {name: pd.read_csv(folder / name) for name in DYAD_FILES}
    for name, columns in DYAD_FILES.items():
        assert list(tables[name].columns) == list(columns), name
    assert set(tables["borrowed.csv"]["when"]) == {"others", "before", "after"}
    assert set(tables["dyads.csv"]["dyad"]) == set(shipped[1].dyads.index)
    assert len(list((folder / "pages").glob("*.html"))) == len(shipped[1].dyads)
    signs = tables["population.csv"].set_index(["group", "coefficient"])["above_zero"]
    verdicts = tables["verdicts.csv"].set_index(["group", "reading"])["verdict"]
    for group in shipped[0].model.classes:
        for reading, sign in (("H2 common ally (Hwang)", 1), ("abandonment (Cha)", -1)):
            share = signs[group, "beta_credibility"]
            if verdicts[group, reading] == "supported":
                assert (share if sign > 0 else 1 - share) >= 0.9
