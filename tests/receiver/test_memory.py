"""The memory of ``gntp-logging listen`` under what strangers send: a process's peak, as the system measures it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, SubscribeRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver import history, history_file, hub, incidents, output, reactions, registry
from gntp_logging.receiver.budget import DEFAULT_BUDGET
from tests.certificates import Issuer
from tests.receiver.conftest import ask, connected
from tests.running import Program, starting
from tests.support import PATIENCE, ScriptedServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.program,
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="needs the memory of a process as Linux tells it"
    ),
]

BOUND = 100_000_000
"""Bytes by which a receiver may grow, whatever comes; docs/security.md has the bounds that add up to it."""

TLS_BOUND = 11_000_000
"""Bytes of all connections with TLS together: as many as of those without."""

MEGABYTE = 1_000_000
PNG, SVG = b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'>"


class Listening:
    """A receiver in a process of its own."""

    def __init__(self, program: Program, password: str) -> None:
        self._program = program
        self._key = Key(password, "SHA256") if password else None
        self.port = program.number_after('"port": ')
        self._before = self._memory("VmRSS")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self._program.pid}/status").read_text("ascii")
        return int(re.findall(rf"{name}:\s*(\d+) kB", status)[0]) * 1024

    @property
    def growth(self) -> int:
        """By how many bytes it has grown at most."""
        return self._memory("VmHWM") - self._before

    @property
    def pages_events(self) -> bytes:
        """The HTTP request with which a page asks for its events."""
        (token,) = re.findall(r"token=(\w+)", self._program.output)
        return f"GET /events?token={token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    @property
    def pages_port(self) -> int:
        """The port of the pages."""
        return self._program.number_after("alerts are shown at http://127.0.0.1:")

    def wait_for(self, text: str, count: int) -> None:
        """Wait until it has written something so often."""
        self._program.wait_for(text, count)

    def bytes_of(self, request: Request, *, keep_alive: bool = False) -> bytes:
        """Return a request as it is sent to this receiver."""
        return encode(request, key=self._key, keep_alive=keep_alive)

    def send(self, request: Request | bytes) -> None:
        """Send a request on a connection of its own; it must be taken."""
        answer = ask(self.port, request if isinstance(request, bytes) else self.bytes_of(request))
        assert answer.message_type == "-OK", answer


Listen = Callable[..., AbstractContextManager[Listening]]
"""Runs ``gntp-logging listen``, and sees at the end that it still answers and has not grown beyond the bound."""


@pytest.fixture
def listen(tmp_path: Path) -> Listen:
    """Runs the command with a JSON display and what a test wants beside it."""

    @contextlib.contextmanager
    def run(*arguments: str, password: str = "") -> Iterator[Listening]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GNTP_")}
        given = ["--password", password] if password else []
        with starting(tmp_path, environment, Path(__file__).parents[2]) as start:
            program = start("-m", "gntp_logging", "listen", "--port", "0", "--display", "json", *arguments, *given)
            running = Listening(program, password)
            yield running
            running.send(RegisterRequest("app", None, [Event("event")]))
            assert running.growth < BOUND, f"{running.growth:,}"

    return run


def test_the_bounds_of_the_document_are_those_of_the_code_and_add_up() -> None:
    """To less than what a receiver may grow by. What one request and a connection take beside was measured."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    pytest.importorskip("desktop_notifier", reason="needs desktop-notifier: pip install 'gntp-logging[desktop]'")
    from gntp_logging.receiver import desktop, web
    from gntp_logging.receiver.web import waiting

    bounds = {
        "24 MB, 21 MB": DEFAULT_BUDGET.held,
        "32 MB": 32 << 20,
        "1,000, of 11 kB each; with TLS 130, of 84 kB each": 11_000 * DEFAULT_BUDGET.connections,
        "5 MB, 1,000": registry.MAX_REGISTRATIONS,
        "registered: pictures | 2 MB": registry.MAX_PICTURES,
        "1 MB, 500": reactions.MAX_AWAITED_BYTES,
        "3 MB, 2 MB for one": hub.ALL_QUEUES_BYTES,
        "encoded | 2 MB": hub.SENDING_BYTES,
        "answer | 48 kB for each of 50": hub.MAX_SUBSCRIBERS * hub.ANSWER_BYTES,
        "knows | 32 kB for each of 50": hub.MAX_SUBSCRIBERS * hub.KNOWN_BYTES,
        "1 MB of names": incidents.MAX_KEPT,
        "2 MB, 300": web.MAX_BYTES,
        "of the page | 1 MB": web.MAX_PICTURES,
        "to the page | 1 MB": web.MAX_PICTURES,
        "512 kB": waiting.PENDING,
        "one question at a time | 2 MB": 2 << 20,
        "the history | 1 MB": history.MAX_WAITING,
        "SQLite keeps of the history | 1 MB": 1024 * history_file.CACHE + history_file.INDEX_BYTES,
        "50, 1 MB": desktop.MAX_WAITING_PICTURES,
        "standard output | 1 MB": output.MAX_WAITING,
    }
    assert sum(bounds.values()) < BOUND
    assert 73_000 * DEFAULT_BUDGET.tls_connections < TLS_BOUND == 11_000 * DEFAULT_BUDGET.connections
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    for words, size in bounds.items():
        assert words in page
        (number,) = re.findall(r"(\d+) (?:MB|kB)\b", words)[:1]
        unit = 1024 if "kB" in words else 1024 * 1024
        assert size in (int(number) * unit, 50 * int(number) * unit, 11_000_000)


