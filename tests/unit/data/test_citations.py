import csv

import pytest


@pytest.mark.parametrize(("text", "source", "secondary"), [
    ("https://pug.5ch.net/x/1 (Sankei copy, sankei.com/article/20220121-4JIK)",
     "https://sankei.com/article/20220121-4JIK", False),
    ("https://inkl.com/news/74 ; https://www.scmp.com/news/article/3014195/",
     "https://www.scmp.com/news/article/3014195/", False),
    ("https://2nn.jp/news4plus/1514018791 (NHK 2017-12-23)", "office", True),
    ("https://www.pacola.co.jp/", "office", True),
    ("same", "office", False),
    ("", "office", False),
    ("http://economic.jp/?p=14637", "http://economic.jp/?p=14637", False),
])
def test_a_citation_is_an_address_that_stands_or_the_institution(builder, text, source, secondary):
    from citations import SECONDARY, cite

    assert cite(text, "office").source == source
    assert cite(text, "office").note == (SECONDARY if secondary else "")


@pytest.mark.parametrize(("text", "words"), [
    ("derived (71.5-19.3) MAIL", "derived from a stated change: 71.5-19.3"),
    ('inferred: "+25 points to 83%"', "derived from a stated change"),
    ("direct fieldwork month inferred from publication date", "month inferred in the source"),
    ("secondary source (blog translation)", "read in a secondary copy"),
    ("direct (rounded in source)", "rounded in the source"),
    ("direct text: >20 points above previous survey", ""),
    ("direct", ""),
])
def test_the_weakness_of_a_figure_is_said_in_short_words(builder, text, words):
    from citations import flags

    assert flags(text) == words


@pytest.mark.parametrize("name", ["observations.csv", "events.csv"])
def test_no_row_cites_a_weak_place(builder, root, name):
    from citations import WEAK

    with (root / "data" / "rok_japan" / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            address = row["source"].split("//")[-1]
            host, _, path = address.partition("/")
            assert not any(part in host for part in WEAK), row
            assert path or "." not in host, row
