"""The shipped model files say all that they use."""

import tomllib

import pytest

from bayes_alliance.spec import Priors, parse_model, read_model, shipped_models


@pytest.mark.parametrize("name", shipped_models())
def test_every_prior_is_written_out(root, name):
    raw = tomllib.loads((root / "models" / f"{name}.toml").read_text())
    assert set(raw["priors"]) == set(Priors.model_fields)
    for prior, field in Priors.model_fields.items():
        written = raw["priors"][prior]
        if isinstance(written, dict):
            assert set(written) == set(type(field.default).model_fields), prior


def test_the_written_numbers_are_the_defaults(spec):
    assert spec.priors == Priors()


@pytest.mark.parametrize("name", shipped_models())
def test_without_its_comments_a_file_says_the_same(root, name):
    lines = (root / "models" / f"{name}.toml").read_text().splitlines()
    bare = "\n".join(line.split("#")[0] for line in lines)
    assert parse_model(bare) == read_model(name)
