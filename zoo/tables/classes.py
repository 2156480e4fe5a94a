"""Which classes a trained network did not learn: most of what sets its trials apart.

Trials of one network miss different factors. Each of twelve that is missed takes 0.02 to 0.03
from the mean auROC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

__all__ = ["Unlearned", "unlearned_classes"]

_CHANCE = 0.5


@dataclass(frozen=True)
class Unlearned:
    """What a trial did not learn.

    Parameters
    ----------
    name, trial : str, int
        Network and number of the trial.
    auroc : float
        Its mean over all classes.
    learned_auroc : float or None
        Its mean over the classes that it learned; None where there are none.
    classes : dict of str to float
        The others' auROC.
    """

    name: str
    trial: int
    auroc: float
    learned_auroc: float | None
    classes: dict[str, float]


def unlearned_classes(
    tests: Sequence[tuple[str, int, Mapping[str, Any]]],
) -> tuple[Unlearned, ...]:
    """Find the classes that trials did not learn.

    A class was not learned where its auROC is below the middle between chance and the median of
    that class over all trials of all networks.

    Parameters
    ----------
    tests : sequence of (str, int, mapping)
        Network, number of the trial, and its test scores from :func:`zoo.records.score`.

    Returns
    -------
    tuple of Unlearned
        Of the trials that missed any, in their order.
    """
    scores = [
        {row["class"]: row["auroc"] for row in test["classes"] if row["auroc"] is not None}
        for _, _, test in tests
    ]
    by_class: dict[str, list[float]] = {}
    for aurocs in scores:
        for name, auroc in aurocs.items():
            by_class.setdefault(name, []).append(auroc)
    least = {name: (_CHANCE + median(values)) / 2 for name, values in by_class.items()}
    found = []
    for (network, trial, test), aurocs in zip(tests, scores, strict=True):
        missed = {name: auroc for name, auroc in aurocs.items() if auroc < least[name]}
        learned = [auroc for name, auroc in aurocs.items() if name not in missed]
        if missed:
            mean = fmean(learned) if learned else None
            found.append(Unlearned(network, trial, test["auroc"], mean, missed))
    return tuple(found)
