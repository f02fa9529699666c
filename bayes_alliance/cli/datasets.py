"""What ``data show`` prints and draws."""

from pathlib import Path

import pandas as pd

from bayes_alliance.spec import read_model
from bayes_alliance.tables import Dataset, build_panel

__all__ = ["coverage", "save_coverage"]


def coverage(tables: Dataset) -> pd.DataFrame:
    """Return one row an indicator: rows, first and last, years without any, masks.

    Nothing is filled in: a year without an observation is named.
    """
    records = []
    for about in tables.indicators.itertuples():
        rows = tables.observations[tables.observations["indicator"] == about.indicator]
        years = sorted({day.year for day in rows["start"]})
        missing = [year for year in range(years[0], years[-1] + 1)
                   if year not in years] if years else []
        records.append({
            "indicator": about.indicator, "latent": about.latent, "rows": len(rows),
            "first": str(rows["start"].min())[:7] if years else "",
            "last": str(rows["end"].max())[:7] if years else "",
            "years_missing": " ".join(map(str, missing)), "masks": about.masks})
    return pd.DataFrame(records)


def save_coverage(tables: Dataset, model: str, path: Path) -> None:
    """Draw what was observed when, for a model of this dataset."""
    from bayes_alliance.plotting import plot_coverage

    panel = build_panel(tables, read_model(model))
    plot_coverage(panel.rows, panel.excluded, panel.indicators).savefig(path, dpi=130)
