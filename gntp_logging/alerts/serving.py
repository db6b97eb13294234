"""The current request: its method and its path, as Django or the WSGI middleware has announced it.

Django announces each request by a signal; :class:`gntp_logging.WSGIRequestContextMiddleware` announces those of any
other WSGI application. Neither is imported. Two strings are kept, never a query, never a body.

A thread that serves a request has a current one, and so has an asynchronous view. A thread that a view starts has none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary


class Request(NamedTuple):
    """What alerts name of a request."""

    method: str
    path: str


served: Final[ContextVar[Request | None]] = ContextVar("gntp_logging.alerts.serving.served", default=None)
"""The request that this thread serves under WSGI. Asynchronous views run elsewhere, in a copy of its context."""

# Django's ASGI handler sends its signals from tasks of their own: a context variable that is set there is lost. All
# tasks and threads of a request share asgiref's context, which has no type here.
_by_context: Final[WeakKeyDictionary[Any, Request]] = WeakKeyDictionary()


def current() -> Request | None:
    """Return the request that the caller's thread or task serves; None outside of requests."""
    context = _asgi_context()
    return served.get() if context is None else _by_context.get(context)


def of_environ(environ: Mapping[str, Any]) -> Request | None:
    """Return a WSGI server's request; None if it is not what PEP 3333 says."""
    method, script, path = environ.get("REQUEST_METHOD"), environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    if not (isinstance(method, str) and isinstance(script, str) and isinstance(path, str)):
        return None
    # PEP 3333 has the bytes of the URL as characters, one for each byte.
    return Request(method, (script + path).encode("latin-1", "replace").decode("utf-8", "replace"))


def follow_django() -> None:
    """Let Django, if it is there, announce the requests that it serves. A second call changes nothing."""
    # Django imports this module with its settings. A handler that is made earlier must not import it.
    signals: Any = sys.modules.get("django.core.signals")
    if signals is None:
        return
    try:
        signals.request_started.connect(_started, weak=False)
        signals.request_finished.connect(_finished, weak=False)
    except Exception:  # noqa: BLE001, S110 - a module of that name that works in another way: alerts name no request
        pass


def _started(*, environ: Any = None, scope: Any = None, **_: object) -> None:
    """Remember a request: Django sends ``environ`` under WSGI, ``scope`` under ASGI."""
    try:
        _remember(of_environ(environ) if scope is None else Request(str(scope["method"]), str(scope["path"])))
    except Exception:  # noqa: BLE001 - what is raised here would cost the request
        _finished()


def _finished(**_: object) -> None:
    try:
        _remember(None)
    except Exception:  # noqa: BLE001, S110 - an asgiref that works in another way
        pass


def _remember(request: Request | None) -> None:
    context = _asgi_context()
    if context is None:
        served.set(request)
    elif request is None:
        _by_context.pop(context, None)
    else:
        _by_context[context] = request


def _asgi_context() -> Any:
    """Return asgiref's context of the request that is served here, if Django serves it under ASGI."""
    sync: Any = sys.modules.get("asgiref.sync")
    return None if sync is None else sync.SyncToAsync.thread_sensitive_context.get(None)
