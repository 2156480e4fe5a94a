"""Numbers as the report writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["MISSING", "card_value", "fixed", "grouped", "percent", "scientific"]

MISSING = "\u2013"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: float | None, digits: int = 2) -> str:
    """Write a number with a fixed count of digits after the point."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.{digits}f}".replace("-", "\u2212")


def percent(value: float | None) -> str:
    """Write a fraction in [0, 1] as a whole percentage, the sign on the same line."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{100 * value:.0f}\u202f%"


def grouped(value: int) -> str:
    """Write a count with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u2009")


def scientific(value: float) -> str:
    """Write an E-value: plain from 0.001 up, a power of ten below."""
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    if abs(value) >= 1e-3:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}\u2009\u00d7\u200910{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def card_value(value: Any) -> str:
    """Write an entry of the model card in one line."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {card_value(item)}" for key, item in value.items()) or MISSING
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(card_value(item) for item in value) or MISSING
    return str(value)
