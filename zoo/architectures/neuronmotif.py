"""Networks of NeuronMotif: a table of parameters and one builder.

DeepSEA and DD-10 read DeepSEA's data (1,000 bp, 919 labels), Basset and BD-10 Basset's (600 bp,
164 labels); ``toy-1`` and ``toy-2`` are the demonstrations. Convolutions have a bias and no
padding; a batch norm, if any, comes before the nonlinearity.

The sources describe some networks more than once:

- "released" (the default): the code on NeuronMotif's web page.
- "listed": the list of layers on the same page. DeepSEA has a pool of 4 after its last
  convolution there; DD-10 has 64, 80, 128 and 160 filters where the code has 128, 128, 160
  and 160, and no pool after its last convolution.
- "repository": the training scripts in the released repository, which the published weights
  and the repository's analyses fit. BD-10 is wider there (128, 128, 160, 160, 256, 256, 384,
  384, 512, 512), its dense layer has 768 units, the dropout comes before it, and a batch norm
  comes before the sigmoid. The other networks are those of the page's code.

Optimiser, batch size, epochs and patience are those of the training scripts; the page gives
none. Where the scripts leave a setting to Keras 2, it is the same in Keras 3.

Source: Wei Z et al. (2021) NeuronMotif, bioRxiv, doi:10.1101/2021.02.10.430606, its web page
and its released code; Zhou J, Troyanskaya OG (2015) Nat Methods 12:931; Kelley DR, Snoek J,
Rinn JL (2016) Genome Res 26:990.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import DataError, UnknownNameError
from zoo.architectures.blocks import Block
from zoo.architectures.neuronmotif_layers import assemble
from zoo.architectures.neuronmotif_network import (
    CONVOLUTIONS,
    DENSE,
    OUTPUT,
    Network,
    Regularization,
    Training,
)

if TYPE_CHECKING:
    import keras

__all__ = ["NETWORKS", "PROTOCOLS", "VARIANTS", "Network", "Training", "build", "network"]

_TOYS = Training(batch_size=32, patience=15)
_DEEPSEA_DATA: dict[str, Any] = {"length": 1000, "classes": 919}
_BASSET_DATA: dict[str, Any] = {"length": 600, "classes": 164}


def _block(filters: int, kernel: int, pool: int = 1, dropout: float = 0.0) -> Block:
    return Block(filters, kernel, pool, pool, padding="valid", dropout=dropout)


def _ten_layers(name: str, widths: tuple[int, ...], last_pool: int = 1, **rest: Any) -> Network:
    """Return five pairs of layers: the first 7 wide, the others 3, a pool of 2 between pairs."""
    last = len(widths)
    blocks = tuple(
        _block(
            filters,
            7 if number == 1 else 3,
            last_pool if number == last else 2 - number % 2,
        )
        for number, filters in enumerate(widths, start=1)
    )
    return Network(name, blocks=blocks, **rest)


NETWORKS: dict[str, Network] = {
    item.name: item
    for item in (
        Network(
            "toy-1",
            length=8,
            blocks=(_block(3, 5, 2), _block(1, 2)),
            norm=(),
            training=_TOYS,
            note="two ZEB1 motifs, 1 bp apart",
        ),
        Network(
            "toy-2",
            length=82,
            blocks=(
                _block(5, 7, 2),
                _block(5, 3, 2),
                _block(6, 3, 2),
                _block(6, 3, 2),
                _block(1, 3),
            ),
            training=_TOYS,
            note="two CTCF sites, rightly spaced or not",
        ),
        Network(
            "deepsea",
            blocks=(
                _block(320, 8, 4, dropout=0.2),
                _block(480, 8, 4, dropout=0.2),
                _block(960, 8, dropout=0.5),
            ),
            dense=(925,),
            norm=(),
            threshold=1e-6,
            regularization=Regularization(l2=1e-6, max_norm=0.9, output_l1=1e-8),
            training=Training(
                "sgd", 0.08, batch_size=16, epochs=1000, patience=100, momentum=0.9, decay=8e-7
            ),
            note="Zhou & Troyanskaya 2015",
            **_DEEPSEA_DATA,
        ),
        _ten_layers(
            "dd-10",
            (128, 128, 160, 160, 256, 320, 512, 640, 1024, 1280),
            last_pool=2,
            dense=(925,),
            dense_dropout=0.2,
            training=Training(epochs=50, patience=5),
            note="ten layers, DeepSEA's data",
            **_DEEPSEA_DATA,
        ),
        Network(
            "basset",
            blocks=(_block(300, 19, 3), _block(200, 11, 4), _block(200, 7, 4)),
            dense=(1000, 1000),
            norm=(CONVOLUTIONS,),
            dense_dropout=0.3,
            training=Training("rmsprop", 0.002),
            note="Kelley, Snoek & Rinn 2016",
            **_BASSET_DATA,
        ),
        _ten_layers(
            "bd-10",
            (64, 64, 128, 128, 256, 256, 384, 384, 512, 512),
            dense=(1024,),
            dense_dropout=0.2,
            note="ten layers, Basset's data",
            **_BASSET_DATA,
        ),
    )
}
"""The networks by name, as the code on the web page has them."""


def _listed() -> dict[str, Network]:
    deepsea, dd_10 = NETWORKS["deepsea"], NETWORKS["dd-10"]
    *others, last = deepsea.blocks
    widths = (64, 80, 128, 160, *(block.filters for block in dd_10.blocks[4:]))
    return {
        "deepsea": replace(deepsea, blocks=(*others, replace(last, pool=4, stride=4))),
        "dd-10": replace(dd_10, blocks=_ten_layers("dd-10", widths, **_DEEPSEA_DATA).blocks),
    }


def _repository() -> dict[str, Network]:
    widths = (128, 128, 160, 160, 256, 256, 384, 384, 512, 512)
    bd_10 = replace(
        NETWORKS["bd-10"],
        blocks=_ten_layers("bd-10", widths, **_BASSET_DATA).blocks,
        dense=(768,),
        norm=(CONVOLUTIONS, DENSE, OUTPUT),
        flat_dropout=0.2,
        dense_dropout=0.0,
    )
    return {"bd-10": bd_10}


VARIANTS: dict[str, dict[str, Network]] = {"listed": _listed(), "repository": _repository()}
"""Networks that another source describes otherwise, by source and name."""

PROTOCOLS = ("released", *VARIANTS)
"""What a network may be built after; see the module's docstring."""


