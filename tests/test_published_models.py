"""Published weights, by twins with random ones: the files that people have, up to a motif.

``tests/conformance`` checks the layer tables, receptive fields and trunks of the ONNX files; here
is what they compute, in which order their channels are read, and NeuronMotif's Keras files.
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from neuronmotif_files import Keras2File
from onnx import numpy_helper

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.cli import command
from neuroninterp.errors import ModelError
from neuroninterp.motifs import MotifDatabase, load_database
from neuroninterp.motifs.information import information_content

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "fixtures" / "onnx" / "published"
EXPORTERS = ("torchscript", "dynamo")
LENGTHS = {
    "deepsea": 1000,
    "deepsea-predict": 1000,
    "deepsea-variant-effects": 1000,
    "beluga": 2000,
    "basset": 600,
}
ALPHABETS = {"deepsea": "AGCT", "beluga": "AGCT"}


def load(name: str, exporter: str = "dynamo") -> ni.Model:
    alphabet = ALPHABETS.get(name, "ACGT")
    return ni.load(FOLDER / exporter / f"{name}.onnx", device="cpu", alphabet=alphabet)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", list(LENGTHS))
def test_predictions_are_those_of_the_published_modules(name: str, exporter: str) -> None:
    with np.load(FOLDER / "predictions.npz") as stored:
        expected = stored[name]
    codes = np.random.default_rng(7).integers(0, 4, (3, LENGTHS[name])).astype(np.uint8)
    assert np.ptp(expected, axis=0).min() > 1e-3, "the sequences must make a difference"
    found = load(name, exporter).predict(codes)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_kipois_wrappers_change_no_neuron(exporter: str) -> None:
    """Recoding takes the place of --alphabet; of both strands, the given one is followed."""
    alone = load("deepsea", exporter)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (3, 1000)).astype(np.uint8)
    for name in ("deepsea-predict", "deepsea-variant-effects"):
        wrapped = load(name, exporter)
        for layer in alone.layers:
            windows = rng.integers(0, 4, (20, layer.receptive_field)).astype(np.uint8)
            expected = alone.trunk(layer.number).values(windows)
            found = wrapped.trunk(layer.number).values(windows)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    strands = (alone.predict(codes) + alone.predict(3 - codes[:, ::-1])) / 2
    np.testing.assert_allclose(
        load("deepsea-predict", exporter).predict(codes), strands, rtol=1e-5, atol=1e-6
    )


# ---- the order of the channels ----


@pytest.fixture(scope="module")
def database() -> MotifDatabase:
    return load_database("JASPAR2016")


def plant(path: Path, target: Path, database: MotifDatabase, order: str) -> list[str]:
    """Make each first-layer filter a known motif, written in an order; return their ids."""
    model = onnx.load(path)
    convolution = next(node for node in model.graph.node if node.op_type == "Conv")
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    kernel, bias = (numpy_helper.to_array(stored[name]) for name in convolution.input[1:])
    width = max(kernel.shape[2:])
    bits = [
        information_content(ppm).sum() if width - 2 <= len(ppm) <= width else 0.0
        for ppm in database.ppms
    ]
    chosen = np.argsort(bits)[::-1][: len(kernel)]
    columns = ["ACGT".index(base) for base in order]
    filters, thresholds = np.zeros((len(kernel), 4, width)), np.zeros(len(kernel))
    for filter_, index in enumerate(chosen):
        odds = np.log2((database.ppms[index] + 0.02) / 1.08 / 0.25)
        filters[filter_, :, : len(odds)] = odds[:, columns].T
        thresholds[filter_] = 0.5 * odds.max(axis=1).sum()
    for name, value in (
        (convolution.input[1], filters.reshape(kernel.shape)),
        (convolution.input[2], -thresholds.reshape(bias.shape)),
    ):
        stored[name].CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))
    onnx.save(model, target)
    return [database.ids[index] for index in chosen]


@pytest.mark.parametrize(
    ("name", "exporter"),
    [
        ("deepsea", "torchscript"),
        ("deepsea-predict", "dynamo"),
        ("beluga", "dynamo"),
        ("basset", "torchscript"),
    ],
)
def test_planted_motifs_are_found_in_the_right_order_of_the_channels_alone(
    name: str, exporter: str, tmp_path: Path, database: MotifDatabase
) -> None:
    path = tmp_path / "model.onnx"
    # Behind Kipoi's recoding the filters stay in the order that they were trained in.
    order = "ACGT" if name == "basset" else "AGCT"
    planted = plant(FOLDER / exporter / f"{name}.onnx", path, database, order)
    right = ALPHABETS.get(name, "ACGT")
    wrong = {"ACGT": "AGCT", "AGCT": "ACGT"}[right]

    def found(alphabet: str) -> tuple[int, str]:
        result = ni.analyze(
            path, layers=[1], effort="quick", motifs="JASPAR2016", alphabet=alphabet, n_jobs=1
        )
        neurons = result.layers[0].neurons
        hits = [{hit.target_id for hit in neuron.matches} for neuron in neurons]
        return sum(map(set.__contains__, hits, planted)), " ".join(result.notes)

    assert found(right) == (len(planted), "")
    hits, note = found(wrong)
    assert hits <= len(planted) // 8
    assert f"in the order {right}, not {wrong}" in note
    assert f"run again with --alphabet {right}" in note
    if name == "deepsea":
        assert note in " ".join(page("deepsea").split()), "the page quotes this note"


# ---- NeuronMotif's Keras files ----


def ten_layers(path: Path) -> Path:
    """As DD-10 of NeuronMotif, narrow."""
    file = Keras2File(200)
    for number in range(1, 11):
        file.convolution(4, 7 if number == 1 else 3)
        file.batch_norm()
        file.activation("relu")
        if number % 2 == 0:
            file.pool(2)
    file.flatten()
    file.dense(5)
    file.batch_norm()
    file.activation("relu")
    file.dropout(0.2)
    file.dense(3)
    file.activation("sigmoid")
    return file.save(path)


def neuronmotif_deepsea(path: Path) -> Keras2File:
    """As DeepSEA of NeuronMotif, narrow: its activation is a function of its training script."""
    file = Keras2File(200)
    for filters, rate in ((6, 0.2), (5, 0.2), (4, 0.5)):
        file.convolution(filters, 8)
        file.activation("crelu")
        if filters != 4:
            file.pool(4)
        file.dropout(rate)
    file.flatten()
    file.dense(5)
    file.activation("crelu")
    file.dense(3)
    file.activation("sigmoid")
    file.save(path)
    return file


def test_neuronmotifs_whole_models_are_read_as_they_are(tmp_path: Path) -> None:
    model = ni.load(ten_layers(tmp_path / "weight.hdf5"), device="cpu")
    found = [(layer.receptive_field, layer.jump, layer.shifts) for layer in model.layers]
    fields, jumps = (7, 9, 14, 18, 28, 36, 56, 72, 112, 144), (1, 1, 2, 2, 4, 4, 8, 8, 16, 16)
    assert found == [*zip(fields, jumps, jumps, strict=True)]
    assert [layer.name for layer in model.layers] == [f"conv1d_{i}" for i in range(1, 11)]


def test_a_function_that_the_file_only_names_is_told(tmp_path: Path) -> None:
    path = tmp_path / "weight.hdf5"
    neuronmotif_deepsea(path)
    advice = "'activation_1' computes with the function 'crelu'.*--weights weight.hdf5"
    with pytest.raises(ModelError, match=advice):
        ni.load(path, device="cpu")


def crelu_spelt_out() -> str:
    """The architecture of :func:`neuronmotif_deepsea` in Keras's own layers, as JSON."""
    keras = import_keras()
    x = sequence = keras.Input((200, 4))
    for filters in (6, 5, 4):
        x = keras.layers.ReLU(threshold=1e-6)(keras.layers.Conv1D(filters, 8)(x))
        x = keras.layers.MaxPooling1D(4)(x) if filters != 4 else x
        x = keras.layers.Dropout(0.2)(x)
    x = keras.layers.Dense(5)(keras.layers.Flatten()(x))
    x = keras.layers.Dense(3, activation="sigmoid")(keras.layers.ReLU(threshold=1e-6)(x))
    return str(keras.Model(sequence, x).to_json())


