"""Tensors that an ONNX model keeps in files beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.onnx.checks import MAXIMUM_BYTES, stored_size
from neuroninterp.models.onnx.walk import tensors

__all__ = ["read_external_data"]

_MOST_SHARING = 8
"""How many tensors may take their data from the same place, on average."""


def read_external_data(path: Path, model: Any) -> None:
    """Read tensors kept in files beside the model into the model.

    Parameters
    ----------
    path : Path
        The model's file. Data files must lie in its folder, or below.
    model : onnx.ModelProto
        The network; changed in place.

    Raises
    ------
    ModelError
        If a data file lies elsewhere, is missing, cannot be read or is too short for the
        tensor's shape, or if the tensors together are larger than the files or 2 GB.
    """
    import onnx

    stretches = []
    for tensor in tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            stretches.append((tensor, *_stretch(path, tensor)))
    held = sum(file.stat().st_size for file in {stretch[1] for stretch in stretches})
    total = sum(stretch[3] for stretch in stretches)
    if total > min(MAXIMUM_BYTES - path.stat().st_size, _MOST_SHARING * held):
        raise ModelError(
            f"{path}: its tensors take {total:,} bytes of data files that hold {held:,}; a model "
            f"may have {MAXIMUM_BYTES:,}"
        )
    for tensor, file, offset, length in stretches:
        try:
            with file.open("rb") as stream:
                stream.seek(offset)
                tensor.raw_data = stream.read(length)
        except OSError as error:
            raise ModelError(
                f"{path}: cannot read its data file {file}: {error.strerror}"
            ) from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _stretch(path: Path, tensor: Any) -> tuple[Path, int, int]:
    """Return the data file, offset and length of an external tensor, checked."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    where = f"{path}: tensor {tensor.name!r} is kept in {location!r}"
    file = _beside(path, location)
    if file is None:
        raise ModelError(f"{where}, outside the model's folder; not opened")
    if not os.path.isfile(file):
        raise ModelError(f"{where}, which does not exist as a file; put it beside the model")
    expected = stored_size(path, tensor)
    try:
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", expected))
    except ValueError as error:
        raise ModelError(f"{where}, with an unreadable offset or length") from error
    available = file.stat().st_size
    if length != expected or offset < 0:
        raise ModelError(
            f"{where}: {length} bytes from {offset}, but shape {list(tensor.dims)[:8]} needs "
            f"{expected}"
        )
    if offset + length > available:
        raise ModelError(
            f"{where}: needs bytes {offset} to {offset + length}, the file has {available}; "
            "copy it again"
        )
    return file, offset, length


def _beside(path: Path, location: str) -> Path | None:
    """Return the file in the model's folder that a location names, None for any other."""
    try:
        folder = path.parent.resolve()
        file = (folder / location).resolve()
    except (OSError, RuntimeError, ValueError):
        # Names that are too long or hold a NUL, and links in a circle.
        return None
    inside = folder in file.parents and not Path(location).is_absolute()
    return file if location and inside else None
