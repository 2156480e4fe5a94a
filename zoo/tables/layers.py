"""What this package sees in a trained network: every layer, sampled and decoupled.

The paper's alignment stops at the first pool. Sampling does not, so here every layer has its
match fractions, in three columns: the undecoupled mixtures, the decoupled parts, and the
control, the sample split at random into as many parts. The best of several parts matches more
often by itself; what decoupling adds is what lies above the control.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from neuroninterp.bottleneck import empirical, structural, verdict
from neuroninterp.layer_analysis import LayerOptions, analyse_layer
from neuroninterp.models import load
from neuroninterp.motifs import MotifDatabase
from neuroninterp.progress import Progress
from zoo.simulations.koo_eddy import relevant_motifs
from zoo.tables.cache import cached, file_sha256
from zoo.trials import Trial

__all__ = ["measure_layers"]

SCHEMA = "zoo-layers/1"


def measure_layers(
    trial: Trial,
    database: MotifDatabase,
    *,
    effort: str = "quick",
    neurons: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Sample, decouple and match every layer of a trained network, and read its bottleneck.

    Parameters
    ----------
    trial : Trial
        A finished trial; the answer is kept beside its network as ``NAME.layers.json``.
    database : MotifDatabase
        Known motifs.
    effort : str
        Of the sampling: "quick", "standard" or "thorough".
    neurons : int or None
        The first so many neurons of each layer; all for None.
    seed : int
        Of the sampling.
    device : str
        "auto", "cpu" or "gpu".
    progress : Progress or None
        Where progress is shown.

    Returns
    -------
    dict
        ``layers``: of each layer its number, receptive field (bp), hidden shifts and
        fractions (see :class:`neuroninterp.bottleneck.LayerFractions`); ``verdict``: both
        readings and what they say together; ``seconds`` each stage took.
    """
    settings = {
        "schema": SCHEMA,
        "network_sha256": file_sha256(trial.network),
        "motifs": database.name,
        "targets": len(database),
        "effort": effort,
        "neurons": neurons,
        "seed": seed,
    }

    def measure() -> dict[str, Any]:
        shown = progress or Progress()
        model = load(trial.network, device=device)
        relevant = relevant_motifs(database.ids)
        rows, localist, null = [], {}, {}
        for layer in model.layers:
            number = layer.number
            chosen = None if neurons is None else tuple(range(min(neurons, layer.filters)))
            options = LayerOptions(chosen, relevant, effort, seed, grammar=False)
            result, flags, _ = analyse_layer(model, number, database, options, progress=shown)
            localist[number] = flags
            null[number] = result.fractions.null_localist
            rows.append(
                {
                    "number": number,
                    "receptive_field": layer.receptive_field,
                    "shifts": layer.shifts,
                    "unconverged": result.unconverged,
                    **asdict(result.fractions),
                }
            )
        found = verdict(structural(model.layers), empirical(localist, null, seed=seed))
        return {"layers": rows, "verdict": asdict(found), "seconds": shown.seconds}

    return cached(trial.folder / f"{trial.name}.layers.json", settings, measure)
