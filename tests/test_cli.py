"""The command line as a user meets it: output, exit codes, one-line errors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import Run, assert_one_line

from neuroninterp.backend import import_keras
from zoo import weights_path

WEIGHTS = Path(weights_path("cnn-25")).parent


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a process of its own."""
    command = [sys.executable, "-c", "from neuroninterp.cli import main; main()"]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One real run, of two neurons of cnn-25, with data."""
    output = tmp_path_factory.mktemp("run") / "report"
    done = run(
        "analyze",
        WEIGHTS / "cnn-25.onnx",
        "--data",
        WEIGHTS / "test.h5",
        "--motifs",
        "JASPAR2016",
        "--relevant",
        "SRF,YY1,MA0137",
        "--layers",
        1,
        "--effort",
        "quick",
        "-o",
        output,
    )
    assert done.returncode == 0, done.stderr
    assert "Layer 1 is localist" in done.stdout
    assert "cpu" in done.stdout
    # No progress where nobody watches, and no word of TensorFlow's about absent GPUs.
    assert done.stderr == ""
    return output


def test_results_folder_is_complete_and_says_what_the_issue_names(results: Path) -> None:
    names = {path.name for path in results.iterdir()}
    assert {
        "report.html",
        "summary.json",
        "layers.tsv",
        "neurons.tsv",
        "matches.tsv",
        "motifs.meme",
        "results.h5",
    } <= names
    summary = json.loads((results / "summary.json").read_text())
    (layer,) = summary["layers"]
    assert (layer["number"], layer["receptive_field"], layer["jump"]) == (1, 19, 1)
    assert layer["neurons"] == 30
    assert summary["verdict"]["kind"] == "localist"
    assert summary["performance"]["auroc"] == pytest.approx(0.973, abs=0.001)
    assert summary["model"]["device"] == "cpu"
    assert summary["settings"]["seed"] == 0


def test_written_ppms_are_read_by_the_motif_reader(results: Path) -> None:
    from neuroninterp import load_database, read_meme, read_results

    motifs = read_meme(results / "motifs.meme")
    restored = read_results(results)
    neurons = restored.layers[0].neurons
    assert len(motifs) == sum(len(neuron.parts) for neuron in neurons)
    np.testing.assert_allclose(motifs[0].ppm, neurons[0].parts[0].ppm, atol=1e-5)
    assert len(load_database(results / "motifs.meme")) == len(motifs)
    assert all(neuron.from_data is not None for neuron in neurons)


def test_an_earlier_result_is_replaced_and_other_things_are_not(
    results: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    arguments = ("analyze", WEIGHTS / "cnn-25.onnx", "--layers", 1, "--neurons", 0, "-q", "-o")
    refused = run(*arguments, tmp_path)
    assert_one_line(refused, "precious.txt")
    assert (tmp_path / "precious.txt").read_text() == "mine"
    again = tmp_path / "again"
    shutil.copytree(results, again)
    done = run(*arguments, again, "--effort", "quick")
    assert done.returncode == 0, done.stderr
    assert json.loads((again / "summary.json").read_text())["layers"][0]["neurons"] == 1


def test_inspect() -> None:
    shown = run("inspect", WEIGHTS / "cnn-2.keras")
    assert shown.returncode == 0
    assert shown.stderr == ""
    assert "conv_1" in shown.stdout
    assert "channels ACGT (assumed; the file does not say)" in shown.stdout
    given = run("inspect", WEIGHTS / "cnn-2.keras", "--alphabet", "AGCT")
    assert "channels AGCT (as given)" in given.stdout
    described = json.loads(run("inspect", WEIGHTS / "cnn-2.onnx", "--json").stdout)
    assert described["input"] == {
        "name": "sequence",
        "layout": "(N, L, 4)",
        "length": 200,
        "reference_length": 200,
        "channels": 4,
        "alphabet": "ACGT",
        "background": 0.0,
        "held": {},
        "assumed": ["layout", "alphabet"],
    }
    keys = ("number", "filters", "kernel", "stride", "dilation", "receptive_field", "jump")
    first, second = (
        [layer[key] for key in (*keys, "shifts", "shifts_twice")] for layer in described["layers"]
    )
    assert first == [1, 30, 19, 1, 1, 19, 1, 1, 1]
    assert second == [2, 128, 5, 1, 1, 28, 2, 2, 4]
    assert [layer["measured_field"]["size"] for layer in described["layers"]] == [19, 28]
    assert all(
        layer["effective_field"]["size"] <= layer["receptive_field"]
        for layer in described["layers"]
    )
    assert described["layers"][0]["pool"] == {"kind": "max", "size": 2, "stride": 2}


def two_input_model(folder: Path) -> Path:
    """Sequence with a track beside it, of any length, and a flag that scales the output."""
    keras = import_keras()
    sequence = keras.Input((None, 5), name="sequence")
    flag = keras.Input((1,), name="flag")
    found = keras.layers.Conv1D(3, 7, activation="relu", name="scan")(sequence)
    pooled = keras.layers.GlobalMaxPooling1D()(found)
    scaled = keras.layers.Concatenate()([pooled, flag])
    path = folder / "two.keras"
    keras.Model([sequence, flag], keras.layers.Dense(1)(scaled)).save(path)
    return path


def test_inputs_that_are_no_sequence_are_held_and_said(tmp_path: Path, run_here: Run) -> None:
    path = two_input_model(tmp_path)
    shown = run_here("inspect", path, "--hold", "flag=2", "--background", "0.5", "--length", "90")
    assert shown.returncode == 0, shown.stderr
    assert "channel 5 is no base and is held at 0.5" in shown.stdout
    assert "input 'flag' is held at 2" in shown.stdout
    assert "any length (looked at: 90 bp)" in shown.stdout
    output = tmp_path / "out"
    done = run_here("analyze", path, "--effort", "quick", "-q", "-o", output)
    assert done.returncode == 0, done.stderr
    summary = json.loads((output / "summary.json").read_text())
    assert summary["model"]["input"]["held"] == {"flag": 0.0}
    assert summary["model"]["input"]["alphabet"] == "ACGT."
    assert "input 'flag' is held at 0" in summary["notes"]
    assert summary["layers"][0]["pool"] == "global max"


def test_help_and_zoo_list_import_nothing_heavy() -> None:
    for arguments in (["--help"], ["zoo", "list"]):
        script = (
            "import sys\nfrom neuroninterp.cli import main\n"
            f"sys.argv[1:] = {arguments}\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            "heavy = {'tensorflow', 'keras', 'onnx', 'onnxruntime', 'pandas', 'numba', 'sklearn'}\n"
            "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "cnn-25" in done.stdout


def test_inspect_spares_the_second_that_scikit_learn_takes() -> None:
    script = (
        "import sys\nfrom neuroninterp.cli import main\n"
        f"sys.argv[1:] = ['inspect', {str(WEIGHTS / 'cnn-2.keras')!r}]\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code\n"
        "assert 'sklearn' not in sys.modules\n"
        "import sklearn.cluster\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_wrong_input_gets_one_line_and_leaves_nothing(tmp_path: Path, run_here: Run) -> None:
    good, data = WEIGHTS / "cnn-25.onnx", WEIGHTS / "test.h5"
    text = tmp_path / "text.onnx"
    text.write_text("this is not a model")
    truncated = tmp_path / "truncated.keras"
    truncated.write_bytes((WEIGHTS / "cnn-25.keras").read_bytes()[:5000])
    renamed = tmp_path / "renamed.h5"
    renamed.write_text("a,b\n1,2\n")
    short = tmp_path / "short.npz"
    np.savez(short, x=np.eye(4, dtype=np.float32)[np.zeros((5, 60), int)])
    soft = tmp_path / "soft.npz"
    np.savez(soft, x=np.full((5, 200, 4), 0.3, np.float32))
    architecture = tmp_path / "architecture.json"
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 20, 4]}},
        {"class_name": "Conv1D", "config": {"filters": 2, "kernel_size": [3]}},
    ]
    sequential = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    architecture.write_text(json.dumps(sequential))
    meme = tmp_path / "motifs.meme"
    meme.write_text(">not a meme file\nACGT\n")
    cases: list[tuple[tuple[object, ...], tuple[str, ...]]] = [
        ((tmp_path / "absent.onnx",), ("no such model file", "absent.onnx")),
        ((text,), ("text.onnx",)),
        ((truncated,), ("truncated.keras",)),
        ((renamed,), ("renamed.h5",)),
        ((good, "--data", tmp_path / "absent.fa"), ("absent.fa", "no such file")),
        ((good, "--data", short), ("short.npz", "60", "200")),
        ((good, "--data", soft), ("soft.npz", "one-hot", "0.3")),
        ((good, "--data", data, "--x-key", "nothing"), ("nothing", "X_test")),
        ((good, "--motifs", meme), ("motifs.meme", "MEME")),
        ((good, "--motifs", "JASPAR1999"), ("JASPAR1999", "JASPAR2024")),
        ((good, "--relevant", "CTFC", "--motifs", "JASPAR2016"), ("CTFC", "CTCF")),
        ((good, "--layers", "7"), ("layer '7'", "1, 2")),
        ((good, "--neurons", "30"), ("'30'", "0 to 29")),
        ((good, "--layers", "one"), ("one", "1,3 or 0-9")),
        ((good, "--alphabet", "ACGX"), ("ACGX",)),
        ((good, "--alphabet", "ACGT.."), ("ACGT..", "6 channels")),
        ((good, "--length", "300"), ("200", "300", "--length")),
        ((good, "--input", "other"), ("'other'", "sequence")),
        ((good, "--hold", "tracks=0.5"), ("'tracks'", "sequence")),
        ((good, "--hold", "tracks"), ("tracks", "--hold", "name and a number")),
        ((architecture,), ("architecture.json", "--weights")),
        ((architecture, "--weights", tmp_path / "absent.h5"), ("absent.h5",)),
    ]
    for arguments, words in cases:
        assert_one_line(run_here("analyze", *arguments, "-q", "-o", tmp_path / "out"), *words)
        assert not (tmp_path / "out").exists(), arguments
    unknown = run_here("zoo", "train", "cnn-3", "--data", data, "-o", tmp_path / "out")
    assert_one_line(unknown, "cnn-3", "cnn3-50")
    assert_one_line(run_here("inspect"), "MODEL")
    assert_one_line(run_here("analyse", good), "analyse")


def test_a_gpu_that_is_not_there_is_said_in_one_line() -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", "from neuroninterp.cli import main; main()"]
    done = subprocess.run(
        [*command, "inspect", str(WEIGHTS / "cnn-2.onnx"), "--device", "gpu"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert_one_line(done, "no GPU was found")
