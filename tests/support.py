"""What tests share: the package's own receiver with a memory, and servers that fail in every way on real sockets."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import platform
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from gntp_logging import GNTPHandler
from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.levels import DEFAULT_STYLES
from gntp_logging.alerts.redact import Redactor
from gntp_logging.delivery.gntp_transport import GNTPTransport
from gntp_logging.gntp.models import Notification
from gntp_logging.gntp.requests import NotifyRequest, Request, Response
from gntp_logging.gntp.wire import Limits, RequestReader, encode
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server

PATIENCE = 10.0
"""Seconds that a test waits for something that should come at once: only a failing test ever waits so long."""


def as_it_is(alert: Alert) -> Alert:
    """Finish an alert by doing nothing."""
    return alert


AS_IT_IS = Redactor(is_enabled=False)


def make_alert(text: str = "text", level: int = logging.ERROR, **changes: Any) -> Alert:
    """Return an alert that looks like its level, but for what a test wants otherwise; its last line is empty."""
    style = DEFAULT_STYLES[level]
    return Alert(level, style.event, style.priority, style.sticky, "title", text)._replace(**changes)


Attach = Callable[..., GNTPHandler]
"""Gives a test's logger a handler for a loopback port."""


@contextlib.contextmanager
def attaching(logger: logging.Logger, **defaults: Any) -> Iterator[Attach]:
    """Give a logger handlers of its own for the length of a with block, whose end waits for no delivery.

    Args:
        logger: The logger.
        defaults: Options that all of them have, unless one is told otherwise.

    Yields:
        What gives it one: ``attach(port, **options)``.
    """
    made: list[GNTPHandler] = []

    def attach(port: int, **options: Any) -> GNTPHandler:
        made.append(GNTPHandler(**{"host": "127.0.0.1", "port": port, "app_name": "shop", **defaults, **options}))
        logger.handlers[:] = made  # without pytest's, which call __str__ of arguments and keep records, too
        return made[-1]

    yield attach
    for handler in made:
        handler._worker.shutdown_timeout = 0.0
        handler.close()


class Recorder:
    """A display that remembers its toasts, for tests that wait for one."""

    def __init__(self) -> None:
        self.toasts: list[Toast] = []
        self._arrived = threading.Condition()

    def show(self, toast: Toast) -> None:
        """Remember a toast."""
        with self._arrived:
            self.toasts.append(toast)
            self._arrived.notify_all()

    def wait_for(self, count: int, timeout: float = PATIENCE) -> list[Toast]:
        """Return the toasts once there are so many; fail when there are not in time."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.toasts) >= count, timeout), (
                f"{len(self.toasts)} of {count} toasts arrived: {self.toasts}"
            )
            return list(self.toasts)


def said(shown: Toast | Notification) -> str:
    """Return what is shown above the last line, without the count that the receiver may have put in front of it.

    The last line must name this machine.
    """
    title = re.sub(r"^[\d,]+ × |, from [\d,]+ processes.*$", "", shown.title)
    return without_last_line(f"{title}\n{shown.text}")


def without_last_line(text: str) -> str:
    """Return a text without its last line, which must name level, logger and this machine; a digest has no logger."""
    said, newline, line = text.rpartition("\n")
    assert newline, text
    assert platform.node() in line.split(" · ")[1:3], text
    return said


def whole(alert: Alert) -> str:
    """Return title and text of an alert, which together say what happened; the title says the first line."""
    return "\n".join(filter(None, (alert.title, alert.text)))


class RunningReceiver:
    """The package's receiver on a free loopback port, and what it has shown."""

    def __init__(self, receiver: Receiver, recorder: Recorder) -> None:
        self.receiver = receiver
        self.recorder = recorder
        self.port = receiver.port

    @property
    def toasts(self) -> list[Toast]:
        """What has been shown so far."""
        return list(self.recorder.toasts)

    def wait_for(self, count: int, timeout: float = PATIENCE) -> list[Toast]:
        """Return the toasts once there are so many."""
        return self.recorder.wait_for(count, timeout)


@contextlib.contextmanager
def running_receiver(
    passwords: Sequence[str] = (), port: int | None = 0, request_timeout: float = PATIENCE, **options: Any
) -> Iterator[RunningReceiver]:
    """Run the package's receiver for the length of a with block."""
    recorder = Recorder()
    server = Server([recorder], passwords=passwords, port=port, request_timeout=request_timeout, **options)
    with Receiver(server) as receiver:
        yield RunningReceiver(receiver, recorder)


_Self = TypeVar("_Self", bound="ScriptedServer")


