"""All cases, in the order of the compatibility table."""

from __future__ import annotations

from . import exported_cases, file_cases, keras_cases, onnx_cases, onnx_refusals

__all__ = ["CASES"]

CASES = [
    *keras_cases.CASES,
    *file_cases.CASES,
    *exported_cases.CASES,
    *onnx_cases.CASES,
    *onnx_refusals.CASES,
]
"""Every case of the suite."""
