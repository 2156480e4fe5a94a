"""A table of the paper with ours beside it: means over trials, differences, agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from neuroninterp.bottleneck import LayerFractions
from zoo.tables.classes import Unlearned, unlearned_classes
from zoo.tables.paper import BOTTLENECKS, Bottleneck, Figure, PaperRow, paper_row

__all__ = [
    "Agreement",
    "LayerRow",
    "Measured",
    "Row",
    "Table",
    "VerdictRow",
    "as_dict",
    "build_table",
]

QUANTITIES = ("auroc", "aupr", "match", "relevant")
"""What a row has of each layer; the first two are the network's and given with layer 1."""

AUROC_TOLERANCE = 0.02
"""Largest difference from the paper's auROC that counts as agreement."""
STARVED_TOLERANCE = 0.05
"""The same for CNN3-50, which hardly learns: its trials differ more."""

_FRACTIONS = tuple(
    field.name for field in fields(LayerFractions) if field.name not in ("neurons", "dead")
)


@dataclass(frozen=True)
class Measured:
    """What was measured on one trained network.

    Parameters
    ----------
    name : str
        Network.
    trial : int
        Number of the trial.
    record : mapping
        How it was trained and how it scores.
    filters : mapping
        From :func:`zoo.tables.filters.measure_filters`.
    layers : mapping or None
        From :func:`zoo.tables.layers.measure_layers`, where that was asked for.
    """

    name: str
    trial: int
    record: Mapping[str, Any]
    filters: Mapping[str, Any]
    layers: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Row:
    """One layer of a network, aligned as the paper does: ours, and the paper's.

    Parameters
    ----------
    name, layer : str, int
        Network and layer number.
    parameters : int
        Number of weights of the network.
    trials : int
        Number of trials behind the means.
    ours : dict of str to Figure or None
        Mean and standard deviation over trials of each quantity.
    paper : PaperRow
        The paper's.
    """

    name: str
    layer: int
    parameters: int
    trials: int
    ours: dict[str, Figure | None]
    paper: PaperRow

    def difference(self, quantity: str) -> float | None:
        """Return ours minus the paper's, where both are known."""
        ours, theirs = self.ours[quantity], getattr(self.paper, quantity)
        return None if ours is None or theirs is None else ours.mean - theirs.mean


@dataclass(frozen=True)
class LayerRow:
    """One layer of a network, sampled: match fractions in three columns, means over trials.

    Parameters
    ----------
    name, layer : str, int
        Network and layer number.
    receptive_field, shifts : int
        Its field (bp), and the number of alignments that the pools below can hide.
    neurons, trials : int
        Neurons analysed in each trial, and trials.
    fractions : dict of str to float
        Those of :class:`neuroninterp.bottleneck.LayerFractions`.
    """

    name: str
    layer: int
    receptive_field: int
    shifts: int
    neurons: int
    trials: int
    fractions: dict[str, float]


@dataclass(frozen=True)
class VerdictRow:
    """Where the bottleneck of a network sits: the paper's results, and both readings.

    Parameters
    ----------
    name : str
        Network.
    implied : Bottleneck
        By the paper's results.
    structural : Bottleneck
        By the architecture alone.
    empirical, verdict : tuple of (int or None, str)
        Layer and kind, by the neurons and by both together, of each trial.
    """

    name: str
    implied: Bottleneck
    structural: Bottleneck
    empirical: tuple[tuple[int | None, str], ...]
    verdict: tuple[tuple[int | None, str], ...]

    @property
    def structural_right(self) -> bool:
        """Whether the architecture's reading is what the paper's results imply."""
        return self.structural == self.implied

    @property
    def right(self) -> int:
        """Number of trials whose verdict is what the paper's results imply."""
        return self.verdict.count((self.implied.layer, self.implied.kind))

    @property
    def empirical_right(self) -> int:
        """Number of trials whose neurons say what the paper's results imply.

        A starved network has no whole motifs: there the right answer is to find none.
        """
        if self.implied.kind == "starved":
            return sum(layer is None for layer, _ in self.empirical)
        return self.empirical.count((self.implied.layer, self.implied.kind))


@dataclass(frozen=True)
class Agreement:
    """How well the table agrees with the paper's.

    Parameters
    ----------
    auroc_off : tuple of str
        Networks whose auROC differs by more than 0.02 (CNN3-50: 0.05).
    relevant_on_other_side : tuple of str
        Layers whose relevant fraction is on the other side of one half.
    rank_correlation : float or None
        Spearman's, of the relevant fractions of all layers with the paper's; None for fewer
        than three, or where one column is all the same.
    """

    auroc_off: tuple[str, ...]
    relevant_on_other_side: tuple[str, ...]
    rank_correlation: float | None


@dataclass(frozen=True)
class Table:
    """The whole answer; see the parts."""

    number: int
    rows: tuple[Row, ...]
    layers: tuple[LayerRow, ...]
    verdicts: tuple[VerdictRow, ...]
    agreement: Agreement
    unlearned: tuple[Unlearned, ...]
    settings: dict[str, Any]


