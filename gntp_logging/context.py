"""What a program was doing when it logged: the machine, the request, the task, and what the user names.

:meth:`Context.of` runs on the thread that logs, where frameworks keep what is current. It imports nothing: a framework
that nobody has imported serves no request. It reads only what lies at hand; an attribute whose reading asks a database
stays unread. Strings leave here, in pairs of name and value: as headers ``Data-Name: value``, and in one line.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from logging import LogRecord
from types import ModuleType
from typing import Any, Final

Pairs = tuple[tuple[str, str], ...]
"""Names and values."""

MAX_ITEMS: Final = 30
MAX_VALUE: Final = 200
"""Characters of a value."""

MAX_LINE: Final = 160
"""Characters of the line in a toast: five of its lines, which nobody should need."""

_MAX_SHOWN_VALUE: Final = 60

MACHINE: Final = "machine"


class Context:
    """Collects the context of records, one way for one handler."""

    def __init__(
        self, values: Mapping[str, object] | None = None, function: Callable[[LogRecord], object] | None = None
    ) -> None:
        """Keep what does not change from record to record.

        Args:
            values: The user's: constants, and context variables, which are read for each record. None as the value of
                a name that this module finds by itself leaves it out: ``{"machine": None}``.
            function: Returns a mapping of further ones for a record; or None.
        """
        given = dict(values or {})
        self._left_out = frozenset(name for name, value in given.items() if value is None)
        self._variables = {name: value for name, value in given.items() if isinstance(value, ContextVar)}
        self._function = function
        constants = {MACHINE: platform.node()} | {
            name: value for name, value in given.items() if name not in self._variables
        }
        self.constants: Pairs = tuple(_pairs(constants.items()))
        self._module_count = 0
        self._sources: tuple[tuple[ModuleType, _Source], ...] = ()
        self._is_constant = False

    def of(self, record: LogRecord) -> Pairs:
        """Return what is known while a record is logged.

        Args:
            record: The record.

        Returns:
            Names and values; what cannot be read is left out.
        """
        if len(sys.modules) != self._module_count:
            self._look_for_frameworks()
        attributes = record.__dict__
        if self._is_constant and (
            len(attributes) <= _STANDARD_COUNT
            or len(attributes) - ("message" in attributes) - ("asctime" in attributes) <= _STANDARD_COUNT
        ):
            return self.constants
        found = dict(self.constants)
        found.update(_pairs(self._changing(record)))
        return tuple(found.items())[:MAX_ITEMS]

    def _look_for_frameworks(self) -> None:
        """Find those that were imported since: a comparison of two numbers is what most records have time for."""
        modules = sys.modules
        self._module_count = len(modules)
        self._sources = tuple((modules[name], source) for name, source in _SOURCES.items() if modules.get(name))
        self._is_constant = not (self._sources or self._variables or self._function)

    def _changing(self, record: LogRecord) -> Iterator[tuple[object, object]]:
        for name, value in self._of_frameworks(record):
            if name not in self._left_out:
                yield name, value
        for name, variable in self._variables.items():
            yield name, variable.get(None)
        if self._function is not None:
            try:
                more = self._function(record)
                yield from more.items() if isinstance(more, Mapping) else ()
            except Exception as error:  # noqa: BLE001 - the application's: the alert goes out, and its author is told
                yield "context", f"{type(error).__name__} while it was made"

    def _of_frameworks(self, record: LogRecord) -> Iterator[tuple[str, object]]:
        try:
            yield from _of_django(record)
        except Exception:  # noqa: BLE001, S110 - whatever a record has as its request
            pass
        for module, source in self._sources:
            try:
                yield from source(module)
            except Exception:  # noqa: BLE001, S110 - a framework with other insides than are known here
                pass
        yield from _of_extra(record)


def _pairs(items: Iterable[tuple[object, object]]) -> Iterator[tuple[str, str]]:
    """Yield what has a value, as strings on one line, of a bounded size."""
    for name, value in items:
        if value is None:
            continue
        try:
            text = " ".join(str(value)[: 2 * MAX_VALUE].split())
            if text:
                yield str(name)[:MAX_VALUE], text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
        except Exception:  # noqa: BLE001, S112 - values are the application's: str may raise
            continue


# -- What the record has of its own --------------------------------------------------------------


_STANDARD: Final = frozenset(
    (
        *LogRecord("", 0, "", 0, "", None, None).__dict__,
        "taskName",
        "message",
        "asctime",
        "color_message",
        "status_code",
    )
)
"""Attributes that logging, formatters and uvicorn give to records, and the status, which stands beside the request."""

_STANDARD_COUNT: Final = len(LogRecord("", 0, "", 0, "", None, None).__dict__)

_OF_STRUCTLOG: Final = frozenset(("event", "exc_info", "stack_info", "level", "logger", "timestamp"))


def _of_extra(record: LogRecord) -> Iterator[tuple[str, object]]:
    """Read what ``extra`` and factories of records have added, as far as it is text, numbers and truth.

    What else there may be, an application's objects, would run its code to be shown.
    """
    yield from _scalars(record.__dict__, _STANDARD)
    yield from _scalars(record.__dict__.get("extra"))  # loguru's bound values
    yield from _scalars(record.msg, _OF_STRUCTLOG)


_SCALARS: Final = (str, int, float, bool)


def _scalars(values: object, left_out: frozenset[str] = frozenset()) -> Iterator[tuple[str, object]]:
    if type(values) is dict:
        for name, value in values.items():
            if type(value) in _SCALARS and type(name) is str and name not in left_out and not name.startswith("_"):
                yield name, value


# -- Frameworks ----------------------------------------------------------------------------------


_Source = Callable[[Any], Iterable[tuple[str, object]]]  # a framework's module, which has no type here


def _of_django(record: LogRecord) -> Iterator[tuple[str, object]]:
    """Read what Django gives with its records; ``django.server`` gives a socket as the request."""
    request = record.__dict__.get("request")
    method = getattr(request, "method", None)
    if not isinstance(method, str):
        return
    yield "method", method
    yield "path", getattr(request, "path", None)
    yield "status", record.__dict__.get("status_code")
    user = request.__dict__.get("user")
    # request.user is lazy: only who has been loaded already is told, or this would ask the database.
    yield "user", getattr(user.__dict__.get("_wrapped", user), "pk", None) if user is not None else None


def _of_flask(flask: Any) -> Iterator[tuple[str, object]]:
    """Read the request of Flask, or of Quart, which is its twin."""
    if flask.has_request_context():
        request = flask.request
        yield "method", request.method
        yield "path", request.path
        # Flask-Login keeps the user here once it has looked. The session itself stays unread.
        yield "user", getattr(flask.g.get("_login_user"), "id", None)


def _of_asgi(asgi: Any) -> Iterator[tuple[str, object]]:
    scope = asgi.current_scope.get()
    if scope is not None:
        yield "method", scope.get("method", "WEBSOCKET")
        yield "path", scope.get("path")
        user = scope.get("user")  # of Starlette's AuthenticationMiddleware
        if getattr(user, "is_authenticated", False):
            yield "user", getattr(user, "identity", None)


def _of_celery(_state: Any) -> Iterator[tuple[str, object]]:
    task = _state.get_current_task()
    if task is not None:
        yield "task", task.name
        yield "task_id", task.request.id


def _of_structlog(contextvars: Any) -> Iterator[tuple[str, object]]:
    yield from _scalars(contextvars.get_contextvars())


_SOURCES: Final[Mapping[str, _Source]] = {
    "flask": _of_flask,
    "quart": _of_flask,
    "gntp_logging.asgi": _of_asgi,
    "celery._state": _of_celery,
    "structlog.contextvars": _of_structlog,
}
"""Who is asked when which module has been imported."""


# -- What is made of it --------------------------------------------------------------------------


_SELF_EXPLAINING: Final = frozenset({"environment", "env"})
"""Names that a toast has no room for, because their values say what they are."""


def line(pairs: Pairs) -> str:
    """Return the context in one line: ``web-3 · GET /checkout/ · production · status 500``.

    Args:
        pairs: Names and values.

    Returns:
        The line; empty when nothing is known.
    """
    values = dict(pairs)
    request = " ".join(filter(None, (values.pop("method", ""), values.pop("path", ""))))
    parts = [values.pop(MACHINE, ""), _shown(request)]
    parts += [
        _shown(value) if name in _SELF_EXPLAINING else f"{name} {_shown(value)}" for name, value in values.items()
    ]
    text = " · ".join(filter(None, parts))
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def _shown(value: str) -> str:
    return value if len(value) <= _MAX_SHOWN_VALUE else value[: _MAX_SHOWN_VALUE - 1] + "…"


def headers(pairs: Pairs) -> list[tuple[str, str]]:
    """Return the context as application-specific headers: ``Data-Task-Id`` for ``task_id``.

    Args:
        pairs: Names and values.

    Returns:
        Names and values of headers; a name without any ASCII letter or digit has none.
        Of names that differ in signs only, the last counts.
    """
    named: dict[str, tuple[str, str]] = {}
    for name, value in pairs:
        words = re.findall("[A-Za-z0-9]+", name)
        header = "Data-" + "-".join(word[:1].upper() + word[1:] for word in words)
        if words:
            named[header.lower()] = (header, value)
    return list(named.values())
