"""The arguments of a run: what was given, and how to give it again.

They are told twice: as a command line (:func:`repeat_command`), and as the file ``run.toml`` in
the results folder (:func:`run_config`), which ``analyze --config`` reads.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from neuroninterp.results.records import AnalysisResult
from neuroninterp.results.summary import plain

__all__ = ["RUN_CONFIG", "given_arguments", "names_a_file", "repeat_command", "run_config"]

RUN_CONFIG = "run.toml"
"""File of a results folder that repeats the run."""

_FLAGS = {"input_name": "input", "held": "hold"}
"""Options that are called otherwise than the argument in Python."""

_NOT_THE_RESULT = ("output", "verbose", "n_jobs", "memory", "scheduler", "resume")
"""Arguments that say how and where a run is done and what is shown meanwhile, not what it finds."""

_FILES = ("model", "data", "weights", "genome", "motifs")


def given_arguments(
    function: Callable[..., Any], values: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the arguments of a run that differ from their defaults, as plain JSON values.

    Parameters
    ----------
    function : callable
        Whose arguments they are.
    values : mapping
        All of them, by name.

    Returns
    -------
    dict or None
        By name, in the function's order, without those that change nothing in the results.
        None where one is an object that no command line can name.
    """
    given = {}
    for name, parameter in signature(function).parameters.items():
        if name in _NOT_THE_RESULT:
            continue
        if name in _FILES and not isinstance(values[name], str | os.PathLike | None):
            return None
        value = plain(values[name])
        if value not in (None, plain(parameter.default), [], {}):
            given[name] = value
    return given


def repeat_command(result: AnalysisResult) -> str:
    """Return the command line that repeats a run.

    Parameters
    ----------
    result : AnalysisResult
        What the run found; its settings hold the arguments.

    Returns
    -------
    str
        Quoted for a POSIX shell; file names as they were given, so that it works in the folder
        in which the run was started. The folder for the results is left to its default: the run
        is repeated without replacing what it wrote. Empty where it cannot be told: for
        sequences that were handed over in Python, and for results of earlier versions.
    """
    try:
        words = _words(result.settings.get("arguments") or {})
    except ValueError:
        return ""
    return shlex.join(words) if words else ""


def run_config(result: AnalysisResult, folder: str | Path) -> str:
    """Return a configuration file for ``analyze --config`` that repeats a run.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    folder : str or Path
        Where the file will lie. File names that were given relative to the current folder
        become relative to this one, as such names are read.

    Returns
    -------
    str
        TOML, its keys the options' long names and ``model``. Comments alone where the run
        cannot be told, see :func:`repeat_command`.
    """
    arguments = dict(result.settings.get("arguments") or {})
    for name in _FILES:
        if names_a_file(name, arguments.get(name)):
            arguments[name] = _seen_from(Path(folder), arguments[name])
    try:
        written = {name: _option(name, value) for name, value in arguments.items()}
        lines = [f"{_flag(name)} = {_toml(value)}" for name, value in written.items()]
        "".join(lines).encode("utf-8")
    except ValueError:
        lines = []
    if not lines:
        return "# This run cannot be repeated from a file: it was given values, not names.\n"
    head = f"# Repeats the run: neuroninterp analyze --config {RUN_CONFIG} -o FOLDER"
    return "\n".join([head, *lines]) + "\n"


def names_a_file(name: str, value: object) -> bool:
    """Say whether the value of an argument is a file's name, and not one of our own names.

    Parameters
    ----------
    name : str
        The argument.
    value : object
        Its value. ``zoo:cnn-25`` is no file, and ``JASPAR2024`` none.
    """
    from neuroninterp.models.model import ZOO
    from neuroninterp.motifs.databases import is_release

    if not isinstance(value, str):
        return False
    if name == "model":
        return not value.startswith(ZOO)
    return not (name == "motifs" and is_release(value))


def _seen_from(folder: Path, path: str) -> str:
    if os.path.isabs(path):
        return path
    seen = Path(os.path.relpath(os.path.abspath(path), os.path.abspath(folder))).as_posix()
    # Where it would be read as something else: a home folder, a network of the zoo, a release.
    return f"./{seen}" if seen.startswith(("~", "zoo:", "JASPAR", "jaspar")) else seen


def _flag(name: str) -> str:
    return _FLAGS.get(name, name.replace("_", "-"))


def _words(arguments: Mapping[str, Any]) -> list[str]:
    """Return the words of the command; none where the model is not known."""
    if "model" not in arguments:
        return []
    model = str(arguments["model"])
    # The name of a file, not of an option.
    words = ["neuroninterp", "analyze", f"./{model}" if model.startswith("-") else model]
    for name, value in arguments.items():
        if name == "model":
            continue
        option = _option(name, value)
        flag = f"--{_flag(name)}"
        if option is True:
            words.append(flag)
            continue
        if name == "relevant":
            option = ",".join(option)
        for word in option if isinstance(option, list) else [str(option)]:
            words += [f"{flag}={word}"] if word.startswith("-") else [flag, word]
    return words


def _option(name: str, value: Any) -> Any:
    """Return the value as the option of that name takes it.

    Raises
    ------
    ValueError
        If no option can say it.
    """
    if name in ("layers", "neurons"):
        return _ranges(value)
    if name == "held":
        return [f"{key}={number!r}" for key, number in value.items()]
    if name == "relevant" and any("," in word or not word.strip() for word in value):
        raise ValueError(f"{value} cannot be separated by commas")
    return value


def _ranges(numbers: Sequence[int]) -> str:
    """Write numbers in their order, neighbours drawn together: "0-9,12"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _toml(value: Any) -> str:
    """Write text, numbers, truth and lists of them as TOML, which they share with JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
