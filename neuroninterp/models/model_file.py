"""Which kind of model file this is, by its content, and which reader takes it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from neuroninterp.errors import ModelError
from neuroninterp.models.layout import InputRequest
from neuroninterp.models.runtime import ReadModel

__all__ = ["file_kind", "hash_model", "read_model"]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK\x03\x04"
_EMPTY_ZIP_MAGIC = b"PK\x05\x06"
_KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_BASES = frozenset(b"ACGTNUacgtnu\r\n")

_PYTORCH = (
    "neuroninterp reads no PyTorch files, because they carry code; export the model with "
    "torch.onnx.export (DeepSEA, Beluga, Basset: examples/export_pytorch.py) and give the .onnx "
    "file"
)


def read_model(
    path: Path,
    request: InputRequest,
    *,
    device: str,
    trust: bool,
    weights: Path | None = None,
) -> ReadModel:
    """Read a model of any supported format.

    Parameters
    ----------
    path : Path
        A ``.keras``, HDF5 or ``.onnx`` file, an architecture in JSON, or a SavedModel
        folder; recognised by its content.
    request : InputRequest
        What the user says about the inputs.
    device : str
        "cpu" or "gpu", for predictions.
    trust : bool
        Let Keras run code that the file carries (Lambda layers).
    weights : Path or None
        The weights of an architecture in JSON; None to find them beside it.

    Returns
    -------
    ReadModel

    Raises
    ------
    ModelError
        If the file is missing or is no model; says what it is instead and what to do.
    UnsupportedOperationError
        If an operation before the first convolution is not understood.
    FidelityError
        If a SavedModel, once converted, computes something else.
    """
    kind = file_kind(path)
    if weights is not None and kind != "keras":
        raise ModelError(
            f"{path} holds a whole model; --weights is for an architecture in JSON alone"
        )
    if kind == "keras":
        from neuroninterp.models.keras.reader import read_keras

        return read_keras(path, request, trust=trust, weights=weights)
    if kind == "savedmodel":
        from neuroninterp.models.saved_model import read_saved_model

        return read_saved_model(path, request, device=device)
    from neuroninterp.models.onnx.reader import read_onnx

    return read_onnx(path, request, device=device)


def file_kind(path: Path) -> str:
    """Tell what a model file is from its content; a name alone can lie.

    Parameters
    ----------
    path : Path
        A file or a folder.

    Returns
    -------
    str
        "keras" (archive, HDF5 or JSON), "savedmodel" or "onnx" (whatever else may be one).

    Raises
    ------
    ModelError
        If it is missing, empty, or known to be something else.
    """
    # Of os.path, because those of Path raise errors for names that no file can have.
    if os.path.isdir(path):
        return _folder_kind(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ModelError(f"{path} is no regular file (a pipe or a device); give a model file")
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except FileNotFoundError:
        raise ModelError(f"no such model file: {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"cannot read model file {path}: {reason}") from error
    if not head:
        raise ModelError(f"{path} is empty; not a model file")
    if head.startswith((_ZIP_MAGIC, _EMPTY_ZIP_MAGIC, _HDF5_MAGIC)):
        return "keras"
    if head.lstrip(_BLANK).startswith((b"{", b'"{')):
        return "keras"
    _refuse_others(path, head)
    if path.suffix.lower() in _KERAS_SUFFIXES:
        raise ModelError(
            f"{path} is named like a Keras file but is neither a .keras archive nor HDF5; "
            "is it truncated, or text?"
        )
    return "onnx"


def hash_model(path: Path, weights: Path | None = None) -> str:
    """Hash a model: its file, the files of its folder, and its weights where they lie apart.

    Parameters
    ----------
    path : Path
        The model's file or folder.
    weights : Path or None
        The weights file that the user named, if any.

    Returns
    -------
    str
        SHA-256, hexadecimal. For a single file it is the hash of its bytes.
    """
    files = list(_files(path))
    if files == [path] and weights is None:
        return _hash_file(path)
    total = hashlib.sha256()
    for file in [*files, *([weights] if weights else [])]:
        total.update(f"{file.name} {_hash_file(file)}\n".encode())
    return total.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _folder_kind(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        return "savedmodel"
    names = sorted(file.name for file in path.iterdir())
    if any(name.endswith(".index") or name == "checkpoint" for name in names):
        raise ModelError(
            f"{path} is a folder of TensorFlow checkpoints: weights without an architecture; give "
            "the whole model, saved with model.save('model.keras') or model.export"
        )
    if "saved_model.pbtxt" in names:
        raise ModelError(
            f"{path} is a SavedModel in text form, which is not read; save it with saved_model.pb"
        )
    models = [name for name in names if name.endswith((*_KERAS_SUFFIXES, ".onnx"))]
    hint = f"; did you mean {path / models[0]}?" if models else ""
    raise ModelError(
        f"{path} is a folder without saved_model.pb, so no SavedModel; give a .keras, .h5 or "
        f".onnx file{hint}"
    )


def _refuse_others(path: Path, head: bytes) -> None:
    """Raise where the content is known not to be a model that can be read."""
    found = _other_kind(path, head)
    if found:
        raise ModelError(f"{path} is {found}")


def _other_kind(path: Path, head: bytes) -> str:
    """Say what a file is instead of a model, and what to do; "" where that is not known."""
    suffix = path.suffix.lower()
    if head[4:8] == b"TFL3":
        return (
            "a TensorFlow Lite file, which is not read; give the Keras model or SavedModel that "
            "it was made from"
        )
    # A pickle of protocol 2 or newer; old PyTorch files begin with one.
    if re.match(rb"\x80[\x02-\x05]", head):
        if suffix in (".pt", ".pth", ".bin", ".ckpt") or b"torch" in head:
            return f"a PyTorch file (a pickle); {_PYTORCH}"
        return (
            "a Python pickle, which may carry any code and is not opened; save the model as "
            ".keras or .onnx"
        )
    if re.match(rb".{6}\x00\x00\{\"", head, re.DOTALL) and b"data_offsets" in head:
        return (
            "a safetensors file: weights without an architecture; export the whole model to .onnx"
        )
    if head.startswith(b"\x1f\x8b"):
        return "compressed with gzip; unpack it first"
    if re.match(rb"[>;]\S", head):
        return "a FASTA file of sequences, not a model; give the model first, sequences as --data"
    if _is_sequence(head):
        return "plain sequence, not a model; give the model first, sequences as --data"
    if head.startswith(b"\x93NUMPY") or head.startswith(b"MATLAB 5.0"):
        return "an array file, not a model; data belongs to --data"
    if suffix == ".index" or path.with_name(path.stem + ".index").is_file():
        return (
            "part of a TensorFlow checkpoint: weights without an architecture; give the whole "
            "model, saved with model.save('model.keras') or model.export"
        )
    if path.name == "saved_model.pb":
        return f"the inside of a SavedModel; give its folder, {path.parent}"
    if suffix == ".pb" or _is_frozen_graph(head):
        return (
            "a TensorFlow graph (.pb), which is not read; give the SavedModel folder, or convert "
            "it: python -m tf2onnx.convert --graphdef FILE --inputs … --outputs … --output m.onnx"
        )
    if _is_text(head):
        return f"text, not a model: it starts with {head[:40].decode('utf-8', 'replace')!r}"
    return ""


def _is_sequence(head: bytes) -> bool:
    return len(head) > 100 and not set(head) - _BASES


def _is_frozen_graph(head: bytes) -> bool:
    """Tell a serialised GraphDef: field 1, a node, whose field 1 is its name and 2 its op."""
    match = re.match(rb"\n[\x00-\xff]{1,4}?\n([\x01-\x7f])", head)
    if match is None:
        return False
    name_ends = match.end() + match.group(1)[0]
    after = head[name_ends : name_ends + 30]
    return bool(re.match(rb"\x12[\x03-\x1e](Placeholder|Const|NoOp|VarHandleOp)", after))


def _is_text(head: bytes) -> bool:
    try:
        text = head[:1000].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)
