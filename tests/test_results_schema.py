"""Results files of other versions: older ones are read, others say why not.

``fixtures/results/schema1.h5`` is the example result as the last version of schema 1 wrote it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from example_result import example_result
from same_results import assert_same

from neuroninterp.errors import OutputError
from neuroninterp.results import layers_table, matches_table, read_results, write_results

SCHEMA_1 = Path(__file__).parent / "fixtures" / "results" / "schema1.h5"
STARTED = "2026-11-22T10:00:00+00:00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SCHEMA_1, tmp_path / "results.h5")
    return tmp_path


def test_results_of_schema_1_are_read_whole(folder: Path) -> None:
    expected, stored = example_result(), read_results(folder)
    names = ("layers", "verdict", "performance", "skipped", "versions", "seconds", "model")
    for name in (*names, "data", "fields", "blocked", "notes", "unfinished"):
        assert_same(getattr(stored, name), getattr(expected, name), name)
    assert_same(tuple(stored.targets.items()), tuple(expected.targets.items()), "targets")
    assert stored.settings == {**expected.settings, "relevant": ["MA0139.1"], "started": STARTED}


def test_what_schema_1_held_is_held_by_the_next(folder: Path, tmp_path: Path) -> None:
    stored = read_results(folder)
    write_results(stored, tmp_path / "again")
    again = read_results(tmp_path / "again")
    for name in ("layers", "verdict", "performance", "fields", "blocked", "seconds", "settings"):
        assert_same(getattr(again, name), getattr(stored, name), name)


def test_files_of_before_fields_were_measured_can_be_read(folder: Path) -> None:
    with h5py.File(folder / "results.h5", "r+") as file:
        for name in ("fields", "blocked"):
            del file[name]
        del file.attrs["notes"]
    stored = read_results(folder)
    assert (stored.fields, stored.blocked, stored.notes) == ((), (), ())
    assert layers_table(stored)["measured_field"].isna().all()


def test_files_of_before_syntax_came_from_data_can_be_read(folder: Path) -> None:
    with h5py.File(folder / "results.h5", "r+") as file:
        del file["/layers/2/from_data"]
        del file["/layers/2/neurons/0/from_data/syntax"]
    (_, layer) = read_results(folder).layers
    (neuron,) = layer.neurons
    assert (layer.dictionary_from_data, neuron.syntax_from_data) == ((), ())
    assert (len(layer.dictionary), len(neuron.syntax)) == (2, 2)
    assert neuron.from_data is not None


def test_files_of_before_the_evidence_was_kept_can_be_read(folder: Path, tmp_path: Path) -> None:
    with h5py.File(folder / "results.h5", "r+") as file:
        del file["targets"]
        neuron = file["/layers/2/neurons/0"]
        del neuron["profile"], neuron["top_sequences"]
        hits = neuron["matches"][:]
        names = [name for name in hits.dtype.names if name != "target_start"]
        del neuron["matches"]
        neuron["matches"] = hits[names]
    stored = read_results(folder)
    (neuron,) = stored.layers[1].neurons
    assert (neuron.profile, neuron.top_sequences, stored.targets) == (None, (), {})
    assert [match.target_start for match in neuron.matches] == [None, None]
    assert [match.target_name for match in neuron.matches] == ["MAX", "MAX"]
    # What was not known stays so in a new file.
    write_results(stored, tmp_path / "again")
    again = read_results(tmp_path / "again")
    assert_same(again.layers, stored.layers, "layers")
    table = matches_table(again).set_index("Query_ID")
    assert table["target_start"].isna().tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "damage",
    [
        lambda neuron: neuron["mixture"].pop("ppm"),
        lambda neuron: neuron["parts/1"].pop("ppm"),
        lambda neuron: neuron["parts/1/ppm"].attrs.pop("maximum"),
        lambda neuron: (neuron.pop("matches"), neuron.create_dataset("matches", data=[1.0])),
    ],
)
def test_damage_in_schema_1_is_named(folder: Path, damage: Callable[[Any], object]) -> None:
    with h5py.File(folder / "results.h5", "r+") as file:
        damage(file["/layers/2/neurons/0"])
    with pytest.raises(OutputError, match="damaged"):
        read_results(folder)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        (
            {"schema": "neuroninterp/99", "versions": json.dumps({"neuroninterp": "7.5"})},
            r"has schema 99 and was written by neuroninterp 7\.5; .* 1 to 2: update neuroninterp$",
        ),
        ({"schema": "neuroninterp/99"}, r"written by a later neuroninterp; .*update"),
        ({"schema": "neuroninterp/99", "versions": "[1]"}, r"written by a later neuroninterp; "),
        ({"schema": "neuroninterp/0"}, r"schema 0, which is older .* run analyze again$"),
        ({"schema": "neuroninterp/x"}, "no schema attribute"),
        ({"schema": 2}, "no schema attribute"),
        ({"schema": "neuroninterp-attribution/1"}, "no schema attribute"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, attributes: dict[str, object], told: str
) -> None:
    with h5py.File(tmp_path / "results.h5", "w") as file:
        file.attrs.update(attributes)
    with pytest.raises(OutputError, match=told):
        read_results(tmp_path)
