"""Options that several commands have, and the types of their values."""

from __future__ import annotations

import math
import sys
from glob import glob
from typing import Any

import click
from click.shell_completion import CompletionItem

from neuroninterp.text import comma_separated

__all__ = [
    "JSON",
    "MOTIFS",
    "PROGRESS",
    "RELEVANT",
    "SEED",
    "THREADS",
    "LayerNumber",
    "ModelName",
    "Names",
    "Numbers",
    "data_options",
    "effort_option",
    "model_options",
]


class _Held(click.ParamType):
    """A value for one of the model's other inputs: ``NAME=VALUE``."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, _, number = str(value).rpartition("=")
        try:
            held = float(number)
        except ValueError:
            held = math.nan
        if not name or not math.isfinite(held):
            self.fail(f"{value!r}: expected an input's name and a number, like tracks=0.5")
        return name, held


class ModelName(click.ParamType):
    """A model file, or a network of the zoo: ``zoo:cnn-25``."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is; whether there is such a file is asked where it is read."""
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer files; networks of the zoo where no file begins so."""
        zoo = "zoo:"
        named = incomplete.startswith(zoo)
        if named or (incomplete and zoo.startswith(incomplete) and not glob(f"{incomplete}*")):
            from zoo.pretrained import shipped

            names = (f"{zoo}{name}" for name in shipped())
            return [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file")]


class LayerNumber(click.IntRange):
    """The number of a layer, from 1."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the layers of a network of the zoo; of a file they are not known so quickly."""
        from neuroninterp.errors import UnknownNameError
        from zoo.catalogue import network

        _, zoo, name = str(ctx.params.get("model") or "").partition("zoo:")
        try:
            layers = len(network(name).blocks) if zoo else 0
        except UnknownNameError:
            layers = 0
        numbers = map(str, range(1, layers + 1))
        return [CompletionItem(number) for number in numbers if number.startswith(incomplete)]


class Names(click.ParamType):
    """Names separated by commas: ``SRF,YY1``; or a list of them, from a file."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names in the order given."""
        return comma_separated(value) if isinstance(value, str) else tuple(value)


class Numbers(click.ParamType):
    """Numbers and ranges: ``1,3`` or ``0-9,12``; or a list of these, from a file."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers in the order given, each once."""
        if isinstance(value, tuple):
            return value
        numbers: list[int] = []
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for piece in text.split(","):
            first, _, last = piece.strip().partition("-")
            if not first.isdigit() or (last and not last.isdigit()):
                self.fail(f"{value!r}: expected numbers and ranges like 1,3 or 0-9", param, ctx)
            numbers += range(int(first), int(last or first) + 1)
        if not numbers:
            self.fail(f"{value!r} names no number", param, ctx)
        return tuple(dict.fromkeys(numbers))


def model_options(function: Any) -> Any:
    """Add the options that every command with a MODEL has."""
    options = (
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "gpu"]),
            default="auto",
            show_default=True,
            help="Where to compute; auto takes a GPU where there is one.",
        ),
        click.option(
            "--weights", default=None, help="Weights of a MODEL that is an architecture in JSON."
        ),
        click.option(
            "--input",
            "input_name",
            default=None,
            help="Which of the model's inputs holds the sequence, where several could.",
        ),
        click.option(
            "--hold",
            "held",
            type=_Held(),
            multiple=True,
            help="Value of another input, e.g. tracks=0.5; 0 for those not named.",
        ),
        click.option(
            "--alphabet",
            default=None,
            help="Base of each input channel, in the file's order (DeepSEA: AGCT); N for a "
            "channel of unknown bases, . for one that is no base.  [default: ACGT is assumed]",
        ),
        click.option(
            "--background",
            type=float,
            default=0.0,
            show_default=True,
            help="What channels that are no base hold.",
        ),
        click.option(
            "--length",
            type=click.IntRange(min=1),
            default=None,
            help="Length (bp) at which a model that takes any length is looked at.",
        ),
        click.option(
            "--layout",
            default=None,
            help="Axes of the model's input where they are inferred wrongly, e.g. NC1L.",
        ),
        click.option(
            "--trust-model",
            is_flag=True,
            help="Run code that the model file carries. Only for files of your own.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def data_options(function: Any) -> Any:
    """Add the options that say how a data file is read."""
    options = (
        click.option("--x-key", default=None, help="Name of the sequences in the data file."),
        click.option("--y-key", default=None, help="Name of the labels in the data file."),
        click.option(
            "--data-alphabet",
            default=None,
            help="Base of each channel in the data file (DeepSEA's: AGCT).  [default: the model's]",
        ),
        click.option("--genome", default=None, help="Genome FASTA, for BED data."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _where_watched(
    context: click.Context, parameter: click.Parameter, verbose: bool | None
) -> bool:
    """Show progress where somebody watches, unless the user says otherwise."""
    return sys.stderr.isatty() if verbose is None else verbose


PROGRESS = click.option(
    "-v/-q",
    "--verbose/--quiet",
    default=None,
    callback=_where_watched,
    help="Show progress, or none.  [default: on a terminal]",
)
"""Gives ``verbose``: whether to show progress."""

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")

MOTIFS = click.option(
    "--motifs",
    default="JASPAR2024",
    show_default=True,
    help="Known motifs: a JASPAR release (JASPAR2024:plants) or a MEME file.",
)

RELEVANT = click.option(
    "--relevant",
    type=Names(),
    default="",
    help="Ids or names of the motifs the network should know, separated by commas.",
)

SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)

THREADS = click.option(
    "-j",
    "--n-jobs",
    type=int,
    default=-1,
    show_default=True,
    help="Threads for matching; -1 for all cores.",
)


def effort_option(default: str) -> Any:
    """Return the option that says how carefully to sample."""
    return click.option(
        "--effort",
        type=click.Choice(["quick", "standard", "thorough"]),
        default=default,
        show_default=True,
        help="How carefully to sample.",
    )
