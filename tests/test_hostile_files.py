"""Files made to do harm: each is refused in one line, before anything is run or memory taken.

The fuzz test (``test_fuzz.py``) finds such files; here are those that once got through, and
those that somebody with bad intentions would write.
"""

from __future__ import annotations

import itertools
import json
import mmap
import os
import re
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_files import Builder

from neuroninterp.errors import DataError, FidelityError, ModelError
from neuroninterp.graph import Opaque
from neuroninterp.hdf5_heaps import damaged_heap, occurrences
from neuroninterp.models import load
from neuroninterp.models.layout import InputRequest
from neuroninterp.models.onnx import runtime
from neuroninterp.models.onnx.reader import read_onnx
from neuroninterp.sequences import read_sequences

LENGTH = 30
MARKS = "\x1b[31mred\n<script>alert(1)</script>../../x\u202egpj"


def network(shape: tuple[Any, ...] = (None, 4, LENGTH)) -> tuple[Builder, str]:
    """Return a network of one layer and its output."""
    net = Builder(shape)
    return net, net.op("Relu", net.conv("dna", 3, 4, 5))


def refused(path: Path, message: str) -> str:
    """Open a model; return the one line that says why not."""
    with pytest.raises(ModelError, match=message) as caught:
        load(path, device="cpu")
    assert not isinstance(caught.value, FidelityError)
    line = str(caught.value)
    assert "\n" not in line
    assert line.isprintable()
    assert len(line) <= 2000
    return line


# ---- ONNX: what the file says of itself --------------------------------------------------------

Change = Callable[[onnx.ModelProto], None]


def stored(**fields: Any) -> Change:
    """Change fields of the convolution's kernel."""

    def change(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if len(t.dims) == 3)
        for name, value in fields.items():
            if name == "dims":
                tensor.dims[:] = value
            else:
                setattr(tensor, name, value)

    return change


def sixteen_bits(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 3)
    half = numpy_helper.to_array(tensor).astype(np.float16)
    tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    tensor.dims[2] = 255


def typed_data(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 3)
    values = numpy_helper.to_array(tensor).ravel()
    tensor.ClearField("raw_data")
    tensor.float_data[:] = values[:-1]


def in_a_constant(model: onnx.ModelProto) -> None:
    value = numpy_helper.from_array(np.ones(3, np.float32), "inner")
    value.dims[0] = 2**31
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=value))


def in_a_branch(model: onnx.ModelProto) -> None:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["r"])],
        "branch",
        [],
        [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(3, np.float32), "w")],
    )
    inner.initializer[0].dims[0] = 2**40
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "which"))
    node = helper.make_node("If", ["which"], ["chosen"], then_branch=inner, else_branch=inner)
    model.graph.node.append(node)


def sparse(model: onnx.ModelProto) -> None:
    tensor = model.graph.sparse_initializer.add()
    tensor.dims[:] = [2**20, 2**20]
    tensor.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "thin"))
    tensor.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64)))


def node(**fields: Any) -> Change:
    def change(model: onnx.ModelProto) -> None:
        for name, value in fields.items():
            setattr(model.graph.node[0], name, value)

    return change


