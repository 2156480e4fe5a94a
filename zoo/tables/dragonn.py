"""DragoNN's figures again: every simulation, SequenceDNN trained, tested and analysed on it.

Everything is kept in the output folder, one folder a simulation, and used again: data, trained
networks, and which planted motifs the analysis of a network names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from neuroninterp.errors import NeuroninterpError, OutputError, UnknownNameError
from neuroninterp.motifs.databases import load_database
from neuroninterp.motifs.matching import match
from neuroninterp.performance import SCORES, performance
from zoo.architectures.dragonn import NETWORKS
from zoo.data import read_part
from zoo.output import make_folder, write_text
from zoo.records import read_record
from zoo.simulations.dragonn.files import attributes_of, settings_of, write_dragonn
from zoo.simulations.dragonn.optimum import single_motif_posterior
from zoo.simulations.dragonn.parameters import SIMULATIONS, Parameters, SingleMotif
from zoo.simulations.dragonn.simulation import planted_motifs
from zoo.tables.cache import cached, file_sha256
from zoo.tables.planted_share import METHODS, SETTINGS, planted_share

__all__ = ["SLIDES", "DragonnRow", "make_dragonn", "markdown"]

SLIDES: dict[tuple[str, str], dict[str, float]] = {
    ("heterodimer", "sequence-dnn"): {
        "balanced_accuracy": 0.9588,
        "auroc": 0.987,
        "aupr": 0.988,
        "auprg": 0.984,
        "recall_at_5_fdr": 0.958,
        "recall_at_10_fdr": 0.973,
        "recall_at_20_fdr": 0.985,
    },
    ("heterodimer", "sequence-dnn-3"): {
        "balanced_accuracy": 0.9917,
        "auroc": 0.999,
        "aupr": 0.999,
        "auprg": 0.999,
        "recall_at_5_fdr": 1.0,
        "recall_at_10_fdr": 1.0,
        "recall_at_20_fdr": 1.0,
    },
}
"""Test scores that the workshop's slides give, by simulation and network."""

_EPOCHS = 100


@dataclass(frozen=True)
class DragonnRow:
    """One network on one simulation.

    Parameters
    ----------
    simulation, network : str
        Their names.
    record : dict
        Of the training run.
    named : dict of str to int
        Of each planted motif, the neurons of any layer that match its profile or one like it.
    neurons : int
        Neurons of all layers.
    on_sites : dict
        Share of the attribution on planted sites, by method; see
        :func:`zoo.tables.planted_share.planted_share`.
    best : dict of str to float or None
        Scores of the best possible classifier on the same test part, where it is known.
    """

    simulation: str
    network: str
    record: dict[str, Any]
    named: dict[str, int]
    neurons: int
    on_sites: dict[str, dict[str, float | None]]
    best: dict[str, float] | None = None


