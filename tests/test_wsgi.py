"""wsgi: the request of a WSGI application is told until its answer is sent, and where it has failed."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from gntp_logging import WSGIRequestContextMiddleware, wsgi
from gntp_logging.alerts.context import Context
from gntp_logging.alerts.serving import served

ENVIRON = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/shop", "PATH_INFO": "/pay", "QUERY_STRING": "token=secret"}
REQUEST = {"method": "GET", "path": "/shop/pay"}


@pytest.fixture(autouse=True)
def _served_nothing() -> Iterator[None]:
    """Each test begins without a request, and leaves none."""
    served.set(None)
    yield
    served.set(None)


def found() -> dict[str, str]:
    """Return what an alert would tell here and now, but for the machine."""
    return dict(Context({"machine": None}).of(logging.makeLogRecord({})))


def serve(app: wsgi.Application, **more: Any) -> list[bytes]:
    """Serve one request, as servers do: close is called whatever happens."""
    body = WSGIRequestContextMiddleware(app)({**ENVIRON, **more}, lambda *_: None)
    try:
        return list(body)
    finally:
        getattr(body, "close", lambda: None)()


def test_the_request_is_told_while_it_is_served() -> None:
    """And not afterwards; an answer that is complete reaches the server as it is."""
    told: list[dict[str, str]] = []
    answer = [b"paid"]

    def app(_environ: Any, _start: Any) -> list[bytes]:
        told.append(found())
        return answer

    assert WSGIRequestContextMiddleware(app)(ENVIRON, lambda *_: None) is answer
    assert told == [REQUEST]
    assert found() == {}


def test_the_request_is_told_while_its_answer_is_made() -> None:
    """A generator runs after the application has returned, and is closed with the answer."""
    told: list[dict[str, str]] = []

    def app(_environ: Any, _start: Any) -> Iterator[bytes]:
        try:
            told.append(found())
            yield b"paid"
        finally:
            told.append(found())

    assert serve(app) == [b"paid"]
    assert told == [REQUEST, REQUEST]
    assert found() == {}


def test_an_answer_that_nobody_reads_to_its_end_is_closed() -> None:
    """The client has gone: the application's own clean-up runs, and the request is over."""
    closed: list[dict[str, str]] = []

    class Answer:
        def __iter__(self) -> Iterator[bytes]:
            yield b"1"
            yield b"2"

        def close(self) -> None:
            closed.append(found())

    body: Any = WSGIRequestContextMiddleware(lambda _environ, _start: Answer())(ENVIRON, lambda *_: None)
    chunks = iter(body)
    assert next(chunks) == b"1"
    chunks.close()
    body.close()
    assert closed == [REQUEST]
    assert found() == {}


def fail_at_once(_environ: Any, _start: Any) -> Iterable[bytes]:
    """Raise before there is an answer."""
    raise ValueError("no")


def fail_later(_environ: Any, _start: Any) -> Iterator[bytes]:
    """Raise in the middle of an answer."""
    yield b"paid"
    raise ValueError("no")


@pytest.mark.parametrize("app", [fail_at_once, fail_later])
def test_a_request_that_failed_is_told_until_the_next(app: wsgi.Application) -> None:
    """The server logs the exception after the application has raised it, in the same thread."""
    with pytest.raises(ValueError, match="no"):
        serve(app)
    assert found() == REQUEST
    serve(lambda _environ, _start: [])
    assert found() == {}


def test_a_file_reaches_the_server_as_it_is() -> None:
    """Servers send it without reading it if they know it by its class."""
    file = FileWrapper(io.BytesIO(b"paid"))
    environ = {**ENVIRON, "wsgi.file_wrapper": FileWrapper}
    assert WSGIRequestContextMiddleware(lambda _environ, _start: file)(environ, lambda *_: None) is file
    assert found() == {}


def test_a_thread_that_the_application_starts_has_no_request() -> None:
    """It may go on for longer than the request."""
    told: list[dict[str, str]] = []

    def app(_environ: Any, _start: Any) -> list[bytes]:
        thread = threading.Thread(target=lambda: told.append(found()))
        thread.start()
        thread.join()
        return []

    serve(app)
    assert told == [{}]


def test_an_odd_environ_is_no_request() -> None:
    """Of a server that is not what PEP 3333 says; the application is served all the same."""
    told: list[dict[str, str]] = []

    def app(_environ: Any, _start: Any) -> list[bytes]:
        told.append(found())
        return [b"paid"]

    assert serve(app, REQUEST_METHOD=None) == [b"paid"]
    assert told == [{}]
