"""Hostile text of a user's tables and model file is text on the page and in the figures."""

import io
from html.parser import HTMLParser

import pytest

from bayes_alliance.plotting.style import new_figure, tidy
from bayes_alliance.report import wording
from tests.helpers.hostile_inputs import ADDRESSES, TEXTS, hostile_page

# The page of sound inputs has these and no other.
ALLOWED = {"html", "head", "meta", "title", "link", "style", "body", "a", "header", "h1", "p",
           "strong", "main", "nav", "ul", "li", "section", "h2", "h3", "figure", "picture",
           "source", "img", "figcaption", "div", "table", "caption", "thead", "tbody", "tr", "th",
           "td", "span", "details", "summary", "code", "em", "ol", "dl", "dt", "dd", "br", "pre",
           "abbr", "cite", "small", "sub", "sup", "b", "i", "h4", "footer"}


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def tags():
    found = Tags()
    found.feed(hostile_page())
    return found


def test_hostile_text_makes_no_element_and_no_attribute(tags):
    assert set(tags.tags) <= ALLOWED
    assert tags.tags.count("style") == tags.tags.count("title") == tags.tags.count("body") == 1
    assert not [one for one in tags.attributes if one[1].startswith("on")]
    assert not [one for one in tags.attributes if one[1] == "style" and "url" in one[2]]
    assert [value for tag, key, value in tags.attributes if (tag, key) == ("meta", "http-equiv")
            ] == ["Content-Security-Policy"]


def test_hostile_text_stands_on_the_page_as_it_was_written(tags):
    shown = "".join(tags.text)
    for text in TEXTS:
        assert text in shown


def test_only_web_addresses_become_links(tags):
    targets = [value for tag, key, value in tags.attributes
               if key in ("href", "src", "srcset", "action", "formaction", "data", "poster")]
    assert targets
    assert all(value.startswith(("#", "data:,", "data:image/png", "https://example.org/"))
               for value in targets)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_is_not_of_the_web_is_no_link(address):
    assert wording.is_link(address) == address.startswith("https://example.org/") & (
        " " not in address)


def test_the_policy_forbids_scripts_forms_and_another_base(tags):
    policy, = [value for tag, key, value in tags.attributes
               if (tag, key) == ("meta", "content") and "default-src" in value]
    assert dict(part.strip().split(" ", 1) for part in policy.split(";")) == {
        "default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'",
        "base-uri": "'none'", "form-action": "'none'"}


@pytest.mark.parametrize("text", TEXTS)
def test_a_figure_shows_hostile_text_as_it_is(text):
    """Between two dollar signs matplotlib would read a formula, and stop at one that is none."""
    figure, (axes,) = new_figure()
    axes.plot([1, 10], [0, 1])
    axes.set_xscale("log")
    axes.set_yticks([0, 1], [text[:14], "b"])  # a longer one leaves no room
    tidy(axes, text[:14], text)
    axes.text(2, 0.5, text)
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    assert any("mathdefault" in label.get_text() and label.get_parse_math()
               for label in axes.get_xticklabels())
