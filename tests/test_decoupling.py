"""Decoupling on networks whose hidden shifts are planted."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from networks import chain, convolution, max_pool, model_of, relu, sequence_input

from neuroninterp.graph import Graph
from neuroninterp.models import Model, load
from neuroninterp.motifs import Part, decouple, mixture, random_split
from neuroninterp.motifs.information import information_content
from neuroninterp.sampling import sample, weighted_ppm
from zoo.pretrained import weights_path

MOTIF = "CAGGTG"


def detector(motif: str, mismatch: float = -1.0) -> np.ndarray:
    """A kernel (width, 4, 1) that scores 1 a match and ``mismatch`` otherwise."""
    kernel = np.full((len(motif), 4, 1), mismatch)
    for position, base in enumerate(motif):
        kernel[position, "ACGT".index(base), 0] = 1.0
    return kernel


def shifted(motif: str, *pools: int) -> Model:
    """A detector of one motif under max pools: it hides the product of their sizes in shifts."""
    nodes = [
        sequence_input(),
        convolution("conv_1", "input", detector(motif), 1.0 - len(motif) / 2),
        relu("relu_1", "conv_1"),
    ]
    for index, size in enumerate(pools, start=1):
        nodes += [
            max_pool(f"pool_{index}", f"relu_{index}", size),
            convolution(f"conv_{index + 1}", f"pool_{index}", np.ones((1, 1, 1)), -1.0),
            relu(f"relu_{index + 1}", f"conv_{index + 1}"),
        ]
    return model_of(chain(*nodes))


@pytest.mark.parametrize("pools", [(2,), (4,), (2, 2), (3, 3)])
def test_every_hidden_shift_becomes_one_sharp_part(pools: tuple[int, ...]) -> None:
    model = shifted(MOTIF, *pools)
    layer = len(pools) + 1
    shifts = int(np.prod(pools))
    assert model.layer(layer).shifts == shifts
    (drawn,) = sample(model, layer)
    parts = decouple(model, drawn)
    assert len(parts) == shifts
    # One round of NeuronMotif's allows as many, and they are found.
    assert len(decouple(model, drawn, rounds=1)) == shifts
    assert sum(part.share for part in parts) == pytest.approx(1.0)
    assert all(part.share == pytest.approx(1 / shifts, abs=0.12) for part in parts)
    places = sorted(part.consensus.index(MOTIF) for part in parts)
    assert places == list(range(shifts))
    first = parts[0].consensus.index(MOTIF)
    assert all(part.consensus.index(MOTIF) - first == part.shift for part in parts)
    assert all(part.consensus_ratio == pytest.approx(1.0) for part in parts)
    whole = mixture(model, drawn)
    assert whole is not None
    if shifts > 2:
        assert whole.consensus_ratio < 0.8


def assert_recovered(parts: tuple[Part, ...], ppms: np.ndarray, shares: np.ndarray) -> None:
    """Every arrangement has its part, every part its arrangement, with the right share."""
    alike = np.zeros((len(parts), len(ppms)))
    for index, ppm in enumerate(ppms):
        informative = information_content(ppm) > 0.25
        for row, part in enumerate(parts):
            both = part.ppm[informative].ravel(), ppm[informative].ravel()
            alike[row, index] = np.corrcoef(*both)[0, 1]
    assert (alike.max(axis=0) >= 0.95).all()
    shares_of_parts = np.array([part.share for part in parts])
    assert shares_of_parts[alike.max(axis=1) < 0.95].sum() <= 0.05
    gathered = np.bincount(alike.argmax(axis=1), shares_of_parts, len(ppms))
    np.testing.assert_allclose(gathered, shares, atol=0.05)


DESIGNS = {
    "three pools": lambda: oracle.one_motif(depth=4),
    "four pools": lambda: oracle.one_motif(depth=5),
    "overlapping pool": lambda: oracle.one_motif(pool="overlapping"),
    "strided convolution": lambda: oracle.one_motif(pool="strided"),
    "average pool": lambda: oracle.one_motif(pool="average"),
    "independent shifts": lambda: oracle.two_motifs(depth=4),
    "either motif": oracle.alternatives,
    "both strands": oracle.both_strands,
    "gapped motif": oracle.gapped_motif,
}


@pytest.mark.parametrize("design", DESIGNS)
def test_every_planted_alignment_is_recovered(design: str) -> None:
    """From nothing but the network: sampled, decoupled, against the oracle's truth."""
    planted = DESIGNS[design]()
    layer, neuron = planted.top[:2]
    truth = oracle.truth(planted, layer, neuron, windows=60_000)
    (drawn,) = sample(planted.model, layer, [neuron])
    assert drawn.maximum == pytest.approx(truth.maximum)
    parts = decouple(planted.model, drawn)
    assert_recovered(parts, truth.ppms, truth.shares)
    assert len(parts) <= 1.25 * len(truth.shares)
    assert max(part.maximum for part in parts) <= drawn.maximum * (1 + 1e-6)
    mean = sum(part.share * part.ppm for part in parts)
    np.testing.assert_allclose(mean, weighted_ppm(drawn.windows, drawn.weights), atol=1e-6)
    offsets = {part.offsets for part in parts}
    if design == "three pools":
        assert offsets == {(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)}
    if design == "average pool":
        assert {offset[-1] for offset in offsets} == {-1}


