"""The display for a terminal: framed boxes.

Texts of peers are untrusted: control characters are shown, never obeyed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TextIO

from .cuts import cut
from .levels import level, level_name
from .output import Output
from .protocols import Notice
from .registry import Toast
from .terminal_text import cells, fitting, sanitize_for_terminal, wrap
from .throttle import Throttle


class _Frame(NamedTuple):
    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str
    across: str
    down: str
    dot: str
    cut: str


_LINES: Final = _Frame("╭", "╮", "╰", "╯", "─", "│", "·", "…")
_ASCII: Final = _Frame("+", "+", "+", "+", "-", "|", "-", "~")

# The dots, dashes and quotes of titles and of prose, for terminals that cannot show them.
_ASCII_FORMS: Final = str.maketrans(
    {
        "\u00b7": "-",
        "\u2022": "*",
        "\u2026": "...",
        "\u2013": "-",
        "\u2014": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
    }
)

_BOLD: Final = "\x1b[1m"
_DIM: Final = "\x1b[2m"
_RESET: Final = "\x1b[0m"

# Colours that every terminal has, and that are readable on a dark and on a light background.
_COLOURS: Final[Mapping[int, str]] = {10: _DIM, 20: "\x1b[36m", 30: "\x1b[33m", 40: "\x1b[31m", 50: "\x1b[1;35m"}

_MAX_WIDTH: Final = 100
_MIN_WIDTH: Final = 16
"""Columns of a box. A narrower terminal breaks the lines, and hides nothing."""

_MAX_LEVEL: Final = 20
"""Characters of a level's name: programs may have levels of their own."""

_LEAST_LABEL: Final = 12
"""Columns that the label at the left of an edge needs; with fewer, the label at the right is left out."""

_COMPLAINT_INTERVAL: Final = 5.0
"""Seconds between two lines about the same trouble, such as refused requests."""

_MOST_TROUBLES: Final = 1000
"""Troubles that are throttled one by one; bounded, because subscribers choose their own names."""

_MAX_LINES: Final = 30
_MAX_LAST_LINE: Final = 160
"""Characters of a last line that is shown even if the text is cut. The last line of a handler's text is no longer. In
the narrowest box it takes some twenty lines."""

_LEAST_LINES: Final = 5
"""Lines of title and text that are shown at the least."""


