"""Train a small network on real binding sites and let neuroninterp read it.

The positives are the records of any FASTA file (for example 100-bp CTCF sites); the
negatives are the same sequences shuffled so that every dinucleotide count stays, which
leaves nothing to tell them apart but motifs. Then:

    python examples/ctcf.py sites.fa.gz --output ctcf.keras
    neuroninterp analyze ctcf.keras --data sites.fa.gz
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from neuroninterp.backend import import_keras, resolve_device
from neuroninterp.errors import NeuroninterpError
from neuroninterp.sequences import one_hot, read_sequences, reverse_complement
from neuroninterp.sequences import shuffle_dinucleotides as shuffle


def build(length: int, filters: int, width: int) -> object:
    """Build a network with one convolution whose pool hides half a motif: localist."""
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((length, 4)),
            # No batch norm, and a penalty: filters that find nothing stay small, so that the
            # strongest neurons are the ones that the network uses.
            layers.Conv1D(
                filters,
                width,
                padding="same",
                activation="relu",
                kernel_regularizer=keras.regularizers.L2(1e-3),
                name="conv_1",
            ),
            layers.MaxPooling1D(10, name="pool_1"),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@click.command()
@click.argument("fasta", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--output", default="ctcf.keras", show_default=True, help="Model file.")
@click.option("--filters", default=16, show_default=True)
@click.option("--width", default=19, show_default=True, help="Filter width, bp.")
@click.option("--epochs", default=8, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(fasta: str, output: str, filters: int, width: int, epochs: int, seed: int) -> None:
    """Train on the records of FASTA against their dinucleotide shuffles."""
    resolve_device("auto")
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    positives = read_sequences(fasta, length=None).codes
    flipped = rng.random(len(positives)) < 0.5
    positives = np.where(flipped[:, None], reverse_complement(positives), positives)
    codes = np.concatenate([positives, shuffle(positives, rng)])
    labels = np.repeat([1.0, 0.0], len(positives))
    order = rng.permutation(len(codes))
    codes, labels = codes[order], labels[order]
    held_out = len(codes) // 10

    model = build(codes.shape[1], filters, width)
    model.compile(
        keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=[keras.metrics.AUC()]
    )
    model.fit(
        one_hot(codes[held_out:]),
        labels[held_out:],
        batch_size=128,
        epochs=epochs,
        verbose=2,
        callbacks=[keras.callbacks.EarlyStopping("loss", patience=3)],
    )
    _, auroc = model.evaluate(one_hot(codes[:held_out]), labels[:held_out], verbose=0)
    model.save(output)
    click.echo(f"auROC on {held_out} held-out sequences: {auroc:.3f}; model: {Path(output)}")


if __name__ == "__main__":
    try:
        main()
    except NeuroninterpError as error:
        raise SystemExit(f"Error: {error}") from error
