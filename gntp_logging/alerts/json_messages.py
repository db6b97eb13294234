"""Messages that are JSON, as structlog, loguru and formatters for collectors of logs write them. Pure."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Final

from .tracebacks import TRACEBACK, is_printed

if TYPE_CHECKING:
    import json

Event = dict[object, object]
"""An event as structlog makes it: the message as ``event``, an exception and a stack as texts, and other values."""

_MAX_JSON: Final = 16_384
"""Characters of an object that is read on the thread that logs."""

_LOGURU: Final = '{"text": '
_OF_LOGURU: Final = ', "record": {"elapsed": {"repr": '
"""What stands on either side of loguru's text; no other program writes both."""

_OF_STRUCTLOG: Final = frozenset(("level", "logger", "timestamp"))
_LEVELS: Final = frozenset(("level", "log.level", "severity"))
_TIMES: Final = frozenset(("timestamp", "@timestamp", "asctime", "time"))
_EXCEPTIONS: Final = ("exc_info", "exc_text", "exception", "traceback", "stack_trace")
_OF_ECS: Final = frozenset(("ecs.version", "ecs", "error", "log", "process"))
"""Names in the Elastic Common Schema whose values an alert shows anyway, each in its own place."""


def read_json(record: logging.LogRecord, text: str, *, is_formatted: bool = False) -> tuple[Event, str] | None:
    """Return the event that a text holds, and the lines behind it, where QueueHandler has put the exception.

    Any object with an ``event`` is structlog's. An object with a ``message`` is a formatter's if it repeats values of
    the record, or holds an exception. Its level, logger, time and other values of the record are left out, because the
    alert shows them anyway.

    Args:
        record: The record.
        text: Its message, or what a formatter has made of it.
        is_formatted: Whether a formatter of this record has written it, whatever it holds.

    Returns:
        None where the text is something else.
    """
    if text.startswith(_LOGURU):
        said, end = _decoded(text, len(_LOGURU))
        if type(said) is str and text.startswith(_OF_LOGURU, end):
            return {"event": said}, ""
    if len(text) > _MAX_JSON or not ('"event"' in text or '"message"' in text):
        return None
    found, end = _decoded(text)
    if type(found) is not dict or text[end:].lstrip(" \t\r")[:1] not in ("", "\n"):
        return None
    if "event" in found:
        event = {name: value for name, value in found.items() if name not in _OF_STRUCTLOG}
    else:
        event = _of_formatter(record, found, is_formatted)
    if is_formatted:
        event = {name: value for name, value in event.items() if name == "event" or name not in record.__dict__}
    return (event, text[end:].strip()) if event else None


def _of_formatter(record: logging.LogRecord, found: Event, is_formatted: bool) -> Event:
    """Return the event in an object that has a message; an empty one if the object is not the record's."""
    said = found.get("message")
    others = {name: value for name, value in found.items() if name != "message"}
    rest = {name: value for name, value in others.items() if not _is_repeated(record, name, value)}
    exception, stack = _exception_in(others), others.get("stack_info")
    is_records = is_formatted or exception or is_printed(stack) or rest.keys() != others.keys() or not others
    if type(said) is not str or not is_records:
        return {}
    left_out = _TIMES.union(_EXCEPTIONS, _OF_ECS if "ecs" in found or "ecs.version" in found else ())
    event: Event = {"event": said} | {name: value for name, value in rest.items() if name not in left_out}
    return event | ({"exception": exception} if exception else {}) | ({"stack": stack} if is_printed(stack) else {})


def _is_repeated(record: logging.LogRecord, name: object, value: object) -> bool:
    """Tell whether a value is the record's own, by its name or as its level or logger."""
    own = record.__dict__.get(name) if type(name) is str else None
    if type(value) is not str:
        return type(value) in (int, float, bool) and type(own) is type(value) and own == value
    is_level = name in _LEVELS and value.upper() == record.levelname
    return (type(own) is str and own == value) or is_level or (name == "logger" and value == record.name)


def _exception_in(found: Event) -> str:
    """Return the exception that a formatter has printed into an object; empty where there is none."""
    for name in _EXCEPTIONS:
        if type(text := found.get(name)) is str and is_printed(text):
            return text
    error = found.get("error")  # the Elastic Common Schema keeps frames and exception apart
    if type(error) is dict:
        kind, said, frames = (error.get(name) for name in ("type", "message", "stack_trace"))
        if type(kind) is str and type(said) is str and type(frames) is str:
            return f"{TRACEBACK}\n{frames.rstrip()}\n{kind}: {said}"
    return ""


def _decoded(text: str, begin: int = 0) -> tuple[object, int]:
    """Return the JSON value that begins somewhere in a text, and where it ends; None and 0 where there is none."""
    try:
        return _decoder().raw_decode(text, begin)
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        return None, 0


@functools.lru_cache(maxsize=1)
def _decoder() -> json.JSONDecoder:
    import json  # loaded already: a program that writes JSON has imported it

    return json.JSONDecoder()
