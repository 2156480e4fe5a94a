"""The pipeline on networks whose content is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError, UnknownNameError, UnsupportedOperationError
from neuroninterp.results import layers_table, neurons_table
from neuroninterp.sampling import sampling_seconds
from neuroninterp.sequences import Sequences
from zoo import relevant_motifs, weights_path

JASPAR = "JASPAR2016"


@pytest.fixture(scope="module")
def relevant() -> tuple[str, ...]:
    return relevant_motifs(ni.load_database(JASPAR).ids)


def test_cnn_25_is_localist_from_its_weights_alone(relevant: tuple[str, ...]) -> None:
    result = ni.analyze(
        weights_path("cnn-25"), motifs=JASPAR, relevant=relevant, layers=[1], effort="quick"
    )
    assert (result.verdict.layer, result.verdict.kind) == (1, "localist")
    fractions = result.layers[0].fractions
    assert fractions.relevant is not None
    assert fractions.relevant >= 0.85
    assert fractions.null < 0.5
    assert result.performance is None
    assert result.data is None
    assert result.skipped == ("layer 2: not chosen; the empirical reading rests on layer 1",)


def test_cnn_2_is_distributed_and_decoupling_sharpens_it(relevant: tuple[str, ...]) -> None:
    """30 neurons a layer; the README has the figures of the whole network."""
    result = ni.analyze(
        weights_path("cnn-2"),
        motifs=JASPAR,
        relevant=relevant,
        neurons=range(30),
        effort="quick",
    )
    assert (result.verdict.layer, result.verdict.kind) == (2, "distributed")
    first, second = (layer.fractions for layer in result.layers)
    assert first.relevant is not None
    assert first.relevant < 0.2
    assert second.relevant is not None
    assert second.mixture_relevant is not None
    assert second.random_split_relevant is not None
    assert second.relevant > second.mixture_relevant + 0.05
    assert second.relevant > second.random_split_relevant + 0.05
    hits = [
        hit
        for layer in result.layers
        for neuron in layer.neurons
        for hit in (*neuron.matches, *neuron.mixture_matches)
    ]
    hits += [entry.match for layer in result.layers for entry in layer.dictionary if entry.match]
    assert result.targets.keys() == {hit.target_id for hit in hits}
    known = ni.load_database(JASPAR)
    for identifier, target in result.targets.items():
        np.testing.assert_array_equal(target.ppm, known.ppms[known.ids.index(identifier)])
    table = layers_table(result)
    assert table["receptive_field"].tolist() == [19, 28]
    assert len(neurons_table(result)) == 60
    for layer in result.layers:
        for neuron in layer.neurons:
            for motif in (neuron.mixture, *neuron.parts):
                if motif is not None:
                    assert motif.consensus_value <= motif.maximum
                    assert motif.maximum <= neuron.mixture.maximum


def test_a_track_beside_the_sequence_is_held(tmp_path: Path) -> None:
    keras = import_keras()
    # Of some weights the first neuron is never active.
    keras.utils.set_random_seed(1)
    sequence, track = keras.Input((None, 4), name="dna"), keras.Input((None, 4), name="track")
    beside = keras.layers.Concatenate()([sequence, track])
    found = keras.layers.Conv1D(2, 5, activation="relu")(beside)
    path = tmp_path / "track.keras"
    keras.Model([sequence, track], keras.layers.GlobalMaxPooling1D()(found)).save(path)
    with pytest.raises(ModelError, match="name one with --input"):
        ni.load(path)
    fasta = tmp_path / "some.fa"
    bases = np.random.default_rng(0).choice(list("ACGT"), (30, 70))
    fasta.write_text("".join(f">r{i}\n{''.join(row)}\n" for i, row in enumerate(bases)))
    settings = {"input_name": "dna", "held": {"track": 0.5}, "effort": "quick"}
    maxima = []
    for length in (None, 70):
        result = ni.analyze(path, fasta, length=length, **settings)
        assert result.skipped == ()
        assert "input 'track' is held at 0.5" in result.notes
        (neuron, _) = result.layers[0].neurons
        assert neuron.from_data is not None
        assert neuron.from_data.maximum <= neuron.mixture.maximum + 1e-5
        maxima.append(neuron.from_data.maximum)
    assert maxima[0] == pytest.approx(maxima[1], abs=1e-6)


def test_a_wrong_channel_order_is_noticed() -> None:
    settings = {"motifs": JASPAR, "layers": [1], "effort": "quick"}
    wrong = ni.analyze(weights_path("cnn-25"), alphabet="AGCT", **settings)
    (note,) = wrong.notes
    assert "may be in the order ACGT, not AGCT" in note
    assert "--alphabet ACGT" in note
    assert ni.analyze(weights_path("cnn-25"), **settings).notes == ()


def test_layers_that_would_take_too_long_are_skipped_unless_forced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ni.load(weights_path("cnn-1"))
    first, second = (
        sampling_seconds(model, number, 2, effort="quick", limit=1e9) for number in (1, 2)
    )
    assert second > 2 * first
    monkeypatch.setattr("neuroninterp.pipeline.survey._LONGEST_SAMPLING", 2 * first)
    monkeypatch.setattr("neuroninterp.sampling.cost._FAR", 1.0)
    settings = {"motifs": JASPAR, "effort": "quick", "neurons": [0, 1]}
    result = ni.analyze(model, **settings)
    assert [layer.layer.number for layer in result.layers] == [1]
    (reason,) = result.skipped
    assert "layer 2" in reason
    assert "--force" in reason
    forced = ni.analyze(model, force=True, **settings)
    assert [layer.layer.number for layer in forced.layers] == [1, 2]
    assert forced.skipped == ()
    with pytest.raises(ModelError, match=r"nothing is left to analyse: layer 2.*--force"):
        ni.analyze(model, layers=[2], **settings)


def test_two_shifted_motifs_of_a_published_toy_are_told_apart(tmp_path: Path) -> None:
    """The shape of NeuronMotif's first toy: CAGGTG, 1 bp apart, hidden by a pool of 2."""
    keras = import_keras()
    model = keras.Sequential(
        [
            keras.Input((8, 4)),
            keras.layers.Conv1D(1, 6, activation="relu"),
            keras.layers.MaxPooling1D(2),
            keras.layers.Conv1D(1, 1, activation="sigmoid"),
            keras.layers.Flatten(),
        ]
    )
    kernel = np.full((6, 4, 1), -1.0, np.float32)
    kernel[np.arange(6), [1, 0, 2, 2, 3, 2], 0] = 1.5
    model.layers[0].set_weights([kernel, np.zeros(1, np.float32)])
    model.layers[2].set_weights([np.ones((1, 1, 1), np.float32), np.full(1, -4.0, np.float32)])
    path = tmp_path / "toy.h5"
    model.save(path)
    result = ni.analyze(path, layers=[2])
    (neuron,) = result.layers[0].neurons
    assert neuron.mixture is not None
    assert neuron.mixture.maximum == pytest.approx(5.0, abs=1e-4)
    assert sorted(part.consensus.index("CAGGTG") for part in neuron.parts) == [0, 1]
    assert sorted(part.shift for part in neuron.parts) in ([0, 1], [-1, 0])
    # Without sequences there is nothing from data.
    assert "layer2_motif0" in [entry.name for entry in result.layers[0].dictionary]
    assert neuron.syntax
    assert result.layers[0].dictionary_from_data == neuron.syntax_from_data == ()
    assert neuron.top_sequences == ()
    assert neuron.profile is not None
    assert neuron.profile.data_counts is None
    assert not any("data" in stage for stage in result.seconds)


