"""How numbers, months and links read on the page.

Invariant: pure functions from a value to text; a missing value is an empty cell, never a number.
"""

import math
import re
from urllib.parse import urlsplit

__all__ = ["interval", "is_link", "minus", "month", "number", "percent", "plain", "probability",
           "span", "window"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUS = "\N{MINUS SIGN}"
_DASH = "\N{EN DASH}"
# Shares of a change near zero run off; beyond this they only say that the change is near zero.
_LARGEST_SHARE = 9.99


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """Return a number with a typographical minus; nothing for a missing one."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    if float(text) == 0:
        text = f"{0:.{digits}f}"
    return text.replace("-", _MINUS)


def minus(text: str) -> str:
    """Return a sentence whose negative numbers have a typographical minus; dates keep hyphens."""
    return re.sub(r"(?<![\w-])-(?=\d)", _MINUS, text)


def probability(value: float) -> str:
    """Return a probability with two decimals; one that rounds to certainty keeps its doubt."""
    if value is None or not math.isfinite(value):
        return ""
    if value < 0.005:
        return "<0.01"
    if value > 0.995:
        return ">0.99"
    return f"{value:.2f}"


def percent(value: float, *, unit: bool = True) -> str:
    """Return a share as a whole percentage, cut off where it only says that it is large."""
    if value is None or not math.isfinite(value):
        return ""
    tail = "%" if unit else ""
    if abs(value) > _LARGEST_SHARE:
        sign = "<" + _MINUS if value < 0 else ">"
        return f"{sign}{100 * _LARGEST_SHARE:.0f}{tail}"
    return number(100 * value, 0) + tail


def plain(value: float) -> str:
    """Return a figure in its own unit, with about three digits that count."""
    if value is None or not math.isfinite(value):
        return ""
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:.2f} million".replace("-", _MINUS)
    return number(value, 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3)


def span(low: str, high: str) -> str:
    """Return a range of two texts, one of them where they read the same."""
    if low == high:
        return low
    # A dash beside a sign or an inequality would be misread.
    between = " to " if any(sign in low + high for sign in (_MINUS, "+", "<", ">")) else _DASH
    return f"{low.removesuffix('%')}{between}{high}"


def interval(low: str, high: str) -> str:
    """Return a 90% interval in brackets; nothing where a bound is missing."""
    return f"[{low}, {high}]" if low and high else ""


def month(label: str) -> str:
    """Return ``2018-11`` as Nov 2018."""
    return f"{_MONTHS[int(label[5:7]) - 1]} {label[:4]}"


def window(months: tuple[str, str]) -> str:
    """Return a window of months as a reader would write it."""
    return f"{month(months[0])}{_DASH}{month(months[1])}"


def is_link(address: object) -> bool:
    """Say whether text is a web address that may become a link."""
    text = str(address)
    if any(character.isspace() for character in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
