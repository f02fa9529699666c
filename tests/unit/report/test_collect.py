import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.report import write_machine_files, write_report
from bayes_alliance.report.collect import collect, monthly_bands, monthly_gaps


@pytest.fixture(scope="module")
def inputs(full, reference, without):
    # Any draws will do as the prior's here: nothing below reads them as such.
    ends = {name: (fit, full) for name, fit in without.items()}
    return collect(full, reference, without, ends, reference, seed=1)


def test_bands_are_the_fits_own_states_with_quarter_points(full):
    bands, states = monthly_bands(full), full.states
    shared = ["latent", "member", "time"]
    assert bands[shared].equals(states[shared])
    for column in ("mean", "sd", "q05", "q50", "q95"):
        assert np.allclose(bands[column], states[column], atol=1e-5)
    assert (bands["q05"] <= bands["q25"]).all()
    assert (bands["q25"] <= bands["q50"]).all()
    assert (bands["q75"] <= bands["q95"]).all()


def test_gaps_are_first_member_less_second_draw_by_draw(full):
    gaps = monthly_gaps(full).set_index(["latent", "time"])
    draws = full.posterior[c.CREDIBILITY]
    first, second = (draws.sel(member=name) for name in full.panel.members)
    last = (first - second).isel(time=-1).to_numpy().ravel()
    assert gaps.at[("credibility", "2024-12"), "q95"] == pytest.approx(np.quantile(last, 0.95),
                                                                      abs=1e-5)
    assert len(gaps) == 2 * len(full.panel.time)


def test_a_real_fit_gives_a_page_and_its_files(inputs, tmp_path):
    write_machine_files(inputs, tmp_path)
    text = write_report(inputs, tmp_path).read_text(encoding="utf-8")
    assert len(text.encode()) < 6_000_000
    assert [fit.name for fit in inputs.fits] == ["H12", "HX", "H12 without friction",
                                                 "H12 without cohesion",
                                                 "H12 up to the start of friction",
                                                 "H12 up to the end of friction",
                                                 "H12 up to the start of cohesion",
                                                 "H12 up to the end of cohesion", "prior"]
    assert str(inputs.provenance["spec_hash"]) in text
    for row in inputs.verdicts.itertuples():
        assert str(row.reason) in text
