"""Panels of logos: letter heights, what stands where, and the files."""

from __future__ import annotations

import re
import sys
from functools import cache
from xml.etree import ElementTree

import logomaker
import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline
from scipy.stats import entropy

from neuroninterp.errors import OutputError
from neuroninterp.motifs.information import reverse_complement
from zoo.figures import LogoColumn, check_path, draw_panel, panel

REPORT_COLOURS = {"A": "#1b7f3b", "C": "#1f5fc4", "G": "#d98200", "T": "#c8322b"}
TOO_LOW = 0.02
"""Bits below which no letter is drawn."""


def random_ppms(count, width, seed=0, concentration=0.3):
    return np.random.default_rng(seed).dirichlet(np.full(4, concentration), (count, width))


def column(title="CNN-25", *, filters=3, width=19, labels=None, seed=0):
    ppms = random_ppms(filters, width, seed)
    return LogoColumn(title, "auROC 0.973", ppms, labels or ("",) * filters)


def truth(widths=(6, 15), seed=1):
    motifs = [random_ppms(1, width, seed + width)[0] for width in widths]
    return [(f"TF{i}", ppm, reverse_complement(ppm)) for i, ppm in enumerate(motifs)]


def letter_patches(axes):
    return {patch.get_label(): patch for patch in axes.patches}


def expected_heights(ppm):
    """Return p * (2 - H), by SciPy's entropy."""
    return ppm * (2 - entropy(ppm, base=2, axis=1))[:, None]


# --- letters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_letters_are_as_high_as_their_share_of_the_information(seed):
    ppms = random_ppms(3, 11, seed, concentration=(0.05, 0.3, 1, 5)[seed])
    figure = panel([LogoColumn("net", "", ppms[:1], ("",))], [("TF", ppms[1], ppms[2])])
    assert len(figure.axes) == 3
    for axes, ppm in zip(figure.axes, ppms, strict=True):
        heights = expected_heights(ppm)
        patches = letter_patches(axes)
        for index, base in enumerate("ACGT"):
            positions = np.flatnonzero(heights[:, index] >= TOO_LOW)
            if not len(positions):
                assert base not in patches
                continue
            path = patches[base].get_path()
            letters = zip(
                positions,
                np.split(path.vertices, len(positions)),
                np.split(path.codes, len(positions)),
                strict=True,
            )
            for position, vertices, codes in letters:
                box = Outline(vertices, codes).get_extents()
                height = heights[position, index]
                lower = heights[position][heights[position] < height].sum()
                assert box.y0 == pytest.approx(lower, abs=1e-9)
                assert box.height == pytest.approx(height, rel=1e-9)
                assert (box.x0 + box.x1) / 2 == pytest.approx(position, abs=1e-9)
                assert box.width <= 1


def test_letters_are_logomakers():
    ppm = random_ppms(1, 19)[0]
    heights = expected_heights(ppm)
    axes = Figure().add_axes((0, 0, 1, 1))
    frame = pd.DataFrame(heights, columns=list("ACGT"))
    theirs = logomaker.Logo(frame, ax=axes, color_scheme=REPORT_COLOURS, font_name="DejaVu Sans")
    ours = letter_patches(panel([LogoColumn("net", "", ppm[None], ("",))], []).axes[0])
    for index, base in enumerate("ACGT"):
        drawn = np.flatnonzero(heights[:, index] >= TOO_LOW)
        glyphs = [theirs.glyph_df.loc[position, base].patch for position in drawn]
        expected = np.concatenate([glyph.get_path().vertices for glyph in glyphs])
        np.testing.assert_allclose(ours[base].get_path().vertices, expected, atol=1e-9)
        assert to_hex(ours[base].get_facecolor()) == REPORT_COLOURS[base]
        assert to_hex(glyphs[0].get_facecolor()) == REPORT_COLOURS[base]


