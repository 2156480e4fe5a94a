"""Why a layer's values are changed from fewer positions than its receptive field has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuroninterp.fields import required_intervals
from neuroninterp.graph import Convolution, Graph
from neuroninterp.measurement.reach import Reach, extent
from neuroninterp.text import printable

__all__ = ["explain", "live_field"]

_NAMES = 3
_RESOLVED = 8 * float(np.finfo(np.float32).eps)
"""Share of a value below which effects are lost; a few sums deep, so a few last digits."""


def live_field(graph: Graph, value: str) -> tuple[tuple[int, int], list[str]]:
    """Find the part of a field that is left without outer weights that are all zero.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    value : str
        The node whose field is asked for.

    Returns
    -------
    interval : tuple of int
        Half-open offsets from the start of the computed field (bp).
    names : list of str
        The convolutions, as the file calls them, whose outermost weights are zero.
    """
    nodes, names = [], []
    for node in graph:
        if isinstance(node, Convolution):
            live = np.flatnonzero(node.kernel.any(axis=(1, 2)))
            width = len(node.kernel)
            first, last = (int(live[0]), int(live[-1])) if len(live) else (0, width - 1)
            if (first, last) != (0, width - 1):
                left, right = node.padding
                cut = (left - first * node.dilation, right - (width - 1 - last) * node.dilation)
                node = replace(node, kernel=node.kernel[first : last + 1], padding=cut)
                names.append(node.name)
        nodes.append(node)
    trimmed = Graph(nodes=tuple(nodes), outputs=graph.outputs)
    above = {node.name for node in graph.ancestors(value)}
    whole = required_intervals(graph, value)[graph.input.name]
    left, right = required_intervals(trimmed, value)[graph.input.name]
    sources = [graph[name].source for name in names if name in above]
    return (left - whole[0], right - whole[0] + 1), sources


def explain(
    reach: Reach,
    live: tuple[int, int],
    names: list[str],
    profile: np.ndarray | None,
    length: int,
) -> str | None:
    """Say why substitutions did not reach both ends of a field.

    Parameters
    ----------
    reach : Reach
        What they reached.
    live : tuple of int
        Part of the field without outer weights that are zero, and
    names : list of str
        the convolutions that have such weights (:func:`live_field`).
    profile : numpy.ndarray or None, shape=(receptive field,)
        Expected absolute gradient at each offset; None where it is not known.
    length : int
        Length of the sequences, bp.

    Returns
    -------
    str or None
        One sentence or two without a full stop; None where the whole field was reached.
    """
    field = reach.layer.receptive_field
    slopes = np.zeros(field) if profile is None else profile
    start, end = extent(reach.seen)
    if start == end:
        return "no substitution changes any of its values"
    reasons = []
    if reach.visible != (0, field):
        reasons.append(f"the sequence of {length} bp ends inside the field")
    first, last = max(reach.visible[0], live[0]), min(reach.visible[1], live[1])
    if (first, last) != reach.visible:
        shown = [repr(printable(name, 60)) for name in names[:_NAMES]]
        shown += ["…"] * (len(names) > _NAMES)
        reasons.append(f"the outermost weights are zero in {', '.join(shown)}")
    if start > first or end < last:
        reasons.append(_unreached(reach, slopes, (start, end), (first, last)))
    return "; ".join(reasons) or None


def _unreached(
    reach: Reach, profile: np.ndarray, seen: tuple[int, int], live: tuple[int, int]
) -> str:
    """Say why an end that has weights and lies in the sequence was not reached."""
    amplified = extent(reach.amplified | reach.seen)
    slope = extent(profile > 0)
    further = {
        name: (start, end)
        for name, (start, end) in {"amplified 1e12-fold": amplified, "derivative": slope}.items()
        if start < seen[0] or end > seen[1]
    }
    if not further:
        return (
            "nothing further out has an effect, not even amplified: its path leads through "
            "weights that are zero, or through neurons that are never active"
        )
    # The same words for many layers, so that tables can say them once.
    whole = [name for name, found in further.items() if found == live]
    if whole:
        evidence = f"{' and '.join(whole)}: to the ends"
    else:
        spans = (f"{name}: {end - start} bp" for name, (start, end) in further.items())
        evidence = ", ".join(spans)
    beyond = np.concatenate([profile[: seen[0]], profile[seen[1] :]])
    if 0 < beyond.max() <= _RESOLVED * reach.scale:
        return f"further out a base changes the values by less than float32 resolves ({evidence})"
    return (
        "further out single bases did not get through rectifiers and pools in the sequences "
        f"tried ({evidence})"
    )
