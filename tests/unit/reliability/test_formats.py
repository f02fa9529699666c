"""Fits that other releases saved: an earlier one's is loaded, an unknown format's says whose."""

import json
import shutil

import h5py
import numpy as np
import pytest

from bayes_alliance import constants as c
from bayes_alliance.exceptions import SchemaError
from bayes_alliance.inference import load_fit
from bayes_alliance.model import build_design
from bayes_alliance.spec import spec_hash


@pytest.fixture
def kept(root):
    return root / "tests" / "fixtures" / "fit_format_1.nc"


def test_a_fit_of_the_first_format_is_loaded_with_all_it_holds(kept, tmp_path):
    assert kept.stat().st_size < 200_000
    fit = load_fit(kept)
    assert fit.posterior[c.COHESION].shape == (2, 10, 48)
    assert float(fit.posterior[c.COHESION].mean()) == pytest.approx(0.01902504824, abs=1e-8)
    assert fit.provenance["versions"]["bayes_alliance"] == "0.1.0"
    assert fit.provenance["seed"] == 11
    assert len(fit.panel.rows) == 176
    assert fit.panel.rows["y"].sum() == pytest.approx(11426.09236605262, rel=1e-12)
    assert spec_hash(fit.spec) == fit.provenance["spec_hash"]
    # What it holds is enough to go on with: to lay the model out, to show states, to save anew.
    assert build_design(fit.spec, fit.panel, "H12").rows["indicator"].nunique() == 11
    assert len(fit.states) == 5 * 48
    fit.save(tmp_path / "anew.nc")
    anew = load_fit(tmp_path / "anew.nc")
    assert anew.posterior.identical(fit.posterior)
    assert anew.provenance == fit.provenance


@pytest.mark.parametrize(("version", "release"), [(2, "9.9.9"), (0, "0.0.1")])
def test_a_fit_of_an_unknown_format_says_which_release_made_it(kept, tmp_path, version, release):
    path = shutil.copy(kept, tmp_path / "fit.nc")
    with h5py.File(path, "a") as file:
        header = json.loads(file["posterior"].attrs["header"])
        header["version"] = version
        header["provenance"]["versions"]["bayes_alliance"] = release
        # A later format may keep what this one does not know, and lack what it does.
        del header["panel"]
        file["posterior"].attrs["header"] = json.dumps(header)
    with pytest.raises(SchemaError, match=rf"format version {version} \(made by bayes_alliance "
                                          rf"{release}\); this version reads 1"):
        load_fit(path)


def test_a_dyad_fit_of_an_unknown_format_says_which_release_made_it(tmp_path):
    from bayes_alliance.dyads import load_dyad_fit
    from tests.unit.dyads.test_command import made_up

    fit = made_up(np.zeros(4))
    fit.provenance["versions"] = {"bayes_alliance": "9.9.9"}
    fit.save(tmp_path / "fit.nc")
    assert load_dyad_fit(tmp_path / "fit.nc").hypothesis == "H12"
    with h5py.File(tmp_path / "fit.nc", "a") as file:
        header = json.loads(file["posterior"].attrs["header"])
        file["posterior"].attrs["header"] = json.dumps(header | {"version": 7})
    with pytest.raises(SchemaError, match=r"format version 7 \(made by bayes_alliance 9\.9\.9\)"):
        load_dyad_fit(tmp_path / "fit.nc")
