"""Files of sequence views: one picture a sequence, and tables of firings and sites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neuroninterp.errors import OutputError
from neuroninterp.progress import Progress
from neuroninterp.report.saving import save_figure
from neuroninterp.results.staging import staged
from neuroninterp.sequence_view.figure import draw_view
from neuroninterp.sequence_view.firing import Firing
from neuroninterp.sequence_view.view import SequenceView

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["firings_table", "sites_table", "write_views"]

_NAME = "views"


def firings_table(views: Sequence[SequenceView]) -> pd.DataFrame:
    """Return one row a firing: where, how strongly, which motif, and what attribution says.

    Parameters
    ----------
    views : sequence of SequenceView
        The sequences.

    Returns
    -------
    pandas.DataFrame
        Columns ``sequence``, ``layer``, ``neuron``, ``level`` (0 at the threshold, 1 at the
        neuron's maximum), ``value`` (z), ``window_start``, ``window_end``, ``start``, ``end``
        (of the motif; half-open, from 0, bp), ``part``, ``match_id``, ``match_name``,
        ``attribution`` (sum over the motif's positions) and ``planted`` (names of the planted
        sites that it overlaps, separated by commas).
    """
    import pandas as pd

    columns = [
        *("sequence", "layer", "neuron", "level", "value"),
        *("window_start", "window_end", "start", "end"),
        *("part", "match_id", "match_name", "attribution", "planted"),
    ]
    rows = [
        (
            view.name,
            view.layer.number,
            firing.neuron,
            firing.level,
            firing.value,
            *firing.window,
            firing.start,
            firing.end,
            firing.part,
            firing.match_id,
            firing.match_name,
            float(view.scores[max(0, firing.start) : max(0, firing.end)].sum()),
            ",".join(_planted(view, firing)),
        )
        for view in views
        for firing in view.firings
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"part": "Int64"})


def _planted(view: SequenceView, firing: Firing) -> list[str]:
    """Return the names of the planted sites that a firing's motif overlaps."""
    return [
        site.name
        for site in view.sites
        if site.source == "planted" and site.start < firing.end and firing.start < site.end
    ]


def sites_table(views: Sequence[SequenceView]) -> pd.DataFrame:
    """Return one row a site.

    Returns
    -------
    pandas.DataFrame
        Columns ``sequence``, ``start``, ``end`` (half-open, from 0, bp), ``strand``,
        ``motif``, ``source`` ("planted" or "known"), ``p_value`` (of a known motif's match)
        and ``attribution`` (sum over the site).
    """
    import pandas as pd

    columns = ["sequence", "start", "end", "strand", "motif", "source", "p_value", "attribution"]
    rows = [
        (
            view.name,
            site.start,
            site.end,
            site.strand,
            site.name,
            site.source,
            site.p_value,
            float(view.scores[site.start : site.end].sum()),
        )
        for view in views
        for site in view.sites
    ]
    return pd.DataFrame(rows, columns=columns)


def write_views(
    views: Sequence[SequenceView],
    folder: Path,
    *,
    region: tuple[int, int] | None = None,
    verbose: bool = False,
) -> Path:
    """Write ``views/``: ``0.svg`` and ``0.png``, …, ``firings.tsv`` and ``sites.tsv``.

    Parameters
    ----------
    views : sequence of SequenceView
        The sequences; their number in this order names the pictures.
    folder : Path
        In which ``views`` is replaced.
    region : tuple of int or None
        Stretch drawn as letters; see :func:`neuroninterp.sequence_view.draw_view`.
    verbose : bool
        Show progress on standard error.

    Returns
    -------
    Path
        The folder ``views``.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        with staged(folder, [_NAME]) as stage:
            (stage / _NAME).mkdir()
            with Progress(visible=verbose).stage("drawing", len(views)) as advance:
                _draw(views, stage / _NAME, region, advance)
            for name, table in (("firings", firings_table(views)), ("sites", sites_table(views))):
                path = stage / _NAME / f"{name}.tsv"
                table.to_csv(path, sep="\t", index=False, float_format="%.6g", errors="replace")
    except OSError as error:
        raise OutputError(
            f"views could not be written to {folder} ({error.strerror or error})"
        ) from error
    return folder / _NAME


def _draw(
    views: Sequence[SequenceView],
    folder: Path,
    region: tuple[int, int] | None,
    advance: Callable[[int], None],
) -> None:
    for number, view in enumerate(views):
        save_figure(draw_view(view, region=region), folder, str(number), dpi=110)
        advance(1)
