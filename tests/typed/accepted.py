"""Uses of the public names that type checkers must accept, with the types that they must find; a test runs them too.

Checked with mypy, and with pyright by the configuration beside this file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIServer, make_server

import gntp_logging
from gntp_logging import (
    Event,
    GNTPHandler,
    IgnoreFilter,
    OptionError,
    Publisher,
    RegisterRequest,
    RequestContextMiddleware,
    Resource,
    SocketCallback,
    Stats,
    Subscriber,
    UnhandledHooks,
    WSGIRequestContextMiddleware,
    ciphers,
    config,
    keys,
    log_unhandled,
    testing,
)
from gntp_logging.alerts.alert import Alert
from gntp_logging.gntp import GNTPClient, GNTPError, Response
from gntp_logging.receiver.displays import Display
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from typing_extensions import assert_type
else:

    def assert_type(value: object, _type: object) -> object:
        """At run time, as in the standard library from 3.11 on."""
        return value


def told(alert: Alert, reason: str) -> None:
    """Take what could not be delivered."""
    assert_type(alert.title, str)
    assert_type(alert.level, int)
    assert reason


def of_record(record: logging.LogRecord) -> Mapping[str, object]:
    """Tell where a record came from."""
    return {"thread": record.threadName, "shard": 7}


REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


def handlers() -> list[GNTPHandler]:
    """Make handlers with every option, in each of its forms."""
    return [
        GNTPHandler(),
        GNTPHandler(
            app_name="shop",
            host="desk.example",
            port=23053,
            timeout=5,
            password="secret",
            key_hashing="SHA512",
            encryption="AES",
            level="ERROR",
            levels={"ERROR": {"event": "Fire", "priority": 2, "sticky": True}, 25: {"icon": b"a picture"}},
            icon=b"a picture",
            title="{levelname} {name}",
            url="https://tracker.example/?logger={name}",
            context={"environment": "production", "request": REQUEST_ID},
            app_packages=["shop"],
            redact=["card ([0-9]+)", re.compile("iban")],
            redact_keep=["sid", "changeme"],
            max_text=0,
            repeat_window=0,
            burst=20,
            rate=0.5,
            fingerprint=lambda record: record.name,
            queue_size=100,
            max_age=0,
            shutdown_timeout=0,
            on_error=told,
            enabled=False,
        ),
        GNTPHandler(
            key_hashing=keys.SHA256,
            encryption=ciphers.AES,
            password="secret",
            level=logging.ERROR,
            title=lambda record: record.name,
            context=of_record,
            redact=False,
            enabled=False,
        ),
    ]


def of_the_handler(handler: GNTPHandler) -> None:
    """Ask a handler."""
    assert_type(handler.flush(), bool)
    assert_type(handler.flush(1.5), bool)
    assert_type(handler.stats(), Stats)
    assert_type(handler.stats().shown, int)
    assert_type(handler.stats().dropped, Mapping[str, int])
    assert_type(handler.stats().last_error, str | None)
    assert_type(handler.app_name, str)
    assert_type(handler.enabled, bool)
    handler.addFilter(IgnoreFilter(loggers=["asyncio.*"], exceptions=[KeyError, "shop.Gone"], statuses=["4xx", 503]))
    handler.close()


def beside_the_handler() -> None:
    """Use what stands beside it."""
    with log_unhandled(logging.getLogger("shop")) as hooks:
        assert_type(hooks, UnhandledHooks)
    assert_type(gntp_logging.__version__, str)
    with testing.receiver() as receiver:
        assert_type(receiver.notifications, list[Toast])
        logging.getLogger("shop").error("to nobody")


def configured(path: Path) -> None:
    """Configure by a file and by the environment."""
    assert_type(config.load(path), list[GNTPHandler])
    assert_type(config.from_env(app_name="shop"), GNTPHandler)
    try:
        GNTPHandler(port=0)
    except OptionError as error:
        assert_type(error.option, str)
        assert_type(error.allowed, str)
        assert_type(error.reason, str)
        assert_type(error.value, object)


Scope = MutableMapping[str, Any]


async def application(
    scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
) -> None:
    """Serve nothing, by ASGI."""


def wrapped() -> RequestContextMiddleware:
    """Let records of an ASGI application know of their request."""
    return RequestContextMiddleware(application)


def wsgi_application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve nothing, by WSGI."""
    start_response("204 No Content", [])
    return []


def wrapped_wsgi() -> WSGIServer:
    """Let records of a WSGI application know of their request; a server takes what this makes."""
    wrapped = WSGIRequestContextMiddleware(wsgi_application)
    assert_type(wrapped, WSGIRequestContextMiddleware)
    return make_server("127.0.0.1", 0, wrapped)


class Lines:
    """A display of one's own."""

    def show(self, toast: Toast) -> None:
        """Look at a toast."""
        assert_type(toast.title, str)


def library(port: int) -> None:
    """Use the library without logging."""
    display: Display = Lines()
    assert_type(Receiver(Server([display], passwords=["secret"])).port, int)
    event = Event("Build", display_name="Builds", enabled=True, icon=Resource(data=b"a picture"))
    publisher = Publisher("make", [event, "Test", ("Deploy", False)], port=port, password="secret")
    assert_type(publisher.events, list[Event])

    def clicked(response: Response) -> None:
        assert_type(response.headers, Mapping[str, str])

    callback = SocketCallback("context", "text", on_click=clicked)
    try:
        publisher.register()
        publisher.publish("Build", "done", sticky=True, priority=2, gntp_callback=callback, background=True)
        gntp_logging.publish("make", "Build", "done", port=port, password="secret")
    except GNTPError as error:
        assert_type(str(error), str)
    finally:
        publisher.close()
    assert_type(Subscriber("id", "name", ("hub.example", 23053), "secret").ttl, int)
    assert_type(keys.SHA256.key("secret"), gntp_logging.gntp.Key)


def one_request(port: int) -> None:
    """Send requests of one's own."""
    request = RegisterRequest("make", None, [Event("Build")])
    with GNTPClient("localhost", port) as client:
        assert_type(client.process_request(request), Response | None)
        assert_type(client.process_requests([request]), list[Response | GNTPError])
