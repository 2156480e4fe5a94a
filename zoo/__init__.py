"""The zoo: networks of the papers, the data they were trained on, and small trained weights.

>>> import zoo
>>> zoo.shipped()[:4]
('cnn-1', 'cnn-2', 'cnn-4', 'cnn-10')
>>> zoo.build("cnn-25").count_params()
161388
>>> zoo.load("cnn-25").input_shape
(None, 200, 4)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.architectures.dragonn import sequence_dnn
    from zoo.architectures.koo_eddy import variant
    from zoo.calibration import random_network
    from zoo.catalogue import build, names, network
    from zoo.pretrained import load, read_record, shipped, test_data_path, weights_path
    from zoo.simulations.dragonn.files import write_dragonn
    from zoo.simulations.files import write_koo_eddy, write_simulation
    from zoo.simulations.koo_eddy import relevant_motifs, simulate
    from zoo.simulations.neuronmotif import simulate_toy_1, simulate_toy_2
    from zoo.training import train

__all__ = [
    "build",
    "load",
    "names",
    "network",
    "random_network",
    "read_record",
    "relevant_motifs",
    "sequence_dnn",
    "shipped",
    "simulate",
    "simulate_toy_1",
    "simulate_toy_2",
    "test_data_path",
    "train",
    "variant",
    "weights_path",
    "write_dragonn",
    "write_koo_eddy",
    "write_simulation",
]

_HOME = {
    "build": "zoo.catalogue",
    "load": "zoo.pretrained",
    "names": "zoo.catalogue",
    "network": "zoo.catalogue",
    "random_network": "zoo.calibration",
    "read_record": "zoo.pretrained",
    "relevant_motifs": "zoo.simulations.koo_eddy",
    "sequence_dnn": "zoo.architectures.dragonn",
    "shipped": "zoo.pretrained",
    "simulate": "zoo.simulations.koo_eddy",
    "simulate_toy_1": "zoo.simulations.neuronmotif",
    "simulate_toy_2": "zoo.simulations.neuronmotif",
    "test_data_path": "zoo.pretrained",
    "train": "zoo.training",
    "variant": "zoo.architectures.koo_eddy",
    "weights_path": "zoo.pretrained",
    "write_dragonn": "zoo.simulations.dragonn.files",
    "write_koo_eddy": "zoo.simulations.files",
    "write_simulation": "zoo.simulations.files",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the package itself is light."""
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
