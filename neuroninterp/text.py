"""Text from files, made safe to show: names in models, data and motif files hold anything."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["LONGEST", "comma_separated", "first_few", "how_many", "numbered", "printable"]

LONGEST = 200
"""Characters of a name that are shown, unless the place has room for fewer."""


def printable(text: object, limit: int = LONGEST) -> str:
    """Make one short line of visible characters of whatever a file calls something.

    Control characters could drive a terminal, line and paragraph separators break a table,
    and characters that turn the direction of writing make a name look like another. Each
    becomes a question mark, as do halves of surrogate pairs, which no file can hold; spaces
    of any width become plain ones. Markup stays: escaping it is the business of the place
    that shows it.

    Parameters
    ----------
    text : object
        A name or a sentence; anything else is turned into text.
    limit : int
        Most characters to keep. Longer text loses its middle, so that both the place and
        the end of a path-like name can be told.

    Returns
    -------
    str
        At most ``limit`` characters, all printable.
    """
    whole = str(text)
    if len(whole) > limit:
        kept = limit - 1
        tail = kept // 3
        whole = f"{whole[: kept - tail]}…{whole[len(whole) - tail :]}"
    return "".join(_shown(character) for character in whole)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else "?"


def comma_separated(text: str) -> tuple[str, ...]:
    """Return the words between commas, without the spaces around them; none of an empty text."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def first_few(words: Sequence[object], most: int = 5) -> str:
    """List words, only the first of many: "a, b and 3 more"."""
    shown = ", ".join(str(word) for word in words[:most])
    rest = len(words) - most
    return f"{shown} and {rest} more" if rest > 0 else shown


def how_many(number: int, word: str) -> str:
    """Write how many of a thing there are: "1 layer", "3 layers"."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def numbered(word: str, numbers: Sequence[int]) -> str:
    """Name things by their numbers, neighbours drawn together: "layers 1-3, 5".

    Parameters
    ----------
    word : str
        What one of them is called.
    numbers : sequence of int
        In rising order, at least one.
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    listed = ", ".join("-".join(str(end) for end in span) for span in ranges)
    return f"{word}{'s' if len(numbers) > 1 else ''} {listed}"
