"""What a cell of ``tools/compare.py`` is measured with: servers on the loopback interface, and a peer's programs."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import itertools
import json
import os
import re
import signal
import socket
import socketserver
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Final
from urllib.parse import unquote_plus

from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tools.compare_peers import PRELUDE, Peer

BREADCRUMBS: Final = "\nbreadcrumbs: "
"""Stands before the earlier records that Sentry sends with an event."""
BOUND: Final = 60.0
"""Seconds for a program that is expected to end."""

# -- Servers -------------------------------------------------------------------------------------


class Sink:
    """What has reached a server, and how slow the server is."""

    def __init__(self, pause: float = 0.0) -> None:
        self.texts: list[str] = []
        self.ciphers: set[str] = set()
        self.port = 0
        self._pause = pause

    def take(self, text: str) -> None:
        """Take the text of a message."""
        time.sleep(self._pause)
        self.texts.append(text)

    def show(self, toast: Toast) -> None:
        """Take a toast; the GNTP receiver calls this."""
        self.ciphers.add(toast.encryption)
        self.take(f"{toast.title}\n{toast.text}")

    def holds(self, text: str) -> bool:
        """Return whether a message has it."""
        return any(text in each for each in self.texts)


def _http(stream: socketserver.StreamRequestHandler, sink: Sink) -> None:
    while stream.rfile.readline():
        headers = dict(line.decode().lower().split(": ", 1) for line in iter(stream.rfile.readline, b"\r\n"))
        body = stream.rfile.read(int(headers["content-length"]))
        for text in _bodies(headers, body):
            sink.take(text)
        stream.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


def _bodies(headers: dict[str, str], body: bytes) -> Iterator[str]:
    """Yield the events of one request: of Sentry's envelopes, or what a form says."""
    if headers.get("content-encoding", "").strip() == "gzip":
        body = gzip.decompress(body)
    if "envelope" not in headers.get("content-type", ""):
        yield unquote_plus(body.decode())
        return
    lines = body.decode().splitlines()
    for header, item in itertools.pairwise(lines):
        if re.search(r'^\{.*"type": ?"event"', header):
            event = json.loads(item)
            before = event.pop("breadcrumbs", None)
            yield f"{json.dumps(event)}{BREADCRUMBS}{json.dumps(before)}"


def _smtp(stream: socketserver.StreamRequestHandler, sink: Sink) -> None:
    stream.wfile.write(b"220 ready\r\n")
    while line := stream.rfile.readline():
        verb = line[:4].upper().strip()
        if verb == b"DATA":
            stream.wfile.write(b"354 go on\r\n")
            mail = message_from_bytes(b"".join(iter(stream.rfile.readline, b".\r\n")))
            content = mail.get_payload(decode=True)
            sink.take(content.decode() if isinstance(content, bytes) else str(content))
        stream.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")


def _lines(stream: socketserver.StreamRequestHandler, sink: Sink) -> None:
    for line in stream.rfile:
        sink.take(line.decode())


def _first_byte(stream: socketserver.StreamRequestHandler, sink: Sink) -> None:
    """Tell TLS by its first byte: a handshake's record (RFC 8446, 5.1) begins with 22."""
    sink.take("TLS" if stream.rfile.read(1) == b"\x16" else "clear")


def _silence(stream: socketserver.StreamRequestHandler, _sink: Sink) -> None:
    """Accept, read, never answer."""
    while stream.connection.recv(65536):
        pass


Protocol = Callable[[socketserver.StreamRequestHandler, Sink], None]
PROTOCOLS: Final[dict[str, Protocol]] = {
    "http": _http,
    "smtp": _smtp,
    "lines": _lines,
    "first byte": _first_byte,
    "silence": _silence,
}


class _TCPServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 100


@contextlib.contextmanager
def serving(protocol: str, *, port: int = 0, pause: float = 0.0, passwords: Sequence[str] = ()) -> Iterator[Sink]:
    """Run a server on the loopback interface.

    Args:
        protocol: What it speaks.
        port: Where it listens; 0 takes a free port.
        pause: Seconds that it takes for each message.
        passwords: Those that a GNTP server demands.

    Yields:
        What has arrived.
    """
    sink = Sink(pause)
    if protocol == "gntp":
        with Receiver(Server([sink], port=port, passwords=passwords)) as receiver:
            sink.port = receiver.port
            yield sink
        return

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # a client that was ended resets its connection
                PROTOCOLS[protocol](self, sink)

    with _TCPServer(("127.0.0.1", port), Connection) as server:
        sink.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield sink
        finally:
            server.shutdown()


@contextlib.contextmanager
def away() -> Iterator[int]:
    """Yield a port on which no server listens, and which no other program gets meanwhile."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


# -- Programs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """A program that has ended, or was ended."""

    stdout: str
    stderr: str
    at: float
    in_time: bool


class Trial:
    """One cell: runs the peer's programs, and keeps what shows how the cell was found."""

    def __init__(self, peer: Peer, folder: Path) -> None:
        self.peer = peer
        self.notes: list[str] = []
        self._folder = folder

    def start(self, body: str, port: int, other: int = 0) -> subprocess.Popen[str]:
        """Start a program: the peer's setup, and a body."""
        self.notes += ["program:", *PRELUDE.splitlines(), *self.peer.setup.splitlines(), *body.splitlines()]
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
        # No proxies, no settings: only what the program says.
        environment = {**kept, "HOME": str(self._folder), "PORT": str(port), "OTHER": str(other)}
        return subprocess.Popen(  # noqa: S603 - the programs are this file's
            [sys.executable, "-W", "ignore", "-c", f"{PRELUDE}{self.peer.setup}\n{textwrap.dedent(body)}"],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that its children can be ended with it
        )

    def finish(self, process: subprocess.Popen[str], patience: float = BOUND) -> Ended:
        """Wait for a program's end, and end it if that takes too long."""
        try:
            stdout, stderr = process.communicate(timeout=patience)
            in_time = True
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            in_time = False
        ended = Ended(stdout, stderr, time.monotonic(), in_time)
        self.notes += [f"ended by itself: {in_time}", "stdout:", *stdout.splitlines(), "stderr:", *stderr.splitlines()]
        if broken := re.search(r"^(ImportError|ModuleNotFoundError|NameError|SyntaxError).*", stderr, re.MULTILINE):
            raise RuntimeError(f"the program is broken, and shows nothing of the peer: {broken[0]}")
        return ended

    def run(self, body: str, port: int, *, other: int = 0, patience: float = BOUND) -> Ended:
        """Start a program, and wait for its end."""
        return self.finish(self.start(body, port, other), patience)

    def delivered(self, body: str, *, pause: float = 0.0, patience: float = BOUND) -> Sink:
        """Run a program with a server that works, and return what has arrived when both have ended."""
        with serving(self.peer.protocol, pause=pause) as sink:
            self.run(body, sink.port, patience=patience)
            settle(sink)
        self.notes += ["arrived:", *sink.texts[:20]]
        return sink

    def source(self) -> str:
        """Return all source text of the peer's package."""
        spec = importlib.util.find_spec(self.peer.package)
        assert spec is not None
        assert spec.origin is not None
        files = sorted(Path(spec.origin).parent.rglob("*.py"))
        return "\n".join(file.read_text("utf-8", "replace") for file in files)


def settle(sink: Sink) -> None:
    """Wait until no more messages arrive: a peer may end before the server has read all."""
    count = -1
    while count != len(sink.texts):
        count = len(sink.texts)
        time.sleep(1)


def yes(fact: object) -> str:
    """Return how the table says it."""
    return "yes" if fact else "no"