def test_filter_that_is_never_active_draws_nothing():
    flat, sharp = np.full((19, 4), 0.25, dtype=np.float32), np.eye(4, dtype=np.float32)[[0] * 19]
    axes = panel([LogoColumn("net", "", [flat, sharp], ("", ""))], []).axes
    assert letter_patches(axes[0]) == {}
    assert list(letter_patches(axes[1])) == ["A"]


# --- what stands where -----------------------------------------------------------------------


def test_every_filter_and_motif_has_one_axes_in_order():
    first = column("CNN-2", filters=2, labels=("", "SP1"))
    second = column("CNN-25", filters=3, labels=("MAX", "", "YY1"), seed=5)
    figure = panel([first, second], truth())
    names = [f"CNN-2: filter {i}" for i in range(2)] + [f"CNN-25: filter {i}" for i in range(3)]
    names += ["TF0: forward", "TF0: rc", "TF1: forward", "TF1: rc"]
    assert [axes.get_label() for axes in figure.axes] == names
    shown = [axes.get_ylabel() for axes in figure.axes]
    assert shown == ["", "SP1", "MAX", "", "YY1", "TF0", "", "TF1", ""]
    small = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert small == [["0"], ["1"], ["0"], ["1"], ["2"], [], ["rc"], [], ["rc"]]
    headings = [text.get_text() for text in figure.texts]
    assert [title for title in headings if title in ("CNN-2", "CNN-25", "Ground truth")] == [
        "CNN-2",
        "CNN-25",
        "Ground truth",
    ]


def test_all_axes_have_the_same_scale():
    columns = [column(width=width, seed=width) for width in (3, 9, 19)]
    figure = panel(columns, truth())
    inches = figure.get_size_inches()
    scales = set()
    for axes in figure.axes:
        assert axes.get_ylim() == (0, 2)
        width, height = axes.get_position().size * inches
        scales.add((round(width / np.ptp(axes.get_xlim()), 9), round(height, 9)))
    assert len(scales) == 1


PAPER = ((30, 19),) * 3


@cache
def flat_figure(shapes):
    """Draw networks of so many filters so wide, all labelled, with 12 planted motifs."""
    columns = [
        LogoColumn(
            f"network {i}",
            "relevant 0.97 (any 1.00), auROC 0.973",
            np.full((filters, width, 4), 0.25),
            ("MEF2A", "a name that is too long")[i % 2 : i % 2 + 1] * filters,
        )
        for i, (filters, width) in enumerate(shapes)
    ]
    flat = [np.full((width, 4), 0.25) for width in range(6, 18)]
    return panel(columns, [(f"TF{i}", ppm, ppm) for i, ppm in enumerate(flat)])


@pytest.mark.parametrize(
    "shapes",
    [PAPER, ((90, 19),), ((1, 3),), ((10, 9), (12, 3), (11, 19), (7, 43))],
    ids=str,
)
def test_nothing_overlaps_and_nothing_leaves_the_figure(shapes):
    figure = flat_figure(shapes)
    texts = [*figure.texts]
    for axes in figure.axes:
        texts += [*axes.texts, axes.yaxis.label]
    boxes = [axes.get_window_extent() for axes in figure.axes]
    boxes += [text.get_window_extent() for text in texts if text.get_text()]
    corners = np.array([box.extents for box in boxes])
    low, high = corners[:, :2] + 0.01, corners[:, 2:] - 0.01
    assert (low >= 0).all()
    assert (high <= figure.bbox.extents[2:]).all()
    overlap = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=2)
    assert overlap.sum() == len(boxes)  # each with itself
    width, height = figure.get_size_inches()
    assert 0.5 < width / height < 2


