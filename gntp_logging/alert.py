"""An alert, and how a log record becomes one. Pure: no I/O, no locks.

An :class:`Alert` holds strings and numbers only. Exceptions, frames and arguments stay with the record, so that nothing
an application made lives longer because it was logged.
"""

from __future__ import annotations

import copy
import functools
import logging
import os
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple

from . import fingerprint
from .fingerprint import Kind
from .levels import LevelMap

EXTRA_KEY: Final = "gntp"
"""Attribute of a record with what this one alert shall look like: ``extra={"gntp": {...}}``."""

MAX_TITLE: Final = 120
"""Characters. Toasts show about 30; four lines of them is still a title."""

_CUT_MARK_SIZE: Final = 32
"""Characters kept free for "… (+1,000,000,000 characters)"."""

_MAX_CAUSES: Final = 3
"""Links of a chain of exceptions that are told."""

_MAX_FRAMES: Final = 5
"""Frames of a traceback: a toast shows nine lines."""


class Alert(NamedTuple):
    """What will be shown. A tuple, because one is built in every logging call and dataclasses take four times as long.

    Attributes:
        level: The record's level number.
        event: Name of the notification type.
        priority: From -2 to 2.
        sticky: Whether it stays until it is dismissed.
        title: One line, never blank.
        text: The body, never blank.
        icon: Picture of this alert alone: a path, a URL or the bytes; None uses the level's.
        url: What opens on a click; None opens nothing.
        key: Alerts with the same key share one toast on the desktop; None gives each its own.
        level_name: The level's name.
        created: When the record was made, in seconds since 1970.
        kind: What alerts of the same mistake have in common, to be settled by :func:`.fingerprint.settled`.
    """

    level: int
    event: str
    priority: int
    sticky: bool
    title: str
    text: str
    icon: str | bytes | None = None
    url: str | None = None
    key: str | None = None
    level_name: str = ""
    created: float = 0.0
    kind: Kind = ()


class _Look(NamedTuple):
    """What all records of one logger and level have in common."""

    event: str
    priority: int
    sticky: bool
    title: str
    level_name: str
    logger: str


class AlertFactory:
    """Turns records into alerts, one way for one handler."""

    def __init__(self, app_name: str, levels: LevelMap, max_text: int, url: str | None = None) -> None:
        """Keep what does not change from record to record.

        Args:
            app_name: The application's name, part of the title.
            levels: Styles by level.
            max_text: Characters of the text at most; 0 cuts nothing.
            url: What opens on a click, for records that name none.
        """
        self._app_name = app_name
        self._levels = levels
        self._max_text = max_text
        self._url = url
        # A program has few loggers and levels, and each call would put together the same again.
        self._look = functools.lru_cache(maxsize=1024)(self._make_look)

    def _make_look(self, level: int, level_name: str, logger: str) -> _Look:
        style = self._levels.style(level)
        level_name, logger = level_name[:MAX_TITLE], logger[:MAX_TITLE]
        line = title(level_name, self._app_name, logger)
        return _Look(style.event, style.priority, style.sticky, line, level_name, logger)

    def from_record(self, record: logging.LogRecord, formatter: logging.Formatter | None = None) -> Alert:
        """Make an alert from a record, whatever the record holds.

        Args:
            record: The record; it is not changed.
            formatter: Makes the text instead of this module; None for the default text.

        Returns:
            The alert.
        """
        try:
            return self._from_record(record, formatter)
        except Exception as error:  # noqa: BLE001 - records are made by anybody, of anything
            return self._plainly(record, error)

    def _plainly(self, record: logging.LogRecord, error: Exception) -> Alert:
        """Make an alert of a record whose attributes are not what logging makes them: of its message alone."""
        level = record.levelno if type(record.levelno) is int else logging.ERROR
        style = self._levels.style(level)
        text = f"{cut(message(record), self._max_text)}\n({type(error).__name__} while the record was read)"
        return Alert(
            level,
            style.event,
            style.priority,
            style.sticky,
            title("Alert", self._app_name, ""),
            text,
            level_name="Alert",
            created=time.time(),
            kind=(level, text[:MAX_TITLE]),
        )

    def _from_record(self, record: logging.LogRecord, formatter: logging.Formatter | None) -> Alert:
        level, level_name, logger, created = record.levelno, record.levelname, record.name, record.created
        if type(level_name) is not str or type(logger) is not str:
            level_name, logger = str(level_name), str(logger)
        look = self._look(level, level_name, logger)
        plain = message(record)
        text = _formatted(record, formatter) if formatter else None
        if text is None:
            text = default_text(record, plain)
        exc_info = record.exc_info
        if exc_info and exc_info[0] is not None:
            kind = fingerprint.of_exception(level, exc_info[0], exc_info[2])
        else:
            kind = fingerprint.of_call(record, look.logger, plain)
        fields = (
            level,
            look.event,
            look.priority,
            look.sticky,
            look.title,
            cut(text, self._max_text) if text.strip() else "(empty message)",
            None,
            self._url,
            None,
            look.level_name,
            created if type(created) is float else time.time(),
            kind,
        )
        alert = tuple.__new__(Alert, fields)  # Alert(...) takes twice as long
        wishes = record.__dict__.get(EXTRA_KEY)
        return alert if wishes is None else with_wishes(alert, wishes)


