"""Audit the five published SpliceAI networks: which layer knows the splice sites.

The networks come with the package of that name, which the user installs (its code is not
imported, so its own requirements are not needed):

    pip install --no-deps spliceai
    python examples/spliceai.py --output spliceai-report

All five are inspected. Of one, the early layers are analysed from its weights alone, without
any sequence, and every neuron's position probability matrix (PPM) is searched for the signals
that define an intron: the donor MAG|GTRAGT, the branch point YNYTRAY, and the acceptor, a
stretch of pyrimidines followed by YAG|G.

A neuron *holds* a signal where the best alignment of its PPM with the signal meets all of

1. strength: the PPM's sequences get at least half the log-odds score (expected bits, signal
   against uniform background) that true sites get on average;
2. every half of the signal speaks for it: pyrimidine stretch and YAG|G of an acceptor, the
   intron's part of a donor, have positive log-odds on their own;
3. the bases without which there is no splicing (GT; AG; T and A of the branch point) are the
   PPM's most probable ones at their places;
4. significance: PPMs made of the same columns in random order reach such a score too seldom
   for chance, at a false discovery rate of 5 % over all neurons and signals.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

import neuroninterp as ni
from neuroninterp.errors import ModelError, NeuroninterpError
from neuroninterp.inspection import print_description
from neuroninterp.motifs.information import clip, information_content
from neuroninterp.results import AnalysisResult

FILES = tuple(f"spliceai{number}.h5" for number in range(1, 6))
LAYERS = "2,3,4,6,8"
STRENGTH = 0.5
FALSE_DISCOVERY_RATE = 0.05
SHUFFLES = 2_000
SOFTENING = 0.1
"""Share of uniform background in a signal: a base that no site has costs 3.3 bits."""


@dataclass(frozen=True, eq=False)
class Signal:
    """A splice signal.

    Parameters
    ----------
    name : str
        What it is called.
    frequencies : numpy.ndarray, shape=(width, 4)
        Probability of A, C, G, T at each position.
    halves : tuple of (start, end)
        Half-open stretches that must have positive log-odds each.
    needed : tuple of (position, base)
        Bases without which there is no splicing.
    """

    name: str
    frequencies: np.ndarray
    halves: tuple[tuple[int, int], ...]
    needed: tuple[tuple[int, str], ...]

    @property
    def log_odds(self) -> np.ndarray:
        """Bits that each base speaks for the signal at each position, shape (width, 4)."""
        return np.log2(((1 - SOFTENING) * self.frequencies + SOFTENING / 4) / 0.25)


def _percent(*columns: tuple[int, int, int, int]) -> np.ndarray:
    counts = np.array(columns, np.float64)
    return counts / counts.sum(axis=1, keepdims=True)


SIGNALS = (
    # Human sites, rounded. Donor: 3 exon and 6 intron positions.
    Signal(
        name="donor",
        frequencies=_percent(
            *((33, 37, 18, 12), (60, 13, 14, 13), (8, 4, 81, 7)),
            *((0, 0, 100, 0), (0, 0, 0, 100), (49, 3, 45, 3)),
            *((71, 7, 12, 10), (6, 5, 84, 5), (15, 19, 20, 46)),
        ),
        halves=((3, 9),),
        needed=((3, "G"), (4, "T")),
    ),
    # Nineteen mapped human branch points (Kol et al. 2005); the A is the branching one.
    Signal(
        name="branch point",
        frequencies=_percent(
            *((16, 37, 21, 26), (37, 21, 16, 26), (0, 63, 16, 21), (0, 21, 0, 79)),
            *((26, 32, 26, 16), (100, 0, 0, 0), (21, 53, 5, 21)),
        ),
        halves=((0, 7),),
        needed=((3, "T"), (5, "A")),
    ),
    # 16 intron positions and 1 of the exon.
    Signal(
        name="acceptor",
        frequencies=_percent(
            *[(10, 31, 12, 47)] * 12,
            *((23, 28, 20, 29), (4, 65, 1, 30), (100, 0, 0, 0), (0, 0, 100, 0)),
            (25, 14, 50, 11),
        ),
        halves=((0, 12), (12, 17)),
        needed=((14, "A"), (15, "G")),
    ),
)


@dataclass(frozen=True)
class Finding:
    """How well a signal fits a PPM at its best place.

    Parameters
    ----------
    signal : str
        Name of the signal.
    start : int
        Where it starts in the PPM, bp; negative where it begins outside the receptive field.
    strength : float
        Expected log-odds relative to that of true sites.
    p_value : float
        Share of column-shuffled PPMs that score as high.
    complete : bool
        Whether every half speaks for the signal and the needed bases are the most probable.
    consensus : str
        The PPM there: capitals above 1 bit, small letters above 0.3 bits, dots below.
    layer, neuron : int
        Whose PPM it is.
    """

    signal: str
    start: int
    strength: float
    p_value: float
    complete: bool
    consensus: str
    layer: int = 0
    neuron: int = 0


def search(ppm: np.ndarray, signal: Signal, rng: np.random.Generator) -> Finding:
    """Find the best place of a signal in a PPM, and how often chance does as well.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, ACGT. A signal may reach over its ends, where all bases are equally
        likely: a column that says nothing counts against a signal that says something.
    signal : Signal
        What to look for.
    rng : numpy.random.Generator
        Shuffles the columns of the PPM's informative stretch.

    Returns
    -------
    Finding
    """
    width = len(signal.frequencies)
    margin = np.full((width // 2, 4), 0.25)
    padded = np.concatenate([margin, ppm, margin, np.full((max(width - len(ppm), 0), 4), 0.25)])
    scores = padded @ signal.log_odds.T
    starts = np.arange(len(padded) - width + 1)[:, None]
    steps = np.arange(width)
    at_each = scores[starts + steps, steps]
    best = int(at_each.sum(axis=1).argmax())
    score = float(at_each[best].sum())

    first, last = clip(padded, threshold=0.1, flank=0)
    order = np.tile(np.arange(len(padded)), (SHUFFLES, 1))
    order[:, first:last] = rng.permuted(order[:, first:last], axis=1)
    chance = scores[order[:, starts + steps], steps].sum(axis=2).max(axis=1)

    window = padded[best : best + width]
    return Finding(
        signal=signal.name,
        start=best - len(margin),
        strength=score / float((signal.frequencies * signal.log_odds).sum()),
        p_value=float((1 + (chance >= score).sum()) / (1 + SHUFFLES)),
        complete=all(at_each[best, a:b].sum() > 0 for a, b in signal.halves)
        and all("ACGT"[window[place].argmax()] == base for place, base in signal.needed),
        consensus=_shown(window),
    )


def held(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that meet all four conditions."""
    from scipy.stats import false_discovery_control

    if not findings:
        return []
    q_values = false_discovery_control([finding.p_value for finding in findings])
    return [
        finding
        for finding, q_value in zip(findings, q_values, strict=True)
        if q_value <= FALSE_DISCOVERY_RATE and finding.strength >= STRENGTH and finding.complete
    ]


