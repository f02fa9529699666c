import json

import numpy as np
import pytest
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import ConvergenceError, SchemaError, SpecError
from bayes_alliance.inference import FULL_GATE, fit_panel, held_out_rows, load_fit, require_passed
from bayes_alliance.inference.compiled import HELPER_SUFFIXES
from bayes_alliance.inference.gate import diagnose
from bayes_alliance.model import build_design


def draws(values, diverging=0):
    posterior = xr.Dataset({"x": (("chain", "draw"), values),
                            c.COHESION: (("chain", "draw", "time"), values[:, :, None])})
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros(values.shape, dtype=bool)),
                        "energy": (("chain", "draw"),
                                   np.random.default_rng(1).normal(size=values.shape))})
    stats["diverging"][0, :diverging] = True
    return posterior, stats


def test_good_chains_pass_and_every_kind_of_failure_is_named():
    rng = np.random.default_rng(2)
    good = rng.normal(size=(4, 1000))
    assert diagnose(*draws(good), FULL_GATE, seconds=1.0).passed
    apart = good + np.array([0, 0, 0, 2])[:, None]
    found = " ".join(diagnose(*draws(apart), FULL_GATE, seconds=1.0).failures)
    assert "R-hat of" in found
    assert "R-hat of monthly states" in found
    short = " ".join(diagnose(*draws(good[:, :50]), FULL_GATE, seconds=1.0).failures)
    assert "bulk effective draws" in short
    assert "3 divergent" in " ".join(diagnose(*draws(good, 3), FULL_GATE, seconds=1.0).failures)
    broken = good.copy()
    broken[0, 0] = np.nan
    assert not diagnose(*draws(broken), FULL_GATE, seconds=1.0).passed


def test_a_failed_gate_raises_with_the_fit(full):
    from dataclasses import replace

    failed = replace(full, diagnostics=replace(full.diagnostics, passed=False,
                                               failures=("R-hat is high",)))
    with pytest.raises(ConvergenceError, match="R-hat is high") as caught:
        require_passed(failed)
    assert caught.value.fit is failed


def test_the_posterior_has_the_documented_variables_and_dims(full):
    expected = {
        c.THREAT: (c.DIM_MEMBER, c.DIM_TIME), c.CREDIBILITY: (c.DIM_MEMBER, c.DIM_TIME),
        c.COHESION: (c.DIM_TIME,), c.VAR_COEFFICIENT: (c.DIM_COEFFICIENT,),
        c.VAR_HALF_LIFE: (c.DIM_CONSTRUCT,), c.VAR_LOADING: (c.DIM_INDICATOR,),
        c.VAR_NOISE: (c.DIM_INDICATOR,), c.VAR_SEASON: (c.DIM_SEASONAL, c.DIM_MONTH),
        c.VAR_GOVERNMENT_EFFECT: (c.DIM_GOVERNMENT,), c.VAR_WAVE_ERROR: (c.DIM_WAVE,)}
    for name, dims in expected.items():
        assert full.posterior[name].dims == ("chain", "draw", *dims)
    # What only serves the sampler is not kept.
    assert not [name for name in full.posterior.data_vars if name.endswith(HELPER_SUFFIXES)]
    assert "innovation" not in full.posterior
    assert (full.posterior[c.VAR_LOADING] > 0).all()
    assert abs(full.posterior[c.VAR_SEASON].sum(c.DIM_MONTH)).max() < 1e-9


def test_the_same_seed_gives_the_same_draws(spec, panel, full):
    from tests.conftest import short_fit

    again = short_fit(spec, panel)
    assert np.array_equal(again.posterior[c.COHESION], full.posterior[c.COHESION])


def test_held_out_rows_are_the_cohesion_rows_that_overlap(spec, panel):
    design = build_design(spec, panel)
    out = design.rows[held_out_rows(spec, panel, design, "friction")]
    assert (out["latent"] == c.COHESION).all()
    assert str(out["start"].min()) >= "2018-11-01"
    assert str(out["start"].max()) <= "2019-12-31"
    assert "jnto_travel_rok" in set(out["indicator"])
    with pytest.raises(SpecError, match="friction, cohesion"):
        fit_panel(spec, panel, leave_out="frction")


def test_a_fit_survives_saving_and_loading(full, tmp_path):
    path = tmp_path / "fit.nc"
    full.save(path)
    loaded = load_fit(path)
    assert loaded.spec == full.spec
    assert loaded.provenance == full.provenance
    assert np.allclose(loaded.posterior[c.COHESION], full.posterior[c.COHESION], atol=1e-5)
    assert loaded.panel.rows["y"].tolist() == full.panel.rows["y"].tolist()
    assert loaded.panel.indicators["mode_changes"].tolist() == \
        full.panel.indicators["mode_changes"].tolist()
    assert build_design(loaded.spec, loaded.panel).structure == \
        build_design(full.spec, full.panel).structure
    assert list(tmp_path.iterdir()) == [path]


def test_a_fit_is_never_overwritten_silently(full, tmp_path):
    path = tmp_path / "fit.nc"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        full.save(path)
    assert path.read_text() == "mine"


def test_a_truncated_foreign_or_changed_file_is_refused(full, tmp_path):
    path = tmp_path / "fit.nc"
    full.save(path)
    truncated = tmp_path / "truncated.nc"
    truncated.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SchemaError, match="truncated"):
        load_fit(truncated)
    text = tmp_path / "text.nc"
    text.write_text("not a fit")
    with pytest.raises(SchemaError, match="no saved fit"):
        load_fit(text)
    foreign = tmp_path / "foreign.nc"
    xr.Dataset({"x": ("a", [1.0])}).to_netcdf(foreign, engine="h5netcdf", group="posterior")
    xr.Dataset({"x": ("a", [1.0])}).to_netcdf(foreign, engine="h5netcdf", mode="a",
                                              group="sample_stats")
    with pytest.raises(SchemaError, match="not a fit of this package"):
        load_fit(foreign)
    import h5py

    for key, change in (("spec", lambda header: header["spec"]["sampler"].update(draws=7777)),
                        ("data", lambda header: header["panel"]["frames"]["rows"]["data"][0]
                         .__setitem__(8, 99.0))):
        changed = tmp_path / f"{key}.nc"
        changed.write_bytes(path.read_bytes())
        with h5py.File(changed, "a") as file:
            header = json.loads(file["posterior"].attrs["header"])
            change(header)
            file["posterior"].attrs["header"] = json.dumps(header)
        with pytest.raises(SchemaError, match=r"do(es)? not match"):
            load_fit(changed)
    with pytest.raises(FileNotFoundError):
        load_fit(tmp_path / "absent.nc")
