"""How many notifications a second the receiver takes: plain, encrypted, and with a thousand connections open.

Run ``python bench/receiver.py``. Another process serves, and this one sends, over loopback: on one kept connection with
a batch written ahead (what the receiver itself can do), and on one connection for each notification. Each rate is also
given as a ratio to a bare loop of sockets on the same machine in the same run. The loop reads and writes as many bytes,
and does not parse them.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.gntp.wire import encode

PASSWORD = "secret"
BATCH = 100
OPEN = 1000

SERVE = """
import sys, resource
from gntp_logging.receiver.server import Receiver, Server
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
class Nobody:
    def show(self, toast): pass
with Receiver(Server([Nobody()], passwords=sys.argv[1:])) as receiver:
    print(receiver.port, flush=True)
    sys.stdin.read()
"""
BARE = """
import socket, sys, threading
size, answer = int(sys.argv[1]), bytes(int(sys.argv[2]))
listener = socket.create_server(("127.0.0.1", 0), backlog=100)
print(listener.getsockname()[1], flush=True)
def serve(sock):
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        held = 0
        while data := sock.recv(65536):
            held += len(data)
            while held >= size:
                held -= size
                sock.sendall(answer)
def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
"""


@contextlib.contextmanager
def server(code: str, *arguments: str) -> Iterator[int]:
    """Run a server in a process of its own; yield its port."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def message(secured: str, text: str, *, keep_alive: bool) -> bytes:
    """Return a notification, in clear, keyed or encrypted."""
    request = NotifyRequest("bench", Notification("event", "ERROR · bench", text))
    if not secured:
        return encode(request, keep_alive=keep_alive)
    key = Key(PASSWORD, "SHA256")
    return encode(request, key=key, cipher=Cipher(key, secured), keep_alive=keep_alive)


def register(port: int, secured: str) -> bytes:
    """Register the application; return a whole answer, to know how long they are."""
    key = Key(PASSWORD, "SHA256") if secured else None
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(encode(RegisterRequest("bench", None, [Event("event")]), key=key))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(4096).startswith(b"GNTP/1.0 -OK")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(message(secured, "x", keep_alive=True))
        answer = sock.recv(4096)
        assert answer.startswith(b"GNTP/1.0 -OK"), answer
        return answer


def kept(port: int, data: bytes, answer: int, count: int) -> float:
    """Return notifications a second on one connection, a batch written ahead."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        began = time.perf_counter()
        for _ in range(count // BATCH):
            sock.sendall(data * BATCH)
            left = answer * BATCH
            while left > 0:
                received = len(sock.recv(65536))
                assert received, "the server has closed"
                left -= received
        return count / (time.perf_counter() - began)


def single(port: int, data: bytes, answer: int, count: int) -> float:
    """Return notifications a second with a connection for each."""
    began = time.perf_counter()
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            left = answer
            while left > 0 and (received := len(sock.recv(4096))):
                left -= received
    return count / (time.perf_counter() - began)


@contextlib.contextmanager
def crowd(port: int, count: int) -> Iterator[None]:
    """Hold connections open that say nothing for as long as the receiver lets them."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        yield


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3000, help="notifications in a turn (default %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="turns (default %(default)s)")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    print(f"notifications a second, median of {options.turns} turns of {options.count}; ratio to a bare loop")
    for name, secured in (("plain", ""), ("AES", "AES")):
        for way, measure, keep_alive in (("kept", kept, True), ("one connection each", single, False)):
            data = message(secured, "it broke\nshop/cart.py:4 in pay", keep_alive=keep_alive)
            row(f"{name}, {way}", secured, measure, data, options.count, options.turns)
    data = message("", "it broke\nshop/cart.py:4 in pay", keep_alive=True)
    row(f"plain, kept, {OPEN:,} others open", "", kept, data, options.count, options.turns, others=OPEN)


def row(
    name: str,
    secured: str,
    measure: Callable[[int, bytes, int, int], float],
    data: bytes,
    count: int,
    turns: int,
    others: int = 0,
) -> None:
    """Measure one way of sending in turns with the bare loop, and print the rate and the ratio."""
    with server(SERVE, *([PASSWORD] if secured else [])) as port, contextlib.ExitStack() as stack:
        size = len(register(port, secured)) if measure is kept else 20
        bare = stack.enter_context(server(BARE, str(len(data)), str(size)))
        rates: tuple[list[float], list[float]] = [], []
        for _ in range(turns):
            with crowd(port, others):
                rates[0].append(measure(port, data, size, count))
            rates[1].append(measure(bare, data, size, count))
    ours, theirs = map(median, rates)
    print(f"{name:36}{ours:10,.0f}{ours / theirs:8.2f}")


if __name__ == "__main__":
    main()
