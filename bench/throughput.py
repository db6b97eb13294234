"""Notifications per second to one loopback server: GNTPClient beside gntp, gntplib and a bare socket loop.

Run ``python bench/throughput.py`` with gntp 1.0.3 and gntplib 3.0.10 installed (both are in the extra ``test``). All
send to the same server process in the same run, in turns. The bare loop is what a program could write at best without a
library: it builds each message, with a fresh salt and vector where it is encrypted, sends it, and reads until the
answer's end.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gntp.notifier
import gntplib
import gntplib.ciphers
import gntplib.keys
from Cryptodome.Cipher import AES
from Cryptodome.Util.Padding import pad

sys.path.insert(0, str(Path(__file__).parents[1]))  # the other benchmarks

from bench.loopback import END, Ports, loopback_server
from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.models import Notification
from gntp_logging.gntp.requests import NotifyRequest, Response

NOTIFICATIONS = 5000
TURNS = 5
PASSWORD = "secret"
TITLE, TEXT = "ERROR · shop · orders", "KeyError: 'basket'\norders.py:42 in total\nviews.py:17 in checkout"

Send = Callable[[int], None]
"""Sends so many notifications, and has read their answers when it returns."""


# -- The bare loop -------------------------------------------------------------------------------


def _block(number: int, connection: str) -> bytes:
    return (
        f"Application-Name: shop\r\nNotification-Name: Error\r\nNotification-ID: {number}\r\n"
        f"Notification-Title: {TITLE}\r\nNotification-Text: {TEXT}\r\n"
        f"Notification-Sticky: False\r\nNotification-Priority: 1\r\n{connection}"
    ).encode()


def _bare_message(number: int, *, encrypted: bool, kept: bool) -> bytes:
    block = _block(number, "Connection: Keep-Alive\r\n" if kept else "")
    end = END if kept else b""
    if not encrypted:
        return b"GNTP/1.0 NOTIFY NONE\r\n" + block + b"\r\n" + end
    salt, iv = os.urandom(16), os.urandom(16)
    key = hashlib.sha256(PASSWORD.encode() + salt).digest()
    line = f"GNTP/1.0 NOTIFY AES:{iv.hex()} SHA256:{hashlib.sha256(key).hexdigest()}.{salt.hex()}\r\n".encode()
    return line + AES.new(key[:24], AES.MODE_CBC, iv).encrypt(pad(block, 16)) + b"\r\n\r\n" + end


def bare_closing(port: int, *, host: str = "127.0.0.1", encrypted: bool) -> Send:
    """Send on one connection for each notification."""

    def send(count: int) -> None:
        for number in range(count):
            with socket.create_connection((host, port)) as sock:
                sock.sendall(_bare_message(number, encrypted=encrypted, kept=False))
                while sock.recv(4096):
                    pass

    return send


def bare_kept(port: int, *, host: str = "127.0.0.1", encrypted: bool) -> Send:
    """Send on one connection for all."""

    def send(count: int) -> None:
        with socket.create_connection((host, port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(count):
                sock.sendall(_bare_message(number, encrypted=encrypted, kept=True))
                answer = b""
                while not answer.endswith(END):
                    answer += sock.recv(4096)

    return send


# -- Libraries -----------------------------------------------------------------------------------


def with_gntp(port: int, *, host: str = "127.0.0.1", encrypted: bool) -> Send:
    """Send with gntp, which cannot encrypt: with AES, it is measured with its strongest key instead."""
    secured: dict[str, Any] = {"password": PASSWORD} if encrypted else {}
    growl = gntp.notifier.GrowlNotifier("shop", ["Error"], hostname=host, port=port, **secured)
    growl.passwordHash = "SHA256"

    def send(count: int) -> None:
        for number in range(count):
            assert growl.notify("Error", TITLE, TEXT, priority=1, identifier=str(number)) is True

    return send


def with_gntplib(port: int, *, host: str = "127.0.0.1", encrypted: bool) -> Send:
    """Send with gntplib, which has a connection for each notification and no other way."""
    secured: dict[str, Any] = {}
    if encrypted:
        secured = {
            "password": PASSWORD,
            "key_hashing": gntplib.keys.SHA256,
            "encryption": gntplib.ciphers.AES,
        }
    publisher = gntplib.Publisher("shop", [gntplib.Event("Error")], host=host, port=port, **secured)

    def send(count: int) -> None:
        for number in range(count):
            publisher.publish("Error", TITLE, TEXT, id_=str(number), priority=1)

    return send


def _client(host: str, port: int, *, encrypted: bool) -> GNTPClient:
    secured: dict[str, Any] = {"password": PASSWORD, "encryption": ciphers.AES, "key_hashing": keys.SHA256}
    return GNTPClient(host, port, **(secured if encrypted else {}))


def _requests(count: int) -> Iterator[NotifyRequest]:
    for number in range(count):
        yield NotifyRequest("shop", Notification("Error", TITLE, TEXT, str(number), priority=1))


def with_client(port: int, *, host: str = "127.0.0.1", encrypted: bool) -> Send:
    """Send one request after the other."""

    def send(count: int) -> None:
        with _client(host, port, encrypted=encrypted) as client:
            for request in _requests(count):
                client.process_request(request)

    return send


def with_pipeline(port: int, *, host: str = "127.0.0.1", encrypted: bool) -> Send:
    """Send all requests at once."""

    def send(count: int) -> None:
        with _client(host, port, encrypted=encrypted) as client:
            answers = client.process_requests(_requests(count))
            assert all(isinstance(answer, Response) for answer in answers)

    return send


# -- Measuring -----------------------------------------------------------------------------------


def rates(contenders: dict[str, Send], count: int, turns: int) -> dict[str, float]:
    """Return the notifications per second of each; they take turns, and the best turn of each counts."""
    best = dict.fromkeys(contenders, 0.0)
    for _ in range(turns):
        for name, send in contenders.items():
            began = time.perf_counter()
            send(count // turns)
            best[name] = max(best[name], count // turns / (time.perf_counter() - began))
    return best


@contextmanager
def _contenders(*, encrypted: bool) -> Iterator[dict[str, Send]]:
    with loopback_server() as ports:
        yield _senders(ports, encrypted=encrypted)


def _senders(ports: Ports, *, encrypted: bool) -> dict[str, Send]:
    return {
        "closing: bare loop": bare_closing(ports.closing, encrypted=encrypted),
        "closing: gntp": with_gntp(ports.closing, encrypted=encrypted),
        "closing: gntplib": with_gntplib(ports.closing, encrypted=encrypted),
        "closing: GNTPClient": with_client(ports.closing, encrypted=encrypted),
        "kept: bare loop": bare_kept(ports.keeping, encrypted=encrypted),
        "kept: gntplib (closes)": with_gntplib(ports.keeping, encrypted=encrypted),
        "kept: GNTPClient": with_client(ports.keeping, encrypted=encrypted),
        "pipelined: GNTPClient": with_pipeline(ports.keeping, encrypted=encrypted),
        "kept, 0.5 ms: bare loop": bare_kept(ports.slow, encrypted=encrypted),
        "kept, 0.5 ms: GNTPClient": with_client(ports.slow, encrypted=encrypted),
    }


AIMS = [
    ("closing: GNTPClient", "closing: gntp", 1.0),
    ("closing: GNTPClient", "closing: gntplib", 1.0),
    ("kept: GNTPClient", "kept: gntplib (closes)", 4.0),
    ("pipelined: GNTPClient", "kept: gntplib (closes)", 6.0),
    ("kept, 0.5 ms: GNTPClient", "kept, 0.5 ms: bare loop", 0.8),
]
"""Two rates that are compared, and the ratio that the first should reach."""


def main() -> None:
    """Measure, and print tables of rates and ratios."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--notifications", type=int, default=NOTIFICATIONS, help="for each (default %(default)s)")
    arguments.add_argument("--turns", type=int, default=TURNS, help="turns to take (default %(default)s)")
    options = arguments.parse_args()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("gntp", "gntplib", "gntp-logging"))
    print(
        f"Python {platform.python_version()} on {platform.machine()} {platform.system()}, {os.cpu_count()} processors"
    )
    print(f"{versions}; {options.notifications} notifications each in {options.turns} turns, the best turn counts")
    for encrypted in (False, True):
        with _contenders(encrypted=encrypted) as contenders:
            found = rates(contenders, options.notifications, options.turns)
        print(f"\n{'AES (gntp: SHA256 key only)' if encrypted else 'plain':34}{'per second':>12}")
        for name, rate in found.items():
            print(f"{name:34}{rate:12,.0f}")
        print(f"{'ratio':50}{'aim':>8}{'found':>8}")
        for ours, theirs, aim in AIMS:
            print(f"{ours + ' / ' + theirs:50}{aim:8.2f}{found[ours] / found[theirs]:8.2f}")


if __name__ == "__main__":
    main()
