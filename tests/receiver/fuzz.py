"""Throw mutated requests at a receiver, and see that it stands: ``python tests/receiver/fuzz.py``. No test itself.

Requests are cut, joined, doubled, and changed byte by byte, and sent in pieces of any size, with and without a
password, in clear and encrypted: ours, and with ``--requests FOLDER`` recorded ones of other people's clients.
Afterwards the server must answer as before, hold nothing for anybody, have logged no mistake of its own, and not have
grown. ``--seconds`` bounds it, and ``--seed`` makes the same mistakes in the same order again. A test counts requests
instead of seconds, so that it does the same each time.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import random
import socket
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # where the repository is not installed

from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, SubscribeRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.support import wait_until

PASSWORD = "secret"
PICTURE = Resource(bytes(range(256)) * 8)
REQUESTS: list[Request] = [
    RegisterRequest("app", PICTURE, [Event("event", "Event", icon=PICTURE), Event("other", enabled=False)]),
    NotifyRequest("app", Notification("event", "title", "text\nmore", id_="1", icon=PICTURE, coalescing_id="c")),
    NotifyRequest("app", Notification("event", "tïtle", "x" * 2000, callback=SocketCallback("context", "type"))),
    NotifyRequest(
        "app", Notification("event", "title"), [("X-Thing", "1")], [("Data-Thing", "2"), ("Data-It", PICTURE)]
    ),
    SubscribeRequest("sub-1", "desk", 9),
]
PIECES = [
    b"\r\n",
    b"\r\n\r\n",
    b"GNTP/1.0 NOTIFY NONE\r\n",
    b"GNTP/1.0 END\r\n\r\n",
    b"Notifications-Count: 999999999\r\n",
    b"Length: 99999999999\r\n",
    b"Identifier: x\r\n",
    b"x-growl-resource://x",
    b"\x00",
    b"\xff\xfe",
    b":",
    b"\n",
]
GROWTH = 4 * 1024 * 1024
"""Bytes by which the process may have grown in the second half: applications and pictures are remembered, in bounds."""


class _Silent:
    def show(self, toast: Toast) -> None:
        """Show nothing, and let the toast be closed."""
        toast.react(Reaction.CLOSED)


class _Mistakes(logging.Handler):
    """What the event loop has to say of exceptions that nobody has caught."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it."""
        self.told.append(record.getMessage())


def corpus(choose: random.Random, folder: Path | None) -> list[bytes]:
    """Return whole requests: in clear, keyed, and encrypted in each way; and those that a folder has."""
    found = [] if folder is None else [path.read_bytes() for path in sorted(folder.glob("*.bin"))]
    for request in REQUESTS:
        found.append(encode(request))
        found.append(encode(request, keep_alive=True) * 3)
        for hash_id in ("MD5", "SHA256", "SHA512"):
            key = Key(PASSWORD, hash_id, choose.randbytes(16))
            found.append(encode(request, key=key))
            sizes = {"DES": 8} if hash_id == "MD5" else {"AES": 16, "3DES": 8, "DES": 8}
            found += [
                encode(request, key=key, cipher=Cipher(key, cipher_id, choose.randbytes(size)))
                for cipher_id, size in sizes.items()
            ]
    return found


def mutated(data: bytes, choose: random.Random, others: list[bytes]) -> bytes:
    """Return a request with some mistakes in it."""
    changed = bytearray(data)
    for _ in range(choose.choice([0, 1, 1, 2, 5])):
        at = choose.randrange(len(changed) + 1)
        kind = choose.randrange(6)
        if kind == 0 and changed:
            changed[at % len(changed)] ^= 1 << choose.randrange(8)
        elif kind == 1:
            del changed[at : at + choose.choice([1, 2, 30, 500])]
        elif kind == 2:
            changed[at:at] = choose.choice(PIECES)
        elif kind == 3:
            changed[at:at] = changed[at : at + choose.choice([1, 20, 300])]
        elif kind == 4:
            changed[at:] = choose.choice(others)[choose.randrange(50) :]
        else:
            changed[at:at] = bytes(choose.randrange(256) for _ in range(choose.randrange(20)))
    return bytes(changed)


def throw(port: int, data: bytes, choose: random.Random) -> None:
    """Send bytes in pieces, read a little of what comes, or nothing, and leave in one way or another."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock, contextlib.suppress(OSError):
        while data:
            size = choose.choice([1, 7, 100, 1024, len(data)])
            sock.sendall(data[:size])
            data = data[size:]
        if choose.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
        sock.settimeout(choose.choice([0.001, 0.02]))
        sock.recv(4096)


def fuzz(
    seed: str, *, seconds: float = float("inf"), requests: int = sys.maxsize, folder: Path | None = None
) -> list[str]:
    """Throw until the time is over, or so many requests are thrown; return what was wrong afterwards."""
    known = corpus(random.Random(seed), folder)
    servers = [
        Server([_Silent()], passwords=passwords, request_timeout=0.5, hub=True) for passwords in ([PASSWORD], [])
    ]
    mistakes = _Mistakes()
    gc.collect()  # of what others have left asyncio would tell meanwhile
    logging.getLogger("asyncio").addHandler(mistakes)
    tracemalloc.start()
    half = thrown = 0
    began = time.monotonic()
    with Receiver(servers[0]) as keyed, Receiver(servers[1]) as clear:
        while (passed := time.monotonic() - began) < seconds and thrown < requests:
            # Each has its own: how often one chooses depends on when the server closes.
            choose = random.Random(f"{seed} {thrown}")
            throw(choose.choice([keyed.port, clear.port]), mutated(choose.choice(known), choose, known), choose)
            thrown += 1
            if not half and (passed > seconds / 2 or thrown > requests / 2):
                half = _memory()
        problems = [*_left_over(keyed, PASSWORD), *_left_over(clear, None)]
        grown = _memory() - half
    tracemalloc.stop()
    logging.getLogger("asyncio").removeHandler(mistakes)
    problems += mistakes.told
    if grown > GROWTH:
        problems.append(f"grown by {grown:,} bytes in the second half")
    print(f"{thrown:,} requests in {passed:.1f} s, seed {seed}: {'; '.join(problems) or 'it stands'}")
    return problems


def _memory() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _left_over(running: Receiver, password: str | None) -> Iterator[str]:
    """Yield what is wrong with a server after all that."""
    if not answers(running.port, password):
        yield "the server does not answer any more"
    usage, places = running.server._usage, running.server._places
    with contextlib.suppress(AssertionError):  # told below, with what is held
        wait_until(lambda: not (len(places) or usage._all_held), 30)
    if len(places) or usage._all_held:
        yield f"still held: {len(places)} connections, {usage._all_held} bytes"
    if running.server.display_failures:
        yield f"{running.server.display_failures} failures of the display"


def answers(port: int, password: str | None) -> bool:
    """Tell whether a server registers an application, whatever came before."""
    key = None if password is None else Key(password, "SHA256")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(encode(REQUESTS[0], key=key))
        sock.shutdown(socket.SHUT_WR)
        return sock.recv(4096).startswith(b"GNTP/1.0 -OK")


def main() -> int:
    """Run it; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default %(default)s)")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="makes the same mistakes again")
    parser.add_argument(
        "--requests", type=Path, metavar="FOLDER", help="files *.bin with recorded requests to mutate too"
    )
    arguments = parser.parse_args()
    return 1 if fuzz(arguments.seed, seconds=arguments.seconds, folder=arguments.requests) else 0


if __name__ == "__main__":
    raise SystemExit(main())
