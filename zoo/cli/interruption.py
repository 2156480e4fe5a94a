"""What an interrupted command says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from neuroninterp.exit_codes import EXIT_INTERRUPTED

__all__ = ["continued_later"]


@contextmanager
def continued_later() -> Iterator[None]:
    """Run work that the same command continues when it was interrupted, and say so then."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("Interrupted; repeat the command to continue.", err=True)
        sys.exit(EXIT_INTERRUPTED)
