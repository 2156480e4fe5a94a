"""Make variants of CNN-25 on which the how-to pages can be tried: same motifs, other inputs.

    python examples/variants.py agct -o agct.keras        # channels in the order A, G, C, T
    python examples/variants.py tracks -o tracks.keras    # a second input beside the bases
    python examples/variants.py strands -o strands.keras  # both strands as inputs of their own

All are made from the weights that ship with the zoo, without training.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

import zoo
from neuroninterp.backend import import_keras, resolve_device

LENGTH = 200


def agct() -> object:
    """Return CNN-25 for sequences whose channels are A, G, C, T."""
    model = zoo.load("cnn-25")
    kernel = model.get_layer("conv_1").kernel
    kernel.assign(np.asarray(kernel)[:, [0, 2, 1, 3]])
    return model


def tracks() -> object:
    """Return CNN-25 with a conservation score at every position as its second input.

    Each first-layer neuron gains what is conserved: 0.02 of the score at every position.
    """
    keras = import_keras()
    known = zoo.load("cnn-25")
    first, *others = known.layers[1:]
    sequence = keras.Input((LENGTH, 4), name="sequence")
    conservation = keras.Input((LENGTH, 1), name="conservation")
    x = keras.layers.Concatenate()([sequence, conservation])
    width, _, filters = first.kernel.shape
    convolution = keras.layers.Conv1D(
        filters, width, padding="same", use_bias=False, name="conv_1_with_track"
    )
    x = convolution(x)
    added = np.full((width, 1, filters), 0.02)
    convolution.kernel.assign(np.concatenate([np.asarray(first.kernel), added], axis=1))
    for layer in others:
        x = layer(x)
    return keras.Model([sequence, conservation], x)


def strands() -> object:
    """Return CNN-25 on both strands, averaged, each strand an input of its own."""
    keras = import_keras()
    known = zoo.load("cnn-25")
    forward = keras.Input((LENGTH, 4), name="forward")
    reverse = keras.Input((LENGTH, 4), name="reverse")
    x = keras.layers.Average()([known(forward), known(reverse)])
    return keras.Model([forward, reverse], x)


VARIANTS = {"agct": agct, "tracks": tracks, "strands": strands}


@click.command()
@click.argument("variant", type=click.Choice(list(VARIANTS)))
@click.option("-o", "--output", required=True, help="File to write, .keras.")
def main(variant: str, output: str) -> None:
    """Write a VARIANT of CNN-25."""
    resolve_device("auto")
    import_keras()
    VARIANTS[variant]().save(output)
    click.echo(f"wrote {Path(output)}")


if __name__ == "__main__":
    main()
