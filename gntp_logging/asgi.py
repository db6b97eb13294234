"""ASGI middleware: alerts name the request in which they were logged. For Starlette, FastAPI, Quart, Django.

    app.add_middleware(gntp_logging.RequestContextMiddleware)

It imports none of these frameworks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

# As in the ASGI specification. Any: servers and frameworks put values of all types there.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

current_scope: Final[ContextVar[Scope | None]] = ContextVar("gntp_logging.asgi.current_scope", default=None)
"""The request that the current task serves; None outside of requests."""


class RequestContextMiddleware:
    """Keeps the scope of the current request or WebSocket in a context variable."""

    def __init__(self, app: Application) -> None:
        """Wrap an ASGI application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with the wrapped application.

        Args:
            scope: A scope whose type is not ``http`` or ``websocket`` is passed on and not kept.
        """
        if scope.get("type") not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        token = current_scope.set(scope)
        await self._app(scope, receive, send)
        # Kept after an exception: the server logs it afterwards, in the same task.
        current_scope.reset(token)
