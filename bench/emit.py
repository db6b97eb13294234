"""What a logging call costs the thread that makes it: GNTPHandler as a ratio to logging.handlers.QueueHandler.

Run ``python bench/emit.py``. All handlers get the same records in the same process, in turns. The best turn of each
counts, because other work on the machine can only make a turn longer. NullHandler shows what logging itself costs. The
queue of QueueHandler is emptied between the turns. The server is in one of four states. None of them may slow the
program down:

* it is live, in a process of its own, and answers;
* it hangs: it has accepted a connection and never answers;
* it is down: no server listens, and the handler backs off;
* it hangs, and the queue is full: each record pushes another one out, which is then only counted.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import logging.handlers
import platform
import queue
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from bench.loopback import loopback_server
from gntp_logging import GNTPHandler

RECORDS = 2000
FULL = 10_000
"""Size of a queue that is full: the handler's default."""
TURNS = 25


def main() -> None:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=RECORDS, help="records in a turn (default %(default)s)")
    arguments.add_argument("--turns", type=int, default=TURNS, help="turns (default %(default)s)")
    options = arguments.parse_args()
    logging.raiseExceptions = False  # hides the line about the server that cannot be reached
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    print(f"{options.turns} turns of {options.records} records; microseconds of a call, best turn")
    print(f"{'':50}{'QueueHandler':>14}{'NullHandler':>14}{'ratio':>8}{'GNTPHandler':>14}{'ratio':>8}")
    for state, make in STATES.items():
        for name, log in CALLS.items():
            with make(options.records * options.turns) as handler:
                ours, theirs, least = measure(log, handler, options.records, options.turns)
            line = f"{theirs:14.2f}{least:14.2f}{least / theirs:8.2f}{ours:14.2f}{ours / theirs:8.2f}"
            print(f"{f'{name}, {state}':50}{line}")


def _error(logger: logging.Logger) -> None:
    logger.error("order %d of %s failed", 4711, "basket")


def _exception(logger: logging.Logger) -> None:
    try:
        int("x")
    except ValueError:
        logger.exception("order %d failed", 4711)


CALLS: dict[str, Callable[[logging.Logger], None]] = {
    "logger.error, two arguments": _error,
    "logger.exception": _exception,
}


def measure(
    log: Callable[[logging.Logger], None], ours: GNTPHandler, records: int, turns: int
) -> tuple[float, float, float]:
    """Return microseconds of a call with GNTPHandler, with QueueHandler and with NullHandler."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    theirs = logging.handlers.QueueHandler(waiting)
    nothing = logging.NullHandler()
    times: dict[logging.Handler, list[float]] = {ours: [], theirs: [], nothing: []}
    for _ in range(turns):
        for handler, taken in times.items():
            logger = _logger(handler)
            began = time.perf_counter()
            for _ in range(records):
                log(logger)
            taken.append((time.perf_counter() - began) / records * 1e6)
            ours.flush(0)  # alerts that wait, if they can be sent at all, must not disturb another handler's turn
        while not waiting.empty():
            waiting.get()
    return min(times[ours]), min(times[theirs]), min(times[nothing])


@contextlib.contextmanager
def _live(_records: int) -> Iterator[GNTPHandler]:
    with loopback_server() as ports:
        handler = GNTPHandler(port=ports.keeping)
        _error(_logger(handler))
        handler.flush(5)
        yield handler
        handler.close()


@contextlib.contextmanager
def _hung(records: int) -> Iterator[GNTPHandler]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        handler = GNTPHandler(port=server.getsockname()[1], timeout=600, shutdown_timeout=0, queue_size=records + 1)
        _error(_logger(handler))
        connection, _ = server.accept()
        with connection:
            yield handler
            handler.close()


@contextlib.contextmanager
def _full(_records: int) -> Iterator[GNTPHandler]:
    with _hung(FULL) as handler:
        for _ in range(FULL + 100):
            _error(_logger(handler))
        yield handler


@contextlib.contextmanager
def _down(records: int) -> Iterator[GNTPHandler]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    handler = GNTPHandler(port=port, shutdown_timeout=0, queue_size=records + 10)
    for _ in range(5):  # each flush is one attempt: the pause after the fifth is long enough
        _error(_logger(handler))
        handler.flush(5)
    yield handler
    handler.close()


STATES: dict[str, Callable[[int], contextlib.AbstractContextManager[GNTPHandler]]] = {
    "live": _live,
    "hung": _hung,
    "down": _down,
    "hung and full": _full,
}


def _logger(handler: logging.Handler) -> logging.Logger:
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.handlers[:] = [handler]
    return logger


if __name__ == "__main__":
    main()
