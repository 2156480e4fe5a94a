"""Results in Python: the tables of the files as data frames, and picking layers and neurons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from example_result import example_result

import neuroninterp as ni
from neuroninterp.errors import UnknownNameError
from neuroninterp.results.named_tables import TABLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("tables") / "results"
    ni.write_results(example_result(), output)
    return output


def test_every_table_file_is_a_table(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.tsv")} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_its_file(name: str, folder: Path) -> None:
    """Columns, their order, types and every value; the numbers as far as text carries them."""
    table = ni.read_results(folder).table(name)
    text = [column for column in table if table[column].dtype == object]
    # In a file an empty text and a missing one are the same.
    file = pd.read_csv(folder / f"{name}.tsv", sep="\t", dtype=dict.fromkeys(text, str))
    found = file.astype(table.dtypes).fillna(dict.fromkeys(text, ""))
    wanted = table.fillna(dict.fromkeys(text, ""))
    assert len(table) > 0
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", TABLES)
def test_a_folder_read_again_has_the_same_tables(name: str, folder: Path) -> None:
    stored = ni.read_results(folder)
    assert stored.folder == folder
    pd.testing.assert_frame_equal(stored.table(name), example_result().table(name))


def test_layers_and_neurons_are_picked_by_number() -> None:
    result = example_result()
    assert result.layer(2) is result.layers[1]
    assert result.layer(1).neuron(1) is result.layers[0].neurons[1]
    assert result.folder is None


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (lambda r: r.layer(3), r"unknown analysed layer '3'; valid: layers 1-2"),
        (lambda r: r.layer(1).neuron(7), r"unknown analysed neuron of layer 1 '7'; valid: .* 0-1"),
        (lambda r: r.table("motifs"), r"unknown table 'motifs'; valid: layers, neurons, matches"),
    ],
)
def test_what_does_not_exist_is_told_with_what_does(
    pick: Callable[[ni.AnalysisResult], object], message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message):
        pick(example_result())