def notify(number: int, size: int, begin: bytes = PNG, text: str = "text", **more: object) -> NotifyRequest:
    """Return a NOTIFY with a picture of so many bytes, unlike that of any other number."""
    picture = Resource(begin + number.to_bytes(4, "big") + bytes(size))
    return NotifyRequest("app", Notification("event", "title", text, icon=picture, **more))  # type: ignore[arg-type]


REGISTER = RegisterRequest("app", None, [Event("event")])


@pytest.mark.parametrize(("size", "count"), [(MEGABYTE, 200), (15 * MEGABYTE, 15)])
def test_requests_of_finished_reactions_are_not_kept(listen: Listen, size: int, count: int) -> None:
    """Nor those of senders that have left."""
    with listen() as running:
        running.send(REGISTER)
        for number in range(count):
            callback = SocketCallback(f"context {number}", "type")
            with connected(running.port) as sock:
                sock.sendall(running.bytes_of(notify(number, size, callback=callback, sticky=True)))
                assert sock.recv(4).startswith(b"GNTP")


def test_contexts_of_reactions_are_bounded(listen: Listen) -> None:
    """A sender may wait with as much as a request holds."""
    with listen() as running, contextlib.ExitStack() as waiting:
        running.send(REGISTER)
        callback = SocketCallback("é" * 1_900_000, "type")
        shown = Notification("event", "title", "text", callback=callback, sticky=True)
        request = running.bytes_of(NotifyRequest("app", shown))
        for _ in range(60):
            sock = waiting.enter_context(connected(running.port))
            sock.sendall(request)
            assert sock.recv(4).startswith(b"GNTP")


@pytest.mark.parametrize("text", ["text", "é" * 60_000])
def test_what_waits_for_the_history_is_bounded(listen: Listen, tmp_path: Path, text: str) -> None:
    """It is written, or counted; SQLite's own memory is bounded too."""
    with listen("--history", str(tmp_path / "history")) as running:
        running.send(REGISTER)
        for number in range(200):
            running.send(notify(number, 900_000, text=f"{number} {text}"))


@pytest.mark.parametrize("begin", [PNG, SVG])
def test_the_pages_toasts_are_bounded(listen: Listen, begin: bytes) -> None:
    """Their pictures too, shown ones and others."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    with listen("--display", "web", "--web-port", "0") as running:
        running.send(REGISTER)
        for number in range(200):
            running.send(notify(number, MEGABYTE, begin))


def test_pages_that_do_not_read_are_bounded(listen: Listen) -> None:
    """With names and texts as long as a request may have them."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    name = "é" * 500_000
    with listen("--display", "web", "--web-port", "0") as running, contextlib.ExitStack() as pages:

        def open_page() -> None:
            page = pages.enter_context(socket.create_connection(("127.0.0.1", running.pages_port), timeout=PATIENCE))
            page.sendall(running.pages_events)
            assert page.recv(12) == b"HTTP/1.1 200"

        running.send(RegisterRequest("app", None, [Event(name)]))
        request = running.bytes_of(NotifyRequest("app", Notification(name, name, name)))
        open_page()
        for _ in range(40):
            running.send(request)
        for _ in range(19):
            open_page()
        for _ in range(40):
            running.send(request)