class ConsoleDisplay:
    """Shows each toast as a framed box in a terminal, coloured by level."""

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool | None = None,
        remark: Callable[[Toast], str] = lambda _: "",
        time_format: str = "%H:%M:%S",
    ) -> None:
        """Look at what the stream can show.

        Args:
            colour: Whether to colour; None asks the stream and the environment.
            time_format: How to write when a toast arrived, as time.strftime takes it.
            remark: Makes a short remark for the lower edge of a toast's box.
        """
        self._stream = stream
        self._colour = has_colours(stream, os.environ) if colour is None else colour
        self._frame = _LINES if _can_show(stream, "".join(_LINES)) else _ASCII
        self._remark = remark
        self._time_format = time_format
        self._last: tuple[str, str] = ("", "")  # application and coalescing id of the lowest box
        self._last_size = (0, 0)  # its lines, and the terminal's columns
        self._throttles: defaultdict[tuple[object, ...], Throttle] = defaultdict(lambda: Throttle(_COMPLAINT_INTERVAL))

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Call ``to`` with each failure, if a thread writes to the stream."""
        if isinstance(self._stream, Output):
            self._stream.report_failures(to)

    def show(self, toast: Toast) -> None:
        """Write a toast's box. In a terminal, an update of the toast above takes its place."""
        terminal = shutil.get_terminal_size()
        width = max(_MIN_WIDTH, min(_MAX_WIDTH, terminal.columns - 1))
        lines = list(self._box(toast, width))
        height, columns = self._last_size
        is_update = bool(toast.coalescing_id) and self._last == (toast.application, toast.coalescing_id)
        if is_update and columns == terminal.columns > width and height < terminal.lines and self._stream.isatty():
            self._stream.write(f"\x1b[{height}F\x1b[J")  # to the first line of the box, and erase what is below
        self._stream.write("".join(line + "\n" for line in lines))
        self._stream.flush()
        self._last, self._last_size = (toast.application, toast.coalescing_id), (len(lines), terminal.columns)

    def notice(self, notice: Notice) -> None:
        """Write a line about another event: the server listens, a peer subscribes, something went wrong."""
        fields = notice.fields
        if notice.event == "listening":
            self._say(f"Listening on {fields['host']}:{fields['port']}. Ctrl-C ends it.")
        elif notice.event == "subscribe":
            self._say(f"{fields['name']} ({fields['peer']}) subscribes for {fields['ttl']} s")
        elif notice.trouble:
            self._complain(notice)

    def _complain(self, notice: Notice) -> None:
        """Write a line about a trouble, or only count it, so that a peer cannot fill the terminal."""
        if len(self._throttles) > _MOST_TROUBLES:
            self._throttles.clear()
        trouble = (notice.event, *map(notice.fields.get, ("display", "id", "reason")))
        quiet = self._throttles[trouble].allow()
        if quiet is not None:
            self._say(notice.trouble + (f", and {quiet:,} more before" if quiet else ""))

    def _say(self, line: str) -> None:
        self._last = ("", "")
        self._stream.write(self._styled(self._label(line), _DIM if self._colour else "") + "\n")
        self._stream.flush()

    def _box(self, toast: Toast, width: int) -> Iterator[str]:
        frame = self._frame
        paint = _COLOURS[level(toast)] if self._colour else ""
        side = self._styled(frame.down, paint)
        label = (self._time_of(toast), toast.application, toast.name)
        top = self._edge(label, _weight(toast), width, paint, paint)
        yield self._styled(frame.top_left, paint) + top + self._styled(frame.top_right, paint)
        for line, style in self._lines(toast, width - 4, paint):
            padding = " " * (width - 4 - cells(line))
            yield f"{side} {self._styled(line, style)}{padding} {side}"
        bottom = self._edge(_security_label(toast), self._remark(toast), width, paint, paint and _DIM)
        yield self._styled(frame.bottom_left, paint) + bottom + self._styled(frame.bottom_right, paint)

    def _lines(self, toast: Toast, width: int, paint: str) -> Iterator[tuple[str, str]]:
        """Yield the lines inside the box and their styles: title, as much of the text as fits, and its last line."""
        bold = paint and _BOLD + paint
        title = [(line, bold) for line in wrap(self._readable(toast.title), width)]
        text = self._readable(toast.text) if toast.text else ""
        lines = title + [(line, "") for line in wrap(text, width)] if text else title
        if len(lines) <= _MAX_LINES:
            yield from lines
            return
        # The text says what happened. If a handler of this package sent it, its last line says where.
        last_line = text.rstrip().rpartition("\n")[2]
        last = list(wrap(last_line, width)) if 0 < len(last_line) <= _MAX_LAST_LINE else []
        kept = _MAX_LINES - 1 - len(last)
        if kept < _LEAST_LINES:
            last, kept = [], _MAX_LINES - 1
        yield from lines[:kept]
        hidden = len(lines) - kept - len(last)
        yield from ((line, "") for line in wrap(f"... (+{hidden:,} {'lines' if hidden > 1 else 'line'})", width))
        yield from ((line, "") for line in last)

    def _edge(self, left: tuple[str, ...], right: str, width: int, paint: str, style: str) -> str:
        """Return a horizontal edge without its corners, with a label near each of them."""
        frame = self._frame
        room = width - 6  # two corners, and a piece of line and a space beside each
        right = self._label(right)
        taken = cells(right) + 2
        if not right or room - taken < _LEAST_LABEL:
            right, taken = "", 0
        label = f" {frame.dot} ".join(map(self._label, left))
        longest = room - taken - 1 if right else room  # a piece of line stays between the two
        if cells(label) > longest:
            label = label[: fitting(label, longest - 1)] + frame.cut
        gap = frame.across * (room - taken - cells(label))
        edge = self._styled(frame.across, paint) + f" {self._styled(label, style)} " + self._styled(gap, paint)
        if right:
            edge += f" {self._styled(right, style)} "
        return edge + self._styled(frame.across, paint)

    def _time_of(self, toast: Toast) -> str:
        return time.strftime(self._time_format, time.localtime(toast.arrived))

    def _label(self, text: str) -> str:
        return self._readable(text).replace("\n", " ")

    def _readable(self, text: str) -> str:
        """Return what the terminal can show of a text, with control characters in visible form."""
        text = sanitize_for_terminal(text)
        if self._frame is _ASCII:
            text = text.translate(_ASCII_FORMS)
        encoding = self._stream.encoding or "utf-8"
        return text.encode(encoding, "replace").decode(encoding)

    @staticmethod
    def _styled(text: str, style: str) -> str:
        return f"{style}{text}{_RESET}" if style else text


def _weight(toast: Toast) -> str:
    return cut(level_name(toast), _MAX_LEVEL) + (", sticky" if toast.sticky else "")


def _security_label(toast: Toast) -> tuple[str, ...]:
    """Return the cipher, the hash and the sender of a toast."""
    return tuple(part for part in (toast.encryption or "clear", toast.hash_ or "no key", toast.peer) if part)


def has_colours(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour what is written to a stream.

    Args:
        environ: Environment variables; ``NO_COLOR`` and ``TERM=dumb`` say no, ``FORCE_COLOR`` says yes.
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
