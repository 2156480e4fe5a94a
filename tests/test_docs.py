"""The documentation: what its pages tell a reader to type works, and prints what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documentation import commands
from documentation.blocks import matches, read_blocks
from documentation.shell import Shell

CLONE = Path(__file__).parents[1]
FOLLOWED = sorted([CLONE / "docs" / "tutorial.md", *(CLONE / "docs" / "how-to").glob("*.md")])


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.stem)
def test_page_can_be_followed(page: Path, tmp_path: Path) -> None:
    """Every block is run in order, in a folder that holds what a clone does."""
    for name in ("zoo", "examples"):
        (tmp_path / name).symlink_to(CLONE / name)
    with Shell(tmp_path) as shell:
        for block in read_blocks(page.read_text()):
            where = f"{page.name}, line {block.line}"
            if not block.runs:
                continue
            if block.language == "python":
                printed = shell.execute(block.code)
            else:
                out, err, code = shell.run(block.code)
                fails = "fails" in block.flags
                assert code == (2 if fails else 0), f"{where}: exit code {code}\n{out}\n{err}"
                printed = err if fails else out
            if block.expected is not None:
                assert matches(block.expected, printed), f"{where} prints\n{printed}"


def test_links_lead_somewhere() -> None:
    """Files exist, and where a link names a heading, the file has it."""
    pages = [CLONE / "README.md", *sorted((CLONE / "docs").rglob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, heading = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), f"{page.name}: {target}"
            if heading:
                assert heading in headings(found), f"{page.name}: {target}"


def headings(page: Path) -> set[str]:
    """Return the names by which a Markdown file's headings are linked to."""
    lines = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", lines, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_page_of_commands_is_what_the_command_line_has() -> None:
    assert commands.PAGE.read_text(encoding="utf-8") == commands.render(), (
        "python -m tests.documentation.commands writes it again"
    )


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a  b\n", "  a b", True),
        ("layer 1: 0.…\n…\nend", "layer 1: 0.25\nmuch\nmore\nend", True),
        ("a …", "b 1", False),
        ("a", "a\nb", False),
        ("a\nb", "a b", False),
        ("1.5", "125", False),
    ],
)
def test_what_is_printed_is_compared(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same


def test_output_that_no_command_prints_is_refused() -> None:
    with pytest.raises(ValueError, match="line 5"):
        read_blocks("```sh\nls\n```\nIt prints\n```text\na\n```\n")


def test_shell_tells_how_commands_end(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        out, err, code = shell.run("echo one | cat; neuroninterp zoo list | head -1; exit 3")
        assert (out.splitlines()[0], len(out.splitlines()), err, code) == ("one", 2, "", 3)
        assert shell.run("false; echo never")[::2] == ("", 1)
        _, err, code = shell.run("neuroninterp inspect absent.onnx")
        assert code == 2
        assert err == "Error: no such model file: absent.onnx\n"
