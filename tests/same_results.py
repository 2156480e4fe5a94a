"""Results compared field by field, as far as a file can keep them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd


def assert_same(stored: object, original: object, where: str) -> None:
    """Compare field by field; matrices to the precision of float32, NaN equal to NaN."""
    if dataclasses.is_dataclass(original):
        assert type(stored) is type(original), where
        for field in dataclasses.fields(original):
            name = field.name
            assert_same(getattr(stored, name), getattr(original, name), f"{where}.{name}")
    elif isinstance(original, tuple) and isinstance(stored, tuple):
        assert len(stored) == len(original), where
        for index, (left, right) in enumerate(zip(stored, original, strict=True)):
            assert_same(left, right, f"{where}[{index}]")
    elif isinstance(original, np.ndarray):
        # Matrices have the precision of float32, what is known about levels its own.
        exact = original.astype(np.float32) if original.ndim == 2 else original
        np.testing.assert_array_equal(stored, exact, err_msg=where)
        assert stored.dtype == original.dtype, where
    elif isinstance(original, pd.DataFrame):
        pd.testing.assert_frame_equal(stored, original)
    elif isinstance(original, float) and math.isnan(original):
        assert isinstance(stored, float), where
        assert math.isnan(stored), where
    else:
        assert stored == original, where
