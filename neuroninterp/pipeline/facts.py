"""What a run tells about itself: its arguments, its model and data, the versions it ran with."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from inspect import signature
from typing import TYPE_CHECKING, Any

from neuroninterp.backend import device_in_use
from neuroninterp.models import Model, load
from neuroninterp.performance import mean_performance
from neuroninterp.results.command import given_arguments
from neuroninterp.sequences import SequenceData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["arguments_of", "data_card", "model_card", "versions"]

_LIBRARIES = (
    "neuroninterp",
    "numpy",
    "keras",
    "tensorflow",
    "onnx",
    "onnxruntime-gpu",
    "memelite",
    "pyjaspar",
    "scikit-learn",
)


def arguments_of(analyze: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments that were given to a run, as plain JSON values.

    Parameters
    ----------
    analyze : callable
        Whose arguments they are.
    values : dict
        All of them, by name.

    Returns
    -------
    dict or None
        By name, without defaults. None where they were objects that no command line can name.
    """
    model = values["model"]
    if isinstance(model, Model):
        # What was said when the model was loaded counts, and not what would be said now.
        for name in signature(load).parameters.keys() & values.keys():
            values[name] = None
        values |= model.given
        values["model"] = values.pop("path", None)
    found = given_arguments(analyze, values)
    return found if found and "model" in found else None


def model_card(model: Model) -> dict[str, Any]:
    """Say which model it was, how its input was read, and where it computed."""
    return {
        "path": str(model.path),
        "sha256": model.sha256,
        "format": model.format,
        "input": model.describe_input(),
        "device": device_in_use(),
        "runtime_device": model.runtime.device,
        "fidelity": model.fidelity,
    }


def data_card(
    sequences: SequenceData | None, scores: pd.DataFrame | None
) -> Mapping[str, Any] | None:
    """Say what the user's sequences were, and what was left out; None without any."""
    if sequences is None:
        return None
    card: dict[str, Any] = {
        "path": sequences.source,
        "sequences": len(sequences),
        "length": sequences.length,
        "labels": sequences.classes,
        "notes": list(sequences.notes),
    }
    if scores is not None:
        card["mean_performance"] = mean_performance(scores)
    return card


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that the answer rests on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:
            # onnxruntime-gpu is plain onnxruntime on macOS.
            continue
    return found
