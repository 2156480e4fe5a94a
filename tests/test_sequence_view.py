"""Neurons, motifs and sites on a sequence, against planted ones."""

from __future__ import annotations

from dataclasses import replace

import click
import h5py
import numpy as np
import pandas as pd
import pytest
from example_result import example_result, ppm_of
from hypothesis import given
from hypothesis import strategies as st
from networks import chain, convolution, max_pool, model_of, relu, sequence_input

import neuroninterp as ni
import zoo
from neuroninterp.attribution import Attribution
from neuroninterp.cli import command
from neuroninterp.errors import DataError, NeuroninterpError, OutputError, UnknownNameError
from neuroninterp.motifs import MotifDatabase, load_database
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.results import LayerResult, NeuronResult
from neuroninterp.sequence_view import (
    draw_view,
    find_firings,
    known_sites,
    layer_activity,
    sequence_views,
    strongest_region,
)
from neuroninterp.sequence_view.write import firings_table, sites_table, write_views
from neuroninterp.sequences.sites import PlantedSites, read_bed_sites

MOTIFS = ("TGACTCAGCA", "GGGATTACCC")
LENGTH = 120
WIDTH = 10
POOL = 4


def codes_of(text: str) -> np.ndarray:
    return np.array(["ACGTN".index(base) for base in text], np.uint8)


def pooled_network():
    """Layer 1 counts letters of a motif beyond 7 of 10; layer 2 sees it in one of four shifts."""
    kernel = np.stack([np.eye(4)[codes_of(motif)] for motif in MOTIFS], axis=-1)
    return model_of(
        chain(
            sequence_input(),
            convolution("conv_1", "input", kernel, -7.0, padding=(4, 5)),
            relu("relu_1", "conv_1"),
            max_pool("pool_1", "relu_1", POOL),
            convolution("conv_2", "pool_1", np.eye(2)[None], -0.5),
            relu("relu_2", "conv_2"),
        ),
        LENGTH,
    )


def neuron_with_parts(neuron: int, motif: str, target: str) -> NeuronResult:
    """What an ideal analysis finds: one part a shift, all of one known motif."""
    field = WIDTH + POOL - 1
    parts = tuple(
        Part(ppm_of(motif, field, shift), 2.5, 0.0, 100, "", 2.5, share=0.25, shift=shift)
        for shift in range(POOL)
    )
    matches = tuple(
        Match(
            f"layer2_neuron{neuron}_part{shift}", target, target.lower(), 1e-9, 1e-6, "+",
            shift, shift + WIDTH, WIDTH, 1.0, True,
        )
        for shift in range(POOL)
    )  # fmt: skip
    mixture = Motif(np.full((field, 4), 0.25), 2.5, 0.0, 400, "", 1.0)
    return NeuronResult(2, neuron, mixture, parts, matches)


NEURONS = (
    neuron_with_parts(0, MOTIFS[0], "AP1"),
    neuron_with_parts(1, MOTIFS[1], "OTHER"),
)


@pytest.mark.parametrize("start", [0, 1, 2, 3, 41, 54, 67, 109, 110])
def test_a_planted_motif_is_found_to_the_base_whatever_its_shift_in_the_pool(start):
    rng = np.random.default_rng(start)
    codes = rng.integers(0, 4, LENGTH, np.uint8)
    codes[start : start + WIDTH] = codes_of(MOTIFS[1])
    (activity,) = layer_activity(pooled_network(), 2, [0, 1], codes[None])
    firings = find_firings(activity, codes, NEURONS, lowest_level=0.9)
    (found,) = (firing for firing in firings if firing.neuron == 1)
    assert (found.start, found.end) == (start, start + WIDTH)
    assert (found.level, found.value) == (1.0, 2.5)
    assert (found.match_id, found.match_name) == ("OTHER", "other")
    np.testing.assert_array_equal(found.ppm, ppm_of(MOTIFS[1], WIDTH, 0))


def test_two_sites_of_a_neuron_are_two_firings_and_the_stronger_comes_first():
    codes = np.full(LENGTH, 4, np.uint8)
    codes[20:30] = codes_of(MOTIFS[0])
    codes[61:71] = codes_of(MOTIFS[0])
    codes[61] = 0  # one letter less
    (activity,) = layer_activity(pooled_network(), 2, [0, 1], codes[None])
    firings = find_firings(activity, codes, NEURONS)
    assert [(firing.start, firing.value) for firing in firings] == [(20, 2.5), (61, 1.5)]
    assert [firing.level for firing in firings] == [1.0, 0.6]


