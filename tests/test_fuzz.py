"""Damaged files give a right answer or a clean error: no traceback, crash, hang or bomb.

Every case is made from (seed, group, number) alone: a failure names them, and
:func:`case_of` makes the file again.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fuzzing import seeds
from fuzzing.judges import judge_data, judge_model, judge_motifs, judge_saved_model, misbehave
from fuzzing.mutations import (
    damaged_bytes,
    damaged_hdf5,
    damaged_lines,
    damaged_onnx,
    damaged_saved_model,
    damaged_zip,
    json_member,
)
from fuzzing.worker import CLEAN, RIGHT, Worker

SEED = 12
MEMORY = 300_000_000
"""Bytes that opening a file of a few kB may take beyond what the process held."""
PATIENCE = 30.0

Damage = Callable[[bytes, np.random.Generator], bytes]
damaged_archive = functools.partial(damaged_zip, inside={"config.json": json_member})


def case_of(
    group: str, number: int, files: dict[str, bytes], *damages: Damage
) -> tuple[str, bytes]:
    """Return name and contents of one damaged file."""
    rng = np.random.default_rng([SEED, number, *group.encode()])
    names = list(files)
    name = names[number % len(names)]
    return name, damages[(number // len(names)) % len(damages)](files[name], rng)


def examine(
    group: str,
    count: int,
    judge: Callable[[Path], None],
    files: dict[str, bytes],
    damages: Callable[[str], tuple[Damage, ...]],
    folder: Path,
) -> Counter[str]:
    """Try ``count`` damaged files; return how many gave what, and fail with what went wrong."""
    found: Counter[str] = Counter()
    wrong: list[str] = []
    names = list(files)
    for name, contents in files.items():
        _placed(folder / "sound", name, contents)
        _placed(folder, name, contents)
    with Worker(judge, patience=PATIENCE, sound=folder / "sound" / names[0]) as worker:
        for name in names:
            sound = worker.run(folder / name)
            assert sound.kind == RIGHT, (name, sound.detail)
        for number in range(count):
            ways = damages(names[number % len(names)])
            name, contents = case_of(group, number, files, *ways)
            path = _placed(folder, name, contents)
            outcome = worker.run(path)
            path.write_bytes(files[name])
            found[outcome.kind] += 1
            if outcome.kind not in (RIGHT, CLEAN):
                wrong.append(f"{group} {number} ({name}): {outcome.kind}\n{outcome.detail}")
            elif outcome.grown > MEMORY:
                wrong.append(f"{group} {number} ({name}): {outcome.grown:,} bytes of memory")
    assert not wrong, f"{len(wrong)} of {count} files, seed {SEED}:\n" + "\n\n".join(wrong)
    return found


def _placed(folder: Path, name: str, contents: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return path


def test_onnx(tmp_path: Path) -> None:
    files = {f"{name}.onnx": data for name, data in seeds.onnx_files().items()}
    ways = (damaged_onnx, damaged_bytes, damaged_onnx, damaged_onnx)
    found = examine("onnx", 1600, judge_model, files, lambda name: ways, tmp_path)
    # Damage that is never, or always, noticed would test nothing.
    assert min(found[RIGHT], found[CLEAN]) > 100


def test_keras(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    files = seeds.keras_files(tmp_path / "made")
    weights = seeds.keras_weights(tmp_path / "made")
    for folder in (tmp_path, tmp_path / "sound"):
        _placed(folder, "model.weights.h5", weights)

    def ways(name: str) -> tuple[Damage, ...]:
        if name.endswith(".h5"):
            return damaged_hdf5, damaged_bytes
        if name.endswith(".json"):
            return json_member, json_member, damaged_bytes
        return damaged_archive, damaged_archive, damaged_bytes

    found = examine("keras", 200, judge_model, files, ways, tmp_path)
    assert min(found[RIGHT], found[CLEAN]) > 10


def test_saved_model(tmp_path: Path) -> None:
    files = seeds.saved_model_files(tmp_path)

    def ways(name: str) -> tuple[Damage, ...]:
        structured = (damaged_saved_model,) * 2 if name.endswith("saved_model.pb") else ()
        return (damaged_bytes, *structured)

    found = examine("savedmodel", 45, judge_saved_model, files, ways, tmp_path)
    # TensorFlow's own checksums notice nearly everything.
    assert found[CLEAN] > 20


def test_data(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "sound"):
        _placed(folder, "genome.fa", seeds.GENOME.encode())

    def ways(name: str) -> tuple[Damage, ...]:
        structured: dict[str, tuple[Damage, ...]] = {
            ".h5": (damaged_hdf5,),
            ".npz": (functools.partial(damaged_zip, inside={}),),
            ".fa": (damaged_lines,),
            ".bed": (damaged_lines,),
        }
        return (damaged_bytes, *structured.get(Path(name).suffix, ()))

    found = examine("data", 1200, judge_data, seeds.data_files(), ways, tmp_path)
    assert min(found[RIGHT], found[CLEAN]) > 100


def test_motifs(tmp_path: Path) -> None:
    ways = (damaged_lines, damaged_bytes)
    found = examine("motifs", 300, judge_motifs, seeds.motif_files(), lambda name: ways, tmp_path)
    assert min(found[RIGHT], found[CLEAN]) > 50


def test_the_worker_sees_what_goes_wrong(tmp_path: Path) -> None:
    with Worker(misbehave, patience=1.0) as worker:
        for kind in ("hang", "crash", "MemoryError", "ZeroDivisionError"):
            assert worker.run(tmp_path / kind).kind == kind
            assert worker.run(tmp_path / "fine").kind == RIGHT
        assert worker.run(tmp_path / "fine").grown < 20_000_000
        assert worker.run(tmp_path / "large").grown > 50_000_000
