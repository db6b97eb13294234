"""What a spool costs a toast: from the logging call to the server's answer, with a spool and without, in turns.

Run ``python bench/spool_latency.py``; it takes a minute. The aim: no difference at the 99th percentile.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import platform
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from bench.loopback import loopback_server
from gntp_logging import GNTPHandler

TURNS = 12
ALERTS = 150
"""In each turn; some milliseconds lie between two, so that the spool's thread looks in between."""


def main() -> None:
    """Measure, and print a table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    with tempfile.TemporaryDirectory() as folder, loopback_server() as ports, contextlib.ExitStack() as stack:
        taken: dict[str, list[float]] = {"without": [], "with": []}
        handlers = {}
        for name, spool in (("without", None), ("with", f"{folder}/alerts.spool")):
            handlers[name] = GNTPHandler(host="127.0.0.1", port=ports.keeping, repeat_window=0, rate=0, spool=spool)
            stack.callback(handlers[name].close)
        (Path(folder) / "alerts.spool").touch(0o600)
        for turn in range(TURNS):
            for name in sorted(handlers, reverse=bool(turn % 2)):
                taken[name] += measure(handlers[name])
    base = percentiles(taken["without"])
    print(f"{'':10}{'median':>10}{'99th':>10}   (milliseconds)")
    for name, seconds in taken.items():
        median, high = percentiles(seconds)
        ratios = f"{median / base[0]:8.2f}{high / base[1]:8.2f}"
        print(f"{name:10}{median * 1000:10.3f}{high * 1000:10.3f}   ratios {ratios}")


def measure(handler: GNTPHandler) -> list[float]:
    """Return how long each alert took."""
    logger = logging.Logger("shop")  # noqa: LOG001 - a turn's own
    logger.addHandler(handler)
    choose = random.Random(1)
    found = []
    for number in range(ALERTS):
        began = time.perf_counter()
        logger.error("order %d was not paid", number)
        assert handler.flush(10)
        found.append(time.perf_counter() - began)
        time.sleep(choose.uniform(0.0, 0.02))
    return found


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49], cuts[98]


if __name__ == "__main__":
    main()
