"""Untrusted texts in terminals and on desktops: control characters made visible, widths, and lines. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from gntp_logging.gntp.constants import READABLE
from gntp_logging.gntp.headers import safe_value

_JOINERS: Final = "\u200c\u200d"
"""Invisible characters that emoji, Persian and Indic scripts need; every other invisible one is shown as U+FFFD."""


_MOST_IN_A_COLUMN: Final = 8
"""Characters: a family as an emoji has eleven in two columns. A text of marks alone is cut into lines as well."""


def sanitize_for_terminal(text: str) -> str:
    """Make an untrusted text safe for a terminal.

    Returns:
        The text with line feeds for line ends, tabs and every other kind of space as spaces, and each character that is
        not printable in a visible form: control characters by their pictures, the rest (direction overrides, say) as
        U+FFFD.
    """
    text = readable(safe_value(text)).expandtabs(4)
    return "\n".join(
        line if line.isprintable() else "".join(map(_visible_char, line))  # nearly every line is
        for line in text.split("\n")
    )


def readable(text: str) -> str:
    """Return a text with Unicode's line ends as line feeds, and what would change its direction as U+FFFD."""
    return text if text.isascii() else text.translate(READABLE)


def _visible_char(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    # French puts a no-break space before a colon, Japanese has a space as wide as its letters.
    return " " * cells(char) if unicodedata.category(char) == "Zs" else "\ufffd"


def cells(text: str) -> int:
    """Return how many columns of a terminal a visible text takes."""
    return sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    if char < "\x7f":
        return 1
    is_mark = unicodedata.category(char) in ("Mn", "Me")  # written over the character before
    if is_mark or char in _JOINERS or "\u1160" <= char <= "\u11ff":  # Hangul vowels and finals join their initial
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrap(text: str, width: int) -> Iterator[str]:
    """Break a visible text into lines that fit a number of columns, between words where it can.

    Args:
        width: Columns of a line; at least 2, which is what the widest character takes.

    Yields:
        The lines, without spaces at their ends.
    """
    for paragraph in text.split("\n"):
        yield from _wrap_paragraph(paragraph.rstrip(" "), width)


def _wrap_paragraph(text: str, width: int) -> Iterator[str]:
    begin = 0
    while (end := fitting(text, width, begin)) < len(text):
        space = text.rfind(" ", begin, end + 1)
        if space > begin and text[begin:space].strip(" "):  # else it is the indentation of a long word
            end = space
        yield text[begin:end].rstrip(" ")
        begin = end
        while text[begin] == " ":  # there is a word: spaces at the end have been stripped
            begin += 1
    yield text[begin:]


def fitting(text: str, width: int, begin: int = 0) -> int:
    """Return the index up to which a visible text, read from ``begin`` on, fits ``width`` columns.

    The first character counts as fitting, however wide it is. Beyond :data:`_MOST_IN_A_COLUMN` characters for each
    column nothing fits, even if it takes no column.
    """
    if text.isascii():
        return min(len(text), begin + max(width, 1))
    used = 0
    for index in range(begin, len(text)):
        used += _cells_of(text[index])
        if (used > width and index > begin) or index - begin >= _MOST_IN_A_COLUMN * max(width, 1):
            return index
    return len(text)