def test_neuronmotifs_deepsea_with_an_architecture_that_spells_its_function_out(
    tmp_path: Path,
) -> None:
    """Against a plain computation from the arrays of the file."""
    stored = neuronmotif_deepsea(tmp_path / "weight.hdf5").weights
    architecture = tmp_path / "deepsea.json"
    architecture.write_text(crelu_spelt_out())
    weights = tmp_path / "weight.hdf5"
    model = ni.load(architecture, weights=weights, device="cpu", alphabet="AGCT")
    found = [
        (layer.receptive_field, layer.shifts, model.layer_nodes(layer.number).rectified)
        for layer in model.layers
    ]
    assert found == [(8, 1, True), (39, 4, True), (163, 16, True)]

    codes = np.random.default_rng(2).integers(0, 4, (6, 39)).astype(np.uint8)
    x = np.eye(4)[:, ["ACGT".index(base) for base in "AGCT"]][codes]
    for number, pool in ((1, 4), (2, 1)):
        kernel, bias = stored[f"conv1d_{number}"].values()
        stretches = np.lib.stride_tricks.sliding_window_view(x, len(kernel), axis=1)
        x = np.einsum("npck,kcf->npf", stretches, kernel) + bias
        if pool > 1:
            z = np.where(x > 1e-6, x, 0.0)
            x = z.reshape(len(z), -1, pool, z.shape[2]).max(axis=2)
    np.testing.assert_allclose(model.trunk(2).values(codes), x[:, 0], rtol=1e-4, atol=1e-5)


