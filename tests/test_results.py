"""The results folder: what is written can be read again, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from example_result import (
    DATA_SYNTAX,
    FIRST,
    HOSTILE_NAME,
    HOSTILE_TARGET,
    SYNTAX,
    TOP_SEQUENCES,
    WHY,
    example_result,
)
from hypothesis import given
from hypothesis import strategies as st
from same_results import assert_same

from neuroninterp.errors import OutputError
from neuroninterp.motifs.meme import read_meme
from neuroninterp.results import (
    dictionary_table,
    folder,
    layers_table,
    matches_table,
    neurons_table,
    prepare_output,
    read_results,
    sequences_table,
    stored_ppms,
    summarize,
    syntax_table,
    write_results,
)
from neuroninterp.results.summary import fraction_interval, plain

ENTRIES = {
    "report.html",
    "summary.json",
    "layers.tsv",
    "neurons.tsv",
    "matches.tsv",
    "sequences.tsv",
    "dictionary.tsv",
    "syntax.tsv",
    "motifs.meme",
    "dictionary.meme",
    "results.h5",
    "run.toml",
    "figures",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "deep" / "results"
    paths = write_results(example_result(), output)
    assert paths == {name: output / name for name in ENTRIES}
    return output


def test_folder_holds_exactly_the_documented_entries(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == ENTRIES
    figures = {path.name for path in (written / "figures").iterdir()}
    assert figures == {
        f"{name}.{ending}"
        for name in ("layer1_neuron0_part0", "layer2_neuron0_part1")
        for ending in ("png", "svg")
    }
    assert (written / "figures/layer1_neuron0_part0.png").read_bytes()[1:4] == b"PNG"


def test_hdf5_names_that_other_programs_rely_on(written: Path) -> None:
    result = example_result()
    part = result.layers[1].neurons[0].parts[1]
    with h5py.File(written / "results.h5") as file:
        assert file.attrs["schema_version"] == 2
        tables = file["/layers/2/tables"]
        mixture = file["/layers/2/neurons/0/mixture/ppm"]
        assert mixture.shape == (28, 4)
        assert set(mixture.attrs) >= {"maximum", "threshold", "n_sequences", "log2_rarity"}
        stored = file["/layers/2/neurons/0/parts/1/ppm"]
        np.testing.assert_array_equal(stored[:], part.ppm.astype(np.float32))
        for name in ("maximum", "consensus_value", "consensus_ratio", "share", "shift"):
            assert stored.attrs[name] == getattr(part, name), name
        assert file["/layers/2/neurons/0/from_data/ppm"].shape == (28, 4)
        assert "mixture" not in file["/layers/1/neurons/1"]
        assert file["/layers/1/neurons/1"].attrs["dead"]
        drawn = {name: mixture.attrs[name] for name in ("effective_size", "converged")}
        assert drawn == {"effective_size": 412.5, "converged": False}
        assert file["/layers/2/dictionary/1/ppm"].attrs["name"] == "layer2_motif1"
        own = file["/layers/2/from_data/dictionary/0/ppm"].attrs
        assert own["name"] == "layer2_data_motif0"
        occurrences = tables["occurrences"]
        assert occurrences["number"][:2].tolist() == [0, 0]
        assert occurrences["strand"][:2].tolist() == [b"+", b"-"]
        syntax = tables["syntax"]
        both = [str(found).encode() for found in (*SYNTAX, *DATA_SYNTAX)]
        assert syntax["text"].tolist() == both
        assert syntax["source"].tolist() == [b"model", b"model", b"data"]
        assert json.loads(syntax["spacing_maximum"][0]) == [6, 2]
        levels = tables["profiles"]
        assert levels["data_count"].tolist() == list(range(40, 0, -2))
        assert levels["lower"][1:].tolist() == levels["upper"][:-1].tolist()
        assert tables["neurons"]["data_windows"].tolist() == [12_000]
        assert tables["top_sequences"]["location"].tolist() == [b"chr1:1167-1195(-)", b""]
        of_part = tables["ppms"][
            (tables["ppms"]["source"] == b"model") & (tables["ppms"]["part"] == 1)
        ]
        assert of_part["consensus"].tolist() == [part.consensus.encode()]
        assert of_part["n_sequences"].tolist() == [part.n_sequences]
        targets = [file[f"/targets/{i}/ppm"].attrs["name"] for i in range(3)]
        assert targets == ["MAX", HOSTILE_TARGET, "FOS::JUN"]
        verdict = json.loads(file.attrs["verdict"])
        assert verdict["empirical"]["interval"] == [1, 2]


def test_reading_gives_back_everything(written: Path) -> None:
    result, stored = example_result(), read_results(written)
    names = ("layers", "verdict", "performance", "skipped", "versions", "seconds", "model")
    for name in (*names, "fields", "blocked", "notes"):
        assert_same(getattr(stored, name), getattr(result, name), name)
    assert_same(tuple(stored.targets.items()), tuple(result.targets.items()), "targets")
    assert stored.settings == {**result.settings, "relevant": ["MA0139.1"]}
    assert stored_ppms(stored).keys() == stored_ppms(result).keys()


def test_summary_has_the_promised_keys_and_no_nan(written: Path) -> None:
    text = (written / "summary.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=pytest.fail)
    assert found == json.loads(json.dumps(summarize(example_result())))
    promised = ["schema", "model", "data", "performance", "layers", "verdict", "settings"]
    assert list(found) == [
        *promised,
        "versions",
        "seconds",
        "skipped",
        "fields",
        "blocked",
        "notes",
        "unfinished",
    ]
    assert set(found["verdict"]) == {"layer", "kind", "structural", "empirical", "sentence"}
    assert set(found["verdict"]["structural"]) == {"layer", "kind", "reason"}
    assert set(found["verdict"]["empirical"]) == {"layer", "kind", "interval", "reason"}
    first, second = found["layers"]
    assert set(first) >= {"number", "name", "receptive_field", "jump", "neurons", "dead"}
    assert (first["neurons"], first["dead"], first["match_fraction"]) == (2, 1, 0.5)
    assert (first["relevant_fraction"], second["relevant_fraction"]) == (None, 1.0)
    assert (second["localist_fraction"], second["null_fraction"]) == (1.0, 0.05)
    assert second["name"] == HOSTILE_NAME
    assert (second["dictionary_motifs"], second["dictionary_motifs_data"]) == (2, 1)
    assert (first["dictionary_motifs"], first["dictionary_motifs_data"]) == (0, 0)
    assert found["performance"]["auroc"] == pytest.approx(0.95)
    assert found["performance"]["classes"][1]["aupr"] is None


def test_summary_says_how_far_every_layer_sees() -> None:
    found = summarize(example_result())
    first, second = found["layers"]
    assert [second[key] for key in ("measured_field", "effective_field")] == [25, 20]
    assert second["measured_reason"] == WHY
    assert (first["measured_reason"], first["effective_field_data"]) == (None, 12)
    assert second["effective_field_data"] is None
    third = found["fields"][2]
    assert (third["number"], third["direction"], third["effective_field"]) == (3, -1, None)
    assert third["measured_field"] == {"size": 29, "start": 0, "end": 29, "reason": WHY}
    assert [layer["number"] for layer in found["blocked"]] == [4]
    assert found["notes"] == ["input 'x<i>' is held at 0"]


@pytest.mark.parametrize("name", ["\x1b[2Jgone\r\n\t", "\u202efdp.exe", "../../etc", "x" * 10**6])
def test_names_from_files_stay_in_their_cell(name: str, tmp_path: Path) -> None:
    result = example_result()
    layer = dataclasses.replace(FIRST, name=name)
    hits = [dataclasses.replace(result.layers[0].neurons[0].matches[0], target_name=name)]
    top = dataclasses.replace(TOP_SEQUENCES[0], name=name, location=name, labels=(name, name))
    neuron = dataclasses.replace(
        result.layers[0].neurons[0], matches=tuple(hits), top_sequences=(top,)
    )
    item = dataclasses.replace(result.layers[0], layer=layer, neurons=(neuron,))
    fields = dataclasses.replace(result.fields[0], layer=layer)
    blocked = dataclasses.replace(result.blocked[0], name=name, reason=name)
    hostile = dataclasses.replace(
        result, layers=(item,), fields=(fields,), blocked=(blocked,), notes=(name,), skipped=(name,)
    )
    write_results(hostile, tmp_path / "run")
    stored = read_results(tmp_path / "run").layers[0]
    assert stored.layer.name == name
    assert stored.neurons[0].top_sequences == (top,)
    for table in ("layers", "matches", "neurons", "sequences"):
        header, *rows = (tmp_path / "run" / f"{table}.tsv").read_text(encoding="utf-8").split("\n")
        assert [len(row.split("\t")) for row in rows if row] == [len(header.split("\t"))]
    for path in (tmp_path / "run").iterdir():
        if path.suffix in {".tsv", ".json", ".meme", ".html"}:
            text = path.read_text(encoding="utf-8")
            assert not {"\x1b", "\r", "\u202e"} & set(text), path.name
            assert len(text) < 100_000, path.name
    assert {path.suffix for path in (tmp_path / "run" / "figures").iterdir()} == {".png", ".svg"}


def test_tables_and_their_files_agree(written: Path) -> None:
    result = example_result()
    makers = {
        "layers": layers_table,
        "neurons": neurons_table,
        "matches": matches_table,
        "sequences": sequences_table,
        "dictionary": dictionary_table,
        "syntax": syntax_table,
    }
    for name, table in makers.items():
        expected = table(result)
        found = pd.read_csv(written / f"{name}.tsv", sep="\t")
        assert list(found.columns) == list(expected.columns)
        # A file has one way to leave a cell empty, a table two: NaN and None.
        alike = expected.astype(found.dtypes).where(expected.notna(), np.nan)
        pd.testing.assert_frame_equal(found, alike, check_dtype=False, check_exact=False)


def test_match_rows_locate_the_hit() -> None:
    result = example_result()
    table = matches_table(result)
    assert list(table.columns[:7]) == [
        "Query_ID",
        "Target_ID",
        "p-value",
        "E-value",
        "Overlap",
        "Query_consensus",
        "Orientation",
    ]
    hits = [m for layer in result.layers for n in layer.neurons for m in n.matches]
    hits += [m for layer in result.layers for n in layer.neurons for m in n.mixture_matches]
    assert sorted(table["Query_ID"]) == sorted(match.query for match in hits)
    row = table[table["Query_ID"] == "layer2_neuron0_part1"].iloc[0]
    assert (row["layer"], row["neuron"], row["part"]) == (2, 0, 1)
    assert row["Query_consensus"] == "CACGTG"
    assert table[table["Query_ID"] == "layer2_neuron0_mixture"]["part"].isna().all()


def test_sequence_rows_say_where_a_neuron_fires() -> None:
    first, second = sequences_table(example_result()).to_dict(orient="records")
    assert [first[name] for name in ("layer", "neuron", "rank", "value")] == [2, 0, 1, 7.75]
    assert [first[name] for name in ("sequence", "start")] == [12, 5]
    assert first["location"] == "chr1:1167-1195(-)"
    assert first["labels"] == "Arid3a;H3K4me3<svg onload=alert(3)>?"
    assert (second["rank"], second["name"]) == (2, "<b>seq</b>???[2J")
    assert pd.isna([second["location"], second["labels"]]).all()


def test_neuron_rows_name_the_best_part_and_match() -> None:
    table = neurons_table(example_result()).set_index(["layer", "neuron"])
    assert table.loc[(1, 1), "dead"]
    assert pd.isna(table.loc[(1, 1), "maximum"])
    deep = table.loc[(2, 0)]
    assert (deep["parts"], deep["best_part"]) == (2, 1)
    assert (deep["match_id"], deep["match_part"]) == ("MA0058.3", 1)
    assert deep["whole"]
    assert deep["best_part_consensus_ratio"] == pytest.approx(0.98)


def test_syntax_and_dictionary_rows_name_motifs_and_spacings() -> None:
    rows = syntax_table(example_result())
    assert rows["motifs"].tolist() == [
        "layer2_motif0(+) [gap 0-6, flexible] layer2_motif1(-) [gap 2, fixed] layer2_motif0(+)",
        "layer2_motif1(+)",
        "layer2_data_motif0(+) [gap 4-10, flexible] layer2_data_motif0(+)",
    ]
    assert rows["source"].tolist() == ["model", "model", "data"]
    assert list(rows.columns[:3]) == ["layer", "neuron", "source"]
    assert rows["kind"].tolist() == ["flexible", "single", "flexible"]
    assert rows["spacing_maximum"].tolist()[0] == "6,2"
    assert rows["spacing_maximum"].isna().tolist() == [False, True, False]
    assert rows["starts"].tolist() == ["0-3,9-12,20-20", "4-4", "1-4,15-18"]
    motifs = dictionary_table(example_result())
    assert list(motifs.columns[:3]) == ["layer", "source", "motif"]
    motifs = motifs.set_index("motif")
    assert motifs["source"].tolist() == ["model", "model", "data"]
    assert motifs["consensus"].tolist() == ["CACGTG", "TGACTCA", "TGACGTA"]
    assert motifs["palindromic"].tolist() == [True, False, False]
    assert motifs.loc["layer2_motif1", "match_id"] == "X1"


def test_neurons_that_did_not_converge_are_counted() -> None:
    table = neurons_table(example_result()).set_index(["layer", "neuron"])
    deep = table.loc[(2, 0)]
    assert (deep["effective_size"], deep["ppm_error"]) == (412.5, 0.004)
    assert table["converged"].tolist() == [True, True, False]
    assert layers_table(example_result())["unconverged"].tolist() == [0, 1]


def test_tables_of_nothing_keep_their_columns() -> None:
    result = dataclasses.replace(example_result(), layers=())
    assert list(matches_table(result).columns) == list(matches_table(example_result()).columns)
    assert len(neurons_table(result)) == 0
    assert list(syntax_table(result).columns) == list(syntax_table(example_result()).columns)
    assert len(dictionary_table(result)) == len(sequences_table(result)) == 0


def test_meme_file_holds_every_part(written: Path) -> None:
    motifs = {motif.id: motif for motif in read_meme(written / "motifs.meme")}
    ppms = stored_ppms(example_result())
    assert motifs.keys() == ppms.keys()
    for name, ppm in ppms.items():
        np.testing.assert_allclose(motifs[name].ppm, ppm, atol=2e-6)
    assert motifs["layer2_neuron0_part1"].nsites == 250
    assert motifs["layer2_neuron0_part1"].name == "MAX"


def test_meme_file_holds_both_dictionaries(written: Path) -> None:
    motifs = read_meme(written / "dictionary.meme")
    names = ["layer2_motif0", "layer2_motif1", "layer2_data_motif0"]
    assert [motif.id for motif in motifs] == names
    layer = example_result().layers[1]
    entries = layer.dictionary + layer.dictionary_from_data
    for motif, entry in zip(motifs, entries, strict=True):
        np.testing.assert_allclose(motif.ppm, entry.ppm, atol=2e-6)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 1.0])
def test_interval_is_where_the_score_test_changes_its_mind(fraction: float) -> None:
    """A bound p solves |fraction - p| = 1.96 sqrt(p (1 - p) / n)."""
    for bound in fraction_interval(fraction, 30):
        score = abs(fraction - bound) - 1.959964 * math.sqrt(bound * (1 - bound) / 30)
        assert score == pytest.approx(0, abs=1e-6)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_plain_values_survive_strict_json(value: object) -> None:
    text = json.dumps(plain(value), allow_nan=False)
    assert json.loads(text) == plain(value)


def test_plain_understands_numpy_and_paths() -> None:
    value = {"a": np.float32(0.5), "b": np.array([1.0, np.nan]), "c": Path("x/y"), 3: np.int64(7)}
    assert plain(value) == {"a": 0.5, "b": [1.0, None], "c": "x/y", "3": 7}
    assert plain(range(2, 8, 3)) == [2, 5]


# --- which folders may be used, and what a failure leaves ---------------------------------


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_new_and_empty_folders_are_accepted_and_not_created(tmp_path: Path) -> None:
    assert prepare_output(tmp_path) == tmp_path
    assert prepare_output(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        {"notes.txt": "mine"},
        {"summary.json": '{"schema": "other/1"}', "x": ""},
        {"summary.json": "[1, 2]"},
        {"summary.json": "not JSON"},
        {"report.html": "somebody else's"},
    ],
)
def test_folders_with_other_things_are_refused_untouched(
    tmp_path: Path, content: dict[str, str]
) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=f"other things.*{min(content)}"):
        write_results(example_result(), tmp_path)
    assert tree(tmp_path) == before


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    blocking = tmp_path / "file"
    blocking.write_text("")
    for path in (blocking, blocking / "inside"):
        with pytest.raises(OutputError, match=r"file is a file"):
            prepare_output(path)


def test_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(OutputError, match=r"cannot be written to \(Permission denied"):
        prepare_output(tmp_path / "new")


def test_an_earlier_result_is_replaced_and_other_files_stay(written: Path, tmp_path: Path) -> None:
    output = tmp_path / "again"
    write_results(example_result(), output)
    (output / "my notes.txt").write_text("keep me")
    (output / "figures" / "stale.svg").write_text("old")
    shorter = dataclasses.replace(example_result(), layers=example_result().layers[:1])
    write_results(shorter, output)
    assert len(json.loads((output / "summary.json").read_text())["layers"]) == 1
    assert {path.name for path in output.iterdir()} == ENTRIES | {"my notes.txt"}
    assert {path.stem for path in (output / "figures").iterdir()} == {"layer1_neuron0_part0"}


def fail(*args: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("failing", ["results.h5", "summary.json"])
def test_a_failing_writer_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    if failing == "results.h5":
        monkeypatch.setattr(folder, "write_store", fail)
    else:
        monkeypatch.setitem(folder._WRITERS, failing, fail)
    with pytest.raises(OutputError, match="No space left"):
        write_results(example_result(), tmp_path / "new" / "results")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_earlier_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "results"
    write_results(example_result(), output)
    before = tree(output)
    with monkeypatch.context() as patch:
        patch.setitem(folder._WRITERS, "report.html", fail)
        with pytest.raises(OutputError):
            write_results(example_result(), output)
    assert tree(output) == before

    renamed: list[str] = []
    rename = Path.rename

    def stumble(source: Path, target: Path) -> Path:
        renamed.append(source.name)
        # The old entries left in one move each; the third arrival fails.
        if len(renamed) == len(ENTRIES) + 3:
            raise OSError(5, "Input/output error")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", stumble)
    with pytest.raises(OutputError, match="Input/output"):
        write_results(example_result(), output)
    assert tree(output) == before
    assert renamed[0] == "summary.json"


def test_what_an_interruption_left_can_be_written_over(tmp_path: Path) -> None:
    (tmp_path / ".neuroninterp-abc").mkdir()
    (tmp_path / "layers.tsv").write_text("half")
    write_results(example_result(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == ENTRIES


# --- reading what is not ours -------------------------------------------------------------


def test_reading_names_what_is_wrong(written: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no results at"):
        read_results(tmp_path)
    text = tmp_path / "results.h5"
    text.write_text("not HDF5")
    with pytest.raises(OutputError, match="damaged"):
        read_results(text)
    with h5py.File(text, "w"):
        pass
    with pytest.raises(OutputError, match="no schema attribute"):
        read_results(text)
    layer = "/layers/2"
    for missing, instead in (
        ("neurons/0/mixture/ppm", None),
        ("neurons/0/parts/1/ppm", np.array([b"AC", b"GT"])),
        ("neurons/0/parts/0/ppm", np.zeros((28, 3))),
        ("tables/matches", np.zeros((3, 4))),
        ("tables/profiles", np.zeros(20, [("lower", float)])),
        ("tables/ppms", None),
        ("tables/syntax", None),
    ):
        text.write_bytes((written / "results.h5").read_bytes())
        with h5py.File(text, "a") as file:
            del file[f"{layer}/{missing}"]
            if instead is not None:
                file[f"{layer}/{missing}"] = instead
        with pytest.raises(OutputError, match="damaged"):
            read_results(tmp_path)
