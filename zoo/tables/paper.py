"""The figures of Koo & Eddy 2019's tables, and the layer that each network's results imply.

Table 1 is on the synthetic data, Table 2 on the in vivo data; the deeper layers' figures are
in the text. Means and standard deviations over five trials; None where the paper gives none.

Source: Koo PK, Eddy SR (2019) PLoS Comput Biol 15(12): e1007560, Tables 1 and 2, Results.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BOTTLENECKS", "TABLES", "Bottleneck", "Figure", "PaperRow", "paper_row"]


@dataclass(frozen=True)
class Figure:
    """A mean over trials and its standard deviation."""

    mean: float
    sd: float | None = None


@dataclass(frozen=True)
class PaperRow:
    """One row of a table: a layer of a network.

    Parameters
    ----------
    name : str
        Name of the network in the zoo.
    layer : int
        Layer number.
    auroc, aupr : Figure or None
        Of the network, mean over the 12 classes; given with its first layer.
    match, relevant : Figure or None
        Share of the layer's filters that match a motif of JASPAR 2016 (vertebrates), and one
        of the relevant ones.
    """

    name: str
    layer: int
    auroc: Figure | None = None
    match: Figure | None = None
    relevant: Figure | None = None
    aupr: Figure | None = None


@dataclass(frozen=True)
class Bottleneck:
    """Where whole motifs are learned, by the paper's results.

    Parameters
    ----------
    layer : int
        Number of the layer.
    kind : str
        "localist" (the first), "distributed" (a deeper one), or "starved".
    """

    layer: int
    kind: str


def _row(
    name: str,
    auroc: tuple[float, float] | None,
    match: tuple[float, float] | None,
    relevant: tuple[float, float] | None,
    *,
    aupr: tuple[float, float] | None = None,
    layer: int = 1,
) -> PaperRow:
    figures = (None if pair is None else Figure(*pair) for pair in (auroc, match, relevant, aupr))
    return PaperRow(name, layer, *figures)


_TABLE_1 = (
    _row("cnn-1", (0.972, 0.001), (0.240, 0.083), (0.007, 0.013)),
    _row("cnn-1", None, (0.900, 0.024), (0.847, 0.021), layer=2),
    _row("cnn-2", (0.966, 0.000), (0.240, 0.071), (0.007, 0.013)),
    _row("cnn-4", (0.955, 0.002), (0.453, 0.131), (0.127, 0.080)),
    _row("cnn-10", (0.964, 0.007), (0.987, 0.016), (0.973, 0.033)),
    _row("cnn-25", (0.973, 0.001), (0.987, 0.016), (0.980, 0.027)),
    _row("cnn-50", (0.961, 0.011), (0.933, 0.037), (0.920, 0.045)),
    _row("cnn-100", (0.958, 0.012), (0.887, 0.034), (0.880, 0.034)),
    _row("cnn9-4", (0.954, 0.002), (0.260, 0.039), (0.033, 0.030)),
    _row("cnn9-25", (0.958, 0.008), (0.993, 0.013), (0.980, 0.016)),
    _row("cnn3-50", (0.648, 0.008), (0.160, 0.049), (0.000, 0.000)),
    _row("cnn3-2", (0.968, 0.001), (0.233, 0.067), (0.000, 0.000)),
    _row("cnn-50-2", (0.921, 0.012), (0.913, 0.050), (0.893, 0.044)),
    _row("cnn19-1-2", (0.969, 0.002), (0.867, 0.056), (0.747, 0.096)),
    _row("cnn-25-60", (0.972, 0.001), (0.973, 0.013), (0.960, 0.023)),
    _row("cnn-25-90", (0.968, 0.001), (0.940, 0.023), (0.909, 0.028)),
    _row("cnn-25-120", (0.963, 0.001), (0.933, 0.015), (0.887, 0.025)),
    _row("cnn-1-1-100", None, (0.147, 0.045), (0.000, 0.000)),
    _row("cnn-1-1-100", None, (0.192, 0.022), (0.006, 0.006), layer=2),
    _row("cnn-1-1-100", None, (0.927, 0.020), (0.891, 0.030), layer=3),
)

_TABLE_2 = (
    _row("cnn-1", (0.918, 0.001), (0.227, 0.068), (0.020, 0.027), aupr=(0.626, 0.000)),
    _row("cnn-1", None, (0.845, 0.012), (0.625, 0.030), layer=2),
    _row("cnn-2", (0.911, 0.003), (0.333, 0.067), (0.107, 0.057), aupr=(0.609, 0.006)),
    _row("cnn-4", (0.907, 0.002), (0.753, 0.045), (0.507, 0.039), aupr=(0.601, 0.005)),
    _row("cnn-10", (0.903, 0.006), (0.920, 0.045), (0.753, 0.034), aupr=(0.583, 0.020)),
    _row("cnn-25", (0.903, 0.003), (0.933, 0.030), (0.747, 0.040), aupr=(0.580, 0.009)),
    _row("cnn-50", (0.903, 0.003), (0.913, 0.034), (0.733, 0.063), aupr=(0.582, 0.009)),
    # The match fractions printed with these two are Table 1's to the last digit.
    _row("cnn-25-90", (0.919, 0.001), (0.940, 0.023), (0.909, 0.028), aupr=(0.628, 0.005)),
    _row("cnn-25-120", (0.920, 0.002), (0.933, 0.015), (0.887, 0.025), aupr=(0.637, 0.005)),
)

TABLES: dict[int, tuple[PaperRow, ...]] = {1: _TABLE_1, 2: _TABLE_2}
"""Rows of Tables 1 and 2, each with the deeper layers of which the text gives figures."""

_DISTRIBUTED = {"cnn-1": 2, "cnn-2": 2, "cnn-4": 2, "cnn9-4": 2, "cnn3-2": 2, "cnn-1-1-100": 3}

BOTTLENECKS: dict[str, Bottleneck] = {
    row.name: Bottleneck(_DISTRIBUTED[row.name], "distributed")
    if row.name in _DISTRIBUTED
    # Filters of 3 bp before a pool of 50: "only one chance to learn whole motifs".
    else Bottleneck(1, "starved" if row.name == "cnn3-50" else "localist")
    for row in _TABLE_1
}
"""The layer of each network that holds whole motifs, implied by Table 1 and the text."""


def paper_row(table: int, name: str, layer: int) -> PaperRow:
    """Return the paper's figures for a layer; without any where the paper gives none."""
    for row in TABLES[table]:
        if (row.name, row.layer) == (name, layer):
            return row
    return PaperRow(name, layer)
