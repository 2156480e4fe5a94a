"""Measure the engine: what sampling and decoupling cost, and how right they are.

    python -m benchmarks.engine [--quick] [--network NAME …] [--layer N …] [--write]

from the repository's root prints, for the networks of the papers, CPU-seconds and windows per
neuron, share of the time in the network's own arithmetic, memory, distance from the exact
answer where one is known, consensus ratios, and how cost grows with the number of neurons,
the field and the batch. KERAS_BACKEND=jax measures the other backend.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from benchmarks.networks import NETWORKS
from benchmarks.plan import ROOT, Settings, measure_apart, measure_network, merged
from benchmarks.tables import render, write_section

__all__ = ["main"]

_RESULTS = ROOT / "benchmarks" / "RESULTS.md"
_QUICK = {"networks": ("toy-2", "cnn-25", "bd-10"), "layers": (1, 2, 5, 6), "neurons": 2}


def _neurons(context: click.Context, option: click.Option, value: str | None) -> int | str | None:
    if value is None or value == "all":
        return value
    if value.isdigit() and int(value) > 0:
        return int(value)
    raise click.BadParameter("expected a number or 'all'", context, option)


@click.command()
@click.option(
    "--network",
    "networks",
    type=click.Choice(list(NETWORKS)),
    multiple=True,
    help="Measure only this one (repeatable).",
)
@click.option(
    "--layer",
    "layers",
    type=click.IntRange(min=1),
    multiple=True,
    help="Measure only this layer of each network (repeatable).",
)
@click.option(
    "--neurons", callback=_neurons, help="Neurons in each layer, or 'all'; a choice of ours if not."
)
@click.option(
    "--effort", type=click.Choice(["quick", "standard", "thorough"]), help="[default: standard]"
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto")
@click.option("--quick", is_flag=True, help="A few neurons of three networks, little effort.")
@click.option("--growth/--no-growth", default=None, help="Vary neurons, field and batch too.")
@click.option("--sizes/--no-sizes", default=None, help="Measure the size of the results too.")
@click.option("--in-process", is_flag=True, help="No process of its own for each network.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures.")
@click.option(
    "--from",
    "measured",
    type=click.Path(path_type=Path, exists=True),
    help="Measure nothing: take the figures from a file that --json wrote.",
)
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(
    networks: tuple[str, ...],
    layers: tuple[int, ...],
    neurons: int | str | None,
    effort: str | None,
    seed: int,
    device: str,
    quick: bool,
    growth: bool | None,
    sizes: bool | None,
    in_process: bool,
    json_path: Path | None,
    measured: Path | None,
    write: bool,
) -> None:
    """Measure the engine and print the figures."""
    if measured is not None:
        report = json.loads(measured.read_text(encoding="utf-8"))
    else:
        settings = Settings(
            networks=networks or (_QUICK["networks"] if quick else tuple(NETWORKS)),
            layers=layers or (_QUICK["layers"] if quick else None),
            neurons=neurons or (_QUICK["neurons"] if quick else None),
            effort=effort or ("quick" if quick else "standard"),
            seed=seed,
            growth=not quick if growth is None else growth,
            sizes=not quick if sizes is None else sizes,
            device=device,
        )
        measure = measure_network if in_process else measure_apart
        report = merged([measure(name, settings) for name in settings.networks], settings)
    click.echo(render(report))
    if json_path is not None:
        json_path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if write:
        write_section(report, _RESULTS)
        click.echo(f"wrote {_RESULTS.relative_to(ROOT)}", err=True)


if __name__ == "__main__":
    main()
