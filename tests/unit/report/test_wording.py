import pytest

from bayes_alliance.report import wording

NAN = float("nan")


@pytest.mark.parametrize(("value", "text"), [
    (-0.204, "−0.20"), (0.204, "+0.20"), (-0.001, "0.00"), (NAN, ""), (float("inf"), "")])
def test_numbers_have_a_true_minus_and_no_negative_zero(value, text):
    assert wording.number(value, signed=True) == text


@pytest.mark.parametrize(("value", "text"), [
    (0.0, "<0.01"), (0.004, "<0.01"), (0.126, "0.13"), (0.996, ">0.99"), (1.0, ">0.99"),
    (NAN, "")])
def test_probabilities_never_read_as_certain(value, text):
    assert wording.probability(value) == text


@pytest.mark.parametrize(("value", "text"), [
    (0.254, "25%"), (-0.254, "−25%"), (-0.001, "0%"), (12.0, ">999%"), (-12.0, "<−999%"),
    (NAN, "")])
def test_shares_are_cut_where_they_only_say_large(value, text):
    assert wording.percent(value) == text


def test_a_range_is_one_value_where_both_ends_read_the_same():
    assert wording.span("0.21", "0.21") == "0.21"
    assert wording.span("0.21", "0.83") == "0.21–0.83"
    assert wording.span("10%", "24%") == "10–24%"
    assert wording.span("−8%", "29%") == "−8 to 29%"
    assert wording.span("+1.96", "+2.11") == "+1.96 to +2.11"
    assert wording.span("<0.01", "0.20") == "<0.01 to 0.20"
    assert wording.span("0.20", ">0.99") == "0.20 to >0.99"


def test_an_interval_without_a_bound_is_empty():
    assert wording.interval("1", "") == ""
    assert wording.interval("−1", "2") == "[−1, 2]"


@pytest.mark.parametrize(("value", "text"), [
    (1234567.0, "1.23 million"), (-1e6, "−1.00 million"), (4321.4, "4321"), (12.34, "12.3"),
    (0.567, "0.57"), (0.0123, "0.012"), (NAN, "")])
def test_figures_in_their_own_unit_keep_about_three_digits(value, text):
    assert wording.plain(value) == text


def test_a_sentence_gets_true_minus_signs_and_keeps_its_dates():
    assert wording.minus("2026-12: -0.58 after +0.64 (-1)") == "2026-12: −0.58 after +0.64 (−1)"


def test_months_read_as_a_reader_writes_them():
    assert wording.window(("2018-11", "2019-12")) == "Nov 2018–Dec 2019"


@pytest.mark.parametrize(("address", "allowed"), [
    ("https://example.org/a?b=1", True), ("http://example.org", True),
    ("javascript:alert(1)", False), ("data:text/html,x", False), ("//example.org", False),
    ("https://", False), ("https://a b", False), ("http://[", False), ("ipus", False),
    ("", False), (NAN, False), ("file:///etc/passwd", False), ("\nhttps://example.org", False)])
def test_only_web_addresses_become_links(address, allowed):
    assert wording.is_link(address) is allowed
