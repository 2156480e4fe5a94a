"""Keras files: what each network of :mod:`keras_networks` must be read as.

Layers are numbered in Keras's own order (as in ``model.summary()``), which puts what lies far
from the output first.
"""

from __future__ import annotations

from typing import Any

from neuroninterp.errors import ModelError

from .case import Case, Layer, Passed, rows
from .keras_inputs import LAYOUTS
from .keras_networks import ACTIVATIONS, saved

__all__ = ["CASES", "KERAS"]

KERAS, LEGACY = "Keras 3 .keras", "Keras .h5"

CHAIN = rows(("first", 7), ("second", 21, 3))
SECOND = rows(("first", 7), ("second", 9))


def understood(
    network: str, feature: str, *layers: Layer | Passed, form: str = KERAS, **rest: Any
) -> Case:
    suffix = ".h5" if form == LEGACY else ".keras"
    return Case(feature=feature, form=form, build=saved(network, suffix), layers=layers, **rest)


def refused(network: str, feature: str, *says: str, **rest: Any) -> Case:
    return Case(feature=feature, form=KERAS, build=saved(network), says=says, **rest)


def whole(name: str, operation: str) -> Passed:
    """A convolution that sees the whole sequence, through the named operation."""
    return Passed(name, f"convolution {name!r} sees the whole sequence, through {operation}")


def unknown(name: str, operation: str) -> Passed:
    """A convolution behind an operation that is not understood."""
    return Passed(name, f"operation {operation} stands before", whole_sequence=False)


