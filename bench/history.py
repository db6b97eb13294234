"""The history: how long a search among 100,000 alerts takes, and whether keeping alerts delays showing them.

Run ``python bench/history.py``. A search ends with the fifty last alerts for the page, and with the first one for the
command. It is compared with a look through all texts, in the same file. For the delay, another process receives, in
turns with and without a history. This one sends over a kept connection, and waits for each answer before it sends the
next notification. It measures the time up to the answer, which comes after the toast was shown.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import random
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from bench.receiver import message, register, server
from gntp_logging.receiver.history_file import HistoryFile, Wanted
from gntp_logging.receiver.registry import Toast

SERVE = """
import sys
from gntp_logging.receiver.history import History
from gntp_logging.receiver.server import Receiver, Server
class Nobody:
    def show(self, toast): pass
displays, numbers = [Nobody()], None
if sys.argv[1:]:
    history = History(sys.argv[1], print)
    history.start()
    displays, numbers = [history, *displays], history.numbers
with Receiver(Server(displays, numbers=numbers)) as receiver:
    print(receiver.port, flush=True)
    sys.stdin.read()
"""

MOST = 100_000
"""Alerts that a history keeps."""

WORDS = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "en", "ior", "ost", "ulat", "ering")]


def alert(number: int, random_: random.Random) -> Toast:
    """Return an alert with a text like that of an exception with its frames."""
    words = " ".join(random_.choices(WORDS, k=8))
    frames = "\n".join(f"shop/{random_.choice(WORDS)}.py:{random_.randrange(900)} in pay" for _ in range(8))
    title = f"ValueError: order {number * 7919 % 1_000_003} {words}" + ("" if number % 5000 else " §")
    text = f"{words}\n{frames}\n{'an old one' if number < MOST // 2 else 'a new one'}\nweb-{number % 7}"
    return Toast("shop", "Error", title, text, number=number, arrived=number, priority=1)


def searches(count: int, turns: int) -> None:
    """Fill a history, and print how long it takes to find things in it."""
    random_ = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, HistoryFile(os.path.join(folder, "h"), writes=True) as file:
        began = time.perf_counter()
        for begin in range(1, count, 100):
            file.write(alert(number, random_) for number in range(begin, begin + 100))
        seconds = time.perf_counter() - began
        print(f"{count:,} alerts written in hundreds: {count / seconds:,.0f} a second, {file.size() / 1e6:.0f} MB")
        print(f"{'what is looked for':40}{'page, ms':>10}{'command, ms':>13}{'all texts, ms':>15}")
        number = 4711 * 7919 % 1_000_003
        for name, wanted in (
            ("a number", Wanted(texts=[f"order {number} "])),
            ("a number and a word", Wanted(texts=[str(number), "ValueError"])),
            ("what is nowhere", Wanted(texts=["KeyError"])),
            ("what is nowhere, its letters everywhere", Wanted(texts=["pay in pay"])),
            ("what is in all of them", Wanted(texts=["ValueError"])),
            ("what is in the older half", Wanted(texts=["an old one"])),
            ("one letter that is in all of them", Wanted(texts=["e"])),
            ("one letter that is in a few", Wanted(texts=["§"])),
            ("two letters that are nowhere", Wanted(texts=["??"])),
            ("a level that is nowhere", Wanted(level=50)),
            ("an application that is nowhere", Wanted(application="bank")),
            ("the last hundred", Wanted(since=float(count - 100))),
            ("errors among the last hundred", Wanted(since=float(count - 100), level=40, application="shop")),
        ):
            page = _taken(turns, functools.partial(_last, file, wanted))
            command = _taken(turns, functools.partial(_first, file, wanted))
            print(f"{name:40}{page * 1e3:10.1f}{command * 1e3:13.1f}{_all_texts(file.path, wanted) * 1e3:15.1f}")
        began = time.perf_counter()
        file.delete(Wanted(before=float(count // 10)))
        print(f"a tenth deleted without a trace in {time.perf_counter() - began:.1f} s")


def _last(file: HistoryFile, wanted: Wanted) -> None:
    list(file.last(wanted, 50))


def _first(file: HistoryFile, wanted: Wanted) -> None:
    next(file.find(wanted), None)


def _taken(turns: int, search: Callable[[], object]) -> float:
    """Return how many seconds a search takes."""
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        search()
        times.append(time.perf_counter() - began)
    return median(times)


def _all_texts(path: str, wanted: Wanted) -> float:
    """Return how many seconds it takes to look through all texts."""
    db = sqlite3.connect(path)
    conditions = " AND ".join(["title || text LIKE ?"] * len(wanted.texts)) or "title || text LIKE '%'"
    began = time.perf_counter()
    db.execute(f"SELECT count(*) FROM alerts WHERE {conditions}", [f"%{text}%" for text in wanted.texts]).fetchone()
    seconds = time.perf_counter() - began
    db.close()
    return seconds


def delays(count: int, turns: int) -> None:
    """Print how long an answer takes with a history and without."""
    data = message("", "it broke\n" + "shop/cart.py:4 in pay\n" * 20, keep_alive=True)
    times: dict[str, list[float]] = {"without a history": [], "with a history": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        server(SERVE) as without,
        server(SERVE, os.path.join(folder, "h")) as with_one,
    ):
        size = len(register(without, ""))
        register(with_one, "")
        for _ in range(turns):
            for name, port in zip(times, (without, with_one), strict=True):
                times[name] += _exchanges(port, data, size, count)
    print(f"{'ms to an answer, one after the other':40}{'median':>9}{'99 %':>9}{'99.9 %':>9}")
    for name, taken in times.items():
        per_mille = quantiles(taken, n=1000)
        print(f"{name:40}{median(taken) * 1e3:9.2f}{per_mille[989] * 1e3:9.2f}{per_mille[998] * 1e3:9.2f}")


def _exchanges(port: int, data: bytes, answer: int, count: int) -> list[float]:
    """Return how many seconds each answer takes."""
    times = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            began = time.perf_counter()
            sock.sendall(data)
            left = answer
            while left > 0:
                received = len(sock.recv(65536))
                assert received, "the server has closed"
                left -= received
            times.append(time.perf_counter() - began)
    return times


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=MOST, help="alerts to search (default %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="turns (default %(default)s)")
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()} {platform.system()}"
    )
    delays(2000, options.turns)
    searches(options.count, options.turns)


if __name__ == "__main__":
    main()
