"""What must hold of every model that is understood, measured on the model's own runtime."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np

from neuroninterp.fields.receptive_field import required_intervals
from neuroninterp.graph import Constant
from neuroninterp.models import Model
from neuroninterp.models.layout import from_layout

from .case import Case, Layer, Passed

__all__ = ["check_fields", "check_table", "check_trunks"]

_SEQUENCES = 8
_EVERY_POSITION = 120
"""Longest input (bp) of which every position is substituted; of longer ones, a sample."""
_SILENT = 1e-6
"""Largest change, relative to the layer's largest value, that is arithmetic noise."""
_EXACT = 1e-4


def check_table(case: Case, model: Model) -> None:
    """Names, fields, jumps and directions are those of the case; so are the reasons."""
    numbered = list(enumerate(case.layers, start=1))
    understood = [(i, row) for i, row in numbered if isinstance(row, Layer)]
    passed = [(i, row) for i, row in numbered if isinstance(row, Passed)]
    found = [(f.number, f.receptive_field, f.jump, f.direction) for f in model.layers]
    expected = [(i, row.field, row.jump, row.direction) for i, row in understood]
    assert found == expected, (model.layers, expected)
    blocked = [(b.number, b.whole_sequence) for b in model.blocked]
    assert blocked == [(i, row.whole_sequence) for i, row in passed], model.blocked
    for convolutions, those in ((model.layers, understood), (model.blocked, passed)):
        for convolution, (_, row) in zip(convolutions, those, strict=True):
            assert fnmatchcase(convolution.name, row.name), (convolution.name, row.name)
    for convolution, (_, row) in zip(model.blocked, passed, strict=True):
        assert row.reason in convolution.reason, convolution.reason
    if case.layout:
        assert model.layout.label == case.layout, model.layout
    for note in case.notes:
        assert any(note in said for said in model.notes), (note, model.notes)


def check_fields(model: Model, *, seed: int = 0) -> None:
    """A base outside a neuron's field changes nothing, one at either of its ends something.

    Of a central output position of every layer, over several random sequences and all of the
    layer's neurons, on the model's own runtime.
    """
    codes = _sequences(model, seed)
    length = codes.shape[1]
    changed = _substituted(codes, np.arange(length))
    original = _tapped(model, codes)
    positions = [values.shape[1] // 2 for values in original.values()]
    probed = _probed(model, positions, length)
    batch = np.concatenate([changed[at] for at in probed])
    variants = _tapped(model, batch)
    for layer, position in zip(model.layers, positions, strict=True):
        base = original[layer.number]
        moved = variants[layer.number].reshape(len(probed), *base.shape)
        effect = np.abs(moved[:, :, position] - base[None, :, position]).max(axis=(1, 2))
        effect /= np.abs(base).max()
        first, after = layer.interval(position)
        inside = {at for at in probed if first <= at < after}
        silent = [at for at, size in zip(probed, effect, strict=True) if size <= _SILENT]
        heard = set(probed) - set(silent)
        assert heard <= inside, (layer.name, "is reached from", sorted(heard - inside))
        for end in {max(first, 0), min(after, length) - 1}:
            assert end in heard, (layer.name, "is not reached from", end)


def check_trunks(model: Model, *, seed: int = 1) -> None:
    """A layer's trunk on one window gives what the full model gives at that position."""
    codes = _sequences(model, seed)
    original = _tapped(model, codes)
    checked = 0
    for layer in model.layers:
        values = original[layer.number]
        interior = [p for p in range(values.shape[1]) if _is_interior(model, layer.number, p)]
        if not interior:
            continue
        checked += 1
        chosen = np.unique(np.linspace(0, len(interior) - 1, 5).astype(int))
        scale = np.abs(values).max()
        windows, expected = [], []
        for position in (interior[i] for i in chosen):
            first, after = layer.interval(position)
            windows.append(codes[:, first:after])
            expected.append(values[:, position])
        found = model.trunk(layer.number).values(np.concatenate(windows))
        difference = np.abs(found - np.concatenate(expected)).max() / scale
        assert difference <= _EXACT, (layer.name, difference)
    assert checked, "no layer has an interior position: lengthen the case's input"


def _sequences(model: Model, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, (_SEQUENCES, model.reference_length)).astype(np.uint8)


def _substituted(codes: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return, a position, all sequences with another base there; (positions, N, L)."""
    variants = np.repeat(codes[None], len(positions), axis=0)
    shift = 1 + np.arange(len(codes)) % 3
    for row, at in zip(variants, positions, strict=True):
        row[:, at] = (row[:, at] + shift) % 4
    return variants


def _probed(model: Model, positions: list[int], length: int) -> list[int]:
    """Return the input positions to substitute."""
    if length <= _EVERY_POSITION:
        return list(range(length))
    probed = {0, length - 1, *np.linspace(0, length - 1, 24).astype(int).tolist()}
    for layer, position in zip(model.layers, positions, strict=True):
        first, after = layer.interval(position)
        probed |= {first - 1, first, after - 1, after}
    return sorted(at for at in probed if 0 <= at < length)


def _tapped(model: Model, codes: np.ndarray) -> dict[int, np.ndarray]:
    """Return each layer's values on the model's own runtime, (N, positions, neurons)."""
    inputs = model.layout.to_file(np.eye(4, dtype=np.float32)[codes])
    taps = [model.taps[model.layer_nodes(layer.number).value] for layer in model.layers]
    tensors = model.runtime.tap(inputs, taps)
    return {
        layer.number: from_layout(np.asarray(tensor, np.float32), tap.axes)
        for layer, tap, tensor in zip(model.layers, taps, tensors, strict=True)
    }


def _is_interior(model: Model, number: int, position: int) -> bool:
    """Whether a neuron sees none of the zeros that padding adds, in any tensor below it."""
    intervals = required_intervals(model.graph, model.layer_nodes(number).value, position)
    for name, (first, last) in intervals.items():
        node = model.graph[name]
        length = node.length
        if length is None:
            assert isinstance(node, Constant), name
            continue
        if first < 0 or last >= length:
            return False
    return True
