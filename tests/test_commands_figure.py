"""Logos for print: exact letters, parts in register, what is named and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Run, assert_one_line
from example_result import example_result, ppm_of
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from neuroninterp.report import logo
from neuroninterp.report.panel import Chosen, choose_neurons, neuron_panel
from neuroninterp.report.saving import save_print
from neuroninterp.report.vector_logo import COLOURS
from neuroninterp.results import write_results

RESULT = example_result()


def letters(ax: Any) -> dict[tuple[int, str], float]:
    """Height (bits) of every letter drawn, by its position on the axis and its base."""
    bases = {colour: base for base, colour in COLOURS.items()}
    found = {}
    for patch in ax.patches:
        box = patch.get_extents().transformed(ax.transData.inverted())
        found[round((box.x0 + box.x1) / 2), bases[to_hex(patch.get_facecolor())]] = box.height
    return found


def expected(ppm: np.ndarray, first: int, correction: float = 0.0) -> dict[tuple[int, str], float]:
    """The same from the definition, a letter at a time."""
    found = {}
    for position, row in enumerate(ppm, start=first):
        bits = 2 + sum(p * math.log2(p) for p in row if p > 0) - correction
        for base, p in zip("ACGT", row, strict=True):
            if p * bits >= 0.01:
                found[position, base] = p * bits
    return found


@pytest.mark.parametrize("n_sequences", [None, 7])
def test_letters_are_as_tall_as_their_bits(n_sequences: int | None) -> None:
    ppm = np.random.default_rng(3).dirichlet([0.3] * 4, size=9)
    ppm[4] = [0.4, 0.3, 0.2, 0.1]
    _, ax = logo(ppm, ax=Figure().add_subplot(), first=5, n_sequences=n_sequences)
    correction = 3 / (2 * math.log(2) * n_sequences) if n_sequences else 0.0
    wanted = expected(ppm, 5, correction)
    assert letters(ax) == pytest.approx(wanted, abs=1e-9)
    assert any(position == 9 for position, _ in wanted) == (n_sequences is None)


def test_a_flat_motif_is_an_empty_logo() -> None:
    _, ax = logo(np.full((3, 4), 0.25), ax=Figure().add_subplot())
    assert letters(ax) == {}
    assert (ax.get_xlim(), ax.get_ylim()) == ((0.5, 3.5), (0, 2))


def test_parts_stand_in_register_below_their_mixture() -> None:
    chosen = choose_neurons(RESULT, [Chosen(2, 0, None)], mixture=True)
    figure = neuron_panel(chosen)
    neuron = RESULT.layers[1].neurons[0]
    assert neuron.mixture is not None
    motifs = (neuron.mixture, *neuron.parts)
    assert len(figure.axes) == 3
    for ax, motif in zip(figure.axes, motifs, strict=True):
        # Axes count the receptive field's positions from 1, whatever is shown of it.
        drawn = letters(ax)
        wanted = {key: bits for key, bits in expected(motif.ppm, 1).items() if key in drawn}
        assert drawn == pytest.approx(wanted, abs=1e-9)
        assert len(drawn) >= 4 * 6
    # On paper the second part's motif, one position on, stands below the first's.
    left = [
        ax.transData.transform((first, 0))[0]
        for ax, first in zip(figure.axes[1:], (11, 12), strict=True)
    ]
    assert left[0] == pytest.approx(left[1])
    widths = [ax.get_window_extent().width / np.ptp(ax.get_xlim()) for ax in figure.axes]
    assert widths == pytest.approx([widths[0]] * 3)
    texts = [text.get_text() for text in figure.texts]
    assert texts == [
        "Layer 2, neuron 0",
        "mixture: MAX (MA0058.3), E = 5.0e-02",
        "part 0, 60 %: MAX (MA0058.3), E = 1.0e-04",
        "part 1, 40 %: MAX (MA0058.3), E = 3.0e-08",
    ]
    assert [text.get_position()[1] for text in figure.texts] == sorted(
        (text.get_position()[1] for text in figure.texts), reverse=True
    )


def test_a_far_shift_and_a_wide_field_are_drawn() -> None:
    neuron = RESULT.layers[1].neurons[0]
    wide = ppm_of("CACGTG", 300, 5), ppm_of("CACGTG", 300, 280)
    parts = tuple(
        replace(part, ppm=ppm, shift=shift)
        for part, ppm, shift in zip(neuron.parts, wide, (0, -10), strict=True)
    )
    layer = replace(RESULT.layers[1], neurons=(replace(neuron, parts=parts),))
    result = replace(RESULT, layers=(layer,))
    figure = neuron_panel(choose_neurons(result, [Chosen(2, None, None)]))
    assert [np.ptp(ax.get_xlim()) for ax in figure.axes] == [60, 60]


def test_neurons_are_named_and_fill_a_grid(tmp_path: Path, run_here: Run) -> None:
    write_results(RESULT, tmp_path / "run")
    svg, again = tmp_path / "panel.svg", tmp_path / "again.svg"
    arguments = ("figure", tmp_path / "run", "1:*", "2:0:1", "1:0", "--columns", 2)
    done = run_here(*arguments, "-o", svg)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"wrote {svg}\n"
    assert run_here(*arguments, "-o", again).returncode == 0
    text = svg.read_text()
    assert text == again.read_text()
    # Of layer 1 the dead neuron is left out; names from files stay text.
    assert text.count("Layer 1, neuron 0</text>") == 2
    assert text.count("Layer 2, neuron 0</text>") == 1
    assert "part 1, 40 %: MAX (MA0058.3), E = 3.0e-08</text>" in text
    assert "<script>" not in text
    assert "<img" not in text
    for ending, start in ((".pdf", b"%PDF"), (".png", b"\x89PNG")):
        path = tmp_path / f"panel{ending}"
        assert run_here("figure", tmp_path / "run", "1:0", "-o", path).returncode == 0
        assert path.read_bytes().startswith(start)
    # No journal takes fonts of Type 3.
    assert b"/Type3" not in (tmp_path / "panel.pdf").read_bytes()


def test_a_picture_as_tall_as_no_png_can_be_has_fewer_dots(tmp_path: Path) -> None:
    figure = Figure(figsize=(0.5, 500))
    save_print(figure, tmp_path / "tall.png")
    head = (tmp_path / "tall.png").read_bytes()[16:24]
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
    assert 60_000 < height < 2**16
    assert width == height // 1000


def test_wrong_input_gets_one_line(tmp_path: Path, run_here: Run) -> None:
    write_results(RESULT, tmp_path / "run")
    output = tmp_path / "panel.svg"
    cases: list[tuple[tuple[object, ...], tuple[str, ...]]] = [
        ((tmp_path / "run",), ("NEURON",)),
        ((tmp_path / "absent", "1:0"), ("absent",)),
        ((tmp_path / "run", "1"), ("'1'", "2:7")),
        ((tmp_path / "run", "1:x"), ("'1:x'", "2:7")),
        ((tmp_path / "run", "3:0"), ("layer '3'", "layers 1-2")),
        ((tmp_path / "run", "1:7"), ("neuron of layer 1 '7'", "channels 0-1")),
        ((tmp_path / "run", "1:1"), ("layer 1, neuron 1", "never active")),
        ((tmp_path / "run", "2:0:2"), ("part", "'2'", "parts 0-1")),
    ]
    for arguments, words in cases:
        assert_one_line(run_here("figure", *arguments, "-o", output), *words)
    wrong = tmp_path / "panel.jpeg"
    assert_one_line(run_here("figure", tmp_path / "run", "1:0", "-o", wrong), ".svg or .png")
    nowhere = tmp_path / "no" / "panel.svg"
    assert_one_line(run_here("figure", tmp_path / "run", "1:0", "-o", nowhere), "no folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
