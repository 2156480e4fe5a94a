"""The ``inspect`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

from typing import Any

import click

from neuroninterp.commands.options import JSON, ModelName, model_options

__all__ = ["inspect"]


@click.command()
@click.argument("model", type=ModelName())
@JSON
@model_options
def inspect(model: str, as_json: bool, held: tuple[tuple[str, float], ...], **options: Any) -> None:
    """Show the layers of MODEL: kernels, pools and receptive fields."""
    from neuroninterp.backend import import_keras, resolve_device
    from neuroninterp.inspection import describe, print_description
    from neuroninterp.models import load

    resolve_device(options["device"])
    import_keras(bare=True)
    loaded = load(model, held=dict(held), **options)
    if as_json:
        import json

        click.echo(json.dumps(describe(loaded), indent=1))
    else:
        print_description(loaded)
