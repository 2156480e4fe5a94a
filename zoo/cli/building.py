"""The command that writes untrained networks."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["build"]

_NATURAL = click.IntRange(min=0)
_POSITIVE = click.IntRange(min=1)


@click.command()
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write: .keras or .onnx.",
)
@click.option("--seed", type=_NATURAL, default=0, show_default=True, help="Of the weights.")
@click.option("--length", type=_POSITIVE, help="Of the sequences, bp.  [default: the paper's]")
@click.option("--classes", type=_POSITIVE, help="Number of outputs.  [default: the paper's]")
@click.option(
    "--protocol",
    default="released",
    show_default=True,
    help="released; of Koo & Eddy also text, of NeuronMotif listed or repository.",
)
@click.option(
    "--convolutions-only", is_flag=True, help="Leave out the dense layers, most of the weights."
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def build(
    name: str,
    output: Path,
    seed: int,
    length: int | None,
    classes: int | None,
    protocol: str,
    convolutions_only: bool,
    force: bool,
) -> None:
    """Write the network NAME untrained: random weights, calibrated on random sequences.

    Every neuron's value has mean -0.5 and standard deviation 1 there, by its batch norm or by
    its weights, so that none is dead: fit to try an analysis on a network of its size.
    """
    from zoo.building import write_random_network

    model = write_random_network(
        name,
        output,
        seed=seed,
        length=length,
        classes=classes,
        protocol=protocol,
        convolutions_only=convolutions_only,
        force=force,
    )
    layers = sum(layer.name.startswith("conv_") for layer in model.layers)
    click.echo(f"wrote {output}: {layers} convolutions, {model.count_params():,} weights")
