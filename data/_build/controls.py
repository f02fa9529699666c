"""Monthly series that only variants of the model use.

They are read apart from the other sources, so that `sources.csv`, which the model's results stand
on, does not change with them; a row cites its source by address.
"""

from common import END, START, Sources, month_period, number

RISK = "threat/gpr_country_monthly.csv"
FILES = (RISK,)
_ADDRESS = "https://www.matteoiacoviello.com/gpr_country.htm"
_CITATION = ("China's index; Caldara and Iacoviello 2022, Measuring Geopolitical Risk, American "
             "Economic Review 112; from papers in English, so no perception of either member")


def rows(sources: Sources) -> list[dict]:
    """Return a row a month of the share of articles on geopolitical risk that name China."""
    found = []
    for row in sources.rows(RISK):
        start, end = month_period(*map(int, row["month"].split("-")))
        if start >= START and end <= END:
            found.append({"control": "risk_china", "start": start.isoformat(),
                          "end": end.isoformat(), "value": number(float(row["GPRC_CHN"])),
                          "source": _ADDRESS, "note": "" if found else _CITATION})
    return found
