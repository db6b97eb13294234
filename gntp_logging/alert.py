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
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple

from . import fingerprint
from .context import Context, Pairs
from .context import line as context_line
from .fingerprint import Kind
from .levels import LevelMap
from .templates import Template, link

EXTRA_KEY: Final = "gntp"
"""Attribute of a record with what this one alert shall look like: ``extra={"gntp": {...}}``."""

MAX_TITLE: Final = 120
"""Characters. Toasts show about 30; four lines of them is still a title."""

_CUT_MARK_SIZE: Final = 32
"""Characters kept free for "… (+1,000,000,000 characters)"."""

_BLANKS: Final = " \t\r\n"

_MAX_CAUSES: Final = 3
"""Links of a chain of exceptions that are told."""

_TOAST_LINES: Final = 9
_TOAST_WIDTH: Final = 30
"""What growl-for-linux shows of a text; Growl shows a little more."""

_KEPT_LINES: Final = 2
"""Lines of a toast for the context and, of a folded alert, its count."""

_MAX_FRAMES: Final = 5
_MAX_HEAD: Final = 4
"""Lines of an exception's text, and of the message beside it, so that the frames can be seen."""


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
        context: What the program was doing, as names and values; shown in the last line, and sent as ``Data-`` headers.
        url_parts: What opens on a click, where values are part of it: see :meth:`.templates.Template.parts`.
        is_formatted: Whether the user's formatter made the text, to which no line of context is added then.
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
    context: Pairs = ()
    url_parts: tuple[str, ...] = ()
    is_formatted: bool = False

    def body(self) -> str:
        """Return the text as it is shown, with the line of context."""
        where = "" if self.is_formatted else context_line(self.context)
        return f"{self.text.rstrip(_BLANKS)}\n{where}" if where else self.text

    def target(self) -> str | None:
        """Return the URL that opens on a click, its values quoted; None when nothing does."""
        return link(self.url_parts) if self.url_parts else self.url


_new_tuple: Final = tuple.__new__


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

    def __init__(
        self,
        app_name: str,
        levels: LevelMap,
        max_text: int,
        *,
        url: Template | None = None,
        title: Template | Callable[[logging.LogRecord], object] | None = None,
        fingerprint: Callable[[logging.LogRecord], object] | None = None,
        context: Context | None = None,
    ) -> None:
        """Keep what does not change from record to record.

        Args:
            app_name: The application's name, part of the title.
            levels: Styles by level.
            max_text: Characters of the text at most; 0 cuts nothing.
            url: What opens on a click, for records that name none.
            title: Makes the title; None for the usual one.
            fingerprint: Returns, for a record, what alerts of its kind have in common; None for the usual kinds.
            context: Collects what the program was doing; None for nothing but the machine's name.
        """
        self._app_name = app_name
        self._levels = levels
        self._max_text = max_text
        self._url = None if url is None or url.has_fields else url.fill({})
        self._url_template = url if url is not None and url.has_fields else None
        self._title = title
        self._fingerprint = fingerprint
        self._context = Context() if context is None else context
        self._has_templates = bool(self._url_template or title or fingerprint)
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
            level, level_name, logger, created = record.levelno, record.levelname, record.name, record.created
            if type(level_name) is not str or type(logger) is not str:
                level_name, logger = str(level_name), str(logger)
            look = self._look(level, level_name, logger)
            plain = message(record)
            exc_info = record.exc_info
            text = formatted = _formatted(record, formatter) if formatter else None
            if text is None:
                text = default_text(record, plain, self._max_text) if exc_info or record.exc_text else plain
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
                self._context.of(record),
                (),
                formatted is not None,
            )
            alert = _new_tuple(Alert, fields)  # Alert(...) takes twice as long
            if self._has_templates:
                alert = self._with_templates(alert, record, plain)
            wishes = record.__dict__.get(EXTRA_KEY)
            return alert if wishes is None else with_wishes(alert, wishes)
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
            context=self._context.constants,
        )

    def _with_templates(self, alert: Alert, record: logging.LogRecord, plain: str) -> Alert:
        """Apply the options title, url and fingerprint; the application's code runs here, and may fail."""
        values = {**dict(alert.context), **record.__dict__, "message": plain, "app_name": self._app_name}
        failures = []
        if self._title is not None:
            try:
                template = self._title
                line = one_line(str(template.fill(values) if isinstance(template, Template) else template(record)))
                alert = alert._replace(title=line or alert.title)
            except Exception as error:  # noqa: BLE001
                failures.append(f"title: {type(error).__name__}")
        if self._url_template is not None:
            try:
                alert = alert._replace(url_parts=self._url_template.parts(values))
            except Exception as error:  # noqa: BLE001
                failures.append(f"url: {type(error).__name__}")
        if self._fingerprint is not None:
            try:
                key = self._fingerprint(record)
                if key is not None:
                    alert = alert._replace(kind=fingerprint.of_key(str(key)))
            except Exception as error:  # noqa: BLE001
                failures.append(f"fingerprint: {type(error).__name__}")
        return alert._replace(text="\n".join((alert.text, *(f"({failure})" for failure in failures))))