class ScriptedServer:
    """A loopback server that treats each connection as a test's function says.

    The function gets the connected socket and the connection's number, from 0; the socket is closed after it returns.
    What it raises fails the test at the end of the with block, except OSErrors: the peer may leave at any time.
    """

    def __init__(self, serve: Callable[[socket.socket, int], None], port: int = 0) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._failures: list[BaseException] = []
        self._acceptor = threading.Thread(target=self._accept, name="scripted-server")

    @property
    def connections(self) -> int:
        """How many connections have been accepted."""
        return len(self._sockets)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number = len(self._sockets)
            self._sockets.append(sock)
            thread = threading.Thread(target=self._handle, args=(sock, number), name=f"scripted-server-{number}")
            self._threads.append(thread)
            thread.start()

    def _handle(self, sock: socket.socket, number: int) -> None:
        try:
            with sock:
                sock.settimeout(PATIENCE)
                self._serve(sock, number)
        except OSError:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised where the test can see it
            self._failures.append(error)

    def __enter__(self: _Self) -> _Self:  # noqa: PYI019 - typing.Self is not in 3.10
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._listener.close()
        self._acceptor.join(PATIENCE)
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes a function that still waits
        for thread in self._threads:
            thread.join(PATIENCE)
        for failure in self._failures:
            raise failure


def receive_request(sock: socket.socket, passwords: Sequence[str] = ()) -> Request:
    """Read one whole request from a socket."""
    reader = RequestReader(passwords, Limits())
    while (request := reader.next_message()) is None:
        data = sock.recv(65536)
        if not data:
            reader.feed_eof()
            raise ConnectionError("the client left without a whole request")
        reader.feed(data)
    return request


def requests_of(sock: socket.socket, passwords: Sequence[str] = ()) -> Iterator[Request]:
    """Yield the requests that come on a kept connection, until the client leaves."""
    reader = RequestReader(passwords, Limits())
    while True:
        while (request := reader.next_message()) is not None:
            yield request
        data = sock.recv(65536)
        if not data:
            return
        reader.feed(data)


def send_response(sock: socket.socket, message_type: str = "-OK", *, keep_alive: bool = False, **headers: str) -> None:
    """Answer; underscores in names of headers stand for hyphens."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    sock.sendall(encode(Response(message_type, names), keep_alive=keep_alive))


def answer_ok(sock: socket.socket, _number: int = 0) -> None:
    """Read one request and answer -OK: what ScriptedServer takes for a server that works."""
    request = receive_request(sock)
    send_response(sock, Response_Action=request.message_type)


def keep_answering(sock: socket.socket, _number: int = 0) -> None:
    """Answer -OK to every request on a connection that is kept, as Growl for Mac does."""
    for request in requests_of(sock):
        send_response(sock, Response_Action=request.message_type, keep_alive=True)


def answer_error(code: int, description: str = "no") -> Callable[[socket.socket, int], None]:
    """Return a server's function that answers every request with one error."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        send_response(sock, "-ERROR", Error_Code=str(code), Error_Description=description)

    return serve


class Gate:
    """A server's function that answers nobody until the test opens it.

    Args:
        read: What to keep of a notification.
    """

    def __init__(self, read: Callable[[Notification], str] = lambda shown: shown.text) -> None:
        self._read = read
        self.reached = threading.Event()
        self.open = threading.Event()
        self.shown: list[str] = []

    def __call__(self, sock: socket.socket, number: int) -> None:
        request = receive_request(sock)
        self.reached.set()
        assert self.open.wait(PATIENCE)
        if isinstance(request, NotifyRequest):
            self.shown.append(self._read(request.notification))
        send_response(sock, Response_Action=request.message_type)


@functools.cache
def _own_ports() -> Iterator[int]:
    """Return ports of this process's own, again and again, the one that was used longest ago first.

    Not those that systems give to connections (from 32768 on): a port may be bound again later in a test. And not
    GNTP's own, on which growl-for-linux listens.
    """
    claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for first in range(24_000, 32_000, 100):
        with contextlib.suppress(OSError):
            # Chance would not do: Hypothesis seeds it, so that suites that run side by side would get the same ports,
            # and with them alerts of each other's handlers.
            claim.bind(("127.0.0.1", first))
            claim.detach()  # the claim to these hundred ends with the process
            return itertools.cycle(range(first, first + 100))
    raise AssertionError("eighty test runs at a time are too many")


def free_port() -> int:
    """Return a loopback port on which nobody listens, and that no other test run uses."""
    while True:
        port = next(_own_ports())
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def gntp_transport(handler: GNTPHandler) -> GNTPTransport:
    """Return what a handler sends with."""
    transport = handler._worker._transport
    assert isinstance(transport, GNTPTransport)
    return transport


def wait_until(condition: Callable[[], bool], timeout: float = PATIENCE) -> None:
    """Wait for what no event announces, such as a counter; polls every millisecond."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.001)


def run_program(code: str, *arguments: object, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
    """Run a Python program of its own to its end; its arguments are ``sys.argv[1:]``."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