def title(level_name: str, app_name: str, logger_name: str) -> str:
    """Return level, application and logger in one line; what says nothing new is left out."""
    parts = [level_name, app_name]
    if logger_name not in ("", "root", app_name):
        parts.append(logger_name)
    return one_line(" · ".join(parts))


# -- Text ----------------------------------------------------------------------------------------


def default_text(record: logging.LogRecord, text: str) -> str:
    """Return what a person needs first: the exception, the message, the innermost frames.

    Args:
        record: The record.
        text: Its message.

    Returns:
        The message alone when there is no exception.
    """
    exc_info = record.exc_info
    if exc_info and exc_info[0] is not None:
        first = exception_line(exc_info[0], exc_info[1])
        said = text.strip()
        lines = [first, "" if said and said in first else said, *innermost_frames(exc_info[2]), cause_line(exc_info[1])]
        return "\n".join(line for line in lines if line)
    if record.exc_text:  # QueueHandler leaves only this of an exception
        return f"{text}\n{record.exc_text}"
    return text


def message(record: logging.LogRecord) -> str:
    """Return the record's message; the raw template where its arguments do not fit or cannot be printed."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001, S110 - application code runs here, and whatever it raises, the alert goes out
        pass
    try:
        return str(record.msg)
    except Exception:  # noqa: BLE001
        return f"<a message of type {type(record.msg).__name__} that cannot be printed>"


def exception_line(kind: type[BaseException], value: BaseException | None) -> str:
    """Return ``Type: message`` of an exception."""
    try:
        return "".join(traceback.format_exception_only(kind, value)).strip()
    except Exception:  # noqa: BLE001 - exceptions with hostile attributes exist
        return kind.__name__


def innermost_frames(tb: TracebackType | None) -> list[str]:
    """Return where an error happened as ``file:line in function``, the innermost frame first.

    Args:
        tb: The traceback.

    Returns:
        The application's innermost frames, and a line that counts the others; where the application has none, the
        innermost of whatever there is.
    """
    own: deque[tuple[str, int, str]] = deque(maxlen=_MAX_FRAMES)
    any_: deque[tuple[str, int, str]] = deque(maxlen=_MAX_FRAMES)
    count = libraries = 0
    while tb is not None:
        code = tb.tb_frame.f_code
        frame = (code.co_filename, tb.tb_lineno, code.co_name)
        any_.append(frame)
        count += 1
        if fingerprint.is_application(code.co_filename):
            own.append(frame)
        else:
            libraries += 1
        tb = tb.tb_next
    shown = own or any_
    lines = [f"{_short(path)}:{line} in {function}" for path, line, function in reversed(shown)]
    if own and libraries:
        lines.append(f"(+{libraries} in libraries)" if libraries > 1 else "(+1 in a library)")
    elif count > len(shown):
        lines.append(f"(+{count - len(shown)} further out)")
    return lines


def cause_line(value: BaseException | None) -> str:
    """Return in one line what an exception was raised from, or while what was handled; empty when nothing was.

    Args:
        value: The exception.
    """
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
    """Keep a file's name and its folder's: enough to know it, short enough for a toast."""
    return "/".join(path.replace(os.sep, "/").rsplit("/", 2)[-2:])


def _formatted(record: logging.LogRecord, formatter: logging.Formatter) -> str | None:
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
        The text, or its beginning and the number of characters that were cut.
    """
    if not max_text or len(text) <= max_text:
        return text
    if max_text < 2 * _CUT_MARK_SIZE:
        return text[: max_text - 1] + "…"
    kept = max_text - _CUT_MARK_SIZE
    return f"{text[:kept]}… (+{len(text) - kept:,} characters)"


