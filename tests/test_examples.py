"""The example scripts: on a small FASTA file, and on small networks with planted signals."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError

EXAMPLE = Path(__file__).parents[1] / "examples" / "ctcf.py"
SITE = "CCACTAGGGGGCGC"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_ctcf_example_learns_the_planted_site(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    records = []
    for index in range(4000):
        bases = "".join(rng.choice(list("ACGT"), 60))
        start = rng.integers(0, 60 - len(SITE))
        planted = bases[:start] + SITE + bases[start + len(SITE) :]
        records.append(f">site{index}\n{planted}\n")
    fasta, model = tmp_path / "sites.fa", tmp_path / "model.keras"
    fasta.write_text("".join(records))
    command = runpy.run_path(str(EXAMPLE))["main"]
    arguments = [str(fasta), "-o", str(model), "--filters", "6", "--epochs", "12"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "auROC" in done.output
    result = ni.analyze(model, fasta, effort="quick")
    strongest = max(
        (n for n in result.layers[0].neurons if n.mixture is not None),
        key=lambda neuron: neuron.mixture.maximum if neuron.mixture else 0.0,
    )
    assert strongest.best_match is not None
    assert strongest.best_match.target_name == "CTCF"


SPLICEAI = Path(__file__).parents[1] / "examples" / "spliceai.py"


@pytest.fixture(scope="module")
def audit() -> dict[str, Any]:
    return runpy.run_path(str(SPLICEAI))


def sharpened(frequencies: np.ndarray, flank: int, rng: np.random.Generator) -> np.ndarray:
    """A neuron's view of a signal: the signal between columns that say next to nothing."""
    nothing = rng.dirichlet(np.full(4, 200.0), size=(2, flank))
    return np.concatenate([nothing[0], frequencies, nothing[1]])


def test_splice_signals_are_recognised_where_they_are(audit: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    for signal in audit["SIGNALS"]:
        found = audit["search"](sharpened(signal.frequencies, 11, rng), signal, rng)
        assert found.start == 11
        assert found.complete
        assert found.strength == pytest.approx(1.0, abs=0.05)
        assert audit["held"]([found]) == [found]
        for other in audit["SIGNALS"]:
            if other is not signal:
                wrong = audit["search"](sharpened(signal.frequencies, 11, rng), other, rng)
                assert audit["held"]([wrong]) == []


def test_what_lacks_a_part_of_the_signal_does_not_hold_it(audit: dict[str, Any]) -> None:
    """A donor with GC, an acceptor without its pyrimidines, one without its CAG."""
    rng = np.random.default_rng(1)
    donor, _, acceptor = audit["SIGNALS"]
    gc_donor, no_tract, no_core = (s.frequencies.copy() for s in (donor, acceptor, acceptor))
    gc_donor[4] = (0, 1, 0, 0)
    no_tract[:12] = (0.4, 0.1, 0.4, 0.1)
    no_core[12:] = 0.25
    for signal, frequencies in ((donor, gc_donor), (acceptor, no_tract), (acceptor, no_core)):
        found = audit["search"](sharpened(frequencies, 8, rng), signal, rng)
        assert audit["held"]([found]) == []


def test_chance_is_called_chance(audit: dict[str, Any]) -> None:
    """P-values of PPMs whose columns come in no order are uniform, and none holds a signal."""
    rng = np.random.default_rng(2)
    donor = audit["SIGNALS"][0]
    findings = [
        audit["search"](rng.dirichlet(np.full(4, 0.3), size=21), donor, rng) for _ in range(200)
    ]
    p_values = np.array([finding.p_value for finding in findings])
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(p_values <= level) - level) < 3.5 * np.sqrt(level / 200)
    assert audit["held"](findings) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_spliceai_example_finds_planted_signals(audit: dict[str, Any], tmp_path: Path) -> None:
    """Five small networks of any length whose second layer sees a donor and an acceptor."""
    keras = import_keras()
    rng = np.random.default_rng(3)
    donor, _, acceptor = audit["SIGNALS"]
    kernel = rng.normal(size=(17, 4, 3)) * 0.2
    kernel[4:13, :, 1] = donor.log_odds
    kernel[:, :, 2] = acceptor.log_odds
    for name in audit["FILES"]:
        sequence = keras.Input((None, 4))
        x = keras.layers.Conv1D(4, 1, use_bias=False)(sequence)
        y = keras.layers.Conv1D(3, 17, padding="same", activation="relu")(x)
        model = keras.Model(sequence, keras.layers.Conv1D(3, 1, activation="softmax")(y))
        first, second, bias, *_ = model.weights
        first.assign(np.eye(4)[None])
        second.assign(kernel)
        bias.assign((-0.5, -4.0, -4.0))
        model.save(tmp_path / name)
    report = tmp_path / "report"
    arguments = ["--models", str(tmp_path), "-o", str(report), "--layers", "2"]
    done = CliRunner().invoke(audit["main"], arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "All 5 networks have the same 3 layers" in done.output
    assert "2 of 3 neurons hold a splice signal" in done.output
    assert "donor: first in layer 2 (17 bp), most clearly in neuron 1" in done.output
    assert "acceptor: first in layer 2 (17 bp), most clearly in neuron 2" in done.output
    assert (report / "report.html").is_file()
    rows = [line.split("\t") for line in (report / "signals.tsv").read_text().splitlines()]
    held = [(row[1], row[2]) for row in rows[1:] if row[6] == "1"]
    assert held == [("1", "donor"), ("2", "acceptor")]


@pytest.mark.parametrize("installed", [True, False])
def test_spliceai_example_says_how_to_get_the_networks(
    installed: bool, audit: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    arguments = ["--models", str(tmp_path)] if installed else []
    advice = "lacks spliceai1.h5" if installed else "pip install --no-deps spliceai"
    with pytest.raises(ModelError, match=advice):
        CliRunner().invoke(audit["main"], arguments, catch_exceptions=False)