def test_dead_neurons_and_silent_sequences_have_no_firings():
    codes = np.full(LENGTH, 4, np.uint8)
    (activity,) = layer_activity(pooled_network(), 2, [0, 1], codes[None])
    assert find_firings(activity, codes, NEURONS) == ()
    codes[20:30] = codes_of(MOTIFS[0])
    (activity,) = layer_activity(pooled_network(), 2, [0, 1], codes[None])
    dead = NeuronResult(2, 0, mixture=None)
    assert find_firings(activity, codes, (dead, NEURONS[1])) == ()
    assert activity.levels((dead, NEURONS[1])).max() == 0


def test_activities_of_some_neurons_are_columns_of_all():
    codes = np.random.default_rng(0).integers(0, 4, (3, LENGTH), np.uint8)
    both = list(layer_activity(pooled_network(), 2, [0, 1], codes))
    second = list(layer_activity(pooled_network(), 2, [1], codes))
    assert len(both) == len(second) == 3
    for whole, part in zip(both, second, strict=True):
        np.testing.assert_array_equal(whole.values[:, 1:], part.values)


def test_known_motifs_are_found_on_both_strands_and_only_where_they_are():
    database = load_database("JASPAR2024")
    ctcf = database.ppms[database.ids.index("MA0139.2")]
    site = ctcf.argmax(axis=1).astype(np.uint8)
    codes = np.full((4, 80), 4, np.uint8)
    codes[1, 10 : 10 + len(site)] = site
    codes[3, 50 : 50 + len(site)] = 3 - site[::-1]
    nothing, forward, empty, backward = known_sites(codes, database, ["MA0139.2"])
    assert nothing == empty == ()
    assert [(s.start, s.end, s.strand, s.name, s.source) for s in forward] == [
        (10, 25, "+", "CTCF", "known")
    ]
    assert [(s.start, s.end, s.strand) for s in backward] == [(50, 65, "-")]
    assert forward[0].p_value == pytest.approx(4.0**-15, rel=1e-6)


def test_a_palindrome_is_one_site_and_wide_motifs_are_left_out():
    database = MotifDatabase(
        "two",
        ("P", "W"),
        ("palindrome", "wide"),
        (ppm_of("CCACGTGG", 8, 0), ppm_of("A" * 30, 30, 0)),
    )
    codes = np.full((1, 20), 4, np.uint8)
    codes[0, 5:13] = codes_of("CCACGTGG")
    (sites,) = known_sites(codes, database, ["P", "W"])
    assert [(s.start, s.end, s.name) for s in sites] == [(5, 13, "palindrome")]
    assert known_sites(codes, database, ["W"]) == [()]


def test_of_motifs_of_a_family_the_best_alone_is_marked_where_that_is_asked():
    family = MotifDatabase(
        "family",
        ("A", "B", "C"),
        ("exact", "like it", "beside"),
        (ppm_of("CCACGTGA", 8, 0), ppm_of("CCACGTGA", 8, 0, 0.7), ppm_of("GGATTAGG", 8, 0)),
    )
    codes = np.full((1, 20), 4, np.uint8)
    codes[0, 2:10] = codes_of("CCACGTGA")
    codes[0, 9:17] = codes_of("GGATTAGG")
    codes[0, 9] = 0
    (sites,) = known_sites(codes, family, ["A", "B", "C"], p_value=1e-3)
    assert {site.name for site in sites} == {"exact", "like it", "beside"}
    (sites,) = known_sites(codes, family, ["A", "B", "C"], p_value=1e-3, best_only=True)
    assert [site.name for site in sites] == ["exact", "beside"]


def test_an_unknown_motif_is_refused():
    database = MotifDatabase("two", ("P",), ("p",), (ppm_of("CCACGTGG", 8, 0),))
    with pytest.raises(UnknownNameError, match="unknown motif in two 'missing'"):
        known_sites(np.zeros((1, 20), np.uint8), database, ["missing"])


def test_the_region_lies_around_most_of_the_positive_attribution():
    scores = np.zeros(300)
    scores[200:210] = 1.0
    scores[20:80] = -3.0
    scores[100] = 4.0
    assert strongest_region(scores, 41) == (184, 225)
    assert strongest_region(scores[:30], 41) == (0, 30)
    assert strongest_region(scores[180:], 41) == (4, 45)
    assert strongest_region(scores[198:], 41) == (0, 41)


@pytest.fixture
def planted(tmp_path):
    """A model with a file, its ideal analysis, and the attribution of two sequences."""
    path = tmp_path / "network"
    path.write_bytes(b"weights")
    model = replace(pooled_network(), path=path)
    example = example_result()
    fractions = example.layers[0].fractions
    analysis = replace(
        example,
        model={"path": "network", "sha256": model.sha256},
        layers=(LayerResult(model.layer(2), NEURONS, fractions),),
        verdict=replace(example.verdict, layer=2),
    )
    codes = np.full((2, LENGTH), 4, np.uint8)
    codes[0, 30:40] = codes_of(MOTIFS[0])
    codes[0, 71:81] = codes_of(MOTIFS[1])
    hypothetical = np.zeros((2, LENGTH, 4), np.float32)
    hypothetical[0, 30:40] = 0.5
    hypothetical[0, 71:81] = -0.25
    attribution = Attribution(
        codes=codes,
        hypothetical=hypothetical,
        method="saliency",
        target="class 0",
        value=np.array([1.0, 2.0]),
        prediction=np.array([0.75, 0.5]),
        names=("first <one>", "$silent$"),
    )
    return model, analysis, attribution


