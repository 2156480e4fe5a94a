"""ONNX files written operation by operation: what each must be read as."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .case import Case, Layer, Passed, rows
from .onnx_networks import (
    Maker,
    branching,
    external,
    in_layout,
    padded,
    pooled,
    through,
    two_layers,
    written,
)

__all__ = ["CASES", "ONNX"]

ONNX = "ONNX, by hand"
OPSETS = (7, 9, 11, 13, 15, 18, 22)
LAYOUTS = {
    "NLC": "(N, L, 4)",
    "NCL": "(N, 4, L)",
    "NC1L": "(N, 4, 1, L)",
    "NCL1": "(N, 4, L, 1)",
    "N1CL": "(N, 1, 4, L)",
    "N1LC": "(N, 1, L, 4)",
    "NLC1": "(N, L, 4, 1)",
}


def understood(feature: str, maker: Maker | str, *layers: Layer | Passed, **rest: Any) -> Case:
    return Case(feature=feature, form=ONNX, build=written(maker), layers=layers, **rest)


def pair(
    second: str, field: int = 7, jump: int = 1, *, first: int = 5, step: int = 1
) -> tuple[Layer, ...]:
    """Return the layers ``Conv_0`` and ``second``."""
    return rows(("Conv_0", first, step), (second, field, jump))


def between(feature: str, *steps: Any, opset: int = 17) -> Case:
    """Operations between a convolution of 5 and one of 3 that leave positions as they are."""
    maker = partial(through, *steps, opset=opset)
    return understood(feature, maker, *pair(f"Conv_{len(steps) + 1}"))


def passed(feature: str, maker: Maker, operation: str, *, whole: bool = False) -> Case:
    """A second convolution, ``Conv_2``, that an operation between the two blocks."""
    blocked = Passed("Conv_2", f"operation {operation!r} at node '{operation}_1'", whole)
    return understood(feature, maker, Layer("Conv_0", 5), blocked)


CASES = [
    *(
        understood(f"opset {opset}", partial(two_layers, opset), *pair("Conv_4", 15, 3, first=7))
        for opset in OPSETS
    ),
    *(
        understood(
            f"layout {label}",
            partial(in_layout, axes),
            *rows(
                (f"Conv_{len(axes) - 3 + (axes.replace('1', '') == 'NLC')}", 5),
                (f"Conv_{len(axes) - 1 + (axes.replace('1', '') == 'NLC')}", 7),
            ),
            layout=label,
        )
        for axes, label in LAYOUTS.items()
    ),
    understood("auto_pad VALID", partial(padded, "VALID"), *pair("Conv_2", 8, first=6)),
    *(
        understood(
            f"auto_pad {mode}, strided",
            partial(padded, mode, stride=4),
            *pair("Conv_2", 14, 4, first=6, step=4),
        )
        for mode in ("SAME_UPPER", "SAME_LOWER")
    ),
    understood(
        "auto_pad SAME_UPPER, dilated (ONNX Runtime refuses it as it is)",
        partial(padded, "SAME_UPPER", kernel=4, dilation=3),
        *pair("Conv_2", 12, first=10),
    ),
    understood(
        "MaxPool, ceil_mode",
        partial(pooled, "MaxPool", kernel_shape=[4], strides=[3], ceil_mode=1),
        *pair("Conv_3", 14, 3),
    ),
    understood(
        "MaxPool, auto_pad SAME_LOWER",
        partial(pooled, "MaxPool", kernel_shape=[4], strides=[3], auto_pad="SAME_LOWER"),
        *pair("Conv_3", 14, 3),
    ),
    understood(
        "MaxPool, dilated",
        partial(pooled, "MaxPool", kernel_shape=[3], strides=[2], dilations=[2]),
        *pair("Conv_3", 13, 2),
    ),
    *(
        understood(
            f"AveragePool, count_include_pad {counted}",
            partial(
                pooled,
                "AveragePool",
                kernel_shape=[4],
                strides=[2],
                pads=[2, 1],
                count_include_pad=counted,
            ),
            *pair("Conv_3", 12, 2),
        )
        for counted in (0, 1)
    ),
    between("Clip, bounds as attributes", ("Clip", {"min": 0.0, "max": 2.0}), opset=7),
    between("Clip, bounds as inputs", ("Clip", np.float32(-1), np.float32(2), {})),
    between("HardSwish", ("HardSwish", {})),
    between("HardSigmoid", ("HardSigmoid", {"alpha": 0.25, "beta": 0.4})),
    between(
        "PRelu, a slope a channel", ("PRelu", np.linspace(0.1, 0.6, 6, dtype="f4")[:, None], {})
    ),
    between("PRelu, one slope", ("PRelu", np.array([0.2], "f4"), {})),
    between("Mish", ("Mish", {}), opset=18),
    between("Selu, Softsign", ("Selu", {}), ("Softsign", {})),
    between("Celu", ("Celu", {"alpha": 0.8})),
    between("Softmax over the channels", ("Softmax", {"axis": 1})),
    understood("Erf-style GELU", "erf_gelu", *pair("Conv_6")),
    between(
        "Mul and Add left over from batch norm",
        ("Mul", np.linspace(-1, 1.5, 6, dtype="f4")[:, None], {}),
        ("Add", np.linspace(-1, 1, 6, dtype="f4")[:, None], {}),
        ("Relu", {}),
    ),
    understood(
        "Pad with zeros, and with a reflection",
        partial(
            through,
            ("Pad", np.array([0, 0, 2, 0, 0, 1], np.int64), {}),
            ("Pad", np.array([0, 0, 2, 0, 0, 2], np.int64), {"mode": "reflect"}),
        ),
        *pair("Conv_3"),
    ),
    understood(
        "Pad as attributes",
        partial(through, ("Pad", {"pads": [0, 0, 2, 0, 0, 1]}), opset=7),
        *pair("Conv_2"),
    ),
    understood(
        "Slice, a crop",
        partial(
            through,
            (
                "Slice",
                np.array([3], np.int64),
                np.array([-2], np.int64),
                np.array([2], np.int64),
                {},
            ),
        ),
        *pair("Conv_2"),
    ),
    understood(
        "Gather of channels, Slice with a step",
        "gathered",
        *rows(("Conv_1", 5), ("Conv_4", 9, 2)),
    ),
    understood(
        "Unsqueeze, Transpose, Squeeze, Mul, Add (Keras)",
        "dummy_axes",
        *rows(("Conv_2", 5), ("Conv_9", 7)),
    ),
    between(
        "Squeeze, Unsqueeze, Reshape around convolutions",
        ("Unsqueeze", np.array([2], np.int64), {}),
        ("Relu", {}),
        ("Reshape", np.array([-1, 6, 44], np.int64), {}),
    ),
    understood(
        "Mul of two tensors",
        "multiplied",
        *rows(("Conv_0", 9), ("Conv_2", 5), ("Conv_5", 11)),
    ),
    understood(
        "Max of two tensors", "maximum", *rows(("Conv_0", 9), ("Conv_1", 5), ("Conv_3", 11))
    ),
    understood(
        "depthwise, pointwise and grouped",
        "depthwise",
        *rows(("Conv_0", 5), ("Conv_1", 5), ("Conv_3", 7), ("Conv_4", 9)),
    ),
    understood("layer normalisation spelt out", "layer_norm_spelt_out", *pair("Conv_12")),
    understood("GlobalMaxPool, GlobalAveragePool", "global_pools", Layer("Conv_0", 7)),
    understood("weights in Constant nodes", "constant_nodes", *pair("Conv_4", 15, 3, first=7)),
    understood("weights among the inputs", "weights_as_inputs", *pair("Conv_4", 15, 3, first=7)),
    understood("float16", "half_precision", *pair("Conv_4", 15, 3, first=7)),
    Case(
        feature="external data",
        form=ONNX,
        build=partial(external, location="weights.bin"),
        layers=pair("Conv_4", 15, 3, first=7),
    ),
    understood(
        "the sequence named among several one-hot inputs",
        "two_one_hot_inputs",
        Layer("Conv_0", 5),
        options={"input_name": "dna"},
        notes=("'other' is held at 0",),
    ),
    passed("control flow: If", partial(branching, "If"), "If"),
    passed("control flow: Loop", partial(branching, "Loop"), "Loop"),
    passed("LpPool", partial(through, ("LpPool", {"kernel_shape": [2], "strides": [2]})), "LpPool"),
    passed(
        "normalisation over the length",
        partial(
            through,
            ("InstanceNormalization", np.ones(6, "f4"), np.zeros(6, "f4"), {}),
        ),
        "InstanceNormalization",
        whole=True,
    ),
    passed(
        "softmax over the length", partial(through, ("Softmax", {"axis": 2})), "Softmax", whole=True
    ),
    passed("cumulative sum", partial(through, ("CumSum", np.int64(2), {})), "CumSum"),
]
