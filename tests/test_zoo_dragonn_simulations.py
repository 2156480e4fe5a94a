"""DragoNN's simulations against what they say: sites, letters, distances, counts, classes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neuroninterp.errors import DataError, MotifFileError, UnknownNameError
from neuroninterp.motifs.meme import write_meme
from neuroninterp.sequences import read_sequences
from neuroninterp.sequences.coding import decode, encode, reverse_complement
from neuroninterp.sequences.sites import SITE_DTYPE, read_sites
from zoo.cli import zoo as command
from zoo.data import read_training_data
from zoo.simulations.dragonn.files import split_sizes, write_dragonn
from zoo.simulations.dragonn.motifs import ENCODE_MOTIFS, PlantedMotif, find_motifs
from zoo.simulations.dragonn.optimum import single_motif_posterior
from zoo.simulations.dragonn.parameters import (
    SIMULATIONS,
    DifferentialAccessibility,
    Heterodimer,
    MotifCounting,
    MotifDensity,
    MultiMotif,
    SingleMotif,
)
from zoo.simulations.dragonn.planting import place_apart
from zoo.simulations.dragonn.simulation import simulate

SMALL = {"positives": 1500, "negatives": 900}
CASES = {
    "single-motif": SingleMotif(**SMALL),
    "motif-counting": MotifCounting(**SMALL),
    "motif-density": MotifDensity(**SMALL),
    "multi-motif": MultiMotif(sequences=2400),
    "differential-accessibility": DifferentialAccessibility(**SMALL),
    "heterodimer": Heterodimer(**SMALL),
}


@pytest.fixture(scope="module")
def simulated():
    return {
        name: simulate(case, np.random.default_rng([3, number]))
        for number, (name, case) in enumerate(CASES.items())
    }


def site_counts(data):
    """Number of sites of each motif in each sequence, (N, motifs)."""
    counts = np.zeros((len(data), len(data.motifs)), int)
    np.add.at(counts, (data.sites.sequences, data.sites.motifs), 1)
    return counts


def uniform(values, least, most):
    observed = np.bincount(values - least, minlength=most - least + 1)
    assert len(observed) == most - least + 1
    return stats.chisquare(observed).pvalue > 0.001


# --- what holds for all six ------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_sites_lie_inside_and_never_overlap(simulated, name):
    data = simulated[name]
    widths = np.array([motif.width for motif in data.motifs])
    assert np.array_equal(data.sites.ends - data.sites.starts, widths[data.sites.motifs])
    assert data.sites.starts.min() >= 0
    assert data.sites.ends.max() <= CASES[name].length
    same = np.diff(data.sites.sequences) == 0
    assert (np.diff(data.sites.sequences) >= 0).all()
    assert (data.sites.starts[1:][same] >= data.sites.ends[:-1][same]).all()
    covered = data.sites.mask(*data.codes.shape)
    assert covered.sum() == (data.sites.ends - data.sites.starts).sum()


@pytest.mark.parametrize("name", CASES)
def test_bases_are_drawn_from_the_motif_on_its_strand_and_from_the_background(simulated, name):
    data = simulated[name]
    for index, motif in enumerate(data.motifs):
        here = data.sites.motifs == index
        rows, strands = data.sites.sequences[here], data.sites.strands[here]
        bases = data.codes[rows[:, None], data.sites.starts[here][:, None] + np.arange(motif.width)]
        bases[strands < 0] = reverse_complement(bases[strands < 0])
        frequencies = (bases[:, :, None] == np.arange(4)).mean(axis=0)
        # Five standard errors of the noisiest entry.
        assert np.abs(frequencies - motif.probabilities).max() < 5 * np.sqrt(0.25 / len(bases))
    background = np.bincount(data.codes[~data.sites.mask(*data.codes.shape)], minlength=4)
    expected = np.array([0.3, 0.2, 0.2, 0.3]) * background.sum()
    assert stats.chisquare(background, expected).pvalue > 0.001


@pytest.mark.parametrize("name", CASES)
def test_strands_are_drawn_but_in_the_positives_of_the_heterodimer(simulated, name):
    data = simulated[name]
    strands = data.sites.strands
    if name == "heterodimer":
        positive = data.labels[data.sites.sequences, 0] == 1
        assert (strands[positive] == 1).all()
        strands = strands[~positive]
    assert stats.binomtest(int((strands > 0).sum()), len(strands)).pvalue > 0.001


@pytest.mark.parametrize("name", CASES)
def test_classes_have_the_numbers_asked_for_in_random_order(simulated, name):
    data = simulated[name]
    assert data.codes.shape == (2400, CASES[name].length)
    if name == "multi-motif":
        return
    labels = data.labels[:, 0].astype(float)
    assert labels.sum() == 1500
    assert abs(np.corrcoef(labels[1:], labels[:-1])[0, 1]) < 0.07


# --- what each one plants --------------------------------------------------------------------


def test_single_motif(simulated):
    data = simulated["single-motif"]
    assert np.array_equal(site_counts(data), data.labels)
    # 489 starts, in ten bins.
    starts = np.bincount(data.sites.starts * 10 // 489, minlength=10)
    assert stats.chisquare(starts).pvalue > 0.001
    assert (data.sites.starts.min(), data.sites.starts.max()) <= (10, 488)


def test_motif_counting_has_negatives_of_its_own(simulated):
    data = simulated["motif-counting"]
    counts, positive = site_counts(data)[:, 0], data.labels[:, 0] == 1
    assert uniform(counts[positive], 3, 5)
    assert uniform(counts[~positive], 0, 2)
    assert (~positive).sum() == 900


def test_motif_density(simulated):
    data = simulated["motif-density"]
    counts, positive = site_counts(data)[:, 0], data.labels[:, 0] == 1
    assert uniform(counts[positive], 2, 4)
    assert uniform(counts[~positive], 2, 4)
    central = positive[data.sites.sequences]
    assert (data.sites.starts[central].min(), data.sites.ends[central].max()) == (425, 575)
    outside = data.sites.starts[~central]
    assert ((outside < 425) | (outside > 575)).mean() == pytest.approx(0.85, abs=0.03)


def test_multi_motif(simulated):
    data = simulated["multi-motif"]
    counts = site_counts(data)
    assert np.array_equal(counts, data.labels)
    assert uniform(counts.sum(axis=1), 0, 3)
    assert data.class_names == ("CTCF", "ZNF143", "THAP11")
    assert np.abs(counts.mean(axis=0) - 0.5).max() < 0.05


def test_differential_accessibility(simulated):
    data = simulated["differential-accessibility"]
    counts, positive = site_counts(data), data.labels[:, 0] == 1
    assert counts.max() == 1
    assert counts[positive, 3:].sum() == counts[~positive, :3].sum() == 0
    assert uniform(counts[positive].sum(axis=1), 1, 3)
    assert uniform(counts[~positive].sum(axis=1), 1, 3)


def test_heterodimer(simulated):
    data = simulated["heterodimer"]
    assert (site_counts(data) == 1).all()
    first, second = (data.sites.motifs == index for index in range(2))
    gaps = data.sites.starts[second] - data.sites.ends[first]
    positive = data.labels[:, 0] == 1
    assert uniform(gaps[positive], 2, 5)
    starts = data.sites.starts[first][positive]
    assert stats.chisquare(np.bincount(starts * 8 // 469, minlength=8)[:8]).pvalue > 0.001
    # Negatives: either motif may be on the left, and anywhere.
    assert stats.binomtest(int((gaps[~positive] > 0).sum()), 900).pvalue > 0.001
    assert np.abs(gaps[~positive]).mean() > 100


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    slack=st.integers(0, 30),
)
def test_sites_find_a_place_wherever_they_are_promised_one(seed, widths, slack):
    widest, sites = max(widths), len(widths)
    last = 5 + widest + (sites - 1) * (2 * widest - 1) + slack
    rng = np.random.default_rng(seed)
    chosen = np.where(rng.random((50, sites)) < 0.9, np.arange(sites), -1)
    starts = place_apart(chosen, np.array(widths), (5, last), rng)
    for row, begins in zip(chosen, starts, strict=True):
        spans = sorted((begins[k], begins[k] + widths[k]) for k in range(sites) if row[k] >= 0)
        assert all(start >= 5 and end <= last for start, end in spans)
        assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_two_sites_are_placed_as_by_enumeration():
    """Of all starts of the second site those are equally likely that leave the first alone."""
    rng = np.random.default_rng(0)
    starts = place_apart(np.tile([0, 1], (40_000, 1)), np.array([2, 3]), (0, 9), rng)
    expected = np.zeros((8, 7))
    for first in range(8):
        free = [s for s in range(7) if s >= first + 2 or s + 3 <= first]
        expected[first, free] = 1 / 8 / len(free)
    observed = np.zeros_like(expected)
    np.add.at(observed, tuple(starts.T), 1)
    possible = expected > 0
    assert observed[~possible].sum() == 0
    assert stats.chisquare(observed[possible], expected[possible] * 40_000).pvalue > 0.001


def test_posterior_of_a_single_motif_is_bayes_rule():
    """By enumeration of all places; and of many sequences, as many are positive as it says."""
    parameters = SingleMotif(motif="SIX5_known1", length=24, positives=30_000, negatives=10_000)
    data = simulate(parameters, np.random.default_rng(6))
    posterior = single_motif_posterior(data.codes, parameters)
    (motif,) = data.motifs
    background = np.array([0.3, 0.2, 0.2, 0.3])
    for row in range(3):
        whole = background[data.codes[row]]
        likelihoods = []
        for start in range(24 - motif.width + 1):
            for matrix in (motif.probabilities, motif.probabilities[::-1, ::-1]):
                inside = data.codes[row, start : start + motif.width]
                bases = whole.copy()
                bases[start : start + motif.width] = matrix[np.arange(motif.width), inside]
                likelihoods.append(bases.prod())
        positive, negative = 0.75 * np.mean(likelihoods), 0.25 * whole.prod()
        assert posterior[row] == pytest.approx(positive / (positive + negative))
    labels = data.labels[:, 0]
    assert posterior.mean() == pytest.approx(labels.mean(), abs=0.005)
    unsure = (posterior > 0.2) & (posterior < 0.8)
    error = 5 * np.sqrt(0.25 / unsure.sum())
    assert posterior[unsure].mean() == pytest.approx(labels[unsure].mean(), abs=error)


# --- motifs ----------------------------------------------------------------------------------


def test_encode_names_stand_for_known_motifs():
    cores = ("CATCTG", "GGAAGT", "GAAACCGAAAC", "CCACCAGGGGGCGC", "CCCACAATGCA", "ACTACA")
    for motif, core in zip(find_motifs(ENCODE_MOTIFS), cores, strict=True):
        assert core in "".join("ACGT"[k] for k in motif.probabilities.argmax(axis=1))
        # A thousandth of every column is uniform, as in the released code.
        assert motif.probabilities.min() >= 0.00025
        assert np.allclose(motif.probabilities.sum(axis=1), 1)


def test_motifs_are_found_in_a_release_or_a_file(tmp_path):
    (by_id,) = find_motifs(["MA0139.2"])
    assert (by_id.name, by_id.width) == ("CTCF", 15)
    with pytest.raises(MotifFileError, match=r"several motifs 'CTCF'; give an id: .*MA0139\.2"):
        find_motifs(["CTCF"])
    with pytest.raises(UnknownNameError, match="'nonsense'"):
        find_motifs(["nonsense"])
    path = tmp_path / "own.meme"
    write_meme(path, [("M1", "mine", np.eye(4), 20)])
    mine, encode_motif = find_motifs(["mine", "IRF_known20"], str(path))
    assert isinstance(mine, PlantedMotif)
    assert np.allclose(mine.probabilities, 0.999 * np.eye(4) + 0.00025)
    assert encode_motif.name == "IRF8"


# --- files and command -----------------------------------------------------------------------


def test_parts_are_the_slides():
    assert split_sizes(20_000) == {"train": 12_800, "valid": 3_200, "test": 4_000}
    assert split_sizes(4) == {"train": 2, "valid": 1, "test": 1}
    with pytest.raises(DataError, match="at least 4"):
        split_sizes(3)


def test_file_holds_the_simulation_with_every_site(tmp_path):
    path = tmp_path / "data.h5"
    arguments = ["simulate", "heterodimer", "-o", str(path), "--positives", "60"]
    arguments += ["--negatives", "40", "--length", "120", "--max-spacing", "3", "--seed", "8"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "64 train, 16 valid, 20 test" in done.output
    settings_ = Heterodimer(positives=60, negatives=40, length=120, max_spacing=3)
    truth = simulate(settings_, np.random.default_rng(8))
    data = read_training_data(path)
    first = 0
    for part in ("train", "valid", "test"):
        read, found = getattr(data, part), read_sites(path, part)
        last = first + len(read)
        assert np.array_equal(read.codes, truth.codes[first:last])
        assert np.array_equal(read.labels, truth.labels[first:last])
        assert found.records().tolist() == truth[first:last].sites.records().tolist()
        assert found.motif_names == ("SPI1", "IRF8")
        first = last
    assert data.class_names == ("heterodimer",)
    assert (data.attributes["simulation"], data.attributes["max_spacing"]) == ("heterodimer", 3)
    assert data.attributes["motifs"] == "MA0080.4, MA0652.1"
    one = read_sites(path, "test").of(3)
    assert (one.sequences == 3).all()
    assert len(one) == 2
    # The analysis reads it like any other file.
    assert read_sequences(path, length=120).class_names == ("heterodimer",)
    write_dragonn(
        "heterodimer",
        tmp_path / "test.h5",
        parameters={"positives": 60, "negatives": 40, "length": 120, "max_spacing": 3},
        seed=8,
        splits=["test"],
    )
    with h5py.File(path) as whole, h5py.File(tmp_path / "test.h5") as alone:
        assert set(alone) == {"X_test", "Y_test", "sites_test", "class_names", "motif_names"}
        assert np.array_equal(whole["X_test"][()], alone["X_test"][()])


def test_fasta_and_bed_hold_the_same_simulation(tmp_path):
    arguments = ["simulate", "motif-density", "-o", str(tmp_path / "out"), "--format", "fasta"]
    arguments += ["--positives", "20", "--negatives", "30", "--length", "300", "--seed", "4"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "20 positives, 30 negatives" in done.output
    truth = simulate(MotifDensity(positives=20, negatives=30, length=300), np.random.default_rng(4))
    records = {}
    for kind, label in (("positives", 1), ("negatives", 0)):
        read = read_sequences(tmp_path / f"out.{kind}.fa", length=None)
        assert np.array_equal(read.codes, truth.codes[truth.labels[:, 0] == label])
        records |= dict(zip(read.names, decode(read.codes), strict=True))
    lines = (tmp_path / "out.sites.bed").read_text().splitlines()
    assert len(lines) == len(truth.sites)
    for line in lines:
        name, start, end, motif, _, strand, letters = line.split("\t")
        planted = encode([records[name][int(start) : int(end)]])
        if strand == "-":
            planted = reverse_complement(planted)
        assert (motif, decode(planted)) == ("TAL1::TCF3", [letters])


def test_help_lists_the_simulations_and_the_options_of_each():
    def shown(*arguments):
        done = CliRunner().invoke(command, ["simulate", *arguments, "--help"])
        return " ".join(done.output.split())

    assert all(name in shown() for name in ("koo-eddy", "toy-2", *SIMULATIONS))
    assert "--buffer" in shown("koo-eddy")
    assert "--motif-1 TEXT Motif on the left of a positive. [default: SPI1_known4]" in shown(
        "heterodimer"
    )
    assert "--buffer" not in shown("heterodimer")
    assert "[default: CTCF_known1,ZNF143_known2,SIX5_known1]" in shown("multi-motif")


def test_what_cannot_be_simulated_is_told(tmp_path):
    def told(*arguments):
        done = CliRunner().invoke(command, ["simulate", *arguments, "-o", str(tmp_path / "x")])
        assert done.exit_code != 0
        assert not list(tmp_path.iterdir())
        return f"{done.output} {done.exception}"

    assert "No such option '--min-spacing'" in told("single-motif", "--min-spacing", "3")
    assert "unknown simulation 'dimer'; valid: koo-eddy, toy-1, toy-2, single" in told("dimer")
    assert "expected 0 to 1" in told("single-motif", "--gc", "40")
    assert "a spacing from 6 to 5" in told("heterodimer", "--min-spacing", "6")
    assert "give at least 14" in told("single-motif", "--motif", "SPI1_known4", "--length", "13")
    assert "up to 3 of 2 motifs" in told("multi-motif", "--motif-names", "SPI1_known4,IRF_known20")
    assert "each once" in told("multi-motif", "--motif-names", "IRF_known20,IRF_known20")
    assert "write HDF5" in told("multi-motif", "--format", "fasta")
    assert "0 positives; give at least 1" in told("motif-counting", "--positives", "0")
    assert "a centre of 501 bp" in told("motif-density", "--length", "500", "--center-size", "501")
    with pytest.raises(UnknownNameError, match="parameter of heterodimer 'spacing'; valid: length"):
        write_dragonn("heterodimer", tmp_path / "x", parameters={"spacing": 2})
    assert set(SIMULATIONS) == set(CASES)
    with pytest.raises(DataError, match="GC share of 2"):
        replace(CASES["heterodimer"], gc=2.0)


def test_files_without_sites_or_with_broken_ones_are_told(tmp_path):
    path = tmp_path / "data.h5"
    with pytest.raises(DataError, match="no such file"):
        read_sites(path)
    with h5py.File(path, "w") as file:
        file["X_test"] = np.zeros((2, 4, 9))
    with pytest.raises(DataError, match="does not say where motifs were planted; found: X_test"):
        read_sites(path)
    broken = np.array([(0, 0, 3, 5, 1), (1, 2, 3, 5, 1)], SITE_DTYPE)
    with h5py.File(path, "a") as file:
        file["motif_names"] = ["a", "b"]
        file["sites_test"] = broken
    with pytest.raises(DataError, match=r"record 1 is \(1, 2, 3, 5, 1\), expected .* below 2"):
        read_sites(path)
