"""What a program was doing when it logged: the machine, the request, the task, and what the user names.

:meth:`Context.of` runs on the thread that logs, where frameworks keep the current request. It imports nothing: a
framework that was not imported serves no request. It reads only what is loaded: an attribute that would ask a database
stays unread. The result is pairs of strings, name and value: they become headers ``Data-Name: value``, and the last
line of the text.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from logging import LogRecord
from types import ModuleType
from typing import Any, Final

from . import serving
from .text import EXTRA_KEY, is_errors_own, is_records_own, joined
from .tracebacks import is_printed, structured
from .values import shown

Pairs = tuple[tuple[str, str], ...]
"""Names and values."""

MAX_ITEMS: Final = 30
"""Names of an alert's context."""

MAX_VALUE: Final = 200
"""Characters of a value."""

MAX_LINE: Final = 160
"""Characters of the last line, which then takes some five lines of a toast."""

_MAX_SHOWN_VALUE: Final = 60
"""Characters of a value in the line: two lines of a toast."""

MACHINE: Final = "machine"


class Context:
    """Collects the context of records, as the options of one handler say.

    Attributes:
        constants: What all records have in common.
        calls_function: Whether there is a function of the user's, which needs each record.
    """

    def __init__(
        self, values: Mapping[str, object] | None = None, function: Callable[[LogRecord], object] | None = None
    ) -> None:
        """Keep what does not change from record to record.

        Args:
            values: The user's constants, and context variables, which are read for each record. The value None leaves
                out what this module would find under that name: ``{"machine": None}``.
            function: The user's, which returns a mapping for a record.
        """
        given = dict(values or {})
        self._left_out = frozenset(name for name, value in given.items() if value is None)
        self._variables = {name: value for name, value in given.items() if isinstance(value, ContextVar)}
        self._function = function
        self.calls_function: bool = function is not None
        self._is_users = bool(self._variables or function)
        constants = {MACHINE: platform.node()} | {
            name: value for name, value in given.items() if name not in self._variables
        }
        self.constants: Pairs = tuple(_pairs(constants.items()))
        self._module_count = 0
        self._sources: tuple[tuple[ModuleType, _Source], ...] = ()
        self._is_constant = False

    def of(self, record: LogRecord, failures: dict[str, str] | None = None) -> Pairs:
        """Return what is known while a record is logged; what cannot be read is left out.

        Args:
            failures: Filled, under ``context``, with a description of what the user's function raises.
        """
        # Most records pay for two comparisons only: no module was imported since the last one, and the record has no
        # attributes of its own.
        if len(sys.modules) != self._module_count:
            self._look_for_frameworks()
        attributes = record.__dict__
        found: list[tuple[object, object]] = []
        if len(attributes) > _STANDARD_COUNT:
            found += _of_record(record)
        elif self._is_constant:
            return self.constants
        for module, source in self._sources:
            try:
                found += source(module)
            except Exception:  # noqa: BLE001, S110 - a version of a framework that works in another way
                pass
        if self._left_out:
            found = [pair for pair in found if pair[0] not in self._left_out]
        if self._is_users:
            found += self._of_user(record, failures)
        if not found:
            return self.constants
        return tuple({**dict(self.constants), **dict(_pairs(found))}.items())[:MAX_ITEMS]

    def _look_for_frameworks(self) -> None:
        """Find the frameworks that are imported by now."""
        modules = sys.modules
        self._module_count = len(modules)
        self._sources = tuple((modules[name], source) for name, source in _SOURCES.items() if modules.get(name))
        self._is_constant = not (self._sources or self._is_users)

    def _of_user(self, record: LogRecord, failures: dict[str, str] | None) -> list[tuple[object, object]]:
        found: list[tuple[object, object]] = [(name, variable.get(None)) for name, variable in self._variables.items()]
        if self._function is not None:
            try:
                more = self._function(record)
                found += more.items() if isinstance(more, Mapping) else ()
            except Exception as error:  # noqa: BLE001 - the application's: the alert goes out, and says what failed
                words = f"{type(error).__name__} while it was made"
                found.append(("context", words))
                if failures is not None:
                    failures["context"] = words
        return found


def _pairs(items: Iterable[tuple[object, object]]) -> Iterator[tuple[str, str]]:
    """Yield the items that have a value, as strings on one line, of a bounded size: :func:`cut_values` cuts further."""
    for name, value in items:
        if value is None:
            continue
        if type(name) is str and (text := shown(value)) and (line := joined(text)):
            yield name[:MAX_VALUE], line


def cut_values(pairs: Pairs) -> Pairs:
    """Cut values to what is shown of them, after their secrets were masked."""
    if all(len(value) <= MAX_VALUE for _, value in pairs):
        return pairs
    return tuple((name, value if len(value) <= MAX_VALUE else value[: MAX_VALUE - 1] + "…") for name, value in pairs)


# -- The record's own attributes -----------------------------------------------------------------


_STANDARD: Final = frozenset(
    (
        *LogRecord("", 0, "", 0, "", None, None).__dict__,
        "taskName",
        "message",
        "asctime",
        "color_message",
        "request",
        "extra",
        EXTRA_KEY,
    )
)
"""Attributes that are not read as context: those that logging, formatters and uvicorn give to every record, those that
are read in another way, and the alert's overrides."""

_STANDARD_COUNT: Final = len(LogRecord("", 0, "", 0, "", None, None).__dict__)

