import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from bayes_alliance import constants as c
from bayes_alliance import plotting
from bayes_alliance.plotting.style import country, months, readable
from tests.helpers.report_inputs import make_inputs


@pytest.fixture(scope="module")
def inputs():
    return make_inputs()


def figures(inputs, width):
    past = inputs.states.rename(columns={"q50": "value"}).assign(
        target=lambda table: table["latent"], observed=False)
    yield plotting.plot_states(inputs.states, inputs.panel, inputs.spec, width=width)
    for path in c.PATHS:
        yield plotting.plot_drivers(inputs.states, inputs.panel, inputs.spec, path,
                                    gaps=inputs.gaps, width=width)
    yield plotting.plot_contributions(inputs.episodes, width=width)
    yield plotting.plot_fan(inputs.forecast, past=past, width=width)
    yield plotting.plot_fans(inputs.forecast, past, ["cohesion", "threat_rok", "credibility_rok"],
                             width=width)
    yield plotting.plot_differences({"us_doubt": inputs.forecast.assign(p_lower=0.5, p_higher=0.5)},
                                    width=width)
    yield plotting.plot_coverage(inputs.panel.rows, inputs.panel.excluded,
                                 inputs.panel.indicators, width=width)
    yield plotting.plot_prior_posterior(inputs.parameters, width=width)
    yield plotting.plot_predictive(inputs.posterior_check.table, "credibility", first_year=2004,
                                   width=width)
    yield plotting.plot_diagnostics(inputs.full.table, inputs.full.gate, width=width)
    yield plotting.plot_ranks(inputs.coefficients, width=width)
    yield plotting.plot_evidence(inputs.evidence, width=width)
    yield plotting.plot_verdicts(inputs.verdicts, width=width)


@pytest.mark.parametrize("width", [plotting.WIDE, plotting.NARROW])
def test_every_figure_has_its_width_and_legible_type_inside_it(inputs, width):
    drawn = list(figures(inputs, width))
    assert len(drawn) == 14
    assert_legible(drawn, width)


@pytest.mark.parametrize("width", [plotting.WIDE, plotting.NARROW])
@pytest.mark.parametrize("name", ["launches_2022", "a_new_government_" * 4 + "in_seoul_2027",
                                  "all in 2018 " * 9])
def test_long_names_of_scenarios_and_targets_stay_inside_their_figure(inputs, width, name):
    table = inputs.forecast.assign(p_lower=0.704, p_higher=0.296)
    named = inputs.forecast.assign(target=name)
    past = pd.DataFrame({"target": [name], "time": ["2020-01"], "value": [0.0], "observed": [True]})
    drawn = [plotting.plot_differences({name: table, "as_before": table, "third": table},
                                       width=width),
             plotting.plot_fans(named, past, [name] * 3, units={name: "million visitors"},
                                width=width),
             plotting.plot_fan(named, name, past=past, title=f"with {name}", width=width)]
    assert_legible(drawn, width)
    title = drawn[0].axes[0].get_title(loc="left")
    assert "".join(title.split()).startswith("".join(name.replace("_", " ").split()))
    assert title.endswith("\nP(lower) 0.70, P(higher) 0.30")


def assert_legible(drawn, width):
    for figure in drawn:
        assert figure.get_figwidth() == width
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        edge = figure.bbox
        texts = [text for text in figure.findobj(lambda part: hasattr(part, "get_fontsize"))
                 if text.get_visible() and text.get_text().strip()]
        assert texts
        for text in texts:
            assert text.get_fontsize() >= 8, text.get_text()
        for axes in figure.axes:
            if not axes.get_visible():
                continue
            bottom, top = sorted(axes.get_ylim())
            # Ticks outside the axis have labels too, which are not drawn.
            labels = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label,
                      *(label for tick, label in zip(axes.get_yticks(), axes.get_yticklabels(),
                                                     strict=True) if bottom <= tick <= top)]
            for text in labels:
                if text.get_visible() and text.get_text().strip():
                    box = text.get_window_extent(renderer)
                    assert box.x0 >= edge.x0 - 1, text.get_text()
                    assert box.x1 <= edge.x1 + 1, text.get_text()
                    assert box.y0 >= edge.y0 - 1, text.get_text()
                    assert box.y1 <= edge.y1 + 1, text.get_text()