def title(level_name: str, app_name: str, logger_name: str) -> str:
    """Return level, application and logger in one line; what says nothing new is left out."""
    parts = [level_name, app_name]
    if logger_name not in ("", "root", app_name):
        parts.append(logger_name)
    return one_line(" · ".join(parts))


# -- Text ----------------------------------------------------------------------------------------


def default_text(record: logging.LogRecord, text: str, max_text: int = 0) -> str:
    """Return what a person needs first: the exception, the message, the innermost frames.

    Args:
        record: The record.
        text: Its message.
        max_text: Characters to which the text will be cut; 0 for no limit. Neither the exception nor the message takes
            more than a third of them, so that it is not the frames that are cut.

    Returns:
        The message alone when there is no exception.
    """
    exc_info = record.exc_info
    if exc_info and exc_info[0] is not None:
        first, said = exception_line(exc_info[0], exc_info[1]), text.strip()
        if said in first:
            said = ""
        lines = [_head(part, max_text // 3) for part in (first, said) if part]
        cause = cause_line(exc_info[1])
        room = _TOAST_LINES - _KEPT_LINES - _height(*lines, cause)
        lines += innermost_frames(exc_info[2], room)
        return "\n".join([*lines, cause] if cause else lines)
    if record.exc_text:  # QueueHandler leaves only this of an exception
        return f"{text}\n{record.exc_text}"
    return text


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


def innermost_frames(tb: TracebackType | None, room: int = _MAX_FRAMES) -> list[str]:
    """Return where an error happened as ``file:line in function``, the innermost frame first.

    Args:
        tb: The traceback.
        room: Lines of a toast to fill; there is always one frame.

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
    if not count:
        return []
    lines: list[str] = []
    for path, number, function in reversed(own or any_):
        frame_line = f"{_short(path)}:{number} in {function}"
        if lines and _height(*lines, frame_line) >= room:  # the last line is for the count of the others
            break
        lines.append(frame_line)
    others = count - len(lines) - (libraries if own else 0)
    counts = [f"+{others} further out" if others else "", _count_of(libraries) if own and libraries else ""]
    if any(counts):
        lines.append(f"({', '.join(filter(None, counts))})")
    return lines


def _count_of(libraries: int) -> str:
    return f"+{libraries} in libraries" if libraries > 1 else "+1 in a library"


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
        The text, or its beginning and the number of lines, or of characters of its last line, that were cut.
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
    """Return the last place, up to a given one, where a text can be cut without taking a character apart.

    Args:
        text: Any text.
        at: Where it should be cut.

    Returns:
        A place before which there are whole characters as people see them: a letter with its accents, an emoji with
        its colour and company, a flag.
    """
    for place in range(at, max(0, at - _MAX_CLUSTER), -1):
        if place >= len(text) or not _is_joined(text, place):
            return place
    return at


_MAX_CLUSTER: Final = 32
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
    "url": _Wish(_TEXT, _is_text, lambda alert, url: alert._replace(url=url, url_parts=())),
    "key": _Wish(_TEXT, _is_text, lambda alert, key: alert._replace(key=key, kind=fingerprint.of_key(key))),
}