_OF_STRUCTLOG: Final = frozenset(("event", "level", "logger", "timestamp", EXTRA_KEY))


def _of_record(record: LogRecord) -> list[tuple[object, object]]:
    """Read what frameworks, ``extra`` and record factories have added.

    Only values that :mod:`.values` knows are read: to show an application's object would run its code.
    """
    attributes = record.__dict__
    found: list[tuple[object, object]] = []
    if "request" in attributes:
        try:
            found += _of_django(attributes["request"], attributes)
        except Exception:  # noqa: BLE001, S110 - a record's request may be anything
            pass
    left_out = {"status_code"} if found else set()  # the request's
    if _text_of(record.name).startswith("celery"):
        left_out.add("data")  # a task's arguments and traceback
    # structlog's, of which the text is made
    left_out.update(name for name in ("exception", "stack") if _is_printed(attributes.get(name)))
    found += _named(record, attributes, _STANDARD | left_out)
    bound = attributes.get("extra")
    if type(bound) is dict:  # loguru's
        found += _named(record, bound, frozenset((EXTRA_KEY,)))
    if type(record.msg) is dict and "_logger" in attributes:  # structlog's; any other the text shows whole
        errors = {name for name, value in list(record.msg.items()) if is_errors_own(name, value)}
        found += _named(record, record.msg, _OF_STRUCTLOG | errors)
    return found


def _is_printed(value: object) -> bool:
    return is_printed(value) or structured(value) is not None


def _text_of(name: object) -> str:
    return name if type(name) is str else ""


def _named(
    record: LogRecord, values: Mapping[Any, object], left_out: frozenset[str]
) -> Iterator[tuple[object, object]]:
    """Yield the values that have names and say something new, in their order."""
    for name, value in list(values.items()):  # at once: another thread may change them
        if type(name) is str and name not in left_out and name[:1] != "_" and not is_records_own(record, name, value):
            yield name, value


# -- Frameworks ----------------------------------------------------------------------------------


_Found = Iterable[tuple[str, object]]
_Source = Callable[[Any], _Found]  # a framework's module, which has no type here


def _of_django(request: Any, attributes: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Read what Django gives with its records; ``django.server`` gives a socket as the request."""
    method = getattr(request, "method", None)
    if not isinstance(method, str):
        return
    yield "method", method
    yield "path", getattr(request, "path", None)
    yield "status", attributes.get("status_code")
    user = request.__dict__.get("user")
    # request.user is lazy: to read a user who is not loaded yet would ask the database.
    yield "user", getattr(user.__dict__.get("_wrapped", user), "pk", None) if user is not None else None


def _of_flask(flask: Any) -> _Found:
    """Read the request of Flask, or of Quart, which has the same functions."""
    if not flask.has_request_context():
        return ()
    request = flask.request
    # Flask-Login keeps the user here once it has loaded one. The session itself stays unread.
    user = getattr(flask.g.get("_login_user"), "id", None)
    return ("method", request.method), ("path", request.path), ("user", user)


def _of_asgi(asgi: Any) -> _Found:
    scope = asgi.current_scope.get()
    return () if scope is None else _of_scope(scope)


def _of_scope(scope: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "method", scope.get("method", "WEBSOCKET")
    yield "path", scope.get("path")
    user = scope.get("user")  # of Starlette's AuthenticationMiddleware
    if getattr(user, "is_authenticated", False):
        yield "user", getattr(user, "identity", None)


def _of_served(_module: Any) -> _Found:
    request = serving.current()
    return () if request is None else request._asdict().items()


def _of_celery(_state: Any) -> _Found:
    task = _state.get_current_task()
    return () if task is None else (("task", task.name), ("task_id", task.request.id))


def _of_structlog(contextvars: Any) -> _Found:
    return [(name, value) for name, value in contextvars.get_contextvars().items() if name != EXTRA_KEY]


_SOURCES: Final[Mapping[str, _Source]] = {
    "flask": _of_flask,
    "quart": _of_flask,
    "gntp_logging.asgi": _of_asgi,
    "gntp_logging.wsgi": _of_served,
    "django.core.signals": _of_served,
    "celery._state": _of_celery,
    "structlog.contextvars": _of_structlog,
}
"""What reads a framework's context, by the module that must have been imported."""


# -- The line -------------------------------------------------------------------------------------


_SELF_EXPLAINING: Final = frozenset({"environment", "env"})
"""Names that the line leaves out: their values say what they are."""


_OF_TASKS: Final = ("task", "task_id")
"""Names that the line leaves out if the text has their values, as most of Celery's messages do."""


def last_line(first: Iterable[str], pairs: Pairs, said: str = "") -> str:
    """Return in one line ``ERROR · shop.orders · web-3 · GET /checkout/ · production · status 500``.

    Args:
        first: Level and logger.
        pairs: The context.
        said: Title and text, which the line does not repeat.
    """
    values = dict(pairs)
    request = " ".join(filter(None, (values.pop("method", ""), values.pop("path", ""))))
    parts = [*map(_shown, first), values.pop(MACHINE, ""), _shown(request)]
    parts += [
        _shown(value) if name in _SELF_EXPLAINING else f"{name} {_shown(value)}"
        for name, value in values.items()
        if not (name in _OF_TASKS and value in said)
    ]
    text = " · ".join(filter(None, parts))
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def _shown(value: str) -> str:
    return value if len(value) <= _MAX_SHOWN_VALUE else value[: _MAX_SHOWN_VALUE - 1] + "…"