def test_drawing_leaves_no_global_figure():
    code = ("import sys; sys.path.insert(0, '.');"
            "from tests.helpers.report_inputs import make_inputs;"
            "from bayes_alliance import plotting; i = make_inputs();"
            "plotting.plot_states(i.states, i.panel, i.spec);"
            "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot';"
            "assert 'pymc' not in sys.modules, 'pymc'")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_cohesion_is_the_median_with_its_bands_and_every_event_since_the_start(inputs):
    figure = plotting.plot_states(inputs.states, inputs.panel, inputs.spec)
    axes, marks = figure.axes
    median = inputs.states.loc[inputs.states["latent"] == "cohesion", "q50"].to_numpy()
    assert np.array_equal(axes.lines[0].get_ydata(), median)
    shown = sum(len(line.get_xdata()) for line in marks.lines if line.get_marker() in "^vo")
    since = [str(date) >= "2004" for date in inputs.panel.events["date"]]
    assert shown == sum(since)
    names = {text.get_text() for text in axes.texts}
    # A baseline that is itself an episode is drawn as that episode.
    assert names == {"friction", "cohesion", "2015", "2016", "2017", "2021"}


def test_events_point_up_or_down_by_sign_and_triggers_are_filled(inputs):
    events = inputs.panel.events.iloc[:2].assign(
        date=["2010-05-01", "2012-05-01"], sign=["1", "-1"], role=["driver", "shown"])
    from dataclasses import replace

    marks = plotting.plot_states(inputs.states, replace(inputs.panel, events=events),
                                 inputs.spec).axes[1]
    heads = [line for line in marks.lines if line.get_marker() in "^vo"]
    assert [(line.get_marker(), line.get_markerfacecolor() == "white") for line in heads] == [
        ("^", False), ("v", True)]


def test_administrations_are_marked_with_credibility_only(inputs):
    def texts(path):
        figure = plotting.plot_drivers(inputs.states, inputs.panel, inputs.spec, path)
        return [text.get_text() for text in figure.axes[0].texts]

    assert texts("threat") == []
    assert texts("credibility") == ["Elder", "Middle", "Made Up 1", "Made Up 2"]


def test_without_draws_of_the_gap_the_difference_of_medians_is_drawn(inputs):
    figure = plotting.plot_drivers(inputs.states, inputs.panel, inputs.spec, "threat")
    part = inputs.states[inputs.states["latent"] == "threat"]
    first, second = (part.loc[part["member"] == name, "q50"].to_numpy()
                     for name in inputs.panel.members)
    assert np.allclose(figure.axes[1].lines[0].get_ydata(), first - second)


def test_contributions_show_each_median_once_a_baseline(inputs):
    figure = plotting.plot_contributions(inputs.episodes)
    for axes, (name, episode) in zip(figure.axes, inputs.spec.episodes.items(), strict=True):
        assert axes.get_title(loc="left") == name.capitalize()
        points = [line for line in axes.lines if line.get_label().startswith("against")]
        assert [line.get_label() for line in points] == [f"against {label}"
                                                         for label in episode.baselines]
        table = inputs.episodes[(inputs.episodes["episode"] == name)
                                & (inputs.episodes["baseline"] == next(iter(episode.baselines)))]
        table = table.set_index("quantity")["q50"]
        wanted = table.loc[["change", *(f"contribution_{part}" for part in c.COMPONENTS)]]
        assert np.allclose(points[0].get_xdata(), wanted)


def test_coverage_draws_masked_rows_apart_and_leaves_gaps(inputs):
    figure = plotting.plot_coverage(inputs.panel.rows, inputs.panel.excluded,
                                    inputs.panel.indicators)
    spans = figure.axes[0].collections
    hatched = [part for part in spans if part.get_hatch() and len(part.get_paths())]
    assert len(hatched) == 1
    (box,) = [path.get_extents() for path in hatched[0].get_paths()]
    assert box.x0 == pytest.approx(2020 + 1 / 12, abs=0.01)
    assert box.x1 == pytest.approx(2023 + 9 / 12, abs=0.01)
    travel = spans[2 * list(inputs.panel.indicators.index).index("jnto_travel_rok")]
    assert len(travel.get_paths()) == 2
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == list(inputs.panel.indicators.index)


def test_predictive_panels_count_what_lies_inside(inputs):
    table = inputs.posterior_check.table.copy()
    name = table.loc[table["latent"] == "threat", "indicator"].iloc[0]
    mine = table["indicator"] == name
    table.loc[mine, "observed"] = 0.0
    table.loc[table.index[mine][:3], "observed"] = 99.0
    figure = plotting.plot_predictive(table, "threat", first_year=2004)
    assert figure.axes[0].get_title(loc="left") == f"{name}: {mine.sum() - 3} of {mine.sum()}"


