"""The in vivo data from their sources to a table: miniatures of DeepSEA's files and of a genome."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from neuroninterp.sequences.coding import one_hot
from zoo.cli import zoo as command
from zoo.datasets.deepsea import COLUMNS
from zoo.simulations.koo_eddy import CLASS_NAMES, motif_probabilities

SIZES = {"train": 60, "valid": 12, "test": 20}
CHROMOSOMES = ("chr1", "chr2", "chr7", "chr8", "chr9", "chrX")


def run(*arguments):
    outcome = CliRunner().invoke(command, [str(word) for word in arguments], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@pytest.fixture
def deepsea(tmp_path):
    """A folder of DeepSEA's three files, a third of whose sequences have none of the factors."""
    rng = np.random.default_rng(0)
    for part, size in SIZES.items():
        labels = np.zeros((size, 919), np.uint8)
        labels[:, 5] = 1
        for row in range(size):
            if row % 3:
                labels[row, list(COLUMNS.values())[row % 12]] = 1
        # DeepSEA's channels are A, G, C, T.
        sequences = one_hot(rng.integers(0, 4, (size, 1000), np.uint8))[:, :, [0, 2, 1, 3]]
        channels_first = sequences.transpose(0, 2, 1).astype(np.uint8)
        if part == "train":
            with h5py.File(tmp_path / "train.mat", "w") as file:
                file["trainxdata"] = channels_first.transpose(2, 1, 0)
                file["traindata"] = labels.T
        else:
            savemat(
                tmp_path / f"{part}.mat", {f"{part}xdata": channels_first, f"{part}data": labels}
            )
    return tmp_path


def test_deepseas_files_to_table_2(deepsea):
    data = deepsea / "in_vivo.h5"
    said = run("in-vivo", "--deepsea", deepsea, "-o", data)
    assert "40 train, 8 valid, 13 test sequences" in said
    folder = deepsea / "table"
    arguments = ["--models", "cnn-2", "--trials", 1, "--epochs", 1, "--neurons", 2]
    said = run("table2", "-o", folder, "--data", data, *arguments)
    assert (folder / "table2.md").read_text() in said
    table = json.loads((folder / "table2.json").read_text())
    (row,) = table["rows"]
    assert (row["name"], row["paper"]["aupr"]["mean"]) == ("cnn-2", 0.609)
    assert row["ours"]["aupr"]["mean"] > 0
    record = json.loads((folder / "trial-1" / "cnn-2.json").read_text())
    # 1,000 bp through pools of 2 and 50 leave 10 positions of 128 filters for the dense layer.
    assert record["parameters"] > 10 * 128 * 512
    assert [entry["class"] for entry in record["test"]["classes"]] == list(CLASS_NAMES)


def test_a_genome_with_peaks_to_a_trained_network(tmp_path):
    rng = np.random.default_rng(1)
    motif = motif_probabilities()[2 * CLASS_NAMES.index("CEBPB")].argmax(axis=1)
    peaks = {"CEBPB": [], "other": []}
    with (tmp_path / "genome.fa").open("w") as file:
        for name in CHROMOSOMES:
            codes = rng.integers(0, 4, 12_000, np.uint8)
            for start in range(300, 11_000, 1_000):
                codes[start : start + len(motif)] = motif
                peaks["CEBPB"].append((name, start - 120, start + 120))
            peaks["other"].append((name, 11_100, 11_900))
            file.write(f">{name}\n" + "".join("ACGT"[code] for code in codes) + "\n")
    for name, intervals in peaks.items():
        lines = ("\t".join(map(str, interval)) for interval in intervals)
        (tmp_path / f"{name}.bed").write_text("\n".join(lines) + "\n")
    data = tmp_path / "in_vivo.h5"
    files = [f"--peaks={name}={tmp_path / name}.bed" for name in peaks]
    said = run("in-vivo", "--genome", tmp_path / "genome.fa", *files, "-o", data)
    # Eleven sites and one other peak a chromosome: two to train on, one and two held out.
    assert "24 train, 12 valid, 24 test sequences" in said
    arguments = ["--data", data, "-o", tmp_path / "run", "--epochs", 1, "--device", "cpu"]
    assert "test auROC" in run("train", "cnn-25", *arguments)
    record = json.loads((tmp_path / "run" / "cnn-25.json").read_text())
    assert record["data"]["attributes"]["test_chromosomes"] == "chr8, chr9"
    assert [entry["class"] for entry in record["test"]["classes"]] == ["CEBPB", "other"]
    assert [entry["positives"] for entry in record["test"]["classes"]] == [22, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--deepsea", "a", "--genome", "b", "--peaks", "c"],
        ["--genome", "b"],
        ["--genome", "b", "--peaks", "A=c", "--peaks", "d"],
        ["--genome", "b", "--peaks", "A=c", "--peaks", "A=d"],
    ],
)
def test_sources_that_do_not_go_together_are_told(wrong, tmp_path):
    outcome = CliRunner().invoke(command, ["in-vivo", "-o", str(tmp_path / "x.h5"), *wrong])
    assert outcome.exit_code == 2
    assert "Error: " in outcome.output