def _shown(ppm: np.ndarray) -> str:
    letters = []
    for column, bits in zip(ppm, information_content(ppm), strict=True):
        base = "ACGT"[int(column.argmax())]
        letters.append(base if bits > 1.0 else base.lower() if bits > 0.3 else ".")
    return "".join(letters)


def find_files(folder: str | None) -> list[Path]:
    """Return the five model files, of a folder or of the installed package."""
    if folder is None:
        package = importlib.util.find_spec("spliceai")
        if package is None or not package.submodule_search_locations:
            raise ModelError(
                "the package spliceai, which holds the networks, is not installed: "
                "pip install --no-deps spliceai, or name a folder with --models"
            )
        place = Path(next(iter(package.submodule_search_locations))) / "models"
    else:
        place = Path(folder)
    missing = [name for name in FILES if not (place / name).is_file()]
    if missing:
        raise ModelError(f"{place} lacks {', '.join(missing)}; expected {', '.join(FILES)}")
    return [place / name for name in FILES]


def inspect_all(files: Sequence[Path]) -> list[ni.Model]:
    """Load every network, show the layers of the first, and say whether all agree."""
    models = [ni.load(file) for file in files]
    print_description(models[0])
    tables = [[replace(layer, name="") for layer in model.layers] for model in models]
    differing = [
        model.path.name for model, table in zip(models, tables, strict=True) if table != tables[0]
    ]
    if differing:
        click.echo(f"Not the layers of {files[0].name}: {', '.join(differing)}.\n")
    else:
        click.echo(
            f"All {len(models)} networks have the same {len(models[0].layers)} layers and "
            "receptive fields; graph and Keras differ by at most "
            f"{max(model.fidelity for model in models):.1g} of a layer's largest value.\n"
        )
    return models