def two_convolutions_around(layer: object, path: Path) -> Path:
    keras = import_keras()
    layers = [
        keras.Input((40, 4)),
        keras.layers.Conv1D(3, 5, activation="relu", name="first"),
        layer,
        keras.layers.Conv1D(2, 3, name="second"),
    ]
    keras.Sequential(layers).save(path)
    return path


def test_layers_behind_an_unknown_operation_need_naming(tmp_path: Path) -> None:
    doubled = import_keras().layers.UpSampling1D(2, name="doubled")
    path = two_convolutions_around(doubled, tmp_path / "doubled.keras")
    with pytest.raises(UnsupportedOperationError, match=r"UpSampling1D.*doubled.*--layers 1"):
        ni.analyze(path)
    result = ni.analyze(path, layers=[1], effort="quick")
    assert len(result.layers[0].neurons) == 3
    assert any("doubled" in sentence for sentence in result.skipped)


def test_layers_that_see_the_whole_sequence_are_skipped(tmp_path: Path) -> None:
    memory = import_keras().layers.LSTM(4, return_sequences=True, name="memory")
    path = two_convolutions_around(memory, tmp_path / "lstm.keras")
    result = ni.analyze(path, effort="quick")
    assert [layer.layer.number for layer in result.layers] == [1]
    (reason,) = result.skipped
    assert "'second' sees the whole sequence" in reason
    assert "memory" in reason
    with pytest.raises(UnsupportedOperationError, match=r"layer 2 cannot be analysed.*memory"):
        ni.analyze(path, layers=[2])
    with pytest.raises(UnknownNameError, match="unknown layer '3'"):
        ni.analyze(path, layers=[3])
    with pytest.raises(UnknownNameError, match="unknown effort 'fast'; valid: quick, standard"):
        ni.analyze(path, effort="fast")


