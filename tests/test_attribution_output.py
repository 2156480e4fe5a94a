"""The attribution folder and the command that writes it."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from test_attribution import random_codes

import neuroninterp as ni
import zoo
from neuroninterp.attribution import METHODS
from neuroninterp.attribution.output import FILES, write_attribution
from neuroninterp.attribution.references import REFERENCES
from neuroninterp.attribution.target import SCALES
from neuroninterp.cli import command
from neuroninterp.errors import DataError, NeuroninterpError, OutputError
from neuroninterp.report.track import track
from zoo import weights_path


@pytest.fixture(scope="module")
def found() -> ni.Attribution:
    model = ni.load("zoo:toy-2")
    codes = random_codes(3, model.length)
    codes[0, 5] = 4
    return replace(
        ni.attribute(model, codes, reference="gc"), names=("chr1:5-87(+)", "../odd\tname", "2")
    )


def test_files_are_as_modisco_reads_them(found, tmp_path):
    """As modisco-lite 2 and 3: arr_0 is (N, 4, L); input_seqs and hyp_scores are (N, L, 4)."""
    model = ni.load("zoo:toy-2")
    written = write_attribution(found, tmp_path / "out", model=model, tracks=2)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FILES} - {"views"}
    bases = np.load(written["one_hot.npz"])["arr_0"]
    scores = np.load(written["hypothetical.npz"])["arr_0"]
    assert bases.shape == scores.shape == (3, 4, 82)
    assert (bases.sum(axis=1) == (found.codes < 4)).all()
    assert np.array_equal(bases.argmax(axis=1)[1], found.codes[1])
    assert np.allclose((bases * scores).sum(axis=1), found.scores)
    with h5py.File(written["attributions.h5"]) as file:
        assert np.array_equal(file["input_seqs"][:], bases.transpose(0, 2, 1))
        assert np.array_equal(file["hyp_scores"][:], scores.transpose(0, 2, 1))
        assert np.array_equal(file["scores"][:], found.scores)
        assert np.array_equal(file["gap"][:], found.gap)
        assert file["names"].asstr()[0] == "chr1:5-87(+)"
        assert file.attrs["sha256"] == model.sha256
        assert (file.attrs["method"], file.attrs["reference"]) == ("deeplift", "gc")
        assert file.attrs["scale"] == "logit"
        assert file.attrs["explained"] == found.target
    table = written["attributions.tsv"].read_text().splitlines()
    assert len(table) == 4
    assert table[2].split("\t")[1] == "../odd?name"
    tracks = sorted(path.name for path in written["tracks"].iterdir())
    assert tracks == [
        f"{stem}.{ending}" for stem in ("0_chr1_5-87", "1_odd_name") for ending in ("png", "svg")
    ]


def test_only_an_earlier_attribution_is_replaced(found, tmp_path):
    write_attribution(found, tmp_path / "out", tracks=1)
    write_attribution(found, tmp_path / "out", tracks=0)
    assert list((tmp_path / "out" / "tracks").iterdir()) == []
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other things"):
        write_attribution(found, tmp_path)
    with pytest.raises(DataError, match="region 80-90 does not lie within the sequences"):
        write_attribution(found, tmp_path / "new", region=(80, 90))
    assert not (tmp_path / "new").exists()


def test_track_draws_the_bases_that_are_there(found):
    _, ax = track(found.scores[0], found.codes[0], region=(2, 12))
    drawn = [patch for patch in ax.patches if patch.get_extents().height > 0]
    shown = found.scores[0, 2:12]
    visible = np.abs(shown) >= 0.005 * np.abs(shown).max()
    assert len(drawn) == visible.sum() < 10
    low, high = ax.get_ylim()
    assert low <= min(shown.min(), 0)
    assert high >= max(shown.max(), 0)
    assert ax.get_xlim() == (1.5, 11.5)
    with pytest.raises(ValueError, match="region 5-5"):
        track(found.scores[0], found.codes[0], region=(5, 5))


def run(*arguments: object) -> str:
    outcome = CliRunner().invoke(command, ["attribute", *map(str, arguments)])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_command_writes_the_chosen_sequences(tmp_path):
    model, data = weights_path("cnn-25", "onnx"), zoo.test_data_path()
    common = ("--data", data, "--sequences", "7,2", "--tracks", "1", "--region", "100-130", "-q")
    text = run(model, *common, "--target", "SRF", "--references", "3", "-o", tmp_path / "class")
    assert "2 sequences, deeplift of class 9 (SRF), logit" in text
    text = run(
        model, *common, "--method", "ism", "--layer", 2, "--neuron", 6, "-o", tmp_path / "neuron"
    )
    assert "neuron 6, at its largest value" in text
    everything = ni.read_sequences(data, length=200, limit=8)
    for name in ("class", "neuron"):
        with h5py.File(tmp_path / name / "attributions.h5") as file:
            assert list(file["names"].asstr()) == ["7", "2"]
            assert np.array_equal(file["input_seqs"][:].argmax(2), everything.codes[[7, 2]])
    with pytest.raises(NeuroninterpError, match="has no sequence 99999"):
        run(model, "--data", data, "--sequences", "99999", "-o", tmp_path / "none")
    with pytest.raises(NeuroninterpError, match="unknown class 'CTCF'; valid: 0 to 11, Arid3a"):
        run(model, "--data", data, "--limit", 1, "--target", "CTCF", "-o", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_command_offers_what_there_is():
    """The command repeats the names, so that its help needs no heavy import."""
    offered = {option.name: option.type for option in command.commands["attribute"].params}
    assert set(offered["method"].choices) == set(METHODS)
    assert set(offered["reference"].choices) == set(REFERENCES)
    assert set(offered["scale"].choices) == set(SCALES)
