"""ONNX files as exporters wrote them, committed under ``tests/fixtures/onnx``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from .case import Case, Layer, Passed

__all__ = ["CASES"]

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "onnx"

EXPORTERS = {
    "torchscript": "ONNX, PyTorch (TorchScript)",
    "dynamo": "ONNX, PyTorch (dynamo)",
}


def copied(name: str) -> Callable[[Path], Path]:
    """Return what copies a committed file."""

    def build(folder: Path) -> Path:
        return Path(shutil.copy(FOLDER / name, folder / "model.onnx"))

    return build


def convolutions(name: str) -> list[str]:
    """Return the names of the file's convolutions, in its order."""
    model = onnx.load(FOLDER / name, load_external_data=False)
    return [node.name for node in model.graph.node if node.op_type == "Conv"]


def layers_of(name: str, expected: tuple[Any, ...]) -> tuple[Layer | Passed, ...]:
    """Give the file's names to fields ``(field, jump, direction)`` and to reasons (texts)."""
    found: list[Layer | Passed] = []
    for convolution, row in zip(convolutions(name), expected, strict=True):
        if isinstance(row, tuple):
            found.append(Layer(convolution, *row))
        else:
            found.append(Passed(convolution, row, whole_sequence=row in WHOLE))
    return tuple(found)


WHOLE = ("sees the whole sequence",)
(SEES_ALL,) = WHOLE

EXPECTED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "activations": (
        "activations: GELU, SiLU, HardSwish, PReLU, Mish, SELU, …",
        tuple((3 + 2 * i, 1) for i in range(13)),
    ),
    "after_flatten": ("convolution after a flatten", ((5, 1), SEES_ALL)),
    "any_length": ("no fixed length, strides and padding", ((6, 2), (34, 6))),
    "attention": ("multi-head attention above", ((7, 1), SEES_ALL)),
    "average_pools": ("average pools, padding counted and not", ((5, 1), (12, 2), (28, 6))),
    "basenji": (
        "Basenji: tower, dilated residual blocks, crop",
        ((7, 1), (16, 2), (26, 4), (42, 4), (42, 4)),
    ),
    "basset": ("convolution, batch norm, max pool", ((9, 1), (23, 3))),
    "basset_2d": ("Basset on (N, 4, L, 1)", ((9, 1), (23, 3))),
    "ceil_mode": ("max pools, ceil_mode and dilated", ((6, 1), (15, 3), (33, 6))),
    "channel_norm": ("layer normalisation over the channels", ((7, 1), (9, 1))),
    "chrombpnet": (
        "ChromBPNet: valid dilated, skip branch cropped",
        ((9, 1), (13, 1), (21, 1), (31, 1)),
    ),
    "deepsea": ("DeepSEA on (N, 4, 1, L)", ((8, 1), (39, 4))),
    "fixed_batch": ("fixed batch of 1", ((9, 1), (23, 3))),
    "inception": ("inception branches", ((1, 1), (5, 1), (9, 1), (3, 1), (14, 2))),
    "normalised_over_length": ("normalisation over the length", ((5, 1), SEES_ALL)),
    "padded": ("zero and reflected padding, a slice with a step", ((5, 1), (7, 1), (9, 2))),
    "recoded": ("alphabet recoding wrapper", ((7, 1), (15, 3))),
    "recurrent": ("LSTM above (DanQ)", ((7, 1),)),
    "same_dilated": ("padding 'same' with dilation", ((13, 1), (19, 1), (21, 1))),
    "separable": ("depthwise-separable blocks", ((5, 1), (5, 1), (18, 2), (18, 2))),
    "six_channels": ("more than four channels", ((7, 1), (15, 3))),
    "spliceai": (
        "SpliceAI: dilated residual, cropped, no fixed length",
        ((1, 1), (1, 1), (5, 1), (9, 1), (9, 1), (17, 1), (25, 1), (25, 1), (25, 1)),
    ),
    "squeeze_and_excite": ("squeeze-and-excite gate", ((7, 1), SEES_ALL)),
    "stacked_strands": ("reverse complement stacked on the batch", ((7, 1), (15, 3))),
    "transposed": ("transposed convolution above", ((4, 2), "ConvTranspose")),
    "two_inputs": ("several inputs", ((7, 1), (15, 3))),
    "two_strands": (
        "reverse complement in a branch of its own",
        ((7, 1), (15, 3), (7, 1, -1), (15, 3, -1)),
    ),
    "upsampled": ("upsampling above", ((4, 2), "Resize")),
}

DEEPSEA = ((8, 1), (39, 4), (163, 16))
PUBLISHED: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "deepsea": ("twin of Kipoi's DeepSEA, the network alone", "(N, 4, 1, L)", DEEPSEA),
    "deepsea-predict": ("twin of Kipoi's DeepSEA, recoded, both strands", "(N, 4, 1, L)", DEEPSEA),
    "deepsea-variant-effects": ("twin of Kipoi's DeepSEA, recoded", "(N, 4, 1, L)", DEEPSEA),
    "beluga": (
        "twin of ExPecto's Beluga",
        "(N, 4, 1, L)",
        ((8, 1), (15, 1), (46, 4), (74, 4), (198, 16), (310, 16)),
    ),
    "basset": ("twin of Kipoi's Basset", "(N, 4, L, 1)", ((19, 1), (51, 3), (132, 12))),
}
"""Narrow twins of published files, by architecture of ``examples/export_pytorch.py``."""

EXTRA: dict[str, dict[str, Any]] = {
    "basset_2d": {"layout": "(N, 4, L, 1)"},
    "deepsea": {"layout": "(N, 4, 1, L)"},
    "six_channels": {"layout": "(N, 6, L)", "notes": ("channels 5-6 are no bases",)},
    "two_inputs": {
        "notes": ("'signal' is held at 0.5", "'tissue' is held at 0"),
        "options": {"held": {"signal": 0.5}},
    },
}

CASES = [
    Case(
        feature=feature,
        form=form,
        build=copied(f"{exporter}/{name}.onnx"),
        layers=layers_of(f"{exporter}/{name}.onnx", expected),
        **EXTRA.get(name, {}),
    )
    for name, (feature, expected) in EXPECTED.items()
    for exporter, form in EXPORTERS.items()
]
CASES += [
    Case(
        feature=feature,
        form=form,
        build=copied(f"published/{exporter}/{name}.onnx"),
        layers=layers_of(f"published/{exporter}/{name}.onnx", expected),
        layout=layout,
    )
    for name, (feature, layout, expected) in PUBLISHED.items()
    for exporter, form in EXPORTERS.items()
]
CASES += [
    Case(
        feature="residual, dilated, causal and same padding",
        form="ONNX, Keras export",
        build=copied("keras_branched.onnx"),
        layers=layers_of("keras_branched.onnx", ((7, 1), (26, 4), (34, 4), (34, 4))),
    ),
    Case(
        feature="Conv2D with a dummy axis",
        form="ONNX, tf2onnx",
        build=copied("tf2onnx_two_dimensional.onnx"),
        layers=layers_of("tf2onnx_two_dimensional.onnx", ((7, 1), (21, 10))),
        layout="(N, L, 1, 4)",
    ),
    Case(
        feature="int8, QuantizeLinear and DequantizeLinear",
        form="ONNX, onnxruntime.quantization",
        build=copied("quantized.onnx"),
        layers=layers_of("quantized.onnx", ((9, 1), (23, 3))),
    ),
]
