"""The example notebooks, run from the first cell to the last as their reader would."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))
NEEDS_TORCH = {"pytorch_to_report"}


def run(path: Path, folder: Path) -> Any:
    """Execute a notebook in a folder; a cell that raises fails with its traceback."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_clean_and_shows_logos(path: Path, tmp_path: Path) -> None:
    if path.stem in NEEDS_TORCH and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: pip install torch onnxscript")
    executed = run(path, tmp_path)
    printed = [o.text for o in outputs(executed) if o.get("name") == "stderr"]
    assert printed == []
    pages = [o.data["text/html"] for o in outputs(executed) if "text/html" in o.get("data", {})]
    assert any("<svg" in page for page in pages) or "redesign" in path.stem
    assert any("image/png" in output.get("data", {}) for output in outputs(executed))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert outputs(notebook) == []
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


def test_there_are_three_notebooks() -> None:
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["audit_published", "pytorch_to_report", "verdict_to_redesign"]
