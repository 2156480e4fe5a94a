"""A network so small that workers spend no time on it, packed for them."""

from __future__ import annotations

import numpy as np
import pytest
from networks import chain, convolution, model_of, relu, sequence_input

from neuroninterp.jobs import Equipment, pack_equipment
from neuroninterp.motifs import MotifDatabase


@pytest.fixture(scope="module")
def equipment() -> Equipment:
    rng = np.random.default_rng(5)
    graph = chain(
        sequence_input(),
        convolution("first", "input", rng.normal(size=(7, 4, 6))),
        relu("wake", "first"),
        convolution("second", "wake", rng.normal(size=(3, 6, 5))),
        relu("top", "second"),
    )
    return Equipment(model_of(graph), MotifDatabase("none", (), (), ()))


@pytest.fixture(scope="module")
def packed(equipment: Equipment) -> bytes:
    return pack_equipment(equipment, [1, 2])
