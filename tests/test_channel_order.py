"""A wrong channel order gives itself away by the motifs that match under another."""

from __future__ import annotations

import numpy as np
import pytest

from neuroninterp.channel_order import better_alphabet
from neuroninterp.motifs import MotifDatabase, load_database


@pytest.fixture(scope="module")
def database() -> MotifDatabase:
    return load_database("JASPAR2016")


def known_ppms(database: MotifDatabase, number: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    sharp = [ppm for ppm in database.ppms if 8 <= len(ppm) <= 15]
    return [sharp[i] for i in rng.choice(len(sharp), number, replace=False)]


def test_the_order_that_explains_the_motifs_is_named(database: MotifDatabase) -> None:
    ppms = known_ppms(database, 30, 0)
    assert better_alphabet(ppms, database) is None
    # DeepSEA's order AGCT read as ACGT: what lies under C is truly G, and the other way round.
    swapped = [ppm[:, [0, 2, 1, 3]] for ppm in ppms]
    found = better_alphabet(swapped, database)
    assert found is not None
    assert found[0] == "AGCT"
    assert found[1] > 0.9
    assert found[1] - found[2] > 0.3
    # An order that is not its own inverse.
    turned = [ppm[:, [1, 2, 3, 0]] for ppm in ppms]
    rotated = better_alphabet(turned, database)
    assert rotated is not None
    # Column 0 of the turned PPM, taken for A, holds C.
    assert rotated[0] == "CGTA"


def test_chance_names_no_order(database: MotifDatabase) -> None:
    # As where every neuron is dead.
    assert better_alphabet([], database) is None
    rng = np.random.default_rng(1)
    for _ in range(3):
        ppms = [rng.dirichlet(np.full(4, 0.3), 12) for _ in range(30)]
        assert better_alphabet(ppms, database) is None