def test_same_seed_same_result(relevant: tuple[str, ...]) -> None:
    def run(seed: int) -> list[np.ndarray]:
        result = ni.analyze(
            weights_path("cnn-2"), layers=[2], neurons=[3, 5], effort="quick", seed=seed
        )
        return [part.ppm for neuron in result.layers[0].neurons for part in neuron.parts]

    first, again, other = run(0), run(0), run(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=False))


def test_no_value_met_in_a_run_exceeds_the_maximum() -> None:
    """Neither a consensus, nor a window of the data, nor a sequence made to test a syntax."""
    codes = np.random.default_rng(0).integers(0, 4, (40, 82)).astype(np.uint8)
    data = Sequences(codes=codes, labels=None, class_names=None, names=None, source="random")
    model = ni.load(weights_path("toy-2"))
    result = ni.analyze(
        weights_path("toy-2"), data, layers=[3, 4], neurons=[0, 1, 2], effort="quick"
    )
    seen = 0
    for layer in result.layers:
        for neuron in layer.neurons:
            if neuron.mixture is None:
                continue
            motifs = [neuron.mixture, *neuron.parts, *neuron.from_data_parts]
            values = [value for m in motifs for value in (m.maximum, m.consensus_value)]
            values += [s.highest for side in neuron.syntaxes.values() for s in side]
            assert neuron.mixture.maximum >= max(values)
            windows = np.lib.stride_tricks.sliding_window_view(
                codes, layer.layer.receptive_field, axis=1
            ).reshape(-1, layer.layer.receptive_field)
            trunk = model.trunk(layer.layer.number)
            own = trunk.values_of(windows, np.full(len(windows), neuron.neuron))
            assert neuron.mixture.maximum >= own.max()
            # Of all windows the network itself reads every second, fourth, ….
            own = own.reshape(40, -1)[:, layer.layer.start % layer.layer.jump :: layer.layer.jump]
            values = [top.value for top in neuron.top_sequences]
            np.testing.assert_allclose(values, np.sort(own.max(axis=1))[:-11:-1], atol=1e-5)
            profile = neuron.profile
            assert profile is not None
            assert profile.data_windows == own.size
            assert profile.data_counts is not None
            assert profile.data_counts.sum() == (own > neuron.mixture.threshold).sum()
            assert profile.edges[0] == neuron.mixture.threshold
            assert profile.edges[-1] <= neuron.mixture.maximum
            assert profile.log2_level[0] == neuron.mixture.log2_rarity
            seen += 1
    assert seen == 6


def test_data_is_used_beside_the_model(tmp_path: Path) -> None:
    """A FASTA file with lower case and N gives PPMs from data, and no labels no scores."""
    rng = np.random.default_rng(0)
    records = []
    for index in range(60):
        bases = rng.choice(list("ACGTacgtN"), 200, p=[0.12] * 8 + [0.04])
        records.append(f">r{index}\n{''.join(bases)}\n")
    path = tmp_path / "some.fa"
    path.write_text("".join(records))
    result = ni.analyze(
        weights_path("cnn-2"), path, tmp_path / "out", layers=[1], neurons=[0], effort="quick"
    )
    assert result.data is not None
    assert result.data["sequences"] == 60
    assert result.performance is None
    (neuron,) = result.layers[0].neurons
    assert neuron.mixture is not None
    assert neuron.from_data is not None
    assert neuron.from_data.maximum <= neuron.mixture.maximum
    assert neuron.top_sequences[0].value <= neuron.from_data.maximum
    assert [top.name for top in neuron.top_sequences] == [
        f"r{top.sequence}" for top in neuron.top_sequences
    ]
    assert (tmp_path / "out" / "report.html").exists()
