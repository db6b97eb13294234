"""ASGI middleware that lets alerts tell the request during which they were logged: Starlette, FastAPI, Quart, Django.

    app.add_middleware(gntp_logging.RequestContextMiddleware)

Needs none of these frameworks itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

# As in the ASGI specification. What a server puts in there is its business.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

current_scope: Final[ContextVar[Scope | None]] = ContextVar("gntp_logging.asgi.current_scope", default=None)
"""The request that the current task serves; None outside of requests."""


class RequestContextMiddleware:
    """Remembers, for as long as a request or a WebSocket is served, which one it is."""

    def __init__(self, app: Application) -> None:
        """Wrap an application.

        Args:
            app: The ASGI application.
        """
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with the wrapped application.

        Args:
            scope: What is served; other types than ``http`` and ``websocket`` are only handed on.
            receive: The server's.
            send: The server's.
        """
        if scope.get("type") not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        token = current_scope.set(scope)
        await self._app(scope, receive, send)
        # Not when the application has failed: the server logs that afterwards, in the same task.
        current_scope.reset(token)
