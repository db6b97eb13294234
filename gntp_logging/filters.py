"""IgnoreFilter, for dictConfig's ``filters``: keeps unwanted records from becoming alerts."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import Any

from .options.errors import OptionError


class IgnoreFilter(logging.Filter):
    """Ignores records by their logger, exception, message or HTTP status; all others pass.

    A logging filter: ``{"()": "gntp_logging.IgnoreFilter", "loggers": ["django.security.DisallowedHost"]}``.
    """

    def __init__(
        self,
        loggers: Iterable[str] = (),
        exceptions: Iterable[str | type[BaseException]] = (),
        statuses: Iterable[int | str] = (),
        messages: Iterable[str] = (),
    ) -> None:
        """Check and keep the conditions: a record that meets one of them is ignored.

        Args:
            loggers: Names of loggers; ``*`` stands for any characters: ``asyncio.*`` means all loggers below asyncio.
            exceptions: Exception types, or their names with or without the module: ``"BrokenPipeError"``,
                ``"shop.errors.OutOfStock"``. Subclasses are ignored too.
            statuses: HTTP statuses of records that have a ``status_code``, as Django's have: 404, or ``"4xx"``.
            messages: Messages as they stand in the logging call, before its arguments are filled in; ``*`` stands for
                any characters: ``"WORKER TIMEOUT*"``.

        Raises:
            OptionError: If a value is not allowed.
        """
        super().__init__()
        self._is_ignored_logger = _pattern(_items("loggers", loggers, str, "a list of names of loggers"))
        self._is_ignored_message = _pattern(_items("messages", messages, str, "a list of messages"))
        self._exceptions = [
            exception if isinstance(exception, str) else f"{exception.__module__}.{exception.__qualname__}"
            for exception in _items("exceptions", exceptions, (str, type), "a list of exception types or their names")
        ]
        self._statuses = {
            status for item in _items("statuses", statuses, (int, str), _STATUSES) for status in _status(item)
        }

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record passes."""
        name: object = record.name  # a string, unless the record was made by hand
        message: object = record.msg
        return not (
            (isinstance(name, str) and self._is_ignored_logger(name))
            or (isinstance(message, str) and self._is_ignored_message(message))
            or (self._exceptions and self._has_ignored_exception(record.exc_info))
            or (self._statuses and _status_of(record) in self._statuses)
        )

    def _has_ignored_exception(self, exc_info: Any) -> bool:  # whatever the logging call was given
        exc_type = exc_info[0] if isinstance(exc_info, tuple) and exc_info else None
        if not isinstance(exc_type, type):
            return False
        return any(
            name in (cls.__qualname__, f"{cls.__module__}.{cls.__qualname__}")
            for cls in exc_type.__mro__
            for name in self._exceptions
        )


_STATUSES = "a list of HTTP statuses such as 404, '404' or '4xx'"


def _items(option: str, value: Any, types: type | tuple[type, ...], allowed: str) -> list[Any]:  # checked here
    """Check the items of a list, and return them as a plain list."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise OptionError(option, allowed, value)
    # dictConfig's own lists resolve ext:// only when indexed.
    items = [value[index] for index in range(len(value))] if isinstance(value, list) else list(value)
    for item in items:
        if not isinstance(item, types) or isinstance(item, bool) or item == "":
            raise OptionError(option, allowed, item)
        if isinstance(item, type) and not issubclass(item, BaseException):
            raise OptionError(option, allowed, item)
    return items


def _pattern(globs: list[str]) -> Callable[[str], object]:
    if not globs:
        return lambda _name: False
    patterns = (".*".join(map(re.escape, glob.split("*"))) for glob in globs)
    return re.compile("|".join(patterns), re.DOTALL).fullmatch


def _status(item: int | str) -> range:
    text = str(item)
    if re.fullmatch(r"[1-5]\d\d", text):
        return range(int(text), int(text) + 1)
    if re.fullmatch(r"[1-5]xx", text.lower()):
        return range(100 * int(text[0]), 100 * int(text[0]) + 100)
    raise OptionError("statuses", _STATUSES, item)


def _status_of(record: logging.LogRecord) -> int | None:
    """Return a record's status as a plain number, or None if it has none; run no code of the status itself."""
    status: Any = record.__dict__.get("status_code")
    if issubclass(type(status), int):  # HTTPStatus.NOT_FOUND too
        return int.__index__(status)
    return int(status) if type(status) is str and re.fullmatch(r"\d{3}", status) else None