def setting(name: str, value: int | list[int]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[0].attribute.append(helper.make_attribute(name, value))

    return change


def order_of_axes(*order: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        node = helper.make_node("Transpose", ["dna"], ["turned"], perm=order)
        model.graph.node.append(node)

    return change


def bias_for_kernel(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[1] = model.graph.node[0].input[2]


def without_output(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="Relu", input=["dna"])


def many_nodes(model: onnx.ModelProto) -> None:
    for number in range(20_001):
        model.graph.node.add(op_type="Relu", input=["dna"], output=[f"n{number}"])


def typed_input(kind: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = kind

    return change


def sequence_input(model: onnx.ModelProto) -> None:
    value = helper.make_tensor_sequence_value_info("more", TensorProto.FLOAT, None)
    model.graph.input.append(value)


def sizes(*wanted: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, wanted, strict=True):
            dim.dim_value = size

    return change


SAID = {
    "more entries than data": (stored(dims=[3, 4, 2**40]), "has shape .*1099511627776"),
    "other entries than data": (stored(dims=[3, 4, 7]), "does not fit its shape .*336 .*240 found"),
    "negative size": (stored(dims=[3, -4, 5]), "has shape"),
    "a zero that hides": (stored(dims=[0, 2**40, 2**40]), "has shape"),
    "many axes": (stored(dims=[1] * 50), "has shape"),
    "odd bytes": (stored(raw_data=b"\0" * 239), "does not fit its shape"),
    "unknown type": (stored(data_type=77), "of type 77, which is not known"),
    "sixteen bits": (sixteen_bits, "does not fit its shape"),
    "typed data": (typed_data, "does not fit its shape .*240 bytes expected, 236 found"),
    "in a constant": (in_a_constant, "'inner' has shape"),
    "in a branch": (in_a_branch, "'w' has shape"),
    "sparse": (sparse, "sparse tensor 'thin' of shape .* holds 1 numbers"),
    "no output": (without_output, "'Relu' has no type or no output"),
    "no type": (node(op_type=""), "has no type or no output"),
    "stride": (setting("strides", [2**62]), "has strides of"),
    "dilation": (setting("dilations", [2**31]), "has dilations of"),
    "an axis left out": (order_of_axes(3, 2, 1), r"'Transpose' puts axes in the order \[3, 2, 1\]"),
    "an axis twice": (order_of_axes(0, 1, 1), r"the order \[0, 1, 1\], which leaves one out"),
    "no stride": (setting("strides", [0]), "has strides of 0"),
    "group": (setting("group", -2), "has group of -2"),
    "kernel": (bias_for_kernel, r"'Conv_0' has a kernel of shape \[3\]"),
    "long name": (node(name="N" * 10_000_000), "the name 'NNNN.* longer than 10,000"),
    "operations": (many_nodes, "more than 20,000 operations"),
    "texts for input": (typed_input(TensorProto.STRING), "'dna' holds no numbers"),
    "floats of 8 bits": (typed_input(TensorProto.FLOAT8E5M2), "'dna' holds no numbers"),
    "a list for input": (sequence_input, "'more' holds no numbers"),
    "batch": (sizes(2**31 - 1, 4, LENGTH), "'dna' has shape .* more than"),
    "smaller batch": (sizes(65_536, 4, LENGTH), "batches of 65,536 sequences"),
    "length": (sizes(1, 4, 2**27), "'dna' has shape .* more than"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_an_onnx_file_says_of_itself(tmp_path: Path, name: str) -> None:
    change, message = SAID[name]
    net, x = network()
    model = net.model(x)
    change(model)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, message)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    net, x = network()
    path = net.save(tmp_path / "model.onnx", x)
    path.write_bytes(path.read_bytes().replace(b"stored1", b"sto\xf2ed1"))
    refused(path, "is not UTF-8")


@pytest.mark.parametrize("size", [0, -1])
def test_free_axes_written_as_no_size(tmp_path: Path, size: int) -> None:
    net, x = network((size, 4, size))
    model = load(net.save(tmp_path / "model.onnx", x), device="cpu")
    assert model.length is None
    assert model.predict(np.zeros((2, 9), np.uint8)).shape == (2, 3, 5)


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.UINT16, TensorProto.INT64])
def test_integers_are_fed_as_such(tmp_path: Path, kind: int) -> None:
    net = Builder((None, 4, LENGTH))
    x = net.conv(net.op("Cast", "dna", to=TensorProto.FLOAT), 3, 4, 5)
    model = net.model(x)
    model.graph.input[0].type.tensor_type.elem_type = kind
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    read = read_onnx(path)
    one_hot = np.eye(4, dtype=np.float32)[np.zeros((2, LENGTH), int)]
    assert read.runtime.predict(read.layout.to_file(one_hot), batch_size=2)[0].shape == (2, 3, 26)


# ---- ONNX: what it would take to run -----------------------------------------------------------


def test_a_sequence_too_short_for_the_network(tmp_path: Path) -> None:
    """Arithmetic gives a negative size, at which a Slice would end the process."""
    net = Builder((None, 4, None))
    x = net.conv("dna", 6, 4, 9)
    for _ in range(2):
        x = net.op("Slice", x, net.integers(1), net.integers(99), net.integers(2))
        x = net.conv(x, 6, 6, 9)
    path = net.save(tmp_path / "model.onnx", x)
    assert len(read_onnx(path, InputRequest(length=40)).taps) >= 3
    for length in (5, 12, 20):
        with pytest.raises(ModelError, match=r"would have a size of -.*too short"):
            read_onnx(path, InputRequest(length=length))


def computed(how: str) -> tuple[Builder, str]:
    """Return a network that asks for a large tensor computed from nothing."""
    net, x = network()
    if how == "stored":
        y = net.op("ConstantOfShape", net.integers(2**20, 2**16))
    elif how == "through floats":
        product = net.op("Mul", net.store([2.0**20, 2.0**16]), net.store([1.0]))
        y = net.op("ConstantOfShape", net.op("Cast", product, to=TensorProto.INT64))
    elif how == "range":
        ends = [net.store(value, np.int64) for value in (0, 2**40, 1)]
        y = net.op("Cast", net.op("Range", *ends), to=TensorProto.FLOAT)
    elif how == "tile":
        y = net.op("Tile", net.store([1.0]), net.integers(2**34))
    elif how == "one hot":
        y = net.op("OneHot", net.integers(1, 2), net.store(2**33, np.int64), net.store([0.0, 1.0]))
    else:
        many = [net.op("ConstantOfShape", net.integers(2**24)) for _ in range(5)]
        y = net.op("Sum", *(net.op("ReduceMax", one) for one in many))
    return net, net.op("Add", x, net.op("ReduceMax", y))


@pytest.mark.parametrize("how", ["stored", "through floats", "range", "tile", "one hot", "many"])
def test_tensors_made_from_nothing(tmp_path: Path, how: str) -> None:
    net, x = computed(how)
    line = refused(net.save(tmp_path / "model.onnx", x), "more than .*; not run")
    assert any(unit in line for unit in ("entries", "numbers"))


def test_constants_of_unknown_size_are_not_computed_on_loading(tmp_path: Path) -> None:
    """ONNX Runtime would compute them, 20 GB, while it opens the file."""
    net, x = network()
    count = net.op("Transpose", net.op("NonZero", net.store([0.0] * 40 + [1.0])))
    count = net.op("Mul", net.op("Squeeze", count, net.integers(0)), net.integers(2**27))
    y = net.op("Add", x, net.op("ReduceMax", net.op("ConstantOfShape", count)))
    assert len(load(net.save(tmp_path / "model.onnx", y), device="cpu").layers) == 1


def test_sizes_are_counted_for_one_sequence(tmp_path: Path) -> None:
    """A batch that is free may be large wherever it is moved, or merged with the length."""
    net = Builder((None, 4, 3004))
    x = net.op("Transpose", net.conv("dna", 32, 4, 5), perm=[2, 0, 1])
    merged = net.op("Reshape", x, net.integers(-1, 32))
    assert read_onnx(net.save(tmp_path / "model.onnx", x, merged)).taps


def functions(depth: int, calls: int, entries: int = 1, circle: bool = False) -> onnx.ModelProto:
    """Return a network whose functions call one another; the first holds a constant."""
    net, x = network()
    model = net.model(x)
    model.opset_import.add(domain="own", version=1)
    for level in range(depth):
        function = model.functions.add(name=f"f{level}", domain="own", input=["x"], output=["y"])
        function.opset_import.add(domain="", version=17)
        function.opset_import.add(domain="own", version=1)
        names = ["x", *(f"t{i}" for i in range(calls - 1)), "y"]
        for before, after in itertools.pairwise(names):
            if level == 0 and not circle:
                function.node.append(helper.make_node("Relu", [before], [after]))
            else:
                called = f"f{(level - 1) % depth}"
                function.node.append(helper.make_node(called, [before], [after], domain="own"))
        value = numpy_helper.from_array(np.zeros(entries, np.float32))
        if level == 0:
            function.node.append(helper.make_node("Constant", [], ["c"], value=value))
    model.graph.node.append(helper.make_node(f"f{depth - 1}", [x], ["end"], domain="own"))
    model.graph.output[0].name = "end"
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (functions(30, 2), "expand to .* operations"),
        (functions(4, 9, entries=100_000), "expand to .* bytes"),
        (functions(3, 1, circle=True), "calls itself"),
        (functions(2000, 1), "cannot be expanded|nest more than"),
    ],
    ids=["doubling", "copies", "circle", "deep"],
)
def test_local_functions(tmp_path: Path, model: onnx.ModelProto, message: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, message)


def test_loops_without_end_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = network()
    model = net.model(x)
    flag, anything = (helper.make_tensor_value_info(n, t, None) for n, t in (("c", 9), ("v", 1)))
    step = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    ends = [helper.make_tensor_value_info(n, t, None) for n, t in (("c2", 9), ("v2", 1))]
    body = helper.make_graph(
        [helper.make_node("Identity", [one], [f"{one}2"]) for one in "cv"],
        "body",
        [step, flag, anything],
        ends,
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "on"))
    model.graph.node.append(helper.make_node("Loop", ["", "on", x], ["end"], body=body))
    model.graph.output[0].name = "end"
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    opened = load(path, device="cpu")
    monkeypatch.setattr(runtime, "LONGEST_LOOP", 0.5)
    with pytest.raises(ModelError, match=r"a loop in the model took more than 0\.5 s"):
        opened.predict(np.zeros((1, LENGTH), np.uint8))


