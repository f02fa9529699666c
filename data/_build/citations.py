"""Where a figure was read, and what is weak about it, in the words of this project.

Invariant: no row cites a forum, a blog, a copy of another's text or a bare domain. Where only
such a place is known, the row cites the institution that made the survey and says so.
"""

import re
from dataclasses import dataclass

SECONDARY = "read in a secondary copy"
# Hosts that hold copies, personal pages or forum threads; a part of the name is enough.
WEAK = ("5ch", "2ch", "yomi.tokyo", "2nn", "mimizun", "theqoo", "enpedia", "weblio", "ggaeda",
        "cdnk", "zenshow", "blog", "tistory", "hatena", "cocolog", "webnode", "kimtaku", "jp24h",
        "indonesia-news", "japannewsnavi", "easyjapanese", "lbo-talk", "redcensor", "newseveryday",
        "wiganfc", "imagesgram", "explained.today", "newsrebeat", "e2india", "gov-base", "xsionx",
        "royalsblue", "rifnote", "j-k-history", "inkl.com", "bnnbreaking", "oyabe",
        "covid-19.chinadaily", "trivia.awe")
_ADDRESS = re.compile(r"(https?://)?((?:[\w-]+\.)+[a-z]{2,})((?:/[^\s;,()]*)?)")
# What the source tables say of a figure, and the words for it here.
_FLAGS = (
    (r"\binferred: ", "derived from a stated change"),
    (r"\bderived\b", "derived from a stated change"),
    (r"month inferred|dates inferred|fieldwork month", "month inferred in the source"),
    (r"secondary source", SECONDARY),
    (r"format differs|format may differ|see KOR row|\(sic\)", "item format may differ"),
    (r"rounded in source", "rounded in the source"),
    (r"direct \(\d+\+\d+\)", "sum of two answers"),
    (r"two start dates", "reports differ on the first day"),
    (r'quoted|previous wave|previous-year|"yes" previous survey|giving trend',
     "read as an earlier value in a later report"),
    (r"other reports|prints? \d|misprints", "reports print different figures"),
)


@dataclass(frozen=True)
class Citation:
    """A source key or an address, and what to say of it."""

    source: str
    note: str = ""


def cite(text: str, institution: str) -> Citation:
    """Return the first address of a cell that may be cited, else the institution.

    Parameters
    ----------
    text : str
        A source table's cell: addresses and remarks in any order.
    institution : str
        Key in ``sources.csv`` of whoever made the survey.

    Examples
    --------
    >>> cite("https://forum.5ch.net/1 (copy of sankei.com/article/2022-AB)", "x").source
    'https://sankei.com/article/2022-AB'
    >>> cite("https://forum.5ch.net/1", "cabinet_office")
    Citation(source='cabinet_office', note='read in a secondary copy')
    """
    weak = False
    for scheme, host, path in _ADDRESS.findall(text):
        if any(part in host for part in WEAK) or len(path) < 2:
            weak = True
        elif scheme or len(path) > 8:
            return Citation(f"{scheme or 'https://'}{host}{path}")
    return Citation(institution, SECONDARY if weak else "")


def flags(text: str) -> str:
    """Return what is weak about a figure, in short words, joined with ``; ``.

    Parameters
    ----------
    text : str
        Whatever the source table says of the figure: how it was obtained, and its note.
    """
    words = [words for pattern, words in _FLAGS if re.search(pattern, text)]
    sums = set(re.findall(r"\d+(?:\.\d+)?[-+]\d+\.\d+", text))
    found = list(dict.fromkeys(words))
    return "; ".join(f"{word}: {sums.pop()}" if "stated change" in word and len(sums) == 1 else word
                     for word in found)