def test_rare_arrangements_are_recovered_from_other_samples() -> None:
    """Of 32 arrangements some come short in every sample, others in each: none is lost."""
    planted = oracle.two_motifs(depth=4)
    layer, neuron = planted.top[:2]
    truth = oracle.truth(planted, layer, neuron, windows=60_000)
    for seed in (1, 3, 7):
        (drawn,) = sample(planted.model, layer, [neuron], seed=seed)
        assert_recovered(decouple(planted.model, drawn), truth.ppms, truth.shares)


def test_rarities_of_the_parts_add_up() -> None:
    """By enumeration: how often a random window is active and aligned as the part is."""
    model = shifted(MOTIF, 2)
    (drawn,) = sample(model, 2)
    assert drawn.source == "enumeration"
    parts = decouple(model, drawn)
    assert sum(2.0**part.log2_rarity for part in parts) == pytest.approx(2.0**drawn.log2_rarity)
    # Both alignments are equally probable.
    assert [part.log2_rarity - drawn.log2_rarity for part in parts] == pytest.approx(
        [-1.0, -1.0], abs=0.1
    )


@pytest.mark.parametrize(
    ("network", "layer", "neurons", "gain"),
    [("cnn-2", 2, [0, 1, 3, 4, 6, 8], 0.01), ("toy-2", 4, None, 0.1)],
    ids=["cnn-2", "toy-2"],
)
def test_parts_of_a_trained_network_are_sharp(
    network: str, layer: int, neurons: list[int] | None, gain: float
) -> None:
    """CNN-2's neurons hide two shifts, and hardly blur; those of toy 2's layer 4 hide eight."""
    model = load(weights_path(network))
    drawn = sample(model, layer, neurons, effort="quick")
    parts = [decouple(model, found) for found in drawn]
    ratios = [[part.consensus_ratio for part in found] for found in parts]
    whole = [mixture(model, found).consensus_ratio for found in drawn]
    assert np.mean([max(found) for found in ratios]) >= 0.97
    assert np.mean([np.mean(found) for found in ratios]) >= 0.92
    assert np.mean([np.mean(found) for found in ratios]) > np.mean(whole) + gain


def test_random_split_does_not_sharpen() -> None:
    """The control leaves the blur that decoupling removes."""
    model = shifted(MOTIF, 4)
    (drawn,) = sample(model, 2)
    parts = decouple(model, drawn)
    control = random_split(drawn, parts)
    assert len(control) == len(parts)
    sharpest = max(ppm.max(axis=1).mean() for ppm in control)
    assert sharpest < min(part.ppm.max(axis=1).mean() for part in parts) - 0.05


def test_nothing_to_decouple_stays_whole() -> None:
    """Without a pool, or when all the pool's positions carry one alignment."""
    model = shifted(MOTIF, 2)
    (drawn,) = sample(model, 1)
    (part,) = decouple(model, drawn)
    assert part.share == 1.0
    assert part.shift == 0
    np.testing.assert_array_equal(part.ppm, drawn.ppm)

    both = np.zeros((6, 4, 2))
    both[:, :, 0] = detector("CAGGTG")[:, :, 0]
    both[:, :, 1] = detector("TTCCAA")[:, :, 0]
    order = np.zeros((2, 2, 1))
    order[0, 0, 0] = order[1, 1, 0] = 1.0
    graph = chain(
        sequence_input(),
        convolution("conv_1", "input", both, -2.0),
        relu("relu_1", "conv_1"),
        max_pool("pool_1", "relu_1", 1, 6),
        convolution("conv_2", "pool_1", order, -1.0),
        relu("relu_2", "conv_2"),
    )
    (drawn,) = sample(model_of(graph), 2)
    (part,) = decouple(model_of(graph), drawn)
    assert part.consensus == "CAGGTGTTCCAA"


def test_duplicates_are_merged() -> None:
    """A pool of 4 whose two outer positions are switched off hides only two alignments."""
    graph: Graph = chain(
        sequence_input(),
        convolution("conv_1", "input", detector(MOTIF), -5.0),
        relu("relu_1", "conv_1"),
        max_pool("pool_1", "relu_1", 2),
        convolution("conv_2", "pool_1", np.array([1.0, 0.0]).reshape(2, 1, 1)),
        relu("relu_2", "conv_2"),
        max_pool("pool_2", "relu_2", 1, 2),
        convolution("conv_3", "pool_2", np.ones((1, 1, 1))),
        relu("relu_3", "conv_3"),
    )
    model = model_of(graph)
    (drawn,) = sample(model, 3)
    parts = decouple(model, drawn)
    assert sorted(part.consensus.index(MOTIF) for part in parts) == [0, 1]


def test_same_seed_same_parts() -> None:
    model = shifted(MOTIF, 4)
    (drawn,) = sample(model, 2)
    first, second = (decouple(model, drawn, seed=1) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.ppm, other.ppm)


def test_dead_neurons_have_no_parts() -> None:
    graph = chain(
        sequence_input(), convolution("conv_1", "input", detector(MOTIF), -9.0), relu("r", "conv_1")
    )
    model = model_of(graph)
    (drawn,) = sample(model, 1)
    assert drawn.dead
    assert decouple(model, drawn) == ()
    assert mixture(model, drawn) is None