def test_operations_in_reverse_order(tmp_path: Path) -> None:
    """Sorting them takes no longer the worse they are ordered."""
    net, x = network()
    model = net.model(x)
    names = [x, *(f"n{i}" for i in range(300))]
    chain = [helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names)]
    model.graph.node.extend(reversed(chain))
    model.graph.output[0].name = names[-1]
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert len(list(read_onnx(path).graph)) > 300


def test_a_transpose_of_other_axes_than_there_are(tmp_path: Path) -> None:
    net = Builder((None, 4, 1, LENGTH))
    x = net.op("Transpose", net.conv("dna", 6, 4, 1, 5), perm=[0, 2, 1])
    model = load(net.save(tmp_path / "model.onnx", x), device="cpu")
    assert [layer.receptive_field for layer in model.layers] == [5]
    (opaque,) = (node for node in model.graph if isinstance(node, Opaque))
    assert opaque.reason == "its order [0, 2, 1] is none of 4 axes"


# ---- ONNX: data outside the file -----------------------------------------------------------------

PLACES = {
    "password": ("passwd.data", "outside the model's folder"),
    "pipe": ("pipe.data", "does not exist as a file"),
    "device": ("zero.data", "outside the model's folder"),
    "circle of links": ("circle.data", "outside the model's folder|does not exist"),
    "windows": (r"C:\Windows\win.ini", "does not exist as a file"),
    "windows upwards": (r"..\..\x", "does not exist as a file"),
    "upwards": ("a/../../x", "outside the model's folder"),
    "the folder": (".", "outside the model's folder"),
    "nul": ("a\0b", "outside the model's folder"),
    "too long": ("é" * 300, "outside the model's folder|does not exist"),
    "markup": (MARKS, "is kept in"),
    "offset": ("short.data", "with an unreadable offset"),
}