def build_table(number: int, measured: Sequence[Measured], settings: Mapping[str, Any]) -> Table:
    """Summarise measured networks over their trials and compare them with the paper's.

    Parameters
    ----------
    number : int
        Table 1 or 2 of the paper.
    measured : sequence of Measured
        All trials of all networks.
    settings : mapping
        What the table was made with; kept in it.
    """
    groups: dict[str, list[Measured]] = {}
    for item in measured:
        groups.setdefault(item.name, []).append(item)
    rows = tuple(row for name, trials in groups.items() for row in _rows(number, name, trials))
    analysed = {
        name: [item.layers for item in trials if item.layers is not None]
        for name, trials in groups.items()
    }
    return Table(
        number=number,
        rows=rows,
        layers=tuple(row for name, found in analysed.items() for row in _layer_rows(name, found)),
        verdicts=tuple(
            _verdict_row(name, found)
            for name, found in analysed.items()
            if found and name in BOTTLENECKS
        ),
        agreement=_agreement(rows),
        unlearned=unlearned_classes(
            [(item.name, item.trial, item.record["test"]) for item in measured]
        ),
        settings=dict(settings),
    )


def _figure(values: Sequence[float | None]) -> Figure | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return Figure(float(np.mean(known)), sd)


def _rows(number: int, name: str, trials: Sequence[Measured]) -> list[Row]:
    rows = []
    for index, layer in enumerate(trials[0].filters["layers"]):
        scores = [trial.record["test"] for trial in trials] if index == 0 else []
        counts = [trial.filters["layers"][index] for trial in trials]
        ours = {
            "auroc": _figure([score["auroc"] for score in scores]),
            "aupr": _figure([score["aupr"] for score in scores]),
            "match": _figure([count["match"] for count in counts]),
            "relevant": _figure([count["relevant"] for count in counts]),
        }
        theirs = paper_row(number, name, layer["number"])
        parameters = trials[0].record["parameters"]
        rows.append(Row(name, layer["number"], parameters, len(trials), ours, theirs))
    return rows


def _layer_rows(name: str, found: Sequence[Mapping[str, Any]]) -> list[LayerRow]:
    rows = []
    for index, layer in enumerate(found[0]["layers"] if found else ()):
        trials = [item["layers"][index] for item in found]
        rows.append(
            LayerRow(
                name=name,
                layer=layer["number"],
                receptive_field=layer["receptive_field"],
                shifts=layer["shifts"],
                neurons=layer["neurons"],
                trials=len(trials),
                fractions={
                    key: float(np.mean([trial[key] for trial in trials])) for key in _FRACTIONS
                },
            )
        )
    return rows


def _verdict_row(name: str, found: Sequence[Mapping[str, Any]]) -> VerdictRow:
    verdicts = [item["verdict"] for item in found]
    structural = verdicts[0]["structural"]
    return VerdictRow(
        name=name,
        implied=BOTTLENECKS[name],
        structural=Bottleneck(structural["layer"], structural["kind"]),
        empirical=tuple((v["empirical"]["layer"], v["empirical"]["kind"]) for v in verdicts),
        verdict=tuple((v["layer"], v["kind"]) for v in verdicts),
    )


def _agreement(rows: Sequence[Row]) -> Agreement:
    off, other_side, pairs = [], [], []
    for row in rows:
        difference = row.difference("auroc")
        tolerance = STARVED_TOLERANCE if row.name == "cnn3-50" else AUROC_TOLERANCE
        if difference is not None and abs(difference) > tolerance:
            off.append(row.name)
        ours, theirs = row.ours["relevant"], row.paper.relevant
        if ours is not None and theirs is not None:
            pairs.append((ours.mean, theirs.mean))
            if (ours.mean > 0.5) != (theirs.mean > 0.5):
                other_side.append(f"{row.name} layer {row.layer}")
    return Agreement(tuple(off), tuple(other_side), _rank_correlation(pairs))


def _rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    from scipy.stats import spearmanr

    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    # Undefined where one column is all the same.
    if len(pairs) < 3 or len(set(ours)) == 1 or len(set(theirs)) == 1:
        return None
    return float(spearmanr(ours, theirs).statistic)


def as_dict(table: Table) -> dict[str, Any]:
    """Return the table as plain JSON values."""
    return {
        "schema": "zoo-table/1",
        "table": table.number,
        "rows": [
            {
                **asdict(row),
                "difference": {quantity: row.difference(quantity) for quantity in QUANTITIES},
            }
            for row in table.rows
        ],
        "layers": [asdict(row) for row in table.layers],
        "verdicts": [
            {
                **asdict(row),
                "structural_right": row.structural_right,
                "empirical_right": row.empirical_right,
                "right": row.right,
            }
            for row in table.verdicts
        ],
        "agreement": asdict(table.agreement),
        "unlearned": [asdict(row) for row in table.unlearned],
        "settings": table.settings,
    }
