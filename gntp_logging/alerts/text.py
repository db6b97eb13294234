"""What an alert says: the exception, the message and the innermost frames, cut to a toast of nine lines. Pure."""

from __future__ import annotations

import copy
import logging
import os
import traceback
import unicodedata
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from . import fingerprint
from .tracebacks import TRACEBACK, FormattedError, Frame, type_name

MAX_TITLE: Final = 120
"""Characters: four lines of a toast, which is still a title."""

_CUT_MARK_SIZE: Final = 32
"""Characters kept free for "… (+1,000,000,000 characters)"."""

_MAX_CAUSES: Final = 3
"""Causes of an exception that are shown; a chain may be longer."""

_TOAST_LINES: Final = 9
_TOAST_WIDTH: Final = 30
"""Lines, and characters of a line, that growl-for-linux shows of a text (measured); Growl shows a little more."""

_KEPT_LINES: Final = 2
"""Lines kept free for the context and for the count of a group."""

_MAX_FRAMES: Final = 5
"""Frames that are shown, however large the toast."""

_MAX_HEAD: Final = 4
"""Lines of the exception, and lines of the message, at most: the frames fill what the toast has left."""


def title(level_name: str, app_name: str, logger_name: str) -> str:
    """Return level, application and logger in one line; a logger that says nothing new is left out."""
    parts = [level_name, app_name]
    if logger_name not in ("", "root", app_name):
        parts.append(logger_name)
    return one_line(" · ".join(parts))


def frames_of(traceback: TracebackType | None) -> list[Frame]:
    """Return a traceback's frames, the outermost first."""
    frames: list[Frame] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return frames


def of_exception(record: logging.LogRecord, frames: Sequence[Frame], said: str, max_text: int) -> str:
    """Return the text of a record with an exception.

    Args:
        record: A record with ``exc_info``.
        frames: The exception's frames, the outermost first.
        said: The record's message.
        max_text: Characters to which the text will be cut; 0 for no limit. Neither the exception nor the message takes
            more than a third of them, so that the frames are not cut.

    Returns:
        The exception, the message, the innermost frames, the cause.
    """
    exc_info = record.exc_info
    assert exc_info
    assert exc_info[0] is not None
    if TRACEBACK in said:  # loguru writes it into the message as well
        said = said.partition(TRACEBACK)[0]
    return _in_order(exception_line(exc_info[0], exc_info[1]), said, frames, cause_line(exc_info[1]), max_text)


def of_formatted(error: FormattedError, said: str, max_text: int) -> str:
    """Return the text of a record whose exception was formatted before.

    Args:
        error: The exception, as :func:`parse_traceback` has found it.
        said: The message before the traceback.
        max_text: As for :func:`of_exception`.
    """
    word = "caused by" if error.is_caused else "while handling"
    cause = f"{word} {one_line(error.before.line)}" if error.before else ""
    return _in_order(error.line, said, error.frames, cause, max_text)