def one_line(text: str) -> str:
    """Put a text on one line, cut to a title's length."""
    line = " ".join(text[: 4 * MAX_TITLE].split())
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1] + "…"


# -- What one record wishes ----------------------------------------------------------------------


def with_wishes(alert: Alert, wishes: object) -> Alert:
    """Apply a record's ``extra={"gntp": {...}}``.

    The alert goes out whatever the wishes are. One that cannot be met is told in the alert's text, where its author
    sees it.

    Args:
        alert: The alert as its level makes it.
        wishes: A mapping with any of title, event, priority, sticky, icon, url, key.

    Returns:
        The alert as wished.
    """
    try:
        if not isinstance(wishes, Mapping):
            return _with_complaint(alert, f"must be a dict, not {type(wishes).__name__}")
        for name, value in wishes.items():
            wish = _WISHES.get(name)
            if wish is not None and value is None:
                continue  # as if it were not there
            if wish is None:
                alert = _with_complaint(alert, f"{name!r} is unknown; allowed: {', '.join(_WISHES)}")
            elif not wish.is_valid(value):
                alert = _with_complaint(alert, f"{name} must be {wish.allowed}, not {value!r:.40}")
            else:
                alert = wish.grant(alert, value)
    except Exception as error:  # noqa: BLE001 - values are the application's: repr and == may raise
        alert = _with_complaint(alert, f"{type(error).__name__} while it was read")
    return alert


def _with_complaint(alert: Alert, complaint: str) -> Alert:
    return alert._replace(text=f'{alert.text}\n(extra["{EXTRA_KEY}"]: {complaint})')


class _Wish(NamedTuple):
    allowed: str
    is_valid: Callable[[object], bool]
    grant: Callable[[Alert, Any], Alert]  # the value's type is what is_valid has let through


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_priority(value: object) -> bool:
    return type(value) is int and -2 <= value <= 2


def _is_icon(value: object) -> bool:
    return _is_text(value) or isinstance(value, (bytes, os.PathLike))


def _with_icon(alert: Alert, icon: str | bytes | os.PathLike[str]) -> Alert:
    return alert._replace(icon=icon if isinstance(icon, bytes) else os.fsdecode(icon))


_TEXT: Final = "a string that is not blank"
_WISHES: Final = {
    "title": _Wish(_TEXT, _is_text, lambda alert, title: alert._replace(title=one_line(title))),
    "event": _Wish(_TEXT, _is_text, lambda alert, event: alert._replace(event=one_line(event))),
    "priority": _Wish("an integer from -2 to 2", _is_priority, lambda alert, value: alert._replace(priority=value)),
    "sticky": _Wish(
        "True or False", lambda value: isinstance(value, bool), lambda alert, value: alert._replace(sticky=value)
    ),
    "icon": _Wish("a path, a URL or bytes", _is_icon, _with_icon),
    "url": _Wish(_TEXT, _is_text, lambda alert, url: alert._replace(url=url)),
    "key": _Wish(_TEXT, _is_text, lambda alert, key: alert._replace(key=key, kind=fingerprint.of_key(key))),
}
