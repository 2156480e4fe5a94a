"""The report can be written again from the results, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import Run, assert_one_line
from example_result import example_result

from neuroninterp.results import write_results


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "run"
    write_results(example_result(), folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "run"))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_lost_report_comes_back_as_it_was(folder: Path, run_here: Run) -> None:
    shutil.rmtree(folder / "figures")
    (folder / "report.html").unlink()
    rest = contents(folder)
    done = run_here("report", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"report: {folder / 'report.html'}\n"
    first = contents(folder)
    assert {name for name in first if name not in rest and "/" not in name} == {"report.html"}
    assert any(name.startswith("figures/") for name in first)
    assert {name: first[name] for name in rest} == rest
    (folder / "figures" / "of_an_older_version.svg").write_text("old")
    assert run_here("report", folder).returncode == 0
    assert contents(folder) == first


def test_the_page_alone_goes_where_the_user_says(
    folder: Path, tmp_path: Path, run_here: Run
) -> None:
    before = contents(folder)
    page = tmp_path / "page.html"
    done = run_here("report", folder / "results.h5", "-o", page)
    assert done.returncode == 0, done.stderr
    assert run_here("report", folder, "-o", tmp_path / "again.html").returncode == 0
    assert page.read_bytes() == (tmp_path / "again.html").read_bytes()
    assert contents(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.html", "page.html", "run"]


def test_wrong_input_gets_one_line_and_changes_nothing(
    folder: Path, tmp_path: Path, run_here: Run
) -> None:
    (tmp_path / "empty").mkdir()
    before = contents(folder)
    assert_one_line(run_here("report"), "DIR")
    assert_one_line(run_here("report", tmp_path / "absent"), "absent", "analyze")
    assert_one_line(run_here("report", tmp_path / "empty"), "empty", "analyze")
    assert_one_line(run_here("report", folder / "results.h5"), "results.h5", "--output")
    assert_one_line(run_here("report", folder, "-o", tmp_path / "no" / "x.html"), "no folder")
    assert_one_line(run_here("report", folder, "-o", tmp_path / "empty"), "is a folder")
    assert contents(folder) == before
    (folder / "results.h5").write_bytes(before["results.h5"][:3000])
    assert_one_line(run_here("report", folder), "results.h5", "damaged")
    assert (folder / "report.html").read_bytes() == before["report.html"]
