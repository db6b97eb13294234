"""WSGI middleware: alerts name the request in which they were logged. For Bottle, Falcon, Pyramid and plain WSGI.

    app = gntp_logging.WSGIRequestContextMiddleware(app)

Django and Flask need none. It imports no framework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .alerts.serving import of_environ, served

# As in PEP 3333. Any: servers and frameworks put values of all types there.
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class WSGIRequestContextMiddleware:
    """Remembers method and path of the request that a thread serves, until its answer is sent; never the query."""

    def __init__(self, app: Application) -> None:
        """Wrap a WSGI application."""
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request with the wrapped application.

        If the application raises, the request stays remembered until the thread serves another one, because the server
        logs the exception afterwards, in the same thread.

        Returns:
            The application's answer: unchanged if it is complete, else wrapped, so that its end also ends the request.
        """
        served.set(of_environ(environ))
        body = self._app(environ, start_response)
        wrapper = environ.get("wsgi.file_wrapper")
        # Servers send such a file without reading it, if they get it as it is.
        is_file = isinstance(wrapper, type) and isinstance(body, wrapper)
        if not (is_file or isinstance(body, (list, tuple))):
            return _Body(body)
        served.set(None)
        return body


class _Body:
    """An answer that is made while it is sent: its request ends with it."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body
        self._has_failed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception:
            self._has_failed = True
            raise

    def close(self) -> None:
        """End the request, unless it has failed: the server also calls this after a failure, and may log it later."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            if not self._has_failed:
                served.set(None)
