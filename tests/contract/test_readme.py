import inspect
import re
from unittest.mock import MagicMock

import matplotlib.figure

from tests.conftest import short_fit


def test_the_script_of_the_readme_runs(root, full, spec, panel, tmp_path, monkeypatch):
    """The block as printed, with a short fit in place of the long one."""
    import bayes_alliance
    from bayes_alliance.inference import fitting

    block = re.search(r"```python\n(.*?)```", (root / "README.md").read_text(), re.S)[1]
    assert 'ba.fit("rok_japan", seed=1)' in block
    monkeypatch.setattr(bayes_alliance, "fit", lambda model, seed: full, raising=False)
    monkeypatch.setattr(fitting, "fit_panel",
                        lambda spec, panel, **options: short_fit(spec, panel, **options))
    monkeypatch.setattr(fitting, "require_passed", lambda fit: fit)
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    assert (tmp_path / "rok_japan.nc").is_file()
    for name in ("episodes.png", "forecast.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_other_script_calls_what_there_is(root):
    """Its calls take minutes: here they are held to the signatures alone."""
    from bayes_alliance import api

    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.S)
    block = next(one for one in blocks if "ba.compare(" in one)
    called = []

    class Recorder:
        def __getattr__(self, name):
            signature = inspect.signature(getattr(api, name))

            def call(*arguments, **options):
                signature.bind(*arguments, **options)
                called.append(name)
                return MagicMock()

            return call

    exec(block, {"ba": Recorder()})
    assert called == ["compare", "make_report"]


def test_results_have_a_table_data_a_sentence_and_a_plot(full, reference):
    results = [full, full.episodes(reference), full.forecast(3)]
    for result in results:
        assert len(result.table)
        assert result.data.sizes
        assert result.sentence.endswith(".")
        assert isinstance(result.plot(), matplotlib.figure.Figure)
