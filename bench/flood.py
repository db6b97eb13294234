"""What a flood costs the whole process: GNTPHandler as a ratio to QueueHandler with a QueueListener that does nothing.

Run ``python bench/flood.py``. Both get the same records in the same process, in turns, until all are handled. The
processor's time of all threads is counted, and the best turn of each counts. The server is in a process of its own. The
records are of one kind, or of a thousand kinds in turn, each with a template of its own. By default most of these go
into a digest; with ``rate=0`` each kind has a toast.
"""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import platform
import queue
import string
import sys
import time
from collections.abc import Callable
from itertools import islice, product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from bench.loopback import loopback_server
from gntp_logging import GNTPHandler

RECORDS = 50_000
TURNS = 7
KINDS = 1000

TEMPLATES = [
    f"request %d of {''.join(word)} failed: %s" for word in islice(product(string.ascii_lowercase, repeat=3), KINDS)
]

CASES: list[tuple[str, int, dict[str, Any], float]] = [
    ("equal records", 1, {}, 0.8),
    ("a thousand kinds in turn", KINDS, {}, 1.5),
    ("a thousand kinds in turn, rate=0", KINDS, {"rate": 0}, 1.5),
]
"""Name, kinds of records, options of the handler, and the ratio that should be reached."""


def main() -> None:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=RECORDS, help="records in a turn (default %(default)s)")
    arguments.add_argument("--turns", type=int, default=TURNS, help="turns (default %(default)s)")
    options = arguments.parse_args()
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    print(f"{options.turns} turns of {options.records} records; processor's microseconds of a record, best turn")
    print(f"{'':40}{'QueueListener':>14}{'GNTPHandler':>14}{'ratio':>8}{'aim':>8}")
    for name, kinds, changes, aim in CASES:
        ours, theirs = measure(kinds, changes, options.records, options.turns)
        print(f"{name:40}{theirs:14.2f}{ours:14.2f}{ours / theirs:8.2f}{aim:8.2f}")


def measure(kinds: int, options: dict[str, Any], records: int, turns: int) -> tuple[float, float]:
    """Return microseconds of a record with GNTPHandler and with QueueHandler."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    theirs = logging.handlers.QueueHandler(waiting)
    with loopback_server() as ports:
        ours = GNTPHandler(port=ports.keeping, **options)
        log(ours, kinds, kinds)  # the first of each kind has a toast to come
        ours.flush(30)
        best = {"ours": float("inf"), "theirs": float("inf")}
        for _ in range(turns):
            best["ours"] = min(best["ours"], spent(lambda: flood(ours, kinds, records)))
            best["theirs"] = min(best["theirs"], spent(lambda: flood_listener(theirs, waiting, kinds, records)))
        stats = ours.stats()
        assert stats.accepted == kinds + turns * records
        ours.close()
    return best["ours"] / records * 1e6, best["theirs"] / records * 1e6


def spent(work: Callable[[], None]) -> float:
    """Return the processor's seconds that this process spends on some work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def flood(handler: GNTPHandler, kinds: int, records: int) -> None:
    """Log records, and wait until all are counted: a flush would have all counts shown, which no flood does."""
    log(handler, kinds, records)
    while handler._worker._queue.has_come_in():  # noqa: SLF001 - only a benchmark needs it
        time.sleep(0.001)


def flood_listener(
    handler: logging.handlers.QueueHandler, waiting: queue.SimpleQueue[Any], kinds: int, records: int
) -> None:
    """Log records, and wait until a listener has handed all of them to a handler that does nothing."""
    listener = logging.handlers.QueueListener(waiting, logging.NullHandler())
    listener.start()
    log(handler, kinds, records)
    listener.stop()


def log(handler: logging.Handler, kinds: int, records: int) -> None:
    """Log records of so many kinds in turn."""
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.handlers[:] = [handler]
    templates = TEMPLATES[:kinds]
    for number in range(records):
        logger.error(templates[number % kinds], number, "timeout")


if __name__ == "__main__":
    main()
