"""Displays: small objects that show toasts. The console's draws framed boxes.

Whatever a toast holds was sent by a stranger: a display shows control characters, it never obeys them.
"""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol, TextIO

from gntp_logging.gntp.headers import safe_value

from .registry import Toast


class Display(Protocol):
    """Something that shows toasts."""

    def show(self, toast: Toast) -> None:
        """Show a toast. Called on the receiver's thread; what it raises is counted and harms nobody.

        Args:
            toast: The toast.
        """


# -- Text in a terminal --------------------------------------------------------------------------

_JOINERS: Final = "\u200d\ufe0e\ufe0f"
"""Zero-width characters that emoji are made with; every other invisible one is shown as U+FFFD."""


def visible(text: str) -> str:
    """Make a text that a stranger sent harmless for a terminal.

    Args:
        text: Any text.

    Returns:
        The text with line feeds kept, tabs as spaces, and every other character that is not printable in a visible
        form: control characters by their pictures, the rest (direction overrides, say) as U+FFFD.
    """
    lines = safe_value(text).expandtabs(4).split("\n")
    return "\n".join(
        "".join(char if char.isprintable() or char in _JOINERS else "\ufffd" for char in line) for line in lines
    )


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    if unicodedata.combining(char) or char in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrap(text: str, width: int) -> Iterator[str]:
    """Break a text into lines that fit a number of columns, between words where there are any.

    Args:
        text: A visible text.
        width: Columns of a line.

    Yields:
        The lines.
    """
    for paragraph in text.split("\n"):
        rest = paragraph
        while (cut := _fitting(rest, width)) < len(rest):
            space = rest.rfind(" ", 0, cut + 1)
            end = space if space > 0 else max(1, cut)
            yield rest[:end].rstrip()
            rest = rest[end:].lstrip()
        yield rest


def _fitting(text: str, width: int) -> int:
    """Return how many characters of a text fit."""
    used = 0
    for index, char in enumerate(text):
        used += _cells_of(char)
        if used > width:
            return index
    return len(text)


# -- Boxes ---------------------------------------------------------------------------------------


class _Frame(NamedTuple):
    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str
    across: str
    down: str
    dot: str


_LINES: Final = _Frame("╭", "╮", "╰", "╯", "─", "│", "·")
_ASCII: Final = _Frame("+", "+", "+", "+", "-", "|", "-")

PRIORITY_NAMES: Final[Mapping[int, str]] = {-2: "very low", -1: "low", 0: "normal", 1: "high", 2: "emergency"}

# Of the sixteen colours that every terminal has, those that are readable on dark and on light ground.
_COLOURS: Final[Mapping[int, str]] = {-2: "\x1b[90m", -1: "\x1b[36m", 0: "\x1b[33m", 1: "\x1b[31m", 2: "\x1b[1;35m"}
_BOLD: Final = "\x1b[1m"
_RESET: Final = "\x1b[0m"

_MAX_WIDTH: Final = 76
_MIN_WIDTH: Final = 24
_MAX_LINES: Final = 30


class ConsoleDisplay:
    """Shows each toast as a framed box in a terminal, coloured by priority."""

    def __init__(
        self, stream: TextIO, *, colour: bool | None = None, remark: Callable[[Toast], str] = lambda _: ""
    ) -> None:
        """Look at what the stream can show.

        Args:
            stream: Where to write.
            colour: Whether to colour; None finds out.
            remark: Makes a short remark for the lower edge of a toast's box.
        """
        self._stream = stream
        self._colour = has_colours(stream, os.environ) if colour is None else colour
        self._frame = _LINES if _can_show(stream, "".join(_LINES)) else _ASCII
        self._remark = remark

    def show(self, toast: Toast) -> None:
        """Write a toast's box.

        Args:
            toast: The toast.
        """
        width = max(_MIN_WIDTH, min(_MAX_WIDTH, shutil.get_terminal_size().columns - 1))
        box = "\n".join(self._box(toast, width)) + "\n"
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(box.encode(encoding, "replace").decode(encoding))
        self._stream.flush()

    def _box(self, toast: Toast, width: int) -> Iterator[str]:
        frame, inner = self._frame, width - 4
        paint = _COLOURS[toast.priority] if self._colour else ""
        bold = paint + _BOLD if paint else ""
        plain = _RESET if paint else ""
        dot = f" {frame.dot} "
        right = PRIORITY_NAMES[toast.priority] + (", sticky" if toast.sticky else "")
        how = dot.join(part for part in (toast.encryption or "clear", toast.hash_ or "no key", toast.peer) if part)

        yield (
            paint
            + self._edge(frame.top_left, dot.join((toast.application, toast.name)), right, frame.top_right, width)
            + plain
        )
        lines = [(line, bold) for line in wrap(visible(toast.title), inner)]
        lines += [(line, "") for line in wrap(visible(toast.text), inner)] if toast.text else []
        if len(lines) > _MAX_LINES:
            lines[_MAX_LINES:] = [(f"(+{len(lines) - _MAX_LINES} more lines)", "")]
        for line, style in lines:
            padding = " " * (inner - cells(line))
            yield f"{paint}{frame.down}{plain} {style}{line}{plain}{padding} {paint}{frame.down}{plain}"
        yield paint + self._edge(frame.bottom_left, how, self._remark(toast), frame.bottom_right, width) + plain

    def _edge(self, start: str, left: str, right: str, end: str, width: int) -> str:
        """Return a horizontal edge with a text near each corner; the left one gives way."""
        across = self._frame.across
        right = f" {right} {across}" if right else ""
        room = width - 5 - cells(right)
        left = visible(left).replace("\n", " ")
        left = left if cells(left) <= room else left[: max(0, _fitting(left, room - 1))] + "~"
        filling = across * (width - 5 - cells(left) - cells(right))
        return f"{start}{across} {left} {filling}{right}{end}"


def has_colours(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour what is written to a stream.

    Args:
        stream: The stream.
        environ: Environment variables; ``NO_COLOR`` and ``TERM=dumb`` say no, ``FORCE_COLOR`` says yes.

    Returns:
        Whether to colour.
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM", "") != "dumb"


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