@pytest.mark.parametrize("name", PLACES)
def test_data_outside_an_onnx_file(tmp_path: Path, name: str) -> None:
    location, message = PLACES[name]
    (tmp_path / "passwd.data").symlink_to("/etc/passwd")
    (tmp_path / "zero.data").symlink_to("/dev/zero")
    (tmp_path / "circle.data").symlink_to("circle.data")
    (tmp_path / "short.data").write_bytes(b"\0" * 100)
    os.mkfifo(tmp_path / "pipe.data")
    net, x = network()
    model = net.model(x)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="offset", value="0" if name != "offset" else "9" * 5000)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, message)


def test_tensors_that_all_share_one_place(tmp_path: Path) -> None:
    (tmp_path / "shared.data").write_bytes(b"\0" * 4000)
    net, x = network()
    model = net.model(x)
    for number in range(20):
        tensor = model.graph.initializer.add(name=f"w{number}", data_type=1, dims=[1000])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="shared.data")
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, "take 80,000 bytes of data files that hold 4,000")


# ---- Keras ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one Keras model in every form."""
    folder = tmp_path_factory.mktemp("saved")
    model = keras.Sequential(
        [
            keras.Input((LENGTH, 4)),
            keras.layers.Conv1D(3, 5, activation="relu", name="first"),
            keras.layers.GlobalMaxPooling1D(),
        ]
    )
    model.save(folder / "net.keras")
    model.save(folder / "net.h5")
    model.save_weights(folder / "net.weights.h5")
    (folder / "net.json").write_text(model.to_json())
    return folder