def network(name: str, protocol: str = "released") -> Network:
    """Return the parameters of one network.

    Parameters
    ----------
    name : str
        A name of :data:`NETWORKS`.
    protocol : str
        One of :data:`PROTOCOLS`.

    Raises
    ------
    UnknownNameError
        If there is no such network or protocol; the message lists those that exist.
    """
    if name not in NETWORKS:
        raise UnknownNameError("zoo model", name, tuple(NETWORKS))
    if protocol not in PROTOCOLS:
        raise UnknownNameError("training protocol", protocol, PROTOCOLS)
    return VARIANTS.get(protocol, NETWORKS).get(name, NETWORKS[name])


def build(
    name: str | Network,
    *,
    length: int | None = None,
    classes: int | None = None,
    protocol: str = "released",
    seed: int | None = None,
) -> keras.Model:
    """Build one network, untrained, with its optimiser and loss.

    Parameters
    ----------
    name : str or Network
        A name of :data:`NETWORKS`, or a row of parameters of your own.
    length : int or None
        Sequence length, bp; the paper's for None.
    classes : int or None
        Number of outputs; the paper's for None.
    protocol : str
        One of :data:`PROTOCOLS`.
    seed : int, optional
        Of the initial weights and the dropout; random where None.

    Returns
    -------
    keras.Model
        Compiled; ``(N, length, 4)`` one-hot, ACGT, to ``(N, classes)`` probabilities. Layers
        are called ``conv_1``, ``norm_1``, ``relu_1``, ``pool_1``, …

    Raises
    ------
    UnknownNameError
        If the network or the protocol does not exist.
    DataError
        If the sequences are too short for the network, or give it another number of outputs.
    """
    row = network(name, protocol) if isinstance(name, str) else name
    length = row.length if length is None else length
    classes = row.classes if classes is None else classes
    features = row.features(length)
    if features < 1:
        raise DataError(
            f"sequences of {length} bp are too short for zoo model {row.name!r}; "
            f"give longer ones (the paper's have {row.length} bp)"
        )
    if not row.dense and features != classes:
        raise DataError(
            f"zoo model {row.name!r} gives {features} outputs for {length} bp, and the data have "
            f"{classes} labels; expected {row.classes} and {row.length} bp"
        )
    return assemble(row, length, classes, seed)
