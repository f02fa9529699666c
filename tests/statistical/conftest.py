"""A small panel whose likelihood is normal throughout, and its compilations."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

MONTHS = 48


def linear_panel(panel):
    """Threat of both members monthly with gaps; cohesion monthly with gaps and yearly means.

    Credibility of the first member is measured now and then.
    """
    rng = np.random.default_rng(8)
    template = panel.rows.iloc[0].to_dict()
    table = panel.indicators.loc[["gprnk_threat_rok", "us_troops_japan", "jnto_travel_rok",
                                  "us_troops_rok"]].copy()
    table.index = ["threat_a", "threat_b", "cohesion_monthly", "cohesion_yearly"]
    table.index.name = "indicator"
    table = table.assign(latent=["threat", "threat", "cohesion", "cohesion"],
                         member=["rok", "japan", "rok_japan", "rok_japan"], family="normal",
                         own_error=False, season=False, shared_item="", orientation=[1, 1, 1, 1])
    table["covariates"] = [()] * 4
    table["mode_changes"] = [()] * 4
    credit = panel.indicators.loc[["us_troops_rok"]].assign(own_error=False)
    credit.index = ["credit"]
    rows = []

    def add(name, latent, member, first, last):
        rows.append(template | {
            "indicator": name, "latent": latent, "member": member, "family": "normal",
            "start_month": first, "end_month": last, "y": rng.normal(), "n": 0, "wave": "",
            "mode": 0, "calendar_month": 1})

    for month in range(MONTHS):
        if month % 3:
            add("threat_a", "threat", "rok", month, month)
        if month % 4 == 0:
            add("threat_b", "threat", "japan", month, month)
        if month not in range(10, 20):
            add("cohesion_monthly", "cohesion", "rok_japan", month, month)
        if month % 5 == 2:
            add("credit", "credibility", "rok", month, month)
    for year in range(MONTHS // 12):
        add("cohesion_yearly", "cohesion", "rok_japan", 12 * year, 12 * year + 11)
    months = slice(0, MONTHS)
    return replace(
        panel, time=panel.time[months], indicators=pd.concat([table, credit]),
        rows=pd.DataFrame(rows), drivers=panel.drivers.iloc[months],
        rivals=panel.rivals.iloc[months], governments=panel.governments.iloc[months],
        covariates=panel.covariates.iloc[months])


@pytest.fixture(scope="session")
def small(panel):
    return linear_panel(panel)


@pytest.fixture(scope="session")
def structured(spec, small):
    """Return specification, design and compilation of the small panel, by structural options.

    The compilations are kept for the whole session: more of them than a process keeps.
    """
    from bayes_alliance.inference.compiled import compile_model
    from bayes_alliance.model import build_design, build_model
    from bayes_alliance.spec.schema import DynamicsSpec

    kept = {}

    def structured(response="adjustment", innovations="normal", hypothesis="H12",
                   dynamics=("ar1", "ar1", "ar1"), coordinates="chosen"):
        of_latents = dict(zip(("threat", "credibility", "cohesion"), dynamics, strict=True))
        head = spec.model.model_dump() | {"response": response, "innovations": innovations,
                                          "dynamics": DynamicsSpec(**of_latents).model_dump()}
        sampler = spec.sampler.model_copy(update={"coordinates": coordinates})
        chosen = spec.model_copy(update={"model": type(spec.model)(**head), "sampler": sampler})
        design = build_design(chosen, small, hypothesis)
        if design.structure not in kept:
            kept[design.structure] = compile_model(build_model(chosen, small, design))
        return chosen, design, kept[design.structure].with_data(**design.data)

    return structured


@pytest.fixture
def unpacked():
    """Return the arrays of a position by the names of the sampled variables."""

    def unpacked(compiled, position):
        places = {}
        for place, label in enumerate(compiled.labels):
            name, _, index = label.partition("[")
            key = tuple(int(i) for i in index.rstrip("]").split(",")) if index else ()
            places.setdefault(name, {})[key] = place
        return {name: position[_table(found)] for name, found in places.items()}

    def _table(found):
        shape = tuple(np.max(list(found), axis=0) + 1) if () not in found else ()
        table = np.empty(shape, dtype=int)
        for key, place in found.items():
            table[key] = place
        return table

    return unpacked
