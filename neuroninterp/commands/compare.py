"""The ``compare`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuroninterp.commands.options import JSON, THREADS
from neuroninterp.commands.tables import print_table, write_table
from neuroninterp.text import printable

if TYPE_CHECKING:
    from neuroninterp.comparison import RunComparison

__all__ = ["compare"]

_SHOWN = {
    "found_in": "found in",
    "name": "name",
    "motif": "motif",
    "layers_first": "layers (first)",
    "layers_second": "layers (second)",
    "neurons_first": "neurons (first)",
    "neurons_second": "neurons (second)",
    "consensus": "consensus",
}
_LAYERS = {
    "layer": "layer",
    "first": "first",
    "second": "second",
    "both": "both",
    "whole_first": "whole, first",
    "whole_second": "whole, second",
    "whole_both": "whole, both",
}


@click.command(short_help="Say which motifs two runs share, and where.")
@click.argument("first", metavar="DIR1", type=click.Path(path_type=Path))
@click.argument("second", metavar="DIR2", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=None, help="Write all as TSV."
)
@click.option(
    "--show",
    type=click.IntRange(min=0),
    default=15,
    show_default=True,
    help="Motifs to print of those that both have, and of those that one has.",
)
@THREADS
@JSON
def compare(
    first: Path, second: Path, output: Path | None, show: int, n_jobs: int, as_json: bool
) -> None:
    """Compare the results in DIR1 and DIR2: which motifs both learned, and in which layers.

    Two models, or two seeds of one. Known motifs are compared by name, those without a match by
    the likeness of their matrices.
    """
    from neuroninterp.comparison import compare as run
    from neuroninterp.results import read_results
    from neuroninterp.results.single_file import prepare_file

    file = None if output is None else prepare_file(output)
    compared = run(read_results(first), read_results(second), n_jobs=n_jobs)
    if file is not None:
        write_table(compared.motifs, file)
    if as_json:
        import json

        click.echo(json.dumps(_described(compared, first, second), indent=1))
        return
    _print(compared, first, second, show)
    if file is not None:
        click.echo(f"wrote {file}")


def _described(compared: RunComparison, first: Path, second: Path) -> dict[str, Any]:
    from neuroninterp.results.summary import plain, summarize

    def side(folder: Path, name: str) -> dict[str, Any]:
        summary = summarize(getattr(compared, name))
        return {"results": str(folder), **{key: summary[key] for key in ("model", "verdict")}}

    return plain(
        {
            "first": side(first, "first"),
            "second": side(second, "second"),
            "counts": compared.counts,
            "layers": [_plain_row(row) for row in compared.layers.to_dict(orient="records")],
            "motifs": compared.motifs.to_dict(orient="records"),
            "notes": list(compared.notes),
        }
    )


def _plain_row(row: dict[Any, Any]) -> dict[Any, Any]:
    import pandas as pd

    return {name: None if pd.isna(value) else int(value) for name, value in row.items()}


def _print(compared: RunComparison, first: Path, second: Path, most: int) -> None:
    for where, folder, result in (
        ("first", first, compared.first),
        ("second", second, compared.second),
    ):
        model = printable(result.model.get("path", "?"), 500)
        click.echo(f"{where}: {folder} ({model})")
        click.echo(f"  {printable(result.verdict.sentence, 1000)}")
    counts = compared.counts
    click.echo(f"known motifs: {_spoken(counts['known'])}")
    click.echo(f"  matched as a whole: {_spoken(counts['whole'])}")
    chance = f"; {compared.shared_by_chance} would be in both by chance"
    unmatched = counts["unmatched"]
    told = _spoken(unmatched) + (chance if unmatched["jaccard"] is not None else "")
    click.echo(f"motifs without a match: {told}")
    for note in compared.notes:
        click.echo(f"note: {note}")
    if len(compared.layers):
        click.echo("Known motifs by layer")
        print_table(compared.layers, _LAYERS)
    shown = compared.motifs.groupby("found_in", sort=False).head(most)
    if len(shown):
        left = len(compared.motifs) - len(shown)
        click.echo("Motifs" + (f", without {left} more (--show, or -o for all)" if left else ""))
        print_table(shown, _SHOWN)


def _spoken(counts: dict[str, Any]) -> str:
    if counts["jaccard"] is None:
        return "none"
    return (
        f"{counts['both']} in both, {counts['first']} only in the first, {counts['second']} only "
        f"in the second (Jaccard {counts['jaccard']:.2f})"
    )