def test_ranks_of_a_stuck_chain_leave_the_band(inputs):
    stuck = inputs.coefficients.copy()
    stuck[0] = stuck[0] + 5
    for draws, inside in ((inputs.coefficients, True), (stuck, False)):
        axes = plotting.plot_ranks(draws).axes[0]
        band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
        counts = np.concatenate([patch.get_data().values for patch in axes.patches[1:]])
        share = np.mean((counts >= band.y0) & (counts <= band.y1))
        assert (share > 0.9) == inside


def test_unknown_targets_and_latents_are_named(inputs):
    with pytest.raises(ValueError, match="no target amity"):
        plotting.plot_fan(inputs.forecast, "amity")
    with pytest.raises(ValueError, match=r"'amity'.*cohesion"):
        plotting.plot_predictive(inputs.posterior_check.table, "amity")


def test_months_and_names_of_the_tables_become_positions_and_words():
    assert months(["2018-01", "2018-12"]) == pytest.approx([2018 + 0.5 / 12, 2018 + 11.5 / 12])
    assert readable("trump_1") == "Trump 1"
    assert [country(name) for name in ("rok", "us", "japan", "north_korea")] == [
        "ROK", "US", "Japan", "North Korea"]


def test_decibans_are_ten_times_the_decimal_logarithm(inputs):
    assert plotting.verdicts.DECIBANS * np.log(1000) == pytest.approx(30)
    figure = plotting.plot_evidence(inputs.evidence)
    (above,) = figure.axes[0].child_axes
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    assert above.get_xlim() == pytest.approx((low * plotting.verdicts.DECIBANS,
                                              high * plotting.verdicts.DECIBANS))


def test_a_fan_says_its_scenario_and_a_state_its_readers_name(inputs):
    axes = plotting.plot_fan(inputs.forecast, title="scenario us_doubt").axes[0]
    assert axes.get_title(loc="left") == "scenario us_doubt"
    past = inputs.states.rename(columns={"q50": "value"}).assign(target="threat_rok")
    figure = plotting.plot_fans(inputs.forecast, past, ["threat_rok"],
                                names={"threat_rok": "threat, ROK"})
    assert figure.axes[0].get_title(loc="left") == "threat, ROK"


def test_a_fan_has_the_bands_of_its_past_and_marks_what_came(inputs):
    before = inputs.states[inputs.states["latent"] == "cohesion"].rename(
        columns={"q50": "value"}).assign(target="cohesion", observed=False)
    after = inputs.forecast.loc[inputs.forecast["target"] == "cohesion", ["target", "time"]].assign(
        value=0.25).iloc[[2, 5]]
    axes = plotting.plot_fan(inputs.forecast, past=before, after=after).axes[0]
    assert len(axes.collections) == 3  # the past's band, and two of the fan
    past = axes.collections[0].get_paths()[0].get_extents()
    assert past.y1 == pytest.approx(before["q95"].max())
    (came,) = [line for line in axes.lines if line.get_label() == "what came"]
    assert came.get_xdata() == pytest.approx(months(after["time"].tolist()))
    assert list(came.get_ydata()) == [0.25, 0.25]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "estimated", "forecast", "what came"]
    assert plotting.plot_fan(inputs.forecast, past=before).axes[0].get_legend() is None


def test_differences_have_a_panel_a_scenario_on_one_scale_about_nothing(inputs):
    table = inputs.forecast.assign(p_lower=0.25, p_higher=0.5)
    wider = table.assign(q95=table["q95"] + 5.0)
    figure = plotting.plot_differences({"us_doubt": table, "new_seoul": wider, "third": table},
                                       reference="as_now")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [
        f"{name}\nP(lower) 0.25, P(higher) 0.50" for name in ("us doubt", "new seoul", "third")]
    assert len({axes.get_ylim() for axes in shown}) == 1
    for axes, part in zip(shown, (table, wider, table), strict=True):
        zero, median = axes.lines
        assert list(zero.get_ydata()) == [0.0, 0.0]
        wanted = part.loc[part["target"] == "cohesion", "q50"]
        assert median.get_ydata() == pytest.approx(wanted.to_numpy())
    with pytest.raises(ValueError, match="no target amity"):
        plotting.plot_differences({"us_doubt": table}, "amity")
    with pytest.raises(ValueError, match="no difference"):
        plotting.plot_differences({})
