"""asgi: the request of an ASGI application is told while it is served, and where it has failed."""

from __future__ import annotations

import asyncio
import logging
import types
from typing import Any

from gntp_logging import RequestContextMiddleware, asgi
from gntp_logging.alerts.context import Context


def found() -> dict[str, str]:
    """Return what an alert would tell here and now, but for the machine."""
    return dict(Context({"machine": None}).of(logging.makeLogRecord({})))


def run_asgi(app: asgi.Application, scope: dict[str, Any]) -> None:
    """Serve one request, as a server does: in a task of its own."""

    async def receive() -> dict[str, Any]:
        return {}

    async def send(_message: Any) -> None:
        pass

    asyncio.run(RequestContextMiddleware(app)(scope, receive, send))


def scope(kind: str = "http", **more: Any) -> dict[str, Any]:
    """Return what a server says of a request."""
    return {"type": kind, "method": "GET", "path": "/pay", "query_string": b"token=secret", **more}


def telling(told: list[dict[str, str]]) -> asgi.Application:
    """Return an application that keeps what is told while it serves."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        told.append(found())

    return app


def test_the_request_of_an_asgi_application_is_told() -> None:
    """Of Starlette and FastAPI; in any number of requests at once, because it is a context variable."""
    told: list[dict[str, str]] = []
    user = types.SimpleNamespace(is_authenticated=True, identity="ada")
    app = telling(told)
    run_asgi(app, scope())
    run_asgi(app, scope(user=user))
    run_asgi(app, {"type": "websocket", "path": "/live"})
    run_asgi(app, {"type": "lifespan"})
    assert told == [
        {"method": "GET", "path": "/pay"},
        {"method": "GET", "path": "/pay", "user": "ada"},
        {"method": "WEBSOCKET", "path": "/live"},
        {},
    ]


def test_a_request_that_failed_is_told_until_its_task_ends() -> None:
    """The server logs the exception after the application has raised it; one that is served leaves nothing behind."""

    async def fail(*_: Any) -> None:
        raise ValueError("no")

    async def serve(app: asgi.Application) -> dict[str, str]:
        try:
            await RequestContextMiddleware(app)(scope(), fail, fail)  # type: ignore[arg-type]  # is not called
        except ValueError:
            pass
        return found()

    async def server() -> list[dict[str, str]]:
        return [await asyncio.create_task(serve(fail)), await asyncio.create_task(serve(telling([])))]

    assert asyncio.run(server()) == [{"method": "GET", "path": "/pay"}, {}]


def test_a_user_without_an_identity_costs_only_itself() -> None:
    """Starlette's own raises NotImplementedError."""

    class User:
        is_authenticated = True

        @property
        def identity(self) -> str:
            raise NotImplementedError

    told: list[dict[str, str]] = []
    run_asgi(telling(told), scope(user=User()))
    assert told == [{"method": "GET", "path": "/pay"}]
