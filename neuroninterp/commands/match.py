"""The ``match`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path

import click

from neuroninterp.commands.options import JSON, MOTIFS, RELEVANT, THREADS
from neuroninterp.commands.tables import print_table, write_table

__all__ = ["match"]

_SHOWN = {
    "Query_ID": "motif",
    "target_name": "matches",
    "Target_ID": "id",
    "E-value": "E-value",
    "Orientation": "strand",
    "covered": "covered",
    "whole": "whole",
    "Query_consensus": "consensus",
}


@click.command(short_help="Match motifs of a MEME file against known ones.")
@click.argument("motif_file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=None, help="Write all as TSV."
)
@MOTIFS
@RELEVANT
@click.option(
    "--e-value",
    type=click.FloatRange(min=0, min_open=True),
    default=0.1,
    show_default=True,
    help="Largest of a match.",
)
@click.option("--best", is_flag=True, help="Only the best match of each motif.")
@THREADS
@JSON
def match(
    motif_file: Path,
    output: Path | None,
    motifs: str,
    relevant: tuple[str, ...],
    e_value: float,
    best: bool,
    n_jobs: int,
    as_json: bool,
) -> None:
    """Match the motifs in FILE, in MEME format, against known motifs by Tomtom."""
    from neuroninterp.motifs import load_database, read_meme
    from neuroninterp.motifs.match_table import match_table
    from neuroninterp.results.single_file import prepare_file

    file = None if output is None else prepare_file(output)
    queries = read_meme(motif_file)
    database = load_database(motifs)
    table = match_table(queries, database, relevant=relevant, e_value=e_value, n_jobs=n_jobs)
    matched = table.index.nunique()
    if best:
        table = table[~table.index.duplicated()]
    if file is not None:
        write_table(table, file)
    if as_json:
        import json

        rows = table.to_dict(orient="records")
        found = {"file": str(motif_file), "motifs": database.name, "queries": len(queries)}
        click.echo(json.dumps({**found, "matched": matched, "matches": rows}, indent=1))
        return
    if file is None:
        print_table(table, _SHOWN)
    else:
        click.echo(f"wrote {file}")
    click.echo(f"{matched} of {len(queries)} motifs match {database.name} (E <= {e_value:g})")
