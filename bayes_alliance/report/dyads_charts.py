"""Small line charts of yearly states as numbers for an SVG: no drawing library, a few kilobytes.

Invariant: coordinates only, rounded to a tenth of a pixel, so that the same states give the same
bytes; words and colours stand in the template.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from bayes_alliance.report import wording

__all__ = ["Chart", "Strip", "draw_chart", "draw_strip"]

WIDTH, HEIGHT = 460.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 34.0, 18.0, 8.0, 24.0
STRIP_WIDTH: Final = 220.0


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes
    ----------
    areas, lines : list of (str, str)
        Style class and points.
    across, up : list of (float, str)
        Ticks of years, of values: position and label.
    zero : float or None
        Where zero is, if it is inside.
    alt : str
        What the chart shows, with numbers.
    """

    areas: list[tuple[str, str]]
    lines: list[tuple[str, str]]
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]
    zero: float | None
    alt: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Strip:
    """Years in which something was observed, and in which it happened.

    Attributes
    ----------
    spans, marks : str
        Outlines of bars in the syntax of an SVG path.
    count : int
        Of marks.
    """

    spans: str
    marks: str
    count: int
    width: float = STRIP_WIDTH


def draw_chart(series: dict[str, tuple[str, pd.DataFrame]], what: str,
               behind: pd.DataFrame | None = None) -> Chart:
    """Lay out states with their 90% bands, and the 50% band of one that stands alone.

    Parameters
    ----------
    series : dict of str to (str, pandas.DataFrame)
        By style class the name that a reader sees and ``time``, ``q05``, ``q25``, ``q50``,
        ``q75``, ``q95``.
    what : str
        For the alternative text.
    behind : pandas.DataFrame, optional
        ``time``, ``q05``, ``q50``, ``q95``: a backdrop.
    """
    tables = [table for _, table in series.values()]
    if behind is not None:
        first, last = tables[0]["time"].min(), tables[0]["time"].max()
        behind = behind[behind["time"].between(first, last)]
        tables.append(behind)
    years = (min(table["time"].min() for table in tables),
             max(table["time"].max() for table in tables))
    low = min(float(table["q05"].min()) for table in tables)
    high = max(float(table["q95"].max()) for table in tables)
    low, high = low - 0.03 * (high - low), high + 0.03 * (high - low)

    def x(year: Any) -> Any:
        span = max(years[1] - years[0], 1)
        return LEFT + (year - years[0]) / span * (WIDTH - LEFT - RIGHT)

    def y(value: Any) -> Any:
        return TOP + (high - value) / max(high - low, 1e-9) * (HEIGHT - TOP - BOTTOM)

    areas, lines = [], []
    if behind is not None:
        areas.append(("peers", _area(x, y, behind, "q05", "q95")))
        lines.append(("peers", _points(x(behind["time"]), y(behind["q50"]))))
    for style, (_, table) in series.items():
        areas.append((style, _area(x, y, table, "q05", "q95")))
        if len(series) == 1:
            areas.append((style, _area(x, y, table, "q25", "q75")))
    lines += [(style, _points(x(table["time"]), y(table["q50"])))
              for style, (_, table) in series.items()]
    across = [(float(x(year)), f"{year:.0f}") for year in _ticks(*years, 6, integer=True)]
    up = [(float(y(value)), wording.number(value, 0 if value == round(value) else 1))
          for value in _ticks(low, high, 5)]
    return Chart(areas, lines, across, up, float(y(0.0)) if low < 0 < high else None,
                 _alt(series, what))


def draw_strip(years: list[int], happened: list[int], span: tuple[int, int]) -> Strip:
    """Lay out the observed years of an indicator within a span, runs of years as one bar."""
    unit = STRIP_WIDTH / (span[1] - span[0] + 1)

    def bar(first: int, last: int, top: int, height: int) -> str:
        width = max((last - first + 1) * unit, 1.5)
        return f"M{(first - span[0]) * unit:.1f} {top}h{width:.1f}v{height}h-{width:.1f}z"

    inside, marked = (np.array([year for year in some if span[0] <= year <= span[1]], dtype=int)
                      for some in (years, happened))
    return Strip("".join(bar(run[0], run[-1], 4, 4) for run in _runs(inside)),
                 "".join(bar(run[0], run[-1], 1, 10) for run in _runs(marked)), len(marked))


def _runs(years: np.ndarray) -> list[np.ndarray]:
    """Return runs of consecutive years."""
    return np.split(years, np.flatnonzero(np.diff(years) > 1) + 1) if len(years) else []


def _ticks(low: float, high: float, most: int, *, integer: bool = False) -> list[float]:
    """Return round values within a range."""
    found = MaxNLocator(most, integer=integer, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(value) for value in found if low <= value <= high]


def _points(across: Any, up: Any) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))


def _area(x: Any, y: Any, table: pd.DataFrame, low: str, high: str) -> str:
    back = table.iloc[::-1]
    return (f"{_points(x(table['time']), y(table[high]))} "
            f"{_points(x(back['time']), y(back[low]))}")


def _alt(series: dict[str, tuple[str, pd.DataFrame]], what: str) -> str:
    pieces = []
    for name, table in series.values():
        median = table.set_index("time")["q50"]
        pieces.append(f"{name} lowest in {median.idxmin()} "
                      f"({wording.number(median.min(), signed=True)}), highest in "
                      f"{median.idxmax()} ({wording.number(median.max(), signed=True)})")
    return f"Lines of {what} by year with 90% bands. Medians: {'; '.join(pieces)}."
