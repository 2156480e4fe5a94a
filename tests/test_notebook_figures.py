"""The notebook's figures: what is drawn has the run's numbers, on the axes that were given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import matplotlib
import numpy as np
import pytest
from example_result import DATA_SYNTAX, FIRST, HOSTILE_NAME, SYNTAX, example_result
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import neuroninterp as ni
from neuroninterp.errors import DataError, UnknownNameError
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.results.activity import ActivationProfile
from neuroninterp.results.summary import fraction_interval


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    with matplotlib.rc_context({"backend": "agg"}):
        yield
    pyplot.close("all")


def own_axes() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure().add_subplot()


DRAWN: dict[str, Callable[[Axes], tuple[Figure, Axes]]] = {
    "fractions": lambda ax: ni.plot_fractions(example_result(), ax=ax),
    "fields": lambda ax: ni.plot_fields(example_result(), ax=ax),
    "histogram": lambda ax: ni.plot_histogram(example_result().layer(2).neuron(0), ax=ax),
    "syntax": lambda ax: ni.plot_syntax(SYNTAX[0], example_result().layer(2).dictionary, ax=ax),
}


@pytest.mark.parametrize("name", DRAWN)
def test_given_axes_are_drawn_on_and_pyplot_is_left_alone(name: str) -> None:
    ax = own_axes()
    figure, drawn = DRAWN[name](ax)
    assert drawn is ax
    assert figure is ax.figure
    assert pyplot.get_fignums() == []
    figure.canvas.draw()


def test_fractions_are_those_of_the_run() -> None:
    result = example_result()
    half = dataclasses.replace(result.layers[0].fractions, localist=0.5, neurons=8)
    named = dataclasses.replace(FIRST, name="$cost$")
    layers = (dataclasses.replace(result.layers[0], layer=named, fractions=half), result.layers[1])
    figure, ax = ni.plot_fractions(dataclasses.replace(result, layers=layers))
    points = {line.get_label(): line.get_xdata() for line in ax.lines}
    np.testing.assert_allclose(points["whole motif (localist; 95 % interval)"], [0.5, 1.0])
    np.testing.assert_allclose(points["relevant match, whole or partial"], [0.5, 1.0])
    np.testing.assert_allclose(points["whole motif by chance"], [0.0, 0.0])
    (intervals,) = ax.collections
    drawn = [segment[:, 0] for segment in intervals.get_segments()]
    np.testing.assert_allclose(drawn, [fraction_interval(0.5, 8), fraction_interval(1.0, 1)])
    (shaded,) = ax.patches
    assert shaded.get_y() == 0.5
    figure.canvas.draw()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "1  $cost$"
    assert labels[1].startswith(f"2  {HOSTILE_NAME[:12]}")


def test_fields_are_to_scale() -> None:
    _, ax = ni.plot_fields(example_result())
    drawn: dict[str, list[tuple[float, float]]] = {}
    for bars in ax.containers:
        spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
        drawn[bars.get_label()] = spans
    assert drawn == {
        "computed": [(-9.5, 9.5), (-14, 14), (-16, 16)],
        "measured": [(-9.5, 9.5), (-14, 11), (-16, 13)],
        "effective": [(-7.5, 7.5), (-10, 10)],
        "effective, your sequences": [(-6.5, 5.5)],
    }
    low, high = ax.get_xlim()
    assert low < -16
    assert high > 16
    assert [text.get_text() for text in ax.texts] == ["whole sequence"]


def test_fields_of_a_model_are_measured() -> None:
    _, ax = ni.plot_fields(ni.load("zoo:cnn-2"))
    computed, measured, effective = ax.containers
    assert [bar.get_width() for bar in computed] == [19, 28]
    assert [bar.get_width() for bar in measured] == [19, 28]
    assert all(0 < bar.get_width() < 28 for bar in effective)


@settings(max_examples=25)
@given(
    st.lists(st.floats(-30, 0), min_size=20, max_size=20),
    st.lists(st.integers(0, 50), min_size=20, max_size=20),
    st.integers(1, 20),
)
def test_histogram_shares_add_up(levels: list[float], counts: list[int], known: int) -> None:
    """What lies in the levels from b up is what lies above the lower edge of b, if known."""
    log2_level = np.array(sorted(levels, reverse=True))
    log2_level[known:] = np.nan
    profile = ActivationProfile(
        np.linspace(0.5, 4.5, 21), log2_level, np.array(counts), data_windows=2000
    )
    neuron = dataclasses.replace(example_result().layer(2).neuron(0), profile=profile)
    _, ax = ni.plot_histogram(neuron, ax=own_axes())
    model, data = ax.patches
    values, edges, _ = model.get_data()
    np.testing.assert_allclose(edges, profile.edges)
    above = np.nancumsum(values[::-1])[::-1]
    np.testing.assert_allclose(above[:known], np.exp2(log2_level[:known]), rtol=1e-9)
    assert np.isnan(values[known:]).all()
    np.testing.assert_allclose(np.nan_to_num(data.get_data()[0]) * 2000, counts)


def test_histogram_without_data_or_profile() -> None:
    neuron = example_result().layer(2).neuron(0)
    assert neuron.profile is not None
    alone = dataclasses.replace(neuron.profile, data_counts=None, data_windows=0)
    _, ax = ni.plot_histogram(dataclasses.replace(neuron, profile=alone))
    assert len(ax.patches) == 1
    with pytest.raises(DataError, match="layer 2, neuron 0 is of a run that did not keep"):
        ni.plot_histogram(dataclasses.replace(neuron, profile=None))
    with pytest.raises(DataError, match="layer 1, neuron 1 is dead"):
        ni.plot_histogram(example_result().layer(1).neuron(1))


def test_a_neurons_logos_stand_in_register() -> None:
    neuron = example_result().layer(2).neuron(0)
    figure, axes = ni.plot_neuron(neuron)
    titles = [ax.get_title(loc="left") for ax in axes]
    assert [title.split(" · ")[0] for title in titles] == [
        *("Mixture", "Part 1", "Part 0", "Your sequences")
    ]
    # CACGTG begins at position 12 (from 1) of the second part, at 11 of the first.
    places = [start - ax.get_xlim()[0] for ax, start in zip(axes[1:3], (12, 11), strict=True)]
    assert places[0] == places[1]
    assert len({np.diff(ax.get_xlim())[0] for ax in axes}) == 1
    marked = axes[1].lines[-1].get_xdata()
    match = neuron.part_matches(1)[0]
    assert tuple(marked) == (match.start + 0.5, match.end + 0.5)
    figure.canvas.draw()
    assert len(ni.plot_neuron(neuron, parts=1)[1]) == 3
    with pytest.raises(DataError, match="layer 1, neuron 1 is dead"):
        ni.plot_neuron(example_result().layer(1).neuron(1))


def test_syntax_is_to_scale() -> None:
    """Six bases, a gap of mostly 3, seven bases on the other strand, a gap of 2, six bases."""
    layer = example_result().layer(2)
    _, ax = ni.plot_syntax(SYNTAX[0], layer.dictionary)
    spans = [(min(xs), max(xs)) for xs in (patch.get_xy()[:, 0] for patch in ax.patches)]
    assert spans == [(0, 6), (9, 16), (18, 24)]
    texts = [text.get_text() for text in ax.texts]
    assert texts[-2:] == ["0 to 6", "2"]
    palindrome, arrow = ax.patches[0].get_xy(), ax.patches[1].get_xy()
    assert len(set(palindrome[:, 0])) == 2
    (tip,) = arrow[arrow[:, 1] == 0]
    assert tip[0] == 9
    with pytest.raises(UnknownNameError, match=r"layer2_data_motif0.*valid: layer2_motif0"):
        ni.plot_syntax(DATA_SYNTAX[0], layer.dictionary)


def test_overlapping_motifs_stand_apart() -> None:
    entries = [DictionaryMotif("a", np.eye(4)[[0, 1, 2, 3, 3]], 1.0, ())]
    starts = ((0, 0),) * 3
    spacings = (Spacing(-2, -2, -2), Spacing(1, 1, 1))
    syntax = Syntax(1, 0, 1.0, ("a",) * 3, ("+",) * 3, starts, spacings, 1.0, float("nan"))
    _, ax = ni.plot_syntax(syntax, entries)
    boxes = [patch.get_xy() for patch in ax.patches]
    assert [box[:, 0].min() for box in boxes] == [0, 3, 9]
    assert boxes[1][:, 1].min() > boxes[0][:, 1].max()
    assert boxes[2][:, 1].min() == boxes[0][:, 1].min()
