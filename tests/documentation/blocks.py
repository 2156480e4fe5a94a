"""The code blocks of a page, and what they promise to print.

A block's info string says what it is: ``sh`` and ``python`` are run, in order; ``sh fails`` must
end with exit code 2, and its error message counts as its output; ``not-run`` needs what is not at
hand (a GPU, PyTorch, a cluster). A ``text`` block that follows a block, blank lines between, is
what that prints, all of it, with ``…`` for what may differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = ["Block", "matches", "read_blocks"]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One code block of a page.

    Parameters
    ----------
    line : int
        Line of the page on which it begins, from 1.
    language : str
        First word of the info string: "sh", "python", "text", …
    flags : frozenset of str
        The other words: "not-run", "fails".
    code : str
        What stands in it.
    expected : str or None
        What it is said to print.
    """

    line: int
    language: str
    flags: frozenset[str]
    code: str
    expected: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it can be run here."""
        return self.language in ("sh", "python") and "not-run" not in self.flags


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of a page that can be run, or could elsewhere.

    Raises
    ------
    ValueError
        If a text block follows no block that prints it.
    """
    blocks: list[Block] = []
    end = 0
    for found in _FENCE.finditer(page):
        language, *flags = found["info"].split() or [""]
        line = page.count("\n", 0, found.start()) + 1
        if language == "text":
            if not blocks or blocks[-1].expected is not None or page[end : found.start()].strip():
                raise ValueError(f"line {line}: no command stands above what is printed")
            blocks[-1] = replace(blocks[-1], expected=found["code"])
        else:
            blocks.append(Block(line, language, frozenset(flags), found["code"]))
        end = found.end()
    return blocks


def matches(expected: str, printed: str) -> bool:
    """Say whether a text is what was expected: line by line, spaces within a line aside.

    ``…`` stands for anything, on a line of its own for any lines.
    """
    pattern = r"\n".join(
        ".*".join(re.escape(piece) for piece in line.split("…")) for line in _lines(expected)
    )
    return re.fullmatch(pattern, "\n".join(_lines(printed)), re.DOTALL) is not None


def _lines(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line]