CASES = [
    understood("chain", "convolution, batch norm, max pool", *CHAIN, layout="(N, L, 4)"),
    understood("chain", "convolution, batch norm, max pool", *CHAIN, form=LEGACY),
    understood(
        "residual",
        "residual, dilated, cropped skip branch",
        *rows(("first", 5), ("second", 9), ("third", 17), ("last", 17)),
    ),
    understood(
        "residual",
        "residual, dilated, cropped skip branch",
        *rows(("first", 5), ("second", 9), ("third", 17), ("last", 17)),
        form=LEGACY,
    ),
    understood(
        "inception",
        "inception branches (Concatenate)",
        *rows(("wide_1", 1), ("wide_5", 5), ("wide_9", 9), ("pooled", 3), ("joined", 14, 2)),
    ),
    understood("separable", "SeparableConv1D", *rows(("first", 7), ("second", 16, 2))),
    understood("depthwise", "DepthwiseConv1D", *rows(("first", 5), ("second", 5), ("third", 8, 2))),
    understood(
        "strided",
        "strides, dilation, groups, causal padding, average pool",
        *rows(("first", 8, 3), ("second", 20, 3), ("third", 41, 6)),
    ),
    understood("padded", "ZeroPadding1D, Cropping1D", *rows(("first", 5), ("second", 7))),
    understood("multiplied", "Multiply", *rows(("signal", 9), ("gate", 5), ("after", 11))),
    understood(
        "merged",
        "Subtract, Average, Maximum",
        *rows(("first", 5), ("second", 3), ("after", 7)),
    ),
    understood("global_maximum", "GlobalMaxPooling1D", Layer("first", 7)),
    understood("global_average", "GlobalAveragePooling1D", Layer("first", 7)),
    understood("permuted", "Permute", *SECOND, layout="(N, 4, L)"),
    understood("reshaped", "Reshape", *SECOND, layout="(N, L, 4, 1)"),
    understood("layer_norm", "LayerNormalization over the channels", *SECOND),
    understood("nested", "nested model", *rows(("stem/inner", 7), ("outer", 15, 3))),
    understood("shared", "a layer called twice", *rows(("twice", 5), ("twice", 9))),
    understood(
        "two_strands",
        "reverse complement in a branch of its own",
        *rows(("body", 7, 1, -1), ("body", 7)),
    ),
    *(
        understood(
            label,
            f"layout {label}",
            *rows(("first", 5), ("second", 10, 2)),
            layout=label,
        )
        for label in LAYOUTS
    ),
    *(
        understood(
            names,
            f"activations {names.replace(' ', ', ')}",
            *(Layer(name, width) for width, name in enumerate([*names.split(), "last"], start=2)),
        )
        for names in ACTIVATIONS
    ),
    understood(
        "activation_layers",
        "activation layers (LeakyReLU, ELU, PReLU, clipped ReLU, Softmax)",
        *(Layer(f"conv_{i}", 3 + 2 * i) for i in range(6)),
        Layer("last", 15),
    ),
    understood(
        "registered_activation",
        "custom activation registered by the user",
        *rows(("first", 5), ("second", 7)),
    ),
    understood(
        "squeeze_and_excite",
        "squeeze-and-excite gate",
        Layer("first", 7),
        whole("second", "operation 'GlobalPool'"),
    ),
    understood(
        "recurrent",
        "LSTM above (DanQ)",
        Layer("first", 7),
        whole("second", "operation 'Bidirectional' at node 'both'"),
    ),
    understood(
        "attention",
        "multi-head attention above",
        Layer("first", 7),
        whole("second", "operation 'MultiHeadAttention' at node 'attend'"),
    ),
    understood(
        "after_flatten",
        "convolution after a flatten",
        Layer("first", 5),
        whole("second", "operation 'Flatten'"),
    ),
    understood(
        "group_norm",
        "normalisation over the length",
        Layer("first", 5),
        whole("second", "operation 'GroupNormalization' at node 'norm'"),
    ),
    understood(
        "upsampled",
        "upsampling above",
        Layer("first", 5),
        unknown("second", "'UpSampling1D' at node 'up'"),
    ),
    understood(
        "transposed",
        "transposed convolution above",
        Layer("first", 4, 2),
        unknown("second", "'Conv1DTranspose' at node 'up'"),
    ),
    understood(
        "prelu_per_position",
        "PReLU with a slope a position",
        Layer("first", 3),
        Passed("second", "'PReLU' at node 'slopes'", whole_sequence=False),
    ),
    understood(
        "two_inputs",
        "several inputs",
        Layer("first", 7),
        options={"held": {"tissue": 0.25}},
        notes=("'tissue' is held at 0.25",),
    ),
    understood(
        "signal_track",
        "another input at the sequence's positions",
        Layer("first", 7),
        options={"held": {"signal": 1.0}},
        notes=("'signal' is held at 1",),
    ),
    understood(
        "both_strands_as_inputs",
        "the sequence named among several one-hot inputs",
        Layer("body", 7),
        options={"input_name": "reverse"},
        notes=("'forward' is held at 0",),
    ),
    understood("two_outputs", "several outputs", *rows(("first", 7), ("profile", 9))),
    understood(
        "six_channels",
        "more than four channels",
        *SECOND,
        layout="(N, L, 6)",
        options={"background": 0.5},
        notes=("channels 5-6 are no bases and are held at 0.5",),
    ),
    understood(
        "five_channels",
        "a channel for unknown bases, and another alphabet",
        *SECOND,
        layout="(N, L, 5)",
        options={"alphabet": "AGCTN"},
    ),
    understood("any_length", "no fixed length", *rows(("first", 8, 2), ("second", 24, 6))),
    understood(
        "any_length",
        "no fixed length, a length given",
        *rows(("first", 8, 2), ("second", 24, 6)),
        options={"length": 101},
    ),
    understood(
        "splice",
        "SpliceAI: dilated residual, cropped, no fixed length",
        *rows(("first", 1), ("unit_1a", 5), ("unit_1b", 9), ("unit_2a", 17), ("unit_2b", 25)),
        *rows(("skip_0", 1), ("skip_1", 9), ("skip_2", 25), ("last", 25)),
    ),
    understood(
        "with_lambda",
        "Lambda layer, the file trusted",
        Layer("first", 5),
        unknown("second", "'Lambda' at node 'double'"),
        options={"trust_model": True},
    ),
    refused("with_lambda", "Lambda layer", "'double' (Lambda)", "--trust-model", error=ModelError),
    refused(
        "unregistered_layer",
        "custom layer that is not registered",
        "'gate' is of the custom class 'Gate'",
        error=ModelError,
    ),
    refused(
        "both_strands_as_inputs",
        "several one-hot inputs, none named",
        "'forward' (any, 48, 4)",
        "'reverse' (any, 48, 4)",
        "--input",
        error=ModelError,
    ),
    refused(
        "chain",
        "a length that contradicts the model's",
        "reads 48 bp, not the 100 bp asked for",
        "--length",
        options={"length": 100},
        error=ModelError,
    ),
    refused(
        "chain",
        "a layout that fits no input",
        "NC1L",
        "'dna' (any, 48, 4)",
        options={"layout": "NC1L"},
        error=ModelError,
    ),
    refused("no_convolution", "no convolution", "no convolution", error=ModelError),
    refused("image", "an image network", "'dna' (any, 28, 28, 3)", error=ModelError),
]
