"""The ``zoo`` commands: parse, call, print. Heavy imports happen inside the commands."""

from __future__ import annotations

import click

from zoo.cli.building import build
from zoo.cli.data import in_vivo
from zoo.cli.listing import list_models, relevant
from zoo.cli.simulation import simulate
from zoo.cli.tables import dragonn, logos, table1, table2
from zoo.cli.training import train

__all__ = ["zoo"]


@click.group(short_help="The papers' networks: data, training, tables.")
def zoo() -> None:
    """Networks of the papers: their data, their training, their tables."""


for _command in (
    *(list_models, relevant, simulate, in_vivo, build, train),
    *(table1, table2, logos, dragonn),
):
    zoo.add_command(_command)
