"""What commands say of results that are not finished."""

from __future__ import annotations

import click

__all__ = ["warn_of"]


def warn_of(sentence: str) -> None:
    """Print a warning: one line on standard error."""
    click.echo(f"Warning: {sentence}", err=True)
