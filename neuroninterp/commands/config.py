"""Options from a file: ``--config FILE.toml``, its keys the options' long names."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.options import Names, Numbers

__all__ = ["config_option"]

_NOT_IN_FILES = ("config", "help")
_FILES = ("model", "data", "output", "weights", "genome", "motifs", "analysis", "sites")
"""Arguments that are names of files or folders."""


def config_option(function: Any) -> Any:
    """Add ``--config`` to a command."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=None,
        is_eager=True,
        expose_value=False,
        callback=_use_config,
        help='Options from a TOML file: long names without dashes, like effort = "quick", and '
        "model. The command line wins; file names in it are relative to the file.",
    )(function)


def _use_config(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """Make a file's values the defaults of the command's options."""
    if path is None or context.resilient_parsing:
        return
    parameters = {
        key: item
        for item in context.command.params
        for key in [_key(item)]
        if key not in _NOT_IN_FILES
    }
    found = {}
    for key, value in _read(path).items():
        if key not in parameters:
            raise click.UsageError(f"{path}: unknown key {key!r}{_nearest(key, parameters)}")
        item = parameters[key]
        given = _converted(path, key, value, item, context)
        found[str(item.name)] = _from_here(path, item, given)
    context.default_map = {**(context.default_map or {}), **found}


def _key(item: click.Parameter) -> str:
    """Return the key of an option: the longest of its names, without dashes."""
    if isinstance(item, click.Argument):
        return str(item.name)
    return max(item.opts, key=len).lstrip("-")


def _nearest(key: str, parameters: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(key.lower().replace("_", "-"), parameters, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(parameters)}"


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.UsageError(f"{path}: cannot read it ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path}: not a TOML file (not text in UTF-8)") from error
    except tomllib.TOMLDecodeError as error:
        raise click.UsageError(f"{path}: not a TOML file ({error})") from error


def _converted(
    path: Path, key: str, value: Any, item: click.Parameter, context: click.Context
) -> Any:
    """Return a value as the option's own type makes it of the command line's text."""
    single, listed, expected = _accepted(item)
    # True is a whole number to Python, but not to TOML.
    fits = type(value) in single or (
        type(value) is list and listed and all(type(entry) in single for entry in value)
    )
    if not fits:
        raise click.UsageError(f"{path}: {key} = {_shown(value)}: expected {expected}")
    if item.multiple and type(value) is not list:
        value = [value]
    try:
        return item.type_cast_value(context, value)
    except click.BadParameter as error:
        raise click.UsageError(f"{path}: {key} = {_shown(value)}: {error.message}") from error


def _accepted(item: click.Parameter) -> tuple[tuple[type, ...], bool, str]:
    """Return the types a value may have, whether it may be a list of them, and this in words."""
    if isinstance(item, click.Option) and item.is_flag:
        return (bool,), False, "true or false"
    if isinstance(item.type, Numbers):
        return (int, str), True, 'text like "0-9,12", a whole number, or a list of these'
    if item.multiple or isinstance(item.type, Names):
        return (str,), True, "text in quotes, or a list of them"
    if isinstance(item.type, click.types.FloatParamType):
        return (float, int), False, "a number"
    if isinstance(item.type, click.types.IntParamType):
        return (int,), False, "a whole number"
    return (str,), False, "text in quotes"


def _shown(value: Any) -> str:
    return str(value).lower() if type(value) is bool else repr(value)


def _from_here(path: Path, item: click.Parameter, value: Any) -> Any:
    """Return the name of a file as it is seen from the current folder."""
    from neuroninterp.results.command import names_a_file

    name = str(item.name)
    if name not in _FILES or not names_a_file(name, str(value)):
        return value
    text = str(value)
    place = os.path.expanduser(text) if text.startswith("~/") else text
    seen = os.path.normpath(path.parent / place)
    return Path(seen) if isinstance(value, Path) else seen
