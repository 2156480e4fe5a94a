"""What sampling and decoupling cost: CPU-seconds and forward evaluations per neuron.

    python benchmarks/sampling.py [--neurons 16]

prints one line per layer of the shipped networks.
"""

from __future__ import annotations

import resource
import time

import click

import neuroninterp as ni
from zoo import weights_path


@click.command()
@click.option("--neurons", default=16, show_default=True, help="Neurons per layer.")
@click.option("--effort", default="standard", show_default=True)
def main(neurons: int, effort: str) -> None:
    """Sample and decouple some neurons of every layer of cnn-1, cnn-2 and cnn-25."""
    click.echo("network  layer  field  evaluations  sampling CPU-s  wall-s  decoupling CPU-s")
    for name in ("cnn-1", "cnn-2", "cnn-25"):
        model = ni.load(weights_path(name), device="cpu")
        for layer in model.layers:
            trunk = model.trunk(layer.number)
            # The first call compiles the trunk, which is not what is measured.
            warm = ni.sample(model, layer.number, [0], effort="quick")
            ni.decouple(model, warm[0])
            before, cpu, wall = trunk.evaluations, time.process_time(), time.perf_counter()
            samples = ni.sample(model, layer.number, range(neurons), effort=effort)
            sampling, elapsed = time.process_time() - cpu, time.perf_counter() - wall
            evaluations = trunk.evaluations - before
            cpu = time.process_time()
            for sample in samples:
                ni.decouple(model, sample)
            decoupling = time.process_time() - cpu
            click.echo(
                f"{name:8} {layer.number:5} {layer.receptive_field:6} "
                f"{evaluations / neurons:12.0f} {sampling / neurons:15.2f} "
                f"{elapsed / neurons:7.2f} {decoupling / neurons:17.2f}"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    click.echo(f"peak memory {peak:.2f} GiB; all figures per neuron")


if __name__ == "__main__":
    main()
