"""ONNX files, and files that are no model, that must be refused: with which words."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import ModelError

from .case import Case
from .onnx_cases import ONNX
from .onnx_networks import (
    Maker,
    external,
    only_behind,
    start,
    two_layers,
    written,
)

__all__ = ["CASES"]

NO_MODEL = "no model file"


def refused(feature: str, maker: Maker | str, *says: str, **rest: Any) -> Case:
    return Case(feature=feature, form=ONNX, build=written(maker), says=says, **rest)


def blocked(operation: str, *stored: Any, feature: str = "", **attributes: Any) -> Case:
    """One operation stands before every convolution."""
    return refused(
        feature or f"{operation} before every convolution",
        partial(only_behind, operation, *stored, **attributes),
        f"operation {operation!r} at node '{operation}_0'",
        "'Conv_1'",
        "the model cannot be analysed",
    )


def contents(feature: str, name: str, data: bytes, *says: str) -> Case:
    """A file of these bytes."""

    def build(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return Case(feature=feature, form=NO_MODEL, build=build, says=says, error=ModelError)


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return stream.getvalue()


def truncated(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(two_layers(17).SerializeToString()[:-100])
    return path


def dense_only() -> Any:
    net = start()
    return net.model(net.op("Gemm", net.op("Flatten", "dna"), net.weight(192, 2), net.weight(2)))


def transposed_first() -> Any:
    net = start()
    x = net.op("ConvTranspose", "dna", net.weight(4, 4, 3))
    return net.model(net.conv(x, 6, 4, 5))


def recurrent_first() -> Any:
    net = start()
    x = net.op("Transpose", "dna", perm=[2, 0, 1])
    x = net.op("LSTM", x, net.weight(1, 24, 4), net.weight(1, 24, 6), hidden_size=6)
    x = net.op("Squeeze", x, net.store([1], np.int64))
    return net.model(net.conv(net.op("Transpose", x, perm=[1, 2, 0]), 5, 6, 3))


def built(feature: str, build: Callable[[Path], Path], *says: str) -> Case:
    return Case(feature=feature, form=ONNX, build=build, says=says, error=ModelError)


CASES = [
    blocked("CumSum", np.int64(2)),
    refused(
        "ConvTranspose before every convolution",
        transposed_first,
        "operation 'ConvTranspose' at node 'ConvTranspose_0'",
        "'Conv_1'",
        "the model cannot be analysed",
    ),
    blocked(
        "Resize",
        np.zeros(0, "f4"),
        np.array([1, 1, 2], "f4"),
    ),
    refused(
        "LSTM before every convolution",
        recurrent_first,
        "'Conv_4'",
        "sees the whole sequence",
        "'LSTM' at node 'LSTM_1'",
        "the model cannot be analysed",
    ),
    refused("no convolution", dense_only, "no convolution", error=ModelError),
    refused("opset 6", partial(two_layers, 6), "opset 7 or newer", error=ModelError),
    refused(
        "several one-hot inputs, none named",
        "two_one_hot_inputs",
        "dna",
        "other",
        "--input",
        error=ModelError,
    ),
    refused(
        "an input that is not there",
        "two_one_hot_inputs",
        "protein",
        "dna",
        options={"input_name": "protein"},
        error=ModelError,
    ),
    refused(
        "a length that contradicts the model's",
        partial(two_layers, 17),
        "reads 48 bp, not 100",
        "--length",
        options={"length": 100},
        error=ModelError,
    ),
    refused(
        "a layout that fits no input",
        partial(two_layers, 17),
        "layout 'NLC1' fits no input",
        "dna",
        options={"layout": "NLC1"},
        error=ModelError,
    ),
    refused(
        "an alphabet that is none",
        partial(two_layers, 17),
        "alphabet 'ACGX' must hold each of ACGT",
        options={"alphabet": "ACGX"},
        error=ModelError,
    ),
    built(
        "external data outside the model's folder",
        partial(external, location="../weights.bin"),
        "outside the model's folder",
    ),
    built(
        "external data shorter than declared",
        partial(external, location="weights.bin", length=1_000_000_000),
        "1000000000 bytes",
        "needs 24",
    ),
    built("truncated", truncated, "not an ONNX file, or a truncated one"),
    contents("empty file", "model.onnx", b"", "is empty"),
    contents(
        "PyTorch checkpoint",
        "model.pt",
        archive(**{"archive/data.pkl": b"\x80\x02.", "archive/version": b"3"}),
        "PyTorch",
    ),
    contents("pickle", "model.pkl", b"\x80\x04\x95" + b"\0" * 60, "pickle"),
    contents("TensorFlow Lite", "model.tflite", b"\x1c\0\0\0TFL3" + b"\0" * 60, "TensorFlow Lite"),
    contents("FASTA file", "sequences.fa", b">one\nACGTACGTACGT\n", "FASTA"),
    contents("text", "model.onnx", b"hello, this is no model\n" * 9, "is text, not a model"),
    contents("HDF5 name, other content", "model.h5", b"hello, this is no model\n" * 9, "model.h5"),
]
