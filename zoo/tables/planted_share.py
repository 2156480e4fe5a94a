"""How much of the attribution of true positives lies on the sites that were planted.

A track of hundreds of bases holds many small scores: added up, those that say nothing outweigh
the sites. The noise level is what hardly any base of the same sequences, shuffled, reaches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.attribution import attribute, share_on_sites
from neuroninterp.models import Model, load
from neuroninterp.sequences import read_sequences, shuffle_dinucleotides

__all__ = ["METHODS", "SETTINGS", "planted_share"]

METHODS: dict[str, dict[str, Any]] = {
    "deeplift": {"references": 20},
    "ism": {"scale": "output"},
}
"""Methods and their settings. Mutagenesis on the output's own scale is what DragoNN does."""

SETTINGS: dict[str, Any] = {
    "sequences": 100,
    "least_probability": 0.5,
    "noise_percentile": 99.0,
    "methods": METHODS,
}
"""Most true positives of a class; the probability that makes a positive a true one; and the
percentile of the shuffled sequences' absolute scores that is taken for their noise."""


def planted_share(network: Path, data: Path, *, seed: int, device: str) -> dict[str, Any]:
    """Measure the share of positive attribution on planted sites, by method.

    Parameters
    ----------
    network : Path
        A trained network, Keras or ONNX.
    data : Path
        Simulated data with planted sites; its test part is looked at.
    seed : int
        Of the shuffles.
    device : str
        "auto", "cpu" or "gpu".

    Returns
    -------
    dict
        For each of :data:`METHODS` ``share`` (of all positive scores) and ``above_noise`` (of
        those above the noise level), means over the first true positives of every class and
        over the classes, in [0, 1]; None where there is no true positive.
    """
    model = load(network, device=device)
    test = read_sequences(data, length=model.length)
    predictions = model.predict(test.codes)
    assert test.labels is not None  # simulated data have them
    shares: dict[str, list[np.ndarray]] = {method: [] for method in METHODS}
    for target in range(predictions.shape[1]):
        sure = predictions[:, target] > SETTINGS["least_probability"]
        rows = np.flatnonzero(sure & (test.labels[:, target] == 1))[: SETTINGS["sequences"]]
        if not len(rows):
            continue
        chosen = test.some(rows.tolist())
        assert chosen.sites is not None
        sites = chosen.sites.mask(len(chosen), chosen.length)
        for method in METHODS:
            shares[method].append(_shares(model, chosen.codes, sites, method, target, seed))
    return {
        method: dict(zip(("share", "above_noise"), _mean_over_classes(found), strict=True))
        for method, found in shares.items()
    }


def _mean_over_classes(found: list[np.ndarray]) -> list[float | None]:
    """Return the means of both shares, None where no track has any."""
    shares = np.array(found).reshape(-1, 2).T
    known = [values[np.isfinite(values)] for values in shares]
    return [float(values.mean()) if len(values) else None for values in known]


def _shares(
    model: Model, codes: np.ndarray, sites: np.ndarray, method: str, target: int, seed: int
) -> np.ndarray:
    """Return both shares of one class, means over its sequences."""
    settings = {"target": target, "seed": seed, **METHODS[method]}
    scores = attribute(model, codes, method, **settings).scores
    shuffled = shuffle_dinucleotides(codes, np.random.default_rng(seed))
    of_shuffled = attribute(model, shuffled, method, **settings).scores
    noise = np.percentile(np.abs(of_shuffled), SETTINGS["noise_percentile"])
    loud = np.where(scores > noise, scores, 0.0)
    both = (share_on_sites(track, sites) for track in (scores, loud))
    # A track may have nothing above the noise.
    known = (shares[np.isfinite(shares)] for shares in both)
    return np.array([shares.mean() if len(shares) else np.nan for shares in known])
