"""What the receiver's tests share: a bare client on a real socket, and other people's programs."""

from __future__ import annotations

import importlib
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response
from gntp_logging.gntp.wire import RequestReader, ResponseReader, encode
from tests.peers import missing_peer
from tests.support import PATIENCE, ScriptedServer, send_response


def register(*events: str | Event, app: str = "app") -> bytes:
    """Return a REGISTER in clear text."""
    types = [Event(event) if isinstance(event, str) else event for event in events]
    return encode(RegisterRequest(app, None, types or [Event("event")]))


def notify(text: str = "text", *, app: str = "app", name: str = "event", id_: str | None = None) -> bytes:
    """Return a NOTIFY in clear text."""
    return encode(NotifyRequest(app, Notification(name, "title", text, id_=id_)))


def secured(request: RegisterRequest | NotifyRequest, password: str, hash_id: str, cipher_id: str | None) -> bytes:
    """Return a request with a key, and encrypted if there is a cipher."""
    key = Key(password, hash_id)
    return encode(request, key=key, cipher=Cipher(key, cipher_id) if cipher_id else None)


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Connect to the receiver."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def read_answer(sock: socket.socket) -> Response:
    """Read up to the end of the stream: one answer, and nothing after it."""
    reader = ResponseReader()
    while data := sock.recv(65536):
        reader.feed(data)
    reader.feed_eof()
    response = reader.next_message()
    assert response is not None, "the connection was closed without an answer"
    assert reader.next_message() is None
    return response


def ask(port: int, request: bytes, *, half_close: bool = True) -> Response:
    """Send a request on a connection of its own, and return the answer."""
    with connected(port) as sock:
        sock.sendall(request)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        return read_answer(sock)


def error_code(response: Response) -> int:
    """Return the code of an -ERROR, which has a description as well."""
    assert response.message_type == "-ERROR", response
    assert response.headers["Error-Description"]
    return int(response.headers["Error-Code"])


class Collector(ScriptedServer):
    """A subscriber that keeps what a hub hands on to it, as bytes and as requests; it takes one on each connection."""

    def __init__(self, password: str) -> None:
        super().__init__(self._take)
        self.seen = b""
        self.requests: list[Request] = []
        self._answered: list[Request] = []  # the hub would count one without an answer as lost
        self._password = password
        self._arrived = threading.Condition()

    def _take(self, sock: socket.socket, _number: int) -> None:
        reader = RequestReader([self._password])
        while (request := reader.next_message()) is None:
            data = sock.recv(65536)
            self.seen += data
            if not data:
                return
            reader.feed(data)
        self.requests.append(request)
        send_response(sock, Response_Action=request.message_type)
        with self._arrived:
            self._answered.append(request)
            self._arrived.notify_all()

    def wait_for_text(self, text: str) -> list[Request]:
        """Return all requests once a NOTIFY with a text is answered."""

        def came() -> bool:
            return any(isinstance(each, NotifyRequest) and each.notification.text == text for each in self._answered)

        with self._arrived:
            assert self._arrived.wait_for(came, PATIENCE), self.requests
            return list(self.requests)


# -- Other people's programs ---------------------------------------------------------------------


def require_module(name: str, requirement: str) -> ModuleType:
    """Return a module of a peer; skip the test where it is not installed, or fail if peers are required."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how old their source is, is not our business
            return importlib.import_module(name)
    except ModuleNotFoundError:
        missing_peer(f"needs the package {requirement}: pip install {requirement}")
