"""Opening a Keras file that may have been written by a stranger.

The architecture is read as JSON and checked before Keras sees the file: what carries code
or reaches outside the file is refused, so that the check does not depend on how careful
the installed Keras is.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.keras_config import check_config, modernise

__all__ = ["open_keras_file"]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK"
_LARGEST_EXPANSION = 200
"""Weights hardly compress; an archive that grows more than this is made to fill a memory."""


@contextmanager
def open_keras_file(path: Path, *, trust: bool) -> Iterator[Path]:
    """Check a model file and give a path that Keras can load.

    Parameters
    ----------
    path : Path
        A ``.keras`` archive or an HDF5 file with an architecture; recognised by content.
    trust : bool
        Whether code that the file carries may run.

    Yields
    ------
    Path
        ``path`` itself, or a temporary copy where the extension hides the format or Keras 2
        wrote what Keras 3 cannot read.

    Raises
    ------
    ModelError
        If the file is missing, is no Keras model, holds weights alone, or is not safe.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except FileNotFoundError:
        raise ModelError(f"no such model file: {path}") from None
    except IsADirectoryError:
        raise ModelError(
            f"{path} is a folder (a SavedModel?), which Keras 3 cannot load; re-save the model "
            "as .keras, .h5 or .onnx"
        ) from None
    except OSError as error:
        raise ModelError(f"cannot read model file {path}: {error.strerror}") from error
    if not head:
        raise ModelError(f"{path} is empty; not a model file")
    if head == _HDF5_MAGIC:
        stand_in, suffix = _check_hdf5(path, trust), ".h5"
    elif head.startswith(_ZIP_MAGIC):
        _check_archive(path, trust)
        stand_in, suffix = None, ".keras"
    else:
        raise ModelError(_not_keras(path, head))
    accepted = (".h5", ".hdf5") if suffix == ".h5" else (".keras",)
    if stand_in is None and path.name.endswith(accepted):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="neuroninterp-") as folder:
        copy = Path(folder) / f"model{suffix}"
        shutil.copyfile(path, copy)
        if stand_in is not None:
            _replace_architecture(copy, stand_in)
        yield copy


def _not_keras(path: Path, head: bytes) -> str:
    if head.lstrip().startswith(b"{"):
        return (
            f"{path} looks like JSON: an architecture without weights; give the whole model, "
            "saved with model.save('model.keras') or as .h5 or .onnx"
        )
    return (
        f"{path} is not a Keras model: it starts with {head!r}, expected a .keras archive or "
        "HDF5; is it truncated, or text?"
    )


def _check_archive(path: Path, trust: bool) -> None:
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "config.json" not in names:
                hint = "; is it a PyTorch file? Export it to .onnx" if _is_torch(names) else ""
                raise ModelError(
                    f"{path} is a zip archive without config.json, so no .keras model{hint}"
                )
            _check_expansion(path, archive)
            config = _parse(path, archive.read("config.json"))
            version = ""
            if "metadata.json" in names:
                metadata = _parse(path, archive.read("metadata.json"))
                version = str(metadata.get("keras_version", ""))
            if version.startswith("2."):
                raise ModelError(
                    f"{path} is a .keras file of Keras {version}, which Keras 3 cannot read; "
                    "load it where it was made and save it as .h5"
                )
            check_config(config, path, trust=trust)
            if "model.weights.h5" in names:
                with archive.open("model.weights.h5") as stream, h5py.File(stream, "r") as file:
                    _refuse_external_data(file, path)
    except zipfile.BadZipFile as error:
        raise ModelError(
            f"{path} starts like a .keras archive but cannot be unpacked ({error}); truncated?"
        ) from error
    except (EOFError, OSError) as error:
        raise ModelError(f"cannot read {path}: {error}; is it truncated?") from error


def _is_torch(names: set[str]) -> bool:
    return any(name.endswith("data.pkl") for name in names)


def _check_expansion(path: Path, archive: zipfile.ZipFile) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _LARGEST_EXPANSION * max(path.stat().st_size, 1):
        raise ModelError(
            f"{path} would unpack from {path.stat().st_size:,} to {unpacked:,} bytes; refused"
        )


def _check_hdf5(path: Path, trust: bool) -> dict[str, Any] | None:
    """Check the file; return an architecture for Keras to read instead, where one is needed."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise ModelError(
                    f"{path} is HDF5 without a model_config: the architecture is missing (weights "
                    "alone, or data); save the whole model with model.save('model.keras')"
                )
            if "model_weights" not in file:
                raise ModelError(f"{path} holds an architecture but no model_weights")
            _refuse_external_data(file, path)
    except OSError as error:
        raise ModelError(
            f"{path} starts like HDF5 but cannot be opened; is it truncated?"
        ) from error
    config = _parse(path, text)
    check_config(config, path, trust=trust)
    modern, changed = modernise(config)
    return modern if changed else None


def _replace_architecture(path: Path, config: dict[str, Any]) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)


def _parse(path: Path, text: str | bytes) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: the architecture is not readable JSON ({error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: the architecture is not a JSON object")
    return config


def _refuse_external_data(file: Any, path: Path) -> None:
    """Refuse weights that HDF5 would fetch from other files of this machine."""
    import h5py

    def check(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            outside = bool(item.external) or item.is_virtual
        else:
            links = (item.get(key, getlink=True) for key in item)
            outside = any(isinstance(link, h5py.ExternalLink) for link in links)
        if outside:
            raise ModelError(f"{path}: {name!r} points to data outside the file; refused")

    check("/", file)
    file.visititems(check)