def make_dragonn(
    output: str | Path,
    *,
    simulations: Sequence[str] | None = None,
    networks: Sequence[str] | None = None,
    parameters: dict[str, Any] | None = None,
    times: int = 1,
    epochs: int = _EPOCHS,
    seed: int = 0,
    motifs: str = "JASPAR2024",
    effort: str = "quick",
    device: str = "auto",
    verbose: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[list[DragonnRow], list[Path]]:
    """Simulate, train, test and analyse; write ``dragonn.md`` and ``dragonn.json``.

    Parameters
    ----------
    output : str or Path
        Folder; what is there already is used.
    simulations, networks : sequence of str or None
        Which; all for None.
    parameters : dict or None
        Of every simulation, where they differ from the published ones.
    times : int
        How many times these numbers of sequences to simulate.
    epochs, seed, device
        See :func:`zoo.training.train`; the seed is the simulations', too.
    motifs : str
        Known motifs that neurons are matched against.
    effort : str
        Of the sampling: "quick", "standard" or "thorough".
    verbose : bool
        Whether to show progress.
    report : callable
        Is told each network that is done, in one line.

    Returns
    -------
    rows : list of DragonnRow
        Simulation by simulation.
    files : list of Path
        The files written.

    Raises
    ------
    UnknownNameError
        If a simulation, a parameter, a network or the motifs do not exist.
    OutputError
        If the folder cannot be written, or holds other data under the same name.
    NeuroninterpError
        If ``times`` is below 1.
    """
    if times < 1:
        raise NeuroninterpError(f"times is {times}; expected at least 1")
    output = Path(output)
    chosen = _known("simulation", simulations, tuple(SIMULATIONS))
    named_networks = _known("network of DragoNN", networks, tuple(NETWORKS))
    load_database(motifs)
    settings = {"motifs": motifs, "effort": effort, "seed": seed, "device": device}
    rows = []
    for simulation in chosen:
        given = _enlarged(settings_of(simulation, parameters), times)
        data = _data(output / simulation, simulation, given, seed)
        best = _best(data, given)
        for network in named_networks:
            record = _trained(network, data, epochs, seed, device, verbose)
            found = _named(given, data.with_name(f"{network}.onnx"), settings, verbose)
            on_sites = _on_sites(data, data.with_name(f"{network}.onnx"), seed, device)
            row = DragonnRow(simulation, network, record, **found, on_sites=on_sites, best=best)
            rows.append(row)
            report(_line(row))
    content: dict[str, Any] = {
        "schema": "dragonn-figures/1",
        "motifs": motifs,
        "effort": effort,
        "command": _command(simulations, networks, times, epochs),
        "rows": [_as_dict(row) for row in rows],
    }
    files = [output / "dragonn.md", output / "dragonn.json"]
    text = markdown(rows, motifs=motifs, effort=effort, command=content["command"])
    write_text(files[0], text)
    write_text(files[1], json.dumps(content, indent=1) + "\n")
    return rows, files


def _known(kind: str, names: Sequence[str] | None, valid: tuple[str, ...]) -> tuple[str, ...]:
    for name in names or ():
        if name not in valid:
            raise UnknownNameError(kind, name, valid)
    return tuple(names) if names else valid


def _command(
    simulations: Sequence[str] | None, networks: Sequence[str] | None, times: int, epochs: int
) -> str:
    """Return the command that makes the figures, without what it does by itself."""
    chosen = {
        "--simulations": ",".join(simulations or ()),
        "--networks": ",".join(networks or ()),
        "--times": "" if times == 1 else str(times),
        "--epochs": "" if epochs == _EPOCHS else str(epochs),
    }
    options = "".join(f" {option} {value}" for option, value in chosen.items() if value)
    return f"neuroninterp zoo dragonn -o DIR{options}"


def _enlarged(parameters: Parameters, times: int) -> Parameters:
    """Multiply the numbers of sequences."""
    counts = {
        name: times * getattr(parameters, name)
        for name in ("positives", "negatives", "sequences")
        if hasattr(parameters, name)
    }
    return replace(parameters, **counts)


def _data(folder: Path, simulation: str, parameters: Parameters, seed: int) -> Path:
    """Return the file of a simulation, which is written where it is missing."""
    import h5py

    make_folder(folder)
    path = folder / "data.h5"
    if not path.exists():
        write_dragonn(simulation, path, parameters=asdict(parameters), seed=seed)
    expected = attributes_of(simulation, parameters, seed)
    with h5py.File(path, "r") as file:
        held = {key: file.attrs.get(key) for key in expected}
    for key, value in expected.items():
        if held[key] != value:
            raise OutputError(
                f"{path} was simulated with {key} {held[key]}, not {value}; give another folder"
            )
    return path


def _trained(
    network: str, data: Path, epochs: int, seed: int, device: str, verbose: bool
) -> dict[str, Any]:
    path = data.parent / f"{network}.json"
    if path.exists():
        return read_record(path)
    from zoo.training import train

    settings: dict[str, Any] = {"epochs": epochs, "seed": seed, "device": device}
    return train(network, data, data.parent, verbose=verbose, **settings)


def _named(
    parameters: Parameters, network: Path, settings: dict[str, Any], verbose: bool
) -> dict[str, Any]:
    """Count the neurons that match each planted motif, or one that it matches whole itself."""
    from neuroninterp.analysis import analyze

    planted = planted_motifs(parameters)

    def count() -> dict[str, Any]:
        profiles = [motif.probabilities for motif in planted]
        alike = [
            {hit.target_id for hit in hits if hit.whole}
            for hits in match(profiles, settings["motifs"])
        ]
        result = analyze(network, verbose=verbose, **settings)
        neurons = [neuron for layer in result.layers for neuron in layer.neurons]
        matched = [{hit.target_id for hit in neuron.matches} for neuron in neurons]
        counts = [sum(bool(ids & found) for found in matched) for ids in alike]
        names = [motif.name for motif in planted]
        return {"named": dict(zip(names, counts, strict=True)), "neurons": len(neurons)}

    depends = {**settings, "schema": "dragonn-motifs/1", "network_sha256": file_sha256(network)}
    return cached(network.with_suffix(".motifs.json"), depends, count)


def _on_sites(data: Path, network: Path, seed: int, device: str) -> dict[str, Any]:
    """Measure how much of the attribution lies on planted sites."""
    depends = {
        **SETTINGS,
        "schema": "dragonn-sites/1",
        "seed": seed,
        "network_sha256": file_sha256(network),
    }
    path = network.with_suffix(".sites.json")
    return cached(path, depends, lambda: planted_share(network, data, seed=seed, device=device))


def _best(data: Path, parameters: Parameters) -> dict[str, float] | None:
    """Score the posterior probability of single motif detection; no other is computed."""
    if not isinstance(parameters, SingleMotif):
        return None
    test = read_part(data, "test")
    posterior = single_motif_posterior(test.codes, parameters)
    (scores,) = performance(posterior[:, None], test.labels).to_dict("records")
    return {name: round(scores[name], 6) for name in SCORES}


def _line(row: DragonnRow) -> str:
    test = row.record["test"]
    return f"{row.simulation}, {row.network}: auROC {_score(test['auroc'])}; {_motifs(row)}"


def _as_dict(row: DragonnRow) -> dict[str, Any]:
    return {
        "simulation": row.simulation,
        "network": row.network,
        "named": row.named,
        "neurons": row.neurons,
        "on_sites": row.on_sites,
        "slides": SLIDES.get((row.simulation, row.network)),
        "best": row.best,
        "record": row.record,
    }


def markdown(rows: Sequence[DragonnRow], *, motifs: str, effort: str, command: str) -> str:
    """Return the figures as a Markdown page."""
    headings = ["simulation", "network", "epochs", "s", *SCORES.values(), "neurons that match"]
    lines = [_cells(headings), _cells(["---"] * len(headings))]
    for row in rows:
        test, history = row.record["test"], row.record["history"]
        epochs = f"{len(history['loss'])} ({row.record['best_epoch']})"
        scores = [_score(test.get(name)) for name in SCORES]
        seconds = f"{history['seconds']:.0f}"
        lines.append(_cells([row.simulation, row.network, epochs, seconds, *scores, _motifs(row)]))
        stated = {
            "the slides'": SLIDES.get((row.simulation, row.network)),
            "best possible": row.best,
        }
        for title, values in stated.items():
            if values:
                scores = [_score(values.get(name)) for name in SCORES]
                lines.append(_cells(["", title, "", "", *scores, ""]))
    return (
        "# DragoNN's figures, again\n\n"
        f"SequenceDNN on DragoNN's simulations, made by\n\n    {command}\n\n"
        "Scores are on the test part (means over the classes of multi-motif). Epochs: all, and in "
        "brackets the one that was kept. Neurons that match: how many neurons, of all layers, "
        f"have a sampled motif ({effort} effort) with a Tomtom hit (E ≤ 0.1, {motifs}) on a "
        "profile that the planted one matches whole itself: other versions of it, and its kin. "
        "Best possible: the posterior probability of a site, which is known of single motifs.\n\n"
        + "\n".join(lines)
        + "\n\n"
        + _sites_section(rows)
    )


def _sites_section(rows: Sequence[DragonnRow]) -> str:
    """Return the part of the page that says where the attribution lies."""
    headings = ["simulation", "network"]
    for method in METHODS:
        headings += [f"{method}, all", f"{method}, above noise"]
    lines = [_cells(headings), _cells(["---"] * len(headings))]
    for row in rows:
        shares = [share for method in METHODS for share in row.on_sites[method].values()]
        lines.append(_cells([row.simulation, row.network, *map(_score, shares)]))
    return (
        "## Attribution on planted sites\n\n"
        "Share of the positive scores of true positives (label 1, predicted above "
        f"{SETTINGS['least_probability']}; the first {SETTINGS['sequences']} of the test part, of "
        "every class) that lies on planted sites: of all positive scores, and of those above the "
        f"noise, which is what {100 - SETTINGS['noise_percentile']:.0f} % of the bases of the same "
        "sequences exceed, dinucleotides shuffled. DeepLIFT of the logit against "
        f"{METHODS['deeplift']['references']} shuffles a sequence; mutagenesis of the output, as "
        "DragoNN has it.\n\n" + "\n".join(lines) + "\n"
    )


def _cells(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _motifs(row: DragonnRow) -> str:
    counted = ", ".join(f"{name} {count}" for name, count in row.named.items())
    return f"{counted} of {row.neurons}"