def test_registrations_are_bounded(listen: Listen) -> None:
    """By their bytes."""
    with listen() as running:
        events = [Event(f"{type_}", "x" * 1000) for type_ in range(1000)]
        request = running.bytes_of(RegisterRequest("app 000", None, events))
        for number in range(120):
            running.send(request.replace(b"app 000", b"app %03d" % number))


def test_what_waits_for_a_silent_subscriber_is_bounded(listen: Listen) -> None:
    """For several too; it takes everything and answers nothing."""
    with listen("--hub", password="secret") as running, ScriptedServer(lambda sock, _: _read_all(sock)) as silent:
        running.send(REGISTER)
        for number in range(10):
            running.send(SubscribeRequest(f"id {number}", "silent", silent.port))
        for number in range(200):
            running.send(notify(number, MEGABYTE))


def _read_all(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def test_incomplete_requests_are_bounded(listen: Listen) -> None:
    """Of one address, and of several."""
    unfinished = encode(notify(0, 15 * MEGABYTE))[: 10 * MEGABYTE]
    with listen() as running, contextlib.ExitStack() as crowd:
        for number in range(20):
            sock = crowd.enter_context(socket.socket())
            sock.settimeout(PATIENCE)
            sock.bind((f"127.0.0.{1 + number % 5}", 0))
            sock.connect(("127.0.0.1", running.port))
            with contextlib.suppress(OSError):  # it is refused
                sock.sendall(unfinished)
    # They are gone; who comes now is served.


@pytest.mark.parametrize("keep_alive", [True, False])
def test_answers_that_nobody_reads_are_bounded(listen: Listen, keep_alive: bool) -> None:
    """And so is what a connection remembers of its last request."""
    with listen() as running, contextlib.ExitStack() as crowd:
        running.send(REGISTER)
        request = NotifyRequest("app", Notification("event", "title", "😀" * 200_000, id_="é" * 1_500_000))
        for _ in range(40):
            sock = crowd.enter_context(socket.socket())
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sock.connect(("127.0.0.1", running.port))
            sock.sendall(running.bytes_of(request, keep_alive=keep_alive))


def test_requests_that_were_answered_are_not_kept(listen: Listen) -> None:
    """While their connections are kept, or wait for reactions."""
    with listen() as running, contextlib.ExitStack() as crowd:
        running.send(REGISTER)
        callback = SocketCallback("context", "type")
        for awaits in (True, False):
            shown = Notification("event", "title", "😀" * 900_000, callback=callback if awaits else None, sticky=True)
            request = running.bytes_of(NotifyRequest("app", shown), keep_alive=not awaits)
            for _ in range(20):
                sock = crowd.enter_context(connected(running.port))
                sock.sendall(request)
                assert sock.recv(4).startswith(b"GNTP")


def test_a_request_of_many_short_lines_is_bounded(listen: Listen) -> None:
    """Each of them would be an object."""
    with listen() as running:
        head = b"GNTP/1.0 NOTIFY NONE\r\nApplication-Name: app\r\nNotification-Name: event\r\nNotification-Title: t\r\n"
        for line in (b"xx\r\n", b"\r\n", b"x: \r\n", "😀".encode()):
            with connected(running.port) as sock:
                sock.sendall(head + line * (4_000_000 // len(line)) + b"\r\n\r\n")
                assert sock.recv(4).startswith(b"GNTP")


def test_names_of_headers_that_go_back_are_not_kept(listen: Listen) -> None:
    """A name may be as long as a request."""
    with listen() as running:
        running.send(REGISTER)
        request = running.bytes_of(NotifyRequest("app", Notification("event", "title")))
        for number in range(60):
            with connected(running.port) as sock:
                sock.sendall(request[:-2] + b"Data-%d%s: x\r\n\r\n" % (number, b"n" * 3_000_000))
                assert sock.recv(4).startswith(b"GNTP")


@pytest.mark.parametrize("count", [1023, 1024])
def test_many_short_headers_are_bounded_while_they_wait(listen: Listen, count: int) -> None:
    """For more blocks, or for a picture: parsed, each would be an object. What is refused is not kept either."""
    block = b"".join(b"%02d:\r\n" % number for number in range(32)) + b"\r\n"
    head = b"GNTP/1.0 REGISTER NONE\r\nApplication-Name: app\r\nX-It: x-growl-resource://it\r\n"
    with listen() as running, contextlib.ExitStack() as crowd:
        waiting = [crowd.enter_context(connected(running.port)) for _ in range(40)]
        for sock in waiting:
            sock.sendall(head + b"Notifications-Count: 1024\r\n\r\n" + block * count)
        if count == 1024:
            assert all(sock.recv(4) for sock in waiting)


def test_long_texts_are_bounded_while_they_wait_for_a_picture(listen: Listen) -> None:
    """One wide character gives all others of its text four bytes in memory."""
    request = encode(NotifyRequest("app", Notification("event", "title", "😀" + "x" * 3_800_000, icon=Resource(PNG))))
    with listen() as running, contextlib.ExitStack() as crowd:
        for number in range(6):
            sock = crowd.enter_context(socket.socket())
            sock.settimeout(PATIENCE)
            sock.bind((f"127.0.0.{1 + number % 3}", 0))
            sock.connect(("127.0.0.1", running.port))
            sock.sendall(request[: request.index(PNG) - 20])


def test_answers_of_subscribers_are_bounded(listen: Listen) -> None:
    """Each may answer as much as it likes, at the same time as all others."""
    head = b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\nData-It: " + b"x" * 3_900_000

    def answer(sock: socket.socket, _number: int) -> None:
        sock.sendall(head)
        _read_all(sock)

    with listen("--hub", password="secret") as running, ScriptedServer(answer) as subscriber:
        running.send(REGISTER)
        for number in range(50):
            running.send(SubscribeRequest(f"id {number}", "talkative", subscriber.port))
        running.send(NotifyRequest("app", Notification("event", "title")))
        running.wait_for('"event": "lost"', 50)


def test_idle_connections_are_bounded(listen: Listen) -> None:
    """Some thousand cost little; they give way, and the next client is served."""
    with listen() as running, contextlib.ExitStack() as crowd:
        for _ in range(1500):
            crowd.enter_context(connected(running.port))
        running.send(REGISTER)


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_handshakes_and_sessions_are_bounded(tmp_path: Path, issuer: Issuer, certificate: Path, share: float) -> None:
    """Half of the places with clients that do not go on with theirs, the rest with parts of a record."""
    context = ssl.create_default_context(cafile=issuer.file)
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    hello = out.read()
    count = DEFAULT_BUDGET.tls_connections // 2
    with starting(tmp_path, dict(os.environ), Path(__file__).parents[2]) as start, contextlib.ExitStack() as crowd:
        arguments = ["--port", "0", "--display", "json", "--tls-cert", str(certificate)]
        running = Listening(start("-m", "gntp_logging", "listen", *arguments), "")
        for _ in range(count):
            sock = crowd.enter_context(connected(running.port))
            sock.sendall(hello[: int(share * len(hello))])
        for _ in range(count):
            sock = crowd.enter_context(connected(running.port))
            with context.wrap_socket(sock, server_hostname="localhost") as wrapped:
                wrapped.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                wrapped.sendall(running.bytes_of(REGISTER, keep_alive=True))
                assert wrapped.recv(4) == b"GNTP"
                sock = crowd.enter_context(socket.socket(fileno=wrapped.detach()))
            sock.sendall(b"\x17\x03\x03\x40\x00" + bytes(16_000))
        assert running.growth < TLS_BOUND, f"{running.growth:,}"


def test_what_is_sent_ahead_stays_with_the_system(listen: Listen) -> None:
    """While a reaction is awaited nothing is read."""
    shown = Notification("event", "title", "text", callback=SocketCallback("context", "type"), sticky=True)
    with listen() as running, contextlib.ExitStack() as crowd:
        running.send(REGISTER)
        for _ in range(300):
            sock = crowd.enter_context(connected(running.port))
            sock.sendall(running.bytes_of(NotifyRequest("app", shown)) + bytes(400_000))
            assert sock.recv(4).startswith(b"GNTP")
