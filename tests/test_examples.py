"""The example script on a small FASTA file with a planted motif."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import neuroninterp as ni

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