# ---- the script and the pages ----


def test_the_export_without_pytorch_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / "examples" / "export_pytorch.py"))
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "Error: the module 'torch' is not installed, which the export needs: "
        "pip install torch onnxscript, and onnx onnxruntime where neuroninterp is not installed\n"
    )


def page(name: str) -> str:
    return (ROOT / "docs" / "published" / f"{name}.md").read_text(encoding="utf-8")


def page_layers(text: str, jump_column: int) -> list[tuple[int, ...]]:
    """Return the rows of a page's table of layers, from the kernel on."""
    rows = [re.findall(r"\d+", line) for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    return [tuple(map(int, row[jump_column:])) for row in rows]


@pytest.mark.parametrize("name", ["deepsea", "beluga", "basset"])
def test_the_pages_list_the_layers_of_the_twins(name: str) -> None:
    found = [
        (layer.kernel, layer.receptive_field, layer.jump, layer.shifts)
        for layer in load(name).layers
    ]
    assert page_layers(page(name), 2) == found


def test_neuronmotifs_page_lists_the_layers_of_the_twin(tmp_path: Path) -> None:
    model = ni.load(ten_layers(tmp_path / "weight.hdf5"), device="cpu")
    found = [
        (layer.kernel, layer.receptive_field, layer.jump, layer.shifts) for layer in model.layers
    ]
    assert page_layers(page("neuronmotif"), 3) == found


COMMANDS = sorted(
    {
        line.strip()
        for name in ("deepsea", "beluga", "basset", "neuronmotif")
        for line in page(name).splitlines()
        if line.startswith("    neuroninterp ")
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the pages' commands name."""
    folder = tmp_path_factory.mktemp("published")
    for name in LENGTHS:
        (folder / f"{name}.onnx").write_bytes((FOLDER / "dynamo" / f"{name}.onnx").read_bytes())
    ten_layers(folder / "weight.hdf5")
    for name in ("deepsea.json", "test.mat", "encode_roadmap.h5"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_the_pages_commands_are_commands(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that inspect a twin run; of the others, the options must exist."""
    monkeypatch.chdir(folder)
    _, verb, *arguments = shlex.split(line)
    if verb == "inspect" and "deepsea.json" not in arguments:
        done = CliRunner().invoke(command, [verb, *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return
    assert command.commands[verb].make_context(verb, arguments)