def search_all(result: AnalysisResult, seed: int) -> list[Finding]:
    """Search the PPM of every neuron for every signal."""
    rng = np.random.default_rng(seed)
    findings = []
    for layer in result.layers:
        for neuron in layer.neurons:
            if neuron.mixture is None:
                continue
            for signal in SIGNALS:
                found = search(neuron.mixture.ppm, signal, rng)
                findings.append(replace(found, layer=layer.layer.number, neuron=neuron.neuron))
    return findings


def tell(result: AnalysisResult, findings: Sequence[Finding]) -> None:
    """Print what was found, layer by layer, and where each signal first appears."""
    for layer in result.layers:
        described = layer.layer
        here = [finding for finding in findings if finding.layer == described.number]
        click.echo(
            f"layer {described.number} ({described.name}, {described.receptive_field} bp): "
            f"{len({finding.neuron for finding in here})} of {len(layer.neurons)} neurons hold a "
            "splice signal"
        )
        for finding in sorted(here, key=lambda f: (f.signal, -f.strength)):
            click.echo(
                f"  neuron {finding.neuron:2d}  {finding.signal:12s}  strength "
                f"{finding.strength:4.2f}  p {finding.p_value:.4f}  {finding.consensus}"
            )
    click.echo("")
    fields = {layer.layer.number: layer.layer.receptive_field for layer in result.layers}
    for signal in SIGNALS:
        found = [finding for finding in findings if finding.signal == signal.name]
        if found:
            first = min(finding.layer for finding in found)
            best = max(found, key=lambda f: f.strength)
            click.echo(
                f"{signal.name}: first in layer {first} ({fields[first]} bp), most clearly in "
                f"neuron {best.neuron} of layer {best.layer}: {best.consensus}"
            )
        else:
            click.echo(f"{signal.name}: in none of the layers analysed; try deeper --layers")


def write_table(findings: Sequence[Finding], holding: Sequence[Finding], path: Path) -> None:
    """Write every finding, held or not, as tab-separated values."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(
            ("layer", "neuron", "signal", "start", "strength", "p-value", "held", "consensus")
        )
        for f in findings:
            row = (f.layer, f.neuron, f.signal, f.start, f"{f.strength:.3f}", f"{f.p_value:.4f}")
            writer.writerow((*row, int(f in holding), f.consensus))


@click.command()
@click.option("--models", default=None, help="Folder with spliceai1.h5 … spliceai5.h5.")
@click.option("-o", "--output", default="spliceai-report", show_default=True, help="Report folder.")
@click.option("--network", type=click.IntRange(1, 5), default=1, show_default=True)
@click.option("--layers", default=LAYERS, show_default=True, help="Layers to analyse.")
@click.option(
    "--effort",
    type=click.Choice(["quick", "standard", "thorough"]),
    default="quick",
    show_default=True,
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def main(
    models: str | None, output: str, network: int, layers: str, effort: str, seed: int
) -> None:
    """Find the splice signals among the neurons of SpliceAI."""
    try:
        numbers = [int(number) for number in layers.split(",")]
    except ValueError:
        raise click.BadParameter(f"{layers!r}: expected numbers such as {LAYERS}") from None
    chosen = inspect_all(find_files(models))[network - 1]
    result = ni.analyze(
        chosen, output=output, layers=numbers, effort=effort, seed=seed, verbose=True
    )
    findings = search_all(result, seed)
    holding = held(findings)
    tell(result, holding)
    write_table(findings, holding, Path(output) / "signals.tsv")
    click.echo(f"\nReport: {Path(output) / 'report.html'}; all scores: signals.tsv beside it.")


if __name__ == "__main__":
    try:
        main()
    except NeuroninterpError as error:
        raise SystemExit(f"Error: {error}") from error