SITES = PlantedSites(
    sequences=np.array([0, 0]),
    motifs=np.array([1, 0]),
    starts=np.array([30, 90]),
    ends=np.array([40, 95]),
    strands=np.array([1, -1]),
    motif_names=("else", "ap1 planted"),
)


def test_views_put_neurons_beside_attribution_and_sites(planted):
    model, analysis, attribution = planted
    database = MotifDatabase("one", ("OTHER", "AP1"), ("other", "ap1"), tuple(
        ppm_of(motif, WIDTH, 0) for motif in reversed(MOTIFS)
    ))  # fmt: skip
    first, second = sequence_views(model, analysis, attribution, planted=SITES, database=database)
    assert (first.layer.number, first.neurons, first.prediction) == (2, (0, 1), 0.75)
    assert [(s.name, s.start, s.source) for s in first.sites] == [
        ("ap1 planted", 30, "planted"),
        ("ap1", 30, "known"),
        ("other", 71, "known"),
        ("else", 90, "planted"),
    ]
    assert (second.neurons, second.firings, second.sites) == ((), (), ())
    table = firings_table([first, second])
    assert table[
        ["sequence", "neuron", "start", "end", "match_name", "planted"]
    ].values.tolist() == [
        ["first <one>", 0, 30, 40, "ap1", "ap1 planted"],
        ["first <one>", 1, 71, 81, "other", ""],
    ]
    np.testing.assert_allclose(table["attribution"], [5.0, -2.5])
    np.testing.assert_allclose(sites_table([first])["attribution"], [5.0, 5.0, -2.5, 0.0])


def test_views_refuse_what_does_not_belong_together(planted):
    model, analysis, attribution = planted
    other = replace(analysis, model={"path": "elsewhere", "sha256": "0"})
    with pytest.raises(OutputError, match="analysis is of elsewhere"):
        sequence_views(model, other, attribution)
    with pytest.raises(OutputError, match="holds layer 2, not layer 1"):
        sequence_views(model, analysis, attribution, layer=1)
    elsewhere = replace(SITES, sequences=np.array([0, 2]))
    with pytest.raises(DataError, match="planted sites of sequence 2, but there are 2"):
        sequence_views(model, analysis, attribution, planted=elsewhere)


def test_pictures_hold_the_letters_at_their_heights_and_the_names(planted):
    model, analysis, attribution = planted
    view, silent = sequence_views(model, analysis, attribution, planted=SITES)
    figure = draw_view(view, region=(25, 85))
    sites, whole, neurons, letters, motifs = figure.axes[:5]
    assert {text.get_text() for text in sites.texts} == {"ap1 planted +", "else -"}
    np.testing.assert_allclose([bar.get_height() for bar in whole.patches][-LENGTH:], view.scores)
    heights = {
        round(patch.get_extents().x0 + 0.5 * patch.get_extents().width): patch.get_extents()
        for patch in (p.get_path().transformed(p.get_patch_transform()) for p in letters.patches)
    }
    assert {position for position, box in heights.items() if box.y1 > 0.4} == set(range(30, 40))
    assert {position for position, box in heights.items() if box.y0 < -0.2} == set(range(71, 81))
    assert [label.get_text() for label in neurons.get_yticklabels()] == ["ap1 0", "other 1"]
    assert {text.get_text() for text in motifs.texts} == {
        "ap1 (neuron 0, 100%)",
        "other (neuron 1, 100%)",
    }
    assert draw_view(silent).axes[2].texts[0].get_text() == "no neuron fires"


def test_files_are_the_same_whenever_they_are_written(planted, tmp_path):
    model, analysis, attribution = planted
    views = sequence_views(model, analysis, attribution, planted=SITES)
    contents = []
    for name in ("once", "again"):
        folder = write_views(views, tmp_path / name)
        files = sorted(folder.iterdir())
        assert [file.name for file in files] == [
            *("0.png", "0.svg", "1.png", "1.svg", "firings.tsv", "sites.tsv")
        ]
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """NeuronMotif's second toy: its first layer analysed, two of its sequences, their sites."""
    folder = tmp_path_factory.mktemp("toy")
    ni.analyze("zoo:toy-2", layers=[1], effort="quick", output=folder / "report")
    simulated = zoo.simulate_toy_2(2, np.random.default_rng(5))
    with open(folder / "data.fa", "w") as fasta, open(folder / "sites.bed", "w") as bed:
        for number, (codes, starts) in enumerate(
            zip(simulated.codes, simulated.starts, strict=True)
        ):
            letters = "".join("ACGT"[code] for code in codes)
            fasta.write(f">sequence{number}\n{letters}\n")
            for start in starts:
                bed.write(f"sequence{number}\t{start}\t{start + 19}\tCTCF\t0\t-\n")
        bed.write("elsewhere\t5\t10\n")
    return folder, simulated


