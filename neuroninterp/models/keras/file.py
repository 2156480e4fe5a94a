"""Opening a Keras file that may have been written by a stranger.

The architecture is read as JSON and checked before Keras sees the file: what carries code
or reaches outside the file is refused, so that the check does not depend on how careful
the installed Keras is.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.keras.hdf5 import (
    HDF5_MAGIC,
    LARGEST_EXPANSION,
    attribute_text,
    check_datasets,
    open_hdf5,
    weights_layout,
)
from neuroninterp.models.keras.json import find_weights, parse_architecture

__all__ = ["KerasParts", "open_keras_file"]

_ZIP_MAGIC = b"PK"
_WEIGHTS_MEMBER = "model.weights.h5"
_LARGEST_JSON = 50_000_000
_TORCH = (
    "; is it a PyTorch file? Export it to .onnx (DeepSEA, Beluga, Basset: "
    "examples/export_pytorch.py)"
)


@dataclass(frozen=True)
class KerasParts:
    """A model file taken apart and checked: an architecture and where its weights lie.

    Parameters
    ----------
    path : Path
        The file that the user named.
    config : dict
        The architecture, parsed.
    weights : Path
        The HDF5 file of the weights.
    layout : str
        How it holds them (see :func:`neuroninterp.models.keras.hdf5.weights_layout`).
    loadable : Path or None
        A file that Keras can load as it is, if any.
    version : str
        The Keras version that the file states, "" where it does not.
    backend : str
        The library that computed the model, "" where not stated.
    notes : tuple of str
        What the user should know about where the parts were found.
    """

    path: Path
    config: dict[str, Any]
    weights: Path
    layout: str
    loadable: Path | None
    version: str
    backend: str
    notes: tuple[str, ...] = ()


def open_keras_file(path: Path, folder: Path, *, weights: Path | None = None) -> KerasParts:
    """Take a Keras file apart.

    Parameters
    ----------
    path : Path
        A ``.keras`` archive, an HDF5 file with an architecture, or an architecture in JSON;
        recognised by its content.
    folder : Path
        An empty folder for what must be unpacked.
    weights : Path or None
        The weights of an architecture in JSON; None to find them beside it.

    Returns
    -------
    KerasParts
        Sizes and links checked; what the architecture contains is not yet.

    Raises
    ------
    ModelError
        If the file is missing, is no Keras model, holds weights alone, or declares more
        than it holds.
    """
    head = _head(path)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"{", b'"{')):
        return _open_json(path, weights)
    if weights is not None:
        raise ModelError(
            f"{path} holds a whole model; --weights is for an architecture in JSON alone"
        )
    if head == HDF5_MAGIC:
        return _open_hdf5_model(path)
    if head.startswith(_ZIP_MAGIC):
        return _open_archive(path, folder)
    raise ModelError(
        f"{path} is not a Keras model: it starts with {head!r}, expected a .keras archive, "
        "HDF5 or JSON; is it truncated, or text?"
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except FileNotFoundError:
        raise ModelError(f"no such model file: {path}") from None
    except IsADirectoryError:
        raise ModelError(
            f"{path} is a folder, which Keras 3 cannot load; give a .keras or .h5 file"
        ) from None
    except OSError as error:
        raise ModelError(f"cannot read model file {path}: {error.strerror}") from error
    if not head:
        raise ModelError(f"{path} is empty; not a model file")
    return head


def _open_json(path: Path, weights: Path | None) -> KerasParts:
    if path.stat().st_size > _LARGEST_JSON:
        raise ModelError(f"{path}: an architecture of {path.stat().st_size:,} bytes; refused")
    config = parse_architecture(path, path.read_bytes())
    if "class_name" not in config and not isinstance(config.get("layers"), list):
        keys = ", ".join(repr(key) for key in list(config)[:5]) or "nothing"
        raise ModelError(
            f"{path} is JSON but no architecture of Keras: found {keys}, expected 'class_name' "
            "and 'config', as written by model.to_json"
        )
    found = find_weights(path, weights)
    with open_hdf5(found) as file:
        check_datasets(file, found, found.stat().st_size)
        layout = weights_layout(file)
        group = file["model_weights"] if layout == "whole" else file
        version = attribute_text(group, "keras_version") or attribute_text(file, "keras_version")
        backend = attribute_text(group, "backend") or attribute_text(file, "backend")
    return KerasParts(
        path=path,
        config=config,
        weights=found,
        layout=layout,
        loadable=None,
        version=str(config.get("keras_version") or version),
        backend=str(config.get("backend") or backend),
        notes=(f"weights taken from {found.name}",),
    )


def _open_hdf5_model(path: Path) -> KerasParts:
    with open_hdf5(path) as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise ModelError(_no_architecture(path, weights_layout(file)))
        if "model_weights" not in file:
            raise ModelError(f"{path} holds an architecture but no model_weights")
        check_datasets(file, path, path.stat().st_size)
        group = file["model_weights"]
        version = attribute_text(file, "keras_version") or attribute_text(group, "keras_version")
        backend = attribute_text(file, "backend") or attribute_text(group, "backend")
    return KerasParts(
        path=path,
        config=parse_architecture(path, text),
        weights=path,
        layout="whole",
        # Keras tells the format by the name.
        loadable=path if path.name.endswith((".h5", ".hdf5")) else None,
        version=version,
        backend=backend,
    )


def _no_architecture(path: Path, layout: str) -> str:
    if layout:
        return (
            f"{path} holds weights alone, the architecture is missing; give the architecture's "
            f"JSON file (model.to_json()) with --weights {path.name}, or save the whole model "
            "with model.save('model.keras')"
        )
    return (
        f"{path} is HDF5 without a model_config, so no Keras model: the architecture is missing "
        "(is it data? then it belongs to --data); save the whole model with "
        "model.save('model.keras')"
    )


def _open_archive(path: Path, folder: Path) -> KerasParts:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "config.json" not in names:
                hint = _TORCH if _is_torch(names) else ""
                raise ModelError(
                    f"{path} is a zip archive without config.json, so no .keras model{hint}"
                )
            _check_members(path, archive)
            config = parse_architecture(path, archive.read("config.json"))
            version = ""
            if "metadata.json" in names:
                metadata = parse_architecture(path, archive.read("metadata.json"))
                version = str(metadata.get("keras_version", ""))
            weights = folder / _WEIGHTS_MEMBER
            if _WEIGHTS_MEMBER not in names:
                raise ModelError(
                    f"{path} holds no {_WEIGHTS_MEMBER}; only .keras archives with their weights "
                    "in that file can be read"
                )
            with archive.open(_WEIGHTS_MEMBER) as source, weights.open("wb") as target:
                shutil.copyfileobj(source, target)
    except zipfile.BadZipFile as error:
        raise ModelError(
            f"{path} starts like a .keras archive but cannot be unpacked ({error}); truncated?"
        ) from error
    except (EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ModelError(f"cannot read {path}: {error}; is it truncated?") from error
    if weights.read_bytes()[:8] != HDF5_MAGIC:
        raise ModelError(f"{path}: its {_WEIGHTS_MEMBER} is not HDF5; is the file damaged?")
    with open_hdf5(weights) as file:
        check_datasets(file, path, weights.stat().st_size)
        layout = weights_layout(file)
    return KerasParts(
        path=path,
        config=config,
        weights=weights,
        layout=layout or "by_path",
        loadable=path if path.name.endswith(".keras") else None,
        version=version,
        backend="",
    )


def _is_torch(names: set[str]) -> bool:
    return any(name.endswith(("data.pkl", "constants.pkl")) for name in names)


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse members that would be unpacked elsewhere, or to much more than the archive."""
    for member in archive.infolist():
        place = PurePosixPath(member.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or stat.S_ISLNK(member.external_attr >> 16):
            raise ModelError(f"{path}: its member {member.filename!r} leads out of it; refused")
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > LARGEST_EXPANSION * max(path.stat().st_size, 1):
        raise ModelError(
            f"{path} would unpack from {path.stat().st_size:,} to {unpacked:,} bytes; refused"
        )
