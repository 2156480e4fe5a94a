"""Measure attribution: mutagenesis against its brute force, and how many sequences a second.

    python -m benchmarks.attribution [--sequences N] [--write]

from the repository's root prints, for networks of three shapes, what in-silico mutagenesis
costs by the model's own runtime and recomputing only what an edit reaches, in one run, and how
many sequences DeepLIFT, integrated gradients and saliency explain in a second. Basset's and
SequenceDNN's weights are random: what is measured does not depend on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

import neuroninterp as ni
from benchmarks.environment import environment
from benchmarks.plan import ROOT
from benchmarks.tables import table, write_text_section
from neuroninterp.attribution.deeplift import deeplift_function
from neuroninterp.attribution.differences import explain_differences
from neuroninterp.attribution.edits import list_edits
from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.gradients import integrated_function, saliency
from neuroninterp.attribution.incremental import Incremental
from neuroninterp.attribution.mutagenesis import WholeNetwork
from neuroninterp.attribution.reach import find_reach
from neuroninterp.attribution.references import References
from neuroninterp.attribution.target import class_target
from neuroninterp.backend import import_keras, resolve_device
from neuroninterp.models import Model

__all__ = ["main"]

_RESULTS = ROOT / "benchmarks" / "RESULTS.md"

_PREAMBLE = """Written by `python -m benchmarks.attribution --write`. Wall-clock milliseconds a
sequence, compilation not counted; *runtime* computes the whole network for every edit (Keras's
own `predict_on_batch`, or ONNX Runtime), *reach* only what the edit can change; *largest
difference* is between the two, in the explained number (a logit). DeepLIFT compares with 20
shuffles, integrated gradients with one reference in 50 steps."""


def _sequence_dnn() -> Any:
    """Return DragoNN's network of three layers: 15 filters of 15, a pool of 35, 500 bp."""
    layers = import_keras().layers
    x = sequence = import_keras().Input((500, 4))
    for _ in range(3):
        x = layers.Conv1D(15, 15, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling1D(35)(x))
    return import_keras().Model(sequence, layers.Dense(1, activation="sigmoid")(x))


def _basset() -> Any:
    """Return Basset's network: three blocks, two dense layers, 600 bp, 164 classes."""
    layers = import_keras().layers
    x = sequence = import_keras().Input((600, 4))
    for filters, width, pool in ((300, 19, 3), (200, 11, 4), (200, 7, 4)):
        x = layers.Conv1D(filters, width, padding="same")(x)
        x = layers.MaxPooling1D(pool)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(1000)(x)))
    return import_keras().Model(sequence, layers.Dense(164, activation="sigmoid")(x))


_NETWORKS: dict[str, Callable[[], Any] | str] = {
    "cnn-25": "zoo:cnn-25",
    "SequenceDNN-3": _sequence_dnn,
    "Basset": _basset,
}


@contextmanager
def _loaded(name: str) -> Iterator[Model]:
    made = _NETWORKS[name]
    if isinstance(made, str):
        yield ni.load(made)
        return
    import_keras().utils.set_random_seed(0)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        made().save(path)
        yield ni.load(path)


def _seconds(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def measure(name: str, sequences: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure one network.

    Returns
    -------
    tuple of dict
        What mutagenesis cost, and how many sequences a second the other methods explained.
    """
    with _loaded(name) as model:
        length = model.reference_length
        codes = np.random.default_rng(0).integers(0, 4, (sequences, length), np.uint8)
        target = class_target(model, 0, model.predict(codes[:1]).shape[1:])
        explained = Explained(model, target, length)
        reach = find_reach(explained.graph, target.node, explained.shapes, length)
        assert reach is not None
        part, whole = Incremental(explained, reach), WholeNetwork(model, target, length)
        edits, found, spent = list_edits(codes), {}, {}
        for how, computing in (("reach", part), ("runtime", whole)):
            # The first call compiles; with the same number of edits, for the same shapes.
            computing.values(codes, None, edits if how == "reach" else list_edits(codes[:1]))

            def compute(computing: Any = computing, how: str = how) -> None:
                found[how] = computing.values(codes, None, edits)[1]

            spent[how] = _seconds(compute)
        row = {
            "network": name,
            "bp": length,
            "edits": len(edits) // sequences,
            "runtime": 1000 * spent["runtime"] / sequences,
            "reach": 1000 * spent["reach"] / sequences,
            "ratio": spent["runtime"] / spent["reach"],
            "difference": float(np.abs(found["reach"] - found["runtime"]).max()),
        }
        return row, _rates(explained, name, codes)


def _rates(explained: Explained, name: str, codes: np.ndarray) -> dict[str, Any]:
    table = explained.table
    shuffled = References("shuffled", 20, 0, codes, table)
    gc = References("gc", 1, 0, codes, table)
    deeplift = deeplift_function(explained, shuffled.count)
    integrated = integrated_function(explained, 1, 50)
    work = {
        "saliency": lambda: saliency(explained, codes, None),
        "deeplift": lambda: explain_differences(explained, codes, None, shuffled, deeplift),
        "integrated-gradients": lambda: explain_differences(explained, codes, None, gc, integrated),
    }
    row: dict[str, Any] = {"network": name, "bp": codes.shape[1]}
    for method, explain in work.items():
        explain()  # compiles
        row[method] = len(codes) / _seconds(explain)
    return row


_MUTAGENESIS = [
    ("network", lambda row: row["network"]),
    ("bp", lambda row: str(row["bp"])),
    ("edits", lambda row: f"{row['edits']:,}"),
    ("runtime ms", lambda row: f"{row['runtime']:,.0f}"),
    ("reach ms", lambda row: f"{row['reach']:,.1f}"),
    ("times faster", lambda row: f"{row['ratio']:.1f}"),
    ("largest difference", lambda row: f"{row['difference']:.1e}"),
]
_RATES = [
    ("network", lambda row: row["network"]),
    ("bp", lambda row: str(row["bp"])),
    ("saliency a second", lambda row: f"{row['saliency']:,.0f}"),
    ("DeepLIFT", lambda row: f"{row['deeplift']:,.1f}"),
    ("integrated gradients", lambda row: f"{row['integrated-gradients']:,.1f}"),
]


def render(rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """Write measurements as one Markdown section."""
    where = environment()
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    title = f"## Attribution: {where['machine']}, {where['cores']} cores, {where['backend']}"
    return (
        "\n\n".join(
            [
                title,
                f"{where['date']}, commit {where['commit']}; {where['device']}; {versions}.",
                _PREAMBLE,
                "### In-silico mutagenesis\n\n" + table(_MUTAGENESIS, [row for row, _ in rows]),
                "### Sequences a second\n\n" + table(_RATES, [row for _, row in rows]),
            ]
        )
        + "\n"
    )


@click.command()
@click.option("--sequences", type=click.IntRange(min=1), default=8, show_default=True)
@click.option("--network", "networks", type=click.Choice(list(_NETWORKS)), multiple=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto")
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(sequences: int, networks: tuple[str, ...], device: str, write: bool) -> None:
    """Measure attribution and print the figures."""
    resolve_device(device)
    import_keras()
    text = render([measure(name, sequences) for name in networks or tuple(_NETWORKS)])
    click.echo(text)
    if write:
        write_text_section(text, _RESULTS)


if __name__ == "__main__":
    main()
