"""The model card: what was analysed, how, by what, and how to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuroninterp.report.numbers import card_value
from neuroninterp.results.records import AnalysisResult
from neuroninterp.text import printable

__all__ = ["model_card"]

_LONGEST = 500


def model_card(result: AnalysisResult) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the sections of the model card as names and values.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    list of (str, list of (str, str))
        Heading and entries, all printable: the model (file, hash, format, device), its input
        (layout and alphabet assumed), the data, the settings, versions and run times. The
        arguments of the run stand in the command that repeats it.
    """
    model = dict(result.model)
    layout = model.pop("input", None)
    sections: list[tuple[str, Mapping[str, Any]]] = [
        ("Model", model),
        ("Input", layout if isinstance(layout, Mapping) else {}),
        ("Data", result.data or {}),
        ("Settings", _without(result.settings, "arguments")),
        ("Versions", result.versions),
        ("Run time", _seconds(result.seconds)),
    ]
    return [
        (
            heading,
            [
                (printable(key).replace("_", " "), printable(card_value(value), _LONGEST))
                for key, value in values.items()
            ],
        )
        for heading, values in sections
        if values
    ]


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def _seconds(seconds: Mapping[str, float]) -> dict[str, str]:
    """Return the stages' times and their sum."""
    if not seconds:
        return {}
    stages = {name: f"{value:.1f} s" for name, value in seconds.items()}
    return {"all stages": f"{sum(seconds.values()):.1f} s", **stages}