def test_figure_of_the_paper_is_three_even_blocks():
    places = np.array([axes.get_position().p0 for axes in flat_figure(PAPER).axes[:90]]).round(6)
    lefts, counts = np.unique(places[:, 0], return_counts=True)
    assert len(set(counts)) == 1
    assert len(lefts) in (6, 9)
    for block in np.split(places, 3):
        # Read downwards, then to the right, in the order of the filters.
        assert np.array_equal(np.lexsort((-block[:, 1], block[:, 0])), np.arange(30))


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["svg", "png", "pdf", "PNG"])
def test_same_picture_is_the_same_file(tmp_path, ending):
    columns = [column(labels=("MAX", "", ""))]
    first = draw_panel(columns, truth(), tmp_path / f"first.{ending}", dpi=60)
    assert first == tmp_path / f"first.{ending}"
    settings = dict(matplotlib.rcParams)
    other = {"font.size": 30, "svg.fonttype": "none", "figure.facecolor": "red", "axes.grid": True}
    with matplotlib.rc_context(other):
        second = draw_panel(columns, truth(), str(tmp_path / f"second.{ending}"), dpi=60)
        assert matplotlib.rcParams["font.size"] == 30
    assert dict(matplotlib.rcParams) == settings
    magic = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[ending.lower()]
    assert first.read_bytes().startswith(magic)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.name, second.name]


def test_drawing_leaves_pyplot_alone(tmp_path):
    draw_panel([column()], truth(), tmp_path / "figure.png", dpi=40)
    assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_markup_stays_text(tmp_path):
    title, subtitle, label = "<b>$x^2$</b> & -->", r"$\frac{1$ <script>", "<i>$a$"
    text = LogoColumn(title, f"{subtitle}\n\x07", random_ppms(1, 9), (label,))
    motif = random_ppms(1, 6)[0]
    figure = panel([text], [("$_$<u>", motif, motif)])
    shown = [item.get_text() for item in figure.texts]
    assert title in shown
    assert f"{subtitle}??" in shown
    assert [axes.get_ylabel() for axes in figure.axes] == [label, "$_$<u>", ""]
    labels = [axes.yaxis.label for axes in figure.axes]
    texts = [item for item in (*figure.texts, *labels) if item.get_text()]
    assert not any(item.get_parse_math() for item in texts)
    path = draw_panel([text], [], tmp_path / "figure.svg")
    tags = {element.tag.split("}")[-1] for element in ElementTree.parse(path).iter()}
    assert tags.isdisjoint({"b", "i", "u", "script"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("figure.jpg", ["figure.jpg", "'.jpg'", ".svg, .png, .pdf"]),
        ("figure", ["figure", "''", ".svg, .png, .pdf"]),
        ("no\nwhere/figure.svg", ["figure.svg", "there is no folder", "no where", "make it first"]),
        ("folder.svg", ["cannot write", "folder.svg"]),
    ],
)
def test_file_that_cannot_be_written_is_told_in_one_line(tmp_path, name, words):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(OutputError) as caught:
        draw_panel([column(filters=1)], [], tmp_path / name)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]
    if "cannot write" not in words:  # a name that is a folder's shows when it is written
        with pytest.raises(OutputError, match=re.escape(message)):
            check_path(tmp_path / name)


def test_what_cannot_be_drawn_is_refused():
    good = random_ppms(2, 19)
    with pytest.raises(ValueError, match="CNN-2: 1 labels for 2 filters"):
        LogoColumn("CNN-2", "", good, ("",))
    with pytest.raises(ValueError, match="CNN-2: no filters"):
        LogoColumn("CNN-2", "", good[:0], ())
    with pytest.raises(ValueError, match=r"filter 1: expected a PPM .* found \(4, 19\)"):
        LogoColumn("CNN-2", "", [good[0], good[1].T], ("", ""))
    for bad in (good * 2, good - 0.5, np.full_like(good, np.nan)):
        with pytest.raises(ValueError, match="filter 0: expected probabilities"):
            LogoColumn("CNN-2", "", bad, ("", ""))
    with pytest.raises(ValueError, match="no networks"):
        panel([], truth())
    with pytest.raises(ValueError, match="planted motif SP1: expected probabilities"):
        panel([column()], [("SP1", good[0], good[1] * 3)])