def test_the_command_draws_the_neurons_beside_the_scores(toy, tmp_path, capsys):
    folder, simulated = toy
    common = ["attribute", "zoo:toy-2", "--data", str(folder / "data.fa"), "--method", "saliency"]
    beside = [*common, "--analysis", str(folder / "report"), "-o", str(tmp_path / "out"), "-q"]
    command.main([*beside, "--sites", str(folder / "sites.bed")], standalone_mode=False)
    views = tmp_path / "out" / "views"
    assert {path.name for path in views.iterdir()} == {
        *("0.png", "0.svg", "1.png", "1.svg", "firings.tsv", "sites.tsv")
    }
    sites = pd.read_csv(views / "sites.tsv", sep="\t")
    planted = sites[sites["source"] == "planted"]
    for number, starts in enumerate(simulated.starts):
        own = planted[planted["sequence"] == f"sequence{number}"]
        assert own["start"].tolist() == sorted(starts)
        assert (own["end"] - own["start"] == 19).all()
        assert set(own["strand"]) == {"-"}
    scores = pd.read_csv(tmp_path / "out" / "attributions.tsv", sep="\t")
    with h5py.File(tmp_path / "out" / "attributions.h5") as file:
        row = planted.iloc[0]
        number = scores["name"].tolist().index(row["sequence"])
        expected = file["scores"][number, row["start"] : row["end"]].sum()
    assert row["attribution"] == pytest.approx(expected, rel=1e-5)  # six digits are written
    assert set(pd.read_csv(views / "firings.tsv", sep="\t")["layer"]) == {1}
    command.main([*common, "-o", str(tmp_path / "out"), "-q"], standalone_mode=False)
    assert not views.exists()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--known", "CTCF"], "go with --analysis"),
        (["--analysis", "REPORT", "--known", "nothing"], "unknown motif in JASPAR2024"),
        (["--analysis", "REPORT", "--view-layer", "2"], "holds layer 1, not layer 2"),
        (["--analysis", "REPORT", "--motifs", "absent.meme"], "no such motif file"),
        (["--analysis", "REPORT", "--sites", "DATA"], "not a BED interval"),
        (["--analysis", "nowhere"], "no results at nowhere"),
    ],
)
def test_the_command_refuses_views_that_cannot_be(toy, tmp_path, extra, message):
    folder, _ = toy
    places = {"REPORT": str(folder / "report"), "DATA": str(folder / "data.fa")}
    arguments = [
        *("attribute", "zoo:toy-2", "--data", str(folder / "data.fa"), "--method", "saliency"),
        *("-o", str(tmp_path / "out"), "-q"),
        *(places.get(word, word) for word in extra),
    ]
    with pytest.raises((NeuroninterpError, click.UsageError), match=message):
        command.main(arguments, standalone_mode=False)
    assert not (tmp_path / "out").exists()


def test_bed_sites_are_those_of_the_sequences_in_their_order(toy):
    folder, simulated = toy
    sites = read_bed_sites(folder / "sites.bed", ["other", "sequence1"])
    assert set(sites.sequences.tolist()) == {1}
    assert sites.starts.tolist() == sorted(simulated.starts[1])
    with pytest.raises(DataError, match="no site on any of the 1 sequences"):
        read_bed_sites(folder / "sites.bed", ["other"])


@given(st.lists(st.integers(0, 4), max_size=8), st.integers(0, 2**32 - 1))
def test_some_sites_are_those_of_the_chosen_sequences(numbers, seed):
    rng = np.random.default_rng(seed)
    count = rng.integers(0, 12)
    sites = PlantedSites(
        np.sort(rng.integers(0, 5, count)),
        rng.integers(0, 2, count),
        rng.integers(0, 9, count),
        rng.integers(10, 19, count),
        rng.choice([-1, 1], count),
        ("a", "b"),
    )
    some = sites.some(numbers)
    for new, old in enumerate(numbers):
        mine, theirs = some.of(new), sites.of(old)
        for field in ("motifs", "starts", "ends", "strands"):
            np.testing.assert_array_equal(getattr(mine, field), getattr(theirs, field))
    assert len(some) == sum(len(sites.of(number)) for number in numbers)