def archive(path: Path, sound: Path, members: list[tuple[Any, Any]], without: str = "") -> Path:
    """Write an archive of a sound one's members and further ones."""
    with zipfile.ZipFile(sound) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in source.namelist():
            if name != without:
                made.writestr(name, source.read(name))
        for name, content in members:
            made.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", r"a\..\..\escaped", "assets"])
def test_members_that_leave_the_archive(saved: Path, tmp_path: Path, name: str) -> None:
    member = zipfile.ZipInfo(name)
    if name == "assets":
        member.external_attr = 0o120777 << 16  # a symbolic link
    path = archive(tmp_path / "net.keras", saved / "net.keras", [(member, "/etc/passwd")])
    refused(path, "leads out of it")


def test_weights_that_are_none(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    members = [("model.weights.h5", "/etc/passwd")]
    archive(path, saved / "net.keras", members, without="model.weights.h5")
    refused(path, "is not HDF5")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_architectures_in_one_archive(saved: Path, tmp_path: Path) -> None:
    """What is checked must be what Keras reads."""
    with zipfile.ZipFile(saved / "net.keras") as source:
        evil = json.loads(source.read("config.json"))
    code = {"class_name": "__lambda__", "config": {"code": "x"}}
    evil["config"]["layers"].append(
        {
            "module": "keras.layers",
            "class_name": "Lambda",
            "config": {"name": "l", "function": code},
        }
    )
    members = [("config.json", json.dumps(evil))]
    path = archive(tmp_path / "net.keras", saved / "net.keras", members)
    refused(path, "carries Python code")


@pytest.mark.parametrize("member", ["config.json", "metadata.json"])
def test_brackets_inside_one_another(saved: Path, tmp_path: Path, member: str) -> None:
    nested = '{"a":' * 10_000 + "1" + "}" * 10_000
    path = archive(tmp_path / "net.keras", saved / "net.keras", [(member, nested)], without=member)
    refused(path, "not readable JSON|nests")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_archives_that_unpack_to_much_more(saved: Path, tmp_path: Path, member: str) -> None:
    content = b"\x89HDF\r\n\x1a\n" + b" " * 100_000_000
    path = archive(tmp_path / "net.keras", saved / "net.keras", [(member, content)], without=member)
    refused(path, "would unpack")
    lying = bytearray(path.read_bytes())
    struct.pack_into("<I", lying, lying.rindex(b"PK\x01\x02") + 24, 1000)
    path.write_bytes(lying)
    refused(path, "cannot be unpacked|not readable JSON")


def rewritten(saved: Path, folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
    """Return an architecture with weights beside it, its layers changed."""
    config = json.loads((saved / "net.json").read_text())
    change(config["config"]["layers"])
    path = folder / "net.json"
    path.write_text(json.dumps(config))
    shutil.copyfile(saved / "net.weights.h5", folder / "net.weights.h5")
    return path


def convolution(**settings: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda layers: layers[1]["config"].update(settings)


def many_layers(layers: list[dict[str, Any]]) -> None:
    names = [f"r{number}" for number in range(301)]
    made = [{"module": "keras.layers", "class_name": "ReLU", "config": {"name": n}} for n in names]
    layers[2:2] = made


CHANGES = {
    "stride": (convolution(strides=[2**62]), "'first' has strides of"),
    "stride of 32 bits": (convolution(strides=[2**31]), "'first' has strides of"),
    "name": (convolution(name="N" * 10_000_000), "name of over 10,000 letters"),
    "initialiser": (
        convolution(kernel_initializer={"module": "os", "class_name": "system", "config": {}}),
        "custom class 'system'",
    ),
    "length": (
        lambda layers: layers[0]["config"].update(batch_shape=[None, 2**26, 4]),
        "gives 268,435,456 numbers for one sequence",
    ),
    "layers": (many_layers, "a Sequential of 304 layers"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_an_architecture_says_of_itself(saved: Path, tmp_path: Path, name: str) -> None:
    change, message = CHANGES[name]
    refused(rewritten(saved, tmp_path, change), message)


def test_pipes_and_devices_are_not_opened(saved: Path, tmp_path: Path) -> None:
    """Reading of either would never end."""
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "zero.h5").symlink_to("/dev/zero")
    for name in ("pipe.h5", "zero.h5"):
        refused(tmp_path / name, "no regular file")
        with pytest.raises(ModelError, match="no regular file"):
            load(saved / "net.json", weights=tmp_path / name, device="cpu")
        with pytest.raises(DataError, match="not a file"):
            read_sequences(tmp_path / name, length=None)


# ---- HDF5 -------------------------------------------------------------------------------------


def test_links_and_groups_without_end(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    shutil.copyfile(saved / "net.h5", path)
    with h5py.File(path, "r+") as file:
        file["model_weights/soft"] = h5py.SoftLink("/model_weights")
        file["model_weights/first/itself"] = h5py.SoftLink("/model_weights/first/itself")
        file["model_weights/first/up"] = file["model_weights"]
    assert len(load(path, device="cpu").layers) == 1
    with h5py.File(path, "r+") as file:
        file.create_group("/".join("g" * 2000))
    refused(path, "groups nest more than 100 deep")
    with pytest.raises(DataError, match="groups nest more than 100 deep"):
        read_sequences(path, length=None)


def test_weights_elsewhere(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    for link in (h5py.ExternalLink("/etc/passwd", "/"), None):
        shutil.copyfile(saved / "net.h5", path)
        with h5py.File(path, "r+") as file:
            del file["model_weights/first"]
            if link is not None:
                file["model_weights/first"] = link
            else:
                outside = [("/dev/zero", 0, h5py.h5f.UNLIMITED)]
                file.create_dataset("model_weights/first", (5, 4, 3), "f4", external=outside)
        refused(path, "points to data outside the file")


@pytest.mark.parametrize("length", [0, 2**64 - 16, 2**64 - 8])
def test_texts_that_the_library_would_read_for_ever(
    saved: Path, tmp_path: Path, length: int
) -> None:
    content = bytearray((saved / "net.h5").read_bytes())
    assert damaged_heap(saved / "net.h5") is None
    heap = content.index(b"GCOL")
    # The first text: its number, and its length.
    struct.pack_into("<H6xQ", content, heap + 16, 0 if length == 0 else 1, length)
    path = tmp_path / "net.h5"
    path.write_bytes(content)
    assert damaged_heap(path) == heap
    refused(path, f"its texts at byte {heap:,} have no end")


def test_data_with_texts_without_end(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    one_hot = np.eye(4, dtype=np.float32)[np.zeros((3, LENGTH), int)]
    with h5py.File(path, "w") as file:
        file["x_test"], file["y_test"] = one_hot, np.zeros((3, 2), np.float32)
        file.create_dataset("target_labels", data=["one", "two"], dtype=h5py.string_dtype())
    assert read_sequences(path, length=None).class_names == ("one", "two")
    content = bytearray(path.read_bytes())
    struct.pack_into("<H6xQ", content, content.index(b"GCOL") + 16, 0, 0)
    path.write_bytes(content)
    with pytest.raises(DataError, match="have no end"):
        read_sequences(path, length=None)


def test_numbers_of_a_precision_that_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    odd = h5py.h5t.IEEE_F32LE.copy()
    odd.set_size(16)
    odd.set_precision(128)
    odd.set_fields(127, 107, 20, 0, 107)
    one_hot = np.eye(4, dtype=np.float32)[np.zeros((3, LENGTH), int)]
    with h5py.File(path, "w") as file:
        h5py.h5d.create(file.id, b"x_test", odd, h5py.h5s.create_simple((3, LENGTH, 4)))
    with pytest.raises(DataError):
        read_sequences(path, length=None)
    with h5py.File(path, "r+") as file:
        file["x_other"] = one_hot
    assert len(read_sequences(path, length=None)) == 3


# ---- SavedModel ----------------------------------------------------------------------------------


def exported(folder: Path, further: Callable[[Any, Any], Any]) -> Path:
    """Write a SavedModel of one convolution and a further step."""
    import tensorflow as tf

    class Network(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(np.ones((5, 4, 3), np.float32))

        def predict(self, dna: Any) -> dict[str, Any]:
            y = tf.nn.relu(tf.nn.conv1d(dna, self.kernel, 1, "VALID"))
            return {"y": tf.reduce_max(further(tf, y), axis=1)}

    network = Network()
    given = tf.TensorSpec([None, LENGTH, 4], tf.float32, name="dna")
    function = tf.function(network.predict, autograph=False).get_concrete_function(given)
    tf.saved_model.save(network, str(folder / "net"), signatures=function)
    return folder / "net"


def test_saved_models_that_compute_much_from_nothing(tmp_path: Path) -> None:
    path = exported(tmp_path, lambda tf, y: y + tf.reduce_max(tf.fill([2**20, 2**16], 1.0)))
    refused(path, "'Fill' at .* gives a tensor of 68,719,476,736 entries")


def test_saved_models_that_never_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(tf: Any, y: Any) -> Any:
        # Neither TensorFlow nor the converter can tell that the sum stays below the bound.

        def go_on(i: Any, v: Any) -> Any:
            return i < 1e30 + 0 * tf.reduce_sum(v)

        return tf.while_loop(go_on, lambda i, v: (i * 1.0, v + 0.0), [tf.constant(0.0), y])[1]

    monkeypatch.setattr(runtime, "LONGEST_LOOP", 0.5)
    refused(exported(tmp_path, forever), "a loop in the model took more than")


def test_saved_models_with_pipes_and_links(tmp_path: Path) -> None:
    path = exported(tmp_path, lambda _, y: y)
    (data,) = (path / "variables").glob("*.data-*")
    data.unlink()
    os.mkfifo(data)
    refused(path, "is no regular file")
    data.unlink()
    data.symlink_to("/dev/zero")
    refused(path, "is a link to another place")


def test_patterns_are_found_across_the_pieces_that_a_file_is_searched_in(tmp_path, monkeypatch):
    monkeypatch.setattr("neuroninterp.hdf5_heaps._SEARCHED", mmap.PAGESIZE)
    letters = np.random.default_rng(0).choice([65, 66], 5 * mmap.PAGESIZE + 100)
    content = letters.astype(np.uint8).tobytes()
    path = tmp_path / "data"
    path.write_bytes(content)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for pattern in (b"A", b"AAAA", b"ABA", b"BABAA"):
            begins = [match.start() for match in re.finditer(b"(?=" + pattern + b")", content)]
            assert list(occurrences(data, pattern)) == begins
            across = [at for at in begins if at % mmap.PAGESIZE + len(pattern) > mmap.PAGESIZE]
            assert bool(across) == (len(pattern) > 1)
