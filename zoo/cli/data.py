"""The command that makes data sets of sequences that factors bind in vivo."""

from __future__ import annotations

from pathlib import Path

import click

from neuroninterp.commands.options import PROGRESS
from neuroninterp.text import comma_separated

__all__ = ["in_vivo"]


@click.command("in-vivo")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="HDF5 file.")
@click.option(
    "--deepsea",
    type=click.Path(path_type=Path),
    help="Folder with DeepSEA's train.mat, valid.mat and test.mat.",
)
@click.option("--genome", type=click.Path(path_type=Path), help="FASTA file of a genome.")
@click.option(
    "--peaks",
    multiple=True,
    metavar="[CLASS=]FILE",
    help="BED file of a factor's peaks, with --genome (repeatable).",
)
@click.option(
    "--test-chromosomes", default="chr8,chr9", show_default=True, help="Held out for the test."
)
@click.option(
    "--valid-chromosomes", default="chr7", show_default=True, help="Held out for validation."
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@PROGRESS
def in_vivo(
    output: Path,
    deepsea: Path | None,
    genome: Path | None,
    peaks: tuple[str, ...],
    test_chromosomes: str,
    valid_chromosomes: str,
    force: bool,
    verbose: bool,
) -> None:
    """Make in vivo data: sequences of 1,000 bp in which at least one factor binds.

    Either from DeepSEA's own files, of which the 12 factors of Koo & Eddy's synthetic data are
    taken, or from a genome and one BED file of peaks a factor.
    """
    if (deepsea is None) == (genome is None):
        raise click.UsageError("give either --deepsea DIR, or --genome FASTA with --peaks FILE")
    if (genome is None) != (not peaks):
        raise click.UsageError("--genome and --peaks belong together")
    from neuroninterp.progress import counted

    with counted("in vivo sequences", visible=verbose) as progress:
        if deepsea is not None:
            from zoo.datasets.deepsea import write_deepsea_in_vivo

            sizes = write_deepsea_in_vivo(deepsea, output, force=force, progress=progress)
        else:
            assert genome is not None  # of the two, one is given
            from zoo.datasets.genome import write_genome_in_vivo

            sizes = write_genome_in_vivo(
                genome,
                _named(peaks),
                output,
                test_chromosomes=comma_separated(test_chromosomes),
                valid_chromosomes=comma_separated(valid_chromosomes),
                force=force,
                progress=progress,
            )
    parts = ", ".join(f"{size:,} {part}" for part, size in sizes.items())
    click.echo(f"wrote {output}: {parts} sequences")


def _named(peaks: tuple[str, ...]) -> dict[str, str] | tuple[str, ...]:
    """Return CLASS=FILE pairs as a mapping, and files alone as they are."""
    pairs = [peak.partition("=") for peak in peaks]
    if not any(equals for _, equals, _ in pairs):
        return peaks
    if not all(equals for _, equals, _ in pairs):
        raise click.UsageError("give all --peaks as CLASS=FILE, or all as FILE")
    named = {name: file for name, _, file in pairs}
    if len(named) < len(pairs):
        raise click.UsageError("the classes of --peaks must differ")
    return named
