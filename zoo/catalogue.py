"""All networks of the zoo, whatever their source, under one set of names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuroninterp.errors import UnknownNameError
from zoo.architectures import dragonn, koo_eddy, neuronmotif
from zoo.architectures.blocks import Protocol

if TYPE_CHECKING:
    import keras

__all__ = [
    "DRAGONN",
    "KOO_EDDY",
    "NEURONMOTIF",
    "Row",
    "Source",
    "batch_size_of",
    "build",
    "epochs_of",
    "names",
    "network",
    "source_of",
    "training_of",
]

Row = koo_eddy.Variant | neuronmotif.Network | dragonn.SequenceDNN
"""A row of any source's table."""


@dataclass(frozen=True)
class Source:
    """A paper whose networks the zoo builds.

    Parameters
    ----------
    title : str
        Authors and year, or the system's name.
    protocols : dict of str to Protocol or Training
        Its training protocols. Networks that are each trained in a way of their own have it
        in their row; see :func:`training_of`.
    batch_size : int
        Sequences a step, as in the paper.
    epochs : int
        Largest number of epochs.
    """

    title: str
    protocols: Mapping[str, Protocol | neuronmotif.Training]
    batch_size: int
    epochs: int = 100

    def protocol(self, name: str) -> Protocol | neuronmotif.Training:
        """Return a training protocol.

        Raises
        ------
        UnknownNameError
            If there is no such protocol.
        """
        if name not in self.protocols:
            raise UnknownNameError("training protocol", name, tuple(self.protocols))
        return self.protocols[name]


KOO_EDDY = Source("Koo & Eddy 2019", koo_eddy.PROTOCOLS, batch_size=100)
NEURONMOTIF = Source(
    "NeuronMotif", dict.fromkeys(neuronmotif.PROTOCOLS, neuronmotif.Training()), batch_size=128
)
DRAGONN = Source("DragoNN", dragonn.PROTOCOLS, batch_size=128)


def names() -> tuple[str, ...]:
    """Return the names of all networks, source by source."""
    return (*koo_eddy.VARIANTS, *neuronmotif.NETWORKS, *dragonn.NETWORKS)


def network(name: str, protocol: str = "released") -> Row:
    """Return the parameters of one network, as a protocol's source describes it.

    Raises
    ------
    UnknownNameError
        If there is no such network; the message lists those that exist.
    """
    if name not in names():
        raise UnknownNameError("zoo model", name, names())
    if name in koo_eddy.VARIANTS:
        return koo_eddy.variant(name, protocol)
    if name in dragonn.NETWORKS:
        return dragonn.network(name)
    return neuronmotif.network(name, protocol)


def source_of(row: Row) -> Source:
    """Return where a row of parameters comes from."""
    if isinstance(row, dragonn.SequenceDNN):
        return DRAGONN
    return NEURONMOTIF if isinstance(row, neuronmotif.Network) else KOO_EDDY


def training_of(row: Row, protocol: str) -> Protocol | neuronmotif.Training:
    """Return how a network is trained by a protocol of its source.

    Raises
    ------
    UnknownNameError
        If its source has no such protocol.
    """
    shared = source_of(row).protocol(protocol)
    return row.training if isinstance(row, neuronmotif.Network) else shared


def batch_size_of(row: Row) -> int:
    """Return the number of sequences a step with which a network is trained in its paper."""
    if isinstance(row, neuronmotif.Network):
        return row.training.batch_size
    return source_of(row).batch_size


def epochs_of(row: Row) -> int:
    """Return the largest number of epochs for which a network is trained in its paper."""
    if isinstance(row, neuronmotif.Network):
        return row.training.epochs
    return source_of(row).epochs


def build(
    name: str | Row,
    *,
    length: int | None = None,
    classes: int | None = None,
    protocol: str = "released",
    seed: int | None = None,
) -> keras.Model:
    """Build one network, untrained, with the optimiser and loss of a protocol.

    Parameters
    ----------
    name : str, Variant, Network or SequenceDNN
        One of :func:`names`, or a row of parameters of your own.
    length : int or None
        Sequence length, bp; the paper's for None.
    classes : int or None
        Number of outputs; the paper's for None.
    protocol : str
        "released"; for Koo & Eddy also "text", for NeuronMotif "listed" and "repository".
    seed : int, optional
        Of the initial weights and the dropout; random where None.

    Returns
    -------
    keras.Model
        Compiled; ``(N, length, 4)`` one-hot, ACGT, to ``(N, classes)`` probabilities.

    Raises
    ------
    UnknownNameError
        If the network or the protocol does not exist.
    DataError
        If the network cannot read sequences of this length, or give as many outputs.
    """
    row = network(name, protocol) if isinstance(name, str) else name
    if isinstance(row, dragonn.SequenceDNN):
        return dragonn.build(row, length=length, classes=classes, protocol=protocol, seed=seed)
    if isinstance(row, neuronmotif.Network):
        return neuronmotif.build(row, length=length, classes=classes, protocol=protocol, seed=seed)
    return koo_eddy.build(
        row,
        length=row.length if length is None else length,
        classes=row.classes if classes is None else classes,
        protocol=protocol,
        seed=seed,
    )