def _in_order(first: str, said: str, frames: Sequence[Frame], cause: str, max_text: int) -> str:
    said = said.strip()
    if said in first:
        said = ""
    lines = [_head(part, max_text // 3) for part in (first, said) if part]
    room = _TOAST_LINES - _KEPT_LINES - _height(*lines, cause)
    lines += innermost_frames(frames, room)
    return "\n".join([*lines, cause] if cause else lines)


def _head(text: str, max_text: int) -> str:
    """Return the first lines of a text, and how many more it has."""
    lines = text.split("\n")
    if len(lines) > _MAX_HEAD:
        return f"{cut(chr(10).join(lines[: _MAX_HEAD - 1]), max_text)}\n{_more_lines(len(lines) - _MAX_HEAD + 1)}"
    return cut(text, max_text)


def _height(*texts: str) -> int:
    """Return how many lines of a toast some texts take."""
    return sum(-(-len(line) // _TOAST_WIDTH) for text in texts for line in text.split("\n"))


def message(record: logging.LogRecord) -> str:
    """Return the record's message; the raw template where its arguments do not fit or cannot be printed."""
    msg = record.msg
    if type(msg) is dict and "event" in msg:  # structlog hands its whole event on, for its own formatter
        msg = msg["event"]
    elif type(msg) is str and not record.args:
        return msg
    else:
        try:
            return record.getMessage()
        except Exception:  # noqa: BLE001, S110 - application code runs here, and whatever it raises, the alert goes out
            pass
    try:
        return str(msg)
    except Exception:  # noqa: BLE001
        return f"<a message of type {type(msg).__name__} that cannot be printed>"


_PRINTED_WITH_MORE: Final = (SyntaxError, NameError, AttributeError, ImportError)
"""To these Python adds the place, or a suggestion."""


def exception_line(exc_type: type[BaseException], value: BaseException | None) -> str:
    """Return ``Type: message`` of an exception, as Python prints it."""
    try:
        if not issubclass(exc_type, _PRINTED_WITH_MORE) and not hasattr(value, "__notes__"):
            said = "" if value is None else str(value)  # traceback's own function takes seven times as long
            return (f"{type_name(exc_type)}: {said}" if said else type_name(exc_type)).strip()
    except Exception:  # noqa: BLE001, S110 - exceptions with hostile attributes exist
        pass
    try:
        return "".join(traceback.format_exception_only(exc_type, value)).strip()
    except Exception:  # noqa: BLE001
        return exc_type.__name__


def innermost_frames(frames: Sequence[Frame], room: int) -> list[str]:
    """Return where an error happened as ``file:line in function``, the innermost frame first.

    Args:
        frames: Path, line and function of each frame, the outermost first.
        room: Lines of a toast to fill; there is always one frame.

    Returns:
        The application's innermost frames, and a line that counts the others. If no frame is the application's, the
        innermost of all frames.
    """
    if not frames:
        return []
    own = [frame for frame in frames if fingerprint.is_application(frame[0])]
    libraries = len(frames) - len(own) if own else 0
    lines: list[str] = []
    for path, number, function in reversed((own or frames)[-_MAX_FRAMES:]):
        frame_line = f"{_short(path)}:{number} in {function}"
        if lines and _height(*lines, frame_line) >= room:  # the last line is for the count of the others
            break
        lines.append(frame_line)
    others = len(frames) - libraries - len(lines)
    counts = [f"+{others} further out" if others else "", _count_of(libraries) if libraries else ""]
    if any(counts):
        lines.append(f"({', '.join(filter(None, counts))})")
    return lines


def _count_of(libraries: int) -> str:
    return f"+{libraries} in libraries" if libraries > 1 else "+1 in a library"


def cause_line(value: BaseException | None) -> str:
    """Return the causes of an exception in one line, each after ``caused by`` or ``while handling``."""
    causes: list[str] = []
    while value is not None and len(causes) < _MAX_CAUSES:
        cause, word = value.__cause__, "caused by"
        if cause is None and not value.__suppress_context__:
            cause, word = value.__context__, "while handling"
        if cause is not None:
            causes.append(f"{word} {one_line(exception_line(type(cause), cause))}")
        value = cause
    return ", ".join(causes)


def _short(path: str) -> str:
    """Return a file's name with its folder: enough to recognise it, short enough for a toast."""
    return "/".join(path.replace(os.sep, "/").rsplit("/", 2)[-2:])


def formatted(record: logging.LogRecord, formatter: logging.Formatter) -> str | None:
    """Return what the user's formatter makes of the record, or None when it fails."""
    try:
        return formatter.format(copy.copy(record))  # Formatter writes into the record that it formats
    except Exception:  # noqa: BLE001 - see message()
        return None


def cut(text: str, max_text: int) -> str:
    """Cut a text to a readable size, and say how much is missing.

    Args:
        text: Any text.
        max_text: Characters at most; 0 cuts nothing.

    Returns:
        The text; or its beginning, and how many lines are missing, or how many characters if it is only part of a line.
    """
    if not max_text or len(text) <= max_text:
        return text
    if max_text < 2 * _CUT_MARK_SIZE:
        return text[: boundary(text, max_text - 1)] + "…"
    kept = text[: boundary(text, max_text - _CUT_MARK_SIZE)]
    whole = kept.rfind("\n")
    if "\n" not in text[len(kept) :] and whole < len(kept) // 2:
        return f"{kept}… (+{len(text) - len(kept):,} characters)"
    if whole >= len(kept) // 2:
        kept = text[:whole]
        return f"{kept}\n{_more_lines(text.count(chr(10), whole))}"
    return f"{kept}…\n{_more_lines(text.count(chr(10), len(kept)))}"


def _more_lines(count: int) -> str:
    return f"... (+{count:,} lines)" if count > 1 else "... (+1 line)"


def boundary(text: str, at: int) -> int:
    """Return the last index up to ``at`` where cutting a text splits no character.

    Characters are meant as people see them: a letter with its accents, an emoji with its modifiers, a flag.
    """
    for place in range(at, max(0, at - _MAX_CLUSTER), -1):
        if place >= len(text) or not _is_joined(text, place):
            return place
    return at


_MAX_CLUSTER: Final = 32
"""Code points of what people see as one character. Emoji have some ten; a text of accents alone must not cost more."""

_JOINER: Final = "\u200d"


def _is_joined(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    if (
        _JOINER in (before, after)
        or unicodedata.category(after).startswith("M")
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    ):
        return True
    if not (_is_flag_half(before) and _is_flag_half(after)):
        return False
    begin = place
    while begin and _is_flag_half(text[begin - 1]):
        begin -= 1
    return (place - begin) % 2 == 1


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def one_line(text: str) -> str:
    """Put a text on one line, cut to a title's length."""
    line = " ".join(text[: 4 * MAX_TITLE].split())
    return line if len(line) <= MAX_TITLE else line[: boundary(line, MAX_TITLE - 1)] + "…"
