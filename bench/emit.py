"""What a logging call costs the thread that makes it: GNTPHandler as a ratio to logging.handlers.QueueHandler.

Run ``python bench/emit.py``. Both handlers get the same records in the same process, in turns; each prints the median
of its turns. The queue of QueueHandler is emptied, and GNTPHandler's alerts are thrown away, between the turns: neither
thread of delivery runs during a turn, so that what is measured is the calling thread's own work.
"""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import platform
import queue
import socket
import time
from collections.abc import Callable
from statistics import median

from gntp_logging import GNTPHandler

RECORDS = 2000
TURNS = 25


def main() -> None:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=RECORDS, help="records in a turn (default %(default)s)")
    arguments.add_argument("--turns", type=int, default=TURNS, help="turns (default %(default)s)")
    options = arguments.parse_args()
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    print(f"{options.turns} turns of {options.records} records; microseconds of a call, median of the turns")
    print(f"{'':34}{'QueueHandler':>14}{'GNTPHandler':>14}{'ratio':>8}")
    for name, log in CALLS.items():
        ours, theirs = measure(log, options.records, options.turns)
        print(f"{name:34}{theirs:14.2f}{ours:14.2f}{ours / theirs:8.2f}")


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


def measure(log: Callable[[logging.Logger], None], records: int, turns: int) -> tuple[float, float]:
    """Return microseconds of a call with GNTPHandler and with QueueHandler."""
    # A server that accepts and never answers: the worker's thread waits for it, and takes no time from the caller.
    with socket.create_server(("127.0.0.1", 0)) as hung:
        ours = GNTPHandler(port=hung.getsockname()[1], timeout=600, shutdown_timeout=0, queue_size=records * turns + 1)
        log(_logger(ours))
        connection, _ = hung.accept()
        with connection:
            return _turns(log, ours, records, turns)


def _turns(log: Callable[[logging.Logger], None], ours: GNTPHandler, records: int, turns: int) -> tuple[float, float]:
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    theirs = logging.handlers.QueueHandler(waiting)
    times: dict[logging.Handler, list[float]] = {ours: [], theirs: []}
    for _ in range(turns):
        for handler, taken in times.items():
            logger = _logger(handler)
            began = time.perf_counter()
            for _ in range(records):
                log(logger)
            taken.append((time.perf_counter() - began) / records * 1e6)
        while not waiting.empty():
            waiting.get()
    logging.raiseExceptions = False  # the hung server's one line says nothing new here
    ours.close()
    return median(times[ours]), median(times[theirs])


def _logger(handler: logging.Handler) -> logging.Logger:
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.handlers[:] = [handler]
    return logger


if __name__ == "__main__":
    main()
